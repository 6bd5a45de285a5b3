/* Which checkpoint a path means. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "checkpoint/catalog.h"
#include "checkpoint/run.h"

static hoop_status check(const char *path, bool directory, hoop_checkpoint_sound sound, hoop_error *err)
{
    hoop_checkpoint *c = NULL;
    hoop_status      st;
    if (sound == HOOP_CKPT_NEWEST) return HOOP_OK;
    st = hoop__checkpoint_open_at(path, directory, err, &c);
    if (st == HOOP_OK && sound == HOOP_CKPT_VERIFIED) st = hoop_checkpoint_verify(c, err);
    hoop_checkpoint_close(&c);
    return st;
}

static void add_note(hoop_checkpoint_choice *choice, const char *text)
{
    const size_t used = strlen(choice->notes);
    (void)snprintf(choice->notes + used, sizeof choice->notes - used, "%s%s", used > 0 ? "\n" : "", text);
}

/* From the newest back to the first that is sound. */
static hoop_status choose_step(const char *run_dir, const int64_t *steps, int64_t n, hoop_checkpoint_sound sound, hoop_error *err,
                               hoop_checkpoint_choice *out)
{
    hoop_error  first = {0};
    hoop_status st;
    for (int64_t i = n - 1; i >= 0; i--) {
        hoop_error fault = {0};
        if ((st = hoop__checkpoint_step_path(run_dir, steps[i], "", err, out->path)) != HOOP_OK) return st;
        if (check(out->path, true, sound, &fault) == HOOP_OK) {
            out->step = steps[i];
            return HOOP_OK;
        }
        if (fault.status == HOOP_ENOMEM) /* says nothing about the checkpoint */
            return hoop_fail(err, fault.status, "%s", fault.text);
        if (first.status == HOOP_OK) first = fault;
        add_note(out, fault.text);
    }
    return hoop_fail(err, HOOP_ECHECKSUM, "%s: none of its %lld checkpoints is good; the newest: %s", run_dir, (long long)n,
                     first.text);
}

/* *directory: what is chosen is one. */
static hoop_status choose(const char *path, hoop_checkpoint_sound sound, hoop_error *err, hoop_checkpoint_choice *out,
                          bool *directory)
{
    struct stat s;
    int64_t    *steps = NULL, n = 0;
    hoop_status st;
    memset(out, 0, sizeof *out);
    out->step = -1;
    if (snprintf(out->path, sizeof out->path, "%s", path) >= (int)sizeof out->path)
        return hoop_fail(err, HOOP_EARG, "%.64s...: the path is too long", path);
    if (stat(path, &s) != 0) return hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
    *directory = S_ISDIR(s.st_mode);
    out->run   = *directory && !hoop__checkpoint_is_one(path);
    if (!out->run) return check(path, *directory, sound, err);
    HOOP_TRY(st, done, hoop_checkpoint_list(path, err, &steps, &n));
    st = n > 0 ? choose_step(path, steps, n, sound, err, out)
               : hoop_fail(err, HOOP_EIO, "%s: neither a checkpoint (no manifest.json) nor a run with checkpoints", path);
done:
    free(steps);
    return st;
}

hoop_status hoop_checkpoint_choose(const char *path, hoop_checkpoint_sound sound, hoop_error *err, hoop_checkpoint_choice *out)
{
    bool directory;
    return choose(path, sound, err, out, &directory);
}

hoop_status hoop_checkpoint_open(const char *path, hoop_error *err, hoop_checkpoint **out)
{
    hoop_checkpoint_choice newest;
    bool                   directory = false;
    hoop_status            st        = choose(path, HOOP_CKPT_NEWEST, err, &newest, &directory);
    *out                             = NULL;
    return st == HOOP_OK ? hoop__checkpoint_open_at(newest.path, directory, err, out) : st;
}

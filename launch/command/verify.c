/* hoop verify PATH */
#include "command/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "command/open.h"
#include "command/print.h"

static const char doc[] = "Read all of a run's checkpoints, of one checkpoint or of one of its files, and compare every "
                          "checksum. Of a run each checkpoint is "
                          "named, ok or damaged."
                          "\vExamples:\n"
                          "  hoop verify runs/digits\n"
                          "  hoop verify runs/digits/checkpoints/step-00000800\n\n"
                          "Exit codes: 0 all is well, 1 something is damaged or missing, 2 usage. Datasets: hoop data verify.";

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    const char **path = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        command_only(path, arg, "PATH", state);
        return 0;
    case ARGP_KEY_END:
        if (*path == NULL) argp_error(state, "which run, checkpoint or file? hoop verify PATH");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What a good one holds, in a few words. */
static void print_ok(const hoop_checkpoint *c)
{
    const hoop_checkpoint_tensor *t;
    int64_t                       n = 0, bytes = 0, parts = 0;
    char                          size[PRINT_CELL];
    for (; (t = hoop_checkpoint_tensor_at(c, n)) != NULL; n++) {
        parts += !t->whole;
        if (t->whole) bytes += t->numel * (int64_t)hoop_dtype_size(t->dtype);
    }
    print_bytes(bytes, size);
    (void)printf("ok       %s  %lld tensors", hoop_checkpoint_path(c), (long long)n);
    if (parts == 0)
        (void)printf(", %s", size);
    else
        (void)printf(", %lld of them in part", (long long)parts);
    (void)printf("\n");
}

static hoop_status verify_one(const char *path, hoop_error *err)
{
    hoop_checkpoint *c  = NULL;
    hoop_status      st = open_checkpoint(path, err, &c);
    if (st == HOOP_OK) st = hoop_checkpoint_verify(c, err);
    if (st == HOOP_OK) print_ok(c);
    hoop_checkpoint_close(&c);
    return st;
}

static hoop_status verify_run(const char *run, const int64_t *steps, int64_t n, hoop_error *err)
{
    int64_t damaged = 0;
    for (int64_t i = 0; i < n; i++) {
        char       path[HOOP_CHECKPOINT_PATH];
        hoop_error why = {.status = HOOP_OK};
        if (hoop_checkpoint_step_path(run, steps[i], &why, path) != HOOP_OK || verify_one(path, &why) != HOOP_OK) {
            damaged++;
            (void)printf("damaged  %s  %s\n", path, why.text);
        }
        (void)fflush(stdout); /* a line a checkpoint is the progress */
    }
    if (damaged == 0) return HOOP_OK;
    return hoop_fail(err, HOOP_ECHECKSUM, "%s: %lld of %lld checkpoints %s damaged", run, (long long)damaged, (long long)n,
                     damaged == 1 ? "is" : "are");
}

int command_verify(int argc, char **argv)
{
    const struct argp argp  = {NULL, parse_option, "PATH", doc, NULL, NULL, NULL};
    const char       *path  = NULL;
    hoop_error        err   = {.status = HOOP_OK};
    int64_t          *steps = NULL, n = 0;
    hoop_status       st;
    command_parse(&argp, argc, argv, &path);
    st = hoop_checkpoint_list(path, &err, &steps, &n);
    if (st == HOOP_OK) st = n > 0 ? verify_run(path, steps, n, &err) : verify_one(path, &err);
    free(steps);
    return print_done(st == HOOP_OK ? HOOP_EXIT_OK : command_report(&err));
}

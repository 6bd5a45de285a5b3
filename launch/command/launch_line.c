#include "command/launch_line.h"

#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool launch_kind_of(const char *version, launch_kind *out, int *major)
{
    static const struct {
        const char *says;
        launch_kind kind;
    } known[] = {{"(Open MPI)", LAUNCH_OPEN_MPI},
                 {"(OpenRTE)", LAUNCH_OPEN_MPI},
                 {"HYDRA", LAUNCH_HYDRA},
                 {"Intel(R) MPI", LAUNCH_HYDRA},
                 {"slurm", LAUNCH_SRUN}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *at = strstr(version, known[i].says);
        if (at == NULL) continue;
        while (*at != '\0' && !isdigit((unsigned char)*at)) at++;
        *out   = known[i].kind;
        *major = (int)strtol(at, NULL, 10);
        return true;
    }
    return false;
}

void launch_words_add(launch_words *w, const char *format, ...)
{
    va_list args;
    char  **grown = realloc(w->word, ((size_t)w->n + 2) * sizeof *grown);
    if (grown == NULL) {
        w->failed = true;
        return;
    }
    w->word = grown;
    va_start(args, format);
    if (vasprintf(&w->word[w->n], format, args) < 0) {
        w->word[w->n] = NULL;
        w->failed     = true;
    }
    va_end(args);
    if (w->word[w->n] != NULL) w->word[++w->n] = NULL;
}

void launch_words_free(launch_words *w)
{
    for (int i = 0; i < w->n; i++) free(w->word[i]);
    free(w->word);
    *w = (launch_words){0};
}

char *launch_words_text(const launch_words *w)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    hoop__text        text    = {0};
    char             *out     = NULL;
    for (int i = 0; i < w->n; i++) {
        const char *word = w->word[i];
        if (i > 0) hoop__text_adds(&text, " ");
        if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
            hoop__text_adds(&text, word);
            continue;
        }
        hoop__text_adds(&text, "'");
        for (; *word != '\0'; word++) {
            if (*word == '\'')
                hoop__text_adds(&text, "'\\''");
            else
                hoop__text_add(&text, word, 1);
        }
        hoop__text_adds(&text, "'");
    }
    return w->failed || hoop__text_take(&text, NULL, &out) != HOOP_OK ? NULL : out;
}

static bool has_others(const launch_hosts *h)
{
    for (int i = 0; i < h->n; i++)
        if (!h->list[i].here && !h->list[i].silent) return true;
    return false;
}

/* Cores that each rank has of its own, on whichever host; 0: somewhere there are more ranks than cores, or it is not known. */
static int64_t cores_each(const launch_plan *p)
{
    int64_t least = p->hosts->n == 0 ? p->cores / p->ranks : INT64_MAX;
    for (int i = 0; i < p->hosts->n; i++) {
        const launch_host *h     = &p->hosts->list[i];
        const int64_t      cores = h->here ? p->cores : h->cores;
        if (h->silent) continue;
        if (h->slots > 0 && cores / h->slots < least) least = cores / h->slots;
        if (h->slots == 0 && least > 1) least = 1;
    }
    return least;
}

/* "a:4,b:4"; as many of the ranks as a host takes, in their order */
static char *host_list(const launch_plan *p)
{
    hoop__text text = {0};
    char      *out  = NULL;
    for (int i = 0; i < p->hosts->n; i++) {
        const launch_host *h = &p->hosts->list[i];
        const int64_t      n = h->slots > 0 ? h->slots : h->here ? p->cores : h->cores;
        if (!h->silent) hoop__text_addf(&text, "%s%s:%lld", text.size > 0 ? "," : "", h->name, (long long)(n > 0 ? n : 1));
    }
    return hoop__text_take(&text, NULL, &out) == HOOP_OK ? out : NULL;
}

/* A rank's death ends all others at once (by default it waits a second for them). Interfaces that do not lead to all hosts, such
 * as docker0, make Open MPI wait for connections that never come. */
static void open_mpi(const launch_plan *p, const char *hosts, launch_words *w)
{
    const int64_t each = cores_each(p);
    if (hosts != NULL) {
        launch_words_add(w, "--host");
        launch_words_add(w, "%s", hosts);
    }
    if (p->root) launch_words_add(w, "--allow-run-as-root");
    if (each == 0) {
        launch_words_add(w, "--oversubscribe");
        launch_words_add(w, "--mca");
        launch_words_add(w, "mpi_yield_when_idle");
        launch_words_add(w, "1");
    }
    if (!p->bound) {
        if (each > 0) {
            launch_words_add(w, "--map-by");
            launch_words_add(w, "slot:PE=%lld", (long long)each);
        }
        launch_words_add(w, "--bind-to");
        launch_words_add(w, each > 0 ? "core" : "none");
    }
    if (p->network[0] != '\0') {
        launch_words_add(w, "--mca");
        launch_words_add(w, "btl_tcp_if_include");
        launch_words_add(w, "%s", p->network);
        launch_words_add(w, "--mca");
        launch_words_add(w, p->major < 5 ? "oob_tcp_if_include" : "prte_if_include");
        launch_words_add(w, "%s", p->network);
    }
    if (p->major < 5) {
        launch_words_add(w, "--mca");
        launch_words_add(w, "odls_base_sigkill_timeout");
        launch_words_add(w, "0");
    }
}

static void hydra(const launch_plan *p, const char *hosts, launch_words *w)
{
    const int64_t each = cores_each(p);
    if (hosts != NULL) {
        launch_words_add(w, "-hosts");
        launch_words_add(w, "%s", hosts);
    }
    if (p->bound || each == 0) return;
    launch_words_add(w, "-bind-to");
    launch_words_add(w, "core:%lld", (long long)each);
}

static void srun(const launch_plan *p, launch_words *w)
{
    hoop__text hosts = {0};
    for (int i = 0; i < p->hosts->n; i++)
        if (!p->hosts->list[i].silent) hoop__text_addf(&hosts, "%s%s", hosts.size > 0 ? "," : "", p->hosts->list[i].name);
    if (p->per_task > 0) launch_words_add(w, "--cpus-per-task=%lld", (long long)p->per_task);
    launch_words_add(w, "--mpi=pmix");
    launch_words_add(w, "--kill-on-bad-exit=1");
    if (hosts.size > 0) launch_words_add(w, "--nodelist=%s", hosts.data);
    w->failed = w->failed || hosts.failed;
    hoop__text_clear(&hosts);
}

void launch_line(const launch_plan *p, launch_words *out)
{
    char *hosts = has_others(p->hosts) ? host_list(p) : NULL;
    if (p->kind == LAUNCH_NOTHING) return;
    launch_words_add(out, "%s", p->program);
    launch_words_add(out, "-n");
    launch_words_add(out, "%lld", (long long)p->ranks);
    out->failed = out->failed || (hosts == NULL && has_others(p->hosts));
    if (p->kind == LAUNCH_OPEN_MPI) open_mpi(p, hosts, out);
    if (p->kind == LAUNCH_HYDRA) hydra(p, hosts, out);
    if (p->kind == LAUNCH_SRUN) srun(p, out);
    free(hosts);
}

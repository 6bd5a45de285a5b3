/* hoop bench train WORKLOAD */
#include "command/command.h"

#include "base/clock.h"
#include "command/limits.h"
#include "command/print.h"
#include "command/profile.h"
#include "command/workloads.h"
#include "hoop/optim.h"
#include "hoop/random.h"
#include "hoop/runtime.h"
#include "hoop/train.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

typedef struct bench_args {
    const char     *what;
    const workload *workload;
    const char     *set[64];
    int             nset, threads, steps;
    double          warm_up_s;
    bool            json, profile;
} bench_args;

static const char doc[] = "Time a built-in workload on random data: median of the steps after a warm-up, as peers are timed."
                          "\vAll with AdamW, and as hoop train does by default: exact sums, leaves: auto.\n"
                          "--set changes that: leaves=1 (as many as ranks at least), dist.reduce=fast.\n\n" PROFILE_HELP "\n\n"
                          "Examples:\n  hoop bench train mlp --profile\n  mpirun -n 2 hoop bench train tiny --json\n"
                          "  hoop bench train resnet20 --set leaves=1 --set batch=64";
static const struct argp_option options[] = {
    {"threads", 't', "N", 0, "threads of each rank (default 1)", 0},
    {"steps", 'n', "N", 0, "steps to time (default: as many as take seconds)", 0},
    {"warm-up", 'w', "S", 0, "seconds before they are timed (default 2)", 0},
    {"set", 's', "KEY=VALUE", 0, "set a key of the config (repeatable)", 0},
    {"profile", 'p', NULL, 0, "then as many steps again, and where their time goes", 0},
    {"json", 'j', NULL, 0, "one JSON object", 0},
    {0},
};

static int count_of(struct argp_state *state, const char *arg, const char *what)
{
    char *end;
    long  v = strtol(arg, &end, 10);
    if (*arg == '\0' || *end != '\0' || v < 1 || v > 1000000)
        argp_error(state, "%s: '%s' is no number from 1 to 1000000", what, arg);
    return (int)v;
}

enum { NAMES = 256 };

/* "tiny, mlp, ..." */
static const char *workload_names(char *out, size_t size)
{
    size_t at = 0;
    out[0]    = '\0';
    for (int i = 0; workload_get(i) != NULL && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", i == 0 ? "" : ", ", workload_get(i)->name);
    return out;
}

static const workload *find_workload(const char *name, struct argp_state *state)
{
    char names[NAMES];
    for (int i = 0; workload_get(i) != NULL; i++) {
        if (strcmp(workload_get(i)->name, name) == 0) return workload_get(i);
    }
    argp_error(state, "there is no workload '%s'; there are %s", name, workload_names(names, sizeof names));
    return NULL;
}

/* after the options: the workloads */
static char *help_filter(int key, const char *text, void *input)
{
    char  *out = NULL;
    size_t size;
    FILE  *f;
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC) return (char *)text;
    f = open_memstream(&out, &size);
    if (f == NULL) return (char *)text;
    (void)fprintf(f, "Workloads:\n");
    for (int i = 0; workload_get(i) != NULL; i++) (void)fprintf(f, "  %-9s %s\n", workload_get(i)->name, workload_get(i)->about);
    (void)fprintf(f, "%s", text);
    (void)fclose(f);
    return out;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    bench_args *a = state->input;
    char        names[NAMES], *end;
    switch (key) {
    case 't':
        a->threads = count_of(state, arg, "--threads");
        return 0;
    case 'n':
        a->steps = count_of(state, arg, "--steps");
        return 0;
    case 'w':
        a->warm_up_s = strtod(arg, &end);
        if (end == arg || *end != '\0' || !(a->warm_up_s >= 0.0 && a->warm_up_s <= 3600.0))
            argp_error(state, "--warm-up: '%s' is no number of seconds from 0 to 3600", arg);
        return 0;
    case 's':
        if (a->nset == 64) argp_error(state, "more than 64 --set");
        a->set[a->nset++] = arg;
        return 0;
    case 'p':
        a->profile = true;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->what == NULL) {
            if (strcmp(arg, "train") != 0) argp_error(state, "there is no benchmark '%s'; there is: train", arg);
            a->what = arg;
            return 0;
        }
        if (a->workload != NULL) argp_error(state, "one workload is wanted; '%s' is a second", arg);
        a->workload = find_workload(arg, state);
        return 0;
    case ARGP_KEY_END:
        if (a->workload == NULL) argp_error(state, "which workload? There are %s", workload_names(names, sizeof names));
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static hoop_status make_config(const bench_args *a, int ranks, hoop_error *err, hoop_config **config)
{
    char        text[4096];
    hoop_status st;
    (void)snprintf(text, sizeof text,
                   "%sbatch: %lld\nsteps: 1000000000\nthreads: %d\noptimizer: {name: adamw, lr: 1e-3, weight_decay: 0.01}\n",
                   a->workload->config, (long long)(a->workload->batch * ranks), a->threads);
    HOOP_TRY(st, done, hoop_config_parse(text, "benchmark", err, config));
    for (int i = 0; i < a->nset; i++) HOOP_TRY(st, done, hoop_config_set_in(*config, hoop_train_schema(), a->set[i], err));
done:
    return st;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

typedef struct arrays {
    void *x, *y;
} arrays;

/* n numbers from number `first` of a key on: whole ones below `below`, or where that is 0 normal ones in a dtype */
static void *numbers(hoop_key key, int64_t first, int64_t n, int64_t below, hoop_dtype dtype)
{
    void *out = malloc((size_t)(n + 1) * sizeof(double));
    for (int64_t i = 0; i < n && out != NULL; i++) {
        const uint64_t at = (uint64_t)(first + i);
        if (below > 0)
            ((int64_t *)out)[i] = (int64_t)(hoop_random_f64(key, at) * (double)below);
        else if (dtype == HOOP_F64)
            ((double *)out)[i] = hoop_random_normal(key, at);
        else
            ((float *)out)[i] = (float)hoop_random_normal(key, at);
    }
    return out;
}

static int64_t elements(int ndim, const int64_t *shape)
{
    int64_t n = 1;
    for (int d = 0; d < ndim; d++) n *= shape[d];
    return n;
}

/* inputs and targets, the same whatever the number of ranks */
static hoop_status make_arrays(const bench_args *a, hoop_trainer *tr, hoop_error *err, arrays *out)
{
    const workload *w = a->workload;
    int64_t         first, n = hoop_trainer_share(tr, &first), x = elements(w->ndim, w->shape),
                   y = elements(w->target_ndim, w->target_shape);
    hoop_dtype dtype = hoop_trainer_dtype(tr);
    out->x           = numbers(hoop_key_make(1, HOOP_FOR_TEST, 0, 0, 0), first * x, n * x, w->vocabulary, dtype);
    out->y           = numbers(hoop_key_make(1, HOOP_FOR_TEST, 1, 0, 0), first * y, n * y, w->classes, dtype);
    return out->x == NULL || out->y == NULL ? hoop_fail(err, HOOP_ENOMEM, "no memory for random data") : HOOP_OK;
}

/* some seconds of warm-up, then the steps; rank 0 says when the warm-up is over */
static hoop_status time_steps(const bench_args *a, const session *s, hoop_trainer *tr, const arrays *data, double *ms,
                              hoop_error *err)
{
    const int   often = a->workload->steps < 100 ? 1 : 8; /* ranks agree each time */
    double      start = hoop__now_s();
    int64_t     go    = 1;
    hoop_status st    = HOOP_OK;
    for (int i = 1; go != 0; i++) {
        HOOP_TRY(st, done, hoop_trainer_step(tr, data->x, data->y, err));
        if (i % often != 0) continue;
        go = hoop__now_s() - start < a->warm_up_s;
        if (s->size > 1) HOOP_TRY(st, done, hoop_comm_broadcast(s->comm, 0, &go, (int64_t)sizeof go, "end of warm-up", err));
    }
    for (int i = 0; i < a->steps; i++) {
        start = hoop__now_s();
        HOOP_TRY(st, done, hoop_trainer_step(tr, data->x, data->y, err));
        ms[i] = 1e3 * (hoop__now_s() - start);
    }
    qsort(ms, (size_t)a->steps, sizeof *ms, by_value);
done:
    return st;
}

/* as many steps again, looked at */
static hoop_status profile(hoop_trainer *tr, const arrays *data, profile_steps *p, hoop_error *err)
{
    hoop_status  st    = HOOP_OK;
    const double start = hoop__now_s();
    hoop_profile_start(p->profile);
    for (int64_t i = 0; i < p->steps && st == HOOP_OK; i++) st = hoop_trainer_step(tr, data->x, data->y, err);
    hoop_profile_stop(p->profile);
    p->seconds = hoop__now_s() - start;
    return st;
}

static void print_result(const bench_args *a, const session *s, hoop_trainer *tr, int64_t rss_kb, const double *ms,
                         const machine_limits *limits, json_t *profile)
{
    const hoop_trainer_status *about  = hoop_trainer_about(tr);
    double                     median = ms[a->steps / 2], samples = (double)about->last.samples / median * 1e3,
           loss                    = about->last.loss / about->last.weight;
    const char              *build = hoop_runtime_build(hoop_trainer_runtime(tr));
    const hoop_trainer_bytes bytes = hoop_trainer_memory(tr);
    if (a->json) {
        json_t *o = json_pack("{s:s, s:s, s:i, s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:f, s:f, s:f}", "workload",
                              a->workload->name, "hoop", build, "ranks", s->size, "threads", about->threads, "leaves",
                              (json_int_t)about->leaves, "ms_per_step", median, "ms_min", ms[0], "ms_p90", ms[a->steps * 9 / 10],
                              "samples_per_s", samples, "loss", loss, "tape_peak_bytes", (json_int_t)about->memory_peak_bytes,
                              "state_bytes", (json_int_t)(bytes.parameters + bytes.gradients + bytes.optimizer), "rss_kb",
                              (json_int_t)rss_kb, "fma_gflops", limits->fma_gflops, "gemm_gflops", limits->gemm_gflops,
                              "memcpy_gb_s", limits->memcpy_gb_s);
        if (profile != NULL) (void)json_object_set(o, "profile", profile);
        (void)json_dumpf(o, stdout, JSON_REAL_PRECISION(6) | JSON_COMPACT);
        (void)printf("\n");
        json_decref(o);
        return;
    }
    (void)printf("%-6s %d rank%s x %d thread%s, %lld lea%s  %9.4f ms/step (min %.4f, p90 %.4f)  %10.1f samples/s  loss %.4f  "
                 "tape %.1f MB  rss %ld MB\n",
                 a->workload->name, s->size, s->size == 1 ? "" : "s", about->threads, about->threads == 1 ? "" : "s",
                 (long long)about->leaves, about->leaves == 1 ? "f" : "ves", median, ms[0], ms[a->steps * 9 / 10], samples, loss,
                 (double)about->memory_peak_bytes * 1e-6, (long)rss_kb / 1024);
    (void)printf("limits %.0f GF/s fma, %.0f GF/s gemm (1024^3), %.1f GB/s memcpy, one thread, %s\n", limits->fma_gflops,
                 limits->gemm_gflops, limits->memcpy_gb_s, build);
}

/* Rank 0 alone: limits, then what came out. */
static hoop_status report(const bench_args *a, const session *s, hoop_trainer *tr, const double *ms, const profile_steps *p,
                          hoop_error *err)
{
    hoop_runtime  *rt      = hoop_trainer_runtime(tr);
    json_t        *profile = NULL;
    machine_limits limits  = {0};
    rank_limits    of_rank = {0};
    bool           good    = true;
    struct rusage  usage;
    hoop_status    st;
    (void)getrusage(RUSAGE_SELF, &usage); /* before limits take memory */
    HOOP_TRY(st, done, limits_measure(rt, err, &limits));
    if (a->profile) HOOP_TRY(st, done, limits_measure_rank(rt, err, &of_rank));
    if (a->profile && a->json) good = (profile = profile_json(p, &of_rank)) != NULL;
    if (good) print_result(a, s, tr, usage.ru_maxrss, ms, &limits, profile);
    if (good && a->profile && !a->json) good = profile_print(p, &of_rank);
    if (!good) st = hoop_fail(err, HOOP_ENOMEM, "no memory for what is printed");
    json_decref(profile);
done:
    return st;
}

int command_bench(int argc, char **argv)
{
    static const struct argp argp = {options, parse_option, "train WORKLOAD", doc, NULL, help_filter, NULL};
    bench_args               a    = {.threads = 1, .warm_up_s = 2.0};
    hoop_error               err = {.status = HOOP_OK}, early = {.status = HOOP_OK};
    hoop_config             *config = NULL;
    hoop_trainer_opts        opts   = {.arrays = true};
    hoop_trainer            *tr     = NULL;
    profile_steps            timed  = {0};
    hoop_comm_opts           comm   = {0};
    arrays                   data   = {0};
    double                  *ms     = NULL;
    session                  s;
    int                      code = HOOP_EXIT_OK;
    command_parse(&argp, argc, argv, &a);
    if (a.steps == 0) a.steps = a.workload->steps;
    timed.steps = a.steps;
    if (make_config(&a, 1, &early, &config) == HOOP_OK) (void)hoop_train_comm_opts(config, &early, &comm);
    hoop_config_destroy(&config); /* made anew when the number of ranks is known */
    if (session_begin(&comm, &early, &err, &s) != HOOP_OK) goto done;
    opts.input_ndim  = a.workload->ndim;
    opts.target_ndim = a.workload->target_ndim;
    memcpy(opts.input_shape, a.workload->shape, sizeof a.workload->shape);
    memcpy(opts.target_shape, a.workload->target_shape, sizeof a.workload->target_shape);
    opts.classes = a.workload->classes;
    ms           = calloc((size_t)a.steps, sizeof *ms);
    if (ms == NULL)
        (void)hoop_fail(&err, HOOP_ENOMEM, "no memory for %d times", a.steps);
    else
        (void)make_config(&a, s.size, &err, &config);
    if (hoop_comm_agree_status(s.comm, &err) != HOOP_OK) goto done;
    if (hoop_trainer_create(s.comm, config, &opts, &err, &tr) != HOOP_OK) goto done;
    (void)make_arrays(&a, tr, &err, &data);
    if (a.profile && err.status == HOOP_OK) (void)hoop_profile_create(hoop_trainer_runtime(tr), &err, &timed.profile);
    if (hoop_comm_agree_status(s.comm, &err) != HOOP_OK) goto done;
    if (time_steps(&a, &s, tr, &data, ms, &err) != HOOP_OK) goto done;
    if (a.profile && profile(tr, &data, &timed, &err) != HOOP_OK) goto done;
    if (s.rank == 0) (void)report(&a, &s, tr, ms, &timed, &err);
    if (hoop_comm_agree_status(s.comm, &err) == HOOP_OK && s.rank == 0) code = print_done(code);
done:
    free(data.x);
    free(data.y);
    free(ms);
    hoop_profile_destroy(&timed.profile);
    hoop_trainer_destroy(&tr);
    hoop_config_destroy(&config);
    return session_end(&s, &err, code);
}

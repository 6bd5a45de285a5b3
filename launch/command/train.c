/* hoop train CONFIG.yaml */
#include "command/command.h"

#include "base/clock.h"
#include "base/text.h"
#include "command/dry_run.h"
#include "command/launcher.h"
#include "command/print.h"
#include "command/profile.h"
#include "command/train.h"
#include "hoop/checkpoint.h"
#include "hoop/train.h"
#include "observe/observe.h"
#include "output/files.h"
#include "output/log.h"
#include "output/outlet.h"
#include "output/sums.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROFILE_WARM_UP = 10 /* steps */ };

static const char doc[] = "Train a model. Works alone or under mpirun: the weights are the same bits for any number of ranks."
                          "\vExamples:\n"
                          "  mpirun -n 2 hoop train launch/recipes/digits-mlp.yaml\n"
                          "  hoop train model.yaml --set optimizer.lr=3e-4 --set epochs=20 --out runs/b\n"
                          "  mpirun -n 4 hoop train model.yaml --out runs/b --resume auto\n"
                          "  hoop train model.yaml --profile 100     where the time of a step goes\n"
                          "  hoop train model.yaml --dry-run         what it takes in memory\n"
                          "  hoop train --help config      every key of a config, with defaults\n"
                          "  hoop train --help layers      what model.layers may hold; and so on for\n"
                          "                                models, inits, losses, metrics, transform, augment,\n"
                          "                                optimizers, schedules\n\n"
                          "Exit codes: 0 done, 1 failed, 2 usage, 69 a rank was lost or gave no answer,\n"
                          "75 stopped by SIGTERM, SIGUSR1 or SIGHUP with a checkpoint (start it again\n"
                          "with --resume auto), 130 the same after Ctrl-C. hoop launch starts again by itself.\n\n"
                          "--profile trains 10 steps to warm up and N that are timed, prints where their\n"
                          "time went, and ends; nothing is validated, and nothing written.\n" PROFILE_HELP "\n\n" DRY_RUN_HELP;
static const struct argp_option options[] = {
    {"set", 's', "KEY=VALUE", 0, "set a key of the config, such as optimizer.lr=1e-3 (repeatable)", 0},
    {"out", 'o', "DIR", 0, "run directory (default: runs/CONFIG-NAME)", 0},
    {"resume", 'r', "auto|PATH", 0, "go on from a run or checkpoint; auto: from --out if it holds one", 0},
    {"profile", 'p', "N", 0, "print where the time of N steps goes, and train no further", 0},
    {"dry-run", 'n', NULL, 0, "print what a run takes in memory, and train no further than to see it", 0},
    {"json", 'j', NULL, 0, "the profile, or the dry run, as one JSON object", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    train_args *a = state->input;
    switch (key) {
    case 's':
        command_set(&a->set, arg, state);
        return 0;
    case 'o':
        if (arg[0] == '\0') argp_error(state, "--out is empty; a run directory is wanted");
        a->out = arg;
        return 0;
    case 'r':
        if (arg[0] == '\0') argp_error(state, "--resume is empty; auto, or the path of a run or checkpoint is wanted");
        a->resume = arg;
        return 0;
    case 'p': {
        char *end;
        long  v = strtol(arg, &end, 10);
        if (*arg == '\0' || *end != '\0' || v < 1 || v > 1000000)
            argp_error(state, "--profile: '%s' is no number from 1 to 1000000", arg);
        a->profile = (int)v;
        return 0;
    }
    case 'n':
        a->dry_run = true;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        command_only(&a->config, arg, "CONFIG.yaml", state);
        return 0;
    case ARGP_KEY_END:
        if (a->config == NULL) argp_error(state, "which config? hoop train CONFIG.yaml");
        if (a->dry_run && a->profile > 0) argp_error(state, "--dry-run and --profile are two things; one at a time");
        if (a->json && a->profile == 0 && !a->dry_run)
            argp_error(state, "--json is the form of a profile or a dry run: --profile N --json, --dry-run --json");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void train_parse(int argc, char **argv, train_args *a)
{
    static const struct argp argp = {options, parse_option, "CONFIG.yaml", doc, NULL, NULL, NULL};
    command_parse(&argp, argc, argv, a);
}

void train_out(const train_args *a, char out[HOOP_CHECKPOINT_PATH])
{
    const char *name = strrchr(a->config, '/');
    int         n;
    name = name == NULL ? a->config : name + 1;
    n    = (int)(strrchr(name, '.') == NULL ? strlen(name) : (size_t)(strrchr(name, '.') - name));
    if (a->out != NULL)
        (void)snprintf(out, HOOP_CHECKPOINT_PATH, "%s", a->out);
    else
        (void)snprintf(out, HOOP_CHECKPOINT_PATH, "runs/%.*s", n, name);
}

hoop_status train_config(const train_args *a, hoop_error *err, hoop_config **config, hoop_comm_opts *comm)
{
    hoop_status st;
    HOOP_TRY(st, done, hoop_config_load(a->config, err, config));
    for (int i = 0; i < a->set.n; i++) HOOP_TRY(st, done, hoop_config_set_in(*config, hoop_train_schema(), a->set.text[i], err));
    HOOP_TRY(st, done, hoop_config_check_known(*config, hoop_train_schema(), err));
    st = hoop_train_comm_opts(*config, err, comm);
done:
    return st;
}

static hoop_trainer         *stoppable;
static volatile sig_atomic_t stop_signal;

static void on_signal(int signal_number)
{
    if (stop_signal == SIGINT && signal_number == SIGINT) _exit(HOOP_EXIT_INTERRUPTED); /* asked twice */
    stop_signal = signal_number;
    if (stoppable != NULL) hoop_trainer_stop(stoppable);
}

/* SIGHUP, the terminal's end, is a SIGTERM, but under nohup; so are those that the config names, which mpirun and srun pass on to
 * all ranks and sites send ahead of a time limit. */
static void listen_to_signals(hoop_trainer *tr)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, hangup;
    stoppable               = tr;
    if (tr == NULL) {
        action.sa_handler = SIG_DFL;
    }
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) (void)sigaction(SIGHUP, &action, NULL);
    if (tr == NULL) return; /* a second warning must not kill what is being written */
    if (hoop_trainer_stop_signals(tr) & HOOP_STOP_USR1) (void)sigaction(SIGUSR1, &action, NULL);
    if (hoop_trainer_stop_signals(tr) & HOOP_STOP_USR2) (void)sigaction(SIGUSR2, &action, NULL);
}

/* Where notes go: above the bar, and into the log, which begins with those made before it was opened. What is said to people
 * goes through an outlet: who does not read it holds up no step and no checkpoint. */
typedef struct voice {
    hoop__outlet            *people; /* standard error */
    hoop__progress_observer *progress;
    hoop__log               *log;
    hoop__text               early;
} voice;

static void say(voice *v, const char *text)
{
    hoop__outlet_keep(v->people, text, strlen(text));
}

static void note(void *ctx, const char *text)
{
    voice *v = ctx;
    char   own[COMMAND_LINE], line[COMMAND_LINE + 16];
    text = hoop__text_printable(text, own, sizeof own);
    if (v->log != NULL)
        hoop__log_line(v->log, "%s", text);
    else
        hoop__text_addf(&v->early, "%s\n", text);
    (void)snprintf(line, sizeof line, "hoop: %s%s", text, v->progress == NULL ? "\n" : "");
    if (v->progress == NULL)
        say(v, line);
    else
        hoop__progress_observer_note(v->progress, line);
}

static void open_log(voice *v, const char *out, int rank, hoop_error *err)
{
    char path[HOOP_CHECKPOINT_PATH + 16];
    (void)snprintf(path, sizeof path, "%s/log.txt", out);
    if (hoop__log_open(path, rank, err, &v->log) != HOOP_OK) return;
    for (char *rest = v->early.data, *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (line[0] != '\0') hoop__log_line(v->log, "%s", line);
    }
}

static void close_log(voice *v)
{
    char       line[HOOP_ERROR_TEXT + 32];
    hoop_error why = {.status = HOOP_OK};
    if (hoop__log_close(&v->log, &why) != HOOP_OK) {
        (void)snprintf(line, sizeof line, "hoop: warning: %s\n", why.text);
        say(v, line);
    }
    hoop__text_clear(&v->early);
}

static void note_done(const hoop_trainer_status *about, const char *out, voice *v)
{
    char text[HOOP_ERROR_TEXT];
    if (about->step < about->steps && !about->early_stopped) return;
    (void)snprintf(text, sizeof text, "%s is already at step %lld of %lld%s: there is nothing to do", out, (long long)about->step,
                   (long long)about->steps, about->early_stopped ? ", where early_stop ended it" : "");
    note(v, text);
}

static const char *numerics_of(hoop_trainer *tr)
{
    const hoop_runtime *rt = hoop_trainer_runtime(tr);
    return hoop_runtime_numerics(rt, hoop_trainer_dtype(tr));
}

static void print_header(const session *s, const hoop_config *config, hoop_trainer *tr, const char *out, const train_args *args,
                         voice *v)
{
    const hoop_trainer_status *a     = hoop_trainer_about(tr);
    const hoop_params         *p     = hoop_trainer_params(tr);
    const hoop_optim          *optim = hoop_trainer_optim(tr);
    const hoop_dataset        *data  = hoop_trainer_data(tr);
    const hoop_value          *name  = hoop_config_get(config, "data.train");
    const hoop_dtype           dtype = hoop_trainer_dtype(tr);
    hoop__text                 text  = {0};
    hoop__text_addf(&text, "%d rank%s x %d thread%s, hoop %s, numerics %s\n", s->size, s->size == 1 ? "" : "s", a->threads,
                    a->threads == 1 ? "" : "s", hoop_runtime_build(hoop_trainer_runtime(tr)), numerics_of(tr));
    hoop__text_addf(&text, "model      %lld parameters, %s, %s\n", (long long)hoop_params_numel(p), hoop_dtype_name(dtype),
                    hoop_optim_name(optim));
    hoop__text_addf(&text, "data       %s: %lld samples, %lld steps an epoch of %lld samples in %lld lea%s of %lld",
                    hoop_value_text(name), (long long)hoop_dataset_about(data)->length, (long long)a->steps_per_epoch,
                    (long long)a->batch, (long long)a->leaves, a->leaves == 1 ? "f" : "ves", (long long)(a->batch / a->leaves));
    if (a->batch % a->leaves != 0) hoop__text_addf(&text, " or %lld", (long long)(a->batch / a->leaves + 1));
    hoop__text_adds(&text, "\n");
    if (args->profile > 0)
        hoop__text_addf(&text, "profile    %d steps after %d of warm-up; nothing is written\n", args->profile, PROFILE_WARM_UP);
    else if (args->dry_run)
        hoop__text_adds(&text, "dry run    two steps in memory; nothing is written\n");
    else
        hoop__text_addf(&text, "run        %s, %lld steps%s\n", out, (long long)a->steps, a->step > 0 ? " (resumed)" : "");
    if (text.data != NULL) say(v, text.data);
    hoop__text_clear(&text);
}

/* the last lines of a run: its checkpoint and what is in it, read back. Collective */
static hoop_status describe_result(const session *s, hoop_trainer *tr, const char *out, hoop_error *err, hoop__text *lines)
{
    const hoop_trainer_status *a = hoop_trainer_about(tr);
    char                       path[HOOP_CHECKPOINT_PATH], hash[HOOP_CHECKPOINT_HASH_SIZE], metrics[HOOP__SUMS_TEXT];
    hoop_status                st = hoop_trainer_hash_saved(tr, err, hash);
    if (s->rank != 0) return st;
    if (a->validation_step == a->step) {
        hoop__text_addf(lines, "validation loss %.6g", hoop__sums_loss(&a->validation));
        if (hoop__sums_text(&a->validation, false, metrics)[0] != '\0') hoop__text_addf(lines, "  %s", metrics);
        hoop__text_adds(lines, "\n");
    }
    if (st == HOOP_OK) st = hoop_checkpoint_step_path(out, a->step, err, path);
    if (st == HOOP_OK) hoop__text_addf(lines, "checkpoint %s\nhash       %s\n", path, hash);
    return st;
}

static hoop_status write_config(const session *s, hoop_trainer *tr, const char *out, hoop_error *err)
{
    char        path[HOOP_CHECKPOINT_PATH];
    const char *text = hoop_trainer_config(tr);
    if (s->rank != 0) return HOOP_OK;
    if (snprintf(path, sizeof path, "%s/config.yaml", out) >= (int)sizeof path)
        return hoop_fail(err, HOOP_EARG, "--out: the path is too long");
    return hoop__replace_file(path, text, strlen(text), err);
}

static hoop_status run(const session *s, hoop_trainer *tr, const char *out, voice *v, hoop_error *err)
{
    const hoop_trainer_status *a       = hoop_trainer_about(tr);
    hoop__metrics_observer    *metrics = NULL;
    hoop_error                 local   = {.status = HOOP_OK};
    hoop_status                st;
    /* a host that was cut off while the run was loaded wakes here, and would take the log from those who go on */
    if (hoop_trainer_check_run(tr, &local) == HOOP_OK && write_config(s, tr, out, &local) == HOOP_OK && s->rank == 0)
        open_log(v, out, s->rank, &local);
    if (local.status == HOOP_OK) (void)hoop__progress_observer_create(tr, stderr, v->people, &local, &v->progress);
    if (local.status == HOOP_OK) (void)hoop__metrics_observer_create(tr, out, &local, &metrics);
    st = hoop_comm_agree_status(s->comm, &local);
    if (st == HOOP_OK) {
        hoop_observer observers[] = {hoop__observe_validation(), hoop__observe_progress(v->progress),
                                     hoop__observe_metrics(metrics), hoop__observe_saving()};
        hoop__log_line(v->log, "start at step %lld of %lld, %d ranks, hoop %s, numerics %s", (long long)a->step,
                       (long long)a->steps, s->size, hoop_runtime_build(hoop_trainer_runtime(tr)), numerics_of(tr));
        st = hoop_trainer_run(tr, observers, (int)(sizeof observers / sizeof observers[0]), &local);
        if (st == HOOP_OK)
            hoop__log_line(v->log, "end at step %lld, checkpoint of step %lld", (long long)a->step, (long long)a->saved_step);
        else
            hoop__log_line(v->log, "failed: %s", local.text);
    }
    hoop__progress_observer_destroy(&v->progress);
    hoop__metrics_observer_destroy(&metrics);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

/* `auto` goes on if the run directory holds something to go on from */
static const char *resume_path(const train_args *a, const char *out)
{
    int64_t *steps = NULL, n = 0;
    if (a->resume == NULL || strcmp(a->resume, "auto") != 0) return a->resume;
    if (hoop_checkpoint_list(out, NULL, &steps, &n) != HOOP_OK) n = 0;
    free(steps);
    return n > 0 ? out : NULL;
}

/* Fewer ranks than the job has room for are mostly a launcher that was forgotten. */
static void note_given(const session *s, voice *v)
{
    char          line[COMMAND_LINE];
    const char   *variable;
    const int64_t given = hoop__launcher_given(&variable);
    if (given <= s->size) return;
    (void)snprintf(line, sizeof line, "%d rank%s in a job of %lld (%s): %s", s->size, s->size == 1 ? "" : "s", (long long)given,
                   variable, s->size == 1 ? "srun or mpirun starts more" : "the others stay idle");
    note(v, line);
}

/* What all ranks end with: a run that was stopped by a signal to any of them says so everywhere, and Ctrl-C before SIGTERM. */
static hoop_status stop_code(const session *s, hoop_trainer *tr, voice *v, hoop_error *err, int *code)
{
    char        line[96];
    int64_t     most = stop_signal == SIGINT ? HOOP_EXIT_INTERRUPTED : HOOP_EXIT_REQUEUE;
    hoop_status st =
        hoop_comm_all_reduce_wait(s->comm, &most, 1, hoop_reducer_of(HOOP_I64, HOOP_MAX), "signals of each rank", err);
    if (st != HOOP_OK || hoop_trainer_about(tr)->step >= hoop_trainer_about(tr)->steps || hoop_trainer_about(tr)->early_stopped)
        return st;
    *code = (int)most;
    if (s->rank != 0) return st;
    (void)snprintf(line, sizeof line, "stopped at step %lld of %lld; go on with --resume auto\n",
                   (long long)hoop_trainer_about(tr)->step, (long long)hoop_trainer_about(tr)->steps);
    say(v, line);
    return st;
}

/* A run that was stopped is to be started again all the same. */
static int print_result(const char *text, const char *out, int code)
{
    hoop_error why = {.status = HOOP_OK}, lost = {.status = HOOP_OK};
    if (hoop__outlet_print(STDOUT_FILENO, text, COMMAND_PATIENCE_S, &why) == HOOP_OK) return code;
    (void)hoop_fail(&lost, why.status, "standard output: %s; the run is saved: hoop inspect --hash %s", why.text, out);
    (void)command_report(&lost);
    return code == HOOP_EXIT_OK ? HOOP_EXIT_FAILURE : code;
}

/* ---- a profile ---- */

typedef struct profiling {
    profile_steps timed;
    int64_t       first, last; /* it begins and ends after these steps */
} profiling;

static hoop_status profile_step(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    profiling    *p    = ctx;
    const int64_t step = hoop_trainer_about(tr)->step;
    (void)err;
    if (step == p->last) {
        hoop_profile_stop(p->timed.profile);
        p->timed.seconds += hoop__now_s();
        hoop_trainer_stop(tr); /* heard in the next one */
    }
    if (step == p->first) {
        p->timed.seconds -= hoop__now_s();
        hoop_profile_start(p->timed.profile);
    }
    return HOOP_OK;
}

static hoop_status profile_report(const train_args *a, const session *s, hoop_trainer *tr, const profile_steps *p,
                                  hoop_error *err)
{
    const hoop_trainer_status *about  = hoop_trainer_about(tr);
    rank_limits                limits = {0};
    bool                       good;
    json_t                    *o, *rows;
    hoop_status                st = limits_measure_rank(hoop_trainer_runtime(tr), err, &limits);
    if (st != HOOP_OK) return st;
    if (a->json) {
        rows = profile_json(p, &limits);
        o = json_pack("{s:s, s:s, s:i, s:i, s:I, s:I, s:o*}", "config", a->config, "numerics", numerics_of(tr), "ranks", s->size,
                      "threads", about->threads, "batch", (json_int_t)about->batch, "leaves", (json_int_t)about->leaves,
                      "profile", rows);
        good = o != NULL && rows != NULL && print_json(&o);
    } else {
        good = profile_print(p, &limits);
    }
    return good ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "no memory for what is printed");
}

/* Collective */
static hoop_status profile_run(const train_args *a, const session *s, hoop_trainer *tr, hoop_error *err)
{
    const hoop_trainer_status *about = hoop_trainer_about(tr);
    const int64_t              left  = about->steps - about->step;
    profiling                  p     = {
                             .timed.steps = a->profile, .first = about->step + PROFILE_WARM_UP, .last = about->step + PROFILE_WARM_UP + a->profile};
    const hoop_observer observer = {.ctx = &p, .step = profile_step};
    hoop_status         st;
    if (left < PROFILE_WARM_UP + a->profile)
        return hoop_fail(err, HOOP_EARG,
                         "--profile %d: with %d steps of warm-up that is more than the %lld that this run has left", a->profile,
                         PROFILE_WARM_UP, (long long)left);
    (void)hoop_profile_create(hoop_trainer_runtime(tr), err, &p.timed.profile);
    st = hoop_comm_agree_status(s->comm, err);
    if (st == HOOP_OK) st = hoop_trainer_run(tr, &observer, 1, err);
    if (st == HOOP_OK && s->rank == 0) (void)profile_report(a, s, tr, &p.timed, err);
    if (st == HOOP_OK) st = hoop_comm_agree_status(s->comm, err);
    hoop_profile_destroy(&p.timed.profile);
    return st;
}

static int help_config(void)
{
    char      *text = NULL;
    hoop_error err  = {.status = HOOP_OK};
    if (hoop_config_help(hoop_train_schema(), &err, &text) != HOOP_OK) return command_report(&err);
    (void)command_hush();
    (void)fputs(text, stdout);
    free(text);
    return print_done(HOOP_EXIT_OK);
}

int command_train(int argc, char **argv)
{
    train_args        a   = {0};
    hoop_error        err = {.status = HOOP_OK}, early = {.status = HOOP_OK};
    hoop_config      *config = NULL;
    hoop_comm_opts    comm   = {0};
    voice             v      = {0};
    hoop__text        result = {0};
    hoop_trainer_opts opts   = {.ctx = &v, .note = note};
    hoop_trainer     *tr     = NULL;
    session           s;
    char              out[HOOP_CHECKPOINT_PATH], resume[HOOP_CHECKPOINT_PATH] = "";
    int               code    = HOOP_EXIT_OK;
    int64_t           program = 0;
    if (argc == 3 && strcmp(argv[1], "--help") == 0) {
        if (strcmp(argv[2], "config") == 0) return help_config();
        if (command_help_kinds(argv[2])) return print_done(HOOP_EXIT_OK);
    }
    train_parse(argc, argv, &a);
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that goes away is no reason to lose a run */
    train_out(&a, out);
    (void)hoop__outlet_open(STDERR_FILENO, &early, &v.people);
    if (early.status == HOOP_OK) (void)train_config(&a, &early, &config, &comm);
    if (session_begin(&comm, &early, &err, &s) != HOOP_OK) goto done;
    opts.run_dir = a.profile > 0 || a.dry_run ? NULL : out;
    opts.resume  = s.rank == 0 ? resume_path(&a, out) : NULL;
    if (opts.resume != NULL) (void)snprintf(resume, sizeof resume, "%s", opts.resume);
    if (hoop_comm_broadcast(s.comm, 0, resume, (int64_t)sizeof resume, "where to resume", &err) != HOOP_OK)
        goto done; /* rank 0 looked */
    opts.resume = resume[0] == '\0' ? NULL : resume;
    program     = a.dry_run ? dry_run_resident() : 0;
    if (hoop_trainer_create(s.comm, config, &opts, &err, &tr) != HOOP_OK) goto done;
    if (s.rank == 0) print_header(&s, config, tr, out, &a, &v);
    if (a.dry_run) {
        if (dry_run(&s, tr, a.config, a.json, program, &err) == HOOP_OK && s.rank == 0) code = print_done(code);
        goto done;
    }
    if (a.profile > 0) {
        if (profile_run(&a, &s, tr, &err) == HOOP_OK && s.rank == 0) code = print_done(code);
        goto done;
    }
    if (s.rank == 0) note_done(hoop_trainer_about(tr), out, &v);
    if (s.rank == 0) note_given(&s, &v);
    listen_to_signals(tr);
    if (run(&s, tr, out, &v, &err) != HOOP_OK) goto done;
    listen_to_signals(NULL);
    if (describe_result(&s, tr, out, &err, &result) == HOOP_OK) (void)stop_code(&s, tr, &v, &err, &code);
done:
    stoppable = NULL;
    hoop_trainer_destroy(&tr);
    close_log(&v);
    hoop__outlet_close(&v.people, COMMAND_PATIENCE_S);
    if (result.data != NULL) code = print_result(result.data, out, code);
    hoop__text_clear(&result);
    hoop_config_destroy(&config);
    return session_end(&s, &err, code);
}

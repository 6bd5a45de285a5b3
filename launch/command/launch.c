/* hoop launch [OPTIONS] -- train CONFIG.yaml ... */
#include "command/launch.h"

#include "base/clock.h"
#include "base/host.h"
#include "command/launch_process.h"
#include "command/launcher.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char doc[] = "Train on all ranks, look after the run, and start it again when one is lost."
                          "\vEverything behind -- is a command line of hoop train. Ranks are started by\n"
                          "mpirun (Open MPI, or MPICH's hydra) or, in a Slurm job, srun; the line that is\n"
                          "run is printed, and does the same when typed by hand. Where a rank is killed\n"
                          "or gives no answer (dist.timeout_s), or a host does not, the rest is ended, and\n"
                          "the run goes on from its newest checkpoint, on what is there, to the same bits.\n"
                          "What would fail again (a config, data, a full disk, NaN) ends it, with the\n"
                          "run's own message and exit code.\n\n"
                          "SIGTERM, SIGUSR1, SIGUSR2 and Ctrl-C stop the run with a checkpoint. If hoop\n"
                          "launch itself is killed the ranks stop likewise, and the same command goes on.\n"
                          "What happened stands in launch.jsonl of the run directory.\n\n"
                          "Examples:\n"
                          "  hoop launch -- train launch/recipes/digits-mlp.yaml --out runs/a\n"
                          "  hoop launch -n 8 --restarts 20 -- train model.yaml --set batch=512\n"
                          "  hoop launch --hosts node1:32,node2:32 --min 32 -- train model.yaml\n"
                          "  hoop launch --hosts hosts.txt -- train m.yaml    node1 slots=32, a line each\n\n"
                          "Exit codes: those of hoop train: 0 done, 1 failed, 2 usage, 75 stopped with a\n"
                          "checkpoint, 130 the same after Ctrl-C; 69 ranks were lost, more often in a row\n"
                          "than --restarts allows.";

static const double begin_s = 10.0; /* for ranks that were started to take the lock */

enum { KEY_RESTARTS = 256, KEY_MIN, KEY_MPIRUN, KEY_PATIENCE };
static const struct argp_option options[] = {
    {"ranks", 'n', "N", 0, "ranks (default: as many as hosts, or a job, have room for; else cores)", 0},
    {"hosts", 'H', "FILE|a,b:4", 0, "hosts, each with how many ranks it takes (default: as many as it has cores)", 0},
    {"restarts", KEY_RESTARTS, "N", 0, "starts in a row that get no further, after which it gives up (default: 10)", 0},
    {"min", KEY_MIN, "N", 0, "fewer ranks than these are not started (default: 1)", 0},
    {"mpirun", KEY_MPIRUN, "PROGRAM", 0, "what starts ranks (default: srun in a Slurm job, else mpirun)", 0},
    {"patience", KEY_PATIENCE, "S", 0, "seconds for ranks whose hoop launch was killed to save and end (default: 60)", 0},
    {0},
};

static int64_t number(const char *arg, const char *name, int64_t least, int64_t most, struct argp_state *state)
{
    char     *end;
    long long n = strtoll(arg, &end, 10);
    if (*arg == '\0' || *end != '\0' || n < least || n > most)
        argp_error(state, "--%s: '%s' is no number from %lld to %lld", name, arg, (long long)least, (long long)most);
    return (int64_t)n;
}

typedef struct launch_args {
    launch     *l;
    const char *hosts;
} launch_args;

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    launch_args *a = state->input;
    launch      *l = a->l;
    switch (key) {
    case 'n':
        l->ranks = number(arg, "ranks", 1, 1000000, state);
        return 0;
    case 'H':
        a->hosts = arg;
        return 0;
    case KEY_RESTARTS:
        l->restarts = number(arg, "restarts", 0, 1000000, state);
        return 0;
    case KEY_MIN:
        l->min = number(arg, "min", 1, 1000000, state);
        return 0;
    case KEY_MPIRUN:
        l->mpirun = arg;
        return 0;
    case KEY_PATIENCE:
        l->patience_s = (double)number(arg, "patience", 0, 1000000, state);
        return 0;
    case ARGP_KEY_ARG:
        l->argv     = &state->argv[state->next - 1]; /* and all behind it */
        l->argc     = state->argc - state->next + 1;
        state->next = state->argc;
        if (strcmp(arg, "train") != 0)
            argp_error(state, "'%s' is not looked after, but train is: hoop launch -- train CONFIG.yaml", arg);
        return 0;
    case ARGP_KEY_END:
        if (l->argc == 0) argp_error(state, "what? hoop launch -- train CONFIG.yaml");
        if (l->ranks > 0 && l->min > l->ranks) argp_error(state, "--min is more than --ranks");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The same mistakes in it are told here, before anything is started. */
static void parse_train(launch *l)
{
    char **copy = calloc((size_t)l->argc + 1, sizeof *copy); /* argp sorts them */
    if (copy == NULL) exit(HOOP_EXIT_FAILURE);
    memcpy(copy, l->argv, (size_t)l->argc * sizeof *copy);
    train_parse(l->argc, copy, &l->train);
    free(copy);
}

static hoop_status check_place(const launch *l, hoop_error *err)
{
    const hoop__launcher launcher = hoop__launcher_find();
    if (launcher.name != NULL && launcher.size != 1)
        return hoop_fail(err, HOOP_EARG, "hoop launch starts the ranks itself: start it once, without %s", launcher.name);
    if (l->train.dry_run || l->train.profile > 0)
        return hoop_fail(err, HOOP_EARG, "%s ends by itself: without hoop launch", l->train.dry_run ? "--dry-run" : "--profile");
    return HOOP_OK;
}

/* Leaves as far as the config says: its model may want fewer, which the run then writes down. */
static int64_t leaves_said(const hoop_config *config)
{
    const hoop_value *leaves = hoop_config_get(config, "leaves"), *batch = hoop_config_get(config, "batch");
    int64_t           n = leaves == NULL || hoop_value_text(leaves) == NULL ? 0 : strtoll(hoop_value_text(leaves), NULL, 10);
    if (n <= 0 && batch != NULL && hoop_value_text(batch) != NULL)
        n = hoop_leaves_auto(strtoll(hoop_value_text(batch), NULL, 10));
    return n > 0 ? n : INT64_MAX;
}

/* Ranks are stopped by what the config listens to: SIGTERM would have mpirun kill them. */
static hoop_status find_warning(launch *l, hoop_error *err)
{
    const hoop_value *signals = hoop_config_get(l->config, "checkpoint.signals");
    const char       *name    = signals == NULL || hoop_value_text(signals) == NULL ? "USR1" : hoop_value_text(signals);
    l->warning                = strcmp(name, "USR2") == 0 ? SIGUSR2 : SIGUSR1;
    if (strcmp(name, "none") != 0) return HOOP_OK;
    return hoop_config_fail(l->config, "checkpoint.signals", err,
                            "with hoop launch ranks are stopped by USR1 or USR2, which mpirun passes on: one of them is wanted");
}

/* Which program starts ranks, and of which kind it is. */
static hoop_status find_starter(launch *l, hoop_error *err)
{
    static char  flag[] = "--version", slurm[] = "srun", mpi[] = "mpirun";
    char        *argv[3], *said = NULL;
    char *const *each[] = {argv};
    const bool   job    = getenv("SLURM_JOB_ID") != NULL && getenv("SLURM_STEP_ID") == NULL;
    const char  *given  = l->mpirun;
    hoop_status  st;
    for (int i = 0; i < 2 && said == NULL; i++) { /* a Slurm job without srun may have mpirun */
        if (i == 0 && given == NULL && !job) continue;
        argv[0] = given != NULL ? (char *)(uintptr_t)given : i == 0 ? slurm : mpi;
        argv[1] = flag;
        argv[2] = NULL;
        if (i == 1 && given != NULL) break;
        l->mpirun = argv[0];
        st        = launch_ask(each, 1, 10.0, err, &said);
        if (st != HOOP_OK) return st;
    }
    if (said == NULL)
        st = hoop_fail(err, HOOP_EIO, "%s --version: says nothing; is it installed, and in the PATH? --mpirun names another",
                       l->mpirun);
    else if (!launch_kind_of(said, &l->kind, &l->major))
        st = hoop_fail(err, HOOP_EARG, "%s --version: '%.*s' is neither Open MPI's mpirun nor MPICH's hydra nor srun", l->mpirun,
                       (int)strcspn(said, "\n"), said);
    else
        st = HOOP_OK;
    free(said);
    return st;
}

static hoop_status find_self(launch *l, hoop_error *err)
{
    hoop__cpus *mine = calloc(1, sizeof *mine);
    const char *variable;
    ssize_t     n = readlink("/proc/self/exe", l->self, sizeof l->self - 1);
    if (mine == NULL || n <= 0) {
        free(mine);
        return hoop_fail(err, HOOP_EIO, "/proc/self/exe does not say where hoop is");
    }
    l->self[n] = '\0';
    hoop__cpus_find(mine);
    l->cores = hoop__cpus_cores(mine, "");
    l->given = hoop__launcher_given(&variable);
    if (l->given < 1) l->given = l->cores;
    free(mine);
    return HOOP_OK;
}

/* Look for who holds the run every so often, until end_s, while it is held or not. */
static hoop_status look_while(launch *l, bool held, double end_s, hoop_error *err, hoop_run_holder *holder)
{
    hoop_status st = hoop_run_lock_look(l->run, err, holder);
    while (st == HOOP_OK && holder->held == held && hoop__now_s() < end_s && l->stop == 0) {
        const int got = launch_wait(0.1);
        if (got != 0 && got != SIGCHLD) l->stop = got;
        st = hoop_run_lock_look(l->run, err, holder);
    }
    return st;
}

/* What is left of a hoop launch that was killed saves and ends; where it does not, it is fenced off. One that was killed just
 * when it started ranks may have left some that did not hear of it, and are about to take the lock. */
static hoop_status wait_for_left(launch *l, hoop_error *err)
{
    const double    began = hoop__now_s(), start = l->journal.started_s < 0 ? 0 : begin_s - l->journal.started_s;
    char            line[HOOP_ERROR_TEXT];
    hoop_run_holder holder;
    int64_t         generation;
    hoop_status     st = look_while(l, false, began + start, err, &holder);
    if (st != HOOP_OK || !holder.held) return st;
    if (holder.generation != l->journal.generation)
        return hoop_fail(err, HOOP_EBUSY, "%s: another run is writing here (%s); wait for it, or choose another directory",
                         l->run, holder.text);
    (void)snprintf(line, sizeof line, "waiting for what the last hoop launch left (%s) to save and end", holder.text);
    command_note(NULL, line);
    st = look_while(l, true, hoop__now_s() + l->patience_s, err, &holder);
    if (st != HOOP_OK || !holder.held || l->stop != 0) return st;
    (void)snprintf(line, sizeof line, "it did not, in %g s: the run is taken from it", l->patience_s);
    command_note(NULL, line);
    return hoop_run_fence(l->run, err, &generation);
}

/* The run directory, and that it is ours to write in. Its lock is taken by ranks alone: one that begins must not find it held for
 * a moment by a second hoop launch, which is turned away. */
static hoop_status claim(launch *l, hoop_error *err)
{
    hoop_status st;
    HOOP_TRY(st, done, hoop_run_make(l->run, err));
    HOOP_TRY(st, done, launch_journal_open(l->run, err, &l->journal));
    st = wait_for_left(l, err);
done:
    return st;
}

int command_launch(int argc, char **argv)
{
    static const struct argp argp = {options, parse_option, "-- train CONFIG.yaml [OPTION...]", doc, NULL, NULL, NULL};
    launch                   l    = {.min = 1, .restarts = 10, .patience_s = 60.0, .journal = {.fd = -1}};
    launch_args              a    = {.l = &l};
    hoop_error               err  = {.status = HOOP_OK};
    hoop_comm_opts           comm;
    hoop_status              st;
    int                      code = HOOP_EXIT_FAILURE;
    command_parse(&argp, argc, argv, &a);
    parse_train(&l);
    train_out(&l.train, l.run);
    (void)signal(SIGPIPE, SIG_IGN);
    HOOP_TRY(st, done, check_place(&l, &err));
    HOOP_TRY(st, done, train_config(&l.train, &err, &l.config, &comm));
    HOOP_TRY(st, done, find_warning(&l, &err));
    l.leaves = leaves_said(l.config);
    if (a.hosts != NULL) HOOP_TRY(st, done, launch_hosts_parse(a.hosts, &err, &l.hosts));
    HOOP_TRY(st, done, launch_listen(&err));
    HOOP_TRY(st, done, find_self(&l, &err));
    HOOP_TRY(st, done, find_starter(&l, &err));
    HOOP_TRY(st, done, claim(&l, &err));
    code = launch_look_after(&l);
done:
    launch_journal_close(&l.journal);
    launch_hosts_free(&l.hosts);
    hoop_config_destroy(&l.config);
    return err.status == HOOP_OK ? code : command_report(&err);
}

/* Looking after a run: what is to be started, on what, and what its end asks for. */
#include "command/command.h"
#include "command/launch.h"
#include "command/launch_process.h"

#include "base/clock.h"
#include "base/text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* seconds */
enum {
    ASK_S            = 8 /* for hosts to answer before a start */,
    ANSWER_S         = 4 /* and while a job runs */,
    RETURNED_EVERY_S = 30,
    QUIET_S          = 10
};
static const double longest_pause_s = 60.0, look_s = 0.02, calm_s = 0.5, warn_s = 2.0;

static void say(const char *format, ...) HOOP_PRINTF(1, 2);
static void say(const char *format, ...)
{
    hoop_error line = {.status = HOOP_OK};
    va_list    args;
    va_start(args, format);
    (void)hoop_vfail(&line, HOOP_ESTATE, NULL, NULL, format, args);
    va_end(args);
    command_note(NULL, line.text);
}

static void journal(launch *l, const char *event, json_t *fields)
{
    if (launch_journal_add(&l->journal, event, fields) || l->mute) return;
    l->mute = true;
    say("warning: %s/launch.jsonl: can't write; the run goes on without it", l->run);
}

/* A signal that asks for an end is kept; the second Ctrl-C is the last. */
static bool note_signal(launch *l, int signal_number)
{
    if (signal_number == 0 || signal_number == SIGCHLD) return false;
    if (l->stop == SIGINT && signal_number == SIGINT) {
        (void)launch_end_all();
        journal(l, "end", json_pack("{s:s}", "why", "interrupted twice"));
        exit(HOOP_EXIT_INTERRUPTED);
    }
    l->stop = signal_number;
    return true;
}

/* False: somebody asks for an end. */
static bool pause_for(launch *l, double seconds)
{
    const double end = hoop__now_s() + seconds;
    double       left;
    while (l->stop == 0 && (left = end - hoop__now_s()) > 0) (void)note_signal(l, launch_wait(left));
    return l->stop == 0;
}

static int stop_code(const launch *l)
{
    return l->stop == SIGINT ? HOOP_EXIT_INTERRUPTED : HOOP_EXIT_REQUEUE;
}

/* ---- what is started ---- */

static const char *agent(void)
{
    const char *set = getenv("OMPI_MCA_plm_rsh_agent");
    return set != NULL && set[0] != '\0' ? set : "ssh -o BatchMode=yes -o ConnectTimeout=5";
}

static const char *first_silent(const launch_hosts *h)
{
    for (int i = 0; i < h->n; i++)
        if (h->list[i].silent) return h->list[i].name;
    return NULL;
}

/* How many leaves there are: as a run that began has written it down, for the config does not know of its model. */
static int64_t leaves_of(const launch *l)
{
    char         path[HOOP_CHECKPOINT_PATH + 16];
    hoop_config *stored = NULL;
    int64_t      n      = 0;
    (void)snprintf(path, sizeof path, "%s/config.yaml", l->run);
    if (l->starts > 0 && hoop_config_load(path, NULL, &stored) == HOOP_OK) {
        const hoop_value *v = hoop_config_get(stored, "leaves");
        if (v != NULL && hoop_value_text(v) != NULL) n = strtoll(hoop_value_text(v), NULL, 10);
    }
    hoop_config_destroy(&stored);
    return n > 0 ? n : l->leaves;
}

/* Ranks of the next start, told where they are others than before or than was asked for; 0: fewer than --min. */
static int64_t ranks_now(launch *l)
{
    const char   *silent = first_silent(&l->hosts);
    const int64_t room = l->hosts.n > 0 ? launch_hosts_room(&l->hosts) : INT64_MAX, leaves = leaves_of(l);
    const int64_t want = l->ranks > 0 ? l->ranks : room < INT64_MAX ? room : l->given;
    int64_t       n    = want;
    if (n > room) n = room;
    if (n > leaves) n = leaves;
    if (n < l->min) {
        say("there is room for %lld rank%s, and --min is %lld%s%s", (long long)n, n == 1 ? "" : "s", (long long)l->min,
            silent == NULL ? "" : ": no answer from ", silent == NULL ? "" : silent);
        return 0;
    }
    if (n != l->said && silent != NULL) say("%lld rank%s: no answer from %s", (long long)n, n == 1 ? "" : "s", silent);
    if (n != l->said && silent == NULL && n == room && n < want)
        say("%lld rank%s in place of %lld: the hosts take no more", (long long)n, n == 1 ? "" : "s", (long long)want);
    if (n != l->said && n == leaves && n < want && n < room)
        say("%lld rank%s in place of %lld: the run has as many leaves, and every rank needs one", (long long)n, n == 1 ? "" : "s",
            (long long)want);
    l->said = n;
    return n;
}

/* the newest checkpoint's step; -1: there is none */
static int64_t newest(const launch *l)
{
    int64_t *steps = NULL, n = 0, step = -1;
    if (hoop_checkpoint_list(l->run, NULL, &steps, &n) == HOOP_OK && n > 0) step = steps[n - 1];
    free(steps);
    return step;
}

/* Everything that decides how ranks run stands in this line: typed by hand it does the same. */
static void command_of(const launch *l, int64_t ranks, bool go_on, launch_words *out)
{
    const char *per_task                = getenv("SLURM_CPUS_PER_TASK");
    char        network[LAUNCH_NETWORK] = "";
    launch_plan p                       = {.kind     = l->kind,
                                           .major    = l->major,
                                           .program  = l->mpirun,
                                           .hosts    = &l->hosts,
                                           .ranks    = ranks,
                                           .cores    = l->cores,
                                           .per_task = per_task == NULL ? 0 : strtoll(per_task, NULL, 10),
                                           .root     = geteuid() == 0,
                                           .bound    = getenv("OMPI_MCA_hwloc_base_binding_policy") != NULL ||
                                                    getenv("OMPI_MCA_rmaps_base_mapping_policy") != NULL,
                                           .network = network};
    bool        here                    = true;
    for (int i = 0; i < l->hosts.n; i++) here = here && (l->hosts.list[i].here || l->hosts.list[i].silent);
    if (ranks == 1 && here && l->kind != LAUNCH_SRUN) p.kind = LAUNCH_NOTHING;
    if (!here && getenv("OMPI_MCA_btl_tcp_if_include") == NULL) launch_hosts_network(&l->hosts, network);
    launch_line(&p, out);
    launch_words_add(out, "%s", l->self);
    for (int i = 0; i < l->argc; i++) launch_words_add(out, "%s", l->argv[i]);
    if (go_on) launch_words_add(out, "--resume");
    if (go_on) launch_words_add(out, "auto");
}

static hoop_status start(launch *l, int64_t ranks, hoop_error *err, pid_t *job)
{
    const int64_t   from   = newest(l);
    const bool      go_on  = l->train.resume == NULL || (from >= 0 && (l->starts > 0 || l->journal.generation > 0));
    hoop_run_holder holder = {.held = false};
    launch_words    words  = {0};
    char           *text;
    hoop_status     st;
    command_of(l, ranks, go_on, &words);
    text = launch_words_text(&words);
    if (text == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "no memory for a command line");
    else
        st = hoop_run_lock_look(l->run, err, &holder);
    if (st == HOOP_OK) {
        (void)fprintf(stderr, "hoop: starting: %s\n", text); /* in one piece, however long */
        journal(l, "start",
                json_pack("{s:i, s:s, s:I, s:I, s:I}", "number", l->starts + 1, "command", text, "ranks", (json_int_t)ranks,
                          "from", (json_int_t)(from < 0 ? 0 : from), "generation", (json_int_t)holder.generation + 1));
        l->journal.generation = holder.generation + 1;
        st                    = launch_start(words.word, l->warning, err, job);
    }
    free(text);
    launch_words_free(&words);
    l->starts++;
    return st;
}

/* ---- while it runs ---- */

/* What is known of a job that runs. */
typedef struct watching {
    pid_t       job;
    int64_t     from, step;                /* the newest checkpoint when it began, the first step that was seen of it; -1: none */
    launch_mark last;                      /* how far its files have come, */
    double      began_s, moved_s, asked_s; /* since when; when hosts were asked, */
    double      warned_s;                  /* and it, to end; 0: it was not */
    int         unheard;                   /* times in a row that one of them did not answer */
} watching;

/* The first host that is used, or not, and silent, or not; NULL: there is none. */
static const char *first_host(const launch_hosts *h, bool used, bool silent)
{
    for (int i = 0; i < h->n; i++)
        if (h->list[i].used == used && h->list[i].silent == silent) return h->list[i].name;
    return NULL;
}

/* mpirun and srun pass the signal on to all ranks, which save; but not to ranks that they are about to start, so that it is sent
 * until the job ends. */
static void warn(const launch *l, watching *w)
{
    const double now = hoop__now_s();
    if (w->warned_s > 0 && now - w->warned_s < warn_s) return;
    w->warned_s = now;
    (void)kill(w->job, l->warning);
}

/* Hosts that were lost and answer again: the job ends with a checkpoint, and is started on all. */
static void look_for_returned(launch *l, watching *w)
{
    const char *back;
    if (first_host(&l->hosts, false, true) == NULL || w->step < 0 || hoop__now_s() - w->asked_s < RETURNED_EVERY_S ||
        newest(l) <= w->from)
        return;
    (void)launch_hosts_ask(&l->hosts, agent(), ANSWER_S, NULL);
    w->asked_s = hoop__now_s();
    back       = first_host(&l->hosts, false, false);
    if (back == NULL || launch_hosts_room(&l->hosts) <= l->said) return;
    say("%s answers again: the run goes on with it", back);
    l->growing = true;
}

/* mpirun may wait for minutes for a host that is cut off, and ranks for their deadline. Where nothing moves, hosts are asked; one
 * that twice does not answer is lost. */
static bool host_is_lost(launch *l, watching *w)
{
    const double      now  = hoop__now_s();
    const launch_mark mark = launch_trace_mark(l->run);
    const char       *lost;
    if (mark.metrics != w->last.metrics || mark.metrics_size != w->last.metrics_size || mark.log_size != w->last.log_size) {
        w->last    = mark;
        w->moved_s = now;
        w->unheard = 0;
    }
    if (now - w->moved_s < QUIET_S || now - w->asked_s < QUIET_S) return false;
    (void)launch_hosts_ask(&l->hosts, agent(), ANSWER_S, NULL);
    w->asked_s = hoop__now_s();
    lost       = first_host(&l->hosts, true, true);
    w->unheard = lost == NULL ? 0 : w->unheard + 1;
    return w->unheard >= 2;
}

static void note_first_step(launch *l, watching *w, const launch_mark *mark)
{
    const double now = hoop__now_s();
    json_t      *fields;
    if (w->step >= 0 || (w->step = launch_trace_done(l->run, mark)) < 0) return;
    fields = json_pack("{s:I, s:f}", "step", (json_int_t)w->step, "start_s", now - w->began_s);
    if (l->lost_s > 0 && fields != NULL) (void)json_object_set_new(fields, "recovery_s", json_real(now - l->lost_s));
    journal(l, "running", fields);
}

/* Until the job has ended; true if it did a step. */
static bool watch(launch *l, pid_t job, const launch_mark *mark, int *how)
{
    const double now = hoop__now_s();
    watching     w   = {.job = job, .from = newest(l), .step = -1, .last = *mark, .began_s = now, .moved_s = now, .asked_s = now};
    for (int i = 0; i < l->hosts.n; i++) l->hosts.list[i].used = !l->hosts.list[i].silent;
    for (;;) {
        const int got = launch_wait(w.step < 0 ? look_s : calm_s);
        if (launch_ended(job, how)) return w.step >= 0 || launch_trace_done(l->run, mark) >= 0;
        (void)note_signal(l, got);
        note_first_step(l, &w, mark);
        if (l->hosts.n > 0 && host_is_lost(l, &w)) (void)kill(job, SIGKILL); /* what is left of it is ended next */
        if (l->hosts.n > 0 && !l->growing && l->stop == 0) look_for_returned(l, &w);
        if (l->growing || l->stop != 0) warn(l, &w);
    }
}

/* ---- when it has ended ---- */

/* False: there is no more to be done about it, and *code is what to end with. */
static bool prepare_again(launch *l, bool stepped, const launch_verdict *v, int *code)
{
    bool          start;
    const int64_t at    = launch_trace_step(l->run, &start);
    double        pause = 0;
    *code               = HOOP_EXIT_LOST;
    if (at > l->furthest || l->growing) l->in_vain = 0;
    if (at > l->furthest) l->furthest = at;
    l->idle    = stepped || l->growing ? 0 : l->idle + 1;
    l->growing = false;
    if (l->in_vain++ >= l->restarts) {
        say("%s; %lld starts did not get beyond step %lld: giving up", v->why, (long long)l->in_vain,
            (long long)(l->furthest < 0 ? 0 : l->furthest));
        return false;
    }
    if (l->idle > 1) pause = l->idle > 7 ? longest_pause_s : (double)(1 << (l->idle - 2));
    if (pause > 0)
        say("%s; starting again in %g s", v->why, pause);
    else
        say("%s; starting again from step %lld", v->why, (long long)(newest(l) < 0 ? 0 : newest(l)));
    if (pause_for(l, pause)) return true;
    *code = stop_code(l);
    return false;
}

/* One job, from its start to what its end means. */
static hoop_status once(launch *l, int64_t ranks, hoop_error *err, bool *stepped, launch_verdict *v)
{
    const launch_mark mark = launch_trace_mark(l->run);
    pid_t             job;
    int               how = 0, left;
    launch_said       said;
    const char       *silent = NULL;
    hoop_status       st     = start(l, ranks, err, &job);
    if (st != HOOP_OK) return st;
    *stepped  = watch(l, job, &mark, &how);
    l->lost_s = hoop__now_s();
    left      = launch_end_all();
    said      = launch_trace_said(l->run, &mark);
    if (l->hosts.n > 0 && l->stop == 0) (void)launch_hosts_ask(&l->hosts, agent(), ASK_S, NULL);
    if (l->hosts.n > 0) silent = first_host(&l->hosts, true, true);
    launch_judge(how, said, silent, v);
    if (l->growing && !v->again && v->code == HOOP_EXIT_REQUEUE) {
        v->again = true;
        (void)snprintf(v->why, sizeof v->why, "stopped, with a checkpoint, to go on with more hosts");
    }
    if (l->stop != 0 && (v->again || v->code == HOOP_EXIT_REQUEUE)) {
        v->again = false;
        v->code  = stop_code(l);
    }
    journal(l, "end",
            json_pack("{s:s, s:b, s:i, s:i}", "why", v->why, "again", v->again, "code", v->again ? 0 : v->code, "left", left));
    return HOOP_OK;
}

int launch_look_after(launch *l)
{
    hoop_error     err  = {.status = HOOP_OK};
    int            code = HOOP_EXIT_FAILURE;
    int64_t        generation;
    launch_verdict v;
    bool           start, stepped = false;
    if (l->stop != 0) return stop_code(l);
    l->furthest = launch_trace_step(l->run, &start);
    if (l->hosts.n > 0 && launch_hosts_ask(&l->hosts, agent(), ASK_S, &err) != HOOP_OK) return command_report(&err);
    for (;;) {
        const int64_t ranks = ranks_now(l);
        stepped             = false;
        if (ranks > 0 && once(l, ranks, &err, &stepped, &v) != HOOP_OK) break;
        if (ranks == 0 && (first_silent(&l->hosts) == NULL || leaves_of(l) < l->min))
            return HOOP_EXIT_FAILURE; /* no waiting helps */
        if (ranks == 0) v = (launch_verdict){.again = true, .why = "too few hosts answer"};
        if (!v.again) return v.code;
        if (!prepare_again(l, stepped, &v, &code)) break;
        if (ranks == 0 && launch_hosts_ask(&l->hosts, agent(), ASK_S, &err) != HOOP_OK) break;
        if (hoop_run_fence(l->run, &err, &generation) != HOOP_OK) break; /* what is left anywhere publishes nothing any more */
    }
    return err.status == HOOP_OK ? code : command_report(&err);
}

#include "plan.h"

#include <pthread.h>
#include <unistd.h>

#include "hoop/import.h"

typedef struct job {
    plan      *p;
    hoop_comm *comm;
    int        rank;
} job;

static void keep(outcome *o, hoop_trainer *tr)
{
    hoop_params             *params = hoop_trainer_params(tr);
    const hoop_metrics_sums *last;
    o->about = *hoop_trainer_about(tr);
    last     = &o->about.last;
    if (last->ntargets > 0 && last->target[0].nmetrics > 0) o->metric = last->target[0].metric[0].sum[0];
    o->about.last.target = o->about.validation.target = NULL;
    o->bytes   = hoop_params_nblocks(params) * HOOP_BLOCK * (int64_t)hoop_dtype_size(hoop_params_dtype(params));
    o->weights = malloc((size_t)o->bytes + 1);
    if (o->weights != NULL) memcpy(o->weights, hoop_params_data(params), (size_t)o->bytes);
}

static void *be_a_rank(void *arg)
{
    job              *j      = arg;
    plan             *p      = j->p;
    outcome          *o      = &p->rank[j->rank];
    hoop_trainer_opts opts   = p->opts;
    hoop_config      *config = NULL;
    hoop_trainer     *tr     = NULL;
    const char       *text   = p->config[j->rank] == NULL ? p->config[0] : p->config[j->rank];
    hoop_status       st     = hoop_config_parse(text, "test.yaml", &o->error, &config);
    if (st == HOOP_OK && p->before != NULL) st = p->before(p, j->comm, j->rank, &opts, &o->error);
    if (st == HOOP_OK) st = hoop_trainer_create(j->comm, config, &opts, &o->error, &tr);
    o->created = tr != NULL;
    if (st == HOOP_OK) st = p->drive == NULL ? hoop_trainer_run(tr, NULL, 0, &o->error) : p->drive(p, tr, j->rank, &o->error);
    if (tr != NULL) keep(o, tr);
    if (st != o->error.status)
        (void)hoop_fail(&o->error, HOOP_ESTATE, "returned %s, but the error says %s", hoop_status_name(st),
                        hoop_status_name(o->error.status));
    hoop_trainer_destroy(&tr);
    hoop_config_destroy(&config);
    if (p->after != NULL) p->after(p, j->rank);
    hoop_comm_destroy(&j->comm);
    return NULL;
}

void plan_run(plan *p, int size)
{
    hoop_comm *comm[MOST_RANKS];
    pthread_t  thread[MOST_RANKS];
    job        jobs[MOST_RANKS];
    plan_clear(p);
    p->size = size;
    if (p->comm.timeout_s == 0) p->comm.timeout_s = 40;
    (void)alarm(60);
    assert_ok(hoop_comm_create_threads(size, &p->comm, &err, comm));
    for (int r = 0; r < size; r++) {
        jobs[r] = (job){p, comm[r], r};
        assert_int_equal(pthread_create(&thread[r], NULL, be_a_rank, &jobs[r]), 0);
    }
    for (int r = 0; r < size; r++) assert_int_equal(pthread_join(thread[r], NULL), 0);
    (void)alarm(0);
}

void plan_good(const plan *p)
{
    for (int r = 0; r < p->size; r++) {
        const outcome *o = &p->rank[r];
        if (o->error.status != HOOP_OK)
            fail_msg("rank %d of %d: %s: %s", r, p->size, hoop_status_name(o->error.status), o->error.text);
        assert_non_null(o->weights);
        assert_int_equal(o->bytes, p->rank[0].bytes);
        if (memcmp(o->weights, p->rank[0].weights, (size_t)o->bytes) != 0)
            fail_msg("ranks 0 and %d of %d have different weights", r, p->size);
    }
}

void plan_failed(const plan *p, int r, hoop_status status, const char *words)
{
    const hoop_error *e = &p->rank[r].error;
    if (e->status != status || strstr(e->text, words) == NULL)
        fail_msg("rank %d of %d: %s '%s', but %s with '%s' is wanted", r, p->size, hoop_status_name(e->status), e->text,
                 hoop_status_name(status), words);
}

void plan_same(const plan *a, const plan *b)
{
    plan_good(a);
    plan_good(b);
    assert_int_equal(a->rank[0].about.step, b->rank[0].about.step);
    assert_int_equal(a->rank[0].bytes, b->rank[0].bytes);
    if (memcmp(a->rank[0].weights, b->rank[0].weights, (size_t)a->rank[0].bytes) != 0)
        fail_msg("%d and %d ranks end in different weights", a->size, b->size);
}

/* to step 7, in the middle of the second epoch */
static hoop_status stop_at_seven(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    (void)p;
    (void)rank;
    while (st == HOOP_OK && hoop_trainer_about(tr)->step < 7 && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, hoop_trainer_loss(tr, leaf));
        st = hoop_trainer_update(tr, err);
    }
    if (st == HOOP_OK) st = hoop_trainer_save(tr, err);
    return st == HOOP_OK ? hoop_trainer_finish(tr, err) : st;
}

void plan_resumes(const char *config, const char *run)
{
    plan whole = {.config = {config}}, part = whole, rest = whole;
    part.opts.run_dir = run;
    part.drive        = stop_at_seven;
    rest.opts.resume  = run;
    plan_run(&whole, 1);
    plan_good(&whole);
    plan_run(&part, 2);
    plan_good(&part);
    for (int size = 1; size <= 3; size += 2) {
        plan_run(&rest, size);
        plan_same(&rest, &whole);
    }
    for (int size = 2; size <= 3; size++) {
        rest.opts.resume = NULL;
        plan_run(&rest, size);
        plan_same(&rest, &whole);
        assert_true(rest.rank[0].about.last.loss == whole.rank[0].about.last.loss);
    }
    plan_clear(&whole);
    plan_clear(&part);
    plan_clear(&rest);
}

void plan_clear(plan *p)
{
    for (int r = 0; r < MOST_RANKS; r++) free(p->rank[r].weights);
    memset(p->rank, 0, sizeof p->rank);
}

int enter_folder(void **state)
{
    static char      path[256];
    const char      *tmp  = getenv("TMPDIR");
    hoop_import_opts opts = {.dir = "digits", .shards = 2, .split = 0.2, .seed = 1};
    hoop_error       err  = {0};
    (void)snprintf(path, sizeof path, "%s/hoop-test-XXXXXX", tmp == NULL || *tmp == '\0' ? "/tmp" : tmp);
    if (mkdtemp(path) == NULL || chdir(path) != 0) return -1;
    *state = path;
    if (hoop_synth("digits", 300, &opts, &err, NULL) == HOOP_OK) return 0;
    (void)fprintf(stderr, "%s\n", err.text);
    return -1;
}

int leave_folder(void **state)
{
    char command[300];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", (const char *)*state);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

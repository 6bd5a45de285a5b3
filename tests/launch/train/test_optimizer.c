/* The optimiser of a config: groups of parameters on any number of ranks, what is refused, configs that older runs stored. */
#include "plan.h"

#include "hoop/checkpoint.h"
#include "hoop/inspect.h"
#include "hoop/optim.h"

#define RUN                                                                                                                      \
    "seed: 7\nbatch: 42\nleaves: 12\nthreads: 1\nsteps: 12\nmodel: {hidden: [20, 12]}\ndata: {train: digits/train}\n"            \
    "dist: {bucket_mb: 0.01}\n"

/* the same weights on 1 to 4 ranks, whose first outcome stays in *first */
static void same_on_ranks(const char *config, plan *first)
{
    plan p           = {.drive = first->drive};
    first->config[0] = p.config[0] = config;
    plan_run(first, 1);
    plan_good(first);
    for (int size = 2; size <= 4; size++) {
        plan_run(&p, size);
        plan_same(first, &p);
    }
    plan_clear(&p);
}

/* biases have an lr of 0 */
static hoop_status biases_stay(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_params *params = hoop_trainer_params(tr);
    const size_t bytes  = (size_t)hoop_params_bytes(params) / 2;
    float       *before = malloc(bytes);
    hoop_status  st;
    (void)p, (void)rank;
    if (before == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory");
    memcpy(before, hoop_params_data(params), bytes);
    st = hoop_trainer_run(tr, NULL, 0, err);
    for (int i = 0; i < hoop_params_count(params) && st == HOOP_OK; i++) {
        const char  *name = hoop_params_name(params, i);
        const float *was  = before + hoop_params_first_block(params, i) * HOOP_BLOCK,
                    *is   = hoop_tensor_data(hoop_params_tensor(params, i));
        const bool bias   = strstr(name, ".bias") != NULL,
                   same   = memcmp(was, is, (size_t)hoop_tensor_numel(hoop_params_tensor(params, i)) * sizeof *is) == 0;
        if (hoop_optim_group_of(hoop_trainer_optim(tr), i) != (bias ? 0 : -1) || same != bias)
            st = hoop_fail(err, HOOP_ESTATE, "%s: not in its group, or not updated as that wants", name);
    }
    free(before);
    return st;
}

static void groups_on_any_number_of_ranks(void **state)
{
    plan frozen = {.drive = biases_stay}, plain = {0}, decayed = {0}, all = {0};
    (void)state;
    same_on_ranks(RUN "optimizer: {name: sgd, lr: 0.05, momentum: 0.9, groups: [{match: '*.bias', lr: 0}]}\n", &frozen);
    same_on_ranks(RUN "optimizer: {name: adamw, lr: 1e-3, weight_decay: 0.5}\n", &all);
    same_on_ranks(RUN "optimizer: {name: adamw, lr: 1e-3, weight_decay: 0.5, groups: [{match: 'layers.?.bias', weight_decay: 0}, "
                      "{match: layers.0.*, lr: 5e-3}]}\n",
                  &decayed);
    /* what the base says is what a group does not say: one that says the same for all is none */
    same_on_ranks(RUN "optimizer: {name: adamw, lr: 7, weight_decay: 0.5, groups: [{match: '*', lr: 1e-3}]}\n", &plain);
    plan_same(&plain, &all);
    assert_memory_not_equal(all.rank[0].weights, decayed.rank[0].weights, (size_t)all.rank[0].bytes);
    plan_clear(&frozen);
    plan_clear(&plain);
    plan_clear(&decayed);
    plan_clear(&all);
}

static hoop_status half_then_all(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    (void)p, (void)rank;
    if (st == HOOP_OK) st = hoop_trainer_save(tr, err);
    return st == HOOP_OK ? hoop_trainer_finish(tr, err) : st;
}

/* a run with groups is resumed with the same groups, on another number of ranks */
static void groups_are_resumed(void **state)
{
#define GROUPS                                                                                                                   \
    "optimizer: {name: sgd, lr: 0.05, groups: [{match: '*.bias', momentum: 0.9}, {match: '*.0.*', weight_decay: 0.1}]}\n"
    plan whole = {.config = {RUN GROUPS}}, half = {.config = {RUN GROUPS}, .drive = half_then_all, .opts = {.run_dir = "half"}},
         rest = {.config = {RUN GROUPS}, .opts = {.resume = "half"}};
    char text[1024];
    (void)state;
    plan_run(&whole, 1);
    (void)snprintf(text, sizeof text, "%s", RUN GROUPS);
    memcpy(strstr(text, "steps: 12"), "steps: 5 ", 9);
    half.config[0] = text;
    plan_run(&half, 3);
    plan_good(&half);
    plan_run(&rest, 2);
    plan_same(&whole, &rest);
    rest.config[0] =
        RUN "optimizer: {name: sgd, lr: 0.05, groups: [{match: '*.bias', momentum: 0.8}, {match: '*.0.*', weight_decay: 0.1}]}\n";
    plan_run(&rest, 2);
    plan_failed(&rest, 0, HOOP_ECONFIG, "optimizer.groups is [{\"match\":\"*.bias\",\"momentum\":0.8}");
    rest.config[0] = RUN "optimizer: {name: sgd, lr: 0.05}\n";
    plan_run(&rest, 1);
    plan_failed(&rest, 0, HOOP_ECONFIG, "optimizer.groups is null, but the run was started with");
    plan_clear(&whole);
    plan_clear(&half);
    plan_clear(&rest);
}

/* ---- all kinds ---- */

static void hash_of(const char *run, char hex[HOOP_CHECKPOINT_HASH_SIZE])
{
    hoop_checkpoint *c = NULL;
    assert_ok(hoop_checkpoint_open(run, &err, &c));
    assert_ok(hoop_checkpoint_hash(c, true, &err, hex));
    hoop_checkpoint_close(&c);
}

/* What `config` ends in on 1 rank, weights and state, is what it ends in where 3 ranks stop after step 5 and 2 go on. */
static void same_states(const char *name, const char *config)
{
    char run[3][64], half[2048], want[HOOP_CHECKPOINT_HASH_SIZE], got[HOOP_CHECKPOINT_HASH_SIZE];
    plan p = {.drive = half_then_all};
    for (int i = 0; i < 3; i++) (void)snprintf(run[i], sizeof run[i], "%s-%d", name, i);
    (void)snprintf(half, sizeof half, "%s", config);
    memcpy(strstr(half, "steps: 12"), "steps: 5 ", 9);
    p.config[0]    = config;
    p.opts.run_dir = run[0];
    plan_run(&p, 1);
    plan_good(&p);
    p.config[0]    = half;
    p.opts.run_dir = run[1];
    plan_run(&p, 3);
    plan_good(&p);
    p.config[0]    = config;
    p.opts.run_dir = run[2];
    p.opts.resume  = run[1];
    plan_run(&p, 2);
    plan_good(&p);
    hash_of(run[0], want);
    hash_of(run[2], got);
    if (strcmp(want, got) != 0) fail_msg("%s: other bits on other ranks, or where these go on", name);
    plan_clear(&p);
}

static void kinds_are_resumed(void **state)
{
    const hoop_optim_kind *k;
    char                   config[1024];
    (void)state;
    for (int i = 0; (k = hoop_optim_kind_get(i)) != NULL; i++) {
        if (k->search != NULL) continue; /* they take no groups */
        (void)snprintf(config, sizeof config,
                       RUN "optimizer: {name: %s, weight_decay: 0.1, groups: [{match: '*.0.*', lr: 2e-3}]}\n", k->name);
        same_states(k->name, config);
    }
    same_states("lbfgs", RUN "optimizer: {name: lbfgs, max_iter: 4, history_size: 3}\nema: {decay: 0.9}\n");
    same_states("wolfe-f64", RUN "precision: f64\noptimizer: {name: lbfgs, max_iter: 2}\n");
    same_states("no-search", RUN "optimizer: {name: lbfgs, lr: 0.01, max_iter: 3, line_search_fn: none}\n");
    same_states("amsgrad", RUN "optimizer: {name: adam, amsgrad: true}\n");
    same_states("centered", RUN "optimizer: {name: rmsprop, centered: true, groups: [{match: '*.bias', momentum: 0.9}]}\n");
    same_states("by", RUN "precision: f64\noptimizer: {name: muon, groups: [{match: 'layers.0.*', by: adamw, lr: 1e-4}]}\n");
}

/* A search goes over the same rows several times, in hoop_trainer_run (rows held) as in a caller's loop (rows read again); with
 * all samples in a batch it gets where many steps of others would. */
static void searches_in_any_loop(void **state)
{
    static const char config[] = "seed: 7\nbatch: 240\nleaves: 12\nthreads: 1\nsteps: 12\nmodel: {hidden: [20], dropout: 0.1}\n"
                                 "data: {train: digits/train}\noptimizer: {name: lbfgs, max_iter: 5}\n";
    plan              p        = {.config = {config}};
    (void)state;
    plan_resumes(config, "searched");
    plan_run(&p, 2);
    plan_good(&p);
    assert_true(p.rank[1].about.evaluations > 1 && p.rank[1].about.evaluations <= 8);
    assert_true(p.rank[0].about.replayed);
    assert_true(p.rank[0].about.last.loss / p.rank[0].about.last.weight < 0.3);
    plan_clear(&p);
}

/* ---- frozen parameters ---- */

enum { MOST_WEIGHTS = 20000 };

typedef struct named_weights {
    float   v[MOST_WEIGHTS]; /* in order of registration */
    int64_t n, trained;
} named_weights;

static hoop_status take_weights(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    named_weights *w      = p->ctx;
    hoop_params   *params = hoop_trainer_params(tr);
    hoop_status    st     = hoop_trainer_run(tr, NULL, 0, err);
    if (rank != 0) return st;
    w->n       = 0;
    w->trained = hoop_params_trained(params);
    for (int i = 0; i < hoop_params_count(params); i++) {
        const hoop_tensor *x = hoop_params_tensor(params, i);
        memcpy(w->v + w->n, hoop_tensor_data(x), (size_t)hoop_tensor_numel(x) * sizeof *w->v);
        w->n += hoop_tensor_numel(x);
    }
    return st;
}

/* What is frozen has the weights it began with, and the others those of a run in which its learning rate is 0: on any number of
 * ranks, leaves at once and one by one, replayed and not; they have no state, and the run is resumed on other ranks. */
static void frozen_ones_stay(void **state)
{
#define FROZEN_RUN "seed: 7\nbatch: 42\nleaves: 12\nthreads: 1\nsteps: 12\ndata: {train: digits/train}\ndist: {bucket_mb: 0.01}\n"
#define SGD "optimizer: {name: sgd, lr: 0.05, momentum: 0.9"
    static const struct {
        const char *frozen, *match;
        int64_t     trained;
    } rows[] = {
        {"[layers.0.*]", "layers.0.*", 5},
        {"['*.bias']", "*.bias", 126},
        {"layers.?.weight", "layers.?.weight", 3},
    };
    static const char *const ways[] = {"", "capture: off\n", "memory: {limit: 0}\n"};
    static named_weights     a, b;
    plan                     slow = {.drive = take_weights, .ctx = &a}, p = {.drive = take_weights, .ctx = &b};
    char                     one[1024], other[1024];
    (void)state;
    slow.config[0] = one;
    p.config[0]    = other;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)snprintf(one, sizeof one, FROZEN_RUN "model: {hidden: [20, 12]}\n" SGD ", groups: [{match: '%s', lr: 0}]}\n",
                       rows[i].match);
        plan_run(&slow, 1);
        plan_good(&slow);
        for (int w = 0; w < 3; w++)
            for (int size = 1; size <= 4; size++) {
                (void)snprintf(other, sizeof other, FROZEN_RUN "model: {hidden: [20, 12], frozen: %s}\n" SGD "}\n%s",
                               rows[i].frozen, ways[w]);
                plan_run(&p, size);
                plan_good(&p);
                assert_int_equal(b.trained, rows[i].trained);
                assert_int_equal(a.n, b.n);
                assert_memory_equal(a.v, b.v, (size_t)a.n * sizeof *a.v);
            }
        (void)snprintf(other, sizeof other, FROZEN_RUN "model: {hidden: [20, 12], frozen: %s}\n" SGD "}\n", rows[i].frozen);
        (void)snprintf(one, sizeof one, "frozen-%d", (int)i);
        plan_resumes(other, one);
    }
    plan_clear(&slow);
    plan_clear(&p);
}

static void frozen_ones_that_are_refused(void **state)
{
    static const struct {
        const char *frozen, *words;
    } cases[] = {
        {"[layers.0.bais]",
         "test.yaml:8: model.frozen[0]: no parameter is called like 'layers.0.bais'; did you mean 'layers.0.bias'"},
        {"['*.bias', 'encoder.*']",
         "model.frozen[1]: no parameter is called like 'encoder.*'; the first is called 'layers.0.weight'"},
        {"[['*.bias']]", "model.frozen[0]: names of parameters are wanted"},
        {"''", "model.frozen: names of parameters are wanted"},
        {"['*.bias', '*.weight']", "all parameters are frozen (layers.0.weight, ...): there is nothing to train"},
    };
    char text[1024];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plan p = {.config = {text}};
        (void)snprintf(text, sizeof text, FROZEN_RUN "model: {hidden: [20, 12], frozen: %s}\n", cases[i].frozen);
        plan_run(&p, 2);
        for (int r = 0; r < 2; r++) plan_failed(&p, r, HOOP_ECONFIG, cases[i].words);
        plan_clear(&p);
    }
}

static void configs_are_refused(void **state)
{
    static const struct {
        const char *optimizer, *words;
    } cases[] = {
        {"{name: adam, momentum: 0.9}", "optimizer.momentum: is a key of sgd and rmsprop and lars and muon, and the name is "
                                        "adam; leave it out, or choose name: sgd"},
        {"{name: sgd, nesterov: true}", "test.yaml:9: optimizer.nesterov: wants a momentum above 0 and no dampening"},
        {"{name: muon, ns_coefficients: [1, 2]}",
         "test.yaml:9: optimizer.ns_coefficients: three are wanted, such as [3.4445, -4.775, 2.0315], not 2"},
        {"{name: muon, groups: [{match: '*', by: muon}]}", "optimizer.groups[0].by: unknown 'muon', must be one of shape, adamw"},
        {"{name: adafactor, d: 0.5}", "optimizer.d: 0.5 is out of range"},
        {"{name: lamb, trust: false}", "optimizer.trust"},
        {"{name: lbfgs, weight_decay: 0.1}", "test.yaml:9: optimizer.weight_decay: is a key of"},
        {"{name: lbfgs, history_size: 0}", "test.yaml:9: optimizer.history_size: 0 is out of range"},
        {"{name: lbfgs, line_search_fn: armijo}",
         "optimizer.line_search_fn: unknown 'armijo', must be one of strong_wolfe, none"},
        {"{name: lbfgs, groups: [{match: '*.bias', lr: 2}]}",
         "test.yaml:9: optimizer.groups: lbfgs takes all parameters as one vector, with the same options; take groups out"},
        {"{name: lbfgs}\nclip_norm: 1",
         "test.yaml:10: clip_norm: lbfgs searches by the gradient of the loss, which must be whole"},
        {"{name: lbfgs}\nclip_value: 1", "test.yaml:10: clip_value: lbfgs searches by the gradient"},
        {"{name: adamw}\nschedule: {name: multi_step}", "schedule: milestones: steps are wanted, such as [2000, 3000]"},
        {"{name: adamw}\nschedule: {name: multi_step, milestones: [5, 3]}",
         "test.yaml:10: schedule.milestones: 3 comes after 5; they are wanted in order"},
        {"{name: adamw}\nschedule: {name: one_cycle, pct_start: 1.5}", "test.yaml:10: schedule.pct_start: 1.5 is out of range"},
        {"{name: adamw}\nschedule: {name: cosine, power: 2}", "schedule.power: is a key of polynomial, and the name is cosine"},
        {"{name: adamv}", "optimizer.name: unknown 'adamv', did you mean 'adamw'?"},
        {"{groups: {match: a}}", "optimizer.groups: a list of groups is wanted"},
        {"{groups: []}", "optimizer.groups: a list of groups is wanted"},
        {"{groups: [adam]}", "optimizer.groups[0]: give its keys"},
        {"{groups: [{lr: 1}]}", "optimizer.groups[0]: match must be given"},
        {"{groups: [{match: '*.bias', momentum: 0.9}]}", "optimizer.groups[0].momentum: unknown key; it takes match, lr"},
        {"{groups: [{match: '*.bias', wait_decay: 0.9}]}", "groups[0].wait_decay: unknown key; did you mean weight_decay?"},
        {"{groups: [{match: '*.bias', lr: -1}]}", "optimizer.groups[0].lr: -1 is out of range"},
        {"{groups: [{match: '*.bias'}, {match: bias}]}",
         "groups[1]: match: no parameter is called like 'bias'; they are called as layers.0"},
        {"{name: sgd, groups: [{match: '*', nesterov: true}]}", "optimizer.groups[0].nesterov: wants a momentum"},
    };
    char text[1024];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plan p = {.config = {text}};
        (void)snprintf(text, sizeof text, "%soptimizer: %s\n", RUN, cases[i].optimizer);
        plan_run(&p, 2);
        for (int r = 0; r < 2; r++) plan_failed(&p, r, HOOP_ECONFIG, cases[i].words);
        plan_clear(&p);
    }
}

/* All keys there were when sections had no kinds: as stored by a run, they still read. */
static void stored_configs_read(void **state)
{
    static const char text[] =
        "loss: mse\nmodel:\n  kind: mlp\n  init: pytorch\n  output_shape: []\n  hidden: [512, 256]\n  activation: relu\n  "
        "dropout: 0\n"
        "  outputs: auto\noptimizer:\n  name: adamw\n  lr: 0.001\n  weight_decay: 0.01\n  momentum: 0.9\n  dampening: 0\n"
        "  nesterov: true\n  beta1: 0.9\n  beta2: 0.999\n  eps: 1e-08\nschedule:\n  name: cosine\n  warmup_steps: 50\n"
        "  min_factor: 0\n  every_steps: 1000\n  gamma: 0.5\n";
    hoop_config *config = NULL;
    hoop_error   e      = {0};
    (void)state;
    assert_ok(hoop_config_parse_stored(text, "old", &err, &config));
    assert_ok(hoop_config_check_known(config, hoop_train_schema(), &err));
    hoop_config_destroy(&config);
    assert_ok(hoop_config_parse(text, "copied", &err, &config)); /* a person's: what says something is told */
    assert_int_equal(hoop_config_check_known(config, hoop_train_schema(), &e), HOOP_ECONFIG);
    assert_non_null(strstr(e.text, "optimizer.momentum: is a key of sgd and rmsprop and lars and muon, and the name is adamw"));
    hoop_config_destroy(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_on_any_number_of_ranks),
        cmocka_unit_test(groups_are_resumed),
        cmocka_unit_test(kinds_are_resumed),
        cmocka_unit_test(searches_in_any_loop),
        cmocka_unit_test(frozen_ones_stay),
        cmocka_unit_test(frozen_ones_that_are_refused),
        cmocka_unit_test(configs_are_refused),
        cmocka_unit_test(stored_configs_read),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

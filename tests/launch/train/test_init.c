/* model.init: weights that begin by pattern, on any number of ranks; resumed; what is refused, and where. */
#include "plan.h"

#define RUN                                                                                                                      \
    "seed: 7\nbatch: 42\nleaves: 12\nthreads: 1\nsteps: 12\ndata: {train: digits/train}\n"                                       \
    "dist: {bucket_mb: 0.01}\noptimizer: {name: sgd, lr: 0.05}\n"
#define MODEL(init) RUN "model: {layers: [flatten, {linear: 20}, prelu, {linear: 10}], init: " init "}\n"
#define RULES                                                                                                                    \
    MODEL("[{match: 'layers.1.weight', name: orthogonal, gain: 0.5}, {match: '*.weight', name: constant, value: 0.125}, "        \
          "{match: '*.bias', name: zeros}]")

static void plan_of(const char *config, int size, plan *p)
{
    p->config[0] = config;
    plan_run(p, size);
    plan_good(p);
}

static void same_on_ranks(void **state)
{
    plan first = {0}, p = {0}, plain = {0};
    (void)state;
    plan_of(RULES, 1, &first);
    for (int size = 2; size <= 4; size++) {
        plan_of(RULES, size, &p);
        plan_same(&first, &p);
    }
    plan_of(MODEL("pytorch"), 1, &plain);
    assert_memory_not_equal(first.rank[0].weights, plain.rank[0].weights, (size_t)plain.rank[0].bytes);
    plan_of(RUN "model: {layers: [flatten, {linear: 20}, prelu, {linear: 10}]}\n", 2, &p); /* what it is where it is not said */
    plan_same(&plain, &p);
    plan_of(MODEL("[{match: '*', name: pytorch}]"), 2, &p);
    plan_same(&plain, &p);
    plan_clear(&first);
    plan_clear(&p);
    plan_clear(&plain);
}

/* A kind of model whose parameters begin in ways of its own, which the config may say otherwise of. */
#define KIND(init) RUN "model: {kind: vit, patch: 14, layers: 1, heads: 1, width: 4" init "}\n"
#define OTHERS                                                                                                                   \
    "{match: encoder.pos_embedding, name: normal, std: 0.02}, {match: '*.mlp.?.weight', name: xavier_uniform}, "                 \
    "{match: '*.mlp.?.bias', name: normal, std: 1e-6}, {match: '*.in_proj_weight', name: xavier_uniform}]"
static void as_the_kind_has_it(void **state)
{
    plan own = {0}, said = {0};
    (void)state;
    plan_of(KIND(""), 1, &own);
    plan_of(KIND(", init: pytorch"), 2, &said);
    plan_same(&own, &said);
    plan_of(KIND(", init: [{match: class_token, name: zeros}, " OTHERS), 2, &said);
    plan_same(&own, &said);
    plan_of(KIND(", init: glorot"), 1, &said);
    assert_memory_not_equal(own.rank[0].weights, said.rank[0].weights, (size_t)own.rank[0].bytes);
    plan_of(KIND(", init: [{match: class_token, name: ones}]"), 1, &own);
    assert_memory_not_equal(own.rank[0].weights, said.rank[0].weights, (size_t)own.rank[0].bytes);
    plan_of(KIND(", init: [{match: class_token, name: ones}, " OTHERS), 2, &said);
    plan_same(&own, &said);
    plan_clear(&own);
    plan_clear(&said);
}

static void resumed(void **state)
{
    (void)state;
    plan_resumes(RULES, "init-rules");
    plan_resumes(MODEL("he"), "init-he");
}

static hoop_status run_and_save(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    (void)p, (void)rank;
    if (st == HOOP_OK) st = hoop_trainer_save(tr, err);
    return st == HOOP_OK ? hoop_trainer_finish(tr, err) : st;
}

/* A word that says what held anyway decides nothing; another does. */
static void resumed_with_another(void **state)
{
    plan half = {.drive = run_and_save, .opts = {.run_dir = "init-word"}}, rest = {.opts = {.resume = "init-word"}};
    (void)state;
    plan_of(RUN "model: {hidden: [8]}\n", 1, &half);
    rest.config[0] = RUN "model: {hidden: [8], init: pytorch}\n";
    plan_run(&rest, 1);
    plan_good(&rest);
    rest.config[0] = RUN "model: {hidden: [8], init: he}\n";
    plan_run(&rest, 1);
    plan_failed(&rest, 0, HOOP_ECONFIG, "model.init is he, but the run was started with pytorch");
    rest.config[0] = RUN "model: {hidden: [8], init: [{match: '*', name: ones}]}\n";
    plan_run(&rest, 1);
    plan_failed(&rest, 0, HOOP_ECONFIG,
                "model.init is [{\"match\":\"*\",\"name\":\"ones\"}], but the run was started with pytorch");
    plan_clear(&half);
    plan_clear(&rest);
}

static void refused(void **state)
{
    static const struct {
        const char *init, *words;
    } cases[] = {
        {"pytorhc", "test.yaml:9: model.init: 'pytorhc' is none of the ways to begin; did you mean pytorch?"},
        {"orthogonal",
         "model.init: orthogonal is for parameters that are named, as in [{match: \"*.weight\", name: orthogonal}]"},
        {"{match: a}", "model.init: a list is wanted, such as"},
        {"[he]", "model.init[0]: match and name must be given"},
        {"[{match: '*'}]", "model.init[0]: match and name must be given"},
        {"[{name: ones}]", "test.yaml:9: model.init[0].match must be given"},
        {"[{match: '*', name: ones}, {match: '*', name: kaiming_norml}]",
         "model.init[1].name: 'kaiming_norml' is none of the ways to begin; did you mean kaiming_normal?"},
        {"[{match: '*', name: normal, sdt: 1}]", "model.init[0].sdt: unknown key; did you mean std?"},
        {"[{match: '*', name: normal, std: -1}]", "model.init[0].std: -1 is out of range"},
        {"[{match: '*', name: constant}]", "model.init[0].value must be given"},
        {"[{match: '*.wieght', name: ones}]", "model.init[0]: no parameter is called '*.wieght'"},
        {"[{match: '*', name: ones}, {match: '*.bias', name: zeros}]",
         "model.init[1]: all parameters like '*.bias' are filled by items above it"},
        {"[{match: '*', name: kaiming_normal}]", "model.init[0]: kaiming_normal of layers.0.bias: it has 1 dims"},
    };
    char text[1024];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plan p = {.config = {text}};
        (void)snprintf(text, sizeof text, "%smodel: {hidden: [8], init: %s}\n", RUN, cases[i].init);
        plan_run(&p, 2);
        for (int r = 0; r < 2; r++) plan_failed(&p, r, HOOP_ECONFIG, cases[i].words);
        plan_clear(&p);
    }
}

/* The weights of a run, in either precision, with another optimiser and on any number of ranks; a step of lr 0 leaves them. */
static void begun_with_a_runs_weights(void **state)
{
#define BEGUN "seed: 8\nbatch: 42\nleaves: 12\nthreads: 1\ndata: {train: digits/train, normalize: standard}\n"
#define SMALL "model: {kind: mlp, hidden: [9]"
    plan first = {.config = {"seed: 7\nbatch: 42\nleaves: 12\nthreads: 1\nsteps: 3\ndata: {train: digits/train, normalize: "
                             "standard}\n" SMALL "}\n"},
                  .drive  = run_and_save,
                  .opts   = {.run_dir = "weights"}},
         still = {.config = {BEGUN "steps: 1\noptimizer: {name: sgd, lr: 0}\n" SMALL ", weights: weights}\n"}},
         wide  = {.config = {BEGUN "precision: f64\nsteps: 1\noptimizer: {name: sgd, lr: 0}\n" SMALL ", weights: weights}\n"}},
         on    = {0};
    plan_run(&first, 2);
    plan_good(&first);
    (void)state;
    for (int size = 1; size <= 3; size += 2) {
        plan_run(&still, size);
        plan_good(&still);
        assert_memory_equal(still.rank[0].weights, first.rank[0].weights, (size_t)first.rank[0].bytes);
    }
    plan_run(&wide, 2);
    plan_good(&wide);
    for (int64_t i = 0; i < first.rank[0].bytes / 4; i++)
        assert_true(((double *)wide.rank[0].weights)[i] == (double)((float *)first.rank[0].weights)[i]);
    plan_resumes(BEGUN "steps: 9\noptimizer: {name: lbfgs, max_iter: 2}\n" SMALL ", weights: weights}\n", "weights-on");
    on.config[0] = BEGUN "steps: 1\nmodel: {kind: mlp, hidden: [8], weights: weights}\n";
    plan_run(&on, 2);
    for (int r = 0; r < 2; r++) plan_failed(&on, r, HOOP_ECONFIG, "layers.0.weight is f32 of 7056 elements, the model's is");
    on.config[0] = BEGUN "steps: 1\nmodel: {kind: mlp, hidden: [9, 9], weights: weights}\n";
    plan_run(&on, 2);
    plan_failed(&on, 1, HOOP_ECONFIG, "test.yaml:7: model.weights: ");
    on.config[0] = BEGUN "steps: 1\nmodel: {kind: mlp, hidden: [9], weights: nowhere}\n";
    plan_run(&on, 2);
    assert_true(on.rank[0].error.status != HOOP_OK && strstr(on.rank[0].error.text, "model.weights: nowhere") != NULL);
    plan_clear(&first);
    plan_clear(&still);
    plan_clear(&wide);
    plan_clear(&on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_on_ranks), cmocka_unit_test(as_the_kind_has_it),
        cmocka_unit_test(resumed),       cmocka_unit_test(resumed_with_another),
        cmocka_unit_test(refused),       cmocka_unit_test(begun_with_a_runs_weights),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

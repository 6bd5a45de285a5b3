/* Several inputs and targets: from files and from the caller's arrays, with the config's model and the caller's own; the same
 * bits on any ranks and after a resumption, leaves by number and by name, and what is refused. */
#include "plan.h"
#include "../../datasets.h"

#include <math.h>

#include "hoop/ops.h"

enum { ROWS = 100, U = 2, V = 4, P = 3, CLASSES = 3 };

static float   u[ROWS][U], v[ROWS][V], p[ROWS][P];
static int64_t c[ROWS];

static void fill(void)
{
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < U; j++) u[i][j] = (float)((i * 7 + j * 13) % 29) / 14 - 1;
        for (int j = 0; j < V; j++) v[i][j] = (float)((i * 11 + j * 5) % 31) / 15 - 1;
        for (int j = 0; j < P; j++) p[i][j] = u[i][j % U] * v[i][j] + 0.25F * v[i][3];
        c[i] = i % 10 == 9 ? HOOP_IGNORE_LABEL : u[i][0] > v[i][0] ? 0 : u[i][1] > v[i][1] ? 1 : 2;
    }
}

/* width numbers a row; 0: one, without a dim of its own */
static void put_rows(hid_t file, const char *name, hid_t type, int width, const void *values)
{
    put(file, name, type, width > 0 ? 2 : 1, (hsize_t[]){ROWS, (hsize_t)width}, values);
}

static int enter(void **state)
{
    hid_t file;
    if (enter_folder(state) != 0) return -1;
    fill();
    file = H5Fcreate("sim.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Gclose(H5Gcreate2(file, "/fields", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    put_rows(file, "/fields/u", H5T_NATIVE_FLOAT, U, u);
    put_rows(file, "/fields/v", H5T_NATIVE_FLOAT, V, v);
    put_rows(file, "/fields/p", H5T_NATIVE_FLOAT, P, p);
    put_rows(file, "/c", H5T_NATIVE_INT64, 0, c);
    return H5Fclose(file) >= 0 ? 0 : -1;
}

#define RUN "seed: 5\nbatch: 24\nleaves: 6\nthreads: 1\noptimizer: {name: adamw, lr: 5e-3}\nclip_norm: 1\n"
#define FIELDS                                                                                                                   \
    "inputs: {u: /fields/u, v: {path: /fields/v}}, targets: {p: {path: /fields/p, loss: mse, weight: 0.5}, "                     \
    "c: {path: /c, loss: cross_entropy, classes: 3}}"
#define DATA "data: {train: sim.h5, validation: sim.h5, " FIELDS "}\n"
/* the residual branch in the middle has dropout */
#define BRANCHES                                                                                                                 \
    "model: {layers: [{parallel: {inputs: each, join: concat, branches: {u: [{linear: 8}, relu], v: [{linear: 8}]}}}, "          \
    "{residual: [{linear: 16}, tanh, {dropout: 0.1}]}, {parallel: {branches: {c: [{linear: 3}], p: [{linear: 3}]}}}]}\n"

/* ---- the caller's arrays ---- */

static const hoop_trainer_field inputs[]  = {{.name = "u", .ndim = 1, .shape = {U}}, {.name = "v", .ndim = 1, .shape = {V}}};
static const hoop_trainer_field targets[] = {{.name = "p", .ndim = 1, .shape = {P}, .loss = "mse", .weight = 0.5},
                                             {.name = "c", .loss = "cross_entropy", .classes = CLASSES}};
static const hoop_trainer_opts  arrays    = {.arrays = true, .inputs = inputs, .ninputs = 2, .targets = targets, .ntargets = 2};

/* in order, as the loader gives them without shuffling */
static hoop_status feed(plan *pl, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    (void)pl;
    (void)rank;
    while (st == HOOP_OK && hoop_trainer_about(tr)->step < hoop_trainer_about(tr)->steps) {
        int64_t       first, n = hoop_trainer_share(tr, &first);
        const int64_t at = hoop_trainer_about(tr)->step % 4 * 24 + first;
        (void)n;
        st = hoop_trainer_step_fields(tr, (const void *const[]){u[at], v[at]}, (const void *const[]){p[at], &c[at]}, err);
    }
    return st;
}

typedef struct own_model {
    hoop_params *params;
    hoop_tensor *wu, *wv, *wc;
} own_model;
static own_model own[MOST_RANKS];

static hoop_status add_own(plan *pl, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    own_model  *m = &own[rank];
    hoop_status st;
    (void)pl;
    (void)comm;
    HOOP_TRY(st, done, hoop_params_create(HOOP_F32, err, &m->params));
    HOOP_TRY(st, done, hoop_params_add(m->params, "u", 2, (int64_t[]){P, U}, err, &m->wu));
    HOOP_TRY(st, done, hoop_params_add(m->params, "v", 2, (int64_t[]){P, V}, err, &m->wv));
    HOOP_TRY(st, done, hoop_params_add(m->params, "c", 2, (int64_t[]){CLASSES, P}, err, &m->wc));
    opts->params = m->params;
done:
    return st;
}

static void drop_own(plan *pl, int rank)
{
    (void)pl;
    hoop_params_destroy(&own[rank].params);
}

/* h = u Wu' + v Wv' predicts p, and h Wc' the class; inputs by name, targets by number */
static hoop_tensor *own_loss(const own_model *m, hoop_leaf *leaf)
{
    hoop_tape   *t    = hoop_leaf_tape(leaf);
    hoop_tensor *h    = hoop_linear(t, hoop_leaf_find(leaf, "u"), m->wu, NULL);
    hoop_tensor *more = hoop_linear(t, hoop_leaf_input(leaf, 1), m->wv, NULL), *first, *second;
    h                 = hoop_add(t, h, more);
    first             = hoop_mse(t, h, hoop_leaf_target(leaf, 0));
    h                 = hoop_linear(t, h, m->wc, NULL);
    second            = hoop_cross_entropy(t, h, hoop_leaf_find(leaf, "c"));
    first             = hoop_add(t, first, second);
    return hoop_loss(t, first, hoop_fill(t, HOOP_F64, 0, NULL, (double)hoop_tensor_size(h, 0)));
}

static hoop_status train_own(plan *pl, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    (void)pl;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            if (hoop_leaf_find(leaf, "v") != hoop_leaf_input(leaf, 1) || hoop_leaf_find(leaf, "p") != hoop_leaf_target(leaf, 0) ||
                hoop_leaf_lengths(leaf, "u") != NULL)
                return hoop_fail(err, HOOP_ESTATE, "names and numbers are not the same");
            hoop_trainer_backward(tr, own_loss(&own[rank], leaf));
        }
        st = hoop_trainer_update(tr, err);
    }
    if (st == HOOP_OK && hoop_trainer_about(tr)->last.target[0].loss != 0) /* what each loses only the caller knows */
        st = hoop_fail(err, HOOP_ESTATE, "the loss of all is told as that of the first");
    return st;
}

static void a_model_of_ones_own_takes_them_by_name_and_number(void **state)
{
    plan one = {.config = {RUN DATA "epochs: 3\n"}, .before = add_own, .after = drop_own, .drive = train_own}, many = one;
    (void)state;
    plan_run(&one, 1);
    plan_good(&one);
    for (int size = 2; size <= 3; size++) {
        plan_run(&many, size);
        plan_same(&many, &one);
        assert_true(many.rank[0].about.last.loss == one.rank[0].about.last.loss);
    }
    plan_clear(&one);
    plan_clear(&many);
}

/* ---- the same model as a function ---- */

static void own_forward(void *ctx, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const own_model *m = ctx;
    hoop_tensor     *h = hoop_linear(t, in[0], m->wu, NULL), *more = hoop_linear(t, in[1], m->wv, NULL);
    (void)nin;
    out[0] = hoop_add(t, h, more);
    out[1] = hoop_linear(t, out[0], m->wc, NULL);
}

static hoop_status add_function(plan *pl, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    opts->ctx      = &own[rank];
    opts->forward  = own_forward;
    opts->row_wise = true;
    return add_own(pl, comm, rank, opts, err);
}

/* by hand, as hoop/train.h says what hoop_trainer_loss makes of them */
static hoop_status train_as_said(plan *pl, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    (void)pl;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_tape   *t     = hoop_leaf_tape(leaf);
            hoop_tensor *in[2] = {hoop_leaf_input(leaf, 0), hoop_leaf_input(leaf, 1)}, *out[2], *first, *second;
            own_forward(&own[rank], t, 2, in, out);
            first  = hoop_scale(t, hoop_mse(t, out[0], hoop_leaf_target(leaf, 0)), 0.5 / P);
            second = hoop_scale(t, hoop_cross_entropy(t, out[1], hoop_leaf_target(leaf, 1)), 1.0);
            first  = hoop_add(t, first, second);
            hoop_trainer_backward(tr, hoop_loss(t, first, hoop_fill(t, HOOP_F64, 0, NULL, (double)hoop_tensor_size(in[0], 0))));
        }
        st = hoop_trainer_update(tr, err);
    }
    return st;
}

static hoop_status train_function(plan *pl, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    (void)pl, (void)rank;
    if (st == HOOP_OK) st = hoop_trainer_evaluate(tr, NULL, err, NULL);
    if (st == HOOP_OK &&
        !(hoop_trainer_about(tr)->last.target[0].loss > 0 && hoop_trainer_about(tr)->validation.target[1].nmetrics > 0))
        st = hoop_fail(err, HOOP_ESTATE, "what each target loses is not told");
    return st;
}

static void the_same_as_a_function(void **state)
{
    plan loop = {.config = {RUN DATA "epochs: 3\n"}, .before = add_own, .after = drop_own, .drive = train_as_said}, many = loop;
    (void)state;
    many.before = add_function;
    many.drive  = train_function;
    plan_run(&loop, 1);
    for (int size = 1; size <= 3; size++) {
        plan_run(&many, size);
        plan_same(&many, &loop);
        assert_true(size == 3 || many.rank[0].about.at_once > 1); /* of those of the short last step */
    }
    plan_clear(&loop);
    plan_clear(&many);
}

/* what a leaf is asked for, and what the step then says */
static const struct question {
    int         number; /* -1: by name */
    const char *name;
    bool        target, lengths;
    const char *words;
} questions[] = {
    {.number = 2, .words = "hoop_leaf_input: there is no number 2; they are 0 (u) to 1 (v)"},
    {.number = 7, .target = true, .words = "hoop_leaf_target: there is no number 7; they are 0 (p) to 1 (c)"},
    {.number = -1, .name = "vv", .words = "hoop_leaf_find: there is no input or target 'vv'; did you mean v"},
    {.number = -1, .name = "temperature", .words = "there is no input or target 'temperature'; the first is u"},
    {.number = -1, .name = "w", .lengths = true, .words = "hoop_leaf_lengths: there is no input or target 'w'"},
};

static hoop_status ask(plan *pl, hoop_trainer *tr, int rank, hoop_error *err)
{
    const struct question *q    = pl->ctx;
    hoop_leaf             *leaf = hoop_trainer_next_step(tr) ? hoop_trainer_next_leaf(tr) : NULL;
    hoop_tensor           *x;
    if (leaf == NULL) return hoop_fail(err, HOOP_ESTATE, "there is no leaf");
    x = q->lengths  ? hoop_leaf_lengths(leaf, q->name)
        : q->name   ? hoop_leaf_find(leaf, q->name)
        : q->target ? hoop_leaf_target(leaf, q->number)
                    : hoop_leaf_input(leaf, q->number);
    if (x != NULL) return hoop_fail(err, HOOP_ESTATE, "there is one");
    hoop_trainer_backward(tr, own_loss(&own[rank], leaf)); /* what else is recorded does no harm */
    return hoop_trainer_update(tr, err);
}

static void wrong_names_and_numbers_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        struct question q  = questions[i];
        plan            pl = {.config = {RUN DATA "epochs: 3\n"}, .before = add_own, .after = drop_own, .drive = ask, .ctx = &q};
        plan_run(&pl, 2);
        plan_failed(&pl, 0, HOOP_EARG, q.words);
        plan_failed(&pl, 1, HOOP_EARG, q.words);
        plan_clear(&pl);
    }
}

/* ---- the config's model ---- */

typedef struct seen {
    double loss, weight, each[2], weights[2], accuracy; /* of the last step */
    double validation[2];
    float  p[ROWS][P], c[ROWS][CLASSES];
} seen;

static void look(hoop_trainer *tr, seen *s)
{
    const hoop_metrics_sums *last = &hoop_trainer_about(tr)->last;
    s->loss                       = last->loss;
    s->weight                     = last->weight;
    for (int k = 0; k < 2; k++) {
        s->each[k]    = last->target[k].loss;
        s->weights[k] = last->target[k].weight;
    }
    s->accuracy = last->target[1].metric[0].value;
}

static hoop_status check_targets(hoop_trainer *tr, hoop_error *err)
{
    const hoop_target a = hoop_trainer_target(tr, 0), b = hoop_trainer_target(tr, 1);
    const bool        good = hoop_trainer_targets(tr) == 2 && strcmp(a.name, "p") == 0 && strcmp(a.loss->name, "mse") == 0 &&
                      a.weight == 0.5 && a.ndim == 1 && a.shape[0] == P && strcmp(b.name, "c") == 0 && b.loss->classes &&
                      b.classes == CLASSES && b.shape[0] == CLASSES && hoop_trainer_target(tr, 2).name == NULL &&
                      hoop_trainer_target(tr, -1).name == NULL;
    return good ? HOOP_OK : hoop_fail(err, HOOP_ESTATE, "targets are told as others");
}

static hoop_status train_and_look(plan *pl, hoop_trainer *tr, int rank, hoop_error *err)
{
    seen             *s = pl->ctx;
    hoop_metrics_sums sums;
    hoop_status       st;
    HOOP_TRY(st, done, check_targets(tr, err));
    HOOP_TRY(st, done, hoop_trainer_run(tr, NULL, 0, err));
    HOOP_TRY(st, done, hoop_trainer_evaluate(tr, NULL, err, &sums));
    if (rank != 0) goto done;
    look(tr, s);
    for (int k = 0; k < 2; k++) s->validation[k] = sums.target[k].loss;
    st = hoop_trainer_predict_fields(tr, (const void *const[]){u, v}, ROWS, (void *const[]){s->p, s->c}, err);
done:
    return st;
}

static void same_numbers(const seen *a, const seen *b)
{
    assert_true(a->loss == b->loss && a->weight == b->weight && a->each[0] == b->each[0] && a->each[1] == b->each[1]);
    assert_true(a->accuracy == b->accuracy && a->validation[0] == b->validation[0] && a->validation[1] == b->validation[1]);
    assert_memory_equal(a->p, b->p, sizeof a->p);
    assert_memory_equal(a->c, b->c, sizeof a->c);
}

/* The loss that is trained is made of the targets' as train.h says; what is predicted has the errors that evaluation tells. */
static void check_sums(const seen *s)
{
    double squares = 0;
    assert_true(fabs(s->loss - (0.5 * s->each[0] / P + s->each[1])) < 1e-6 * s->loss); /* added up in f32 */
    assert_true(s->weights[0] == P * s->weight && s->weights[1] <= s->weight);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < P; j++) squares += (double)(s->p[i][j] - p[i][j]) * (double)(s->p[i][j] - p[i][j]);
    assert_true(fabs(squares - s->validation[0]) < 1e-4 * squares);
    assert_true(s->validation[0] / (P * ROWS) < 0.2 && s->accuracy > 0.4); /* it has learnt something */
}

static void several_of_files_give_the_same_bits(void **state)
{
    static seen one, many;
    plan        a = {.config = {RUN DATA BRANCHES "epochs: 30\n"}, .drive = train_and_look, .ctx = &one}, b = a;
    (void)state;
    b.ctx = &many;
    plan_run(&a, 1);
    plan_good(&a);
    check_sums(&one);
    for (int size = 2; size <= 3; size++) {
        plan_run(&b, size);
        plan_same(&b, &a);
        same_numbers(&many, &one);
    }
    plan_clear(&a);
    plan_clear(&b);
}

static void several_go_on_where_they_were(void **state)
{
    (void)state;
    plan_resumes(RUN DATA BRANCHES "epochs: 3\n", "sim-run");
}

static void arrays_are_as_good_as_files(void **state)
{
    static const char files[] = RUN BRANCHES "data: {train: sim.h5, shuffle: false, " FIELDS "}\nsteps: 3\n";
    plan a = {.config = {files}}, b = {.config = {RUN BRANCHES "steps: 3\n"}, .opts = arrays, .drive = feed};
    (void)state;
    plan_run(&a, 1);
    plan_good(&a);
    for (int size = 1; size <= 3; size++) {
        plan_run(&b, size);
        plan_same(&b, &a);
    }
    plan_clear(&a);
    plan_clear(&b);
}

static void an_mlp_takes_several(void **state)
{
    plan one = {.config = {RUN "model: {hidden: [12]}\nsteps: 9\n"}, .opts = arrays, .drive = feed}, many = one;
    (void)state;
    plan_run(&one, 1);
    plan_good(&one);
    plan_run(&many, 3);
    plan_same(&many, &one);
    plan_clear(&one);
    plan_clear(&many);
}

/* losses and weights that the caller does not say are those of the config */
static void arrays_take_losses_of_the_config(void **state)
{
    static const char model[]  = RUN "model: {hidden: [12]}\nsteps: 9\n",
                      losses[] = RUN "model: {hidden: [12]}\nsteps: 9\ndata: {inputs: {u: /u, v: /v}, targets: {p: {path: /p, "
                                     "loss: mse, weight: 0.5}, c: /c}}\n";
    hoop_trainer_field out[2]  = {targets[0], targets[1]};
    plan               said = {.config = {model}, .opts = arrays, .drive = feed}, found = said;
    (void)state;
    for (int k = 0; k < 2; k++) {
        out[k].loss   = NULL;
        out[k].weight = 0;
    }
    found.config[0]    = losses;
    found.opts.targets = out;
    plan_run(&said, 1);
    plan_run(&found, 2);
    plan_good(&found);
    plan_same(&found, &said);
    plan_clear(&said);
    plan_clear(&found);
}

/* ---- what is refused ---- */

static hoop_status one_of_each(plan *pl, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_error  e = {.status = HOOP_OK};
    hoop_status st;
    (void)rank;
    if (hoop_trainer_step(tr, u, p, &e) != HOOP_EARG || strstr(e.text, "hoop_trainer_step_fields takes them all") == NULL)
        return hoop_fail(err, HOOP_ESTATE, "hoop_trainer_step takes several");
    e.status = HOOP_OK;
    if (hoop_trainer_predict(tr, u, 1, p, &e) != HOOP_EARG || strstr(e.text, "has 2 and 2") == NULL)
        return hoop_fail(err, HOOP_ESTATE, "hoop_trainer_predict takes several");
    st = feed(pl, tr, rank, err); /* it did no harm */
    return st;
}

static void calls_for_one_of_each_say_so(void **state)
{
    plan pl = {.config = {RUN "model: {hidden: [12]}\nsteps: 3\n"}, .opts = arrays, .drive = one_of_each};
    (void)state;
    plan_run(&pl, 2);
    plan_good(&pl);
    plan_clear(&pl);
}

static hoop_status without_v(plan *pl, hoop_trainer *tr, int rank, hoop_error *err)
{
    (void)pl;
    return hoop_trainer_step_fields(tr, (const void *const[]){u, rank == 1 ? NULL : v}, (const void *const[]){p, c}, err);
}

static void an_array_that_is_not_there_is_named(void **state)
{
    plan pl = {.config = {RUN "model: {hidden: [12]}\nsteps: 3\n"}, .opts = arrays, .drive = without_v};
    (void)state;
    plan_run(&pl, 2);
    plan_failed(&pl, 1, HOOP_EARG, "there are no rows of v: its array is NULL");
    plan_failed(&pl, 0, HOOP_EPEER, "there are no rows of v");
    plan_clear(&pl);
}

static void refused(hoop_trainer_opts opts, const char *config, hoop_status status, const char *words)
{
    plan pl = {.config = {config}, .opts = opts};
    plan_run(&pl, 2);
    plan_failed(&pl, 0, status, words);
    assert_false(pl.rank[0].created || pl.rank[1].created);
    plan_clear(&pl);
}

static void fields_that_cannot_be_are_refused(void **state)
{
    static const char config[] = RUN "model: {hidden: [12]}\nsteps: 3\n";
    hoop_trainer_opts o;
    (void)state;
#define WITH(field, value, status, words)                                                                                        \
    do {                                                                                                                         \
        hoop_trainer_field in[2] = {inputs[0], inputs[1]}, out[2] = {targets[0], targets[1]};                                    \
        o         = arrays;                                                                                                      \
        o.inputs  = in;                                                                                                          \
        o.targets = out;                                                                                                         \
        (field)   = (value);                                                                                                     \
        refused(o, config, (status), (words));                                                                                   \
    } while (0)
    WITH(in[1].name, "u", HOOP_EARG, "two inputs or targets are called 'u'");
    WITH(out[0].name, "u", HOOP_EARG, "two inputs or targets are called 'u'");
    WITH(in[1].name, NULL, HOOP_EARG, "wants a name of 1 to 63 bytes");
    WITH(in[1].name, "", HOOP_EARG, "wants a name of 1 to 63 bytes");
    WITH(in[0].shape[0], 0, HOOP_EARG, "u: shape[0] is 0; sizes are 1 or more");
    WITH(in[0].ndim, -1, HOOP_EARG, "u: ndim is 0 to 7");
    WITH(out[0].ndim, -1, HOOP_EARG, "p: ndim is 0 to 7"); /* to predict only */
    WITH(out[0].weight, -1, HOOP_EARG, "p: weight is -1");
    WITH(out[0].loss, "mean_squares", HOOP_EARG, "p: there is no loss 'mean_squares'");
    WITH(out[0].loss, "mze", HOOP_EARG, "did you mean mse");
    WITH(out[1].classes, 0, HOOP_EARG, "classes is wanted for cross_entropy");
    WITH(o.ntargets, 0, HOOP_EARG, "2 inputs and 0 targets; 1 or more of each");
    WITH(o.ninputs, 64, HOOP_EARG, "64 inputs and 2 targets; 1 or more of each, 64 in all");
    WITH(o.targets, NULL, HOOP_EARG, "inputs and targets are wanted both");
    WITH(o.input_ndim, 1, HOOP_EARG, "and without input_ndim");
    WITH(o.arrays, false, HOOP_EARG, "inputs and targets are those of arrays");
}

static void models_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    refused(arrays,
            RUN "steps: 3\nmodel: {layers: [{parallel: {inputs: each, join: concat, branches: [[], []]}}, {linear: 3}]}\n",
            HOOP_ECONFIG, "it has 1 output, and there are 2 targets (p, ...)");
    refused(arrays,
            RUN
            "steps: 3\nmodel: {layers: [{parallel: {inputs: each, join: concat, branches: [[], []]}}, {parallel: {branches: {p: "
            "[{linear: 3}], d: [{linear: 3}]}}}]}\n",
            HOOP_ECONFIG, "of its outputs none is called as the target 'c', and others are");
    refused(arrays,
            RUN
            "steps: 3\nmodel: {layers: [{parallel: {inputs: each, join: concat, branches: [[], []]}}, {parallel: {branches: {p: "
            "[{linear: 4}], c: [{linear: 3}]}}}]}\n",
            HOOP_ECONFIG, "the output for 'p' has 4 outputs, the targets 3 values");
    refused(arrays,
            RUN
            "steps: 3\nmodel: {layers: [{parallel: {inputs: each, join: concat, branches: [[], []]}}, {parallel: {branches: {p: "
            "[{linear: 3}], c: [{linear: 2}]}}}]}\n",
            HOOP_ECONFIG, "the output for 'c' has 2 outputs, the data 3 classes");
    refused(arrays, RUN "steps: 3\nmodel: {hidden: [4], output_shape: [3]}\n", HOOP_ECONFIG,
            "is for one target, and there are 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_of_ones_own_takes_them_by_name_and_number),
        cmocka_unit_test(the_same_as_a_function),
        cmocka_unit_test(wrong_names_and_numbers_are_told),
        cmocka_unit_test(several_of_files_give_the_same_bits),
        cmocka_unit_test(several_go_on_where_they_were),
        cmocka_unit_test(arrays_are_as_good_as_files),
        cmocka_unit_test(an_mlp_takes_several),
        cmocka_unit_test(arrays_take_losses_of_the_config),
        cmocka_unit_test(calls_for_one_of_each_say_so),
        cmocka_unit_test(an_array_that_is_not_there_is_named),
        cmocka_unit_test(fields_that_cannot_be_are_refused),
        cmocka_unit_test(models_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, enter, leave_folder);
}

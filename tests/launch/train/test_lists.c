/* Windows of a series and samples of different lengths: the same bits on any ranks and after a resumption, lengths beside what is
 * padded, and nothing of that counted. */
#include "plan.h"
#include "../../datasets.h"

#include <math.h>

#include "hoop/ops.h"

enum { ROWS = 100, LONGEST = 9 };

/* width numbers a row; 0: one, without a dim of its own */
static void put_rows(hid_t file, const char *name, hid_t type, int rows, int width, const void *values)
{
    put(file, name, type, width > 0 ? 2 : 1, (hsize_t[]){(hsize_t)rows, (hsize_t)width}, values);
}

/* Sample i has 1 to LONGEST rows (2): their mean decides `mean`, the sum of each its mark. */
static void make(hid_t file)
{
    static float   rows[ROWS * LONGEST][2], mean[ROWS][1];
    static int64_t offsets[ROWS + 1], singles[ROWS + 1], marks[ROWS * LONGEST];
    int            n = 0;
    for (int i = 0; i < ROWS; i++) {
        offsets[i] = n;
        singles[i] = i;
        for (int k = 0; k <= i * 5 % LONGEST; k++, n++) {
            rows[n][0] = (float)((n * 3) % 17) / 8 - 1;
            rows[n][1] = (float)((n * 5) % 19) / 9 - 1;
            marks[n]   = rows[n][0] + rows[n][1] < -0.4F ? 0 : rows[n][0] > rows[n][1] ? 1 : 2;
            mean[i][0] += rows[n][0] - 0.5F * rows[n][1];
        }
        mean[i][0] /= (float)(n - offsets[i]);
    }
    offsets[ROWS] = n;
    singles[ROWS] = ROWS;
    put_rows(file, "/series", H5T_NATIVE_FLOAT, ROWS, 2, rows);
    put_rows(file, "/rows", H5T_NATIVE_FLOAT, n, 2, rows);
    put_rows(file, "/marks", H5T_NATIVE_INT64, n, 0, marks);
    put_rows(file, "/offsets", H5T_NATIVE_INT64, ROWS + 1, 0, offsets);
    put_rows(file, "/singles", H5T_NATIVE_INT64, ROWS + 1, 0, singles);
    put_rows(file, "/mean", H5T_NATIVE_FLOAT, ROWS, 1, mean);
}

static int enter(void **state)
{
    hid_t file;
    if (enter_folder(state) != 0) return -1;
    file = H5Fcreate("lists.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    make(file);
    return H5Fclose(file) >= 0 ? 0 : -1;
}

#define RUN "seed: 5\nbatch: 24\nleaves: 6\nthreads: 1\noptimizer: {name: adamw, lr: 5e-3}\nclip_norm: 1\n"

static void windows_of_a_series(void **state)
{
    (void)state;
    plan_resumes(RUN "loss: mse\nmodel: {hidden: [12]}\nepochs: 3\ndata: {train: lists.h5, inputs: {past: {path: "
                     "/series, window: 6}}, targets: {next: {path: /series, horizon: 2}}}\n",
                 "series-run");
}

#define LISTS(more) "data: {train: lists.h5, inputs: {x: {path: /rows, offsets: /offsets" more "}}, targets: "

/* padded to the longest of a leaf, or to a length of the config: what is padded is not counted */
static void marks_of_lists(void **state)
{
#define MARKS RUN "model: {layers: [{linear: 8}, {residual: [{linear: 8}, tanh]}, {linear: 3}]}\nepochs: 3\n"
    (void)state;
    plan_resumes(MARKS LISTS("") "{c: {path: /marks, offsets: /offsets, classes: 3}}}\n", "marks-run");
    plan_resumes(MARKS LISTS(", length: 12") "{c: {path: /marks, offsets: /offsets, length: 12, classes: 3}}}\n", "padded-run");
}

typedef struct line {
    hoop_params *params;
    hoop_tensor *w;
} line;
static line own[MOST_RANKS];

/* the mean over a list, by the caller's own model: sums of what is padded with 0, over lengths */
static hoop_tensor *list_loss(const line *m, hoop_leaf *leaf)
{
    hoop_tape    *t   = hoop_leaf_tape(leaf);
    hoop_tensor  *sum = hoop_sum(t, hoop_leaf_find(leaf, "x"), 1U << 1, false), *n = hoop_leaf_lengths(leaf, "x");
    const int64_t column[2] = {hoop_tensor_size(sum, 0), 1};
    n                       = hoop_cast(t, n, HOOP_F32);
    n                       = hoop_reshape(t, n, 2, column);
    sum                     = hoop_div(t, sum, n);
    return hoop_mse(t, hoop_linear(t, sum, m->w, NULL), hoop_leaf_find(leaf, "mean"));
}

static hoop_status train_lists(plan *pl, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    (void)pl;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) hoop_trainer_backward(tr, list_loss(&own[rank], leaf));
        st = hoop_trainer_update(tr, err);
    }
    return st;
}

static hoop_status add_line(plan *pl, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    line       *m = &own[rank];
    hoop_status st;
    (void)pl;
    (void)comm;
    HOOP_TRY(st, done, hoop_params_create(HOOP_F32, err, &m->params));
    HOOP_TRY(st, done, hoop_params_add(m->params, "w", 2, (int64_t[]){1, 2}, err, &m->w));
    opts->params = m->params;
done:
    return st;
}

static void drop_line(plan *pl, int rank)
{
    (void)pl;
    hoop_params_destroy(&own[rank].params);
}

static void lengths_of_lists(void **state)
{
    const char  *config = "seed: 5\nbatch: 24\nleaves: 6\nthreads: 1\nloss: mse\noptimizer: {name: adam, lr: 0.05}\nepochs: "
                          "40\n" LISTS("") "{mean: /mean}}\n";
    plan         one = {.config = {config}, .before = add_line, .after = drop_line, .drive = train_lists}, many = one;
    const float *w;
    (void)state;
    plan_run(&one, 1);
    plan_good(&one);
    w = one.rank[0].weights;
    assert_true(fabsf(w[0] - 1) < 0.02F && fabsf(w[1] + 0.5F) < 0.02F);
    for (int size = 2; size <= 3; size++) {
        plan_run(&many, size);
        plan_same(&many, &one);
    }
    plan_clear(&one);
    plan_clear(&many);
}

/* A loss of ops that broadcast must not take 9 outputs for a target of 1. */
static void other_lengths(void **state)
{
    plan p = {.config = {RUN "loss: mse\nsteps: 3\nmodel: {layers: [{linear: 1}]}\n" LISTS(
                  "") "{mean: {path: /mean, offsets: /singles}}}\n"}};
    (void)state;
    plan_run(&p, 1);
    plan_failed(&p, 0, HOOP_ESHAPE, "do not fit target 'mean'");
    plan_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_a_series),
        cmocka_unit_test(marks_of_lists),
        cmocka_unit_test(lengths_of_lists),
        cmocka_unit_test(other_lengths),
    };
    return cmocka_run_group_tests(tests, enter, leave_folder);
}

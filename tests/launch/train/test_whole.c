/* A trainer whose optimiser needs whole matrices: it is a row of a table that this test has instead of the library's. */
#include "matrix_optim.h"
#include "plan.h"

extern const hoop_optim_kind hoop__optim_matrix;
const hoop_optim_kind        hoop__optim_matrix = {.name        = "matrix",
                                                   .help        = "for tests",
                                                   .options     = {"", matrix_rows, 2},
                                                   .opts_size   = sizeof(matrix_opts),
                                                   .states      = matrix_states,
                                                   .granularity = HOOP_BY_MATRIX,
                                                   .update      = matrix_update};

#define RUN "seed: 7\nbatch: 42\nthreads: 1\nsteps: 20\nmodel: {hidden: [40, 24]}\ndata: {train: digits/train}\n"

static void same_bits_on_any_number_of_ranks(void **state)
{
    static const char *const configs[] = {
        RUN "leaves: 12\ndist: {bucket_mb: 0.01}\noptimizer: {name: matrix, lr: 0.02}\n", RUN
        "leaves: 7\nprecision: f64\nclip_norm: 0.5\noptimizer: {name: matrix, lr: 0.02, groups: [{match: '*.0.*', lr: 0.1}]}\n"};
    static const int sizes[] = {2, 3, 4, 7};
    (void)state;
    for (int c = 0; c < 2; c++) {
        plan first = {.config = {configs[c]}}, p = {.config = {configs[c]}};
        matrix_wholes = matrix_wrong = 0;
        plan_run(&first, 1);
        plan_good(&first);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            plan_run(&p, sizes[s]);
            plan_same(&first, &p);
        }
        assert_int_equal(matrix_wholes, 5 * 20 * 3); /* each of three matrices once a step, on one of the ranks */
        assert_int_equal(matrix_wrong, 0);
        plan_clear(&first);
        plan_clear(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits_on_any_number_of_ranks)};
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

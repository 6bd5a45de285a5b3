/* The tables of losses and metrics: what every row must say, and what each metric makes of a few rows. */
#include "tape_test.h"

#include "hoop/loss.h"
#include "hoop/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void losses_are_whole(void **state)
{
    const hoop_loss_kind *k;
    (void)state;
    for (int i = 0; (k = hoop_loss_get(i)) != NULL; i++) {
        char opts[1024] = {0};
        assert_true(k->name[0] != '\0' && k->help[0] != '\0');
        assert_non_null(k->forward);
        assert_non_null(k->metrics);
        assert_ptr_equal(hoop_loss_find(k->name), k); /* the first of its name */
        assert_true(k->opts_size <= sizeof opts);
        assert_int_equal(hoop_option_defaults(&k->options, opts), HOOP_OK);
        for (int m = 0; k->metrics[m] != NULL; m++) assert_non_null(hoop_metric_find(k->metrics[m]));
        if (k->classes) assert_null(k->element);
    }
    assert_null(hoop_loss_get(-1));
    assert_null(hoop_loss_find("cross-entropy"));
}

/* forward of each: a sum with its weight, of which element is one term */
static void losses_are_sums(void **state)
{
    hoop_tape *t    = test_tape();
    double     x[6] = {0.5, -1.0, 2.0, 0.25, 3.0, -0.5}, y[6] = {0.0, 1.0, 2.5, 0.0, -1.0, 0.5};
    int64_t    row[3] = {1, 0, -100};
    (void)state;
    for (int i = 0; hoop_loss_get(i) != NULL; i++) {
        const hoop_loss_kind *k          = hoop_loss_get(i);
        char                  opts[1024] = {0};
        hoop_tensor          *out, *target, *loss;
        double                sum = 0;
        (void)hoop_option_defaults(&k->options, opts);
        out    = hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){k->classes ? 3 : 2, k->classes ? 2 : 3}, x);
        target = k->classes ? hoop_tape_wrap(t, HOOP_I64, 1, (int64_t[]){3}, row)
                            : hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){2, 3}, y);
        loss   = k->forward(t, out, target, opts);
        test_tape_ok(t);
        assert_non_null(hoop_loss_weight(loss));
        assert_true(hoop_tensor_item(hoop_loss_weight(loss)) == (k->classes ? 2.0 : 6.0));
        for (int j = 0; j < 6 && k->element != NULL; j++) sum += k->element(x[j], y[j], opts);
        if (k->element != NULL) assert_true(fabs(sum - hoop_tensor_item(loss)) < 1e-12);
    }
    hoop_tape_destroy(&t);
}

static void metrics_are_whole(void **state)
{
    const hoop_metric *m;
    (void)state;
    for (int i = 0; (m = hoop_metric_get(i)) != NULL; i++) {
        assert_true(m->name[0] != '\0' && m->help[0] != '\0' && m->brief[0] != '\0');
        assert_true(m->nsums >= 1 && m->nsums <= HOOP_METRIC_SUMS);
        assert_true(m->add != NULL && m->value != NULL);
        assert_ptr_equal(hoop_metric_find(m->name), m);
    }
    assert_null(hoop_metric_get(-1));
    assert_null(hoop_metric_find(""));
}

static double value_of(const char *name, const hoop_metric_call *c)
{
    const hoop_metric *m                      = hoop_metric_find(name);
    double             sums[HOOP_METRIC_SUMS] = {0};
    m->add(c, sums);
    return m->value(sums);
}

static void accuracy_is_of_labels_that_count(void **state)
{
    const float      f32[12] = {1, 2, 2, 5, 1, 1, 0, NAN, 1, 3, 2, 1};
    double           f64[12];
    const int64_t    label[4] = {1, 0, 2, -100};
    hoop_metric_call c        = {.rows = 4, .width = 3, .out = f32, .target = label, .target_dtype = HOOP_I64};
    char             text[32];
    (void)state;
    for (int i = 0; i < 12; i++) f64[i] = (double)f32[i];
    assert_true(value_of("accuracy", &c) == 2.0 / 3.0); /* the first of equal ones is right; beside NaN none is */
    c.out       = f64;
    c.out_dtype = HOOP_F64;
    assert_true(value_of("accuracy", &c) == 2.0 / 3.0);
    c.target = (const int64_t[]){2, 1, 7, -1};
    assert_true(value_of("accuracy", &c) == 0.0); /* the last of equal ones, another, none there are */
    c.target = (const int64_t[]){-100, -100, -100, -100};
    assert_true(isnan(value_of("accuracy", &c)));
    hoop_metric_find("accuracy")->format(0.98406, text, sizeof text);
    assert_string_equal(text, "98.41%");
}

static void errors_are_in_the_units_of_the_data(void **state)
{
    const float      out[6] = {1, 10, 2, 10, 4, 13}, plain[6] = {3, 10, 5, 10, 9, 13};
    const double     want[6] = {2, 10, 5, 10, 10, 10}, scale[2] = {2, 1}, shift[2] = {1, 0}, origin[2] = {2, 10};
    hoop_metric_call c = {.rows         = 3,
                          .width        = 2,
                          .first        = 0,
                          .count        = 1,
                          .out          = out,
                          .target       = want,
                          .target_dtype = HOOP_F64,
                          .scale        = scale,
                          .shift        = shift,
                          .origin       = origin};
    (void)state;
    for (int form = 0; form < 3; form++) { /* normalised outputs; plain ones; without an origin */
        if (form == 1) c.out = plain, c.scale = c.shift = NULL;
        if (form == 2) c.origin = NULL;
        c.first = 0, c.count = 1; /* errors 1, 0, -1 of 2, 5, 10 */
        assert_true(fabs(value_of("rmse", &c) - sqrt(2.0 / 3.0)) < 1e-15);
        assert_true(fabs(value_of("mae", &c) - 2.0 / 3.0) < 1e-15);
        assert_true(fabs(value_of("r2", &c) - (1.0 - 2.0 / (98.0 / 3.0))) < 1e-15);
        c.first = 1; /* errors 0, 0, 3 of 10, 10, 10 */
        assert_true(fabs(value_of("rmse", &c) - sqrt(3.0)) < 1e-15 && value_of("mae", &c) == 1.0);
        assert_true(isnan(value_of("r2", &c)));
        c.first = 0, c.count = 2;
        assert_true(fabs(value_of("mae", &c) - 5.0 / 6.0) < 1e-15);
    }
}

/* The op gives the sums that `add` makes of the same rows, also after backward where they are kept. */
static void the_op_counts_the_same(void **state)
{
    const double  x[6] = {1, 10, 2, 11, 4, 13}, y[6] = {2, 10, 5, 10, 10, 10}, scale[2] = {2, 1}, shift[2] = {1, 0.5};
    const int64_t label[3] = {1, -100, 0};
    hoop_tape    *t        = test_tape();
    (void)state;
    for (int i = 0; hoop_metric_get(i) != NULL; i++) {
        const hoop_metric *m = hoop_metric_get(i);
        for (int units = 0; units < (m->labels ? 1 : 2); units++) {
            double           want[HOOP_METRIC_SUMS] = {0}, got[HOOP_METRIC_SUMS] = {0};
            hoop_metric_call c = {.rows = 3, .width = 2, .count = m->labels ? 0 : 2, .out = x, .out_dtype = HOOP_F64};
            hoop_tensor     *out, *target, *by, *to, *sums;
            c.target       = m->labels ? (const void *)label : y;
            c.target_dtype = m->labels ? HOOP_I64 : HOOP_F64;
            if (units == 1) c.scale = scale, c.shift = shift;
            m->add(&c, want);
            assert_int_equal(hoop_tape_reset(t, NULL, NULL), HOOP_OK);
            out    = hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){3, 2}, x);
            target = hoop_tape_wrap(t, c.target_dtype, m->labels ? 1 : 2, (int64_t[]){3, 2}, c.target);
            by     = hoop_tape_wrap(t, HOOP_F64, 1, (int64_t[]){2}, scale);
            to     = hoop_tape_wrap(t, HOOP_F64, 1, (int64_t[]){2}, shift);
            sums   = hoop_metric_sums(t, m, out, target, units == 1 ? by : NULL, units == 1 ? to : NULL);
            test_tape_ok(t);
            assert_int_equal(hoop_tensor_numel(sums), m->nsums);
            assert_int_equal(hoop_tensor_read(sums, got, NULL), HOOP_OK);
            assert_memory_equal(got, want, sizeof want);
        }
    }
    hoop_tape_destroy(&t);
}

static void fails_with(hoop_tape *t, hoop_status want, const hoop_metric *m, hoop_tensor *out, hoop_tensor *target,
                       hoop_tensor *by)
{
    hoop_tensor *sums = hoop_metric_sums(t, m, out, target, by, by);
    assert_true(hoop_tensor_is_poison(sums));
    assert_int_equal(hoop_tape_error(t)->status, want);
}

static void the_op_says_what_it_wants(void **state)
{
    const hoop_metric *accuracy = hoop_metric_find("accuracy"), *mae = hoop_metric_find("mae");
    const double       x[6]     = {0};
    const int64_t      label[3] = {0};
    const hoop_metric  other    = *mae;
    hoop_tape         *t        = test_tape();
    (void)state;
    for (int i = 0; i < 6; i++) {
        hoop_tensor *out, *rows, *labels;
        (void)hoop_tape_reset(t, NULL, NULL);
        out    = hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){3, 2}, x);
        rows   = hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){2, 3}, x);
        labels = hoop_tape_wrap(t, HOOP_I64, 1, (int64_t[]){i == 3 ? 2 : 3}, label);
        if (i == 0) fails_with(t, HOOP_EARG, &other, out, out, NULL); /* no row of the table */
        if (i == 1) fails_with(t, HOOP_EDTYPE, accuracy, out, out, NULL);
        if (i == 2) fails_with(t, HOOP_EDTYPE, mae, out, labels, NULL);
        if (i == 3) fails_with(t, HOOP_ESHAPE, accuracy, out, labels, NULL);
        if (i == 4) fails_with(t, HOOP_ESHAPE, mae, out, rows, NULL);
        if (i == 5) fails_with(t, HOOP_ESHAPE, mae, out, out, out); /* a scale for each element */
    }
    hoop_tape_destroy(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_whole),
        cmocka_unit_test(losses_are_sums),
        cmocka_unit_test(metrics_are_whole),
        cmocka_unit_test(accuracy_is_of_labels_that_count),
        cmocka_unit_test(errors_are_in_the_units_of_the_data),
        cmocka_unit_test(the_op_counts_the_same),
        cmocka_unit_test(the_op_says_what_it_wants),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}

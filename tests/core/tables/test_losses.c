/* The tables of losses and metrics: what every row must say, and what each metric makes of a few rows. */
#include "tape_test.h"

#include "hoop/detection.h"
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
        static char opts[32768];
        assert_true(k->name[0] != '\0' && k->help[0] != '\0');
        assert_non_null(k->forward);
        assert_non_null(k->metrics);
        assert_ptr_equal(hoop_loss_find(k->name), k); /* the first of its name */
        assert_true(k->opts_size <= sizeof opts);
        memset(opts, 0, sizeof opts);
        assert_int_equal(hoop_option_defaults(&k->options, opts), HOOP_OK);
        for (int m = 0; k->metrics[m] != NULL; m++) assert_non_null(hoop_metric_find(k->metrics[m]));
        if (k->classes) assert_null(k->element);
        assert_false(k->classes && k->binary);
        for (int m = 0; k->metrics[m] != NULL; m++)
            if (!k->classes && hoop_metric_find(k->metrics[m])->labels) assert_true(k->binary);
        for (int m = 0; k->metrics[m] != NULL; m++) assert_true(hoop_metric_find(k->metrics[m])->boxes == k->boxes);
        assert_true((k->told == NULL) == (k->told_shape == NULL) && (!k->boxes || (k->told != NULL && k->fits != NULL)));
    }
    assert_null(hoop_loss_get(-1));
    assert_null(hoop_loss_find("cross-entropy"));
}

/* outputs and targets of two samples for each loss: values, labels, or what it says itself */
static void inputs_of(const hoop_loss_kind *k, hoop_tape *t, hoop_tensor **out, hoop_tensor **target)
{
    static const double  x[12] = {0.5, 0.125, 0.875, 0.25, 0.75, 0.625, 0.5, 0.25, 0.125, 0.75, 0.25, 0.5};
    static const double  y[6] = {0.0, 1.0, 0.5, 0.0, 1.0, 0.5}, sides[3] = {1, -1, 1};
    static const int64_t row[3] = {1, 0, -100}, rows[4] = {1, -100, 1, 1};
    /* two places 4 apart, a class; of two samples the second has no box */
    static const double places[32] = {2, 2, 4, 1, 2, 3, 1, 0.5, 6, 2, 4, 3, 2, 1, 2, -0.5,
                                      2, 2, 4, 1, 1, 1, 1, -1,  6, 2, 4, 2, 2, 2, 2, 0.25},
                        boxes[10]  = {1, 0, 7, 3, 0};
    int64_t shape[3]               = {2, 3, 2};
    if (k->boxes) {
        *out    = hoop_tape_wrap(t, HOOP_F64, 3, (int64_t[]){2, 2, 8}, places);
        *target = hoop_tape_wrap(t, HOOP_F64, 3, (int64_t[]){2, 1, 5}, boxes);
    } else if (strcmp(k->name, "ctc") == 0) {
        *out    = hoop_tape_wrap(t, HOOP_F64, 3, shape, x);
        *target = hoop_tape_wrap(t, HOOP_I64, 2, (int64_t[]){2, 2}, rows);
    } else if (strcmp(k->name, "gaussian_nll") == 0 || strcmp(k->name, "margin_ranking") == 0) {
        *out    = hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){2, 6}, x);
        *target = hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){2, 3}, y);
    } else if (strcmp(k->name, "cosine_embedding") == 0) {
        *out    = hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){3, 4}, x);
        *target = hoop_tape_wrap(t, HOOP_F64, 1, (int64_t[]){3}, sides);
    } else {
        *out    = hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){k->classes ? 3 : 2, k->classes ? 2 : 3}, x);
        *target = k->classes ? hoop_tape_wrap(t, HOOP_I64, 1, (int64_t[]){3}, row)
                             : hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){2, 3}, y);
    }
}

/* forward of each: a sum with its weight, of which element is one term; the sum of the first sample and of the rest, the whole */
static void losses_are_sums(void **state)
{
    hoop_tape  *t = test_tape();
    static char opts[32768];
    (void)state;
    for (int i = 0; hoop_loss_get(i) != NULL; i++) {
        const hoop_loss_kind *k = hoop_loss_get(i);
        hoop_tensor          *out, *target, *loss, *part[2];
        double                sum = 0, weight = 0;
        memset(opts, 0, sizeof opts);
        (void)hoop_option_defaults(&k->options, opts);
        inputs_of(k, t, &out, &target);
        loss = k->forward(t, out, target, opts);
        test_tape_ok(t);
        assert_non_null(hoop_loss_weight(loss));
        assert_true(hoop_tensor_item(hoop_loss_weight(loss)) > 0);
        for (int64_t j = 0; j < hoop_tensor_numel(out) && k->element != NULL; j++)
            sum += k->element(((double *)hoop_tensor_data(out))[j], ((double *)hoop_tensor_data(target))[j], opts);
        if (k->element != NULL && !(fabs(sum - hoop_tensor_item(loss)) < 1e-12))
            fail_msg("%s: element adds up to %g, forward to %g", k->name, sum, hoop_tensor_item(loss));
        sum = 0;
        for (int p = 0; p < 2; p++) {
            const int64_t first = p, n = p == 0 ? 1 : hoop_tensor_size(out, 0) - 1;
            hoop_tensor  *o = hoop_slice(t, out, 0, first, n), *w = hoop_slice(t, target, 0, first, n);
            part[p] = k->forward(t, hoop_contiguous(t, o), hoop_contiguous(t, w), opts);
            test_tape_ok(t);
            sum += hoop_tensor_item(part[p]);
            weight += hoop_tensor_item(hoop_loss_weight(part[p]));
        }
        if (!(fabs(sum - hoop_tensor_item(loss)) < 1e-12))
            fail_msg("%s: %g in parts, %g in all", k->name, sum, hoop_tensor_item(loss));
        if (!(fabs(weight - hoop_tensor_item(hoop_loss_weight(loss))) < 1e-12))
            fail_msg("%s: its weight is %g in parts, %g in all", k->name, weight, hoop_tensor_item(hoop_loss_weight(loss)));
        assert_int_equal(hoop_tape_reset(t, NULL, NULL), HOOP_OK);
    }
    hoop_tape_destroy(&t);
}

/* Of samples with weights, 0 too: what each loses alone, and its weight, times its own; 1 each is forward. */
static void samples_have_weights(void **state)
{
    static const double of[2][3] = {{1, 1, 1}, {0.75, 0, 2.5}};
    static char         opts[32768];
    hoop_tape          *t     = test_tape();
    int                 tried = 0;
    (void)state;
    for (int i = 0; hoop_loss_get(i) != NULL; i++)
        for (int with = 0; with < 2; with++) {
            const hoop_loss_kind *k = hoop_loss_get(i);
            hoop_tensor          *out, *target, *loss, *w;
            double                sum = 0, weight = 0;
            int64_t               n;
            if (k->weighted == NULL) continue; /* data.weights is refused with it */
            tried++;
            memset(opts, 0, sizeof opts);
            (void)hoop_option_defaults(&k->options, opts);
            inputs_of(k, t, &out, &target);
            n    = hoop_tensor_size(out, 0);
            w    = hoop_tape_wrap(t, HOOP_F64, 1, &n, of[with]);
            loss = k->weighted(t, out, target, NULL, w, opts);
            test_tape_ok(t);
            for (int64_t r = 0; r < n; r++) {
                hoop_tensor *o = hoop_slice(t, out, 0, r, 1), *y = hoop_slice(t, target, 0, r, 1);
                o = k->forward(t, hoop_contiguous(t, o), hoop_contiguous(t, y), opts);
                test_tape_ok(t);
                sum += of[with][r] * hoop_tensor_item(o);
                weight += of[with][r] * hoop_tensor_item(hoop_loss_weight(o));
            }
            if (!(fabs(sum - hoop_tensor_item(loss)) < 1e-12))
                fail_msg("%s: %g by samples, %g in all", k->name, sum, hoop_tensor_item(loss));
            if (!(fabs(weight - hoop_tensor_item(hoop_loss_weight(loss))) < 1e-12))
                fail_msg("%s: its weight is %g by samples, %g in all", k->name, weight, hoop_tensor_item(hoop_loss_weight(loss)));
            n = 1;
            w = hoop_tape_wrap(t, HOOP_F64, 1, &n, of[0]); /* too few */
            assert_true(hoop_tensor_is_poison(k->weighted(t, out, target, NULL, w, opts)));
            assert_int_equal(hoop_tape_reset(t, NULL, NULL), HOOP_ESHAPE);
        }
    assert_true(tried >= 2 * 24); /* all of hoop's own */
    hoop_tape_destroy(&t);
}

static void metrics_are_whole(void **state)
{
    const hoop_metric *m;
    (void)state;
    for (int i = 0; (m = hoop_metric_get(i)) != NULL; i++) {
        assert_true(m->name[0] != '\0' && m->help[0] != '\0' && m->brief[0] != '\0');
        if (m->boxes) { /* hoop/detection.h counts them */
            assert_true(m->evaluation && m->numbers != NULL && m->overlap >= -1 && m->overlap < HOOP_DETECTION_OVERLAPS);
            continue;
        }
        assert_true(m->sums != NULL ? m->evaluation : m->nsums >= 1 && m->nsums <= HOOP_METRIC_SUMS);
        assert_true(m->add != NULL && m->value != NULL && (m->numbers == NULL) == (m->list == NULL));
        assert_true(m->opts_size <= HOOP_METRIC_OPTS && (m->labels || !m->binary));
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
    return m->value(sums, c->width, NULL);
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
        for (int units = 0; units < (m->boxes ? 0 : m->labels ? 1 : 2); units++) {
            int64_t          opts[HOOP_METRIC_OPTS / 8] = {0}, n;
            double          *want, *got;
            hoop_metric_call c = {.rows = 3, .width = 2, .count = m->labels ? 0 : 2, .out = x, .out_dtype = HOOP_F64};
            hoop_tensor     *out, *target, *by, *to, *sums;
            c.target       = m->labels ? (const void *)label : y;
            c.target_dtype = m->labels ? HOOP_I64 : HOOP_F64;
            if (units == 1) c.scale = scale, c.shift = shift;
            assert_int_equal(hoop_option_defaults(&m->options, opts), HOOP_OK);
            c.opts = opts;
            n      = hoop_metric_count(m, 2, opts);
            want   = calloc((size_t)n, sizeof *want);
            got    = calloc((size_t)n, sizeof *got);
            assert_true(want != NULL && got != NULL);
            m->add(&c, want);
            assert_int_equal(hoop_tape_reset(t, NULL, NULL), HOOP_OK);
            out    = hoop_tape_wrap(t, HOOP_F64, 2, (int64_t[]){3, 2}, x);
            target = hoop_tape_wrap(t, c.target_dtype, m->labels ? 1 : 2, (int64_t[]){3, 2}, c.target);
            by     = hoop_tape_wrap(t, HOOP_F64, 1, (int64_t[]){2}, scale);
            to     = hoop_tape_wrap(t, HOOP_F64, 1, (int64_t[]){2}, shift);
            sums =
                hoop_metric_sums(t, &(hoop_metric_use){m, opts, 0}, out, target, units == 1 ? by : NULL, units == 1 ? to : NULL);
            test_tape_ok(t);
            assert_int_equal(hoop_tensor_numel(sums), n);
            assert_int_equal(hoop_tensor_read(sums, got, NULL), HOOP_OK);
            assert_memory_equal(got, want, (size_t)n * sizeof *want);
            free(want);
            free(got);
        }
    }
    hoop_tape_destroy(&t);
}

/* What is several numbers, with each of the choices that a metric has, has no value beside them. */
static void lists_are_in_place_of_values(void **state)
{
    const double       x[6]     = {1, 10, 2, 11, 4, 13};
    const int64_t      label[3] = {1, 0, 0};
    const hoop_metric *m;
    int                lists = 0;
    (void)state;
    for (int i = 0; (m = hoop_metric_get(i)) != NULL; i++)
        for (int row = 0; row < m->options.count && m->list != NULL; row++)
            for (int k = 0; m->options.rows[row].choices != NULL && m->options.rows[row].choices[k] != NULL; k++) {
                int64_t          opts[HOOP_METRIC_OPTS / 8] = {0}, columns;
                hoop_metric_call c = {.rows = 3, .width = 2, .out = x, .out_dtype = HOOP_F64, .target = label, .opts = opts};
                double          *sums;
                c.target_dtype = HOOP_I64;
                assert_int_equal(hoop_option_defaults(&m->options, opts), HOOP_OK);
                memcpy((char *)opts + m->options.rows[row].offset, &k, sizeof k);
                sums = calloc((size_t)hoop_metric_count(m, 2, opts), sizeof *sums);
                assert_non_null(sums);
                m->add(&c, sums);
                if ((m->numbers(2, opts, &columns) > 0) != isnan(m->value(sums, 2, opts)))
                    fail_msg("%s %s", m->name, m->options.rows[row].choices[k]);
                lists += m->numbers(2, opts, &columns) > 0;
                free(sums);
            }
    assert_true(lists > 5);
}

/* Each class against the others, by log-odds: of scores far apart and near, and of some that cannot be. */
static void ranks_are_of_odds(void **state)
{
    enum { ROWS = 40, CLASSES = 5 };
    static double      x[ROWS][CLASSES], odds[ROWS][CLASSES], sums[1 << 22];
    int64_t            label[ROWS], opts[HOOP_METRIC_OPTS / 8] = {0};
    double             got[CLASSES];
    const hoop_metric *m = hoop_metric_find("auroc");
    hoop_metric_call   c = {.rows = ROWS, .width = CLASSES, .out = x, .out_dtype = HOOP_F64, .target = label, .opts = opts};
    (void)state;
    c.target_dtype = HOOP_I64;
    for (int i = 0; i < ROWS; i++) {
        label[i] = i * 7 % CLASSES;
        for (int k = 0; k < CLASSES; k++) x[i][k] = (double)((i * 13 + k * 29 + i * k) % 31) / 7 - 2 + (i % 9 == 4 ? 700 * k : 0);
        if (i % 3 == 0) x[i][i % 2] += 40 + i * 7 % 20;
        if (i % 11 == 0) x[i][i % CLASSES] = -(double)INFINITY;
        for (int k = 0; k < CLASSES; k++) {
            double most = -(double)INFINITY, rest = 0;
            for (int j = 0; j < CLASSES; j++) most = j != k && x[i][j] > most ? x[i][j] : most;
            for (int j = 0; j < CLASSES; j++) rest += j == k ? 0 : exp(x[i][j] - most);
            odds[i][k] = fmax(-64, fmin(64, x[i][k] - most - log(rest))); /* beyond these all are equal */
        }
    }
    assert_true(hoop_metric_count(m, CLASSES, opts) <= 1 << 22);
    m->add(&c, sums);
    m->list(sums, CLASSES, opts, got);
    for (int k = 0; k < CLASSES; k++) {
        double right = 0, pairs = 0;
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < ROWS; j++) {
                if (label[i] != k || label[j] == k) continue;
                pairs += 1;
                right += odds[i][k] > odds[j][k] ? 1 : odds[i][k] == odds[j][k] ? 0.5 : 0;
            }
        if (fabs(got[k] - right / pairs) > 0.75 / pairs) fail_msg("class %d: %g, not %g", k, got[k], right / pairs);
    }
}

static void fails_with(hoop_tape *t, hoop_status want, const hoop_metric *m, hoop_tensor *out, hoop_tensor *target,
                       hoop_tensor *by)
{
    hoop_tensor *sums = hoop_metric_sums(t, &(hoop_metric_use){.metric = m}, out, target, by, by);
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
        if (i == 1) fails_with(t, HOOP_EDTYPE, hoop_metric_find("top_k"), out, out, NULL);
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
        cmocka_unit_test(samples_have_weights),
        cmocka_unit_test(metrics_are_whole),
        cmocka_unit_test(accuracy_is_of_labels_that_count),
        cmocka_unit_test(errors_are_in_the_units_of_the_data),
        cmocka_unit_test(the_op_counts_the_same),
        cmocka_unit_test(lists_are_in_place_of_values),
        cmocka_unit_test(ranks_are_of_odds),
        cmocka_unit_test(the_op_says_what_it_wants),
    };
    return cmocka_run_group_tests(tests, test_start, test_stop);
}

/* mAP of boxes: numbers worked out by hand, the same from any order and part of the images, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "hoop/detection.h"

static hoop_detections *make(int64_t classes)
{
    hoop_detections *d;
    assert_int_equal(hoop_detections_create(classes, NULL, &d), HOOP_OK);
    return d;
}

static void is(double got, double want)
{
    if (!(fabs(got - want) < 1e-12) && !(isnan(got) && isnan(want))) fail_msg("%.17g, and should be %.17g", got, want);
}

/* right, wrong, right: precision 1, 1/2, 2/3 at recalls 1/2, 1/2, 1 */
static void precision_is_interpolated(void **state)
{
    const hoop_box   real[]  = {{0, 0, 2, 2, 0, 0}, {10, 10, 14, 12, 0, 0}};
    const hoop_box   found[] = {{10, 10, 14, 12, 0, 0.7}, {0, 0, 2, 2, 0, 0.9}, {5, 5, 6, 6, 0, 0.8}};
    hoop_detections *d       = make(3);
    (void)state;
    assert_int_equal(hoop_detections_add(d, 0, found, 3, real, 2, NULL), HOOP_OK);
    is(hoop_detections_value(d, 0, 0), (51 + 50 * 2.0 / 3) / 101);
    is(hoop_detections_value(d, -1, -1), (51 + 50 * 2.0 / 3) / 101); /* classes without true boxes do not count */
    is(hoop_detections_value(d, 1, 0), (double)NAN);
    hoop_detections_destroy(&d);
}

/* 6 of 10: found at overlaps of 0.5 to 0.6 alone; a second box on the same true one is wrong; other classes are others */
static void overlaps_decide(void **state)
{
    const hoop_box   real[]  = {{0, 0, 10, 1, 0, 0}, {0, 0, 10, 1, 1, 0}};
    const hoop_box   found[] = {{0, 0, 6, 1, 0, 0.9}, {0, 0, 10, 1, 0, 0.5}, {0, 0, 10, 1, 1, 0.1}};
    hoop_detections *d       = make(2);
    (void)state;
    assert_int_equal(hoop_detections_add(d, 7, found, 3, real, 2, NULL), HOOP_OK);
    is(hoop_detections_value(d, 0, 0), 1);
    is(hoop_detections_value(d, 0, 2), 1);
    is(hoop_detections_value(d, 0, 3), 0.5); /* the second finds it, behind a wrong one */
    is(hoop_detections_value(d, 1, -1), 1);
    is(hoop_detections_value(d, 0, -1), (3 + 7 * 0.5) / 10);
    is(hoop_detections_value(d, -1, 0), 1);
    hoop_detections_destroy(&d);
}

/* images by number, on two sides, in either order */
static void any_order_is_the_same(void **state)
{
    hoop_detections *one = make(2), *two = make(2), *all = make(2);
    const void      *bytes;
    int64_t          n;
    double           a, b;
    (void)state;
    for (int64_t i = 0; i < 40; i++) {
        hoop_box real[3], found[3];
        for (int64_t j = 0; j < 3; j++) {
            const double x = (double)(7 * j), off = (double)((i * 5 + j * 3) % 7) / 10;
            real[j]  = (hoop_box){x, 0, x + 2, 2, (i + j) % 2, 0};
            found[j] = (hoop_box){x + off, 0, x + 2 + off, 2, (i + j + (i % 11 == 0)) % 2, (double)((i * 13 + j * 5) % 17) / 17};
        }
        assert_int_equal(hoop_detections_add(i % 3 == 0 ? one : two, i, found, 3, real, i % 4 == 0 ? 2 : 3, NULL), HOOP_OK);
        assert_int_equal(hoop_detections_add(all, i, found, 3, real, i % 4 == 0 ? 2 : 3, NULL), HOOP_OK);
    }
    a = hoop_detections_value(all, -1, -1);
    assert_true(a > 0.05 && a < 0.95);
    assert_int_equal(hoop_detections_bytes(one, NULL, &bytes, &n), HOOP_OK);
    assert_int_equal(hoop_detections_merge(two, bytes, n, NULL), HOOP_OK);
    b = hoop_detections_value(two, -1, -1);
    assert_memory_equal(&a, &b, sizeof a);
    hoop_detections_destroy(&one);
    hoop_detections_destroy(&two);
    hoop_detections_destroy(&all);
}

static void refused(void **state)
{
    const hoop_box   good = {0, 0, 1, 1, 0, 1}, other = {0, 0, 1, 1, 2, 1}, out = {1, 0, 0, 1, 0, 1}, none = {0, 0, 1, 1, 0, NAN};
    hoop_detections *d = make(2), *more = make(3);
    hoop_error       err = {.status = HOOP_OK};
    const void      *bytes;
    int64_t          n;
    (void)state;
    assert_int_equal(hoop_detections_add(d, 0, &other, 1, &good, 1, &err), HOOP_ERANGE);
    assert_non_null(strstr(err.text, "found box 0 is of class 2; they are 0 to 1"));
    assert_int_equal(hoop_detections_add(d, 0, &good, 1, &other, 1, NULL), HOOP_ERANGE);
    assert_int_equal(hoop_detections_add(d, 0, &out, 1, &good, 1, NULL), HOOP_ERANGE);
    assert_int_equal(hoop_detections_add(d, 0, &none, 1, &good, 1, NULL), HOOP_ERANGE);
    is(hoop_detections_value(d, -1, 0), (double)NAN); /* nothing of it was taken */
    assert_int_equal(hoop_detections_bytes(d, NULL, &bytes, &n), HOOP_OK);
    assert_int_equal(hoop_detections_merge(more, bytes, n, NULL), HOOP_EARG);
    assert_int_equal(hoop_detections_merge(d, bytes, n - 1, NULL), HOOP_EARG);
    hoop_detections_destroy(&d);
    hoop_detections_destroy(&more);
    assert_int_equal(hoop_detections_create(0, NULL, &d), HOOP_EARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precision_is_interpolated),
        cmocka_unit_test(overlaps_decide),
        cmocka_unit_test(any_order_is_the_same),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Reductions, softmax, cross-entropy: values against naive formulas; bits against the 16 lanes and the tree spelled out. */
#include "kernels_test.h"

enum { ROWS = 37, COLS = 1100, LD = COLS + 13 };

static double x_buf[ROWS * LD + 64], dy_buf[ROWS * LD + 64], y_buf[ROWS * LD + 64], z_buf[ROWS * LD + 64];

static void finite_fill(hoop_dtype dt, void *x, int64_t n, uint64_t seed, double scale)
{
    for (int64_t i = 0; i < n; i++) set(dt, x, i, (2 * uniform(seed * 7919 + (uint64_t)i) - 1) * scale);
}

/* a + b rounded to dt */
static double add(hoop_dtype dt, double a, double b)
{
    return dt == HOOP_F32 ? (double)((float)a + (float)b) : a + b;
}

/* what kernels.h promises of a row's sum: lanes i % 16 within groups of 1024, groups into a second set, then the tree */
static double lane_sum(hoop_dtype dt, const void *x, int64_t n)
{
    double total[16] = {0}, a[16];
    for (int64_t g = 0; g < n; g += 1024) {
        memset(a, 0, sizeof a);
        for (int64_t i = g; i < n && i < g + 1024; i++) a[i % 16] = add(dt, a[i % 16], get(dt, x, i));
        for (int l = 0; l < 16; l++) total[l] = add(dt, total[l], a[l]);
    }
    for (int w = 8; w > 0; w /= 2)
        for (int l = 0; l < w; l++) total[l] = add(dt, total[l], total[l + w]);
    return total[0];
}

static const int64_t lengths[] = {0,  1,   2,   3,   9,   10,  15,   16,   17,   31,   33,
                                  64, 100, 255, 256, 257, 511, 1000, 1023, 1024, 1025, 1100};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

static void test_sum_rows(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt = (hoop_dtype)d;
            finite_fill(dt, x_buf, ROWS * LD + 64, 1, 3);
            for (int l = 0; l < LENGTHS; l++) {
                for (int offset = 0; offset < 19; offset++) {
                    char  *x = (char *)x_buf + (size_t)offset * hoop_dtype_size(dt);
                    double sum, before;
                    k->sum_rows[dt](ROWS, lengths[l], x, LD, y_buf, false);
                    for (int r = 0; r < ROWS; r++) {
                        char *row = x + (size_t)(r * LD) * hoop_dtype_size(dt);
                        sum       = lane_sum(dt, row, lengths[l]);
                        if (get(dt, y_buf, r) != sum)
                            fail_msg("%s %s sum of %d at %d: %a, want %a", k->isa, hoop_dtype_name(dt), (int)lengths[l], offset,
                                     get(dt, y_buf, r), sum);
                    }
                    before = get(dt, y_buf, 3);
                    k->sum_rows[dt](ROWS, lengths[l], x, LD, y_buf, true);
                    assert_true(get(dt, y_buf, 3) == add(dt, before, before));
                }
            }
        }
    }
}

static void test_sum_cols(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt   = (hoop_dtype)d;
            size_t     size = hoop_dtype_size(dt);
            finite_fill(dt, x_buf, ROWS * LD + 64, 2, 3);
            for (int64_t rows = 0; rows <= 300; rows += rows < 10 ? 1 : 29) {
                for (int64_t cols = 1; cols <= 130; cols += 1 + cols / 20) {
                    char *x = (char *)x_buf + (size_t)(cols % 7) * size;
                    finite_fill(dt, y_buf, cols + 2, 3, 1);
                    memcpy(z_buf, y_buf, (size_t)(cols + 2) * size);
                    k->sum_cols[dt](rows, cols, x, 131, (char *)y_buf + size, false);
                    for (int64_t c = 0; c < cols; c++) { /* blocks of 64 rows, in order */
                        double total = 0, block;
                        for (int64_t r0 = 0; r0 < rows; r0 += 64) {
                            block = 0;
                            for (int64_t r = r0; r < rows && r < r0 + 64; r++) block = add(dt, block, get(dt, x, r * 131 + c));
                            total = add(dt, total, block);
                        }
                        if (get(dt, y_buf, c + 1) != total)
                            fail_msg("%s %s column %d of %d x %d: %a, want %a", k->isa, hoop_dtype_name(dt), (int)c, (int)rows,
                                     (int)cols, get(dt, y_buf, c + 1), total);
                    }
                    assert_true(same(dt, y_buf, 0, z_buf, 0) && same(dt, y_buf, cols + 1, z_buf, cols + 1));
                    k->sum_cols[dt](rows, cols, x, 131, (char *)z_buf + size, true);
                    finite_fill(dt, dy_buf, cols + 2, 3, 1);
                    for (int64_t c = 1; c <= cols; c++)
                        assert_true(get(dt, z_buf, c) == add(dt, get(dt, dy_buf, c), get(dt, y_buf, c)));
                }
            }
        }
    }
}

static void test_max(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt = (hoop_dtype)d;
            for (int l = 0; l < LENGTHS; l++) {
                int64_t n = lengths[l];
                finite_fill(dt, x_buf, ROWS * LD, 4 + (uint64_t)l, 3);
                if (n > 2) { /* infinities, and NaN wherever it stands */
                    set(dt, x_buf, 1 * LD + n / 2, (double)INFINITY);
                    set(dt, x_buf, 2 * LD + n / 3, (double)NAN);
                    set(dt, x_buf, 3 * LD + n - 1, (double)NAN);
                    set(dt, x_buf, 3 * LD, (double)INFINITY);
                    for (int64_t c = 0; c < n; c++) set(dt, x_buf, 4 * LD + c, -(double)INFINITY);
                }
                k->max_rows[dt](ROWS, n, x_buf, LD, y_buf, false);
                k->max_cols[dt](ROWS, n, x_buf, LD, z_buf, false);
                for (int r = 0; r < ROWS; r++) {
                    double m = -(double)INFINITY;
                    for (int64_t c = 0; c < n; c++)
                        m = get(dt, x_buf, r * LD + c) > m || isnan(get(dt, x_buf, r * LD + c)) ? get(dt, x_buf, r * LD + c) : m;
                    if (!near(dt, get(dt, y_buf, r), m, 0, 0))
                        fail_msg("%s max of row %d of %d: %g, want %g", k->isa, r, (int)n, get(dt, y_buf, r), m);
                }
                for (int64_t c = 0; c < n; c++) {
                    double m = -(double)INFINITY;
                    for (int r = 0; r < ROWS; r++)
                        m = get(dt, x_buf, r * LD + c) > m || isnan(get(dt, x_buf, r * LD + c)) ? get(dt, x_buf, r * LD + c) : m;
                    assert_true(near(dt, get(dt, z_buf, c), m, 0, 0));
                }
            }
        }
    }
}

static void test_squares(void **state)
{
    enum { BLOCKS = 9 };
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt = (hoop_dtype)d;
            double     out[BLOCKS];
            finite_fill(dt, x_buf, BLOCKS * 128, 5, 1e20);
            k->squares[dt](BLOCKS, x_buf, out);
            for (int b = 0; b < BLOCKS; b++) {
                double a[16] = {0};
                for (int i = 0; i < 128; i++) a[i % 16] += get(dt, x_buf, b * 128 + i) * get(dt, x_buf, b * 128 + i);
                for (int w = 8; w > 0; w /= 2)
                    for (int l = 0; l < w; l++) a[l] += a[l + w];
                assert_true(out[b] == a[0]);
            }
        }
    }
}

/* log sum exp of a row in f64 */
static double lse_reference(hoop_dtype dt, const void *x, int64_t at, int64_t n, double *m)
{
    double s = 0;
    *m       = -(double)INFINITY;
    for (int64_t c = 0; c < n; c++) *m = fmax(*m, get(dt, x, at + c));
    for (int64_t c = 0; c < n; c++) s += exp(get(dt, x, at + c) - *m);
    return log(s);
}

static void test_softmax(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt  = (hoop_dtype)d;
            double     eps = epsilon(dt), m;
            for (int l = 1; l < LENGTHS; l++) {
                int64_t n   = lengths[l];
                double  tol = eps * (20 + (double)n / 16);
                finite_fill(dt, x_buf, ROWS * n, 6, 9);
                finite_fill(dt, dy_buf, ROWS * n, 7, 1);
                set(dt, x_buf, n - 1, -(double)INFINITY); /* a masked class; with one class the row has none: NaN */
                k->softmax[dt](ROWS, n, x_buf, y_buf);
                for (int r = 0; r < ROWS; r++) {
                    double lse = lse_reference(dt, x_buf, r * n, n, &m);
                    for (int64_t c = 0; c < n; c++) {
                        double want = exp(get(dt, x_buf, r * n + c) - m - lse);
                        if (!near(dt, get(dt, y_buf, r * n + c), want, tol, 0))
                            fail_msg("%s softmax %d of %d: %a, want %a", k->isa, (int)c, (int)n, get(dt, y_buf, r * n + c), want);
                    }
                }
                k->softmax_grad[dt](ROWS, n, y_buf, dy_buf, z_buf, false);
                for (int r = 1; r < ROWS; r++) {
                    double dot = 0;
                    for (int64_t c = 0; c < n; c++) dot += get(dt, y_buf, r * n + c) * get(dt, dy_buf, r * n + c);
                    for (int64_t c = 0; c < n; c++) {
                        double y = get(dt, y_buf, r * n + c), dy = get(dt, dy_buf, r * n + c);
                        assert_true(near(dt, get(dt, z_buf, r * n + c), y * (dy - dot), 0, tol * y));
                    }
                }
                k->log_softmax[dt](ROWS, n, x_buf, y_buf);
                for (int r = 1; r < ROWS; r++) {
                    double lse = lse_reference(dt, x_buf, r * n, n, &m);
                    for (int64_t c = 0; c < n; c++)
                        assert_true(near(dt, get(dt, y_buf, r * n + c), get(dt, x_buf, r * n + c) - m - lse, 0, tol * 20));
                }
                k->log_softmax_grad[dt](ROWS, n, y_buf, dy_buf, z_buf, false);
                for (int r = 1; r < ROWS; r++) {
                    double sum = 0, total = 0;
                    for (int64_t c = 0; c < n; c++) {
                        sum += get(dt, dy_buf, r * n + c);
                        total += fabs(get(dt, dy_buf, r * n + c));
                    }
                    for (int64_t c = 0; c < n; c++) {
                        double y = exp(get(dt, y_buf, r * n + c)), dy = get(dt, dy_buf, r * n + c);
                        assert_true(near(dt, get(dt, z_buf, r * n + c), dy - y * sum, 0, tol * (fabs(dy) + y * total)));
                    }
                }
                memcpy(x_buf, z_buf, (size_t)(ROWS * n) * hoop_dtype_size(dt));
                k->log_softmax_grad[dt](ROWS, n, y_buf, dy_buf, z_buf, true);
                for (int64_t i = n; i < ROWS * n; i++)
                    assert_true(get(dt, z_buf, i) == add(dt, get(dt, x_buf, i), get(dt, x_buf, i)));
            }
        }
    }
}

static void test_cross_entropy(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt  = (hoop_dtype)d;
            double     eps = epsilon(dt), m, lse[ROWS], loss[ROWS], scale = 0.37;
            int64_t    label[ROWS];
            for (int l = 1; l < LENGTHS; l++) {
                int64_t n   = lengths[l];
                double  tol = eps * (40 + (double)n / 16);
                finite_fill(dt, x_buf, ROWS * n, 8, 9);
                for (int64_t c = 0; c < n; c++) set(dt, x_buf, 5 * n + c, 1e6 + (double)c / 2); /* the loss keeps its digits */
                for (int r = 0; r < ROWS; r++)
                    label[r] = r % 4 == 3 ? HOOP_IGNORE_LABEL_VALUE : (int64_t)(uniform((uint64_t)r) * (double)n);
                k->cross_entropy[dt](ROWS, n, x_buf, label, lse, loss);
                for (int r = 0; r < ROWS; r++) {
                    double s    = lse_reference(dt, x_buf, r * n, n, &m),
                           want = label[r] < 0 ? 0 : s - (get(dt, x_buf, r * n + label[r]) - m);
                    assert_true(near(dt, get(dt, lse, r), m + s, eps, tol));
                    if (!near(dt, get(dt, loss, r), want, eps * 4, tol))
                        fail_msg("%s loss of row %d of %d: %g, want %g", k->isa, r, (int)n, get(dt, loss, r), want);
                }
                for (int pass = 0; pass < 2; pass++) {
                    finite_fill(dt, z_buf, ROWS * n, 9, 1);
                    finite_fill(dt, y_buf, ROWS * n, 9, 1);
                    k->cross_entropy_grad[dt](ROWS, n, x_buf, label, lse, scale, y_buf, pass == 1);
                    for (int r = 0; r < ROWS; r++) {
                        for (int64_t c = 0; c < n; c++) {
                            double want =
                                label[r] < 0 ? 0 : scale * (exp(get(dt, x_buf, r * n + c) - get(dt, lse, r)) - (c == label[r]));
                            if (pass == 1) want += get(dt, z_buf, r * n + c);
                            if (!near(dt, get(dt, y_buf, r * n + c), want, eps * 4, eps * 4))
                                fail_msg("%s gradient: %g, want %g", k->isa, get(dt, y_buf, r * n + c), want);
                        }
                    }
                }
            }
        }
    }
}

/* a row's bits do not depend on the rows around it, nor on where the matrix begins */
static void test_rows_alone(void **state)
{
    (void)state;
    FOR_EACH_TABLE(k)
    {
        for (int d = 0; d < HOOP_NFLOAT; d++) {
            hoop_dtype dt   = (hoop_dtype)d;
            size_t     size = hoop_dtype_size(dt);
            for (int64_t n = 1; n <= 130; n++) {
                finite_fill(dt, x_buf, 3 * n, (uint64_t)n, 5);
                finite_fill(dt, dy_buf, 3 * n, 200 + (uint64_t)n, 5);
                k->softmax[dt](3, n, x_buf, y_buf);
                for (int offset = 0; offset < 20; offset++) {
                    char *x = (char *)(x_buf + 4 * n) + (size_t)offset * size,
                         *y = (char *)(y_buf + 4 * n) + (size_t)offset * size;
                    memcpy(x, (char *)x_buf + (size_t)n * size, (size_t)n * size);
                    k->softmax[dt](1, n, x, y);
                    for (int64_t c = 0; c < n; c++) assert_true(same(dt, y, c, y_buf, n + c));
                }
            }
        }
    }
}

/* a vocabulary of two millions: groups keep sums of rows accurate (without them the error is ten times as large) */
static void test_long_rows(void **state)
{
    enum { N = 1 << 21 };
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y), *dy = malloc(N * sizeof *dy), *dx = malloc(N * sizeof *dx);
    double sum = 1, sum_dy = 1, dot = 1;
    (void)state;
    for (int i = 1; i < N; i++) {
        x[i]  = (float)-uniform((uint64_t)i);
        dy[i] = (float)(1 - 0.1 * uniform((uint64_t)i + N));
        sum += exp((double)x[i]);
        sum_dy += (double)dy[i];
        dot += (double)dy[i] * exp((double)x[i]);
    }
    x[0] = 0, dy[0] = 1;
    FOR_EACH_TABLE(k)
    {
        double error[3];
        k->softmax[HOOP_F32](1, N, x, y); /* y[0] is 1 / sum */
        error[0] = (double)y[0] * sum - 1;
        k->softmax_grad[HOOP_F32](1, N, y, dy, dx, false); /* dx[0] = y[0] (1 - dot / sum) */
        error[1] = ((double)dx[0] / (double)y[0] - (1 - dot / sum)) / (dot / sum);
        k->log_softmax_grad[HOOP_F32](1, N, y, dy, dx, false); /* here y need be no log-softmax */
        error[2] = (1 - (double)dx[0]) / (exp((double)y[0]) * sum_dy) - 1;
        for (int i = 0; i < 3; i++)
            if (!(fabs(error[i]) < 1e-6)) fail_msg("%s: error %g of sum %d of a long row", k->isa, error[i], i);
    }
    free(x);
    free(y);
    free(dy);
    free(dx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_rows),     cmocka_unit_test(test_sum_rows),   cmocka_unit_test(test_sum_cols),
        cmocka_unit_test(test_max),           cmocka_unit_test(test_squares),    cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_cross_entropy), cmocka_unit_test(test_rows_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

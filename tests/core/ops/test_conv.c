/*
 * Convolutions have the bits of gathered patches and the matrix product: forward, a stride of 1's gradient of the input, and that
 * of the weight. So an element's chain is what is promised, whatever path, pieces and threads it took. Those that Winograd's way
 * is taken for have other bits, and are as exact.
 */
#include "op_check.h"

#include "hoop/ops.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct size2 {
    int64_t n, h, w, c, o, kh, kw, stride, padding, dilation;
} size2;

static const size2 sizes[] = {
    {2, 9, 11, 5, 7, 3, 3, 1, 1, 1},   {1, 16, 16, 16, 12, 3, 3, 1, 1, 1}, {3, 8, 8, 40, 33, 2, 2, 1, 1, 1},
    {2, 7, 9, 3, 16, 5, 2, 1, 0, 1},   {5, 4, 6, 35, 20, 1, 1, 1, 0, 1},   {2, 70, 66, 9, 4, 3, 3, 1, 1, 1},
    {2, 15, 13, 6, 18, 3, 3, 2, 1, 1}, {2, 12, 12, 4, 17, 3, 3, 1, 2, 2},  {9, 3, 3, 30, 50, 3, 3, 3, 0, 1},
};

static void *draw(hoop_dtype dt, int64_t n, uint64_t stream)
{
    void *x = test_memory(n * 8);
    for (int64_t i = 0; i < n; i++) {
        double v = test_uniform(stream, (uint64_t)i, -1.0, 1.0);
        if (dt == HOOP_F32)
            ((float *)x)[i] = (float)v;
        else
            ((double *)x)[i] = v;
    }
    return x;
}

/* element (to) = element (from), which is outside where negative */
static void move(hoop_dtype dt, void *y, int64_t to, const void *x, int64_t from)
{
    const size_t size = hoop_dtype_size(dt);
    if (from < 0)
        memset((char *)y + (size_t)to * size, 0, size);
    else
        memcpy((char *)y + (size_t)to * size, (const char *)x + (size_t)from * size, size);
}

/* (N out.., kernel.. C) of x (N, H, W, C) */
static void *patches(hoop_dtype dt, const size2 *s, const void *x, int64_t oh, int64_t ow)
{
    const int64_t row = s->kh * s->kw * s->c;
    void         *y   = test_memory(s->n * oh * ow * row * 8);
    for (int64_t p = 0; p < s->n * oh * ow; p++) {
        for (int64_t k = 0; k < row; k++) {
            int64_t t  = k / s->c;
            int64_t i  = p / ow % oh * s->stride - s->padding + t / s->kw * s->dilation;
            int64_t j  = p % ow * s->stride - s->padding + t % s->kw * s->dilation;
            bool    in = i >= 0 && i < s->h && j >= 0 && j < s->w;
            move(dt, y, p * row + k, x, in ? ((p / ow / oh * s->h + i) * s->w + j) * s->c + k % s->c : -1);
        }
    }
    return y;
}

static void *product(const hoop_kernels *k, hoop_dtype dt, hoop_gemm g)
{
    g.c   = test_memory(g.m * g.n * 8);
    g.ldc = g.n;
    k->gemm[dt](&g, test_memory(hoop_gemm_work_bytes(&g)));
    return g.c;
}

static void same_bits(const char *what, const size2 *s, const hoop_kernels *k, hoop_dtype dt, int64_t n, const void *got,
                      const void *want)
{
    const size_t size = hoop_dtype_size(dt);
    for (int64_t i = 0; i < n; i++) {
        if (memcmp((const char *)got + (size_t)i * size, (const char *)want + (size_t)i * size, size) != 0)
            fail_msg("%s of (%lld, %lld, %lld, %lld) to %lld channels, %s, %s: element %lld is not the product's", what,
                     (long long)s->n, (long long)s->h, (long long)s->w, (long long)s->c, (long long)s->o, k->isa,
                     hoop_dtype_name(dt), (long long)i);
    }
}

static const void *read_all(const hoop_tensor *x)
{
    void *v = test_memory(hoop_tensor_numel(x) * 8);
    assert_int_equal(hoop_tensor_read(x, v, NULL), HOOP_OK);
    return v;
}

/* (O, C, taps) to (O, taps C), and (taps C, O) to (O, C, taps) */
static void *weight_rows(hoop_dtype dt, const size2 *s, const void *w)
{
    const int64_t taps = s->kh * s->kw, row = taps * s->c;
    void         *y = test_memory(s->o * row * 8);
    for (int64_t e = 0; e < s->o * row; e++) move(dt, y, e, w, e / row * row + e % s->c * taps + e % row / s->c);
    return y;
}

static void *rows_weight(hoop_dtype dt, const size2 *s, const void *rows)
{
    const int64_t taps = s->kh * s->kw, row = taps * s->c;
    void         *y = test_memory(s->o * row * 8);
    for (int64_t e = 0; e < s->o * row; e++) move(dt, y, e, rows, (e % taps * s->c + e % row / taps) * s->o + e / row);
    return y;
}

static void compare(const size2 *s, hoop_runtime *rt, hoop_dtype dt)
{
    const hoop_kernels *k   = hoop_runtime_kernels(rt);
    const int64_t       oh  = (s->h + 2 * s->padding - s->dilation * (s->kh - 1) - 1) / s->stride + 1;
    const int64_t       ow  = (s->w + 2 * s->padding - s->dilation * (s->kw - 1) - 1) / s->stride + 1;
    const int64_t       row = s->kh * s->kw * s->c, pixels = s->n * oh * ow, inputs = s->n * s->h * s->w * s->c;
    const void *x = draw(dt, inputs, 1), *w = draw(dt, s->o * row, 2), *b = draw(dt, s->o, 3), *dy = draw(dt, pixels * s->o, 4);
    const void *output, *gathered = patches(dt, s, x, oh, ow);
    hoop_tape  *t          = test_tape(rt);
    const hoop_conv_opts o = {
        .stride = {s->stride, s->stride}, .padding = {s->padding, s->padding}, .dilation = {s->dilation, s->dilation}};
    hoop_tensor *tx  = hoop_tape_tensor(t, dt, 4, (int64_t[]){s->n, s->h, s->w, s->c}, x), *ty, *product_of, *loss, *grad[2];
    hoop_tensor *tw  = hoop_tape_watch(t, hoop_tape_tensor(t, dt, 4, (int64_t[]){s->o, s->c, s->kh, s->kw}, w));
    hoop_tensor *tb  = hoop_tape_tensor(t, dt, 1, &s->o, b),
                *tdy = hoop_tape_tensor(t, dt, 4, (int64_t[]){s->n, oh, ow, s->o}, dy);
    tx               = hoop_tape_watch(t, tx);
    ty               = hoop_conv(t, hoop_permute(t, tx, 4, (int64_t[]){0, 3, 1, 2}), tw, tb, &o);
    ty               = hoop_permute(t, ty, 4, (int64_t[]){0, 2, 3, 1}); /* (N, out.., O) */
    product_of       = hoop_mul(t, ty, tdy);
    output           = read_all(ty);
    loss             = hoop_sum(t, product_of, HOOP_ALL_DIMS, false);
    (void)hoop_grad(t, loss, (hoop_tensor *[]){tx, tw}, 2, 0, NULL, grad);
    if (hoop_tape_error(t)->status != HOOP_OK) fail_msg("%s", hoop_tape_error(t)->text);
    same_bits("the output", s, k, dt, pixels * s->o, output,
              product(k, dt,
                      (hoop_gemm){.m    = pixels,
                                  .n    = s->o,
                                  .k    = row,
                                  .a    = gathered,
                                  .lda  = row,
                                  .tb   = true,
                                  .b    = weight_rows(dt, s, w),
                                  .ldb  = row,
                                  .bias = b}));
    same_bits(
        "the weight's gradient", s, k, dt, s->o * row, read_all(grad[1]),
        rows_weight(
            dt, s,
            product(k, dt,
                    (hoop_gemm){.ta = true, .m = row, .n = s->o, .k = pixels, .a = gathered, .lda = row, .b = dy, .ldb = s->o})));
    if (s->stride == 1) { /* dx: the same of dy, by flipped taps */
        const size2   back = {s->n, oh, ow, s->o, s->c, s->kh, s->kw, 1, s->dilation * (s->kh - 1) - s->padding, s->dilation};
        void         *wt   = test_memory(s->o * row * 8);
        const int64_t taps = s->kh * s->kw;
        if (s->kh != s->kw) return;
        for (int64_t e = 0; e < s->o * row; e++) /* (C, taps O), the last tap first */
            move(dt, wt, e, w, e % s->o * row + e / (taps * s->o) * taps + taps - 1 - e / s->o % taps);
        same_bits("the input's gradient", s, k, dt, inputs, read_all(grad[0]),
                  product(k, dt,
                          (hoop_gemm){.m   = s->n * s->h * s->w,
                                      .n   = s->c,
                                      .k   = taps * s->o,
                                      .a   = patches(dt, &back, dy, s->h, s->w),
                                      .lda = taps * s->o,
                                      .tb  = true,
                                      .b   = wt,
                                      .ldb = taps * s->o}));
    }
}

static void bits_are_the_products(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int dt = 0; dt < 2; dt++) {
            void *mark = test_mark();
            compare(&sizes[i], test_rt.isa[0], dt == 0 ? HOOP_F32 : HOOP_F64);
            compare(&sizes[i], test_rt.two_threads, dt == 0 ? HOOP_F32 : HOOP_F64);
            test_rewind(mark);
        }
    }
}

/* root mean square of what f32 misses of f64 */
static double missed(int64_t n, const float *got, const double *want)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
    return sqrt(sum / (double)n);
}

static void more_exact(const char *what, int64_t n, const float *got, const float *plain, const double *want)
{
    double a = missed(n, got, want), b = missed(n, plain, want);
    if (!(a > 0.0 && a < 1.5 * b)) fail_msg("%s misses by %g, sums of products by %g", what, a, b);
}

/* the output, its input's and its weight's gradient of a convolution of 3 x 3, padding 1; deep: in 3 dims, which is by sums of
 * products */
typedef struct passes {
    const void *y, *dx, *dw;
} passes;

static passes run_passes(hoop_dtype dt, int64_t n, int64_t side, int64_t c, int64_t o, const double *x, const double *w,
                         const double *dy, bool deep)
{
    hoop_tape   *t = test_tape(test_rt.isa[0]);
    hoop_tensor *in[3], *y, *loss, *grad[2];
    passes       p;
    in[0] = hoop_tape_tensor(t, HOOP_F64, 4 + deep, deep ? (int64_t[]){n, c, 1, side, side} : (int64_t[]){n, c, side, side}, x);
    in[1] = hoop_tape_tensor(t, HOOP_F64, 4 + deep, deep ? (int64_t[]){o, c, 1, 3, 3} : (int64_t[]){o, c, 3, 3}, w);
    in[2] = hoop_tape_tensor(t, HOOP_F64, 4 + deep, deep ? (int64_t[]){n, o, 1, side, side} : (int64_t[]){n, o, side, side}, dy);
    for (int i = 0; i < 3; i++) in[i] = hoop_tape_watch(t, hoop_cast(t, in[i], dt));
    y    = hoop_conv(t, in[0], in[1], NULL, &(hoop_conv_opts){.padding = {deep ? 0 : 1, 1, 1}});
    p.y  = read_all(y);
    y    = hoop_mul(t, y, in[2]);
    loss = hoop_sum(t, y, HOOP_ALL_DIMS, false);
    (void)hoop_grad(t, loss, in, 2, 0, NULL, grad);
    if (hoop_tape_error(t)->status != HOOP_OK) fail_msg("%s", hoop_tape_error(t)->text);
    p.dx = read_all(grad[0]);
    p.dw = read_all(grad[1]);
    return p;
}

static void winograd_is_as_exact(void **state)
{
    enum { N = 2, SIDE = 16, CHANNELS = 48 };
    const int64_t pixels = N * SIDE * SIDE * CHANNELS, weights = (int64_t)CHANNELS * CHANNELS * 9;
    double       *x = draw(HOOP_F64, pixels, 12), *w = draw(HOOP_F64, weights, 13), *dy = draw(HOOP_F64, pixels, 14);
    passes        exact, fast, plain;
    (void)state;
    exact = run_passes(HOOP_F64, N, SIDE, CHANNELS, CHANNELS, x, w, dy, true);
    fast  = run_passes(HOOP_F32, N, SIDE, CHANNELS, CHANNELS, x, w, dy, false);
    plain = run_passes(HOOP_F32, N, SIDE, CHANNELS, CHANNELS, x, w, dy, true);
    more_exact("the output", pixels, fast.y, plain.y, exact.y);
    more_exact("the input's gradient", pixels, fast.dx, plain.dx, exact.dx);
    more_exact("the weight's gradient", weights, fast.dw, plain.dw, exact.dw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(bits_are_the_products, test_tidy),
                                       cmocka_unit_test_teardown(winograd_is_as_exact, test_tidy)};
    return cmocka_run_group_tests(tests, test_start, test_stop);
}

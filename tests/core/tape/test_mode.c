/* The caller's floating-point mode decides no bits and is as it was afterwards: hosts built with -ffast-math flush denormals. */
#include "tape_test.h"

#include "hoop/nn.h"
#include "hoop/optim.h"

#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { N = 3 * HOOP_BLOCK };

typedef struct bits { /* what is compared */
    float             product[N], grad[N], weight[N], sum[N];
    double            bound, norm, scalar, factor, normal;
    double            item[3];
    hoop_exact_scalar scalars;
} bits;

static float  values[N]; /* made before any mode is set */
static double terms[100];

static void tensors(bits *b, hoop_params *p)
{
    hoop_tape   *t = test_tape();
    hoop_tensor *x, *y, *thin;
    x    = hoop_tape_tensor(t, HOOP_F32, 1, (int64_t[]){N}, values);
    thin = hoop_scale(t, x, 0x1.1p-60);
    y    = hoop_mul(t, hoop_params_tensor(p, 0), x);
    y    = hoop_add(t, y, thin);
    test_ok(hoop_tensor_read(y, b->product, why));
    y = hoop_sum(t, y, HOOP_ALL_DIMS, false);
    test_ok(hoop_backward(t, y, NULL, why));
    memcpy(b->grad, hoop_params_grad(p), sizeof b->grad);
    b->item[0] = hoop_tensor_item(y);
    hoop_tape_destroy(&t);
}

static void run(bits *b)
{
    hoop_params       *p;
    hoop_tensor       *w;
    hoop_optim        *o;
    hoop_schedule     *s;
    hoop_exact         e;
    hoop_exact_block32 block[3], other[3];
    memset(b, 0, sizeof *b);
    test_ok(hoop_params_create(HOOP_F32, why, &p));
    test_ok(hoop_params_add(p, "w", 2, (int64_t[]){1, N}, why, &w));
    test_ok(hoop_params_finalize(p, NULL, why));
    hoop_param_init(p, 0, HOOP_INIT_HE, 77, 1);
    tensors(b, p);
    test_ok(hoop_exact_init(&e, hoop_runtime_kernels(test_rt), HOOP_F32, 3, why));
    hoop_exact_clear(&e, block, 3);
    hoop_exact_clear(&e, other, 3);
    hoop_exact_deposit(&e, block, 3, &(const void *){b->product}, 1);
    hoop_exact_deposit(&e, other, 3, &(const void *){b->grad}, 1);
    hoop_exact_merge(&e, block, other, 3);
    assert_true(hoop_exact_finish(&e, block, 3, b->sum));
    hoop_exact_scalar_clear(&b->scalars);
    for (int i = 0; i < 100; i++) hoop_exact_scalar_deposit(&b->scalars, terms[i]);
    b->scalar = hoop_exact_scalar_finish(&b->scalars);
    hoop_exact_scalar_clear(&b->scalars);
    hoop_grad_squares(p, test_rt, 0, 3, &b->scalars);
    b->norm = hoop_exact_scalar_finish(&b->scalars);
    test_ok(hoop_optim_create(&(hoop_optim_opts){.name = "adamw", .opts = &(hoop_adam_opts){.lr = 0.01}}, p, why, &o));
    test_ok(hoop_optim_update(o, test_rt, 0, 3, 1.0, 1.0 / 3.0, why));
    memcpy(b->weight, hoop_params_data(p), sizeof b->weight);
    b->bound = hoop_clip_factor(3.1, 0.7);
    test_ok(hoop_schedule_create(&(hoop_schedule_opts){.name = "cosine", .opts = &(hoop_cosine_opts){0.1}}, why, &s));
    b->factor = hoop_schedule_factor(s, 7, 31);
    hoop_schedule_destroy(&s);
    b->normal = hoop_random_normal((hoop_key){1, 2}, 11);
    hoop_optim_destroy(&o);
    hoop_params_destroy(&p);
}

static void same_bits_in_any_mode(void **state)
{
    static const int rounding[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    bits            *clean = malloc(sizeof *clean), *got = malloc(sizeof *got);
    (void)state;
    for (int i = 0; i < N; i++) values[i] = (float)(i + 1) * (i % 3 == 0 ? 0x1.3p-135f : 0x1.5p-70f);
    for (int i = 0; i < 100; i++) terms[i] = (i + 1) * (i % 3 == 0 ? 0x1.7p-1070 : 0x1.1p-930 / 3);
    run(clean);
    assert_true(clean->product[0] != 0.0F && fabsf(clean->product[0]) < 0x1p-126F); /* denormals are in it */
    assert_true(clean->scalar > 0.0);
    for (int i = 0; i < 8; i++) {
        (void)fesetround(rounding[i % 4]);
#if defined(__x86_64__)
        uint32_t mode = _mm_getcsr() | (i >= 4 ? 0x8040u : 0u); /* flush to zero, denormals are zero */
        _mm_setcsr(mode);
#endif
        run(got);
#if defined(__x86_64__)
        assert_int_equal(_mm_getcsr() & 0xffc0u, mode & 0xffc0u);
        _mm_setcsr(0x1f80);
#endif
        assert_int_equal(fegetround(), rounding[i % 4]);
        (void)fesetround(FE_TONEAREST);
        if (memcmp(clean, got, sizeof *clean) != 0) {
            const unsigned char *a = (const void *)clean, *b = (const void *)got;
            size_t               at = 0;
            while (a[at] == b[at]) at++;
            fail_msg("mode %d of the caller changes byte %zu of the results", i, at);
        }
    }
    free(clean);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits_in_any_mode)};
    return cmocka_run_group_tests(tests, test_start, test_stop);
}

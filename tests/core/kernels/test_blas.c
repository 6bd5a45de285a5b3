/* OpenBLAS beside a host that uses it too: the host's numbers of threads stay, and change no bits of ours. */
#include "kernels_test.h"

#include "hoop/ops.h"

#include <cblas.h>

enum { M = 300, K = 70, N = 520, OPENBLAS_PTHREAD = 1 };

extern int  omp_get_max_threads(void) __attribute__((weak));
extern void omp_set_num_threads(int n) __attribute__((weak));

static void product(int threads, double *out)
{
    hoop_runtime *rt;
    hoop_tape    *t;
    hoop_tensor  *a, *b, *c;
    double       *x = malloc(sizeof *x * K * (M + N));
    for (int i = 0; i < K * (M + N); i++) x[i] = uniform((uint64_t)i) - 0.5;
    assert_int_equal(hoop_runtime_create(&(hoop_runtime_opts){.threads = threads}, NULL, &rt), HOOP_OK);
    assert_int_equal(hoop_tape_create(rt, NULL, &t), HOOP_OK);
    a = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){M, K}, x);
    b = hoop_tape_tensor(t, HOOP_F64, 2, (int64_t[]){K, N}, x + K * M);
    c = hoop_matmul(t, a, b);
    assert_int_equal(hoop_tensor_read(c, out, NULL), HOOP_OK);
    hoop_tape_destroy(&t);
    hoop_runtime_destroy(&rt);
    free(x);
}

static void host_keeps_its_threads(void **state)
{
    double *alone = malloc(sizeof *alone * M * N), *out = malloc(sizeof *out * M * N);
    (void)state;
    product(1, alone);
    for (int host = 1; host <= 3; host++) {
        if (omp_set_num_threads != NULL) omp_set_num_threads(host);
        if (openblas_get_parallel() == OPENBLAS_PTHREAD) openblas_set_num_threads(host);
        for (int threads = 1; threads <= 2; threads++) {
            product(threads, out);
            assert_memory_equal(out, alone, sizeof *out * M * N);
        }
        if (omp_get_max_threads != NULL) assert_int_equal(omp_get_max_threads(), host);
        if (openblas_get_parallel() == OPENBLAS_PTHREAD) assert_int_equal(openblas_get_num_threads(), host);
    }
    free(alone);
    free(out);
}

static void numerics_name_what_decides_bits(void **state)
{
    static const char *const isas[] = {"avx512", "avx2", "baseline"};
    char                     blas[160], want[200];
    (void)state;
    (void)snprintf(blas, sizeof blas, " openblas-%s-%.*s", openblas_get_corename(),
                   (int)strcspn(strchr(openblas_get_config(), ' ') + 1, " "), strchr(openblas_get_config(), ' ') + 1);
    for (int i = 0; i < 2 * 3; i++) {
        hoop_runtime_opts opts = {.isa = isas[i / 2], .blas = i % 2 != 0};
        hoop_runtime     *rt;
        if (hoop_runtime_create(&opts, NULL, &rt) != HOOP_OK) continue;
        for (hoop_dtype dt = HOOP_F32; dt <= HOOP_F64; dt++) {
            (void)snprintf(want, sizeof want, "%s-1%s", hoop_dtype_name(dt), opts.blas ? blas : "");
            assert_string_equal(hoop_runtime_numerics(rt, dt), want);
        }
        hoop_runtime_destroy(&rt);
    }
}

static void build_is_told(void **state)
{
    char          source[16] = "", compiler[32] = "", isa[16] = "", blas[64] = "", want[80];
    hoop_runtime *rt;
    (void)state;
    assert_int_equal(hoop_runtime_create(NULL, NULL, &rt), HOOP_OK);
    assert_int_equal(sscanf(hoop_runtime_build(rt), "%*[0-9.]-%15s %31s %15s %63s", source, compiler, isa, blas), 4);
    assert_int_equal(strspn(source, "0123456789abcdef"), 10);
    assert_int_equal(strlen(source), 10);
#if defined(__clang__)
    (void)snprintf(want, sizeof want, "clang-%d.%d.%d", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
    (void)snprintf(want, sizeof want, "gcc-%d.%d.%d", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
    assert_string_equal(compiler, want);
    assert_string_equal(isa, hoop_runtime_kernels(rt)->isa);
    (void)snprintf(want, sizeof want, "openblas-%s-", openblas_get_corename());
    assert_memory_equal(blas, want, strlen(want));
    assert_non_null(strstr(openblas_get_config(), blas + strlen(want)));
    hoop_runtime_destroy(&rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numerics_name_what_decides_bits), cmocka_unit_test(build_is_told),
                                       cmocka_unit_test(host_keeps_its_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

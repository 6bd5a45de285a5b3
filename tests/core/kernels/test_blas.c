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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(host_keeps_its_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "runtime/blas.h"

#include "base/threads.h"
#include "kernels/kernels.h"

#include <cblas.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* OpenBLAS gives other bits for other numbers of threads and of rows (BITS). So it is called with one thread on tiles whose
 * sizes follow from m and n alone, and the rank's threads share the tiles. 256 columns cost at most 5 % against one call. */
enum { TILE_N = 256, TILE_M = 256, TILE_ALIGN = 16 };

/*
 * Debian's builds of OpenBLAS 0.3.21: pthread and openmp may be called from several threads at a time; serial may not, its
 * buffers are shared without a lock (two threads in sgemm got 12 of 40,000 products wrong). It is then called by one thread
 * at a time, whichever runtime calls. The openmp build asks OpenMP of the calling thread how many threads to use, and
 * openblas_set_num_threads would change that for the host. The pthread build has one number for the process: the first
 * product under way sets it to 1, the last gives the host's back.
 */
enum { OPENBLAS_SERIAL = 0, OPENBLAS_PTHREAD = 1 };
static struct {
    pthread_mutex_t lock;
    int             products, hosts_threads; /* pthread build: products under way, and what the host had set before them */
} openblas = {.lock = PTHREAD_MUTEX_INITIALIZER};

extern int  omp_get_max_threads(void) __attribute__((weak));
extern void omp_set_num_threads(int n) __attribute__((weak));

/* around one product, on the thread that runs tiles: what is to be told to tile_leave */
static int tile_enter(void)
{
    int before = 1;
    if (openblas_get_parallel() == OPENBLAS_SERIAL) (void)pthread_mutex_lock(&openblas.lock);
    if (omp_get_max_threads != NULL && omp_set_num_threads != NULL) {
        before = omp_get_max_threads();
        if (before != 1) omp_set_num_threads(1);
    }
    return before;
}

static void tile_leave(int before)
{
    if (before != 1) omp_set_num_threads(before);
    if (openblas_get_parallel() == OPENBLAS_SERIAL) (void)pthread_mutex_unlock(&openblas.lock);
}

/* around all tiles of a product */
static void product_enter(void)
{
    if (openblas_get_parallel() != OPENBLAS_PTHREAD) return;
    (void)pthread_mutex_lock(&openblas.lock);
    if (openblas.products++ == 0) {
        openblas.hosts_threads = openblas_get_num_threads();
        if (openblas.hosts_threads != 1) openblas_set_num_threads(1);
    }
    (void)pthread_mutex_unlock(&openblas.lock);
}

static void product_leave(void)
{
    if (openblas_get_parallel() != OPENBLAS_PTHREAD) return;
    (void)pthread_mutex_lock(&openblas.lock);
    if (--openblas.products == 0 && openblas.hosts_threads != 1) openblas_set_num_threads(openblas.hosts_threads);
    (void)pthread_mutex_unlock(&openblas.lock);
}

const char *hoop__blas_name(char *out, size_t size)
{
    const char *config = openblas_get_config(), *version = strchr(config, ' '); /* "OpenBLAS 0.3.21 NO_LAPACKE .." */
    version = version == NULL ? "?" : version + 1;
    (void)snprintf(out, size, "openblas-%s-%.*s", openblas_get_corename(), (int)strcspn(version, " "), version);
    return out;
}

typedef struct gemm_job {
    const hoop_gemm_args *g;
    int64_t               mtiles, ntiles;
} gemm_job;

/* tile i of count even parts of n, on multiples of TILE_ALIGN */
static int64_t tile_start(int64_t n, int64_t count, int64_t i)
{
    int64_t width = (n + count - 1) / count;
    width         = (width + TILE_ALIGN - 1) / TILE_ALIGN * TILE_ALIGN;
    return i * width < n ? i * width : n;
}

static void gemm_tile(void *ctx, int64_t task)
{
    const gemm_job       *job  = ctx;
    const hoop_gemm_args *g    = job->g;
    size_t                size = hoop_dtype_size(g->dtype);
    int64_t     per = job->mtiles * job->ntiles, batch = task / per, mt = task % per / job->ntiles, nt = task % per % job->ntiles;
    int64_t     m0 = tile_start(g->m, job->mtiles, mt), m1 = tile_start(g->m, job->mtiles, mt + 1);
    int64_t     n0 = tile_start(g->n, job->ntiles, nt), n1 = tile_start(g->n, job->ntiles, nt + 1);
    const char *a    = (const char *)g->a + (g->a_offset == NULL ? 0 : g->a_offset[batch]) * (int64_t)size;
    const char *b    = (const char *)g->b + (g->b_offset == NULL ? 0 : g->b_offset[batch]) * (int64_t)size;
    char       *c    = (char *)g->c + (batch * g->c_step + m0 * g->ldc + n0) * (int64_t)size;
    bool        beta = g->add || g->bias != NULL;
    int         before;
    if (m0 >= m1 || n0 >= n1) return;
    a += (g->ta ? m0 : m0 * g->lda) * (int64_t)size;
    b += (g->tb ? n0 * g->ldb : n0) * (int64_t)size;
    if (g->bias != NULL) {
        for (int64_t r = 0; r < m1 - m0; r++)
            memcpy(c + r * g->ldc * (int64_t)size, (const char *)g->bias + n0 * (int64_t)size, (size_t)(n1 - n0) * size);
    }
    before = tile_enter();
    if (g->dtype == HOOP_F32) {
        cblas_sgemm(CblasRowMajor, g->ta ? CblasTrans : CblasNoTrans, g->tb ? CblasTrans : CblasNoTrans, (blasint)(m1 - m0),
                    (blasint)(n1 - n0), (blasint)g->k, 1.0F, (const float *)(const void *)a, (blasint)g->lda,
                    (const float *)(const void *)b, (blasint)g->ldb, beta ? 1.0F : 0.0F, (float *)(void *)c, (blasint)g->ldc);
    } else {
        cblas_dgemm(CblasRowMajor, g->ta ? CblasTrans : CblasNoTrans, g->tb ? CblasTrans : CblasNoTrans, (blasint)(m1 - m0),
                    (blasint)(n1 - n0), (blasint)g->k, 1.0, (const double *)(const void *)a, (blasint)g->lda,
                    (const double *)(const void *)b, (blasint)g->ldb, beta ? 1.0 : 0.0, (double *)(void *)c, (blasint)g->ldc);
    }
    tile_leave(before);
}

static void gemm_empty_k(const hoop_gemm_args *g)
{
    size_t size = hoop_dtype_size(g->dtype);
    if (g->add) return;
    for (int64_t i = 0; i < g->batch * g->m; i++) {
        char *row = (char *)g->c + (i / g->m * g->c_step + i % g->m * g->ldc) * (int64_t)size;
        if (g->bias != NULL)
            memcpy(row, g->bias, (size_t)g->n * size);
        else
            memset(row, 0, (size_t)g->n * size);
    }
}

/* ---- our own kernel: an element's bits do not depend on how C is cut, so it is cut as the threads need it ---- */

typedef struct own_job {
    const hoop_gemm_args *g;
    hoop_gemm_fn         *kernel;
    int64_t               unit, units; /* rows or columns of a unit; units of one C */
    int64_t               parts, work_bytes;
    bool                  by_rows;
    char                 *work;
} own_job;

hoop_gemm_fn *hoop__gemm_kernel(const hoop_kernels *kernels, bool blas, hoop_dtype dtype)
{
    return blas ? NULL : kernels->gemm[dtype];
}

static hoop_gemm_fn *own_kernel(const hoop_call *call, const hoop_gemm_args *g)
{
    return hoop__gemm_kernel(call->kernels, call->blas, g->dtype);
}

static const void *at(const hoop_gemm_args *g, const void *x, int64_t elements)
{
    return (const char *)x + elements * (int64_t)hoop_dtype_size(g->dtype);
}

static void *to(const hoop_gemm_args *g, void *x, int64_t elements)
{
    return (char *)x + elements * (int64_t)hoop_dtype_size(g->dtype);
}

static hoop_gemm of_batch(const hoop_gemm_args *g, int64_t batch)
{
    return (hoop_gemm){.ta   = g->ta,
                       .tb   = g->tb,
                       .m    = g->m,
                       .n    = g->n,
                       .k    = g->k,
                       .lda  = g->lda,
                       .ldb  = g->ldb,
                       .ldc  = g->ldc,
                       .add  = g->add,
                       .a    = at(g, g->a, g->a_offset == NULL ? 0 : g->a_offset[batch]),
                       .b    = at(g, g->b, g->b_offset == NULL ? 0 : g->b_offset[batch]),
                       .c    = to(g, g->c, batch * g->c_step),
                       .bias = g->bias};
}

/* C of each product of the batch is cut into units of rows or of columns; all threads get as many, whichever product they are of
 */
static void own_cut(own_job *job, const hoop_call *call)
{
    const hoop_gemm_args *g       = job->g;
    int64_t               threads = hoop_threads_count(call->threads);
    job->by_rows                  = g->n / HOOP_GEMM_PANEL < g->m / HOOP_GEMM_ROWS / 2;
    job->unit                     = job->by_rows ? TILE_ALIGN : HOOP_GEMM_PANEL;
    job->units                    = ((job->by_rows ? g->m : g->n) + job->unit - 1) / job->unit;
    job->parts                    = threads < job->units * g->batch ? threads : job->units * g->batch;
    if ((double)g->m * (double)g->n * (double)g->k * (double)g->batch < 65536.0) job->parts = 1; /* not worth waking anybody */
}

static void own_part(void *ctx, int64_t part)
{
    const own_job        *job = ctx;
    const hoop_gemm_args *g   = job->g;
    int64_t               all = job->units * g->batch, end = (part + 1) * all / job->parts, n;
    for (int64_t i = part * all / job->parts; i < end; i += n) {
        hoop_gemm piece = of_batch(g, i / job->units);
        int64_t   first = i % job->units * job->unit, most = (job->by_rows ? g->m : g->n) - first;
        n = job->units - i % job->units < end - i ? job->units - i % job->units : end - i;
        if (most > n * job->unit) most = n * job->unit;
        if (job->by_rows) {
            piece.a = at(g, piece.a, g->ta ? first : first * g->lda);
            piece.c = to(g, piece.c, first * g->ldc);
            piece.m = most;
        } else {
            piece.b    = at(g, piece.b, g->tb ? first * g->ldb : first);
            piece.c    = to(g, piece.c, first);
            piece.bias = g->bias == NULL ? NULL : at(g, g->bias, first);
            piece.n    = most;
        }
        job->kernel(&piece, job->work + part * job->work_bytes);
    }
}

static own_job own_job_of(const hoop_call *call, const hoop_gemm_args *g, void *work)
{
    hoop_gemm whole = of_batch(g, 0);
    own_job   job   = {.g = g, .kernel = own_kernel(call, g), .work = work};
    own_cut(&job, call);
    job.work_bytes = (hoop_gemm_work_bytes(&whole) + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
    return job;
}

int64_t hoop__gemm_work_bytes(const hoop_call *call, const hoop_gemm_args *g)
{
    own_job job;
    if (own_kernel(call, g) == NULL || g->m == 0 || g->n == 0 || g->k == 0 || g->batch == 0) return 0;
    job = own_job_of(call, g, NULL);
    return job.parts * job.work_bytes;
}

static void own_gemm(const hoop_call *call, const hoop_gemm_args *g, void *work)
{
    own_job job = own_job_of(call, g, work);
    hoop_threads_run(call->threads, job.parts, own_part, &job);
}

hoop_status hoop__gemm(const hoop_call *call, const hoop_gemm_args *g, void *work)
{
    gemm_job job   = {g, (g->m + TILE_M - 1) / TILE_M, (g->n + TILE_N - 1) / TILE_N};
    int64_t  limit = INT32_MAX;
    if (g->m == 0 || g->n == 0 || g->batch == 0) return HOOP_OK;
    if (g->k == 0) {
        gemm_empty_k(g);
        return HOOP_OK;
    }
    if (own_kernel(call, g) != NULL) {
        own_gemm(call, g, work);
        return HOOP_OK;
    }
    if (g->m > limit || g->n > limit || g->k > limit || g->lda > limit || g->ldb > limit || g->ldc > limit) {
        return hoop_fail(call->err, HOOP_ESIZE, "a matrix product of %lld x %lld x %lld: BLAS counts to 2^31 - 1",
                         (long long)g->m, (long long)g->n, (long long)g->k);
    }
    product_enter();
    hoop_threads_run(call->threads, job.mtiles * job.ntiles * g->batch, gemm_tile, &job);
    product_leave();
    return HOOP_OK;
}

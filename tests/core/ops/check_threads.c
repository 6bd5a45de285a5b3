/* The same bits of outputs and gradients for any number of threads, on shapes large enough that several of them take part. */
#include "op_check.h"

#include "runtime/runtime.h"
#include "tape/tape.h"

#include <sched.h>
#include <time.h>

enum { LARGE = 50000 /* elements of the largest input: three tiles of what costs least */ };
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { MOST_THREADS = 2, DTYPES = 1, CASES = 4 }; /* which memory tasks touch, not which numbers: f64's tasks are f32's */
#else
enum { MOST_THREADS = 3, DTYPES = 2, CASES = 1000 };
#endif

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* runs of several tasks, and tasks that others than the caller did, of the op's call alone */
static void call_shared(hoop_runtime *rt, const trial *tr, hoop_dtype dtype, int64_t *runs, int64_t *by_others)
{
    hoop_tape   *t = test_tape(rt);
    hoop_tensor *in[HOOP_MAX_IN];
    int64_t      before[2];
    for (int i = 0; i < tr->nin; i++) in[i] = trial_tensor(tr, t, i, dtype);
    hoop_threads_shared(rt->threads, &before[0], &before[1]);
    (void)hoop_op_call(t, tr->op, in, tr->nin, tr->c->attrs, NULL);
    on_tape(tr, t, "the call");
    hoop_threads_shared(rt->threads, runs, by_others);
    *runs -= before[0];
    *by_others -= before[1];
}

static void same_bits(const trial *tr, hoop_dtype dtype)
{
    int64_t              n, m;
    const unsigned char *one = trial_bits(test_rt.isa[0], tr, dtype, &n), *more;
    for (int threads = 2; threads <= MOST_THREADS; threads++) {
        more = trial_bits(threads == 2 ? test_rt.two_threads : test_rt.three_threads, tr, dtype, &m);
        assert_int_equal(n, m);
        for (int64_t i = 0; i < n; i++) {
            if (one[i] != more[i])
                fail_msg("%s, sizes times %d: byte %lld of %lld is another with %d threads (%s)", tr->where, (int)tr->times,
                         (long long)i, (long long)n, threads, hoop_dtype_name(dtype));
        }
    }
}

/* A worker that nobody gives a core may come too late for a run; not for seconds of them. */
static void others_take_part(const trial *tr)
{
    double    start = now_s();
    int64_t   runs, by_others;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1) return; /* nobody is woken for nothing */
    do {
        call_shared(test_rt.two_threads, tr, HOOP_F32, &runs, &by_others);
        if (by_others > 0) return;
    } while (now_s() - start < 10.0);
    fail_msg("%s: the second thread took no part in 10 s", tr->where);
}

void check_threads(void **state)
{
    const hoop_op *op     = *state;
    bool           shares = false, numbers = true; /* numbers: no case has more than one element */
    int            tried = 0;
    if ((op->flags & HOOP_OP_VIEW) != 0) return; /* no kernel */
    for (int i = 0; i < op->ncases; i++) {
        trial   tr;
        int64_t runs = 0, by_others = 0;
        if (op->cases[i].expect != HOOP_OK || (shares && tried >= CASES)) continue;
        tried++;
        if (!trial_grow(&tr, op, i, LARGE)) trial_make(&tr, op, i);
        for (int k = 0; k < tr.nin; k++) numbers &= tr.in[k].numel <= 1;
        numbers &= tr.out_numel[0] <= 1;
        for (int d = 0; d < DTYPES; d++) same_bits(&tr, d == 0 ? HOOP_F32 : HOOP_F64);
        call_shared(test_rt.two_threads, &tr, HOOP_F32, &runs, &by_others);
        if (runs > 0 && !shares) others_take_part(&tr);
        shares |= runs > 0;
    }
    if (!shares && !numbers) fail_msg("%s: none of its cases, grown to %d elements, is shared among threads", op->name, LARGE);
}

/*
 * core/kernels/ctc.c - connectionist temporal classification of one sample, in log space and f64.
 *
 * States s = 0 .. 2 L are blank, label 0, blank, label 1, ..., blank. alpha[t][s] is the log of the probability that frames 0 to
 * t end in s, beta[t][s] that frames t + 1 on go on from there. Graves et al., ICML 2006.
 */
#include "kernels/loss.h"
#include "kernels/rows.h"

#define NEVER (-(double)INFINITY)

/* log(e^a + e^b + e^c) */
HOOP_INLINE double join(double a, double b, double c)
{
    const double m = a > b ? (a > c ? a : c) : (b > c ? b : c), k = m == NEVER ? 0 : m;
    return k + v_log_f64(v_exp_f64(a - k) + v_exp_f64(b - k) + v_exp_f64(c - k));
}

/* What the work holds: lse (frames), alpha (frames, states + 2, the first two of a row never), emitted, and two rows of beta. */
typedef struct states {
    int64_t n, row;
    double *lse, *alpha, *emit, *beta, *next;
} states;

static states lay_out(const hoop_ctc_sample *c)
{
    states s = {.n = 2 * c->labels + 1, .row = 2 * c->labels + 3, .lse = c->work};
    s.alpha  = s.lse + c->frames;
    s.emit   = s.alpha + c->frames * s.row;
    s.beta   = s.emit + s.row;
    s.next   = s.beta + s.row;
    return s;
}

static int64_t class_of(const hoop_ctc_sample *c, int64_t state)
{
    return state % 2 == 0 ? c->blank : c->label[state / 2];
}

/* May a path come to `state` from two states before? Not over a blank between equal labels. */
static bool skips(const hoop_ctc_sample *c, int64_t state)
{
    return state % 2 == 1 && state >= 3 && c->label[state / 2] != c->label[state / 2 - 1];
}

#define CTC(dt, T, I)                                                                                                            \
    /* log-probabilities of the states' classes in frame t */                                                                    \
    static void emit_##dt(const hoop_ctc_sample *c, const states *s, int64_t t)                                                  \
    {                                                                                                                            \
        const T *x = (const T *)c->x + t * c->cols;                                                                              \
        for (int64_t i = 0; i < s->n; i++) s->emit[i] = (double)x[class_of(c, i)] - s->lse[t];                                   \
    }                                                                                                                            \
    static double alpha_##dt(const hoop_ctc_sample *c, const states *s)                                                          \
    {                                                                                                                            \
        const double *last = NULL;                                                                                               \
        for (int64_t t = 0; t < c->frames; t++) {                                                                                \
            const T *x = (const T *)c->x + t * c->cols, m = row_max_##dt(c->cols, x);                                            \
            double  *a = s->alpha + t * s->row + 2;                                                                              \
            s->lse[t]  = (double)m + v_log_f64((double)row_exp_##dt(c->cols, x, m, NULL));                                       \
            emit_##dt(c, s, t);                                                                                                  \
            a[-2] = a[-1] = NEVER;                                                                                               \
            for (int64_t i = 0; i < s->n; i++) {                                                                                 \
                if (last == NULL)                                                                                                \
                    a[i] = i < 2 ? s->emit[i] : NEVER;                                                                           \
                else                                                                                                             \
                    a[i] = join(last[i], last[i - 1], skips(c, i) ? last[i - 2] : NEVER) + s->emit[i];                           \
            }                                                                                                                    \
            last = a;                                                                                                            \
        }                                                                                                                        \
        if (last == NULL) return c->labels == 0 ? 0 : NEVER;                                                                     \
        return join(last[s->n - 1], last[s->n - 2], NEVER);                                                                      \
    }                                                                                                                            \
    double HOOP_KERNEL(ctc_##dt)(const hoop_ctc_sample *c)                                                                       \
    {                                                                                                                            \
        const states s = lay_out(c);                                                                                             \
        return -alpha_##dt(c, &s);                                                                                               \
    }                                                                                                                            \
    void HOOP_KERNEL(ctc_grad_##dt)(const hoop_ctc_sample *c, double scale, void *dxv, bool add)                                 \
    {                                                                                                                            \
        states       s     = lay_out(c);                                                                                         \
        const double total = alpha_##dt(c, &s);                                                                                  \
        for (int64_t t = c->frames - 1; t >= 0; t--) {                                                                           \
            const T      *x    = (const T *)c->x + t * c->cols;                                                                  \
            const double *a    = s.alpha + t * s.row + 2;                                                                        \
            T            *dx   = (T *)dxv + t * c->cols;                                                                         \
            double       *swap = s.beta;                                                                                         \
            for (int64_t i = 0; i < s.n && t == c->frames - 1; i++) s.beta[i] = i >= s.n - 2 ? 0 : NEVER;                        \
            for (int64_t k = 0; k < c->cols; k++) {                                                                              \
                const T p = (T)(scale * v_exp_f64((double)x[k] - s.lse[t]));                                                     \
                dx[k]     = add ? dx[k] + p : p;                                                                                 \
            }                                                                                                                    \
            for (int64_t i = 0; i < s.n; i++) dx[class_of(c, i)] -= (T)(scale * v_exp_f64(a[i] + s.beta[i] - total));            \
            emit_##dt(c, &s, t);                                                                                                 \
            for (int64_t i = 0; i < s.n; i++) s.emit[i] += s.beta[i];                                                            \
            for (int64_t i = 0; i < s.n; i++)                                                                                    \
                s.next[i] = join(s.emit[i], i + 1 < s.n ? s.emit[i + 1] : NEVER,                                                 \
                                 i + 2 < s.n && skips(c, i + 2) ? s.emit[i + 2] : NEVER);                                        \
            s.beta = s.next;                                                                                                     \
            s.next = swap;                                                                                                       \
        }                                                                                                                        \
    }
HOOP_FLOAT_LIST(CTC)

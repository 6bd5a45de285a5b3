/* lbfgs: limited-memory BFGS. The direction is Nocedal and Wright, 'Numerical Optimization', 2006, algorithm 7.4; the search
 * along it their 3.5 and 3.6 (strong Wolfe conditions) with cubic interpolation, in the order of evaluations, the safeguards and
 * the ends of Schmidt's minFunc, which torch.optim.LBFGS has too. A loss that is not finite is one too far: the search turns back
 * from it. */
#include "hoop/optim.h"
#include "runtime/runtime.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

extern const hoop_optim_kind hoop__optim_lbfgs;

enum { MOST_HISTORY = 1000 };
static const char *const searches[] = {"strong_wolfe", "none", NULL};
enum { STRONG_WOLFE };
#define AT(field) offsetof(hoop_lbfgs_opts, field)
static const hoop_option rows[] = {
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1.0", 0, 1e6, NULL, true, "first length tried along a direction, before the schedule"},
    {"max_iter", HOOP_OPT_INT, AT(max_iter), "20", 1, 1e6, NULL, true, "directions a step"},
    {"max_eval", HOOP_OPT_INT, AT(max_eval), "auto", 1, 1e7, NULL, true,
     "evaluations of loss and gradient a step, about; auto: max_iter * 1.25"},
    {"tolerance_grad", HOOP_OPT_FLOAT, AT(tolerance_grad), "1e-7", 0, 1, NULL, true,
     "a step ends where no element of the gradient is larger"},
    {"tolerance_change", HOOP_OPT_FLOAT, AT(tolerance_change), "1e-9", 0, 1, NULL, true,
     "a step ends where loss, or all weights, change by less"},
    {"history_size", HOOP_OPT_INT, AT(history_size), "100", 1, MOST_HISTORY, NULL, true,
     "pairs of vectors kept, each as long as all weights"},
    {"line_search_fn", HOOP_OPT_ENUM, AT(line_search_fn), "strong_wolfe", 0, 0, searches, true,
     "strong_wolfe: lengths are tried until loss and slope fell enough; none: lr is taken"},
};
#undef AT

/* states: these, then the differences of gradients, oldest first, then those of weights */
enum { DIRECTION, GRADIENT, PAIRS };
enum { ITERATIONS, EVALUATIONS, LENGTH, LOSS, SCALE, KEPT, RHO }; /* numbers; RHO: history_size of them, 1 / (y s) */
/* vectors of a step: room for sums, the weights where a search begins, two gradients. The number of a gradient tells where it is:
 * GRADIENT (that where the search begins), POOL, POOL + 1, or TOLD, what came with the call */
enum { SUMS, BEGIN, POOL, WORK = POOL + 2 };
enum { TOLD = WORK };

enum stage { FIRST, FIXED, BRACKET, ZOOM };

/* a length along the direction, its loss, its slope, and where its gradient is */
typedef struct point {
    double t, f, slope;
    int    g;
} point;

/* what a step knows between two evaluations */
typedef struct search {
    enum stage stage;
    bool       stuck; /* the last trial was near an end of the bracket */
    int        low;   /* which end of it is the better */
    int64_t    iterations, evaluations, tries, most_tries;
    double     loss; /* where the weights are */
    int        g;    /* its gradient */
    double     length, largest;
    point      from, last, end[2];
} search;

/* ---- vectors ---- */

static void *vector(const hoop_search_call *c, int g)
{
    return g == GRADIENT ? c->state[GRADIENT] : g == TOLD ? (void *)(uintptr_t)c->g : c->work[g];
}

enum what { COPY, MOVE, DIFFER, SCALED };
typedef struct job {
    enum what   what;
    hoop_dtype  dtype;
    double      alpha;
    const void *a, *b;
    void       *out;
} job;

#define VECTORS(dt, T)                                                                                                           \
    static void combine_##dt(const job *j, int64_t first, int64_t n)                                                             \
    {                                                                                                                            \
        const T *a = (const T *)j->a + first, *b = j->b == NULL ? NULL : (const T *)j->b + first, alpha = (T)j->alpha;           \
        T       *out = (T *)j->out + first;                                                                                      \
        if (j->what == MOVE)                                                                                                     \
            for (int64_t i = 0; i < n; i++) out[i] = a[i] + alpha * b[i];                                                        \
        else if (j->what == DIFFER)                                                                                              \
            for (int64_t i = 0; i < n; i++) out[i] = a[i] - b[i];                                                                \
        else if (j->what == SCALED)                                                                                              \
            for (int64_t i = 0; i < n; i++) out[i] = alpha * a[i];                                                               \
        else                                                                                                                     \
            memcpy(out, a, (size_t)n * sizeof(T));                                                                               \
    }                                                                                                                            \
    /* sums[b] is of block b: 16 lanes, then a fixed tree */                                                                     \
    static void products_##dt(const job *j, int64_t first, int64_t n)                                                            \
    {                                                                                                                            \
        double *sums = (double *)j->out;                                                                                         \
        for (int64_t b = first; b < first + n; b++) {                                                                            \
            const T *x = (const T *)j->a + b * HOOP_BLOCK, *y = (const T *)j->b + b * HOOP_BLOCK;                                \
            double   lane[16] = {0};                                                                                             \
            for (int i = 0; i < HOOP_BLOCK; i += 16)                                                                             \
                for (int k = 0; k < 16; k++) lane[k] += (double)x[i + k] * (double)y[i + k];                                     \
            for (int half = 8; half > 0; half /= 2)                                                                              \
                for (int k = 0; k < half; k++) lane[k] += lane[k + half];                                                        \
            sums[b] = lane[0];                                                                                                   \
        }                                                                                                                        \
    }                                                                                                                            \
    static double largest_##dt(const void *x, int64_t n)                                                                         \
    {                                                                                                                            \
        const T *v    = x;                                                                                                       \
        T        most = 0;                                                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                                                        \
            const T size = v[i] < 0 ? -v[i] : v[i];                                                                              \
            most         = size > most ? size : most;                                                                            \
        }                                                                                                                        \
        return (double)most;                                                                                                     \
    }                                                                                                                            \
    static double sizes_##dt(const void *x, int64_t n)                                                                           \
    {                                                                                                                            \
        const T *v   = x;                                                                                                        \
        double   sum = 0.0;                                                                                                      \
        for (int64_t i = 0; i < n; i++) sum += (double)(v[i] < 0 ? -v[i] : v[i]);                                                \
        return sum;                                                                                                              \
    }
VECTORS(f32, float)
VECTORS(f64, double)
#undef VECTORS

static void combine_blocks(const void *ctx, int64_t first, int64_t n)
{
    const job *j = ctx;
    (j->dtype == HOOP_F64 ? combine_f64 : combine_f32)(j, first * HOOP_BLOCK, n * HOOP_BLOCK);
}

static void multiply_blocks(const void *ctx, int64_t first, int64_t n)
{
    const job *j = ctx;
    (j->dtype == HOOP_F64 ? products_f64 : products_f32)(j, first, n);
}

static void share(const hoop_search_call *c, hoop_range_fn *f, job j)
{
    j.dtype = c->dtype;
    hoop_threads_share(c->rt->threads, c->nblocks, HOOP_BLOCK * (int64_t)hoop_dtype_size(c->dtype), 1, f, &j);
}

/* out = a + alpha * b, ... */
static void combine(const hoop_search_call *c, void *out, enum what what, const void *a, double alpha, const void *b)
{
    share(c, combine_blocks, (job){.what = what, .alpha = alpha, .a = a, .b = b, .out = out});
}

/* a.b: sums of blocks, which are added exactly */
static double dot(const hoop_search_call *c, const void *a, const void *b)
{
    hoop_exact_scalar sum;
    const double     *sums = c->work[SUMS];
    share(c, multiply_blocks, (job){.a = a, .b = b, .out = c->work[SUMS]});
    hoop_exact_scalar_clear(&sum);
    for (int64_t i = 0; i < c->nblocks; i++) hoop_exact_scalar_deposit(&sum, sums[i]);
    return hoop_exact_scalar_finish(&sum);
}

static double largest(const hoop_search_call *c, const void *x)
{
    return (c->dtype == HOOP_F64 ? largest_f64 : largest_f32)(x, c->nblocks * HOOP_BLOCK);
}

static double sum_of_sizes(const hoop_search_call *c, const void *x)
{
    return (c->dtype == HOOP_F64 ? sizes_f64 : sizes_f32)(x, c->nblocks * HOOP_BLOCK);
}

/* ---- the direction ---- */

static int64_t most_evaluations(const hoop_lbfgs_opts *o)
{
    return o->max_eval == HOOP_OPT_AUTO ? o->max_iter * 5 / 4 : o->max_eval;
}

static int64_t history(const hoop_search_call *c)
{
    return ((const hoop_lbfgs_opts *)c->opts)->history_size;
}

/* KEPT as it may come from a file: how many pairs, -1: no such number */
static int pairs(const void *opts, const double *number)
{
    const double kept = number[KEPT];
    return kept >= 0.0 && kept <= (double)((const hoop_lbfgs_opts *)opts)->history_size ? (int)kept : -1;
}

static void swap(void **a, void **b)
{
    void *was = *a;
    *a        = *b;
    *b        = was;
}

/* Remember y = g - the gradient before, s = the way from there; the oldest pair goes where there is no room. */
static void remember(hoop_search_call *c, const search *s)
{
    const int64_t most = history(c);
    int           kept = pairs(c->opts, c->number);
    const int     free = s->g == POOL ? POOL + 1 : POOL;
    void        **y = &c->state[PAIRS], **way = y + most;
    double        ys;
    combine(c, c->work[BEGIN], DIFFER, vector(c, s->g), 0.0, c->state[GRADIENT]);
    combine(c, c->work[free], SCALED, c->state[DIRECTION], c->number[LENGTH], NULL);
    ys = dot(c, c->work[BEGIN], c->work[free]);
    if (!(ys > 1e-10)) return;
    if (kept == most) {
        void *oldest[2] = {y[0], way[0]};
        kept--;
        memmove(y, y + 1, (size_t)kept * sizeof *y);
        memmove(way, way + 1, (size_t)kept * sizeof *way);
        memmove(c->number + RHO, c->number + RHO + 1, (size_t)kept * sizeof *c->number);
        y[kept]   = oldest[0];
        way[kept] = oldest[1];
    }
    swap(&y[kept], &c->work[BEGIN]);
    swap(&way[kept], &c->work[free]);
    c->number[RHO + kept] = 1.0 / ys;
    c->number[KEPT]       = (double)(kept + 1);
    c->number[SCALE]      = ys / dot(c, y[kept], y[kept]);
}

/* -H g, of the pairs that are kept */
static void find_direction(hoop_search_call *c, const search *s)
{
    void      *d = c->state[DIRECTION], *const *y = &c->state[PAIRS], *const *way = y + history(c);
    const bool first = c->number[ITERATIONS] == 1.0;
    double     al[MOST_HISTORY];
    int        kept;
    if (first) {
        c->number[SCALE] = 1.0;
        c->number[KEPT]  = 0.0;
    } else {
        remember(c, s);
    }
    kept = pairs(c->opts, c->number);
    combine(c, d, SCALED, vector(c, s->g), -1.0, NULL);
    if (first) return;
    for (int i = kept - 1; i >= 0; i--) {
        al[i] = dot(c, way[i], d) * c->number[RHO + i];
        combine(c, d, MOVE, d, -al[i], y[i]);
    }
    combine(c, d, SCALED, d, c->number[SCALE], NULL);
    for (int i = 0; i < kept; i++) combine(c, d, MOVE, d, al[i] - dot(c, y[i], d) * c->number[RHO + i], way[i]);
}

/* ---- the length ---- */

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Where the cubic through two points with these slopes is least, between low and high (Nocedal and Wright, 3.59). */
static double interpolate(point a, point b, double low, double high)
{
    double d1, square, d2, at;
    if (!isfinite(a.f) || !isfinite(b.f)) return (low + high) / 2.0;
    d1     = a.slope + b.slope - 3.0 * (a.f - b.f) / (a.t - b.t);
    square = d1 * d1 - a.slope * b.slope;
    if (!(square >= 0.0)) return (low + high) / 2.0;
    d2 = sqrt(square);
    at = a.t <= b.t ? b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2))
                    : a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2.0 * d2));
    return isnan(at) ? (low + high) / 2.0 : smaller(larger(at, low), high);
}

/* weights at this length from where the search began */
static void go_to(const hoop_search_call *c, search *s, double t)
{
    s->length = t;
    combine(c, c->w, MOVE, c->work[BEGIN], t, c->state[DIRECTION]);
}

/* one more trial */
static bool ask(const hoop_search_call *c, search *s, double t)
{
    go_to(c, s, t);
    s->tries++;
    return true;
}

/* what was told of the length that was tried; a loss that is not finite has a slope that is not a number, which nobody looks at
 */
static point told(const hoop_search_call *c, const search *s)
{
    return (point){s->length, c->loss, dot(c, c->g, c->state[DIRECTION]), TOLD};
}

/* its gradient stays, beside that of another */
static point keep(const hoop_search_call *c, point p, int beside)
{
    p.g = beside == POOL ? POOL + 1 : POOL;
    combine(c, c->work[p.g], COPY, c->g, 0.0, NULL);
    return p;
}

static bool iterate(hoop_search_call *c, search *s);

/* An iteration has ended: is there another? */
static bool go_on(hoop_search_call *c, search *s)
{
    const hoop_lbfgs_opts *o = c->opts;
    if (s->iterations == o->max_iter || s->evaluations >= most_evaluations(o)) return false;
    if (largest(c, vector(c, s->g)) <= o->tolerance_grad) return false;
    if (s->largest * fabs(s->length) <= o->tolerance_change || fabs(s->loss - c->number[LOSS]) < o->tolerance_change)
        return false;
    return iterate(c, s);
}

static bool end_search(hoop_search_call *c, search *s)
{
    const point *best = &s->end[s->low];
    go_to(c, s, best->t);
    c->number[LENGTH] = best->t;
    s->loss           = best->f;
    s->g              = best->g;
    return go_on(c, s);
}

static const double narrow = 1e-9; /* a bracket, in what weights change by; PyTorch's, whatever tolerance_change is */

/* the next length inside the bracket */
static bool try_inside(hoop_search_call *c, search *s)
{
    const double left = smaller(s->end[0].t, s->end[1].t), right = larger(s->end[0].t, s->end[1].t),
                 margin = 0.1 * (right - left);
    double t;
    if (s->tries >= s->most_tries || (right - left) * s->largest < narrow) return end_search(c, s);
    t = interpolate(s->end[0], s->end[1], left, right);
    if (smaller(right - t, t - left) >= margin) {
        s->stuck = false;
    } else if (s->stuck || t >= right || t <= left) {
        t        = fabs(t - right) < fabs(t - left) ? right - margin : left + margin;
        s->stuck = false;
    } else {
        s->stuck = true;
    }
    return ask(c, s, t);
}

static bool enclose(hoop_search_call *c, search *s, point p)
{
    s->end[0] = s->last;
    s->end[1] = keep(c, p, s->last.g);
    s->low    = s->end[0].f <= s->end[1].f ? 0 : 1;
    s->stuck  = false;
    s->stage  = ZOOM;
    return try_inside(c, s);
}

static const double c1 = 1e-4, c2 = 0.9; /* of the conditions: decrease, curvature */

static bool falls_short(const search *s, point p)
{
    return p.f > s->from.f + c1 * p.t * s->from.slope;
}

static bool is_flat(const search *s, point p)
{
    return fabs(p.slope) <= -c2 * s->from.slope;
}

/* further along, until a minimum lies behind */
static bool bracket(hoop_search_call *c, search *s)
{
    const point p = told(c, s), last = s->last;
    double      t;
    if (s->tries >= s->most_tries) {
        s->end[0] = s->from;
        s->end[1] = keep(c, p, GRADIENT);
        s->low    = s->end[0].f <= s->end[1].f ? 0 : 1;
        return end_search(c, s);
    }
    if (falls_short(s, p) || (s->tries > 1 && p.f >= last.f)) return enclose(c, s, p);
    if (is_flat(s, p)) {
        s->end[s->low = 0] = keep(c, p, last.g);
        return end_search(c, s);
    }
    if (p.slope >= 0.0) return enclose(c, s, p);
    t       = interpolate(last, p, p.t + 0.01 * (p.t - last.t), 10.0 * p.t);
    s->last = keep(c, p, last.g);
    return ask(c, s, t);
}

/* the bracket becomes smaller */
static bool zoom(hoop_search_call *c, search *s)
{
    const point p   = told(c, s);
    point      *low = &s->end[s->low], *high = &s->end[1 - s->low];
    bool        done;
    if (falls_short(s, p) || p.f >= low->f) {
        *high  = keep(c, p, low->g);
        s->low = s->end[0].f <= s->end[1].f ? 0 : 1;
        return try_inside(c, s);
    }
    done = is_flat(s, p);
    if (!done && p.slope * (high->t - low->t) >= 0.0) *high = *low;
    *low = keep(c, p, high->g);
    return done ? end_search(c, s) : try_inside(c, s);
}

/* ---- a step ---- */

static bool take_length(hoop_search_call *c, search *s, double t)
{
    const hoop_lbfgs_opts *o = c->opts;
    combine(c, c->w, MOVE, c->w, t, c->state[DIRECTION]);
    s->length = t;
    s->stage  = FIXED;
    return s->iterations < o->max_iter;
}

static bool iterate(hoop_search_call *c, search *s)
{
    const hoop_lbfgs_opts *o     = c->opts;
    const bool             first = c->number[ITERATIONS] == 0.0;
    double                 t     = c->lr, slope;
    s->iterations++;
    c->number[ITERATIONS] += 1.0;
    find_direction(c, s);
    if (s->g != GRADIENT) combine(c, c->state[GRADIENT], COPY, vector(c, s->g), 0.0, NULL);
    s->g = GRADIENT;
    if (first) t *= smaller(1.0, 1.0 / sum_of_sizes(c, c->state[GRADIENT]));
    c->number[LOSS]   = s->loss;
    c->number[LENGTH] = t;
    slope             = dot(c, c->state[GRADIENT], c->state[DIRECTION]);
    s->largest        = largest(c, c->state[DIRECTION]);
    if (!(slope <= -o->tolerance_change)) return false;
    if (o->line_search_fn != STRONG_WOLFE) return take_length(c, s, t);
    combine(c, c->work[BEGIN], COPY, c->w, 0.0, NULL);
    s->from       = (point){0.0, s->loss, slope, GRADIENT};
    s->last       = s->from;
    s->tries      = 0; /* behind the first */
    s->most_tries = most_evaluations(o) - s->evaluations;
    s->stage      = BRACKET;
    go_to(c, s, t);
    return true;
}

static bool tell(hoop_search_call *c)
{
    search *s = c->at;
    s->evaluations++;
    c->number[EVALUATIONS] += 1.0;
    if (s->stage == BRACKET) return bracket(c, s);
    if (s->stage == ZOOM) return zoom(c, s);
    s->loss = c->loss;
    s->g    = TOLD;
    if (s->stage == FIXED) return isfinite(s->loss) ? go_on(c, s) : false; /* the next step will say so */
    return largest(c, c->g) <= ((const hoop_lbfgs_opts *)c->opts)->tolerance_grad ? false : iterate(c, s);
}

/* ---- what it keeps ---- */

static int arrays(const void *opts)
{
    return PAIRS + 2 * (int)((const hoop_lbfgs_opts *)opts)->history_size;
}

static int numbers(const void *opts)
{
    return RHO + (int)((const hoop_lbfgs_opts *)opts)->history_size;
}

/* PyTorch's names: dirs are differences of gradients, stps the steps */
static void array_name(const void *opts, int i, char *name, size_t size)
{
    const int n = (int)((const hoop_lbfgs_opts *)opts)->history_size, k = i - PAIRS;
    if (k < 0)
        (void)snprintf(name, size, "%s", i == DIRECTION ? "d" : "prev_flat_grad");
    else
        (void)snprintf(name, size, "%s.%d", k < n ? "old_dirs" : "old_stps", k % n);
}

static bool is_live(const void *opts, const double *number, int i)
{
    const int n = (int)((const hoop_lbfgs_opts *)opts)->history_size;
    return number[ITERATIONS] > 0.0 && (i < PAIRS || (i - PAIRS) % n < pairs(opts, number));
}

static bool is_sound(const void *opts, const double *number)
{
    return pairs(opts, number) >= 0;
}

static const hoop_search_kind searching = {.arrays  = arrays,
                                           .numbers = numbers,
                                           .name    = array_name,
                                           .live    = is_live,
                                           .sound   = is_sound,
                                           .work    = WORK,
                                           .at_size = sizeof(search),
                                           .tell    = tell};

const hoop_optim_kind hoop__optim_lbfgs = {
    .name      = "lbfgs",
    .help      = "limited-memory BFGS: a step is a search over several evaluations of its batch, as a rule the whole set",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(hoop_lbfgs_opts),
    .search    = &searching,
};

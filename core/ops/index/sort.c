/* sort and topk: values and where they were, in the last dim. */
#include "ops/index/index.h"

#include <string.h>

extern const hoop_op hoop__op_sort, hoop__op_topk;

/*
 * A number becomes a key, an unsigned integer of the same order (NaN above all, both zeros the same), turned round where the
 * largest come first. Keys of 32 bits and places are sorted as one integer of 64, those of 64 bits as a pair: no two are equal,
 * so that every way to sort is stable. Long rows go by digits of 11 bits (Knuth, TAOCP 3, 5.2.5), short ones by merging.
 */
typedef struct wide {
    uint64_t key;
    int64_t  place;
} wide;

enum { DIGIT = 11, DIGITS = 1 << DIGIT, RUN = 16 /* sorted by insertion */, MERGED = 512 /* rows up to that are merged */ };

static uint32_t key_f32(const void *x, int64_t i)
{
    float    v = ((const float *)x)[i];
    uint32_t u;
    if (v != v) return UINT32_MAX;
    v += 0.0F;
    memcpy(&u, &v, sizeof u);
    return u >> 31 != 0 ? ~u : u | (uint32_t)1 << 31;
}
static uint64_t key_f64(const void *x, int64_t i)
{
    double   v = ((const double *)x)[i];
    uint64_t u;
    if (v != v) return UINT64_MAX;
    v += 0.0;
    memcpy(&u, &v, sizeof u);
    return u >> 63 != 0 ? ~u : u | (uint64_t)1 << 63;
}

/* the keys of a row with their places */
static void narrow_keys(hoop_dtype dtype, int64_t n, const void *x, bool descending, uint64_t *to)
{
    uint64_t turn = descending ? UINT32_MAX : 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t k = dtype == HOOP_F32   ? key_f32(x, i)
                     : dtype == HOOP_I32 ? (uint32_t)((const int32_t *)x)[i] ^ (uint32_t)1 << 31
                                         : ((const uint8_t *)x)[i];
        to[i]      = (k ^ turn) << 32 | (uint64_t)i;
    }
}
static void wide_keys(hoop_dtype dtype, int64_t n, const void *x, bool descending, wide *to)
{
    uint64_t turn = descending ? UINT64_MAX : 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t k = dtype == HOOP_F64 ? key_f64(x, i) : (uint64_t)((const int64_t *)x)[i] ^ (uint64_t)1 << 63;
        to[i]      = (wide){k ^ turn, i};
    }
}

#define NARROW_BELOW(a, b) ((a) < (b))
#define WIDE_BELOW(a, b) ((a).key < (b).key || ((a).key == (b).key && (a).place < (b).place))
#define NARROW_DIGIT(a, shift) (((a) >> 32 >> (shift)) & (DIGITS - 1))
#define WIDE_DIGIT(a, shift) (((a).key >> (shift)) & (DIGITS - 1))

/* sorts a, with b to work in; the result is in a */
#define SORT(name, T, bits, below, digit)                                                                                        \
    static void name##_insert(int64_t n, T *a)                                                                                   \
    {                                                                                                                            \
        for (int64_t i = 1; i < n; i++) {                                                                                        \
            T       v = a[i];                                                                                                    \
            int64_t k = i;                                                                                                       \
            for (; k > 0 && below(v, a[k - 1]); k--) a[k] = a[k - 1];                                                            \
            a[k] = v;                                                                                                            \
        }                                                                                                                        \
    }                                                                                                                            \
    static void name##_merge(int64_t n, T *a, T *b)                                                                              \
    {                                                                                                                            \
        T *from = a, *to = b;                                                                                                    \
        for (int64_t i = 0; i < n; i += RUN) name##_insert(n - i < RUN ? n - i : RUN, a + i);                                    \
        for (int64_t run = RUN; run < n; run *= 2) {                                                                             \
            T *swap = from;                                                                                                      \
            for (int64_t i = 0; i < n; i += 2 * run) {                                                                           \
                int64_t l = i, middle = i + run < n ? i + run : n, r = middle, end = i + 2 * run < n ? i + 2 * run : n;          \
                for (int64_t k = i; k < end; k++) {                                                                              \
                    bool left = l < middle && (r == end || below(from[l], from[r]));                                             \
                    to[k]     = left ? from[l] : from[r];                                                                        \
                    l += left;                                                                                                   \
                    r += !left;                                                                                                  \
                }                                                                                                                \
            }                                                                                                                    \
            from = to;                                                                                                           \
            to   = swap;                                                                                                         \
        }                                                                                                                        \
        if (from != a) memcpy(a, from, (size_t)n * sizeof(T));                                                                   \
    }                                                                                                                            \
    static void name##_sort(int64_t n, T *a, T *b)                                                                               \
    {                                                                                                                            \
        T      *from = a, *to = b;                                                                                               \
        int64_t count[DIGITS];                                                                                                   \
        if (n <= MERGED) {                                                                                                       \
            name##_merge(n, a, b);                                                                                               \
            return;                                                                                                              \
        }                                                                                                                        \
        for (int shift = 0; shift < (bits); shift += DIGIT) {                                                                    \
            int64_t at   = 0;                                                                                                    \
            T      *swap = from;                                                                                                 \
            memset(count, 0, sizeof count);                                                                                      \
            for (int64_t i = 0; i < n; i++) count[digit(from[i], shift)]++;                                                      \
            if (count[digit(from[0], shift)] == n) continue; /* all the same */                                                  \
            for (int d = 0; d < DIGITS; d++) {                                                                                   \
                int64_t m = count[d];                                                                                            \
                count[d]  = at;                                                                                                  \
                at += m;                                                                                                         \
            }                                                                                                                    \
            for (int64_t i = 0; i < n; i++) to[count[digit(from[i], shift)]++] = from[i];                                        \
            from = to;                                                                                                           \
            to   = swap;                                                                                                         \
        }                                                                                                                        \
        if (from != a) memcpy(a, from, (size_t)n * sizeof(T));                                                                   \
    }                                                                                                                            \
    /* the k first of n, which next(i) gives one by one: a heap with the last of them on top, sorted in the end */               \
    static void name##_sink(T *heap, int64_t k, int64_t i)                                                                       \
    {                                                                                                                            \
        T v = heap[i];                                                                                                           \
        for (int64_t child; (child = 2 * i + 1) < k; i = child) {                                                                \
            if (child + 1 < k && below(heap[child], heap[child + 1])) child++;                                                   \
            if (!below(v, heap[child])) break;                                                                                   \
            heap[i] = heap[child];                                                                                               \
        }                                                                                                                        \
        heap[i] = v;                                                                                                             \
    }                                                                                                                            \
    static void name##_first(int64_t k, T *heap, int64_t m, const T *more)                                                       \
    {                                                                                                                            \
        for (int64_t i = 0; i < m; i++) {                                                                                        \
            if (!below(more[i], heap[0])) continue;                                                                              \
            heap[0] = more[i];                                                                                                   \
            name##_sink(heap, k, 0);                                                                                             \
        }                                                                                                                        \
    }                                                                                                                            \
    static void name##_unheap(int64_t k, T *heap)                                                                                \
    {                                                                                                                            \
        for (int64_t n = k; n > 1; n--) {                                                                                        \
            T last      = heap[n - 1];                                                                                           \
            heap[n - 1] = heap[0];                                                                                               \
            heap[0]     = last;                                                                                                  \
            name##_sink(heap, n - 1, 0);                                                                                         \
        }                                                                                                                        \
    }
SORT(narrow, uint64_t, 32, NARROW_BELOW, NARROW_DIGIT)
SORT(wide, wide, 64, WIDE_BELOW, WIDE_DIGIT)

static bool is_narrow(const hoop_view *x)
{
    return hoop__size(x) < 8;
}

/* a row of values and places out of sorted keys */
static void put_row(const hoop_call *c, int64_t row, int64_t k, const void *keys)
{
    const hoop_view *x    = c->in[0];
    int64_t          size = hoop__size(x), n = x->shape[x->ndim - 1], *place = (int64_t *)c->out[1].data + row * k;
    for (int64_t i = 0; i < k; i++)
        place[i] = is_narrow(x) ? (int64_t)(((const uint64_t *)keys)[i] & UINT32_MAX) : ((const wide *)keys)[i].place;
    hoop__take(k, size, (const char *)x->data + row * n * size, 1, 0, place, (char *)c->out[0].data + row * k * size);
}

/* ---- sort ---- */

typedef struct sort_attrs {
    int64_t descending;
} sort_attrs;
static const hoop_field sort_fields[] = {{"descending", 'i', offsetof(sort_attrs, descending)}};

/* an op of the last dim, for any; outs[1] gets the places, the values are returned */
static hoop_tensor *in_dim(hoop_tape *t, const hoop_op *op, hoop_tensor *x, int dim, const void *attrs, hoop_tensor **places)
{
    hoop_tensor *outs[2];
    bool         last = dim == -1 || dim == hoop_tensor_ndim(x) - 1;
    if (!last) x = hoop_transpose(t, x, dim, -1);
    (void)hoop_op_call(t, op, &x, 1, attrs, outs);
    for (int j = 0; j < 2 && !last; j++) outs[j] = hoop_transpose(t, outs[j], dim, -1);
    if (places != NULL) *places = outs[1];
    return outs[0];
}

/**
 * hoop_sort - the elements of a dim in order, equal ones as they were, NaN as the largest; *places (may be NULL): where each was.
 * Shape   x [.., N, ..] -> same, places i64
 * Grad    dx[places] += dy
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim, or one too long)
 */
hoop_tensor *hoop_sort(hoop_tape *t, hoop_tensor *x, int dim, bool descending, hoop_tensor **places)
{
    return in_dim(t, &hoop__op_sort, x, dim, &(sort_attrs){descending}, places);
}

/**
 * hoop_argsort - the places of hoop_sort.
 * Shape   x [.., N, ..] -> i64 of the same
 * Grad    none
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim, or one too long)
 */
hoop_tensor *hoop_argsort(hoop_tape *t, hoop_tensor *x, int dim, bool descending)
{
    hoop_tensor *places, *fixed = hoop_detach(t, x);
    (void)hoop_sort(t, fixed, dim, descending, &places);
    return places;
}
static hoop_status rows_shape(hoop_shape_call *s)
{
    const hoop_view *x = s->in[0];
    if (x->ndim < 1) return hoop_fail(s->err, HOOP_ESHAPE, "a scalar has no dim to sort");
    if (x->shape[x->ndim - 1] > (int64_t)UINT32_MAX)
        return hoop_fail(s->err, HOOP_ESHAPE, "%lld elements to sort; at most 2^32", (long long)x->shape[x->ndim - 1]);
    for (int j = 0; j < 2; j++) {
        hoop__out_like(&s->out[j], x);
        if (j == 1) s->out[j].dtype = HOOP_I64;
    }
    return HOOP_OK;
}
static hoop_status sort_shape(hoop_shape_call *s)
{
    return rows_shape(s);
}
/* two rows of keys for each row */
static int64_t sort_workspace(const hoop_call *c)
{
    return 2 * hoop__view_numel(c->in[0]) * (int64_t)(is_narrow(c->in[0]) ? sizeof(uint64_t) : sizeof(wide));
}
static void sort_range(const void *ctx, int64_t first, int64_t rows)
{
    const hoop_call *c = ctx;
    const hoop_view *x = c->in[0];
    int64_t          n = x->shape[x->ndim - 1], size = hoop__size(x);
    bool             down = ((const sort_attrs *)c->attrs)->descending != 0;
    for (int64_t r = first; r < first + rows; r++) {
        const char *row    = (const char *)x->data + r * n * size;
        uint64_t   *narrow = (uint64_t *)c->work + 2 * r * n;
        wide       *w      = (wide *)c->work + 2 * r * n;
        if (is_narrow(x)) {
            narrow_keys((hoop_dtype)x->dtype, n, row, down, narrow);
            narrow_sort(n, narrow, narrow + n);
            put_row(c, r, n, narrow);
        } else {
            wide_keys((hoop_dtype)x->dtype, n, row, down, w);
            wide_sort(n, w, w + n);
            put_row(c, r, n, w);
        }
    }
}
static hoop_status sort_forward(const hoop_call *c)
{
    int64_t rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    if (hoop__view_numel(c->in[0]) > 0) hoop_threads_share(c->threads, rows, 256 + 512 * cols, 1, sort_range, c);
    return HOOP_OK;
}
static void places_backward(hoop_backward_call *b)
{
    if (b->dy[0] == NULL) return;
    if (hoop_sink(b, 0)) hoop__scatter_to(b->t, b->dy[0], b->out[1], hoop_tensor_ndim(b->in[0]) - 1, b->in[0]);
}
/* the k-th is the first that so many come before */
static void rows_reference(const hoop_call *c, int64_t k, bool down)
{
    int64_t rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    for (int64_t i = 0; i < rows * cols; i++) {
        double  v      = hoop__at(c->in[0], i);
        int64_t before = 0, row = i / cols * cols;
        for (int64_t o = row; o < row + cols; o++) {
            double u = hoop__at(c->in[0], o);
            before += (down ? u > v : u < v) || (u == v && o < i);
        }
        if (before >= k) continue;
        hoop__put(&c->out[0], row / cols * k + before, v);
        hoop__put(&c->out[1], row / cols * k + before, (double)(i - row));
    }
}
static void sort_reference(const hoop_call *c)
{
    rows_reference(c, c->in[0]->shape[c->in[0]->ndim - 1], ((const sort_attrs *)c->attrs)->descending != 0);
}
static const sort_attrs up = {0}, down = {1};
static const hoop_case  sort_cases[] = {
     {"3x4", &up},          {"3x17", &down},         {"2x3x5", &up},      {"1", &down},         {"0x3", &up},
     {"3x0", &up},          {"i64:3x40<9", &down},   {"i32:3x17<9", &up}, {"u8:3x33<9", &down}, {"i32:2x700<9999", &up},
     {"i64:2x600<99", &up}, {".", &up, HOOP_ESHAPE},
};
const hoop_op hoop__op_sort = {
    .name       = "sort",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 2,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_OUT(1),
    .attrs_size = sizeof(sort_attrs),
    HOOP_FIELDS(sort_fields),
    .shape     = sort_shape,
    .forward   = sort_forward,
    .workspace = sort_workspace,
    .backward  = places_backward,
    .reference = sort_reference,
    .samples   = hoop__samples_outer,
    HOOP_CASES(sort_cases),
};

/* ---- topk ---- */

typedef struct topk_attrs {
    int64_t k, smallest;
} topk_attrs;
static const hoop_field topk_fields[] = {{"k", 'i', offsetof(topk_attrs, k)}, {"smallest", 'i', offsetof(topk_attrs, smallest)}};

/**
 * hoop_topk - the k largest (or smallest) elements of a dim, in order, of equal ones the first; *places (may be NULL): where they
 * are.
 * Shape   x [.., N, ..] -> [.., k, ..], places i64
 * Grad    dx[places] += dy
 * Dtype   any                        Errors HOOP_ESHAPE (no such dim), HOOP_ERANGE (k)
 */
hoop_tensor *hoop_topk(hoop_tape *t, hoop_tensor *x, int64_t k, int dim, bool largest, hoop_tensor **places)
{
    return in_dim(t, &hoop__op_topk, x, dim, &(topk_attrs){k, !largest}, places);
}
static hoop_status topk_shape(hoop_shape_call *s)
{
    const topk_attrs *a    = s->attrs;
    hoop_status       st   = rows_shape(s);
    int               last = s->in[0]->ndim - 1;
    if (st != HOOP_OK) return st;
    if (a->k < 0 || a->k > s->in[0]->shape[last])
        return hoop_fail(s->err, HOOP_ERANGE, "%lld of %lld elements", (long long)a->k, (long long)s->in[0]->shape[last]);
    for (int j = 0; j < 2; j++) {
        int64_t shape[HOOP_MAX_DIMS] = {0};
        memcpy(shape, s->in[0]->shape, (size_t)(last + 1) * sizeof *shape);
        shape[last] = a->k;
        hoop__view_set(&s->out[j], (hoop_dtype)s->out[j].dtype, last + 1, shape);
    }
    return HOOP_OK;
}
/* a heap for each row */
static int64_t topk_workspace(const hoop_call *c)
{
    return hoop__view_numel(&c->out[0]) * (int64_t)(is_narrow(c->in[0]) ? sizeof(uint64_t) : sizeof(wide));
}
enum { BATCH = 128 /* keys that are made at a time */ };
enum { STEP = 16 };
/* may one of STEP floats come before this one? (NaN: yes) */
static bool some_before(bool smallest, float last, const float *x)
{
    int some = 0;
    if (smallest) {
        for (int i = 0; i < STEP; i++) some |= !(x[i] >= last);
    } else {
        for (int i = 0; i < STEP; i++) some |= !(x[i] <= last);
    }
    return some != 0;
}
/* floats from i on that surely come behind all of a full heap: their number, in STEPs */
static int64_t passed_over(const hoop_view *x, const char *row, bool smallest, uint64_t last, int64_t i, int64_t n)
{
    const float  *v     = (const float *)(const void *)row;
    const int64_t start = i;
    if (x->dtype != HOOP_F32 || last == UINT64_MAX) return 0;
    while (n - i >= STEP && !some_before(smallest, v[last & UINT32_MAX], v + i)) i += STEP;
    return i - start;
}
static void topk_range(const void *ctx, int64_t first, int64_t rows)
{
    const hoop_call  *c = ctx;
    const hoop_view  *x = c->in[0];
    const topk_attrs *a = c->attrs;
    int64_t           n = x->shape[x->ndim - 1], size = hoop__size(x), k = a->k;
    uint64_t          narrow[BATCH];
    wide              w[BATCH];
    for (int64_t r = first; r < first + rows; r++) {
        const char *row         = (const char *)x->data + r * n * size;
        uint64_t   *narrow_heap = (uint64_t *)c->work + r * k;
        wide       *wide_heap   = (wide *)c->work + r * k;
        for (int64_t i = 0; i < k; i++) { /* what everything comes before */
            if (is_narrow(x))
                narrow_heap[i] = UINT64_MAX;
            else
                wide_heap[i] = (wide){UINT64_MAX, INT64_MAX};
        }
        for (int64_t i = 0, m; i < n; i += m) {
            if (is_narrow(x) && k > 0) i += passed_over(x, row, a->smallest != 0, narrow_heap[0], i, n);
            m = x->dtype == HOOP_F32 && i > 0 ? STEP : BATCH;
            m = n - i < m ? n - i : m;
            if (is_narrow(x)) {
                narrow_keys((hoop_dtype)x->dtype, m, row + i * size, a->smallest == 0, narrow);
                for (int64_t l = 0; l < m; l++) narrow[l] += (uint64_t)i;
                narrow_first(k, narrow_heap, m, narrow);
            } else {
                wide_keys((hoop_dtype)x->dtype, m, row + i * size, a->smallest == 0, w);
                for (int64_t l = 0; l < m; l++) w[l].place += i;
                wide_first(k, wide_heap, m, w);
            }
        }
        if (is_narrow(x))
            narrow_unheap(k, narrow_heap);
        else
            wide_unheap(k, wide_heap);
        put_row(c, r, k, is_narrow(x) ? (const void *)narrow_heap : wide_heap);
    }
}
static hoop_status topk_forward(const hoop_call *c)
{
    int64_t rows, cols;
    hoop__rows(c->in[0], &rows, &cols);
    if (hoop__view_numel(&c->out[0]) > 0)
        hoop_threads_share(c->threads, rows, 256 + 64 * cols + 512 * c->out[0].shape[c->out[0].ndim - 1], 1, topk_range, c);
    return HOOP_OK;
}
static void topk_reference(const hoop_call *c)
{
    const topk_attrs *a = c->attrs;
    rows_reference(c, a->k, a->smallest == 0);
}
static const topk_attrs two = {2, 0}, two_least = {2, 1}, five = {5, 0}, none = {0, 0}, one = {1, 1}, minus = {-1, 0},
                        many        = {150, 0};
static const hoop_case topk_cases[] = {
    {"3x4", &two},
    {"3x17", &two_least},
    {"2x3x5", &five},
    {"1", &one},
    {"3x4", &none},
    {"2x300", &many},
    {"i64:3x40<9", &five},
    {"i32:3x170<9", &two},
    {"u8:3x33<9", &two_least},
    {"i64:2x200<9", &many},
    {"3x4", &five, HOOP_ERANGE},
    {"3x4", &minus, HOOP_ERANGE},
    {".", &one, HOOP_ESHAPE},
};
const hoop_op hoop__op_topk = {
    .name       = "topk",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 2,
    .flags      = HOOP_OP_ROW_WISE,
    .reads      = HOOP_READS_OUT(1),
    .attrs_size = sizeof(topk_attrs),
    HOOP_FIELDS(topk_fields),
    .shape     = topk_shape,
    .forward   = topk_forward,
    .workspace = topk_workspace,
    .backward  = places_backward,
    .reference = topk_reference,
    .samples   = hoop__samples_outer,
    HOOP_CASES(topk_cases),
};

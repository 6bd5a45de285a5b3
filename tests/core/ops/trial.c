/* Trials: inputs from case strings, references, comparison. */
#include "op_check.h"

#include "tape/rows.h"
#include "tape/tape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

test_runtimes test_rt;

/* blocks and tapes of the running test */
typedef struct block {
    struct block *next;
    void         *data;
    hoop_tape    *tape;
} block;
static block *blocks;

static block *block_new(void)
{
    block *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->next = blocks;
    blocks  = b;
    return b;
}

void *test_mark(void)
{
    return blocks;
}

void test_rewind(const void *mark)
{
    for (block *b = blocks, *next; b != mark; b = next) {
        next   = b->next;
        blocks = next;
        hoop_tape_destroy(&b->tape);
        free(b->data);
        free(b);
    }
}

int test_tidy(void **state)
{
    (void)state;
    test_rewind(NULL);
    return 0;
}

void *test_memory(int64_t bytes)
{
    block *b = block_new();
    if (posix_memalign(&b->data, HOOP_ALIGN, bytes > 0 ? (size_t)bytes : 1) != 0)
        fail_msg("no memory for %lld bytes", (long long)bytes);
    return b->data;
}

hoop_tape *test_tape(hoop_runtime *rt)
{
    block     *b   = block_new();
    hoop_error err = {.status = HOOP_OK};
    if (hoop_tape_create(rt, &err, &b->tape) != HOOP_OK) fail_msg("%s", err.text);
    return b->tape;
}

int test_start(void **state)
{
    static const char *const isa[] = {"avx512", "avx2", "baseline"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        hoop_runtime *rt;
        if (hoop_runtime_create(&(hoop_runtime_opts){.isa = isa[i]}, NULL, &rt) == HOOP_OK) test_rt.isa[test_rt.nisa++] = rt;
    }
    return test_rt.nisa > 0 && hoop_runtime_create(&(hoop_runtime_opts){.threads = 2}, NULL, &test_rt.two_threads) == HOOP_OK &&
                   hoop_runtime_create(&(hoop_runtime_opts){.threads = 3}, NULL, &test_rt.three_threads) == HOOP_OK
               ? 0
               : -1;
}

int test_stop(void **state)
{
    (void)state;
    for (int i = 0; i < test_rt.nisa; i++) hoop_runtime_destroy(&test_rt.isa[i]);
    hoop_runtime_destroy(&test_rt.two_threads);
    hoop_runtime_destroy(&test_rt.three_threads);
    test_rt.nisa = 0;
    return 0;
}

hoop_key test_key(uint64_t stream)
{
    return hoop_key_make(2026, HOOP_FOR_TEST, stream, 0, 0);
}

double test_drawn(hoop_key key, uint64_t i, double low, double high)
{
    return (double)(float)(low + (high - low) * hoop_random_f64(key, i));
}

double test_uniform(uint64_t stream, uint64_t i, double low, double high)
{
    return test_drawn(test_key(stream), i, low, high);
}

/* the dtype that a token begins with */
static const char *parse_dtype(trial_input *in, const char *s)
{
    const char *colon = strpbrk(s, ": ");
    in->dtype         = HOOP_F64;
    in->fixed         = colon != NULL && *colon == ':';
    for (int d = 0; in->fixed && d < HOOP_DTYPE_COUNT; d++) {
        const char *name = hoop_dtype_name((hoop_dtype)d);
        if (strncmp(s, name, strlen(name)) == 0 && s + strlen(name) == colon) {
            in->dtype = (hoop_dtype)d;
            s         = colon + 1;
            break;
        }
    }
    in->is_float = hoop_dtype_is_float(in->dtype);
    return s;
}

/* one token of a case string: [DTYPE:]DIMS[<N][one of +%~^] */
static const char *parse_input(trial *tr, const char *s, uint64_t stream)
{
    trial_input *in = &tr->in[tr->nin];
    int64_t      shape[HOOP_MAX_DIMS], below = 0;
    int          ndim = 0;
    double       low = -2.0, high = 2.0;
    hoop_key     key = test_key(stream);
    char        *end;
    s = parse_dtype(in, s);
    if (in->fixed && in->is_float && tr->c->expect == HOOP_OK)
        fail_msg("%s: a working case has its floats in both dtypes", tr->where);
    if (*s == '.')
        s++;
    else {
        for (;; s = end + 1) {
            assert_in_range(ndim, 0, HOOP_MAX_DIMS - 1);
            shape[ndim++] = strtoll(s, &end, 10);
            if (end == s) fail_msg("%s: a size is wanted at '%s'", tr->where, s);
            if (*end != 'x') break;
        }
        s = end;
    }
    for (int d = 0; d < ndim; d++) {
        bool grows = shape[d] > 1 && (tr->dims == TRIAL_ALL_DIMS || d == (tr->dims == TRIAL_FIRST_DIM ? 0 : ndim - 1));
        if (grows) shape[d] *= tr->times;
    }
    if (*s == '<') {
        below = strtoll(s + 1, &end, 10);
        s     = end;
    }
    if (*s != '\0' && strchr("+%~^", *s) != NULL) {
        low  = *s == '+' ? 0.5 : *s == '%' ? 0.3 : *s == '~' ? -0.75 : 1.25;
        high = *s == '%' ? 0.7 : *s == '~' ? 0.75 : 2.0;
        s++;
    }
    if ((*s != ' ' && *s != '\0') || (!in->is_float && below < 1)) fail_msg("%s: cannot read the case at '%s'", tr->where, s);
    hoop__view_set(&in->v, in->is_float ? HOOP_F64 : HOOP_I64, ndim, shape);
    in->numel  = hoop__view_numel(&in->v);
    in->v.data = test_memory(in->numel * 8);
    for (int64_t i = 0; i < in->numel; i++) {
        if (in->is_float)
            ((double *)in->v.data)[i] = test_drawn(key, (uint64_t)i, low, high);
        else
            ((int64_t *)in->v.data)[i] = (int64_t)test_drawn(key, (uint64_t)i, 0.0, (double)below - 0.001);
    }
    tr->views[tr->nin] = &in->v;
    tr->nin++;
    if (in->is_float) tr->nfloat++;
    while (*s == ' ') s++;
    return s;
}

static void trial_read(trial *tr, const hoop_op *op, int index, int dims, int64_t times)
{
    uint64_t    stream = 0;
    const char *s      = op->cases[index].in;
    memset(tr, 0, sizeof *tr);
    tr->dims  = dims;
    tr->times = times;
    tr->op    = op;
    tr->c     = &op->cases[index];
    tr->index = index;
    (void)snprintf(tr->where, sizeof tr->where, "%s, case %d '%s'", op->name, index, s);
    for (const char *p = op->name; *p != '\0'; p++) stream = stream * 131 + (uint64_t)*p;
    while (*s != '\0') {
        assert_in_range(tr->nin, 0, HOOP_MAX_IN - 1);
        s = parse_input(tr, s, stream * 1000 + (uint64_t)index * 32 + (uint64_t)tr->nin);
    }
    tr->nout  = hoop__op_nouts(op, tr->nin, tr->c->attrs);
    tr->terms = 1;
    for (int i = 0; i < tr->nin; i++) {
        for (int d = 0; d < tr->in[i].v.ndim; d++)
            tr->terms = tr->in[i].v.shape[d] > tr->terms ? tr->in[i].v.shape[d] : tr->terms;
    }
    tr->span = 4.0;
}

void trial_make(trial *tr, const hoop_op *op, int index)
{
    trial_read(tr, op, index, TRIAL_ALL_DIMS, 1);
    if (tr->c->expect == HOOP_OK) trial_reference(tr);
}

/* how often the largest input has to be taken, in each dim that grows, to have `numel` elements; 0: it has no such dim */
static int64_t times_of(const trial *tr, int dims, int64_t numel)
{
    const trial_input *most = &tr->in[0];
    int                grow = 0;
    int64_t            n    = 0;
    for (int i = 1; i < tr->nin; i++) most = tr->in[i].numel > most->numel ? &tr->in[i] : most;
    for (int d = 0; d < most->v.ndim && tr->nin > 0; d++) grow += most->v.shape[d] > 1;
    if (grow == 0 || most->numel == 0) return 0;
    if (dims != TRIAL_ALL_DIMS) grow = 1;
    for (int64_t got = 0; got < numel; n++) {
        got = most->numel;
        for (int d = 0; d < grow; d++) got *= n + 1;
    }
    return n;
}

/* the outputs' shapes for inputs of that size; false: the shape rule refuses them */
static bool grown_shape(trial *tr)
{
    hoop_error err = {.status = HOOP_OK};
    if (trial_shape(tr, tr->out, &err) != HOOP_OK) return false;
    for (int j = 0; j < tr->nout; j++) tr->out_numel[j] = hoop__view_numel(&tr->out[j]);
    return true;
}

hoop_status trial_shape(const trial *tr, hoop_view *out, hoop_error *err)
{
    hoop_view        in[HOOP_MAX_IN];
    const hoop_view *views[HOOP_MAX_IN];
    hoop_shape_call  s = {.in = views, .nin = tr->nin, .attrs = tr->c->attrs, .out = out, .nout = tr->nout, .err = err};
    for (int i = 0; i < tr->nin; i++) {
        views[i]    = &in[i];
        in[i]       = tr->in[i].v;
        in[i].dtype = (int32_t)tr->in[i].dtype;
        in[i].data  = NULL; /* it decides by shapes */
    }
    return tr->op->shape(&s);
}

bool trial_grow(trial *tr, const hoop_op *op, int index, int64_t numel)
{
    for (int dims = TRIAL_ALL_DIMS; dims <= TRIAL_LAST_DIM; dims++) {
        int64_t times;
        bool    empty = false;
        trial_read(tr, op, index, dims, 1);
        for (int i = 0; i < tr->nin; i++) empty |= tr->in[i].numel == 0;
        times = empty ? 0 : times_of(tr, dims, numel);
        if (times == 0) return false;
        for (;; times = (times + 1) / 2) {
            trial_read(tr, op, index, dims, times);
            if (!grown_shape(tr)) break;
            if (tr->out_numel[0] <= 4 * numel) return true; /* else an outer product, that grows twice as fast */
        }
    }
    return false;
}

void trial_reference(trial *tr)
{
    hoop_error          err = {.status = HOOP_OK};
    const hoop_tape_key key = {0}; /* of a tape that was not reset */
    hoop_call           c   = {.op    = tr->op,
                               .in    = tr->views,
                               .nin   = tr->nin,
                               .out   = tr->out,
                               .nout  = tr->nout,
                               .attrs = tr->c->attrs,
                               .key   = &key,
                               .err   = &err};
    void               *before[HOOP_MAX_OUT];
    for (int j = 0; j < HOOP_MAX_OUT; j++) before[j] = tr->out[j].data;
    if (trial_shape(tr, tr->out, &err) != HOOP_OK) fail_msg("%s: the shape rule: %s", tr->where, err.text);
    for (int j = 0; j < tr->nout; j++) {
        hoop_view v = tr->out[j];
        hoop__view_set(&tr->out[j], (hoop_dtype)v.dtype, v.ndim, v.shape);
        tr->out_numel[j] = hoop__view_numel(&v);
        tr->out[j].dtype = hoop_dtype_is_float((hoop_dtype)v.dtype) ? HOOP_F64 : HOOP_I64;
        tr->out[j].data  = before[j] != NULL ? before[j] : test_memory(tr->out_numel[j] * 8);
    }
    tr->op->reference(&c);
    for (int64_t i = 0; i < tr->out_numel[0] && tr->out[0].dtype == HOOP_F64; i++)
        tr->span = fmax(tr->span, fabs(((double *)tr->out[0].data)[i]));
}

double trial_tolerance(const trial *tr, hoop_dtype dtype, double size)
{
    double eps = dtype == HOOP_F32 ? 0x1p-23 : 0x1p-52;
    return eps * (double)(16 + tr->terms) * fmax(size, tr->span);
}

hoop_dtype trial_dtype(const trial *tr, int i, hoop_dtype dtype)
{
    return tr->in[i].fixed ? tr->in[i].dtype : dtype;
}

void *trial_numbers(const void *from, int64_t n, hoop_dtype dtype)
{
    const double  *f = from;
    const int64_t *k = from;
    void          *to;
    if (dtype == HOOP_F64 || dtype == HOOP_I64) return (void *)(uintptr_t)from;
    to = test_memory(n * (int64_t)hoop_dtype_size(dtype));
    for (int64_t i = 0; i < n; i++) {
        if (dtype == HOOP_F32)
            ((float *)to)[i] = (float)f[i];
        else if (dtype == HOOP_I32)
            ((int32_t *)to)[i] = (int32_t)k[i];
        else
            ((uint8_t *)to)[i] = (uint8_t)k[i];
    }
    return to;
}

hoop_tensor *trial_tensor(const trial *tr, hoop_tape *t, int i, hoop_dtype dtype)
{
    const trial_input *in = &tr->in[i];
    dtype                 = trial_dtype(tr, i, dtype);
    return hoop_tape_tensor(t, dtype, in->v.ndim, in->v.shape, trial_numbers(in->v.data, in->numel, dtype));
}

double *trial_weights(const trial *tr, uint64_t stream)
{
    int64_t  n    = tr->out_numel[0];
    double  *w    = test_memory(n * 8);
    hoop_key size = test_key(stream), sign = test_key(stream + 1);
    for (int64_t i = 0; i < n; i++) {
        w[i] = test_drawn(size, (uint64_t)i, 0.5, 1.5);
        if (test_drawn(sign, (uint64_t)i, 0.0, 1.0) < 0.5) w[i] = -w[i];
    }
    return w;
}

hoop_tensor *weighted_sum(hoop_tape *t, hoop_tensor *y, const double *w)
{
    hoop_tensor *p, *v;
    int64_t      n = hoop_tensor_numel(y);
    if (hoop_tensor_dtype(y) == HOOP_F32) {
        float *f = test_memory(n * 4);
        for (int64_t i = 0; i < n; i++) f[i] = (float)w[i];
        v = hoop_tape_tensor(t, HOOP_F32, hoop_tensor_ndim(y), hoop_tensor_shape(y), f);
    } else {
        v = hoop_tape_tensor(t, HOOP_F64, hoop_tensor_ndim(y), hoop_tensor_shape(y), w);
    }
    p = hoop_mul(t, y, v);
    return hoop_sum(t, p, HOOP_ALL_DIMS, false);
}

double *as_doubles(const trial *tr, const hoop_tensor *x)
{
    int64_t    n     = hoop_tensor_numel(x);
    hoop_dtype dtype = hoop_tensor_dtype(x);
    double    *d     = test_memory(n * 8);
    void      *raw   = test_memory(n * (int64_t)hoop_dtype_size(dtype));
    hoop_error err   = {.status = HOOP_OK};
    if (hoop_tensor_read(x, raw, &err) != HOOP_OK) fail_msg("%s: %s", tr->where, err.text);
    for (int64_t i = 0; i < n; i++) {
        if (dtype == HOOP_F32)
            d[i] = (double)((float *)raw)[i];
        else if (dtype == HOOP_F64)
            d[i] = ((double *)raw)[i];
        else if (dtype == HOOP_I64)
            d[i] = (double)((int64_t *)raw)[i];
        else if (dtype == HOOP_I32)
            d[i] = (double)((int32_t *)raw)[i];
        else
            d[i] = (double)((uint8_t *)raw)[i];
    }
    return d;
}

double *reference_doubles(const trial *tr, int j)
{
    double *d = tr->out[j].data;
    if (tr->out[j].dtype == HOOP_F64) return d;
    d = test_memory(tr->out_numel[j] * 8);
    for (int64_t i = 0; i < tr->out_numel[j]; i++) d[i] = (double)((int64_t *)tr->out[j].data)[i];
    return d;
}

void same_within(const trial *tr, const char *what, int64_t n, const double *got, const double *want, double tolerance)
{
    for (int64_t i = 0; i < n; i++) {
        if (fabs(got[i] - want[i]) <= tolerance || (isnan(got[i]) && isnan(want[i]))) continue;
        fail_msg("%s of %s: element %lld is %.17g and should be %.17g (within %.3g)", what, tr->where, (long long)i, got[i],
                 want[i], tolerance);
    }
}

void on_tape(const trial *tr, hoop_tape *t, const char *what)
{
    const hoop_error *err = hoop_tape_error(t);
    if (err->status == HOOP_OK) return;
    fail_msg("%s of %s: %s%s", what, tr->where, err->text,
             err->status == HOOP_ERELEASED ? " -- does .reads of the op name all that its backward reads?" : "");
}

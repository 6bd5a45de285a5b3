/* Copies, sums and zeros of memory that ops share, by all threads of the rank. */
#include "ops/shape.h"

#include <string.h>

enum { LINE = 64, CALL_WEIGHT = 256 /* of a kernel's call */ };

typedef struct copies {
    const hoop_kernels *kernels;
    const hoop_view    *x;
    hoop_binary_fn     *add;
    const char         *from;
    char               *to;
    int64_t             bytes, size, from_step, to_step;
} copies;

static void view_range(const void *ctx, int64_t first, int64_t n)
{
    const copies *j = ctx;
    hoop__view_copy_range(j->kernels, j->x, first, n, j->to);
}

void hoop__copy(const hoop_call *c, const hoop_view *x, void *to)
{
    copies  j    = {.kernels = c->kernels, .x = x, .to = to};
    int64_t size = (int64_t)hoop_dtype_size((hoop_dtype)x->dtype), inner = x->ndim > 0 ? x->shape[x->ndim - 1] : 1;
    if (hoop__view_numel(x) == 0) return;
    hoop_threads_share(c->threads, hoop__view_numel(x), hoop__view_contiguous(x) ? size : 4 * size + CALL_WEIGHT / inner, LINE,
                       view_range, &j);
}

/* bytes [first, first + n) of the rows one after the other */
static void rows_range(const void *ctx, int64_t first, int64_t n)
{
    const copies *j   = ctx;
    int64_t       row = first / j->bytes, col = first % j->bytes;
    for (int64_t m; n > 0; n -= m, row++, col = 0) {
        const char *from = j->from + row * j->from_step + col;
        char       *to   = j->to + row * j->to_step + col;
        m                = j->bytes - col < n ? j->bytes - col : n;
        if (j->add != NULL)
            j->add(m / j->size, to, 1, from, 1, to, false);
        else
            memcpy(to, from, (size_t)m);
    }
}

void hoop__copy_rows(const hoop_call *c, int64_t rows, int64_t bytes, const void *from, int64_t from_step, void *to,
                     int64_t to_step)
{
    copies j = {.from = from, .to = to, .bytes = bytes, .from_step = from_step, .to_step = to_step};
    if (bytes == 0) return;
    if (c->add) j.add = c->kernels->binary[HOOP_BINARY_add][c->out->dtype];
    j.size = (int64_t)hoop_dtype_size((hoop_dtype)c->out->dtype);
    hoop_threads_share(c->threads, rows * bytes, 1 + CALL_WEIGHT / bytes, LINE, rows_range, &j);
}

static void clear_range(const void *ctx, int64_t first, int64_t n)
{
    const copies *j = ctx;
    memset(j->to + first, 0, (size_t)n);
}

void hoop__clear(const hoop_call *c, void *to, int64_t bytes)
{
    copies j = {.to = to};
    hoop_threads_share(c->threads, bytes, 1, LINE, clear_range, &j);
}

int64_t hoop__exp_weight(const hoop_call *c, int64_t cols)
{
    return (int64_t)hoop_dtype_size((hoop_dtype)c->in[0]->dtype) * (500 + 5 * cols);
}

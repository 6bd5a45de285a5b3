/*
 * All leaves' gradients of a parameter to opts->sum, shared among threads: from where they were kept, or made in pieces. A piece
 * is some rows of the gradient of every leaf, which are in the cache when they are summed.
 */
#include "tape/tape.h"

#include "base/threads.h"
#include "runtime/profile.h"

#include <stdatomic.h>
#include <string.h>

enum { PIECES_BYTES = 256 * 1024 /* of all leaves' terms: they and what they are made of share a second-level cache */ };

enum { SUM_BLOCKS = 128 /* worth a thread's attention */ };

typedef struct sum_job {
    hoop_tape  *t;
    const char *terms;
    int64_t     first_block, nblocks, block_bytes, each;
} sum_job;

static void sum_task(void *ctx, int64_t task)
{
    const sum_job *job  = ctx;
    const int64_t  from = task * SUM_BLOCKS, n = job->nblocks - from < SUM_BLOCKS ? job->nblocks - from : SUM_BLOCKS;
    const void    *at[HOOP_LEAVES_AT_ONCE];
    for (int i = 0; i < job->t->leaves.n; i++) at[i] = job->terms + i * job->each + from * job->block_bytes;
    job->t->opts->sum(job->t->opts->ctx, job->first_block + from, n, at, job->t->leaves.n);
}

void hoop__sum_terms(hoop_tape *t, int param, const void *terms)
{
    const struct hoop_param *p   = &t->params->param[param];
    sum_job                  job = {t,
                                    terms,
                                    p->first_block,
                                    p->nblocks,
                                    HOOP_BLOCK * (int64_t)hoop_dtype_size(t->params->dtype),
                                    hoop__term_bytes(t, param)};
    if (t->opts->sum != NULL) hoop_threads_run(t->rt->threads, (p->nblocks + SUM_BLOCKS - 1) / SUM_BLOCKS, sum_task, &job);
}

typedef struct pieces {
    hoop_tape         *t;
    const hoop_launch *l;
    int64_t            first_block;
    int64_t            rows, width, step; /* of the parameter: rows of so many elements; rows a piece */
    int64_t            npieces, buffer_bytes, work_bytes;
    char              *memory; /* of each worker: a buffer a leaf, workspace */
    atomic_llong       next;
    atomic_bool        failed;
    hoop_error        *why;
} pieces;

/* rows first .. first + n - 1 of the gradient, of one leaf, to out */
static hoop_launch piece_launch(const pieces *p, int leaf, int64_t first, int64_t n, char *to, hoop_view *v, const hoop_view **at,
                                hoop_view *out)
{
    hoop_launch l = *p->l;
    for (int i = 0; i < l.nin; i++) {
        v[i]  = *p->l->in[i];
        at[i] = &v[i];
        if (p->l->axis[i] >= 0) hoop__leaf_view(p->t, &v[i], p->l->axis[i], leaf);
    }
    if (!l.whole) {
        v[0].data     = (char *)v[0].data + first * v[0].stride[0] * (int64_t)hoop_dtype_size((hoop_dtype)v[0].dtype);
        v[0].shape[0] = n;
    }
    hoop__view_set(out, (hoop_dtype)p->l->out->dtype, p->l->out->ndim, p->l->out->shape);
    out->shape[0] = n;
    out->data     = to;
    l.in          = at;
    l.out         = out;
    l.leaf        = leaf;
    l.add         = false;
    return l;
}

static void piece_make(pieces *p, int64_t piece, char *memory)
{
    const int64_t    first = piece * p->step, n = p->rows - first < p->step ? p->rows - first : p->step;
    const int64_t    size = (int64_t)hoop_dtype_size((hoop_dtype)p->l->out->dtype), filled = n * p->width;
    const int64_t    nblocks = (filled + HOOP_BLOCK - 1) / HOOP_BLOCK;
    hoop_view        v[HOOP__FEW_IN], out;
    const hoop_view *at[HOOP__FEW_IN];
    const void      *terms[HOOP_LEAVES_AT_ONCE];
    hoop_error       why;
    why.status = HOOP_OK;
    for (int leaf = 0; leaf < p->t->leaves.n; leaf++) {
        char       *to = memory + leaf * p->buffer_bytes;
        hoop_launch l  = piece_launch(p, leaf, first, n, to, v, at, &out);
        if (hoop__run_kernel(p->t, &l, NULL, memory + p->t->leaves.n * p->buffer_bytes, &why) != HOOP_OK) {
            if (!atomic_exchange(&p->failed, true)) (void)hoop_fail(p->why, why.status, "%s", why.text);
            return;
        }
        memset(to + filled * size, 0, (size_t)((nblocks * HOOP_BLOCK - filled) * size));
        terms[leaf] = to;
    }
    if (p->t->opts->sum != NULL)
        p->t->opts->sum(p->t->opts->ctx, p->first_block + first * p->width / HOOP_BLOCK, nblocks, terms, p->t->leaves.n);
}

static void pieces_task(void *ctx, int64_t worker)
{
    pieces       *p    = ctx;
    const int64_t each = p->t->leaves.n * p->buffer_bytes + p->work_bytes;
    for (int64_t k = atomic_fetch_add(&p->next, 1); k < p->npieces; k = atomic_fetch_add(&p->next, 1))
        piece_make(p, k, p->memory + worker * each);
}

static int64_t gcd(int64_t a, int64_t b)
{
    return b == 0 ? a : gcd(b, a % b);
}

/* Rows a piece: whole blocks, in the cache, and enough pieces for the threads. They decide no bits. */
static void pieces_cut(pieces *p, int64_t threads)
{
    const int64_t size  = (int64_t)hoop_dtype_size((hoop_dtype)p->l->out->dtype);
    const int64_t whole = HOOP_BLOCK / gcd(p->width, HOOP_BLOCK), fit = PIECES_BYTES / (p->t->leaves.n * p->width * size);
    const int64_t share = threads > 1 ? (p->rows + 4 * threads - 1) / (4 * threads) : p->rows;
    p->step             = fit < share ? fit : share;
    p->step             = (p->step + whole - 1) / whole * whole;
    if (p->step == 0) p->step = whole;
    if (p->step > p->rows || p->l->whole) p->step = p->rows;
    p->npieces = (p->rows + p->step - 1) / p->step;
    p->buffer_bytes =
        ((p->step * p->width + HOOP_BLOCK - 1) / HOOP_BLOCK * HOOP_BLOCK * size + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

static int64_t pieces_workspace(const pieces *p)
{
    int64_t          most = 0;
    hoop_view        v[HOOP__FEW_IN], out;
    const hoop_view *at[HOOP__FEW_IN];
    for (int leaf = 0; leaf < p->t->leaves.n; leaf++) {
        const hoop_launch l     = piece_launch(p, leaf, 0, p->step, NULL, v, at, &out);
        const int64_t     bytes = hoop__workspace(p->t, &l, NULL);
        most                    = bytes > most ? bytes : most;
    }
    return (most + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

hoop_status hoop__sum_pieces(hoop_tape *t, const hoop_launch *l, int param, hoop_error *why)
{
    const int64_t numel = hoop__view_numel(l->out), rows = l->out->shape[0];
    int64_t       threads = hoop_threads_count(t->rt->threads);
    pieces        p       = {
                     .t = t, .l = l, .first_block = t->params->param[param].first_block, .rows = rows, .width = numel / rows, .why = why};
    if ((double)numel * (double)t->leaves.samples < 65536.0) threads = 1; /* not worth waking anybody */
    pieces_cut(&p, threads);
    if (threads > p.npieces) threads = p.npieces;
    p.work_bytes = pieces_workspace(&p);
    p.memory     = hoop__scratch(t, &t->pieces, threads * (t->leaves.n * p.buffer_bytes + p.work_bytes));
    if (p.memory == NULL) return hoop_fail(why, HOOP_ENOMEM, "no memory for gradients of %d leaves", t->leaves.n);
    if (t->rt->profile != NULL) hoop__profile_launch(t, l);
    hoop_threads_run(t->rt->threads, threads, pieces_task, &p);
    if (t->rt->profile != NULL) hoop__profile_end(t->rt->profile);
    return why->status;
}

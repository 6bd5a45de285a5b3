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

typedef struct job {
    hoop_tape         *t;
    const hoop_launch *l;
    const hoop_pieces *p;
    char              *memory; /* of each worker: a buffer a leaf, workspace */
    atomic_llong       next;
    atomic_bool        failed;
    hoop_error        *why;
} job;

/* rows first .. first + n - 1 of the gradient, of one leaf, to out */
static hoop_launch piece_launch(const hoop_tape *t, const hoop_launch *whole, const hoop_pieces *p, int leaf, int64_t first,
                                int64_t n, char *to, hoop_view *v, const hoop_view **at, hoop_view *out)
{
    hoop_launch l = *whole;
    hoop__leaf_views(t, l.nin, whole->in, p->axis, leaf, v, at);
    if (!p->whole) {
        v[0].data     = (char *)v[0].data + first * v[0].stride[0] * (int64_t)hoop_dtype_size((hoop_dtype)v[0].dtype);
        v[0].shape[0] = n;
    }
    hoop__view_set(out, (hoop_dtype)l.out->dtype, l.out->ndim, l.out->shape);
    out->shape[0] = n;
    out->data     = to;
    l.in          = at;
    l.out         = out;
    l.leaf        = leaf;
    l.add         = false;
    return l;
}

static void piece_make(job *j, int64_t piece, char *memory)
{
    const hoop_pieces *p      = j->p;
    const int          leaves = j->t->leaves.n;
    const int64_t      first = piece * p->step, n = p->rows - first < p->step ? p->rows - first : p->step;
    const int64_t      size = (int64_t)hoop_dtype_size((hoop_dtype)j->l->out->dtype), filled = n * p->width;
    const int64_t      nblocks = (filled + HOOP_BLOCK - 1) / HOOP_BLOCK;
    hoop_view          v[HOOP__FEW_IN], out;
    const hoop_view   *at[HOOP__FEW_IN];
    const void        *terms[HOOP_LEAVES_AT_ONCE];
    hoop_error         why;
    why.status = HOOP_OK;
    for (int leaf = 0; leaf < leaves; leaf++) {
        char       *to = memory + leaf * p->buffer_bytes;
        hoop_launch l  = piece_launch(j->t, j->l, p, leaf, first, n, to, v, at, &out);
        if (hoop__run_kernel(j->t, &l, NULL, memory + leaves * p->buffer_bytes, &why) != HOOP_OK) {
            if (!atomic_exchange(&j->failed, true)) (void)hoop_fail(j->why, why.status, "%s", why.text);
            return;
        }
        memset(to + filled * size, 0, (size_t)((nblocks * HOOP_BLOCK - filled) * size));
        terms[leaf] = to;
    }
    if (j->t->opts->sum != NULL)
        j->t->opts->sum(j->t->opts->ctx, j->t->params->param[p->param].first_block + first * p->width / HOOP_BLOCK, nblocks,
                        terms, leaves);
}

static void pieces_task(void *ctx, int64_t worker)
{
    job          *j    = ctx;
    const int64_t each = j->t->leaves.n * j->p->buffer_bytes + j->p->work_bytes;
    for (int64_t k = atomic_fetch_add(&j->next, 1); k < j->p->npieces; k = atomic_fetch_add(&j->next, 1))
        piece_make(j, k, j->memory + worker * each);
}

static int64_t gcd(int64_t a, int64_t b)
{
    return b == 0 ? a : gcd(b, a % b);
}

static int64_t aligned(int64_t bytes)
{
    return (bytes + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

static int64_t workspace(const hoop_tape *t, const hoop_launch *whole, const hoop_pieces *p)
{
    int64_t          most = 0;
    hoop_view        v[HOOP__FEW_IN], out;
    const hoop_view *at[HOOP__FEW_IN];
    for (int leaf = 0; leaf < t->leaves.n; leaf++) {
        const hoop_launch l     = piece_launch(t, whole, p, leaf, 0, p->step, NULL, v, at, &out);
        const int64_t     bytes = hoop__workspace(t, &l, NULL);
        most                    = bytes > most ? bytes : most;
    }
    return aligned(most);
}

/* Rows a piece: whole blocks, in the cache, and enough pieces for the threads. They decide no bits. */
void hoop__pieces_plan(const hoop_tape *t, const hoop_launch *l, hoop_pieces *p)
{
    const int64_t numel = hoop__view_numel(l->out), size = (int64_t)hoop_dtype_size((hoop_dtype)l->out->dtype);
    int64_t       blocks, fit, share;
    p->rows    = l->out->shape[0];
    p->width   = numel / p->rows;
    p->threads = hoop_threads_count(t->rt->threads);
    if ((double)numel * (double)t->leaves.samples < 65536.0) p->threads = 1; /* not worth waking anybody */
    blocks  = HOOP_BLOCK / gcd(p->width, HOOP_BLOCK);                        /* rows that are whole blocks */
    fit     = PIECES_BYTES / (t->leaves.n * p->width * size);
    share   = p->threads > 1 ? (p->rows + 4 * p->threads - 1) / (4 * p->threads) : p->rows;
    p->step = fit < share ? fit : share;
    p->step = (p->step + blocks - 1) / blocks * blocks;
    if (p->step == 0) p->step = blocks;
    if (p->step > p->rows || p->whole) p->step = p->rows;
    p->npieces = (p->rows + p->step - 1) / p->step;
    if (p->threads > p->npieces) p->threads = p->npieces;
    p->buffer_bytes = aligned((p->step * p->width + HOOP_BLOCK - 1) / HOOP_BLOCK * HOOP_BLOCK * size);
    p->work_bytes   = workspace(t, l, p);
}

hoop_status hoop__sum_pieces(hoop_tape *t, const hoop_launch *l, const hoop_pieces *p, hoop_error *why)
{
    job j    = {.t = t, .l = l, .p = p, .why = why};
    j.memory = hoop__scratch(t, &t->pieces, p->threads * (t->leaves.n * p->buffer_bytes + p->work_bytes));
    if (j.memory == NULL) return hoop_fail(why, HOOP_ENOMEM, "no memory for gradients of %d leaves", t->leaves.n);
    if (t->rt->profile != NULL) hoop__profile_launch(t, l);
    hoop_threads_run(t->rt->threads, p->threads, pieces_task, &j);
    if (t->rt->profile != NULL) hoop__profile_end(t->rt->profile);
    return why->status;
}

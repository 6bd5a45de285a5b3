/*
 * bruck.c - collectives of small messages: gather what all have in ceil(log2 P) steps, combine it locally.
 *
 * Bruck et al., IEEE Trans. Parallel Distrib. Syst. 1997. Before step k a rank holds the blocks of ranks r .. r + 2^k - 1; it
 * sends them to r - 2^k and receives as many from r + 2^k (fewer in the last step). Each rank moves P-1 blocks. Sums are then
 * taken in the order of ranks 0 .. P-1 by everyone: the same bits everywhere, and repeatable. An all-gather's block is a
 * chunk, padded to the largest; in the two reductions it is the whole buffer.
 */
#include "comm_internal.h"

#include <string.h>

static int64_t block_bytes(const hoop_work *w)
{
    return (w->op == HOOP__ALL_GATHER ? w->chunk_most : w->nunits) * w->unit_bytes;
}

static void need(const hoop_work *w, int64_t *scratch_bytes, int *nrequests)
{
    *scratch_bytes = block_bytes(w) * w->comm->size;
    *nrequests     = 2;
}

static void start(hoop_work *w)
{
    hoop__bruck_state *s     = &w->state.bruck;
    int64_t            first = 0, count = w->nunits;
    s->block_bytes = block_bytes(w);
    s->distance    = 1;
    if (w->op == HOOP__ALL_GATHER) hoop__work_chunk(w, w->comm->rank, &first, &count);
    memcpy(hoop__work_slot(w)->scratch, w->buf + first * w->unit_bytes, (size_t)(count * w->unit_bytes));
    /* the padding is sent too */
    memset(hoop__work_slot(w)->scratch + count * w->unit_bytes, 0, (size_t)(s->block_bytes - count * w->unit_bytes));
}

static void unpack_gathered(hoop_work *w)
{
    const hoop_comm *c = w->comm;
    for (int r = 0; r < c->size; r++) {
        const char *block = hoop__work_slot(w)->scratch + (r - c->rank + c->size) % c->size * w->state.bruck.block_bytes;
        int64_t     first, count;
        hoop__work_chunk(w, r, &first, &count);
        if (r != c->rank) memcpy(w->buf + first * w->unit_bytes, block, (size_t)(count * w->unit_bytes));
    }
}

/* Sum the blocks of ranks 0 .. P-1, in this order, from unit first to first + count, into buf. */
static void combine_gathered(hoop_work *w)
{
    const hoop_comm *c     = w->comm;
    int64_t          first = 0, count = w->nunits;
    char            *sum = NULL;
    if (w->op == HOOP__REDUCE_SCATTER) hoop__work_chunk(w, c->rank, &first, &count);
    for (int r = 0; r < c->size; r++) {
        char *part =
            hoop__work_slot(w)->scratch + (r - c->rank + c->size) % c->size * w->state.bruck.block_bytes + first * w->unit_bytes;
        if (sum == NULL)
            sum = part;
        else
            w->reducer.combine(w->reducer.ctx, sum, part, count);
    }
    memcpy(w->buf + first * w->unit_bytes, sum, (size_t)(count * w->unit_bytes));
}

static hoop_status advance(hoop_work *w, hoop_error *err, bool *moved)
{
    hoop__bruck_state *s    = &w->state.bruck;
    const int          size = w->comm->size, rank = w->comm->rank;
    char              *scratch = hoop__work_slot(w)->scratch;
    while (s->distance < size) {
        const int     blocks = s->distance < size - s->distance ? s->distance : size - s->distance;
        const int64_t bytes  = blocks * s->block_bytes;
        bool          in = false, out = false;
        hoop_status   st = HOOP_OK;
        if (!s->filled) {
            st = hoop__work_irecv(w, 0, (rank + s->distance) % size, scratch + s->distance * s->block_bytes, bytes, err);
            if (st == HOOP_OK) st = hoop__work_isend(w, 1, (rank - s->distance + size) % size, scratch, bytes, err);
            if (st != HOOP_OK) return st;
            s->filled = true;
            *moved    = true;
        }
        st = hoop__work_test(w, 0, &in, err);
        if (st == HOOP_OK && in) st = hoop__work_test(w, 1, &out, err);
        if (st != HOOP_OK || !in || !out) return st;
        s->distance *= 2;
        s->filled = false;
        *moved    = true;
    }
    if (w->op == HOOP__ALL_GATHER)
        unpack_gathered(w);
    else
        combine_gathered(w);
    w->stage_done = true;
    return HOOP_OK;
}

const hoop__stage hoop__bruck = {"bruck", need, start, advance, NULL};

/*
 * ddp_cut.c - where the flat buffer is cut: into buckets from its end, and each bucket into a chunk a rank, in order of ranks.
 *
 * Buckets have bucket_blocks blocks, and ranks equal chunks of each. Where parameters are to stay whole (opts.whole) a cut that
 * would part one moves to one of its ends. A bucket then begins behind the parameter, or before it where the bucket would be
 * empty: it may be shorter or longer than the others. A chunk's cut moves to the nearer end; and as large parameters would so all
 * fall to the rank in the middle, ranks are given of a bucket in proportion to what they lack to an equal share of all so far.
 *
 * 3 ranks, buckets of 8 blocks, whole parameters A of 2 blocks, B 9, C 1, D 9, E 2 (test_ddp_threads.c has it too):
 *
 *     bucket  blocks         ranks lack  cuts before  they move to  owner   ranks have
 *     0       21 .. 22  E    1, 1, 1     21, 22       21, 21        2       0, 0, 2
 *     1       12 .. 20  D    4, 4, 2     15, 19       12, 21        1       0, 9, 2
 *     2       11        C    4, 0, 2     11, 11       11, 11        2       0, 9, 3
 *     3        2 .. 10  B    7, 0, 4      7,  7       11, 11        0       9, 9, 3
 *     4        0 ..  1  A    0, 0, 5      0,  0        0,  0        2       9, 9, 5
 */
#include <stdlib.h>
#include <stdio.h>

#include "ddp_internal.h"

/* Parameters in their order, then the gaps between them. Returns their number; spans NULL: only counts. */
static int list_spans(const hoop_ddp_opts *o, hoop__ddp_span *spans)
{
    int     n   = o->nparams;
    int64_t end = 0;
    for (int i = 0; i <= o->nparams; i++) {
        const int64_t first = i < o->nparams ? o->first_block[i] : o->nblocks;
        if (first > end) {
            if (spans != NULL) spans[n] = (hoop__ddp_span){.first_block = end, .nblocks = first - end};
            n++;
        }
        if (i == o->nparams) break;
        if (spans != NULL) spans[i] = (hoop__ddp_span){.first_block = first, .nblocks = o->param_blocks[i]};
        end = first + o->param_blocks[i];
    }
    return n;
}

static bool any_whole(const hoop_ddp_opts *o)
{
    for (int i = 0; o->whole != NULL && i < o->nparams; i++)
        if (o->whole[i]) return true;
    return false;
}

/* Would a cut before this block part a parameter that is to stay whole? [*first, *end): its blocks. */
static bool parts(const hoop_ddp_opts *o, int64_t block, int64_t *first, int64_t *end)
{
    int low = 0, high = o->whole == NULL ? 0 : o->nparams; /* the last parameter that begins before it */
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (o->first_block[middle] < block)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || !o->whole[low - 1]) return false;
    *first = o->first_block[low - 1];
    *end   = *first + o->param_blocks[low - 1];
    return block < *end;
}

/* Where the bucket begins that ends before block `end`. */
static int64_t bucket_begin(const hoop_ddp *d, const hoop_ddp_opts *o, int64_t end)
{
    const int64_t begin = end > d->bucket_blocks ? end - d->bucket_blocks : 0;
    int64_t       first, behind;
    if (!parts(o, begin, &first, &behind)) return begin;
    return behind < end ? behind : first;
}

static int64_t nearest_end(const hoop_ddp_opts *o, int64_t block)
{
    int64_t first, behind;
    if (!parts(o, block, &first, &behind)) return block;
    return block - first <= behind - block ? first : behind;
}

/* The chunks of a bucket, by what ranks own so far. */
static void cut_whole(const hoop_ddp *d, const hoop_ddp_opts *o, const hoop__ddp_bucket *b, int64_t *owned, int64_t *cuts)
{
    const int size  = hoop_comm_size(d->comm);
    int64_t   total = b->nblocks, lacking = 0, given = 0, share;
    for (int r = 0; r < size; r++) total += owned[r];
    share = total / size + (total % size != 0);
    for (int r = 0; r < size; r++) lacking += share > owned[r] ? share - owned[r] : 0;
    cuts[0] = 0;
    for (int r = 0; r < size; r++) {
        given += share > owned[r] ? share - owned[r] : 0;
        cuts[r + 1] = nearest_end(o, b->first_block + (int64_t)((__int128)b->nblocks * given / lacking)) - b->first_block;
        owned[r] += cuts[r + 1] - cuts[r];
    }
}

static void cut_bucket(hoop_ddp *d, const hoop_ddp_opts *o, int k, int64_t *owned)
{
    hoop__ddp_bucket *b    = &d->buckets[k];
    const int         size = hoop_comm_size(d->comm), rank = hoop_comm_rank(d->comm);
    const int64_t     end = k == 0 ? d->nblocks : d->buckets[k - 1].first_block;
    int64_t           first, count;
    b->first_block = bucket_begin(d, o, end);
    b->nblocks     = end - b->first_block;
    hoop_comm_chunk(b->nblocks, size, rank, &first, &count);
    if (d->cuts != NULL) {
        int64_t *cuts = d->cuts + (ptrdiff_t)k * (size + 1);
        cut_whole(d, o, b, owned, cuts);
        b->cuts = cuts;
        first   = cuts[rank];
        count   = cuts[rank + 1] - first;
    }
    b->own_first = b->first_block + first;
    b->own_count = count;
    (void)snprintf(b->reduce_what, sizeof b->reduce_what, "bucket %d", k);
    (void)snprintf(b->gather_what, sizeof b->gather_what, "weights of bucket %d", k);
}

/* The bucket that a block is in; the last one is first. */
static int bucket_of(const hoop_ddp *d, int64_t block)
{
    int low = 0, high = d->nbuckets - 1;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (d->buckets[middle].first_block <= block)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void place_spans(hoop_ddp *d)
{
    for (int i = 0; i < d->nspans; i++) {
        hoop__ddp_span *s = &d->spans[i];
        if (s->nblocks == 0) continue;
        s->from = bucket_of(d, s->first_block + s->nblocks - 1);
        s->to   = bucket_of(d, s->first_block) + 1;
        for (int k = s->from; k < s->to; k++) d->buckets[k].spans++;
    }
}

/* Own chunks, ascending; those that touch are one. */
static void list_ranges(hoop_ddp *d)
{
    for (int k = d->nbuckets - 1; k >= 0; k--) {
        const hoop__ddp_bucket *b    = &d->buckets[k];
        hoop_ddp_range         *last = d->nranges > 0 ? &d->ranges[d->nranges - 1] : NULL;
        if (b->own_count == 0) continue;
        if (last != NULL && last->first_block + last->nblocks == b->own_first)
            last->nblocks += b->own_count;
        else
            d->ranges[d->nranges++] = (hoop_ddp_range){b->own_first, b->own_count};
    }
}

static hoop_status count_buckets(hoop_ddp *d, const hoop_ddp_opts *o, bool whole, hoop_error *err)
{
    const int64_t most = HOOP__TAG_SPAN / 2, least = (d->nblocks / most + 1) * d->block_bytes;
    int64_t       n = 0;
    for (int64_t end = d->nblocks; end > 0 && n <= most; n++) end = bucket_begin(d, o, end);
    if (n > most) /* two neighbours have together at least the blocks of a bucket */
        return hoop_fail(err, HOOP_EARG, "ddp: more than %lld buckets are too many, take a bucket_bytes of at least %lld",
                         (long long)most, (long long)(whole ? 2 * least : least));
    d->nbuckets = (int)n;
    return HOOP_OK;
}

hoop_status hoop__ddp_cut(hoop_ddp *d, const hoop_ddp_opts *o, hoop_error *err)
{
    const int   size  = hoop_comm_size(d->comm);
    const bool  whole = any_whole(o);
    int64_t    *owned = NULL;
    hoop_status st    = count_buckets(d, o, whole, err);
    if (st != HOOP_OK) return st;
    d->nspans  = list_spans(o, NULL);
    d->spans   = hoop__ddp_take(d, d->nspans, sizeof *d->spans);
    d->buckets = hoop__ddp_take(d, d->nbuckets, sizeof *d->buckets);
    d->ranges  = hoop__ddp_take(d, d->nbuckets, sizeof *d->ranges);
    if (whole) {
        d->cuts = hoop__ddp_take(d, (int64_t)d->nbuckets * (size + 1), sizeof *d->cuts);
        owned   = calloc((size_t)size, sizeof *owned);
    }
    if (d->spans == NULL || d->buckets == NULL || d->ranges == NULL || (whole && (d->cuts == NULL || owned == NULL))) {
        free(owned);
        return hoop_fail(err, HOOP_ENOMEM, "ddp: no memory for %d buckets and %d parameters", d->nbuckets, d->nparams);
    }
    (void)list_spans(o, d->spans);
    for (int k = 0; k < d->nbuckets; k++) cut_bucket(d, o, k, owned);
    free(owned);
    place_spans(d);
    list_ranges(d);
    return HOOP_OK;
}

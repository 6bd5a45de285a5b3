/*
 * exchange.c - reduce-scatter by direct exchange: every rank sends each other rank that one's chunk.
 *
 * One step instead of the ring's P-1 and the same bytes, (P-1)/P of the buffer out and in; it is for ranks that reach all
 * others equally well. A segment of the own chunk is combined once all P-1 parts of it are there, in the order r+1, r+2, ..,
 * r-1: the bits are repeatable, and a reducer may take all parts at once (combine_all), which lets the parts be of another
 * kind than the result: raw gradients of leaves that end as one exact sum.
 */
#include "comm_internal.h"

#define SCRATCH_BYTES_MOST (INT64_C(8) << 20) /* for P-1 parts of HOOP__WINDOW segments */

static int others(const hoop_work *w)
{
    return w->comm->size - 1;
}

static int at_distance(const hoop_work *w, int distance)
{
    return (w->comm->rank + distance) % w->comm->size;
}

/* Segments are shorter where there are many ranks. The same on all. */
static int64_t segment_units(const hoop_work *w)
{
    const int64_t most  = hoop__segment_units(w);
    const int64_t share = SCRATCH_BYTES_MOST / HOOP__WINDOW / others(w) / w->unit_bytes;
    return share < 1 ? 1 : share < most ? share : most;
}

static char *segment_at(const hoop_work *w, int rank, int64_t segment, int64_t *units)
{
    const int64_t most = segment_units(w);
    int64_t       first, count;
    hoop__work_chunk(w, rank, &first, &count);
    *units = count - segment * most < most ? count - segment * most : most;
    return w->buf + (first + segment * most) * w->unit_bytes;
}

static int64_t chunk_segments(const hoop_work *w, int rank)
{
    int64_t first, count;
    hoop__work_chunk(w, rank, &first, &count);
    return hoop__segment_count(count, segment_units(w));
}

/* The own chunk may be shorter than a segment: what one part takes in scratch. */
static int64_t part_bytes(const hoop_work *w)
{
    int64_t first, count;
    hoop__work_chunk(w, w->comm->rank, &first, &count);
    return (count < segment_units(w) ? count : segment_units(w)) * w->unit_bytes;
}

/* Scratch: pointers to the parts of one segment, then the parts. */
static int64_t table_bytes(const hoop_work *w)
{
    return (others(w) * (int64_t)sizeof(void *) + 63) / 64 * 64;
}

static char *part_at(const hoop_work *w, int req)
{
    return w->comm->slots[w->slot].scratch + table_bytes(w) + req * part_bytes(w);
}

static void need(const hoop_work *w, int64_t *scratch_bytes, int *nrequests)
{
    *scratch_bytes = table_bytes(w) + HOOP__WINDOW * others(w) * part_bytes(w);
    *nrequests     = 2 * HOOP__WINDOW * others(w);
}

static void start(hoop_work *w)
{
    (void)w;
}

static int part_request(const hoop_work *w, int64_t segment, int distance)
{
    return (int)(segment % HOOP__WINDOW) * others(w) + distance - 1;
}

static hoop_status post_receives(hoop_work *w, hoop_error *err, bool *moved)
{
    hoop__exchange_state *s = &w->state.exchange;
    const int64_t         n = chunk_segments(w, w->comm->rank);
    while (s->posted < n && s->posted - s->combined < HOOP__WINDOW) {
        int64_t units;
        (void)segment_at(w, w->comm->rank, s->posted, &units);
        for (int d = 1; d <= others(w); d++) {
            const int   req = part_request(w, s->posted, d);
            hoop_status st  = hoop__work_irecv(w, req, at_distance(w, d), part_at(w, req), units * w->unit_bytes, err);
            if (st != HOOP_OK) return st;
        }
        s->posted++;
        *moved = true;
    }
    return HOOP_OK;
}

static void combine_parts(hoop_work *w, char *own, int64_t segment, int64_t units)
{
    const void **parts = (const void **)(void *)hoop__work_slot(w)->scratch;
    for (int d = 1; d <= others(w); d++) {
        parts[d - 1] = part_at(w, part_request(w, segment, d));
        if (w->reducer.combine_all == NULL) w->reducer.combine(w->reducer.ctx, own, parts[d - 1], units);
    }
    if (w->reducer.combine_all != NULL) w->reducer.combine_all(w->reducer.ctx, own, parts, others(w), units);
}

static hoop_status combine_received(hoop_work *w, hoop_error *err, bool *moved)
{
    hoop__exchange_state *s = &w->state.exchange;
    while (s->combined < s->posted) {
        int64_t units;
        char   *own;
        for (int d = 1; d <= others(w); d++) {
            bool        done = false;
            hoop_status st   = hoop__work_test(w, part_request(w, s->combined, d), &done, err);
            if (st != HOOP_OK || !done) return st;
        }
        own = segment_at(w, w->comm->rank, s->combined, &units);
        combine_parts(w, own, s->combined, units);
        s->combined++;
        *moved = true;
    }
    return HOOP_OK;
}

/* Sends go segment by segment, to all ranks in turn; a rank whose chunk has fewer segments is passed over. */
static hoop_status send_segments(hoop_work *w, hoop_error *err, bool *moved, bool *all_gone)
{
    hoop__exchange_state *s      = &w->state.exchange;
    const int             base   = HOOP__WINDOW * others(w);
    const int64_t         window = base;
    const int64_t         total  = hoop__segment_count(w->chunk_most, segment_units(w)) * others(w);
    hoop_status           st;
    while (s->gone < s->given) {
        bool done = false;
        st        = hoop__work_test(w, base + (int)(s->gone % window), &done, err);
        if (st != HOOP_OK) return st;
        if (!done) break;
        s->gone++;
        *moved = true;
    }
    while (s->given < total && s->given - s->gone < window) {
        const int     to      = at_distance(w, (int)(s->given % others(w)) + 1);
        const int64_t segment = s->given / others(w);
        if (segment < chunk_segments(w, to)) {
            int64_t units;
            char   *place = segment_at(w, to, segment, &units);
            st            = hoop__work_isend(w, base + (int)(s->given % window), to, place, units * w->unit_bytes, err);
            if (st != HOOP_OK) return st;
        }
        s->given++;
        *moved = true;
    }
    *all_gone = s->gone == total;
    return HOOP_OK;
}

static hoop_status advance(hoop_work *w, hoop_error *err, bool *moved)
{
    hoop__exchange_state *s        = &w->state.exchange;
    bool                  all_gone = false, now;
    hoop_status           st;
    do {
        now = false;
        st  = post_receives(w, err, &now);
        if (st == HOOP_OK) st = send_segments(w, err, &now, &all_gone);
        if (st == HOOP_OK) st = combine_received(w, err, &now);
        if (st != HOOP_OK) return st;
        *moved |= now;
    } while (now);
    w->stage_done = all_gone && s->combined == chunk_segments(w, w->comm->rank);
    return HOOP_OK;
}

const hoop__stage hoop__exchange_reduce_scatter = {"exchange reduce-scatter", need, start, advance, NULL};

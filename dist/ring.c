/*
 * ring.c - reduce-scatter and all-gather around a ring, in segments (Patarasu & Yuan, J. Parallel Distrib. Comput. 2009).
 *
 * Rank r sends to r+1 and receives from r-1. In step s = 0 .. P-2 of the reduce-scatter it sends chunk r-1-s and receives
 * chunk r-2-s, which it adds to its own; so chunk k starts at rank k+1, gathers every rank's part on the way and ends,
 * complete, at rank k. The sum is ((x[k+1] + x[k+2]) + .. ) + x[k], whatever arrives when: its bits are repeatable. In step s of
 * the all-gather rank r sends chunk r-s and receives chunk r-1-s, straight into its place.
 *
 * A chunk travels in segments. What is received as segment g of step s is what is sent as segment g of step s+1, so a segment
 * goes on as soon as it is there: all steps overlap. Each rank sends and receives (P-1)/P of the buffer in each of the two.
 *
 * Three cursors say what is next to be received (post), to be taken from what was received (take), and to be sent (give): segment
 * g of the chunk of step s, written s.g here. They skip steps whose chunk is empty, and are at step P-1 when nothing is left.
 * Rank 1 of 3, reduce-scatter, chunks of 2 segments; in step 0 it receives chunk 2 and sends chunk 0, in step 1 it receives
 * chunk 1 and sends chunk 2:
 *
 *     post take give  posted taken given
 *     0.0  0.0  0.0   0      0     0
 *     2.0  0.0  0.0   4      0     0      all receives are posted; with more segments the fifth would wait for a take
 *     2.0  0.0  1.0   4      0     2      chunk 0 is sent: it is this rank's own, nothing has to come first
 *     2.0  0.1  1.0   4      1     2      segment 0 of chunk 2 has come and is added: take has passed 0.0 ..
 *     2.0  0.1  1.1   4      1     3      .. so 1.0, the same segment, may go on; 1.1 waits for take to pass 0.1
 *     2.0  1.0  1.1   4      2     3      segment 1 has come
 *     2.0  1.0  2.0   4      2     4      and gone
 *     2.0  2.0  2.0   4      4     4      chunk 1 has come, (x[2] + x[0]), and x[1] is in it: done when the sends are (gone = 4)
 */
#include "comm_internal.h"

static int modulo(int a, int n)
{
    return a % n < 0 ? a % n + n : a % n;
}

static bool is_gather(const hoop_work *w)
{
    return w->stages[w->stage] == &hoop__ring_all_gather;
}

static int sent_chunk(const hoop_work *w, int step)
{
    return modulo(w->comm->rank - step - (is_gather(w) ? 0 : 1), w->comm->size);
}

static int received_chunk(const hoop_work *w, int step)
{
    return modulo(w->comm->rank - 1 - step - (is_gather(w) ? 0 : 1), w->comm->size);
}

static int64_t chunk_segments(const hoop_work *w, int chunk)
{
    int64_t first, count;
    hoop__work_chunk(w, chunk, &first, &count);
    return hoop__segment_count(count, hoop__segment_units(w));
}

/* Where a segment of a chunk lies. */
static char *segment_at(const hoop_work *w, int chunk, int64_t segment, int64_t *units)
{
    const int64_t most = hoop__segment_units(w);
    int64_t       first, count;
    hoop__work_chunk(w, chunk, &first, &count);
    *units = count - segment * most < most ? count - segment * most : most;
    return w->buf + (first + segment * most) * w->unit_bytes;
}

/* Skip the steps whose chunk is empty. */
static void settle(const hoop_work *w, hoop__cursor *at, bool sends)
{
    while (at->step < w->comm->size - 1 &&
           at->segment >= chunk_segments(w, sends ? sent_chunk(w, at->step) : received_chunk(w, at->step))) {
        at->step++;
        at->segment = 0;
    }
}

static void next(const hoop_work *w, hoop__cursor *at, bool sends)
{
    at->segment++;
    settle(w, at, sends);
}

static void start(hoop_work *w)
{
    settle(w, &w->state.ring.post, false);
    settle(w, &w->state.ring.take, false);
    settle(w, &w->state.ring.give, true);
}

static int64_t segment_bytes(const hoop_work *w)
{
    const int64_t units = hoop__segment_units(w);
    return (w->chunk_most < units ? w->chunk_most : units) * w->unit_bytes;
}

static void need(const hoop_work *w, int64_t *scratch_bytes, int *nrequests)
{
    *scratch_bytes = is_gather(w) ? 0 : HOOP__WINDOW * segment_bytes(w);
    *nrequests     = 2 * HOOP__WINDOW;
}

static hoop_status post_receives(hoop_work *w, hoop_error *err, bool *moved)
{
    hoop__ring_state *s     = &w->state.ring;
    const int         left  = modulo(w->comm->rank - 1, w->comm->size);
    const int64_t     bytes = segment_bytes(w);
    while (s->post.step < w->comm->size - 1 && s->posted - s->taken < HOOP__WINDOW) {
        const int   slot = (int)(s->posted % HOOP__WINDOW);
        int64_t     units;
        char       *place = segment_at(w, received_chunk(w, s->post.step), s->post.segment, &units);
        hoop_status st;
        if (!is_gather(w)) place = hoop__work_slot(w)->scratch + slot * bytes;
        st = hoop__work_irecv(w, slot, left, place, units * w->unit_bytes, err);
        if (st != HOOP_OK) return st;
        s->posted++;
        next(w, &s->post, false);
        *moved = true;
    }
    return HOOP_OK;
}

static hoop_status take_received(hoop_work *w, hoop_error *err, bool *moved)
{
    hoop__ring_state *s     = &w->state.ring;
    const int64_t     bytes = segment_bytes(w);
    while (s->taken < s->posted) {
        const int   slot = (int)(s->taken % HOOP__WINDOW);
        bool        done = false;
        hoop_status st   = hoop__work_test(w, slot, &done, err);
        if (st != HOOP_OK) return st;
        if (!done) break;
        if (!is_gather(w)) {
            int64_t units;
            char   *place = segment_at(w, received_chunk(w, s->take.step), s->take.segment, &units);
            w->reducer.combine(w->reducer.ctx, place, hoop__work_slot(w)->scratch + slot * bytes, units);
        }
        s->taken++;
        next(w, &s->take, false);
        *moved = true;
    }
    return HOOP_OK;
}

/* Was what is to be sent next received? */
static bool is_there(const hoop__ring_state *s)
{
    const int source = s->give.step - 1; /* the step that brought it */
    return source < 0 || s->take.step > source || (s->take.step == source && s->take.segment > s->give.segment);
}

static hoop_status send_segments(hoop_work *w, hoop_error *err, bool *moved)
{
    hoop__ring_state *s     = &w->state.ring;
    const int         right = modulo(w->comm->rank + 1, w->comm->size);
    hoop_status       st;
    for (;;) {
        bool done = s->gone < s->given;
        if (done) {
            st = hoop__work_test(w, HOOP__WINDOW + (int)(s->gone % HOOP__WINDOW), &done, err);
            if (st != HOOP_OK) return st;
        }
        if (done) {
            s->gone++;
            *moved = true;
        } else if (s->given - s->gone < HOOP__WINDOW && s->give.step < w->comm->size - 1 && is_there(s)) {
            int64_t units;
            char   *place = segment_at(w, sent_chunk(w, s->give.step), s->give.segment, &units);
            st = hoop__work_isend(w, HOOP__WINDOW + (int)(s->given % HOOP__WINDOW), right, place, units * w->unit_bytes, err);
            if (st != HOOP_OK) return st;
            s->given++;
            next(w, &s->give, true);
            *moved = true;
        } else {
            return HOOP_OK;
        }
    }
}

static hoop_status advance(hoop_work *w, hoop_error *err, bool *moved)
{
    hoop__ring_state *s    = &w->state.ring;
    const int         last = w->comm->size - 1;
    hoop_status       st;
    bool              now;
    do {
        now = false;
        st  = post_receives(w, err, &now);
        if (st == HOOP_OK) st = send_segments(w, err, &now);
        if (st == HOOP_OK) st = take_received(w, err, &now);
        if (st != HOOP_OK) return st;
        *moved |= now;
    } while (now);
    w->stage_done = s->post.step >= last && s->taken == s->posted && s->give.step >= last && s->gone == s->given;
    return HOOP_OK;
}

const hoop__stage hoop__ring_reduce_scatter = {"ring reduce-scatter", need, start, advance, NULL};
const hoop__stage hoop__ring_all_gather     = {"ring all-gather", need, start, advance, NULL};

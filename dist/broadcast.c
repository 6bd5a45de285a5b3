/*
 * broadcast.c - one rank's buffer to all, down a binomial tree in segments.
 *
 * With ranks counted from the root, rank q's parent is q without its lowest bit set, its children q + 2^k for all 2^k below
 * that bit. A segment goes on to the children as soon as it is there. ceil(log2 P) steps; each rank receives the buffer once.
 */
#include "comm_internal.h"

static void start(hoop_work *w)
{
    hoop__broadcast_state *s    = &w->state.broadcast;
    const int              size = w->comm->size, q = (w->comm->rank - w->root + size) % size;
    const int64_t          low = q == 0 ? size : q & -q;
    s->parent                  = q == 0 ? -1 : ((q & (q - 1)) + w->root) % size;
    for (int64_t bit = 1; bit < low && q + bit < size; bit *= 2) s->children[s->nchildren++] = (int)((q + bit + w->root) % size);
}

static void need(const hoop_work *w, int64_t *scratch_bytes, int *nrequests)
{
    (void)w;
    *scratch_bytes = 0;
    *nrequests     = HOOP__WINDOW * (1 + 32);
}

static char *segment_at(const hoop_work *w, int64_t segment, int64_t *bytes)
{
    const int64_t most = hoop__segment_units(w), rest = w->nunits - segment * most;
    *bytes = rest < most ? rest : most;
    return w->buf + segment * most;
}

static hoop_status receive_segments(hoop_work *w, int64_t total, hoop_error *err, bool *moved)
{
    hoop__broadcast_state *s = &w->state.broadcast;
    hoop_status            st;
    if (s->parent < 0) s->taken = s->posted = total;
    while (s->taken < total) {
        bool    done = s->taken < s->posted;
        int64_t bytes;
        char   *place;
        if (done) {
            st = hoop__work_test(w, (int)(s->taken % HOOP__WINDOW), &done, err);
            if (st != HOOP_OK) return st;
        }
        if (done) {
            s->taken++;
        } else if (s->posted < total && s->posted - s->taken < HOOP__WINDOW) {
            place = segment_at(w, s->posted, &bytes);
            st    = hoop__work_irecv(w, (int)(s->posted % HOOP__WINDOW), s->parent, place, bytes, err);
            if (st != HOOP_OK) return st;
            s->posted++;
        } else {
            break;
        }
        *moved = true;
    }
    return HOOP_OK;
}

static hoop_status advance(hoop_work *w, hoop_error *err, bool *moved)
{
    hoop__broadcast_state *s = &w->state.broadcast;
    const int64_t total = hoop__segment_count(w->nunits, hoop__segment_units(w)), window = HOOP__WINDOW * (int64_t)s->nchildren;
    hoop_status   st = receive_segments(w, total, err, moved);
    while (st == HOOP_OK && s->gone < total * s->nchildren) {
        bool    done = s->gone < s->given;
        int64_t bytes;
        char   *place;
        if (done) st = hoop__work_test(w, HOOP__WINDOW + (int)(s->gone % window), &done, err);
        if (st != HOOP_OK) break;
        if (done) {
            s->gone++;
        } else if (s->given - s->gone < window && s->given < s->taken * s->nchildren) {
            place = segment_at(w, s->given / s->nchildren, &bytes);
            st = hoop__work_isend(w, HOOP__WINDOW + (int)(s->given % window), s->children[s->given % s->nchildren], place, bytes,
                                  err);
            s->given++;
        } else {
            break;
        }
        *moved = true;
    }
    w->stage_done = st == HOOP_OK && s->taken == total && s->gone == total * s->nchildren;
    return st;
}

const hoop__stage hoop__broadcast = {"broadcast", need, start, advance, NULL};

/*
 * work.c - collectives under way: their queue, their progress, and the waits.
 *
 * Works wait in one queue in the order they were posted. The first HOOP__ACTIVE hold a slot (scratch and requests) and move;
 * a work that is done leaves the queue and the next one gets its slot. As all ranks post in the same order, the oldest work
 * that is unfinished anywhere is active wherever it was posted, so there is always one that can move.
 */
#include "comm_internal.h"

#include "hoop/runtime.h"

#include <stdlib.h>
#include <string.h>

enum { SPINS_A_CLOCK = 32 };

int64_t hoop__segment_units(const hoop_work *w)
{
    const int64_t n = w->comm->opts.segment_bytes / w->unit_bytes;
    return n < 1 ? 1 : n;
}

int64_t hoop__segment_count(int64_t units, int64_t segment_units)
{
    return units / segment_units + (units % segment_units != 0);
}

void hoop__work_chunk(const hoop_work *w, int r, int64_t *first, int64_t *count)
{
    if (w->cuts == NULL) {
        hoop_comm_chunk(w->nunits, w->comm->size, r, first, count);
        return;
    }
    *first = w->cuts[r];
    *count = w->cuts[r + 1] - w->cuts[r];
}

/* Of equal chunks the last one is a largest. */
static int64_t largest_chunk(const hoop_work *w)
{
    int64_t first, most, count;
    hoop__work_chunk(w, w->comm->size - 1, &first, &most);
    for (int r = 0; w->cuts != NULL && r < w->comm->size - 1; r++) {
        hoop__work_chunk(w, r, &first, &count);
        if (count > most) most = count;
    }
    return most;
}

hoop_status hoop__work_isend(hoop_work *w, int req, int peer, const void *buf, int64_t bytes, hoop_error *err)
{
    hoop__request *r = &hoop__work_slot(w)->req[req];
    r->peer          = peer;
    r->bytes         = bytes;
    r->receive       = false;
    return w->comm->transport->isend(w->comm, peer, w->tag, buf, bytes, r, err);
}

hoop_status hoop__work_irecv(hoop_work *w, int req, int peer, void *buf, int64_t bytes, hoop_error *err)
{
    hoop__request *r = &hoop__work_slot(w)->req[req];
    r->peer          = peer;
    r->bytes         = bytes;
    r->receive       = true;
    return w->comm->transport->irecv(w->comm, peer, w->tag, buf, bytes, r, err);
}

hoop_status hoop__work_test(hoop_work *w, int req, bool *done, hoop_error *err)
{
    hoop__request *r  = &hoop__work_slot(w)->req[req];
    hoop_status    st = r->active ? w->comm->transport->test(w->comm, r, err) : HOOP_OK;
    if (st != HOOP_OK) return st;
    *done = !r->active;
    if (*done && r->receive) {
        hoop__watch_heard(w->comm, w, r->peer);
        r->receive = false;
    }
    return HOOP_OK;
}

static void cancel_requests(hoop_comm *c, hoop__slot *slot)
{
    for (int i = 0; i < slot->nreq; i++) {
        if (slot->req[i].active && !c->transport->cancel(c, &slot->req[i])) c->leak = true;
        slot->req[i].active = false;
    }
}

static void abandon(hoop_work *w)
{
    if (w->slot < 0) return;
    if (w->stages[w->stage]->abandon != NULL) w->stages[w->stage]->abandon(w);
    cancel_requests(w->comm, hoop__work_slot(w));
    hoop__work_slot(w)->used = false;
    w->slot                  = -1;
}

void hoop__comm_poison(hoop_comm *c, const hoop_error *why)
{
    if (c->poison.status != HOOP_OK) return;
    c->poison    = *why;
    c->abandoned = true;
    for (hoop_work *w = c->pending; w != NULL; w = w->next) abandon(w);
    c->pending     = NULL;
    c->pending_end = &c->pending;
    c->nactive     = 0;
}

void hoop_comm_poison(hoop_comm *c, const hoop_error *why)
{
    hoop_error told = {0};
    if (c->poison.status != HOOP_OK || why == NULL || why->status == HOOP_OK) return;
    (void)hoop_fail(&told, HOOP_EPEER, "rank %d on %s: %.900s", c->rank, c->peers[c->rank].host, why->text);
    hoop__watch_tell(c, &told);
    hoop__comm_poison(c, why);
}

void hoop__comm_free_works(hoop_comm *c)
{
    hoop_work *w = c->all_works;
    c->abandoned = c->abandoned || c->pending != NULL;
    for (hoop_work *p = c->pending; p != NULL; p = p->next) abandon(p);
    while (w != NULL) {
        hoop_work *next = w->all_next;
        free(w);
        w = next;
    }
    c->all_works = NULL;
}

static void fail_all(hoop_comm *c, hoop_work *w, hoop_error *why)
{
    hoop_error told = {0};
    (void)hoop_fail_within(why, "%s", w->what);
    (void)hoop_fail(&told, why->status == HOOP_EDESYNC ? HOOP_EDESYNC : HOOP_EPEER, "rank %d on %s: %.900s", c->rank,
                    c->peers[c->rank].host, why->text);
    hoop__watch_tell(c, &told);
    hoop__comm_poison(c, why);
}

static hoop_status grow(hoop__slot *slot, int64_t bytes, int nreq, hoop_error *err)
{
    if (bytes > slot->scratch_bytes) {
        free(slot->scratch);
        bytes               = (bytes + 4095) / 4096 * 4096;
        slot->scratch_bytes = 0;
        slot->scratch       = aligned_alloc(4096, (size_t)bytes);
        if (slot->scratch == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld bytes of segments", (long long)bytes);
        slot->scratch_bytes = bytes;
    }
    if (nreq > slot->nreq) {
        hoop__request *grown = realloc(slot->req, (size_t)nreq * sizeof *grown);
        if (grown == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %d requests", nreq);
        memset(grown + slot->nreq, 0, (size_t)(nreq - slot->nreq) * sizeof *grown);
        slot->req  = grown;
        slot->nreq = nreq;
    }
    return HOOP_OK;
}

/* Give the work a slot that is large enough. */
static hoop_status prepare_stage(hoop_work *w, hoop_error *err)
{
    hoop_comm  *c     = w->comm;
    hoop__slot *slot  = hoop__work_slot(w);
    int64_t     bytes = 0;
    int         nreq  = 0;
    w->stages[w->stage]->need(w, &bytes, &nreq);
    if (bytes > slot->scratch_bytes || nreq > slot->nreq) {
        hoop_status st = grow(slot, bytes, nreq, err);
        if (st != HOOP_OK) return st;
        if (bytes > c->most_scratch_bytes) c->most_scratch_bytes = bytes;
        if (nreq > c->most_nreq) c->most_nreq = nreq;
        c->uneven = true;
    }
    memset(&w->state, 0, sizeof w->state);
    w->stage_done = false;
    w->stages[w->stage]->start(w);
    return HOOP_OK;
}

/* Which work meets which slot is chance. Make all as large as the largest, so that nothing grows once every kind of work was
 * seen. */
static void even_out(hoop_comm *c)
{
    for (int i = 0; i < HOOP__ACTIVE; i++) (void)grow(&c->slots[i], c->most_scratch_bytes, c->most_nreq, NULL);
    c->uneven = false;
}

static hoop_status activate(hoop_comm *c, hoop_error *err, hoop_work **at)
{
    hoop_work *w         = c->pending;
    bool       exclusive = false;
    while (w != NULL && w->slot >= 0) {
        exclusive |= w->exclusive;
        w = w->next;
    }
    for (; w != NULL && c->nactive < HOOP__ACTIVE && !exclusive && !(w->exclusive && c->nactive > 0); w = w->next) {
        int i = 0;
        while (c->slots[i].used) i++;
        c->slots[i].used = true;
        c->nactive++;
        w->slot = i;
        *at     = w;
        if (prepare_stage(w, err) != HOOP_OK) return err->status;
        exclusive = w->exclusive;
    }
    return HOOP_OK;
}

/* Advance one work as far as it goes now. */
static hoop_status advance(hoop_work *w, hoop_error *err)
{
    bool        moved = false;
    hoop_status st;
    for (;;) {
        st = w->stages[w->stage]->advance(w, err, &moved);
        if (st != HOOP_OK) return st;
        if (!w->stage_done) break;
        if (++w->stage == w->nstages) {
            w->done = true;
            break;
        }
        st = prepare_stage(w, err);
        if (st != HOOP_OK) return st;
    }
    if (moved) w->comm->moved_ns = hoop__clock_ns();
    return HOOP_OK;
}

static void move_works(hoop_comm *c)
{
    hoop_error err      = {0};
    hoop_work *at       = c->pending;
    bool       finished = true;
    while (finished && c->pending != NULL) {
        hoop_work **link = &c->pending;
        finished         = false;
        if (activate(c, &err, &at) != HOOP_OK) {
            fail_all(c, at, &err);
            return;
        }
        while (*link != NULL && (*link)->slot >= 0) {
            hoop_work *w = *link;
            if (advance(w, &err) != HOOP_OK) {
                fail_all(c, w, &err);
                return;
            }
            if (!w->done) {
                link = &w->next;
                continue;
            }
            *link = w->next;
            if (c->pending_end == &w->next) c->pending_end = link;
            hoop__work_slot(w)->used = false;
            w->slot                  = -1;
            c->nactive--;
            finished = true;
        }
    }
}

/* Sums are taken on the way, and in one floating-point mode, whoever is waiting. */
static void poll_works(hoop_comm *c)
{
    uint64_t mode = hoop_fp_enter();
    move_works(c);
    hoop_fp_restore(mode);
}

void hoop_comm_progress(hoop_comm *c)
{
    int64_t now;
    if (c->transport == NULL || c->poison.status != HOOP_OK) return;
    if (c->pending != NULL) poll_works(c);
    now = hoop__clock_ns();
    if (now != c->tick_ns) {
        c->tick_ns = now;
        hoop__watch_poll(c);
    }
}

static hoop_work *take_work(hoop_comm *c)
{
    hoop_work *w = c->free_works;
    if (w != NULL) {
        c->free_works = w->next;
        return w;
    }
    w = calloc(1, sizeof *w);
    if (w == NULL) return NULL;
    w->comm      = c;
    w->all_next  = c->all_works;
    c->all_works = w;
    return w;
}

static hoop_status check_post(const hoop_comm *c, const hoop__posting *p, const char *what, hoop_error *err)
{
    int64_t bytes;
    if (p->nunits < 0 || p->unit_bytes < 1 || p->unit_bytes > HOOP__SEGMENT_BYTES_MAX || (p->buf == NULL && p->nunits > 0))
        return hoop_fail(err, HOOP_EARG, "%s: %lld units of %lld bytes at %p cannot be communicated", what, (long long)p->nunits,
                         (long long)p->unit_bytes, p->buf);
    if (__builtin_mul_overflow(p->nunits, p->unit_bytes, &bytes) || __builtin_mul_overflow(bytes, (int64_t)c->size, &bytes))
        return hoop_fail(err, HOOP_ESIZE, "%s: %lld units of %lld bytes are too many", what, (long long)p->nunits,
                         (long long)p->unit_bytes);
    return HOOP_OK;
}

hoop_status hoop__work_post(hoop_comm *c, const hoop__posting *p, const char *what, hoop_error *err, hoop_work **out)
{
    hoop_work  *w;
    hoop_status st;
    *out = NULL;
    if (c->poison.status != HOOP_OK) return hoop_comm_check(c, err);
    st = check_post(c, p, what, err);
    if (st != HOOP_OK || p->nunits == 0 || c->size == 1) return st;
    if (c->pending != NULL && c->seq - c->pending->seq >= HOOP__TAG_SPAN)
        return hoop_fail(err, HOOP_ESTATE, "%s: %d collectives are pending, wait for some first", what, (int)HOOP__TAG_SPAN);
    if (c->pending == NULL && c->uneven) even_out(c);
    w = take_work(c);
    if (w == NULL) { /* the others are in it, or will be: they are told */
        hoop_error why = {0};
        st             = hoop_fail(&why, HOOP_ENOMEM, "%s: no memory for a collective", what);
        hoop_comm_poison(c, &why);
        return hoop_fail(err, st, "%s", why.text);
    }
    w->next       = NULL;
    w->op         = p->op;
    w->stage      = 0;
    w->stage_done = w->done = w->exclusive = false;
    w->slot                                = -1;
    w->root                                = p->root;
    w->buf                                 = p->buf;
    w->nunits                              = p->nunits;
    w->unit_bytes                          = p->unit_bytes;
    w->cuts                                = p->cuts;
    w->chunk_most                          = largest_chunk(w);
    w->reducer                             = p->reducer != NULL ? *p->reducer : (hoop_reducer){0};
    w->seq                                 = c->seq++;
    w->tag                                 = (int)(HOOP__TAG_COLLECTIVE + w->seq % HOOP__TAG_SPAN);
    hoop__copy_text(w->what, what, HOOP__WHAT);
    hoop__algorithm_stages(w);
    *c->pending_end = w;
    c->pending_end  = &w->next;
    poll_works(c);
    *out = w;
    return HOOP_OK;
}

bool hoop_work_test(hoop_work *w)
{
    if (w == NULL || w->done) return true;
    hoop_comm_progress(w->comm);
    return w->done || w->comm->poison.status != HOOP_OK;
}

/* Spin until the work is done, the communicator fails, or nothing has moved for timeout_s (of any work: this one may have to
 * wait for those before it). */
static void wait_done(hoop_work *w)
{
    hoop_comm    *c     = w->comm;
    const int64_t begin = hoop__clock_precise_ns(), limit = (int64_t)(c->opts.timeout_s * 1e9);
    int64_t       since = hoop__clock_ns(), spins = 0;
    c->waiting = w;
    while (!w->done && c->poison.status == HOOP_OK) {
        poll_works(c);
        hoop__comm_relax(c, &spins);
        if (spins % SPINS_A_CLOCK != 0) continue;
        const int64_t now = hoop__clock_ns();
        if (now == c->tick_ns) continue;
        c->tick_ns = now;
        hoop__watch_poll(c);
        if (c->moved_ns > since) since = c->moved_ns;
        if (now - since <= limit || w->done || c->poison.status != HOOP_OK) continue;
        hoop_error err = {0};
        (void)hoop__watch_diagnose(c, w, (double)(now - since) * 1e-9, &err);
        hoop__comm_poison(c, &err);
    }
    c->waiting = NULL;
    c->wait_s += (double)(hoop__clock_precise_ns() - begin) * 1e-9;
}

hoop_status hoop_work_wait(hoop_work **w, hoop_error *err)
{
    hoop_comm *c;
    bool       done;
    if (w == NULL || *w == NULL) return HOOP_OK;
    c = (*w)->comm;
    if (!(*w)->done && c->poison.status == HOOP_OK) wait_done(*w);
    done          = (*w)->done;
    (*w)->next    = c->free_works;
    c->free_works = *w;
    *w            = NULL;
    return done ? HOOP_OK : hoop_comm_check(c, err);
}

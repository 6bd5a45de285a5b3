/*
 * threads.c - the transport between ranks that are threads of one process: for tests, and for ThreadSanitizer, which cannot
 * see across processes.
 *
 * Each rank has a mailbox: receives that it has posted, sends to it that none matched yet, and one place a sender and type for
 * control messages. Who comes second, sender or receiver, copies the bytes, under the mailbox's lock. So a send is done when it
 * was received, as with the slowest kind of MPI send, and tests meet every wait.
 */
#include "comm_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { RANKS_MOST = 64 };

/* A send or receive. It belongs to the rank that made it; `done` is set by whoever matches it, under the lock. */
typedef struct letter {
    struct letter *next;
    int            peer, tag; /* of a send: its source */
    void          *buf;
    int64_t        bytes, got;
    bool           is_send;
    atomic_bool    done;
} letter;

typedef struct mailbox {
    pthread_mutex_t lock;
    letter         *posted, **posted_end, *arrived, **arrived_end;
    atomic_int      ncontrol;
    bool           *control_full; /* [size][HOOP__MESSAGE_TYPES] */
    hoop__message  *control;
} mailbox;

typedef struct group {
    atomic_int users;
    int        size;
    mailbox    boxes[];
} group;

/* Letters come by the batch, so that their number soon stays the same. */
enum { BATCH = 256 };

typedef struct batch {
    struct batch *next;
    letter        letters[BATCH];
} batch;

typedef struct link {
    group  *group;
    letter *free;
    batch  *batches;
} link;

static link *link_of(hoop_comm *c)
{
    return c->link;
}

static void put_letter(hoop_comm *c, letter *m)
{
    m->next          = link_of(c)->free;
    link_of(c)->free = m;
}

static letter *take_letter(hoop_comm *c)
{
    link   *l = link_of(c);
    letter *m;
    if (l->free == NULL) {
        batch *fresh = calloc(1, sizeof *fresh);
        if (fresh == NULL) return NULL;
        fresh->next = l->batches;
        l->batches  = fresh;
        for (int i = 0; i < BATCH; i++) put_letter(c, &fresh->letters[i]);
    }
    m       = l->free;
    l->free = m->next;
    return m;
}

static void push(letter ***end, letter *m)
{
    m->next = NULL;
    **end   = m;
    *end    = &m->next;
}

/* Take the first letter of this peer and tag out of a list. */
static letter *pull(letter **first, letter ***end, int peer, int tag)
{
    for (letter **at = first; *at != NULL; at = &(*at)->next) {
        letter *m = *at;
        if (m->peer != peer || m->tag != tag) continue;
        *at = m->next;
        if (*end == &m->next) *end = at;
        return m;
    }
    return NULL;
}

static bool unlink_letter(letter **first, letter ***end, const letter *gone)
{
    for (letter **at = first; *at != NULL; at = &(*at)->next) {
        if (*at != gone) continue;
        *at = gone->next;
        if (*end == &gone->next) *end = at;
        return true;
    }
    return false;
}

static void deliver(letter *send, letter *receive)
{
    receive->got = send->bytes;
    if (send->bytes == receive->bytes) memcpy(receive->buf, send->buf, (size_t)send->bytes);
    atomic_store_explicit(&receive->done, true, memory_order_release);
    atomic_store_explicit(&send->done, true, memory_order_release);
}

static hoop_status post(hoop_comm *c, int box, int source, int tag, void *buf, int64_t bytes, bool is_send, hoop__request *req,
                        hoop_error *err)
{
    mailbox *b = &link_of(c)->group->boxes[box];
    letter  *m = take_letter(c), *other;
    if (m == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a message");
    m->peer    = source;
    m->tag     = tag;
    m->buf     = buf;
    m->bytes   = bytes;
    m->got     = bytes;
    m->is_send = is_send;
    atomic_store_explicit(&m->done, false, memory_order_relaxed);
    (void)pthread_mutex_lock(&b->lock);
    other = is_send ? pull(&b->posted, &b->posted_end, source, tag) : pull(&b->arrived, &b->arrived_end, source, tag);
    if (other == NULL)
        push(is_send ? &b->arrived_end : &b->posted_end, m);
    else
        deliver(is_send ? m : other, is_send ? other : m);
    (void)pthread_mutex_unlock(&b->lock);
    req->handle = m;
    req->active = true;
    return HOOP_OK;
}

static hoop_status threads_isend(hoop_comm *c, int peer, int tag, const void *buf, int64_t bytes, hoop__request *req,
                                 hoop_error *err)
{
    return post(c, peer, c->rank, tag, (void *)(uintptr_t)buf, bytes, true, req, err);
}

static hoop_status threads_irecv(hoop_comm *c, int peer, int tag, void *buf, int64_t bytes, hoop__request *req, hoop_error *err)
{
    return post(c, c->rank, peer, tag, buf, bytes, false, req, err);
}

static hoop_status threads_test(hoop_comm *c, hoop__request *req, hoop_error *err)
{
    letter     *m = req->handle;
    hoop_status st;
    if (!atomic_load_explicit(&m->done, memory_order_acquire)) return HOOP_OK;
    st          = m->got == m->bytes ? HOOP_OK
                                     : hoop_fail(err, HOOP_EDESYNC,
                                                 "rank %d on %s sent %lld bytes where %lld belong: ranks disagree about what comes now",
                                                 req->peer, hoop_comm_host(c, req->peer), (long long)m->got, (long long)m->bytes);
    req->active = false;
    put_letter(c, m);
    return st;
}

static bool threads_cancel(hoop_comm *c, hoop__request *req)
{
    letter  *m = req->handle;
    mailbox *b = &link_of(c)->group->boxes[m->is_send ? req->peer : c->rank];
    (void)pthread_mutex_lock(&b->lock);
    if (m->is_send)
        (void)unlink_letter(&b->arrived, &b->arrived_end, m);
    else
        (void)unlink_letter(&b->posted, &b->posted_end, m);
    (void)pthread_mutex_unlock(&b->lock);
    req->active = false;
    put_letter(c, m);
    return true;
}

static void threads_control_send(hoop_comm *c, int peer, const hoop__message *message)
{
    mailbox  *b     = &link_of(c)->group->boxes[peer];
    const int place = c->rank * HOOP__MESSAGE_TYPES + message->type;
    (void)pthread_mutex_lock(&b->lock);
    b->control[place] = *message; /* the newest counts */
    if (!b->control_full[place]) {
        b->control_full[place] = true;
        atomic_fetch_add_explicit(&b->ncontrol, 1, memory_order_release);
    }
    (void)pthread_mutex_unlock(&b->lock);
}

static bool threads_control_receive(hoop_comm *c, hoop__message *message)
{
    mailbox *b     = &link_of(c)->group->boxes[c->rank];
    bool     found = false;
    if (atomic_load_explicit(&b->ncontrol, memory_order_acquire) == 0) return false;
    (void)pthread_mutex_lock(&b->lock);
    for (int place = 0; place < c->size * HOOP__MESSAGE_TYPES && !found; place++) {
        found = b->control_full[place];
        if (!found) continue;
        *message               = b->control[place];
        b->control_full[place] = false;
        atomic_fetch_sub_explicit(&b->ncontrol, 1, memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&b->lock);
    return found;
}

static void destroy_group(group *g)
{
    for (int r = 0; r < g->size; r++) {
        (void)pthread_mutex_destroy(&g->boxes[r].lock);
        free(g->boxes[r].control_full);
        free(g->boxes[r].control);
    }
    free(g);
}

static void threads_destroy(hoop_comm *c)
{
    link *l = link_of(c);
    if (l == NULL) return;
    for (batch *b = l->batches, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    if (atomic_fetch_sub_explicit(&l->group->users, 1, memory_order_acq_rel) == 1) destroy_group(l->group);
    free(l);
}

static const hoop__transport threads_transport = {
    "threads",      threads_isend,        threads_irecv,           threads_test,
    threads_cancel, threads_control_send, threads_control_receive, threads_destroy,
};

static group *create_group(int size)
{
    group *g = calloc(1, sizeof *g + (size_t)size * sizeof g->boxes[0]);
    if (g == NULL) return NULL;
    atomic_init(&g->users, 0);
    for (; g->size < size; g->size++) {
        mailbox *b = &g->boxes[g->size];
        if (pthread_mutex_init(&b->lock, NULL) != 0) break;
        b->posted_end   = &b->posted;
        b->arrived_end  = &b->arrived;
        b->control_full = calloc((size_t)size * HOOP__MESSAGE_TYPES, sizeof *b->control_full);
        b->control      = calloc((size_t)size * HOOP__MESSAGE_TYPES, sizeof *b->control);
        if (b->control_full == NULL || b->control == NULL) {
            g->size++;
            break;
        }
    }
    if (g->size == size && g->boxes[size - 1].control != NULL && g->boxes[size - 1].control_full != NULL) return g;
    destroy_group(g);
    return NULL;
}

hoop_status hoop_comm_create_threads(int size, const hoop_comm_opts *opts, hoop_error *err, hoop_comm **out)
{
    group      *g;
    hoop_status st = HOOP_OK;
    if (size < 1 || size > RANKS_MOST)
        return hoop_fail(err, HOOP_EARG, "ranks as threads: %d is not between 1 and %d", size, (int)RANKS_MOST);
    memset(out, 0, (size_t)size * sizeof *out);
    if (opts != NULL && opts->algorithm == HOOP_ALGORITHM_MPI)
        return hoop_fail(err, HOOP_EARG, "ranks as threads: algorithm mpi needs an MPI communicator");
    g = create_group(size);
    if (g == NULL) return hoop_fail(err, HOOP_ENOMEM, "ranks as threads: no memory for %d mailboxes", size);
    atomic_fetch_add_explicit(&g->users, 1, memory_order_relaxed); /* ours, while the others come */
    for (int r = 0; r < size && st == HOOP_OK; r++) {
        link *l;
        st = hoop__comm_new(r, size, opts, err, &out[r]);
        if (st != HOOP_OK) break;
        l = calloc(1, sizeof *l);
        if (l == NULL) {
            st = hoop_fail(err, HOOP_ENOMEM, "ranks as threads: no memory for rank %d", r);
            break;
        }
        l->group          = g;
        out[r]->link      = l;
        out[r]->transport = &threads_transport;
        atomic_fetch_add_explicit(&g->users, 1, memory_order_relaxed);
    }
    for (int r = 0; st != HOOP_OK && r < size; r++) hoop_comm_destroy(&out[r]);
    if (atomic_fetch_sub_explicit(&g->users, 1, memory_order_acq_rel) == 1) destroy_group(g);
    return st;
}

/*
 * mpi_transport.c - messages over a duplicate of the caller's communicator. Nothing here blocks: where MPI has only a call
 * that waits, it is its nonblocking twin and a test.
 */
#include "hoop/comm_mpi.h"

#include <assert.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi_link.h"

static_assert(sizeof(MPI_Request) <= sizeof(void *), "a request fits its handle");

hoop_status hoop__mpi_check(int code, const char *call, hoop_error *err)
{
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int  length                     = 0;
    if (code == MPI_SUCCESS) return HOOP_OK;
    (void)MPI_Error_string(code, text, &length);
    return hoop_fail(err, HOOP_ECOMM, "%s: %s", call, text);
}

static hoop_status check_bytes(int64_t bytes, hoop_error *err)
{
    if (bytes <= INT32_MAX) return HOOP_OK;
    return hoop_fail(err, HOOP_ESIZE, "a message of %lld bytes; MPI counts to 2^31 - 1", (long long)bytes);
}

static hoop_status mpi_isend(hoop_comm *c, int peer, int tag, const void *buf, int64_t bytes, hoop__request *req, hoop_error *err)
{
    MPI_Request request;
    hoop_status st = check_bytes(bytes, err);
    if (st == HOOP_OK)
        st = hoop__mpi_check(MPI_Isend(buf, (int)bytes, MPI_BYTE, peer, tag, hoop__mpi_link_of(c)->comm, &request), "MPI_Isend",
                             err);
    if (st != HOOP_OK) return st;
    memcpy(&req->handle, &request, sizeof request);
    req->active = true;
    return HOOP_OK;
}

static hoop_status mpi_irecv(hoop_comm *c, int peer, int tag, void *buf, int64_t bytes, hoop__request *req, hoop_error *err)
{
    MPI_Request request;
    hoop_status st = check_bytes(bytes, err);
    if (st == HOOP_OK)
        st = hoop__mpi_check(MPI_Irecv(buf, (int)bytes, MPI_BYTE, peer, tag, hoop__mpi_link_of(c)->comm, &request), "MPI_Irecv",
                             err);
    if (st != HOOP_OK) return st;
    memcpy(&req->handle, &request, sizeof request);
    req->active = true;
    return HOOP_OK;
}

static hoop_status wrong_size(hoop_comm *c, const hoop__request *req, int64_t got, hoop_error *err)
{
    char more[32] = "more bytes";
    if (got >= 0) (void)snprintf(more, sizeof more, "%lld bytes", (long long)got);
    return hoop_fail(err, HOOP_EDESYNC, "rank %d on %s sent %s where %lld belong: ranks disagree about what comes now", req->peer,
                     hoop_comm_host(c, req->peer), more, (long long)req->bytes);
}

static hoop_status mpi_test(hoop_comm *c, hoop__request *req, hoop_error *err)
{
    MPI_Request request;
    MPI_Status  status;
    int         done = 0, code, class = MPI_SUCCESS, got = 0;
    memcpy(&request, &req->handle, sizeof request);
    code = MPI_Test(&request, &done, &status);
    if (code != MPI_SUCCESS) {
        req->active = false;
        (void)MPI_Error_class(code, &class);
        return class == MPI_ERR_TRUNCATE ? wrong_size(c, req, -1, err) : hoop__mpi_check(code, "MPI_Test", err);
    }
    if (!done) return HOOP_OK;
    req->active = false;
    if (!req->receive) return HOOP_OK;
    code = MPI_Get_count(&status, MPI_BYTE, &got);
    return code == MPI_SUCCESS && got != req->bytes ? wrong_size(c, req, got, err) : hoop__mpi_check(code, "MPI_Get_count", err);
}

/* A receive that matched a message already, or a send, cannot be called back: MPI may still use its buffer. */
static bool mpi_cancel(hoop_comm *c, hoop__request *req)
{
    MPI_Request request;
    int         done = 0;
    (void)c;
    memcpy(&request, &req->handle, sizeof request);
    if (req->receive) (void)MPI_Cancel(&request);
    for (int i = 0; i < 100 && !done; i++)
        if (MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) break;
    if (!done) (void)MPI_Request_free(&request);
    req->active = false;
    return done != 0;
}

/* Queries and answers have a place a peer; if the last one there is still on its way, this one is dropped. */
static void mpi_control_send(hoop_comm *c, int peer, const hoop__message *message)
{
    hoop__mpi_link *l       = hoop__mpi_link_of(c);
    MPI_Request    *request = &l->outgoing_requests[message->type * c->size + peer];
    hoop__message  *place   = &l->outgoing[message->type == HOOP__FAILED ? 2 * c->size : message->type * c->size + peer];
    const size_t    bytes   = message->type == HOOP__FAILED ? sizeof *message : offsetof(hoop__message, text);
    int             done    = 1;
    if (*request != MPI_REQUEST_NULL && (MPI_Test(request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || !done)) return;
    memcpy(place, message, bytes); /* a rank gives up once, so the shared place never changes under a send */
    if (MPI_Isend(place, (int)bytes, MPI_BYTE, peer, HOOP__TAG_CONTROL, l->comm, request) != MPI_SUCCESS)
        *request = MPI_REQUEST_NULL;
}

static bool mpi_control_receive(hoop_comm *c, hoop__message *message)
{
    hoop__mpi_link *l     = hoop__mpi_link_of(c);
    int             there = 0;
    if (l->incoming_request == MPI_REQUEST_NULL) {
        MPI_Message handle;
        if (MPI_Improbe(MPI_ANY_SOURCE, HOOP__TAG_CONTROL, l->comm, &there, &handle, MPI_STATUS_IGNORE) != MPI_SUCCESS || !there)
            return false;
        if (MPI_Imrecv(&l->incoming, (int)sizeof l->incoming, MPI_BYTE, &handle, &l->incoming_request) != MPI_SUCCESS) {
            l->incoming_request = MPI_REQUEST_NULL;
            return false;
        }
    }
    if (MPI_Test(&l->incoming_request, &there, MPI_STATUS_IGNORE) != MPI_SUCCESS || !there) return false;
    l->incoming_request = MPI_REQUEST_NULL;
    *message            = l->incoming;
    return true;
}

static void mpi_destroy(hoop_comm *c)
{
    hoop__mpi_link *l          = hoop__mpi_link_of(c);
    int             finalized  = 1;
    bool            on_its_way = false;
    if (l == NULL) return;
    (void)MPI_Finalized(&finalized);
    for (int i = 0; !finalized && l->outgoing_requests != NULL && i < HOOP__MESSAGE_TYPES * c->size; i++) {
        int done = 1;
        if (l->outgoing_requests[i] == MPI_REQUEST_NULL) continue;
        if (MPI_Test(&l->outgoing_requests[i], &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done) continue;
        (void)MPI_Request_free(&l->outgoing_requests[i]);
        on_its_way = true;
    }
    if (!finalized && !c->leak) hoop__mpi_free_types(l);
    /* freeing it is for all ranks together; after a failure the others may be gone, and what they sent may still arrive */
    if (!finalized && !c->abandoned && !on_its_way && l->comm != MPI_COMM_NULL) (void)MPI_Comm_free(&l->comm);
    free(l->outgoing_requests);
    if (!c->leak) free(l->counts); /* else a collective of MPI's may still read it */
    if (on_its_way || c->leak) return;
    free(l->outgoing);
    if (!l->adrift) free(l);
}

static const hoop__transport mpi_transport = {
    "mpi", mpi_isend, mpi_irecv, mpi_test, mpi_cancel, mpi_control_send, mpi_control_receive, mpi_destroy,
};

static hoop_status check_caller(MPI_Comm comm, hoop_error *err)
{
    int there = 0, gone = 0, level = 0, main_thread = 0, inter = 0;
    (void)MPI_Initialized(&there);
    if (there) (void)MPI_Finalized(&gone);
    if (!there || gone)
        return hoop_fail(err, HOOP_ESTATE, "MPI is not initialised%s: call MPI_Init first", gone ? " any more" : "");
    if (comm == MPI_COMM_NULL) return hoop_fail(err, HOOP_EARG, "MPI_COMM_NULL is no communicator to train on");
    (void)MPI_Query_thread(&level);
    (void)MPI_Is_thread_main(&main_thread);
    if (level <= MPI_THREAD_FUNNELED && !main_thread)
        return hoop_fail(err, HOOP_ESTATE,
                         "MPI was initialised for its main thread only: call from there, or ask for MPI_THREAD_SERIALIZED");
    (void)MPI_Comm_test_inter(comm, &inter);
    if (inter) return hoop_fail(err, HOOP_EARG, "an intercommunicator cannot be trained on: merge it first");
    return HOOP_OK;
}

/* Has any rank failed so far? The others would wait for it in what comes next. *failed is this rank's, and then that of all. */
static hoop_status agree_on_failure(MPI_Comm comm, hoop_comm *c, int *failed, hoop_error *err)
{
    hoop__mpi_link *l         = c == NULL ? NULL : hoop__mpi_link_of(c);
    const double    timeout_s = c == NULL ? 300 : c->opts.timeout_s;
    const int64_t   begin     = hoop__clock_ns();
    int            *both = l != NULL ? l->failed : malloc(2 * sizeof *both), done = 0;
    MPI_Request     request;
    hoop_status     st;
    if (both == NULL)
        return hoop_fail(err, HOOP_ENOMEM, "no memory for a communicator"); /* the others give up at their deadline */
    both[0] = *failed;
    both[1] = 0;
    st      = hoop__mpi_check(MPI_Iallreduce(&both[0], &both[1], 1, MPI_INT, MPI_MAX, comm, &request), "MPI_Iallreduce", err);
    while (st == HOOP_OK && !done) {
        st = hoop__mpi_check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Iallreduce", err);
        if (!done && (double)(hoop__clock_ns() - begin) * 1e-9 > timeout_s) {
            if (l != NULL) l->adrift = true; /* both stays: MPI may still write there */
            return hoop_fail(err, HOOP_ETIMEOUT, "waited %.1f s for all ranks of the MPI communicator to create theirs",
                             timeout_s);
        }
        if (!done) (void)sched_yield();
    }
    *failed = both[1];
    if (l == NULL) free(both);
    return st;
}

/* MPI_Comm_dup that gives up at the deadline. */
static hoop_status duplicate(hoop_comm *c, MPI_Comm comm, hoop_error *err)
{
    hoop__mpi_link *l     = hoop__mpi_link_of(c);
    const int64_t   begin = hoop__clock_ns();
    int64_t         spins = 0;
    int             done  = 0;
    MPI_Request     request;
    hoop_status     st = hoop__mpi_check(MPI_Comm_idup(comm, &l->comm, &request), "MPI_Comm_idup", err);
    while (st == HOOP_OK && !done) {
        st = hoop__mpi_check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Comm_idup", err);
        if (!done && (double)(hoop__clock_ns() - begin) * 1e-9 > c->opts.timeout_s) {
            c->abandoned = l->adrift = true;
            return hoop_fail(err, HOOP_ETIMEOUT,
                             "rank %d on %s waited %.1f s for all %d ranks of the MPI communicator to create theirs", c->rank,
                             hoop_comm_host(c, c->rank), c->opts.timeout_s, c->size);
        }
        hoop__comm_relax(c, &spins);
    }
    if (st != HOOP_OK) {
        c->abandoned = true;
        return st;
    }
    return hoop__mpi_check(MPI_Comm_set_errhandler(l->comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler", err);
}

static hoop_status create_link(hoop_comm *c, hoop_error *err)
{
    const size_t    size = (size_t)c->size;
    hoop__mpi_link *l    = calloc(1, sizeof *l);
    if (l == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a communicator of %d ranks", c->size);
    c->link              = l;
    c->transport         = &mpi_transport;
    l->comm              = MPI_COMM_NULL;
    l->op                = MPI_OP_NULL;
    l->incoming_request  = MPI_REQUEST_NULL;
    l->counts            = calloc(size * 2 * HOOP__ACTIVE, sizeof *l->counts);
    l->outgoing_requests = calloc(size * HOOP__MESSAGE_TYPES, sizeof(MPI_Request));
    l->outgoing          = calloc(size * 2 + 1, sizeof *l->outgoing);
    for (size_t i = 0; l->outgoing_requests != NULL && i < size * HOOP__MESSAGE_TYPES; i++)
        l->outgoing_requests[i] = MPI_REQUEST_NULL;
    if (l->counts == NULL || l->outgoing_requests == NULL || l->outgoing == NULL)
        return hoop_fail(err, HOOP_ENOMEM, "no memory for a communicator of %d ranks", c->size);
    return HOOP_OK;
}

hoop_status hoop_comm_create_mpi(MPI_Comm comm, const hoop_comm_opts *opts, hoop_error *err, hoop_comm **out)
{
    int         rank = 0, size = 1, failed;
    hoop_comm  *c     = NULL;
    hoop_error  local = {0};
    hoop_status st;
    *out = NULL;
    HOOP_TRY(st, done, check_caller(comm, err));
    HOOP_TRY(st, done, hoop__mpi_check(MPI_Comm_rank(comm, &rank), "MPI_Comm_rank", err));
    HOOP_TRY(st, done, hoop__mpi_check(MPI_Comm_size(comm, &size), "MPI_Comm_size", err));
    st = hoop__comm_new(rank, size, opts, &local, &c);
    if (st == HOOP_OK) st = create_link(c, &local);
    failed = st != HOOP_OK;
    if (agree_on_failure(comm, c, &failed, st == HOOP_OK ? &local : NULL) != HOOP_OK && st == HOOP_OK) st = local.status;
    if (st == HOOP_OK && failed) st = hoop_fail(&local, HOOP_EPEER, "another rank could not create its communicator");
    if (st != HOOP_OK) {
        (void)hoop_fail(err, st, "%s", local.text);
        goto done;
    }
    HOOP_TRY(st, done, duplicate(c, comm, err));
    HOOP_TRY(st, done, hoop__comm_greet(c, err));
    *out = c;
    return HOOP_OK;
done:
    hoop_comm_destroy(&c);
    return st;
}

/*
 * mpi_algorithm.c - MPI's own collectives, nonblocking, with operations that call our reducers: the reference.
 *
 * The order of a float sum is MPI's. Counts are ints in MPI: a buffer of more than mpi_max_units units goes in pieces, a
 * reduce-scatter as reductions to each rank of its chunk, an all-gather as broadcasts. Such a work runs alone (`exclusive`), as
 * MPI wants the collectives of a communicator started in the same order everywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpi_link.h"

enum { TYPES_MOST = 32 };

static const char name_format[] = "hoop reducer %p";

/* MPI gives an operation no context but the datatype, and the datatype's name is the one place in it that is ours. */
static const hoop__mpi_type *type_of(MPI_Datatype unit)
{
    char  name[MPI_MAX_OBJECT_NAME] = "";
    int   length                    = 0;
    void *type                      = NULL;
    if (MPI_Type_get_name(unit, name, &length) != MPI_SUCCESS || sscanf(name, name_format, &type) != 1) return NULL;
    return type;
}

static void combine(void *in, void *inout, int *n, MPI_Datatype *unit)
{
    const hoop_reducer *reducer = &type_of(*unit)->reducer; /* make_type has seen that it works */
    reducer->combine(reducer->ctx, inout, in, *n);
}

static bool is_same(const hoop_reducer *a, const hoop_reducer *b)
{
    return a->unit_bytes == b->unit_bytes && a->combine == b->combine && a->ctx == b->ctx;
}

static void free_type(hoop__mpi_type *t)
{
    if (t->unit != MPI_DATATYPE_NULL) (void)MPI_Type_free(&t->unit);
    free(t);
}

void hoop__mpi_free_types(hoop__mpi_link *l)
{
    while (l->types != NULL) {
        hoop__mpi_type *t = l->types;
        l->types          = t->next;
        free_type(t);
    }
    if (l->op != MPI_OP_NULL) (void)MPI_Op_free(&l->op);
}

static bool is_in_use(const hoop_comm *c, const hoop__mpi_type *t)
{
    for (const hoop_work *w = c->pending; w != NULL; w = w->next)
        if (w->slot >= 0 && w->stages[w->stage] == &hoop__mpi_stage && w->state.mpi.type == t) return true;
    return false;
}

/* Keep the cache small: of those that are not in use forget the oldest. */
static void forget_types(hoop_comm *c)
{
    hoop__mpi_type **oldest = NULL;
    int              n      = 0;
    for (hoop__mpi_type **at = &hoop__mpi_link_of(c)->types; *at != NULL; at = &(*at)->next, n++)
        if (!is_in_use(c, *at)) oldest = at;
    if (n < TYPES_MOST || oldest == NULL) return;
    hoop__mpi_type *gone = *oldest;
    *oldest              = gone->next;
    free_type(gone);
}

static hoop_status make_type(hoop_comm *c, const hoop_reducer *reducer, hoop_error *err, hoop__mpi_type **out)
{
    hoop__mpi_link *l = hoop__mpi_link_of(c);
    hoop__mpi_type *t;
    char            name[MPI_MAX_OBJECT_NAME];
    hoop_status     st;
    forget_types(c);
    t = calloc(1, sizeof *t);
    if (t == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a datatype");
    t->reducer = *reducer;
    t->unit    = MPI_DATATYPE_NULL;
    (void)snprintf(name, sizeof name, name_format, (void *)t);
    HOOP_TRY(st, done,
             hoop__mpi_check(MPI_Type_contiguous((int)reducer->unit_bytes, MPI_BYTE, &t->unit), "MPI_Type_contiguous", err));
    HOOP_TRY(st, done, hoop__mpi_check(MPI_Type_set_name(t->unit, name), "MPI_Type_set_name", err));
    HOOP_TRY(st, done, hoop__mpi_check(MPI_Type_commit(&t->unit), "MPI_Type_commit", err));
    if (type_of(t->unit) != t) {
        st = hoop_fail(err, HOOP_ECOMM, "MPI does not keep the name of a datatype: use another algorithm than mpi");
        goto done;
    }
    if (l->op == MPI_OP_NULL) HOOP_TRY(st, done, hoop__mpi_check(MPI_Op_create(combine, 1, &l->op), "MPI_Op_create", err));
    t->next  = l->types;
    l->types = t;
    *out     = t;
    return HOOP_OK;
done:
    free_type(t);
    return st;
}

static hoop_status find_type(hoop_work *w, hoop_error *err)
{
    hoop_reducer    key = w->reducer;
    hoop__mpi_type *t   = hoop__mpi_link_of(w->comm)->types;
    hoop_status     st  = HOOP_OK;
    key.unit_bytes      = w->unit_bytes;
    while (t != NULL && !is_same(&t->reducer, &key)) t = t->next;
    if (t == NULL) st = make_type(w->comm, &key, err, &t);
    w->state.mpi.type = t;
    return st;
}

/* A whole reduce-scatter's result comes into scratch: in place MPI would put it at the start of the buffer, over others' chunks.
 */
static bool is_through_scratch(const hoop_work *w)
{
    return !w->exclusive && w->op == HOOP__REDUCE_SCATTER;
}

static void need(const hoop_work *w, int64_t *scratch_bytes, int *nrequests)
{
    int64_t first, count;
    hoop__work_chunk(w, w->comm->rank, &first, &count);
    *scratch_bytes = is_through_scratch(w) ? count * w->unit_bytes : 0;
    *nrequests     = 0;
}

static void start(hoop_work *w)
{
    w->state.mpi.root = 0;
}

static int start_whole(hoop_work *w, const hoop__mpi_link *l, MPI_Datatype unit, MPI_Request *request)
{
    int *counts = l->counts + (ptrdiff_t)w->slot * 2 * w->comm->size, *displs = counts + w->comm->size;
    for (int r = 0; r < w->comm->size; r++) {
        int64_t first, count;
        hoop__work_chunk(w, r, &first, &count);
        counts[r] = (int)count;
        displs[r] = (int)first;
    }
    w->state.mpi.root = w->comm->size; /* nothing follows */
    if (w->op == HOOP__REDUCE_SCATTER)
        return MPI_Ireduce_scatter(w->buf, hoop__work_slot(w)->scratch, counts, unit, l->op, l->comm, request);
    if (w->op == HOOP__ALL_GATHER) return MPI_Iallgatherv(MPI_IN_PLACE, 0, unit, w->buf, counts, displs, unit, l->comm, request);
    return MPI_Iallreduce(MPI_IN_PLACE, w->buf, (int)w->nunits, unit, l->op, l->comm, request);
}

static int start_piece(hoop_work *w, const hoop__mpi_link *l, MPI_Datatype unit, MPI_Request *request)
{
    hoop__mpi_state *s     = &w->state.mpi;
    const int        root  = s->root;
    int64_t          first = 0, count = w->nunits, n;
    char            *place;
    if (w->op != HOOP__ALL_REDUCE) hoop__work_chunk(w, root, &first, &count);
    n     = count - s->piece < w->comm->mpi_max_units ? count - s->piece : w->comm->mpi_max_units;
    place = w->buf + (first + s->piece) * w->unit_bytes;
    s->piece += n;
    if (s->piece == count) {
        s->piece = 0;
        s->root  = w->op == HOOP__ALL_REDUCE ? w->comm->size : root + 1;
    }
    if (w->op == HOOP__ALL_REDUCE) return MPI_Iallreduce(MPI_IN_PLACE, place, (int)n, unit, l->op, l->comm, request);
    if (w->op == HOOP__ALL_GATHER) return MPI_Ibcast(place, (int)n, unit, root, l->comm, request);
    if (root == w->comm->rank) return MPI_Ireduce(MPI_IN_PLACE, place, (int)n, unit, l->op, root, l->comm, request);
    return MPI_Ireduce(place, NULL, (int)n, unit, l->op, root, l->comm, request);
}

static void put_own_chunk(hoop_work *w)
{
    int64_t first, count;
    if (!is_through_scratch(w)) return;
    hoop__work_chunk(w, w->comm->rank, &first, &count);
    if (count > 0) memcpy(w->buf + first * w->unit_bytes, hoop__work_slot(w)->scratch, (size_t)(count * w->unit_bytes));
}

static hoop_status advance(hoop_work *w, hoop_error *err, bool *moved)
{
    hoop__mpi_state      *s = &w->state.mpi;
    const hoop__mpi_link *l = hoop__mpi_link_of(w->comm);
    hoop_status           st;
    MPI_Request           request;
    if (s->type == NULL) {
        st = find_type(w, err);
        if (st != HOOP_OK) return st;
    }
    for (;;) {
        if (!s->active && s->root == w->comm->size) break;
        if (!s->active) {
            const MPI_Datatype unit = ((hoop__mpi_type *)s->type)->unit;
            st = hoop__mpi_check(w->exclusive ? start_piece(w, l, unit, &request) : start_whole(w, l, unit, &request),
                                 "MPI collective", err);
            if (st != HOOP_OK) return st;
            memcpy(&s->handle, &request, sizeof request);
            s->active = true;
            *moved    = true;
        } else {
            int done = 0;
            memcpy(&request, &s->handle, sizeof request);
            st = hoop__mpi_check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI collective", err);
            if (st != HOOP_OK || !done) return st;
            s->active = false;
            *moved    = true;
        }
    }
    put_own_chunk(w);
    w->stage_done = true;
    return HOOP_OK;
}

/* A nonblocking collective cannot be called back; its request and buffers are left to MPI. */
static void abandon(hoop_work *w)
{
    if (w->state.mpi.active) w->comm->leak = true;
    w->state.mpi.active = false;
}

const hoop__stage hoop__mpi_stage = {"mpi", need, start, advance, abandon};

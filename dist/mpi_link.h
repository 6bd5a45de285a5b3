/** dist/mpi_link.h - what the MPI transport and the mpi algorithm share. */
#ifndef HOOP_MPI_LINK_H
#define HOOP_MPI_LINK_H

#include <mpi.h>

#include "comm_internal.h"

/* A reducer as MPI sees it: a datatype of one unit, and an operation that reads from the datatype's name which reducer to call.
 */
typedef struct hoop__mpi_type {
    struct hoop__mpi_type *next;
    hoop_reducer           reducer; /* combine NULL: for gathers only */
    MPI_Datatype           unit;
} hoop__mpi_type;

typedef struct hoop__mpi_link {
    MPI_Comm        comm;
    hoop__mpi_type *types;
    MPI_Op          op;                /* MPI_OP_NULL: not made yet */
    int            *counts;            /* [HOOP__ACTIVE][2][size]: counts and displacements of a slot's collective */
    MPI_Request    *outgoing_requests; /* [HOOP__MESSAGE_TYPES][size] */
    hoop__message  *outgoing;          /* [2][size] without text, then one with it, which says to all that this rank gave up */
    hoop__message   incoming;
    MPI_Request     incoming_request;
    int             failed[2]; /* while it is made: mine, that of all */
    bool            adrift;    /* that did not end: MPI may still write into this struct */
} hoop__mpi_link;

static inline hoop__mpi_link *hoop__mpi_link_of(const hoop_comm *c)
{
    return c->link;
}

/* MPI_SUCCESS: HOOP_OK; else HOOP_ECOMM with MPI's text. */
hoop_status hoop__mpi_check(int code, const char *call, hoop_error *err);
void        hoop__mpi_free_types(hoop__mpi_link *l);

#endif

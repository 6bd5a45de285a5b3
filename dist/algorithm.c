/* algorithm.c - the table of algorithms, and how auto chooses: by size and number of ranks alone, so that all ranks agree. */
#include "comm_internal.h"

/* Where bruck stops paying, measured: README.md. Bytes of the buffer, and those that a rank would receive. */
enum { BRUCK_BUFFER_MOST = 2 << 10, BRUCK_RECEIVED_MOST = 16 << 10, EXCHANGE_RANKS_MOST = 16 };
/* Its messages are not cut into segments: however it was asked for, more than this goes by exchange. */
#define BRUCK_MESSAGE_MOST (INT64_C(1) << 30)

const hoop__algorithm hoop__algorithms[HOOP_ALGORITHM_COUNT] = {
    [HOOP_ALGORITHM_RING]     = {"ring", &hoop__ring_reduce_scatter, &hoop__ring_all_gather, NULL},
    [HOOP_ALGORITHM_MPI]      = {"mpi", &hoop__mpi_stage, &hoop__mpi_stage, &hoop__mpi_stage},
    [HOOP_ALGORITHM_EXCHANGE] = {"exchange", &hoop__exchange_reduce_scatter, &hoop__ring_all_gather, NULL},
    [HOOP_ALGORITHM_BRUCK]    = {"bruck", &hoop__bruck, &hoop__bruck, &hoop__bruck},
};

/* opts' algorithm, or for auto by size. Never HOOP_ALGORITHM_AUTO. */
static hoop_algorithm algorithm_of(const hoop_work *w)
{
    const hoop_comm *c     = w->comm;
    const int64_t    bytes = w->nunits * w->unit_bytes;
    if (w->reducer.combine_all != NULL && w->reducer.combine == NULL) return HOOP_ALGORITHM_EXCHANGE;
    if (c->opts.algorithm == HOOP_ALGORITHM_BRUCK && bytes > BRUCK_MESSAGE_MOST / c->size) return HOOP_ALGORITHM_EXCHANGE;
    if (c->opts.algorithm != HOOP_ALGORITHM_AUTO) return c->opts.algorithm;
    if (bytes <= BRUCK_BUFFER_MOST && bytes * (c->size - 1) <= BRUCK_RECEIVED_MOST) return HOOP_ALGORITHM_BRUCK;
    return c->size <= EXCHANGE_RANKS_MOST ? HOOP_ALGORITHM_EXCHANGE : HOOP_ALGORITHM_RING;
}

void hoop__algorithm_stages(hoop_work *w)
{
    const hoop__algorithm *a;
    w->nstages = 1;
    if (w->op == HOOP__BROADCAST) {
        w->stages[0] = &hoop__broadcast;
        return;
    }
    a = &hoop__algorithms[algorithm_of(w)];
    if (w->op == HOOP__REDUCE_SCATTER) w->stages[0] = a->reduce_scatter;
    if (w->op == HOOP__ALL_GATHER) w->stages[0] = a->all_gather;
    if (w->op == HOOP__ALL_REDUCE) {
        w->stages[0] = a->all_reduce != NULL ? a->all_reduce : a->reduce_scatter;
        w->stages[1] = a->all_gather;
        w->nstages   = a->all_reduce != NULL ? 1 : 2;
    }
    /* what goes out in several MPI collectives must not mix with others, in an order that may differ between ranks */
    w->exclusive = w->stages[0] == &hoop__mpi_stage && w->nunits > w->comm->mpi_max_units;
}

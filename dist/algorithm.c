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

hoop_algorithm hoop__algorithm_for(const hoop_comm *c, int64_t nunits, int64_t unit_bytes, const hoop_reducer *reducer)
{
    const int64_t bytes = nunits * unit_bytes;
    if (reducer != NULL && reducer->combine == NULL) return HOOP_ALGORITHM_EXCHANGE;
    if (c->opts.algorithm == HOOP_ALGORITHM_BRUCK && bytes > BRUCK_MESSAGE_MOST / c->size) return HOOP_ALGORITHM_EXCHANGE;
    if (c->opts.algorithm != HOOP_ALGORITHM_AUTO) return c->opts.algorithm;
    if (bytes <= BRUCK_BUFFER_MOST && bytes * (c->size - 1) <= BRUCK_RECEIVED_MOST) return HOOP_ALGORITHM_BRUCK;
    return c->size <= EXCHANGE_RANKS_MOST ? HOOP_ALGORITHM_EXCHANGE : HOOP_ALGORITHM_RING;
}

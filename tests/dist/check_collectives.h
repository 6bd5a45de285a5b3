/** check_collectives.h - what a collective must do, for any communicator: tests over threads and over MPI share it. */
#ifndef CHECK_COLLECTIVES_H
#define CHECK_COLLECTIVES_H

#include "hoop/comm.h"

/* Each returns true if all went well on this rank; else it has said on stderr what did not. All are collective. */
bool check_reduce_scatter(hoop_comm *c, int64_t n);
bool check_all_gather(hoop_comm *c, int64_t n);
bool check_all_reduce(hoop_comm *c, int64_t n);
bool check_max(hoop_comm *c, int64_t n);
/* several at once, waited for in another order, with pauses that differ between ranks */
bool check_in_flight(hoop_comm *c, int64_t n, unsigned skew_us);
/* the same input gives the same bits of a float sum, on all ranks (all-reduce), whatever arrives when */
bool check_repeatable(hoop_comm *c, int64_t n, unsigned skew_us);
bool check_broadcast(hoop_comm *c, int64_t bytes);
bool check_gather_bytes(hoop_comm *c, int64_t bytes);
bool check_barrier(hoop_comm *c);
bool check_agreement(hoop_comm *c);
/* all of the above over a grid of counts around the size of c and primes, up to `most` */
bool check_everything(hoop_comm *c, int64_t most, unsigned skew_us);

#endif

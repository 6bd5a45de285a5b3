/** check_ddp.h - steps of DDP on made-up gradients, for any communicator. All are collective; false: said on stderr. */
#ifndef CHECK_DDP_H
#define CHECK_DDP_H

#include "hoop/ddp.h"

typedef struct ddp_case {
    hoop_dtype dtype;
    int        nparams;
    int64_t    leaves, bucket_bytes;
    bool       exact, gaps;
    unsigned   skew_us;
    bool       wide;    /* a parameter of hundreds of blocks among them */
    int        threads; /* of each rank; 0: 1 */
    int        whole;   /* every so manieth parameter stays whole; 0: none */
    int        at_once; /* so many leaves of a rank, where it has them; 0: one by one */
} ddp_case;

/* 64-bit hash of the gradient sums of all ranks after three steps; the gathered weights are checked to be those of the
 * owners. Depends on the case's dtype, nparams, leaves, exact, gaps and wide; not on ranks, buckets, threads,
 * what stays whole or runs at once if exact. */
bool check_ddp(hoop_comm *c, const ddp_case *k, uint64_t *hash);
/* no leaf on some ranks, a NaN, ready twice, a rank that fails in the middle */
bool check_ddp_misfits(hoop_comm *c);
/* rank 0 leaves a step in its middle, its buckets started or not; the communicator is poisoned then */
bool check_ddp_left(hoop_comm *c, bool started);

#endif

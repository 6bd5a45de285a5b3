/** dist/ddp_internal.h - what the files of DDP share: its state, where it is cut, and the ways to sum. */
#ifndef HOOP_DDP_INTERNAL_H
#define HOOP_DDP_INTERNAL_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "comm_internal.h"
#include "hoop/ddp.h"
#include "hoop/exact.h"
#include "hoop/profile.h"

#define HOOP__DDP_SUMS "sums of gradients" /* what it is called in a profile */

enum {
    HOOP__DDP_WHAT        = 32,
    HOOP__DDP_AT_ONCE     = 16,  /* blocks whose accumulators stay in the L1 cache */
    HOOP__DDP_TASK        = 128, /* blocks worth a thread's attention */
    HOOP__DDP_TERMS       = 4,   /* leaves deposited at once (ddp_sum.c): of gradients up to this size, and 2 of larger ones */
    HOOP__DDP_TERMS_BYTES = 64 << 20
};

/* A parameter, or blocks of none. */
typedef struct hoop__ddp_span {
    int64_t first_block, nblocks;
    int     from, to;  /* the buckets it overlaps */
    int64_t terms;     /* leaves that came this step */
    int64_t deposited; /* of them in accumulators; term k of those that are not is in hoop__ddp_term k */
    bool    done;      /* no more will come */
} hoop__ddp_span;

typedef struct hoop__ddp_bucket {
    int64_t        first_block, nblocks; /* of the flat buffer */
    int64_t        own_first, own_count; /* this rank's chunk, in blocks of the flat buffer */
    const int64_t *cuts;                 /* where chunks begin, in blocks of the bucket; NULL: equal ones */
    int64_t        spans, missing;       /* spans that overlap it; those not done this step */
    hoop_work     *work;
    char           reduce_what[HOOP__DDP_WHAT], gather_what[HOOP__DDP_WHAT];
} hoop__ddp_bucket;

/* How gradients are summed. term: a leaf's gradient came, and more will; close: no more will, maybe none came. leaves: of
 * leaves at once blocks [block, block + n), n at most HOOP__DDP_AT_ONCE, behind `skip` blocks of their terms; from any thread. */
typedef struct hoop__ddp_mode {
    const char *name;
    void (*term)(hoop_ddp *d, hoop__ddp_span *span);
    void (*close)(hoop_ddp *d, hoop__ddp_span *span);
    void (*leaves)(hoop_ddp *d, int64_t block, const void *const *terms, int64_t skip, int64_t n);
    hoop_status (*start)(hoop_ddp *d, hoop__ddp_bucket *bucket, hoop_error *err);
    void (*finish)(hoop_ddp *d, const hoop__ddp_bucket *bucket);
    bool collects, sends_accumulators; /* several leaves, for their exact sum; as which they travel */
} hoop__ddp_mode;

struct hoop_ddp {
    hoop_comm            *comm;
    const hoop__ddp_mode *mode;
    const hoop_runtime   *runtime;
    hoop_dtype            dtype;
    int64_t               block_bytes; /* of gradient */
    int64_t               nblocks, bucket_blocks, leaves_most;
    int                   nparams, nspans, nbuckets, nranges;
    hoop__ddp_span       *spans; /* parameters, then gaps */
    hoop__ddp_bucket     *buckets;
    hoop_ddp_range       *ranges;
    int64_t              *cuts; /* [nbuckets][ranks + 1] of buckets, or NULL */
    hoop_exact            exact;
    char                 *accumulators; /* [nblocks] or NULL */
    char                 *more;         /* [nterms - 1][nblocks]: gradients of leaves beside grad; NULL until there is one */
    int                   nterms;
    hoop_reducer          reducer;
    char                 *grad;
    int64_t               leaf;        /* of this rank, begun this step */
    int64_t               turn;        /* of them one by one, since the last ones at once */
    int64_t               group;       /* how many run at once now; 0: one by itself */
    bool                  first, last; /* nothing came before these; nothing comes after */
    bool                  is_exact;
    atomic_bool           strayed; /* a sum of no blocks of a group */
    _Atomic int64_t       came;    /* blocks of leaves at once, and how many of parameters that are ready should have */
    int64_t               wanted;
    int64_t               step;
    bool                  in_step;
    atomic_bool           finite;
    int                   next; /* bucket to start */
    hoop_error            error;
    double                wait_s;
    int64_t               bytes;
};

/* Zeroed memory, counted in d->bytes; free it. NULL: there is none. */
static inline void *hoop__ddp_take(hoop_ddp *d, int64_t n, int64_t size)
{
    const int64_t bytes = (n * size + 63) / 64 * 64 + 64; /* also for n = 0 */
    void         *p     = aligned_alloc(64, (size_t)bytes);
    if (p == NULL) return NULL;
    memset(p, 0, (size_t)bytes);
    d->bytes += bytes;
    return p;
}

/* The buffer of gradients that term k of those that wait is in: grad, then those in more. */
static inline char *hoop__ddp_term(const hoop_ddp *d, int64_t k)
{
    return k == 0 ? d->grad : d->more + (k - 1) * d->nblocks * d->block_bytes;
}

/* Spans, buckets, chunks and ranges, from opts and d's nblocks and bucket_blocks. */
hoop_status hoop__ddp_cut(hoop_ddp *d, const hoop_ddp_opts *opts, hoop_error *err);
/* Some blocks of d->group leaves at once. terms NULL: zero. */
void hoop__ddp_sum(hoop_ddp *d, int64_t first_block, int64_t nblocks, const void *const *terms);
/* What waits in hoop__ddp_term goes to the accumulators. */
void hoop__ddp_flush(hoop_ddp *d);
/* The mode for this communicator and these opts; fills d->reducer. */
const hoop__ddp_mode *hoop__ddp_choose(hoop_ddp *d, const hoop_ddp_opts *opts);

#endif

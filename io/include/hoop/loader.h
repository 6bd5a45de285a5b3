/**
 * hoop/loader.h - which samples a step has, which of them a rank, and a thread that reads them ahead.
 *
 * A step takes the next `batch` positions of the epoch's order, fewer at its end: no batch crosses an epoch, and an epoch has
 * ceil(N / batch) steps. The n samples of a step are cut into V leaves by position; ranks are given runs of leaves. What a
 * leaf holds depends on seed, step, batch and V, never on the number of ranks.
 */
#ifndef HOOP_LOADER_H
#define HOOP_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Leaf i of V takes samples [*first, *first + return) of a step's n: floor(i*n/V) up to floor((i+1)*n/V). i*n must stay below
 * 2^63. */
static inline int64_t hoop_leaf_samples(int64_t n, int64_t leaves, int64_t i, int64_t *first)
{
    *first = i * n / leaves;
    return (i + 1) * n / leaves - *first;
}

/** Rank r of P takes leaves [*first, *first + return): floor(V*r/P) up to floor(V*(r+1)/P). */
static inline int64_t hoop_leaf_range(int64_t leaves, int64_t rank, int64_t size, int64_t *first)
{
    *first = leaves * rank / size;
    return leaves * (rank + 1) / size - *first;
}

enum { HOOP_LOADER_PREFETCH = 2 };

/** A leaf that was read, to be changed where it stands. */
typedef struct hoop_loader_change {
    int64_t epoch, n; /* n: samples, 1 or more */
    const int64_t
        *sample; /* place in the dataset of each; where samples are drawn, their number + position in the epoch: each its own */
    void *const   *data;   /* of each field: (n, row shape...); NULL where the dataset has none */
    const int64_t *length; /* of each field, as of hoop_loader_field */
    void          *extra;  /* (n, opts.extra bytes), to be written; NULL: none */
} hoop_loader_change;

typedef struct hoop_loader_opts {
    int64_t  batch;  /* samples a step, over all ranks */
    int64_t  leaves; /* V */
    int      rank, size;
    uint64_t seed;
    /** (samples) weights, each with all before it added, the last above 0: position p of an epoch is a sample drawn by them, of
     * seed, epoch and p; some come often, some not at all. Not owned. NULL: each sample once an epoch. */
    const double *drawn;
    bool          shuffle;    /* each epoch in another order; else as stored */
    int           prefetch;   /* steps read ahead (HOOP_LOADER_PREFETCH is a good number); 0: read when asked, without a thread */
    int64_t       first_step; /* where reading starts; at end_step nothing is read until a seek */
    int64_t       end_step;   /* nothing is read from this step on; 0: no end */
    /** What is done to each leaf once it is read, on the thread that reads; what it does must hang on its arguments alone. NULL:
     * nothing. */
    hoop_status (*change)(void *ctx, const hoop_loader_change *leaf, hoop_error *err);
    void      *change_ctx;
    int64_t    extra;                   /* bytes of each sample that `change` writes beside its rows; a multiple of 8 */
    hoop_dtype as[HOOP_DATASET_FIELDS]; /* how to read each field: f32, f64 or i64 (labels, indices); absent ones are not read */
} hoop_loader_opts;

typedef struct hoop_loader hoop_loader;

/** A step as it comes from next_step. */
typedef struct hoop_loader_step {
    int64_t step;       /* since the start of training */
    int64_t epoch;      /* step / steps an epoch */
    int64_t index;      /* step % steps an epoch */
    int64_t n;          /* samples over all ranks */
    int64_t first_leaf; /* of this rank */
    int64_t leaves;     /* of this rank */
} hoop_loader_step;

/** A leaf's rows of one field. Those of the step's next leaf stand right behind them. */
typedef struct hoop_loader_field {
    const void *data; /* (n, row shape...); NULL where the dataset has none */
    int64_t length;   /* where rows vary, what they are padded to, the first dim of a row: the field's `length`, or the longest of
                         this leaf; else 0 */
    const int64_t *lengths; /* (n), each row's own; NULL where they do not vary */
} hoop_loader_field;

/** A leaf; what it points to belongs to the loader until the next next_step, seek or destroy. */
typedef struct hoop_loader_leaf {
    int64_t                  leaf;   /* 0 .. V-1 */
    int64_t                  first;  /* position of its first sample in the step */
    int64_t                  n;      /* samples; 0: an empty leaf */
    const hoop_loader_field *field;  /* as the dataset's fields */
    const int64_t           *sample; /* place in the dataset of each sample */
    const void *extra; /* (n, opts.extra bytes) that `change` wrote, those of the next leaf right behind; NULL: none */
} hoop_loader_leaf;

/**
 * ds is not owned and must outlive the loader. Reading starts at first_step at once (where there is a thread).
 * Errors: HOOP_ECONFIG (batch, leaves, more ranks than leaves ...), HOOP_EDTYPE, HOOP_ENOMEM. Calls: Local.
 */
HOOP_API hoop_status hoop_loader_create(hoop_dataset *ds, const hoop_loader_opts *opts, hoop_error *err, hoop_loader **out);
/** At any moment; waits for the row, or chunk, being read. Calls: Local. */
HOOP_API void    hoop_loader_destroy(hoop_loader **l);
HOOP_API int64_t hoop_loader_steps_per_epoch(const hoop_loader *l);
/** Go on at a global step (resume: epoch and index follow from it). What was read ahead is dropped. Calls: Local. */
HOOP_API hoop_status hoop_loader_seek(hoop_loader *l, int64_t step, hoop_error *err);
/**
 * Advance to the next step (the first call gives the first one), waiting until it is read. out may be NULL.
 * Errors: what reading gave, also in the thread (the same again until seek); HOOP_ESTATE at end_step. Calls: Local.
 */
HOOP_API hoop_status hoop_loader_next_step(hoop_loader *l, hoop_error *err, hoop_loader_step *out);
/** The next leaf of this step, in ascending order, empty ones too; false when this rank has no more. Calls: Local. */
HOOP_API bool hoop_loader_next_leaf(hoop_loader *l, hoop_loader_leaf *out);
/** Bytes of batches that are read, or read ahead; where rows vary, as many as they took so far, of the step given last. Calls:
 * Local. */
HOOP_API int64_t hoop_loader_bytes(const hoop_loader *l);
/** Seconds spent waiting in next_step so far. Calls: Local. */
HOOP_API double hoop_loader_stall_s(const hoop_loader *l);

#ifdef __cplusplus
}
#endif
#endif

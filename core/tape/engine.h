/**
 * core/tape/engine.h - the insides of tensors and tapes, shared by the files of core/tape and core/tensor.
 *
 * Headers (hoop_tensor, hoop_node) live in an arena until reset; storage comes from the tape's cache and is counted by the
 * handles that refer to it, so that backward can let go of it early.
 */
#ifndef HOOP_ENGINE_H
#define HOOP_ENGINE_H

#include "hoop/op.h"
#include "hoop/tape.h"
#include "base/threads.h"

#if defined(NDEBUG)
#define HOOP_ASSERT(x) ((void)0)
#else
#include <assert.h>
/* source-check: library-quiet, because it is for our own bugs, and only in debug builds */
#define HOOP_ASSERT(x) assert(x)
#endif

/* ---- storage: blocks by size class, kept for reuse ---- */

enum { HOOP_STORAGE_CLASSES = 240 };

typedef struct hoop_storage {
    void                *data;  /* 64-aligned, just behind this header */
    int64_t              bytes; /* of its class */
    int32_t              class_index, refs;
    struct hoop_storage *next;
} hoop_storage;

typedef struct hoop_cache {
    hoop_storage *free_list[HOOP_STORAGE_CLASSES];
    int64_t       live, peak, reserved, cap;
} hoop_cache;

hoop_storage *hoop__storage_get(hoop_cache *cache, int64_t bytes);   /* NULL: out of memory or over the cap */
void          hoop__storage_put(hoop_cache *cache, hoop_storage *s); /* one reference less */
void          hoop__cache_trim(hoop_cache *cache);                   /* give idle blocks back to the system */

/* ---- arena: bump allocation, rolled back to a mark ---- */

typedef struct hoop_arena_chunk {
    struct hoop_arena_chunk *next;
    int64_t                  used, size;
} hoop_arena_chunk;

typedef struct hoop_arena {
    hoop_arena_chunk *first, *current;
} hoop_arena;

typedef struct hoop_arena_mark {
    hoop_arena_chunk *chunk;
    int64_t           used;
} hoop_arena_mark;

void           *hoop__arena_alloc(hoop_arena *a, int64_t bytes); /* 16-aligned; NULL: out of memory */
hoop_arena_mark hoop__arena_mark(const hoop_arena *a);
void            hoop__arena_rollback(hoop_arena *a, hoop_arena_mark mark);
void            hoop__arena_destroy(hoop_arena *a);

/* ---- tensors ---- */

struct hoop_tensor {
    hoop_view     v;
    int64_t       numel;
    hoop_storage *storage; /* NULL: memory of somebody else (parameter, caller) */
    hoop_tape    *tape;    /* NULL: persistent */
    hoop_params  *params;  /* a parameter's store */
    hoop_tensor  *source;  /* tape tensors: the persistent tensor it was acquired from */
    hoop_tensor  *weight;  /* losses */
    uint64_t      version; /* persistent: raised by writes; acquired: what it was then */
    int32_t       id;      /* place on the tape */
    int32_t       node;    /* that made it; -1: leaf */
    int32_t       param;   /* index in params; -1: none */
    bool          needs_grad, poison, released, retained, contiguous, leaf;
    bool          wanted, leads; /* by hoop_grad; to one of these */
};

struct hoop_params {
    hoop_dtype dtype;
    bool       finalized, owns_memory;
    int        count, capacity, nbuffers, buffer_capacity, naliases, alias_capacity;
    struct hoop_param {
        char        *name;
        hoop_tensor *tensor;
        int64_t      first_block, nblocks;
    } * param;
    struct hoop_named {
        char        *name;
        hoop_tensor *tensor;
    } * buffer, *alias;
    int64_t nblocks, numel;
    void   *memory, *data, *grad;
    bool   *grad_set; /* by parameter: the gradient array holds something since zero_grad */
};

struct hoop_runtime {
    const struct hoop_kernels *kernels;
    struct hoop_threads       *threads;
    int64_t                    memory_cap_bytes;
    bool                       blas;
    char                       numerics[256];
};

/* ---- the tape ---- */

typedef struct hoop_node {
    const hoop_op *op;
    hoop_tensor  **in;
    hoop_tensor  **out;
    const void    *attrs;
    int32_t        nin;
} hoop_node;

/* a growable array; elements keep their place in memory no longer than until the next growth */
#define HOOP_ARRAY(type)                                                                                                         \
    struct {                                                                                                                     \
        type   *v;                                                                                                               \
        int32_t n, capacity;                                                                                                     \
    }

typedef struct hoop_slot {
    hoop_tensor *grad;
} hoop_slot;

typedef struct hoop_site_count {
    uint64_t site, calls;
} hoop_site_count;

typedef struct hoop_scope {
    hoop_arena_mark mark;
    int32_t         tensors, nodes;
    int64_t         passes;
} hoop_scope;

struct hoop_tape {
    hoop_runtime *rt;
    hoop_arena    arena;
    hoop_cache    cache;
    HOOP_ARRAY(hoop_tensor *) tensors;
    HOOP_ARRAY(hoop_node) nodes;
    HOOP_ARRAY(hoop_slot) slots, other_slots; /* by tensor id: gradients of the pass under way, and of leaves */
    HOOP_ARRAY(int32_t) last_reader;          /* by tensor id: the node after whose backward storage goes */
    HOOP_ARRAY(uint8_t) reached;              /* by node */
    HOOP_ARRAY(int32_t) uses;                 /* by parameter */
    HOOP_ARRAY(hoop_tensor *) acquired;       /* by parameter: its handle on this tape */
    HOOP_ARRAY(hoop_site_count) sites;
    HOOP_ARRAY(hoop_scope) scopes;
    hoop_storage *scratch;
    hoop_params  *params; /* whose parameters are used: until reset, or until another is bound */
    bool          bound;
    hoop_tensor   poison;
    hoop_error    error;
    const char   *file;
    int           line;
    bool          passed; /* the op of that line is done: an error now comes after it */
    bool          recording, training, create_graph, functional /* hoop_grad: parameters get slots too */;
    hoop_tensor  *sink; /* armed: whose gradient the next op's result is */
    hoop_tape_key key;
    uint64_t      site;
    int64_t       passes; /* backward passes so far */
};

/* grow array a of tape t to hold n elements; new ones are zero. False (and a sticky error): out of memory */
#define HOOP_GROW(t, a, wanted) hoop__grow((t), (void **)&(a).v, &(a).capacity, (wanted), sizeof *(a).v)
bool hoop__grow(hoop_tape *t, void **v, int32_t *capacity, int32_t wanted, size_t size);

hoop_tensor *hoop__tensor_new(hoop_tape *t, const hoop_view *v); /* header only; NULL: sticky error */
bool         hoop__tensor_allocate(hoop_tape *t, hoop_tensor *x, const char *what);
void         hoop__tensor_release(hoop_tape *t, hoop_tensor *x);
void         hoop__view_set(hoop_view *v, hoop_dtype dtype, int ndim, const int64_t *shape); /* contiguous strides */
bool         hoop__view_contiguous(const hoop_view *v);
int64_t      hoop__view_numel(const hoop_view *v);
bool         hoop__same_shape(const hoop_view *a, const hoop_view *b);
void         hoop__view_copy(const struct hoop_kernels *k, const hoop_view *x, void *out); /* any strides to contiguous */
hoop_tensor *hoop__acquire(hoop_tape *t, hoop_tensor *x); /* the handle of any tensor on this tape; NULL: sticky error */
void        *hoop__scratch(hoop_tape *t, int64_t bytes);

/* does backward go on through x: to what wants a gradient, in hoop_grad to one of its xs */
static inline bool hoop__follows(const hoop_tape *t, const hoop_tensor *x)
{
    return x->needs_grad && (!t->functional || x->leads);
}

/* gradient sinks (sink.c) */
bool hoop__sink_place(hoop_tape *t, hoop_tensor *target, const hoop_op *op, hoop_view *out, bool *add, hoop_tensor **reuse);
void hoop__sink_done(hoop_tape *t, hoop_tensor *target, hoop_tensor *result, bool in_place);
void hoop__sink_value(hoop_tape *t, hoop_tensor *target, hoop_tensor *g, bool shared);

#endif

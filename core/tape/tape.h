/** core/tape/tape.h - the inside of a tape: nodes, gradients, and what its files share. */
#ifndef HOOP_TAPE_INSIDE_H
#define HOOP_TAPE_INSIDE_H

#include "hoop/op.h"

#include "runtime/runtime.h"
#include "tape/arena.h"
#include "tensor/params.h"
#include "tensor/tensor.h"

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

/* The ops that the engine itself records, handed in by those who have them: gradients that meet are added, those of what was
 * broadcast summed to its shape; inputs of kernels that want them so become contiguous. */
typedef struct hoop_engine_ops {
    hoop_tensor *(*add)(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
    hoop_tensor *(*sum_to)(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);
    hoop_tensor *(*contiguous)(hoop_tape *t, hoop_tensor *x);
} hoop_engine_ops;

struct hoop_tape {
    hoop_runtime          *rt;
    const hoop_engine_ops *ops;
    hoop_arena             arena;
    hoop_cache             cache;
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
    bool          passed;   /* the op of that line is done: an error now comes after it */
    bool          backward; /* under way */
    bool          recording, training, create_graph, functional /* hoop_grad: parameters get slots too */;
    hoop_tensor  *sink; /* armed: whose gradient the next op's result is */
    hoop_tape_key key;
    uint64_t      site;
    int64_t       passes; /* backward passes so far */
};

/* hoop_tape_create, which is in core/ops, over ops that outlive the tape */
hoop_status hoop__tape_create(hoop_runtime *rt, const hoop_engine_ops *ops, hoop_error *err, hoop_tape **out);

/* grow array a of tape t to hold n elements; new ones are zero. False (and a sticky error): out of memory */
#define HOOP_GROW(t, a, wanted) hoop__grow((t), (void **)&(a).v, &(a).capacity, (wanted), sizeof *(a).v)
bool hoop__grow(hoop_tape *t, void **v, int32_t *capacity, int32_t wanted, size_t size);

hoop_tensor *hoop__tensor_new(hoop_tape *t, const hoop_view *v); /* header only; NULL: sticky error */
bool         hoop__tensor_allocate(hoop_tape *t, hoop_tensor *x, const char *what);
void         hoop__tensor_release(hoop_tape *t, hoop_tensor *x);
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

/** core/tape/tape.h - the inside of a tape: nodes, gradients, and what its files share. */
#ifndef HOOP_TAPE_INSIDE_H
#define HOOP_TAPE_INSIDE_H

#include "hoop/op.h"

#include "runtime/runtime.h"
#include "tape/arena.h"
#include "tensor/params.h"
#include "tensor/tensor.h"

/* a growable array; elements keep their place in memory no longer than until the next growth */
#define HOOP_ARRAY(type)                                                                                                         \
    struct {                                                                                                                     \
        type   *v;                                                                                                               \
        int32_t n, capacity;                                                                                                     \
    }

/* A node is closed: an op, ids of tensors and plain attributes, by their places in arrays of the tape. */
typedef struct hoop_node {
    const hoop_op *op;
    int32_t        first; /* in ids: inputs, then outputs */
    int32_t        nin, nout;
    int32_t        attrs; /* in attrs; -1: none */
    int32_t        leaf;  /* of leaves at once: whose it is; -1: of all */
} hoop_node;

typedef struct hoop_slot {
    hoop_tensor *grad;
} hoop_slot;

typedef struct hoop_site_count {
    uint64_t site, calls;
} hoop_site_count;

typedef struct hoop_scope {
    hoop_arena_mark mark;
    int32_t         tensors, nodes, ids, attrs, bases, segments;
    int64_t         passes;
} hoop_scope;

/* nodes [first, last), whose tensors are let go of at the end, and made again when backward comes to them (segments.c) */
typedef struct hoop_segment {
    int32_t first, last;
    bool    again; /* in the pass under way */
} hoop_segment;
typedef struct hoop_again {
    int32_t reader;   /* the last node of those run again that takes it; -1: none */
    bool    restored; /* it was gone */
} hoop_again;

/* The ops that the engine itself records or runs, handed in by those who have them: gradients that meet are added, those of what
 * was broadcast summed to its shape; inputs of kernels that want them so become contiguous; dims are taken in the order in
 * which they lie. */
typedef struct hoop_engine_ops {
    hoop_tensor *(*add)(hoop_tape *t, hoop_tensor *a, hoop_tensor *b);
    hoop_tensor *(*sum_to)(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);
    hoop_tensor *(*contiguous)(hoop_tape *t, hoop_tensor *x);
    hoop_tensor *(*permute)(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *dims);
    hoop_tensor *(*expand)(hoop_tape *t, hoop_tensor *x, int ndim, const int64_t *shape);
    const hoop_op *add_op, *copy_op; /* y = a + b, y = x of any strides */
} hoop_engine_ops;

/* Where memory is that is not the tape's own (base 0). A negative base -1 - p is the gradient of parameter p in its store. */
typedef struct hoop_base {
    enum { HOOP__OWN, HOOP__INPUT, HOOP__PARAM, HOOP__PERSISTENT } kind;
    int32_t            id; /* the how manieth input; which parameter */
    const hoop_tensor *tensor;
    const void        *data; /* when it was recorded */
} hoop_base;

/* leaves at once (leaves.c) */
typedef struct hoop_leaves {
    int     n;       /* 0: not at once */
    int     current; /* whose leaf is recorded; -1: of all */
    int     latest;  /* that was begun; -1: none */
    bool    mixed;
    int64_t samples;
    HOOP_ARRAY(int64_t) first; /* [n + 1]: each leaf's first row */
    HOOP_ARRAY(uint64_t) number;
    HOOP_ARRAY(hoop_site_count) sites; /* calls before any leaf's own */
} hoop_leaves;

enum { HOOP__FEW_IN = 8 /* inputs, outputs of an op; more are kept elsewhere */ };

/* an op that makes a parameter's gradient in pieces, when the node is done that calls it */
typedef struct hoop_pending {
    const hoop_op *op;
    const void    *attrs;
    hoop_tensor   *in[HOOP__FEW_IN], *target;
    int            nin;
    bool           whole; /* in one piece */
} hoop_pending;

/* how an op makes a parameter's gradient in pieces */
typedef struct hoop_pieces {
    int64_t rows, width, step;        /* of the gradient: rows of so many elements; rows a piece */
    int64_t npieces, threads;         /* that make them */
    int64_t buffer_bytes, work_bytes; /* of a piece of one leaf; of the kernel */
    int32_t param;
    int16_t axis[HOOP__FEW_IN]; /* of the op's inputs */
    bool    whole;              /* one piece, by inputs as they are; else by rows of the first */
} hoop_pieces;

/* gradients of one parameter, leaf by leaf */
typedef struct hoop_leaf_grads {
    hoop_storage *storage; /* [n][its blocks]; NULL: nothing came */
    uint8_t      *set;     /* [n], in the arena: holds something */
    hoop_pending *pending;
    bool          summed; /* given to opts->sum already */
} hoop_leaf_grads;

/* What ran, to run again (program.c). */
typedef enum hoop__kept { HOOP__RUN, HOOP__FILL, HOOP__SUM, HOOP__PIECES, HOOP__READY, HOOP__POLL } hoop__kept;
typedef struct hoop_command {
    hoop__kept     kind;
    bool           add, backward;
    int32_t        leaf, nin, nout;
    int32_t        view;  /* in views: inputs, then outputs */
    int32_t        attrs; /* in attrs; -1: none */
    int32_t        param; /* SUM, READY; PIECES: its plan, in attrs */
    double         value; /* FILL */
    const hoop_op *op;
} hoop_command;
typedef struct hoop_patch {
    int32_t view, base;
    int64_t offset;
} hoop_patch;
typedef struct hoop_program {
    bool    open, broken, whole; /* being recorded; something could not be; backward has ended */
    int     inputs;
    int64_t trims; /* of the cache, when it began */
    HOOP_ARRAY(hoop_command) commands;
    HOOP_ARRAY(hoop_view) views;
    HOOP_ARRAY(hoop_patch) patches;
    HOOP_ARRAY(const hoop_view *) in; /* of each view its place, for kernels */
    HOOP_ARRAY(char) attrs;
} hoop_program;

struct hoop_tape {
    hoop_runtime          *rt;
    const hoop_engine_ops *ops;
    hoop_arena             arena;
    hoop_cache             cache;
    HOOP_ARRAY(hoop_tensor *) tensors;
    HOOP_ARRAY(hoop_node) nodes;
    HOOP_ARRAY(int32_t) ids;                  /* of tensors, by node */
    HOOP_ARRAY(char) attrs;                   /* of nodes */
    HOOP_ARRAY(hoop_base) bases;              /* from 1 on */
    HOOP_ARRAY(hoop_slot) slots, other_slots; /* by tensor id: gradients of the pass under way, and of leaves */
    HOOP_ARRAY(int32_t) last_reader;          /* by tensor id: the node after whose backward storage goes */
    HOOP_ARRAY(uint8_t) reached;              /* by node */
    HOOP_ARRAY(int32_t) uses;                 /* by parameter */
    HOOP_ARRAY(hoop_leaf_grads) leaf_grads;   /* by parameter */
    HOOP_ARRAY(hoop_tensor *) acquired;       /* by parameter: its handle on this tape */
    HOOP_ARRAY(hoop_site_count) sites;
    HOOP_ARRAY(hoop_scope) scopes;
    HOOP_ARRAY(hoop_emission) emissions;
    HOOP_ARRAY(hoop_segment) segments;
    HOOP_ARRAY(hoop_again) again; /* by tensor id, of the segment that runs again */
    HOOP_ARRAY(uint8_t) runs;     /* by node: it does */
    bool                      in_segment;
    hoop_leaves               leaves;
    hoop_program              program;
    hoop_storage             *scratch, *pieces; /* of a kernel; of gradients made in pieces */
    hoop_params              *params;           /* whose parameters are used: until reset, or until another is bound */
    bool                      bound;
    hoop_tensor               poison;
    hoop_error                error;
    const char               *file;
    int                       line;
    bool                      passed; /* the op of that line is done: an error now comes after it */
    bool                      recording, training, create_graph, functional /* hoop_grad: parameters get slots too */;
    bool                      backward; /* a pass is under way */
    hoop_tensor              *sink;     /* armed: whose gradient the next op's result is */
    hoop_tape_key             key;
    uint64_t                  site;
    int64_t                   passes;     /* backward passes so far */
    int                       composites; /* that are under way */
    const hoop_backward_opts *opts;       /* of the pass under way */
};

/* hoop_tape_create, which is in core/ops, over ops that outlive the tape */
hoop_status hoop__tape_create(hoop_runtime *rt, const hoop_engine_ops *ops, hoop_error *err, hoop_tape **out);

/* grow array a of tape t to hold n elements; new ones are zero. False (and a sticky error): out of memory */
#define HOOP_GROW(t, a, wanted) hoop__grow((t), (void **)&(a).v, &(a).capacity, (wanted), sizeof *(a).v)
bool hoop__grow(hoop_tape *t, void **v, int32_t *capacity, int32_t wanted, size_t size);

hoop_tensor *hoop__tensor_new(hoop_tape *t, const hoop_view *v); /* header only; NULL: sticky error */
bool         hoop__tensor_allocate(hoop_tape *t, hoop_tensor *x, const char *what);
void         hoop__tensor_release(hoop_tape *t, hoop_tensor *x);
/* "; 100 bytes are live, 200 were at most, and the limit is 250": behind what there is no memory for */
enum { HOOP__MEMORY_TEXT = 200 };
const char  *hoop__memory_text(const hoop_tape *t, char out[HOOP__MEMORY_TEXT]);
hoop_tensor *hoop__acquire(hoop_tape *t, hoop_tensor *x); /* the handle of any tensor on this tape; NULL: sticky error */
void         hoop__param_follow(hoop_tape *t, int32_t base);
void        *hoop__scratch(hoop_tape *t, hoop_storage **s, int64_t bytes); /* t->scratch or t->pieces; NULL: out of memory */

/* the tensors of a node */
static inline hoop_tensor *hoop__node_in(const hoop_tape *t, const hoop_node *n, int i)
{
    return t->tensors.v[t->ids.v[n->first + i]];
}
static inline hoop_tensor *hoop__node_out(const hoop_tape *t, const hoop_node *n, int j)
{
    return t->tensors.v[t->ids.v[n->first + n->nin + j]];
}

/* does backward go on through x: to what wants a gradient, in hoop_grad to one of its xs */
static inline bool hoop__follows(const hoop_tape *t, const hoop_tensor *x)
{
    return x->needs_grad && (!t->functional || x->leads);
}

/* order.c: the dims of v from the outermost in memory to the innermost; false: it has gaps, or elements twice */
bool hoop__memory_order(const hoop_view *v, int64_t *dims);
/* order.c: an elementwise op on tensors whose dims lie in another order in memory, as they lie. NULL: it is to run as usual */
hoop_tensor *hoop__op_in_order(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs);
/* call.c: a node; an op on inputs that are handles of this tape */
void hoop__record(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs, hoop_tensor *const *out,
                  int nout);
hoop_tensor *hoop__op_run(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs,
                          hoop_tensor **outs);
/* "matmul: " + why + "; inputs f32 (2, 3), f32 (4, 5)" becomes the sticky error; of tensors, or (in is NULL) of views */
void hoop__op_failed(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, const hoop_view *const *inv, int nin,
                     const hoop_error *why);

/* gradient sinks (sink.c) */
bool hoop__sink_place(hoop_tape *t, hoop_tensor *target, const hoop_op *op, hoop_view *out, bool *add, hoop_tensor **reuse);
void hoop__sink_done(hoop_tape *t, hoop_tensor *target, hoop_tensor *result, bool in_place);
void hoop__sink_value(hoop_tape *t, hoop_tensor *target, hoop_tensor *g, bool shared);
/* is it a parameter whose gradient goes to its store, or to its leaf's buffer */
static inline bool hoop__is_param(const hoop_tape *t, const hoop_tensor *target)
{
    return target->param >= 0 && !t->functional;
}

/* does its storage go with its last reader */
static inline bool hoop__releasable(const hoop_tensor *x)
{
    return !x->retained && !x->leaf && x->node >= 0 && x->storage != NULL;
}

/* ---- segments.c ---- */

bool hoop__segments_reach(hoop_tape *t);           /* once it is known what backward reads */
void hoop__segment_again(hoop_tape *t, int32_t k); /* before node k is walked: what its segment has let go of */

/* ---- program.c: kernels run, are kept, and run again ---- */

/* one kernel's call; bases are those of the memory of in and of out[0] */
typedef struct hoop_launch {
    const hoop_op          *op;
    const void             *attrs;
    const hoop_view *const *in;
    const int32_t          *in_base;
    const hoop_view        *out;
    int32_t                 out_base;
    int                     nin, nout, leaf;
    bool                    add;
} hoop_launch;
bool hoop__launch(hoop_tape *t, const hoop_launch *l);
/* kernel.c: with workspace and threads of the tape's. False: sticky error */
bool hoop__run(hoop_tape *t, const hoop_launch *l);
/* the call itself, by any thread, and the workspace it wants */
int64_t     hoop__workspace(const hoop_tape *t, const hoop_launch *l, hoop_threads *threads);
hoop_status hoop__run_kernel(const hoop_tape *t, const hoop_launch *l, hoop_threads *threads, void *work, hoop_error *why);
/* tell the profile, which there is, of work that makes the output of l in parts, until hoop__profile_end */
void hoop__profile_launch(const hoop_tape *t, const hoop_launch *l);
/* every element of v, contiguous, = value; base as of launch */
void hoop__tape_fill(hoop_tape *t, const hoop_view *v, int32_t base, double value);
/* what is kept beside kernels: READY of a parameter, POLL; the sum of its terms; its gradient made in pieces */
void hoop__keep(hoop_tape *t, hoop__kept kind, int param);
void hoop__keep_terms(hoop_tape *t, int param, void *terms);
void hoop__keep_pieces(hoop_tape *t, const hoop_launch *l, const hoop_pieces *p);
void hoop__program_end(hoop_tape *t); /* of a backward */
void hoop__program_clear(hoop_tape *t);
void hoop__program_free(hoop_tape *t);
/* the key of what is random in leaf i (-1: of the tape's) */
hoop_tape_key hoop__leaf_key(const hoop_tape *t, int leaf);

/* ---- leaves.c ---- */

typedef enum hoop__way {
    HOOP__PLAIN, /* nothing has samples */
    HOOP__ROWS,  /* row by row: in one call */
    HOOP__APART, /* row by row, but each leaf by a call of its own, as keys differ */
    HOOP__EACH,  /* samples are contracted to a parameter's gradient: leaf by leaf */
    HOOP__MIXED  /* the tape has failed */
} hoop__way;
/* an op that was called, as far as its shape rule */
typedef struct hoop_called {
    const hoop_op          *op;
    hoop_tensor *const     *in;
    const hoop_view *const *inv;
    const void             *attrs;
    const hoop_view        *out;
    int                     nin, nout;
} hoop_called;

/* how it is run; *axis: that of its outputs, or -1 */
hoop__way hoop__leaves_way(hoop_tape *t, const hoop_called *c, const hoop_tensor *sink, int *axis);
/* APART: run it */
bool         hoop__leaves_apart(hoop_tape *t, const hoop_launch *l, hoop_tensor *const *in, int axis);
hoop_tensor *hoop__leaf_slice(hoop_tape *t, hoop_tensor *x, int leaf); /* header without history; NULL: sticky error */
/* copies of inputs' views, cut to the rows of one leaf where a dim (axis) runs over samples; at[i]: where v[i] is */
void hoop__leaf_views(const hoop_tape *t, int nin, const hoop_view *const *in, const int16_t *axis, int leaf, hoop_view *v,
                      const hoop_view **at);
/* which dim of the outputs runs over so many samples, if those of the inputs do; -1: they would mix */
int hoop__called_axis(const hoop_tape *t, const hoop_called *c, const int *axis, int64_t samples);
/* rows of one leaf of a view whose dim `axis` runs over samples */
void hoop__leaf_view(const hoop_tape *t, hoop_view *v, int axis, int leaf);
void hoop__leaves_clear(hoop_tape *t);
void hoop__leaves_free(hoop_tape *t);
/* x is rows of one leaf of another tensor: the place of its gradient in that tensor's. NULL: sticky error */
hoop_tensor *hoop__rows_grad(hoop_tape *t, hoop_tensor *x, bool *add);

/* ---- leaf_grads.c, leaf_sums.c ---- */

/* of one leaf's gradient of a parameter, whole blocks */
static inline int64_t hoop__term_bytes(const hoop_tape *t, int param)
{
    return t->params->param[param].nblocks * HOOP_BLOCK * (int64_t)hoop_dtype_size(t->params->dtype);
}
bool hoop__leaf_grads_begin(hoop_tape *t); /* before backward */
void hoop__leaf_grads_drop(hoop_tape *t);  /* what a pass that failed has left */
/* EACH: run it, into the gradients of a parameter */
void hoop__leaves_each(hoop_tape *t, const hoop_called *c, hoop_tensor *target);
/* the gradient of a parameter in the current leaf; **set: does it hold something. NULL: sticky error */
void *hoop__leaf_grad(hoop_tape *t, int param, uint8_t **set);
/* all leaves have their gradients of it: to opts->sum, if they were not given there already */
void hoop__leaf_grads_sum(hoop_tape *t, int param);
/* the node that calls it is done: what is to be made in pieces */
void hoop__leaf_grads_flush(hoop_tape *t, int param);
/* these again, in replay */
void        hoop__sum_terms(hoop_tape *t, int param, const void *terms);
hoop_status hoop__sum_pieces(hoop_tape *t, const hoop_launch *l, const hoop_pieces *p, hoop_error *why);
/* p's param, axis and whole are set: the rest */
void hoop__pieces_plan(const hoop_tape *t, const hoop_launch *l, hoop_pieces *p);
#endif

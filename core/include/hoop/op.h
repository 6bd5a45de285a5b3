/**
 * hoop/op.h - what an op is, for those who write one (hoop's own and users').
 *
 * One const descriptor: shape rule, kernel, backward, naive reference, cases. Recording, broadcasting of gradients, release
 * of storage and errors are the engine's.
 */
#ifndef HOOP_OP_H
#define HOOP_OP_H

#include "hoop/params.h"
#include "hoop/random.h"
#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { HOOP_MAX_IN = 1024, HOOP_MAX_OUT = 64 }; /* of one op; more are HOOP_EARG */

enum hoop_op_flags {
    HOOP_OP_STRIDED     = 1,  /* kernel (or view) takes any strides; else the engine makes inputs contiguous */
    HOOP_OP_VIEW        = 2,  /* out[0] is a view of in[0]: the shape rule sets strides and offset, there is no kernel */
    HOOP_OP_ACCUMULATES = 4,  /* the kernel honours call->add */
    HOOP_OP_NO_GRAD     = 8,  /* the derivative is zero everywhere */
    HOOP_OP_RANDOM      = 16, /* the value depends on the call's key, too */
    HOOP_OP_ROW_WISE    = 32, /* rows of samples keep their bits whatever rows stand around them, forward and in backward */
    HOOP_OP_ANY_ORDER =
        64,                /* element by element: its dims may be taken in any order, so out[0] lies in memory as its inputs do */
    HOOP_OP_NO_DERIV = 128 /* has a derivative that is not written: whoever asks for it gets HOOP_ENODERIV */
};

/** Bits of hoop_op.reads: what backward reads. Inputs from the 31st on have one in common, and so have outputs. */
#define HOOP_READS_IN(i) (UINT64_C(1) << ((i) < 31 ? (i) : 31))
#define HOOP_READS_OUT(j) (UINT64_C(1) << (32 + ((j) < 31 ? (j) : 31)))

typedef struct hoop_shape_call {
    const hoop_view *const *in;
    int                     nin;
    const void             *attrs;
    hoop_view              *out; /* to fill: dtype, ndim, shape; views also stride */
    int                     nout;
    int64_t                 offset; /* views: to fill, in elements from in[0]'s first */
    hoop_error             *err;
} hoop_shape_call;

typedef struct hoop_call {
    const struct hoop_op      *op;
    const hoop_view *const    *in;
    int                        nin;
    const hoop_view           *out; /* contiguous */
    int                        nout;
    const void                *attrs;
    bool                       add;  /* out[0] += result instead of = */
    bool                       blas; /* matrix products by BLAS */
    const struct hoop_kernels *kernels;
    struct hoop_threads       *threads;
    const hoop_tape_key       *key;  /* seed, step and leaf, of HOOP_OP_RANDOM */
    void                      *work; /* as many bytes as workspace asked for, 64-aligned, until the kernel returns */
    hoop_error                *err;
} hoop_call;

/** What backward of a node sees: its tensors and the gradients of its outputs (NULL where none came). */
typedef struct hoop_backward_call {
    hoop_tape          *t;
    hoop_tensor *const *in;
    int                 nin;
    hoop_tensor *const *out;
    hoop_tensor *const *dy;
    const void         *attrs;
} hoop_backward_call;

/**
 * Where samples are in a call whose inputs hold those of several leaves, one leaf's after the other: an input with samples has a
 * dim (axis) of size samples * r that runs over them, r rows a sample. At least one input has; the shape rule has accepted all.
 */
typedef struct hoop_samples_call {
    const hoop_view *const    *in;
    int                        nin;
    const void                *attrs;
    const hoop_view           *out;
    int                        nout;
    const int                 *axis;    /* of each input; -1: the same for all samples (weights, constants) */
    int64_t                    samples; /* of all leaves */
    bool                       blas;    /* as in hoop_call */
    const struct hoop_kernels *kernels;
} hoop_samples_call;

/** A field of an op's attributes, for printing and exporting graphs. */
typedef struct hoop_field {
    const char *name;
    char        type; /* 'i' int64_t, 'f' double, 'b' bool, 'n' int, 'I' int64_t[HOOP_MAX_DIMS], 'O' int64_t[HOOP_MAX_OUT] */
    size_t      offset;
} hoop_field;

/**
 * A test case. `in` lists the inputs: "2x3" a float tensor, "." a scalar, "0x3" an empty one, "i64:4<10" indices below 10 (i32
 * and u8 likewise), "2x3+" a float input with values in [0.5, 2], "2x3%" in [0.3, 0.7], "2x3~" in [-0.75, 0.75], "2x3^" in
 * [1.25, 2], "f32:3" one that is so in both dtypes (of a case that must fail); "" ends the list. Floats else lie in [-2, 2].
 */
typedef struct hoop_case {
    const char *in;
    const void *attrs;
    hoop_status expect; /* HOOP_OK, or the error this call must give */
} hoop_case;

typedef struct hoop_op {
    const char *name;
    int         min_in, max_in, nout;
    unsigned    flags;
    uint64_t    reads;
    int (*nouts)(int nin, const void *attrs);         /* outputs, where their number varies: in place of nout */
    uint64_t (*reads_of)(const void *attrs, int nin); /* what backward reads, where that varies: in place of reads */
    size_t            attrs_size;
    const hoop_field *fields;
    int               nfields;
    hoop_status (*shape)(hoop_shape_call *s);
    hoop_status (*forward)(const hoop_call *c);
    int64_t (*workspace)(const hoop_call *c); /* bytes of scratch memory that forward needs; NULL: none */
    void (*backward)(hoop_backward_call *b);
    /** out[0] of the same value from primitive ops: serves the derivative where there is no backward. */
    hoop_tensor *(*composite)(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs);
    /** The same for all outputs (those that nothing flows through left NULL), of an op whose backward has no derivative: takes
     * its place where the gradient is recorded (HOOP_CREATE_GRAPH). */
    void (*composite_all)(hoop_tape *t, hoop_tensor *const *in, int nin, const void *attrs, hoop_tensor **out);
    void (*reference)(const hoop_call *c); /* naive, f64 (integers i64), contiguous */
    /**
     * HOOP_OP_ROW_WISE: the dim of all outputs that runs over samples, where each sample's part has the same bits as in a call
     * with the rows of its leaf alone; -1: samples would mix. NULL: the samples are in dim 0 of the output and of each input that
     * has some, which has as many dims and that size; the other inputs have fewer dims, or size 1 there.
     */
    int (*samples)(const hoop_samples_call *s);
    double (*flops)(const hoop_call *c); /* of a matrix product; NULL: none worth counting */
    double (*bytes)(const hoop_call *c); /* read and written; NULL: all of its inputs and outputs once */
    /* what a forward and a reference that several ops share read of theirs: the kernel's number; y of x, or of a and b */
    int kernel;
    double (*unary)(double x);
    double (*binary)(double a, double b);
    const hoop_case *cases;
    int              ncases;
} hoop_op;

#define HOOP_CASES(array) .cases = (array), .ncases = (int)(sizeof(array) / sizeof(array)[0])
#define HOOP_FIELDS(array) .fields = (array), .nfields = (int)(sizeof(array) / sizeof(array)[0])

/** Call an op, a user's own as well. outs (may be NULL) receives all outputs. Returns out[0], or poison. Calls: Local. */
HOOP_API hoop_tensor *hoop_op_call(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs,
                                   hoop_tensor **outs);

/** In a kernel: f(ctx, first, count) for n items in parts, by the call's threads. weight: work of an item, in bytes of f32 that
 * are added in the same time (8 an element of a few operations); what is less than two times 65,536 is one part. No bit may
 * depend on how items are parted. Calls: Local. */
HOOP_API void hoop_call_share(const hoop_call *c, int64_t n, int64_t weight, void (*f)(const void *ctx, int64_t first, int64_t n),
                              const void *ctx);

/** In backward: does input i want a gradient? */
HOOP_API bool hoop_needs(const hoop_backward_call *b, int i);
/** In backward: if input i wants a gradient, let the result of the next op called be (a contribution to) it. Sum-to-shape after
 *  broadcasting is done on the way. */
HOOP_API bool hoop_sink(hoop_backward_call *b, int i);
/** In backward: g as it stands is a contribution to the gradient of input i, if that is wanted. */
HOOP_API void hoop_pass(hoop_backward_call *b, int i, hoop_tensor *g);

/** hoop's ops. Calls: Local. */
HOOP_API int            hoop_op_count(void);
HOOP_API const hoop_op *hoop_op_get(int i);
HOOP_API const hoop_op *hoop_op_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif

/**
 * tests/core/ops/rows.h - calls of an op on samples of several leaves, and what of them each leaf has alone.
 *
 * A case is the pattern of one sample: any of its inputs' dims may be the one that runs over samples, of as many rows each as the
 * case has there, or of one.
 */
#ifndef HOOP_OP_ROWS_H
#define HOOP_OP_ROWS_H

#include "op_check.h"

enum { ROWS_IN = 8, ROWS_LEAVES = 5 }; /* inputs of a case, leaves, at most */

typedef struct rows_group {
    int     leaves;
    int64_t rows[ROWS_LEAVES], samples; /* of each, and in all */
} rows_group;

/** A call on samples of all leaves, or of one. Inputs and outputs are contiguous. */
typedef struct rows_call {
    const trial *tr;
    int          axis[ROWS_IN];
    hoop_view    in[ROWS_IN];
    void        *attrs;
    int          nout;
    hoop_view    out[HOOP_MAX_OUT];
} rows_call;

/** Show `visit` all choices of dims, leaves and dtypes that the shape rule may accept. Returns how many it took (returned true)
 * of several leaves, one of them of one row. */
int rows_walk(const hoop_op *op, bool (*visit)(const rows_call *all, const rows_group *g));
/** The dim of the outputs that runs over samples, whose shapes are then set; -1: the shape rule or the op's hook refuses. */
int rows_axis(const hoop_runtime *rt, rows_call *all, const rows_group *g);
/** The call on the samples of leaf l alone. */
rows_call rows_leaf(const rows_call *all, const rows_group *g, int l, int axis);
/** What of data, contiguous and of x's shape, belongs to leaf l, in dim axis. */
unsigned char *rows_part(const hoop_view *x, const void *data, int axis, const rows_group *g, int l);
/** By hand, without a tape: outputs of the call; added to what `before` holds of each, unless that is NULL. */
void    rows_run(const hoop_runtime *rt, rows_call *r, const unsigned char *const *before);
int64_t rows_bytes(const hoop_view *v);

#endif

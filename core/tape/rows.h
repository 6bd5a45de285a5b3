/** core/tape/rows.h - what an op's descriptor says of a call, and what holds where it does not say. */
#ifndef HOOP_TAPE_ROWS_H
#define HOOP_TAPE_ROWS_H

#include "hoop/op.h"

static inline int hoop__op_nouts(const hoop_op *op, int nin, const void *attrs)
{
    return op->nouts != NULL ? op->nouts(nin, attrs) : op->nout;
}

static inline uint64_t hoop__op_reads(const hoop_op *op, const void *attrs, int nin)
{
    return op->reads_of != NULL ? op->reads_of(attrs, nin) : op->reads;
}

/* hoop_op.samples where that is NULL */
int hoop__samples_rows(const hoop_samples_call *s);
/* the dim of the outputs that runs over samples; -1: samples would mix, or the op is not HOOP_OP_ROW_WISE */
int hoop__op_samples(const hoop_op *op, const hoop_samples_call *s);

#endif

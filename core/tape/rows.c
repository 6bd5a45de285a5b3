#include "tape/rows.h"

int hoop__samples_rows(const hoop_samples_call *s)
{
    for (int j = 0; j < s->nout; j++) {
        const hoop_view *y = &s->out[j];
        if (y->ndim < 1) return -1;
        for (int i = 0; i < s->nin; i++) {
            const hoop_view *x = s->in[i];
            if (s->axis[i] >= 0 ? s->axis[i] != 0 || x->ndim != y->ndim || x->shape[0] != y->shape[0]
                                : x->ndim >= y->ndim && x->shape[0] != 1)
                return -1;
        }
    }
    return 0;
}

int hoop__op_samples(const hoop_op *op, const hoop_samples_call *s)
{
    if ((op->flags & HOOP_OP_ROW_WISE) == 0) return -1;
    return op->samples != NULL ? op->samples(s) : hoop__samples_rows(s);
}

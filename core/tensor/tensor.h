/** core/tensor/tensor.h - the header of a tensor: a view with a lifetime, and its place on a tape or in a store. */
#ifndef HOOP_TENSOR_INSIDE_H
#define HOOP_TENSOR_INSIDE_H

#include "tensor/storage.h"
#include "tensor/view.h"

struct hoop_tensor {
    hoop_view           v;
    int64_t             numel;
    hoop_storage       *storage; /* NULL: memory of somebody else (parameter, caller) */
    struct hoop_tape   *tape;    /* NULL: persistent */
    struct hoop_params *params;  /* a parameter's store */
    hoop_tensor        *source;  /* tape tensors: the persistent tensor it was acquired from */
    hoop_tensor        *weight;  /* losses */
    uint64_t            version; /* persistent: raised by writes; acquired: what it was then */
    int32_t             id;      /* place on the tape */
    int32_t             node;    /* that made it; -1: none */
    int32_t             param;   /* index in params; -1: none */
    int32_t             base;    /* of leaves and replay: where its memory is from (tape.h); 0: the tape's own */
    int32_t             rows_of; /* the tensor whose rows of one leaf it is; -1: none */
    int16_t             axis;    /* the dim that runs over samples of leaves at once; -1: none */
    uint8_t            *filled;  /* of a gradient made of rows: by leaf, whether something is there */
    bool                needs_grad, poison, released, retained, contiguous, leaf;
    bool                wanted, leads; /* by hoop_grad; to one of these */
    bool                read;          /* from outside */
    bool                bypassed;      /* a view, used by way of what it is a view of */
    bool                rows;          /* a gradient that rows of leaves are put into */
};

#endif

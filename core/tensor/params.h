/** core/tensor/params.h - the inside of the flat store of parameters. */
#ifndef HOOP_PARAMS_INSIDE_H
#define HOOP_PARAMS_INSIDE_H

#include "hoop/params.h"

struct hoop_params {
    hoop_dtype dtype;
    bool       finalized, owns_memory;
    int        count, capacity, nbuffers, buffer_capacity, naliases, alias_capacity;
    struct hoop_param {
        char        *name;
        hoop_tensor *tensor;
        int64_t      first_block, nblocks;
        bool         frozen;
    } * param;
    struct hoop_named {
        char        *name;
        hoop_tensor *tensor;
    } * buffer, *alias;
    hoop_running *running;
    int           nrunning, running_capacity;
    int64_t       nblocks, trained, numel; /* trained: blocks of those that are not frozen */
    void         *memory, *data, *grad;
    bool         *grad_set; /* by parameter: the gradient array holds something since zero_grad */
};

#endif

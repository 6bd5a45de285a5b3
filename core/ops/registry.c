#include "hoop/ops.h"
#include "tape/tape.h"

#include <string.h>

#define HOOP_OP(name) extern const hoop_op hoop__op_##name;
#include "ops/ops.def"
#undef HOOP_OP

static const hoop_op *const ops[] = {
#define HOOP_OP(name) &hoop__op_##name,
#include "ops/ops.def"
#undef HOOP_OP
};

int hoop_op_count(void)
{
    return (int)(sizeof ops / sizeof ops[0]);
}

const hoop_op *hoop_op_get(int i)
{
    return i >= 0 && i < hoop_op_count() ? ops[i] : NULL;
}

const hoop_op *hoop_op_find(const char *name)
{
    for (int i = 0; i < hoop_op_count(); i++) {
        if (strcmp(ops[i]->name, name) == 0) return ops[i];
    }
    return NULL;
}

hoop_status hoop_tape_create(hoop_runtime *rt, hoop_error *err, hoop_tape **out)
{
    static const hoop_engine_ops engine = {hoop_add,    hoop_sum_to,   hoop_contiguous,     hoop_permute,
                                           hoop_expand, &hoop__op_add, &hoop__op_contiguous};
    return hoop__tape_create(rt, &engine, err, out);
}

/* Functions of the cases of index. */
#include "golden.h"

static hoop_tensor *transpose(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_transpose(t, x[0], (int)golden_int(c, "dims", 0, 0), (int)golden_int(c, "dims", 1, 0));
}

extern const golden_call golden_calls_index[];
const golden_call        golden_calls_index[] = {{"transpose", transpose}, {NULL, NULL}};

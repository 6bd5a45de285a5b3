/* What functions of cases share. */
#include "golden.h"

static bool lies_last(const golden_case *c)
{
    return golden_int(c, "last", 0, 0) != 0;
}

hoop_tensor *golden_image(hoop_tape *t, const golden_case *c, hoop_tensor *x)
{
    const int ndim = hoop_tensor_ndim(x);
    int64_t   dims[HOOP_MAX_DIMS];
    if (!lies_last(c)) return x;
    for (int d = 0; d < ndim; d++) dims[d] = d == 0 ? 0 : d == 1 ? ndim - 1 : d - 1;
    return hoop_permute(t, x, ndim, dims);
}

hoop_tensor *golden_back(hoop_tape *t, const golden_case *c, hoop_tensor *y)
{
    const int ndim = hoop_tensor_ndim(y);
    int64_t   dims[HOOP_MAX_DIMS];
    if (!lies_last(c)) return y;
    for (int d = 0; d < ndim; d++) dims[d] = d == 0 ? 0 : d + 1 < ndim ? d + 1 : 1;
    return hoop_permute(t, y, ndim, dims);
}

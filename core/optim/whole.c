#include "optim/whole.h"

#include "runtime/runtime.h"

#include <string.h>

double hoop__whole_squares(const hoop_optim_call *c, const void *x, int64_t n)
{
    enum { AT_ONCE = 64 };
    const size_t size = hoop_dtype_size(c->dtype);
    double       squares[AT_ONCE], tail[HOOP_BLOCK] = {0}, sum = 0.0;
    for (int64_t b = 0; b < n / HOOP_BLOCK;) {
        const int64_t some = n / HOOP_BLOCK - b < AT_ONCE ? n / HOOP_BLOCK - b : AT_ONCE;
        c->rt->kernels->squares[c->dtype](some, (const char *)x + (size_t)(b * HOOP_BLOCK) * size, squares);
        for (int64_t i = 0; i < some; i++) sum += squares[i];
        b += some;
    }
    if (n % HOOP_BLOCK == 0) return sum;
    memcpy(tail, (const char *)x + (size_t)(n / HOOP_BLOCK * HOOP_BLOCK) * size, (size_t)(n % HOOP_BLOCK) * size);
    c->rt->kernels->squares[c->dtype](1, tail, squares);
    return sum + squares[0];
}

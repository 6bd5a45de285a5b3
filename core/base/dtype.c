#include "hoop/dtype.h"

#include <stdint.h>
#include <string.h>

static const struct {
    const char *name;
    size_t      size;
} dtypes[HOOP_DTYPE_COUNT] = {
#define HOOP_DTYPE_ROW(NAME, name, type) {#name, sizeof(type)},
    HOOP_DTYPE_LIST(HOOP_DTYPE_ROW)
#undef HOOP_DTYPE_ROW
};

size_t hoop_dtype_size(hoop_dtype dtype)
{
    return dtype < HOOP_DTYPE_COUNT ? dtypes[dtype].size : 0;
}

const char *hoop_dtype_name(hoop_dtype dtype)
{
    return dtype < HOOP_DTYPE_COUNT ? dtypes[dtype].name : "?";
}

bool hoop_dtype_parse(const char *name, hoop_dtype *out)
{
    for (int i = 0; i < HOOP_DTYPE_COUNT; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            *out = (hoop_dtype)i;
            return true;
        }
    }
    return false;
}

bool hoop_dtype_is_float(hoop_dtype dtype)
{
    return dtype == HOOP_F32 || dtype == HOOP_F64;
}

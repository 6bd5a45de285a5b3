/** hoop/dtype.h - element types. No promotion between them: an op whose inputs differ fails with HOOP_EDTYPE. */
#ifndef HOOP_DTYPE_H
#define HOOP_DTYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* name, C type */
#define HOOP_DTYPE_LIST(X)                                                                                                       \
    X(F32, f32, float)                                                                                                           \
    X(F64, f64, double)                                                                                                          \
    X(I64, i64, int64_t)                                                                                                         \
    X(I32, i32, int32_t)                                                                                                         \
    X(U8, u8, uint8_t)

typedef enum hoop_dtype {
#define HOOP_DTYPE_ENUM(NAME, name, type) HOOP_##NAME,
    HOOP_DTYPE_LIST(HOOP_DTYPE_ENUM)
#undef HOOP_DTYPE_ENUM
        HOOP_DTYPE_COUNT
} hoop_dtype;

/** Bytes of one element; 0 for a value that is no dtype. Calls: Local. */
HOOP_API size_t hoop_dtype_size(hoop_dtype dtype);
/** "f32"; never NULL. Calls: Local. */
HOOP_API const char *hoop_dtype_name(hoop_dtype dtype);
/** The dtype of a name ("f32"); false if there is none. Calls: Local. */
HOOP_API bool hoop_dtype_parse(const char *name, hoop_dtype *out);
/** f32 or f64. Calls: Local. */
HOOP_API bool hoop_dtype_is_float(hoop_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif

/** tests/allocations.h - counts what this program and hoop allocate: of a test linked with HOOP_COUNT_ALLOCATIONS
 * (CMakeLists.txt). */
#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <stdatomic.h>
#include <stddef.h>

/* The linker sends every allocation of this program and of hoop through these. */
static atomic_long allocations;

#define COUNTED(result, name, parameters, arguments)                                                                             \
    result __real_##name parameters;                                                                                             \
    result __wrap_##name parameters;                                                                                             \
    result __wrap_##name parameters                                                                                              \
    {                                                                                                                            \
        atomic_fetch_add(&allocations, 1);                                                                                       \
        return __real_##name arguments;                                                                                          \
    }
COUNTED(void *, malloc, (size_t n), (n))
COUNTED(void *, calloc, (size_t n, size_t size), (n, size))
COUNTED(void *, realloc, (void *p, size_t n), (p, n))
COUNTED(void *, aligned_alloc, (size_t alignment, size_t n), (alignment, n))
#undef COUNTED

#endif

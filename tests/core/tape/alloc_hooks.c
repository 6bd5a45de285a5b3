#include "alloc_hooks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static _Atomic int64_t calls, countdown = -1;
#ifndef SANITIZED
static _Atomic int64_t anywhere;
#endif
static atomic_bool all_later, failed;

int64_t alloc_calls(void)
{
    return calls;
}

int64_t alloc_calls_anywhere(void)
{
#ifdef SANITIZED
    return calls;
#else
    return anywhere;
#endif
}

void alloc_fail(int64_t nth, bool later)
{
    failed    = false;
    all_later = later;
    countdown = nth;
}

bool alloc_failed(void)
{
    return failed;
}

static bool fails(void)
{
    int64_t left;
    calls++;
    left = countdown;
    if (left < 0) return false;
    if (left > 0) {
        countdown = left - 1;
        return false;
    }
    if (!all_later) countdown = -1;
    failed = true;
    errno  = ENOMEM;
    return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int   __real_posix_memalign(void **p, size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int   __wrap_posix_memalign(void **p, size_t align, size_t n);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}
void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return fails() ? NULL : __real_aligned_alloc(align, n);
}
int __wrap_posix_memalign(void **p, size_t align, size_t n)
{
    return fails() ? ENOMEM : __real_posix_memalign(p, align, n);
}
char *__wrap_strdup(const char *s)
{
    size_t n    = strlen(s) + 1;
    char  *copy = fails() ? NULL : __real_malloc(n);
    if (copy != NULL) memcpy(copy, s, n);
    return copy;
}

#ifndef SANITIZED
/* glibc's own names of its allocator; what is defined here is what every library of the process gets */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

__attribute__((visibility("default"))) void *malloc(size_t n)
{
    anywhere++;
    return __libc_malloc(n);
}
__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    anywhere++;
    return __libc_calloc(n, size);
}
__attribute__((visibility("default"))) void *realloc(void *p, size_t n)
{
    anywhere++;
    return __libc_realloc(p, n);
}
__attribute__((visibility("default"))) void *aligned_alloc(size_t align, size_t n)
{
    anywhere++;
    return __libc_memalign(align, n);
}
__attribute__((visibility("default"))) int posix_memalign(void **p, size_t align, size_t n)
{
    void *q = __libc_memalign(align, n);
    anywhere++;
    if (q == NULL) return ENOMEM;
    *p = q;
    return 0;
}
#endif

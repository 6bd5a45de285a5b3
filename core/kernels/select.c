/* core/kernels/select.c - which instruction set's table this processor gets. Compiled once, for the baseline. */
#include <string.h>

#include "kernels/kernels.h"

extern const hoop_kernels hoop__kernels_baseline;
#if defined(HOOP_KERNELS_X86)
extern const hoop_kernels hoop__kernels_avx2, hoop__kernels_avx512;

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
}
#endif

static bool has_always(void)
{
    return true;
}

/* best first */
static const struct {
    const hoop_kernels *kernels;
    bool (*works)(void);
} sets[] = {
#if defined(HOOP_KERNELS_X86)
    {&hoop__kernels_avx512, has_avx512},
    {&hoop__kernels_avx2, has_avx2},
#endif
    {&hoop__kernels_baseline, has_always},
};

hoop_status hoop_kernels_select(const char *isa, hoop_error *err, const hoop_kernels **out)
{
    char   names[64] = "auto";
    size_t used      = strlen(names);
    *out             = NULL;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        const char *name = sets[i].kernels->isa;
        if (!sets[i].works()) continue;
        if (isa == NULL || strcmp(isa, "auto") == 0 || strcmp(isa, name) == 0) {
            *out = sets[i].kernels;
            return HOOP_OK;
        }
        memcpy(names + used, ", ", 2);
        memcpy(names + used + 2, name, strlen(name) + 1);
        used += 2 + strlen(name);
    }
    return hoop_fail(err, HOOP_EARG, "kernels: instruction set '%s' is unknown or not on this processor; here work: %s", isa,
                     names);
}

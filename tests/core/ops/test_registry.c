/* Every op of the registry through every check of op_check.h; a failure names the op, the case and the place. */
#include "op_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct aspect {
    const char        *name;
    CMUnitTestFunction check;
} aspects[] = {
    {"complete", check_complete}, {"value", check_value},       {"guards", check_guards},
    {"errors", check_errors},     {"refusals", check_refusals}, {"determinism", check_determinism},
    {"threads", check_threads},   {"gradient", check_gradient}, {"accumulation", check_accumulation},
    {"layouts", check_layouts},   {"release", check_release},   {"second", check_second},
    {"rows", check_rows},         {"leaves", check_leaves},
};
enum { ASPECTS = sizeof aspects / sizeof aspects[0], NAME = 64 };

/* FILTER: only checks whose "op aspect" contains it; -FILTER: all others */
static bool wanted(const char *name, const char *filter)
{
    return filter == NULL || (filter[0] == '-' ? strstr(name, filter + 1) == NULL : strstr(name, filter) != NULL);
}

/* test_registry [FILTER] */
int main(int argc, char **argv)
{
    int                n = hoop_op_count(), used = 0, failed;
    struct CMUnitTest *tests = calloc((size_t)n * ASPECTS, sizeof *tests);
    char(*names)[NAME]       = calloc((size_t)n * ASPECTS, NAME);
    if (tests == NULL || names == NULL || n < 1) return 1;
    for (int i = 0; i < n; i++) {
        for (int a = 0; a < ASPECTS; a++) {
            const hoop_op *op = hoop_op_get(i);
            (void)snprintf(names[used], NAME, "%s %s", op->name, aspects[a].name);
            if (!wanted(names[used], argc > 1 ? argv[1] : NULL)) continue;
            tests[used] = (struct CMUnitTest){names[used], aspects[a].check, NULL, test_tidy, (void *)(uintptr_t)op};
            used++;
        }
    }
    if (used == 0)
        (void)fprintf(stderr, "no \"op check\" holds \"%s\"; an op is in the table by its row in ops/FAMILY/FAMILY.def\n",
                      argv[1]);
    failed = used > 0 ? _cmocka_run_group_tests("registry", tests, (size_t)used, test_start, test_stop) : 1;
    free(tests);
    free(names);
    return failed > 125 ? 125 : failed;
}

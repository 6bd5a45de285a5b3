/* Schedules, held to PyTorch's learning rates (schedules.golden, written by schedules.py), also behind a warm-up; one that goes
 * by a metric goes on from its numbers. */
#include "tape_test.h"

#include "hoop/optim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 60, LINE = 4096, WARMUP = 7 };

static char line[LINE];

static int numbers(const char *text, double *v)
{
    int n = 0;
    for (char *end;; text = end) {
        double x = strtod(text, &end);
        if (end == text) return n;
        assert_true(n < STEPS);
        v[n++] = x;
    }
}

static void check_momentum(const hoop_schedule *s, int step, int warmup, const double *momentum)
{
    const double got  = hoop_schedule_momentum(s, step + warmup, STEPS + warmup);
    const double want = momentum == NULL ? (double)NAN : momentum[step];
    if (!(fabs(got - want) <= 1e-15) && !(isnan(got) && isnan(want)))
        fail_msg("momentum is %.17g in step %d, PyTorch has %.17g", got, step, want);
    if (step == 0 && warmup > 0 && momentum != NULL) assert_true(hoop_schedule_momentum(s, 3, STEPS + warmup) == got);
}

static void check(const hoop_schedule_kind *kind, const void *opts, const double *metric, const double *momentum,
                  const double *lr, int number)
{
    for (int warmup = 0; warmup <= WARMUP; warmup += WARMUP) {
        const hoop_schedule_opts all = {.kind = kind, .opts = opts, .warmup_steps = warmup};
        hoop_schedule           *s, *second;
        test_ok(hoop_schedule_create(&all, why, &s));
        for (int step = 0; step < warmup; step++)
            assert_true(hoop_schedule_factor(s, step, STEPS + warmup) == (double)(step + 1) / warmup);
        for (int step = 0; step < STEPS; step++) {
            const double got = hoop_schedule_factor(s, step + warmup, STEPS + warmup);
            if (!(fabs(got - lr[step]) <= 1e-15 + 1e-13 * lr[step]))
                fail_msg("case %d, %s: %.17g in step %d, PyTorch has %.17g", number, kind->name, got, step, lr[step]);
            check_momentum(s, step, warmup, momentum);
            if (metric != NULL) hoop_schedule_feed(s, metric[step]);
            if (step % 10 != 3) continue;
            test_ok(hoop_schedule_create(&all, why, &second)); /* from what a checkpoint keeps */
            memcpy(hoop_schedule_state(second), hoop_schedule_state(s), HOOP_SCHEDULE_STATE * sizeof(double));
            hoop_schedule_destroy(&s);
            s = second;
        }
        hoop_schedule_destroy(&s);
    }
}

static void pytorchs_numbers(void **state)
{
    FILE *file  = fopen(GOLDEN_FILE, "r");
    int   cases = 0;
    (void)state;
    if (file == NULL) fail_msg("%s: cannot be read", GOLDEN_FILE);
    while (fgets(line, LINE, file) != NULL) {
        static double             metric[STEPS], momentum[STEPS], lr[STEPS];
        const hoop_schedule_kind *kind;
        void                     *opts;
        int                       fed = 0, cycled = 0;
        if (line[0] == '#') continue;
        line[strcspn(line, "\n")] = '\0';
        assert_true(strncmp(line, "case ", 5) == 0);
        kind = hoop_schedule_kind_find(line + 5);
        if (kind == NULL) fail_msg("there is no schedule %s", line + 5);
        opts = calloc(1, kind->opts_size + 1);
        test_ok(hoop_option_defaults(&kind->options, opts));
        while (fgets(line, LINE, file) != NULL && strncmp(line, "lr ", 3) != 0) {
            char *value;
            line[strcspn(line, "\n")] = '\0';
            if (strncmp(line, "metric ", 7) == 0) {
                fed = numbers(line + 7, metric);
                continue;
            }
            if (strncmp(line, "momentum ", 9) == 0) {
                cycled = numbers(line + 9, momentum);
                continue;
            }
            assert_true(strncmp(line, "option ", 7) == 0);
            value  = strchr(line + 7, ' ');
            *value = '\0';
            test_ok(hoop_option_parse(hoop_option_find(&kind->options, line + 7), value + 1, opts, why));
        }
        assert_int_equal(numbers(line + 3, lr), STEPS);
        assert_int_equal(fed, kind->feed == NULL ? 0 : STEPS);
        check(kind, opts, fed > 0 ? metric : NULL, cycled > 0 ? momentum : NULL, lr, cases++);
        free(opts);
    }
    (void)fclose(file);
    assert_int_equal(cases, 25);
}

/* every kind says whether the number of all steps has a part in it */
static void ends_are_known(void **state)
{
    const hoop_schedule_kind *k;
    (void)state;
    for (int i = 0; (k = hoop_schedule_kind_get(i)) != NULL; i++) {
        hoop_multi_step_opts     some = {.milestones = {1, {5}}};
        const hoop_schedule_opts all  = {.kind = k, .opts = strcmp(k->name, "multi_step") == 0 ? &some : NULL};
        hoop_schedule           *s;
        bool                     differs = false;
        test_ok(hoop_schedule_create(&all, why, &s));
        for (int step = 0; step < 40; step++)
            differs = differs || hoop_schedule_factor(s, step, 40) != hoop_schedule_factor(s, step, 50);
        if (differs != hoop_schedule_by_end(s)) fail_msg("%s: by_end is wrong", k->name);
        hoop_schedule_destroy(&s);
    }
}

static void bad_options(void **state)
{
    const struct {
        const char *name, *words;
        const void *opts;
    } bad[] = {
        {"multi_step", "milestones: steps are wanted", NULL},
        {"multi_step", "milestones: 3 comes after 9", &(const hoop_multi_step_opts){.milestones = {2, {9, 3}}}},
        {"linear", "total_steps", &(const hoop_linear_schedule_opts){.total_steps = -1}},
        {"polynomial", "power", &(const hoop_polynomial_opts){.power = -1}},
        {"one_cycle", "base_momentum", &(const hoop_one_cycle_opts){.base_momentum = 0.9, .max_momentum = 0.8}},
        {"one_cycle", "pct_start", &(const hoop_one_cycle_opts){.pct_start = 2}},
        {"cosine_restarts", "t_mult", &(const hoop_cosine_restarts_opts){.t_mult = -1}},
        {"plateau", "factor", &(const hoop_plateau_opts){.factor = 3}},
        {"plateau", "patience: 1.5 is no whole number", &(const hoop_plateau_opts){.patience = 1.5}},
        {"plateau", "mode", &(const hoop_plateau_opts){.mode = 7}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hoop_error     err = {.status = HOOP_OK};
        hoop_schedule *s;
        test_failed(hoop_schedule_create(&(hoop_schedule_opts){.name = bad[i].name, .opts = bad[i].opts}, &err, &s), &err,
                    HOOP_ECONFIG, "schedule", bad[i].words, NULL);
        assert_null(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pytorchs_numbers), cmocka_unit_test(ends_are_known),
                                       cmocka_unit_test(bad_options)};
    return cmocka_run_group_tests(tests, test_start, test_stop);
}

/*
 * op_cost [SIDE] - what one op costs besides its arithmetic: nanoseconds per call on tensors so small that the kernel is
 * almost nothing. Columns: recorded (a tape reset after 64 calls), not recorded (in a scope), and backward per node.
 * Each figure is the best of several rounds. Not part of tests/run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hoop/op.h"
#include "hoop/ops.h"

enum { CALLS = 64, ROUNDS = 15, REPEATS = 2000 };

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

typedef hoop_tensor *step_fn(hoop_tape *t, hoop_tensor *x, hoop_tensor *w);

static hoop_tensor *step_add(hoop_tape *t, hoop_tensor *x, hoop_tensor *w)
{
    return hoop_add(t, x, w);
}
static hoop_tensor *step_mul(hoop_tape *t, hoop_tensor *x, hoop_tensor *w)
{
    return hoop_mul(t, x, w);
}
static hoop_tensor *step_relu(hoop_tape *t, hoop_tensor *x, hoop_tensor *w)
{
    (void)w;
    return hoop_relu(t, x);
}
static hoop_tensor *step_scale(hoop_tape *t, hoop_tensor *x, hoop_tensor *w)
{
    (void)w;
    return hoop_scale(t, x, 1.0);
}
static hoop_tensor *step_transpose(hoop_tape *t, hoop_tensor *x, hoop_tensor *w)
{
    (void)w;
    return hoop_transpose(t, x, 0, 1);
}
static hoop_tensor *step_linear(hoop_tape *t, hoop_tensor *x, hoop_tensor *w)
{
    return hoop_linear(t, x, w, NULL);
}

typedef struct figures {
    double recorded, scoped, backward;
} figures;

static double best(double a, double b)
{
    return a == 0.0 || b < a ? b : a;
}

static figures measure(hoop_tape *t, step_fn *step, const int64_t *shape, const float *data)
{
    figures f = {0.0, 0.0, 0.0};
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns(), back = 0.0;
        for (int r = 0; r < REPEATS; r++) {
            hoop_tensor *x, *w, *y, *leaf;
            double       before;
            (void)hoop_tape_reset(t, NULL, NULL);
            x    = hoop_tape_wrap(t, HOOP_F32, 2, shape, data);
            w    = hoop_tape_wrap(t, HOOP_F32, 2, shape, data);
            leaf = hoop_tape_watch(t, x);
            y    = leaf;
            for (int i = 0; i < CALLS; i++) y = step(t, y, w);
            before = now_ns();
            (void)hoop_backward(t, y, NULL, NULL);
            back += now_ns() - before;
        }
        f.recorded = best(f.recorded, (now_ns() - start - back) / (REPEATS * CALLS));
        f.backward = best(f.backward, back / (REPEATS * CALLS));
        (void)hoop_tape_reset(t, NULL, NULL);
        (void)hoop_tape_set_grad(t, false);
        start = now_ns();
        for (int r = 0; r < REPEATS; r++) {
            int64_t      scope = hoop_scope_begin(t);
            hoop_tensor *x = hoop_tape_wrap(t, HOOP_F32, 2, shape, data), *w = hoop_tape_wrap(t, HOOP_F32, 2, shape, data),
                        *y = x;
            for (int i = 0; i < CALLS; i++) y = step(t, y, w);
            hoop_scope_end(t, scope, &y, 1);
        }
        f.scoped = best(f.scoped, (now_ns() - start) / (REPEATS * CALLS));
        (void)hoop_tape_set_grad(t, true);
        if (hoop_tape_reset(t, NULL, NULL) != HOOP_OK) f.recorded = -1.0;
    }
    return f;
}

int main(int argc, char **argv)
{
    static const struct row {
        const char *name;
        step_fn    *step;
    } rows[] = {
        {"add", step_add},      {"mul", step_mul}, {"relu", step_relu}, {"scale", step_scale}, {"transpose", step_transpose},
        {"linear", step_linear}};
    static float  data[64 * 64];
    int64_t       side = argc > 1 ? strtoll(argv[1], NULL, 10) : 4, shape[2];
    hoop_error    err  = {.status = HOOP_OK};
    hoop_runtime *rt;
    hoop_tape    *t;
    if (side < 1 || side > 64) {
        (void)fprintf(stderr, "op_cost [SIDE]: tensors of SIDE x SIDE, SIDE 1 to 64\n");
        return 2;
    }
    shape[0] = shape[1] = side;
    for (int i = 0; i < 64 * 64; i++) data[i] = 0.01F;
    if (hoop_runtime_create(NULL, &err, &rt) != HOOP_OK || hoop_tape_create(rt, &err, &t) != HOOP_OK) {
        (void)fprintf(stderr, "op_cost: %s\n", err.text);
        return 1;
    }
    (void)printf("%s, f32 (%lld, %lld), ns per op, best of %d\n%-12s %10s %10s %10s\n", hoop_runtime_build(rt), (long long)side,
                 (long long)side, ROUNDS, "op", "recorded", "in scope", "backward");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        figures f = measure(t, rows[i].step, shape, data);
        (void)printf("%-12s %10.0f %10.0f %10.0f\n", rows[i].name, f.recorded, f.scoped, f.backward);
    }
    hoop_tape_destroy(&t);
    hoop_runtime_destroy(&rt);
    return 0;
}

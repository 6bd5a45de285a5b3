/*
 * bench_ops FILE [NAME...] - time of ops: each line of FILE (ops.txt) is a call, at three sizes. What it prints, a line a size:
 * call, sizes, microseconds of forward and of backward, each the best of several rounds, one thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "golden.h"
#include "hoop/op.h"
#include "hoop/ops.h"
#include "hoop/random.h"
#include "hoop/runtime.h"

enum { ROUNDS = 7, LINE = 1024, LOOKED_UP = 64 };
static const double round_s = 0.02;

#define FAMILY(name) extern const golden_call golden_calls_##name[];
#include "families.def"
#undef FAMILY
static const golden_call *const families[] = {
#define FAMILY(name) golden_calls_##name,
#include "families.def"
#undef FAMILY
};

typedef struct bench {
    golden_case    c;
    hoop_tape     *tape;
    const hoop_op *op;
    hoop_tensor *(*run)(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out);
    char *attrs;
    int   nin;
} bench;

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static _Noreturn void die(const char *what, const char *line)
{
    (void)fprintf(stderr, "bench_ops: %s: %s\n", what, line);
    exit(1);
}

/* "64x32" floats, "i64:64x32<10" numbers below 10 */
static void read_input(golden_tensor *x, const char *text)
{
    const char *at    = strncmp(text, "i64:", 4) == 0 ? text + 4 : text;
    int64_t     below = strchr(text, '<') == NULL ? LOOKED_UP : strtoll(strchr(text, '<') + 1, NULL, 10);
    hoop_key    key   = hoop_key_make(1, HOOP_FOR_TEST, (uint64_t)strlen(text), 0, 0);
    char       *data;
    x->dtype = at == text ? HOOP_F32 : HOOP_I64;
    x->numel = 1;
    for (x->ndim = 0; *at != '\0' && *at != '<' && *at != '.'; at += *at == 'x') {
        char *end;
        x->shape[x->ndim] = strtoll(at, &end, 10);
        if (end == at || x->ndim == HOOP_MAX_DIMS - 1) die("no sizes", text);
        x->numel *= x->shape[x->ndim++];
        at = end;
    }
    data = aligned_alloc(64, ((size_t)x->numel * 8 + 127) / 64 * 64);
    if (data == NULL) die("no memory", text);
    for (int64_t i = 0; i < x->numel; i++) {
        if (x->dtype == HOOP_I64)
            ((int64_t *)(void *)data)[i] = (int64_t)(hoop_random_f64(key, (uint64_t)i) * (double)below);
        else
            ((float *)(void *)data)[i] = (float)hoop_random_normal(key, (uint64_t)i);
    }
    x->v = (double *)(void *)data;
}

/* The gradient that the call's way back begins with is made by a node behind it, and the clock started when that is done: what
 * PyTorch's side is given is made before its clock, too. */
static void begin(void *ctx)
{
    double *start = ctx;
    if (*start == 0.0) *start = now_s();
}

/* one call and its way back; seconds of each */
static void once(bench *b, double *forward, double *backward)
{
    hoop_tensor       *x[GOLDEN_INPUTS] = {NULL}, *out[GOLDEN_INPUTS] = {NULL};
    hoop_error         err = {.status = HOOP_OK};
    double             start;
    hoop_backward_opts opts = {.ctx = &start, .poll = begin};
    if (hoop_tape_reset(b->tape, NULL, &err) != HOOP_OK) die(err.text, b->c.where);
    for (int i = 0; i < b->nin; i++) {
        const golden_tensor *in = &b->c.tensor[i];
        x[i]                    = hoop_tape_wrap(b->tape, in->dtype, in->ndim, in->shape, in->v);
        if (in->dtype == HOOP_F32) x[i] = hoop_tape_watch(b->tape, x[i]);
    }
    start = now_s();
    if (b->run != NULL)
        out[0] = b->run(b->tape, &b->c, x, out);
    else
        (void)hoop_op_call(b->tape, b->op, x, b->nin, b->attrs, out);
    *forward = now_s() - start;
    if (hoop_tape_error(b->tape)->status != HOOP_OK) die(hoop_tape_error(b->tape)->text, b->c.where);
    *backward = 0.0;
    if (!hoop_dtype_is_float(hoop_tensor_dtype(out[0])) || (b->op != NULL && (b->op->flags & HOOP_OP_NO_GRAD) != 0)) return;
    out[0] = hoop_scale(b->tape, out[0], 1.0);
    start  = 0.0;
    if (hoop_backward(b->tape, out[0], &opts, &err) != HOOP_OK) die(err.text, b->c.where);
    *backward = now_s() - start;
}

static void measure(bench *b, const char *sizes)
{
    double best_f = 1e9, best_b = 1e9, f, back;
    once(b, &f, &back);
    once(b, &f, &back);
    for (int r = 0; r < ROUNDS; r++) {
        const double start = now_s();
        do {
            once(b, &f, &back);
            best_f = f < best_f ? f : best_f;
            best_b = back < best_b ? back : best_b;
        } while (now_s() - start < round_s);
    }
    (void)printf("%s|%s|%.3f|%.3f\n", b->c.where, sizes, 1e6 * best_f, 1e6 * best_b);
    (void)fflush(stdout);
}

/* the row or function of a call, and its options "a=1 b=[2, 3]" separated by ',,' */
static void find_call(bench *b, char *options)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0] && b->run == NULL; i++) {
        for (const golden_call *c = families[i]; c->name != NULL; c++)
            if (strcmp(c->name, b->c.name) == 0) b->run = c->run;
    }
    b->op = hoop_op_find(b->c.name);
    if (b->run == NULL && b->op == NULL) die("there is no such op or call", b->c.name);
    for (char *key = strtok(options, " "); key != NULL; key = strtok(NULL, " ")) {
        char *value = strchr(key, '=');
        if (value == NULL || b->c.noptions == GOLDEN_OPTIONS) die("no options", b->c.where);
        *value = '\0';
        (void)snprintf(b->c.option[b->c.noptions].key, GOLDEN_WORD, "%s", key);
        (void)snprintf(b->c.option[b->c.noptions++].value, GOLDEN_WORD, "%s", value + 1);
    }
    if (b->run == NULL) b->attrs = golden_attrs(&b->c, b->op);
}

/* CALL | options | sizes of the inputs; of larger ones; of larger ones | PyTorch's */
static void run_line(hoop_tape *tape, char *line)
{
    char *part[4], *save = NULL, *sizes;
    bench b = {.tape = tape};
    for (int i = 0; i < 4; i++) {
        part[i] = strtok_r(i == 0 ? line : NULL, "|", &save);
        if (part[i] == NULL) die("not CALL | options | sizes | PyTorch's", line);
        while (*part[i] == ' ') part[i]++;
        for (char *end = part[i] + strlen(part[i]); end > part[i] && (end[-1] == ' ' || end[-1] == '\n');) *--end = '\0';
    }
    (void)snprintf(b.c.name, sizeof b.c.name, "%s", part[0]);
    (void)snprintf(b.c.where, sizeof b.c.where, "%s%s%.90s", part[0], *part[1] == '\0' ? "" : " ", part[1]);
    find_call(&b, part[1]);
    for (sizes = strtok_r(part[2], ";", &save); sizes != NULL; sizes = strtok_r(NULL, ";", &save)) {
        char copy[LINE], *rest = NULL;
        while (*sizes == ' ') sizes++;
        for (char *end = sizes + strlen(sizes); end > sizes && end[-1] == ' ';) *--end = '\0';
        (void)snprintf(copy, sizeof copy, "%s", sizes);
        b.nin = 0;
        for (char *in = strtok_r(copy, " ", &rest); in != NULL; in = strtok_r(NULL, " ", &rest))
            read_input(&b.c.tensor[b.nin++], in);
        measure(&b, sizes);
        for (int i = 0; i < b.nin; i++) free(b.c.tensor[i].v);
    }
    free(b.attrs);
}

static bool wanted(const char *line, int argc, char **argv)
{
    const size_t n = strcspn(line, " |");
    for (int i = 2; i < argc; i++)
        if (strlen(argv[i]) == n && strncmp(argv[i], line, n) == 0) return true;
    return argc <= 2;
}

int main(int argc, char **argv)
{
    char          line[LINE];
    hoop_runtime *rt;
    hoop_tape    *tape;
    FILE         *f = argc < 2 ? NULL : fopen(argv[1], "r");
    if (f == NULL) die("no file", argc < 2 ? "bench_ops FILE [NAME...]" : argv[1]);
    if (hoop_runtime_create(NULL, NULL, &rt) != HOOP_OK || hoop_tape_create(rt, NULL, &tape) != HOOP_OK)
        die("no memory", argv[1]);
    while (fgets(line, sizeof line, f) != NULL)
        if (line[0] != '#' && line[0] != '\n' && wanted(line, argc, argv)) run_line(tape, line);
    (void)fclose(f);
    hoop_tape_destroy(&tape);
    hoop_runtime_destroy(&rt);
    return 0;
}

/*
 * Each kind of model against the same net in PyTorch (kinds.py says what stands in kinds.golden): names and shapes of parameters
 * and buffers, outputs, and gradients, in f64; outputs in f32 too. Weights and inputs are formulas of names and places.
 */
#include "support.h"

#include <math.h>
#include <stdlib.h>

#include "hoop/ops.h"
#include "hoop/runtime.h"

enum { LINE = 1 << 16, PARAMS = 1000, OUTPUTS = 4000 };

typedef struct wanted {
    char    name[200];
    int     ndim;
    int64_t shape[HOOP_MAX_DIMS];
    double  grad; /* NaN: not looked at */
} wanted;

typedef struct golden {
    char               config[1000];
    bool               training;
    int64_t            tokens; /* 0: the input is numbers */
    hoop__model_input  in;
    hoop__model_target target;
    hoop_shape         output;
    int64_t            noutput;
    double             value[OUTPUTS];
    int                nparams, nbuffers;
    wanted             param[PARAMS], buffer[PARAMS];
} golden;

static hoop_runtime *rt;
static hoop_tape    *tape;

/* ---- formulas ---- */

static double spread(int64_t j, int64_t i)
{
    return (double)((i * 7919 + (j + 1) * 104729) % 2001 - 1000) / 1000.0;
}

static int64_t number(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name != '\0'; name++) h = (h ^ (uint8_t)*name) * 16777619u;
    return h % 1000;
}

static bool ends(const char *name, const char *with)
{
    return strlen(name) >= strlen(with) && strcmp(name + strlen(name) - strlen(with), with) == 0;
}

static void put(hoop_tensor *x, int64_t i, double v)
{
    if (hoop_tensor_dtype(x) == HOOP_F64) ((double *)hoop_tensor_data(x))[i] = v;
    if (hoop_tensor_dtype(x) == HOOP_F32) ((float *)hoop_tensor_data(x))[i] = (float)v;
}

static void fill(const char *name, hoop_tensor *x)
{
    const int64_t n = hoop_tensor_numel(x), j = number(name);
    const int64_t fan   = hoop_tensor_ndim(x) >= 2 ? n / hoop_tensor_size(x, 0) : 1;
    const bool    above = ends(name, "weight") || ends(name, "running_var");
    for (int64_t i = 0; i < n; i++) {
        const double v = spread(j, i);
        put(x, i, hoop_tensor_ndim(x) >= 2 ? v / sqrt((double)fan) : above ? 1.0 + 0.25 * v : 0.25 * v);
    }
    hoop_tensor_touch(x);
}

/* numbers of a shape, times which outputs and gradients are added up */
static hoop_tensor *numbers(int64_t j, hoop_dtype dtype, int ndim, const int64_t *shape)
{
    hoop_tensor *x = hoop_tape_tensor(tape, dtype, ndim, shape, NULL);
    for (int64_t i = 0; i < hoop_tensor_numel(x); i++) put(x, i, spread(j, i));
    return x;
}

/* ---- reading ---- */

static int shape_of(const char *text, int64_t *shape)
{
    int n = 0;
    for (char *end; *text >= '0' && *text <= '9'; text = *end == 'x' ? end + 1 : end) shape[n++] = strtoll(text, &end, 10);
    return n;
}

static void read_tensor(wanted *w, const char *line)
{
    char shape[200], grad[64] = "-";
    assert_true(sscanf(line, "%*s %199s %199s %63s", w->name, shape, grad) >= 2);
    w->ndim = shape_of(shape, w->shape);
    w->grad = strcmp(grad, "-") == 0 ? NAN : strtod(grad, NULL);
}

/* the next case; false: there is none */
static bool read_case(FILE *f, golden *g)
{
    static char line[LINE];
    char        shape[200] = "";
    long long   a, b;
    memset(g, 0, sizeof *g);
    g->in.name     = "x";
    g->target.name = "y";
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "case ", 5) == 0) {
            (void)snprintf(g->config, sizeof g->config, "model: %s\n", line + 5);
        } else if (sscanf(line, "input %lld %199s", &a, shape) == 2) {
            g->tokens        = a;
            g->in.shape.ndim = shape_of(shape, g->in.shape.size);
        } else if (sscanf(line, "target %lld %lld", &a, &b) == 2) {
            g->target.classes = a > 0;
            g->target.outputs = a > 0 ? a : b;
        } else if (sscanf(line, "output %199s", shape) == 1) {
            g->output.ndim = shape_of(shape, g->output.size);
        } else if (strncmp(line, "param ", 6) == 0) {
            read_tensor(&g->param[g->nparams++], line);
        } else if (strncmp(line, "buffer ", 7) == 0) {
            read_tensor(&g->buffer[g->nbuffers++], line);
        } else if (strcmp(line, "boxes") == 0) {
            g->target.boxes = true;
        } else if (strcmp(line, "training") == 0) {
            g->training = true;
        } else if (strcmp(line, "end") == 0) {
            return true;
        } else if (line[0] != '#') {
            for (char *at = line, *end; (g->value[g->noutput] = strtod(at, &end)), end != at; at = end) g->noutput++;
        }
        assert_true(g->nparams < PARAMS && g->nbuffers < PARAMS && g->noutput < OUTPUTS);
    }
    return false;
}

/* ---- comparing ---- */

static const wanted *named(const golden *g, const wanted *list, int n, const char *name, const hoop_tensor *x)
{
    for (int i = 0; i < n; i++) {
        bool same = strcmp(list[i].name, name) == 0;
        if (!same) continue;
        same = hoop_tensor_ndim(x) == list[i].ndim;
        for (int d = 0; d < list[i].ndim && same; d++) same = hoop_tensor_size(x, d) == list[i].shape[d];
        if (!same) fail_msg("%s: %s has another shape than PyTorch's", g->config, name);
        return &list[i];
    }
    fail_msg("%s: PyTorch's has no %s", g->config, name);
    return NULL;
}

static void names(const golden *g, const hoop_params *p)
{
    for (int i = 0; i < hoop_params_count(p); i++)
        (void)named(g, g->param, g->nparams, hoop_params_name(p, i), hoop_params_tensor(p, i));
    for (int i = 0; i < hoop_params_buffer_count(p); i++)
        (void)named(g, g->buffer, g->nbuffers, hoop_params_buffer_name(p, i), hoop_params_buffer(p, i));
    if (hoop_params_count(p) != g->nparams || hoop_params_buffer_count(p) != g->nbuffers)
        fail_msg("%s: %d parameters and %d buffers, PyTorch's has %d and %d", g->config, hoop_params_count(p),
                 hoop_params_buffer_count(p), g->nparams, g->nbuffers);
}

static void outputs(const golden *g, const hoop_tensor *y, double eps)
{
    double  most = 1.0;
    double *got  = calloc((size_t)g->noutput + 1, sizeof *got);
    assert_int_equal(hoop_tensor_numel(y), g->noutput);
    for (int d = 0; d < g->output.ndim; d++) assert_int_equal(hoop_tensor_size(y, d), g->output.size[d]);
    assert_int_equal(hoop_tensor_ndim(y), g->output.ndim);
    assert_int_equal(hoop_tensor_read(hoop_cast(tape, (hoop_tensor *)y, HOOP_F64), got, NULL), HOOP_OK);
    for (int64_t i = 0; i < g->noutput; i++) most = fmax(most, fabs(g->value[i]));
    for (int64_t i = 0; i < g->noutput; i++)
        if (!(fabs(got[i] - g->value[i]) <= eps * most))
            fail_msg("%s: output %lld is %.17g, PyTorch's %.17g", g->config, (long long)i, got[i], g->value[i]);
    free(got);
}

static void gradients(const golden *g, const hoop_params *p, hoop_tensor *y)
{
    const int     n  = hoop_params_count(p);
    hoop_tensor **by = calloc((size_t)n, sizeof(void *)), **dx = calloc((size_t)n, sizeof(void *));
    hoop_tensor  *loss = numbers(0, HOOP_F64, hoop_tensor_ndim(y), hoop_tensor_shape(y));
    loss               = hoop_mul(tape, y, loss);
    loss               = hoop_sum(tape, loss, HOOP_ALL_DIMS, false);
    for (int i = 0; i < n; i++) by[i] = hoop_params_tensor(p, i);
    if (!isnan(g->param[0].grad)) assert_int_equal(hoop_grad(tape, loss, by, n, 0, NULL, dx), HOOP_OK);
    for (int i = 0; i < n && !isnan(g->param[0].grad); i++) {
        const wanted *w   = named(g, g->param, g->nparams, hoop_params_name(p, i), by[i]);
        hoop_tensor  *sum = numbers(1, HOOP_F64, w->ndim, w->shape), *size;
        double        got, most;
        sum  = hoop_mul(tape, dx[i], sum);
        size = hoop_abs(tape, sum);
        sum  = hoop_sum(tape, sum, HOOP_ALL_DIMS, false);
        size = hoop_sum(tape, size, HOOP_ALL_DIMS, false);
        got  = hoop_tensor_item(sum);
        most = fmax(1.0, hoop_tensor_item(size));
        if (!(fabs(got - w->grad) <= 1e-10 * most))
            fail_msg("%s: the gradient of %s adds up to %.17g, PyTorch's to %.17g", g->config, w->name, got, w->grad);
    }
    free(by);
    free(dx);
}

static void prepare(const built *b)
{
    hoop_params *p = hoop_model_params(b->model);
    assert_int_equal(hoop_model_finalize(b->model, NULL, NULL), HOOP_OK);
    for (int i = 0; i < hoop_params_count(p); i++) fill(hoop_params_name(p, i), hoop_params_tensor(p, i));
    for (int i = 0; i < hoop_params_buffer_count(p); i++) fill(hoop_params_buffer_name(p, i), hoop_params_buffer(p, i));
}

/* A model of text that reads row 0 in pieces tells the same of each token. */
static void in_pieces(const golden *g)
{
    const int64_t           t = g->in.shape.size[1], v = g->output.size[2];
    hoop__model_input       any = g->in;
    const hoop__model_kind *kind;
    const hoop_module      *root;
    hoop__model_memory      m;
    hoop_error              err = {.status = HOOP_OK};
    built                   b;
    char                    config[1100];
    int64_t                 tokens[64];
    double                 *got = calloc((size_t)(t * v), sizeof *got);
    any.shape.size[1]           = -1; /* in pieces of any length */
    (void)snprintf(config, sizeof config, "%.*s%s}\n", (int)strcspn(g->config, "}"), g->config,
                   strstr(g->config, "gpt") != NULL && strstr(g->config, "context") == NULL ? ", context: 7" : "");
    if (build(&b, config, HOOP_F64, 1, &any, 1, &g->target, &err) != HOOP_OK) fail_msg("%s: %s", config, err.text);
    prepare(&b);
    kind = hoop__model_kind_find(hoop_value_text(hoop_config_get(b.config, "model.kind")));
    root = hoop_model_root(b.model);
    assert_true(t < 64 && kind->remember(root, &m, &err) == HOOP_OK);
    for (int64_t i = 0; i < t; i++) tokens[i] = (i * 7919 + 3) % g->tokens;
    for (int64_t at = 0, n; at < t; at += n) {
        hoop_tensor *x, *y;
        n = at == 0 ? 2 : at == 2 && t > 4 ? 3 : 1;
        (void)hoop_tape_set_grad(tape, false);
        x = hoop_tape_wrap(tape, HOOP_I64, 2, (int64_t[]){1, n}, tokens + at);
        y = kind->next(root, tape, &m, x);
        if (hoop_tape_error(tape)->status != HOOP_OK) fail_msg("%s: %s", g->config, hoop_tape_error(tape)->text);
        assert_int_equal(hoop_tensor_read(y, got, &err), HOOP_OK);
        for (int64_t i = 0; i < n * v; i++)
            if (!(fabs(got[i] - g->value[at * v + i]) <= 1e-11 * fmax(1.0, fabs(g->value[at * v + i]))))
                fail_msg("%s: in pieces, output %lld is %.17g, PyTorch's %.17g", g->config, (long long)(at * v + i), got[i],
                         g->value[at * v + i]);
        assert_int_equal(m.read, at + n);
        (void)hoop_tape_reset(tape, NULL, NULL);
        (void)hoop_tape_set_grad(tape, true);
    }
    for (int i = 0; i < m.n; i++) hoop_tensor_destroy(&m.part[i]);
    free(m.part);
    free(got);
    (void)hoop_tape_bind(tape, NULL, NULL);
    clear(&b);
}

static void compare(const golden *g, hoop_dtype dtype)
{
    const hoop__model_kind *kind;
    hoop_error              err = {.status = HOOP_OK};
    built                   b;
    hoop_params            *p;
    hoop_tensor            *x, *y;
    if (build(&b, g->config, dtype, 1, &g->in, 1, &g->target, &err) != HOOP_OK) fail_msg("%s: %s", g->config, err.text);
    p = hoop_model_params(b.model);
    prepare(&b);
    names(g, p);
    (void)hoop_tape_set_training(tape, g->training);
    if (g->tokens > 0) {
        x = hoop_tape_tensor(tape, HOOP_I64, g->in.shape.ndim, g->in.shape.size, NULL);
        for (int64_t i = 0; i < hoop_tensor_numel(x); i++) ((int64_t *)hoop_tensor_data(x))[i] = (i * 7919 + 3) % g->tokens;
    } else {
        x = numbers(0, dtype, g->in.shape.ndim, g->in.shape.size);
    }
    hoop_model_forward(b.model, tape, 1, &x, &y);
    if (hoop_tape_error(tape)->status != HOOP_OK) fail_msg("%s: %s", g->config, hoop_tape_error(tape)->text);
    outputs(g, y, dtype == HOOP_F64 ? 1e-11 : 2e-4);
    if (dtype == HOOP_F64) gradients(g, p, y);
    (void)hoop_tape_bind(tape, NULL, NULL);
    assert_int_equal(hoop_tape_reset(tape, NULL, &err), HOOP_OK);
    kind = hoop__model_kind_find(hoop_value_text(hoop_config_get(b.config, "model.kind")));
    clear(&b);
    if (kind->next != NULL && g->tokens > 0 && dtype == HOOP_F64) in_pieces(g);
}

static void as_pytorch(void **state)
{
    static golden g;
    char          path[600];
    bool          seen[64] = {false};
    const char   *source   = getenv("HOOP_SOURCE_DIR");
    FILE         *f;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/tests/launch/models/kinds.golden", source == NULL ? "." : source);
    f = fopen(path, "re");
    if (f == NULL) fail_msg("can't open %s", path);
    while (read_case(f, &g)) {
        for (int i = 0; hoop__model_kind_get(i) != NULL; i++) {
            char kind[64];
            (void)snprintf(kind, sizeof kind, "kind: %s", hoop__model_kind_get(i)->name);
            if (strncmp(g.config + 8, kind, strlen(kind)) == 0 && strchr(",}", g.config[8 + strlen(kind)]) != NULL)
                seen[i] = true;
        }
        compare(&g, HOOP_F64);
        compare(&g, HOOP_F32);
    }
    (void)fclose(f);
    for (int i = 0; hoop__model_kind_get(i) != NULL; i++)
        if (!seen[i] && strcmp(hoop__model_kind_get(i)->name, "layers") != 0)
            fail_msg("%s is compared with nothing", hoop__model_kind_get(i)->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_pytorch)};
    int failed = hoop_runtime_create(NULL, NULL, &rt) == HOOP_OK && hoop_tape_create(rt, NULL, &tape) == HOOP_OK
                     ? cmocka_run_group_tests(tests, NULL, NULL)
                     : 1;
    hoop_tape_destroy(&tape);
    hoop_runtime_destroy(&rt);
    return failed;
}

/* The kinds of modules: linear, embedding, activations, dropout, flatten, normalize. A new kind is a row in the table below. */
#include "hoop/nn.h"
#include "hoop/ops.h"

#include <string.h>

extern const hoop_module_kind hoop__module_sequential;

/* linear: (N, ..., I) -> (N, ..., out) */
static const hoop_option linear_rows[] = {
    {"out", HOOP_OPT_INT, offsetof(hoop_linear_opts, out), NULL, 1, 1e9, NULL, true, "number of outputs"},
    {"no_bias", HOOP_OPT_BOOL, offsetof(hoop_linear_opts, no_bias), "false", 0, 0, NULL, true, "leave the bias out"},
};
static hoop_status linear_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_linear_opts *o  = hoop_module_opts(m);
    int64_t                 in = shape[*ndim - 1];
    hoop_status             st;
    if (*ndim < 2) return hoop_fail(err, HOOP_ESHAPE, "its input has no dim behind the batch");
    if (o->out < 1) return hoop_fail(err, HOOP_EARG, "out: %lld outputs; at least 1", (long long)o->out);
    st = hoop_module_param(m, 0, "weight", HOOP_PARAM_WEIGHT, 2, (int64_t[]){o->out, in}, in, err);
    if (st == HOOP_OK && !o->no_bias) st = hoop_module_param(m, 1, "bias", HOOP_PARAM_BIAS, 1, &o->out, in, err);
    shape[*ndim - 1] = o->out;
    return st;
}
static hoop_tensor *linear_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_linear(t, x, hoop_module_tensor(m, 0), hoop_module_tensor(m, 1));
}

/* embedding: i64 (N, ...) -> (N, ..., width) */
static const hoop_option embedding_rows[] = {
    {"rows", HOOP_OPT_INT, offsetof(hoop_embedding_opts, rows), NULL, 1, 1e12, NULL, true,
     "rows of the table: indices run from 0 to rows - 1"},
    {"width", HOOP_OPT_INT, offsetof(hoop_embedding_opts, width), NULL, 1, 1e9, NULL, true, "elements a row"},
};
static hoop_status embedding_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_embedding_opts *o = hoop_module_opts(m);
    if (*ndim == HOOP_MAX_DIMS) return hoop_fail(err, HOOP_ESHAPE, "its input has %d dims already", *ndim);
    if (o->rows < 1 || o->width < 1) return hoop_fail(err, HOOP_EARG, "rows and width: at least 1");
    shape[(*ndim)++] = o->width;
    return hoop_module_param(m, 0, "weight", HOOP_PARAM_TABLE, 2, (int64_t[]){o->rows, o->width}, 1, err);
}
static hoop_tensor *embedding_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_embedding(t, hoop_module_tensor(m, 0), x);
}

/* activations */
static hoop_tensor *relu_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m;
    return hoop_relu(t, x);
}
static hoop_tensor *tanh_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m;
    return hoop_tanh(t, x);
}
static hoop_tensor *sigmoid_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m;
    return hoop_sigmoid(t, x);
}
static const char *const gelu_kinds[] = {"none", "tanh", NULL};
static const hoop_option gelu_rows[]  = {
     {"approximate", HOOP_OPT_ENUM, offsetof(hoop_gelu_opts, approximate), "none", 0, 0, gelu_kinds, true,
      "none: by erf; tanh: the approximation"},
};
static hoop_tensor *gelu_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_gelu(t, x, (hoop_gelu_kind)((const hoop_gelu_opts *)hoop_module_opts(m))->approximate);
}

/* dropout */
static const hoop_option dropout_rows[] = {
    {"p", HOOP_OPT_FLOAT, offsetof(hoop_dropout_opts, p), NULL, 0, 0.999, NULL, true, "probability of zeroing an element"},
};
static hoop_tensor *dropout_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    return hoop_dropout(t, x, ((const hoop_dropout_opts *)hoop_module_opts(m))->p);
}

/* flatten: (N, ...) -> (N, product) */
static hoop_status flatten_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    int64_t n = 1;
    (void)m;
    for (int d = 1; d < *ndim; d++) {
        if (__builtin_mul_overflow(n, shape[d], &n)) return hoop_fail(err, HOOP_ESIZE, "its input's size overflows");
    }
    shape[1] = n;
    *ndim    = 2;
    return HOOP_OK;
}
static hoop_tensor *flatten_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m;
    return hoop_tensor_ndim(x) == 2 ? x : hoop_reshape(t, x, 2, (int64_t[]){hoop_tensor_size(x, 0), -1});
}

/* normalize: (x - mean) * inverse_std by element of the input; the statistics are buffers. Input of f64 loses its mean before it
 * is rounded to the model's dtype. */
static const char *const normalize_inputs[] = {"model", "f64", NULL};
static const hoop_option normalize_rows[]   = {
      {"input", HOOP_OPT_ENUM, offsetof(hoop_normalize_opts, input), "model", 0, 0, normalize_inputs, true,
       "dtype of its input: the model's, or f64"},
};
static hoop_status normalize_build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_normalize_opts *o     = hoop_module_opts(m);
    const hoop_dtype           dtype = hoop_module_dtype(m), input = o->input == HOOP_NORMALIZE_F64 ? HOOP_F64 : dtype;
    hoop_status                st = hoop_module_buffer(m, 0, "mean", input, *ndim - 1, shape + 1, err);
    return st == HOOP_OK ? hoop_module_buffer(m, 1, "inverse_std", dtype, *ndim - 1, shape + 1, err) : st;
}
static hoop_tensor *normalize_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_normalize_opts *o     = hoop_module_opts(m);
    const hoop_dtype           dtype = hoop_module_dtype(m);
    x                                = hoop_sub(t, x, hoop_module_tensor(m, 0));
    if (o->input == HOOP_NORMALIZE_F64 && dtype != HOOP_F64) x = hoop_cast(t, x, dtype);
    return hoop_mul(t, x, hoop_module_tensor(m, 1));
}

#define OPTIONS(rows)                                                                                                            \
    {                                                                                                                            \
        "", rows, (int)(sizeof(rows) / sizeof(rows)[0])                                                                          \
    }
static const hoop_module_kind linear    = {"linear", OPTIONS(linear_rows), sizeof(hoop_linear_opts),
                                           "out",    linear_build,         linear_forward};
static const hoop_module_kind embedding = {"embedding", OPTIONS(embedding_rows), sizeof(hoop_embedding_opts),
                                           NULL,        embedding_build,         embedding_forward};
static const hoop_module_kind relu      = {.name = "relu", .forward = relu_forward};
static const hoop_module_kind tanh_kind = {.name = "tanh", .forward = tanh_forward};
static const hoop_module_kind sigmoid   = {.name = "sigmoid", .forward = sigmoid_forward};
static const hoop_module_kind gelu      = {"gelu", OPTIONS(gelu_rows), sizeof(hoop_gelu_opts), "approximate", NULL, gelu_forward};
static const hoop_module_kind dropout = {"dropout", OPTIONS(dropout_rows), sizeof(hoop_dropout_opts), "p", NULL, dropout_forward};
static const hoop_module_kind flatten = {.name = "flatten", .build = flatten_build, .forward = flatten_forward};
static const hoop_module_kind normalize = {"normalize", OPTIONS(normalize_rows), sizeof(hoop_normalize_opts),
                                           "input",     normalize_build,         normalize_forward};

static const hoop_module_kind *const kinds[] = {&linear, &embedding, &relu,    &tanh_kind, &sigmoid,
                                                &gelu,   &dropout,   &flatten, &normalize, &hoop__module_sequential};

const hoop_module_kind *hoop_module_kind_get(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[i] : NULL;
}

const hoop_module_kind *hoop_module_kind_find(const char *name)
{
    const hoop_module_kind *k;
    for (int i = 0; (k = hoop_module_kind_get(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0) return k;
    }
    return NULL;
}

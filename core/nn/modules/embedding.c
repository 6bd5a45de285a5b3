/* embedding: i64 (N, ...) -> (N, ..., width); weight (rows, width). */
#include "hoop/ops.h"
#include "nn/module.h"

static const hoop_option rows[] = {
    {"rows", HOOP_OPT_INT, offsetof(hoop_embedding_opts, rows), NULL, 1, 1e12, NULL, true,
     "rows of the table: indices run from 0 to rows - 1"},
    {"width", HOOP_OPT_INT, offsetof(hoop_embedding_opts, width), NULL, 1, 1e9, NULL, true, "elements a row"},
    {"padding_idx", HOOP_OPT_INTS, offsetof(hoop_embedding_opts, padding_idx), "[]", -1e12, 1e12, NULL, true,
     "a row that is 0 at first and not trained; below 0 from the end"},
};

static hoop_status build(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err)
{
    const hoop_embedding_opts *o = hoop_module_opts(m);
    hoop_status                st;
    if (*ndim == HOOP_MAX_DIMS) return hoop_fail(err, HOOP_ESHAPE, "its input has %d dims already", *ndim);
    if (o->rows < 1 || o->width < 1) return hoop_fail(err, HOOP_EARG, "rows and width: at least 1");
    if (o->padding_idx.n > 1 || (o->padding_idx.n == 1 && (o->padding_idx.v[0] >= o->rows || o->padding_idx.v[0] < -o->rows)))
        return hoop_fail(err, HOOP_EARG, "padding_idx: one row of the %lld", (long long)o->rows);
    shape[(*ndim)++] = o->width;
    st               = hoop_module_param(m, 0, "weight", HOOP_PARAM_TABLE, 2, (int64_t[]){o->rows, o->width}, 1, err);
    if (st == HOOP_OK && o->padding_idx.n == 1)
        hoop__module_zero_row(m, o->padding_idx.v[0] < 0 ? o->padding_idx.v[0] + o->rows : o->padding_idx.v[0]);
    return st;
}

static hoop_tensor *forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    const hoop_ints *padding = &((const hoop_embedding_opts *)hoop_module_opts(m))->padding_idx;
    if (padding->n == 1) return hoop_embedding_padded(t, hoop_module_tensor(m, 0), x, padding->v[0]);
    return hoop_embedding(t, hoop_module_tensor(m, 0), x);
}

const hoop_module_kind hoop__module_embedding = {
    .name          = "embedding",
    .help          = "i64 (N, ...) -> (N, ..., width): rows of a table, looked up",
    .example       = "{embedding: {rows: 1000, width: 32}}",
    .options       = HOOP_OPTIONS(rows),
    .opts_size     = sizeof(hoop_embedding_opts),
    .takes_indices = true,
    .build         = build,
    .forward       = forward,
};

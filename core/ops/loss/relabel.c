/* relabel: one label for another. */
#include "hoop/ops.h"
#include "ops/shape.h"

extern const hoop_op hoop__op_relabel;

typedef struct relabel_attrs {
    int64_t from, to;
} relabel_attrs;
static const hoop_field fields[] = {
    {"from", 'i', offsetof(relabel_attrs, from)},
    {"to", 'i', offsetof(relabel_attrs, to)},
};

/**
 * hoop_relabel - labels as they are, but `to` where they are `from`.
 * Shape   label i64 [...] -> i64 [...]       Grad   none
 * Errors  HOOP_EDTYPE
 */
hoop_tensor *hoop_relabel(hoop_tape *t, hoop_tensor *label, int64_t from, int64_t to)
{
    return hoop_op_call(t, &hoop__op_relabel, &label, 1, &(relabel_attrs){from, to}, NULL);
}
static hoop_status shape(hoop_shape_call *s)
{
    if (s->in[0]->dtype != HOOP_I64) return hoop_fail(s->err, HOOP_EDTYPE, "labels are i64 (hoop_cast)");
    hoop__out_like(&s->out[0], s->in[0]);
    return HOOP_OK;
}
static void range(const void *ctx, int64_t first, int64_t n)
{
    const hoop_call     *c = ctx;
    const relabel_attrs *a = c->attrs;
    const int64_t       *x = c->in[0]->data;
    int64_t             *y = c->out->data;
    for (int64_t i = first; i < first + n; i++) y[i] = x[i] == a->from ? a->to : x[i];
}
static hoop_status forward(const hoop_call *c)
{
    hoop_threads_share(c->threads, hoop__view_numel(c->out), 2 * (int64_t)sizeof(int64_t), 64, range, c);
    return HOOP_OK;
}
static void relabel_reference(const hoop_call *c)
{
    const relabel_attrs *a = c->attrs;
    for (int64_t i = 0, n = hoop__view_numel(c->out); i < n; i++) {
        const int64_t label = (int64_t)hoop__at(c->in[0], i);
        hoop__put(c->out, i, (double)(label == a->from ? a->to : label));
    }
}
static const relabel_attrs two     = {2, -100};
static const hoop_case     cases[] = {
        {"i64:4<5", &two}, {"i64:2x3<5", &two}, {"i64:.<5", &two}, {"i64:0<5", &two}, {"4", &two, HOOP_EDTYPE}};

const hoop_op hoop__op_relabel = {
    .name       = "relabel",
    .min_in     = 1,
    .max_in     = 1,
    .nout       = 1,
    .flags      = HOOP_OP_NO_GRAD | HOOP_OP_ROW_WISE,
    .attrs_size = sizeof(relabel_attrs),
    HOOP_FIELDS(fields),
    .shape     = shape,
    .forward   = forward,
    .reference = relabel_reference,
    .samples   = hoop__samples_any,
    HOOP_CASES(cases),
};

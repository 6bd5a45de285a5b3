/*
 * What ran, to run again. While a tape is being recorded each kernel's call is kept as a command: an op, views in a table, plain
 * attributes. Views of the tape's own storage keep their addresses, as nothing goes back to the system before the next reset;
 * those of inputs, parameters and gradients are resolved anew at each replay.
 */
#include "tape/tape.h"

#include "base/threads.h"

#include <stdlib.h>
#include <string.h>

static void fill(const hoop_tape *t, const hoop_view *v, double value)
{
    const int64_t n = hoop__view_numel(v);
    const float   f = (float)value;
    if (value == 0.0)
        memset(v->data, 0, (size_t)n * hoop_dtype_size((hoop_dtype)v->dtype));
    else
        t->rt->kernels->copy[v->dtype](n, v->dtype == HOOP_F32 ? (const void *)&f : (const void *)&value, 0, v->data, 1);
}

/* ---- keep ---- */

static const void *base_data(const hoop_tape *t, int32_t base)
{
    return base < 0 ? hoop_params_grad_of(t->params, -1 - base) : t->bases.v[base].data;
}

/* a view into the table; -1: out of memory */
static int32_t keep_view(hoop_tape *t, const hoop_view *v, int32_t base)
{
    hoop_program *p = &t->program;
    if (!HOOP_GROW(t, p->views, p->views.n + 1) || !HOOP_GROW(t, p->patches, p->patches.n + 1)) return -1;
    if (base != 0 && v->data != NULL)
        p->patches.v[p->patches.n++] = (hoop_patch){p->views.n, base, (const char *)v->data - (const char *)base_data(t, base)};
    p->views.v[p->views.n] = *v;
    return p->views.n++;
}

static int32_t keep_bytes(hoop_tape *t, const void *x, size_t size)
{
    hoop_program *p  = &t->program;
    const int32_t at = p->attrs.n;
    if (x == NULL || size == 0) return -1;
    if (!HOOP_GROW(t, p->attrs, at + (int32_t)((size + 15) / 16 * 16))) return -1;
    memcpy(p->attrs.v + at, x, size);
    p->attrs.n += (int32_t)((size + 15) / 16 * 16);
    return at;
}

static hoop_command *keep(hoop_tape *t, const hoop_command *c)
{
    hoop_program *p = &t->program;
    if (!p->open || p->broken || !HOOP_GROW(t, p->commands, p->commands.n + 1)) return NULL;
    p->commands.v[p->commands.n]          = *c;
    p->commands.v[p->commands.n].backward = t->backward;
    return &p->commands.v[p->commands.n++];
}

static hoop_command *keep_launch(hoop_tape *t, const hoop_launch *l, hoop__kept kind, int nout)
{
    hoop_command c = {.add = l->add, .leaf = l->leaf, .nin = l->nin, .nout = nout, .view = t->program.views.n, .op = l->op};
    c.kind         = kind;
    c.attrs        = keep_bytes(t, l->attrs, l->op->attrs_size);
    for (int i = 0; i < l->nin; i++) (void)keep_view(t, l->in[i], l->in_base[i]);
    for (int j = 0; j < nout; j++) (void)keep_view(t, &l->out[j], j == 0 ? l->out_base : 0);
    return keep(t, &c);
}

bool hoop__launch(hoop_tape *t, const hoop_launch *l)
{
    if (t->program.open) (void)keep_launch(t, l, HOOP__RUN, l->nout);
    return hoop__run(t, l);
}

void hoop__tape_fill(hoop_tape *t, const hoop_view *v, int32_t base, double value)
{
    if (t->program.open) {
        hoop_command c = {.kind = HOOP__FILL, .view = t->program.views.n, .value = value};
        (void)keep_view(t, v, base);
        (void)keep(t, &c);
    }
    fill(t, v, value);
}

void hoop__keep(hoop_tape *t, hoop__kept kind, int param)
{
    if (t->program.open) (void)keep(t, &(hoop_command){.kind = kind, .param = param, .view = t->program.views.n});
}

void hoop__keep_terms(hoop_tape *t, int param, void *terms)
{
    hoop_view v = {.data = terms};
    if (!t->program.open) return;
    hoop__keep(t, HOOP__SUM, param);
    (void)keep_view(t, &v, 0);
}

void hoop__keep_pieces(hoop_tape *t, const hoop_launch *l, const hoop_pieces *p)
{
    hoop_command *c = t->program.open ? keep_launch(t, l, HOOP__PIECES, 1) : NULL;
    if (c != NULL) c->param = keep_bytes(t, p, sizeof *p);
}

/* ---- recorded programs ---- */

void hoop__program_clear(hoop_tape *t)
{
    hoop_program *p = &t->program;
    p->open = p->broken = p->whole = false;
    p->inputs = p->commands.n = p->views.n = p->patches.n = p->attrs.n = 0;
}

void hoop__program_free(hoop_tape *t)
{
    free(t->program.commands.v);
    free(t->program.views.v);
    free(t->program.patches.v);
    free(t->program.attrs.v);
    free((void *)t->program.in.v);
}

void hoop__program_end(hoop_tape *t)
{
    hoop_program *p = &t->program;
    if (!p->open) {
        p->broken |= p->whole; /* a second backward */
        return;
    }
    for (int32_t i = 0; i < t->tensors.n && !p->broken; i++) p->broken = t->tensors.v[i]->read;
    if (!HOOP_GROW(t, p->in, p->views.n + 1)) p->broken = true;
    for (int32_t i = 0; i < p->views.n && !p->broken; i++) p->in.v[i] = &p->views.v[i];
    if (t->cache.trims != p->trims) p->broken = true; /* memory that views point to has gone */
    p->whole = t->error.status == HOOP_OK;
    p->open  = false;
}

hoop_status hoop_tape_record(hoop_tape *t, hoop_error *err)
{
    if (t->tensors.n > 0 || t->program.open)
        return hoop_fail(err, HOOP_ESTATE, "hoop_tape_record: call it right after hoop_tape_reset");
    hoop__program_clear(t);
    t->program.open  = true;
    t->program.trims = t->cache.trims;
    return HOOP_OK;
}

bool hoop_tape_recorded(const hoop_tape *t)
{
    return t->program.whole && !t->program.broken && t->error.status == HOOP_OK;
}

/* ---- replay ---- */

static hoop_status check(const hoop_tape *t, int ninputs, const void *const *input, hoop_error *err)
{
    if (!hoop_tape_recorded(t))
        return hoop_fail(err, HOOP_ESTATE, "hoop_tape_replay: nothing that can be replayed was recorded on this tape");
    if (ninputs != t->program.inputs)
        return hoop_fail(err, HOOP_EARG, "hoop_tape_replay: %d inputs, and %d were recorded", ninputs, t->program.inputs);
    for (int i = 0; i < ninputs; i++)
        if (input[i] == NULL) return hoop_fail(err, HOOP_EARG, "hoop_tape_replay: input %d is NULL", i);
    return HOOP_OK;
}

/* where inputs, parameters and gradients are now */
static void resolve(hoop_tape *t, const void *const *input)
{
    hoop_program *p = &t->program;
    for (int32_t k = 0; k < p->patches.n; k++) {
        const hoop_patch *at      = &p->patches.v[k];
        const hoop_base  *base    = at->base < 0 ? NULL : &t->bases.v[at->base];
        const void       *data    = base == NULL                ? hoop_params_grad_of(t->params, -1 - at->base)
                                    : base->kind == HOOP__INPUT ? input[base->id]
                                    : base->kind == HOOP__PARAM ? t->params->param[base->id].tensor->v.data
                                                                : base->tensor->v.data;
        p->views.v[at->view].data = (char *)(uintptr_t)data + at->offset;
    }
}

static hoop_status replay_one(hoop_tape *t, const hoop_command *c)
{
    const hoop_program *p = &t->program;
    const hoop_launch   l = {.op    = c->op,
                             .attrs = c->attrs < 0 ? NULL : p->attrs.v + c->attrs,
                             .in    = p->in.v + c->view,
                             .nin   = c->nin,
                             .out   = p->views.v + c->view + c->nin,
                             .nout  = c->nout,
                             .leaf  = c->leaf,
                             .add   = c->add};
    hoop_error          why;
    switch (c->kind) {
    case HOOP__RUN:
        if (!hoop__run(t, &l)) return t->error.status;
        break;
    case HOOP__FILL:
        fill(t, l.out, c->value);
        break;
    case HOOP__SUM:
        hoop__sum_terms(t, c->param, l.out->data);
        break;
    case HOOP__PIECES:
        why.status = HOOP_OK;
        if (hoop__sum_pieces(t, &l, (const hoop_pieces *)(const void *)(p->attrs.v + c->param), &why) != HOOP_OK)
            hoop__op_failed(t, l.op, NULL, l.in, l.nin, &why);
        break;
    case HOOP__READY:
        if (t->leaves.n == 0) t->params->grad_set[c->param] = true;
        if (t->opts->ready != NULL) t->opts->ready(t->opts->ctx, c->param);
        break;
    case HOOP__POLL:
        if (t->opts->poll != NULL) t->opts->poll(t->opts->ctx);
        break;
    }
    return t->error.status;
}

static HOOP_NOINLINE hoop_status replay_all(hoop_tape *t)
{
    for (int32_t k = 0; k < t->program.commands.n; k++) {
        const hoop_command *c = &t->program.commands.v[k];
        t->backward           = c->backward;
        if (replay_one(t, c) != HOOP_OK) break;
    }
    t->backward = false;
    return t->error.status;
}

hoop_status hoop_tape_replay(hoop_tape *t, const hoop_tape_key *key, const uint64_t *leaf, int ninputs, const void *const *input,
                             const hoop_backward_opts *opts, hoop_error *err)
{
    static const hoop_backward_opts none = {0};
    hoop_status                     st   = check(t, ninputs, input, err);
    uint64_t                        mode;
    if (st != HOOP_OK) return st;
    if (key != NULL) t->key = *key;
    for (int i = 0; i < t->leaves.n && leaf != NULL; i++) t->leaves.number.v[i] = leaf[i];
    t->file = NULL;
    t->opts = opts == NULL ? &none : opts;
    resolve(t, input);
    mode = hoop_fp_enter();
    st   = replay_all(t);
    hoop_fp_restore(mode);
    t->opts = NULL;
    if (st == HOOP_OK) return HOOP_OK;
    (void)hoop_fail(err, st, "%s", t->error.text);
    t->error.status  = HOOP_OK; /* of this run; the next may be fine */
    t->error.text[0] = '\0';
    return st;
}

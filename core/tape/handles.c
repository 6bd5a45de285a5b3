/* What a tape holds: headers and storage of tensors, nodes, growing arrays, the error that sticks. */
#include "tape/tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hoop_tape_fail(hoop_tape *t, hoop_status status, const char *format, ...)
{
    char    place[HOOP_ERROR_TEXT / 2] = "";
    va_list args;
    if (t->error.status != HOOP_OK) return;
    if (t->file != NULL) (void)snprintf(place, sizeof place, " [%s%s:%d]", t->passed ? "after " : "", t->file, t->line);
    va_start(args, format);
    (void)hoop_vfail(&t->error, status, NULL, place, format, args);
    va_end(args);
}

bool hoop__grow(hoop_tape *t, void **v, int32_t *capacity, int32_t wanted, size_t size)
{
    int32_t bigger = *capacity > 0 ? *capacity : 64;
    void   *p;
    if (wanted <= *capacity) return true;
    while (bigger < wanted && bigger <= INT32_MAX / 2) bigger *= 2;
    p = bigger < wanted ? NULL : realloc(*v, (size_t)bigger * size);
    if (p == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "no memory for a tape of %d entries", wanted);
        return false;
    }
    memset((char *)p + (size_t)*capacity * size, 0, (size_t)(bigger - *capacity) * size);
    *v        = p;
    *capacity = bigger;
    return true;
}

hoop_tensor *hoop__tensor_new(hoop_tape *t, const hoop_view *v)
{
    hoop_tensor *x  = hoop__arena_alloc(&t->arena, (int64_t)sizeof *x);
    int32_t      id = t->tensors.n;
    if (x == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "no memory for a tensor's header");
        return NULL;
    }
    if (!HOOP_GROW(t, t->tensors, id + 1) || !HOOP_GROW(t, t->slots, id + 1)) return NULL;
    memset((char *)x + sizeof x->v, 0, sizeof *x - sizeof x->v);
    x->v     = *v;
    x->numel = hoop__view_numel(v);
    x->tape  = t;
    x->id    = id;
    x->node = x->param = x->rows_of = -1;
    x->axis                         = -1;
    x->contiguous                   = true;
    t->slots.v[id]                  = (hoop_slot){0};
    t->tensors.v[id]                = x;
    t->tensors.n                    = id + 1;
    return x;
}

const char *hoop__memory_text(const hoop_tape *t, char out[HOOP__MEMORY_TEXT])
{
    const hoop_cache *c = &t->cache;
    int n = snprintf(out, HOOP__MEMORY_TEXT, "; %lld bytes are live, %lld were at most", (long long)c->live, (long long)c->peak);
    if (c->limit > 0) n += snprintf(out + n, (size_t)(HOOP__MEMORY_TEXT - n), ", and the limit is %lld", (long long)c->limit);
    if (c->cap > 0)
        (void)snprintf(out + n, (size_t)(HOOP__MEMORY_TEXT - n), "; %lld of the cap of %lld are taken", (long long)c->reserved,
                       (long long)c->cap);
    return out;
}

bool hoop__tensor_allocate(hoop_tape *t, hoop_tensor *x, const char *what)
{
    int64_t bytes = x->numel * (int64_t)hoop_dtype_size((hoop_dtype)x->v.dtype);
    char    shape[160], memory[HOOP__MEMORY_TEXT];
    x->storage = hoop__storage_get(&t->cache, bytes > 0 ? bytes : 1);
    if (x->storage == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "%s: no memory for %s, %lld bytes%s", what,
                       hoop__view_describe(&x->v, shape, sizeof shape), (long long)bytes, hoop__memory_text(t, memory));
        x->poison   = true;
        x->released = true;
        return false;
    }
    x->v.data = x->storage->data;
    return true;
}

void hoop__tensor_release(hoop_tape *t, hoop_tensor *x)
{
    if (x->released) return;
    x->released = true;
    if (x->storage != NULL) hoop__storage_put(&t->cache, x->storage);
    x->storage = NULL;
    x->v.data  = NULL;
}

/* In a replay it is in use from the first command on: then it must be no tensor's, not even one that is gone when it grows. */
void *hoop__scratch(hoop_tape *t, hoop_storage **s, int64_t bytes)
{
    const bool kept = t->program.open || t->program.whole;
    if (*s == NULL || (*s)->bytes < bytes) {
        hoop_storage *bigger = kept ? hoop__storage_new(&t->cache, bytes) : hoop__storage_get(&t->cache, bytes);
        if (bigger == NULL) return NULL;
        if (*s != NULL) hoop__storage_put(&t->cache, *s);
        *s = bigger;
    }
    return (*s)->data;
}

void hoop__record(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, int nin, const void *attrs, hoop_tensor *const *out,
                  int nout)
{
    const int32_t first = t->ids.n, at = t->attrs.n, size = attrs == NULL ? 0 : (int32_t)((op->attrs_size + 15) / 16 * 16);
    bool          needs = false, leads = false;
    for (int i = 0; i < nin; i++) {
        needs |= in[i]->needs_grad;
        leads |= in[i]->leads;
    }
    if (!HOOP_GROW(t, t->nodes, t->nodes.n + 1) || !HOOP_GROW(t, t->ids, first + nin + nout) ||
        !HOOP_GROW(t, t->attrs, at + size))
        return;
    for (int i = 0; i < nin; i++) t->ids.v[first + i] = in[i]->id;
    for (int j = 0; j < nout; j++) t->ids.v[first + nin + j] = out[j]->id;
    if (size > 0) memcpy(t->attrs.v + at, attrs, op->attrs_size);
    t->nodes.v[t->nodes.n] = (hoop_node){op, first, nin, nout, size > 0 ? at : -1, t->leaves.current};
    t->ids.n += nin + nout;
    t->attrs.n += size;
    for (int j = 0; j < nout; j++) {
        out[j]->node       = t->nodes.n;
        out[j]->needs_grad = needs && (op->flags & HOOP_OP_NO_GRAD) == 0 && hoop_dtype_is_float((hoop_dtype)out[j]->v.dtype);
        out[j]->leads      = leads && out[j]->needs_grad;
    }
    t->nodes.n++;
}

void hoop__op_failed(hoop_tape *t, const hoop_op *op, hoop_tensor *const *in, const hoop_view *const *inv, int nin,
                     const hoop_error *why)
{
    char   text[512], shape[160];
    size_t at = 0;
    text[0]   = '\0';
    for (int i = 0; i < nin && at + sizeof shape < sizeof text; i++) {
        const char *of =
            in != NULL ? hoop_tensor_describe(in[i], shape, sizeof shape) : hoop__view_describe(inv[i], shape, sizeof shape);
        int n = snprintf(text + at, sizeof text - at, "%s%s", i == 0 ? "" : ", ", of);
        at += n > 0 ? (size_t)n : 0;
    }
    hoop_tape_fail(t, why->status, "%s: %s; inputs %s", op->name, why->text, text);
}

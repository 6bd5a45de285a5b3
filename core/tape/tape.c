#include "hoop/tape.h"

#include "tape/tape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hoop_status hoop__tape_create(hoop_runtime *rt, const hoop_engine_ops *ops, hoop_error *err, hoop_tape **out)
{
    hoop_tape *t = calloc(1, sizeof *t);
    *out         = NULL;
    if (t == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a tape");
    t->rt            = rt;
    t->ops           = ops;
    t->cache.cap     = rt->memory_cap_bytes;
    t->recording     = true;
    t->poison.tape   = t;
    t->poison.poison = t->poison.contiguous = true;
    t->poison.id = t->poison.node = t->poison.param = t->poison.rows_of = -1;
    t->poison.axis                                                      = -1;
    t->leaves.current                                                   = -1;
    t->poison.weight                                                    = &t->poison;
    *out                                                                = t;
    return HOOP_OK;
}

static void release_all(hoop_tape *t, int32_t from)
{
    for (int32_t i = from; i < t->tensors.n; i++) hoop__tensor_release(t, t->tensors.v[i]);
}

void hoop_tape_destroy(hoop_tape **tape)
{
    hoop_tape *t;
    if (tape == NULL || *tape == NULL) return;
    t = *tape;
    release_all(t, 0);
    hoop__leaf_grads_drop(t);
    hoop__leaves_free(t);
    hoop__program_free(t);
    if (t->scratch != NULL) hoop__storage_put(&t->cache, t->scratch);
    if (t->pieces != NULL) hoop__storage_put(&t->cache, t->pieces);
    hoop__cache_trim(&t->cache);
    hoop__arena_destroy(&t->arena);
    free(t->tensors.v);
    free(t->nodes.v);
    free(t->ids.v);
    free(t->attrs.v);
    free(t->bases.v);
    free(t->slots.v);
    free(t->other_slots.v);
    free(t->last_reader.v);
    free(t->reached.v);
    free(t->uses.v);
    free(t->leaf_grads.v);
    free(t->acquired.v);
    free(t->sites.v);
    free(t->scopes.v);
    free(t->emissions.v);
    free(t->segments.v);
    free(t->again.v);
    free(t->runs.v);
    free(t);
    *tape = NULL;
}

hoop_status hoop_tape_reset(hoop_tape *t, const hoop_tape_key *key, hoop_error *err)
{
    hoop_status st = t->error.status;
    if (st != HOOP_OK) (void)hoop_fail(err, st, "%s", t->error.text);
    release_all(t, 0);
    hoop__arena_rollback(&t->arena, (hoop_arena_mark){NULL, 0});
    t->tensors.n = t->nodes.n = t->sites.n = t->scopes.n = t->ids.n = t->attrs.n = t->bases.n = 0;
    t->emissions.n = t->segments.n = 0;
    t->in_segment                  = false;
    hoop__leaf_grads_drop(t);
    hoop__leaves_clear(t);
    hoop__program_clear(t);
    if (t->slots.v != NULL) memset(t->slots.v, 0, (size_t)t->slots.capacity * sizeof *t->slots.v);
    if (t->acquired.v != NULL) memset(t->acquired.v, 0, (size_t)t->acquired.capacity * sizeof *t->acquired.v);
    if (!t->bound) t->params = NULL;
    t->error.status  = HOOP_OK;
    t->error.text[0] = '\0';
    t->sink          = NULL;
    t->file          = NULL;
    t->site          = 0;
    if (key != NULL) t->key = *key;
    return st;
}

const hoop_error *hoop_tape_error(const hoop_tape *t)
{
    return &t->error;
}

hoop_tape *hoop_tape_at(hoop_tape *t, const char *file, int line)
{
    t->file   = file;
    t->line   = line;
    t->passed = false;
    return t;
}

bool hoop_tape_set_grad(hoop_tape *t, bool on)
{
    bool before  = t->recording;
    t->recording = on;
    return before;
}

bool hoop_tape_set_training(hoop_tape *t, bool on)
{
    bool before = t->training;
    t->training = on;
    return before;
}

uint64_t hoop_tape_set_site(hoop_tape *t, uint64_t site)
{
    uint64_t before = t->site;
    t->site         = site;
    return before;
}

void hoop_tape_memory(const hoop_tape *t, int64_t *live, int64_t *peak, int64_t *reserved)
{
    if (live != NULL) *live = t->cache.live;
    if (peak != NULL) *peak = t->cache.peak;
    if (reserved != NULL) *reserved = t->cache.reserved;
}

void hoop_tape_set_limit(hoop_tape *t, int64_t bytes)
{
    t->cache.limit = bytes;
}

/* where x's memory is from, for replay */
static void base_set(hoop_tape *t, hoop_tensor *x, const hoop_base *base)
{
    if (t->bases.n == 0) t->bases.n = 1; /* 0: the tape's own */
    if (!HOOP_GROW(t, t->bases, t->bases.n + 1)) return;
    t->bases.v[t->bases.n] = *base;
    x->base                = t->bases.n++;
}

static hoop_tensor *input_new(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape)
{
    hoop_view    v;
    int64_t      numel;
    hoop_tensor *x;
    if (t->error.status != HOOP_OK) return NULL;
    if (hoop_shape_numel(dtype, ndim, shape, &t->error, &numel) != HOOP_OK) return NULL;
    hoop__view_set(&v, dtype, ndim, shape);
    x = hoop__tensor_new(t, &v);
    return x;
}

hoop_tensor *hoop_tape_tensor(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, const void *data)
{
    hoop_tensor *x = input_new(t, dtype, ndim, shape);
    size_t       bytes;
    if (x == NULL || !hoop__tensor_allocate(t, x, "hoop_tape_tensor")) return &t->poison;
    bytes = (size_t)x->numel * hoop_dtype_size(dtype);
    if (data != NULL) t->program.broken = true; /* another time they may be others */
    if (data != NULL && bytes > 0)
        memcpy(x->v.data, data, bytes);
    else
        hoop__tape_fill(t, &x->v, 0, 0.0);
    return x;
}

hoop_tensor *hoop_tape_constant(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, const void *data)
{
    const bool   broken = t->program.broken;
    hoop_tensor *x      = hoop_tape_tensor(t, dtype, ndim, shape, data);
    t->program.broken   = broken;
    return hoop_retain(t, x);
}

hoop_tensor *hoop_tape_wrap(hoop_tape *t, hoop_dtype dtype, int ndim, const int64_t *shape, const void *data)
{
    hoop_tensor *x = input_new(t, dtype, ndim, shape);
    if (x == NULL) return &t->poison;
    if (data == NULL && x->numel > 0) {
        hoop_tape_fail(t, HOOP_EARG, "hoop_tape_wrap: data is NULL");
        return &t->poison;
    }
    memcpy(&x->v.data, &data, sizeof data); /* ops never write to their inputs */
    base_set(t, x, &(hoop_base){.kind = HOOP__INPUT, .id = t->program.whole ? -1 : t->program.inputs++, .data = data});
    return x;
}

/* The store's memory may be elsewhere by now (hoop_params_use_data): handles of the parameter, and views of it, follow. */
void hoop__param_follow(hoop_tape *t, int32_t base)
{
    hoop_base  *b = &t->bases.v[base];
    const char *now;
    if (b->kind != HOOP__PARAM || b->data == (now = b->tensor->v.data)) return;
    for (int32_t i = 0; i < t->tensors.n; i++) {
        hoop_tensor *x = t->tensors.v[i];
        if (x->base == base && x->v.data != NULL)
            x->v.data = (char *)(uintptr_t)now + ((char *)x->v.data - (const char *)b->data);
    }
    b->data = now;
}

/* no handle of another store is on the tape */
static bool may_change_store(const hoop_tape *t, const hoop_params *params)
{
    for (int32_t i = 0; t->params != params && i < t->acquired.capacity; i++) {
        if (t->acquired.v[i] != NULL) return false;
    }
    return true;
}

hoop_tensor *hoop__acquire(hoop_tape *t, hoop_tensor *x)
{
    hoop_tensor *a;
    if (x->tape == t) return x;
    if (x->tape != NULL) {
        hoop_tape_fail(t, HOOP_EARG, "a tensor of one tape was used on another; copy it with hoop_tensor_assign");
        return NULL;
    }
    if (x->param >= 0) {
        if (t->params != x->params) {
            if (t->bound || !may_change_store(t, x->params)) {
                hoop_tape_fail(t, HOOP_EARG,
                               "parameters of two stores on one tape: %s is not of the one that is %s; use one store",
                               hoop_params_name(x->params, x->param), t->bound ? "bound" : "in use");
                return NULL;
            }
            t->params = x->params;
        }
        if (x->v.data == NULL && x->numel > 0) {
            hoop_tape_fail(t, HOOP_ESTATE, "parameter %s was used before hoop_params_finalize",
                           hoop_params_name(x->params, x->param));
            return NULL;
        }
        if (!HOOP_GROW(t, t->acquired, x->params->count)) return NULL;
        if (t->acquired.v[x->param] != NULL) return t->acquired.v[x->param];
    }
    a = hoop__tensor_new(t, &x->v);
    if (a == NULL) return NULL;
    a->source     = x;
    a->version    = x->version;
    a->params     = x->params;
    a->param      = x->param;
    a->needs_grad = x->param >= 0 && !x->params->param[x->param].frozen;
    a->leaf       = true;
    base_set(t, a, &(hoop_base){x->param >= 0 ? HOOP__PARAM : HOOP__PERSISTENT, x->param, x, x->v.data});
    if (x->param >= 0) t->acquired.v[x->param] = a;
    return a;
}

hoop_status hoop_tape_bind(hoop_tape *t, hoop_params *params, hoop_error *err)
{
    if (!may_change_store(t, params))
        return hoop_fail(err, HOOP_EARG, "hoop_tape_bind: parameters of another store are in use; reset the tape before it");
    t->params = params;
    t->bound  = params != NULL;
    return HOOP_OK;
}

hoop_tensor *hoop_tape_watch(hoop_tape *t, const hoop_tensor *x)
{
    hoop_tensor *a;
    if (t->error.status != HOOP_OK || hoop_tensor_is_poison(x)) return &t->poison;
    if (x->tape != NULL && x->tape != t) {
        hoop_tape_fail(t, HOOP_EARG, "hoop_tape_watch: a tensor of another tape");
        return &t->poison;
    }
    if (x->released || !hoop_dtype_is_float((hoop_dtype)x->v.dtype)) {
        hoop_tape_fail(t, x->released ? HOOP_ERELEASED : HOOP_EDTYPE,
                       "hoop_tape_watch: a tensor of f32 or f64 that is not released is wanted");
        return &t->poison;
    }
    a = hoop__tensor_new(t, &x->v);
    if (a == NULL) return &t->poison;
    a->source  = x->tape != NULL ? x->source : (hoop_tensor *)(uintptr_t)x; /* only its version is read */
    a->version = x->version;
    a->storage = x->tape != NULL ? x->storage : NULL;
    a->axis    = x->axis;
    if (a->storage != NULL) a->storage->refs++;
    if (x->tape != NULL)
        a->base = x->base;
    else
        base_set(t, a, &(hoop_base){HOOP__PERSISTENT, -1, x, x->v.data});
    a->contiguous = x->contiguous;
    a->needs_grad = a->leaf = a->retained = true;
    return a;
}

hoop_tensor *hoop_retain(hoop_tape *t, hoop_tensor *x)
{
    if (x != NULL && x->tape == t) x->retained = true;
    return x;
}

hoop_tensor *hoop_tensor_grad(const hoop_tensor *x)
{
    return x == NULL || x->tape == NULL || x->poison || !x->leaf || x->id >= x->tape->slots.capacity
               ? NULL
               : x->tape->slots.v[x->id].grad;
}

hoop_tensor *hoop_loss_weight(const hoop_tensor *x)
{
    return x == NULL ? NULL : x->weight;
}

int64_t hoop_scope_begin(hoop_tape *t)
{
    int32_t i = t->scopes.n;
    if (t->recording) {
        hoop_tape_fail(t, HOOP_ESTATE, "hoop_scope_begin while recording; call hoop_tape_set_grad(t, false) before it");
        return -1;
    }
    if (!HOOP_GROW(t, t->scopes, i + 1)) return -1;
    t->scopes.v[i] = (hoop_scope){
        hoop__arena_mark(&t->arena), t->tensors.n, t->nodes.n, t->ids.n, t->attrs.n, t->bases.n, t->segments.n, t->passes};
    t->program.broken = true;
    t->scopes.n       = i + 1;
    return i;
}

/* a copy of x's header with a reference of its own to the storage */
static hoop_tensor hold(const hoop_tensor *x)
{
    if (x->storage != NULL && !x->released) x->storage->refs++;
    return *x;
}

/* x, whose header was held, after all from tensor `from` on are gone: itself if it is older, else anew */
static hoop_tensor *put_back(hoop_tape *t, const hoop_tensor *held, hoop_tensor *x, int32_t from)
{
    hoop_tensor *again = held->id < from ? NULL : hoop__tensor_new(t, &held->v);
    if (again == NULL) {
        if (held->storage != NULL && !held->released) hoop__storage_put(&t->cache, held->storage);
        return held->id < from ? x : &t->poison;
    }
    again->storage    = held->storage;
    again->released   = held->released;
    again->contiguous = held->contiguous;
    again->axis       = held->axis;
    return again;
}

void hoop_scope_end(hoop_tape *t, int64_t scope, hoop_tensor **keep, int n)
{
    hoop_tensor *kept, *weight, *w;
    hoop_scope   s;
    if (scope < 0 || scope >= t->scopes.n || n < 0 || t->recording) {
        hoop_tape_fail(t, HOOP_ESTATE, "hoop_scope_end: no such scope, or recording");
        return;
    }
    kept = hoop__scratch(t, &t->scratch, 2 * (int64_t)n * (int64_t)sizeof *kept);
    if (kept == NULL) {
        hoop_tape_fail(t, HOOP_ENOMEM, "hoop_scope_end: no memory to keep %d tensors", n);
        return;
    }
    weight = kept + n;
    s      = t->scopes.v[scope];
    for (int i = 0; i < n; i++) {
        kept[i].tape = NULL;
        if (keep[i] == NULL || keep[i]->poison || keep[i]->tape != t) continue;
        kept[i] = hold(keep[i]);
        if (kept[i].weight != NULL) weight[i] = hold(kept[i].weight);
    }
    release_all(t, s.tensors);
    if (t->slots.v != NULL) memset(&t->slots.v[s.tensors], 0, (size_t)(t->tensors.n - s.tensors) * sizeof *t->slots.v);
    t->tensors.n = s.tensors;
    t->nodes.n   = s.nodes; /* recording inside a scope leaves nothing */
    t->ids.n     = s.ids;
    t->attrs.n   = s.attrs;
    t->bases.n   = s.bases;
    if (t->segments.n > s.segments) t->in_segment = false;
    t->segments.n = s.segments;
    for (int32_t i = 0; i < s.tensors && t->passes != s.passes; i++) { /* nor does backward */
        if (t->slots.v[i].grad != NULL && t->slots.v[i].grad->id >= s.tensors) t->slots.v[i].grad = NULL;
    }
    hoop__arena_rollback(&t->arena, s.mark);
    t->scopes.n = (int32_t)scope;
    if (t->acquired.v != NULL) { /* handles made inside the scope are gone */
        for (int32_t i = 0; i < t->acquired.capacity; i++) {
            if (t->acquired.v[i] != NULL && t->acquired.v[i]->id >= s.tensors) t->acquired.v[i] = NULL;
        }
    }
    for (int i = 0; i < n; i++) {
        if (kept[i].tape == NULL) continue; /* not of this tape */
        keep[i] = put_back(t, &kept[i], keep[i], s.tensors);
        if (kept[i].weight == NULL) continue;
        w = put_back(t, &weight[i], kept[i].weight, s.tensors);
        if (!keep[i]->poison) keep[i]->weight = w;
    }
}

#include "hoop/params.h"

#include "hoop/option.h"

#include "tensor/params.h"
#include "tensor/storage.h"
#include "tensor/tensor.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 240 };

hoop_status hoop_params_create(hoop_dtype dtype, hoop_error *err, hoop_params **out)
{
    hoop_params *p;
    *out = NULL;
    if (!hoop_dtype_is_float(dtype))
        return hoop_fail(err, HOOP_EDTYPE, "parameters are f32 or f64, not %s", hoop_dtype_name(dtype));
    p = calloc(1, sizeof *p);
    if (p == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a parameter store");
    p->dtype = dtype;
    *out     = p;
    return HOOP_OK;
}

static void free_named(struct hoop_named *v, int n, bool owns)
{
    for (int i = 0; i < n; i++) {
        free(v[i].name);
        if (owns) hoop_tensor_destroy(&v[i].tensor);
    }
    free(v);
}

void hoop_params_destroy(hoop_params **params)
{
    hoop_params *p;
    if (params == NULL || *params == NULL) return;
    p = *params;
    for (int i = 0; i < p->count; i++) {
        free(p->param[i].name);
        hoop_tensor_destroy(&p->param[i].tensor);
    }
    free(p->param);
    free_named(p->buffer, p->nbuffers, true);
    free_named(p->alias, p->naliases, false);
    free(p->running);
    if (p->owns_memory) free(p->memory);
    free(p->grad_set);
    free(p);
    *params = NULL;
}

static struct hoop_named *find_named(struct hoop_named *v, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(v[i].name, name) == 0) return &v[i];
    }
    return NULL;
}

static hoop_status check_name(const hoop_params *p, const char *name, hoop_error *err)
{
    size_t n = name == NULL ? 0 : strlen(name);
    if (n == 0 || n > LONGEST_NAME || strchr(name, '/') != NULL) {
        return hoop_fail(err, HOOP_EARG, "parameter name '%s': 1 to %d characters, none of them '/'", name == NULL ? "" : name,
                         LONGEST_NAME);
    }
    if (hoop_params_find(p, name) >= 0 || find_named(p->buffer, p->nbuffers, name) != NULL) {
        return hoop_fail(err, HOOP_EARG, "parameter name '%s' is taken", name);
    }
    return HOOP_OK;
}

/* make room for one more element of a growing array */
static bool room(void **v, int n, int *capacity, size_t size)
{
    int   bigger = *capacity == 0 ? 16 : 2 * *capacity;
    void *grown;
    if (n < *capacity) return true;
    grown = realloc(*v, (size_t)bigger * size);
    if (grown == NULL) return false;
    *v        = grown;
    *capacity = bigger;
    return true;
}

static hoop_status append_named(struct hoop_named **v, int *n, int *capacity, const char *name, hoop_tensor *tensor,
                                hoop_error *err)
{
    char *copy = strdup(name);
    if (copy == NULL || !room((void **)v, *n, capacity, sizeof **v)) {
        free(copy);
        return hoop_fail(err, HOOP_ENOMEM, "no memory for '%s'", name);
    }
    (*v)[(*n)++] = (struct hoop_named){copy, tensor};
    return HOOP_OK;
}

hoop_status hoop_params_add(hoop_params *p, const char *name, int ndim, const int64_t *shape, hoop_error *err, hoop_tensor **out)
{
    hoop_status  st;
    hoop_tensor *x    = NULL;
    char        *copy = NULL;
    int64_t      numel, blocks;
    char         nowhere; /* stands for the memory that finalize gives */
    *out = NULL;
    if (p->finalized) return hoop_fail(err, HOOP_ESTATE, "parameter '%s' after hoop_params_finalize", name);
    HOOP_TRY(st, done, check_name(p, name, err));
    HOOP_TRY(st, done, hoop_shape_numel(p->dtype, ndim, shape, err, &numel));
    HOOP_TRY(st, done, hoop_tensor_wrap(p->dtype, ndim, shape, &nowhere, err, &x));
    blocks = (numel + HOOP_BLOCK - 1) / HOOP_BLOCK;
    if (blocks > (INT64_MAX / 32) / HOOP_BLOCK - p->nblocks) {
        st = hoop_fail(err, HOOP_ESIZE, "parameter '%s': the store overflows", name);
        goto done;
    }
    copy = strdup(name);
    if (copy == NULL || !room((void **)&p->param, p->count, &p->capacity, sizeof *p->param)) {
        st = hoop_fail(err, HOOP_ENOMEM, "no memory for parameter '%s'", name);
        goto done;
    }
    x->v.data            = NULL;
    x->params            = p;
    x->param             = p->count;
    p->param[p->count++] = (struct hoop_param){copy, x, p->nblocks, blocks, false};
    p->nblocks += blocks;
    p->trained += blocks;
    p->numel += numel;
    *out = x;
    return HOOP_OK;
done:
    free(copy);
    hoop_tensor_destroy(&x);
    return st;
}

hoop_status hoop_params_alias(hoop_params *p, const char *name, hoop_tensor *param, hoop_error *err)
{
    hoop_status st = check_name(p, name, err);
    if (st != HOOP_OK) return st;
    if (param == NULL || param->params != p)
        return hoop_fail(err, HOOP_EARG, "alias '%s' of a tensor that is no parameter of this store", name);
    return append_named(&p->alias, &p->naliases, &p->alias_capacity, name, param, err);
}

hoop_status hoop_params_add_buffer(hoop_params *p, const char *name, hoop_dtype dtype, int ndim, const int64_t *shape,
                                   hoop_error *err, hoop_tensor **out)
{
    hoop_tensor *x = NULL;
    hoop_status  st;
    *out = NULL;
    HOOP_TRY(st, done, check_name(p, name, err));
    HOOP_TRY(st, done, hoop_tensor_create(dtype, ndim, shape, err, &x));
    HOOP_TRY(st, done, append_named(&p->buffer, &p->nbuffers, &p->buffer_capacity, name, x, err));
    *out = x;
    return HOOP_OK;
done:
    hoop_tensor_destroy(&x);
    return st;
}

/* ---- running statistics ---- */

static int buffer_number(const hoop_params *p, const hoop_tensor *x)
{
    int i = p->nbuffers - 1;
    while (i >= 0 && p->buffer[i].tensor != x) i--;
    return x == NULL ? -1 : i;
}

hoop_status hoop_params_running(hoop_params *p, hoop_tensor *mean, hoop_tensor *var, hoop_tensor *count, double momentum,
                                hoop_error *err)
{
    const hoop_running r = {buffer_number(p, mean), buffer_number(p, var), buffer_number(p, count), momentum};
    if (r.mean < 0 || r.var < 0 || r.mean == r.var || (count != NULL && r.count < 0))
        return hoop_fail(err, HOOP_EARG, "running statistics are buffers of this store, a mean and a variance");
    if (!hoop_dtype_is_float((hoop_dtype)mean->v.dtype) || mean->v.dtype != var->v.dtype || !hoop__same_shape(&mean->v, &var->v))
        return hoop_fail(err, HOOP_EARG, "running statistics '%s' and '%s' are of one shape and one dtype, f32 or f64",
                         p->buffer[r.mean].name, p->buffer[r.var].name);
    if (count != NULL && (count->v.dtype != HOOP_I64 || count->numel != 1))
        return hoop_fail(err, HOOP_EARG, "the count '%s' of running statistics is one i64", p->buffer[r.count].name);
    if (!(momentum <= 1.0) || (momentum < 0.0 && count == NULL))
        return hoop_fail(err, HOOP_EARG,
                         "running statistics '%s': a momentum of %g; 0 to 1, or below 0 with a count, is possible",
                         p->buffer[r.mean].name, momentum);
    if (!room((void **)&p->running, p->nrunning, &p->running_capacity, sizeof *p->running))
        return hoop_fail(err, HOOP_ENOMEM, "no memory for running statistics '%s'", p->buffer[r.mean].name);
    p->running[p->nrunning++] = r;
    return HOOP_OK;
}

int hoop_params_running_count(const hoop_params *p)
{
    return p->nrunning;
}

const hoop_running *hoop_params_running_get(const hoop_params *p, int i)
{
    return i >= 0 && i < p->nrunning ? &p->running[i] : NULL;
}

/* ---- patterns of names, and frozen ones ---- */

/* by its own name, or one that it has besides */
static bool is_called(const hoop_params *p, int i, const char *pattern)
{
    if (fnmatch(pattern, p->param[i].name, 0) == 0) return true;
    for (int k = 0; k < p->naliases; k++)
        if (p->alias[k].tensor->param == i && fnmatch(pattern, p->alias[k].name, 0) == 0) return true;
    return false;
}

static hoop_status none_is_called(const hoop_params *p, const char *pattern, hoop_error *err)
{
    const char **name = calloc((size_t)p->count + 1, sizeof *name), *near = NULL;
    for (int i = 0; i < p->count && name != NULL; i++) name[i] = p->param[i].name;
    if (name != NULL) near = hoop_nearest(pattern, name, p->count);
    free((void *)name);
    return hoop_fail(err, HOOP_EARG, "no parameter is called like '%s'; %s '%s'", pattern,
                     near != NULL ? "did you mean" : "the first is called",
                     near != NULL   ? near
                     : p->count > 0 ? p->param[0].name
                                    : "");
}

hoop_status hoop_params_match(const hoop_params *p, const char *pattern, bool *of, hoop_error *err)
{
    int found = 0;
    for (int i = 0; i < p->count; i++) {
        of[i] = is_called(p, i, pattern);
        found += of[i];
    }
    return found > 0 ? HOOP_OK : none_is_called(p, pattern, err);
}

hoop_status hoop_params_freeze(hoop_params *p, const char *pattern, hoop_error *err)
{
    int found = 0;
    if (p->finalized) return hoop_fail(err, HOOP_ESTATE, "parameters like '%s' frozen after hoop_params_finalize", pattern);
    for (int i = 0; i < p->count; i++) {
        if (!is_called(p, i, pattern)) continue;
        found++;
        if (!p->param[i].frozen) p->trained -= p->param[i].nblocks;
        p->param[i].frozen = true;
    }
    return found > 0 ? HOOP_OK : none_is_called(p, pattern, err);
}

bool hoop_params_frozen(const hoop_params *p, int i)
{
    return p->param[i].frozen;
}

int64_t hoop_params_trained(const hoop_params *p)
{
    return p->trained;
}

static int64_t block_bytes(const hoop_params *p)
{
    return HOOP_BLOCK * (int64_t)hoop_dtype_size(p->dtype);
}

int64_t hoop_params_bytes(const hoop_params *p)
{
    return (p->nblocks + p->trained) * block_bytes(p);
}

/* those that are trained, then those that are not */
static void lay_out(hoop_params *p)
{
    int64_t next[2] = {0, p->trained};
    for (int i = 0; i < p->count; i++) {
        p->param[i].first_block = next[p->param[i].frozen];
        next[p->param[i].frozen] += p->param[i].nblocks;
    }
}

static void place(hoop_params *p, void *data)
{
    p->data = data;
    for (int i = 0; i < p->count; i++) p->param[i].tensor->v.data = (char *)data + p->param[i].first_block * block_bytes(p);
}

hoop_status hoop_params_finalize(hoop_params *p, void *memory, hoop_error *err)
{
    int64_t bytes = hoop_params_bytes(p);
    if (p->finalized) return hoop_fail(err, HOOP_ESTATE, "hoop_params_finalize a second time");
    if (memory != NULL && (uintptr_t)memory % HOOP_ALIGN != 0)
        return hoop_fail(err, HOOP_EARG, "memory for parameters must be aligned to %d bytes", HOOP_ALIGN);
    p->grad_set    = calloc((size_t)p->count + 1, sizeof *p->grad_set);
    p->memory      = memory != NULL ? memory : hoop__memory_new(bytes > 0 ? bytes : HOOP_ALIGN);
    p->owns_memory = memory == NULL;
    if (p->grad_set == NULL || p->memory == NULL) { /* as before the call: it may be tried again */
        free(p->grad_set);
        if (p->owns_memory) free(p->memory);
        p->grad_set    = NULL;
        p->memory      = NULL;
        p->owns_memory = false;
        return hoop_fail(err, HOOP_ENOMEM, "no memory for parameters and gradients of %lld bytes", (long long)bytes);
    }
    memset(p->memory, 0, (size_t)bytes);
    p->grad      = (char *)p->memory + p->nblocks * block_bytes(p);
    p->finalized = true;
    lay_out(p);
    place(p, p->memory);
    return HOOP_OK;
}

hoop_status hoop_params_use_data(hoop_params *p, void *data, hoop_error *err)
{
    if (!p->finalized) return hoop_fail(err, HOOP_ESTATE, "hoop_params_use_data before hoop_params_finalize");
    if ((uintptr_t)data % HOOP_ALIGN != 0)
        return hoop_fail(err, HOOP_EARG, "memory for weights must be aligned to %d bytes", HOOP_ALIGN);
    place(p, data != NULL ? data : p->memory);
    return HOOP_OK;
}

hoop_dtype hoop_params_dtype(const hoop_params *p)
{
    return p->dtype;
}

int hoop_params_count(const hoop_params *p)
{
    return p->count;
}

const char *hoop_params_name(const hoop_params *p, int i)
{
    return p->param[i].name;
}

hoop_tensor *hoop_params_tensor(const hoop_params *p, int i)
{
    return p->param[i].tensor;
}

int64_t hoop_params_first_block(const hoop_params *p, int i)
{
    return p->param[i].first_block;
}

int64_t hoop_params_nblocks_of(const hoop_params *p, int i)
{
    return p->param[i].nblocks;
}

int64_t hoop_params_nblocks(const hoop_params *p)
{
    return p->nblocks;
}

int64_t hoop_params_numel(const hoop_params *p)
{
    return p->numel;
}

void *hoop_params_data(const hoop_params *p)
{
    return p->data;
}

void *hoop_params_grad(const hoop_params *p)
{
    return p->grad;
}

void *hoop_params_grad_of(const hoop_params *p, int i)
{
    return p->param[i].frozen ? NULL : (char *)p->grad + p->param[i].first_block * block_bytes(p);
}

hoop_status hoop_params_use_grad(hoop_params *p, void *grad, hoop_error *err)
{
    if (!p->finalized) return hoop_fail(err, HOOP_ESTATE, "hoop_params_use_grad before hoop_params_finalize");
    if ((uintptr_t)grad % HOOP_ALIGN != 0)
        return hoop_fail(err, HOOP_EARG, "memory for gradients must be aligned to %d bytes", HOOP_ALIGN);
    p->grad = grad != NULL ? grad : (char *)p->memory + p->nblocks * block_bytes(p);
    return HOOP_OK;
}

int hoop_params_find(const hoop_params *p, const char *name)
{
    const struct hoop_named *a;
    for (int i = 0; i < p->count; i++) {
        if (strcmp(p->param[i].name, name) == 0) return i;
    }
    a = find_named(p->alias, p->naliases, name);
    return a == NULL ? -1 : a->tensor->param;
}

int hoop_params_buffer_count(const hoop_params *p)
{
    return p->nbuffers;
}

const char *hoop_params_buffer_name(const hoop_params *p, int i)
{
    return p->buffer[i].name;
}

hoop_tensor *hoop_params_buffer(const hoop_params *p, int i)
{
    return p->buffer[i].tensor;
}

void hoop_params_touch(hoop_params *p)
{
    for (int i = 0; i < p->count; i++) p->param[i].tensor->version++;
}

void hoop_params_zero_grad(hoop_params *p)
{
    if (p->grad_set != NULL) memset(p->grad_set, 0, (size_t)p->count * sizeof *p->grad_set);
}

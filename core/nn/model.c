/* A model: a tree of modules under a sequential, over one store of parameters. */
#include "nn/module.h"

#include <stdlib.h>
#include <string.h>

hoop_status hoop_model_create(hoop_dtype dtype, hoop_error *err, hoop_model **out)
{
    hoop_model *m = calloc(1, sizeof *m);
    hoop_status st;
    *out = NULL;
    if (m == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a model");
    HOOP_TRY(st, done, hoop_params_create(dtype, err, &m->params));
    HOOP_TRY(st, done, hoop__module_new(m, NULL, hoop_module_kind_find("sequential"), "", NULL, err, &m->root));
    *out = m;
    return HOOP_OK;
done:
    hoop_model_destroy(&m);
    return st;
}

void hoop_model_destroy(hoop_model **m)
{
    if (m == NULL || *m == NULL) return;
    hoop__module_free((*m)->root);
    hoop_params_destroy(&(*m)->params);
    free((*m)->init);
    free(*m);
    *m = NULL;
}

hoop_module *hoop_model_root(hoop_model *m)
{
    return m->root;
}

hoop_params *hoop_model_params(const hoop_model *m)
{
    return m->params;
}

static hoop_status check_input(int i, const hoop_shape *in, hoop_error *err)
{
    if (in->ndim < 1 || in->ndim > HOOP_MAX_DIMS)
        return hoop_fail(err, HOOP_ESHAPE, "input %d of the model has %d dims; 1 to %d, the first the batch", i, in->ndim,
                         HOOP_MAX_DIMS);
    for (int d = 1; d < in->ndim; d++) {
        if (in->size[d] < -1)
            return hoop_fail(err, HOOP_ESHAPE, "input %d of the model has size %lld in dim %d; 0 or more, -1 where it varies", i,
                             (long long)in->size[d], d);
    }
    return HOOP_OK;
}

hoop_status hoop_model_build(hoop_model *m, int nin, const hoop_shape *in, hoop_error *err)
{
    hoop_status st;
    int         nout;
    if (m->built) return hoop_fail(err, HOOP_ESTATE, "hoop_model_build: the model was built before");
    if (nin < 1 || nin > HOOP_MODULE_TENSORS)
        return hoop_fail(err, HOOP_EARG, "a model of %d inputs; 1 to %d", nin, HOOP_MODULE_TENSORS);
    for (int i = 0; i < nin; i++) {
        st = check_input(i, &in[i], err);
        if (st != HOOP_OK) return st;
    }
    m->built = true;
    return hoop_module_build(m->root, nin, in, &nout, m->out, err);
}

const void *hoop_model_blamed(const hoop_model *m)
{
    return m->blamed == NULL ? NULL : m->blamed->mark;
}

int hoop_model_inputs(const hoop_model *m)
{
    return m->root->nin;
}

int hoop_model_outputs(const hoop_model *m)
{
    return m->root->nout;
}

const hoop_shape *hoop_model_output(const hoop_model *m, int i)
{
    return i >= 0 && i < m->root->nout ? &m->out[i] : NULL;
}

const char *hoop_model_output_name(const hoop_model *m, int i)
{
    return hoop_module_output_name(m->root, i);
}

bool hoop_module_takes_indices(const hoop_module *m, int i)
{
    int c = 0;
    if (m->kind->takes_indices && i == 0) return true;
    if (m->kind->feeds == NULL) return false;
    for (const hoop_module *child = m->first; child != NULL; child = child->next, c++) {
        const int to = m->kind->feeds(m, c, i);
        if (to >= 0 && hoop_module_takes_indices(child, to)) return true;
    }
    return false;
}

bool hoop_model_takes_indices(const hoop_model *m, int i)
{
    return hoop_module_takes_indices(m->root, i);
}

static void begin(hoop_module *m)
{
    if (m->kind->begin != NULL) m->kind->begin(m);
    for (hoop_module *child = m->first; child != NULL; child = child->next) begin(child);
}

hoop_status hoop_model_finalize(hoop_model *m, void *memory, hoop_error *err)
{
    const hoop_status st = hoop_params_finalize(m->params, memory, err);
    if (st == HOOP_OK) begin(m->root);
    return st;
}

void hoop_model_forward(const hoop_model *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    if (nin != m->root->nin)
        hoop_tape_fail(t, HOOP_EARG, "hoop_model_forward: %d inputs, and the model was built for %d", nin, m->root->nin);
    if (hoop_tape_error(t)->status == HOOP_OK) {
        hoop_module_forward(m->root, t, nin, in, out);
        return;
    }
    for (int i = 0; i < m->root->nout; i++) out[i] = hoop_tape_tensor(t, HOOP_F32, 0, NULL, NULL); /* poison */
}

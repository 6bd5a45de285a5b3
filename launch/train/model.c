/* The model: of a config, with what the data asks for before it and the kind that the config names; or of the caller. */
#include "models/models.h"
#include "train/data.h"
#include "train/plan.h"
#include "train/step.h"

#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(hoop__model_opts, field)
static const hoop_option rows[] = {
    {"output_shape", HOOP_OPT_INTS, AT(output_shape), "[]", 1, 1e9, NULL, false,
     "of a row of predictions; []: that of the targets"},
    {"weights", HOOP_OPT_STRING, AT(weights), "", 0, 0, NULL, true,
     "a run or checkpoint whose parameters and buffers it begins with, of either precision; \"\": as init says"},
};
#undef AT
const hoop_option_table hoop__model_options = {"model", rows, (int)(sizeof rows / sizeof rows[0])};

const hoop_config_free hoop__model_frozen = {"model.frozen", true,
                                             "parameters that are not trained, such as [\"encoder.*\"]: names as of files; they "
                                             "have no gradient, optimizer state or update"};

static bool kinds(int i, hoop_config_kind *out)
{
    const hoop__model_kind *k = hoop__model_kind_get(i);
    if (k != NULL) *out = (hoop_config_kind){k->name, k->help, k->options, k->opts_size, k->own};
    return k != NULL;
}
const hoop_config_choice hoop__model_choice = {"model", "kind", "which model", kinds};

hoop_status hoop__model_check(hoop_trainer *tr, hoop_error *err)
{
    if (tr->opts.params == NULL && tr->opts.forward != NULL)
        return hoop_fail(err, HOOP_EARG, "hoop_trainer_opts: forward is of a model of the caller's own, and it has no params");
    if (tr->opts.params == NULL || hoop_value_count(hoop_config_get(tr->config, "model")) == 0) return HOOP_OK;
    return hoop_config_fail(tr->config, "model", err, "the model is the caller's own (opts.params); take this out");
}

static hoop_shape input_shape(const hoop_trainer *tr, int i)
{
    const hoop__field *x  = hoop__input(tr, i);
    hoop_shape         in = {.dtype = x->dtype, .ndim = x->ndim + 1};
    memcpy(in.size + 1, x->shape, (size_t)x->ndim * sizeof *in.size);
    return in;
}

/* Inputs that are normalised go through a module each, called as they are where there are several; the others pass. */
static hoop_status add_normalize(hoop_trainer *tr, hoop_module *parent, hoop_error *err)
{
    static const hoop_parallel_opts each = {.inputs = HOOP_INPUTS_EACH};
    const int                       n    = tr->data->ninputs;
    hoop_status                     st   = HOOP_OK;
    bool                            any  = false;
    for (int i = 0; i < n; i++) any = any || hoop__input(tr, i)->normalized;
    if (!any) return HOOP_OK;
    if (n > 1) st = hoop_module_add(parent, hoop_module_kind_find("parallel"), "normalize", &each, err, &parent);
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        const hoop__field        *x    = hoop__input(tr, i);
        const hoop_normalize_opts opts = {.over = x->normalized ? hoop__field_asks(tr, i) - HOOP__NORMALIZE_STANDARD : 0};
        st = hoop_module_add(parent, hoop_module_kind_find(x->normalized ? "normalize" : "sequential"),
                             n > 1 ? x->name : "normalize", x->normalized ? (const void *)&opts : NULL, err, NULL);
    }
    return st;
}

/* how many classes a target has that is of the same numbers as input i; 0: none is */
static int64_t tokens_of(const hoop_trainer *tr, int i)
{
    const hoop_dataset_field *of = tr->data->train == NULL ? NULL : hoop_dataset_about(tr->data->train)->field;
    for (int k = 0; k < tr->data->ntargets && of != NULL; k++)
        if (hoop__target(tr, k)->loss->classes && strcmp(of[tr->data->ninputs + k].path, of[i].path) == 0)
            return hoop__target(tr, k)->classes;
    return 0;
}

/* the modules of the config's kind */
static hoop_status add_model(hoop_trainer *tr, hoop_module *parent, hoop_error *err)
{
    hoop__model_input  in[HOOP_DATASET_FIELDS];
    hoop__model_target out[HOOP_DATASET_FIELDS];
    hoop__model_call   call = {.parent   = parent,
                               .opts     = tr->plan->kind.opts,
                               .config   = tr->config,
                               .inputs   = in,
                               .ninputs  = tr->data->ninputs,
                               .targets  = out,
                               .ntargets = tr->data->ntargets};
    for (int i = 0; i < call.ninputs; i++) {
        hoop_status st;
        in[i] = (hoop__model_input){hoop__input(tr, i)->name, input_shape(tr, i), tokens_of(tr, i)};
        st    = hoop__transform_shape(tr, i, &in[i].shape, err);
        if (st != HOOP_OK) return st;
    }
    for (int k = 0; k < call.ntargets; k++) {
        const hoop__field *y = hoop__target(tr, k);
        out[k] = (hoop__model_target){y->name, y->loss->classes || y->loss->boxes ? y->classes : hoop__field_numel(y),
                                      y->loss->classes, y->loss->boxes};
        if (y->loss->outputs > 1 && out[k].outputs > 0) out[k].outputs *= y->loss->outputs;
    }
    return hoop__model_kind_get(tr->plan->kind.kind)->build(&call, err);
}

/* Which inputs are looked up? The first of the model's own modules knows, behind those that prepare the others. */
static void find_indices(hoop_trainer *tr, const hoop_module *first)
{
    for (int i = 0; i < tr->data->ninputs && first != NULL; i++) {
        hoop__field *x = hoop__input(tr, i);
        if (hoop_module_takes_indices(first, i) && !x->normalized && x->transform == NULL) x->dtype = HOOP_I64;
    }
}

/* what fails is told with the place of its layer, where that has one */
static hoop_status build(hoop_trainer *tr, hoop_error *err)
{
    hoop_shape        in[HOOP_DATASET_FIELDS];
    hoop_error        why = {.status = HOOP_OK};
    const hoop_value *layer;
    hoop_status       st;
    for (int i = 0; i < tr->data->ninputs; i++) in[i] = input_shape(tr, i);
    st    = hoop_model_build(tr->model, tr->data->ninputs, in, &why);
    layer = st == HOOP_OK ? NULL : hoop_model_blamed(tr->model);
    if (st == HOOP_OK) return st;
    if (layer == NULL) return hoop_fail(err, st, "%s: model: %s", hoop_config_name(tr->config), why.text);
    (void)hoop_value_fail(layer, err, "%s", why.text);
    err->status = st;
    return st;
}

static hoop_status freeze(hoop_trainer *tr, const hoop_value *pattern, hoop_error *err)
{
    hoop_error  why = {.status = HOOP_OK};
    const char *s   = hoop_value_text(pattern);
    if (hoop_value_get_kind(pattern) != HOOP_VALUE_SCALAR || s[0] == '\0')
        return hoop_value_fail(pattern, err, "names of parameters are wanted, such as [\"encoder.*\"]");
    return hoop_params_freeze(tr->params, s, &why) == HOOP_OK ? HOOP_OK : hoop_value_fail(pattern, err, "%s", why.text);
}

static hoop_status freeze_all(hoop_trainer *tr, hoop_error *err)
{
    const hoop_value *list = hoop_config_get(tr->config, "model.frozen");
    hoop_status       st   = HOOP_OK;
    if (hoop_value_get_kind(list) == HOOP_VALUE_NULL) return HOOP_OK;
    if (hoop_value_get_kind(list) != HOOP_VALUE_LIST) return freeze(tr, list, err);
    for (int i = 0; i < hoop_value_count(list) && st == HOOP_OK; i++) st = freeze(tr, hoop_value_at(list, i), err);
    return st;
}

hoop_status hoop__model_from_config(hoop_trainer *tr, hoop_error *err)
{
    hoop_module *root, *before;
    hoop_status  st;
    HOOP_TRY(st, done, hoop__init_read(tr, err));
    HOOP_TRY(st, done, hoop_model_create(tr->dtype, err, &tr->model));
    tr->params = hoop_model_params(tr->model);
    root       = hoop_model_root(tr->model);
    HOOP_TRY(st, done, add_normalize(tr, root, err));
    HOOP_TRY(st, done, hoop__transform_add(tr, root, err));
    before = hoop_module_first(root);
    while (before != NULL && hoop_module_next(before) != NULL) before = hoop_module_next(before);
    HOOP_TRY(st, done, add_model(tr, root, err));
    find_indices(tr, before == NULL ? hoop_module_first(root) : hoop_module_next(before));
    HOOP_TRY(st, done, build(tr, err));
    HOOP_TRY(st, done, hoop__outputs_match(tr, err));
    HOOP_TRY(st, done, hoop__targets_buffers(tr, err));
    HOOP_TRY(st, done, freeze_all(tr, err));
    HOOP_TRY(st, done, hoop_model_finalize(tr->model, NULL, err));
    HOOP_TRY(st, done, hoop__init_apply(tr, err));
done:
    return st;
}

hoop_status hoop__model_from_caller(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st;
    tr->params = tr->opts.params;
    if (hoop_params_dtype(tr->params) != tr->dtype) {
        return hoop_config_fail(tr->config, "precision", err, "the model's parameters are %s",
                                hoop_dtype_name(hoop_params_dtype(tr->params)));
    }
    HOOP_TRY(st, done, hoop_params_finalize(tr->params, NULL, err));
    for (int i = 0; i < hoop_params_count(tr->params); i++) {
        hoop_tensor *x   = hoop_params_tensor(tr->params, i);
        int64_t      out = hoop_tensor_ndim(x) > 0 ? hoop_tensor_size(x, 0) : 1;
        hoop_param_init(tr->params, i, hoop_tensor_ndim(x) < 2 ? HOOP_INIT_HE : HOOP_INIT_PYTORCH,
                        out > 0 ? hoop_tensor_numel(x) / out : 1, (uint64_t)tr->plan->run.seed);
    }
done:
    return st;
}

static void forward_caller(const hoop_trainer *tr, hoop_tape *t)
{
    const int n = tr->data->ntargets;
    for (int k = 0; k < n; k++) tr->step->out[k] = NULL;
    tr->opts.forward(tr->opts.ctx, t, tr->data->ninputs, tr->step->in, tr->step->out);
    for (int k = 0; k < n; k++)
        if (tr->step->out[k] == NULL) {
            hoop_tape_fail(t, HOOP_EARG, "hoop_trainer_opts: forward has left output %d of %d, %s, NULL", k, n,
                           hoop__target(tr, k)->name);
            tr->step->out[k] = hoop_tape_tensor(t, tr->dtype, 0, NULL, NULL); /* poison */
        }
}

void hoop__model_forward(const hoop_trainer *tr, hoop_tape *t)
{
    if (tr->model != NULL)
        hoop_model_forward(tr->model, t, tr->data->ninputs, tr->step->in, tr->step->out);
    else
        forward_caller(tr, t);
    for (int k = 0; k < tr->data->ntargets; k++) {
        hoop_tensor **out = &tr->step->out[hoop__target(tr, k)->output];
        if (hoop__target(tr, k)->class_first) *out = hoop_loss_classes_last(t, *out);
    }
}

/**
 * hoop/nn.h - models as trees of modules with named parameters and buffers.
 *
 * A model owns a parameter store. Modules are added under the root (a sequence) by kind and options; build works out sizes
 * from the input's shape and registers parameters under PyTorch's names ("layers.0.weight"); finalize lays them out; init
 * fills them. Training or evaluation mode is the tape's.
 */
#ifndef HOOP_NN_H
#define HOOP_NN_H

#include "hoop/option.h"
#include "hoop/params.h"
#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_model  hoop_model;
typedef struct hoop_module hoop_module;

/** A kind of module: its options (spelt as in a config), how it is built, run and initialised. */
typedef struct hoop_module_kind {
    const char       *name;
    hoop_option_table options; /* of the struct that hoop_module_opts gives; rows may be NULL */
    size_t            opts_size;
    const char       *main_option; /* `linear: 512` means `linear: {out: 512}`; NULL: takes no value */
    /** Check the input's shape (ndim, shape; dim 0 is the batch), register parameters and buffers, set the output's shape. */
    hoop_status (*build)(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err);
    hoop_tensor *(*forward)(const hoop_module *m, hoop_tape *t, hoop_tensor *x);
} hoop_module_kind;

/** What a parameter is to initialisation: summed over fan_in inputs, added to such a sum, or rows to look up. */
typedef enum hoop_param_kind { HOOP_PARAM_WEIGHT, HOOP_PARAM_BIAS, HOOP_PARAM_TABLE } hoop_param_kind;
enum { HOOP_MODULE_SLOTS = 8 }; /* parameters and buffers of one module */

typedef enum hoop_init { HOOP_INIT_PYTORCH, HOOP_INIT_HE, HOOP_INIT_GLOROT } hoop_init;

/** Owns: caller. Calls: Local. */
HOOP_API hoop_status  hoop_model_create(hoop_dtype dtype, hoop_error *err, hoop_model **out);
HOOP_API void         hoop_model_destroy(hoop_model **m);
HOOP_API hoop_module *hoop_model_root(hoop_model *m);
HOOP_API hoop_params *hoop_model_params(const hoop_model *m);
/** Add a module of a kind under a sequence. opts: the kind's struct, copied; NULL: its defaults. name: of one path segment. The
 * model owns *out. Calls: Local. */
HOOP_API hoop_status hoop_module_add(hoop_module *parent, const hoop_module_kind *kind, const char *name, const void *opts,
                                     hoop_error *err, hoop_module **out);
/** Work out shapes from the input's (shape[0], the batch, is not looked at) and register all parameters. Calls: Local. */
HOOP_API hoop_status hoop_model_build(hoop_model *m, int ndim, const int64_t *shape, hoop_error *err);
/** The output's shape without the batch, after build. Calls: Local. */
HOOP_API const int64_t *hoop_model_out_shape(const hoop_model *m, int *ndim);
HOOP_API hoop_status    hoop_model_finalize(hoop_model *m, void *memory, hoop_error *err);
/** Fill all parameters: keyed by seed and the parameter's name, so that neither order nor other modules matter. Errors:
 * HOOP_ESTATE before finalize, HOOP_EARG. Calls: Local. */
HOOP_API hoop_status hoop_model_init(hoop_model *m, hoop_init init, uint64_t seed);
/** The model's output for x (N, ...). Calls: Local. */
HOOP_API hoop_tensor *hoop_model_forward(const hoop_model *m, hoop_tape *t, hoop_tensor *x);
/** Fill one parameter of any store by a scheme: 2 or more dims (out, in, ...) as a weight, 1 dim as a bias of fan_in inputs.
 * Errors: HOOP_ESTATE before finalize, HOOP_EARG. Calls: Local. */
HOOP_API hoop_status hoop_param_init(hoop_params *p, int param, hoop_init init, int64_t fan_in, uint64_t seed);

/** The kind of a name ("linear"), NULL if there is none; kind i, NULL after the last. Calls: Local. */
HOOP_API const hoop_module_kind *hoop_module_kind_find(const char *name);
HOOP_API const hoop_module_kind *hoop_module_kind_get(int i);

/* for kinds */
HOOP_API const void *hoop_module_opts(const hoop_module *m);
HOOP_API const char *hoop_module_path(const hoop_module *m);
HOOP_API hoop_dtype  hoop_module_dtype(const hoop_module *m); /* of the model's parameters */
/** Register a parameter (a buffer) in a slot of the module, 0 to HOOP_MODULE_SLOTS - 1. Errors: HOOP_EARG (slot, name), and those
 * of hoop_params_add. Calls: Local. */
HOOP_API hoop_status  hoop_module_param(hoop_module *m, int slot, const char *name, hoop_param_kind kind, int ndim,
                                        const int64_t *shape, int64_t fan_in, hoop_error *err);
HOOP_API hoop_status  hoop_module_buffer(hoop_module *m, int slot, const char *name, hoop_dtype dtype, int ndim,
                                         const int64_t *shape, hoop_error *err);
HOOP_API hoop_tensor *hoop_module_tensor(const hoop_module *m, int slot); /* of param and buffer; NULL if not registered */

/* options of the kinds, for C; zero is the default */
typedef struct hoop_linear_opts {
    int64_t out;
    bool    no_bias;
} hoop_linear_opts;
typedef struct hoop_dropout_opts {
    double p;
} hoop_dropout_opts;
typedef struct hoop_embedding_opts {
    int64_t rows, width;
} hoop_embedding_opts;
typedef enum hoop_normalize_input { HOOP_NORMALIZE_MODEL, HOOP_NORMALIZE_F64 } hoop_normalize_input;
typedef struct hoop_normalize_opts {
    int input; /* hoop_normalize_input: its dtype, which is that of the buffer `mean` */
} hoop_normalize_opts;
typedef struct hoop_gelu_opts {
    int approximate; /* hoop_gelu_kind */
} hoop_gelu_opts;

#ifdef __cplusplus
}
#endif
#endif

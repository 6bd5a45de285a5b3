/**
 * hoop/nn.h - models as trees of modules with named parameters and buffers.
 *
 * A model owns a parameter store. Modules are added by kind and options under the root (a sequential) and under other
 * containers; build works out sizes from the inputs' shapes and registers parameters under PyTorch's names
 * ("layers.0.weight"); finalize lays them out; init fills them. Training or evaluation mode is the tape's.
 *
 *     hoop_model_root(m)                  sequential: each module's outputs are the next one's inputs
 *     +- "0" residual                     body(x) + shortcut(x), or + x
 *     |  +- "body" sequential             "0.body.0.weight", ...
 *     |  +- "shortcut" linear             "0.shortcut.weight", ...
 *     +- "1" parallel                     branches side by side: their outputs, or these joined
 *        +- "u" linear, "v" linear        "1.u.weight", ...; the model's outputs are named u and v
 */
#ifndef HOOP_NN_H
#define HOOP_NN_H

#include "hoop/option.h"
#include "hoop/params.h"
#include "hoop/random.h"
#include "hoop/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HOOP_MODULE_TENSORS = 64, /* most inputs, and most outputs, of a module */
    HOOP_MODULE_SLOTS   = 64, /* most parameters and buffers of one module */
    HOOP_MODEL_MODULES  = 100000
};

typedef struct hoop_model  hoop_model;
typedef struct hoop_module hoop_module;

/** What a module sees of a tensor before there is one. size[0] is the batch and not looked at; elsewhere -1 says that the size
 * varies from leaf to leaf. */
typedef struct hoop_shape {
    hoop_dtype dtype;
    int        ndim;
    int64_t    size[HOOP_MAX_DIMS];
} hoop_shape;

/** What may stand under a container, as hoop_module_add and a config name it. */
typedef struct hoop_module_child {
    const char *name;     /* of the module; of `many`: the config's key of their list or map */
    bool        required; /* one of this name; of `many`: at least one */
    bool        many;     /* any number, of any names; in a config a list */
    bool        named;    /* of `many`: or a map, whose keys are their names */
    const char *help;
} hoop_module_child;

/**
 * A kind of module: its options (spelt as in a config), how it is built and run. Most take one tensor and give one: `build`
 * and `forward`. Those of several tensors, or whose dtypes are not the rule's, have build_many or forward_many in its place.
 */
typedef struct hoop_module_kind {
    const char       *name, *help, *example; /* example: as it stands in a config; may be NULL */
    hoop_option_table options;               /* of the struct that hoop_module_opts gives; rows may be NULL */
    size_t            opts_size;
    const char       *main_option;   /* `linear: 512` means `linear: {out: 512}`; NULL: takes no value */
    bool              takes_indices; /* its input is i64; else it is of the model's dtype, as outputs are */
    bool              over_leaf;     /* in training it takes statistics of all samples of a leaf */
    bool              prepares;      /* it may stand before the model, too, as data.transform of a config says: no parameters */
    /** Check the input's shape (ndim, shape; dim 0 is the batch), register parameters and buffers, set the output's shape. NULL:
     * no parameters, the same shape. */
    hoop_status (*build)(hoop_module *m, int *ndim, int64_t *shape, hoop_error *err);
    /** The same of any number of tensors, whose dtypes are its own to check: fills *nout (1 to HOOP_MODULE_TENSORS) and out. */
    hoop_status (*build_many)(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err);
    hoop_tensor *(*forward)(const hoop_module *m, hoop_tape *t, hoop_tensor *x);
    void (*forward_many)(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out);
    /** Fill its buffers, once they have memory; NULL: they are 0. */
    void (*begin)(hoop_module *m);
    /* of containers; what is said of children[0] may be said of the container in a config: `residual: [...]` is its body */
    const hoop_module_child *children;
    int                      nchildren;
    /** Which input of child c is the module's input i; -1: none. Asked before build, too. */
    int (*feeds)(const hoop_module *m, int c, int i);
    /** The name of output i, after build; "" or NULL: it has none. NULL: none has. */
    const char *(*output_name)(const hoop_module *m, int i);
} hoop_module_kind;

/** What a parameter is to initialisation: summed over fan_in inputs, added to such a sum, rows to look up; ones or zeros, as what
 * normalises has them; one value at first. */
typedef enum hoop_param_kind {
    HOOP_PARAM_WEIGHT,
    HOOP_PARAM_BIAS,
    HOOP_PARAM_TABLE,
    HOOP_PARAM_ONES,
    HOOP_PARAM_ZEROS,
    HOOP_PARAM_CONSTANT
} hoop_param_kind;

/** One scheme for all parameters, by what they are; the first rows of the table below. */
typedef enum hoop_init { HOOP_INIT_PYTORCH, HOOP_INIT_HE, HOOP_INIT_GLOROT } hoop_init;

/** What a way to fill a parameter sees of it. */
typedef struct hoop_init_call {
    hoop_tensor    *x;
    hoop_key        key; /* of the seed and the parameter's name */
    int             ndim;
    const int64_t  *shape;
    hoop_param_kind kind;
    int64_t         fan_in;
    double          value;    /* of HOOP_PARAM_CONSTANT */
    int64_t         zero_row; /* that becomes 0 whatever fill makes of it; -1: none */
    const void     *opts;
} hoop_init_call;

/** A way to fill a parameter, with options spelt as in a config. */
typedef struct hoop_init_kind {
    const char       *name, *help;
    hoop_option_table options; /* rows may be NULL */
    size_t            opts_size;
    bool              whole; /* fill is called once, for all elements; else for pieces of them */
    /** Does it go with the parameter? The text says what would be right. NULL: with any. */
    hoop_status (*check)(const hoop_init_call *c, hoop_error *err);
    /** Elements first to first + n - 1, in f64; they depend on the call and their places alone. */
    hoop_status (*fill)(const hoop_init_call *c, int64_t first, int64_t n, double *v);
} hoop_init_kind;

/** Parameters whose name is like `match` (as of files), how they are filled, and with which options. */
typedef struct hoop_init_rule {
    const char           *match;
    const hoop_init_kind *kind;
    const void           *opts; /* kind->opts_size bytes */
} hoop_init_rule;

/** Owns: caller. Calls: Local. */
HOOP_API hoop_status  hoop_model_create(hoop_dtype dtype, hoop_error *err, hoop_model **out);
HOOP_API void         hoop_model_destroy(hoop_model **m);
HOOP_API hoop_module *hoop_model_root(hoop_model *m);
HOOP_API hoop_params *hoop_model_params(const hoop_model *m);
/** Add a module of a kind under a container. opts: the kind's struct, copied; NULL: its defaults. name: of one path segment, no
 * other module's there. The model owns *out (may be NULL). Errors: HOOP_EARG, HOOP_ESIZE (modules), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_module_add(hoop_module *parent, const hoop_module_kind *kind, const char *name, const void *opts,
                                     hoop_error *err, hoop_module **out);
/** Work out shapes from those of the inputs and register all parameters, once. Errors: HOOP_ESHAPE, HOOP_EDTYPE, HOOP_EARG,
 * those of hoop_params_add, naming the module; HOOP_ESTATE a second time. Calls: Local. */
HOOP_API hoop_status hoop_model_build(hoop_model *m, int nin, const hoop_shape *in, hoop_error *err);
/** What the caller knows a module by, such as its place in a config; a child that is added later has its parent's until it gets
 * its own. hoop_model_blamed: that of the module whose build failed, NULL where there is none. Calls: Local. */
HOOP_API void        hoop_module_mark(hoop_module *m, const void *mark);
HOOP_API const void *hoop_model_blamed(const hoop_model *m);
/** How many tensors it takes and gives, after build. Calls: Local. */
HOOP_API int hoop_model_inputs(const hoop_model *m);
HOOP_API int hoop_model_outputs(const hoop_model *m);
/** Output i, after build; NULL: there is none. Calls: Local. */
HOOP_API const hoop_shape *hoop_model_output(const hoop_model *m, int i);
/** Its name: that of the branch it comes from; "" where it has none. Calls: Local. */
HOOP_API const char *hoop_model_output_name(const hoop_model *m, int i);
/** Is input i looked up (i64)? To be asked before build, too. Calls: Local. */
HOOP_API bool        hoop_model_takes_indices(const hoop_model *m, int i);
HOOP_API hoop_status hoop_model_finalize(hoop_model *m, void *memory, hoop_error *err);
/** Fill all parameters: keyed by seed and the parameter's name, so that neither order nor other modules matter. Errors:
 * HOOP_ESTATE before finalize, HOOP_EARG. Calls: Local. */
HOOP_API hoop_status hoop_model_init(hoop_model *m, hoop_init init, uint64_t seed);
/** The same by rules: each parameter by the first whose pattern its name is like, those of none as HOOP_INIT_PYTORCH. Errors:
 * HOOP_EARG (a rule that fills nothing), HOOP_ESHAPE (one that does not go with a parameter), and *bad (may be NULL) is the
 * rule's number; HOOP_ESTATE, HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_model_init_rules(hoop_model *m, const hoop_init_rule *rules, int n, uint64_t seed, hoop_error *err,
                                           int *bad);
/** The model's outputs (hoop_model_outputs, to out) for inputs (N, ...), as many as it was built for. Failures stick to the tape;
 * out is then poison. in and out are not the same array. Calls: Local. */
HOOP_API void hoop_model_forward(const hoop_model *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out);
/** Fill one parameter of any store by a scheme: 2 or more dims (out, in, ...) as a weight, 1 dim as a bias of fan_in inputs.
 * Errors: HOOP_ESTATE before finalize, HOOP_EARG. Calls: Local. */
HOOP_API hoop_status hoop_param_init(hoop_params *p, int param, hoop_init init, int64_t fan_in, uint64_t seed);

/** The kind of a name ("linear"), NULL if there is none; kind i, NULL after the last. Calls: Local. */
HOOP_API const hoop_module_kind *hoop_module_kind_find(const char *name);
HOOP_API const hoop_module_kind *hoop_module_kind_get(int i);
/** The same of ways to fill a parameter ("orthogonal"). */
HOOP_API const hoop_init_kind *hoop_init_kind_find(const char *name);
HOOP_API const hoop_init_kind *hoop_init_kind_get(int i);

/* for kinds */
HOOP_API const void *hoop_module_opts(const hoop_module *m);
HOOP_API const char *hoop_module_path(const hoop_module *m);
HOOP_API hoop_dtype  hoop_module_dtype(const hoop_module *m); /* of the model's parameters */
/** Register a parameter (a buffer) in a slot of the module, 0 to HOOP_MODULE_SLOTS - 1. Errors: HOOP_EARG (slot, name), and those
 * of hoop_params_add. Calls: Local. */
HOOP_API hoop_status hoop_module_param(hoop_module *m, int slot, const char *name, hoop_param_kind kind, int ndim,
                                       const int64_t *shape, int64_t fan_in, hoop_error *err);
/** A parameter that begins as one value in every scheme. */
HOOP_API hoop_status hoop_module_constant(hoop_module *m, int slot, const char *name, double value, int ndim,
                                          const int64_t *shape, hoop_error *err);
HOOP_API hoop_status hoop_module_buffer(hoop_module *m, int slot, const char *name, hoop_dtype dtype, int ndim,
                                        const int64_t *shape, hoop_error *err);
/** Its buffers in these slots are running statistics (hoop_params_running). Calls: Local. */
HOOP_API hoop_status  hoop_module_running(hoop_module *m, int mean, int var, int count, double momentum, hoop_error *err);
HOOP_API hoop_tensor *hoop_module_tensor(const hoop_module *m, int slot); /* of param and buffer; NULL if not registered */

/* for containers */
HOOP_API const hoop_module_kind *hoop_module_kind_of(const hoop_module *m);
HOOP_API const char             *hoop_module_name(const hoop_module *m); /* the last part of its path */
HOOP_API int                     hoop_module_inputs(const hoop_module *m);
HOOP_API int                     hoop_module_outputs(const hoop_module *m);
HOOP_API const char             *hoop_module_output_name(const hoop_module *m, int i); /* "": it has none */
/** Children, in the order in which they were added: the first, the one behind m; the one of a name. NULL: none. Calls: Local. */
HOOP_API hoop_module *hoop_module_first(const hoop_module *m);
HOOP_API hoop_module *hoop_module_next(const hoop_module *m);
HOOP_API hoop_module *hoop_module_find(const hoop_module *m, const char *name);
/** Is input i of m, and what is below it, looked up (i64)? To be asked before build, too. Calls: Local. */
HOOP_API bool hoop_module_takes_indices(const hoop_module *m, int i);
/** Build a child for its inputs: *nout shapes to out[HOOP_MODULE_TENSORS], which is not `in`. Calls: Local. */
HOOP_API hoop_status hoop_module_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out,
                                       hoop_error *err);
/** Run a child: hoop_module_outputs tensors to out, which is not `in`. Calls: Local. */
HOOP_API void hoop_module_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out);

/* options of the kinds, for C; zero is the default */
typedef struct hoop_linear_opts {
    int64_t out;
    bool    no_bias;
} hoop_linear_opts;
/** conv: as many spatial dims as its input has; lists are of one number for all of them or one each, an empty one is the default
 */
typedef struct hoop_conv_layer_opts {
    int64_t   out;
    hoop_ints kernel, stride, padding, dilation; /* padding.n: or hoop_conv_padding, less than 0 */
    int       padding_mode;                      /* hoop_pad_mode */
    int64_t   groups;                            /* 0: 1 */
    bool      no_bias;
} hoop_conv_layer_opts;
typedef enum hoop_conv_padding { HOOP_CONV_SAME = -1, HOOP_CONV_VALID = -2 } hoop_conv_padding;
typedef struct hoop_conv_transpose_layer_opts {
    int64_t   out;
    hoop_ints kernel, stride, padding, output_padding, dilation;
    int64_t   groups; /* 0: 1 */
    bool      no_bias;
} hoop_conv_transpose_layer_opts;
typedef struct hoop_dropout_opts {
    double p;
    bool   channels; /* whole ones */
} hoop_dropout_opts;
typedef struct hoop_embedding_opts {
    int64_t   rows, width;
    hoop_ints padding_idx; /* one row, or none */
} hoop_embedding_opts;
typedef enum hoop_normalize_over { HOOP_NORMALIZE_ELEMENT, HOOP_NORMALIZE_CHANNEL, HOOP_NORMALIZE_ALL } hoop_normalize_over;
typedef struct hoop_normalize_opts {
    int         over;      /* hoop_normalize_over */
    hoop_ints   dim;       /* of channels, among the dims of a row; none: the first of three or more, the last of fewer */
    hoop_floats mean, std; /* given: one, or one a channel */
} hoop_normalize_opts;
typedef struct hoop_layer_norm_opts {
    hoop_ints normalized_shape; /* of the last dims; none: the last one */
    double    eps;
    int       elementwise_affine, bias; /* 1: none of it (so in the next three) */
} hoop_layer_norm_opts;
typedef struct hoop_rms_norm_opts {
    hoop_ints normalized_shape;
    double    eps; /* 0: that of the dtype */
    int       elementwise_affine;
} hoop_rms_norm_opts;
typedef struct hoop_group_norm_opts {
    int64_t num_groups;
    double  eps;
    int     affine;
} hoop_group_norm_opts;
typedef struct hoop_batch_norm_opts {
    double eps, momentum; /* 0: 1e-5 and 0.1; none is HOOP_ZERO (so in the next) */
    bool   cumulative;    /* running statistics are the mean over all steps */
    int    affine, track_running_stats;
} hoop_batch_norm_opts;
typedef struct hoop_instance_norm_opts {
    double eps, momentum;
    bool   affine, track_running_stats; /* true: there are */
} hoop_instance_norm_opts;
typedef struct hoop_max_pool_opts {
    hoop_ints kernel, stride, padding, dilation; /* by spatial dim, or one for all */
    bool      ceil_mode;
} hoop_max_pool_opts;
typedef struct hoop_avg_pool_opts {
    hoop_ints kernel, stride, padding;
    bool      ceil_mode;
    int       count_include_pad; /* 1: not */
    int64_t   divisor_override;
} hoop_avg_pool_opts;
typedef struct hoop_lp_pool_opts {
    double    norm_type;
    hoop_ints kernel, stride;
    bool      ceil_mode;
} hoop_lp_pool_opts;
typedef struct hoop_adaptive_pool_opts {
    hoop_ints size; /* none: 1 */
} hoop_adaptive_pool_opts;
typedef struct hoop_upsample_layer_opts {
    double    scale_factor;
    hoop_ints size;
    int       mode; /* 0: nearest, 1 to 3: linear in so many dims, 4: bicubic */
    bool      align_corners;
} hoop_upsample_layer_opts;
typedef struct hoop_pixel_shuffle_opts {
    int64_t factor;
} hoop_pixel_shuffle_opts;
typedef struct hoop_channel_shuffle_opts {
    int64_t groups;
} hoop_channel_shuffle_opts;
typedef struct hoop_gelu_opts {
    int approximate; /* hoop_gelu_kind */
} hoop_gelu_opts;
typedef enum hoop_rotary_kind { HOOP_ROTARY_NONE, HOOP_ROTARY_HALF, HOOP_ROTARY_INTERLEAVED } hoop_rotary_kind;
/** attention: of x (N, T, C); or of x and a memory (N, S, M). Behind them a mask of keys: u8 (N, S), 1 where one may be looked
 * at, or i64 (N), how many there are. */
typedef struct hoop_attention_layer_opts {
    int64_t heads, kv_heads, head_dim;
    bool    causal;
    int     rotary;      /* hoop_rotary_kind */
    double  rotary_base; /* 0: 10000 */
    bool    no_bias;
    double  dropout; /* of probabilities */
} hoop_attention_layer_opts;
/** transformer_encoder_layer: of x (N, T, C), and a mask of keys as that of attention. */
typedef struct hoop_encoder_layer_opts {
    int64_t heads, feedforward; /* feedforward 0: 2048 */
    int     activation;         /* 0: relu; 1: gelu */
    bool    norm_first, causal;
    double  eps;     /* 0: 1e-5; none is HOOP_ZERO */
    double  dropout; /* of probabilities, of what attention gives, behind the activation, of what the linears give */
} hoop_encoder_layer_opts;
typedef enum hoop_position_kind { HOOP_POSITION_LEARNED, HOOP_POSITION_SINUSOIDAL } hoop_position_kind;
typedef struct hoop_position_opts {
    int     kind; /* hoop_position_kind */
    int64_t length;
    double  base; /* 0: 10000 */
} hoop_position_opts;
/** rnn, lstm, gru */
typedef struct hoop_rnn_module_opts {
    int64_t hidden, layers;
    bool    bidirectional, no_bias;
    int     nonlinearity; /* rnn: 0 tanh, 1 relu */
    double  dropout;
    int64_t proj_size; /* lstm: states are projected to so many; 0: they are not */
} hoop_rnn_module_opts;
typedef enum hoop_join { HOOP_JOIN_NONE, HOOP_JOIN_ADD, HOOP_JOIN_MUL, HOOP_JOIN_CONCAT } hoop_join;
typedef enum hoop_branch_inputs { HOOP_INPUTS_SHARED, HOOP_INPUTS_EACH } hoop_branch_inputs;
/** parallel: branches side by side. They are its children. */
typedef struct hoop_parallel_opts {
    int join;   /* hoop_join: of the branches' outputs; concat over the last dim */
    int inputs; /* hoop_branch_inputs: every branch gets all of them, or branch i gets input i */
} hoop_parallel_opts;
/** repeat: its child "body" so many times, each with weights of its own: "0", "1", ... */
typedef struct hoop_repeat_opts {
    int64_t times;
    bool    checkpoint; /* each of them is a segment (hoop/tape.h) */
} hoop_repeat_opts;
typedef struct hoop_sequential_opts {
    bool checkpoint; /* all of it is a segment (hoop/tape.h) */
} hoop_sequential_opts;

#ifdef __cplusplus
}
#endif
#endif

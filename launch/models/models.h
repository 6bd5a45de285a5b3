/** models/models.h - the kinds of models that a config can name, and what each gets to build its modules from. */
#ifndef HOOP_LAUNCH_MODELS_H
#define HOOP_LAUNCH_MODELS_H

#include "hoop/config.h"
#include "hoop/nn.h"

/* an input of the trainer */
typedef struct hoop__model_input {
    const char *name;
    hoop_shape  shape;  /* with the batch; its dtype is decided after build (hoop_model_takes_indices) */
    int64_t     tokens; /* classes of a target that reads the same dataset; 0: there is none */
} hoop__model_input;

/* what the outputs are for */
typedef struct hoop__model_target {
    const char *name;
    int64_t     outputs; /* of a row: the number of classes, or of the target's elements; below 1: not known, or varies */
    bool        classes;
    bool        boxes; /* lists of boxes, of so many classes */
} hoop__model_target;

typedef struct hoop__model_call {
    hoop_module              *parent; /* a sequential that gets the model's inputs */
    void                     *opts;   /* the kind's struct; what `auto` became is put there, for config.yaml */
    const hoop_config        *config; /* for errors, and keys of its own form */
    const hoop__model_input  *inputs;
    const hoop__model_target *targets;
    int                       ninputs, ntargets;
} hoop__model_call;

/** How parameters of these names (as of files) begin, by a row of the ways there are (hoop_init_kind), where the config says
 * nothing else of them. */
typedef struct hoop__model_begin {
    const char *match, *init;
    const char *key; /* an option of that way, and its value; NULL: none */
    double      value;
    const char *words[4]; /* options that are words: key, word, ...; NULL behind the last */
} hoop__model_begin;
enum { HOOP__MODEL_BEGINS = 16 };

/** What a model of text keeps of the tokens it has read, so that each is read once. */
typedef struct hoop__model_memory {
    int64_t       read, limit; /* tokens read; how many it can remember (0: as many as come) */
    int           n;
    hoop_tensor **part; /* of the kind's own, persistent */
} hoop__model_memory;

/** A kind of model. Its keys stand in the section `model`, beside `kind` and those of all models. */
typedef struct hoop__model_kind {
    const char             *name, *help;
    hoop_option_table       options; /* rows may be NULL */
    size_t                  opts_size;
    bool                    as_is; /* inputs and targets mean what they are: nothing is normalised */
    const hoop_config_free *own;   /* a key of its own form, which says the kind where `kind` does not; NULL: none */
    /** Add modules under the parent: outputs in the order of the targets, or of their names. Errors: HOOP_ECONFIG with the place
     * of the key that is wrong. */
    hoop_status (*build)(const hoop__model_call *c, hoop_error *err);
    /** How its parameters begin, where not as PyTorch's layers: how many rules there are, in out[HOOP__MODEL_BEGINS]. NULL: none.
     */
    int (*begin)(const void *opts, hoop__model_begin *out);
    /** Of models of text, all or none. Can one with these options write? HOOP_EARG says which would be right. NULL: any can; */
    hoop_status (*writes)(const void *opts, hoop_error *err);
    /** an empty memory for a model in `parent`, that of its build; */
    hoop_status (*remember)(const hoop_module *parent, hoop__model_memory *out, hoop_error *err);
    /** logits (1, n, V) of what follows each of tokens i64 (1, n), which come behind those read and are read thereby. Without
     * recording, and with read + n at most the limit. */
    hoop_tensor *(*next)(const hoop_module *parent, hoop_tape *t, hoop__model_memory *memory, hoop_tensor *tokens);
} hoop__model_kind;

/** Kind i, NULL after the last; the first is the default. The kind of a name, or NULL. */
const hoop__model_kind *hoop__model_kind_get(int i);
const hoop__model_kind *hoop__model_kind_find(const char *name);

/** Add the layers of a list, as model.layers has them, named 0, 1, ...; each is marked with its place. HOOP_ECONFIG, HOOP_ENOMEM.
 */
hoop_status hoop__layers_add(hoop_module *parent, const hoop_value *list, hoop_error *err);
/** Is it a normalize without mean and std, which have to be measured? */
bool hoop__layers_measure(const hoop_value *item);
/** For kinds: add a module of a kind of modules (hoop/nn.h) named by the next number. */
hoop_status hoop__model_add(hoop_module *parent, const char *kind, int *index, const void *opts, hoop_error *err,
                            hoop_module **out);
/** The name of a field as one of modules: itself, or its number where it cannot be. buffer[24] */
const char *hoop__model_branch(const char *name, int i, char *buffer);
/** For kinds: a module `flatten`, (N, ...) -> (N, I); of several inputs each is flattened, then they stand side by side. */
hoop_status hoop__model_flatten(const hoop__model_call *c, hoop_error *err);
/** For kinds: a last linear of that name; of several targets each has its own, NAME.TARGET. HOOP_ECONFIG: one has no known number
 * of outputs. */
hoop_status hoop__model_heads(const hoop__model_call *c, hoop_module *parent, const char *name, hoop_error *err);

#endif

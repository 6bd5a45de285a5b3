/** core/nn/module.h - the insides of a model and its modules, for the files of core/nn. */
#ifndef HOOP_MODULE_INTERNAL_H
#define HOOP_MODULE_INTERNAL_H

#include "hoop/nn.h"

enum { HOOP__PATH_BYTES = 200 }; /* of a module, with its NUL */

struct hoop_module {
    const hoop_module_kind *kind;
    hoop_model             *model;
    char                    path[HOOP__PATH_BYTES];
    uint64_t                site; /* of its random ops: a hash of the path */
    void                   *opts;
    int                     nin, nout; /* of its build */
    hoop_shape             *said;      /* its outputs, as build has them */
    const void             *mark;      /* hoop_module_mark */
    hoop_tensor            *tensor[HOOP_MODULE_SLOTS];
    hoop_module            *first, *last, *next; /* children, sibling */
    hoop_module            *pattern;             /* what a repeat's children are copies of */
};

struct hoop_model {
    hoop_params *params;
    hoop_module *root;
    struct hoop__init {
        int             param;
        hoop_param_kind kind;
        int64_t         fan_in;
        double          value;  /* of HOOP_PARAM_CONSTANT */
        bool            padded; /* the row zero_row is 0 at first */
        int64_t         zero_row;
    } * init; /* of the modules' parameters, in their order */
    int                ninit, nmodules;
    bool               built;
    const hoop_module *blamed; /* that build's error names; NULL: none yet */
    hoop_shape         out[HOOP_MODULE_TENSORS];
};

/* a module without a parent (NULL) is a root; a child's name is checked by hoop_module_add */
hoop_status hoop__module_new(hoop_model *model, const hoop_module *parent, const hoop_module_kind *kind, const char *name,
                             const void *opts, hoop_error *err, hoop_module **out);
/* add a child, of any name: what a config says, and what a kind is made of itself */
hoop_status hoop__module_append(hoop_module *parent, const hoop_module_kind *kind, const char *name, const void *opts,
                                hoop_error *err, hoop_module **out);
void        hoop__module_free(hoop_module *m); /* and what is below */
/* m and what is below, unbuilt, once more under a parent */
hoop_status hoop__module_copy(hoop_module *parent, const hoop_module *m, const char *name, hoop_error *err);
uint64_t    hoop__name_hash(const char *name);

/* the row of the parameter registered last that is 0 at first */
void hoop__module_zero_row(hoop_module *m, int64_t row);

/* the same but for the batch; "f32 (N, 28, ?)" */
enum { HOOP__SHAPE_TEXT = 200 };
bool        hoop__shape_equal(const hoop_shape *a, const hoop_shape *b);
const char *hoop__shape_text(const hoop_shape *s, char out[HOOP__SHAPE_TEXT]);

/* An option of several dims: a list of `dims` numbers, of one that holds for all, or of none (fallback). false: of another count,
 * or a word, and out is left alone. */
bool hoop__spread(const hoop_ints *list, int dims, int64_t fallback, int64_t *out);
/* the same; HOOP_EARG names the option where it does not fit */
hoop_status hoop__spread_option(const char *key, const hoop_ints *list, int dims, int64_t fallback, int64_t *out,
                                hoop_error *err);

/* HOOP_ESIZE: `what`, of these sizes (-1 and 0 count as 1), has more bytes than any process */
hoop_status hoop__check_room(const hoop_module *m, const char *what, int ndim, const int64_t *size, hoop_error *err);
/* can a dim of `size` (-1: it varies) have such borders of a mode (hoop_pad_mode)? (modules/reshape.c) */
hoop_status hoop__check_borders(int mode, int64_t before, int64_t after, int64_t size, int d, hoop_error *err);

/* what a sequential does, for containers that are one (modules/sequential.c); segments: each child is one of the tape's */
hoop_status hoop__sequence_build(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err);
void        hoop__sequence_forward(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out,
                                   bool segments);
const char *hoop__sequence_output_name(const hoop_module *m, int i);

#endif

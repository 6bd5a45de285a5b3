/** models/parts.h - what files of models write modules of their own with: parts under them, checks of inputs and targets. */
#ifndef HOOP_LAUNCH_PARTS_H
#define HOOP_LAUNCH_PARTS_H

#include "models/models.h"

/** Add a module of a kind (hoop/nn.h) by its name. out may be NULL. */
hoop_status hoop__part_add(hoop_module *parent, const char *kind, const char *name, const void *opts, hoop_error *err,
                           hoop_module **out);
/** The same with options as they are spelt in a config: key, value, ..., NULL. */
hoop_status hoop__part_set(hoop_module *parent, const char *kind, const char *name, const char *const *set, hoop_error *err);
/** Build part `name` of m for x, which becomes what it gives. HOOP_ESHAPE: it gives several tensors. */
hoop_status hoop__part_build(hoop_module *m, const char *name, hoop_shape *x, hoop_error *err);
/** Run it. */
hoop_tensor *hoop__part_run(const hoop_module *m, const char *name, hoop_tape *t, hoop_tensor *x);
/** What kinds with parts say of them: any names; the first gets the inputs. */
extern const hoop_module_child hoop__parts[1];
int                            hoop__parts_feed(const hoop_module *m, int c, int i);
/** One tensor of the model's dtype and so many dims comes in. HOOP_ESHAPE, HOOP_EDTYPE. */
hoop_status hoop__part_takes(const hoop_module *m, int nin, const hoop_shape *in, int ndim, hoop_error *err);

/** HOOP_ECONFIG: the model has not one input and one target, or rows of the input have not `from` to `to` dims, which are `what`.
 */
hoop_status hoop__model_one(const hoop__model_call *c, int from, int to, const char *what, hoop_error *err);
/** Images: (N, H, W), of one channel, become (N, 1, H, W) by a module `image`; with 3 spatial dims from 4 on. *dims: spatial
 * ones. */
hoop_status hoop__model_image(const hoop__model_call *c, int most, int *dims, hoop_error *err);
/** What `auto` is: the tokens of the input, 0 of numbers. Returns it. */
int64_t hoop__model_vocabulary(const hoop__model_call *c, int64_t *vocabulary);
/** Sequences as (N, T, width): of tokens (N, T) by a module `embedding`; where vocabulary is 0, of numbers (N, T, F), or (N, T)
 * by a module `series`, as they are or (width > 0) by a linear `embedding`. */
hoop_status hoop__model_sequence(const hoop__model_call *c, int64_t vocabulary, int64_t width, bool linear, hoop_error *err);
/** A module: (N, T, C) -> (N, C), the first or last of T. */
hoop_status hoop__part_step(hoop_module *parent, const char *name, bool last, hoop_error *err);
/** What a last layer gives for each of the T of an input: classes, or the target's elements in T parts. */
hoop_status hoop__model_outputs_each(const hoop__model_call *c, int64_t *out, hoop_error *err);
/** What `outputs` of the target is, which must be known. */
hoop_status hoop__model_outputs(const hoop__model_call *c, int64_t *out, hoop_error *err);
/** Rules of one option, behind the n there are. */
int hoop__begin(hoop__model_begin *out, int n, const char *match, const char *init, const char *key, double value);

/** x + attention(ln_1(x)), then that + mlp(ln_2(that)): the block of GPT-2 and ViT. */
typedef struct hoop__block_opts {
    bool    gpt; /* GPT-2's names and order (attn.c_attn), causal; else torchvision's of ViT (self_attention, mlp.0) */
    int64_t heads, hidden;
    double  dropout, eps;
} hoop__block_opts;
extern const hoop_module_kind hoop__block;
/** One block, given keys and values of what came before: memory (1, limit, 2 heads, D), of which `read` are there; it gets those
 * of x. */
hoop_tensor *hoop__block_next(const hoop_module *m, hoop_tape *t, hoop_tensor *x, hoop_tensor *memory, int64_t read);

/** A block of resnet: convolutions, added to what comes in, which goes through one too where `downsample`: conv1, bn1, conv2 ...
 */
typedef struct hoop__residual_opts {
    int64_t planes, stride;
    bool    bottleneck, downsample;
} hoop__residual_opts;
extern const hoop_module_kind hoop__residual;
/** A convolution without a bias that keeps the size, but for its stride. */
hoop_status hoop__resnet_conv(hoop_module *m, const char *name, int64_t out, int64_t kernel, int64_t stride, hoop_error *err);

#endif

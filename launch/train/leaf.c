/* A leaf: its tensors, by number and by name, and what the config's model loses on it. */
#include "hoop/loader.h"
#include "train/augment.h"
#include "train/data.h"
#include "train/plan.h"
#include "train/step.h"

#include <string.h>

/* Those of its rows stand behind those of the leaf before it. */
static const double *take_weights(hoop__step *s, const hoop_loader_leaf *rows)
{
    double *w = s->row_weight + s->nweights;
    if (s->weights == NULL) return NULL;
    for (int64_t i = 0; i < rows->n; i++) w[i] = s->weights[rows->sample[i]];
    s->nweights += rows->n;
    return w;
}

void hoop__leaf_from(hoop_leaf *leaf, const hoop_loader_leaf *rows)
{
    const hoop__data *d = leaf->tr->data;
    leaf->number        = rows->leaf;
    leaf->n             = rows->n;
    leaf->sample        = rows->sample;
    leaf->w             = take_weights(leaf->tr->step, rows);
    leaf->parts         = rows->extra;
    for (int i = 0; i < d->ninputs + d->ntargets; i++)
        leaf->field[i] = (hoop__leaf_field){.rows    = rows->field[i].data,
                                            .dtype   = d->field[i].dtype,
                                            .length  = rows->field[i].length,
                                            .lengths = rows->field[i].lengths};
}

/* (n, parts, 2): whose label, and by which share */
static void wrap_parts(hoop_leaf *leaf)
{
    const int64_t shape[] = {leaf->n, hoop__augment_parts(leaf->tr), 2};
    _Static_assert(sizeof(hoop_augment_part) == 2 * sizeof(int64_t) && sizeof(double) == sizeof(int64_t), "both as one");
    leaf->of = leaf->share = NULL;
    if (leaf->parts == NULL) return;
    leaf->of    = hoop_tape_samples(leaf->tape, hoop_tape_wrap(leaf->tape, HOOP_I64, 3, shape, leaf->parts));
    leaf->share = hoop_tape_samples(leaf->tape, hoop_tape_wrap(leaf->tape, HOOP_F64, 3, shape, leaf->parts));
}

void hoop__leaf_wrap(hoop_leaf *leaf)
{
    hoop_trainer *tr = leaf->tr;
    int64_t       shape[HOOP_MAX_DIMS];
    for (int i = 0; i < tr->data->ninputs + tr->data->ntargets; i++)
        if (leaf->field[i].rows == NULL)
            hoop_tape_fail(leaf->tape, HOOP_EARG, "there are no rows of %s: its array is NULL", tr->data->field[i].name);
    for (int i = 0; i < tr->data->ninputs; i++) {
        const hoop__field *f  = hoop__input(tr, i);
        hoop__leaf_field  *lf = &leaf->field[i];
        hoop__field_shape(f, leaf->n, lf->length, shape);
        lf->tensor = hoop_tape_wrap(leaf->tape, lf->dtype, f->ndim + 1, shape, lf->rows);
        lf->tensor = hoop_tape_samples(leaf->tape, lf->tensor);
        if (lf->dtype != f->dtype) lf->tensor = hoop_cast(leaf->tape, lf->tensor, f->dtype);
        tr->step->in[i] = lf->tensor;
    }
    for (int k = 0; k < tr->data->ntargets; k++) {
        hoop__leaf_field  *lf = &leaf->field[tr->data->ninputs + k];
        const hoop__field *f  = hoop__target(tr, k);
        lf->tensor            = hoop__targets_wrap(tr, leaf->tape, f, lf->dtype, lf->rows, leaf->n, lf->length, &lf->raw);
        if (f->loss->classes) lf->tensor = hoop_loss_ignore(leaf->tape, lf->tensor, hoop_loss_ignores(f->loss, f->loss_opts));
    }
    leaf->weights = NULL;
    if (leaf->w != NULL)
        leaf->weights = hoop_tape_samples(leaf->tape, hoop_tape_wrap(leaf->tape, HOOP_F64, 1, &leaf->n, leaf->w));
    wrap_parts(leaf);
    leaf->told = false;
}

/* ---- what a caller sees ---- */

hoop_tape *hoop_leaf_tape(hoop_leaf *leaf)
{
    return leaf->tape;
}

/* NULL, and the tape says what there is */
static hoop_tensor *tensor_at(hoop_leaf *leaf, int i, int first, int n, const char *call)
{
    const char *last = leaf->tr->data->field[first + n - 1].name;
    if (i >= 0 && i < n) return leaf->field[first + i].tensor;
    if (n == 1)
        hoop_tape_fail(leaf->tape, HOOP_EARG, "%s: there is no number %d, only 0 (%s)", call, i, last);
    else
        hoop_tape_fail(leaf->tape, HOOP_EARG, "%s: there is no number %d; they are 0 (%s) to %d (%s)", call, i,
                       leaf->tr->data->field[first].name, n - 1, last);
    return NULL;
}

hoop_tensor *hoop_leaf_input(hoop_leaf *leaf, int i)
{
    return tensor_at(leaf, i, 0, leaf->tr->data->ninputs, "hoop_leaf_input");
}

hoop_tensor *hoop_leaf_target(hoop_leaf *leaf, int i)
{
    return tensor_at(leaf, i, leaf->tr->data->ninputs, leaf->tr->data->ntargets, "hoop_leaf_target");
}

static hoop__leaf_field *find(hoop_leaf *leaf, const char *name, const char *call)
{
    const hoop__data *d = leaf->tr->data;
    const char       *names[HOOP_DATASET_FIELDS], *near;
    const int         n = d->ninputs + d->ntargets;
    for (int i = 0; i < n; i++) {
        if (strcmp(d->field[i].name, name) == 0) return &leaf->field[i];
        names[i] = d->field[i].name;
    }
    near = hoop_nearest(name, names, n);
    hoop_tape_fail(leaf->tape, HOOP_EARG, "%s: there is no input or target '%.64s'; %s %s", call, name,
                   near != NULL ? "did you mean" : "the first is", near != NULL ? near : names[0]);
    return NULL;
}

hoop_tensor *hoop_leaf_find(hoop_leaf *leaf, const char *name)
{
    const hoop__leaf_field *lf = find(leaf, name, "hoop_leaf_find");
    return lf == NULL ? NULL : lf->tensor;
}

hoop_tensor *hoop_leaf_lengths(hoop_leaf *leaf, const char *name)
{
    const hoop__leaf_field *lf = find(leaf, name, "hoop_leaf_lengths");
    if (lf == NULL || lf->lengths == NULL) return NULL;
    return hoop_tape_wrap(leaf->tape, HOOP_I64, 1, &leaf->n, lf->lengths);
}

hoop_tensor *hoop_leaf_weights(hoop_leaf *leaf)
{
    return leaf->weights;
}

/* ---- the loss ---- */

/* Sizes that vary are known only now; ops of a loss would broadcast one of 1. */
static bool same_sizes(hoop_tape *t, const hoop__field *f, const hoop_tensor *out, const hoop_tensor *target)
{
    char a[128], b[128];
    for (int d = 0; d < hoop_tensor_ndim(target); d++) {
        if (hoop_tensor_size(out, d) == hoop_tensor_size(target, d)) continue;
        hoop_tape_fail(t, HOOP_ESHAPE, "outputs %s do not fit target '%s', %s", hoop_tensor_describe(out, a, sizeof a), f->name,
                       hoop_tensor_describe(target, b, sizeof b));
        return false;
    }
    return true;
}

/* The places in (n * length) rows of those that are no padding. */
static hoop_tensor *real_rows(hoop_tape *t, int64_t n, int64_t length, const int64_t *lengths)
{
    int64_t      count = 0, *at;
    hoop_tensor *index;
    for (int64_t i = 0; i < n; i++) count += lengths[i];
    index = hoop_tape_tensor(t, HOOP_I64, 1, &count, NULL);
    at    = hoop_tensor_data(index);
    for (int64_t i = 0; i < n && at != NULL; i++)
        for (int64_t j = 0; j < lengths[i]; j++) *at++ = i * length + j;
    return index;
}

/* those of x (n, length, ...) */
static hoop_tensor *take_rows(hoop_tape *t, hoop_tensor *x, hoop_tensor *index)
{
    int64_t shape[2] = {hoop_tensor_size(x, 0) * hoop_tensor_size(x, 1), 1};
    for (int d = 2; d < hoop_tensor_ndim(x); d++) shape[1] *= hoop_tensor_size(x, d);
    x = hoop_reshape(t, x, 2, shape);
    return hoop_embedding(t, x, index);
}

/* The model's outputs for target k, in the shape of its values */
static hoop_tensor *outputs(hoop_trainer *tr, hoop_tape *t, int k, const hoop_tensor *target)
{
    const hoop__field *f     = hoop__target(tr, k);
    hoop_tensor      **given = &tr->step->out[f->output], *out;
    if (!hoop_tensor_is_poison(*given) && !hoop_tensor_is_contiguous(*given)) *given = hoop_contiguous(t, *given);
    out = *given;
    if (f->loss->classes || f->loss->fits != NULL || hoop_tensor_is_poison(out) || hoop_tensor_is_poison(target)) return out;
    if (hoop_tensor_ndim(out) != hoop_tensor_ndim(target))
        out = hoop_reshape(t, out, hoop_tensor_ndim(target), hoop_tensor_shape(target));
    if (!hoop_tensor_is_poison(out)) (void)same_sizes(t, f, out, target);
    return out;
}

void hoop__leaf_forward(hoop_leaf *leaf)
{
    hoop_trainer *tr = leaf->tr;
    hoop__model_forward(tr, leaf->tape);
    for (int k = 0; k < tr->data->ntargets; k++) {
        hoop__leaf_field *rows = &leaf->field[tr->data->ninputs + k];
        rows->out              = outputs(tr, leaf->tape, k, rows->tensor);
    }
}

/* Labels and boxes say themselves where they are padding; values that are it are left out. Then weights (NULL: none) are of what
 * is left.
 */
static void leave_out_padding(hoop_tape *t, const hoop__field *f, const int64_t *lengths, hoop_tensor **out, hoop_tensor **target,
                              hoop_tensor **w)
{
    hoop_tensor *index;
    int64_t      n, size[2];
    if (lengths == NULL || f->loss->classes || f->loss->boxes || f->mean != NULL || hoop_tape_error(t)->status != HOOP_OK) return;
    n       = hoop_tensor_size(*target, 0);
    size[0] = n, size[1] = hoop_tensor_size(*target, 1);
    index   = real_rows(t, n, size[1], lengths);
    *out    = take_rows(t, *out, index);
    *target = take_rows(t, *target, index);
    if (*w == NULL) return;
    n  = hoop_tensor_numel(index);
    *w = hoop_expand(t, hoop_unsqueeze(t, *w, -1), 2, size);
    *w = hoop_reshape(t, take_rows(t, hoop_contiguous(t, *w), index), 1, &n);
}

/* weight / elements of a row, of which there is no fixed number where each leaf has its own length, or they are boxes */
static double share(const hoop__field *f)
{
    return hoop__field_length(f) < 0 || f->loss->boxes ? f->weight : f->weight / (double)hoop__field_numel(f);
}

/* How long the outputs (n, T, ...) of a leaf are: in the share of T that rows of the first input that varies have of what they
 * are padded to. NULL: all are T. */
static hoop_tensor *frames(const hoop_leaf *leaf, const hoop_tensor *out)
{
    const hoop_trainer *tr = leaf->tr;
    hoop_tensor        *lengths;
    int64_t            *to, all;
    int                 i = 0;
    while (i < tr->data->ninputs && (leaf->field[i].lengths == NULL || leaf->field[i].length < 1)) i++;
    if (i == tr->data->ninputs || hoop_tensor_is_poison(out) || hoop_tensor_ndim(out) < 2) return NULL;
    all     = hoop_tensor_size(out, 1);
    lengths = hoop_tape_tensor(leaf->tape, HOOP_I64, 1, &leaf->n, NULL);
    to      = hoop_tensor_data(lengths);
    for (int64_t r = 0; r < leaf->n && to != NULL; r++)
        to[r] = (leaf->field[i].lengths[r] * all + leaf->field[i].length - 1) / leaf->field[i].length;
    return lengths;
}

/* Number `part` of (n, parts, 2): of places, or of shares */
static hoop_tensor *part_of(hoop_tape *t, hoop_tensor *x, int64_t part, int64_t which)
{
    int64_t n = hoop_tensor_is_poison(x) ? 0 : hoop_tensor_size(x, 0);
    x         = hoop_slice(t, x, 1, part, 1);
    x         = hoop_slice(t, x, 2, which, 1);
    return hoop_reshape(t, hoop_contiguous(t, x), 1, &n);
}

/* What labels lose that are mixed: each part by its share, times the sample's weight, where it has one. */
static hoop_tensor *parts_loss(const hoop_leaf *all, int i, const hoop__field *f, hoop_tensor *out, hoop_tensor *target,
                               hoop_tensor *w)
{
    hoop_tape    *t  = all->tape;
    hoop_tensor  *of = hoop_tape_leaf_rows(t, all->of, i), *shares = hoop_tape_leaf_rows(t, all->share, i);
    hoop_tensor  *sum = NULL, *weight = NULL;
    const int64_t n = hoop__augment_parts(all->tr);
    for (int64_t k = 0; k < n; k++) {
        hoop_tensor *label = hoop_index_select(t, target, 0, part_of(t, of, k, 0)), *share = part_of(t, shares, k, 1), *loss;
        if (w != NULL) share = hoop_mul(t, share, w);
        loss = f->loss->weighted(t, out, label, NULL, share, f->loss_opts);
        if (hoop_tensor_is_poison(loss)) return loss;
        sum    = sum == NULL ? loss : hoop_add(t, sum, loss);
        weight = weight == NULL ? hoop_loss_weight(loss) : hoop_add(t, weight, hoop_loss_weight(loss));
    }
    return hoop_loss(t, sum, weight);
}

/* What target k loses; this and its metrics are kept. */
static hoop_tensor *target_loss(const hoop_leaf *all, hoop_leaf *leaf, int i, int k)
{
    hoop_trainer           *tr   = leaf->tr;
    hoop_tape              *t    = all->tape;
    const hoop__field      *f    = hoop__target(tr, k);
    const hoop__places     *p    = &tr->step->place[k];
    const hoop__leaf_field *rows = &all->field[tr->data->ninputs + k];
    hoop_tensor           **kept = leaf->kept + p->kept, *loss, *wanted;
    hoop_tensor            *out = hoop_tape_leaf_rows(t, rows->out, i), *target = hoop_tape_leaf_rows(t, rows->tensor, i);
    hoop_tensor            *w = all->weights == NULL ? NULL : hoop_tape_leaf_rows(t, all->weights, i);
    leave_out_padding(t, f, leaf->field[tr->data->ninputs + k].lengths, &out, &target, &w);
    if (f->in_parts && all->of != NULL)
        loss = parts_loss(all, i, f, out, target, w);
    else if (w != NULL)
        loss = f->loss->weighted(t, out, target, f->loss->forward_lengths == NULL ? NULL : frames(leaf, out), w, f->loss_opts);
    else if (f->loss->forward_lengths != NULL)
        loss = f->loss->forward_lengths(t, out, target, frames(leaf, out), f->loss_opts);
    else
        loss = f->loss->forward(t, out, target, f->loss_opts);
    kept[0] = hoop_retain(t, loss);
    kept[1] = f->mean == NULL ? NULL : hoop_retain(t, out);
    wanted  = f->nshown == 0 || f->mean == NULL ? target : hoop_tape_leaf_rows(t, rows->raw, i);
    for (int m = 0; m < f->nsteps; m++) {
        hoop_tensor *sums = hoop_metric_sums(t, &f->shown[m].use, out, wanted, f->std, f->mean);
        kept[2 + m]       = hoop_retain(t, sums);
    }
    kept[2 + f->nsteps] = kept[3 + f->nsteps] = NULL;
    if (leaf->training || f->nshown == f->nsteps) return loss;
    if (f->loss->told != NULL) out = f->loss->told(t, out, f->loss_opts);
    kept[2 + f->nsteps] = hoop_retain(t, out);
    kept[3 + f->nsteps] = hoop_retain(t, wanted);
    return loss;
}

hoop_tensor *hoop__leaf_lost(const hoop_leaf *all, hoop_leaf *leaf, int i)
{
    hoop_trainer *tr    = leaf->tr;
    hoop_tape    *t     = all->tape;
    const int     n     = tr->data->ntargets;
    hoop_tensor  *total = NULL, *weight;
    leaf->told          = true;
    for (int k = 0; k < n; k++) {
        hoop_tensor *loss = target_loss(all, leaf, i, k);
        if (n == 1) return leaf->kept[0] = loss;
        if (!hoop_tensor_is_poison(loss) && hoop_tensor_dtype(loss) != tr->dtype) loss = hoop_cast(t, loss, tr->dtype);
        loss  = hoop_scale(t, loss, share(hoop__target(tr, k)));
        total = total == NULL ? loss : hoop_add(t, total, loss);
    }
    weight               = all->weights == NULL ? hoop_fill(t, HOOP_F64, 0, NULL, (double)leaf->n)
                                                : hoop_sum(t, hoop_tape_leaf_rows(t, all->weights, i), HOOP_ALL_DIMS, false);
    return leaf->kept[0] = hoop_loss(t, total, weight);
}

hoop_tensor *hoop_trainer_loss(hoop_trainer *tr, hoop_leaf *leaf)
{
    hoop_tensor *loss;
    if (hoop__trainer_forwards(tr)) {
        hoop_profile_begin(tr->rt, "engine", HOOP_PHASE_FORWARD, 0.0);
        hoop__leaf_forward(leaf);
        loss = hoop__leaf_lost(leaf, leaf, 0);
        hoop_profile_end(tr->rt);
        return loss;
    }
    hoop_tape_fail(tr->tape, HOOP_ESTATE, "hoop_trainer_loss: the model is the caller's own");
    return NULL;
}

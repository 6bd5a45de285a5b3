/* Metrics shown beside losses: which, by the config (metrics) or the loss, and what evaluations count of them. */
#include "hoop/exact.h"
#include "train/data.h"
#include "train/plan.h"
#include "train/step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const hoop_config_free hoop__shown_key = {
    "metrics", false,
    /* source-check: kinds, because an example names some */
    "what is shown beside the loss, instead of what goes with it, such as [accuracy, {f1: {average: micro}}, {top_k: {k: 3}}]; "
    "hoop train --help metrics lists them",
    NULL};

enum { KINDS = 128, MOST_SUMS = 1 << 25 };

/* ---- which ---- */

static bool suits(const hoop_metric *m, const hoop__field *f)
{
    if (m->boxes || f->loss->boxes) return m->boxes && f->loss->boxes;
    if (f->loss->fits != NULL) return false;
    return f->loss->classes ? m->labels : !m->labels || (m->binary && f->loss->binary);
}

/* "f1_micro", "top_k_3": options that are not as by default */
static void name_shown(hoop__shown *s)
{
    const hoop_option_table *t = &s->use.metric->options;
    size_t                   n = (size_t)snprintf(s->name, sizeof s->name, "%s", s->use.metric->name);
    char                     is[64], was[64];
    double                   plain[HOOP_METRIC_OPTS / sizeof(double)] = {0};
    (void)hoop_option_defaults(t, plain);
    for (int i = 0; i < t->count; i++) {
        hoop_option_format(&t->rows[i], s->opts, is, sizeof is);
        hoop_option_format(&t->rows[i], plain, was, sizeof was);
        if (strcmp(is, was) != 0 && n < sizeof s->name) n += (size_t)snprintf(s->name + n, sizeof s->name - n, "_%s", is);
    }
}

static hoop_status add(hoop__field *f, const hoop_metric *m, const hoop_value *options, hoop_error *err)
{
    hoop__shown *s  = &f->shown[f->nshown];
    hoop_status  st = HOOP_OK;
    s->opts         = calloc(1, HOOP_METRIC_OPTS);
    if (s->opts == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for metrics");
    f->nshown++;
    s->use = (hoop_metric_use){.metric = m, .opts = s->opts, .cut = f->loss->cut};
    if (m->options.count > 0) st = hoop_option_defaults(&m->options, s->opts);
    if (st == HOOP_OK && hoop_value_get_kind(options) != HOOP_VALUE_NULL)
        st = hoop_value_fill(options, &m->options, err, s->opts);
    name_shown(s);
    return st;
}

static hoop_status unknown(const hoop_value *item, const char *name, hoop_error *err)
{
    const char        *names[KINDS], *near;
    const hoop_metric *m;
    char               list[HOOP_ERROR_TEXT / 2] = "";
    size_t             at                        = 0;
    int                n                         = 0;
    while (n < KINDS && (m = hoop_metric_get(n)) != NULL) names[n++] = m->name;
    near = hoop_nearest(name, names, n);
    if (near != NULL) return hoop_value_fail(item, err, "there is no metric '%.64s'; did you mean %s?", name, near);
    for (int i = 0; i < n && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i == 0 ? "" : ", ", names[i]);
    return hoop_value_fail(item, err, "there is no metric '%.64s'; there are %s", name, list);
}

/* "accuracy is of classes, and no target has any; of these are rmse, mae, ..." */
static hoop_status suits_none(const hoop_trainer *tr, const hoop_value *item, const hoop_metric *m, hoop_error *err)
{
    const hoop_metric *other;
    char               list[HOOP_ERROR_TEXT / 2] = "";
    size_t             at                        = 0;
    for (int i = 0; (other = hoop_metric_get(i)) != NULL && at < sizeof list; i++)
        if (suits(other, hoop__target(tr, 0)))
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at == 0 ? "" : ", ", other->name);
    return hoop_value_fail(item, err, "%s is of %s, and loss is %s; %s%s", m->name,
                           m->binary   ? "classes or 0 and 1"
                           : m->labels ? "classes"
                           : m->boxes  ? "boxes"
                                       : "real targets",
                           hoop__target(tr, 0)->loss->name, at == 0 ? "nothing is shown beside that" : "beside that go ", list);
}

/* `accuracy`, or {f1: {average: micro}}; of `want` those that are counted in steps, or the others */
static hoop_status read_item(hoop_trainer *tr, const hoop_value *item, bool evaluation, hoop_error *err)
{
    const bool         map  = hoop_value_get_kind(item) == HOOP_VALUE_MAP && hoop_value_count(item) == 1;
    const char        *name = map ? hoop_value_key(item, 0) : hoop_value_text(item);
    const hoop_metric *m    = name == NULL ? NULL : hoop_metric_find(name);
    hoop_status        st   = HOOP_OK;
    bool               any  = false;
    if (name == NULL) /* source-check: kinds, because an example names one */
        return hoop_value_fail(item, err, "a metric is a name, or one with options, such as {f1: {average: micro}}");
    if (m == NULL) return unknown(item, name, err);
    for (int k = 0; k < tr->data->ntargets; k++) any = any || suits(m, hoop__target(tr, k));
    if (!any) return suits_none(tr, item, m, err);
    for (int k = 0; k < tr->data->ntargets && m->evaluation == evaluation && st == HOOP_OK; k++) {
        hoop__field *f = hoop__target(tr, k);
        if (suits(m, f)) st = add(f, m, map ? hoop_value_at(item, 0) : NULL, err);
        for (int i = 0; i + 1 < f->nshown && st == HOOP_OK; i++)
            if (strcmp(f->shown[i].name, f->shown[f->nshown - 1].name) == 0) st = hoop_value_fail(item, err, "is listed twice");
    }
    return st;
}

static hoop_status read_list(hoop_trainer *tr, const hoop_value *list, bool evaluation, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (hoop_value_get_kind(list) != HOOP_VALUE_LIST) return read_item(tr, list, evaluation, err);
    for (int i = 0; i < hoop_value_count(list) && st == HOOP_OK; i++) st = read_item(tr, hoop_value_at(list, i), evaluation, err);
    return st;
}

static int count_of(const hoop_loss_kind *loss)
{
    int n = 0;
    while (loss->metrics != NULL && loss->metrics[n] != NULL) n++;
    return n;
}

/* Without the key: those of its loss that are counted in each step; of boxes, which have none such, those of evaluations. */
static hoop_status of_loss(hoop__field *f, bool evaluation, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int i = 0, n = count_of(f->loss); i < n && st == HOOP_OK; i++) {
        const hoop_metric *m = hoop_metric_find(f->loss->metrics[i]);
        if (m != NULL && m->evaluation == evaluation && (!evaluation || m->boxes)) st = add(f, m, NULL, err);
    }
    return st;
}

hoop_status hoop__shown_read(hoop_trainer *tr, hoop_error *err)
{
    const hoop_value *list  = hoop_config_get(tr->config, "metrics");
    const bool        given = hoop_value_get_kind(list) != HOOP_VALUE_NULL;
    hoop_status       st    = HOOP_OK;
    for (int k = 0; k < tr->data->ntargets; k++) {
        hoop__field *f = hoop__target(tr, k);
        hoop__shown_free(f);
        f->shown = calloc((size_t)(1 + hoop_value_count(list) + count_of(f->loss)), sizeof *f->shown);
        if (f->shown == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for metrics");
        if (!given) HOOP_TRY(st, done, of_loss(f, false, err));
    }
    if (given) HOOP_TRY(st, done, read_list(tr, list, false, err));
    for (int k = 0; k < tr->data->ntargets; k++) {
        hoop__target(tr, k)->nsteps = hoop__target(tr, k)->nshown;
        if (!given) HOOP_TRY(st, done, of_loss(hoop__target(tr, k), true, err));
    }
    if (given) st = read_list(tr, list, true, err);
done:
    return st;
}

void hoop__shown_free(hoop__field *f)
{
    for (int i = 0; i < f->nshown; i++) {
        free(f->shown[i].opts);
        free(f->shown[i].counts);
        free(f->shown[i].leaf);
        free(f->shown[i].sums);
        free(f->shown[i].list[0]);
    }
    free(f->shown);
    hoop_detections_destroy(&f->boxes);
    free(f->box);
    f->shown  = NULL;
    f->box    = NULL;
    f->nshown = f->nsteps = 0;
    f->nbox               = 0;
}

/* ---- an evaluation ---- */

/* classes, or values of a row; 0: rows vary */
static int64_t width_of(const hoop__field *f)
{
    int64_t n = 1;
    if (f->loss->boxes) return f->classes;
    if (f->loss->classes) return f->out_ndim > 0 ? f->out_shape[f->out_ndim - 1] : 0;
    for (int d = 0; d < f->out_ndim; d++) n = f->out_shape[d] < 0 ? 0 : n * f->out_shape[d];
    return n;
}

hoop_status hoop__shown_fits(const hoop_trainer *tr, const hoop__field *f, hoop_error *err)
{
    const int64_t width = width_of(f);
    for (int i = f->nsteps; i < f->nshown; i++) {
        const hoop__shown *s      = &f->shown[i];
        const hoop_metric *m      = s->use.metric;
        const int64_t      n      = hoop_metric_count(m, width, s->opts);
        const char        *wanted = m->fits == NULL || width == 0 ? NULL : m->fits(width, s->opts);
        if (width == 0 && m->sums != NULL)
            return hoop_config_fail(tr->config, "metrics", err, "%s wants rows of one length, and those of %s vary", s->name,
                                    f->name);
        if (wanted != NULL)
            return hoop_config_fail(tr->config, "metrics", err, "%s wants %s, and %s has %lld", s->name, wanted, f->name,
                                    (long long)width);
        if (n > MOST_SUMS)
            return hoop_config_fail(tr->config, "metrics", err, "%s of %lld classes takes %lld numbers; at most %d are possible",
                                    s->name, (long long)width, (long long)n, MOST_SUMS);
    }
    return HOOP_OK;
}

static hoop_status make(const hoop__field *f, hoop__shown *s, hoop_error *err)
{
    const hoop_metric *m = s->use.metric;
    const int64_t      n = hoop_metric_count(m, width_of(f), s->opts);
    s->width             = width_of(f);
    s->numbers           = m->numbers == NULL ? 0 : m->numbers(s->width, s->opts, &s->columns);
    s->list[0]           = calloc(2 * (size_t)s->numbers + 1, sizeof *s->list[0]);
    s->list[1]           = s->list[0] + s->numbers;
    if (m->boxes) {
        s->nsums = 1; /* there are no sums, but it is made */
    } else if (m->counts) {
        s->counts = calloc((size_t)n + 1, sizeof *s->counts);
    } else {
        s->leaf = calloc((size_t)n + 1, sizeof *s->leaf);
        s->sums = calloc((size_t)n + 1, sizeof *s->sums);
    }
    if (s->list[0] == NULL || (m->boxes ? false : m->counts ? s->counts == NULL : s->leaf == NULL || s->sums == NULL))
        return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld sums of %s", (long long)n, s->name);
    if (!m->boxes) s->nsums = n;
    return HOOP_OK;
}

/* Nothing is found yet. */
static hoop_status begin_boxes(hoop__field *f, hoop_error *err)
{
    hoop_status st;
    hoop_detections_destroy(&f->boxes);
    st = hoop_detections_create(f->classes, err, &f->boxes);
    for (int i = f->nsteps; i < f->nshown; i++) f->shown[i].boxes = f->boxes;
    return st;
}

hoop_status hoop__shown_begin(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int k = 0; k < tr->data->ntargets; k++) {
        hoop__field *f = hoop__target(tr, k);
        for (int i = f->nsteps; i < f->nshown && st == HOOP_OK; i++) {
            hoop__shown *s = &f->shown[i];
            if (s->nsums == 0) st = make(f, s, err);
            for (int64_t j = 0; j < s->nsums && s->sums != NULL; j++) hoop_exact_scalar_clear(&s->sums[j]);
            if (s->counts != NULL) memset(s->counts, 0, (size_t)s->nsums * sizeof *s->counts);
        }
        if (f->loss->boxes && f->nshown > f->nsteps && st == HOOP_OK) st = begin_boxes(f, err);
    }
    return st;
}

/* Sums of a leaf are made in order of its rows, and added to exact ones: which rank has it does not show. Counts are exact. */
static void add_leaf(hoop__shown *s, const hoop_metric_call *call)
{
    hoop_metric_call c = *call;
    c.opts             = s->opts;
    c.cut              = s->use.cut;
    if (s->counts != NULL) {
        s->use.metric->add(&c, s->counts);
        return;
    }
    memset(s->leaf, 0, (size_t)s->nsums * sizeof *s->leaf);
    s->use.metric->add(&c, s->leaf);
    for (int64_t j = 0; j < s->nsums; j++) hoop_exact_scalar_deposit(&s->sums[j], s->leaf[j]);
}

/* ---- boxes ---- */

static hoop_status room_for(hoop__field *f, int64_t n, hoop_error *err)
{
    hoop_box *more;
    if (n <= f->nbox) return HOOP_OK;
    more = realloc(f->box, (size_t)n * sizeof *more);
    if (more == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld boxes", (long long)n);
    f->box  = more;
    f->nbox = n;
    return HOOP_OK;
}

/* Of n rows of boxes from number `first` on, those that are such: found ones have a score before their class. */
static int64_t take_boxes(const hoop_tensor *rows, int64_t first, int64_t n, bool found, hoop_box *to)
{
    const void      *v     = hoop_tensor_data(rows);
    const hoop_dtype dtype = hoop_tensor_dtype(rows);
    const int64_t    width = hoop_tensor_size(rows, 2);
    int64_t          count = 0;
    for (int64_t i = first; i < first + n; i++) {
        const hoop_box b = {.x1    = hoop__value_at(v, dtype, i * width),
                            .y1    = hoop__value_at(v, dtype, i * width + 1),
                            .x2    = hoop__value_at(v, dtype, i * width + 2),
                            .y2    = hoop__value_at(v, dtype, i * width + 3),
                            .score = found ? hoop__value_at(v, dtype, i * width + 4) : 0,
                            .label = (int64_t)hoop__value_at(v, dtype, i * width + width - 1)};
        if (found ? b.label >= 0 : b.x2 > b.x1 && b.y2 > b.y1) to[count++] = b;
    }
    return count;
}

static void add_boxes(const hoop_leaf *leaf, hoop__field *f, const hoop_tensor *found, const hoop_tensor *real, hoop_error *err)
{
    const int64_t nfound = hoop_tensor_size(found, 1), nreal = hoop_tensor_size(real, 1);
    if (room_for(f, nfound + nreal, err) != HOOP_OK) return;
    for (int64_t i = 0; i < leaf->n && err->status == HOOP_OK; i++) {
        const int64_t n = take_boxes(found, i * nfound, nfound, true, f->box),
                      m = take_boxes(real, i * nreal, nreal, false, f->box + n);
        (void)hoop_detections_add(f->boxes, leaf->sample[i], f->box, n, f->box + n, m, err);
    }
}

/* What other ranks have, each in its turn: as many bytes as the most of any. */
static hoop_status reduce_boxes(hoop_trainer *tr, hoop__field *f, hoop_error *err)
{
    const int   size = hoop_comm_size(tr->comm), rank = hoop_comm_rank(tr->comm);
    hoop_error  local = {.status = HOOP_OK};
    const void *bytes = NULL;
    int64_t     n = 0, most = 0, *sizes = calloc((size_t)size, sizeof *sizes);
    char       *mine = NULL, *all = NULL;
    hoop_status st;
    if (sizes == NULL)
        (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for boxes of %d ranks", size);
    else
        (void)hoop_detections_bytes(f->boxes, &local, &bytes, &n);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
    HOOP_TRY(st, done, hoop_comm_all_gather_bytes(tr->comm, &n, (int64_t)sizeof n, "size of boxes", &local, sizes));
    for (int r = 0; r < size; r++) most = sizes[r] > most ? sizes[r] : most;
    mine = calloc(1, (size_t)most + 1);
    all  = malloc((size_t)most * (size_t)size + 1);
    if (mine == NULL || all == NULL) (void)hoop_fail(&local, HOOP_ENOMEM, "no memory for boxes of %d ranks", size);
    HOOP_TRY(st, done, hoop_comm_agree_status(tr->comm, &local));
    memcpy(mine, bytes, (size_t)n);
    HOOP_TRY(st, done, hoop_comm_all_gather_bytes(tr->comm, mine, most, "boxes", &local, all));
    for (int r = 0; r < size && local.status == HOOP_OK; r++)
        if (r != rank) (void)hoop_detections_merge(f->boxes, all + (size_t)most * (size_t)r, sizes[r], &local);
    st = hoop_comm_agree_status(tr->comm, &local);
done:
    free(sizes);
    free(mine);
    free(all);
    return st == HOOP_OK ? HOOP_OK : hoop_fail(err, st, "%s", local.text);
}

void hoop__shown_leaf(const hoop_leaf *leaf, hoop__field *f, const hoop_tensor *out, const hoop_tensor *target, hoop_error *err)
{
    const int64_t    n = hoop_tensor_is_poison(out) || hoop_tensor_ndim(out) < 1 ? 0 : hoop_tensor_size(out, 0);
    uint64_t         mode;
    hoop_metric_call c;
    if (n == 0 || hoop_tensor_is_poison(target) || hoop_tensor_data(out) == NULL || hoop_tensor_data(target) == NULL) return;
    if (f->loss->boxes) {
        add_boxes(leaf, f, out, target, err);
        return;
    }
    c       = (hoop_metric_call){.rows         = f->loss->classes ? hoop_tensor_numel(target) : n,
                                 .width        = f->loss->classes ? hoop_tensor_size(out, -1) : hoop_tensor_numel(out) / n,
                                 .out          = hoop_tensor_data(out),
                                 .target       = hoop_tensor_data(target),
                                 .out_dtype    = hoop_tensor_dtype(out),
                                 .target_dtype = hoop_tensor_dtype(target),
                                 .scale        = f->std == NULL ? NULL : hoop_tensor_data(f->std),
                                 .shift        = f->mean == NULL ? NULL : hoop_tensor_data(f->mean)};
    c.count = f->loss->classes ? 0 : c.width;
    mode    = hoop_fp_enter();
    for (int i = f->nsteps; i < f->nshown; i++) add_leaf(&f->shown[i], &c);
    hoop_fp_restore(mode);
}

static void merge(const void *ctx, void *dst, const void *src, int64_t nunits)
{
    hoop_exact_scalar       *a = dst;
    const hoop_exact_scalar *b = src;
    (void)ctx;
    for (int64_t i = 0; i < nunits; i++) hoop_exact_scalar_merge(&a[i], &b[i]);
}

hoop_status hoop__shown_reduce(hoop_trainer *tr, hoop_error *err)
{
    static const hoop_reducer exact = {.unit_bytes = (int64_t)sizeof(hoop_exact_scalar), .combine = merge};
    hoop_status               st    = HOOP_OK;
    for (int k = 0; k < tr->data->ntargets && hoop_comm_size(tr->comm) > 1; k++) {
        hoop__field *f = hoop__target(tr, k);
        if (f->boxes != NULL) HOOP_TRY(st, done, reduce_boxes(tr, f, err));
        for (int i = f->nsteps; i < f->nshown && f->boxes == NULL; i++) {
            hoop__shown *s = &f->shown[i];
            if (s->counts != NULL)
                HOOP_TRY(
                    st, done,
                    hoop_comm_all_reduce_wait(tr->comm, s->counts, s->nsums, hoop_reducer_of(HOOP_F64, HOOP_SUM), s->name, err));
            else
                HOOP_TRY(st, done, hoop_comm_all_reduce_wait(tr->comm, s->sums, s->nsums, &exact, s->name, err));
        }
    }
done:
    return st;
}

double hoop__shown_value(hoop__shown *s, int told)
{
    const uint64_t mode = hoop_fp_enter();
    double        *sums = s->counts, value;
    if (s->nsums == 0) { /* of no evaluation yet */
        hoop_fp_restore(mode);
        return (double)NAN;
    }
    if (s->boxes != NULL) {
        value = s->numbers > 0 ? (double)NAN : hoop_detections_value(s->boxes, -1, s->use.metric->overlap);
        for (int64_t i = 0; i < s->numbers; i++)
            s->list[told == HOOP__TOLD_OTHER][i] = hoop_detections_value(s->boxes, i, s->use.metric->overlap);
        hoop_fp_restore(mode);
        return value;
    }
    if (sums == NULL) {
        sums = s->leaf;
        for (int64_t j = 0; j < s->nsums; j++) sums[j] = hoop_exact_scalar_finish(&s->sums[j]);
    }
    value = s->use.metric->value(sums, s->width, s->opts);
    if (s->numbers > 0) s->use.metric->list(sums, s->width, s->opts, s->list[told == HOOP__TOLD_OTHER]);
    hoop_fp_restore(mode);
    return value;
}

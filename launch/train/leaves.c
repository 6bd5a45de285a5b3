/*
 * Leaves of a rank that run at once, and steps that run again from what is kept of them.
 *
 * Rows of consecutive leaves stand one after the other: they go through the model together, and only losses, metrics and sums of
 * gradients are of each leaf (hoop/tape.h), to the bits that it has alone. As many run together as memory.limit allows, and one
 * that alone goes past it fails; one by one they run where the model mixes rows, where sums are of floats, and where rows are not
 * padded alike.
 *
 * A run of a shape (rows of each leaf) that comes for the first time is recorded on a tape of its own, and from then on replayed
 * with other rows, step and leaves. HOOP__RUNS shapes are kept; the one that was not used for longest goes.
 */
#include "train/data.h"
#include "train/plan.h"
#include "train/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int nfields(const hoop_trainer *tr)
{
    return tr->data->ninputs + tr->data->ntargets;
}

/* ---- room ---- */

static hoop_status make_run(const hoop_trainer *tr, hoop__run *run, hoop_error *err)
{
    const size_t leaves = (size_t)tr->step->room;
    if (run->shape == NULL) run->shape = calloc(leaves + (size_t)nfields(tr), sizeof *run->shape);
    if (run->kept == NULL) run->kept = calloc(leaves * (size_t)tr->step->nkept, sizeof(hoop_tensor *));
    return run->shape != NULL && run->kept != NULL ? HOOP_OK
                                                   : hoop_fail(err, HOOP_ENOMEM, "no memory for %d leaves", tr->step->room);
}

hoop_status hoop__leaves_create(hoop_trainer *tr, hoop_error *err)
{
    hoop__step       *s = tr->step;
    const size_t      n = (size_t)nfields(tr);
    int64_t           first;
    hoop__leaf_field *field;
    s->room       = (int)hoop_leaf_range(tr->plan->run.leaves, hoop_comm_rank(tr->comm), hoop_comm_size(tr->comm), &first);
    s->listed     = calloc((size_t)s->room, sizeof *s->listed);
    field         = calloc((size_t)(s->room + 1) * n, sizeof *field);
    s->row_weight = tr->plan->data.weights[0] == '\0'
                        ? NULL
                        : malloc((size_t)s->room * (size_t)hoop__plan_leaf_rows(tr) * sizeof *s->row_weight);
    if (s->listed == NULL || field == NULL || (s->row_weight == NULL && tr->plan->data.weights[0] != '\0')) {
        free(field);
        return hoop_fail(err, HOOP_ENOMEM, "no memory for %d leaves", s->room);
    }
    s->all = (hoop_leaf){.tr = tr, .field = field};
    for (int i = 0; i < s->room; i++) s->listed[i] = (hoop_leaf){.tr = tr, .field = field + n * (size_t)(i + 1)};
    s->plain.tape    = tr->tape;
    s->one_by_one[0] = s->one_by_one[1] = tr->opts.forward != NULL && !tr->opts.row_wise;
    return make_run(tr, &s->plain, err);
}

static void free_run(hoop__run *run)
{
    free(run->shape);
    free((void *)run->kept);
}

void hoop__leaves_destroy(hoop_trainer *tr)
{
    hoop__step *s = tr->step;
    for (int i = 0; i < HOOP__RUNS; i++) {
        hoop_tape_destroy(&s->run[i].tape);
        free_run(&s->run[i]);
    }
    free_run(&s->plain);
    free(s->all.field);
    free(s->row_weight);
    free(s->listed);
}

int64_t hoop__leaves_peak(const hoop_trainer *tr)
{
    int64_t all = 0, one;
    hoop_tape_memory(tr->tape, NULL, &all, NULL);
    for (int i = 0; i < HOOP__RUNS; i++) {
        if (tr->step->run[i].tape == NULL) continue;
        hoop_tape_memory(tr->step->run[i].tape, NULL, &one, NULL);
        all += one;
    }
    return all;
}

int64_t hoop__leaves_reserved(const hoop_trainer *tr)
{
    int64_t all = 0, one;
    hoop_tape_memory(tr->tape, NULL, NULL, &all);
    for (int i = 0; i < HOOP__RUNS; i++) {
        if (tr->step->run[i].tape == NULL) continue;
        hoop_tape_memory(tr->step->run[i].tape, NULL, NULL, &one);
        all += one;
    }
    return all;
}

/* ---- how many ---- */

enum { AT_ONCE_MIB = 256 };

/* for leaves at once; 0: none are */
static int64_t limit_bytes(const hoop_trainer *tr)
{
    return (int64_t)((isnan(tr->plan->memory.limit) ? AT_ONCE_MIB : tr->plan->memory.limit) * 1048576.0);
}

void hoop__leaves_limit(const hoop_trainer *tr, hoop_tape *t, int n)
{
    hoop_tape_set_limit(t, n > 1 || isnan(tr->plan->memory.limit) ? 0 : limit_bytes(tr));
}

int64_t hoop__leaves_rows(const hoop_trainer *tr)
{
    const double rows = tr->step->row_bytes > 0 ? (double)limit_bytes(tr) / tr->step->row_bytes : 0x1p62;
    return rows < 0x1p62 ? (int64_t)rows : INT64_MAX;
}

void hoop__leaves_measure(hoop_trainer *tr, const hoop_tape *t, int64_t rows, bool backward)
{
    hoop__step *s = tr->step;
    int64_t     live, peak;
    double      bytes;
    if (s->measured_backward ? !backward || rows <= s->measured : !backward && rows <= s->measured) return;
    hoop_tape_memory(t, &live, &peak, NULL);
    bytes = (double)(backward ? peak : 2 * live) / (double)rows; /* backward holds gradients beside what forward has left */
    if (!backward || bytes > s->row_bytes) s->row_bytes = bytes;
    s->measured          = rows;
    s->measured_backward = backward;
}

/* Do b's rows stand right behind a's, padded to the same length? */
static bool follow(const hoop_trainer *tr, const hoop_leaf *a, const hoop_leaf *b)
{
    for (int k = 0; k < nfields(tr); k++) {
        const hoop__field      *f = &tr->data->field[k];
        const hoop__leaf_field *x = &a->field[k], *y = &b->field[k];
        int64_t                 shape[HOOP_MAX_DIMS];
        size_t                  bytes = hoop_dtype_size(x->dtype);
        hoop__field_shape(f, a->n, x->length, shape);
        for (int d = 0; d <= f->ndim; d++) bytes *= (size_t)shape[d];
        if (x->rows == NULL || x->length != y->length || (const char *)x->rows + bytes != (const char *)y->rows) return false;
    }
    return true;
}

static int64_t rows_of(const hoop_trainer *tr, int first, int n)
{
    int64_t rows = 0;
    for (int i = first; i < first + n; i++) rows += tr->step->listed[i].n;
    return rows;
}

/* A gradient that is not made in pieces is kept leaf by leaf: until backward was seen, the largest may be one. */
static int64_t most_leaves(const hoop_trainer *tr, bool training)
{
    int64_t blocks = 1;
    if (!training || tr->step->measured_backward) return HOOP_LEAVES_AT_ONCE;
    for (int i = 0; i < hoop_params_count(tr->params); i++)
        if (!hoop_params_frozen(tr->params, i) && hoop_params_nblocks_of(tr->params, i) > blocks)
            blocks = hoop_params_nblocks_of(tr->params, i);
    blocks = limit_bytes(tr) / (blocks * HOOP_BLOCK * (int64_t)hoop_dtype_size(tr->dtype));
    return blocks < 1 ? 1 : blocks < HOOP_LEAVES_AT_ONCE ? blocks : HOOP_LEAVES_AT_ONCE;
}

/* In parts as even as may be: their shapes come again. */
int hoop__leaves_at_once(const hoop_trainer *tr, int first, bool training)
{
    const hoop__step *s     = tr->step;
    const int64_t     most  = hoop__leaves_rows(tr);
    int               n     = 1;
    int64_t           parts = 1, rows, leaves = most_leaves(tr, training);
    if (s->one_by_one[training] || (training && !tr->plan->exact) || limit_bytes(tr) <= 0 || most <= 0) return 1;
    while (first + n < s->nlisted && follow(tr, &s->listed[first + n - 1], &s->listed[first + n])) n++;
    rows = rows_of(tr, first, n);
    if (rows > most) parts = (rows - 1) / most + 1;
    if (n > parts * leaves) parts = (n - 1) / leaves + 1;
    n = (int)((n + parts - 1) / parts);
    while (n > 1 && rows_of(tr, first, n) > most) n--;
    return n;
}

/* ---- forward ---- */

/* the rows of n leaves as one */
static void join(hoop_trainer *tr, int first, int n, hoop_tape *tape)
{
    hoop__step      *s   = tr->step;
    const hoop_leaf *one = &s->listed[first];
    s->all.tape          = tape;
    s->all.n             = rows_of(tr, first, n);
    s->all.number        = one->number;
    s->all.w             = one->w;
    s->all.parts         = one->parts;
    memcpy(s->all.field, one->field, (size_t)nfields(tr) * sizeof *one->field);
}

static void set_leaves(const hoop__step *s, hoop_tape *t, int first, int n)
{
    int64_t    rows[HOOP_LEAVES_AT_ONCE];
    uint64_t   number[HOOP_LEAVES_AT_ONCE];
    hoop_error err = {.status = HOOP_OK};
    for (int i = 0; i < n; i++) {
        rows[i]   = s->listed[first + i].n;
        number[i] = (uint64_t)s->listed[first + i].number;
    }
    if (hoop_tape_set_leaves(t, n, rows, number, &err) != HOOP_OK) hoop_tape_fail(t, err.status, "%s", err.text);
}

static hoop_tape_key key_of(const hoop_trainer *tr, int first)
{
    return (hoop_tape_key){(uint64_t)tr->plan->run.seed, (uint64_t)tr->status.step, (uint64_t)tr->step->listed[first].number};
}

/* leaf i of those that run now: what is kept of it is the run's */
static hoop_leaf *leaf_on(const hoop_trainer *tr, const hoop__run *run, int first, int i)
{
    hoop_leaf *leaf = &tr->step->listed[first + i];
    leaf->tape      = run->tape;
    leaf->kept      = run->kept + (ptrdiff_t)i * tr->step->nkept;
    return leaf;
}

bool hoop__leaves_forward(hoop_trainer *tr, hoop__run *run, int first, int n, bool training, bool record)
{
    hoop__step         *s   = tr->step;
    hoop_tape          *t   = run->tape;
    const hoop_tape_key key = key_of(tr, first);
    (void)hoop_tape_reset(t, training ? &key : NULL, NULL);
    (void)hoop_tape_set_training(t, training);
    (void)hoop_tape_set_grad(t, training);
    hoop__leaves_limit(tr, t, n);
    join(tr, first, n, t);
    if (n > 1) set_leaves(s, t, first, n);
    if (record) (void)hoop_tape_record(t, NULL);
    hoop_profile_begin(tr->rt, "engine", HOOP_PHASE_FORWARD, 0.0);
    hoop__leaf_wrap(&s->all);
    hoop__leaf_forward(&s->all);
    for (int i = 0; i < n; i++) {
        hoop_leaf *leaf = leaf_on(tr, run, first, i);
        leaf->training  = training;
        if (n > 1) hoop_tape_set_leaf(t, i);
        hoop__step_check_loss(t, hoop__leaf_lost(&s->all, leaf, i));
    }
    if (n > 1) hoop_tape_set_leaf(t, -1);
    hoop_profile_end(tr->rt);
    if (hoop_tape_error(t)->status == HOOP_OK) return true;
    if (n > 1 && hoop_tape_mixed(t)) {
        s->one_by_one[training] = true;
        (void)hoop_tape_reset(t, NULL, NULL);
    }
    return false;
}

/* ---- runs that are kept ---- */

static bool is_of_shape(const hoop_trainer *tr, const hoop__run *run, int first, int n)
{
    const hoop_leaf *leaf = &tr->step->listed[first];
    if (run->n != n) return false;
    for (int i = 0; i < n; i++)
        if (run->shape[i] != leaf[i].n) return false;
    for (int k = 0; k < nfields(tr); k++)
        if (run->shape[n + k] != leaf->field[k].length) return false;
    return true;
}

static void set_shape(const hoop_trainer *tr, hoop__run *run, int first, int n)
{
    const hoop_leaf *leaf = &tr->step->listed[first];
    run->n                = n;
    run->recorded = run->refused = false;
    for (int i = 0; i < n; i++) run->shape[i] = leaf[i].n;
    for (int k = 0; k < nfields(tr); k++) run->shape[n + k] = leaf->field[k].length;
}

/* Not where each leaf is as long as the longest of its rows, an array is missing, or floats are added to what the leaf before has
 * left: the first one stores. */
static bool may_keep(const hoop_trainer *tr, int first)
{
    if (tr->plan->run.capture == HOOP__CAPTURE_OFF || (!tr->plan->exact && tr->step->nlisted > 1)) return false;
    for (int k = 0; k < nfields(tr); k++)
        if (hoop__field_length(&tr->data->field[k]) < 0 || tr->step->listed[first].field[k].rows == NULL) return false;
    return true;
}

static bool has_tape(hoop_trainer *tr, hoop__run *run)
{
    if (make_run(tr, run, NULL) != HOOP_OK) return false;
    if (run->tape != NULL) return true;
    if (hoop_tape_create(tr->rt, NULL, &run->tape) != HOOP_OK) return false;
    return hoop_tape_bind(run->tape, tr->params, NULL) == HOOP_OK;
}

/* The run for these leaves: one that can be replayed, that is to be recorded (on a tape of its own), or the plain one. */
static hoop__run *find_run(hoop_trainer *tr, int first, int n)
{
    hoop__step *s    = tr->step;
    hoop__run  *last = &s->run[0];
    if (!may_keep(tr, first)) return &s->plain;
    for (int i = 0; i < HOOP__RUNS; i++) {
        hoop__run *run = &s->run[i];
        if (run->n > 0 && is_of_shape(tr, run, first, n)) {
            run->used = ++s->runs;
            return run->refused ? &s->plain : run;
        }
        if (run->used < last->used) last = run;
    }
    if (!has_tape(tr, last)) return &s->plain;
    set_shape(tr, last, first, n);
    last->used = ++s->runs;
    return last;
}

/* It ran: can it run again? Where it took more memory than it may, that goes: fewer leaves run at once the next time. */
static void end_recording(const hoop_trainer *tr, hoop__run *run)
{
    int64_t peak;
    hoop_tape_memory(run->tape, NULL, &peak, NULL);
    run->recorded = hoop_tape_recorded(run->tape);
    run->refused  = !run->recorded;
    if (run->n == 1 || peak <= limit_bytes(tr)) return;
    hoop_tape_destroy(&run->tape);
    run->n        = 0;
    run->recorded = false;
}

/* ---- a step ---- */

/* where the gradients of n leaves go */
static hoop_status begin_backward(hoop_trainer *tr, int n, hoop_error *err)
{
    if (n > 1) return hoop_ddp_next_leaves(tr->ddp, n, tr->step->last, err);
    return hoop_params_use_grad(tr->params, hoop_ddp_next_leaf(tr->ddp), err);
}

static hoop_status backward(hoop_trainer *tr, const hoop__run *run, int n, hoop_error *err)
{
    const hoop_backward_opts opts = hoop__step_opts(tr, n);
    hoop_tensor             *y[HOOP_LEAVES_AT_ONCE];
    hoop_status              st;
    for (int i = 0; i < n; i++) y[i] = run->kept[(ptrdiff_t)i * tr->step->nkept];
    hoop_profile_begin(tr->rt, "engine", HOOP_PHASE_BACKWARD, 0.0);
    st = n > 1 ? hoop_backward_leaves(run->tape, y, n, &opts, err) : hoop_backward(run->tape, y[0], &opts, err);
    hoop_profile_end(tr->rt);
    return st;
}

static hoop_status replay(hoop_trainer *tr, const hoop__run *run, int first, int n, hoop_error *err)
{
    const hoop_backward_opts opts = hoop__step_opts(tr, n);
    const hoop_tape_key      key  = key_of(tr, first);
    const void              *input[HOOP_DATASET_FIELDS + 3];
    uint64_t                 number[HOOP_LEAVES_AT_ONCE];
    int                      ninputs;
    hoop_status              st;
    for (int k = 0; k < nfields(tr); k++) input[k] = tr->step->listed[first].field[k].rows;
    ninputs = nfields(tr);
    if (tr->step->listed[first].w != NULL) input[ninputs++] = tr->step->listed[first].w;
    for (int k = 0; k < 2 && tr->step->listed[first].parts != NULL; k++) input[ninputs++] = tr->step->listed[first].parts;
    for (int i = 0; i < n; i++) number[i] = (uint64_t)leaf_on(tr, run, first, i)->number;
    hoop_profile_begin(tr->rt, "engine, replayed", HOOP_PHASE_OTHER, 0.0);
    st = hoop_tape_replay(run->tape, &key, n > 1 ? number : NULL, ninputs, input, &opts, err);
    hoop_profile_end(tr->rt);
    return st;
}

static void record_leaves(hoop_trainer *tr, int first, int n)
{
    hoop__record *r = tr->step->record;
    for (int i = first; i < first + n; i++) {
        const hoop_leaf *leaf = &tr->step->listed[i];
        hoop__record_loss(r, leaf->kept[0], leaf->n);
        hoop__record_targets(leaf, r, &tr->error);
    }
}

/* Forward and backward of n leaves. False: their rows would have been mixed, and nothing has happened. */
static bool run_leaves(hoop_trainer *tr, int first, int n)
{
    hoop__run  *run  = find_run(tr, first, n);
    const bool  kept = run != &tr->step->plain;
    void       *grad = hoop_params_grad(tr->params);
    hoop_error  err  = {.status = HOOP_OK};
    hoop_status st;
    tr->step->last    = first + n == tr->step->nlisted;
    tr->step->running = tr->step->listed[first].number;
    if (!run->recorded && !hoop__leaves_forward(tr, run, first, n, true, kept)) {
        run->n = 0;
        if (n > 1 && tr->step->one_by_one[true]) return false;
        (void)hoop_tape_reset(run->tape, NULL, &err);
        hoop__step_failed(tr, &err);
        return true;
    }
    st = begin_backward(tr, n, &err);
    if (st == HOOP_OK) st = run->recorded ? replay(tr, run, first, n, &err) : backward(tr, run, n, &err);
    (void)hoop_params_use_grad(tr->params, grad, NULL);
    if (st != HOOP_OK) {
        hoop__step_failed(tr, &err);
        return true;
    }
    tr->status.replayed = tr->status.replayed && run->recorded;
    record_leaves(tr, first, n);
    if (hoop__emissions_take(tr, run->tape, &err) != HOOP_OK) hoop__step_failed(tr, &err);
    if (run->recorded) return true;
    hoop__leaves_measure(tr, run->tape, rows_of(tr, first, n), true);
    if (kept) end_recording(tr, run);
    return true;
}

/* What a row takes on a tape: forward of the first leaf, which changes nothing, tells about it. */
static void probe(hoop_trainer *tr)
{
    if (tr->step->row_bytes > 0 || tr->step->nlisted < 2 || hoop__leaves_at_once(tr, 0, true) == 1) return;
    if (hoop__leaves_forward(tr, &tr->step->plain, 0, 1, true, false))
        hoop__leaves_measure(tr, tr->step->plain.tape, tr->step->listed[0].n, false);
    else
        tr->step->row_bytes = (double)limit_bytes(tr); /* it will fail once more, alone, and be told */
    (void)hoop_tape_reset(tr->tape, NULL, NULL);
}

void hoop__step_leaves(hoop_trainer *tr)
{
    hoop__step *s       = tr->step;
    tr->status.at_once  = 0;
    tr->status.replayed = true;
    if (!s->held) {
        s->nlisted = 0;
        s->held    = s->next_leaf == s->first_leaf;
        while (tr->error.status == HOOP_OK && s->nlisted < s->room && hoop__step_next(tr, &s->listed[s->nlisted])) s->nlisted++;
    }
    probe(tr);
    for (int at = 0; at < s->nlisted && tr->error.status == HOOP_OK;) {
        const int n = hoop__leaves_at_once(tr, at, true);
        if (!run_leaves(tr, at, n)) continue;
        if (n > tr->status.at_once) tr->status.at_once = n;
        at += n;
    }
    if (s->nlisted == 0) tr->status.replayed = false;
}

/* The table of optimisers, and an optimiser of a store: options by group, state arrays, an update of a range. */
#include "hoop/optim.h"

#include "optim/kinds.h"
#include "runtime/runtime.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)HOOP_BLOCK == (int)HOOP_EXACT_BLOCK, "a block of the store is a block of exact sums");

enum { UPDATE_TILE = 128 /* blocks a task */, STATE_NAME = 32 };

#define HOOP_OPTIM(name) extern const hoop_optim_kind hoop__optim_##name;
#include "optim/optimizers.def"
#undef HOOP_OPTIM

static const hoop_optim_kind *const kinds[] = {
#define HOOP_OPTIM(name) &hoop__optim_##name,
#include "optim/optimizers.def"
#undef HOOP_OPTIM
};

const hoop_optim_kind *hoop_optim_kind_get(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[i] : NULL;
}

const hoop_optim_kind *hoop_optim_kind_find(const char *name)
{
    const hoop_optim_kind *k;
    for (int i = 0; (k = hoop_optim_kind_get(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0) return k;
    }
    return NULL;
}

hoop_status hoop__kind_opts(const hoop_option_table *table, size_t size, const void *opts, hoop_error *err, void *out)
{
    if (opts != NULL && size > 0) memcpy(out, opts, size);
    return hoop_option_resolve(table, out, err);
}

/* options of some parameters; of the last one those that are in no group */
typedef struct group {
    void  *opts;
    double lr, sign; /* -1: of a loss that is maximised */
    double run[HOOP_OPTIM_RUN];
    int    nstates;
} group;

/* A stretch of blocks of one group: a parameter that is updated as a whole, or any number of elements. */
typedef struct stretch {
    int64_t first_block, nblocks;
    int     group, param; /* param -1: elements */
} stretch;

struct hoop_optim {
    const hoop_optim_kind *kind;
    hoop_params           *params;
    int64_t                step;
    int                    ngroups, nstretches, nstates;
    group                 *group; /* [ngroups + 1] */
    int                   *of;    /* [params] groups */
    stretch               *stretch;
    double                 ema_rate; /* 1 - its decay; 0: there is none, else its array is the last */
    const char           **names;
    void                 **memory, **state; /* state: 64-aligned inside memory; behind the states, vectors of a search */
    int                    nmemory;
    void                  *work; /* of updates of whole parameters, one after the other; NULL: none was wanted yet */
    int64_t                work_bytes;
    struct {
        char (*name)[STATE_NAME];
        double *number;
        void   *at;
        bool    on; /* a step has begun */
    } search;
};

/* ---- creation ---- */

static hoop_status find_kind(const hoop_optim_opts *opts, hoop_error *err, const hoop_optim_kind **out)
{
    const char            *names[64];
    const hoop_optim_kind *k = opts->kind;
    const char            *near;
    int                    n = 0;
    if (k == NULL) k = opts->name == NULL ? kinds[0] : hoop_optim_kind_find(opts->name);
    *out = k;
    if (k == NULL) {
        while (n < 64 && hoop_optim_kind_get(n) != NULL) names[n] = hoop_optim_kind_get(n)->name, n++;
        near = hoop_nearest(opts->name, names, n);
        return hoop_fail(err, HOOP_ECONFIG, "optimizer: there is none called '%s'; did you mean '%s'?", opts->name,
                         near == NULL ? names[0] : near);
    }
    if ((k->update == NULL) == (k->search == NULL) || hoop_option_find(&k->options, "lr") == NULL)
        return hoop_fail(err, HOOP_EARG, "optimizer %s: wants an update or a search, and lr among its options", k->name);
    if (k->search != NULL && opts->ngroups > 0)
        return hoop_fail(err, HOOP_ECONFIG, "optimizer: groups: %s takes all parameters as one vector, with the same options",
                         k->name);
    return HOOP_OK;
}

static bool maximizes(const hoop_optim_kind *k, const void *opts)
{
    const hoop_option *row = hoop_option_find(&k->options, "maximize");
    return row != NULL && row->type == HOOP_OPT_BOOL && *((const bool *)opts + row->offset);
}

/* the numbers of step o->step + 1 follow from those of o->step */
static void begin_step(hoop_optim *o, int64_t step)
{
    for (int i = 0; i <= o->ngroups && o->kind->begin != NULL; i++) o->kind->begin(o->group[i].opts, step, o->group[i].run);
}

static const hoop_option *momentum_row(const hoop_optim_kind *k)
{
    const hoop_option *row = hoop_option_find(&k->options, "momentum");
    return row != NULL ? row : hoop_option_find(&k->options, "beta1");
}

/* What a step makes of those before it (`begin`) is made again when a run goes on, and would want the momenta of all. */
bool hoop_optim_kind_momentum(const hoop_optim_kind *kind)
{
    return momentum_row(kind) != NULL && kind->begin == NULL;
}

static hoop_status check_momentum(const hoop_optim_kind *k, double momentum, hoop_error *err)
{
    if (momentum == 0.0) return HOOP_OK;
    if (!(momentum > 0.0 && momentum < 1.0))
        return hoop_fail(err, HOOP_ECONFIG, "optimizer: momentum: %g is out of range, from 0 to less than 1", momentum);
    if (!hoop_optim_kind_momentum(k))
        return hoop_fail(err, HOOP_ECONFIG, "optimizer: %s has %s; a schedule can't set it", k->name,
                         momentum_row(k) == NULL ? "no momentum or beta1" : "a momentum by step of its own");
    return HOOP_OK;
}

static void set_momentum(const hoop_optim_kind *k, const group *g, double momentum)
{
    memcpy((char *)g->opts + momentum_row(k)->offset, &momentum, sizeof momentum);
}

static hoop_status make_group(hoop_optim *o, const void *opts, double momentum, hoop_error *err, group *g)
{
    const hoop_optim_kind *k                        = o->kind;
    const char            *names[HOOP_OPTIM_STATES] = {NULL};
    hoop_status            st;
    g->opts = calloc(1, k->opts_size + 1);
    if (g->opts == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for an optimizer");
    st = hoop__kind_opts(&k->options, k->opts_size, opts, err, g->opts);
    if (st == HOOP_OK && momentum > 0.0) set_momentum(k, g, momentum);
    if (st == HOOP_OK && k->check != NULL) st = k->check(g->opts, err);
    if (st != HOOP_OK) return st;
    memcpy(&g->lr, (const char *)g->opts + hoop_option_find(&k->options, "lr")->offset, sizeof g->lr);
    g->sign    = maximizes(k, g->opts) ? -1.0 : 1.0;
    g->nstates = k->states == NULL ? 0 : k->states(g->opts, names);
    if (g->nstates < 0 || g->nstates > HOOP_OPTIM_STATES)
        return hoop_fail(err, HOOP_EARG, "%s: %d state arrays, at most %d are kept", k->name, g->nstates, HOOP_OPTIM_STATES);
    if (g->nstates <= o->nstates) return HOOP_OK;
    o->nstates = g->nstates;
    memcpy(o->names, names, (size_t)g->nstates * sizeof *names);
    return HOOP_OK;
}

static hoop_status make_groups(hoop_optim *o, const hoop_optim_opts *opts, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int i = 0; i < o->ngroups && st == HOOP_OK; i++) {
        st = make_group(o, opts->groups[i].opts, opts->momentum, err, &o->group[i]);
        if (st != HOOP_OK && err != NULL) (void)hoop_fail_within(err, "optimizer: groups[%d]", i);
    }
    if (st != HOOP_OK) return st;
    st = make_group(o, opts->opts, opts->momentum, err, &o->group[o->ngroups]);
    if (st != HOOP_OK && err != NULL) (void)hoop_fail_within(err, "optimizer");
    return st;
}

/* which group each parameter is in; one that is like no parameter was misspelt */
static hoop_status match_groups(hoop_optim *o, const hoop_optim_opts *opts, hoop_error *err)
{
    const int n = hoop_params_count(o->params);
    if (n > 0 && hoop_params_trained(o->params) == 0 && hoop_params_nblocks(o->params) > 0)
        return hoop_fail(err, HOOP_ECONFIG, "optimizer: all parameters are frozen (%s, ...): there is nothing to train",
                         hoop_params_name(o->params, 0));
    for (int p = 0; p < n; p++) o->of[p] = o->ngroups;
    for (int i = o->ngroups - 1; i >= 0; i--) {
        int found = 0;
        for (int p = 0; p < n; p++) {
            if (fnmatch(opts->groups[i].match, hoop_params_name(o->params, p), 0) != 0) continue;
            o->of[p] = i;
            found++;
        }
        if (found == 0)
            return hoop_fail(err, HOOP_ECONFIG,
                             "optimizer: groups[%d]: match: no parameter is called like '%s'; they are called as %s", i,
                             opts->groups[i].match, n > 0 ? hoop_params_name(o->params, 0) : "nothing");
    }
    return HOOP_OK;
}

/* Neighbours of one group make one stretch, with what lies between them. Those that are frozen lie behind all. */
static void make_stretches(hoop_optim *o)
{
    stretch *last = o->stretch;
    *last         = (stretch){.group = hoop_params_count(o->params) > 0 ? o->of[0] : o->ngroups, .param = -1};
    for (int p = 0; p < hoop_params_count(o->params); p++) {
        const int64_t first = hoop_params_first_block(o->params, p), n = hoop_params_nblocks_of(o->params, p);
        const bool    whole = hoop_optim_whole(o, p);
        if (hoop_params_frozen(o->params, p)) continue;
        if (whole || last->param >= 0 || last->group != o->of[p]) {
            if (last->nblocks > 0) last++;
            *last = (stretch){first, 0, o->of[p], whole ? p : -1};
        }
        last->nblocks = first + n - last->first_block;
    }
    o->nstretches = (int)(last - o->stretch) + (last->nblocks > 0);
}

/* What goes on from step to step in a search, and how it is called. */
static hoop_status make_search(hoop_optim *o, hoop_error *err)
{
    const hoop_search_kind *k    = o->kind->search;
    const void             *opts = o->group[o->ngroups].opts;
    o->nstates                   = k->arrays(opts);
    free((void *)o->names);
    o->names         = calloc((size_t)o->nstates + 1, sizeof *o->names);
    o->search.name   = calloc((size_t)o->nstates, sizeof *o->search.name);
    o->search.number = calloc((size_t)k->numbers(opts), sizeof(double));
    o->search.at     = calloc(1, k->at_size);
    if (o->names == NULL || o->search.name == NULL || o->search.number == NULL || o->search.at == NULL)
        return hoop_fail(err, HOOP_ENOMEM, "no memory for an optimizer");
    for (int i = 0; i < o->nstates; i++) {
        k->name(opts, i, o->search.name[i], sizeof o->search.name[i]);
        o->names[i] = o->search.name[i];
    }
    return HOOP_OK;
}

static hoop_status make_states(hoop_optim *o, hoop_error *err)
{
    size_t bytes;
    if (o->ema_rate > 0.0) o->names[o->nstates++] = "ema";
    o->nmemory = o->nstates + (o->kind->search != NULL ? o->kind->search->work : 0);
    o->memory  = calloc((size_t)o->nmemory + 1, sizeof *o->memory);
    o->state   = calloc((size_t)o->nmemory + 1, sizeof *o->state);
    if (o->memory == NULL || o->state == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for an optimizer");
    bytes = (size_t)(hoop_params_trained(o->params) * HOOP_BLOCK) * hoop_dtype_size(hoop_params_dtype(o->params));
    for (int i = 0; i < o->nmemory; i++) { /* untouched pages of calloc cost nothing: state of other ranks' ranges */
        o->memory[i] = calloc(1, bytes + HOOP_ALIGN);
        if (o->memory[i] == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for optimizer state of %zu bytes", bytes);
        o->state[i] = (char *)o->memory[i] + (HOOP_ALIGN - (uintptr_t)o->memory[i] % HOOP_ALIGN);
    }
    return HOOP_OK;
}

hoop_status hoop_optim_create(const hoop_optim_opts *opts, hoop_params *params, hoop_error *err, hoop_optim **out)
{
    static const hoop_optim_opts defaults = {0};
    hoop_optim                  *o;
    hoop_status                  st;
    *out = NULL;
    if (opts == NULL) opts = &defaults;
    o = calloc(1, sizeof *o);
    if (o == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for an optimizer");
    o->params  = params;
    o->ngroups = opts->ngroups;
    o->group   = calloc((size_t)opts->ngroups + 1, sizeof *o->group);
    o->of      = calloc((size_t)hoop_params_count(params) + 1, sizeof *o->of);
    o->stretch = calloc((size_t)hoop_params_count(params) + 1, sizeof *o->stretch);
    o->names   = calloc(HOOP_OPTIM_STATES + 1, sizeof *o->names);
    st         = o->group == NULL || o->of == NULL || o->stretch == NULL || o->names == NULL
                     ? hoop_fail(err, HOOP_ENOMEM, "no memory for an optimizer")
                     : HOOP_OK;
    if (st == HOOP_OK && !(opts->ema_decay >= 0.0 && opts->ema_decay < 1.0))
        st = hoop_fail(err, HOOP_ECONFIG, "optimizer: ema_decay: %g is out of range, from 0 to less than 1", opts->ema_decay);
    if (opts->ema_decay > 0.0) o->ema_rate = 1.0 - opts->ema_decay;
    if (st == HOOP_OK) st = find_kind(opts, err, &o->kind);
    if (st == HOOP_OK) st = check_momentum(o->kind, opts->momentum, err);
    if (st == HOOP_OK) st = make_groups(o, opts, err);
    if (st == HOOP_OK) st = match_groups(o, opts, err);
    if (st == HOOP_OK && o->kind->search != NULL) st = make_search(o, err);
    if (st == HOOP_OK) st = make_states(o, err);
    if (st != HOOP_OK) {
        hoop_optim_destroy(&o);
        return st;
    }
    make_stretches(o);
    hoop_optim_set_step(o, 0);
    *out = o;
    return HOOP_OK;
}

void hoop_optim_destroy(hoop_optim **o)
{
    if (o == NULL || *o == NULL) return;
    for (int i = 0; (*o)->memory != NULL && i < (*o)->nmemory; i++) free((*o)->memory[i]);
    free((void *)(*o)->memory);
    free((void *)(*o)->state);
    free((void *)(*o)->names);
    free((*o)->search.name);
    free((*o)->search.number);
    free((*o)->search.at);
    for (int i = 0; (*o)->group != NULL && i <= (*o)->ngroups; i++) free((*o)->group[i].opts);
    free((*o)->group);
    free((*o)->of);
    free((*o)->stretch);
    free((*o)->work);
    free(*o);
    *o = NULL;
}

/* ---- what it is ---- */

const char *hoop_optim_name(const hoop_optim *o)
{
    return o->kind->name;
}

hoop_granularity hoop_optim_granularity(const hoop_optim *o)
{
    return o->kind->granularity;
}

bool hoop_optim_whole(const hoop_optim *o, int param)
{
    return o->kind->granularity == HOOP_BY_TENSOR ||
           (o->kind->granularity == HOOP_BY_MATRIX && hoop_tensor_ndim(hoop_params_tensor(o->params, param)) >= 2);
}

int hoop_optim_group_of(const hoop_optim *o, int param)
{
    return o->of[param] < o->ngroups ? o->of[param] : -1;
}

int64_t hoop_optim_step(const hoop_optim *o)
{
    return o->step;
}

void hoop_optim_set_step(hoop_optim *o, int64_t step)
{
    const uint64_t mode = hoop_fp_enter();
    o->step             = step;
    o->search.on        = false;
    for (int i = 0; i <= o->ngroups; i++) memset(o->group[i].run, 0, sizeof o->group[i].run);
    for (int64_t s = 1; s <= step + 1 && o->kind->begin != NULL; s++) begin_step(o, s);
    hoop_fp_restore(mode);
}

int hoop_optim_state_count(const hoop_optim *o)
{
    return o->nstates;
}

const char *hoop_optim_state_name(const hoop_optim *o, int i)
{
    return i >= 0 && i < o->nstates ? o->names[i] : NULL;
}

void *hoop_optim_state(const hoop_optim *o, int i)
{
    return i >= 0 && i < o->nstates ? o->state[i] : NULL;
}

void *hoop_optim_ema(const hoop_optim *o)
{
    return o->ema_rate > 0.0 ? o->state[o->nstates - 1] : NULL;
}

int hoop_optim_state_shape(const hoop_optim *o, int i, int param, int64_t *shape)
{
    const hoop_tensor *x    = hoop_params_tensor(o->params, param);
    const int          ndim = hoop_tensor_ndim(x);
    const bool         ema  = o->ema_rate > 0.0 && i == o->nstates - 1;
    memcpy(shape, hoop_tensor_shape(x), HOOP_MAX_DIMS * sizeof *shape);
    if (!ema && o->kind->search != NULL) return o->kind->search->live(o->group[o->ngroups].opts, o->search.number, i) ? ndim : -1;
    if (!ema && i >= o->group[o->of[param]].nstates) return -1;
    if (ema || o->kind->state_shape == NULL) return ndim;
    return o->kind->state_shape(o->group[o->of[param]].opts, i, ndim, hoop_tensor_shape(x), shape);
}

void hoop_optim_set_momentum(hoop_optim *o, double momentum)
{
    for (int i = 0; i <= o->ngroups && momentum_row(o->kind) != NULL; i++) set_momentum(o->kind, &o->group[i], momentum);
}

double hoop_optim_lr(const hoop_optim *o)
{
    return o->group[o->ngroups].lr;
}

/* ---- updates ---- */

typedef struct update_job {
    const hoop_optim   *o;
    const hoop_runtime *rt;
    const stretch      *s; /* of elements; or the first of some whole parameters */
    int64_t             first, nblocks;
    double              lr_factor, grad_scale;
} update_job;

/* the update of n elements from a block on, of a group */
static hoop_optim_call call_of(const update_job *job, int of, int64_t first_block, int64_t n)
{
    const hoop_optim *o     = job->o;
    const group      *g     = &o->group[of];
    const hoop_dtype  dtype = hoop_params_dtype(o->params);
    const size_t      at    = (size_t)(first_block * HOOP_BLOCK) * hoop_dtype_size(dtype);
    hoop_optim_call   c     = {.rt         = job->rt,
                               .opts       = g->opts,
                               .dtype      = dtype,
                               .n          = n,
                               .w          = (char *)hoop_params_data(o->params) + at,
                               .g          = (const char *)hoop_params_grad(o->params) + at,
                               .step       = o->step + 1,
                               .lr         = g->lr * job->lr_factor,
                               .lr_factor  = job->lr_factor,
                               .grad_scale = g->sign * job->grad_scale,
                               .run        = g->run,
                               .work       = o->work};
    for (int i = 0; i < g->nstates; i++) c.state[i] = (char *)o->state[i] + at;
    return c;
}

/* the mean of the weights */
static void update_mean(const hoop_optim *o, const hoop_optim_call *c)
{
    char *ema = hoop_optim_ema(o);
    if (ema == NULL) return;
    ema += (const char *)c->w - (const char *)hoop_params_data(o->params);
    if (o->step == 0)
        memcpy(ema, c->w, (size_t)c->n * hoop_dtype_size(c->dtype));
    else
        c->rt->kernels->ema[c->dtype](c->n, o->ema_rate, c->w, ema);
}

static void update_these(const hoop_optim *o, const hoop_optim_call *c)
{
    o->kind->update(c);
    update_mean(o, c);
}

static void update_tile(void *ctx, int64_t task)
{
    const update_job *job  = ctx;
    const int64_t     left = job->nblocks - task * UPDATE_TILE, n = left < UPDATE_TILE ? left : UPDATE_TILE;
    hoop_optim_call   c = call_of(job, job->s->group, job->first + task * UPDATE_TILE, n * HOOP_BLOCK);
    update_these(job->o, &c);
}

static void update_whole(void *ctx, int64_t task)
{
    const update_job  *job = ctx;
    const stretch     *s   = &job->s[task];
    const hoop_tensor *x   = hoop_params_tensor(job->o->params, s->param);
    hoop_optim_call    c   = call_of(job, s->group, s->first_block, hoop_tensor_numel(x));
    c.ndim                 = hoop_tensor_ndim(x);
    c.shape                = hoop_tensor_shape(x);
    update_these(job->o, &c);
}

/* the first stretch that ends behind a block */
static int find_stretch(const hoop_optim *o, int64_t block)
{
    int low = 0, high = o->nstretches;
    while (low < high) {
        const int      middle = (low + high) / 2;
        const stretch *s      = &o->stretch[middle];
        if (s->first_block + s->nblocks <= block)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static HOOP_NOINLINE void update(hoop_optim *o, const hoop_runtime *rt, int64_t first, int64_t end, double lr_factor,
                                 double grad_scale)
{
    update_job job = {.o = o, .rt = rt, .lr_factor = lr_factor, .grad_scale = grad_scale};
    int        i   = find_stretch(o, first);
    while (i < o->nstretches && o->stretch[i].first_block < end) {
        const stretch *s    = &o->stretch[i];
        const int64_t  stop = s->first_block + s->nblocks < end ? s->first_block + s->nblocks : end;
        int            n    = 1;
        job.s               = s;
        job.first           = s->first_block > first ? s->first_block : first;
        job.nblocks         = stop - job.first;
        while (s->param >= 0 && i + n < o->nstretches && s[n].param >= 0 && s[n].first_block < end) n++;
        if (s->param >= 0)
            hoop_threads_run(o->work != NULL ? NULL : rt->threads, n, update_whole, &job);
        else
            hoop_threads_run(rt->threads, (job.nblocks + UPDATE_TILE - 1) / UPDATE_TILE, update_tile, &job);
        i += n;
    }
}

int64_t hoop_optim_work_bytes(const hoop_optim *o, const hoop_runtime *rt, int64_t first_block, int64_t nblocks)
{
    int64_t most = 0;
    if (o->kind->workspace == NULL) return 0;
    for (int i = find_stretch(o, first_block); i < o->nstretches && o->stretch[i].first_block < first_block + nblocks; i++) {
        const stretch     *s = &o->stretch[i];
        const hoop_tensor *x = s->param < 0 ? NULL : hoop_params_tensor(o->params, s->param);
        const int64_t      n = x == NULL ? 0
                                         : o->kind->workspace(o->group[s->group].opts, rt, hoop_params_dtype(o->params),
                                                              hoop_tensor_ndim(x), hoop_tensor_shape(x));
        if (n > most) most = n;
    }
    return (most + HOOP_ALIGN - 1) / HOOP_ALIGN * HOOP_ALIGN;
}

hoop_status hoop_optim_prepare(hoop_optim *o, const hoop_runtime *rt, int64_t first_block, int64_t nblocks, hoop_error *err)
{
    const int64_t bytes = hoop_optim_work_bytes(o, rt, first_block, nblocks);
    void         *work;
    if (bytes <= o->work_bytes) return HOOP_OK;
    work = aligned_alloc(HOOP_ALIGN, (size_t)bytes);
    if (work == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for an optimizer's %lld bytes of scratch", (long long)bytes);
    free(o->work);
    o->work       = work;
    o->work_bytes = bytes;
    return HOOP_OK;
}

/* Is `block` inside a parameter that must be updated as a whole? */
static hoop_status check_cut(const hoop_optim *o, int64_t block, hoop_error *err)
{
    const int      i = find_stretch(o, block);
    const stretch *s = &o->stretch[i];
    if (i == o->nstretches || s->param < 0 || s->first_block >= block) return HOOP_OK;
    return hoop_fail(err, HOOP_EARG, "optimizer %s: %s must be updated as a whole, and block %lld is inside it", o->kind->name,
                     hoop_params_name(o->params, s->param), (long long)block);
}

hoop_status hoop_optim_update(hoop_optim *o, const hoop_runtime *rt, int64_t first_block, int64_t nblocks, double lr_factor,
                              double grad_scale, hoop_error *err)
{
    uint64_t    mode;
    hoop_status st = check_cut(o, first_block, err);
    if (o->kind->search != NULL)
        return hoop_fail(err, HOOP_EARG, "optimizer %s: it searches, and takes its steps by hoop_optim_tell", o->kind->name);
    if (st == HOOP_OK) st = check_cut(o, first_block + nblocks, err);
    if (st == HOOP_OK) st = hoop_optim_prepare(o, rt, first_block, nblocks, err);
    if (st != HOOP_OK) return st;
    mode = hoop_fp_enter();
    update(o, rt, first_block, first_block + nblocks, lr_factor, grad_scale);
    hoop_fp_restore(mode);
    return HOOP_OK;
}

/* ---- steps that search ---- */

bool hoop_optim_searches(const hoop_optim *o)
{
    return o->kind->search != NULL;
}

double *hoop_optim_numbers(const hoop_optim *o, int *n)
{
    *n = o->kind->search == NULL ? 0 : o->kind->search->numbers(o->group[o->ngroups].opts);
    return o->search.number;
}

int64_t hoop_optim_bytes(const hoop_optim *o)
{
    return o->nmemory * hoop_params_trained(o->params) * HOOP_BLOCK * (int64_t)hoop_dtype_size(hoop_params_dtype(o->params));
}

static void scale_gradient(const hoop_optim *o, double scale)
{
    const int64_t n = hoop_params_trained(o->params) * HOOP_BLOCK;
    void         *g = hoop_params_grad(o->params);
    if (hoop_params_dtype(o->params) == HOOP_F64)
        for (int64_t i = 0; i < n; i++) ((double *)g)[i] *= scale;
    else
        for (int64_t i = 0; i < n; i++) ((float *)g)[i] *= (float)scale;
}

static HOOP_NOINLINE bool search(hoop_optim *o, const hoop_runtime *rt, double loss, double lr_factor, double grad_scale)
{
    const group     *g = &o->group[o->ngroups];
    hoop_search_call c = {.rt      = rt,
                          .opts    = g->opts,
                          .dtype   = hoop_params_dtype(o->params),
                          .nblocks = hoop_params_trained(o->params),
                          .w       = hoop_params_data(o->params),
                          .g       = hoop_params_grad(o->params),
                          .loss    = isfinite(loss) ? loss : INFINITY,
                          .lr      = g->lr * lr_factor,
                          .state   = o->state,
                          .number  = o->search.number,
                          .work    = o->state + o->nstates,
                          .at      = o->search.at};
    if (!o->search.on) memset(o->search.at, 0, o->kind->search->at_size);
    scale_gradient(o, grad_scale);
    o->search.on = o->kind->search->tell(&c);
    if (!o->search.on) update_mean(o, &(hoop_optim_call){.rt = rt, .dtype = c.dtype, .n = c.nblocks * HOOP_BLOCK, .w = c.w});
    hoop_params_touch(o->params);
    return o->search.on;
}

hoop_status hoop_optim_tell(hoop_optim *o, const hoop_runtime *rt, double loss, double lr_factor, double grad_scale,
                            hoop_error *err, bool *again)
{
    uint64_t mode;
    *again = false;
    if (o->kind->search == NULL)
        return hoop_fail(err, HOOP_EARG, "optimizer %s: it does not search, and takes its steps by hoop_optim_update",
                         o->kind->name);
    if (!o->search.on && !isfinite(loss))
        return hoop_fail(err, HOOP_ENONFINITE, "optimizer %s: a loss of %g", o->kind->name, loss);
    if (!o->search.on && !o->kind->search->sound(o->group[o->ngroups].opts, o->search.number))
        return hoop_fail(err, HOOP_EFORMAT, "optimizer %s: no search has left the numbers that it is to go on with",
                         o->kind->name);
    mode   = hoop_fp_enter();
    *again = search(o, rt, loss, lr_factor, grad_scale);
    hoop_fp_restore(mode);
    return HOOP_OK;
}

void hoop_optim_advance(hoop_optim *o)
{
    const uint64_t mode = hoop_fp_enter();
    o->step++;
    begin_step(o, o->step + 1);
    hoop_fp_restore(mode);
    hoop_params_touch(o->params);
}

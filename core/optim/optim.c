#include "hoop/optim.h"

#include "kernels/vmath64.h"
#include "runtime/runtime.h"

#include <stdlib.h>

_Static_assert((int)HOOP_BLOCK == (int)HOOP_EXACT_BLOCK, "a block of the store is a block of exact sums");

enum { UPDATE_TILE = 128 /* blocks a task */, MOST_STATES = 2 };

typedef struct optim_row {
    const char *name;
    const char *state[MOST_STATES];
    bool        adam, decoupled;
} optim_row;

/* One row an optimiser, in the order of hoop_optim_kind. All work element by element, so any range may be updated by itself.
 * SGD: Sutskever et al., ICML 2013 (Nesterov as in PyTorch); Adam: Kingma & Ba, ICLR 2015; AdamW: Loshchilov & Hutter, ICLR 2019.
 */
static const optim_row rows[] = {
    {"adamw", {"exp_avg", "exp_avg_sq"}, true, true},
    {"adam", {"exp_avg", "exp_avg_sq"}, true, false},
    {"sgd", {"momentum_buffer"}, false, false},
};

static const char *const names[] = {"adamw", "adam", "sgd", NULL};
#define AT(field) offsetof(hoop_optim_opts, field)
static const hoop_option options[] = {
    {"name", HOOP_OPT_ENUM, AT(kind), "adamw", 0, 0, names, true, "which optimiser"},
    {"lr", HOOP_OPT_FLOAT, AT(lr), "1e-3", 0, 1e6, NULL, true, "learning rate, before the schedule"},
    {"weight_decay", HOOP_OPT_FLOAT, AT(weight_decay), "0.0", 0, 1e6, NULL, true,
     "adamw: decoupled; sgd, adam: added to the gradient"},
    {"momentum", HOOP_OPT_FLOAT, AT(momentum), "0.0", 0, 1, NULL, true, "sgd: momentum"},
    {"dampening", HOOP_OPT_FLOAT, AT(dampening), "0.0", 0, 1, NULL, true, "sgd: dampening of momentum"},
    {"nesterov", HOOP_OPT_BOOL, AT(nesterov), "false", 0, 0, NULL, true, "sgd: Nesterov's momentum"},
    {"beta1", HOOP_OPT_FLOAT, AT(beta1), "0.9", 0, 0.999999, NULL, true, "adam, adamw: decay of the first moment"},
    {"beta2", HOOP_OPT_FLOAT, AT(beta2), "0.999", 0, 0.99999999, NULL, true, "adam, adamw: decay of the second moment"},
    {"eps", HOOP_OPT_FLOAT, AT(eps), "1e-8", 0, 1, NULL, true, "adam, adamw: added to the root of the second moment"},
};
#undef AT
const hoop_option_table hoop_optim_options = {"optimizer", options, (int)(sizeof options / sizeof options[0])};

struct hoop_optim {
    hoop_optim_opts  opts;
    const optim_row *row;
    hoop_params     *params;
    int64_t          step;
    int              nstates;
    void            *memory[MOST_STATES], *state[MOST_STATES]; /* state: 64-aligned inside memory */
};

hoop_status hoop_optim_create(const hoop_optim_opts *opts, hoop_params *params, hoop_error *err, hoop_optim **out)
{
    hoop_optim     *o;
    hoop_optim_opts own   = opts == NULL ? (hoop_optim_opts){0} : *opts;
    size_t          bytes = (size_t)hoop_params_bytes(params) / 2;
    *out                  = NULL;
    if (hoop_option_resolve(&hoop_optim_options, &own, err) != HOOP_OK)
        return err == NULL ? HOOP_ECONFIG : hoop_fail_within(err, "optimizer");
    if (own.nesterov && (own.momentum <= 0.0 || own.dampening != 0.0)) {
        return hoop_fail(err, HOOP_ECONFIG, "optimizer.nesterov wants a momentum above 0 and no dampening");
    }
    o = calloc(1, sizeof *o);
    if (o == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for an optimizer");
    o->opts    = own;
    o->row     = &rows[own.kind];
    o->params  = params;
    o->nstates = o->row->adam ? 2 : own.momentum > 0.0 ? 1 : 0;
    for (int i = 0; i < o->nstates; i++) { /* untouched pages of calloc cost nothing: state of other ranks' ranges */
        o->memory[i] = calloc(1, bytes + HOOP_ALIGN);
        if (o->memory[i] == NULL) {
            hoop_optim_destroy(&o);
            return hoop_fail(err, HOOP_ENOMEM, "no memory for optimizer state of %zu bytes", bytes);
        }
        o->state[i] = (char *)o->memory[i] + (HOOP_ALIGN - (uintptr_t)o->memory[i] % HOOP_ALIGN);
    }
    *out = o;
    return HOOP_OK;
}

void hoop_optim_destroy(hoop_optim **o)
{
    if (o == NULL || *o == NULL) return;
    for (int i = 0; i < MOST_STATES; i++) free((*o)->memory[i]);
    free(*o);
    *o = NULL;
}

const char *hoop_optim_name(const hoop_optim *o)
{
    return o->row->name;
}

int64_t hoop_optim_step(const hoop_optim *o)
{
    return o->step;
}

void hoop_optim_set_step(hoop_optim *o, int64_t step)
{
    o->step = step;
}

int hoop_optim_state_count(const hoop_optim *o)
{
    return o->nstates;
}

const char *hoop_optim_state_name(const hoop_optim *o, int i)
{
    return i >= 0 && i < o->nstates ? o->row->state[i] : NULL;
}

void *hoop_optim_state(const hoop_optim *o, int i)
{
    return i >= 0 && i < o->nstates ? o->state[i] : NULL;
}

double hoop_optim_lr(const hoop_optim *o)
{
    return o->opts.lr;
}

typedef struct update_job {
    const hoop_optim   *o;
    const hoop_kernels *k;
    hoop_update         u;
    int64_t             first, nblocks;
} update_job;

static void update_tile(void *ctx, int64_t task)
{
    const update_job *job   = ctx;
    const hoop_optim *o     = job->o;
    hoop_dtype        dtype = hoop_params_dtype(o->params);
    int64_t           first = job->first + task * UPDATE_TILE, left = job->nblocks - task * UPDATE_TILE;
    int64_t           n  = (left < UPDATE_TILE ? left : UPDATE_TILE) * HOOP_BLOCK;
    size_t            at = (size_t)(first * HOOP_BLOCK) * hoop_dtype_size(dtype);
    char             *w  = (char *)hoop_params_data(o->params) + at;
    const char       *g  = (const char *)hoop_params_grad(o->params) + at;
    char             *m  = o->nstates > 0 ? (char *)o->state[0] + at : NULL;
    if (o->row->adam)
        job->k->adam[dtype](n, &job->u, w, g, m, (char *)o->state[1] + at);
    else
        job->k->sgd[dtype](n, &job->u, w, g, m);
}

static HOOP_NOINLINE void update(hoop_optim *o, const hoop_runtime *rt, int64_t first_block, int64_t nblocks, double lr,
                                 double grad_scale)
{
    update_job job = {.o = o, .k = rt->kernels, .first = first_block, .nblocks = nblocks};
    job.u          = (hoop_update){.grad_scale   = grad_scale,
                                   .lr           = lr,
                                   .weight_decay = o->opts.weight_decay,
                                   .momentum     = o->opts.momentum,
                                   .dampening    = o->opts.dampening,
                                   .nesterov     = o->opts.nesterov,
                                   .first        = o->step == 0,
                                   .beta1        = o->opts.beta1,
                                   .beta2        = o->opts.beta2,
                                   .eps          = o->opts.eps,
                                   .bias1        = 1.0 - v_power_f64(o->opts.beta1, o->step + 1),
                                   .bias2        = 1.0 - v_power_f64(o->opts.beta2, o->step + 1),
                                   .decoupled    = o->row->decoupled};
    hoop_threads_run(rt->threads, (nblocks + UPDATE_TILE - 1) / UPDATE_TILE, update_tile, &job);
}

void hoop_optim_update(hoop_optim *o, const hoop_runtime *rt, int64_t first_block, int64_t nblocks, double lr, double grad_scale)
{
    uint64_t mode = hoop_fp_enter();
    update(o, rt, first_block, nblocks, lr, grad_scale);
    hoop_fp_restore(mode);
}

void hoop_optim_advance(hoop_optim *o)
{
    o->step++;
    hoop_params_touch(o->params);
}

void hoop_grad_squares(const hoop_params *params, const hoop_runtime *rt, int64_t first_block, int64_t nblocks,
                       hoop_exact_scalar *sum)
{
    double     squares[64];
    hoop_dtype dtype = hoop_params_dtype(params);
    uint64_t   mode  = hoop_fp_enter();
    for (int64_t b = first_block; b < first_block + nblocks;) {
        int64_t n = first_block + nblocks - b < 64 ? first_block + nblocks - b : 64;
        rt->kernels->squares[dtype](n, (const char *)hoop_params_grad(params) + (size_t)(b * HOOP_BLOCK) * hoop_dtype_size(dtype),
                                    squares);
        for (int64_t i = 0; i < n; i++) hoop_exact_scalar_deposit(sum, squares[i]);
        b += n;
    }
    hoop_fp_restore(mode);
}

static HOOP_NOINLINE double clip_factor(double norm, double clip_norm)
{
    double factor = clip_norm / (norm + 1e-6);
    return clip_norm > 0.0 && factor < 1.0 ? factor : 1.0;
}

double hoop_clip_factor(double norm, double clip_norm)
{
    uint64_t mode   = hoop_fp_enter();
    double   factor = clip_factor(norm, clip_norm);
    hoop_fp_restore(mode);
    return factor;
}

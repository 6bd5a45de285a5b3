/* Hooks: who looks at gradients of parameters, a leaf's or the step's. */
#include "train/plan.h"
#include "train/saving.h"
#include "train/step.h"

#include <stdlib.h>

struct hoop__hook {
    hoop_hook is;
    bool     *of; /* [parameters]: it looks at this one */
};

void hoop__hooks_destroy(hoop_trainer *tr)
{
    for (int i = 0; i < tr->step->nhooks; i++) free(tr->step->hook[i].of);
    free(tr->step->hook);
}

static hoop_status add(hoop_trainer *tr, const hoop_hook *hook, hoop_error *err)
{
    hoop__step *s     = tr->step;
    const int   n     = hoop_params_count(tr->params);
    bool       *of    = calloc((size_t)n + 1, sizeof *of);
    hoop__hook *grown = realloc(s->hook, (size_t)(s->nhooks + 1) * sizeof *grown);
    hoop_status st    = HOOP_OK;
    if (grown != NULL) s->hook = grown;
    if (of == NULL || grown == NULL) st = hoop_fail(err, HOOP_ENOMEM, "hoop_trainer_hook: no memory");
    if (st == HOOP_OK) st = hoop_params_match(tr->params, hook->match == NULL ? "*" : hook->match, of, err);
    if (st != HOOP_OK) {
        free(of);
        return st;
    }
    for (int i = 0; i < n; i++) of[i] = of[i] && !hoop_params_frozen(tr->params, i);
    s->hook[s->nhooks++] = (hoop__hook){*hook, of};
    if (!hook->summed) s->looks = s->one_by_one[true] = true;
    return HOOP_OK;
}

hoop_status hoop_trainer_hook(hoop_trainer *tr, const hoop_hook *hook, hoop_error *err)
{
    const hoop_status st = hoop__step_outside(tr, "hoop_trainer_hook", err);
    if (st != HOOP_OK) return st;
    if (hook->see == NULL || tr->ddp == NULL)
        return hoop_fail(err, HOOP_EARG, "hoop_trainer_hook: %s",
                         hook->see == NULL ? "see is NULL" : "evaluate_only: there are no gradients");
    if (!hook->summed && !tr->plan->exact)
        return hoop_fail(
            err, HOOP_EARG,
            "hoop_trainer_hook: with dist.reduce: fast leaves add to one gradient, of which only the sum can be seen (summed)");
    return add(tr, hook, err);
}

void hoop__hooks_leaf(hoop_trainer *tr, int param)
{
    const hoop__step   *s = tr->step;
    const hoop_gradient g = {.param  = param,
                             .count  = hoop_tensor_numel(hoop_params_tensor(tr->params, param)),
                             .values = hoop_params_grad_of(tr->params, param),
                             .leaf   = s->running};
    for (int i = 0; i < s->nhooks; i++)
        if (!s->hook[i].is.summed && s->hook[i].of[param]) s->hook[i].is.see(s->hook[i].is.ctx, tr, &g);
}

static hoop_status see_part(hoop_trainer *tr, void *ctx, int param, int64_t first, int64_t count, hoop_error *err)
{
    const hoop__step   *s = tr->step;
    const hoop_gradient g = {.param  = param,
                             .first  = first,
                             .count  = count,
                             .values = (const char *)hoop_params_grad_of(tr->params, param) +
                                       first * (int64_t)hoop_dtype_size(tr->dtype),
                             .leaf   = -1,
                             .weight = *(const double *)ctx};
    (void)err;
    for (int i = 0; i < s->nhooks; i++)
        if (s->hook[i].is.summed && s->hook[i].of[param]) s->hook[i].is.see(s->hook[i].is.ctx, tr, &g);
    return HOOP_OK;
}

void hoop__hooks_step(hoop_trainer *tr)
{
    double weight = hoop_exact_scalar_finish(&tr->step->record->sum[HOOP__SUM_WEIGHT]);
    bool   any    = false;
    for (int i = 0; i < tr->step->nhooks; i++) any = any || tr->step->hook[i].is.summed;
    if (any) (void)hoop__each_own_part(tr, see_part, &weight, NULL);
}

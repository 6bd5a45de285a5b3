/* The optimiser and the schedule of a config: groups of parameters, checks, creation. */
#include "train/data.h"
#include "train/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const hoop_config_free hoop__optim_groups = {"optimizer.groups", true,
                                             "parameters with options of their own, such as [{match: \"*.bias\", weight_decay: "
                                             "0}]: names as of files, the first that matches; "
                                             "keys that are not given are those above"};

static const hoop_optim_kind *kind_of(const hoop_trainer *tr)
{
    return hoop_optim_kind_get(tr->plan->optim.kind);
}

/* A kind's check names a key: "nesterov: wants". Its place is that of the key in the config. */
static hoop_status check_by(const hoop_trainer *tr, hoop_status (*f)(const void *opts, hoop_error *err), const char *name,
                            const hoop_value *section, const void *opts, hoop_error *err)
{
    hoop_error        inner = {.status = HOOP_OK};
    const hoop_value *v;
    char              key[64];
    if (f == NULL || f(opts, &inner) == HOOP_OK) return HOOP_OK;
    (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(inner.text, ":"), inner.text);
    v = hoop_value_find(section, key);
    if (v != NULL) return hoop_value_fail(v, err, "%s", inner.text + strlen(key) + strspn(inner.text + strlen(key), ": "));
    return hoop_config_fail(tr->config, name, err, "%s", inner.text);
}

static hoop_status check(const hoop_trainer *tr, const hoop_value *section, const void *opts, hoop_error *err)
{
    return check_by(tr, kind_of(tr)->check, "optimizer", section, opts, err);
}

/* One of optimizer.groups: `match` and keys of the kind, into a copy of the options that hold for all. */
static hoop_status read_group(hoop_trainer *tr, const hoop_value *item, const hoop_option_table *table, void *memory,
                              hoop_optim_group *group, hoop_error *err)
{
    const hoop_optim_kind *k     = kind_of(tr);
    char                  *match = (char *)memory + table->rows[0].offset;
    hoop_status            st;
    memcpy(memory, tr->plan->optim.opts, k->opts_size);
    st = hoop_value_update(item, table, err, memory);
    if (st != HOOP_OK) return st;
    if (match[0] == '\0')
        return hoop_value_fail(item, err, "match must be given: which parameters, as in {match: \"*.bias\", weight_decay: 0}");
    *group = (hoop_optim_group){match, memory};
    return check(tr, item, memory, err);
}

static hoop_status read_groups(hoop_trainer *tr, const hoop_value *list, hoop_error *err)
{
    const hoop_optim_kind *k     = kind_of(tr);
    const size_t           size  = (k->opts_size + 15) / 16 * 16 + HOOP_OPT_STRING_MAX; /* options, then what they are for */
    const int              n     = hoop_value_count(list);
    hoop__plan            *plan  = tr->plan;
    hoop_option           *rows  = calloc((size_t)k->options.count + 1, sizeof *rows);
    hoop_option_table      table = {"", rows, k->options.count + 1};
    hoop_status            st    = HOOP_OK;
    plan->groups                 = calloc((size_t)n, sizeof *plan->groups);
    plan->group_memory           = calloc((size_t)n, size);
    if (rows == NULL || plan->groups == NULL || plan->group_memory == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "no memory for %d groups of parameters", n);
    for (int i = 0; i < n && st == HOOP_OK; i++) {
        rows[0] = (hoop_option){"match", HOOP_OPT_STRING, size - HOOP_OPT_STRING_MAX, "", 0, 0, NULL, true, "names of parameters",
                                NULL};
        memcpy(rows + 1, k->options.rows, (size_t)k->options.count * sizeof *rows);
        st = read_group(tr, hoop_value_at(list, i), &table, plan->group_memory + (size_t)i * size, &plan->groups[i], err);
        plan->ngroups = i + 1;
    }
    free(rows);
    return st;
}

/* One that searches looks at loss and gradient as they are, of all parameters at once. */
static hoop_status check_search(const hoop_trainer *tr, const hoop_value *groups, hoop_error *err)
{
    const hoop_optim_kind *k = kind_of(tr);
    if (k->search == NULL) return HOOP_OK;
    if (hoop_value_get_kind(groups) != HOOP_VALUE_NULL)
        return hoop_value_fail(groups, err, "%s takes all parameters as one vector, with the same options; take groups out",
                               k->name);
    if (tr->plan->run.clip_norm > 0.0 || tr->plan->run.clip_value > 0.0)
        return hoop_config_fail(tr->config, tr->plan->run.clip_norm > 0.0 ? "clip_norm" : "clip_value", err,
                                "%s searches by the gradient of the loss, which must be whole; take it out", k->name);
    return HOOP_OK;
}

void hoop__optim_note(const hoop_trainer *tr)
{
    const int64_t all = tr->data->train == NULL ? 0 : hoop_dataset_about(tr->data->train)->length;
    if (!hoop_optim_searches(tr->optim) || hoop_comm_rank(tr->comm) != 0 || tr->plan->run.batch >= all) return;
    hoop__note(tr,
               "warning: %s learns the shape of the loss from step to step, and a batch of %lld is another loss in each; batch: "
               "%lld takes all samples",
               hoop_optim_name(tr->optim), (long long)tr->plan->run.batch, (long long)all);
}

/* A schedule that sets the momentum wants one. */
static hoop_status check_momentum(const hoop_trainer *tr, hoop_error *err)
{
    const hoop_schedule_kind *s = hoop_schedule_kind_get(tr->plan->schedule.kind);
    if (s->momentum == NULL || isnan(s->momentum(tr->plan->schedule.opts, 0, 1)) || hoop_optim_kind_momentum(kind_of(tr)))
        return HOOP_OK;
    return hoop_config_fail(tr->config, "schedule", err,
                            "%s sets the momentum by step, and %s has none, or one by step of its own", s->name,
                            kind_of(tr)->name);
}

hoop_status hoop__optim_read(hoop_trainer *tr, hoop_error *err)
{
    const hoop_value *section = hoop_config_get(tr->config, "optimizer"), *list = hoop_value_find(section, "groups");
    hoop_status       st = check(tr, section, tr->plan->optim.opts, err);
    if (st == HOOP_OK) st = check_search(tr, list, err);
    if (st == HOOP_OK)
        st = check_by(tr, hoop_schedule_kind_get(tr->plan->schedule.kind)->check, "schedule",
                      hoop_config_get(tr->config, "schedule"), tr->plan->schedule.opts, err);
    if (st == HOOP_OK) st = check_momentum(tr, err);
    if (st != HOOP_OK || hoop_value_get_kind(list) == HOOP_VALUE_NULL) return st;
    if (hoop_value_get_kind(list) != HOOP_VALUE_LIST || hoop_value_count(list) == 0)
        return hoop_value_fail(list, err, "a list of groups is wanted, such as [{match: \"*.bias\", weight_decay: 0}]");
    return read_groups(tr, list, err);
}

hoop_status hoop__optim_make(hoop_trainer *tr, hoop_error *err)
{
    const hoop__plan  *plan     = tr->plan;
    hoop_optim_opts    optim    = {.kind      = kind_of(tr),
                                   .opts      = plan->optim.opts,
                                   .groups    = plan->groups,
                                   .ngroups   = plan->ngroups,
                                   .ema_decay = plan->ema.decay};
    hoop_schedule_opts schedule = plan->warmup;
    double             momentum;
    hoop_status        st;
    schedule.kind = hoop_schedule_kind_get(plan->schedule.kind);
    schedule.opts = plan->schedule.opts;
    HOOP_TRY(st, done, hoop_schedule_create(&schedule, err, &tr->schedule));
    momentum = hoop_schedule_momentum(tr->schedule, 0, 1);
    if (!isnan(momentum)) optim.momentum = momentum; /* the first; what the optimiser keeps hangs on there being one */
    st = hoop_optim_create(&optim, tr->params, err, &tr->optim);
    if (st == HOOP_ECONFIG && err != NULL) (void)hoop_fail_within(err, "%s", hoop_config_name(tr->config));
done:
    return st;
}

/* The option tables of all components as one schema. */
#include "train/plan.h"

#include <stdlib.h>

/* keys whose values have their own form; the model's comes first */
static const hoop_config_free frees[] = {
    {"model.layers", true, "layers of kind: layers, such as [{linear: 512}, relu, {dropout: 0.1}, {linear: 10}]"},
    {"data.inputs", true,
     "inputs by name, instead of x: {u: /fields/u, v: {path: \"/fields/v[:, 0:3]\"}}; each has path, sample_axis, window, "
     "stride, "
     "offsets, length, normalize"},
    {"data.targets", true,
     "targets by name, instead of y: {p: /p, q: {path: /q, weight: 0.5}}; each has what an input has, and horizon, loss, "
     "weight, "
     "labels, classes"},
};
enum { FREES = sizeof frees / sizeof *frees };

/* each table, and the field of a plan that holds its values */
#define PARTS(PART)                                                                                                              \
    PART(hoop__run_options, run)                                                                                                 \
    PART(hoop__model_options, model)                                                                                             \
    PART(hoop__mlp_options, model)                                                                                               \
    PART(hoop__data_options, data)                                                                                               \
    PART(hoop__short_options, data)                                                                                              \
    PART(hoop_optim_options, optim)                                                                                              \
    PART(hoop_schedule_options, schedule)                                                                                        \
    PART(hoop__dist_options, dist)                                                                                               \
    PART(hoop__save_options, save)
#define WITHOUT_VALUES(table, field) {&table, NULL},
#define WITH_VALUES(table, field) {&table, &tr->plan->field},

const hoop_config_schema *hoop_train_schema(void)
{
    static const hoop_config_part   parts[HOOP__PARTS] = {PARTS(WITHOUT_VALUES)};
    static const hoop_config_schema schema             = {parts, HOOP__PARTS, frees, FREES};
    return &schema;
}

void hoop__schema_init(hoop_trainer *tr)
{
    const hoop_config_part parts[HOOP__PARTS] = {PARTS(WITH_VALUES)};
    for (int i = 0; i < HOOP__PARTS; i++) tr->plan->part[i] = parts[i];
    tr->plan->schema = (hoop_config_schema){tr->plan->part, HOOP__PARTS, frees, FREES};
}

hoop_status hoop__schema_resolve(hoop_trainer *tr, hoop_error *err)
{
    bool               own = tr->opts.params != NULL;
    hoop_config_part   parts[HOOP__PARTS];
    hoop_config_schema schema = {parts, 0, own ? frees + 1 : frees, own ? FREES - 1 : FREES};
    hoop_status        st;
    for (int i = 0; i < HOOP__PARTS; i++) {
        const hoop_option_table *table = tr->plan->part[i].table;
        if (own && (table == &hoop__model_options || table == &hoop__mlp_options)) continue;
        if (table == &hoop__mlp_options && tr->plan->model.kind != HOOP__MODEL_MLP) continue;
        if (table == &hoop__short_options && tr->plan->specs.named) continue;
        parts[schema.nparts++] = tr->plan->part[i];
    }
    free(tr->plan->resolved);
    tr->plan->resolved = NULL;
    st                 = hoop_config_resolve(tr->config, &schema, err, &tr->plan->resolved);
    return st == HOOP_OK ? hoop_config_fingerprint(tr->config, &schema, err, tr->plan->fingerprint) : st;
}

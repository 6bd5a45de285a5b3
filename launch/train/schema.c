/* The option tables of all components as one schema. */
#include "train/augment.h"
#include "train/data.h"
#include "train/plan.h"

#include <stdlib.h>

static bool losses(int i, hoop_config_kind *out)
{
    const hoop_loss_kind *k = hoop_loss_get(i);
    if (k != NULL) *out = (hoop_config_kind){k->name, k->help, k->options, k->opts_size, NULL};
    return k != NULL;
}
static bool optimizers(int i, hoop_config_kind *out)
{
    const hoop_optim_kind *k = hoop_optim_kind_get(i);
    if (k != NULL) *out = (hoop_config_kind){k->name, k->help, k->options, k->opts_size, NULL};
    return k != NULL;
}
static bool schedules(int i, hoop_config_kind *out)
{
    const hoop_schedule_kind *k = hoop_schedule_kind_get(i);
    if (k != NULL) *out = (hoop_config_kind){k->name, k->help, k->options, k->opts_size, NULL};
    return k != NULL;
}
const hoop_config_choice hoop__loss_choice     = {"loss", "name", "what is minimised", losses},
                         hoop__optim_choice    = {"optimizer", "name", "which optimiser", optimizers},
                         hoop__schedule_choice = {"schedule", "name", "how the learning rate goes after warm-up", schedules};

/* keys whose values have their own form */
static const hoop_config_free inputs = {
    "data.inputs", true,
    "inputs by name, instead of x: {u: /fields/u, v: {path: \"/fields/v[:, 0:3]\"}}; each has path, sample_axis, window, stride, "
    "offsets, length, normalize, transform",
    "path"};
static const hoop_config_free targets = {
    "data.targets", true,
    "targets by name, instead of y: {p: /p, q: {path: /q, weight: 0.5}}; each has what an input has, and horizon, loss, weight, "
    "labels, classes",
    "path"};

/* each table, choice and free key, and the field of a plan that holds its values */
#define PARTS(TABLE, CHOICE, FREE)                                                                                               \
    TABLE(hoop__run_options, run)                                                                                                \
    CHOICE(hoop__loss_choice, loss)                                                                                              \
    FREE(hoop__shown_key)                                                                                                        \
    CHOICE(hoop__model_choice, kind)                                                                                             \
    TABLE(hoop__model_options, model)                                                                                            \
    FREE(hoop__model_init)                                                                                                       \
    FREE(hoop__model_frozen)                                                                                                     \
    TABLE(hoop__data_options, data)                                                                                              \
    TABLE(hoop__short_options, data)                                                                                             \
    FREE(inputs)                                                                                                                 \
    FREE(targets)                                                                                                                \
    FREE(hoop__transform_key)                                                                                                    \
    FREE(hoop__augment_key)                                                                                                      \
    CHOICE(hoop__optim_choice, optim)                                                                                            \
    FREE(hoop__optim_groups)                                                                                                     \
    CHOICE(hoop__schedule_choice, schedule)                                                                                      \
    TABLE(hoop_schedule_options, warmup)                                                                                         \
    TABLE(hoop__dist_options, dist)                                                                                              \
    TABLE(hoop__memory_options, memory)                                                                                          \
    TABLE(hoop__validation_options, validation)                                                                                  \
    TABLE(hoop__ema_options, ema)                                                                                                \
    TABLE(hoop__stop_options, stop)                                                                                              \
    TABLE(hoop__save_options, save)                                                                                              \
    TABLE(hoop__best_options, best)
#define TABLE(name, field) {.table = &name},
#define TABLE_OF(name, field) {.table = &name, .values = &tr->plan->field},
#define CHOICE(name, field) {.choice = &name},
#define CHOICE_OF(name, field) {.choice = &name, .values = &tr->plan->field},
#define FREE(name) {.free_key = &name},

const hoop_config_schema *hoop_train_schema(void)
{
    static const hoop_config_part   parts[] = {PARTS(TABLE, CHOICE, FREE)};
    static const hoop_config_schema schema  = {parts, HOOP__PARTS};
    _Static_assert(sizeof parts / sizeof *parts == HOOP__PARTS, "their number");
    return &schema;
}

void hoop__schema_init(hoop_trainer *tr)
{
    const hoop_config_part parts[HOOP__PARTS] = {PARTS(TABLE_OF, CHOICE_OF, FREE)};
    for (int i = 0; i < HOOP__PARTS; i++) tr->plan->part[i] = parts[i];
    tr->plan->schema = (hoop_config_schema){tr->plan->part, HOOP__PARTS};
}

/* Does a part say something to this trainer? */
static bool is_of(const hoop_trainer *tr, const hoop_config_part *part)
{
    const bool model = part->table == &hoop__model_options || part->choice == &hoop__model_choice ||
                       part->free_key == &hoop__model_frozen || part->free_key == &hoop__model_init;
    if (model) return tr->opts.params == NULL; /* else it is the caller's own */
    return part->table != &hoop__short_options || !tr->plan->specs.named;
}

hoop_status hoop__schema_resolve(hoop_trainer *tr, hoop_error *err)
{
    hoop_config_part   parts[HOOP__PARTS];
    hoop_config_schema schema = {parts, 0};
    hoop_status        st;
    for (int i = 0; i < HOOP__PARTS; i++) {
        if (is_of(tr, &tr->plan->part[i])) parts[schema.nparts++] = tr->plan->part[i];
    }
    free(tr->plan->resolved);
    tr->plan->resolved = NULL;
    st                 = hoop_config_resolve(tr->config, &schema, err, &tr->plan->resolved);
    return st == HOOP_OK ? hoop_config_fingerprint(tr->config, &schema, err, tr->plan->fingerprint) : st;
}

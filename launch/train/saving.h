/** train/saving.h - checkpoints of a trainer, written behind its steps (save.c) and read (load.c). */
#ifndef HOOP_TRAINER_SAVING_H
#define HOOP_TRAINER_SAVING_H

#include "hoop/dataset.h"
#include "train/trainer.h"

/* save.c */
hoop_status hoop__save_create(hoop_trainer *tr, hoop_error *err);
/* after each step; busy: ranks that had something under way in it. Collective */
hoop_status hoop__save_after_step(hoop_trainer *tr, int64_t busy, hoop_error *err);
bool        hoop__save_running(const hoop_trainer *tr);
void        hoop__save_destroy(hoop_trainer *tr);
/* each part of each parameter that this rank holds the optimiser state of */
typedef hoop_status hoop__part_fn(hoop_trainer *tr, void *ctx, int param, int64_t first, int64_t count, hoop_error *err);
hoop_status         hoop__each_own_part(hoop_trainer *tr, hoop__part_fn *f, void *ctx, hoop_error *err);
/* elements of a state of a parameter where this rank has `count` of the parameter's: fewer where the state has a shape of its
 * own, which is all on one rank */
int64_t hoop__state_count(const hoop_trainer *tr, int state, int param, int64_t count);
/* load.c: parameters and buffers of another run to begin with (model.weights). Collective */
hoop_status hoop__load_weights(hoop_trainer *tr, hoop_error *err);
/* what a checkpoint says that a model must be built for; not found: nothing is known */
typedef struct hoop__peek {
    bool found;
    struct {
        bool       normalized;
        hoop_dtype mean; /* of its mean */
    } field[HOOP_DATASET_FIELDS];
} hoop__peek;
void hoop__load_peek(const hoop_trainer *tr, const char *path, hoop__peek *out);

#endif

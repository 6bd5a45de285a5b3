/** train/trained.h - the inside of a trained model (hoop/trained.h): trained.c, predictions.c. */
#ifndef HOOP_TRAINED_INTERNAL_H
#define HOOP_TRAINED_INTERNAL_H

#include "hoop/checkpoint.h"
#include "hoop/trained.h"
#include "train/plan.h"
#include "train/tally.h"

struct hoop_trained {
    char               *path;    /* run or checkpoint */
    bool                run;     /* which of the two */
    hoop_config        *config;  /* of the checkpoint, with `set` on top */
    hoop__data_opts     opts;    /* what it says of data, */
    hoop__specs         specs;   /* and of their fields */
    bool                listed;  /* the config's kind of model, or its list of layers, says how many outputs there are */
    int64_t             outputs; /* else those of the last layer; 0: not known */
    hoop__meaning       meaning; /* of the data it was trained on */
    hoop_comm_opts      comm;    /* what the config says of communication */
    hoop_dataset       *data;
    hoop_trainer       *trainer;
    hoop_trainer_field *given; /* inputs and targets, for the trainer */
    struct hoop__trained_target {
        char        set[HOOP__FIELD_NAME + 1]; /* "/y": of predictions */
        hoop__names names;                     /* of classes, or of the values of a row */
    } * target;
    char        checkpoint[HOOP_CHECKPOINT_PATH]; /* the one that was loaded */
    hoop__tally tally;                            /* of the last evaluation */
};

/* its kind of model */
const struct hoop__model_kind *hoop__trained_kind(const hoop_trained *t);

#endif

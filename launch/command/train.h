/** command/train.h - what `hoop train ...` asks for: of the command itself, and of who starts it (launch.c). */
#ifndef HOOP_COMMAND_TRAIN_H
#define HOOP_COMMAND_TRAIN_H

#include "command/command.h"
#include "hoop/checkpoint.h"
#include "hoop/train.h"

typedef struct train_args {
    const char  *config, *out, *resume;
    command_sets set;
    int          profile; /* steps; 0: train */
    bool         dry_run, json;
} train_args;

/** As command_parse. */
void train_parse(int argc, char **argv, train_args *a);
/** The run directory: --out, or runs/NAME of CONFIG.yaml. */
void train_out(const train_args *a, char out[HOOP_CHECKPOINT_PATH]);
/** The config with what --set sets, its keys known. */
hoop_status train_config(const train_args *a, hoop_error *err, hoop_config **config, hoop_comm_opts *comm);

#endif

/** command/dry_run.h - what a run takes in memory, told before it is trained. */
#ifndef HOOP_COMMAND_DRY_RUN_H
#define HOOP_COMMAND_DRY_RUN_H

#include "command/command.h"
#include "hoop/train.h"

/** What --help says of it. */
#define DRY_RUN_HELP                                                                                                             \
    "--dry-run trains two steps in memory, on the first batches of the data, prints\n"                                           \
    "what they take in bytes, and ends; nothing is validated, and nothing written.\n"                                            \
    "exchange: sums of leaves and what goes to other ranks; activations: the most\n"                                             \
    "that tensors of a step take at once; reserve: what is kept of them for the\n"                                               \
    "next; data: batches that are read ahead, and decoded chunks; program: what the\n"                                           \
    "process took before; resident: what it takes now, as the system counts it\n"                                                \
    "(without what is mapped of files); checkpoint: what comes on top while one is\n"                                            \
    "written.\n"

/** Bytes of this process in memory that are no file's, as the system counts them; 0: it does not say. Calls: Local. */
int64_t dry_run_resident(void);
/** Train two steps and print; program: dry_run_resident before there was a trainer. Calls: Collective. */
hoop_status dry_run(const session *s, hoop_trainer *tr, const char *config, bool json, int64_t program, hoop_error *err);

#endif

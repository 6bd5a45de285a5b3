/** command/open.h - from what stands on the command line to a checkpoint: a run, a checkpoint, or one of its files. */
#ifndef HOOP_COMMAND_OPEN_H
#define HOOP_COMMAND_OPEN_H

#include "hoop/checkpoint.h"

/** hoop_checkpoint_open, whose error for a dataset says which command looks at those. */
hoop_status open_checkpoint(const char *path, hoop_error *err, hoop_checkpoint **out);

#endif

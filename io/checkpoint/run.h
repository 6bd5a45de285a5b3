/**
 * io/checkpoint/run.h - the folders of a run: their names, and which of them are there.
 */
#ifndef HOOP_IO_RUN_H
#define HOOP_IO_RUN_H

#include "base/files.h"
#include "hoop/checkpoint.h"

/** RUN/checkpoints/step-00001000 + suffix. */
hoop_status hoop__checkpoint_step_path(const char *run_dir, int64_t step, const char *suffix, hoop_error *err, char *out);
/** Is this a name that hoop_checkpoint_tmp gives? */
bool hoop__checkpoint_is_tmp(const char *path);
/** Is this folder itself a checkpoint? It has a manifest. */
bool hoop__checkpoint_is_one(const char *dir);
/** Remove a directory of files. */
hoop_status hoop__checkpoint_remove_dir(const char *path, hoop_error *err);

#endif

/**
 * train/hash_checkpoint.h - one SHA-256 of what a checkpoint holds, the same whoever wrote it and into how many files.
 *
 * Tensors go in byte order of (kind, group, name), as strcmp orders the names of hoop_checkpoint_kind_name, and each adds: name,
 * NUL, group ("" for none), NUL, dtype name, NUL, number of dims and each size as i64, little endian, and then its elements,
 * little endian, row-major.
 */
#ifndef HOOP_HASH_CHECKPOINT_H
#define HOOP_HASH_CHECKPOINT_H

#include <stdbool.h>

#include "base/hash.h"
#include "hoop/checkpoint.h"

/** Of all parameters; with `state`, of buffers and the optimizer's state (its step too) as well. Checksums are checked on the
 *  way. Errors: HOOP_EFORMAT when only a part of a tensor is here (a single shard), those of reading. Calls: Local. */
hoop_status hoop__checkpoint_hash(hoop_checkpoint *c, bool state, hoop_error *err, char hex[HOOP__SHA256_HEX]);

#endif

/**
 * output/tensorboard.h - scalars as a TensorBoard event file, written by hand: a record is length (u64), its masked CRC-32C,
 * a protobuf Event, and its masked CRC-32C. Source: tensorflow/core/lib/io/record_writer and util/event.proto. Used by one rank.
 */
#ifndef HOOP_OUTPUT_TENSORBOARD_H
#define HOOP_OUTPUT_TENSORBOARD_H

#include <stddef.h>
#include <stdint.h>

#include "hoop/status.h"

typedef struct hoop__events hoop__events;

/** Create DIR/events.out.tfevents.TIME.HOST.PID[.N]. first_step > 0 (a resumed run) tells TensorBoard to forget what earlier
 *  files of DIR say of that step and later ones. Errors: HOOP_EIO, HOOP_ENOMEM. */
hoop_status hoop__events_create(const char *dir, int64_t first_step, hoop_error *err, hoop__events **out);
/** One scalar more, kept until flush; tags such as "train/loss". NaN and infinities are written as they are. */
void hoop__events_scalar(hoop__events *e, int64_t step, const char *tag, double value);
/** Append the scalars that were kept, all or none. */
hoop_status hoop__events_flush(hoop__events *e, hoop_error *err);
/** Flush, sync and close; *e is destroyed whatever is returned. */
hoop_status hoop__events_close(hoop__events **e, hoop_error *err);

/** CRC-32C (Castagnoli) of `size` bytes. */
uint32_t hoop__crc32c(const void *data, size_t size);

#endif

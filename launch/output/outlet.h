/**
 * output/outlet.h - text for people that nobody need read: a thread of its own writes it, so that a pipe that is full, or a
 * terminal that was stopped by Ctrl-S, holds up whoever has something to say no longer than a copy takes. What finds no room is
 * lost, by whole lines, and how many is told once there is room again. The descriptor's flags stay as they are: others share it.
 */
#ifndef HOOP_OUTPUT_OUTLET_H
#define HOOP_OUTPUT_OUTLET_H

#include <stddef.h>

#include "hoop/status.h"

typedef struct hoop__outlet hoop__outlet;

/** For `fd`, which is not closed. Errors: HOOP_ENOMEM. */
hoop_status hoop__outlet_open(int fd, hoop_error *err, hoop__outlet **out);
/** Text that stays, whole lines: written in the order given, or lost. */
void hoop__outlet_keep(hoop__outlet *o, const char *text, size_t size);
/** Text that the next one replaces, such as a bar: only the newest is written, and none that is older than a line. */
void hoop__outlet_show(hoop__outlet *o, const char *text, size_t size);
/** Wait until all is written, but no longer than `patience_s` during which nothing moves; the rest is lost. */
void hoop__outlet_close(hoop__outlet **o, double patience_s);
/** All of these at once. Errors: HOOP_EIO (a full disk, a closed descriptor); a reader that went away, or reads nothing, is none.
 */
hoop_status hoop__outlet_print(int fd, const char *text, double patience_s, hoop_error *err);

#endif

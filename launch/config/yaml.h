/** config/yaml.h - YAML text into a tree, through libyaml's events. */
#ifndef HOOP_LAUNCH_YAML_H
#define HOOP_LAUNCH_YAML_H

#include "config/tree.h"

/**
 * Read `size` bytes of `text` into values of `pool`. `origin` stands in every value and must live as long; `lines` says
 * whether it is a file whose lines count. An empty text gives HOOP_VALUE_NULL. Errors: HOOP_ECONFIG, HOOP_ENOMEM.
 */
hoop_status hoop__yaml_read(hoop__pool *pool, const char *text, size_t size, const char *origin, bool lines, hoop_error *err,
                            hoop_value **out);

#endif

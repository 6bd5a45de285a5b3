/** train/compare_config.h - the keys in which two resolved configs differ. */
#ifndef HOOP_COMPARE_CONFIG_H
#define HOOP_COMPARE_CONFIG_H

#include <stdint.h>

#include "hoop/config.h"

/** A key (dotted) and what either config says, as YAML; NULL where it does not have it. */
typedef struct hoop__config_difference {
    char *key, *a, *b;
} hoop__config_difference;

/** Compare the texts of two configs, "" being one without keys; the names are for errors. Keys of a in its order, then those of
 *  b alone: hoop__config_differences_free. Errors: HOOP_ECONFIG, HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__config_compare(const char *a, const char *a_name, const char *b, const char *b_name, hoop_error *err,
                                 hoop__config_difference **out, int64_t *n);
/** The same of configs that have been read. */
hoop_status hoop__config_compare_read(const hoop_config *a, const hoop_config *b, hoop_error *err, hoop__config_difference **out,
                                      int64_t *n);
void        hoop__config_differences_free(hoop__config_difference **list, int64_t n);

#endif

/**
 * train/specs.h - what a config says of the fields of its data: data.inputs and data.targets by name, or x and y, the short form
 * for one of each. Inputs come first; field k here is field k of a dataset that is opened with them.
 */
#ifndef HOOP_TRAIN_SPECS_H
#define HOOP_TRAIN_SPECS_H

#include "hoop/config.h"
#include "hoop/dataset.h"
#include "hoop/loss.h"

struct hoop__data_opts;

/* of a field; of data.normalize, which is never auto, as well */
enum { HOOP__NORMALIZE_AUTO, HOOP__NORMALIZE_NONE, HOOP__NORMALIZE_STANDARD, HOOP__NORMALIZE_CHANNEL, HOOP__NORMALIZE_ALL };
enum { HOOP__SPEC_KEY = 128 };

/** What may be set of one. */
typedef struct hoop__spec_settings {
    char    path[HOOP_OPT_STRING_MAX], offsets[HOOP_OPT_STRING_MAX];
    int64_t sample_axis, window, stride, horizon, length, classes;
    double  weight;
    int     normalize, labels;
} hoop__spec_settings;

typedef struct hoop__spec {
    const char         *name; /* the config's */
    hoop_field_role     role;
    hoop__spec_settings is;
    const hoop_value   *value, *loss; /* where the config says it; NULL: in the short form; not of this target */
    const hoop_value   *transform;    /* of an input: the list of what is done before the model; NULL: nothing */
} hoop__spec;

typedef struct hoop__specs {
    bool             named; /* false: x and y */
    int              n, inputs;
    hoop__spec      *field;
    hoop_field_opts *read; /* for a dataset; in the short form not used */
} hoop__specs;

/** Read them; end it with hoop__specs_free. The config must outlive *out. Errors: HOOP_ECONFIG, HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__specs_read(const hoop_config *config, const struct hoop__data_opts *data, hoop_error *err, hoop__specs *out);
void        hoop__specs_free(hoop__specs *f);
/** Does the config name its fields? Calls: Local. */
bool hoop__specs_named(const hoop_config *config);
/** How a config wants its files opened; `targets`: whether these are wanted. They are borrowed from f. Calls: Local. */
hoop_dataset_opts hoop__specs_dataset_opts(hoop__specs *f, const struct hoop__data_opts *data, hoop_dataset_y targets);
/** data.transform. */
extern const hoop_config_free hoop__transform_key;
/** A loss, as `own` says (NULL: it does not), or the config of all targets; and what its options say (NULL, or free it; opts may
 * be NULL). Errors: HOOP_ECONFIG, HOOP_ENOMEM. Calls: Local. */
hoop_status hoop__loss_read(const hoop_config *config, const hoop_value *own, hoop_error *err, const hoop_loss_kind **out,
                            void **opts);
/** Fail with the place of a key of field k: "model.yaml:7: data.targets.p.classes: text", or "data.classes" in the short form.
 * HOOP_ECONFIG. Calls: Local. */
hoop_status hoop__specs_fail(const hoop_config *config, const hoop__specs *f, int k, const char *key, hoop_error *err,
                             const char *format, ...) HOOP_PRINTF(6, 7);
/** "data.targets.p.labels", or "data.labels": what to set for field k. Calls: Local. */
const char *hoop__specs_key(const hoop__specs *f, int k, const char *key, char out[HOOP__SPEC_KEY]);

#endif

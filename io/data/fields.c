/* Which fields a set says that it has. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"

enum { OFFSETS = 128 };

/* Inputs, then targets, and behind them the text of their paths, of which the names are a part; lists have offsets, too. */
static hoop_status make_fields(hid_t file, char **const names[2], const int64_t n[2], const char *path, hoop_error *err,
                               hoop_field_opts **fields, int *count)
{
    size_t           bytes = 0;
    hoop_field_opts *f;
    char            *text, offsets[OFFSETS];
    for (int role = HOOP_INPUT; role <= HOOP_TARGET; role++)
        for (int64_t i = 0; i < n[role]; i++) bytes += sizeof *f + strlen(names[role][i]) + 2 + OFFSETS;
    if (n[HOOP_INPUT] < 1 || n[HOOP_INPUT] + n[HOOP_TARGET] > HOOP_DATASET_FIELDS)
        return hoop_fail(err, HOOP_EFORMAT, "%s: attributes inputs and targets do not name 1 to %d fields", path,
                         HOOP_DATASET_FIELDS);
    *fields = f = calloc(1, bytes);
    if (f == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    text = (char *)(f + n[HOOP_INPUT] + n[HOOP_TARGET]);
    for (int role = HOOP_INPUT; role <= HOOP_TARGET; role++)
        for (int64_t i = 0; i < n[role]; i++, f++, (*count)++) {
            hid_t dset;
            *f      = (hoop_field_opts){.name = text + 1, .path = text, .role = (hoop_field_role)role};
            *text++ = '/';
            text    = stpcpy(text, names[role][i]) + 1;
            dset    = H5Dopen2(file, f->path, H5P_DEFAULT);
            if (dset >= 0 && hoop__h5_attr_string(dset, "offsets", offsets, sizeof offsets)) {
                f->offsets = text;
                text       = stpcpy(text, offsets) + 1;
            }
            if (dset >= 0) (void)H5Dclose(dset);
        }
    (void)H5Eclear2(H5E_DEFAULT);
    return HOOP_OK;
}

static hoop_status read_fields(hid_t file, const char *path, hoop_error *err, hoop_field_opts **fields, int *n)
{
    char      **names[2] = {NULL, NULL};
    int64_t     count[2];
    bool        ours;
    hoop_status st = hoop__shard_format(file, path, err, &ours);
    if (st != HOOP_OK || !ours) return st;
    count[HOOP_INPUT]  = hoop__h5_attr_strings(file, "inputs", &names[HOOP_INPUT]);
    count[HOOP_TARGET] = hoop__h5_attr_strings(file, "targets", &names[HOOP_TARGET]);
    for (int role = HOOP_INPUT; role <= HOOP_TARGET; role++) count[role] = count[role] < 0 ? 0 : count[role];
    if (names[HOOP_INPUT] != NULL || names[HOOP_TARGET] != NULL) st = make_fields(file, names, count, path, err, fields, n);
    free(names[HOOP_INPUT]);
    free(names[HOOP_TARGET]);
    return st;
}

hoop_status hoop_dataset_fields(const char *spec, hoop_error *err, hoop_field_opts **fields, int *n)
{
    hoop_paths    paths = {0};
    hid_t         file  = -1;
    hoop_h5_quiet quiet;
    hoop_status   st = hoop__spec_resolve(spec, err, &paths);
    *fields          = NULL;
    *n               = 0;
    if (st != HOOP_OK) return st;
    hoop__h5_quiet(&quiet);
    st = hoop__h5_open(paths.path[0], err, &file, NULL);
    if (st == HOOP_OK) {
        st = read_fields(file, paths.path[0], err, fields, n);
        (void)H5Fclose(file);
    }
    hoop__h5_restore(&quiet);
    hoop__paths_free(&paths);
    return st;
}

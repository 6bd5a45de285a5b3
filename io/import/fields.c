#include "import/fields.h"

#include <stdio.h>
#include <string.h>

static hoop_status check_name(const char *name, hoop_field_role role, hoop_error *err)
{
    static const char possible[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const size_t      n          = name == NULL ? 0 : strlen(name);
    if (n < 1 || n > HOOP_FIELD_NAME || strspn(name, possible) != n)
        return hoop_fail(err, HOOP_EARG, "import: a field cannot be called '%.64s'; 1 to %d letters, digits, _, - and . can be",
                         n == 0 ? "" : name, HOOP_FIELD_NAME);
    if (strspn(name, ".") == n || strcmp(name, "xxh3_64") == 0)
        return hoop_fail(err, HOOP_EARG, "import: a field cannot be called '%s', which means something else in the file", name);
    if (strcmp(name, role == HOOP_INPUT ? "y" : "x") == 0)
        return hoop_fail(err, HOOP_EARG, "import: %s cannot be called '%s': x is the input and y the target of the short form",
                         role == HOOP_INPUT ? "an input" : "a target", name);
    return HOOP_OK;
}

hoop_status hoop__fields_check(const hoop_import_field *fields, int nfields, hoop_error *err)
{
    bool        inputs = false;
    hoop_status st;
    if (nfields < 1 || nfields > HOOP_DATASET_FIELDS)
        return hoop_fail(err, HOOP_EARG, "import: %d fields; 1 to %d are possible", nfields, HOOP_DATASET_FIELDS);
    for (int k = 0; k < nfields; k++) {
        if ((st = check_name(fields[k].name, fields[k].role, err)) != HOOP_OK) return st;
        inputs = inputs || fields[k].role == HOOP_INPUT;
        for (int j = 0; j < k; j++)
            if (strcmp(fields[j].name, fields[k].name) == 0)
                return hoop_fail(err, HOOP_EARG, "import: two fields are called '%s'", fields[k].name);
    }
    return inputs ? HOOP_OK : hoop_fail(err, HOOP_EARG, "import: there are targets and no input");
}

void hoop__field_path(const char *name, char out[HOOP_FIELD_PATH])
{
    (void)snprintf(out, HOOP_FIELD_PATH, "/%.*s", HOOP_FIELD_NAME, name);
}

bool hoop__fields_short(const hoop_writer_field *fields, int nfields)
{
    return nfields <= 2 && strcmp(fields[0].name, "x") == 0 && (nfields < 2 || strcmp(fields[1].name, "y") == 0);
}

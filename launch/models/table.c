/* The table of models.def, and what kinds share. */
#include "models/models.h"

#include <stdio.h>
#include <string.h>

#define HOOP_MODEL(name) extern const hoop__model_kind hoop__model_##name;
#include "models/models.def"
#undef HOOP_MODEL

static const hoop__model_kind *const kinds[] = {
#define HOOP_MODEL(name) &hoop__model_##name,
#include "models/models.def"
#undef HOOP_MODEL
};

const hoop__model_kind *hoop__model_kind_get(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[i] : NULL;
}

const hoop__model_kind *hoop__model_kind_find(const char *name)
{
    const hoop__model_kind *k;
    for (int i = 0; (k = hoop__model_kind_get(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0) return k;
    }
    return NULL;
}

hoop_status hoop__model_add(hoop_module *parent, const char *kind, int *index, const void *opts, hoop_error *err,
                            hoop_module **out)
{
    char name[24];
    (void)snprintf(name, sizeof name, "%d", (*index)++);
    return hoop_module_add(parent, hoop_module_kind_find(kind), name, opts, err, out);
}

const char *hoop__model_branch(const char *name, int i, char *buffer)
{
    if (name[0] != '\0' && strpbrk(name, "./") == NULL && name[strspn(name, "0123456789")] != '\0') return name;
    (void)snprintf(buffer, 24, "%d", i);
    return buffer;
}

/* The table of modules.def. */
#include "hoop/nn.h"

#include <string.h>

#define HOOP_MODULE(name) extern const hoop_module_kind hoop__module_##name;
#include "nn/modules/modules.def"
#undef HOOP_MODULE

static const hoop_module_kind *const kinds[] = {
#define HOOP_MODULE(name) &hoop__module_##name,
#include "nn/modules/modules.def"
#undef HOOP_MODULE
};

const hoop_module_kind *hoop_module_kind_get(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[i] : NULL;
}

const hoop_module_kind *hoop_module_kind_find(const char *name)
{
    const hoop_module_kind *k;
    for (int i = 0; (k = hoop_module_kind_get(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0) return k;
    }
    return NULL;
}

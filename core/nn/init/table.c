/* The table of inits.def. */
#include "hoop/nn.h"

#include <string.h>

#define HOOP_INIT(name) extern const hoop_init_kind hoop__init_##name;
#include "nn/init/inits.def"
#undef HOOP_INIT

static const hoop_init_kind *const kinds[] = {
#define HOOP_INIT(name) &hoop__init_##name,
#include "nn/init/inits.def"
#undef HOOP_INIT
};

const hoop_init_kind *hoop_init_kind_get(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[i] : NULL;
}

const hoop_init_kind *hoop_init_kind_find(const char *name)
{
    const hoop_init_kind *k;
    for (int i = 0; (k = hoop_init_kind_get(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0) return k;
    }
    return NULL;
}

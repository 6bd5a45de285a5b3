/* The table of losses. */
#include "hoop/loss.h"

#include <string.h>

#define HOOP_LOSS(name) extern const hoop_loss_kind hoop__loss_##name;
#include "loss/losses.def"
#undef HOOP_LOSS

static const hoop_loss_kind *const kinds[] = {
#define HOOP_LOSS(name) &hoop__loss_##name,
#include "loss/losses.def"
#undef HOOP_LOSS
};

const hoop_loss_kind *hoop_loss_get(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[i] : NULL;
}

const hoop_loss_kind *hoop_loss_find(const char *name)
{
    const hoop_loss_kind *k;
    for (int i = 0; (k = hoop_loss_get(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0) return k;
    }
    return NULL;
}

#include "command/open.h"

#include <stdio.h>
#include <sys/stat.h>

#include "hoop/dataset.h"

hoop_status open_checkpoint(const char *path, hoop_error *err, hoop_checkpoint **out)
{
    hoop_dataset *ds  = NULL;
    hoop_error    why = {.status = HOOP_OK};
    hoop_status   st  = hoop_checkpoint_open(path, &why, out);
    if (st == HOOP_OK) return HOOP_OK;
    if (hoop_dataset_open(path, NULL, NULL, &ds) == HOOP_OK) {
        (void)hoop_fail(err, st, "%s: is a dataset, not a checkpoint; hoop data info and hoop data verify look at those", path);
    } else {
        (void)hoop_fail(err, st, "%s", why.text);
    }
    hoop_dataset_close(&ds);
    return st;
}

/* A folder that is a checkpoint itself has a manifest. */
hoop_status list_checkpoints(const char *path, hoop_error *err, int64_t **steps, int64_t *n)
{
    char        manifest[HOOP_CHECKPOINT_PATH];
    struct stat about;
    *steps = NULL;
    *n     = 0;
    if (snprintf(manifest, sizeof manifest, "%s/manifest.json", path) >= (int)sizeof manifest) {
        return hoop_fail(err, HOOP_EARG, "%.64s...: the path is too long", path);
    }
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode) || stat(manifest, &about) == 0) return HOOP_OK;
    return hoop_checkpoint_list(path, err, steps, n);
}

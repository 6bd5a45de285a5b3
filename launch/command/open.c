#include "command/open.h"

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

/* Files that are read through HDF5: opened when their rows are wanted, and a bounded number of them at a time. */
#include "data/dataset.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

int hoop__handles_max(void)
{
    enum { MOST = 1024 };
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur > 4 * MOST) return MOST;
    return now.rlim_cur < 8 ? 1 : (int)now.rlim_cur / 4; /* of what the process may have, for one dataset */
}

hoop_status hoop__shard_stat(const hoop_shard *s, hoop_error *err, struct stat *out)
{
    return stat(s->path, out) == 0 ? HOOP_OK : hoop_fail(err, HOOP_EIO, "%s: %s", s->path, strerror(errno));
}

void hoop__handles_close(hoop_dataset *ds, hoop_shard *s)
{
    if (s->file < 0) return;
    for (int k = 0; k < ds->nfields; k++) {
        if (s->field[k].dset >= 0) (void)H5Dclose(s->field[k].dset);
        s->field[k].dset = -1;
    }
    (void)H5Fclose(s->file);
    s->file = -1;
    ds->open_files--;
}

void hoop__handles_opened(hoop_dataset *ds, hoop_shard *s)
{
    s->used = ++ds->uses;
    ds->open_files++;
    while (ds->open_files > ds->open_max) {
        hoop_shard *oldest = NULL;
        for (int i = 0; i < ds->info.shards; i++) {
            hoop_shard *other = &ds->shard[i];
            if (other != s && other->file >= 0 && (oldest == NULL || other->used < oldest->used)) oldest = other;
        }
        if (oldest == NULL) return;
        hoop__handles_close(ds, oldest);
    }
}

hoop_status hoop__handles_open(hoop_dataset *ds, hoop_shard *s, hoop_error *err)
{
    const struct stat *was = &s->stat;
    struct stat        is;
    hoop_status        st;
    s->used = ++ds->uses;
    if (s->file >= 0) return HOOP_OK;
    HOOP_TRY(st, done, hoop__shard_stat(s, err, &is));
    if (is.st_dev != was->st_dev || is.st_ino != was->st_ino || is.st_size != was->st_size ||
        is.st_mtim.tv_sec != was->st_mtim.tv_sec || is.st_mtim.tv_nsec != was->st_mtim.tv_nsec)
        return hoop_fail(err, HOOP_EIO, "%s: was changed while it was in use", s->path);
    HOOP_TRY(st, done, hoop__h5_open(s->path, err, &s->file, NULL));
    hoop__handles_opened(ds, s);
    for (int k = 0; k < ds->nfields; k++) {
        if (s->field[k].blocks == NULL) continue;
        s->field[k].dset = H5Dopen2(s->file, ds->field[k].object, H5P_DEFAULT);
        if (s->field[k].dset >= 0) continue;
        st = hoop__h5_fail(err, HOOP_EIO, "%s: %s cannot be opened again", s->path, ds->field[k].opts.path);
        hoop__handles_close(ds, s);
        break;
    }
done:
    return st;
}

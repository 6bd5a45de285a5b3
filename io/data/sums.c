/* Checksums of blocks of rows, which shards of ours hold beside x and y: a mapped block is looked at when a row of it is first
 * read, so that damage is an error of whoever reads it, and data that is never read costs nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "data/dataset.h"

/* Small beside what a disk reads at a time anyway; the checksums are a ten-thousandth of the data. */
enum { BLOCK_BYTES = 64 << 10 };

int64_t hoop__sums_rows(int64_t row_bytes)
{
    return row_bytes < BLOCK_BYTES ? BLOCK_BYTES / row_bytes : 1;
}

hoop_status hoop__sums_name(const char *name, hoop_error *err, char *out, size_t size)
{
    const int n = snprintf(out, size, "/xxh3_64%s%s", name[0] == '/' ? "" : "/", name);
    return n > 0 && (size_t)n < size ? HOOP_OK : hoop_fail(err, HOOP_EARG, "%.64s...: the name is too long", name);
}

hoop_status hoop__sums_adopt(hoop_shard *s, int field, int64_t rows, int64_t offset, hoop_error *err)
{
    hoop_shard_field *f = &s->field[field];
    f->sum_rows         = rows;
    f->seen             = calloc((size_t)((f->nrows - 1) / rows + 1), sizeof *f->seen);
    if (f->seen == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory to note what was checked", s->path);
    f->sums = (const hoop_stored_I64 *)(const void *)((const unsigned char *)s->map + offset);
    return HOOP_OK;
}

hoop_status hoop__sums_check(const hoop_dataset *ds, const hoop_shard *s, int field, int64_t row, hoop_error *err)
{
    const hoop_shard_field *f     = &s->field[field];
    const int64_t           bytes = f->sum_bytes, block = row / f->sum_rows, first = block * f->sum_rows,
                  rows = f->nrows - first < f->sum_rows ? f->nrows - first : f->sum_rows;
    if (hoop__sum_64(f->summed + first * bytes, rows * bytes) != f->sums[block])
        return hoop_fail(err, HOOP_ECHECKSUM,
                         "%s: %s is damaged: the checksum of rows %lld to %lld does not match (hoop data verify reads all)",
                         s->path, ds->field[field].opts.path, (long long)first, (long long)(first + rows - 1));
    atomic_store_explicit(&f->seen[block], 1, memory_order_relaxed); /* two threads may both have looked */
    return HOOP_OK;
}

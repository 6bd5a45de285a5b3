#include "data/filter.h"

#include <errno.h>
#include <lzf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* ---- LZF for HDF5: chunks that it reads itself, those of virtual data and of pipelines that chunk.c does not know ---- */

/* What h5py keeps with a dataset: its filter's version, LZF's, and the bytes of a chunk. */
static herr_t lzf_values(hid_t dcpl, hid_t type, hid_t space)
{
    unsigned  values[3] = {4, LZF_VERSION, (unsigned)H5Tget_size(type)}, flags = 0, config = 0;
    size_t    count = 0;
    hsize_t   chunk[H5S_MAX_RANK];
    const int ndim = H5Pget_chunk(dcpl, H5S_MAX_RANK, chunk);
    (void)space;
    if (ndim < 0 || H5Pget_filter_by_id2(dcpl, HOOP_FILTER_LZF, &flags, &count, NULL, 0, NULL, &config) < 0) return -1;
    for (int d = 0; d < ndim; d++) values[2] *= (unsigned)chunk[d];
    return H5Pmodify_filter(dcpl, HOOP_FILTER_LZF, flags, 3, values);
}

/* In `room` bytes; 0: it does not fit, or is damaged. */
static size_t lzf_through(bool back, size_t nbytes, size_t room, size_t *size, void **data, bool *too_small)
{
    void    *out = H5allocate_memory(room, true);
    unsigned n;
    if (out == NULL) return 0;
    errno      = 0;
    n          = back ? lzf_decompress(*data, (unsigned)nbytes, out, (unsigned)room)
                      : lzf_compress(*data, (unsigned)nbytes, out, (unsigned)room);
    *too_small = n == 0 && errno == E2BIG;
    (void)H5free_memory(n > 0 ? *data : out);
    if (n > 0) {
        *data = out;
        *size = room;
    }
    return n;
}

/* Where another filter came before, other sizes than that of a chunk are tried. */
static size_t lzf_filter(unsigned flags, size_t nvalues, const unsigned values[], size_t nbytes, size_t *size, void **data)
{
    const bool back      = (flags & H5Z_FLAG_REVERSE) != 0;
    bool       too_small = true;
    size_t     n         = 0;
    if (nbytes > UINT32_MAX || nbytes < 2) return 0;
    if (!back) return lzf_through(false, nbytes, nbytes - 1, size, data, &too_small);
    for (uint64_t room = nvalues >= 3 && values[2] > 0 ? values[2] : *size; room > 0 && room <= UINT32_MAX && too_small;
         room *= 2)
        n = lzf_through(true, nbytes, (size_t)room, size, data, &too_small);
    return n;
}

static bool is_available(H5Z_filter_t filter)
{
    static const H5Z_class2_t lzf = {.version         = H5Z_CLASS_T_VERS,
                                     .id              = HOOP_FILTER_LZF,
                                     .encoder_present = 1,
                                     .decoder_present = 1,
                                     .name            = "lzf",
                                     .set_local       = lzf_values,
                                     .filter          = lzf_filter};
    if (H5Zfilter_avail(filter) > 0) return true; /* looks for plugins, too */
    return filter == HOOP_FILTER_LZF && H5Zregister(&lzf) >= 0;
}

/* ---- filters that are not here ---- */

/* Registered with The HDF Group; the package of Debian that has a plugin, if one has. */
static const struct {
    H5Z_filter_t filter;
    const char  *name, *package;
} known[] = {
    {H5Z_FILTER_SZIP, "szip", NULL},
    {307, "bzip2", "hdf5-filter-plugin"},
    {32001, "blosc", "hdf5-filter-plugin-blosc-serial"},
    {32002, "mafisc", NULL},
    {32003, "snappy", NULL},
    {32004, "lz4", "hdf5-filter-plugin"},
    {32008, "bitshuffle", NULL},
    {32013, "zfp", "hdf5-filter-plugin-zfp-serial"},
    {32014, "fpzip", NULL},
    {32015, "zstd", NULL},
    {32017, "sz", NULL},
    {32019, "jpeg", NULL},
    {32022, "bitgroom", NULL},
    {32023, "granular bitround", NULL},
    {32024, "sz3", NULL},
    {32026, "blosc2", NULL},
};

static hoop_status fail_missing(H5Z_filter_t filter, const char *its, const char *path, const char *name, hoop_error *err)
{
    char        brings[160];
    const char *called = its, *package = NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].filter != filter) continue;
        called  = known[i].name;
        package = known[i].package;
    }
    if (package != NULL)
        (void)snprintf(brings, sizeof brings, "Debian's package %s brings it, or the folder of a plugin in HDF5_PLUGIN_PATH",
                       package);
    else
        (void)snprintf(brings, sizeof brings,
                       "a plugin brings it (Python's hdf5plugin has many), its folder in HDF5_PLUGIN_PATH");
    return hoop_fail(err, HOOP_EFORMAT,
                     "%s: %s is stored with filter %d (%s), which HDF5 does not have here; %s; or h5repack -f GZIP=4 where it is",
                     path, name, (int)filter, called[0] == '\0' ? "no name" : called, brings);
}

/* Filters may be optional: were any of the first chunks stored with it? */
static bool is_used(hid_t dset, int at)
{
    enum { LOOKED_AT = 16 };
    const hid_t space = H5Dget_space(dset);
    hsize_t     n     = 0;
    bool        used  = space < 0 || H5Dget_num_chunks(dset, space, &n) < 0 || n == 0;
    for (hsize_t i = 0; i < n && i < LOOKED_AT && !used; i++) {
        unsigned mask = 0;
        used          = H5Dget_chunk_info(dset, space, i, NULL, &mask, NULL, NULL) < 0 || (mask >> at & 1) == 0;
    }
    if (space >= 0) (void)H5Sclose(space);
    return used;
}

hoop_status hoop__filters_check(hid_t dset, hid_t dcpl, const char *path, const char *name, hoop_error *err)
{
    const int n = H5Pget_nfilters(dcpl);
    for (int i = 0; i < n; i++) {
        char               its[32] = "";
        unsigned           flags, config = 0;
        size_t             count  = 0;
        const H5Z_filter_t filter = H5Pget_filter2(dcpl, (unsigned)i, &flags, &count, NULL, sizeof its, its, &config);
        its[sizeof its - 1]       = '\0';
        for (char *c = its; *c != '\0'; c++)
            if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
        if (filter < 0 || is_available(filter) || !is_used(dset, i)) continue;
        return fail_missing(filter, its, path, name, err);
    }
    (void)H5Eclear2(H5E_DEFAULT);
    return HOOP_OK;
}

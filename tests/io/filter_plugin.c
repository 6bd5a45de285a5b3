/* A filter for HDF5 that only a plugin brings: each byte with its bits the other way up. Built as a plugin, loaded by HDF5. */
#include <H5PLextern.h>

enum { FILTER = 305 }; /* of those for tests */

static size_t invert(unsigned flags, size_t nvalues, const unsigned values[], size_t nbytes, size_t *size, void **data)
{
    unsigned char *bytes = *data;
    (void)flags;
    (void)nvalues;
    (void)values;
    (void)size;
    for (size_t i = 0; i < nbytes; i++) bytes[i] = (unsigned char)~bytes[i];
    return nbytes;
}

static const H5Z_class2_t inverter = {
    .version = H5Z_CLASS_T_VERS, .id = FILTER, .encoder_present = 1, .decoder_present = 1, .name = "inverter", .filter = invert};

__attribute__((visibility("default"))) H5PL_type_t H5PLget_plugin_type(void)
{
    return H5PL_TYPE_FILTER;
}

__attribute__((visibility("default"))) const void *H5PLget_plugin_info(void)
{
    return &inverter;
}

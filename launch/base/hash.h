/** base/hash.h - SHA-256 over libcrypto. The digest is fetched once; one context serves many hashes, one after another. */
#ifndef HOOP_LAUNCH_HASH_H
#define HOOP_LAUNCH_HASH_H

#include <stddef.h>

#include "hoop/status.h"

enum { HOOP__SHA256_BYTES = 32, HOOP__SHA256_HEX = 2 * HOOP__SHA256_BYTES + 1 };

typedef struct hoop__sha256 hoop__sha256;

/** A context, begun. Errors: HOOP_ENOMEM, HOOP_ESTATE when libcrypto has no SHA-256 (a provider is missing). */
hoop_status hoop__sha256_create(hoop_error *err, hoop__sha256 **out);
hoop_status hoop__sha256_update(hoop__sha256 *h, const void *data, size_t size, hoop_error *err);
/** The digest of all since create or the last finish, and begin anew. Either output may be NULL. */
hoop_status hoop__sha256_finish(hoop__sha256 *h, hoop_error *err, unsigned char bytes[HOOP__SHA256_BYTES],
                                char hex[HOOP__SHA256_HEX]);
void        hoop__sha256_destroy(hoop__sha256 **h);

#endif

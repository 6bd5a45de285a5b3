#include "base/hash.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct hoop__sha256 {
    EVP_MD     *digest;
    EVP_MD_CTX *context;
};

static hoop_status crypto_fail(hoop_error *err, const char *what)
{
    char text[256];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return hoop_fail(err, HOOP_ESTATE, "libcrypto: %s of SHA-256 failed: %s", what, text);
}

hoop_status hoop__sha256_create(hoop_error *err, hoop__sha256 **out)
{
    hoop__sha256 *h = calloc(1, sizeof *h);
    hoop_status   st;
    if (h == NULL) return hoop_fail(err, HOOP_ENOMEM, "out of memory for a hash");
    h->digest  = EVP_MD_fetch(NULL, "SHA256", NULL);
    h->context = EVP_MD_CTX_new();
    if (h->digest == NULL || h->context == NULL || EVP_DigestInit_ex2(h->context, h->digest, NULL) != 1) {
        st = crypto_fail(err, "set-up");
        hoop__sha256_destroy(&h);
        return st;
    }
    *out = h;
    return HOOP_OK;
}

hoop_status hoop__sha256_update(hoop__sha256 *h, const void *data, size_t size, hoop_error *err)
{
    if (EVP_DigestUpdate(h->context, data, size) != 1) return crypto_fail(err, "update");
    return HOOP_OK;
}

hoop_status hoop__sha256_finish(hoop__sha256 *h, hoop_error *err, unsigned char bytes[HOOP__SHA256_BYTES],
                                char hex[HOOP__SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char     sum[HOOP__SHA256_BYTES];
    unsigned          size = 0;
    if (EVP_DigestFinal_ex(h->context, sum, &size) != 1 || size != sizeof sum) return crypto_fail(err, "finish");
    if (EVP_DigestInit_ex2(h->context, h->digest, NULL) != 1) return crypto_fail(err, "restart");
    for (size_t i = 0; i < sizeof sum; i++) {
        if (bytes != NULL) bytes[i] = sum[i];
        if (hex == NULL) continue;
        hex[2 * i]     = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 15];
    }
    if (hex != NULL) hex[HOOP__SHA256_HEX - 1] = '\0';
    return HOOP_OK;
}

void hoop__sha256_destroy(hoop__sha256 **h)
{
    if (h == NULL || *h == NULL) return;
    EVP_MD_CTX_free((*h)->context);
    EVP_MD_free((*h)->digest);
    free(*h);
    *h = NULL;
}

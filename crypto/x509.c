/*
 * Certificates as OpenSSL has them, to and from DER: see cert.h.
 */
#include <limits.h>

#include "core/limits.h"
#include "crypto/cert.h"

X509 *kf_x509_parse(const struct kf_crypto *crypto, struct kf_slice der, struct kf_error *error)
{
    X509 *certificate;
    const uint8_t *at = der.data;

    if (der.len > KF_MAX_CERTIFICATE) {
        (void)!kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1",
                       "a certificate of %zu bytes; at most %u are taken", der.len,
                       KF_MAX_CERTIFICATE);
        return NULL;
    }
    certificate = X509_new_ex(crypto->library, NULL);
    if (certificate == NULL) {
        (void)!kf_fail_memory(error);
        return NULL;
    }
    /* on failure d2i frees what it was given, and sets it to NULL */
    if (d2i_X509(&certificate, &at, (long)der.len) == NULL) {
        (void)!kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1", "not a certificate");
        return NULL;
    }
    if (at != der.data + der.len) {
        X509_free(certificate);
        (void)!kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1",
                       "there are bytes after the certificate");
        return NULL;
    }
    return certificate;
}

enum kf_status kf_x509_encode(const X509 *certificate, struct kf_buf *out, struct kf_error *error)
{
    int len = i2d_X509(certificate, NULL);
    uint8_t *at;

    if (len <= 0)
        return kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                               "a certificate cannot be encoded");
    if (kf_buf_reserve(out, (size_t)len, error) != KF_OK)
        return KF_FATAL;
    at = out->data + out->len;
    if (i2d_X509(certificate, &at) != len)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                               "a certificate changed while it was encoded");
    out->len += (size_t)len;
    return KF_OK;
}

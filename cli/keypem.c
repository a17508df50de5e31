/*
 * PEM: see keypem.h for the contract.
 */
#include "cli/keypem.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/pem.h>

/* What a memory BIO holds, appended to out. */
static enum kf_status take_bio(BIO *bio, struct kf_buf *out, struct kf_error *error)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);

    return kf_buf_append(out, data, len > 0 ? (size_t)len : 0, error);
}

enum kf_status kf_key_to_pem(const struct kf_crypto *crypto, EVP_PKEY *key,
                             const struct kf_buf *password, struct kf_buf *out,
                             struct kf_error *error)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    enum kf_status status;
    int written = 0;

    if (bio == NULL)
        return kf_fail_memory(error);
    if (password != NULL)
        written = PEM_write_bio_PKCS8PrivateKey(bio, key, crypto->aes256_cbc,
                                                (const char *)password->data, (int)password->len,
                                                NULL, NULL);
    else
        written = PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    if (written == 1)
        status = take_bio(bio, out, error);
    else
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_SYSTEM, "RFC 5958",
                                 "cannot encode the private key");
    (void)BIO_free(bio);
    return status;
}

enum kf_status kf_certificate_to_pem(struct kf_slice der, struct kf_buf *out,
                                     struct kf_error *error)
{
    BIO *bio = BIO_new(BIO_s_mem());
    enum kf_status status;

    if (bio == NULL)
        return kf_fail_memory(error);
    if (der.len <= INT32_MAX &&
        PEM_write_bio(bio, PEM_STRING_X509, "", der.data, (long)der.len) > 0)
        status = take_bio(bio, out, error);
    else
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_SYSTEM, "RFC 7468",
                                 "cannot encode the certificate");
    (void)BIO_free(bio);
    return status;
}

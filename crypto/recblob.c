/*
 * Writing recovery blobs: see recblob.h for the contract.
 *
 * Written with OpenSSL's CMS (RFC 5652 5). The signature covers content type, message digest and
 * signing time, and the hash of the user certificate ([MS-WCCE]'s 1.3.6.1.4.1.311.21.16). What a
 * blob is for is the key in it: a certificate that OpenSSL cannot read, which no reader of the blob
 * could take out of it either, is left out.
 */
#include "crypto/recblob.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "core/limits.h"
#include "crypto/cms.h"

#define HASH_ATTRIBUTE "1.3.6.1.4.1.311.21.16"

void kf_recblob_reset(struct kf_recblob *blob)
{
    if (blob == NULL)
        return;
    kf_buf_reset(&blob->sealed);
    sk_X509_pop_free(blob->certificates, X509_free);
    free(blob->signer);
    *blob = (struct kf_recblob){.sealed = KF_PUBLIC_BUF};
}

static bool came_before(const struct kf_recblob_parts *parts, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (kf_slice_equal(parts->certificates[i], parts->certificates[index]))
            return true;
    }
    return false;
}

/* Each certificate once; *signer_there tells whether the signer's is among them. */
static enum kf_status add_certificates(const struct kf_crypto *crypto, CMS_ContentInfo *cms,
                                       const struct kf_recblob_parts *parts, const X509 *signer,
                                       bool *signer_there, struct kf_error *error)
{
    *signer_there = false;
    for (size_t i = 0; i < parts->certificate_count; i++) {
        X509 *certificate;

        if (came_before(parts, i))
            continue;
        certificate = kf_x509_parse(crypto, parts->certificates[i], NULL);
        if (certificate == NULL)
            continue;
        if (CMS_add0_cert(cms, certificate) != 1) {
            X509_free(certificate);
            return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                                   "cannot add a certificate to the recovery blob");
        }
        if (signer != NULL && X509_cmp(certificate, signer) == 0)
            *signer_there = true;
    }
    return KF_OK;
}

static bool add_signer(const struct kf_crypto *crypto, CMS_ContentInfo *cms,
                       const struct kf_recblob_parts *parts, const struct kf_identity *signer,
                       unsigned flags)
{
    CMS_SignerInfo *info =
        CMS_add1_signer(cms, signer->certificate, signer->key, crypto->sha256, flags);

    return info != NULL && CMS_signed_add1_attr_by_txt(info, HASH_ATTRIBUTE, V_ASN1_OCTET_STRING,
                                                       parts->certificate_sha1, KF_SHA1_SIZE) == 1;
}

static bool sign_content(CMS_ContentInfo *cms, struct kf_slice content)
{
    BIO *bio = BIO_new_mem_buf(content.data, (int)content.len);
    bool done = bio != NULL && CMS_final(cms, bio, NULL, CMS_BINARY) == 1;

    BIO_free(bio);
    return done;
}

/* CMS_final cannot do without a signer: there is no digest then for the content to go through. */
static bool set_content(CMS_ContentInfo *cms, struct kf_slice content)
{
    ASN1_OCTET_STRING **at = CMS_get0_content(cms);

    return at != NULL && *at != NULL &&
           ASN1_OCTET_STRING_set(*at, content.data, (int)content.len) == 1;
}

enum kf_status kf_recblob_write(const struct kf_crypto *crypto,
                                const struct kf_recblob_parts *parts,
                                const struct kf_identity *signer, struct kf_buf *out,
                                struct kf_error *error)
{
    const unsigned flags = CMS_PARTIAL | CMS_BINARY | CMS_NOSMIMECAP | CMS_NOCERTS;
    const X509 *signing = signer != NULL ? signer->certificate : NULL;
    CMS_ContentInfo *cms;
    bool signer_there;
    enum kf_status status;

    if (signer != NULL && signing == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL, "%s has no certificate to sign with",
                       signer->label != NULL ? signer->label : "the key");
    if (parts->sealed.len > KF_MAX_ENVELOPE)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL,
                       "an archived key of %zu bytes, more than %u", parts->sealed.len,
                       KF_MAX_ENVELOPE);
    cms = CMS_sign_ex(NULL, NULL, NULL, NULL, flags, crypto->library, NULL);
    if (cms == NULL)
        return kf_fail_memory(error);
    status = add_certificates(crypto, cms, parts, signing, &signer_there, error);
    if (status == KF_OK && signer != NULL && !signer_there &&
        CMS_add1_cert(cms, signer->certificate) != 1)
        status = kf_fail_memory(error);
    if (status == KF_OK && !(signer != NULL ? add_signer(crypto, cms, parts, signer, flags) &&
                                                  sign_content(cms, parts->sealed)
                                            : set_content(cms, parts->sealed)))
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                                 "cannot make the recovery blob");
    if (status == KF_OK)
        status = kf_cms_encode(cms, out, error);
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return status;
}

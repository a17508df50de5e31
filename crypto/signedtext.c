/*
 * Signed texts: see signedtext.h for the contract. Refused: content of another type than data, as
 * then nobody signed a text, and signatures by certificates that come along.
 */
#include "crypto/signedtext.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/cert.h"
#include "crypto/cms.h"

#define RULE "RFC 5652 5"

static enum kf_status take_bytes(BIO *from, struct kf_buf *out, struct kf_error *error)
{
    char *data = NULL;
    long len = BIO_get_mem_data(from, &data);

    return kf_buf_append(out, data, len > 0 ? (size_t)len : 0, error);
}

enum kf_status kf_text_sign(const struct kf_crypto *crypto, struct kf_slice text,
                            const struct kf_identity *signer, struct kf_buf *out,
                            struct kf_error *error)
{
    const unsigned flags = CMS_PARTIAL | CMS_BINARY | CMS_NOSMIMECAP;
    BIO *content = BIO_new_mem_buf(text.data, (int)text.len);
    BIO *pem = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = CMS_sign_ex(NULL, NULL, NULL, NULL, flags, crypto->library, NULL);
    enum kf_status status = KF_OK;

    if (content == NULL || pem == NULL || cms == NULL)
        status = kf_fail_memory(error);
    else if (signer->certificate == NULL)
        status =
            kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL, "%s has no certificate to sign with",
                    signer->label != NULL ? signer->label : "the key");
    else if (CMS_add1_signer(cms, signer->certificate, signer->key, crypto->sha256, flags) ==
                 NULL ||
             CMS_final(cms, content, NULL, CMS_BINARY) != 1 || PEM_write_bio_CMS(pem, cms) != 1)
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_SECRET, RULE, "cannot sign with %s",
                                 signer->label != NULL ? signer->label : "the key");
    else
        status = take_bytes(pem, out, error);
    CMS_ContentInfo_free(cms);
    BIO_free(pem);
    BIO_free(content);
    ERR_clear_error();
    return status;
}

static enum kf_status stack_of(const struct kf_crypto *crypto, const struct kf_slice *certificates,
                               size_t count, STACK_OF(X509) * *out, struct kf_error *error)
{
    *out = sk_X509_new_null();
    if (*out == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < count; i++) {
        X509 *certificate = kf_x509_parse(crypto, certificates[i], error);

        if (certificate == NULL || sk_X509_push(*out, certificate) <= 0) {
            X509_free(certificate);
            return kf_fail_memory(error);
        }
    }
    return KF_OK;
}

/* What each signer signed has to be this type of content (cms.h). */
static bool types_fit(CMS_ContentInfo *cms)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
        OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data ||
        sk_CMS_SignerInfo_num(signers) <= 0)
        return false;
    for (int i = 0; i < sk_CMS_SignerInfo_num(signers); i++) {
        if (!kf_cms_type_fits(cms, sk_CMS_SignerInfo_value(signers, i)))
            return false;
    }
    return true;
}

static enum kf_status verify(CMS_ContentInfo *cms, STACK_OF(X509) * certificates,
                             struct kf_buf *text, struct kf_error *error)
{
    const unsigned flags = CMS_BINARY | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY;
    BIO *content;
    enum kf_status status;

    if (!types_fit(cms))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "not a signed text");
    content = BIO_new(BIO_s_mem());
    if (content == NULL)
        return kf_fail_memory(error);
    if (CMS_verify(cms, certificates, NULL, NULL, content, flags) == 1) {
        kf_buf_clear(text);
        status = take_bytes(content, text, error);
    } else {
        status = kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                                 "the signature does not verify with the certificates that may "
                                 "have made it");
    }
    BIO_free(content);
    return status;
}

enum kf_status kf_text_verify(const struct kf_crypto *crypto, struct kf_slice bytes,
                              const struct kf_slice *certificates, size_t count,
                              struct kf_buf *text, struct kf_error *error)
{
    struct kf_buf decoded = KF_PUBLIC_BUF;
    STACK_OF(X509) *stack = NULL;
    CMS_ContentInfo *cms = NULL;
    struct kf_slice body;
    enum kf_status status = kf_cms_unarmour(bytes, &decoded, &body, error);

    if (status == KF_OK)
        status = kf_cms_parse(crypto, body, &cms, error);
    if (status == KF_OK)
        status = stack_of(crypto, certificates, count, &stack, error);
    if (status == KF_OK)
        status = verify(cms, stack, text, error);
    CMS_ContentInfo_free(cms);
    sk_X509_pop_free(stack, X509_free);
    kf_buf_reset(&decoded);
    ERR_clear_error();
    return status;
}

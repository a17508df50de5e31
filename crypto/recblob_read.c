/*
 * Reading recovery blobs: see recblob.h for the contract, archive.md for the three encodings.
 *
 * The structure is walked here, so that the key comes out whatever the certificates or the
 * signature around it are like; both are then read with OpenSSL, which knows CMS alone. For its
 * sake the content of PKCS #7 1.5, a bare SEQUENCE, is given the tag of an OCTET STRING: the
 * signature is over the octets inside of either (RFC 5652 5.2.1 and 5.4). Refused: content that is
 * no envelope, and bytes after the blob.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "core/der.h"
#include "core/limits.h"
#include "crypto/ber.h"
#include "crypto/cms.h"
#include "crypto/recblob.h"

#define HASH_ATTRIBUTE "1.3.6.1.4.1.311.21.16"
#define MAX_BLOB       (2 * (size_t)KF_MAX_ENVELOPE) /* base64 and line ends */

/* content of OBJECT IDENTIFIERs */
static const uint8_t oid_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1};
static const uint8_t oid_signed[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2};
static const uint8_t oid_enveloped[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3};
static const uint8_t oid_auth_enveloped[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 23};

#define IS(oid, name) kf_slice_equal(oid, (struct kf_slice){name, sizeof(name)})

/* SignedData (RFC 5652 5.1), in place. */
struct signed_data {
    struct kf_slice content_type;
    struct kf_tlv content; /* the OCTET STRING, or PKCS #7's SEQUENCE */
    struct kf_slice certificates;
    struct kf_slice signers;
};

static enum kf_status refused(struct kf_error *error, const char *what)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5652 5.1", "not a recovery blob: %s", what);
}

static bool is_envelope(struct kf_slice type)
{
    return IS(type, oid_enveloped) || IS(type, oid_auth_enveloped);
}

/* ContentInfo (RFC 5652 3). */
static bool parse_content_info(struct kf_slice der, struct kf_slice *type, struct kf_slice *content)
{
    struct kf_slice sequence;

    return kf_der_get(&der, KF_DER_SEQUENCE, &sequence) && kf_der_end(&der) &&
           kf_der_get(&sequence, KF_DER_OID, type) &&
           kf_der_get(&sequence, KF_DER_CONTEXT_CONSTRUCTED | 0, content) && kf_der_end(&sequence);
}

static bool parse_signed_data(struct kf_slice content, struct signed_data *out)
{
    struct kf_slice sequence;
    struct kf_slice inner;
    struct kf_slice wrapped;

    return kf_der_get(&content, KF_DER_SEQUENCE, &sequence) && kf_der_end(&content) &&
           kf_der_get(&sequence, KF_DER_INTEGER, NULL) && kf_der_get(&sequence, KF_DER_SET, NULL) &&
           kf_der_get(&sequence, KF_DER_SEQUENCE, &inner) &&
           kf_der_get(&inner, KF_DER_OID, &out->content_type) &&
           kf_der_get(&inner, KF_DER_CONTEXT_CONSTRUCTED | 0, &wrapped) && kf_der_end(&inner) &&
           kf_der_any(&wrapped, &out->content) && kf_der_end(&wrapped) &&
           kf_der_optional(&sequence, KF_DER_CONTEXT_CONSTRUCTED | 0, &out->certificates) &&
           kf_der_optional(&sequence, KF_DER_CONTEXT_CONSTRUCTED | 1, NULL) &&
           kf_der_get(&sequence, KF_DER_SET, &out->signers) && kf_der_end(&sequence);
}

/* Puts a ContentInfo of this type around an EnvelopedData. */
static enum kf_status wrap_envelope(struct kf_slice type, struct kf_slice envelope,
                                    struct kf_buf *out, struct kf_error *error)
{
    size_t mark;

    if (kf_der_put(out, KF_DER_OID, type, error) != KF_OK)
        return KF_FATAL;
    mark = out->len;
    if (kf_buf_append(out, envelope.data, envelope.len, error) != KF_OK ||
        kf_der_wrap(out, mark, KF_DER_CONTEXT_CONSTRUCTED | 0, error) != KF_OK)
        return KF_FATAL;
    return kf_der_wrap(out, 0, KF_DER_SEQUENCE, error);
}

/* An EnvelopedData that stands alone, or in a ContentInfo. type is what the blob says it is. */
static enum kf_status take_envelope(struct kf_slice bytes, struct kf_slice type, struct kf_buf *out,
                                    struct kf_error *error)
{
    struct kf_slice own_type;
    struct kf_slice content;
    struct kf_slice cursor = bytes;
    struct kf_slice sequence;

    if (parse_content_info(bytes, &own_type, &content)) {
        if (!is_envelope(own_type))
            return refused(error, "its content is no envelope");
        return kf_buf_append(out, bytes.data, bytes.len, error);
    }
    if (!kf_der_get(&cursor, KF_DER_SEQUENCE, &sequence) || !kf_der_end(&cursor) ||
        kf_der_peek(&sequence) != KF_DER_INTEGER)
        return refused(error, "its content is no envelope");
    if (IS(type, oid_data))
        type = (struct kf_slice){oid_enveloped, sizeof(oid_enveloped)};
    return wrap_envelope(type, bytes, out, error);
}

/* Whatever framing it has, as DER; *out points into bytes or into changed. */
static enum kf_status normalize(struct kf_slice bytes, struct kf_buf *changed, struct kf_slice *out,
                                struct kf_error *error)
{
    size_t taken = 0;
    bool is_changed = false;
    enum kf_status status = kf_ber_normalize(bytes, &taken, changed, &is_changed, error);

    if (status != KF_OK)
        return status;
    if (taken != bytes.len)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5652 3", "%zu bytes after the blob",
                       bytes.len - taken);
    *out = is_changed ? kf_buf_slice(changed) : bytes;
    return KF_OK;
}

static enum kf_status take_sealed(const struct signed_data *data, struct kf_recblob *out,
                                  struct kf_error *error)
{
    struct kf_buf changed = KF_PUBLIC_BUF;
    struct kf_slice inner = {NULL, 0};
    enum kf_status status;

    if (!is_envelope(data->content_type) && !IS(data->content_type, oid_data))
        return refused(error, "its content is no envelope");
    if (data->content.tag == KF_DER_SEQUENCE && is_envelope(data->content_type))
        return take_envelope(data->content.whole, data->content_type, &out->sealed, error);
    if (data->content.tag != KF_DER_OCTET_STRING)
        return refused(error, "its content is neither an OCTET STRING nor an envelope");
    status = normalize(data->content.value, &changed, &inner, error);
    if (status == KF_OK)
        status = take_envelope(inner, data->content_type, &out->sealed, error);
    kf_buf_reset(&changed);
    return status;
}

/* Those that OpenSSL can read; one that it cannot does not keep anybody from the key. */
static enum kf_status take_certificates(const struct kf_crypto *crypto,
                                        struct kf_slice certificates, struct kf_recblob *out,
                                        struct kf_error *error)
{
    struct kf_tlv next;

    while (!kf_der_end(&certificates)) {
        X509 *certificate = NULL;

        if (!kf_der_any(&certificates, &next))
            return refused(error, "its certificates are broken");
        if (next.tag == KF_DER_SEQUENCE)
            certificate = kf_x509_parse(crypto, next.whole, NULL);
        if (certificate != NULL && sk_X509_push(out->certificates, certificate) <= 0) {
            X509_free(certificate);
            return kf_fail_memory(error);
        }
    }
    return KF_OK;
}

/* The signer's subject, and the hash that he signed; nothing of it is trusted without the key. */
static void take_signer(CMS_ContentInfo *cms, struct kf_recblob *out)
{
    CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
    ASN1_OBJECT *object = OBJ_txt2obj(HASH_ATTRIBUTE, 1);
    const ASN1_OCTET_STRING *hash = NULL;
    X509 *certificate = NULL;
    uint8_t *name = NULL;
    int len = 0;

    CMS_SignerInfo_get0_algs(signer, NULL, &certificate, NULL, NULL);
    if (certificate != NULL)
        len = i2d_X509_NAME(X509_get_subject_name(certificate), &name);
    if (len > 0)
        out->signer = kf_name_text((struct kf_slice){name, (size_t)len});
    if (object != NULL && CMS_signed_get_attr_count(signer) > 0)
        hash = CMS_signed_get0_data_by_OBJ(signer, object, -3, V_ASN1_OCTET_STRING);
    if (hash != NULL && ASN1_STRING_length(hash) == KF_SHA1_SIZE) {
        memcpy(out->certificate_sha1, ASN1_STRING_get0_data(hash), KF_SHA1_SIZE);
        out->has_certificate_sha1 = true;
    }
    OPENSSL_free(name);
    ASN1_OBJECT_free(object);
}

static bool all_types_fit(CMS_ContentInfo *cms)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

    for (int i = 0; i < sk_CMS_SignerInfo_num(signers); i++) {
        if (!kf_cms_type_fits(cms, sk_CMS_SignerInfo_value(signers, i)))
            return false;
    }
    return true;
}

/* der is a copy whose content has the tag that CMS asks for. */
static void check_signature(const struct kf_crypto *crypto, struct kf_slice der,
                            struct kf_recblob *out)
{
    CMS_ContentInfo *cms = NULL;

    if (kf_cms_parse(crypto, der, &cms, NULL) == KF_OK &&
        sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) > 0) {
        out->signature_good =
            CMS_verify(cms, NULL, NULL, NULL, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1 &&
            all_types_fit(cms);
        take_signer(cms, out);
    }
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
}

static enum kf_status read_signed(const struct kf_crypto *crypto, struct kf_slice der,
                                  struct kf_slice content, struct kf_recblob *out,
                                  struct kf_error *error)
{
    struct signed_data data = {.content = {.tag = 0}};
    struct kf_buf copy = KF_PUBLIC_BUF;
    enum kf_status status;

    if (!parse_signed_data(content, &data))
        return refused(error, "a SignedData that is broken or has no content");
    status = take_sealed(&data, out, error);
    if (status == KF_OK)
        status = take_certificates(crypto, data.certificates, out, error);
    if (status != KF_OK)
        return status;
    out->is_signed = data.signers.len != 0;
    if (!out->is_signed)
        return KF_OK;
    status = kf_buf_append(&copy, der.data, der.len, error);
    if (status == KF_OK) {
        copy.data[data.content.whole.data - der.data] = KF_DER_OCTET_STRING;
        check_signature(crypto, kf_buf_slice(&copy), out);
    }
    kf_buf_reset(&copy);
    return status;
}

static enum kf_status read_der(const struct kf_crypto *crypto, struct kf_slice der,
                               struct kf_recblob *out, struct kf_error *error)
{
    struct kf_slice type;
    struct kf_slice content;

    if (!parse_content_info(der, &type, &content))
        return refused(error, "no ContentInfo");
    if (is_envelope(type))
        return kf_buf_append(&out->sealed, der.data, der.len, error);
    if (!IS(type, oid_signed))
        return refused(error, "neither signed nor enveloped");
    return read_signed(crypto, der, content, out, error);
}

/* PEM, bare base64, or neither; *body points into bytes or into decoded. */
static enum kf_status unpack(struct kf_slice bytes, struct kf_buf *decoded, struct kf_slice *body,
                             struct kf_error *error)
{
    enum kf_status status = kf_cms_unarmour(bytes, decoded, body, error);

    if (status != KF_OK || decoded->len != 0)
        return status;
    if (bytes.len == 0 || bytes.data[0] == KF_DER_SEQUENCE)
        return KF_OK;
    if (kf_base64_decode(decoded, bytes, NULL) != KF_OK)
        return refused(error, "neither DER, PEM nor base64");
    *body = kf_buf_slice(decoded);
    return KF_OK;
}

enum kf_status kf_recblob_read(const struct kf_crypto *crypto, struct kf_slice bytes,
                               struct kf_recblob *out, struct kf_error *error)
{
    struct kf_buf decoded = KF_PUBLIC_BUF;
    struct kf_buf changed = KF_PUBLIC_BUF;
    struct kf_recblob blob = {.sealed = KF_PUBLIC_BUF, .certificates = sk_X509_new_null()};
    struct kf_slice body = bytes;
    struct kf_slice der = {NULL, 0};
    enum kf_status status;

    *out = (struct kf_recblob){.sealed = KF_PUBLIC_BUF};
    if (blob.certificates == NULL)
        return kf_fail_memory(error);
    if (bytes.len > MAX_BLOB)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                         "a recovery blob of %zu bytes, more than %zu", bytes.len, MAX_BLOB);
    else
        status = unpack(bytes, &decoded, &body, error);
    if (status == KF_OK)
        status = normalize(body, &changed, &der, error);
    if (status == KF_OK)
        status = read_der(crypto, der, &blob, error);
    if (status == KF_OK)
        *out = blob; /* the caller owns its parts now */
    else
        kf_recblob_reset(&blob);
    kf_buf_reset(&changed);
    kf_buf_reset(&decoded);
    return status;
}

/*
 * Reading CMS with OpenSSL: see cms.h for the contract.
 *
 * PEM is RFC 7468's, with lines ending as they like and text before it; headers inside it (RFC
 * 1421) and anything but white space behind it are refused.
 */
#include "crypto/cms.h"

#include <string.h>

#include <openssl/err.h>

#include "core/limits.h"

static const char *const labels[] = {"CMS", "PKCS7", "PKCS #7 SIGNED DATA"};

enum kf_status kf_cms_parse(const struct kf_crypto *crypto, struct kf_slice bytes,
                            CMS_ContentInfo **out, struct kf_error *error)
{
    CMS_ContentInfo *cms = CMS_ContentInfo_new_ex(crypto->library, NULL);
    const unsigned char *at = bytes.data;
    enum kf_status status = KF_OK;

    *out = NULL;
    if (cms == NULL)
        return kf_fail_memory(error);
    /* what does not parse is freed by OpenSSL, and cms is NULL then */
    if (bytes.len > KF_MAX_KEY_FILE || d2i_CMS_ContentInfo(&cms, &at, (long)bytes.len) == NULL)
        status =
            kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5652 3", "not a CMS content info");
    else if (at != bytes.data + bytes.len)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5652 3",
                         "%zu bytes after the content info", (size_t)(bytes.data + bytes.len - at));
    ERR_clear_error();
    if (status != KF_OK) {
        CMS_ContentInfo_free(cms);
        return status;
    }
    *out = cms;
    return KF_OK;
}

enum kf_status kf_cms_encode(CMS_ContentInfo *cms, struct kf_buf *out, struct kf_error *error)
{
    int len = i2d_CMS_ContentInfo(cms, NULL);
    unsigned char *at;

    if (len <= 0)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "cannot encode CMS");
    if (kf_buf_reserve(out, (size_t)len, error) != KF_OK)
        return KF_FATAL;
    at = out->data + out->len;
    out->len += (size_t)i2d_CMS_ContentInfo(cms, &at);
    return KF_OK;
}

bool kf_cms_type_fits(CMS_ContentInfo *cms, const CMS_SignerInfo *signer)
{
    const ASN1_OBJECT *attribute = OBJ_nid2obj(NID_pkcs9_contentType);
    const ASN1_OBJECT *type;

    if (CMS_signed_get_attr_count(signer) < 0)
        return true;
    type = CMS_signed_get0_data_by_OBJ(signer, attribute, -3, V_ASN1_OBJECT);
    return type != NULL && OBJ_cmp(type, CMS_get0_eContentType(cms)) == 0;
}

/* The first place of text in bytes, or NULL. */
static const uint8_t *find(struct kf_slice bytes, const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; bytes.len >= len && i <= bytes.len - len; i++) {
        if (bytes.data[i] == (uint8_t)text[0] && memcmp(bytes.data + i, text, len) == 0)
            return bytes.data + i;
    }
    return NULL;
}

static bool starts_with(struct kf_slice bytes, const char *text)
{
    size_t len = strlen(text);

    return bytes.len >= len && memcmp(bytes.data, text, len) == 0;
}

static struct kf_slice after(struct kf_slice bytes, size_t count)
{
    return (struct kf_slice){bytes.data + count, bytes.len - count};
}

/* "CMS-----" at the start of rest gives its label, and takes it; NULL for any other label. */
static const char *take_label(struct kf_slice *rest)
{
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        size_t len = strlen(labels[i]);

        if (starts_with(*rest, labels[i]) && starts_with(after(*rest, len), "-----")) {
            *rest = after(*rest, len + 5);
            return labels[i];
        }
    }
    return NULL;
}

static bool is_blank(struct kf_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] == 0 || strchr(" \t\r\n", bytes.data[i]) == NULL)
            return false;
    }
    return true;
}

static enum kf_status pem_refused(struct kf_error *error, const char *why)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 7468", "PEM: %s", why);
}

enum kf_status kf_cms_unarmour(struct kf_slice bytes, struct kf_buf *decoded, struct kf_slice *body,
                               struct kf_error *error)
{
    static const char begin[] = "-----BEGIN ";
    static const char end[] = "-----END ";
    const uint8_t *start = NULL;
    const uint8_t *stop;
    const char *label;
    struct kf_slice rest;
    struct kf_slice text;

    *body = bytes;
    if (bytes.len == 0 || bytes.data[0] != 0x30) /* '0' is DER's SEQUENCE */
        start = find(bytes, begin);
    if (start == NULL)
        return KF_OK;
    rest = after(bytes, (size_t)(start - bytes.data) + strlen(begin));
    label = take_label(&rest);
    if (label == NULL)
        return pem_refused(error, "neither CMS nor PKCS7");
    stop = find(rest, end);
    if (stop == NULL)
        return pem_refused(error, "has no end");
    text = (struct kf_slice){rest.data, (size_t)(stop - rest.data)};
    rest = after(rest, text.len + strlen(end));
    if (take_label(&rest) != label || !is_blank(rest))
        return pem_refused(error, "does not end as it began, or something comes after it");
    if (kf_base64_decode(decoded, text, error) != KF_OK)
        return KF_SKIP;
    *body = kf_buf_slice(decoded);
    return KF_OK;
}

/*
 * Older encodings of private keys: see keyforms.h for the contract.
 */
#include "crypto/keyforms.h"

#include "core/der.h"
#include "crypto/oid.h"

/* AlgorithmIdentifier and the key around what is told; parameters are whole values, or empty. */
struct parts {
    struct kf_slice oid;
    struct kf_slice parameters;
    uint8_t parameters_tag; /* 0: parameters are whole; else they are wrapped in this */
    struct kf_slice key;
    uint8_t key_tag; /* likewise */
};

static const struct kf_slice null_value = {(const uint8_t *)"\x05\x00", 2};

static enum kf_status put(struct kf_buf *out, uint8_t tag, struct kf_slice bytes,
                          struct kf_error *error)
{
    if (tag != 0)
        return kf_der_put(out, tag, bytes, error);
    return kf_buf_append(out, bytes.data, bytes.len, error);
}

static enum kf_status build(const struct parts *parts, struct kf_buf *out, struct kf_error *error)
{
    size_t whole = out->len;
    size_t mark;

    /* reserved at once, so that the key is not copied about */
    if (kf_buf_reserve(out, parts->key.len + parts->parameters.len + 64, error) != KF_OK ||
        kf_der_put_uint(out, 0, error) != KF_OK)
        return KF_FATAL;
    mark = out->len;
    if (kf_der_put(out, KF_DER_OID, parts->oid, error) != KF_OK ||
        put(out, parts->parameters_tag, parts->parameters, error) != KF_OK ||
        kf_der_wrap(out, mark, KF_DER_SEQUENCE, error) != KF_OK)
        return KF_FATAL;
    mark = out->len;
    if (put(out, parts->key_tag, parts->key, error) != KF_OK ||
        kf_der_wrap(out, mark, KF_DER_OCTET_STRING, error) != KF_OK)
        return KF_FATAL;
    return kf_der_wrap(out, whole, KF_DER_SEQUENCE, error);
}

/* The content of the one SEQUENCE that der is, after its version. */
static bool enter(struct kf_slice der, uint64_t max_version, struct kf_slice *content,
                  uint64_t *version)
{
    return kf_der_get(&der, KF_DER_SEQUENCE, content) && kf_der_end(&der) &&
           kf_der_uint(content, max_version, version);
}

enum kf_status kf_pkcs8_from_pkcs1(struct kf_slice der, struct kf_buf *out, struct kf_error *error)
{
    struct kf_slice content;
    struct kf_slice number;
    uint64_t version = 0;
    struct parts parts = {.oid = KF_OID(KF_OID_RSA), .parameters = null_value, .key = der};

    if (!enter(der, 1, &content, &version))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 8017 A.1.2", "not an RSAPrivateKey");
    for (size_t i = 0; i < 8; i++) {
        if (!kf_der_unsigned(&content, &number))
            return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 8017 A.1.2",
                           "an RSAPrivateKey of %zu numbers", i);
    }
    return build(&parts, out, error);
}

enum kf_status kf_pkcs8_from_sec1(struct kf_slice der, struct kf_buf *out, struct kf_error *error)
{
    struct kf_slice content;
    struct kf_slice scalar;
    uint64_t version = 0;
    struct parts parts = {.oid = KF_OID(KF_OID_EC), .key = der};

    if (!enter(der, 1, &content, &version) || version != 1 ||
        !kf_der_get(&content, KF_DER_OCTET_STRING, &scalar))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5915 3", "not an ECPrivateKey");
    if (!kf_der_get(&content, KF_DER_CONTEXT_CONSTRUCTED, &parts.parameters))
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, "RFC 5915 3",
                       "an ECPrivateKey that does not name its curve");
    return build(&parts, out, error);
}

enum kf_status kf_pkcs8_from_dsa(struct kf_slice der, struct kf_buf *out, struct kf_error *error)
{
    struct kf_slice content;
    struct kf_slice number;
    struct kf_slice from;
    uint64_t version = 0;
    struct parts parts = {.oid = KF_OID(KF_OID_DSA), .parameters_tag = KF_DER_SEQUENCE};

    if (!enter(der, 0, &content, &version))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL, "not a DSA private key");
    from = content;
    for (size_t i = 0; i < 4; i++) { /* p, q, g; y is left out */
        if (!kf_der_unsigned(&content, &number))
            return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL, "a DSA private key of %zu numbers",
                           i);
        if (i == 2)
            parts.parameters = (struct kf_slice){from.data, (size_t)(content.data - from.data)};
    }
    parts.key = content;
    if (!kf_der_unsigned(&content, &number) || !kf_der_end(&content))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL, "a DSA private key without x");
    return build(&parts, out, error);
}

/*
 * Envelopes read in place: see envelope.h for the contract, and seal.c for the other direction.
 */
#include "crypto/envelope.h"

#include <openssl/pkcs7.h>

#include "crypto/oid.h"

#define OID_DATA           "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define OID_ENVELOPED      "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
#define OID_AUTH_ENVELOPED "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"

#define GCM_IV_SIZE  12
#define GCM_TAG_SIZE 16

static const struct {
    struct kf_slice oid;
    size_t iv_size;
    bool is_gcm;
} ciphers[] = {
    [KF_ENVELOPE_AES128_CBC] = {{(const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x01\x02", 9},
                                16,
                                false},
    [KF_ENVELOPE_AES192_CBC] = {{(const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x01\x16", 9},
                                16,
                                false},
    [KF_ENVELOPE_AES256_CBC] = {{(const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 9},
                                16,
                                false},
    [KF_ENVELOPE_3DES_CBC] = {{(const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x03\x07", 8}, 8, false},
    [KF_ENVELOPE_AES128_GCM] = {{(const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x01\x06", 9},
                                GCM_IV_SIZE,
                                true},
    [KF_ENVELOPE_AES256_GCM] = {{(const uint8_t *)"\x60\x86\x48\x01\x65\x03\x04\x01\x2e", 9},
                                GCM_IV_SIZE,
                                true},
};

#define CIPHER_COUNT (sizeof(ciphers) / sizeof(ciphers[0]))

// clang-format off
/* RSAES-OAEP-params, whole, in the one form that is written: SHA-256, MGF1 with SHA-256 */
static const uint8_t oaep_sha256[] = {
    0x30, 47,
    0xa0, 15, 0x30, 13,
    6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0,
    0xa1, 28, 0x30, 26,
    6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8,
    0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0,
};
// clang-format on

static bool get_transport(struct kf_slice *cursor, enum kf_envelope_transport *out)
{
    struct kf_slice oid;
    struct kf_tlv parameters;

    if (!kf_der_algorithm(cursor, &oid, &parameters))
        return false;
    if (KF_OID_IS(oid, KF_OID_RSA)) {
        *out = KF_ENVELOPE_RSA_1_5;
        return parameters.tag == KF_DER_NULL && parameters.value.len == 0;
    }
    *out = KF_ENVELOPE_OAEP_SHA256;
    return KF_OID_IS(oid, KF_OID_RSA_OAEP) &&
           kf_bytes_equal(parameters.whole, (struct kf_slice){oaep_sha256, sizeof(oaep_sha256)});
}

/* KeyTransRecipientInfo (6.2.1), version 0: by issuer and serial number */
static bool get_recipient(struct kf_slice *cursor, struct kf_envelope_recipient *out)
{
    struct kf_slice members;
    struct kf_tlv name;
    uint64_t version;

    if (!kf_der_get(cursor, KF_DER_SEQUENCE, &members) || !kf_der_uint(&members, 0, &version) ||
        !kf_der_any(&members, &name) || name.tag != KF_DER_SEQUENCE)
        return false;
    out->name = name.whole;
    return get_transport(&members, &out->transport) &&
           kf_der_get(&members, KF_DER_OCTET_STRING, &out->key) && kf_der_end(&members);
}

static bool get_recipients(struct kf_slice *cursor, struct kf_envelope *out)
{
    struct kf_slice set;

    if (!kf_der_get(cursor, KF_DER_SET, &set))
        return false;
    out->recipient_count = 0;
    while (!kf_der_end(&set)) {
        if (out->recipient_count == KF_ENVELOPE_RECIPIENTS ||
            !get_recipient(&set, &out->recipients[out->recipient_count]))
            return false;
        out->recipient_count++;
    }
    return out->recipient_count != 0;
}

/* GCMParameters (RFC 5084 3.2) with the whole tag, whose length is not the default then */
static bool get_gcm_parameters(struct kf_slice parameters, struct kf_slice *iv)
{
    struct kf_slice members;
    uint64_t tag_size;

    return kf_der_get(&parameters, KF_DER_SEQUENCE, &members) &&
           kf_der_get(&members, KF_DER_OCTET_STRING, iv) &&
           kf_der_uint(&members, GCM_TAG_SIZE, &tag_size) && tag_size == GCM_TAG_SIZE &&
           kf_der_end(&members);
}

static bool get_cipher(struct kf_slice *cursor, bool is_gcm, struct kf_envelope *out)
{
    struct kf_slice oid;
    struct kf_tlv parameters;
    size_t i = 0;

    if (!kf_der_algorithm(cursor, &oid, &parameters))
        return false;
    while (i < CIPHER_COUNT && !kf_bytes_equal(oid, ciphers[i].oid))
        i++;
    if (i == CIPHER_COUNT || ciphers[i].is_gcm != is_gcm)
        return false;
    out->cipher = (enum kf_envelope_cipher)i;
    if (!is_gcm) {
        out->iv = parameters.value;
        return parameters.tag == KF_DER_OCTET_STRING && out->iv.len == ciphers[i].iv_size;
    }
    return get_gcm_parameters(parameters.whole, &out->iv) && out->iv.len == ciphers[i].iv_size;
}

/* EncryptedContentInfo, and the tag where there is one */
static bool get_content(struct kf_slice *cursor, bool is_gcm, struct kf_envelope *out)
{
    struct kf_slice members;
    struct kf_slice type;

    out->tag = (struct kf_slice){NULL, 0};
    if (!kf_der_get(cursor, KF_DER_SEQUENCE, &members) ||
        !kf_der_get(&members, KF_DER_OID, &type) || !KF_OID_IS(type, OID_DATA) ||
        !get_cipher(&members, is_gcm, out) ||
        !kf_der_get(&members, KF_DER_CONTEXT | 0, &out->text) || !kf_der_end(&members))
        return false;
    return !is_gcm ||
           (kf_der_get(cursor, KF_DER_OCTET_STRING, &out->tag) && out->tag.len == GCM_TAG_SIZE);
}

bool kf_envelope_parse(struct kf_slice sealed, struct kf_envelope *out)
{
    struct kf_slice info;
    struct kf_slice type;
    struct kf_slice content;
    struct kf_slice members;
    uint64_t version;
    bool is_gcm;

    if (!kf_der_get(&sealed, KF_DER_SEQUENCE, &info) || !kf_der_end(&sealed) ||
        !kf_der_get(&info, KF_DER_OID, &type) ||
        !kf_der_get(&info, KF_DER_CONTEXT_CONSTRUCTED | 0, &content) || !kf_der_end(&info) ||
        !kf_der_get(&content, KF_DER_SEQUENCE, &members) || !kf_der_end(&content))
        return false;
    is_gcm = KF_OID_IS(type, OID_AUTH_ENVELOPED);
    if (!is_gcm && !KF_OID_IS(type, OID_ENVELOPED))
        return false;
    return kf_der_uint(&members, 0, &version) && get_recipients(&members, out) &&
           get_content(&members, is_gcm, out) && kf_der_end(&members);
}

const struct kf_envelope_recipient *kf_envelope_find(const struct kf_envelope *envelope,
                                                     struct kf_slice name)
{
    const struct kf_envelope_recipient *found = NULL;

    for (size_t i = 0; i < envelope->recipient_count; i++) {
        if (!kf_bytes_equal(envelope->recipients[i].name, name))
            continue;
        if (found != NULL)
            return NULL;
        found = &envelope->recipients[i];
    }
    return found;
}

enum kf_status kf_envelope_name(X509 *certificate, struct kf_buf *out, struct kf_error *error)
{
    PKCS7_ISSUER_AND_SERIAL *name = PKCS7_ISSUER_AND_SERIAL_new();
    unsigned char *der = NULL;
    enum kf_status status = KF_FATAL;
    int len = -1;

    if (name != NULL && X509_NAME_set(&name->issuer, X509_get_issuer_name(certificate)) == 1) {
        ASN1_INTEGER_free(name->serial);
        name->serial = ASN1_INTEGER_dup(X509_get0_serialNumber(certificate));
        if (name->serial != NULL)
            len = i2d_PKCS7_ISSUER_AND_SERIAL(name, &der);
    }
    status = len > 0 ? kf_buf_append(out, der, (size_t)len, error) : kf_fail_memory(error);
    OPENSSL_free(der);
    PKCS7_ISSUER_AND_SERIAL_free(name);
    return status;
}

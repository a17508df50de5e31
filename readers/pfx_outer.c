/*
 * The outside of a PKCS #12 file (RFC 7292 4):
 *
 *     PFX               ::= SEQUENCE { version INTEGER {v3(3)}, authSafe ContentInfo,
 *                                      macData MacData OPTIONAL }
 *     ContentInfo       ::= SEQUENCE { contentType OID, content [0] EXPLICIT ANY OPTIONAL }
 *     AuthenticatedSafe ::= SEQUENCE OF ContentInfo    -- in the OCTET STRING of authSafe's id-data
 *     EncryptedData     ::= SEQUENCE { version INTEGER, EncryptedContentInfo, [1] OPTIONAL }
 *     EncryptedContentInfo ::= SEQUENCE { contentType OID, AlgorithmIdentifier,
 *                                         [0] IMPLICIT OCTET STRING OPTIONAL }
 *
 * Read on purpose although it is not DER: BER with indefinite lengths and strings in pieces, at
 * each of its levels; PEM around it; bytes after it, which are counted and told. Refused on
 * purpose: versions other than 3, public-key integrity (signedData) and privacy (envelopedData).
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/ber.h"
#include "crypto/oid.h"
#include "readers/pfx_file.h"

#define PKCS7          "\x2a\x86\x48\x86\xf7\x0d\x01\x07"
#define OID_DATA       PKCS7 "\x01"
#define OID_SIGNED     PKCS7 "\x02"
#define OID_ENVELOPED  PKCS7 "\x03"
#define OID_ENCRYPTED  PKCS7 "\x06"
#define OID_PROTECTION "\x2b\x06\x01\x04\x01\x82\x37\x4a\x01" /* DPAPI-NG's key attribute */
#define RULE           "RFC 7292 4"
#define BYTES_AN_ENTRY 256 /* the least that a certificate or a key has */

struct kf_buf *pfx_buffer(struct pfx_file *file, struct kf_error *error)
{
    struct kf_buf *grown =
        realloc(file->buffers, (file->buffer_count + 1) * sizeof(*file->buffers));

    if (grown == NULL) {
        (void)!kf_fail_memory(error);
        return NULL;
    }
    file->buffers = grown;
    grown[file->buffer_count] = KF_SECRET_BUF;
    return &grown[file->buffer_count++];
}

uint8_t *pfx_writable(struct pfx_file *file, struct kf_slice bytes)
{
    for (size_t i = 0; i < file->buffer_count; i++) {
        struct kf_buf *buffer = &file->buffers[i];

        if (buffer->data != NULL && bytes.data >= buffer->data &&
            bytes.data <= buffer->data + buffer->len)
            return buffer->data + (bytes.data - buffer->data);
    }
    return NULL;
}

enum kf_status pfx_normalize(struct pfx_file *file, struct kf_slice *bytes, size_t *trailing,
                             struct kf_error *error)
{
    struct kf_buf der = KF_SECRET_BUF;
    struct kf_buf *kept;
    size_t taken = 0;
    bool changed = false;
    enum kf_status status = kf_ber_normalize(*bytes, &taken, &der, &changed, error);

    if (status != KF_OK) {
        kf_buf_reset(&der);
        return status;
    }
    *trailing = bytes->len - taken;
    bytes->len = taken;
    if (!changed)
        return KF_OK;
    kept = pfx_buffer(file, error);
    if (kept == NULL) {
        kf_buf_reset(&der);
        return KF_FATAL;
    }
    kf_buf_move(kept, &der);
    *bytes = kf_buf_slice(kept);
    file->was_ber = true;
    return KF_OK;
}

void pfx_file_reset(struct pfx_file *file)
{
    pfx_passwords_free(file->passwords);
    for (size_t i = 0; file->keys != NULL && i < file->key_count; i++)
        free(file->keys[i].problem);
    for (size_t i = 0; file->certs != NULL && i < file->cert_count; i++) {
        kf_cert_facts_reset(file->certs[i].facts);
        free(file->certs[i].facts);
    }
    free(file->keys);
    free(file->certs);
    free(file->bags);
    free(file->safes);
    free(file->by_key.entries);
    free(file->by_key_and_id.entries);
    free(file->by_id.entries);
    free(file->by_subject.entries);
    for (size_t i = 0; i < file->buffer_count; i++)
        kf_buf_reset(&file->buffers[i]);
    free(file->buffers);
    *file = (struct pfx_file){.options = file->options};
}

uint64_t pfx_most_entries(const struct pfx_file *file)
{
    uint64_t by_size = file->size / BYTES_AN_ENTRY;

    return by_size > file->options->limits.file_entries ? by_size
                                                        : file->options->limits.file_entries;
}

static enum kf_status malformed(struct kf_error *error, const char *what)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "%s", what);
}

/* ContentInfo: its type, and what stands in [0]; content.len is 0 where there is none */
static bool content_info(struct kf_slice *cursor, struct kf_slice *type, struct kf_slice *content)
{
    struct kf_slice in;

    return kf_der_get(cursor, KF_DER_SEQUENCE, &in) && kf_der_get(&in, KF_DER_OID, type) &&
           kf_der_optional(&in, KF_DER_CONTEXT_CONSTRUCTED, content) && kf_der_end(&in);
}

/* The content of an OCTET STRING, whether in one piece or in several that the tag kept apart; those
 * are joined in a copy, since the MAC covers them as they are */
static bool octets(struct pfx_file *file, struct kf_slice *cursor, uint8_t tag,
                   struct kf_slice *out)
{
    uint8_t in_pieces = tag | 0x20;
    struct kf_buf *joined;

    if (kf_der_peek(cursor) != in_pieces)
        return kf_der_get(cursor, tag, out);
    if (!kf_der_get(cursor, in_pieces, out))
        return false;
    file->was_ber = true;
    joined = pfx_buffer(file, NULL);
    if (joined == NULL || kf_buf_set(joined, *out, NULL) != KF_OK ||
        !kf_ber_join(joined->data, joined->len, &joined->len))
        return false;
    *out = kf_buf_slice(joined);
    return true;
}

static enum kf_status parse_encrypted(struct pfx_file *file, struct kf_slice content,
                                      struct pfx_safe *safe, struct kf_error *error)
{
    struct kf_slice in;
    struct kf_slice info;
    struct kf_slice type;
    uint64_t version;

    if (!kf_der_get(&content, KF_DER_SEQUENCE, &in) || !kf_der_end(&content) ||
        !kf_der_uint(&in, 2, &version) || !kf_der_get(&in, KF_DER_SEQUENCE, &info) ||
        !kf_der_get(&info, KF_DER_OID, &type))
        return malformed(error, "EncryptedData is malformed");
    if (kf_pbe_parse(&info, &safe->pbe, error) != KF_OK)
        return KF_SKIP;
    safe->has_algorithm = true;
    if (!octets(file, &info, KF_DER_CONTEXT, &safe->bytes) || !kf_der_end(&info))
        return malformed(error, "EncryptedData has no content");
    return KF_OK;
}

/* EnvelopedData of DPAPI-NG says so in its KEKRecipientInfo (RFC 5652 6.2.3, KEKIdentifier.other);
 * the OID is found by its bytes, since none of the rest is of use here */
static bool names_protection(struct kf_slice content)
{
    const struct kf_slice oid = KF_OID(OID_PROTECTION);

    for (size_t i = 0; i + oid.len <= content.len && i < 4096; i++) {
        if (memcmp(content.data + i, oid.data, oid.len) == 0)
            return true;
    }
    return false;
}

/* One ContentInfo of the AuthenticatedSafe; what is wrong inside it is its own problem */
static void parse_safe(struct pfx_file *file, struct kf_slice content, struct pfx_safe *safe)
{
    if (KF_OID_IS(safe->type, OID_DATA)) {
        safe->kind = PFX_SAFE_PLAIN;
        safe->is_open =
            octets(file, &content, KF_DER_OCTET_STRING, &safe->bytes) && kf_der_end(&content);
        if (!safe->is_open)
            (void)!malformed(&safe->problem, "the content is no OCTET STRING");
    } else if (KF_OID_IS(safe->type, OID_ENCRYPTED)) {
        safe->kind = PFX_SAFE_ENCRYPTED;
        (void)!parse_encrypted(file, content, safe, &safe->problem);
    } else if (KF_OID_IS(safe->type, OID_ENVELOPED)) {
        safe->kind = PFX_SAFE_ENVELOPED;
        file->dpapi_ng = file->dpapi_ng || names_protection(content);
        (void)!kf_fail(&safe->problem, KF_SKIP, KF_CAUSE_UNSUPPORTED, RULE,
                       "public-key privacy mode (envelopedData) is not supported");
    } else {
        safe->kind = PFX_SAFE_UNKNOWN;
        (void)!kf_fail(&safe->problem, KF_SKIP, KF_CAUSE_UNSUPPORTED, RULE,
                       "a content type that is not supported");
    }
}

static enum kf_status parse_safes(struct pfx_file *file, struct kf_slice in, struct kf_error *error)
{
    struct kf_slice count = in;
    struct kf_tlv any;
    size_t safes = 0;

    while (kf_der_any(&count, &any))
        safes++;
    if (!kf_der_end(&count))
        return malformed(error, "AuthenticatedSafe is malformed");
    if (safes > pfx_most_entries(file))
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "%zu safes, more than %llu", safes,
                       (unsigned long long)pfx_most_entries(file));
    file->safes = calloc(safes + 1, sizeof(*file->safes));
    if (file->safes == NULL)
        return kf_fail_memory(error);
    while (file->safe_count < safes) {
        struct pfx_safe *safe = &file->safes[file->safe_count];
        struct kf_slice content;

        if (!content_info(&in, &safe->type, &content)) {
            kf_error_place(error, "safe %zu", file->safe_count + 1);
            return malformed(error, "not a ContentInfo");
        }
        file->safe_count++;
        parse_safe(file, content, safe);
    }
    return KF_OK;
}

/* AuthenticatedSafe, in an encoding of its own inside the OCTET STRING */
static enum kf_status parse_auth_safe(struct pfx_file *file, struct kf_error *error)
{
    struct kf_slice bytes = file->auth_safe;
    struct kf_slice in;
    size_t trailing = 0;
    enum kf_status status = pfx_normalize(file, &bytes, &trailing, error);

    file->trailing += trailing;
    if (status != KF_OK) {
        kf_error_place(error, "AuthenticatedSafe");
        return status;
    }
    if (!kf_der_get(&bytes, KF_DER_SEQUENCE, &in))
        return malformed(error, "AuthenticatedSafe is no SEQUENCE");
    return parse_safes(file, in, error);
}

static enum kf_status parse_content(struct pfx_file *file, struct kf_slice *pfx,
                                    struct kf_error *error)
{
    struct kf_slice type;
    struct kf_slice content;
    char name[80];

    if (!content_info(pfx, &type, &content))
        return malformed(error, "authSafe is no ContentInfo");
    if (KF_OID_IS(type, OID_SIGNED))
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, RULE,
                       "public-key integrity mode (signedData) is not supported");
    if (!KF_OID_IS(type, OID_DATA)) {
        kf_oid_text(type, name, sizeof(name));
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                       "authSafe is of type %s, neither data nor signedData", name);
    }
    if (!octets(file, &content, KF_DER_OCTET_STRING, &file->auth_safe) || !kf_der_end(&content))
        return malformed(error, "authSafe has no content");
    return KF_OK;
}

/* What follows the PFX, but for zeros, line ends and the end mark of old DOS files. */
static size_t more_than_padding(struct kf_slice bytes)
{
    static const uint8_t padding[] = {0, '\r', '\n', '\t', ' ', 0x1a};

    for (size_t i = 0; i < bytes.len; i++) {
        if (memchr(padding, bytes.data[i], sizeof(padding)) == NULL)
            return bytes.len;
    }
    return 0;
}

enum kf_status pfx_outer_parse(struct pfx_file *file, struct kf_error *error)
{
    struct kf_slice bytes = kf_buf_slice(&file->buffers[0]);
    struct kf_slice pfx;
    struct kf_slice mac;
    uint64_t version = 0;
    const uint8_t *end = bytes.data + bytes.len;
    enum kf_status status = pfx_normalize(file, &bytes, &file->trailing, error);

    if (status != KF_OK)
        return status;
    file->followed = more_than_padding((struct kf_slice){end - file->trailing, file->trailing});
    if (!kf_der_get(&bytes, KF_DER_SEQUENCE, &pfx) || !kf_der_uint(&pfx, UINT64_MAX, &version))
        return malformed(error, "not a PFX");
    if (version != 3)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "version %llu, not 3",
                       (unsigned long long)version);
    if (file->buffer_count > 1) /* the DER form stands for it from here on */
        kf_buf_reset(&file->buffers[0]);
    status = parse_content(file, &pfx, error);
    if (status != KF_OK)
        return status;
    if (!kf_der_optional(&pfx, KF_DER_SEQUENCE, &mac) || !kf_der_end(&pfx))
        return malformed(error, "something other than MacData follows authSafe");
    file->mac.over = file->auth_safe;
    if (mac.data != NULL && pfx_mac_parse(mac, &file->mac, error) != KF_OK)
        return KF_SKIP;
    return parse_auth_safe(file, error);
}

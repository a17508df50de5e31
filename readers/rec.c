/*
 * The reader of recovery blobs and bare archived keys: docs/formats/recovery-blob.md.
 *
 * A .rec as `certutil -getkey` and getkey write it: SignedData (RFC 5652 5) around the
 * EnvelopedData of an archived key, in any of the three inner encodings that crypto/recblob.h
 * reads; or the EnvelopedData alone, whose certificate then stands beside it as x.crt, x.cer, x.pem
 * or x.der. DER or BER, PEM, bare base64, or base64 between the lines "CERTIFICATE" that `certutil
 * -encode` puts around anything. One blob is one record. What opens it is the key of a recovery
 * agent.
 *
 * A blob's signature is told, not demanded: whether the key belongs to the certificate is the
 * proof. Refuses on purpose: detached signatures and bags of certificates, which hold no key.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/der.h"
#include "crypto/recblob.h"
#include "crypto/secrets.h"
#include "readers/formats.h"

#define OID_SIGNED        "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
#define OID_ENVELOPED     "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
#define OID_AUTHENVELOPED "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"

#define BEGIN_CERTIFICATE "-----BEGIN CERTIFICATE-----"
#define END_CERTIFICATE   "-----END CERTIFICATE-----"

struct rec_reader {
    struct kf_reader base;
    struct kf_reader_options options;
    struct kf_buf bytes; /* public: sealed */
    STACK_OF(X509) * beside;
    bool was_given; /* the one item */
};

/* A tag and a length, whose content may go on beyond what is here; BER's indefinite length too. */
static bool enter(struct kf_slice *cursor, uint8_t tag, size_t *len)
{
    size_t octets;

    if (cursor->len < 2 || cursor->data[0] != tag)
        return false;
    octets = cursor->data[1] > 0x80 ? cursor->data[1] & 0x7fu : 0;
    if (octets > 4 || cursor->len < 2 + octets)
        return false;
    *len = octets == 0 ? cursor->data[1] & 0x7fu : 0;
    for (size_t i = 0; i < octets; i++)
        *len = *len << 8 | cursor->data[2 + i];
    cursor->data += 2 + octets;
    cursor->len -= 2 + octets;
    return true;
}

static bool skip(struct kf_slice *cursor, uint8_t tag)
{
    size_t len = 0;

    if (!enter(cursor, tag, &len) || len > cursor->len)
        return false;
    cursor->data += len;
    cursor->len -= len;
    return true;
}

static bool take_oid(struct kf_slice *cursor, const char *oid, size_t len)
{
    if (cursor->len < len + 2 || cursor->data[0] != KF_DER_OID || cursor->data[1] != len ||
        memcmp(cursor->data + 2, oid, len) != 0)
        return false;
    cursor->data += len + 2;
    cursor->len -= len + 2;
    return true;
}

/* SignedData with content (RFC 5652 5.1): version, digestAlgorithms, encapContentInfo with [0] */
static bool has_content(struct kf_slice cursor)
{
    size_t len = 0;
    const uint8_t *start;

    if (!enter(&cursor, KF_DER_CONTEXT_CONSTRUCTED, &len) ||
        !enter(&cursor, KF_DER_SEQUENCE, &len) || !skip(&cursor, KF_DER_INTEGER) ||
        !skip(&cursor, KF_DER_SET) || !enter(&cursor, KF_DER_SEQUENCE, &len))
        return false;
    start = cursor.data;
    return skip(&cursor, KF_DER_OID) && cursor.len > 0 &&
           cursor.data[0] == KF_DER_CONTEXT_CONSTRUCTED &&
           (len == 0 || (size_t)(cursor.data - start) < len); /* 0: of indefinite length */
}

static int bid_cms(struct kf_slice bytes)
{
    size_t len = 0;

    if (!enter(&bytes, KF_DER_SEQUENCE, &len))
        return KF_BID_NONE;
    if (take_oid(&bytes, OID_ENVELOPED, sizeof(OID_ENVELOPED) - 1) ||
        take_oid(&bytes, OID_AUTHENVELOPED, sizeof(OID_AUTHENVELOPED) - 1))
        return KF_BID_LIKELY + 20;
    if (take_oid(&bytes, OID_SIGNED, sizeof(OID_SIGNED) - 1) && has_content(bytes))
        return KF_BID_LIKELY + 20;
    return KF_BID_NONE;
}

/* After the first line of PEM, where there is one; the text itself otherwise */
static struct kf_slice after_begin(struct kf_slice text)
{
    static const char begin[] = "-----BEGIN ";
    const uint8_t *end;

    if (text.len < sizeof(begin) || memcmp(text.data, begin, sizeof(begin) - 1) != 0)
        return text;
    end = memchr(text.data, '\n', text.len);
    if (end == NULL)
        return (struct kf_slice){text.data, 0};
    return (struct kf_slice){end + 1, text.len - (size_t)(end + 1 - text.data)};
}

static int rec_bid(struct kf_slice prefix)
{
    struct kf_slice text = after_begin(kf_without_mark(prefix));
    struct kf_buf bytes = KF_PUBLIC_BUF;
    char clean[512];
    size_t len = 0;
    int bid;

    if (prefix.len > 0 && prefix.data[0] == KF_DER_SEQUENCE)
        return bid_cms(prefix);
    for (size_t i = 0; i < text.len && len < sizeof(clean); i++) {
        uint8_t c = text.data[i];

        if (c == '=' || c == '-')
            break;
        if (c != '\r' && c != '\n' && c != ' ' && c != '\t')
            clean[len++] = (char)c;
    }
    if (kf_base64_decode(&bytes, (struct kf_slice){(const uint8_t *)clean, len / 4 * 4}, NULL) !=
        KF_OK)
        kf_buf_clear(&bytes);
    bid = bid_cms(kf_buf_slice(&bytes));
    kf_buf_reset(&bytes);
    return bid;
}

/* `certutil -encode` calls whatever it encodes a certificate. */
static enum kf_status unwrap_certificate(struct kf_buf *bytes, struct kf_error *error)
{
    const size_t begin = sizeof(BEGIN_CERTIFICATE) - 1;
    const size_t end = sizeof(END_CERTIFICATE) - 1;
    struct kf_slice text = kf_without_mark(kf_buf_slice(bytes));
    struct kf_buf decoded = KF_PUBLIC_BUF;
    enum kf_status status;

    if (text.len < begin + end || memcmp(text.data, BEGIN_CERTIFICATE, begin) != 0)
        return KF_OK;
    while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r' ||
                            text.data[text.len - 1] == ' '))
        text.len--;
    if (memcmp(text.data + text.len - end, END_CERTIFICATE, end) != 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 7468 2", "PEM without its last line");
    status = kf_base64_decode(&decoded,
                              (struct kf_slice){text.data + begin, text.len - begin - end}, error);
    if (status == KF_OK)
        kf_buf_move(bytes, &decoded);
    kf_buf_reset(&decoded);
    return status;
}

/* Certificates of x.crt and the like, beside x.rec. */
static enum kf_status load_beside(struct rec_reader *reader, const char *path,
                                  struct kf_error *error)
{
    static const char *const endings[] = {".crt", ".cer", ".pem", ".der",
                                          ".CRT", ".CER", ".PEM", ".DER"};
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(path, '.');
    size_t stem =
        dot != NULL && (slash == NULL || dot > slash + 1) ? (size_t)(dot - path) : strlen(path);
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    char *other = malloc(stem + 8);

    if (other == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]) && reader->beside == NULL; i++) {
        (void)snprintf(other, stem + 8, "%.*s%s", (int)stem, path, endings[i]);
        if (strcmp(other, path) == 0 || access(other, R_OK) != 0)
            continue;
        /* what cannot be read is not its certificate */
        why.cause = KF_CAUSE_NONE;
        (void)!kf_certificates_load(reader->options.crypto, other, NULL, &reader->beside, &why);
        if (why.cause == KF_CAUSE_MEMORY)
            break;
    }
    free(other);
    return why.cause == KF_CAUSE_MEMORY ? kf_fail_memory(error) : KF_OK;
}

static void free_reader(struct rec_reader *reader)
{
    sk_X509_pop_free(reader->beside, X509_free);
    kf_buf_reset(&reader->bytes);
    free(reader);
}

static enum kf_status rec_open(struct kf_reader **out, struct kf_input *input,
                               const struct kf_reader_options *options, struct kf_error *error)
{
    struct rec_reader *reader = calloc(1, sizeof(*reader));
    enum kf_status status;

    *out = NULL;
    if (reader == NULL)
        return kf_fail_memory(error);
    reader->options = *options;
    reader->bytes = KF_PUBLIC_BUF;
    /* base64 is a third longer, and has line ends */
    status = kf_input_read_all(input, &reader->bytes, 2 * (size_t)KF_MAX_ENVELOPE, error);
    if (status == KF_OK)
        status = unwrap_certificate(&reader->bytes, error);
    if (status == KF_OK && kf_input_path(input) != NULL)
        status = load_beside(reader, kf_input_path(input), error);
    if (status != KF_OK) {
        free_reader(reader);
        return status;
    }
    reader->base = (struct kf_reader){.ops = &kf_reader_rec, .input = input};
    *out = &reader->base;
    return KF_OK;
}

static void rec_close(struct kf_reader *base)
{
    if (base == NULL)
        return;
    kf_input_close(base->input);
    free_reader((struct rec_reader *)base);
}

static enum kf_status rec_next(struct kf_reader *base, struct kf_item **out, struct kf_error *error)
{
    struct rec_reader *reader = (struct rec_reader *)base;
    struct kf_item *item;

    *out = NULL;
    if (reader->was_given)
        return KF_END;
    item = calloc(1, sizeof(*item));
    if (item == NULL)
        return kf_fail_memory(error);
    reader->was_given = true;
    *item = (struct kf_item){.ordinal = 1, .cost = reader->bytes.len};
    *out = item;
    return KF_OK;
}

static void rec_free_item(struct kf_item *item)
{
    free(item);
}

/* The chain of the record's certificate, from those that the blob carries. */
static enum kf_status add_chain(const struct rec_reader *reader, STACK_OF(X509) * certificates,
                                struct kf_record *record, struct kf_error *error)
{
    const struct kf_crypto *crypto = reader->options.crypto;
    size_t count = certificates != NULL ? (size_t)sk_X509_num(certificates) : 0;
    struct kf_cert_facts *facts = calloc(count + 1, sizeof(*facts));
    struct kf_buf *ders = calloc(count + 1, sizeof(*ders));
    size_t *picked = calloc(count + 1, sizeof(*picked));
    size_t filled = 0;
    size_t chain = 0;
    enum kf_status status = KF_OK;

    if (facts == NULL || ders == NULL || picked == NULL) {
        status = kf_fail_memory(error);
        goto out;
    }
    for (size_t i = 0; i < count && status != KF_FATAL; i++) {
        ders[filled] = KF_PUBLIC_BUF;
        status = kf_x509_encode(sk_X509_value(certificates, (int)i), &ders[filled], error);
        if (status == KF_OK)
            status = kf_cert_parse(crypto, kf_buf_slice(&ders[filled]), &facts[filled], NULL);
        if (status == KF_OK)
            filled++;
        else
            kf_buf_reset(&ders[filled]);
    }
    if (status == KF_FATAL) {
        status = kf_fail_memory(error);
        goto out;
    }
    chain = kf_chain_pick(crypto, &record->facts, facts, filled, picked);
    record->chain = calloc(chain + 1, sizeof(*record->chain));
    status = record->chain != NULL ? KF_OK : kf_fail_memory(error);
    for (size_t i = 0; i < chain && status == KF_OK; i++) {
        record->chain[i] = KF_PUBLIC_BUF;
        kf_buf_move(&record->chain[i], &ders[picked[i]]);
        record->chain_count++;
    }
out:
    for (size_t i = 0; i < filled; i++) {
        kf_cert_facts_reset(&facts[i]);
        kf_buf_reset(&ders[i]);
    }
    free(facts);
    free(ders);
    free(picked);
    return status;
}

static enum kf_status fill(const struct rec_reader *reader, struct kf_recblob *blob,
                           struct kf_record *record, struct kf_error *error)
{
    const struct kf_crypto *crypto = reader->options.crypto;
    const struct kf_secrets *secrets = reader->options.secrets;
    size_t count = kf_secrets_identity_count(secrets);
    X509 *certificate = NULL;
    enum kf_status status = kf_recblob_read(crypto, kf_buf_slice(&reader->bytes), blob, error);

    if (status == KF_OK && count == 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, NULL,
                       "the key of a recovery agent is needed");
    if (status == KF_OK)
        status = kf_recblob_open(crypto, blob, kf_secrets_identity(secrets, 0), count,
                                 reader->beside, &record->pkcs8, &certificate, error);
    if (status == KF_OK && certificate == NULL)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                         "no certificate for this key in the blob, nor beside it");
    if (status == KF_OK)
        status = kf_x509_encode(certificate, &record->cert, error);
    if (status == KF_OK)
        status = kf_cert_parse(crypto, kf_buf_slice(&record->cert), &record->facts, error);
    X509_free(certificate);
    if (status != KF_OK)
        return status;
    record->has_facts = true;
    return add_chain(reader, blob->certificates, record, error);
}

static enum kf_status rec_decode(const struct kf_reader *base, struct kf_item *item,
                                 struct kf_batch *batch, struct kf_error *error)
{
    const struct rec_reader *reader = (const struct rec_reader *)base;
    struct kf_record *record = kf_batch_add(batch, error);
    struct kf_recblob blob = {.certificates = NULL};
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    (void)item;
    if (record == NULL)
        return KF_FATAL;
    status = fill(reader, &blob, record, &why);
    kf_recblob_reset(&blob);
    if (status == KF_FATAL) {
        *error = why;
        return KF_FATAL;
    }
    if (status != KF_OK) {
        kf_buf_reset(&record->pkcs8);
        kf_record_decide(record, KF_FAILED, &why);
    }
    return KF_END;
}

static enum kf_status rec_describe(struct kf_reader *base, bool before, struct kf_outline *outline,
                                   struct kf_error *error)
{
    const struct rec_reader *reader = (const struct rec_reader *)base;
    const struct kf_outline_ops *ops = outline->ops;
    struct kf_recblob blob = {.certificates = NULL};
    char hash[2 * KF_SHA1_SIZE + 1];
    enum kf_status status =
        kf_recblob_read(reader->options.crypto, kf_buf_slice(&reader->bytes), &blob, NULL);

    (void)before;
    if (status == KF_FATAL)
        return kf_fail_memory(error);
    if (status == KF_OK) {
        ops->number(outline->context, "sealedBytes", blob.sealed.len);
        ops->number(outline->context, "certificates",
                    blob.certificates != NULL ? (uint64_t)sk_X509_num(blob.certificates) : 0);
        if (blob.has_certificate_sha1) {
            kf_hex(hash, blob.certificate_sha1, KF_SHA1_SIZE);
            ops->text(outline->context, "certificateHash", hash);
        }
        ops->flag(outline->context, "signed", blob.is_signed);
        if (blob.is_signed)
            ops->flag(outline->context, "signatureGood", blob.signature_good);
        ops->text(outline->context, "signer", blob.signer);
    }
    kf_recblob_reset(&blob);
    return KF_OK;
}

const struct kf_reader_ops kf_reader_rec = {
    .name = "rec",
    .summary = "recovery blobs (.rec) and bare archived keys, opened with a recovery agent's key",
    .needs_identity = true,
    .bid = rec_bid,
    .open = rec_open,
    .next = rec_next,
    .decode = rec_decode,
    .free_item = rec_free_item,
    .describe = rec_describe,
    .close = rec_close,
};

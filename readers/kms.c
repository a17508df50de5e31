/*
 * The reader "kms": a KMS export, XML form, version 1 (docs/formats/kms-export.md).
 *
 * The signature is verified in a first pass over the file (without one it is hashed only); the
 * second pass, which reads it, hashes what it reads, and compares at the end. Framing is
 * kms_frame.c, decoding kms_decode.c.
 *
 * Refuses on purpose: an unsigned export, unless that is allowed; input that cannot be read twice,
 * likewise; and everything that the format's grammar does not have. The original file of an
 * Exchange 2000 wizard is none of this and not known here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/reader.h"
#include "crypto/crypto.h"
#include "crypto/secrets.h"
#include "readers/formats.h"
#include "readers/kms_decode.h"
#include "readers/kms_open.h"
#include "readers/kms_prolog.h"

#define PIECE       (64u << 10) /* bytes fed to the parser at a time */
#define PROBE_USERS 16          /* looked at ahead where a lock box may have given noise */

static const char byte_order_mark[] = "\xef\xbb\xbf";

struct reader {
    struct kf_reader base;
    const struct kf_crypto *crypto;
    struct kf_kms_signature signature;
    struct kf_kms_frame *frame;
    struct kf_buf session; /* secret; empty where no identity was given */
    EVP_MD_CTX *digest;    /* of what the second pass read; NULL once it is done */
};

/* One more piece of the input goes to the framer, after the digest has seen it. */
static enum kf_status feed(struct reader *reader, struct kf_input *input, struct kf_error *error)
{
    struct kf_slice bytes;
    struct kf_slice rest;
    bool is_start = kf_input_offset(input) == 0;

    if (kf_input_peek(input, is_start ? strlen(byte_order_mark) : 1, &bytes, error) != KF_OK)
        return KF_FATAL;
    if (bytes.len > PIECE)
        bytes.len = PIECE;
    if (EVP_DigestUpdate(reader->digest, bytes.data, bytes.len) != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "SHA-256 failed");
    rest = bytes;
    if (is_start && bytes.len >= 3 && memcmp(bytes.data, byte_order_mark, 3) == 0)
        rest = (struct kf_slice){bytes.data + 3, bytes.len - 3};
    kf_kms_frame_feed(reader->frame, rest, bytes.len == 0);
    kf_input_consume(input, bytes.len);
    return KF_OK;
}

/* The whole input was read, and its grammar holds: it must be what was signed. */
static enum kf_status check_digest(struct reader *reader, struct kf_error *error)
{
    uint8_t sha256[KF_SHA256_SIZE];
    int done = EVP_DigestFinal_ex(reader->digest, sha256, NULL);

    EVP_MD_CTX_free(reader->digest);
    reader->digest = NULL;
    if (done != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "SHA-256 failed");
    if (reader->signature.has_digest &&
        memcmp(sha256, reader->signature.sha256, sizeof(sha256)) != 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, "kms-export, Signature",
                       "the file changed while it was read");
    return KF_OK;
}

static bool is_failed(const struct reader *reader)
{
    return reader->frame->status != KF_OK;
}

/* True when feeding on would change nothing: broken, or whole and at its end. */
static bool is_done(const struct reader *reader)
{
    return is_failed(reader) || reader->digest == NULL;
}

/* Feeds until count users wait and all lock boxes are known, or there is no more. Whatever goes
 * wrong is the document's error, which is told once the users before it are taken. */
static void feed_until(struct reader *reader, struct kf_input *input, size_t count)
{
    struct kf_kms_frame *frame = reader->frame;

    while (!is_done(reader) && (frame->waiting < count || !frame->is_past_boxes)) {
        uint64_t before = kf_input_offset(input);
        enum kf_status status = feed(reader, input, &frame->error);

        if (status == KF_OK && frame->status == KF_OK && kf_input_offset(input) == before)
            status = check_digest(reader, &frame->error);
        if (status != KF_OK)
            frame->status = KF_FATAL;
    }
}

/* The document's error becomes the caller's. */
static enum kf_status fail_document(const struct reader *reader, struct kf_error *error)
{
    if (error != NULL && error->cause == KF_CAUSE_NONE)
        *error = reader->frame->error;
    return KF_FATAL;
}

/* Where one of the lock boxes may give noise, keys to try it on are worth waiting for. */
static size_t users_wanted(const struct kf_kms_frame *frame)
{
    for (size_t i = 0; i < frame->box_count; i++) {
        if (frame->boxes[i].is_known && frame->boxes[i].transport == KF_TRANSPORT_RSA_1_5)
            return PROBE_USERS;
    }
    return 0;
}

static enum kf_status open_document(struct reader *reader, struct kf_input *input,
                                    const struct kf_reader_options *options, struct kf_error *error)
{
    uint64_t seed[2];

    if (kf_kms_prolog_check(input, error) != KF_OK ||
        kf_random(options->crypto, (uint8_t *)seed, sizeof(seed), false, error) != KF_OK ||
        kf_kms_frame_new(&reader->frame, seed, error) != KF_OK)
        return KF_FATAL;
    reader->digest = EVP_MD_CTX_new();
    if (reader->digest == NULL ||
        EVP_DigestInit_ex2(reader->digest, options->crypto->sha256, NULL) != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_MEMORY, NULL, "out of memory");
    feed_until(reader, input, 0);
    if (!reader->frame->is_past_boxes || (is_failed(reader) && reader->frame->waiting == 0))
        return fail_document(reader, error);
    if (kf_secrets_identity_count(options->secrets) == 0)
        return KF_OK;
    feed_until(reader, input, users_wanted(reader->frame));
    return kf_kms_session_open(options, reader->frame, &reader->session, error);
}

static void dispose(struct reader *reader)
{
    EVP_MD_CTX_free(reader->digest);
    kf_kms_frame_free(reader->frame);
    kf_buf_reset(&reader->session);
    free(reader->signature.signer);
    free(reader);
}

static enum kf_status open_reader(struct kf_reader **out, struct kf_input *input,
                                  const struct kf_reader_options *options, struct kf_error *error)
{
    struct reader *reader = calloc(1, sizeof(*reader));

    *out = NULL;
    if (reader == NULL)
        return kf_fail_memory(error);
    reader->base.ops = &kf_reader_kms;
    reader->crypto = options->crypto;
    if (kf_kms_signature_check(input, options, &reader->signature, error) != KF_OK ||
        open_document(reader, input, options, error) != KF_OK) {
        dispose(reader);
        return KF_FATAL;
    }
    reader->base.input = input;
    reader->base.is_unsigned = !reader->signature.is_present;
    *out = &reader->base;
    return KF_OK;
}

static enum kf_status next(struct kf_reader *base, struct kf_item **item, struct kf_error *error)
{
    struct reader *reader = (struct reader *)base;
    struct kf_kms_user *user;

    *item = NULL;
    feed_until(reader, base->input, 1);
    user = kf_kms_frame_take(reader->frame);
    if (user != NULL) {
        *item = &user->item; /* the caller's now */
        return KF_OK;
    }
    return is_failed(reader) ? fail_document(reader, error) : KF_END;
}

static enum kf_status decode(const struct kf_reader *base, struct kf_item *item,
                             struct kf_batch *batch, struct kf_error *error)
{
    const struct reader *reader = (const struct reader *)base;
    const struct kf_kms_user *user = (const struct kf_kms_user *)item;

    if (kf_kms_decode(reader->crypto, kf_buf_slice(&reader->session), user, batch, error) != KF_OK)
        return KF_FATAL;
    return KF_END;
}

static void free_item(struct kf_item *item)
{
    kf_kms_user_free((struct kf_kms_user *)item);
}

static const char *transport_name(const struct kf_kms_lock_box *box)
{
    if (!box->is_known)
        return "unknown";
    switch (box->transport) {
    case KF_TRANSPORT_RSA_1_5:
        return "rsa-1_5";
    case KF_TRANSPORT_OAEP_SHA1:
        return "rsa-oaep-mgf1p";
    case KF_TRANSPORT_OAEP_SHA256:
        return "rsa-oaep with SHA-256";
    }
    return "unknown";
}

/* Digits and names come from a buffer without a NUL. */
static enum kf_status describe_text(const struct kf_outline *outline, const char *name,
                                    const struct kf_buf *text, struct kf_error *error)
{
    char *copy = kf_strndup(text->data, text->len);

    if (copy == NULL)
        return kf_fail_memory(error);
    outline->ops->text(outline->context, name, copy);
    free(copy);
    return KF_OK;
}

static enum kf_status describe_boxes(const struct kf_kms_frame *frame,
                                     const struct kf_outline *outline, struct kf_error *error)
{
    for (size_t i = 0; i < frame->box_count; i++) {
        const struct kf_kms_lock_box *box = &frame->boxes[i];
        char title[32];

        (void)snprintf(title, sizeof(title), "lock box %zu", i + 1);
        outline->ops->begin(outline->context, "lockBoxes", title);
        if (describe_text(outline, "issuer", &box->issuer, error) != KF_OK ||
            describe_text(outline, "serialNumber", &box->serial, error) != KF_OK)
            return KF_FATAL;
        outline->ops->text(outline->context, "transport", transport_name(box));
        outline->ops->text(outline->context, "algorithm", box->method);
        outline->ops->flag(outline->context, "opened", box->is_opened);
        outline->ops->end(outline->context);
    }
    return KF_OK;
}

static void describe_cipher(const struct kf_outline *outline, const char *name, uint64_t keys)
{
    if (keys == 0)
        return;
    outline->ops->begin(outline->context, "ciphers", name);
    outline->ops->text(outline->context, "algorithm", name);
    outline->ops->number(outline->context, "keys", keys);
    outline->ops->end(outline->context);
}

static void describe_counts(const struct kf_kms_counts *counts, const struct kf_outline *outline)
{
    void *context = outline->context;

    outline->ops->number(context, "certificates", counts->certificates);
    outline->ops->number(context, "keys", counts->keys);
    outline->ops->number(context, "signingCertificatesWithoutKey", counts->signing_without_key);
    outline->ops->number(context, "encryptionCertificatesWithoutKey",
                         counts->encryption_without_key);
    for (int i = 0; i < KF_KMS_BULK_COUNT; i++)
        describe_cipher(outline, kf_bulk_uri((enum kf_bulk)i), counts->by_bulk[i]);
    describe_cipher(outline, "unknown", counts->other_bulk);
}

static const char *signature_state(const struct kf_kms_signature *signature)
{
    if (!signature->is_present)
        return "none";
    return signature->is_trusted ? "good" : "fits the document; its signer was not checked";
}

static enum kf_status describe(struct kf_reader *base, bool before, struct kf_outline *outline,
                               struct kf_error *error)
{
    const struct reader *reader = (const struct reader *)base;
    const struct kf_kms_header *header = &reader->frame->header;
    void *context = outline->context;

    outline->ops->text(context, "format", "KMS export, XML form");
    outline->ops->number(context, "version", 1);
    outline->ops->text(context, "exportId", header->export_id);
    outline->ops->text(context, "created", header->created);
    outline->ops->text(context, "organization", header->organization);
    outline->ops->text(context, "administrativeGroup", header->administrative_group);
    outline->ops->number(context, "users", header->users);
    outline->ops->text(context, "signature", signature_state(&reader->signature));
    outline->ops->text(context, "signer", reader->signature.signer);
    if (describe_boxes(reader->frame, outline, error) != KF_OK)
        return KF_FATAL;
    if (!before)
        describe_counts(&reader->frame->counts, outline);
    return KF_OK;
}

static void close_reader(struct kf_reader *base)
{
    if (base == NULL)
        return;
    kf_input_close(base->input);
    dispose((struct reader *)base);
}

/* Certificates without keys are no fault: signing keys never came to the KMS. */
static void remark(const struct kf_reader *base, struct kf_remarks *out)
{
    const struct kf_kms_counts *counts = &((const struct reader *)base)->frame->counts;

    out->certificates = counts->signing_without_key + counts->encryption_without_key;
}

const struct kf_reader_ops kf_reader_kms = {
    .name = "kms",
    .summary = "KMS export (XML), signed, with lock boxes",
    .needs_identity = true,
    .bid = kf_kms_prolog_bid,
    .open = open_reader,
    .next = next,
    .decode = decode,
    .free_item = free_item,
    .describe = describe,
    .remark = remark,
    .close = close_reader,
};

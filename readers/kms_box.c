/*
 * Lock boxes, as the framer reads them: an EncryptedKey each (XML Encryption 1.1 3.5), with the
 * recipient's issuer and serial number. What transports there are is told by crypto/lockbox.h; a
 * box of another one is kept, since another box may open.
 */
#include <stdlib.h>
#include <string.h>

#include "readers/kms_parser.h"

#define OAEP_MGF1P  "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
#define OAEP        "http://www.w3.org/2009/xmlenc11#rsa-oaep"
#define RSA_1_5     "http://www.w3.org/2001/04/xmlenc#rsa-1_5"
#define SHA1_URI    "http://www.w3.org/2000/09/xmldsig#sha1"
#define SHA256_URI  "http://www.w3.org/2001/04/xmlenc#sha256"
#define MGF1_SHA256 "http://www.w3.org/2009/xmlenc11#mgf1sha256"

/* A URI that is longer than any known one is cut: it is unknown either way. */
static void copy_uri(char out[KF_KMS_URI], const char *value)
{
    size_t len = strlen(value) < KF_KMS_URI ? strlen(value) : KF_KMS_URI - 1;

    memcpy(out, value, len);
    out[len] = '\0';
}

static void begin_box(struct kf_kms_frame *frame)
{
    struct kf_kms_lock_box *boxes;

    if (frame->box_count == KF_MAX_LOCK_BOXES) {
        kf_kms_fail(frame, KF_CAUSE_LIMIT, KF_KMS_RULE, "more than %u lock boxes",
                    KF_MAX_LOCK_BOXES);
        return;
    }
    boxes = realloc(frame->boxes, (frame->box_count + 1) * sizeof(*boxes));
    if (boxes == NULL) {
        kf_kms_fail_memory(frame);
        return;
    }
    frame->boxes = boxes;
    frame->parser->box = &boxes[frame->box_count++];
    *frame->parser->box = (struct kf_kms_lock_box){.issuer = KF_PUBLIC_BUF,
                                                   .serial = KF_PUBLIC_BUF,
                                                   .wrapped = KF_PUBLIC_BUF,
                                                   .line = kf_kms_line(frame)};
}

/* Which transport the method and its digests make (XML Encryption 1.1 5.5.2). */
static void end_box_method(struct kf_kms_lock_box *box)
{
    bool is_plain = box->digest[0] == '\0' && box->mgf[0] == '\0';

    box->is_known = true;
    if (strcmp(box->method, OAEP_MGF1P) == 0 && box->mgf[0] == '\0' &&
        (is_plain || strcmp(box->digest, SHA1_URI) == 0))
        box->transport = KF_TRANSPORT_OAEP_SHA1;
    else if (strcmp(box->method, OAEP) == 0 && strcmp(box->digest, SHA256_URI) == 0 &&
             strcmp(box->mgf, MGF1_SHA256) == 0)
        box->transport = KF_TRANSPORT_OAEP_SHA256;
    else if (strcmp(box->method, RSA_1_5) == 0 && is_plain)
        box->transport = KF_TRANSPORT_RSA_1_5;
    else
        box->is_known = false;
}

static void end_box_serial(struct kf_kms_frame *frame, struct kf_kms_lock_box *box)
{
    size_t i = box->serial.len != 0 && box->serial.data[0] == '-' ? 1 : 0;
    bool is_number = i < box->serial.len;

    for (; i < box->serial.len; i++)
        is_number = is_number && box->serial.data[i] >= '0' && box->serial.data[i] <= '9';
    if (!is_number)
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "X509SerialNumber is not a decimal number");
}

/* The text collected in wrapped becomes the bytes that it says. */
static void end_box_value(struct kf_kms_frame *frame, struct kf_kms_lock_box *box)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_error why = {.cause = KF_CAUSE_NONE};

    if (kf_base64_decode(&bytes, kf_buf_slice(&box->wrapped), &why) != KF_OK)
        kf_kms_fail(frame, why.cause, why.rule, "%s", why.text);
    else if (bytes.len == 0)
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "the lock box is empty");
    frame->parser->text = NULL;
    kf_buf_move(&box->wrapped, &bytes);
    kf_buf_reset(&bytes);
}

void kf_kms_box_begin(struct kf_kms_frame *frame, enum kf_kms_node node)
{
    struct kf_kms_parser *parser = frame->parser;
    struct kf_kms_lock_box *box = parser->box;

    if (node == KF_KMS_LOCK_BOX)
        begin_box(frame);
    else if (node == KF_KMS_BOX_METHOD)
        copy_uri(box->method, parser->values[0]);
    else if (node == KF_KMS_BOX_DIGEST)
        copy_uri(box->digest, parser->values[0]);
    else if (node == KF_KMS_BOX_MGF)
        copy_uri(box->mgf, parser->values[0]);
    else if (node == KF_KMS_BOX_ISSUER)
        parser->text = &box->issuer;
    else if (node == KF_KMS_BOX_SERIAL)
        parser->text = &box->serial;
    else if (node == KF_KMS_BOX_VALUE)
        parser->text = &box->wrapped;
}

void kf_kms_box_end(struct kf_kms_frame *frame, enum kf_kms_node node)
{
    struct kf_kms_lock_box *box = frame->parser->box;

    if (node == KF_KMS_LOCK_BOX)
        frame->parser->box = NULL;
    else if (node == KF_KMS_BOX_METHOD)
        end_box_method(box);
    else if (node == KF_KMS_BOX_SERIAL)
        end_box_serial(frame, box);
    else if (node == KF_KMS_BOX_VALUE)
        end_box_value(frame, box);
}

void kf_kms_boxes_free(struct kf_kms_frame *frame)
{
    for (size_t i = 0; i < frame->box_count; i++) {
        kf_buf_reset(&frame->boxes[i].issuer);
        kf_buf_reset(&frame->boxes[i].serial);
        kf_buf_reset(&frame->boxes[i].wrapped);
    }
    free(frame->boxes);
    frame->boxes = NULL;
    frame->box_count = 0;
}

/*
 * BER to DER: see ber.h for the contract and for what is refused.
 *
 * One walk serves both passes: without an output it only finds the end of the value and whether
 * anything has to change, so that DER costs no copy.
 */
#include "crypto/ber.h"

#include <string.h>

#include "core/der.h"
#include "core/limits.h"

#define RULE        "X.690 8.1"
#define CONSTRUCTED 0x20

struct frame {
    size_t end; /* of the content; for an indefinite one the least end of those around it */
    size_t mark;
    bool indefinite;
    bool string; /* pieces of a string: only their contents are kept */
    bool nested; /* a piece that has pieces itself */
    uint8_t tag;
};

struct walk {
    struct kf_slice in;
    struct kf_buf *out; /* NULL in the first pass */
    struct frame frames[KF_MAX_DEPTH];
    size_t depth;
    size_t at;
    bool changed;
};

struct header {
    uint8_t tag;
    bool indefinite;
    size_t length;
};

static enum kf_status broken(struct walk *walk, const char *what, struct kf_error *error)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "%s at byte %zu of %zu", what, walk->at,
                   walk->in.len);
}

/* Long form: false where the octets are missing or the number does not fit */
static bool long_length(struct walk *walk, size_t octets, size_t end, size_t *length)
{
    *length = 0;
    if (octets > end - walk->at)
        return false;
    if (octets != 0 && walk->in.data[walk->at] == 0)
        walk->changed = true;
    for (size_t i = 0; i < octets; i++) {
        if (*length >> 32 != 0)
            return false;
        *length = *length << 8 | walk->in.data[walk->at++];
    }
    if (*length < 0x80)
        walk->changed = true;
    return true;
}

static enum kf_status read_header(struct walk *walk, size_t end, struct header *header,
                                  struct kf_error *error)
{
    const uint8_t *data = walk->in.data;
    uint8_t first;

    if (end - walk->at < 2)
        return broken(walk, "a value is cut off", error);
    header->tag = data[walk->at];
    if ((header->tag & 0x1f) == 0x1f)
        return broken(walk, "a tag of several bytes", error);
    if (header->tag == 0)
        return broken(walk, "an end mark without a beginning", error);
    first = data[walk->at + 1];
    walk->at += 2;
    header->indefinite = first == 0x80;
    header->length = first;
    if (header->indefinite) {
        walk->changed = true;
        return (header->tag & CONSTRUCTED) != 0
                   ? KF_OK
                   : broken(walk, "a primitive value of indefinite length", error);
    }
    if (first > 0x80 && !long_length(walk, first & 0x7f, end, &header->length))
        return broken(walk, "a length that makes no sense", error);
    if (header->length > end - walk->at)
        return broken(walk, "a value is longer than what it stands in,", error);
    return KF_OK;
}

/* OCTET STRING and the character strings, of which each may come in pieces (X.690 8.7, 8.23) */
static bool is_string(uint8_t tag)
{
    uint8_t number = tag & (uint8_t)~CONSTRUCTED;

    return number == KF_DER_OCTET_STRING || number == KF_DER_UTF8_STRING ||
           (number >= 0x12 && number <= 0x1e && number != KF_DER_UTC_TIME &&
            number != KF_DER_GENERALIZED_TIME);
}

static enum kf_status push(struct walk *walk, const struct header *header, size_t end,
                           struct kf_error *error)
{
    bool inside = walk->depth != 0 && walk->frames[walk->depth - 1].string;
    struct frame *frame;

    if (walk->depth == KF_MAX_DEPTH)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "values are nested more than %u deep at byte %zu", KF_MAX_DEPTH, walk->at);
    if (header->tag == (KF_DER_BIT_STRING | CONSTRUCTED))
        return broken(walk, "a BIT STRING in pieces", error);
    frame = &walk->frames[walk->depth++];
    *frame = (struct frame){.end = header->indefinite ? end : walk->at + header->length,
                            .mark = walk->out != NULL ? walk->out->len : 0,
                            .indefinite = header->indefinite,
                            .string = is_string(header->tag),
                            .nested = inside,
                            .tag = header->tag};
    if (frame->string)
        walk->changed = true;
    return KF_OK;
}

static enum kf_status pop(struct walk *walk, struct kf_error *error)
{
    const struct frame *frame = &walk->frames[--walk->depth];
    uint8_t tag = frame->string ? frame->tag & (uint8_t)~CONSTRUCTED : frame->tag;

    if (walk->out == NULL || frame->nested)
        return KF_OK;
    return kf_der_wrap(walk->out, frame->mark, tag, error);
}

static enum kf_status primitive(struct walk *walk, const struct header *header,
                                struct kf_error *error)
{
    struct kf_slice value = {walk->in.data + walk->at, header->length};

    walk->at += header->length;
    if (walk->out == NULL)
        return KF_OK;
    if (walk->depth != 0 && walk->frames[walk->depth - 1].string)
        return kf_buf_append(walk->out, value.data, value.len, error);
    return kf_der_put(walk->out, header->tag, value, error);
}

/* Whether a value of this tag may be a piece of the string that is open */
static bool fits_string(const struct walk *walk, uint8_t tag)
{
    const struct frame *frame = &walk->frames[walk->depth - 1];
    uint8_t number = tag & (uint8_t)~CONSTRUCTED;

    return !frame->string || number == KF_DER_OCTET_STRING ||
           number == (frame->tag & (uint8_t)~CONSTRUCTED);
}

/* One value, or one end of a value */
static enum kf_status step(struct walk *walk, struct kf_error *error)
{
    struct frame *frame = walk->depth != 0 ? &walk->frames[walk->depth - 1] : NULL;
    size_t end = frame != NULL ? frame->end : walk->in.len;
    struct header header = {.tag = 0};
    enum kf_status status;

    if (frame != NULL && !frame->indefinite && walk->at == end)
        return pop(walk, error);
    if (frame != NULL && frame->indefinite && end - walk->at >= 2 && walk->in.data[walk->at] == 0 &&
        walk->in.data[walk->at + 1] == 0) {
        walk->at += 2;
        return pop(walk, error);
    }
    status = read_header(walk, end, &header, error);
    if (status != KF_OK)
        return status;
    if (frame != NULL && !fits_string(walk, header.tag))
        return broken(walk, "a string has a piece of another type", error);
    return (header.tag & CONSTRUCTED) != 0 ? push(walk, &header, end, error)
                                           : primitive(walk, &header, error);
}

static enum kf_status run(struct walk *walk, struct kf_error *error)
{
    enum kf_status status;

    do {
        status = step(walk, error);
    } while (status == KF_OK && walk->depth != 0);
    return status;
}

enum kf_status kf_ber_normalize(struct kf_slice bytes, size_t *taken, struct kf_buf *out,
                                bool *changed, struct kf_error *error)
{
    struct walk walk = {.in = bytes};
    enum kf_status status = run(&walk, error);

    *changed = walk.changed;
    *taken = walk.at;
    if (status != KF_OK || !walk.changed)
        return status;
    if (kf_buf_reserve(out, walk.at, error) != KF_OK)
        return KF_FATAL;
    walk = (struct walk){.in = {bytes.data, walk.at}, .out = out};
    return run(&walk, error);
}

bool kf_ber_join(uint8_t *bytes, size_t len, size_t *joined)
{
    struct kf_slice left = {bytes, len};
    struct kf_slice piece;
    size_t used = 0;

    while (!kf_der_end(&left)) {
        if (!kf_der_get(&left, KF_DER_OCTET_STRING, &piece))
            return false;
        memmove(bytes + used, piece.data, piece.len);
        used += piece.len;
    }
    *joined = used;
    return true;
}

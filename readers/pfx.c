/*
 * The PKCS #12 reader (RFC 7292, RFC 9579): docs/formats/pfx.md.
 *
 * A file is one item, so that many small files are decoded side by side; decoding it yields its
 * keys in batches, so that one huge file needs little more memory than its own size. Every key of
 * the file becomes a record, also where it has no certificate or cannot be read. A file that cannot
 * be opened at all (wrong password, broken) becomes one failed record. A file of certificates only
 * has no records: there is no key to account for. That is a remark, and inspect shows what is in
 * it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/der.h"
#include "readers/formats.h"
#include "readers/pfx_file.h"

#define BATCH_RECORDS 64

struct pfx_reader {
    struct kf_reader base;
    struct kf_reader_options options;
    struct pfx_file file;
    bool was_given; /* the one item */
};

enum stage {
    STAGE_OPEN,
    STAGE_KEYS,
    STAGE_LATE,  /* keys that had to wait for the others */
    STAGE_SAFES, /* safes that did not open */
    STAGE_DONE,
};

struct pfx_item {
    struct kf_item base;
    struct pfx_file *file;
    enum stage stage;
    uint32_t next;  /* key, or place in late, or safe */
    uint32_t *late; /* keys that wait */
    uint32_t late_count;
};

/* A version where a PFX has it, and a SEQUENCE after it; lengths are whatever they are */
static int bid_binary(struct kf_slice prefix)
{
    size_t octets;
    const uint8_t *at;

    if (prefix.len < 2 || prefix.data[0] != KF_DER_SEQUENCE)
        return KF_BID_NONE;
    octets = prefix.data[1] > 0x80 ? prefix.data[1] & 0x7f : 0;
    if (octets > 8 || prefix.len < 2 + octets + 4)
        return KF_BID_NONE;
    at = prefix.data + 2 + octets;
    if (at[0] != KF_DER_INTEGER)
        return KF_BID_NONE;
    if (at[1] == 1 && at[2] == 3 && at[3] == KF_DER_SEQUENCE)
        return KF_BID_LIKELY + 20;
    /* a version that no PFX has, but no private key either: better told so than not recognized */
    if (at[1] >= 1 && at[1] <= 8 && at[2] != 0 && prefix.len > 2 + octets + 2 + at[1] + 1 &&
        at[2 + at[1]] == KF_DER_SEQUENCE)
        return KF_BID_MAYBE;
    return KF_BID_NONE;
}

/* A PFX as text, for certain: other things come as text more often */
static bool is_text(struct kf_slice bytes, struct pfx_armour *armour)
{
    struct kf_buf head = KF_SECRET_BUF;
    bool is;

    if (!pfx_armour_find(bytes, armour))
        return false;
    is = armour->is_named || (pfx_armour_head(armour, &head, NULL) == KF_OK &&
                              bid_binary(kf_buf_slice(&head)) > KF_BID_LIKELY);
    kf_buf_reset(&head);
    return is;
}

static int pfx_bid(struct kf_slice prefix)
{
    struct pfx_armour armour;
    int bid = bid_binary(prefix);

    return bid == KF_BID_NONE && is_text(prefix, &armour) ? KF_BID_CERTAIN : bid;
}

static enum kf_status unwrap_text(struct pfx_file *file, struct kf_error *error)
{
    struct kf_buf *bytes = &file->buffers[0];
    struct kf_buf der = KF_SECRET_BUF;
    struct pfx_armour armour;
    enum kf_status status;

    if (bid_binary(kf_buf_slice(bytes)) != KF_BID_NONE || !is_text(kf_buf_slice(bytes), &armour))
        return KF_OK;
    if (armour.is_pem && !armour.has_end)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 7468 2", "PEM without its last line");
    status = kf_base64_decode(&der, armour.text, error);
    file->was_pem = armour.is_pem;
    file->was_base64 = !armour.is_pem;
    if (status == KF_OK)
        kf_buf_move(bytes, &der);
    kf_buf_reset(&der);
    return status;
}

static enum kf_status read_file(struct pfx_reader *reader, struct kf_input *input,
                                struct kf_error *error)
{
    struct kf_buf *bytes = pfx_buffer(&reader->file, error);
    enum kf_status status;

    if (bytes == NULL)
        return KF_FATAL;
    status = kf_input_read_all(input, bytes, KF_MAX_PFX, error);
    reader->file.size = bytes->len;
    return status == KF_OK ? unwrap_text(&reader->file, error) : status;
}

static enum kf_status pfx_open_reader(struct kf_reader **out, struct kf_input *input,
                                      const struct kf_reader_options *options,
                                      struct kf_error *error)
{
    struct pfx_reader *reader = calloc(1, sizeof(*reader));
    enum kf_status status;

    *out = NULL;
    if (reader == NULL)
        return kf_fail_memory(error);
    reader->options = *options;
    reader->file.options = &reader->options;
    status = read_file(reader, input, error);
    if (status != KF_OK) {
        pfx_file_reset(&reader->file);
        free(reader);
        return status;
    }
    reader->base = (struct kf_reader){.ops = &kf_reader_pfx, .input = input};
    *out = &reader->base;
    return KF_OK;
}

static void pfx_close(struct kf_reader *base)
{
    struct pfx_reader *reader = (struct pfx_reader *)base;

    if (reader == NULL)
        return;
    pfx_file_reset(&reader->file);
    kf_input_close(reader->base.input);
    free(reader);
}

static enum kf_status pfx_next(struct kf_reader *base, struct kf_item **out, struct kf_error *error)
{
    struct pfx_reader *reader = (struct pfx_reader *)base;
    struct pfx_item *item;

    *out = NULL;
    if (reader->was_given)
        return KF_END;
    item = calloc(1, sizeof(*item));
    if (item == NULL)
        return kf_fail_memory(error);
    reader->was_given = true;
    item->base = (struct kf_item){.ordinal = 1, .cost = reader->file.size};
    item->file = &reader->file;
    *out = &item->base;
    return KF_OK;
}

static void pfx_free_item(struct kf_item *base)
{
    struct pfx_item *item = (struct pfx_item *)base;

    if (item == NULL)
        return;
    free(item->late);
    free(item);
}

/* The structure, once; what is wrong with it is kept as the file's problem. KF_FATAL: memory. */
static enum kf_status parse_once(struct pfx_file *file, struct kf_error *error)
{
    enum kf_status status;

    if (file->was_parsed)
        return KF_OK;
    file->was_parsed = true;
    status = pfx_outer_parse(file, &file->problem);
    if (status == KF_FATAL)
        *error = file->problem;
    return status == KF_FATAL ? KF_FATAL : KF_OK;
}

static enum kf_status add_failure(struct kf_batch *batch, const struct kf_error *why,
                                  const char *place, struct kf_error *error)
{
    struct kf_record *record = kf_batch_add(batch, error);

    if (record == NULL)
        return KF_FATAL;
    (void)snprintf(record->place, sizeof(record->place), "%s", place);
    kf_record_decide(record, KF_FAILED, why);
    return KF_OK;
}

static enum kf_status decode_open(struct pfx_item *item, struct kf_batch *batch,
                                  struct kf_error *error)
{
    struct pfx_file *file = item->file;
    enum kf_status status = parse_once(file, error);

    if (status == KF_OK && file->problem.cause == KF_CAUSE_NONE)
        status = pfx_open(file, &file->problem);
    if (status == KF_FATAL) {
        *error = file->problem;
        return KF_FATAL;
    }
    if (file->problem.cause != KF_CAUSE_NONE) {
        item->stage = STAGE_DONE;
        return add_failure(batch, &file->problem, "", error);
    }
    item->late = calloc(file->key_count + 1, sizeof(*item->late));
    item->stage = STAGE_KEYS;
    return item->late != NULL ? KF_OK : kf_fail_memory(error);
}

static enum kf_status decode_key(struct pfx_item *item, uint32_t key, bool late,
                                 struct kf_batch *batch, struct kf_error *error)
{
    struct kf_record *record = kf_batch_add(batch, error);
    enum kf_status status;

    if (record == NULL)
        return KF_FATAL;
    status = pfx_record_fill(item->file, key, late, record, error);
    if (status != KF_END)
        return status;
    batch->count--; /* its turn comes later, and the record is empty */
    item->late[item->late_count++] = key;
    return KF_OK;
}

static enum kf_status decode_safe(const struct pfx_item *item, uint32_t safe,
                                  struct kf_batch *batch, struct kf_error *error)
{
    struct kf_error why = item->file->safes[safe].problem;
    char place[32];

    if (why.cause == KF_CAUSE_NONE)
        return KF_OK;
    (void)snprintf(place, sizeof(place), "safe %u", safe + 1);
    kf_error_place(&why, "%s", place);
    return add_failure(batch, &why, place, error);
}

static enum kf_status decode_step(struct pfx_item *item, struct kf_batch *batch,
                                  struct kf_error *error)
{
    const struct pfx_file *file = item->file;

    switch (item->stage) {
    case STAGE_OPEN:
        return decode_open(item, batch, error);
    case STAGE_KEYS:
        if (item->next < file->key_count)
            return decode_key(item, item->next++, false, batch, error);
        break;
    case STAGE_LATE:
        if (item->next < item->late_count)
            return decode_key(item, item->late[item->next++], true, batch, error);
        break;
    case STAGE_SAFES:
        if (item->next < file->safe_count)
            return decode_safe(item, item->next++, batch, error);
        break;
    case STAGE_DONE:
        return KF_END;
    }
    item->stage++;
    item->next = 0;
    return KF_OK;
}

static enum kf_status pfx_decode(const struct kf_reader *reader, struct kf_item *base,
                                 struct kf_batch *batch, struct kf_error *error)
{
    struct pfx_item *item = (struct pfx_item *)base;
    enum kf_status status = KF_OK;

    (void)reader;
    while (status == KF_OK && batch->count < BATCH_RECORDS)
        status = decode_step(item, batch, error);
    return status;
}

static enum kf_status pfx_describe_reader(struct kf_reader *base, bool before,
                                          struct kf_outline *outline, struct kf_error *error)
{
    struct pfx_reader *reader = (struct pfx_reader *)base;
    enum kf_status status = KF_OK;

    if (before)
        status = parse_once(&reader->file, error);
    if (status == KF_OK && before && reader->file.problem.cause == KF_CAUSE_NONE)
        status = pfx_list_plain(&reader->file, error);
    return status == KF_OK ? pfx_describe(&reader->file, outline, error) : status;
}

static void pfx_remark(const struct kf_reader *reader, struct kf_remarks *out)
{
    pfx_remarks(&((const struct pfx_reader *)reader)->file, out);
}

const struct kf_reader_ops kf_reader_pfx = {
    .name = "pfx",
    .summary = "PKCS #12 (.pfx, .p12), as Windows, browsers, Java and OpenSSL write it",
    .takes_password = true,
    .bid = pfx_bid,
    .open = pfx_open_reader,
    .next = pfx_next,
    .decode = pfx_decode,
    .free_item = pfx_free_item,
    .describe = pfx_describe_reader,
    .remark = pfx_remark,
    .close = pfx_close,
};

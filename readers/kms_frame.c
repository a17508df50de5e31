/*
 * The framer of a KMS export: see kms_frame.h for the contract, docs/formats/kms-export.md for the
 * format. What the elements mean; kms_parser.c calls begin and end for each.
 *
 * Refuses on purpose: a repeated ordinal or GUID, a key of a certificate that is not declared
 * before it, counts that disagree, and users beyond the limits of core/limits.h.
 */
#include "readers/kms_frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "readers/kms_parser.h"

struct kf_slice kf_kms_text(const struct kf_kms_user *user, struct kf_kms_span span)
{
    return (struct kf_slice){user->text.data + span.at, span.len};
}

void kf_kms_user_free(struct kf_kms_user *user)
{
    if (user == NULL)
        return;
    kf_buf_reset(&user->text);
    free(user->certificates);
    free(user->keys);
    free(user);
}

static void fail(struct kf_kms_frame *frame, const char *text)
{
    kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "%s", text);
}

/* A copy of an attribute that fits. */
static void copy(char *out, size_t size, const char *value)
{
    (void)snprintf(out, size, "%s", value);
}

/* "2003-11-02T10:00:00Z" */
static bool is_time(const char *text)
{
    static const char form[] = "0000-00-00T00:00:00Z";
    unsigned month = 0;
    unsigned day = 0;

    for (size_t i = 0; i < sizeof(form); i++) {
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    }
    month = (unsigned)(text[5] - '0') * 10 + (unsigned)(text[6] - '0');
    day = (unsigned)(text[8] - '0') * 10 + (unsigned)(text[9] - '0');
    return month >= 1 && month <= 12 && day >= 1 && day <= 31 && memcmp(text + 11, "24", 2) < 0 &&
           text[14] < '6' && text[17] < '6';
}

static void begin_export(struct kf_kms_frame *frame)
{
    char(*values)[KF_MAX_NAME + 1] = frame->parser->values;
    struct kf_kms_header *header = &frame->header;

    if (strcmp(values[0], "1") != 0) {
        kf_kms_fail(frame, KF_CAUSE_UNSUPPORTED, KF_KMS_RULE,
                    "version \"%.20s\" of a KMS export; version 1 is read here", values[0]);
    } else if (!kf_uuid_parse(values[1], header->export_id)) {
        fail(frame, "exportId is not a UUID");
    } else if (!is_time(values[2])) {
        fail(frame, "created is not a time such as 2003-11-02T10:00:00Z");
    } else if (!kf_parse_u64(values[5], KF_MAX_KMS_USERS, &header->users)) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "users is not a number from 0 to %u",
                    KF_MAX_KMS_USERS);
    } else {
        copy(header->created, sizeof(header->created), values[2]);
        copy(header->organization, sizeof(header->organization), values[3]);
        copy(header->administrative_group, sizeof(header->administrative_group), values[4]);
    }
}

static void begin_user(struct kf_kms_frame *frame)
{
    struct kf_kms_parser *parser = frame->parser;
    struct kf_kms_user *user = calloc(1, sizeof(*user));
    uint64_t ordinal = 0;
    bool added = false;

    frame->is_past_boxes = true;
    if (user == NULL) {
        kf_kms_fail_memory(frame);
        return;
    }
    parser->user = user; /* the parser owns it until it is whole */
    user->text.is_public = true;
    user->item.ordinal = frame->counts.users + 1;
    user->item.line = kf_kms_line(frame);
    if (!kf_uuid_parse(parser->values[1], user->guid)) {
        user->guid[0] = '\0';
        fail(frame, "mailboxGuid is not a UUID");
    } else if (!kf_parse_u64(parser->values[0], UINT64_MAX, &ordinal)) {
        fail(frame, "ordinal is not a number");
    } else if (ordinal != user->item.ordinal) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE,
                    "ordinal %" PRIu64 " where %" PRIu64 " comes next", ordinal,
                    user->item.ordinal);
    } else if (user->item.ordinal > frame->header.users) {
        kf_kms_fail(frame, KF_CAUSE_DATA, "kms-export, Reading",
                    "more users than the root element says, which is %" PRIu64,
                    frame->header.users);
    } else if (kf_uuid_set_add(parser->guids, user->guid, &added, NULL) != KF_OK ||
               kf_buf_reserve(&user->text, parser->text_hint, NULL) != KF_OK) {
        kf_kms_fail_memory(frame);
    } else if (!added) {
        fail(frame, "a mailboxGuid that another user has already");
    }
}

/* Doubles an array that is full; false where it may not grow, and the document has failed. */
static bool grow(struct kf_kms_frame *frame, void **array, size_t *capacity, size_t count,
                 size_t size, const char *what)
{
    size_t larger = *capacity == 0 ? 4 : *capacity * 2;
    void *moved;

    if (count < *capacity)
        return true;
    if (count >= KF_MAX_KMS_ENTRIES) {
        kf_kms_fail(frame, KF_CAUSE_LIMIT, KF_KMS_RULE, "more than %u %s of one user",
                    KF_MAX_KMS_ENTRIES, what);
        return false;
    }
    moved = realloc(*array, larger * size);
    if (moved == NULL) {
        kf_kms_fail_memory(frame);
        return false;
    }
    *array = moved;
    *capacity = larger;
    return true;
}

/* Index of the certificate of that id; certificate_count where there is none. */
static size_t find_certificate(const struct kf_kms_user *user, const char *id)
{
    struct kf_slice wanted = kf_slice_of(id);
    size_t i = 0;

    for (; i < user->certificate_count; i++) {
        struct kf_slice found = kf_kms_text(user, user->certificates[i].id);

        if (found.len == wanted.len && memcmp(found.data, wanted.data, wanted.len) == 0)
            break;
    }
    return i;
}

/* Appends text to the user's and tells where it is. */
static struct kf_kms_span keep(struct kf_kms_frame *frame, const char *text)
{
    struct kf_buf *all = &frame->parser->user->text;
    struct kf_kms_span span = {all->len, strlen(text)};

    if (kf_buf_append(all, text, span.len, NULL) != KF_OK)
        kf_kms_fail_memory(frame);
    return span;
}

static void begin_certificate(struct kf_kms_frame *frame)
{
    struct kf_kms_user *user = frame->parser->user;
    const char *id = frame->parser->values[0];
    const char *use = frame->parser->values[1];
    void *array = user->certificates;
    struct kf_kms_certificate *certificate;

    if (id[0] == '\0') {
        fail(frame, "a certificate's id is empty");
        return;
    }
    if (find_certificate(user, id) != user->certificate_count) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "certificate id %.60s is declared twice",
                    id);
        return;
    }
    if (strcmp(use, "encryption") != 0 && strcmp(use, "signing") != 0) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE,
                    "a certificate's use is \"%.20s\", neither encryption nor signing", use);
        return;
    }
    if (!grow(frame, &array, &user->certificate_capacity, user->certificate_count,
              sizeof(*certificate), "certificates"))
        return;
    user->certificates = array;
    certificate = &user->certificates[user->certificate_count++];
    *certificate = (struct kf_kms_certificate){.id = keep(frame, id),
                                               .is_signing = strcmp(use, "signing") == 0};
    frame->parser->text = &user->text;
}

static void begin_key(struct kf_kms_frame *frame)
{
    struct kf_kms_user *user = frame->parser->user;
    const char *id = frame->parser->values[0];
    const char *state = frame->parser->values[1];
    size_t certificate = find_certificate(user, id);
    void *array = user->keys;

    if (!grow(frame, &array, &user->key_capacity, user->key_count, sizeof(*user->keys), "keys"))
        return;
    user->keys = array;
    user->keys[user->key_count++] = (struct kf_kms_key){
        .certificate = certificate,
        .state = strcmp(state, "previous") == 0 ? KF_STATE_PREVIOUS : KF_STATE_CURRENT,
        .line = kf_kms_line(frame)};
    if (certificate == user->certificate_count) {
        kf_kms_fail(frame, KF_CAUSE_DATA, "kms-export, Reading",
                    "the key's certificate %.60s is not declared before it", id);
        return;
    }
    if (strcmp(state, "current") != 0 && strcmp(state, "previous") != 0) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE,
                    "a key's state is \"%.20s\", neither current nor previous", state);
        return;
    }
    user->certificates[certificate].has_key = true;
}

static void begin_key_method(struct kf_kms_frame *frame)
{
    struct kf_kms_user *user = frame->parser->user;
    struct kf_kms_key *key = &user->keys[user->key_count - 1];
    const char *uri = frame->parser->values[0];

    key->is_bulk_known = kf_bulk_find(uri, &key->bulk);
    if (key->is_bulk_known) {
        frame->counts.by_bulk[key->bulk]++;
    } else {
        frame->counts.other_bulk++;
        key->method = keep(frame, uri);
    }
}

/* One of the three counts of End. */
static bool agrees(struct kf_kms_frame *frame, unsigned index, const char *what, uint64_t came)
{
    uint64_t says = 0;

    if (!kf_parse_u64(frame->parser->values[index], UINT64_MAX, &says)) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "the count of %s in End is not a number",
                    what);
        return false;
    }
    if (says != came)
        kf_kms_fail(frame, KF_CAUSE_DATA, "kms-export, Reading",
                    "End says %" PRIu64 " %s, but %" PRIu64 " came", says, what, came);
    return says == came;
}

static void begin_end(struct kf_kms_frame *frame)
{
    const struct kf_kms_counts *counts = &frame->counts;

    frame->is_past_boxes = true;
    if (!agrees(frame, 0, "users", counts->users) ||
        !agrees(frame, 1, "certificates", counts->certificates) ||
        !agrees(frame, 2, "keys", counts->keys))
        return;
    if (frame->header.users != counts->users)
        kf_kms_fail(frame, KF_CAUSE_DATA, "kms-export, Reading",
                    "the root element says %" PRIu64 " users, but %" PRIu64 " came",
                    frame->header.users, counts->users);
}

/* Elements that are text of the user go to the user's text. */
static void begin_in_user(struct kf_kms_frame *frame, enum kf_kms_node node)
{
    if (node == KF_KMS_USER)
        begin_user(frame);
    else if (node == KF_KMS_CERTIFICATE)
        begin_certificate(frame);
    else if (node == KF_KMS_KEY)
        begin_key(frame);
    else if (node == KF_KMS_KEY_METHOD)
        begin_key_method(frame);
    else if (kf_kms_element(node)->text_limit != 0)
        frame->parser->text = &frame->parser->user->text;
}

void kf_kms_begin(struct kf_kms_frame *frame, enum kf_kms_node node)
{
    if (node == KF_KMS_EXPORT)
        begin_export(frame);
    else if (node < KF_KMS_USER)
        kf_kms_box_begin(frame, node);
    else if (node == KF_KMS_END)
        begin_end(frame);
    else
        begin_in_user(frame, node);
}

static void end_user(struct kf_kms_frame *frame)
{
    struct kf_kms_user *user = frame->parser->user;

    for (size_t i = 0; i < user->certificate_count; i++) {
        const struct kf_kms_certificate *certificate = &user->certificates[i];

        if (!certificate->has_key && certificate->is_signing)
            frame->counts.signing_without_key++;
        else if (!certificate->has_key)
            frame->counts.encryption_without_key++;
    }
    frame->counts.users++;
    frame->counts.certificates += user->certificate_count;
    frame->counts.keys += user->key_count;
    frame->parser->text_hint = user->text.len + user->text.len / 8;
    user->item.cost = sizeof(*user) + user->text.cap +
                      user->certificate_capacity * sizeof(*user->certificates) +
                      user->key_capacity * sizeof(*user->keys);
    *frame->last = user; /* the queue owns it now */
    frame->last = &user->next;
    frame->waiting++;
    frame->parser->user = NULL;
}

/* Where the text of the element that ends is, in its user. */
static void end_in_user(struct kf_kms_frame *frame, enum kf_kms_node node)
{
    struct kf_kms_user *user = frame->parser->user;
    struct kf_kms_span span = {frame->parser->text_start, 0};

    if (node == KF_KMS_USER)
        end_user(frame);
    if (frame->parser->text == NULL)
        return;
    span.len = user->text.len - span.at;
    if (node == KF_KMS_DISPLAY_NAME)
        user->display_name = span;
    else if (node == KF_KMS_DISTINGUISHED_NAME)
        user->distinguished_name = span;
    else if (node == KF_KMS_MAIL)
        user->mail = span;
    else if (node == KF_KMS_CERTIFICATE)
        user->certificates[user->certificate_count - 1].der = span;
    else if (node == KF_KMS_KEY_VALUE)
        user->keys[user->key_count - 1].sealed = span;
}

void kf_kms_end(struct kf_kms_frame *frame, enum kf_kms_node node)
{
    if (node == KF_KMS_EXPORT)
        frame->is_complete = true;
    else if (node < KF_KMS_USER)
        kf_kms_box_end(frame, node);
    else if (node != KF_KMS_END)
        end_in_user(frame, node);
}

enum kf_status kf_kms_frame_new(struct kf_kms_frame **out, const uint64_t seed[2],
                                struct kf_error *error)
{
    struct kf_kms_frame *frame = calloc(1, sizeof(*frame));

    *out = NULL;
    if (frame == NULL)
        return kf_fail_memory(error);
    frame->last = &frame->first;
    if (kf_kms_parser_open(frame, error) != KF_OK ||
        kf_uuid_set_new(&frame->parser->guids, seed, error) != KF_OK) {
        kf_kms_frame_free(frame);
        return KF_FATAL;
    }
    *out = frame;
    return KF_OK;
}

void kf_kms_frame_free(struct kf_kms_frame *frame)
{
    if (frame == NULL)
        return;
    while (frame->first != NULL)
        kf_kms_user_free(kf_kms_frame_take(frame));
    kf_kms_boxes_free(frame);
    kf_kms_parser_close(frame->parser);
    free(frame);
}

void kf_kms_frame_feed(struct kf_kms_frame *frame, struct kf_slice bytes, bool is_end)
{
    kf_kms_parser_feed(frame, bytes, is_end);
}

struct kf_kms_user *kf_kms_frame_take(struct kf_kms_frame *frame)
{
    struct kf_kms_user *user = frame->first;

    if (user == NULL)
        return NULL;
    frame->first = user->next;
    if (frame->first == NULL)
        frame->last = &frame->first;
    frame->waiting--;
    user->next = NULL;
    return user;
}

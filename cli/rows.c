/*
 * Rows: see rows.h for the contract. The names are [MS-WCCE] 3.2.1.1.4's in lower camel case.
 */
#include "cli/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/csv.h"

#define NAME_WIDTH 21 /* of the longest name */

json_t *kf_row_json(const struct kf_row *row)
{
    json_t *object = json_object();

    kf_json_set_number(object, "requestId", row->request_id);
    kf_json_set_number(object, "disposition", (uint64_t)row->disposition);
    kf_json_set_time(object, "submittedWhen", row->submitted_when);
    kf_json_set_time(object, "resolvedWhen", row->resolved_when);
    kf_json_set_text(object, "requesterName", row->requester_name);
    kf_json_set_text(object, "callerName", row->caller_name);
    kf_json_set_text(object, "distinguishedName", row->distinguished_name);
    kf_json_set_text(object, "commonName", row->common_name);
    kf_json_set_text(object, "eMail", row->email);
    kf_json_set_text(object, "upn", row->upn);
    kf_json_set_text(object, "certificateHash", row->certificate_hash);
    kf_json_set_text(object, "certificateSha256", row->certificate_sha256);
    kf_json_set_text(object, "serialNumber", row->serial_number);
    kf_json_set_text(object, "issuerName", row->issuer_name);
    kf_json_set_time(object, "notBefore", row->not_before);
    kf_json_set_time(object, "notAfter", row->not_after);
    kf_json_set_text(object, "subjectKeyIdentifier", row->subject_key_identifier);
    kf_json_set_text(object, "publicKeyAlgorithm", row->public_key_algorithm);
    kf_json_set_number(object, "publicKeyLength", row->public_key_length);
    kf_json_set(object, "keyArchived", json_boolean(row->has_key));
    kf_json_set_text(object, "keyRecoveryHashes", row->has_key ? row->key_recovery_hashes : NULL);
    kf_json_set_text(object, "keyBlob", row->has_key ? kf_blob_type_name(row->key_blob) : NULL);
    kf_json_set(object, "keyMismatch",
                row->has_key ? json_boolean(row->key_mismatch) : json_null());
    kf_json_set_text(object, "keyState", row->has_key ? kf_key_state_name(row->key_state) : NULL);
    kf_json_set_text(object, "mailboxGuid",
                     row->mailbox_guid[0] != '\0' ? row->mailbox_guid : NULL);
    kf_json_set_text(object, "displayName", row->display_name);
    kf_json_set_text(object, "friendlyName", row->friendly_name);
    kf_json_set(object, "run", row->run != 0 ? json_integer((json_int_t)row->run) : json_null());
    kf_json_set_text(object, "source", row->source);
    kf_json_set(object, "ordinal",
                row->ordinal != 0 ? json_integer((json_int_t)row->ordinal) : json_null());
    return object;
}

static const struct kf_column columns[] = {
    {.title = "ID", .width = 6, .right = true},
    {.title = "NAME", .width = 24, .elastic = true},
    {.title = "E-MAIL OR UPN", .width = 28, .elastic = true},
    {.title = "STATE", .width = 8},
    {.title = "CA", .width = 7},
    {.title = "NOT AFTER", .width = 10},
    /* an ID finds a row as well, and part of a serial number finds nothing; 20 bytes: RFC 5280
     * 4.1.2.2 */
    {.title = "SERIAL NUMBER", .width = 40, .optional = true},
};

void kf_rows_table_begin(struct kf_table *table)
{
    kf_table_begin(table, columns, sizeof(columns) / sizeof(columns[0]));
}

static const char *first_of(const char *a, const char *b, const char *c)
{
    return a != NULL ? a : b != NULL ? b : c;
}

void kf_rows_table_row(const struct kf_table *table, const struct kf_row *row)
{
    char id[32];
    char date[KF_TIME_SIZE];

    (void)snprintf(id, sizeof(id), "%" PRIu64, row->request_id);
    kf_date_text(row->not_after, date);
    kf_table_row(table,
                 (const char *const[]){
                     id, first_of(row->common_name, row->display_name, row->distinguished_name),
                     first_of(row->email, row->upn, ""),
                     row->has_key ? kf_key_state_name(row->key_state) : "no key",
                     kf_disposition_name(row->disposition), date, row->serial_number},
                 (const enum kf_style[]){
                     KF_STYLE_FAINT, KF_STYLE_PLAIN, KF_STYLE_PLAIN,
                     !row->has_key                         ? KF_STYLE_BAD
                     : row->key_state == KF_STATE_PREVIOUS ? KF_STYLE_FAINT
                                                           : KF_STYLE_PLAIN,
                     row->disposition == KF_DISPOSITION_FOREIGN ? KF_STYLE_WARN : KF_STYLE_PLAIN,
                     row->not_after < table->now ? KF_STYLE_FAINT : KF_STYLE_PLAIN,
                     KF_STYLE_FAINT});
}

/* A JSON value as text: what CSV and show print. */
static const char *value_text(const json_t *value, char *space, size_t size)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        (void)snprintf(space, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        (void)snprintf(space, size, "%s",
                       json_is_true(value)    ? "true"
                       : json_is_false(value) ? "false"
                                              : "");
    return space;
}

/* A field as it is, or, where it goes to a terminal, made visible. */
static void print_field(const char *text, bool is_terminal)
{
    struct kf_buf shown = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    if (is_terminal && kf_visible_text(&shown, text, &error) == KF_OK)
        text = (const char *)shown.data;
    kf_csv_put(stdout, text);
    kf_buf_reset(&shown);
}

static void print_csv(json_t *object, bool names)
{
    bool is_terminal = kf_terminal_width(STDOUT_FILENO) != 0;
    const char *between = "";
    void *at = json_object_iter(object);

    for (; at != NULL; at = json_object_iter_next(object, at)) {
        char space[64];

        (void)fputs(between, stdout);
        print_field(names ? json_object_iter_key(at)
                          : value_text(json_object_iter_value(at), space, sizeof(space)),
                    is_terminal);
        between = ",";
    }
    (void)fputs("\r\n", stdout);
}

void kf_rows_csv_header(void)
{
    const struct kf_row empty = {.request_id = 0};
    json_t *object = kf_row_json(&empty);

    print_csv(object, true);
    json_decref(object);
}

void kf_rows_csv_row(const struct kf_row *row)
{
    json_t *object = kf_row_json(row);

    print_csv(object, false);
    json_decref(object);
}

/* What should not be passed over. */
static enum kf_style style_of(const char *name, const struct kf_row *row)
{
    if (strcmp(name, "keyMismatch") == 0 && row->key_mismatch)
        return KF_STYLE_BAD;
    if (strcmp(name, "keyArchived") == 0)
        return row->has_key ? KF_STYLE_GOOD : KF_STYLE_BAD;
    if (strcmp(name, "disposition") == 0 && row->disposition == KF_DISPOSITION_FOREIGN)
        return KF_STYLE_WARN;
    if (strcmp(name, "commonName") == 0)
        return KF_STYLE_HEADING;
    return KF_STYLE_PLAIN;
}

/* Lines below each other, under the first. */
static void print_lines(const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char *line = kf_strndup(text, len);

        kf_print_visible(stdout, line);
        free(line);
        text += len;
        if (*text == '\n' && *++text != '\0')
            (void)printf("\n%-*s ", NAME_WIDTH, "");
    }
}

void kf_row_print(const struct kf_row *row)
{
    json_t *object = kf_row_json(row);
    void *at = json_object_iter(object);

    for (; at != NULL; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        char space[64];
        const char *text = value_text(json_object_iter_value(at), space, sizeof(space));
        enum kf_style style = style_of(name, row);

        if (text[0] == '\0')
            continue;
        (void)printf("%-*s ", NAME_WIDTH, name);
        kf_style_begin(style);
        if (strcmp(name, "keyRecoveryHashes") == 0)
            print_lines(text); /* one an agent; the only text that has lines of ours */
        else
            kf_print_visible(stdout, text);
        if (strcmp(name, "disposition") == 0)
            (void)printf(" (%s)", kf_disposition_name(row->disposition));
        kf_style_end(style);
        (void)putchar('\n');
    }
    json_decref(object);
}

static enum kf_status see_one(struct kf_store *store, const char *number,
                              bool (*see)(void *context, const struct kf_row *row), void *context,
                              uint64_t *count, struct kf_error *error)
{
    struct kf_row row = {.request_id = 0};
    uint64_t id = 0;
    enum kf_status status;

    if (!kf_parse_u64(number, INT64_MAX, &id))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "not a RequestID: #%s", number);
    status = kf_rows_get(store, id, &row, error);
    if (status == KF_OK) {
        *count = 1;
        (void)see(context, &row);
    }
    kf_row_reset(&row);
    if (status != KF_SKIP)
        return status;
    *error = (struct kf_error){.cause = KF_CAUSE_NONE}; /* found nothing, as any token may */
    return KF_OK;
}

enum kf_status kf_rows_each(struct kf_store *store, const char *token,
                            bool (*see)(void *context, const struct kf_row *row), void *context,
                            uint64_t *count, struct kf_error *error)
{
    struct kf_row_cursor *cursor = NULL;
    struct kf_row row = {.request_id = 0};
    enum kf_status status;

    *count = 0;
    if (token != NULL && token[0] == '#')
        return see_one(store, token + 1, see, context, count, error);
    status = token != NULL ? kf_rows_find(store, token, &cursor, error)
                           : kf_rows_all(store, &cursor, error);
    while (status == KF_OK) {
        status = kf_rows_next(cursor, &row, error);
        if (status == KF_OK) {
            (*count)++;
            if (!see(context, &row))
                status = KF_END;
        }
    }
    kf_rows_close(cursor);
    kf_row_reset(&row);
    return status == KF_END ? KF_OK : status;
}

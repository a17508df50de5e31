/*
 * CSV: see csv.h for the contract.
 */
#include "cli/csv.h"

#include <string.h>

void kf_csv_record_reset(struct kf_csv_record *record)
{
    kf_buf_reset(&record->text);
    *record = (struct kf_csv_record){.count = 0};
}

static int peek(const struct kf_csv *csv)
{
    return csv->rest.len != 0 ? csv->rest.data[0] : -1;
}

static void take(struct kf_csv *csv)
{
    if (csv->rest.data[0] == '\n')
        csv->line++;
    csv->rest.data++;
    csv->rest.len--;
}

/* LF or CRLF, or the end. */
static bool at_record_end(const struct kf_csv *csv)
{
    int byte = peek(csv);

    return byte < 0 || byte == '\n' ||
           (byte == '\r' && (csv->rest.len == 1 || csv->rest.data[1] == '\n'));
}

/* text has room for everything that is left, so that fields can be pointed to at once. */
static void put(struct kf_csv_record *record, int byte)
{
    record->text.data[record->text.len++] = (uint8_t)byte;
}

static bool read_quoted(struct kf_csv *csv, struct kf_csv_record *record)
{
    take(csv);
    for (;;) {
        int byte = peek(csv);

        if (byte <= 0)
            return false; /* nothing closes it, or a NUL */
        take(csv);
        if (byte == '"' && peek(csv) != '"')
            break;
        if (byte == '"')
            take(csv);
        put(record, byte);
    }
    return at_record_end(csv) || peek(csv) == ',';
}

static bool read_plain(struct kf_csv *csv, struct kf_csv_record *record)
{
    while (!at_record_end(csv) && peek(csv) != ',') {
        if (peek(csv) == '"' || peek(csv) == 0)
            return false;
        put(record, peek(csv));
        take(csv);
    }
    return true;
}

static bool read_fields(struct kf_csv *csv, struct kf_csv_record *record)
{
    for (;;) {
        bool good;

        if (record->count == KF_CSV_COLUMNS)
            return false;
        record->fields[record->count++] = (char *)record->text.data + record->text.len;
        good = peek(csv) == '"' ? read_quoted(csv, record) : read_plain(csv, record);
        put(record, '\0');
        if (!good)
            return false;
        if (peek(csv) != ',')
            return true;
        take(csv);
    }
}

static void skip_line(struct kf_csv *csv)
{
    while (csv->rest.len != 0 && peek(csv) != '\n')
        take(csv);
    if (csv->rest.len != 0)
        take(csv);
}

/* An upper bound of a record's length: its quotes may hide line breaks, so count them. */
static size_t record_bound(const struct kf_slice *rest)
{
    bool quoted = false;
    size_t len = 0;

    for (; len < rest->len && (quoted || rest->data[len] != '\n'); len++) {
        if (rest->data[len] == '"')
            quoted = !quoted;
    }
    return len;
}

enum kf_status kf_csv_next(struct kf_csv *csv, struct kf_csv_record *record, struct kf_error *error)
{
    kf_buf_clear(&record->text);
    record->count = 0;
    while (csv->rest.len != 0 && at_record_end(csv))
        skip_line(csv); /* empty lines */
    record->line = csv->line;
    if (csv->rest.len == 0)
        return KF_END;
    if (kf_buf_reserve(&record->text, record_bound(&csv->rest) + KF_CSV_COLUMNS + 1, error) !=
        KF_OK)
        return KF_FATAL;
    if (!read_fields(csv, record)) {
        skip_line(csv);
        kf_error_line(error, record->line);
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 4180 2", "broken CSV record");
    }
    skip_line(csv);
    return KF_OK;
}

const char *kf_csv_guard(const char *text)
{
    return text[0] != '\0' && strchr("=+-@\t\r'", text[0]) != NULL ? "'" : "";
}

void kf_csv_put(FILE *file, const char *text)
{
    if (text == NULL)
        return;
    if (strpbrk(text, ",\"\r\n") == NULL) {
        (void)fprintf(file, "%s%s", kf_csv_guard(text), text);
        return;
    }
    (void)fprintf(file, "\"%s", kf_csv_guard(text));
    for (; *text != '\0'; text++) {
        if (*text == '"')
            (void)fputc('"', file);
        (void)fputc(*text, file);
    }
    (void)fputc('"', file);
}

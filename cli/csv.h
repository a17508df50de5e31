/*
 * CSV (RFC 4180), for manifests and for list --csv.
 *
 * Fields are separated by commas, records by CRLF or LF; a field with a comma, a quote or a line
 * break stands in quotes, with quotes in it doubled. A quote inside an unquoted field, text after a
 * closing quote, a quote that nothing closes, and NUL are refused.
 */
#ifndef KF_CLI_CSV_H
#define KF_CLI_CSV_H

#include <stdio.h>

#include "core/bytes.h"

#define KF_CSV_COLUMNS 16

/* A record; zero-initialize. The fields may be secret, so they stand in a secret buffer. */
struct kf_csv_record {
    struct kf_buf text;
    char *fields[KF_CSV_COLUMNS]; /* NUL-terminated, in text */
    size_t count;
    uint64_t line; /* where it began, from 1 */
};
void kf_csv_record_reset(struct kf_csv_record *record);

struct kf_csv {
    struct kf_slice rest;
    uint64_t line; /* of rest; start it with 1 */
};

/* The next record replaces what *record holds. KF_END: no more. KF_SKIP: this one is broken (the
 * error says where), and the next line is tried next. */
enum kf_status kf_csv_next(struct kf_csv *csv, struct kf_csv_record *record,
                           struct kf_error *error) KF_MUST_USE;

/*
 * What stands before a field that a spreadsheet would take for a formula: an apostrophe, else
 * nothing. A field that begins with one gets another, so that whoever takes one off, where one
 * stands before = + - @, a tab, a carriage return or an apostrophe, has the exact text.
 */
const char *kf_csv_guard(const char *text);

/* Writes a field for people and spreadsheets, with its guard, quoted where it has to be; NULL is
 * empty. */
void kf_csv_put(FILE *file, const char *text);

#endif

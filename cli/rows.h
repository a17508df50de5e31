/*
 * A row of the store as people and scripts see it; never its key.
 */
#ifndef KF_CLI_ROWS_H
#define KF_CLI_ROWS_H

#include "cli/json.h"
#include "cli/output.h"
#include "store/rows.h"

/* All of the row by its names in lower camel case, in a new object. NULL: out of memory. */
json_t *kf_row_json(const struct kf_row *row);

/* The table that list and getkey print. */
void kf_rows_table_begin(struct kf_table *table);
void kf_rows_table_row(const struct kf_table *table, const struct kf_row *row);

/* CSV (RFC 4180): the names as a header, then the same values as in JSON. */
void kf_rows_csv_header(void);
void kf_rows_csv_row(const struct kf_row *row);

/* Every name and value, one a line. */
void kf_row_print(const struct kf_row *row);

/*
 * The rows that a TOKEN finds; "#N" is the row with RequestID N alone, which a cursor cannot give.
 * Calls see for each row, as it comes; a false result ends it early. *count gets how many came.
 */
enum kf_status kf_rows_each(struct kf_store *store, const char *token,
                            bool (*see)(void *context, const struct kf_row *row), void *context,
                            uint64_t *count, struct kf_error *error) KF_MUST_USE;

#endif

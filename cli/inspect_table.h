/*
 * The table of inspect --table: one for all inputs, a line a key, printed as it comes.
 */
#ifndef KF_CLI_INSPECT_TABLE_H
#define KF_CLI_INSPECT_TABLE_H

#include "cli/output.h"
#include "core/record.h"

/* table is zero before the first row. import is what an import would do, why the reason or NULL. */
void kf_inspect_table_row(struct kf_table *table, const char *input, const struct kf_record *record,
                          const char *import, const char *why);

#endif

/*
 * keyferry inspect --table: a line for each key, for folders of many files: see inspect_table.h.
 */
#include "cli/inspect_table.h"

#include <stdio.h>
#include <string.h>

#include "cli/report_entry.h"

static const struct kf_column columns[] = {
    {.title = "INPUT", .width = 28, .elastic = true},
    {.title = "OWNER", .width = 20, .elastic = true},
    {.title = "STATE", .width = 8, .optional = true},
    {.title = "KEY", .width = 8, .optional = true},
    {.title = "NOT AFTER", .width = 10},
    {.title = "IMPORT", .width = 8},
    {.title = "BECAUSE", .width = 24, .elastic = true},
};

static enum kf_style style_of(const char *import)
{
    if (strcmp(import, "archived") == 0)
        return KF_STYLE_GOOD;
    return strcmp(import, "failed") == 0 ? KF_STYLE_BAD : KF_STYLE_WARN;
}

void kf_inspect_table_row(struct kf_table *table, const char *input, const struct kf_record *record,
                          const char *import, const char *why)
{
    const struct kf_cert_facts *facts = &record->facts;
    char where[512];
    char kind[64] = "";
    char date[KF_TIME_SIZE] = "";

    if (table->count == 0) /* the first row of all inputs */
        kf_table_begin(table, columns, sizeof(columns) / sizeof(columns[0]));
    (void)snprintf(where, sizeof(where), "%s%s%s", input, record->place[0] != '\0' ? ": " : "",
                   record->place);
    if (record->has_facts) {
        kf_key_kind(facts->key_algorithm, facts->key_bits, kind, sizeof(kind));
        kf_date_text(facts->not_after, date);
    }
    /* why it would be archived is the same for all */
    kf_table_row(
        table,
        (const char *const[]){where, kf_record_owner(record), kf_key_state_name(record->state),
                              kind, date, import, style_of(import) != KF_STYLE_GOOD ? why : ""},
        (const enum kf_style[]){KF_STYLE_PLAIN, KF_STYLE_PLAIN, KF_STYLE_PLAIN, KF_STYLE_PLAIN,
                                record->has_facts && facts->not_after < table->now ? KF_STYLE_FAINT
                                                                                   : KF_STYLE_PLAIN,
                                style_of(import), KF_STYLE_PLAIN});
}

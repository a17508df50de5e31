/*
 * keyferry list and show: what the store holds, without its keys. Rows are printed as they come.
 */
#include <stdio.h>
#include <string.h>

#include "cli/place.h"
#include "cli/rows.h"

struct listing {
    const struct kf_arguments *arguments;
    struct kf_table table;
    uint64_t printed;
};

static bool print_listed(void *context, const struct kf_row *row)
{
    struct listing *listing = context;

    if (kf_has(listing->arguments, KF_OPT_JSON)) {
        kf_json_print_line(kf_row_json(row));
    } else if (kf_has(listing->arguments, KF_OPT_CSV)) {
        if (listing->printed == 0)
            kf_rows_csv_header();
        kf_rows_csv_row(row);
    } else {
        if (listing->printed == 0)
            kf_rows_table_begin(&listing->table);
        kf_rows_table_row(&listing->table, row);
    }
    if (listing->printed++ == 0)
        (void)fflush(stdout); /* the first row is seen at once */
    return ferror(stdout) == 0;
}

static bool print_shown(void *context, const struct kf_row *row)
{
    struct listing *listing = context;

    if (kf_has(listing->arguments, KF_OPT_JSON)) {
        kf_json_print_line(kf_row_json(row));
    } else {
        if (listing->printed != 0)
            (void)putchar('\n');
        kf_row_print(row);
    }
    listing->printed++;
    return ferror(stdout) == 0;
}

static enum kf_exit run_rows(const struct kf_session *session, const struct kf_arguments *arguments,
                             const char *token,
                             bool (*see)(void *context, const struct kf_row *row))
{
    struct listing listing = {.arguments = arguments};
    struct kf_store *store = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    uint64_t count = 0;
    enum kf_exit code = KF_EXIT_OK;

    if (kf_open_store(session, arguments, &store, &error) != KF_OK ||
        kf_rows_each(store, token, see, &listing, &count, &error) != KF_OK) {
        code = kf_report_error(&error);
    } else if (count == 0 && token != NULL) {
        kf_note("nothing in the store matches %s", token);
        code = KF_EXIT_FATAL;
    } else if (count == 0 && kf_has(arguments, KF_OPT_CSV)) {
        kf_rows_csv_header();
    } else if (count == 0 && !kf_has(arguments, KF_OPT_JSON)) {
        kf_note("the store is empty");
    }
    kf_store_close(store);
    return code;
}

static enum kf_exit run_list(struct kf_session *session, struct kf_arguments *arguments)
{
    if (arguments->operand_count > 1)
        return kf_usage_error(&kf_cmd_list, "list: one TOKEN, or none for all rows");
    if (kf_has(arguments, KF_OPT_JSON) && kf_has(arguments, KF_OPT_CSV))
        return kf_usage_error(&kf_cmd_list, "list: --json or --csv, not both");
    return run_rows(session, arguments,
                    arguments->operand_count == 1 ? arguments->operands[0] : NULL, print_listed);
}

static enum kf_exit run_show(struct kf_session *session, struct kf_arguments *arguments)
{
    if (arguments->operand_count != 1)
        return kf_usage_error(&kf_cmd_show, "show: give one TOKEN");
    return run_rows(session, arguments, arguments->operands[0], print_shown);
}

#define TOKENS                                                                                     \
    "TOKEN is a common name, DOMAIN\\user or UPN, an e-mail address, a serial number,\n"           \
    "the SHA-1 or SHA-256 of a certificate, a subject key identifier, or a mailbox\n"              \
    "GUID; or #N, the row with RequestID N.\n"

static const struct kf_option_entry list_options[] = {
    {KF_OPT_STORE, "the store; else $KEYFERRY_STORE, else keyferry.db"},
    {KF_OPT_JSON, "one JSON object a row"},
    {KF_OPT_CSV, "CSV with a header (RFC 4180), safe in spreadsheets"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_list = {
    .name = "list",
    .summary = "list what the store holds",
    .synopsis = "list [-s STORE] [TOKEN] [--json|--csv]\n",
    .about = "Lists the rows of the store, or those that TOKEN finds: one a certificate. The\n"
             "keys themselves are never shown.\n"
             "\n" TOKENS "\n"
             "Characters that would act on a terminal are shown as \\u{...}. --json carries\n"
             "the exact text. --csv does too, but puts an apostrophe before what a\n"
             "spreadsheet would take for a formula, and before an apostrophe.\n",
    .options = list_options,
    .needs_crypto = true,
    .run = run_list,
};

static const struct kf_option_entry show_options[] = {
    {KF_OPT_STORE, "the store; else $KEYFERRY_STORE, else keyferry.db"},
    {KF_OPT_JSON, "one JSON object a row"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_show = {
    .name = "show",
    .summary = "show everything about a row but its key",
    .synopsis = "show [-s STORE] TOKEN [--json]\n",
    .about = "Shows all that the store knows about the rows that TOKEN finds, but not their\n"
             "keys.\n"
             "\n" TOKENS,
    .options = show_options,
    .needs_crypto = true,
    .run = run_show,
};

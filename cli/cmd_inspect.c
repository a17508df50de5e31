/*
 * keyferry inspect: what a file is and holds, without a store and without writing anything.
 *
 * Keys are read as import would read them, and wiped at once; nothing of them is shown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/inspect_table.h"
#include "cli/outline.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/walk.h"
#include "crypto/cert.h"

struct inspection {
    struct kf_reading *reading;
    bool json;
    const char *input;     /* the present one */
    bool as_table;         /* a line a key, and nothing of what is around them */
    struct kf_table table; /* of all inputs */
    uint64_t inputs;
    uint64_t unreadable;  /* inputs that could not be read (on) */
    uint64_t refused_all; /* of these: wrong password or key */
    uint64_t entries;
    uint64_t failed;  /* of the entries */
    uint64_t locked;  /* of those that failed: wrong password or key, or none */
    bool has_secrets; /* the user gave some; without, locked keys are no failure */
};

static void describe_usage(const struct kf_outline *outline, const struct kf_cert_facts *facts)
{
    static const char *const names[] = {"digitalSignature", "nonRepudiation", "keyEncipherment",
                                        "dataEncipherment", "keyAgreement",   "keyCertSign",
                                        "cRLSign",          "encipherOnly",   "decipherOnly"};
    char text[160] = "";
    size_t used = 0;

    if (!facts->has_key_usage)
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((facts->key_usage & (1u << i)) != 0)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                     used != 0 ? ", " : "", names[i]);
    }
    outline->ops->text(outline->context, "keyUsage", text);
}

static void describe_certificate(const struct kf_outline *outline,
                                 const struct kf_cert_facts *facts)
{
    const struct kf_outline_ops *ops = outline->ops;
    void *context = outline->context;
    char hash[2 * KF_SHA256_SIZE + 1];
    char when[KF_TIME_SIZE];

    ops->begin(context, "certificates", facts->subject);
    ops->number(context, "version", facts->version);
    ops->text(context, "serialNumber", facts->serial);
    ops->text(context, "issuer", facts->issuer);
    ops->text(context, "commonName", facts->common_name);
    ops->text(context, "eMail", facts->email);
    ops->text(context, "upn", facts->upn);
    kf_time_text(facts->not_before, when);
    ops->text(context, "notBefore", when);
    kf_time_text(facts->not_after, when);
    ops->text(context, "notAfter", when);
    kf_hex(hash, facts->sha1, sizeof(facts->sha1));
    ops->text(context, "sha1", hash);
    kf_hex(hash, facts->sha256, sizeof(facts->sha256));
    ops->text(context, "sha256", hash);
    ops->text(context, "subjectKeyIdentifier", facts->ski);
    ops->text(context, "keyAlgorithm", facts->key_algorithm);
    ops->number(context, "keyBits", facts->key_bits);
    ops->text(context, "signatureAlgorithm", facts->signature_algorithm);
    describe_usage(outline, facts);
    ops->flag(context, "isCa", facts->is_ca);
    ops->end(context);
}

/* What an import would do, as far as it can be said without a store. */
struct outcome {
    const char *import;
    const char *why; /* NULL for none; may be line */
    char line[sizeof(struct kf_error)];
};

static void find_outcome(const struct kf_record *record, struct outcome *out)
{
    *out = (struct outcome){.import = kf_outcome_name(record->outcome)};
    if (record->outcome == KF_PENDING && record->key_mismatch) {
        out->import = "failed";
        out->why = "the key does not belong to the certificate";
    } else if (record->outcome == KF_PENDING && !record->has_facts) {
        out->import = "failed";
        out->why = "the key has no certificate";
    } else if (record->outcome == KF_PENDING && !kf_cert_may_encrypt(&record->facts)) {
        out->import = "skipped";
        out->why = "a signing key, unless KRAFlags has KRAF_ENABLEARCHIVEALL";
    } else if (record->outcome == KF_PENDING) {
        out->import = "archived";
        out->why = "if the store's CA issued the certificate, or the store and the run allow "
                   "foreign ones";
    } else if (record->error.cause != KF_CAUSE_NONE) {
        kf_error_format(&record->error, NULL, out->line, sizeof(out->line));
        out->why = out->line;
    }
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void describe_entry(const struct kf_outline *outline, uint64_t ordinal,
                           const struct kf_record *record)
{
    const struct kf_outline_ops *ops = outline->ops;
    void *context = outline->context;
    struct outcome outcome;

    ops->begin(context, "entries", or_null(record->place));
    ops->number(context, "ordinal", ordinal);
    if (record->line != 0)
        ops->number(context, "line", record->line);
    ops->text(context, "displayName", record->display_name);
    ops->text(context, "distinguishedName", record->distinguished_name);
    ops->text(context, "mail", record->mail);
    ops->text(context, "mailboxGuid", or_null(record->mailbox_guid));
    ops->text(context, "friendlyName", record->friendly_name);
    ops->text(context, "state", kf_key_state_name(record->state));
    ops->flag(context, "keyReadable", record->pkcs8.len != 0);
    if (record->pkcs8.len != 0 && record->has_facts)
        ops->flag(context, "keyBelongs", !record->key_mismatch);
    if (record->has_facts)
        describe_certificate(outline, &record->facts);
    if (record->chain_count != 0)
        ops->number(context, "chainCertificates", record->chain_count);
    find_outcome(record, &outcome);
    ops->text(context, "import", outcome.import);
    ops->text(context, "because", outcome.why);
    ops->end(context);
}

static void count_entry(struct inspection *inspection, const struct kf_record *record)
{
    inspection->entries++;
    if (record->outcome != KF_FAILED)
        return;
    inspection->failed++;
    inspection->locked += record->error.cause == KF_CAUSE_SECRET ? 1 : 0;
}

static void tell_entry(struct inspection *inspection, const struct kf_outline *outline,
                       uint64_t ordinal, const struct kf_record *record)
{
    struct outcome outcome;

    if (!inspection->as_table) {
        describe_entry(outline, ordinal, record);
        return;
    }
    find_outcome(record, &outcome);
    kf_inspect_table_row(&inspection->table, inspection->input, record, outcome.import,
                         outcome.why);
}

static enum kf_status inspect_item(struct inspection *inspection, struct kf_reader *reader,
                                   struct kf_item *item, const struct kf_outline *outline,
                                   uint64_t *ordinal, struct kf_error *error)
{
    enum kf_status status = KF_OK;

    while (status == KF_OK) {
        struct kf_batch batch = {.records = NULL};

        status = reader->ops->decode(reader, item, &batch, error);
        kf_batch_settle(&batch);
        for (size_t i = 0; i < batch.count; i++) {
            tell_entry(inspection, outline, ++*ordinal, &batch.records[i]);
            count_entry(inspection, &batch.records[i]);
        }
        kf_batch_reset(&batch);
    }
    return status == KF_END ? KF_OK : status;
}

static enum kf_status inspect_reader(struct inspection *inspection, struct kf_reader *reader,
                                     struct kf_outline *outline, struct kf_error *error)
{
    enum kf_status status = KF_OK;
    uint64_t ordinal = 0;

    while (status == KF_OK) {
        struct kf_item *item = NULL;

        status = reader->ops->next(reader, &item, error);
        if (status == KF_OK)
            status = inspect_item(inspection, reader, item, outline, &ordinal, error);
        reader->ops->free_item(item);
    }
    if (inspection->as_table)
        return status == KF_END ? KF_OK : status;
    outline->ops->number(outline->context, "entryCount", ordinal);
    if (status == KF_END && reader->ops->describe != NULL) {
        outline->ops->begin(outline->context, "structure", NULL);
        status = reader->ops->describe(reader, false, outline, error);
        outline->ops->end(outline->context);
    }
    return status == KF_END ? KF_OK : status;
}

static void tell_unreadable(struct inspection *inspection, const struct kf_outline *outline,
                            const char *name, const struct kf_error *error)
{
    char line[4096 + sizeof(*error)];

    inspection->unreadable++;
    inspection->refused_all += error->cause == KF_CAUSE_SECRET ? 1 : 0;
    kf_error_format(error, NULL, line, sizeof(line));
    if (inspection->json)
        outline->ops->text(outline->context, "error", line);
    kf_error_format(error, name, line, sizeof(line));
    if (!inspection->json) {
        (void)fflush(stdout);
        kf_print_visible(stderr, line);
        (void)fputc('\n', stderr);
    }
}

static enum kf_status inspect_input(struct inspection *inspection, const char *name,
                                    struct kf_error *fatal)
{
    struct kf_outline_state state;
    struct kf_outline outline = kf_outline_begin(&state, inspection->json);
    struct kf_reader *reader = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_status status = kf_reading_open(inspection->reading, &reader, &error);

    inspection->inputs++;
    inspection->input = name;
    if (inspection->json)
        outline.ops->text(outline.context, "input", name);
    else if (status == KF_OK && !inspection->as_table)
        outline.ops->begin(outline.context, "input", name);
    if (status == KF_OK && !inspection->as_table)
        outline.ops->text(outline.context, "format", reader->ops->name);
    if (status == KF_OK)
        status = inspect_reader(inspection, reader, &outline, &error);
    if (status != KF_OK)
        tell_unreadable(inspection, &outline, name, &error);
    kf_reading_close(inspection->reading, reader);
    if (inspection->json)
        kf_json_print_line(state.objects[0]);
    if (error.cause != KF_CAUSE_MEMORY)
        return KF_OK;
    *fatal = error;
    return KF_FATAL;
}

static enum kf_exit exit_code(const struct inspection *inspection)
{
    uint64_t failed = inspection->failed - (inspection->has_secrets ? 0 : inspection->locked);

    if (inspection->unreadable == 0 && failed == 0)
        return KF_EXIT_OK;
    if (inspection->unreadable + inspection->entries ==
        inspection->refused_all + inspection->locked)
        return KF_EXIT_SECRET;
    return inspection->unreadable == inspection->inputs ? KF_EXIT_FATAL : KF_EXIT_SOME;
}

static enum kf_exit run_inspect(struct kf_session *session, struct kf_arguments *arguments)
{
    struct inspection inspection = {
        .json = kf_has(arguments, KF_OPT_JSON),
        .as_table = kf_has(arguments, KF_OPT_TABLE),
        .has_secrets = kf_has(arguments, KF_OPT_KEY) || kf_has(arguments, KF_OPT_PASSWORD) ||
                       kf_has(arguments, KF_OPT_PASSWORDS) || kf_has(arguments, KF_OPT_MANIFEST)};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code = KF_EXIT_OK;
    const char *name = NULL;
    enum kf_status status;

    if (kf_lacks_inputs(arguments))
        return kf_usage_error(&kf_cmd_inspect, "inspect: name what to look at");
    if (inspection.json && inspection.as_table)
        return kf_usage_error(&kf_cmd_inspect, "inspect: --json or --table, not both");
    status = kf_reading_new(session, arguments, false, &inspection.reading, &error);
    while (status == KF_OK) {
        status = kf_reading_next(inspection.reading, &name, &error);
        if (status == KF_OK)
            status = inspect_input(&inspection, name, &error);
    }
    code = status == KF_END ? exit_code(&inspection) : kf_report_error(&error);
    kf_reading_free(inspection.reading);
    return code;
}

static const struct kf_option_entry options[] = {
    KF_READING_OPTIONS,
    {KF_OPT_TABLE, "a table with a line for each key, and nothing else"},
    {KF_OPT_JSON, "one JSON object an input, on one line"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_inspect = {
    .name = "inspect",
    .summary = "tell what a file is and holds",
    .synopsis = "inspect [OPTION]... INPUT...\n",
    .about = "Tells for each input which format it is, how it is protected, and what it\n"
             "holds: each key's owner and certificate, whether the key can be read and\n"
             "belongs to its certificate, and what an import would do with it, as far as\n"
             "that can be said without a store. Keys themselves are never shown.\n"
             "\n"
             "For folders of many files, --table has a line a key.\n",
    .options = options,
    .notes = "  keyferry inspect --table -r --passwords candidates.txt /srv/old-keys\n"
             "  keyferry inspect --password stdin jo.pfx <jo.password\n"
             "  keyferry inspect --json --key ca.p12 --keypass env:P export.xml\n",
    .needs_crypto = true,
    .run = run_inspect,
};

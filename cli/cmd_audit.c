/*
 * keyferry audit: the audit trail, shown, proven, and sealed by a checkpoint (docs/proof.md).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/results.h"
#include "core/files.h"
#include "store/audit.h"
#include "store/audit_verify.h"

struct auditing {
    struct kf_session *session;
    const struct kf_arguments *arguments;
    struct kf_store *store;
};

static json_t *entry_json(const struct kf_audit_entry *entry)
{
    const struct kf_slice line = {(const uint8_t *)entry->line, entry->line_len};
    struct kf_buf value = KF_PUBLIC_BUF;
    struct kf_audit_parts parts;
    struct kf_slice name;
    struct kf_slice escaped;
    json_t *object = json_object();
    json_t *fields = json_object();

    kf_json_set_number(object, "sequence", entry->sequence);
    if (kf_audit_split(line, &parts)) {
        kf_json_set(object, "time", json_stringn((const char *)parts.time.data, parts.time.len));
        kf_json_set(object, "event", json_stringn((const char *)parts.event.data, parts.event.len));
        while (kf_audit_take(&parts.fields, &name, &escaped)) {
            char *key = kf_strndup(name.data, name.len);

            if (key != NULL && kf_audit_unescape(escaped, &value, NULL) == KF_OK)
                kf_json_set_text(fields, key, (const char *)value.data);
            free(key);
        }
    }
    kf_json_set(object, "fields", fields);
    kf_json_set_text(object, "line", entry->line);
    kf_json_set_hex(object, "leaf", entry->leaf, sizeof(entry->leaf));
    kf_buf_reset(&value);
    return object;
}

static enum kf_exit show(const struct auditing *auditing)
{
    struct kf_audit_cursor *cursor = NULL;
    struct kf_audit_entry entry = {.line = NULL};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_status status = kf_audit_all(auditing->store, &cursor, &error);

    while (status == KF_OK && ferror(stdout) == 0) {
        status = kf_audit_next(cursor, &entry, &error);
        if (status != KF_OK)
            break;
        if (kf_has(auditing->arguments, KF_OPT_JSON)) {
            kf_json_print_line(entry_json(&entry));
            continue;
        }
        (void)printf("%6llu  ", (unsigned long long)entry.sequence);
        kf_print_visible(stdout, entry.line);
        (void)putchar('\n');
    }
    kf_audit_entry_reset(&entry);
    kf_audit_close(cursor);
    return status == KF_FATAL ? kf_report_error(&error) : KF_EXIT_OK;
}

static void tell_defect(void *context, const char *text)
{
    (void)context;
    kf_note("%s", text);
}

/* The checkpoint that --checkpoint names. KF_SKIP: it is no proof of anything. */
static enum kf_status read_checkpoint(const struct auditing *auditing, struct kf_checkpoint *out,
                                      struct kf_error *error)
{
    const char *path = kf_value(auditing->arguments, KF_OPT_CHECKPOINT);
    struct kf_buf bytes = KF_PUBLIC_BUF;
    enum kf_status status = kf_file_read(path, KF_CHECKPOINT_MAX, &bytes, error);

    if (status != KF_OK) {
        status = KF_FATAL;
    } else {
        status = kf_checkpoint_read(auditing->store, kf_buf_slice(&bytes), out, error);
        if (status != KF_OK)
            kf_error_place(error, "%s", path);
    }
    kf_buf_reset(&bytes);
    return status;
}

static enum kf_status prove(const struct auditing *auditing, const struct kf_checkpoint *checkpoint,
                            struct kf_audit_report *report, struct kf_error *error)
{
    const struct kf_audit_options options = {
        .checkpoint = checkpoint, .defect = tell_defect, .stop = kf_stop_flag()};
    enum kf_status status = kf_audit_verify(auditing->store, &options, report, error);

    if (status == KF_SKIP)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "interrupted");
    return status;
}

static void print_report(const struct auditing *auditing, const struct kf_checkpoint *checkpoint,
                         const struct kf_audit_report *report)
{
    char root[2 * KF_SHA256_SIZE + 1];

    kf_hex(root, report->root, sizeof(report->root));
    if (kf_has(auditing->arguments, KF_OPT_JSON)) {
        json_t *object = json_object();

        kf_json_set_number(object, "entries", report->entries);
        kf_json_set_number(object, "rows", report->rows);
        kf_json_set_number(object, "defects", report->defects);
        kf_json_set_text(object, "root", root);
        if (checkpoint != NULL) {
            kf_json_set_number(object, "checkpointSize", checkpoint->size);
            kf_json_set_text(object, "checkpointTime", checkpoint->time);
        }
        kf_json_print_line(object);
        return;
    }
    (void)printf("entries     %llu\n", (unsigned long long)report->entries);
    (void)printf("rows        %llu\n", (unsigned long long)report->rows);
    (void)printf("defects     %llu\n", (unsigned long long)report->defects);
    (void)printf("root        %s\n", root);
    if (checkpoint != NULL) {
        (void)printf("checkpoint  %llu entries, ", (unsigned long long)checkpoint->size);
        kf_print_visible(stdout, checkpoint->time);
        (void)putchar('\n');
    }
}

static enum kf_exit verify(const struct auditing *auditing)
{
    const bool has_checkpoint = kf_has(auditing->arguments, KF_OPT_CHECKPOINT);
    struct kf_checkpoint checkpoint = {.size = 0};
    const struct kf_checkpoint *given = NULL;
    struct kf_audit_report report;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_status read = has_checkpoint ? read_checkpoint(auditing, &checkpoint, &why) : KF_OK;

    if (read == KF_FATAL)
        return kf_report_error(&why);
    if (read == KF_OK && has_checkpoint)
        given = &checkpoint;
    if (prove(auditing, given, &report, &error) != KF_OK)
        return kf_report_error(&error);
    if (read == KF_SKIP) {
        report.defects++;
        (void)kf_report_error(&why);
    }
    print_report(auditing, given, &report);
    return report.defects == 0 ? KF_EXIT_OK : KF_EXIT_SOME;
}

/* Nobody signs a trail that is not whole. */
static enum kf_exit checkpoint(const struct auditing *auditing)
{
    const char *path = kf_value(auditing->arguments, KF_OPT_OUTPUT);
    struct kf_identity signer = {.key = NULL};
    struct kf_checkpoint made = {.size = 0};
    struct kf_audit_report report;
    struct kf_buf pem = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code = KF_EXIT_OK;
    enum kf_status status =
        kf_load_ca_key(auditing->session, auditing->arguments, auditing->store, &signer, &error);

    if (status == KF_OK)
        status = prove(auditing, NULL, &report, &error);
    if (status == KF_OK && report.defects != 0) {
        kf_note("no checkpoint was made: the audit trail has defects");
        code = KF_EXIT_SOME;
        goto out;
    }
    if (status == KF_OK) {
        made.size = report.entries;
        memcpy(made.root, report.root, sizeof(made.root));
        status = kf_checkpoint_sign(auditing->store, &made, &signer, &pem, &error);
    }
    if (status == KF_OK) { /* a checkpoint that nobody could use is found out here */
        status = kf_checkpoint_read(auditing->store, kf_buf_slice(&pem), &made, &error);
        if (status != KF_OK)
            kf_error_place(&error, "%s", signer.label);
    }
    if (status == KF_OK && path != NULL)
        status = kf_file_write(path, kf_buf_slice(&pem), kf_has(auditing->arguments, KF_OPT_FORCE),
                               &error);
    else if (status == KF_OK)
        (void)fwrite(pem.data, 1, pem.len, stdout);
    if (status != KF_OK)
        code = kf_report_error(&error);
out:
    kf_buf_reset(&pem);
    kf_identity_reset(&signer);
    return code;
}

struct verb {
    const char *name;
    enum kf_exit (*run)(const struct auditing *auditing);
};

static enum kf_exit run_audit(struct kf_session *session, struct kf_arguments *arguments)
{
    static const struct verb verbs[] = {
        {"show", show}, {"verify", verify}, {"checkpoint", checkpoint}};
    struct auditing auditing = {.session = session, .arguments = arguments};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    const struct verb *verb = NULL;
    enum kf_exit code;

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (arguments->operand_count == 1 && strcmp(arguments->operands[0], verbs[i].name) == 0)
            verb = &verbs[i];
    }
    if (verb == NULL)
        return kf_usage_error(&kf_cmd_audit, "audit: show, verify or checkpoint");
    if (kf_has(arguments, KF_OPT_CHECKPOINT) && verb->run != verify)
        return kf_usage_error(&kf_cmd_audit, "audit: --checkpoint goes with verify");
    if (verb->run != checkpoint &&
        (kf_has(arguments, KF_OPT_OUTPUT) || kf_has(arguments, KF_OPT_CAKEY) ||
         kf_has(arguments, KF_OPT_CAPASS) || kf_has(arguments, KF_OPT_FORCE)))
        return kf_usage_error(&kf_cmd_audit, "audit: -o, -f, --cakey and --capass go with "
                                             "checkpoint");
    if (verb->run == checkpoint && kf_has(arguments, KF_OPT_JSON))
        return kf_usage_error(&kf_cmd_audit, "audit: --json does not go with checkpoint");
    if (kf_open_store(session, arguments, &auditing.store, &error) == KF_OK)
        code = verb->run(&auditing);
    else
        code = kf_report_error(&error);
    kf_store_close(auditing.store);
    return code;
}

static const struct kf_option_entry options[] = {
    {KF_OPT_STORE, "the store; else $KEYFERRY_STORE, else keyferry.db"},
    {KF_OPT_CHECKPOINT, "verify: the trail has to be what it was when this was signed, or longer"},
    {KF_OPT_OUTPUT, "checkpoint: the file to write, else stdout"},
    {KF_OPT_FORCE, "checkpoint: overwrite it"},
    {KF_OPT_CAKEY, "checkpoint: the CA's key to sign with; else the one that the store remembers"},
    {KF_OPT_CAPASS, "checkpoint: its password"},
    {KF_OPT_JSON, "show: one JSON object an entry; verify: the result as one"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_audit = {
    .name = "audit",
    .summary = "show or prove the audit trail, or sign a checkpoint of it",
    .synopsis = "audit show [-s STORE] [--json]\n"
                "audit verify [-s STORE] [--checkpoint FILE] [--json]\n"
                "audit checkpoint [-s STORE] [--cakey KEY [--capass SRC]]\n"
                " [-o FILE]\n",
    .about = "Every change of the store, every key that was fetched and every refusal is an\n"
             "entry of its audit trail, written in the same transaction.\n"
             "\n"
             "verify computes the hashes of all entries anew, and holds every row, run and\n"
             "setting against what the entries say. What was changed, removed, inserted or\n"
             "moved is named on stderr, one a line (exit code 2).\n"
             "\n"
             "The trail has no secret: whoever writes all of it anew cannot be told from who\n"
             "wrote it first, but by a checkpoint: the length of the trail and the root of\n"
             "its Merkle tree, signed by the CA. Keep it where those who can write the store\n"
             "cannot; verify --checkpoint then proves that nothing before it was changed or\n"
             "cut off. openssl cms -verify -noverify -inform PEM -in FILE shows it.\n",
    .options = options,
    .notes = "  keyferry audit checkpoint -o 2026-11-22.checkpoint\n"
             "  keyferry audit verify --checkpoint 2026-11-22.checkpoint\n",
    .needs_crypto = true,
    .run = run_audit,
};

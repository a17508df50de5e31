/*
 * Imports of files into a store: see import_run.h.
 */
#include "tests/support/import_run.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/files.h"
#include "crypto/cert.h"
#include "readers/formats.h"
#include "store/audit_verify.h"
#include "tests/support/kms_builder.h"
#include "tests/support/kms_export.h"
#include "tests/support/outside.h"
#include "tests/support/pfx_parts.h"
#include "tests/support/suite.h"

#define EXPORTED 4u

static void need(bool done, const char *what, const struct kf_error *error)
{
    if (done)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, error != NULL ? error->text : "failed");
    exit(EXIT_FAILURE);
}

static void put_exported(struct kf_writer *writer, const struct archive_keys *keys, size_t index)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_record record;

    kf_record_init(&record);
    need(kf_buf_set(&record.cert, kf_buf_slice(&keys->certificates[index]), &error) == KF_OK &&
             kf_buf_set(&record.pkcs8, kf_buf_slice(&keys->pkcs8[index]), &error) == KF_OK &&
             kf_cert_parse(material_crypto(), kf_buf_slice(&record.cert), &record.facts, &error) ==
                 KF_OK,
         "a record", &error);
    record.has_facts = true;
    need(writer->ops->put(writer, "keys", &record, &error) == KF_OK &&
             record.outcome == KF_ARCHIVED,
         "a record of the export", &error);
    kf_record_reset(&record);
}

static void make_export(const struct archive_keys *keys)
{
    struct kms_export export;

    kms_export_prepare(&export);
    kms_export_start(&export);
    for (size_t i = 0; i < EXPORTED; i++)
        put_exported(export.writer, keys, i);
    kms_export_finish(&export);
    kf_identity_reset(&export.identity);
}

static void make_pfx(const struct archive_keys *keys, size_t index, const char *name)
{
    struct pfx_part part = {.pkcs8 = keys->pkcs8[index], .cert = keys->certificates[index]};
    struct kf_buf bytes = KF_PUBLIC_BUF;

    pfx_usual(&bytes, &part, "secret");
    outside_write(name, kf_buf_slice(&bytes));
    kf_buf_reset(&bytes);
}

void import_material_make(const struct archive *archive, struct import_material *out)
{
    static const char *const names[IMPORT_FILES] = {"out.xml", "1.pfx", "2.pfx", "3.pfx"};
    struct kf_buf password = KF_SECRET_BUF;
    struct archive_keys keys;

    archive_keys_make(archive, EXPORTED + IMPORT_FILES - 1, &keys);
    make_export(&keys);
    for (size_t i = 0; i < IMPORT_FILES; i++) {
        if (i != 0)
            make_pfx(&keys, EXPORTED + i - 1, names[i]);
        out->paths[i] = kf_strndup(outside_path(names[i]), strlen(outside_path(names[i])));
        need(out->paths[i] != NULL, "memory", NULL);
    }
    archive_keys_reset(&keys);
    out->secrets = kms_secrets("signer");
    need(kf_buf_set(&password, kf_slice_of("secret"), NULL) == KF_OK &&
             kf_secrets_add_password(out->secrets, &password, false, "secret", NULL) == KF_OK,
         "a password", NULL);
}

void import_material_reset(struct import_material *material)
{
    for (size_t i = 0; i < IMPORT_FILES; i++)
        free((void *)(uintptr_t)material->paths[i]);
    kf_secrets_free(material->secrets);
}

static enum kf_status inputs_next(void *context, const char **name, struct kf_error *error)
{
    struct import_run *run = context;

    (void)error;
    if (run->at == run->end)
        return KF_END;
    *name = run->material->paths[run->at++];
    return KF_OK;
}

static enum kf_status inputs_open(void *context, struct kf_reader **reader, struct kf_error *error)
{
    const struct import_run *run = context;
    const struct kf_reader_options options = {.crypto = material_crypto(),
                                              .secrets = run->material->secrets,
                                              .limits = KF_LIMITS_DEFAULT};
    struct kf_input *input = NULL;
    enum kf_status status = kf_input_open(&input, run->material->paths[run->at - 1], error);

    if (status != KF_OK)
        return status;
    status = kf_input_hash(input, options.crypto->sha256, error);
    if (status == KF_OK)
        status = kf_reader_open(reader, input, NULL, &options, error);
    if (status != KF_OK)
        kf_input_close(input);
    return status;
}

static enum kf_status inputs_look(void *context, struct kf_input_facts *facts,
                                  struct kf_error *error)
{
    const struct import_run *run = context;

    return kf_file_facts(run->material->paths[run->at - 1], material_crypto()->sha256, facts,
                         error);
}

static enum kf_status open_writer(struct kf_store *store, struct import_run *run,
                                  struct kf_run *before, struct kf_policy **policy,
                                  struct kf_writer **writer)
{
    const char *const *inputs = &run->material->paths[run->at];
    struct kf_policy_options rules = {.profile = KF_SEAL_WINDOWS, .now = (int64_t)time(NULL)};
    struct kf_archive_options target = {
        .store = store,
        .run = {.command = "import", .inputs = inputs, .input_count = run->end - run->at}};
    enum kf_status status = KF_END;

    if (run->resume)
        status = kf_runs_find_resumable(store, &target.run, before, &run->error);
    rules.kra_start = before->kra_start;
    if (status == KF_END)
        status = kf_runs_kra_start(store, &rules.kra_start, &run->error);
    if (status == KF_OK)
        status = kf_policy_new(store, &rules, policy, &run->error);
    if (status != KF_OK)
        return status;
    target.policy = *policy;
    target.resume = before->id;
    target.start = before->position;
    return kf_archive_open(&target, writer, &run->error);
}

static void run_pipeline(struct import_run *run, const struct kf_run *before,
                         struct kf_policy *policy, struct kf_writer *writer)
{
    const struct kf_pipeline pipeline = {
        .inputs = {.next = inputs_next, .open = inputs_open, .look = inputs_look, .context = run},
        .stage = {.apply = kf_policy_apply, .context = policy},
        .writer = writer,
        .start = before->position,
        .totals_before = before->totals,
        .commit_every = run->commit_every,
        .jobs = run->jobs,
    };

    run->status = kf_pipeline_run(&pipeline, &run->totals, &run->error);
}

void import_run(const char *path, struct import_run *run)
{
    const struct kf_store_options options = {.crypto = material_crypto(), .caller = "tester"};
    struct kf_run before = {.command = NULL};
    struct kf_store *store = NULL;
    struct kf_policy *policy = NULL;
    struct kf_writer *writer = NULL;

    run->error = (struct kf_error){.cause = KF_CAUSE_NONE};
    run->at = run->mix == IMPORT_PFX ? 1 : 0;
    run->end = run->mix == IMPORT_KMS ? 1 : IMPORT_FILES;
    run->status = kf_store_open(path, &options, &store, &run->error);
    if (run->status == KF_OK)
        run->status = open_writer(store, run, &before, &policy, &writer);
    if (run->status == KF_OK)
        run_pipeline(run, &before, policy, writer);
    if (writer != NULL)
        writer->ops->close(writer);
    kf_policy_free(policy);
    kf_run_reset(&before);
    kf_store_close(store);
}

/* The first column of the first row, as text to be freed. */
static char *ask(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    char *text = NULL;

    need(sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK,
         sqlite3_errmsg(database), NULL);
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != NULL)
        text = kf_strndup(sqlite3_column_text(statement, 0),
                          (size_t)sqlite3_column_bytes(statement, 0));
    (void)sqlite3_finalize(statement);
    return text != NULL ? text : kf_strndup("", 0);
}

static sqlite3 *connect_to(const char *path)
{
    sqlite3 *database = NULL;

    need(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK, path, NULL);
    return database;
}

char *import_dump(const char *path)
{
    static const char sql[] =
        "SELECT (SELECT group_concat(RequestID || Disposition || CommonName || hex(CertificateHash)"
        " || SerialNumber || KeyRecoveryHashes || KeyBlob || InputID || '.' || Ordinal"
        " || (SELECT hex(RawCertificate) || (RawArchivedKey IS NULL) FROM Material m"
        "     WHERE m.RequestID = Requests.RequestID), char(10)) FROM Requests)"
        " || char(10) || (SELECT group_concat(RunID || '.' || Sequence || Outcome || InputID || '.'"
        " || Ordinal || RequestID, char(10)) FROM Entries)"
        " || char(10) || (SELECT group_concat(InputID || Position || Name || Size || hex(SHA256),"
        " char(10)) FROM Inputs)"
        " || char(10) || (SELECT group_concat(RunID || (Ended IS NULL) || Archived || Known"
        " || Refused || Failed || Skipped || Users, char(10)) FROM Runs)"
        " || char(10) || (SELECT count(*) FROM Tokens) || '.' ||"
        " (SELECT count(*) FROM CertificateTokens) || '.' ||"
        " (SELECT count(*) FROM Audit WHERE Entry LIKE '% key-archived %')";
    sqlite3 *database = connect_to(path);
    char *text = ask(database, sql);

    (void)sqlite3_close(database);
    return text;
}

static void print_defect(void *context, const char *text)
{
    (void)context;
    (void)printf("\n    %s", text);
}

bool import_is_sound(const char *path)
{
    const struct kf_store_options options = {.crypto = material_crypto(), .caller = "tester"};
    const struct kf_audit_options audit = {.defect = print_defect};
    struct kf_audit_report report = {.entries = 0};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_store *store = NULL;
    sqlite3 *database = connect_to(path);
    char *check = ask(database, "PRAGMA integrity_check");
    bool sound = strcmp(check, "ok") == 0;

    (void)sqlite3_close(database);
    if (!sound)
        (void)printf("\n    %s", check);
    free(check);
    if (kf_store_open(path, &options, &store, &error) != KF_OK ||
        kf_audit_verify(store, &audit, &report, &error) != KF_OK) {
        (void)printf("\n    %s", error.text);
        sound = false;
    }
    kf_store_close(store);
    return sound && report.defects == 0;
}

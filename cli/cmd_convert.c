/*
 * keyferry convert: from any format that is read to one that is written, without a store.
 *
 * The destination sees private keys, so that it has to be named, and its owner confirmed, before
 * anything is read: a KMS export is protected to the certificate whose thumbprint the user gives,
 * files of keys to a password that is asked for or named (convert_files.c).
 */
#include <stdio.h>
#include <string.h>

#include "cli/convert.h"
#include "cli/keys.h"
#include "cli/passwords.h"
#include "cli/reading.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/walk.h"
#include "crypto/cert.h"
#include "writers/destinations.h"
#include "writers/kms.h"

struct conversion {
    struct kf_session *session;
    const struct kf_arguments *arguments;
    struct kf_reading *reading;
    struct kf_identity export_key; /* by --export-key */
    struct kf_buf thumbprint;      /* as typed, NUL-terminated */
    const struct kf_writer_ops *to;
    struct kf_writer *writer; /* of kms */
    struct kf_file_destination files;
    struct kf_report_live report;
    struct kf_input_names unsigned_inputs;
    struct kf_buf options; /* as the report tells them */
    unsigned jobs;
};

/* --export-key, or else the key that the input is opened with. NULL: the error says why. */
static const struct kf_identity *find_export_key(struct conversion *conversion,
                                                 struct kf_error *error)
{
    const struct kf_arguments *arguments = conversion->arguments;
    const char *key = kf_value(arguments, KF_OPT_EXPORT_KEY);
    char *source = kf_value(arguments, KF_OPT_EXPORT_KEYPASS);
    const struct kf_identity *found = NULL;

    if (key != NULL)
        return kf_load_key(conversion->session, key, source, "the export-signing key",
                           &conversion->export_key, error) == KF_OK
                   ? &conversion->export_key
                   : NULL;
    if (source != NULL) {
        (void)!kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "--export-keypass without --export-key");
        return NULL;
    }
    found = kf_reading_key(conversion->reading);
    if (found == NULL)
        (void)!kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "a KMS export is signed and protected: give --export-key KEY");
    return found;
}

/* What the question names, so that the user knows whose digits are wanted. */
static enum kf_status ask_thumbprint(struct conversion *conversion,
                                     const struct kf_identity *identity, struct kf_error *error)
{
    struct kf_cert_facts facts = {.version = 0};
    struct kf_buf der = KF_PUBLIC_BUF;
    char question[512] = "first eight hex digits of the thumbprint of the export-signing "
                         "certificate";
    enum kf_status status = KF_OK;

    if (identity->certificate != NULL) {
        status = kf_x509_encode(identity->certificate, &der, error);
        if (status == KF_OK)
            status = kf_cert_parse(conversion->session->crypto, kf_buf_slice(&der), &facts, error);
        if (status == KF_OK)
            (void)snprintf(question + strlen(question), sizeof(question) - strlen(question),
                           " (%.300s)", facts.subject);
    }
    if (status == KF_OK)
        status = kf_line_ask(conversion->session, question, &conversion->thumbprint, error);
    if (status == KF_OK)
        status = kf_buf_append(&conversion->thumbprint, "", 1, error);
    kf_cert_facts_reset(&facts);
    kf_buf_reset(&der);
    return status;
}

static enum kf_status find_thumbprint(struct conversion *conversion,
                                      const struct kf_identity *identity, const char **out,
                                      struct kf_error *error)
{
    enum kf_status status;

    *out = kf_value(conversion->arguments, KF_OPT_THUMBPRINT);
    if (*out != NULL)
        return KF_OK;
    if (!kf_can_ask(conversion->session))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "confirm whose export it is: --thumbprint and the first eight hex digits of "
                       "the certificate's SHA-1");
    status = ask_thumbprint(conversion, identity, error);
    *out = (const char *)conversion->thumbprint.data;
    return status;
}

static enum kf_status open_kms(struct conversion *conversion, struct kf_error *error)
{
    const struct kf_arguments *arguments = conversion->arguments;
    struct kf_kms_export_options options = {
        .crypto = conversion->session->crypto,
        .path = kf_value(arguments, KF_OPT_OUTPUT),
        .overwrite = kf_has(arguments, KF_OPT_FORCE),
        .organization = kf_value(arguments, KF_OPT_ORGANIZATION),
        .administrative_group = kf_value(arguments, KF_OPT_GROUP),
        .oaep_sha256 = kf_has(arguments, KF_OPT_OAEP_SHA256),
    };

    options.identity = find_export_key(conversion, error);
    if (options.identity == NULL ||
        find_thumbprint(conversion, options.identity, &options.thumbprint, error) != KF_OK)
        return KF_FATAL;
    return kf_kms_export_open(&options, &conversion->writer, error);
}

static enum kf_status refuse_for_kms(const struct kf_arguments *arguments, struct kf_error *error)
{
    static const enum kf_option others[] = {
        KF_OPT_OUTPASS, KF_OPT_RANDOM_PASSWORDS, KF_OPT_PER,   KF_OPT_PROFILE, KF_OPT_ITERATIONS,
        KF_OPT_KRA,     KF_OPT_CERTUTIL,         KF_OPT_CAKEY, KF_OPT_CAPASS,  KF_OPT_ACCEPT_1024};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (kf_has(arguments, others[i]))
            return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                           "--%s has no meaning with --to kms", kf_option_spec(others[i])->name);
    }
    return KF_OK;
}

/* What would keep a report from being written is told before anything is read. */
static enum kf_status begin_report(struct conversion *conversion, struct kf_error *error)
{
    static const enum kf_option told[] = {KF_OPT_TO,     KF_OPT_OUTPUT,   KF_OPT_FORCE,
                                          KF_OPT_PER,    KF_OPT_PROFILE,  KF_OPT_ITERATIONS,
                                          KF_OPT_KRA,    KF_OPT_UNSIGNED, KF_OPT_RECURSIVE,
                                          KF_OPT_FORMAT, KF_OPT_MANIFEST, KF_OPT_EPF_DIALECT};
    const struct kf_arguments *arguments = conversion->arguments;

    if (kf_describe_options(arguments, told, sizeof(told) / sizeof(told[0]), &conversion->options,
                            error) != KF_OK)
        return KF_FATAL;
    return kf_report_live_begin(&conversion->report, conversion->session, arguments,
                                (const char *)conversion->options.data, NULL, error);
}

static enum kf_status prepare(struct conversion *conversion, struct kf_error *error)
{
    const struct kf_arguments *arguments = conversion->arguments;

    if (kf_jobs(arguments, &conversion->jobs, error) != KF_OK ||
        begin_report(conversion, error) != KF_OK ||
        kf_reading_new(conversion->session, arguments, true, &conversion->reading, error) != KF_OK)
        return KF_FATAL;
    kf_reading_on_unsigned(conversion->reading, kf_input_names_add, &conversion->unsigned_inputs);
    if (kf_is_file_destination(conversion->to))
        return kf_file_destination_open(conversion->session, arguments, conversion->to,
                                        &conversion->files, error);
    if (refuse_for_kms(arguments, error) != KF_OK)
        return KF_FATAL;
    return open_kms(conversion, error);
}

static enum kf_exit run(struct conversion *conversion)
{
    struct kf_results results;
    struct kf_totals totals = {.users = 0};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_status status;
    enum kf_exit code;

    kf_results_begin(&results, conversion->session, conversion->arguments, NULL);
    results.keeps_files = conversion->files.writer != NULL;
    results.many_passwords = kf_reading_has_many_passwords(conversion->reading);
    status = kf_pipeline_run(
        &(struct kf_pipeline){
            .inputs = kf_reading_inputs(conversion->reading),
            .stage = conversion->files.stage,
            .writer =
                conversion->files.writer != NULL ? conversion->files.writer : conversion->writer,
            .sink = kf_report_live_sink(&conversion->report, kf_results_sink(&results)),
            .dry_run = kf_has(conversion->arguments, KF_OPT_DRY_RUN),
            .jobs = conversion->jobs,
            .stop = kf_stop_flag(),
        },
        &totals, &error);
    code = kf_results_end(&results, status, &totals, &error);
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    if (kf_report_live_end(&conversion->report, status, &totals, &conversion->unsigned_inputs,
                           &error) != KF_OK)
        return kf_report_error(&error);
    return code;
}

static enum kf_exit run_convert(struct kf_session *session, struct kf_arguments *arguments)
{
    struct conversion conversion = {
        .session = session, .arguments = arguments, .options = KF_PUBLIC_BUF};
    const char *to = kf_value(arguments, KF_OPT_TO);
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code;

    if (kf_lacks_inputs(arguments))
        return kf_usage_error(&kf_cmd_convert, "convert: name what to convert");
    if (to == NULL || !kf_has(arguments, KF_OPT_OUTPUT))
        return kf_usage_error(&kf_cmd_convert, "convert: needs --to NAME and -o PATH");
    conversion.to = kf_destination_find(to);
    if (conversion.to != &kf_writer_kms && !kf_is_file_destination(conversion.to))
        return kf_usage_error(&kf_cmd_convert, "convert: there is no format %s to write", to);
    if (prepare(&conversion, &error) == KF_OK)
        code = run(&conversion);
    else
        code = kf_report_error(&error);
    if (conversion.writer != NULL)
        conversion.writer->ops->close(conversion.writer);
    kf_file_destination_close(&conversion.files);
    kf_report_live_reset(&conversion.report);
    kf_input_names_reset(&conversion.unsigned_inputs);
    kf_buf_reset(&conversion.options);
    kf_reading_free(conversion.reading);
    kf_identity_reset(&conversion.export_key);
    kf_buf_reset(&conversion.thumbprint);
    return code;
}

static const struct kf_option_entry options[] = {
    {KF_OPT_TO, "the format to write: pfx, kms, rec or epf"},
    {KF_OPT_OUTPUT, "where to: for kms the file, whose signature is PATH.p7s; for the others a "
                    "folder, which is made, or one file with their ending"},
    {KF_OPT_FORCE, "overwrite files"},
    {KF_OPT_OUTPASS, "pfx, epf: password for the new files"},
    {KF_OPT_RANDOM_PASSWORDS, "pfx, epf: a random password for each file, told in "
                              "PATH/passwords.csv, which import takes as --manifest"},
    {KF_OPT_PER, "pfx, epf: one file a user or a key; left out, pfx is by key and epf by user"},
    {KF_OPT_PROFILE, "pfx: modern (AES-256, SHA-256; as it is by itself), windows (3DES, which "
                     "Windows Server 2012 opens) or legacy (3DES and RC2-40); rec: windows, "
                     "windows-3des or modern, as import has them"},
    {KF_OPT_ITERATIONS, "pfx: iterations of each key derivation"},
    {KF_OPT_CERTUTIL, "pfx: write PATH/import.cmd as well, which imports the files on a Windows "
                      "CA; it holds the passwords"},
    {KF_OPT_KRA, "rec: the certificate of a recovery agent; may be given several times: each key "
                 "is sealed to all"},
    {KF_OPT_ACCEPT_1024, "rec: take agents with RSA keys of 1024 bits"},
    {KF_OPT_CAKEY, "rec: sign the blobs with this key and its certificate"},
    {KF_OPT_CAPASS, "rec: its password"},
    {KF_OPT_EXPORT_KEY, "kms: the export-signing key, with its certificate; else the first --key"},
    {KF_OPT_EXPORT_KEYPASS, "kms: its password"},
    {KF_OPT_THUMBPRINT, "kms: the first eight hex digits of that certificate's SHA-1, as a "
                        "confirmation; else they are asked for"},
    {KF_OPT_ORGANIZATION, "kms: the export's organization"},
    {KF_OPT_GROUP, "kms: the export's administrative group"},
    {KF_OPT_OAEP_SHA256, "kms: protect the lock box with RSA-OAEP and SHA-256, not SHA-1"},
    KF_READING_OPTIONS,
    {KF_OPT_DRY_RUN, "do everything but write"},
    {KF_OPT_REPORT, "what became of every key, written at the end: a page (.html), a table "
                    "(.csv) or JSON lines (.jsonl); may be given several times"},
    {KF_OPT_JOBS, "threads that decrypt; by default one a core"},
    {KF_OPT_JSON, "one JSON object a line: every key, and the summary"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_convert = {
    .name = "convert",
    .summary = "write keys in another format",
    .synopsis = "convert --to pfx|epf -o PATH --outpass SRC [OPTION]... INPUT...\n"
                "convert --to rec -o PATH --kra CERT [OPTION]... INPUT...\n"
                "convert --to kms -o PATH --export-key KEY [OPTION]... INPUT...\n",
    .about = "Reads keys as import does, and writes them in another format, without a store.\n"
             "In the table, archived means written. Nothing is overwritten without -f: a key\n"
             "whose file is there already is refused. All files are mode 0600.\n"
             "\n"
             "--to pfx writes PKCS #12 files, --to epf profiles of keyferry's own dialect.\n"
             "They hold private keys, so that a password is named or asked for first.\n"
             "\n"
             "--to rec writes recovery blobs, which only the recovery agents can open.\n"
             "\n"
             "--to kms writes a KMS export: signed with the export-signing key, and protected\n"
             "to its certificate. Whoever has that key can read every private key in it, so\n"
             "the certificate is confirmed by its thumbprint first.\n",
    .options = options,
    .notes = "  keyferry convert --to pfx -o out --random-passwords --key agent.p12 -r blobs\n"
             "  keyferry convert --to kms -o export.xml --export-key ca.p12\n"
             "    --export-keypass env:P --thumbprint 1f00ab37 --password stdin jo.pfx\n",
    .needs_crypto = true,
    .run = run_convert,
};

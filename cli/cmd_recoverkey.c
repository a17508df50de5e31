/*
 * keyferry recoverkey: opens recovery blobs with an agent's key, and writes PFX files (RFC 7292).
 *
 * Needs no store. Refuses a blob whose signature does not verify; one without a signature is taken,
 * and said so, since the key is held against its certificate in any case.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/keys.h"
#include "cli/output.h"
#include "cli/passwords.h"
#include "core/files.h"
#include "core/limits.h"
#include "crypto/pfxfile.h"
#include "crypto/recblob.h"

struct recovery {
    struct kf_session *session;
    const struct kf_arguments *arguments;
    struct kf_secrets *secrets; /* the agents' keys */
    struct kf_identity *agents; /* the same, borrowed, as an array */
    size_t agent_count;
    STACK_OF(X509) * extra; /* --cert */
    struct kf_buf password; /* of the PFX files */
    enum kf_pfx_profile profile;
    bool into_folder;
};

static enum kf_status find_profile(const char *name, enum kf_pfx_profile *out,
                                   struct kf_error *error)
{
    *out = KF_PFX_MODERN;
    if (name == NULL || strcmp(name, "modern") == 0)
        return KF_OK;
    *out = strcmp(name, "windows") == 0 ? KF_PFX_WINDOWS : KF_PFX_LEGACY;
    if (*out == KF_PFX_WINDOWS || strcmp(name, "legacy") == 0)
        return KF_OK;
    return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                   "there is no profile %s: modern, windows or legacy", name);
}

static enum kf_status load_extra(struct recovery *recovery, struct kf_error *error)
{
    const struct kf_arguments *arguments = recovery->arguments;
    struct kf_der_list list = {.items = NULL};
    enum kf_status status =
        kf_load_certificates(recovery->session, arguments, KF_OPT_CERT, &list, error);

    recovery->extra = sk_X509_new_null();
    if (status == KF_OK && recovery->extra == NULL)
        status = kf_fail_memory(error);
    for (size_t i = 0; i < list.count && status == KF_OK; i++) {
        X509 *certificate =
            kf_x509_parse(recovery->session->crypto, kf_buf_slice(&list.items[i]), error);

        if (certificate == NULL || sk_X509_push(recovery->extra, certificate) == 0) {
            X509_free(certificate);
            status = error->cause != KF_CAUSE_NONE ? KF_FATAL : kf_fail_memory(error);
        }
    }
    kf_der_list_reset(&list);
    return status;
}

static enum kf_status load_agents(struct recovery *recovery, struct kf_error *error)
{
    if (kf_secrets_new(&recovery->secrets, error) != KF_OK ||
        kf_load_keys(recovery->session, recovery->arguments, recovery->secrets, error) != KF_OK)
        return KF_FATAL;
    recovery->agent_count = kf_secrets_identity_count(recovery->secrets);
    recovery->agents = calloc(recovery->agent_count, sizeof(*recovery->agents));
    if (recovery->agents == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < recovery->agent_count; i++)
        recovery->agents[i] = *kf_secrets_identity(recovery->secrets, i);
    return KF_OK;
}

/* One blob gives a file; several, or an -o that is a folder or ends like one, give files in it. */
static enum kf_status find_output(struct recovery *recovery, struct kf_error *error)
{
    const char *output = kf_value(recovery->arguments, KF_OPT_OUTPUT);
    size_t len = strlen(output);
    struct stat facts;

    if (stat(output, &facts) == 0) {
        recovery->into_folder = S_ISDIR(facts.st_mode);
        if (!recovery->into_folder && recovery->arguments->operand_count > 1)
            return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                           "%s is no folder; several keys need one", output);
        return KF_OK;
    }
    recovery->into_folder =
        recovery->arguments->operand_count > 1 || (len != 0 && output[len - 1] == '/');
    if (recovery->into_folder && mkdir(output, 0700) != 0)
        return kf_fail_errno(error, KF_FATAL, "cannot make the folder %s", output);
    return KF_OK;
}

/* DIR/NAME.pfx for a blob named .../NAME.rec. */
static char *pfx_path(const struct recovery *recovery, const char *blob)
{
    const char *output = kf_value(recovery->arguments, KF_OPT_OUTPUT);
    const char *slash = strrchr(blob, '/');
    const char *base = slash != NULL ? slash + 1 : blob;
    const char *dot = strrchr(base, '.');
    size_t base_len = dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base);
    size_t size = strlen(output) + base_len + sizeof("/.pfx");
    char *path = NULL;

    if (!recovery->into_folder)
        return kf_strndup(output, strlen(output));
    path = malloc(size);
    if (path != NULL)
        (void)snprintf(path, size, "%s/%.*s.pfx", output, (int)base_len, base);
    return path;
}

/* What kf_chain_pick needs: the blob's certificates, parsed, and the user's after them. */
struct pool {
    size_t count; /* without the user's */
    struct kf_buf *ders;
    struct kf_cert_facts *facts;
    size_t *picked;
};

static void reset_pool(struct pool *pool)
{
    for (size_t i = 0; i <= pool->count && pool->ders != NULL && pool->facts != NULL; i++) {
        kf_cert_facts_reset(&pool->facts[i]);
        kf_buf_reset(&pool->ders[i]);
    }
    free(pool->picked);
    free(pool->facts);
    free(pool->ders);
}

static enum kf_status fill_pool(const struct recovery *recovery, const struct kf_recblob *blob,
                                const X509 *certificate, struct pool *pool, struct kf_error *error)
{
    enum kf_status status = KF_OK;
    int count = sk_X509_num(blob->certificates);

    pool->count = count > 0 ? (size_t)count : 0;
    pool->ders = calloc(pool->count + 1, sizeof(*pool->ders));
    pool->facts = calloc(pool->count + 1, sizeof(*pool->facts));
    pool->picked = calloc(pool->count + 1, sizeof(*pool->picked));
    if (pool->ders == NULL || pool->facts == NULL || pool->picked == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i <= pool->count && status == KF_OK; i++) {
        const X509 *one = i < pool->count ? sk_X509_value(blob->certificates, (int)i) : certificate;

        pool->ders[i].is_public = true;
        status = kf_x509_encode(one, &pool->ders[i], error);
        if (status == KF_OK)
            status = kf_cert_parse(recovery->session->crypto, kf_buf_slice(&pool->ders[i]),
                                   &pool->facts[i], error);
    }
    return status;
}

/* The certificates of the blob that lead from the user's upwards. */
static enum kf_status pick_chain(const struct recovery *recovery, const struct kf_recblob *blob,
                                 const X509 *certificate, STACK_OF(X509) * *out,
                                 struct kf_error *error)
{
    struct pool pool = {.count = 0};
    enum kf_status status = fill_pool(recovery, blob, certificate, &pool, error);
    size_t length = 0;

    *out = sk_X509_new_null();
    if (status == KF_OK && *out == NULL)
        status = kf_fail_memory(error);
    if (status == KF_OK)
        length = kf_chain_pick(recovery->session->crypto, &pool.facts[pool.count], pool.facts,
                               pool.count, pool.picked);
    for (size_t i = 0; i < length && status == KF_OK; i++) {
        X509 *link = sk_X509_value(blob->certificates, (int)pool.picked[i]);

        if (sk_X509_push(*out, link) == 0)
            status = kf_fail_memory(error);
        else
            (void)X509_up_ref(link);
    }
    reset_pool(&pool);
    return status;
}

static enum kf_status read_blob(const struct recovery *recovery, const char *path,
                                struct kf_recblob *blob, struct kf_error *error)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;
    enum kf_status status = kf_file_read(path, KF_MAX_ENVELOPE, &bytes, error);

    if (status == KF_OK)
        status = kf_recblob_read(recovery->session->crypto, kf_buf_slice(&bytes), blob, error);
    if (status == KF_OK && blob->is_signed && !blob->signature_good)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5652 5.6",
                         "the signature of the recovery blob does not verify");
    kf_buf_reset(&bytes);
    return status;
}

static enum kf_status write_pfx(const struct recovery *recovery, const struct kf_recblob *blob,
                                const struct kf_buf *key, X509 *certificate, const char *path,
                                struct kf_error *error)
{
    bool force = kf_has(recovery->arguments, KF_OPT_FORCE);
    STACK_OF(X509) *chain = NULL;
    struct kf_buf pfx = KF_SECRET_BUF;
    enum kf_status status = KF_OK;

    if (certificate != NULL)
        status = pick_chain(recovery, blob, certificate, &chain, error);
    if (status == KF_OK)
        status = kf_pfx_make(recovery->session->crypto, kf_buf_slice(key), certificate, chain, NULL,
                             &recovery->password, recovery->profile, &pfx, error);
    if (status == KF_OK)
        status = kf_file_write(path, kf_buf_slice(&pfx), force, error);
    kf_buf_reset(&pfx);
    sk_X509_pop_free(chain, X509_free);
    return status;
}

static enum kf_status recover(const struct recovery *recovery, const char *blob_path,
                              struct kf_error *error)
{
    struct kf_recblob blob = {.is_signed = false};
    struct kf_buf key = KF_SECRET_BUF;
    X509 *certificate = NULL;
    char *path = pfx_path(recovery, blob_path);
    enum kf_status status = path != NULL ? KF_OK : kf_fail_memory(error);

    if (status == KF_OK)
        status = read_blob(recovery, blob_path, &blob, error);
    if (status == KF_OK)
        status = kf_recblob_open(recovery->session->crypto, &blob, recovery->agents,
                                 recovery->agent_count, recovery->extra, &key, &certificate, error);
    if (status == KF_OK)
        status = write_pfx(recovery, &blob, &key, certificate, path, error);
    if (status == KF_OK) {
        kf_print_path(path);
        if (!blob.is_signed)
            kf_note("%s is not signed", blob_path);
        if (certificate == NULL)
            kf_note("%s has no certificate that belongs to the key, so %s has none either "
                    "(--cert gives one)",
                    blob_path, path);
    }
    X509_free(certificate);
    kf_buf_reset(&key);
    kf_recblob_reset(&blob);
    free(path);
    return status;
}

static enum kf_status prepare(struct recovery *recovery, struct kf_error *error)
{
    char *outpass = kf_value(recovery->arguments, KF_OPT_OUTPASS);

    if (find_profile(kf_value(recovery->arguments, KF_OPT_PROFILE), &recovery->profile, error) !=
            KF_OK ||
        find_output(recovery, error) != KF_OK || load_extra(recovery, error) != KF_OK ||
        load_agents(recovery, error) != KF_OK)
        return KF_FATAL;
    return kf_password_get(recovery->session, outpass, "password for the new PFX file (--outpass)",
                           true, &recovery->password, error);
}

static enum kf_exit recover_all(const struct recovery *recovery)
{
    const size_t count = recovery->arguments->operand_count;
    size_t failed = 0;
    size_t refused_keys = 0; /* not sealed to the agents that were given */

    for (size_t i = 0; i < count; i++) {
        const char *path = recovery->arguments->operands[i];
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        if (recover(recovery, path, &error) == KF_OK)
            continue;
        failed++;
        refused_keys += error.cause == KF_CAUSE_SECRET ? 1 : 0;
        kf_error_place(&error, "%s", path);
        (void)kf_report_error(&error);
    }
    if (failed == 0)
        return KF_EXIT_OK;
    if (refused_keys == count)
        return KF_EXIT_SECRET;
    return failed < count ? KF_EXIT_SOME : KF_EXIT_FATAL;
}

static enum kf_exit run_recoverkey(struct kf_session *session, struct kf_arguments *arguments)
{
    struct recovery recovery = {.session = session, .arguments = arguments};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code;

    if (arguments->operand_count == 0)
        return kf_usage_error(&kf_cmd_recoverkey, "recoverkey: name a recovery blob");
    if (!kf_has(arguments, KF_OPT_OUTPUT) || !kf_has(arguments, KF_OPT_KEY))
        return kf_usage_error(&kf_cmd_recoverkey, "recoverkey: needs -o and --key");
    if (prepare(&recovery, &error) == KF_OK)
        code = recover_all(&recovery);
    else
        code = kf_report_error(&error);
    kf_buf_reset(&recovery.password);
    sk_X509_pop_free(recovery.extra, X509_free);
    free(recovery.agents);
    kf_secrets_free(recovery.secrets);
    return code;
}

static const struct kf_option_entry options[] = {
    {KF_OPT_OUTPUT, "the PFX file to write; or a folder, for NAME.pfx of each NAME.rec"},
    {KF_OPT_KEY, "the agent's private key; may be given several times"},
    {KF_OPT_KEYPASS, "password of the --key before it"},
    {KF_OPT_OUTPASS, "password for the PFX files"},
    {KF_OPT_CERT, "a certificate of the key, where the blob lacks it"},
    {KF_OPT_PROFILE, "how PFX files are protected: modern (AES-256, SHA-256; as it is by "
                     "default), windows (3DES, SHA-1: Windows Server 2012 and older), or "
                     "legacy (as windows, RC2-40 for certificates)"},
    {KF_OPT_FORCE, "overwrite files"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_recoverkey = {
    .name = "recoverkey",
    .summary = "open a fetched key, as a recovery agent",
    .synopsis = "recoverkey BLOB... -o FILE.pfx|DIR --key KEY [--keypass SRC]\n"
                " --outpass SRC [--cert CERT]\n",
    .about = "Opens recovery blobs (what getkey wrote, or certutil -getkey) with a recovery\n"
             "agent's private key, and writes a PFX file with the user's key, its certificate\n"
             "and the certificates above it. No store is needed.\n"
             "\n"
             "A key that is not its certificate's is not written. A blob whose signature is\n"
             "broken is refused. --keypass is read before --outpass.\n",
    .options = options,
    .notes = "  keyferry recoverkey jo.rec -o jo.pfx --key agent.p12 --keypass env:P\n"
             "    --outpass stdin\n",
    .needs_crypto = true,
    .run = run_recoverkey,
};

/*
 * keyferry getkey: an archived key out of the store, still sealed, as a recovery blob.
 *
 * Needs the CA's key to sign with, and no agent's. Several rows may match a token: then they are
 * listed and nothing is written, unless --all says so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/keys.h"
#include "cli/place.h"
#include "cli/rows.h"
#include "core/files.h"
#include "crypto/recblob.h"
#include "store/agents.h"

struct match {
    uint64_t request_id;
    char hash[2 * KF_SHA1_SIZE + 1];
};

struct fetching {
    struct kf_session *session;
    const struct kf_arguments *arguments;
    struct kf_store *store;
    struct kf_identity signer;
    struct match *matches; /* rows with a key */
    size_t count;
    uint64_t without_key;
    bool out_of_memory;
};

static bool collect(void *context, const struct kf_row *row)
{
    struct fetching *fetching = context;
    struct match *grown;

    if (!row->has_key) {
        fetching->without_key++;
        return true;
    }
    grown = realloc(fetching->matches, (fetching->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        fetching->out_of_memory = true;
        return false;
    }
    fetching->matches = grown;
    grown[fetching->count].request_id = row->request_id;
    memcpy(grown[fetching->count].hash, row->certificate_hash, sizeof(row->certificate_hash));
    fetching->count++;
    return true;
}

static bool print_row(void *context, const struct kf_row *row)
{
    kf_rows_table_row(context, row);
    return true;
}

/* Everything that recovery needs beside the key: user, chain, agents, CA and its chain. */
static enum kf_status gather(struct fetching *fetching, uint64_t id, const struct kf_row *row,
                             struct kf_der_list *out, struct kf_error *error)
{
    struct kf_buf certificate = KF_PUBLIC_BUF;
    enum kf_status status = kf_row_certificate(fetching->store, id, &certificate, error);

    if (status == KF_OK)
        status = kf_der_list_add(out, kf_buf_slice(&certificate), error);
    if (status == KF_OK)
        status = kf_row_chain(fetching->store, id, out, error);
    if (status == KF_OK)
        status = kf_agents_certificates(fetching->store, row->key_recovery_hashes, out, error);
    if (status == KF_OK)
        status = kf_store_ca(fetching->store, NULL, out, out, error);
    kf_buf_reset(&certificate);
    return status;
}

static enum kf_status make_blob(struct fetching *fetching, const struct match *match,
                                struct kf_buf *out, struct kf_error *error)
{
    struct kf_recblob_parts parts = {.certificate_count = 0};
    struct kf_der_list list = {.items = NULL};
    struct kf_row row = {.request_id = 0};
    struct kf_buf sealed = KF_PUBLIC_BUF;
    struct kf_slice *slices = NULL;
    const bool is_signed = fetching->signer.key != NULL;
    enum kf_status status = kf_rows_get(fetching->store, match->request_id, &row, error);

    if (status == KF_OK)
        status = kf_row_sealed(fetching->store, match->request_id, &sealed, error);
    if (status == KF_OK)
        status = gather(fetching, match->request_id, &row, &list, error);
    if (status != KF_OK)
        goto out;
    slices = calloc(list.count, sizeof(*slices));
    if (slices == NULL) {
        status = kf_fail_memory(error);
        goto out;
    }
    for (size_t i = 0; i < list.count; i++)
        slices[i] = kf_buf_slice(&list.items[i]);
    parts.sealed = kf_buf_slice(&sealed);
    parts.certificates = slices;
    parts.certificate_count = list.count;
    if (!kf_hex_decode(match->hash, strlen(match->hash), parts.certificate_sha1, KF_SHA1_SIZE))
        status = kf_fail(error, KF_FATAL, KF_CAUSE_DATA, NULL, "row %llu has a broken hash",
                         (unsigned long long)match->request_id);
    else
        status = kf_recblob_write(fetching->session->crypto, &parts,
                                  is_signed ? &fetching->signer : NULL, out, error);
out:
    free(slices);
    kf_buf_reset(&sealed);
    kf_row_reset(&row);
    kf_der_list_reset(&list);
    return status;
}

/* The audit trail knows of it before the file is there: nothing leaves unnoticed. */
static enum kf_status fetch(struct fetching *fetching, const struct match *match, const char *path,
                            struct kf_error *error)
{
    struct kf_buf blob = KF_PUBLIC_BUF;
    struct kf_file *file = NULL;
    enum kf_status status = make_blob(fetching, match, &blob, error);

    if (status == KF_OK)
        status = kf_file_begin(&file, path, kf_has(fetching->arguments, KF_OPT_FORCE), error);
    if (status == KF_OK)
        status = kf_file_append(file, kf_buf_slice(&blob), error);
    if (status == KF_OK)
        status = kf_row_note_fetch(fetching->store, match->request_id, path, error);
    if (status == KF_OK) {
        status = kf_file_commit(file, error);
        file = NULL; /* freed in any case */
    }
    kf_file_discard(file);
    if (status == KF_OK)
        kf_print_path(path);
    kf_buf_reset(&blob);
    return status;
}

static enum kf_exit fetch_all(struct fetching *fetching, const char *folder)
{
    size_t failed = 0;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        kf_note("cannot make the folder %s: %s", folder, strerror(errno));
        return KF_EXIT_FATAL;
    }
    for (size_t i = 0; i < fetching->count; i++) {
        const struct match *match = &fetching->matches[i];
        struct kf_error error = {.cause = KF_CAUSE_NONE};
        size_t size = strlen(folder) + sizeof(match->hash) + sizeof("/.rec");
        char *path = malloc(size);

        if (path != NULL)
            (void)snprintf(path, size, "%s/%s.rec", folder, match->hash);
        if (path == NULL || fetch(fetching, match, path, &error) != KF_OK) {
            failed++;
            (void)kf_report_error(&error);
        }
        free(path);
    }
    return failed == 0 ? KF_EXIT_OK : failed < fetching->count ? KF_EXIT_SOME : KF_EXIT_FATAL;
}

/* Prints the matches; nothing is written. */
static enum kf_exit list_matches(struct fetching *fetching, const char *token)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_table table;
    uint64_t count = 0;

    kf_rows_table_begin(&table);
    if (kf_rows_each(fetching->store, token, print_row, &table, &count, &error) != KF_OK)
        return kf_report_error(&error);
    if (!kf_has(fetching->arguments, KF_OPT_OUTPUT)) {
        kf_note("nothing was written: name a file with -o FILE.rec, or --all DIR");
        return KF_EXIT_OK;
    }
    kf_note("%zu keys match, so nothing was written: name one by its serial number, hash or #ID, "
            "or take all with --all DIR",
            fetching->count);
    return KF_EXIT_SOME;
}

static enum kf_exit none_found(const struct fetching *fetching, const char *token)
{
    if (fetching->without_key != 0)
        kf_note("%s is in the store, but no key is archived with it", token);
    else
        kf_note("nothing in the store matches %s", token);
    return KF_EXIT_FATAL;
}

static enum kf_exit get(struct fetching *fetching, const char *token)
{
    const char *path = kf_value(fetching->arguments, KF_OPT_OUTPUT);
    const char *folder = kf_value(fetching->arguments, KF_OPT_ALL);
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    uint64_t count = 0;

    if (kf_open_store(fetching->session, fetching->arguments, &fetching->store, &error) != KF_OK ||
        kf_rows_each(fetching->store, token, collect, fetching, &count, &error) != KF_OK)
        return kf_report_error(&error);
    if (fetching->out_of_memory) {
        kf_note("out of memory");
        return KF_EXIT_FATAL;
    }
    if (fetching->count == 0)
        return none_found(fetching, token);
    if (folder == NULL && (path == NULL || fetching->count > 1))
        return list_matches(fetching, token);
    if (kf_load_ca_key(fetching->session, fetching->arguments, fetching->store, &fetching->signer,
                       &error) != KF_OK)
        return kf_report_error(&error);
    if (folder != NULL)
        return fetch_all(fetching, folder);
    if (fetch(fetching, &fetching->matches[0], path, &error) != KF_OK)
        return kf_report_error(&error);
    return KF_EXIT_OK;
}

static enum kf_exit run_getkey(struct kf_session *session, struct kf_arguments *arguments)
{
    struct fetching fetching = {.session = session, .arguments = arguments};
    enum kf_exit code;

    if (arguments->operand_count != 1)
        return kf_usage_error(&kf_cmd_getkey, "getkey: give one TOKEN");
    if (kf_has(arguments, KF_OPT_OUTPUT) && kf_has(arguments, KF_OPT_ALL))
        return kf_usage_error(&kf_cmd_getkey, "getkey: -o or --all, not both");
    if (kf_has(arguments, KF_OPT_UNSIGNED) && kf_has(arguments, KF_OPT_CAKEY))
        return kf_usage_error(&kf_cmd_getkey, "getkey: --cakey or --unsigned, not both");
    code = get(&fetching, arguments->operands[0]);
    kf_identity_reset(&fetching.signer);
    kf_store_close(fetching.store);
    free(fetching.matches);
    return code;
}

static const struct kf_option_entry options[] = {
    {KF_OPT_STORE, "the store; else $KEYFERRY_STORE, else keyferry.db"},
    {KF_OPT_OUTPUT, "the file to write, FILE.rec"},
    {KF_OPT_ALL, "write every match to a folder, as HASH.rec"},
    {KF_OPT_FORCE, "overwrite files"},
    {KF_OPT_CAKEY, "the CA's key to sign with; else the one that the store remembers"},
    {KF_OPT_CAPASS, "its password"},
    {KF_OPT_UNSIGNED, "do not sign"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_getkey = {
    .name = "getkey",
    .summary = "fetch a key from the store, sealed",
    .synopsis = "getkey [-s STORE] TOKEN [-o FILE.rec | --all DIR]\n"
                " [--cakey KEY [--capass SRC] | --unsigned]\n",
    .about = "Fetches an archived key as a recovery blob: the key, still sealed to its\n"
             "recovery agents, with the certificates that recovery needs, signed by the CA.\n"
             "An agent opens it with recoverkey. No agent's key is needed here, and the\n"
             "audit trail notes what was fetched.\n"
             "\n"
             "TOKEN is a common name, DOMAIN\\user or UPN, an e-mail address, a serial number,\n"
             "the SHA-1 or SHA-256 of a certificate, a subject key identifier, or a mailbox\n"
             "GUID; or #N, the row with RequestID N. Where several keys match, they are\n"
             "listed and nothing is written (exit code 2), unless --all takes them all.\n"
             "Without -o and --all, what matches is listed.\n",
    .options = options,
    .notes = "  keyferry getkey jo@example.com -o jo.rec\n"
             "  keyferry getkey 'CONTOSO\\jo' --all jos-keys --capass stdin\n",
    .needs_crypto = true,
    .run = run_getkey,
};

/*
 * keyferry init: makes a store, for a CA that there is or for one that is made beside it.
 *
 * What is made is removed again where a later step fails; what was there before is never touched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/agents.h"
#include "cli/keypem.h"
#include "cli/keys.h"
#include "cli/passwords.h"
#include "cli/place.h"
#include "core/files.h"
#include "crypto/ca.h"
#include "crypto/cert.h"

#define KEY_SUFFIX         ".ca.key.pem"
#define CERTIFICATE_SUFFIX ".ca.pem"

struct init {
    struct kf_session *session;
    const struct kf_arguments *arguments;
    const char *location;
    const char *path; /* of the location */
    struct kf_identity ca;
    struct kf_der_list certificates; /* the CA's own first, then its chain */
    char *key_file;                  /* what the store remembers; NULL: no key */
    char *made_key;                  /* files beside the store, NULL: not made */
    char *made_certificate;
    struct kf_store *store;
    bool made_store;
};

static enum kf_status join(const char *a, const char *b, char **out, struct kf_error *error)
{
    size_t size = strlen(a) + strlen(b) + 1;

    *out = malloc(size);
    if (*out == NULL)
        return kf_fail_memory(error);
    (void)snprintf(*out, size, "%s%s", a, b);
    return KF_OK;
}

static enum kf_status use_identity(struct init *init, struct kf_error *error)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    enum kf_status status = KF_OK;

    if (init->ca.certificate == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, NULL,
                       "%s has a private key, but not its certificate",
                       kf_value(init->arguments, KF_OPT_CA));
    status = kf_x509_encode(init->ca.certificate, &der, error);
    if (status == KF_OK)
        status = kf_der_list_add(&init->certificates, kf_buf_slice(&der), error);
    for (int i = 0; i < sk_X509_num(init->ca.others) && status == KF_OK; i++) {
        kf_buf_clear(&der);
        status = kf_x509_encode(sk_X509_value(init->ca.others, i), &der, error);
        if (status == KF_OK)
            status = kf_der_list_add(&init->certificates, kf_buf_slice(&der), error);
    }
    kf_buf_reset(&der);
    return status;
}

/* The path that the store remembers: absolute, so that it holds from any folder; a URI as it is. */
static enum kf_status remember_key(struct init *init, const char *key, struct kf_error *error)
{
    char *absolute = kf_is_uri(key) ? NULL : realpath(key, NULL);

    if (absolute == NULL)
        absolute = kf_strndup(key, strlen(key));
    init->key_file = absolute;
    return absolute != NULL ? KF_OK : kf_fail_memory(error);
}

/* --ca: a certificate alone, or with its key. */
static enum kf_status use_ca(struct init *init, const char *path, struct kf_error *error)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status =
        kf_load_key(init->session, path, kf_value(init->arguments, KF_OPT_CAPASS), "the CA's key",
                    &init->ca, &why);

    if (status == KF_OK) {
        status = use_identity(init, error);
        return status == KF_OK ? remember_key(init, path, error) : status;
    }
    if (why.cause == KF_CAUSE_DATA)
        return kf_load_certificate_file(init->session, path, &init->certificates, error);
    *error = why;
    return status;
}

static enum kf_status write_new_key(struct init *init, const char *path, struct kf_error *error)
{
    char *source = kf_value(init->arguments, KF_OPT_CAPASS);
    struct kf_buf password = KF_SECRET_BUF;
    struct kf_buf pem = KF_SECRET_BUF;
    enum kf_status status = KF_OK;

    if (source != NULL)
        status = kf_password_read(init->session, source, &password, error);
    if (status == KF_OK && source != NULL && password.len < 4)
        status = kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL,
                         "the password of the CA's key has less than four bytes");
    if (status == KF_OK)
        status = kf_key_to_pem(init->session->crypto, init->ca.key,
                               source != NULL ? &password : NULL, &pem, error);
    if (status == KF_OK)
        status = kf_file_write(path, kf_buf_slice(&pem), false, error);
    kf_buf_reset(&pem);
    kf_buf_reset(&password);
    return status;
}

static enum kf_status write_new_certificate(const struct init *init, const char *path,
                                            struct kf_error *error)
{
    struct kf_buf pem = KF_PUBLIC_BUF;
    enum kf_status status =
        kf_certificate_to_pem(kf_buf_slice(&init->certificates.items[0]), &pem, error);

    if (status == KF_OK)
        status = kf_file_write(path, kf_buf_slice(&pem), false, error);
    kf_buf_reset(&pem);
    return status;
}

/* Takes over *path as *made where the file was written, so that a failure can remove it. */
static enum kf_status keep_made(enum kf_status status, char **path, char **made)
{
    if (status == KF_OK) {
        *made = *path;
        *path = NULL;
    }
    free(*path);
    *path = NULL;
    return status;
}

/* --new-ca: the key and the certificate beside the store. */
static enum kf_status make_ca(struct init *init, const char *name, struct kf_error *error)
{
    const char *base = strrchr(init->path, '/');
    char *path = NULL;

    if (kf_ca_make(init->session->crypto, name, &init->ca, error) != KF_OK ||
        use_identity(init, error) != KF_OK ||
        join(base != NULL ? base + 1 : init->path, KEY_SUFFIX, &init->key_file, error) != KF_OK ||
        join(init->path, KEY_SUFFIX, &path, error) != KF_OK)
        return KF_FATAL;
    if (keep_made(write_new_key(init, path, error), &path, &init->made_key) != KF_OK ||
        join(init->path, CERTIFICATE_SUFFIX, &path, error) != KF_OK)
        return KF_FATAL;
    return keep_made(write_new_certificate(init, path, error), &path, &init->made_certificate);
}

static enum kf_status make_store(struct init *init, struct kf_error *error)
{
    struct kf_der_list *list = &init->certificates;
    struct kf_store_options options = {.crypto = init->session->crypto};
    struct kf_store_ca ca = {.key_file = init->key_file};
    struct kf_slice *slices = calloc(list->count + 1, sizeof(*slices));
    char *caller = kf_caller_name();
    enum kf_status status;

    if (slices == NULL || caller == NULL) {
        free(slices);
        free(caller);
        return kf_fail_memory(error);
    }
    for (size_t i = 0; i < list->count; i++)
        slices[i] = kf_buf_slice(&list->items[i]);
    ca.certificates = slices;
    ca.certificate_count = 1;
    ca.chain = slices + 1;
    ca.chain_count = list->count - 1;
    options.caller = caller;
    status = kf_store_create(init->location, &options, &ca, &init->store, error);
    init->made_store = status == KF_OK;
    free(caller);
    free(slices);
    return status;
}

static enum kf_status add_agents(struct init *init, struct kf_error *error)
{
    enum kf_status status = KF_OK;

    for (size_t i = 0; i < init->arguments->use_count && status == KF_OK; i++) {
        const struct kf_option_use *use = &init->arguments->uses[i];

        if (use->option == KF_OPT_KRA)
            status = kf_add_agent(init->session, init->arguments, init->store, use->value, error);
    }
    return status;
}

/* Before a key is made, which takes its time and would be for nothing. */
static enum kf_status check_place(const struct init *init, struct kf_error *error)
{
    if (strstr(init->location, "://") != NULL && kf_has(init->arguments, KF_OPT_NEW_CA))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                       "--new-ca makes files beside the store, which has to be a file then");
    if (access(init->path, F_OK) == 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL,
                       "%s exists already; init makes a new store only", init->path);
    return KF_OK;
}

static enum kf_status build(struct init *init, struct kf_error *error)
{
    const char *ca = kf_value(init->arguments, KF_OPT_CA);
    enum kf_status status = check_place(init, error);

    if (status == KF_OK)
        status = ca != NULL ? use_ca(init, ca, error)
                            : make_ca(init, kf_value(init->arguments, KF_OPT_NEW_CA), error);
    if (status == KF_OK)
        status = make_store(init, error);
    if (status == KF_OK)
        status = add_agents(init, error);
    return status;
}

static void remove_made(struct init *init)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

    kf_store_close(init->store);
    init->store = NULL;
    for (size_t i = 0; init->made_store && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char *path = NULL;

        if (join(init->path, suffixes[i], &path, NULL) == KF_OK)
            (void)unlink(path);
        free(path);
    }
    if (init->made_key != NULL)
        (void)unlink(init->made_key);
    if (init->made_certificate != NULL)
        (void)unlink(init->made_certificate);
}

static void tell(const struct init *init)
{
    size_t agents = 0;

    for (size_t i = 0; i < init->arguments->use_count; i++)
        agents += init->arguments->uses[i].option == KF_OPT_KRA ? 1 : 0;
    (void)printf("store           %s\n", init->location);
    if (init->made_key != NULL)
        (void)printf("CA certificate  %s\nCA key          %s\n", init->made_certificate,
                     init->made_key);
    else if (init->key_file != NULL)
        (void)printf("CA key          %s\n", init->key_file);
    (void)printf("agents          %zu\n", agents);
    if (init->made_key != NULL && !kf_has(init->arguments, KF_OPT_CAPASS))
        kf_note("the CA's key is not encrypted: whoever reads %s can sign as this CA; to change "
                "that: openssl pkey -in %s -aes256 -out NEW, and put NEW in its place",
                init->made_key, init->made_key);
    if (init->key_file == NULL)
        kf_note("the store has no CA key: getkey will need --cakey KEY or --unsigned");
    if (agents == 0)
        kf_note("nothing can be imported before there is a recovery agent: keyferry kra add CERT");
}

static void release(struct init *init)
{
    kf_store_close(init->store);
    kf_identity_reset(&init->ca);
    kf_der_list_reset(&init->certificates);
    free(init->key_file);
    free(init->made_key);
    free(init->made_certificate);
}

static enum kf_exit run_init(struct kf_session *session, struct kf_arguments *arguments)
{
    const char *location = kf_store_location(arguments);
    struct init init = {.session = session,
                        .arguments = arguments,
                        .location = location,
                        .path = kf_location_path(location)};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code = KF_EXIT_OK;

    if (arguments->operand_count != 0)
        return kf_usage_error(&kf_cmd_init, "init: takes no operand (-s names the store)");
    if (kf_has(arguments, KF_OPT_CA) == kf_has(arguments, KF_OPT_NEW_CA))
        return kf_usage_error(&kf_cmd_init, "init: give --ca CERT or --new-ca NAME, and one only");
    if (build(&init, &error) == KF_OK) {
        tell(&init);
    } else {
        code = kf_report_error(&error);
        remove_made(&init);
    }
    release(&init);
    return code;
}

static const struct kf_option_entry options[] = {
    {KF_OPT_STORE, "the store to make; else $KEYFERRY_STORE, else keyferry.db"},
    {KF_OPT_CA, "the CA that the store belongs to: its certificate, or a PKCS #12 "
                "or PEM file with its key, which getkey then signs with"},
    {KF_OPT_NEW_CA, "make a CA of this name: STORE.ca.pem and STORE.ca.key.pem"},
    {KF_OPT_CAPASS, "password of the CA's key; with --new-ca, encrypt it with this"},
    {KF_OPT_KRA, "add a recovery agent; may be given several times"},
    {KF_OPT_ACCEPT_1024, "take agents with RSA keys of 1024 bits, for an old archive"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_init = {
    .name = "init",
    .summary = "make a new store",
    .synopsis = "init [-s STORE] (--ca CERT|P12 [--capass SRC] | --new-ca NAME)\n"
                " [--kra CERT]...\n",
    .about = "Makes a store: a database file that only its owner can read. It belongs to a\n"
             "CA. Keys whose certificates that CA issued are at home in it, all others are\n"
             "foreign; and what leaves it is signed by that CA. Where there is no such CA\n"
             "(any more), --new-ca makes one.\n"
             "\n"
             "Keys are sealed to recovery agents, so at least one is needed before keys can\n"
             "be imported: give their certificates with --kra, or later with kra add.\n",
    .options = options,
    .notes = "  keyferry init --new-ca 'Key archive' --kra agent1.pem --kra agent2.pem\n"
             "  keyferry init -s /srv/archive.db --ca contoso-ca.p12 --capass stdin\n",
    .needs_crypto = true,
    .run = run_init,
};

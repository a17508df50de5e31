/*
 * Keys, certificates and passwords by option: see keys.h for the contract.
 */
#include "cli/keys.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

#include "cli/csv.h"
#include "cli/passwords.h"
#include "cli/place.h"
#include "core/files.h"
#include "core/limits.h"
#include "crypto/cert.h"
#include "store/settings.h"

#define ATTEMPTS 3

/* Asks for the password until it fits, or the user has had enough. */
static enum kf_status ask_and_load(const struct kf_session *session, const char *key,
                                   const char *what, struct kf_identity *out,
                                   struct kf_error *error)
{
    struct kf_buf password = KF_SECRET_BUF;
    enum kf_status status = KF_FATAL;
    char prompt[256];

    (void)snprintf(prompt, sizeof(prompt), "password of %s (%s)", what, key);
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
        struct kf_error why = {.cause = KF_CAUSE_NONE};

        status = kf_password_ask(session, prompt, false, &password, error);
        if (status != KF_OK)
            break;
        status = kf_identity_load(session->crypto, key, &password, out, &why);
        if (status == KF_OK || why.cause != KF_CAUSE_SECRET || attempt == ATTEMPTS) {
            *error = why;
            break;
        }
        kf_note("%s", why.text);
    }
    kf_buf_reset(&password);
    return status;
}

enum kf_status kf_load_key(struct kf_session *session, const char *key, char *source,
                           const char *what, struct kf_identity *out, struct kf_error *error)
{
    struct kf_buf password = KF_SECRET_BUF;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    if (source != NULL) {
        status = kf_password_read(session, source, &password, error);
        if (status == KF_OK)
            status = kf_identity_load(session->crypto, key, &password, out, error);
        kf_buf_reset(&password);
        return status;
    }
    status = kf_identity_load(session->crypto, key, NULL, out, &why);
    if (status == KF_OK)
        return KF_OK;
    if (why.cause == KF_CAUSE_SECRET && kf_can_ask(session))
        return ask_and_load(session, key, what, out, error);
    *error = why;
    return status;
}

bool kf_is_uri(const char *key)
{
    size_t scheme = 0;

    if (isalpha((unsigned char)key[0]) == 0 || access(key, F_OK) == 0)
        return false;
    while (isalnum((unsigned char)key[scheme]) != 0 || strchr("+.-", key[scheme]) != NULL) {
        if (key[scheme] == '\0')
            return false;
        scheme++;
    }
    return key[scheme] == ':' && scheme > 1;
}

/* A path that the store remembers without a '/' before it is in the store's own folder. */
static char *beside_store(const struct kf_store *store, const char *path)
{
    const char *store_path = kf_location_path(kf_store_path(store));
    const char *slash = strrchr(store_path, '/');
    size_t folder = slash != NULL ? (size_t)(slash - store_path) + 1 : 0;
    size_t size = folder + strlen(path) + 1;
    char *joined = malloc(size);

    if (path[0] == '/' || kf_is_uri(path))
        folder = 0;
    if (joined != NULL)
        (void)snprintf(joined, size, "%.*s%s", (int)folder, store_path, path);
    return joined;
}

/* A key that comes without its certificate has it from the store. */
static enum kf_status find_ca_certificate(const struct kf_session *session, struct kf_store *store,
                                          struct kf_identity *identity, struct kf_error *error)
{
    struct kf_der_list list = {.items = NULL};
    enum kf_status status = kf_store_ca(store, NULL, &list, NULL, error);

    for (size_t i = 0; i < list.count && status == KF_OK && identity->certificate == NULL; i++) {
        X509 *certificate = kf_x509_parse(session->crypto, kf_buf_slice(&list.items[i]), error);

        if (certificate == NULL)
            status = KF_FATAL;
        else if (X509_check_private_key(certificate, identity->key) == 1)
            identity->certificate = certificate;
        else
            X509_free(certificate);
    }
    ERR_clear_error(); /* of those that did not belong */
    kf_der_list_reset(&list);
    if (status == KF_OK && identity->certificate == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, NULL,
                       "%s is no key of the store's CA, and has no certificate of its own",
                       identity->label);
    return status;
}

static enum kf_status load_ca_key(struct kf_session *session, const struct kf_arguments *arguments,
                                  struct kf_store *store, struct kf_identity *out,
                                  struct kf_error *error)
{
    const char *key = kf_value(arguments, KF_OPT_CAKEY);
    char *source = kf_value(arguments, KF_OPT_CAPASS);
    struct kf_setting setting = {.info = NULL};
    char *path = NULL;
    enum kf_status status;

    if (key != NULL)
        return kf_load_key(session, key, source, "the CA's key", out, error);
    status = kf_setting_get(store, "CAKeyFile", &setting, error);
    if (status == KF_OK && setting.text[0] == '\0')
        status = kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, NULL,
                         "the store does not know the CA's key: give --cakey KEY, or --unsigned");
    if (status == KF_OK) {
        path = beside_store(store, setting.text);
        status = path != NULL ? kf_load_key(session, path, source, "the CA's key", out, error)
                              : kf_fail_memory(error);
    }
    free(path);
    kf_setting_reset(&setting);
    return status;
}

enum kf_status kf_load_ca_key(struct kf_session *session, const struct kf_arguments *arguments,
                              struct kf_store *store, struct kf_identity *out,
                              struct kf_error *error)
{
    enum kf_status status;

    if (kf_has(arguments, KF_OPT_UNSIGNED))
        return KF_OK;
    status = load_ca_key(session, arguments, store, out, error);
    if (status == KF_OK && out->certificate == NULL)
        status = find_ca_certificate(session, store, out, error);
    return status;
}

static enum kf_status add_certificates(const STACK_OF(X509) * certificates, struct kf_der_list *out,
                                       struct kf_error *error)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    enum kf_status status = KF_OK;

    for (int i = 0; i < sk_X509_num(certificates) && status == KF_OK; i++) {
        kf_buf_clear(&der);
        status = kf_x509_encode(sk_X509_value(certificates, i), &der, error);
        if (status == KF_OK)
            status = kf_der_list_add(out, kf_buf_slice(&der), error);
    }
    kf_buf_reset(&der);
    return status;
}

enum kf_status kf_load_certificate_file(const struct kf_session *session, const char *path,
                                        struct kf_der_list *out, struct kf_error *error)
{
    STACK_OF(X509) *certificates = NULL;
    enum kf_status status = kf_certificates_load(session->crypto, path, NULL, &certificates, error);

    if (status == KF_OK)
        status = add_certificates(certificates, out, error);
    sk_X509_pop_free(certificates, X509_free);
    return status;
}

enum kf_status kf_load_certificates(const struct kf_session *session,
                                    const struct kf_arguments *arguments, enum kf_option option,
                                    struct kf_der_list *out, struct kf_error *error)
{
    enum kf_status status = KF_OK;

    for (size_t i = 0; i < arguments->use_count && status == KF_OK; i++) {
        const struct kf_option_use *use = &arguments->uses[i];

        if (use->option == option)
            status = kf_load_certificate_file(session, use->value, out, error);
    }
    return status;
}

/* Each --keypass belongs to the --key before it, or to the first one. */
static enum kf_status find_keypass(const struct kf_arguments *arguments, size_t key_index,
                                   size_t key_count, char **source, struct kf_error *error)
{
    size_t keys_before = 0;

    *source = NULL;
    for (size_t i = 0; i < arguments->use_count; i++) {
        const struct kf_option_use *use = &arguments->uses[i];

        if (use->option == KF_OPT_KEY)
            keys_before++;
        if (use->option != KF_OPT_KEYPASS || (keys_before != 0 ? keys_before - 1 : 0) != key_index)
            continue;
        if (key_index >= key_count)
            return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "--keypass without --key");
        if (*source != NULL)
            return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                           "two --keypass for one --key (each follows its key)");
        *source = use->value;
    }
    return KF_OK;
}

enum kf_status kf_load_keys(struct kf_session *session, const struct kf_arguments *arguments,
                            struct kf_secrets *secrets, struct kf_error *error)
{
    struct kf_identity identity = {.key = NULL};
    size_t count = 0;
    size_t index = 0;
    char *source = NULL;
    enum kf_status status = KF_OK;

    for (size_t i = 0; i < arguments->use_count; i++)
        count += arguments->uses[i].option == KF_OPT_KEY ? 1 : 0;
    if (count == 0)
        return find_keypass(arguments, 0, 0, &source, error);
    for (size_t i = 0; i < arguments->use_count && status == KF_OK; i++) {
        if (arguments->uses[i].option != KF_OPT_KEY)
            continue;
        status = find_keypass(arguments, index++, count, &source, error);
        if (status == KF_OK)
            status =
                kf_load_key(session, arguments->uses[i].value, source, "the key", &identity, error);
        if (status == KF_OK)
            status = kf_secrets_add_identity(secrets, &identity, error);
    }
    return status;
}

/* Every line of the file is a candidate; so is an empty one. */
static enum kf_status add_candidates(struct kf_secrets *secrets, const char *path,
                                     struct kf_error *error)
{
    struct kf_buf content = KF_SECRET_BUF;
    struct kf_buf password = KF_SECRET_BUF;
    enum kf_status status = kf_file_read(path, KF_MAX_KEY_FILE, &content, error);
    struct kf_slice rest = kf_without_mark(kf_buf_slice(&content));
    size_t number = 0;

    if (status != KF_OK)
        status = KF_FATAL;
    while (status == KF_OK && rest.len != 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t taken = end != NULL ? (size_t)(end - rest.data) + 1 : rest.len;
        struct kf_slice line = {rest.data, end != NULL ? taken - 1 : taken};
        char label[PATH_MAX + 64];

        if (line.len != 0 && line.data[line.len - 1] == '\r')
            line.len--;
        (void)snprintf(label, sizeof(label), "password %zu of %s", ++number, path);
        if (line.len > KF_MAX_PASSWORD)
            status = kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL, "%s is longer than %u bytes",
                             label, KF_MAX_PASSWORD);
        else
            status = kf_buf_set(&password, line, error);
        if (status == KF_OK)
            status = kf_secrets_add_password(secrets, &password, false, label, error);
        rest.data += taken;
        rest.len -= taken;
    }
    kf_buf_reset(&password);
    kf_buf_reset(&content);
    return status;
}

enum kf_status kf_load_passwords(struct kf_session *session, const struct kf_arguments *arguments,
                                 struct kf_secrets *secrets, struct kf_error *error)
{
    struct kf_buf password = KF_SECRET_BUF;
    size_t number = 0;
    enum kf_status status = KF_OK;

    for (size_t i = 0; i < arguments->use_count && status == KF_OK; i++) {
        char label[32];

        if (arguments->uses[i].option != KF_OPT_PASSWORD)
            continue;
        (void)snprintf(label, sizeof(label), "--password %zu", ++number);
        status = kf_password_read(session, arguments->uses[i].value, &password, error);
        if (status == KF_OK)
            status = kf_secrets_add_password(secrets, &password, false, label, error);
    }
    for (size_t i = 0; i < arguments->use_count && status == KF_OK; i++) {
        if (arguments->uses[i].option == KF_OPT_PASSWORDS)
            status = add_candidates(secrets, arguments->uses[i].value, error);
    }
    kf_buf_reset(&password);
    return status;
}

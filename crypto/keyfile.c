/*
 * Keys and certificates by path or URI: see keyfile.h for the contract.
 *
 * A path that names a file is read whole, held against KF_MAX_KEY_FILE and given to OpenSSL's store
 * from memory, so that no name is ever taken for a URI; anything else that has a scheme goes to the
 * store as it is. The password comes from the caller alone: no callback here ever asks a terminal.
 * PKCS #12 is opened in keyfile_pkcs12.c, since the store of OpenSSL 3.0 opens it in the wrong
 * library context; PKCS #7, which the store does not know, is read as CMS. Refused: a file without
 * what was asked for, and one of which a part cannot be opened.
 */
#include "crypto/keyfile.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "core/files.h"
#include "core/limits.h"
#include "crypto/cms.h"
#include "crypto/keyfile_pkcs12.h"

#define MAX_OBJECTS 10000 /* in one file, objects that cannot be read among them */

/* One load: what the password callback sees, and what was found. */
struct loading {
    const struct kf_buf *password; /* or NULL */
    bool asked;                    /* what was read last is encrypted */
    bool refused;                  /* and does not open with this password, or without one */
    STACK_OF(EVP_PKEY) * keys;
    STACK_OF(X509) * certificates;
};

void kf_identity_reset(struct kf_identity *identity)
{
    if (identity == NULL)
        return;
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
    sk_X509_pop_free(identity->others, X509_free);
    free(identity->label);
    *identity = (struct kf_identity){.key = NULL};
}

static int give_password(char *out, int size, int writing, void *context)
{
    struct loading *loading = context;

    (void)writing;
    loading->asked = true;
    if (loading->password == NULL || loading->password->len > (size_t)size)
        return -1;
    if (loading->password->len != 0)
        memcpy(out, loading->password->data, loading->password->len);
    return (int)loading->password->len;
}

/* "pkcs11:", "file:": a scheme (RFC 3986 3.1) where no file has that name. */
static bool is_uri(const char *path)
{
    struct stat facts;
    size_t len = 0;

    if (stat(path, &facts) == 0 || !isalpha((unsigned char)path[0]))
        return false;
    while (isalnum((unsigned char)path[len]) || (path[len] != '\0' && strchr("+-.", path[len])))
        len++;
    return path[len] == ':';
}

/* The stacks own what is pushed, also when that fails. */
static bool push_key(struct loading *loading, EVP_PKEY *key)
{
    if (key != NULL && sk_EVP_PKEY_push(loading->keys, key) > 0)
        return true;
    EVP_PKEY_free(key);
    return false;
}

static bool push_certificate(struct loading *loading, X509 *certificate)
{
    if (certificate != NULL && sk_X509_push(loading->certificates, certificate) > 0)
        return true;
    X509_free(certificate);
    return false;
}

/* Takes what the store gave, by type; everything but keys and certificates is passed over. */
static bool keep(struct loading *loading, const OSSL_STORE_INFO *info)
{
    int type = OSSL_STORE_INFO_get_type(info);

    if (type == OSSL_STORE_INFO_PKEY)
        return push_key(loading, OSSL_STORE_INFO_get1_PKEY(info));
    if (type == OSSL_STORE_INFO_CERT)
        return push_certificate(loading, OSSL_STORE_INFO_get1_CERT(info));
    return true;
}

/* Reads the store to its end. What it cannot read is passed over: the caller knows what is missing.
 */
static enum kf_status read_store(struct loading *loading, OSSL_STORE_CTX *store,
                                 struct kf_error *error)
{
    for (unsigned count = 0; count < MAX_OBJECTS && !OSSL_STORE_eof(store); count++) {
        OSSL_STORE_INFO *info;
        bool kept;

        loading->asked = false;
        info = OSSL_STORE_load(store);
        kept = info == NULL || keep(loading, info);
        OSSL_STORE_INFO_free(info);
        if (!kept)
            return kf_fail_memory(error);
        if (info == NULL && loading->asked) {
            loading->refused = true; /* the password is wrong or missing */
            break;
        }
    }
    return KF_OK;
}

/* bytes.data is NULL where path is a URI. expect is 0 or one of OSSL_STORE_INFO_*. */
static enum kf_status load_by_store(const struct kf_crypto *crypto, struct loading *loading,
                                    const char *path, struct kf_slice bytes, int expect,
                                    struct kf_error *error)
{
    UI_METHOD *method = UI_UTIL_wrap_read_pem_callback(give_password, 0);
    OSSL_STORE_CTX *store = NULL;
    BIO *bio = NULL;
    enum kf_status status = KF_FATAL;

    if (method == NULL)
        return kf_fail_memory(error);
    if (bytes.data == NULL) {
        store = OSSL_STORE_open_ex(path, crypto->library, NULL, method, loading, NULL, NULL, NULL);
    } else {
        bio = BIO_new_mem_buf(bytes.data, (int)bytes.len);
        store = OSSL_STORE_attach(bio, "file", crypto->library, NULL, method, loading, NULL, NULL,
                                  NULL);
    }
    if (store == NULL || (expect != 0 && OSSL_STORE_expect(store, expect) != 1))
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_DATA, NULL, "cannot be opened");
    else
        status = read_store(loading, store, error);
    (void)OSSL_STORE_close(store);
    BIO_free(bio);
    UI_destroy_method(method);
    ERR_clear_error();
    return status;
}

/* PKCS #7 or CMS, DER or PEM. Anything else is no error here: nothing is found. */
static enum kf_status load_pkcs7(const struct kf_crypto *crypto, struct loading *loading,
                                 struct kf_slice bytes, struct kf_error *error)
{
    struct kf_buf decoded = KF_PUBLIC_BUF;
    struct kf_slice body;
    CMS_ContentInfo *cms = NULL;
    STACK_OF(X509) *found = NULL;
    enum kf_status status = KF_OK;

    if (kf_cms_unarmour(bytes, &decoded, &body, NULL) == KF_OK &&
        kf_cms_parse(crypto, body, &cms, NULL) == KF_OK)
        found = CMS_get1_certs(cms);
    while (sk_X509_num(found) > 0) {
        if (!push_certificate(loading, sk_X509_shift(found)))
            status = kf_fail_memory(error);
    }
    sk_X509_free(found);
    CMS_ContentInfo_free(cms);
    kf_buf_reset(&decoded);
    ERR_clear_error();
    return status;
}

static enum kf_status load(const struct kf_crypto *crypto, struct loading *loading,
                           const char *path, bool certificates_only, struct kf_error *error)
{
    int expect = certificates_only ? OSSL_STORE_INFO_CERT : 0;
    struct kf_buf bytes = KF_SECRET_BUF;
    enum kf_status status = KF_OK;

    loading->keys = sk_EVP_PKEY_new_null();
    loading->certificates = sk_X509_new_null();
    if (loading->keys == NULL || loading->certificates == NULL)
        return kf_fail_memory(error);
    if (is_uri(path))
        return load_by_store(crypto, loading, path, (struct kf_slice){NULL, 0}, expect, error);
    if (kf_file_read(path, KF_MAX_KEY_FILE, &bytes, error) != KF_OK)
        return KF_FATAL;
    if (kf_is_pkcs12(kf_buf_slice(&bytes))) {
        status = kf_pkcs12_load(crypto, kf_buf_slice(&bytes), loading->password, loading->keys,
                                loading->certificates, &loading->refused, error);
        goto out;
    }
    if (certificates_only)
        status = load_pkcs7(crypto, loading, kf_buf_slice(&bytes), error);
    if (status == KF_OK && sk_X509_num(loading->certificates) == 0 && bytes.len != 0)
        status = load_by_store(crypto, loading, path, kf_buf_slice(&bytes), expect, error);
out:
    kf_buf_reset(&bytes);
    return status;
}

static void release(struct loading *loading)
{
    sk_EVP_PKEY_pop_free(loading->keys, EVP_PKEY_free);
    sk_X509_pop_free(loading->certificates, X509_free);
}

static enum kf_status password_refused(const struct loading *loading, struct kf_error *error)
{
    if (loading->password == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL,
                       "needs a password, and none was given");
    return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL, "wrong password");
}

/* The index of the first certificate of this key, or -1. */
static int find_certificate(const struct loading *loading, const EVP_PKEY *key)
{
    for (int i = 0; i < sk_X509_num(loading->certificates); i++) {
        const EVP_PKEY *public_key = X509_get0_pubkey(sk_X509_value(loading->certificates, i));

        if (public_key != NULL && EVP_PKEY_eq(public_key, key) == 1)
            return i;
    }
    return -1;
}

/* The first key that has a certificate, else the first key. */
static enum kf_status pair(struct loading *loading, const char *path, struct kf_identity *out,
                           struct kf_error *error)
{
    int chosen = 0;
    int certificate = -1;

    for (int i = 0; certificate < 0 && i < sk_EVP_PKEY_num(loading->keys); i++) {
        certificate = find_certificate(loading, sk_EVP_PKEY_value(loading->keys, i));
        chosen = certificate >= 0 ? i : 0;
    }
    ERR_clear_error(); /* keys of different types that were compared */
    out->label = kf_strndup(path, strlen(path));
    if (out->label == NULL)
        return kf_fail_memory(error);
    out->key = sk_EVP_PKEY_delete(loading->keys, chosen);
    if (certificate >= 0)
        out->certificate = sk_X509_delete(loading->certificates, certificate);
    out->others = loading->certificates; /* the identity owns the rest now */
    loading->certificates = NULL;
    return KF_OK;
}

enum kf_status kf_identity_load(const struct kf_crypto *crypto, const char *path,
                                const struct kf_buf *password, struct kf_identity *out,
                                struct kf_error *error)
{
    struct loading loading = {.password = password};
    enum kf_status status = load(crypto, &loading, path, false, error);

    *out = (struct kf_identity){.key = NULL};
    if (status == KF_OK && loading.refused)
        status = password_refused(&loading, error);
    else if (status == KF_OK && sk_EVP_PKEY_num(loading.keys) == 0)
        status = kf_fail(error, KF_FATAL, KF_CAUSE_DATA, NULL, "there is no private key in it");
    if (status == KF_OK)
        status = pair(&loading, path, out, error);
    if (status != KF_OK)
        kf_error_place(error, "%s", path);
    release(&loading);
    return status;
}

enum kf_status kf_certificates_load(const struct kf_crypto *crypto, const char *path,
                                    const struct kf_buf *password, STACK_OF(X509) * *out,
                                    struct kf_error *error)
{
    struct loading loading = {.password = password};
    enum kf_status status = load(crypto, &loading, path, true, error);

    *out = NULL;
    if (status == KF_OK && loading.refused)
        status = password_refused(&loading, error);
    else if (status == KF_OK && sk_X509_num(loading.certificates) == 0)
        status = kf_fail(error, KF_FATAL, KF_CAUSE_DATA, NULL, "there is no certificate in it");
    if (status == KF_OK) {
        *out = loading.certificates; /* the caller owns them now */
        loading.certificates = NULL;
    }
    if (status != KF_OK)
        kf_error_place(error, "%s", path);
    release(&loading);
    return status;
}

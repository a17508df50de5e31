/*
 * Making PKCS #12 files (RFC 7292): see pfxfile.h for the contract.
 *
 * Made of bags with OpenSSL's types: the key in a shrouded bag, the certificates in encrypted safe
 * contents, a MAC over both by the same password. The clear key is seen by OpenSSL's PKCS #8 type
 * alone, which wipes it. Refused: passwords with a NUL inside, which no program could type, and
 * keys that are no PKCS #8.
 */
#include "crypto/pfxfile.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "core/limits.h"

struct profile {
    int key_algorithm; /* NID of a cipher (PBES2 then) or of a PBE */
    int certificate_algorithm;
    int iterations; /* for each of key, certificates and MAC */
    int salt_size;
};

/* Old Windows is content with what it writes itself (2,000), and takes more. */
static const struct profile profiles[] = {
    [KF_PFX_MODERN] = {NID_aes_256_cbc, NID_aes_256_cbc, KF_PFX_ITERATIONS, 16},
    [KF_PFX_WINDOWS] = {NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
                        NID_pbe_WithSHA1And3_Key_TripleDES_CBC, KF_PFX_OLD_ITERATIONS, 8},
    [KF_PFX_LEGACY] = {NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NID_pbe_WithSHA1And40BitRC2_CBC,
                       KF_PFX_OLD_ITERATIONS, 8},
};

struct making {
    OSSL_LIB_CTX *library;
    const EVP_MD *sha1;
    const struct profile *profile;
    int iterations;
    const struct kf_pfx_key *keys;
    size_t count;
    const char *password;
    int password_len;
    STACK_OF(X509) * written; /* certificates so far, borrowed */
    STACK_OF(PKCS7) * safes;
};

/* Ties key and certificate together, and names both. A name that no BMPString holds is left out. */
static bool label(const struct making *making, const struct kf_pfx_key *key, PKCS12_SAFEBAG *bag)
{
    unsigned char id[EVP_MAX_MD_SIZE]; /* localKeyID: the SHA-1 of the certificate */
    unsigned id_len = 0;

    if (key->friendly_name != NULL && key->friendly_name[0] != '\0')
        (void)PKCS12_add_friendlyname_utf8(bag, key->friendly_name, -1);
    if (key->certificate == NULL)
        return true;
    return X509_digest(key->certificate, making->sha1, id, &id_len) == 1 &&
           PKCS12_add_localkeyid(bag, id, (int)id_len) == 1;
}

/* The stacks own what is pushed; what is not pushed is freed. */
static bool push_bag(STACK_OF(PKCS12_SAFEBAG) * bags, PKCS12_SAFEBAG *bag)
{
    if (bag != NULL && sk_PKCS12_SAFEBAG_push(bags, bag) > 0)
        return true;
    PKCS12_SAFEBAG_free(bag);
    return false;
}

static bool push_safe(struct making *making, PKCS7 *safe)
{
    if (safe != NULL && sk_PKCS7_push(making->safes, safe) > 0)
        return true;
    PKCS7_free(safe);
    return false;
}

static bool was_written(const struct making *making, const X509 *certificate)
{
    for (int i = 0; i < sk_X509_num(making->written); i++) {
        if (X509_cmp(sk_X509_value(making->written, i), certificate) == 0)
            return true;
    }
    return false;
}

/* owner is the key whose own certificate it is, or NULL. */
static bool add_certificate(struct making *making, STACK_OF(PKCS12_SAFEBAG) * bags,
                            X509 *certificate, const struct kf_pfx_key *owner)
{
    PKCS12_SAFEBAG *bag;

    if (certificate == NULL || was_written(making, certificate))
        return true;
    bag = PKCS12_SAFEBAG_create_cert(certificate);
    return push_bag(bags, bag) && (owner == NULL || label(making, owner, bag)) &&
           sk_X509_push(making->written, certificate) > 0;
}

/* Own certificates first, then the chains, each once. */
static bool add_certificates(struct making *making)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
    bool done = bags != NULL;

    for (size_t i = 0; done && i < making->count; i++)
        done = add_certificate(making, bags, making->keys[i].certificate, &making->keys[i]);
    for (size_t i = 0; done && i < making->count; i++) {
        STACK_OF(X509) *chain = making->keys[i].chain;

        for (int j = 0; done && chain != NULL && j < sk_X509_num(chain); j++)
            done = add_certificate(making, bags, sk_X509_value(chain, j), NULL);
    }
    if (done && sk_PKCS12_SAFEBAG_num(bags) > 0)
        done = push_safe(making, PKCS12_pack_p7encdata_ex(
                                     making->profile->certificate_algorithm, making->password,
                                     making->password_len, NULL, making->profile->salt_size,
                                     making->iterations, bags, making->library, NULL));
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return done;
}

/* One shrouded bag; *is_key is false where the bytes are no PKCS #8. */
static bool add_key(struct making *making, STACK_OF(PKCS12_SAFEBAG) * bags,
                    const struct kf_pfx_key *key, bool *is_key)
{
    const unsigned char *at = key->pkcs8.data;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)key->pkcs8.len);
    PKCS12_SAFEBAG *bag;
    bool done;

    *is_key = info != NULL && at == key->pkcs8.data + key->pkcs8.len;
    if (!*is_key) {
        PKCS8_PRIV_KEY_INFO_free(info);
        return false;
    }
    bag = PKCS12_SAFEBAG_create_pkcs8_encrypt_ex(
        making->profile->key_algorithm, making->password, making->password_len, NULL,
        making->profile->salt_size, making->iterations, info, making->library, NULL);
    done = push_bag(bags, bag) && label(making, key, bag);
    PKCS8_PRIV_KEY_INFO_free(info);
    return done;
}

static bool add_keys(struct making *making, bool *are_keys)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
    bool done = bags != NULL;

    *are_keys = true;
    for (size_t i = 0; done && i < making->count; i++)
        done = add_key(making, bags, &making->keys[i], are_keys);
    if (done)
        done = push_safe(making, PKCS12_pack_p7data(bags));
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return done;
}

static enum kf_status encode(PKCS12 *pkcs12, struct kf_buf *out, struct kf_error *error)
{
    int len = i2d_PKCS12(pkcs12, NULL);
    unsigned char *at;

    if (len <= 0)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "cannot encode PKCS #12");
    if (kf_buf_reserve(out, (size_t)len, error) != KF_OK)
        return KF_FATAL;
    at = out->data + out->len;
    out->len += (size_t)i2d_PKCS12(pkcs12, &at);
    return KF_OK;
}

static enum kf_status make(struct making *making, const EVP_MD *mac, struct kf_buf *out,
                           struct kf_error *error)
{
    PKCS12 *pkcs12 = NULL;
    bool are_keys = true;
    enum kf_status status;

    making->safes = sk_PKCS7_new_null();
    making->written = sk_X509_new_null();
    if (making->safes != NULL && making->written != NULL && add_certificates(making) &&
        add_keys(making, &are_keys))
        pkcs12 = PKCS12_add_safes_ex(making->safes, 0, making->library, NULL);
    if (pkcs12 != NULL && PKCS12_set_mac(pkcs12, making->password, making->password_len, NULL,
                                         making->profile->salt_size, making->iterations, mac) == 1)
        status = encode(pkcs12, out, error);
    else if (!are_keys)
        status = kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5958 2", "not a private key");
    else
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "cannot make PKCS #12");
    PKCS12_free(pkcs12);
    sk_X509_free(making->written);
    sk_PKCS7_pop_free(making->safes, PKCS7_free);
    return status;
}

enum kf_status kf_pfx_make_many(const struct kf_crypto *crypto,
                                const struct kf_pfx_request *request, struct kf_buf *out,
                                struct kf_error *error)
{
    const struct kf_buf *password = request->password;
    const struct profile *profile = &profiles[request->profile];
    struct making making = {.library = crypto->library,
                            .sha1 = crypto->sha1,
                            .profile = profile,
                            .iterations = request->iterations != 0 ? (int)request->iterations
                                                                   : profile->iterations,
                            .keys = request->keys,
                            .count = request->count,
                            .password = password->len != 0 ? (const char *)password->data : "",
                            .password_len = (int)password->len};
    enum kf_status status;

    if (password->len != 0 && memchr(password->data, 0, password->len) != NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "the password has a NUL inside");
    if (password->len > KF_MAX_PASSWORD || request->iterations > KF_PFX_MAX_ITERATIONS)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL,
                       "password too long, or too many "
                       "iterations");
    for (size_t i = 0; i < request->count; i++) {
        if (request->keys[i].pkcs8.len > KF_MAX_PKCS8)
            return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL, "key too long");
    }
    status = make(&making, request->profile == KF_PFX_MODERN ? crypto->sha256 : crypto->sha1, out,
                  error);
    ERR_clear_error();
    return status;
}

enum kf_status kf_pfx_make(const struct kf_crypto *crypto, struct kf_slice pkcs8, X509 *certificate,
                           STACK_OF(X509) * chain, const char *friendly_name,
                           const struct kf_buf *password, enum kf_pfx_profile profile,
                           struct kf_buf *out, struct kf_error *error)
{
    const struct kf_pfx_key key = {
        .pkcs8 = pkcs8, .certificate = certificate, .chain = chain, .friendly_name = friendly_name};

    return kf_pfx_make_many(crypto,
                            &(struct kf_pfx_request){
                                .keys = &key, .count = 1, .password = password, .profile = profile},
                            out, error);
}

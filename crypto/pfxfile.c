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
    const struct profile *profile;
    const char *password;
    int password_len;
    const char *friendly_name;
    unsigned char id[EVP_MAX_MD_SIZE]; /* localKeyID: the SHA-1 of the certificate */
    unsigned id_len;                   /* 0: no certificate */
    STACK_OF(PKCS7) * safes;
};

/* Ties key and certificate together, and names both. A name that no BMPString holds is left out. */
static bool label(struct making *making, PKCS12_SAFEBAG *bag)
{
    if (making->friendly_name != NULL && making->friendly_name[0] != '\0')
        (void)PKCS12_add_friendlyname_utf8(bag, making->friendly_name, -1);
    return making->id_len == 0 || PKCS12_add_localkeyid(bag, making->id, (int)making->id_len) == 1;
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

static bool add_certificate_bag(struct making *making, STACK_OF(PKCS12_SAFEBAG) * bags,
                                X509 *certificate, bool is_own)
{
    PKCS12_SAFEBAG *bag = PKCS12_SAFEBAG_create_cert(certificate);

    return push_bag(bags, bag) && (!is_own || label(making, bag));
}

static bool came_before(STACK_OF(X509) * chain, int index, const X509 *certificate)
{
    const X509 *this = sk_X509_value(chain, index);

    for (int i = 0; i < index; i++) {
        if (X509_cmp(sk_X509_value(chain, i), this) == 0)
            return true;
    }
    return certificate != NULL && X509_cmp(certificate, this) == 0;
}

/* Own certificate first, then its chain, each once. */
static bool add_certificates(struct making *making, X509 *certificate, STACK_OF(X509) * chain)
{
    const struct profile *profile = making->profile;
    STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
    bool done = bags != NULL;

    if (done && certificate != NULL)
        done = add_certificate_bag(making, bags, certificate, true);
    for (int i = 0; done && chain != NULL && i < sk_X509_num(chain); i++) {
        if (!came_before(chain, i, certificate))
            done = add_certificate_bag(making, bags, sk_X509_value(chain, i), false);
    }
    if (done && sk_PKCS12_SAFEBAG_num(bags) > 0)
        done = push_safe(
            making, PKCS12_pack_p7encdata_ex(profile->certificate_algorithm, making->password,
                                             making->password_len, NULL, profile->salt_size,
                                             profile->iterations, bags, making->library, NULL));
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return done;
}

static bool add_key(struct making *making, PKCS8_PRIV_KEY_INFO *key)
{
    const struct profile *profile = making->profile;
    STACK_OF(PKCS12_SAFEBAG) *bags = sk_PKCS12_SAFEBAG_new_null();
    PKCS12_SAFEBAG *bag = NULL;
    bool done = false;

    if (bags != NULL) {
        bag = PKCS12_SAFEBAG_create_pkcs8_encrypt_ex(
            profile->key_algorithm, making->password, making->password_len, NULL,
            profile->salt_size, profile->iterations, key, making->library, NULL);
        done = push_bag(bags, bag) && label(making, bag) &&
               push_safe(making, PKCS12_pack_p7data(bags));
    }
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

static enum kf_status make(struct making *making, const EVP_MD *mac, PKCS8_PRIV_KEY_INFO *key,
                           X509 *certificate, STACK_OF(X509) * chain, struct kf_buf *out,
                           struct kf_error *error)
{
    PKCS12 *pkcs12 = NULL;
    enum kf_status status;

    making->safes = sk_PKCS7_new_null();
    if (making->safes != NULL && add_certificates(making, certificate, chain) &&
        add_key(making, key))
        pkcs12 = PKCS12_add_safes_ex(making->safes, 0, making->library, NULL);
    if (pkcs12 != NULL &&
        PKCS12_set_mac(pkcs12, making->password, making->password_len, NULL,
                       making->profile->salt_size, making->profile->iterations, mac) == 1)
        status = encode(pkcs12, out, error);
    else
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "cannot make PKCS #12");
    PKCS12_free(pkcs12);
    sk_PKCS7_pop_free(making->safes, PKCS7_free);
    return status;
}

enum kf_status kf_pfx_make(const struct kf_crypto *crypto, struct kf_slice pkcs8, X509 *certificate,
                           STACK_OF(X509) * chain, const char *friendly_name,
                           const struct kf_buf *password, enum kf_pfx_profile profile,
                           struct kf_buf *out, struct kf_error *error)
{
    struct making making = {.library = crypto->library,
                            .profile = &profiles[profile],
                            .password = password->len != 0 ? (const char *)password->data : "",
                            .password_len = (int)password->len,
                            .friendly_name = friendly_name};
    const EVP_MD *mac = profile == KF_PFX_MODERN ? crypto->sha256 : crypto->sha1;
    const unsigned char *at = pkcs8.data;
    PKCS8_PRIV_KEY_INFO *key;
    enum kf_status status;

    if (password->len != 0 && memchr(password->data, 0, password->len) != NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "the password has a NUL inside");
    if (password->len > KF_MAX_PASSWORD || pkcs8.len > KF_MAX_PKCS8)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL, "password or key too long");
    if (certificate != NULL &&
        X509_digest(certificate, crypto->sha1, making.id, &making.id_len) != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "digest failed");
    key = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
    if (key == NULL || at != pkcs8.data + pkcs8.len)
        status = kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5958 2", "not a private key");
    else
        status = make(&making, mac, key, certificate, chain, out, error);
    PKCS8_PRIV_KEY_INFO_free(key);
    ERR_clear_error();
    return status;
}

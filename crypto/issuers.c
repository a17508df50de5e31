/*
 * Who issued a certificate (RFC 5280 6.1.3 a): see cert.h for the contract.
 *
 * The TBSCertificate is verified where it lies, without making an X509 of it, by a context that is
 * set up for a CA's key and a digest once: setting one up costs a quarter of a verification. What
 * is unusual (RSA-PSS parameters, two algorithm fields that differ in their bytes, other keys than
 * RSA and ECDSA) goes the long way through X509_verify, which holds it against the RFCs. An
 * algorithm that this OpenSSL does not have, MD2 say, proves nothing: such a certificate counts as
 * not issued.
 */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#include "crypto/cert.h"
#include "crypto/cert_parts.h"
#include "crypto/oid.h"

/* Verifies with one key, and is prepared for the digest that it met last. */
struct verifier {
    EVP_PKEY *key; /* borrowed */
    EVP_PKEY_CTX *context;
    EVP_MD_CTX *digester;
    EVP_MD *md;
    int digest; /* NID; 0: not prepared */
};

struct issuer {
    X509 *certificate;
    struct kf_buf name; /* subject, DER */
    struct verifier verifier;
};

struct kf_issuers {
    const struct kf_crypto *crypto;
    struct issuer *list;
    size_t count;
};

static void reset_verifier(struct verifier *verifier)
{
    EVP_PKEY_CTX_free(verifier->context);
    EVP_MD_CTX_free(verifier->digester);
    EVP_MD_free(verifier->md);
    *verifier = (struct verifier){.key = verifier->key};
}

void kf_issuers_free(struct kf_issuers *issuers)
{
    if (issuers == NULL)
        return;
    for (size_t i = 0; i < issuers->count; i++) {
        reset_verifier(&issuers->list[i].verifier);
        X509_free(issuers->list[i].certificate);
        kf_buf_reset(&issuers->list[i].name);
    }
    free(issuers->list);
    free(issuers);
}

static enum kf_status fill_issuer(const struct kf_crypto *crypto, struct kf_slice der,
                                  struct issuer *out, struct kf_error *error)
{
    struct kf_cert_parts parts;
    const char *broken = kf_cert_split(der, &parts);

    if (broken != NULL)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1",
                       "not a certificate: broken or missing %s", broken);
    out->certificate = kf_x509_parse(crypto, der, error);
    if (out->certificate == NULL)
        return KF_SKIP;
    out->verifier.key = X509_get0_pubkey(out->certificate);
    if (out->verifier.key == NULL)
        return kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1.2.7",
                               "the public key of a CA certificate cannot be read");
    return kf_buf_set(&out->name, parts.subject, error);
}

enum kf_status kf_issuers_new(const struct kf_crypto *crypto, const struct kf_slice *certificates,
                              size_t count, struct kf_issuers **out, struct kf_error *error)
{
    struct kf_issuers *issuers = calloc(1, sizeof(*issuers));

    *out = NULL;
    if (issuers == NULL)
        return kf_fail_memory(error);
    issuers->crypto = crypto;
    issuers->list = calloc(count + 1, sizeof(*issuers->list));
    if (issuers->list == NULL) {
        free(issuers);
        return kf_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        struct issuer *issuer = &issuers->list[i];
        enum kf_status status;

        issuer->name = KF_PUBLIC_BUF;
        issuers->count++;
        status = fill_issuer(crypto, certificates[i], issuer, error);
        if (status != KF_OK) {
            kf_error_place(error, "CA certificate %zu", i + 1);
            kf_issuers_free(issuers);
            return status;
        }
    }
    *out = issuers;
    return KF_OK;
}

/* The digest (NID) of an RSA PKCS #1 v1.5 or ECDSA signature by such a key; 0 for the long way. */
static int usual_digest(const struct kf_cert_parts *parts, const EVP_PKEY *key)
{
    struct kf_slice cursor = parts->algorithm;
    struct kf_slice oid;
    struct kf_tlv parameters;
    int digest = 0;
    int type = 0;

    if (!kf_bytes_equal(parts->algorithm, parts->inner_algorithm) ||
        !kf_der_algorithm(&cursor, &oid, &parameters) ||
        OBJ_find_sigid_algs(kf_oid_nid(oid), &digest, &type) != 1)
        return 0;
    if (type == NID_rsaEncryption && EVP_PKEY_is_a(key, "RSA") &&
        (parameters.tag == 0 || (parameters.tag == KF_DER_NULL && parameters.value.len == 0)))
        return digest;
    if (type == NID_X9_62_id_ecPublicKey && EVP_PKEY_is_a(key, "EC") && parameters.tag == 0)
        return digest;
    return 0;
}

static bool prepare(const struct kf_crypto *crypto, struct verifier *verifier, int digest)
{
    if (verifier->digest == digest)
        return true;
    reset_verifier(verifier);
    verifier->md = EVP_MD_fetch(crypto->library, OBJ_nid2sn(digest), NULL);
    verifier->digester = EVP_MD_CTX_new();
    verifier->context = EVP_PKEY_CTX_new_from_pkey(crypto->library, verifier->key, NULL);
    if (verifier->md == NULL || verifier->digester == NULL || verifier->context == NULL ||
        EVP_DigestInit_ex2(verifier->digester, verifier->md, NULL) != 1 ||
        EVP_PKEY_verify_init(verifier->context) != 1 ||
        EVP_PKEY_CTX_set_signature_md(verifier->context, verifier->md) != 1)
        return false;
    verifier->digest = digest;
    return true;
}

static bool verify_in_place(const struct kf_crypto *crypto, const struct kf_cert_parts *parts,
                            struct verifier *verifier, int digest)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return prepare(crypto, verifier, digest) &&
           EVP_DigestInit_ex2(verifier->digester, NULL, NULL) == 1 &&
           EVP_DigestUpdate(verifier->digester, parts->tbs.data, parts->tbs.len) == 1 &&
           EVP_DigestFinal_ex(verifier->digester, hash, &len) == 1 &&
           EVP_PKEY_verify(verifier->context, parts->signature.data, parts->signature.len, hash,
                           len) == 1;
}

static bool verify_by_x509(const struct kf_crypto *crypto, struct kf_slice der, EVP_PKEY *key)
{
    X509 *certificate = kf_x509_parse(crypto, der, NULL);
    bool verified = certificate != NULL && X509_verify(certificate, key) == 1;

    X509_free(certificate);
    return verified;
}

static bool signed_by(const struct kf_crypto *crypto, struct kf_slice der,
                      struct verifier *verifier)
{
    struct kf_cert_parts parts;
    int digest;
    bool verified;

    if (kf_cert_split(der, &parts) != NULL)
        return false;
    digest = usual_digest(&parts, verifier->key);
    verified = digest != 0 ? verify_in_place(crypto, &parts, verifier, digest)
                           : verify_by_x509(crypto, der, verifier->key);
    kf_openssl_forget();
    return verified;
}

bool kf_cert_signed_by(const struct kf_crypto *crypto, struct kf_slice der, EVP_PKEY *key)
{
    struct verifier verifier = {.key = key};
    bool verified = signed_by(crypto, der, &verifier);

    reset_verifier(&verifier);
    return verified;
}

/* The name of the certificate's issuer, parsed on first need; NULL where that cannot be. */
struct lazy_name {
    struct kf_slice der;
    X509_NAME *name;
    bool tried;
};

static bool has_name(const struct issuer *issuer, struct lazy_name *wanted)
{
    const uint8_t *at = wanted->der.data;

    if (kf_bytes_equal(kf_buf_slice(&issuer->name), wanted->der))
        return true;
    if (!wanted->tried) {
        wanted->tried = true;
        wanted->name = d2i_X509_NAME(NULL, &at, (long)wanted->der.len);
        kf_openssl_forget();
    }
    return wanted->name != NULL &&
           X509_NAME_cmp(X509_get_subject_name(issuer->certificate), wanted->name) == 0;
}

enum kf_status kf_issuers_issued(struct kf_issuers *issuers, struct kf_slice der,
                                 const struct kf_cert_facts *facts, bool *issued,
                                 struct kf_error *error)
{
    struct lazy_name wanted = {.der = facts->issuer_der};

    *issued = false;
    for (size_t i = 0; i < issuers->count && !*issued; i++) {
        if (has_name(&issuers->list[i], &wanted))
            *issued = signed_by(issuers->crypto, der, &issuers->list[i].verifier);
    }
    X509_NAME_free(wanted.name);
    if (!*issued && kf_openssl_no_memory())
        return kf_fail_memory(error);
    return KF_OK;
}

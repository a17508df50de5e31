/*
 * Keys and certificates for tests: see material.h.
 */
#include "tests/support/material.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define MAX_KEYS    64
#define DAY_SECONDS (24 * 60 * 60)
#define UPN_OID     "1.3.6.1.4.1.311.20.2.3"
#define KRA_OID     "1.3.6.1.4.1.311.21.6"

struct cached_key {
    char what[64];
    EVP_PKEY *key;
};

static struct {
    struct kf_crypto *crypto;
    struct cached_key keys[MAX_KEYS];
    size_t count;
    long serial;
} cache;

static void need(bool done, const char *what)
{
    if (done)
        return;
    (void)fprintf(stderr, "test material: cannot make %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

static void free_cache(void)
{
    for (size_t i = 0; i < cache.count; i++)
        EVP_PKEY_free(cache.keys[i].key);
    cache.count = 0;
    kf_crypto_close(cache.crypto);
    cache.crypto = NULL;
}

const struct kf_crypto *material_crypto(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    if (cache.crypto == NULL) {
        need(kf_crypto_open(&cache.crypto, &error) == KF_OK, error.text);
        need(atexit(free_cache) == 0, "an exit handler");
    }
    return cache.crypto;
}

static EVP_PKEY_CTX *context_for(const char *algorithm)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(material_crypto()->library, algorithm, NULL);

    need(context != NULL, algorithm);
    return context;
}

/* "rsa:2048:3primes:e=3", the part after the algorithm */
static EVP_PKEY *make_rsa(const char *algorithm, const char *options)
{
    EVP_PKEY_CTX *context = context_for(algorithm);
    EVP_PKEY *key = NULL;
    const char *primes = strstr(options, "primes");
    const char *exponent = strstr(options, "e=");
    BIGNUM *e = NULL;

    need(EVP_PKEY_keygen_init(context) == 1, algorithm);
    need(EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)strtol(options, NULL, 10)) == 1, options);
    if (primes != NULL)
        need(EVP_PKEY_CTX_set_rsa_keygen_primes(context, primes[-1] - '0') == 1, options);
    if (exponent != NULL) {
        need(BN_dec2bn(&e, exponent + 2) != 0, options);
        need(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e) == 1, options);
        BN_free(e);
    }
    need(EVP_PKEY_generate(context, &key) == 1, options);
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *make_dsa(int bits)
{
    EVP_PKEY_CTX *context = context_for("DSA");
    EVP_PKEY *parameters = NULL;
    EVP_PKEY *key = NULL;

    need(EVP_PKEY_paramgen_init(context) == 1, "DSA");
    need(EVP_PKEY_CTX_set_dsa_paramgen_bits(context, bits) == 1, "DSA");
    need(EVP_PKEY_CTX_set_dsa_paramgen_q_bits(context, bits > 1024 ? 256 : 160) == 1, "DSA");
    need(EVP_PKEY_generate(context, &parameters) == 1, "DSA");
    EVP_PKEY_CTX_free(context);
    context = EVP_PKEY_CTX_new_from_pkey(material_crypto()->library, parameters, NULL);
    need(context != NULL && EVP_PKEY_keygen_init(context) == 1, "DSA");
    need(EVP_PKEY_generate(context, &key) == 1, "DSA");
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(parameters);
    return key;
}

static EVP_PKEY *make_group(const char *algorithm, const char *group, bool is_explicit)
{
    EVP_PKEY_CTX *context = context_for(algorithm);
    EVP_PKEY *key = NULL;

    need(EVP_PKEY_keygen_init(context) == 1, algorithm);
    if (group != NULL)
        need(EVP_PKEY_CTX_set_group_name(context, group) == 1, group);
    if (is_explicit)
        need(EVP_PKEY_CTX_set_ec_param_enc(context, OPENSSL_EC_EXPLICIT_CURVE) == 1, group);
    need(EVP_PKEY_generate(context, &key) == 1, algorithm);
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *make_key(const char *what)
{
    char kind[64];
    char *options;

    need(strlen(what) < sizeof(kind), what);
    (void)snprintf(kind, sizeof(kind), "%s", what);
    kind[strcspn(kind, "#")] = '\0';
    options = kind + strcspn(kind, ":");
    if (*options != '\0')
        *options++ = '\0';
    if (strcmp(kind, "rsa") == 0)
        return make_rsa("RSA", options);
    if (strcmp(kind, "rsa-pss") == 0)
        return make_rsa("RSA-PSS", options);
    if (strcmp(kind, "ec") == 0)
        return make_group("EC", options, false);
    if (strcmp(kind, "ec-explicit") == 0)
        return make_group("EC", options, true);
    if (strcmp(kind, "dsa") == 0)
        return make_dsa((int)strtol(options, NULL, 10));
    if (strcmp(kind, "dh") == 0)
        return make_group("DH", options, false);
    return make_group(kind, NULL, false);
}

EVP_PKEY *material_key(const char *what)
{
    struct cached_key *slot;

    (void)material_crypto();
    for (size_t i = 0; i < cache.count; i++) {
        if (strcmp(cache.keys[i].what, what) == 0)
            return cache.keys[i].key;
    }
    need(cache.count < MAX_KEYS, "so many keys");
    slot = &cache.keys[cache.count];
    slot->key = make_key(what);
    (void)snprintf(slot->what, sizeof(slot->what), "%s", what);
    cache.count++;
    return slot->key;
}

/* Moves what OpenSSL encoded into out. */
static void take(struct kf_buf *out, uint8_t *der, int len, const char *what)
{
    need(len > 0 && kf_buf_set(out, (struct kf_slice){der, (size_t)len}, NULL) == KF_OK, what);
    OPENSSL_clear_free(der, (size_t)len);
}

void material_pkcs8(const EVP_PKEY *key, struct kf_buf *out)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    uint8_t *der = NULL;
    int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;

    take(out, der, len, "PKCS #8");
    PKCS8_PRIV_KEY_INFO_free(info);
}

void material_spki(const EVP_PKEY *key, struct kf_buf *out)
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    take(out, der, len, "a public key");
}

static void add_extension(X509 *certificate, int nid, bool critical, void *value)
{
    need(X509_add1_ext_i2d(certificate, nid, value, critical, X509V3_ADD_DEFAULT) == 1,
         OBJ_nid2sn(nid));
}

static void add_mail(GENERAL_NAMES *names, const char *mail)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    need(name != NULL && text != NULL && ASN1_STRING_set(text, mail, -1) == 1, mail);
    GENERAL_NAME_set0_value(name, GEN_EMAIL, text);
    need(sk_GENERAL_NAME_push(names, name) != 0, mail);
}

static void add_upn(GENERAL_NAMES *names, const char *upn)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();
    ASN1_TYPE *value = ASN1_TYPE_new();

    need(name != NULL && text != NULL && value != NULL, upn);
    need(ASN1_STRING_set(text, upn, -1) == 1, upn);
    ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
    need(GENERAL_NAME_set0_othername(name, OBJ_txt2obj(UPN_OID, 1), value) == 1, upn);
    need(sk_GENERAL_NAME_push(names, name) != 0, upn);
}

static void add_alternative_name(X509 *certificate, const struct material_cert *what)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

    if (what->upn != NULL)
        add_upn(names, what->upn);
    if (what->mail != NULL)
        add_mail(names, what->mail);
    if (sk_GENERAL_NAME_num(names) > 0)
        add_extension(certificate, NID_subject_alt_name, false, names);
    GENERAL_NAMES_free(names);
}

static void add_key_usage(X509 *certificate, unsigned usage)
{
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();

    for (int i = 0; i < 9; i++) {
        if ((usage >> i & 1) != 0)
            need(ASN1_BIT_STRING_set_bit(bits, i, 1) == 1, "key usage");
    }
    add_extension(certificate, NID_key_usage, true, bits);
    ASN1_BIT_STRING_free(bits);
}

static void add_extended_usage(X509 *certificate, const char *list)
{
    char copy[256];
    char *rest = copy;
    const char *name;
    EXTENDED_KEY_USAGE *usages = sk_ASN1_OBJECT_new_null();

    (void)snprintf(copy, sizeof(copy), "%s", list);
    while ((name = strtok_r(rest, ",", &rest)) != NULL)
        need(sk_ASN1_OBJECT_push(usages, OBJ_txt2obj(name, 0)) != 0, name);
    add_extension(certificate, NID_ext_key_usage, false, usages);
    sk_ASN1_OBJECT_pop_free(usages, ASN1_OBJECT_free);
}

static void add_basic_constraints(X509 *certificate)
{
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();

    constraints->ca = 0xff;
    add_extension(certificate, NID_basic_constraints, true, constraints);
    BASIC_CONSTRAINTS_free(constraints);
}

static void add_key_identifiers(X509 *certificate, const X509 *issuer)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(certificate);
    struct kf_slice bytes = {ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits)};
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
    ASN1_OCTET_STRING *own = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING *theirs =
        issuer != NULL ? X509_get_ext_d2i(issuer, NID_subject_key_identifier, NULL, NULL) : NULL;
    uint8_t sha1[KF_SHA1_SIZE];

    need(kf_digest(material_crypto()->sha1, bytes, sha1, NULL) == KF_OK, "SHA-1");
    need(ASN1_OCTET_STRING_set(own, sha1, sizeof(sha1)) == 1, "a key identifier");
    add_extension(certificate, NID_subject_key_identifier, false, own);
    if (theirs != NULL) {
        authority->keyid = theirs; /* the structure owns it now */
        add_extension(certificate, NID_authority_key_identifier, false, authority);
    }
    ASN1_OCTET_STRING_free(own);
    AUTHORITY_KEYID_free(authority);
}

/* "/C=US/O=Contoso/CN=Jo" */
static X509_NAME *make_name(const char *text)
{
    X509_NAME *name = X509_NAME_new();
    char copy[512];
    char *rest = copy;
    char *part;

    need(name != NULL && strlen(text) < sizeof(copy), text);
    (void)snprintf(copy, sizeof(copy), "%s", text);
    while ((part = strtok_r(rest, "/", &rest)) != NULL) {
        char *value = strchr(part, '=');

        need(value != NULL, text);
        *value++ = '\0';
        need(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (unsigned char *)value, -1, -1,
                                        0) == 1,
             text);
    }
    return name;
}

static void set_names(X509 *certificate, const struct material_cert *what)
{
    X509_NAME *subject = make_name(what->subject != NULL ? what->subject : "/CN=Test");
    const X509_NAME *issuer = what->issuer != NULL ? X509_get_subject_name(what->issuer) : subject;

    need(X509_set_subject_name(certificate, subject) == 1, "a subject");
    need(X509_set_issuer_name(certificate, issuer) == 1, "an issuer");
    X509_NAME_free(subject);
}

static void set_validity(X509 *certificate, const struct material_cert *what)
{
    time_t now = time(NULL);
    time_t before = what->not_before != 0 ? (time_t)what->not_before : now - DAY_SECONDS;
    time_t after = what->not_after != 0 ? (time_t)what->not_after : now + 365 * DAY_SECONDS;

    need(ASN1_TIME_adj(X509_getm_notBefore(certificate), before, 0, 0) != NULL, "a time");
    need(ASN1_TIME_adj(X509_getm_notAfter(certificate), after, 0, 0) != NULL, "a time");
}

static void add_extensions(X509 *certificate, const struct material_cert *what)
{
    if (what->is_ca)
        add_basic_constraints(certificate);
    if (what->key_usage != 0)
        add_key_usage(certificate, what->key_usage);
    if (what->eku != NULL)
        add_extended_usage(certificate, what->eku);
    add_alternative_name(certificate, what);
    add_key_identifiers(certificate, what->issuer);
}

static void sign(X509 *certificate, const struct material_cert *what, EVP_PKEY *key)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    const char *digest = what->digest != NULL ? what->digest : "SHA256";

    if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
        digest = NULL;
    need(context != NULL && EVP_DigestSignInit_ex(context, &options, digest,
                                                  material_crypto()->library, NULL, key, NULL) == 1,
         "a signature");
    if (what->pss) {
        need(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1, "PSS");
        need(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1, "PSS");
    }
    need(X509_sign_ctx(certificate, context) > 0, "a signature");
    EVP_MD_CTX_free(context);
}

X509 *material_cert(const struct material_cert *what)
{
    EVP_PKEY *key = what->key != NULL ? what->key : material_key("rsa:2048");
    X509 *certificate = X509_new_ex(material_crypto()->library, NULL);
    long serial = 0x1000 + ++cache.serial;

    need(certificate != NULL, "a certificate");
    need(X509_set_version(certificate, what->v1 ? X509_VERSION_1 : X509_VERSION_3) == 1, "v3");
    need(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate),
                                 what->serial != 0 ? what->serial : (uint64_t)serial) == 1,
         "a serial number");
    set_names(certificate, what);
    set_validity(certificate, what);
    need(X509_set_pubkey(certificate, key) == 1, "a public key");
    if (!what->v1)
        add_extensions(certificate, what);
    sign(certificate, what, what->issuer != NULL ? what->issuer_key : key);
    return certificate;
}

void material_der(const X509 *certificate, struct kf_buf *out)
{
    uint8_t *der = NULL;
    int len = i2d_X509(certificate, &der);

    take(out, der, len, "a certificate");
}

void material_cert_der(const struct material_cert *what, struct kf_buf *out)
{
    X509 *certificate = material_cert(what);

    material_der(certificate, out);
    X509_free(certificate);
}

X509 *material_kra(const char *common_name, EVP_PKEY *key)
{
    char subject[128];
    struct material_cert what = {
        .subject = subject, .key_usage = KF_KU_KEY_ENCIPHERMENT, .eku = KRA_OID, .key = key};

    (void)snprintf(subject, sizeof(subject), "/O=Contoso/CN=%s", common_name);
    return material_cert(&what);
}

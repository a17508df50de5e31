/*
 * The parameters of password-based encryption, taken apart: see pbe.h for the contract.
 *
 *     pkcs-12PbeParams ::= SEQUENCE { salt OCTET STRING, iterations INTEGER }        RFC 7292 C
 *     PBEParameter     ::= SEQUENCE { salt OCTET STRING, iterationCount INTEGER }    RFC 8018 A.3
 *     PBES2-params     ::= SEQUENCE { keyDerivationFunc, encryptionScheme }          RFC 8018 A.4
 *     PBKDF2-params    ::= SEQUENCE { salt CHOICE, iterationCount INTEGER,
 *                                     keyLength INTEGER OPTIONAL, prf DEFAULT }      RFC 8018 A.2
 *     scrypt-params    ::= SEQUENCE { salt, N, r, p, keyLength INTEGER OPTIONAL }    RFC 7914 7
 *
 * Refused on purpose: a PBKDF2 salt from another source, which nobody writes.
 */
#include "crypto/pbe.h"

#include "core/der.h"

#define OID(text)                                                                                  \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

#define PKCS5  "\x2a\x86\x48\x86\xf7\x0d\x01\x05"     /* 1.2.840.113549.1.5 */
#define PKCS12 "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01" /* 1.2.840.113549.1.12.1 */
#define BC     "\x2b\x06\x01\x04\x01\x81\xb0\x1a\x01" /* Bouncy Castle's, 1.3.6.1.4.1.22554.1 */

static const struct one_step {
    struct kf_slice oid;
    enum kf_pbe_scheme scheme;
    enum kf_hash hash;
    enum kf_cipher cipher;
    size_t key;
} one_step[] = {
    {OID(PKCS12 "\x01"), KF_PBE_PKCS12, KF_HASH_SHA1, KF_CIPHER_RC4, 16},
    {OID(PKCS12 "\x02"), KF_PBE_PKCS12, KF_HASH_SHA1, KF_CIPHER_RC4, 5},
    {OID(PKCS12 "\x03"), KF_PBE_PKCS12, KF_HASH_SHA1, KF_CIPHER_DES3, 24},
    {OID(PKCS12 "\x04"), KF_PBE_PKCS12, KF_HASH_SHA1, KF_CIPHER_DES3_2KEY, 16},
    {OID(PKCS12 "\x05"), KF_PBE_PKCS12, KF_HASH_SHA1, KF_CIPHER_RC2, 16},
    {OID(PKCS12 "\x06"), KF_PBE_PKCS12, KF_HASH_SHA1, KF_CIPHER_RC2, 5},
    {OID(PKCS5 "\x01"), KF_PBE_PBES1, KF_HASH_MD2, KF_CIPHER_DES, 8},
    {OID(PKCS5 "\x04"), KF_PBE_PBES1, KF_HASH_MD2, KF_CIPHER_RC2, 8},
    {OID(PKCS5 "\x03"), KF_PBE_PBES1, KF_HASH_MD5, KF_CIPHER_DES, 8},
    {OID(PKCS5 "\x06"), KF_PBE_PBES1, KF_HASH_MD5, KF_CIPHER_RC2, 8},
    {OID(PKCS5 "\x0a"), KF_PBE_PBES1, KF_HASH_SHA1, KF_CIPHER_DES, 8},
    {OID(PKCS5 "\x0b"), KF_PBE_PBES1, KF_HASH_SHA1, KF_CIPHER_RC2, 8},
    /* what Bouncy Castle's key stores use where PBES2 was not yet known */
    {OID(BC "\x01\x02\x01\x02"), KF_PBE_PKCS12, KF_HASH_SHA1, KF_CIPHER_AES128, 16},
    {OID(BC "\x01\x02\x01\x16"), KF_PBE_PKCS12, KF_HASH_SHA1, KF_CIPHER_AES192, 24},
    {OID(BC "\x01\x02\x01\x2a"), KF_PBE_PKCS12, KF_HASH_SHA1, KF_CIPHER_AES256, 32},
    {OID(BC "\x02\x01\x02\x01\x02"), KF_PBE_PKCS12, KF_HASH_SHA256, KF_CIPHER_AES128, 16},
    {OID(BC "\x02\x01\x02\x01\x16"), KF_PBE_PKCS12, KF_HASH_SHA256, KF_CIPHER_AES192, 24},
    {OID(BC "\x02\x01\x02\x01\x2a"), KF_PBE_PKCS12, KF_HASH_SHA256, KF_CIPHER_AES256, 32},
};

static const struct kf_slice oid_pbes2 = OID(PKCS5 "\x0d");
static const struct kf_slice oid_pbkdf2 = OID(PKCS5 "\x0c");
static const struct kf_slice oid_scrypt = OID("\x2b\x06\x01\x04\x01\xda\x47\x04\x0b");

static enum kf_status malformed(struct kf_error *error, const char *rule, const char *what)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, rule, "%s", what);
}

static enum kf_status unknown(struct kf_error *error, const char *what, struct kf_slice oid)
{
    char text[80];

    kf_oid_text(oid, text, sizeof(text));
    return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL, "%s %s is not supported", what,
                   text);
}

static enum kf_status parse_one_step(const struct one_step *entry, const struct kf_tlv *parameters,
                                     struct kf_pbe *pbe, struct kf_error *error)
{
    struct kf_slice in = parameters->value;

    if (parameters->tag != KF_DER_SEQUENCE || !kf_der_get(&in, KF_DER_OCTET_STRING, &pbe->salt) ||
        !kf_der_uint(&in, INT32_MAX, &pbe->iterations) || !kf_der_end(&in))
        return malformed(error, "RFC 7292 C", "encryption parameters are not salt and iterations");
    if (pbe->iterations == 0)
        return malformed(error, "RFC 7292 C", "a key derivation of no iterations");
    pbe->scheme = entry->scheme;
    pbe->hash = entry->hash;
    pbe->cipher = entry->cipher;
    pbe->key_size = entry->key;
    pbe->rc2_bits = (unsigned)entry->key * 8;
    return KF_OK;
}

enum kf_status kf_pbkdf2_parse(struct kf_slice *cursor, struct kf_pbe *pbe, uint64_t *key_size,
                               struct kf_error *error)
{
    struct kf_slice oid;
    struct kf_slice in;
    struct kf_slice prf;
    struct kf_tlv parameters;
    struct kf_tlv prf_parameters;

    *key_size = 0;
    pbe->scheme = KF_PBE_PBKDF2;
    pbe->hash = KF_HASH_SHA1;
    if (!kf_der_algorithm(cursor, &oid, &parameters) || parameters.tag != KF_DER_SEQUENCE)
        return malformed(error, "RFC 8018 A.2", "no parameters of a key derivation");
    if (!kf_slice_equal(oid, oid_pbkdf2))
        return unknown(error, "key derivation", oid);
    in = parameters.value;
    if (kf_der_peek(&in) == KF_DER_SEQUENCE)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, "RFC 8018 A.2",
                       "a PBKDF2 salt from another source is not supported");
    if (!kf_der_get(&in, KF_DER_OCTET_STRING, &pbe->salt))
        return malformed(error, "RFC 8018 A.2", "the PBKDF2 salt is not an OCTET STRING");
    if (!kf_der_uint(&in, INT32_MAX, &pbe->iterations) || pbe->iterations == 0)
        return malformed(error, "RFC 8018 A.2", "the PBKDF2 iteration count is out of range");
    if (kf_der_peek(&in) == KF_DER_INTEGER &&
        (!kf_der_uint(&in, KF_KDF_MAX_KEY, key_size) || *key_size == 0))
        return malformed(error, "RFC 8018 A.2", "the PBKDF2 key length is out of range");
    if (!kf_der_end(&in)) {
        if (!kf_der_algorithm(&in, &prf, &prf_parameters) || !kf_der_end(&in))
            return malformed(error, "RFC 8018 A.2", "PBKDF2 parameters are malformed");
        if (!kf_hash_by_hmac_oid(prf, &pbe->hash))
            return unknown(error, "PBKDF2 with the function", prf);
    }
    return KF_OK;
}

static enum kf_status parse_scrypt(const struct kf_tlv *parameters, struct kf_pbe *pbe,
                                   uint64_t *key_size, struct kf_error *error)
{
    struct kf_slice in = parameters->value;

    *key_size = 0;
    pbe->scheme = KF_PBE_SCRYPT;
    if (parameters->tag != KF_DER_SEQUENCE || !kf_der_get(&in, KF_DER_OCTET_STRING, &pbe->salt) ||
        !kf_der_uint(&in, INT64_MAX, &pbe->n) || !kf_der_uint(&in, INT32_MAX, &pbe->r) ||
        !kf_der_uint(&in, INT32_MAX, &pbe->p) ||
        (!kf_der_end(&in) && !kf_der_uint(&in, KF_KDF_MAX_KEY, key_size)) || !kf_der_end(&in))
        return malformed(error, "RFC 7914 7", "scrypt parameters are malformed");
    if (pbe->n < 2 || (pbe->n & (pbe->n - 1)) != 0 || pbe->r == 0 || pbe->p == 0)
        return malformed(error, "RFC 7914 2", "scrypt parameters are out of range");
    return KF_OK;
}

/* RC2-CBC-Parameter ::= SEQUENCE { version INTEGER OPTIONAL, iv OCTET STRING } (RFC 8018 B.2.3) */
static bool parse_rc2(struct kf_slice in, struct kf_pbe *pbe)
{
    uint64_t version = 0;

    pbe->rc2_bits = 32;
    if (kf_der_peek(&in) == KF_DER_INTEGER) {
        if (!kf_der_uint(&in, 1024, &version))
            return false;
        pbe->rc2_bits = version == 160   ? 40
                        : version == 120 ? 64
                        : version == 58  ? 128
                        : version >= 256 ? (unsigned)version
                                         : 0;
    }
    return pbe->rc2_bits != 0 && kf_der_get(&in, KF_DER_OCTET_STRING, &pbe->iv) && kf_der_end(&in);
}

/* CAST5CBCParameters ::= SEQUENCE { iv OCTET STRING, keyLength INTEGER } (RFC 2984) */
static bool parse_cast5(struct kf_slice in, struct kf_pbe *pbe, size_t *key)
{
    uint64_t bits = 0;

    if (!kf_der_get(&in, KF_DER_OCTET_STRING, &pbe->iv) || !kf_der_uint(&in, 128, &bits) ||
        !kf_der_end(&in))
        return false;
    *key = (size_t)bits / 8;
    return bits % 8 == 0 && bits >= 40;
}

/* Gost28147-89-Parameters ::= SEQUENCE { iv OCTET STRING, encryptionParamSet OID } (RFC 4357 2.1)
 */
static bool parse_gost(struct kf_slice in, struct kf_pbe *pbe)
{
    struct kf_slice boxes;

    return kf_der_get(&in, KF_DER_OCTET_STRING, &pbe->iv) && kf_der_get(&in, KF_DER_OID, &boxes) &&
           kf_der_end(&in) && kf_gost_boxes_by_oid(boxes, &pbe->gost_boxes);
}

static bool takes_any_key(enum kf_cipher cipher)
{
    return cipher == KF_CIPHER_RC2 || cipher == KF_CIPHER_RC4 || cipher == KF_CIPHER_BLOWFISH;
}

/* Old NSS names AES-128 for any AES, and goes by the length of the key that is derived */
static void follow_nss(struct kf_pbe *pbe, uint64_t derived, size_t *key)
{
    if (pbe->cipher != KF_CIPHER_AES128 && pbe->cipher != KF_CIPHER_AES192)
        return;
    if (derived != 24 && derived != 32)
        return;
    pbe->cipher = derived == 24 ? KF_CIPHER_AES192 : KF_CIPHER_AES256;
    *key = (size_t)derived;
}

/* The cipher of PBES2, its IV, and how much key it takes, given what the derivation was told */
static enum kf_status parse_cipher(struct kf_slice *cursor, uint64_t derived, struct kf_pbe *pbe,
                                   struct kf_error *error)
{
    struct kf_slice oid;
    struct kf_tlv parameters;
    size_t key;
    bool fits;

    if (!kf_der_algorithm(cursor, &oid, &parameters))
        return malformed(error, "RFC 8018 A.4", "no encryption scheme");
    if (!kf_cipher_by_oid(oid, &pbe->cipher))
        return unknown(error, "encryption by", oid);
    key = kf_cipher_key_size(pbe->cipher);
    pbe->iv = parameters.value;
    if (pbe->cipher == KF_CIPHER_RC2) {
        fits = parameters.tag == KF_DER_SEQUENCE && parse_rc2(parameters.value, pbe);
        key = pbe->rc2_bits / 8;
    } else if (pbe->cipher == KF_CIPHER_CAST5) {
        /* Bouncy Castle and OpenSSL give the IV alone, and mean 128 bits */
        fits = parameters.tag == KF_DER_OCTET_STRING ||
               (parameters.tag == KF_DER_SEQUENCE && parse_cast5(parameters.value, pbe, &key));
    } else if (pbe->cipher == KF_CIPHER_GOST28147) {
        fits = parameters.tag == KF_DER_SEQUENCE && parse_gost(parameters.value, pbe);
    } else if (pbe->cipher == KF_CIPHER_RC4) {
        fits = parameters.tag == 0 || parameters.tag == KF_DER_NULL;
    } else {
        fits = parameters.tag == KF_DER_OCTET_STRING;
    }
    if (!fits || pbe->iv.len != kf_cipher_iv_size(pbe->cipher))
        return malformed(error, "RFC 8018 B.2",
                         "the initialization vector does not fit the cipher");
    if (derived != 0 && takes_any_key(pbe->cipher))
        key = (size_t)derived;
    follow_nss(pbe, derived, &key);
    if (key == 0 || key > KF_PBE_MAX_KEY || (derived != 0 && derived < key))
        return malformed(error, "RFC 8018 A.2", "the derived key does not fit the cipher");
    pbe->key_size = key;
    return KF_OK;
}

static enum kf_status parse_pbes2(const struct kf_tlv *parameters, struct kf_pbe *pbe,
                                  struct kf_error *error)
{
    struct kf_slice in = parameters->value;
    struct kf_slice ahead;
    struct kf_slice oid;
    struct kf_tlv kdf;
    uint64_t derived;
    enum kf_status status;

    ahead = in;
    if (parameters->tag != KF_DER_SEQUENCE || !kf_der_algorithm(&ahead, &oid, &kdf))
        return malformed(error, "RFC 8018 A.4", "PBES2 parameters are malformed");
    if (kf_slice_equal(oid, oid_scrypt)) {
        in = ahead;
        status = parse_scrypt(&kdf, pbe, &derived, error);
    } else {
        status = kf_pbkdf2_parse(&in, pbe, &derived, error);
    }
    if (status == KF_OK)
        status = parse_cipher(&in, derived, pbe, error);
    if (status == KF_OK && !kf_der_end(&in))
        status = malformed(error, "RFC 8018 A.4", "something follows the PBES2 parameters");
    return status;
}

enum kf_status kf_pbe_parse(struct kf_slice *cursor, struct kf_pbe *pbe, struct kf_error *error)
{
    struct kf_slice oid;
    struct kf_tlv parameters;

    *pbe = (struct kf_pbe){.iterations = 0};
    if (!kf_der_algorithm(cursor, &oid, &parameters))
        return malformed(error, "RFC 5280 4.1.1.2", "no encryption algorithm");
    if (kf_slice_equal(oid, oid_pbes2))
        return parse_pbes2(&parameters, pbe, error);
    for (size_t i = 0; i < sizeof(one_step) / sizeof(one_step[0]); i++) {
        if (kf_slice_equal(oid, one_step[i].oid))
            return parse_one_step(&one_step[i], &parameters, pbe, error);
    }
    return unknown(error, "encryption by", oid);
}

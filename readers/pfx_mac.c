/*
 * The MAC of a PKCS #12 file (RFC 7292 4, RFC 9579):
 *
 *     MacData    ::= SEQUENCE { mac DigestInfo, macSalt OCTET STRING,
 *                               iterations INTEGER DEFAULT 1 }
 *     DigestInfo ::= SEQUENCE { AlgorithmIdentifier, digest OCTET STRING }
 *
 * With PBMAC1 as its algorithm, macSalt and iterations mean nothing, and the password goes in as
 * its bytes. Refused on purpose, after RFC 9579: no key length, one below 20 bytes, and a digest
 * that has not exactly the size of the HMAC's.
 */
#include <stdio.h>
#include <string.h>

#include "crypto/gosthash.h"
#include "crypto/oid.h"
#include "readers/pfx_file.h"

#define OID_PBMAC1        "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e"
#define RULE              "RFC 7292 4"
#define RULE_PBMAC1       "RFC 9579 4"
#define PBMAC1_MIN_LENGTH 20
#define GOST_DERIVED      96
#define GOST_KEY          32

static bool is_gost(const struct pfx_mac *mac)
{
    return mac->kind == PFX_MAC_PKCS12 && kf_hash_is_gost(mac->hash) && !mac->old_gost;
}

static enum kf_status malformed(struct kf_error *error, const char *rule, const char *what)
{
    enum kf_status status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, rule, "%s", what);

    kf_error_place(error, "MAC");
    return status;
}

static enum kf_status unknown(struct kf_error *error, const char *what, struct kf_slice oid)
{
    char name[80];
    enum kf_status status;

    kf_oid_text(oid, name, sizeof(name));
    status =
        kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL, "%s %s is not supported", what, name);
    kf_error_place(error, "MAC");
    return status;
}

/* PBMAC1-params ::= SEQUENCE { keyDerivationFunc, messageAuthScheme } (RFC 8018 A.5) */
static enum kf_status parse_pbmac1(const struct kf_tlv *parameters, struct pfx_mac *mac,
                                   struct kf_error *error)
{
    struct kf_slice in = parameters->value;
    struct kf_slice scheme;
    struct kf_tlv nothing;
    uint64_t key_size = 0;

    if (parameters->tag != KF_DER_SEQUENCE)
        return malformed(error, RULE_PBMAC1, "PBMAC1 has no parameters");
    if (kf_pbkdf2_parse(&in, &mac->pbe, &key_size, error) != KF_OK) {
        kf_error_place(error, "MAC");
        return KF_SKIP;
    }
    if (key_size == 0)
        return malformed(error, RULE_PBMAC1, "PBMAC1 without a key length");
    if (key_size < PBMAC1_MIN_LENGTH)
        return malformed(error, RULE_PBMAC1, "PBMAC1 with a key of less than 20 bytes");
    if (!kf_der_algorithm(&in, &scheme, &nothing) || !kf_der_end(&in))
        return malformed(error, RULE_PBMAC1, "PBMAC1 parameters are malformed");
    if (!kf_hash_by_hmac_oid(scheme, &mac->hash))
        return unknown(error, "PBMAC1 with the function", scheme);
    mac->kind = PFX_MAC_PBMAC1;
    mac->key_size = (size_t)key_size;
    mac->iterations = mac->pbe.iterations;
    return KF_OK;
}

enum kf_status pfx_mac_parse(struct kf_slice content, struct pfx_mac *mac, struct kf_error *error)
{
    struct kf_slice info;
    struct kf_slice oid;
    struct kf_tlv parameters;

    mac->iterations = 1;
    if (!kf_der_get(&content, KF_DER_SEQUENCE, &info) ||
        !kf_der_algorithm(&info, &oid, &parameters) ||
        !kf_der_get(&info, KF_DER_OCTET_STRING, &mac->digest) || !kf_der_end(&info) ||
        !kf_der_get(&content, KF_DER_OCTET_STRING, &mac->salt) ||
        (!kf_der_end(&content) && !kf_der_uint(&content, INT32_MAX, &mac->iterations)) ||
        !kf_der_end(&content))
        return malformed(error, RULE, "MacData is malformed");
    if (KF_OID_IS(oid, OID_PBMAC1)) {
        if (parse_pbmac1(&parameters, mac, error) != KF_OK)
            return KF_SKIP;
    } else {
        /* some writers name HMAC-SHA-256 where the digest itself is meant */
        if (!kf_hash_by_oid(oid, &mac->hash) && !kf_hash_by_hmac_oid(oid, &mac->hash))
            return unknown(error, "the digest", oid);
        mac->kind = PFX_MAC_PKCS12;
    }
    if (mac->iterations == 0)
        return malformed(error, RULE, "a key derivation of no iterations");
    if (mac->digest.len != kf_hash_size(mac->hash))
        return malformed(error, RULE, "the digest has not the size of its algorithm");
    return KF_OK;
}

/* The key of a MAC with a digest of GOST: the last 32 of 96 bytes by PBKDF2 (RFC 9548 3); older
 * software derives it as with any other digest */
static enum kf_status gost_key(struct pfx_file *file, struct kf_slice password, uint8_t *key,
                               struct kf_error *error)
{
    const struct pfx_mac *mac = &file->mac;
    const struct kf_kdf_input input = {mac->hash, password, mac->salt, mac->iterations};
    uint8_t derived[GOST_DERIVED];
    enum kf_status status =
        kf_kdf_pbkdf2(file->options->crypto->algorithms, &input, derived, sizeof(derived), error);

    if (status == KF_OK)
        memcpy(key, derived + GOST_DERIVED - GOST_KEY, GOST_KEY);
    kf_wipe(derived, sizeof(derived));
    return status;
}

static enum kf_status mac_key(struct pfx_file *file, struct kf_slice password, uint8_t *key,
                              struct kf_error *error)
{
    const struct pfx_mac *mac = &file->mac;
    const struct kf_algorithms *algorithms = file->options->crypto->algorithms;
    const struct kf_kdf_input pkcs12 = {mac->hash, password, mac->salt, mac->iterations};
    const struct kf_kdf_input pbkdf2 = {mac->pbe.hash, password, mac->pbe.salt, mac->iterations};

    if (is_gost(mac))
        return gost_key(file, password, key, error);
    return mac->kind == PFX_MAC_PBMAC1
               ? kf_kdf_pbkdf2(algorithms, &pbkdf2, key, mac->key_size, error)
               : kf_kdf_pkcs12(algorithms, &pkcs12, KF_KDF_MAC, key, kf_hash_size(mac->hash),
                               error);
}

static size_t mac_key_size(const struct pfx_mac *mac)
{
    if (is_gost(mac))
        return GOST_KEY;
    return mac->kind == PFX_MAC_PBMAC1 ? mac->key_size : kf_hash_size(mac->hash);
}

static enum kf_status try_mac(void *context, const struct pfx_match *match, struct kf_slice bytes,
                              bool *fits, struct kf_error *error)
{
    struct pfx_file *file = context;
    const struct pfx_mac *mac = &file->mac;
    size_t size = kf_hash_size(mac->hash);
    uint8_t key[KF_KDF_MAX_KEY];
    uint8_t digest[KF_HASH_MAX_SIZE];
    enum kf_status status;

    (void)match;
    *fits = false;
    status = pfx_charge(
        file->passwords,
        kf_hash_is_gost(mac->hash) ? mac->iterations * KF_GOST_COST : mac->iterations, error);
    if (status == KF_OK)
        status = mac_key(file, bytes, key, error);
    if (status == KF_OK)
        status = kf_hmac(file->options->crypto->algorithms, mac->hash,
                         (struct kf_slice){key, mac_key_size(mac)}, mac->over, digest, error);
    if (status == KF_OK)
        *fits = kf_slice_equal((struct kf_slice){digest, size}, mac->digest);
    kf_wipe(key, sizeof(key));
    kf_wipe(digest, sizeof(digest));
    return status;
}

enum kf_status pfx_mac_verify(struct pfx_file *file, struct kf_error *error)
{
    struct pfx_mac *mac = &file->mac;
    bool gost = is_gost(mac);
    bool bmp = mac->kind == PFX_MAC_PKCS12 && !gost;
    enum kf_status status = pfx_search(file->passwords, bmp, try_mac, file, &mac->match, error);

    if (status == KF_SKIP && gost) {
        struct kf_error why = {.cause = KF_CAUSE_NONE};

        mac->old_gost = true;
        if (pfx_search(file->passwords, true, try_mac, file, &mac->match, &why) == KF_OK)
            status = KF_OK;
    }
    file->mac.verified = status == KF_OK;
    return status;
}

void pfx_mac_name(const struct pfx_mac *mac, char *out, size_t size)
{
    switch (mac->kind) {
    case PFX_MAC_NONE:
        (void)snprintf(out, size, "none");
        break;
    case PFX_MAC_PKCS12:
        (void)snprintf(out, size, "HMAC-%s", kf_hash_name(mac->hash));
        break;
    case PFX_MAC_PBMAC1:
        (void)snprintf(out, size, "PBMAC1, PBKDF2, HMAC-%s, HMAC-%s", kf_hash_name(mac->pbe.hash),
                       kf_hash_name(mac->hash));
        break;
    }
}

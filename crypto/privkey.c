/*
 * Private keys from PKCS #8, read in place: see privkey.h for the contract.
 *
 * PrivateKeyInfo (RFC 5208) and OneAsymmetricKey (RFC 5958 2), with the keys of RFC 8017 A.1.2,
 * RFC 5915, RFC 8410, and of PKCS #11's mechanisms for DSA and DH. Tolerated, since they exist:
 * attributes, a public key in a version 1 structure, RSA without its NULL parameters, the curve
 * inside or outside of ECPrivateKey. Refused: bytes left over on any level, negative numbers, RSA
 * outside of 512 to 16384 bits, and the bare structures of PKCS #1 and SEC 1.
 */
#include "crypto/privkey.h"

#include <string.h>

#include "core/limits.h"
#include "crypto/oid.h"
#include "crypto/privkey_parts.h"
#include "crypto/spki.h"

#define PKCS8_RULE "RFC 5958 2"
#define RSA_RULE   "RFC 8017 A.1.2"
#define EC_RULE    "RFC 5915 3"

static enum kf_status refuse(struct kf_error *error, const char *rule, const char *why)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, rule, "not a private key: %s", why);
}

/* OneAsymmetricKey taken apart. */
struct envelope {
    struct kf_slice oid;
    struct kf_tlv parameters;
    struct kf_slice content; /* of the OCTET STRING privateKey */
    struct kf_slice public_key;
};

/* publicKey is [1] IMPLICIT BIT STRING; some writers made it EXPLICIT. */
static bool split_public_key(struct kf_slice *members, struct kf_slice *out)
{
    struct kf_slice value;

    if (kf_der_peek(members) == (KF_DER_CONTEXT_CONSTRUCTED | 1))
        return kf_der_get(members, KF_DER_CONTEXT_CONSTRUCTED | 1, &value) &&
               kf_der_bytes(&value, out) && kf_der_end(&value);
    if (!kf_der_optional(members, KF_DER_CONTEXT | 1, &value))
        return false;
    if (value.data == NULL)
        return true;
    if (value.len == 0 || value.data[0] != 0)
        return false;
    *out = (struct kf_slice){value.data + 1, value.len - 1};
    return true;
}

static const char *split_envelope(struct kf_slice pkcs8, struct envelope *out)
{
    struct kf_slice members;
    uint64_t version;

    *out = (struct envelope){.oid = {NULL, 0}};
    if (!kf_der_get(&pkcs8, KF_DER_SEQUENCE, &members))
        return "no SEQUENCE, or cut off";
    if (!kf_der_end(&pkcs8))
        return "there are bytes after it";
    if (!kf_der_uint(&members, 1, &version))
        return "its version is neither 0 nor 1";
    if (!kf_der_algorithm(&members, &out->oid, &out->parameters))
        return "no algorithm identifier";
    if (!kf_der_get(&members, KF_DER_OCTET_STRING, &out->content))
        return "no key in it";
    if (!kf_der_optional(&members, KF_DER_CONTEXT_CONSTRUCTED | 0, NULL))
        return "broken attributes";
    if (!split_public_key(&members, &out->public_key))
        return "broken public key";
    return kf_der_end(&members) ? NULL : "unknown fields at its end";
}

bool kf_other_prime_next(struct kf_slice *cursor, struct kf_other_prime *out)
{
    struct kf_slice members;

    return kf_der_get(cursor, KF_DER_SEQUENCE, &members) &&
           kf_der_unsigned(&members, &out->prime) && kf_der_unsigned(&members, &out->exponent) &&
           kf_der_unsigned(&members, &out->coefficient) && kf_der_end(&members);
}

static bool other_primes_are_sound(struct kf_slice list)
{
    struct kf_other_prime prime;
    unsigned count = 2;

    while (!kf_der_end(&list)) {
        if (++count > KF_RSA_PRIMES || !kf_other_prime_next(&list, &prime))
            return false;
    }
    return count > 2;
}

static enum kf_status parse_rsa(struct kf_slice content, struct kf_rsa_numbers *rsa,
                                struct kf_error *error)
{
    struct kf_slice *const numbers[] = {&rsa->n, &rsa->e,  &rsa->d,  &rsa->p,
                                        &rsa->q, &rsa->dp, &rsa->dq, &rsa->qinv};
    struct kf_slice members;
    uint64_t version;
    size_t bits;

    if (!kf_der_get(&content, KF_DER_SEQUENCE, &members) || !kf_der_end(&content) ||
        !kf_der_uint(&members, 1, &version))
        return refuse(error, RSA_RULE, "broken RSAPrivateKey");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (!kf_der_unsigned(&members, numbers[i]))
            return refuse(error, RSA_RULE, "a number of the RSA key is missing or negative");
    }
    if (version == 1 && (!kf_der_get(&members, KF_DER_SEQUENCE, &rsa->other_primes) ||
                         !other_primes_are_sound(rsa->other_primes)))
        return refuse(error, RSA_RULE, "broken list of other primes, or more than five primes");
    if (!kf_der_end(&members))
        return refuse(error, RSA_RULE, "there are bytes after the RSA key");
    bits = kf_magnitude_bits(rsa->n);
    if (bits < KF_RSA_BITS_MIN || bits > KF_RSA_BITS_MAX)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL,
                       "an RSA key of %zu bits; %u to %u are taken", bits, KF_RSA_BITS_MIN,
                       KF_RSA_BITS_MAX);
    return KF_OK;
}

/* Both places may have the curve, but not two curves. Sets parameters and curve. */
static enum kf_status choose_curve(const struct kf_tlv *outer, struct kf_slice inner,
                                   struct kf_privkey *key, struct kf_error *error)
{
    bool has_outer = outer->tag == KF_DER_OID || outer->tag == KF_DER_SEQUENCE;
    struct kf_slice cursor;
    struct kf_slice oid;

    if (!has_outer && inner.len == 0)
        return refuse(error, EC_RULE, "the elliptic key names no curve");
    key->parameters = has_outer ? outer->whole : inner;
    if (outer->tag == KF_DER_OID && kf_der_peek(&inner) == KF_DER_OID &&
        !kf_bytes_equal(outer->whole, inner))
        return refuse(error, EC_RULE, "the elliptic key names two curves");
    cursor = key->parameters;
    if (kf_der_get(&cursor, KF_DER_OID, &oid))
        key->curve = kf_ec_curve_named(oid);
    return KF_OK;
}

static enum kf_status parse_ec(const struct envelope *envelope, struct kf_privkey *key,
                               struct kf_error *error)
{
    struct kf_slice content = envelope->content;
    struct kf_slice members;
    struct kf_slice parameters;
    struct kf_slice wrapped;
    struct kf_slice point = {NULL, 0};
    struct kf_tlv single;
    uint64_t version;

    if (!kf_der_get(&content, KF_DER_SEQUENCE, &members) || !kf_der_end(&content) ||
        !kf_der_uint(&members, 1, &version) || version != 1 ||
        !kf_der_get(&members, KF_DER_OCTET_STRING, &key->scalar) ||
        !kf_der_optional(&members, KF_DER_CONTEXT_CONSTRUCTED | 0, &parameters) ||
        !kf_der_optional(&members, KF_DER_CONTEXT_CONSTRUCTED | 1, &wrapped) ||
        !kf_der_end(&members))
        return refuse(error, EC_RULE, "broken ECPrivateKey");
    if (parameters.data != NULL) {
        struct kf_slice cursor = parameters;

        if (!kf_der_any(&cursor, &single) || !kf_der_end(&cursor))
            return refuse(error, EC_RULE, "broken parameters in ECPrivateKey");
    }
    if (wrapped.data != NULL && (!kf_der_bytes(&wrapped, &point) || !kf_der_end(&wrapped)))
        return refuse(error, EC_RULE, "broken public key in ECPrivateKey");
    if (point.len != 0 && key->public_key.len != 0 && !kf_bytes_equal(point, key->public_key))
        return refuse(error, EC_RULE, "the elliptic key has two public keys");
    if (point.len != 0)
        key->public_key = point;
    if (key->scalar.len == 0 || key->scalar.len > KF_EC_SCALAR_MAX)
        return refuse(error, EC_RULE, "the private value has an impossible length");
    return choose_curve(&envelope->parameters, parameters, key, error);
}

/* RFC 8410 7: an OCTET STRING in the OCTET STRING */
static enum kf_status parse_raw(const struct envelope *envelope, struct kf_privkey *key,
                                struct kf_error *error)
{
    struct kf_slice content = envelope->content;

    if (!kf_der_get(&content, KF_DER_OCTET_STRING, &key->scalar) || !kf_der_end(&content))
        return refuse(error, "RFC 8410 7", "broken CurvePrivateKey");
    if (key->scalar.len != kf_raw_size(key->type))
        return refuse(error, "RFC 8410 7", "the private value has the wrong length");
    return KF_OK;
}

/* DSA and DH: an INTEGER, and the group in the parameters */
static enum kf_status parse_group(const struct envelope *envelope, struct kf_privkey *key,
                                  struct kf_error *error)
{
    struct kf_slice content = envelope->content;

    if (!kf_der_unsigned(&content, &key->scalar) || !kf_der_end(&content))
        return refuse(error, PKCS8_RULE, "the private value is not an INTEGER");
    if (envelope->parameters.tag != KF_DER_SEQUENCE)
        return refuse(error, PKCS8_RULE, "the key names no group");
    key->parameters = envelope->parameters.whole;
    return KF_OK;
}

static enum kf_status parse_content(const struct envelope *envelope, struct kf_privkey *key,
                                    struct kf_error *error)
{
    switch (key->type) {
    case KF_KEY_RSA:
        return parse_rsa(envelope->content, &key->rsa, error);
    case KF_KEY_RSA_PSS:
        key->parameters = envelope->parameters.whole;
        return parse_rsa(envelope->content, &key->rsa, error);
    case KF_KEY_EC:
        return parse_ec(envelope, key, error);
    case KF_KEY_ED25519:
    case KF_KEY_ED448:
    case KF_KEY_X25519:
    case KF_KEY_X448:
        return parse_raw(envelope, key, error);
    case KF_KEY_DSA:
    case KF_KEY_DH:
        return parse_group(envelope, key, error);
    case KF_KEY_GOST:
    case KF_KEY_ML_KEM: /* their forms are told apart where the public key is computed */
        key->parameters = envelope->parameters.whole;
        key->scalar = envelope->content;
        return KF_OK;
    }
    return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "key of an impossible type");
}

enum kf_status kf_privkey_parse(struct kf_slice pkcs8, struct kf_privkey *key,
                                struct kf_error *error)
{
    struct envelope envelope;
    const char *broken;

    *key = (struct kf_privkey){.pkcs8 = pkcs8};
    if (pkcs8.len > KF_MAX_PKCS8)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "a private key of %zu bytes; at most %u are taken", pkcs8.len, KF_MAX_PKCS8);
    broken = split_envelope(pkcs8, &envelope);
    if (broken != NULL)
        return refuse(error, PKCS8_RULE, broken);
    if (!kf_key_type_find(envelope.oid, &key->type)) {
        struct kf_buf text = KF_PUBLIC_BUF;
        enum kf_status status = kf_oid_append(envelope.oid, &text, error);

        if (status == KF_OK)
            status = kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, PKCS8_RULE,
                             "a private key of an unknown algorithm, %.*s",
                             (int)(text.len < 80 ? text.len : 80), (const char *)text.data);
        kf_buf_reset(&text);
        return status;
    }
    key->algorithm = envelope.oid;
    key->public_key = envelope.public_key;
    return parse_content(&envelope, key, error);
}

enum kf_status kf_pkcs8_wrap(struct kf_slice oid, struct kf_slice parameters,
                             struct kf_slice content, struct kf_buf *out, struct kf_error *error)
{
    size_t start = out->len;
    size_t algorithm;
    enum kf_status status;

    status = kf_buf_reserve(out, content.len + parameters.len + 64, error);
    if (status == KF_OK)
        status = kf_der_put_uint(out, 0, error);
    algorithm = out->len;
    if (status == KF_OK)
        status = kf_der_put(out, KF_DER_OID, oid, error);
    if (status == KF_OK)
        status = kf_buf_append(out, parameters.data, parameters.len, error);
    if (status == KF_OK)
        status = kf_der_wrap(out, algorithm, KF_DER_SEQUENCE, error);
    if (status == KF_OK)
        status = kf_der_put(out, KF_DER_OCTET_STRING, content, error);
    return status == KF_OK ? kf_der_wrap(out, start, KF_DER_SEQUENCE, error) : status;
}

enum kf_status kf_privkey_wrap_pkcs1(struct kf_slice rsa, struct kf_buf *out,
                                     struct kf_error *error)
{
    static const uint8_t null[] = {KF_DER_NULL, 0};

    if (!kf_der_is_single(rsa, KF_DER_SEQUENCE))
        return refuse(error, RSA_RULE, "broken RSAPrivateKey");
    return kf_pkcs8_wrap(KF_OID(KF_OID_RSA), (struct kf_slice){null, sizeof(null)}, rsa, out,
                         error);
}

enum kf_status kf_privkey_wrap_sec1(struct kf_slice ec, struct kf_buf *out, struct kf_error *error)
{
    struct kf_slice cursor = ec;
    struct kf_slice members;
    struct kf_slice parameters;

    if (!kf_der_get(&cursor, KF_DER_SEQUENCE, &members) || !kf_der_end(&cursor) ||
        !kf_der_get(&members, KF_DER_INTEGER, NULL) ||
        !kf_der_get(&members, KF_DER_OCTET_STRING, NULL) ||
        !kf_der_optional(&members, KF_DER_CONTEXT_CONSTRUCTED | 0, &parameters))
        return refuse(error, EC_RULE, "broken ECPrivateKey");
    if (parameters.len == 0)
        return refuse(error, EC_RULE, "the elliptic key names no curve");
    return kf_pkcs8_wrap(KF_OID(KF_OID_EC), parameters, ec, out, error);
}

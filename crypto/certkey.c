/*
 * Algorithms in words: which key a certificate is for, how long it is, and how it was signed
 * (RFC 3279, RFC 5480, RFC 8410). A key that cannot be read inside its BIT STRING has 0 bits; that
 * it is useless shows when a private key is matched to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/objects.h>

#include "crypto/cert_parts.h"
#include "crypto/oid.h"
#include "crypto/spki.h"

#define NAME_SIZE 64
#define PSS_HASH  0xa0u /* [0], in RSASSA-PSS-params */

static void describe_curve(const struct kf_crypto *crypto, const struct kf_spki *spki, char *name,
                           unsigned *bits)
{
    int nid = kf_ec_curve(crypto, spki->parameters.whole);
    const char *curve = nid != 0 ? EC_curve_nid2nist(nid) : "explicit";

    if (curve == NULL)
        curve = OBJ_nid2sn(nid);
    (void)snprintf(name, NAME_SIZE, "EC %s", curve);
    *bits = kf_ec_bits(crypto, nid, spki->parameters.whole);
}

static unsigned rsa_bits(struct kf_slice bits)
{
    struct kf_slice n;
    struct kf_slice e;

    return kf_rsa_public_split(bits, &n, &e) ? (unsigned)kf_magnitude_bits(n) : 0;
}

/* The size of p, which comes first in the parameters of DSA and both kinds of DH. */
static unsigned prime_bits(const struct kf_tlv *parameters)
{
    struct kf_slice members = parameters->value;
    struct kf_slice p;

    if (parameters->tag != KF_DER_SEQUENCE || !kf_der_unsigned(&members, &p))
        return 0;
    return (unsigned)kf_magnitude_bits(p);
}

static void describe(const struct kf_crypto *crypto, const struct kf_spki *spki, char *name,
                     unsigned *bits)
{
    static const char *const names[] = {
        [KF_KEY_RSA] = "RSA",         [KF_KEY_RSA_PSS] = "RSA-PSS", [KF_KEY_EC] = "EC",
        [KF_KEY_ED25519] = "Ed25519", [KF_KEY_ED448] = "Ed448",     [KF_KEY_X25519] = "X25519",
        [KF_KEY_X448] = "X448",       [KF_KEY_DSA] = "DSA",         [KF_KEY_DH] = "DH",
        [KF_KEY_GOST] = "GOST",       [KF_KEY_ML_KEM] = "ML-KEM",
    };

    (void)snprintf(name, NAME_SIZE, "%s", names[spki->type]);
    switch (spki->type) {
    case KF_KEY_RSA:
    case KF_KEY_RSA_PSS:
        *bits = rsa_bits(spki->bits);
        break;
    case KF_KEY_EC:
        describe_curve(crypto, spki, name, bits);
        break;
    case KF_KEY_ED25519:
    case KF_KEY_ED448:
    case KF_KEY_X25519:
    case KF_KEY_X448:
        *bits = (unsigned)spki->bits.len * 8;
        break;
    case KF_KEY_DSA:
    case KF_KEY_DH:
        *bits = prime_bits(&spki->parameters);
        break;
    case KF_KEY_GOST: /* X and Y in an OCTET STRING */
        *bits = spki->bits.len > 128 ? 512 : 256;
        break;
    case KF_KEY_ML_KEM: /* 384k + 32 bytes of key, and it is called by k times 256 */
        *bits = (unsigned)(spki->bits.len / 384) * 256;
        break;
    }
}

static enum kf_status oid_text(struct kf_slice oid, char **out, struct kf_error *error)
{
    struct kf_buf text = KF_PUBLIC_BUF;
    enum kf_status status = kf_oid_append(oid, &text, error);

    *out = status == KF_OK ? kf_strndup(text.data, text.len) : NULL;
    kf_buf_reset(&text);
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

static enum kf_status identify(const struct kf_crypto *crypto, struct kf_slice bits, char **out,
                               struct kf_error *error)
{
    uint8_t sha1[KF_SHA1_SIZE];

    if (kf_digest(crypto->sha1, bits, sha1, error) != KF_OK)
        return KF_FATAL;
    *out = malloc(2 * sizeof(sha1) + 1);
    if (*out == NULL)
        return kf_fail_memory(error);
    kf_hex(*out, sha1, sizeof(sha1));
    return KF_OK;
}

enum kf_status kf_cert_key(const struct kf_crypto *crypto, struct kf_slice whole,
                           struct kf_cert_facts *facts, struct kf_error *error)
{
    char name[NAME_SIZE];
    struct kf_spki spki;

    if (!kf_spki_split(whole, &spki))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1.2.7",
                       "not a certificate: its public key cannot be read");
    if (!spki.is_known) {
        if (oid_text(spki.oid, &facts->key_algorithm, error) != KF_OK)
            return KF_FATAL;
    } else {
        describe(crypto, &spki, name, &facts->key_bits);
        facts->key_algorithm = kf_strndup(name, strlen(name));
        if (facts->key_algorithm == NULL)
            return kf_fail_memory(error);
    }
    return facts->ski != NULL ? KF_OK : identify(crypto, spki.bits, &facts->ski, error);
}

/* The hash of RSASSA-PSS-params (RFC 4055 3.1), which is SHA-1 where none is named; 0: unreadable.
 */
static int pss_hash(const struct kf_tlv *parameters)
{
    struct kf_slice members = parameters->value;
    struct kf_slice algorithm;
    struct kf_slice oid;
    struct kf_tlv ignored;

    if (parameters->tag != KF_DER_SEQUENCE)
        return 0;
    if (kf_der_peek(&members) != PSS_HASH)
        return NID_sha1;
    if (!kf_der_get(&members, PSS_HASH, &algorithm) ||
        !kf_der_algorithm(&algorithm, &oid, &ignored))
        return 0;
    return kf_oid_nid(oid);
}

static enum kf_status pss_name(const struct kf_tlv *parameters, char **out, struct kf_error *error)
{
    char name[NAME_SIZE] = "rsassaPss";
    int hash = pss_hash(parameters);

    if (hash != 0)
        (void)snprintf(name, sizeof(name), "rsassaPss-with-%s", OBJ_nid2sn(hash));
    *out = kf_strndup(name, strlen(name));
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

enum kf_status kf_cert_signature_name(struct kf_slice algorithm, char **out, struct kf_error *error)
{
    struct kf_slice oid;
    struct kf_tlv parameters;
    const char *name;
    int nid;

    if (!kf_der_algorithm(&algorithm, &oid, &parameters))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1.1.2",
                       "not a certificate: its signature algorithm cannot be read");
    nid = kf_oid_nid(oid);
    if (nid == 0)
        return oid_text(oid, out, error);
    if (nid == NID_rsassaPss)
        return pss_name(&parameters, out, error);
    name = OBJ_nid2ln(nid);
    *out = kf_strndup(name, strlen(name));
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

/*
 * Key recovery agents: see seal.h for the contract, [MS-WCCE] 3.2.2.6.2.1.3 for what makes one.
 *
 * Refused: certificates without key usage keyEncipherment or without the extended key usage, keys
 * that are not plain RSA, and keys that are shorter than the caller allows.
 */
#include <openssl/x509.h>

#include "crypto/seal.h"

#define RULE "[MS-WCCE] 3.2.2.6.2.1.3"

static enum kf_status check_facts(const struct kf_cert_facts *facts, unsigned min_bits,
                                  struct kf_error *error)
{
    if (!facts->has_key_usage || (facts->key_usage & KF_KU_KEY_ENCIPHERMENT) == 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_POLICY, RULE,
                       "a key recovery agent needs the key usage keyEncipherment");
    if (!facts->has_kra_usage)
        return kf_fail(error, KF_SKIP, KF_CAUSE_POLICY, RULE,
                       "a key recovery agent needs the extended key usage 1.3.6.1.4.1.311.21.6");
    return facts->key_bits >= min_bits
               ? KF_OK
               : kf_fail(error, KF_SKIP, KF_CAUSE_POLICY, RULE,
                         "a key recovery agent needs an RSA key of at least %u bits, this has %u",
                         min_bits, facts->key_bits);
}

static enum kf_status read_key(const struct kf_crypto *crypto, struct kf_kra *kra,
                               struct kf_error *error)
{
    const unsigned char *at = kra->facts.spki_der.data;

    kra->public_key =
        d2i_PUBKEY_ex(NULL, &at, (long)kra->facts.spki_der.len, crypto->library, NULL);
    if (kra->public_key == NULL)
        return kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1.2.7",
                               "the key recovery agent's public key cannot be read");
    if (EVP_PKEY_is_a(kra->public_key, "RSA") != 1)
        return kf_fail(error, KF_SKIP, KF_CAUSE_POLICY, RULE,
                       "a key recovery agent needs an RSA key, this is %s",
                       kra->facts.key_algorithm != NULL ? kra->facts.key_algorithm : "another");
    return KF_OK;
}

enum kf_status kf_kra_parse(const struct kf_crypto *crypto, struct kf_slice der, unsigned min_bits,
                            struct kf_kra *out, struct kf_error *error)
{
    struct kf_kra kra = {.der = KF_PUBLIC_BUF};
    enum kf_status status = kf_buf_append(&kra.der, der.data, der.len, error);

    *out = (struct kf_kra){.der = KF_PUBLIC_BUF};
    if (status == KF_OK)
        status = kf_cert_parse(crypto, kf_buf_slice(&kra.der), &kra.facts, error);
    if (status == KF_OK)
        status = read_key(crypto, &kra, error);
    if (status == KF_OK)
        status = check_facts(&kra.facts, min_bits, error);
    if (status != KF_OK) {
        kf_kra_reset(&kra);
        return status;
    }
    *out = kra; /* the caller owns its parts now; the facts point into der's own memory */
    return KF_OK;
}

bool kf_kra_valid_at(const struct kf_kra *kra, int64_t seconds)
{
    return kra->facts.not_before <= seconds && seconds <= kra->facts.not_after;
}

void kf_kra_reset(struct kf_kra *kra)
{
    if (kra == NULL)
        return;
    EVP_PKEY_free(kra->public_key);
    kf_cert_facts_reset(&kra->facts);
    kf_buf_reset(&kra->der);
    *kra = (struct kf_kra){.der = KF_PUBLIC_BUF};
}

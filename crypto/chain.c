/*
 * Which certificates lead from one upwards (RFC 5280 6.1, names and signatures only): see cert.h.
 *
 * Names are equal where their bytes are, or where they read the same but for case, since CAs have
 * changed the string type of their names over the years. Signatures are verified only to choose
 * among namesakes, a renewed CA say: nothing here decides about trust.
 */
#include <strings.h>

#include "crypto/cert.h"
#include "crypto/cert_parts.h"
#include "crypto/oid.h"

static bool names_match(const struct kf_cert_facts *issued, const struct kf_cert_facts *issuer)
{
    return kf_bytes_equal(issued->issuer_der, issuer->subject_der) ||
           strcasecmp(issued->issuer, issuer->subject) == 0;
}

static bool is_self_issued(const struct kf_cert_facts *facts)
{
    return names_match(facts, facts);
}

static bool is_same(const struct kf_cert_facts *a, const struct kf_cert_facts *b)
{
    return memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0;
}

static bool has_signed(const struct kf_crypto *crypto, const struct kf_cert_facts *issuer,
                       const struct kf_cert_facts *issued)
{
    X509 *certificate = kf_x509_parse(crypto, issuer->der, NULL);
    EVP_PKEY *key = certificate != NULL ? X509_get0_pubkey(certificate) : NULL;
    bool answer = key != NULL && kf_cert_signed_by(crypto, issued->der, key);

    X509_free(certificate);
    return answer;
}

struct chain {
    const struct kf_cert_facts *start;
    const struct kf_cert_facts *pool;
    size_t count;
    size_t *picked;
    size_t length;
};

static bool is_free(const struct chain *chain, size_t candidate)
{
    const struct kf_cert_facts *facts = &chain->pool[candidate];

    if (is_same(facts, chain->start))
        return false;
    for (size_t i = 0; i < chain->length; i++) {
        if (is_same(facts, &chain->pool[chain->picked[i]]))
            return false;
    }
    return true;
}

/* Index of the issuer in the pool, or count. */
static size_t find_issuer(const struct kf_crypto *crypto, const struct chain *chain,
                          const struct kf_cert_facts *issued)
{
    size_t first = chain->count;

    for (size_t i = 0; i < chain->count; i++) {
        const struct kf_cert_facts *candidate = &chain->pool[i];

        if (!names_match(issued, candidate) || !is_free(chain, i))
            continue;
        if (first == chain->count) {
            first = i;
            continue;
        }
        if (is_same(candidate, &chain->pool[first]))
            continue;
        /* namesakes: now the signature decides, between the first and each that follows */
        if (has_signed(crypto, &chain->pool[first], issued))
            return first;
        first = i;
    }
    return first;
}

size_t kf_chain_pick(const struct kf_crypto *crypto, const struct kf_cert_facts *facts,
                     const struct kf_cert_facts *pool, size_t count, size_t *picked)
{
    struct chain chain = {.start = facts, .pool = pool, .count = count, .picked = picked};
    const struct kf_cert_facts *at = facts;

    while (chain.length < count && !is_self_issued(at)) {
        size_t issuer = find_issuer(crypto, &chain, at);

        if (issuer == count)
            break;
        picked[chain.length++] = issuer;
        at = &pool[issuer];
    }
    return chain.length;
}

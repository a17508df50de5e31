/*
 * The search for the dialect of a profile: a bounded, ordered space, and proof for what is
 * accepted.
 *
 * Every salt of the profile with every count, under every dialect, cheap counts first, until the
 * work that one password may cost is spent. A decrypted value counts only where its padding is
 * right, its DER is a private key with nothing left over, and the key belongs to a certificate of
 * the same profile or, for an RSA key whose certificate is not there, its numbers are consistent.
 */
#ifndef KF_READERS_EPF_SEARCH_H
#define KF_READERS_EPF_SEARCH_H

#include "crypto/epf.h"
#include "readers/epf_profile.h"

#define KF_EPF_NO_CERTIFICATE SIZE_MAX

/*
 * Work in nanoseconds of a common machine, which threads share: to find the dialect with one
 * password, and to open the other keys of a profile once it is known.
 */
#define KF_EPF_BUDGET       UINT64_C(2000000000)
#define KF_EPF_BUDGET_KNOWN UINT64_C(10000000000)

/* A key that opened. */
struct kf_epf_opened {
    size_t value;       /* index of the encrypted value */
    size_t certificate; /* index of the certificate that proves it, or KF_EPF_NO_CERTIFICATE */
    struct kf_buf pkcs8;
};

struct kf_epf_search {
    /* given */
    const struct kf_crypto *crypto;
    const struct kf_epf_profile *profile;
    struct kf_slice password;
    uint64_t budget; /* KF_EPF_BUDGET, or more for a dialect that is known */

    /* found; zero-initialize */
    struct kf_epf_opened *opened;
    size_t opened_count;
    bool has_dialect;
    struct kf_epf_dialect dialect; /* of the first key that opened */
    uint64_t cost;                 /* of the work done, in nanoseconds of a common machine */
    size_t untried;                /* derivations that would have cost more than is allowed */
    size_t unproven;               /* keys that decrypt, but that nothing proves */
};

/*
 * Looks for all keys within the space: first with hint (a packed dialect, 0 for none) where the
 * space has it, then everywhere; once a key has opened, for the others as that one was derived.
 * KF_OK: at least one opened. KF_END: none. KF_FATAL: OpenSSL, memory.
 */
enum kf_status kf_epf_search(struct kf_epf_search *search, const struct kf_epf_space *space,
                             uint32_t hint, struct kf_error *error) KF_MUST_USE;
void kf_epf_search_reset(struct kf_epf_search *search); /* wipes; NULL-safe */

bool kf_epf_is_opened(const struct kf_epf_search *search, size_t value);

/*
 * epf_prove.c: whether value decrypts under this key to a private key that can be proven. Adds it
 * to what opened (KF_OK), or not (KF_END). *context is a cipher context for any use of this
 * function.
 */
struct kf_epf_attempt {
    EVP_CIPHER_CTX *context;
    struct kf_buf plain; /* secret; room for the largest value */
    struct kf_buf pkcs8; /* secret */
};
enum kf_status kf_epf_prove(struct kf_epf_search *search, struct kf_epf_attempt *attempt,
                            size_t value, const struct kf_epf_space *space,
                            struct kf_epf_dialect *dialect, const struct kf_epf_key *key,
                            struct kf_error *error) KF_MUST_USE;

/* Whether the last block has padding under this key: needs no IV, and is right once in 250 by
 * chance. */
enum kf_status kf_epf_probe(struct kf_epf_search *search, struct kf_epf_attempt *attempt,
                            size_t value, size_t cipher, const struct kf_epf_key *key, bool *fits,
                            struct kf_error *error) KF_MUST_USE;

#endif

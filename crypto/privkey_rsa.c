/*
 * The algebra of RSA private keys (RFC 8017 3.2), for two primes and more.
 *
 * Nothing is tested for being prime: a key that came out of a certified key pair is, and the test
 * would cost a thousand times what everything else here does. What is held against its definition:
 * n is the product of the primes, d and e are inverse modulo each prime less one, each CRT exponent
 * is d reduced, each coefficient is the inverse it should be.
 *
 * All secret numbers live in the secure heap, in the thread's own room for them (crypto.h), since
 * this is done for every key of an archive.
 */
#include <openssl/err.h>

#include "crypto/privkey_parts.h"
#include "crypto/spki.h"

#define RULE "RFC 8017 3.2"

/* The numbers that every step needs, and room for one that is loaded and one result. */
struct algebra {
    BN_CTX *context;
    BIGNUM *e, *d;
    BIGNUM *product; /* of the primes so far */
    BIGNUM *loaded, *value;
};

static BIGNUM *load(BIGNUM *number, struct kf_slice magnitude)
{
    if (number == NULL || magnitude.len > KF_RSA_BITS_MAX / 8)
        return NULL;
    BN_set_flags(number, BN_FLG_CONSTTIME);
    return BN_bin2bn(magnitude.data, (int)magnitude.len, number);
}

/* One prime with its exponent, as the key says; number is what it is loaded into. */
struct factor {
    struct kf_slice prime, exponent;
    const char *prime_name, *exponent_name;
    BIGNUM *number;
};

static enum kf_status wrong(struct kf_error *error, const char *what)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "the RSA key is inconsistent: %s is wrong",
                   what);
}

static enum kf_status failed(struct kf_error *error)
{
    return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "RSA arithmetic failed");
}

static enum kf_status load_prime(const struct factor *factor, struct kf_error *error)
{
    if (load(factor->number, factor->prime) == NULL)
        return failed(error);
    if (!BN_is_odd(factor->number) || BN_is_one(factor->number))
        return wrong(error, factor->prime_name);
    return KF_OK;
}

/* d mod (r - 1) is the exponent, and e times the exponent is 1 there; number is r - 1 meanwhile. */
static enum kf_status check_reduced(struct algebra *a, const struct factor *factor,
                                    struct kf_error *error)
{
    BIGNUM *exponent = load(a->loaded, factor->exponent);

    if (exponent == NULL || BN_mod(a->value, a->d, factor->number, a->context) != 1)
        return failed(error);
    if (BN_cmp(a->value, exponent) != 0)
        return wrong(error, factor->exponent_name);
    if (BN_mul(a->value, exponent, a->e, a->context) != 1 ||
        BN_mod(a->value, a->value, factor->number, a->context) != 1)
        return failed(error);
    return BN_is_one(a->value) ? KF_OK : wrong(error, "the private exponent");
}

/* A prime is odd, so that taking away one, and giving it back, is a matter of its last bit. */
static enum kf_status check_exponent(struct algebra *a, const struct factor *factor,
                                     struct kf_error *error)
{
    enum kf_status status;

    if (BN_clear_bit(factor->number, 0) != 1)
        return failed(error);
    status = check_reduced(a, factor, error);
    if (BN_set_bit(factor->number, 0) != 1)
        return failed(error);
    return status;
}

/* coefficient times other is 1 modulo prime */
static enum kf_status check_inverse(struct algebra *a, struct kf_slice coefficient,
                                    const BIGNUM *other, const BIGNUM *prime, const char *name,
                                    struct kf_error *error)
{
    BIGNUM *inverse = load(a->loaded, coefficient);

    if (inverse == NULL)
        return failed(error);
    if (BN_cmp(inverse, prime) >= 0)
        return wrong(error, name);
    if (BN_mul(a->value, inverse, other, a->context) != 1 ||
        BN_mod(a->value, a->value, prime, a->context) != 1)
        return failed(error);
    return BN_is_one(a->value) ? KF_OK : wrong(error, name);
}

static enum kf_status check_first_two(struct algebra *a, const struct kf_rsa_numbers *rsa,
                                      struct kf_error *error)
{
    const struct factor p = {rsa->p, rsa->dp, "the prime p", "the exponent d mod p-1",
                             BN_CTX_get(a->context)};
    const struct factor q = {rsa->q, rsa->dq, "the prime q", "the exponent d mod q-1",
                             BN_CTX_get(a->context)};
    enum kf_status status = load_prime(&p, error);

    if (status == KF_OK)
        status = load_prime(&q, error);
    if (status == KF_OK && BN_mul(a->product, p.number, q.number, a->context) != 1)
        status = failed(error);
    if (status == KF_OK)
        status =
            check_inverse(a, rsa->qinv, q.number, p.number, "the coefficient 1/q mod p", error);
    if (status == KF_OK)
        status = check_exponent(a, &p, error);
    if (status == KF_OK)
        status = check_exponent(a, &q, error);
    return status;
}

static enum kf_status check_others(struct algebra *a, struct kf_slice list, struct kf_error *error)
{
    struct kf_other_prime other;
    enum kf_status status = KF_OK;

    while (status == KF_OK && kf_other_prime_next(&list, &other)) {
        struct factor factor = {other.prime, other.exponent, "a further prime",
                                "a further prime's exponent", NULL};

        BN_CTX_start(a->context);
        factor.number = BN_CTX_get(a->context);
        status = load_prime(&factor, error);
        if (status == KF_OK)
            status = check_inverse(a, other.coefficient, a->product, factor.number,
                                   "a further prime's coefficient", error);
        if (status == KF_OK)
            status = check_exponent(a, &factor, error);
        if (status == KF_OK && (BN_mul(a->value, a->product, factor.number, a->context) != 1 ||
                                BN_copy(a->product, a->value) == NULL))
            status = failed(error);
        BN_CTX_end(a->context);
    }
    return status;
}

static enum kf_status check_all(struct algebra *a, const struct kf_rsa_numbers *rsa,
                                const BIGNUM *n, struct kf_error *error)
{
    enum kf_status status;

    a->d = load(BN_CTX_get(a->context), rsa->d);
    a->product = BN_CTX_get(a->context);
    a->loaded = BN_CTX_get(a->context);
    a->value = BN_CTX_get(a->context);
    if (a->d == NULL || a->value == NULL)
        return failed(error);
    if (BN_is_zero(a->e) || BN_is_one(a->e) || BN_cmp(a->e, n) >= 0)
        return wrong(error, "the public exponent");
    if (BN_cmp(a->d, n) >= 0)
        return wrong(error, "the private exponent");
    status = check_first_two(a, rsa, error);
    if (status == KF_OK)
        status = check_others(a, rsa->other_primes, error);
    if (status == KF_OK && BN_cmp(a->product, n) != 0)
        status = wrong(error, "the modulus, which is not the product of the primes,");
    return status;
}

enum kf_status kf_rsa_check(const struct kf_crypto *crypto, const struct kf_rsa_numbers *rsa,
                            struct kf_error *error)
{
    const struct kf_slice *const numbers[] = {&rsa->e,  &rsa->d,  &rsa->p,   &rsa->q,
                                              &rsa->dp, &rsa->dq, &rsa->qinv};
    struct algebra algebra = {.context = kf_secret_numbers(crypto)};
    BIGNUM *n;
    enum kf_status status;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i]->len > rsa->n.len)
            return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                           "the RSA key is inconsistent: a number is longer than the modulus");
    }
    if (algebra.context == NULL)
        return kf_fail_memory(error);
    BN_CTX_start(algebra.context);
    n = load(BN_CTX_get(algebra.context), rsa->n);
    algebra.e = load(BN_CTX_get(algebra.context), rsa->e);
    status = n != NULL && algebra.e != NULL ? check_all(&algebra, rsa, n, error) : failed(error);
    BN_CTX_end(algebra.context);
    return status;
}

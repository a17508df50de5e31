/*
 * The algebra of RSA private keys (RFC 8017 3.2), for two primes and more.
 *
 * Nothing is tested for being prime: a key that came out of a certified key pair is, and the test
 * would cost a thousand times what everything else here does. What is held against its definition:
 * n is the product of the primes, d and e are inverse modulo each prime less one, each CRT exponent
 * is d reduced, each coefficient is the inverse it should be.
 *
 * All numbers live in the secure heap and are wiped when the context is freed.
 */
#include <openssl/err.h>

#include "crypto/privkey_parts.h"
#include "crypto/spki.h"

#define RULE "RFC 8017 3.2"

/* The numbers that every step needs, and room for two results. */
struct algebra {
    BN_CTX *context;
    BIGNUM *e, *d;
    BIGNUM *product; /* of the primes so far */
    BIGNUM *less;    /* a prime less one */
    BIGNUM *value, *result;
};

static BIGNUM *load(BN_CTX *context, struct kf_slice magnitude)
{
    BIGNUM *number = BN_CTX_get(context);

    if (number == NULL || magnitude.len > KF_RSA_BITS_MAX / 8)
        return NULL;
    BN_set_flags(number, BN_FLG_CONSTTIME);
    return BN_bin2bn(magnitude.data, (int)magnitude.len, number);
}

/* One prime with its exponent and coefficient, as the key says. */
struct factor {
    struct kf_slice prime, exponent;
    const char *prime_name, *exponent_name;
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

/* d mod (r - 1) is the exponent, and e times the exponent is 1 there. *prime gets r. */
static enum kf_status check_factor(struct algebra *a, const struct factor *factor, BIGNUM **prime,
                                   struct kf_error *error)
{
    BIGNUM *r = load(a->context, factor->prime);
    BIGNUM *exponent = load(a->context, factor->exponent);

    if (r == NULL || exponent == NULL)
        return failed(error);
    if (!BN_is_odd(r) || BN_is_one(r))
        return wrong(error, factor->prime_name);
    if (BN_copy(a->less, r) == NULL || BN_sub_word(a->less, 1) != 1 ||
        BN_mod(a->value, a->d, a->less, a->context) != 1)
        return failed(error);
    if (BN_cmp(a->value, exponent) != 0)
        return wrong(error, factor->exponent_name);
    if (BN_mul(a->value, exponent, a->e, a->context) != 1 ||
        BN_mod(a->result, a->value, a->less, a->context) != 1)
        return failed(error);
    if (!BN_is_one(a->result))
        return wrong(error, "the private exponent");
    *prime = r;
    return KF_OK;
}

/* coefficient times other is 1 modulo prime */
static enum kf_status check_inverse(struct algebra *a, struct kf_slice coefficient,
                                    const BIGNUM *other, const BIGNUM *prime, const char *name,
                                    struct kf_error *error)
{
    BIGNUM *inverse = load(a->context, coefficient);

    if (inverse == NULL)
        return failed(error);
    if (BN_cmp(inverse, prime) >= 0)
        return wrong(error, name);
    if (BN_mul(a->value, inverse, other, a->context) != 1 ||
        BN_mod(a->result, a->value, prime, a->context) != 1)
        return failed(error);
    return BN_is_one(a->result) ? KF_OK : wrong(error, name);
}

static enum kf_status check_first_two(struct algebra *a, const struct kf_rsa_numbers *rsa,
                                      struct kf_error *error)
{
    const struct factor first = {rsa->p, rsa->dp, "the prime p", "the exponent d mod p-1"};
    const struct factor second = {rsa->q, rsa->dq, "the prime q", "the exponent d mod q-1"};
    BIGNUM *p = NULL;
    BIGNUM *q = NULL;
    enum kf_status status;

    status = check_factor(a, &first, &p, error);
    if (status == KF_OK)
        status = check_factor(a, &second, &q, error);
    if (status == KF_OK)
        status = check_inverse(a, rsa->qinv, q, p, "the coefficient 1/q mod p", error);
    if (status == KF_OK && BN_mul(a->product, p, q, a->context) != 1)
        status = failed(error);
    return status;
}

static enum kf_status check_others(struct algebra *a, struct kf_slice list, struct kf_error *error)
{
    struct kf_other_prime other;
    enum kf_status status = KF_OK;

    while (status == KF_OK && kf_other_prime_next(&list, &other)) {
        const struct factor factor = {other.prime, other.exponent, "a further prime",
                                      "a further prime's exponent"};
        BIGNUM *r = NULL;

        BN_CTX_start(a->context);
        status = check_factor(a, &factor, &r, error);
        if (status == KF_OK)
            status = check_inverse(a, other.coefficient, a->product, r,
                                   "a further prime's coefficient", error);
        if (status == KF_OK && (BN_mul(a->value, a->product, r, a->context) != 1 ||
                                BN_copy(a->product, a->value) == NULL))
            status = failed(error);
        BN_CTX_end(a->context);
    }
    return status;
}

static enum kf_status check_all(struct algebra *a, const struct kf_rsa_numbers *rsa,
                                struct kf_error *error)
{
    BIGNUM *n = load(a->context, rsa->n);
    enum kf_status status;

    a->e = load(a->context, rsa->e);
    a->d = load(a->context, rsa->d);
    a->product = BN_CTX_get(a->context);
    a->less = BN_CTX_get(a->context);
    a->value = BN_CTX_get(a->context);
    a->result = BN_CTX_get(a->context);
    if (n == NULL || a->e == NULL || a->d == NULL || a->result == NULL)
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
    struct algebra algebra = {.context = NULL};
    enum kf_status status;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i]->len > rsa->n.len)
            return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                           "the RSA key is inconsistent: a number is longer than the modulus");
    }
    algebra.context = BN_CTX_secure_new_ex(crypto->library);
    if (algebra.context == NULL)
        return kf_fail_memory(error);
    BN_CTX_start(algebra.context);
    status = check_all(&algebra, rsa, error);
    BN_CTX_end(algebra.context);
    BN_CTX_free(algebra.context);
    return status;
}

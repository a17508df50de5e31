/*
 * ROCA's fingerprint: moduli built as the paper describes have it, others do not.
 */
#include "crypto/roca.h"

#include <openssl/bn.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "tests/support/material.h"
#include "tests/support/suite.h"

/* The primorial of all primes up to 167 (39 primes): M of 512-bit keys. */
static BIGNUM *make_m(void)
{
    BIGNUM *m = BN_new();

    CU_ASSERT_FATAL(m != NULL && BN_one(m) == 1);
    for (BN_ULONG n = 2; n <= 167; n++) {
        bool is_prime = true;

        for (BN_ULONG d = 2; d * d <= n; d++)
            is_prime = is_prime && n % d != 0;
        if (is_prime)
            CU_ASSERT_EQUAL(BN_mul_word(m, n), 1);
    }
    return m;
}

/* k * M + 65537^a mod M: the shape alone makes the fingerprint, primality does not matter to it */
static BIGNUM *make_factor(const BIGNUM *m, BN_CTX *context)
{
    BIGNUM *factor = BN_new();
    BIGNUM *a = BN_new();
    BIGNUM *generator = BN_new();
    BIGNUM *k = BN_new();

    CU_ASSERT_FATAL(factor != NULL && a != NULL && generator != NULL && k != NULL);
    CU_ASSERT_EQUAL(BN_set_word(generator, 65537), 1);
    CU_ASSERT_EQUAL(BN_rand(a, 60, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY), 1);
    CU_ASSERT_EQUAL(BN_rand(k, 37, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY), 1);
    CU_ASSERT_EQUAL(BN_mod_exp(factor, generator, a, m, context), 1);
    CU_ASSERT_EQUAL(BN_mul(k, k, m, context), 1);
    CU_ASSERT_EQUAL(BN_add(factor, factor, k), 1);
    BN_free(a);
    BN_free(generator);
    BN_free(k);
    return factor;
}

static bool has_fingerprint(const BIGNUM *n)
{
    uint8_t bytes[512];
    int len = BN_bn2bin(n, bytes);

    return kf_roca_fingerprint((struct kf_slice){bytes, (size_t)len});
}

static void test_vulnerable_moduli(void)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *m = make_m();

    for (int i = 0; i < 50; i++) {
        BIGNUM *p = make_factor(m, context);
        BIGNUM *q = make_factor(m, context);

        CU_ASSERT_EQUAL(BN_mul(p, p, q, context), 1);
        CU_ASSERT(has_fingerprint(p));
        CU_ASSERT_EQUAL(BN_add_word(p, 2), 1);
        CU_ASSERT_FALSE(has_fingerprint(p));
        BN_free(p);
        BN_free(q);
    }
    BN_free(m);
    BN_CTX_free(context);
}

static void test_other_moduli(void)
{
    BIGNUM *n = BN_new();

    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(BN_rand(n, 2048, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD), 1);
        CU_ASSERT_FALSE(has_fingerprint(n));
    }
    BN_free(n);
    CU_ASSERT_FALSE(kf_roca_fingerprint((struct kf_slice){NULL, 0}));
}

/* The public key of a vulnerable modulus. */
static void weak_spki(struct kf_buf *out)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *m = make_m();
    BIGNUM *n = make_factor(m, context);
    BIGNUM *q = make_factor(m, context);
    uint8_t modulus[512];
    unsigned e = 65537;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(material_crypto()->library, "RSA", NULL);
    size_t len;

    CU_ASSERT_EQUAL(BN_mul(n, n, q, context), 1);
    len = (size_t)BN_bn2nativepad(n, modulus, BN_num_bytes(n));
    CU_ASSERT_EQUAL_FATAL(EVP_PKEY_fromdata_init(maker), 1);
    CU_ASSERT_EQUAL_FATAL(
        EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY,
                          (OSSL_PARAM[]){OSSL_PARAM_BN("n", modulus, len), OSSL_PARAM_uint("e", &e),
                                         OSSL_PARAM_END}),
        1);
    material_spki(key, out);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(maker);
    BN_free(q);
    BN_free(n);
    BN_free(m);
    BN_CTX_free(context);
}

/* The same question about a whole public key: RSA alone has an answer. */
static void test_public_keys(void)
{
    static const char *const kinds[] = {"rsa:2048", "ec:P-256", "ed25519"};
    struct kf_buf spki = KF_PUBLIC_BUF;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        material_spki(material_key(kinds[i]), &spki);
        CU_ASSERT_FALSE(kf_roca_public_key(kf_buf_slice(&spki)));
    }
    CU_ASSERT_FALSE(kf_roca_public_key((struct kf_slice){NULL, 0}));
    weak_spki(&spki);
    CU_ASSERT(kf_roca_public_key(kf_buf_slice(&spki)));
    kf_buf_reset(&spki);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"vulnerable moduli", test_vulnerable_moduli},
        {"other moduli", test_other_moduli},
        {"public keys", test_public_keys},
        {NULL, NULL},
    };

    return suite_run("roca", tests);
}

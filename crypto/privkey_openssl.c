/*
 * Private keys to and from OpenSSL's EVP_PKEY: see privkey.h.
 *
 * RSA, named curves and the raw types are handed over by their numbers, which stay in the secure
 * heap on the way. What has parameters of its own (RSA-PSS restrictions, explicit curves, DSA, DH)
 * goes through OpenSSL's PKCS #8, which knows them all.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "crypto/privkey_parts.h"
#include "crypto/spki.h"

/* Numbers that must live until the parameters are built. */
struct numbers {
    OSSL_PARAM_BLD *builder;
    BIGNUM *kept[8 + 3 * KF_RSA_PRIMES];
    size_t count;
};

static bool push(struct numbers *numbers, const char *name, struct kf_slice magnitude)
{
    BIGNUM *number = BN_secure_new();

    if (number == NULL || BN_bin2bn(magnitude.data, (int)magnitude.len, number) == NULL) {
        BN_clear_free(number);
        return false;
    }
    numbers->kept[numbers->count++] = number;
    return OSSL_PARAM_BLD_push_BN(numbers->builder, name, number) == 1;
}

static void free_numbers(struct numbers *numbers)
{
    while (numbers->count > 0)
        BN_clear_free(numbers->kept[--numbers->count]);
    OSSL_PARAM_BLD_free(numbers->builder);
}

static EVP_PKEY *from_params(const struct kf_crypto *crypto, const char *algorithm,
                             struct numbers *numbers)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(crypto->library, algorithm, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(numbers->builder);
    EVP_PKEY *key = NULL;

    if (context == NULL || params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    return key;
}

/* OpenSSL numbers the factors from 1, p and q first. */
static bool push_other_primes(struct numbers *numbers, struct kf_slice list)
{
    static const char *const factors[] = {OSSL_PKEY_PARAM_RSA_FACTOR3, OSSL_PKEY_PARAM_RSA_FACTOR4,
                                          OSSL_PKEY_PARAM_RSA_FACTOR5};
    static const char *const exponents[] = {OSSL_PKEY_PARAM_RSA_EXPONENT3,
                                            OSSL_PKEY_PARAM_RSA_EXPONENT4,
                                            OSSL_PKEY_PARAM_RSA_EXPONENT5};
    static const char *const coefficients[] = {OSSL_PKEY_PARAM_RSA_COEFFICIENT2,
                                               OSSL_PKEY_PARAM_RSA_COEFFICIENT3,
                                               OSSL_PKEY_PARAM_RSA_COEFFICIENT4};
    struct kf_other_prime prime;

    for (size_t i = 0; kf_other_prime_next(&list, &prime); i++) {
        if (i == KF_RSA_PRIMES - 2 || !push(numbers, factors[i], prime.prime) ||
            !push(numbers, exponents[i], prime.exponent) ||
            !push(numbers, coefficients[i], prime.coefficient))
            return false;
    }
    return true;
}

static EVP_PKEY *rsa_to_openssl(const struct kf_crypto *crypto, const struct kf_privkey *key)
{
    const struct kf_rsa_numbers *rsa = &key->rsa;
    struct numbers numbers = {.builder = OSSL_PARAM_BLD_new()};
    EVP_PKEY *openssl = NULL;

    if (numbers.builder != NULL && push(&numbers, OSSL_PKEY_PARAM_RSA_N, rsa->n) &&
        push(&numbers, OSSL_PKEY_PARAM_RSA_E, rsa->e) &&
        push(&numbers, OSSL_PKEY_PARAM_RSA_D, rsa->d) &&
        push(&numbers, OSSL_PKEY_PARAM_RSA_FACTOR1, rsa->p) &&
        push(&numbers, OSSL_PKEY_PARAM_RSA_FACTOR2, rsa->q) &&
        push(&numbers, OSSL_PKEY_PARAM_RSA_EXPONENT1, rsa->dp) &&
        push(&numbers, OSSL_PKEY_PARAM_RSA_EXPONENT2, rsa->dq) &&
        push(&numbers, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, rsa->qinv) &&
        push_other_primes(&numbers, rsa->other_primes))
        openssl = from_params(crypto, "RSA", &numbers);
    free_numbers(&numbers);
    return openssl;
}

static EVP_PKEY *ec_to_openssl(const struct kf_crypto *crypto, const struct kf_privkey *key)
{
    struct numbers numbers = {.builder = OSSL_PARAM_BLD_new()};
    struct kf_buf point = KF_PUBLIC_BUF;
    EVP_PKEY *openssl = NULL;

    if (numbers.builder != NULL && kf_ec_compute(crypto, key, &point, NULL) == KF_OK &&
        OSSL_PARAM_BLD_push_utf8_string(numbers.builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                        OBJ_nid2sn(key->curve), 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(numbers.builder, OSSL_PKEY_PARAM_PUB_KEY, point.data,
                                         point.len) == 1 &&
        push(&numbers, OSSL_PKEY_PARAM_PRIV_KEY, key->scalar))
        openssl = from_params(crypto, "EC", &numbers);
    free_numbers(&numbers);
    kf_buf_reset(&point);
    return openssl;
}

static EVP_PKEY *pkcs8_to_openssl(const struct kf_crypto *crypto, const struct kf_privkey *key)
{
    const uint8_t *at = key->pkcs8.data;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)key->pkcs8.len);
    EVP_PKEY *openssl = info != NULL ? EVP_PKCS82PKEY_ex(info, crypto->library, NULL) : NULL;

    PKCS8_PRIV_KEY_INFO_free(info);
    return openssl;
}

EVP_PKEY *kf_privkey_to_openssl(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_error *error)
{
    EVP_PKEY *openssl;

    if (key->type == KF_KEY_RSA)
        openssl = rsa_to_openssl(crypto, key);
    else if (key->type == KF_KEY_EC && key->curve != 0)
        openssl = ec_to_openssl(crypto, key);
    else if (kf_raw_name(key->type) != NULL)
        openssl = EVP_PKEY_new_raw_private_key_ex(crypto->library, kf_raw_name(key->type), NULL,
                                                  key->scalar.data, key->scalar.len);
    else
        openssl = pkcs8_to_openssl(crypto, key);
    if (openssl == NULL) {
        (void)!kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                               "OpenSSL does not take the private key");
        return NULL;
    }
    ERR_clear_error();
    return openssl;
}

enum kf_status kf_privkey_from_openssl(const EVP_PKEY *key, struct kf_buf *out,
                                       struct kf_error *error)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
    enum kf_status status = KF_OK;
    uint8_t *at;

    if (len <= 0) {
        status = kf_fail_openssl(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, "RFC 5958 2",
                                 "the private key cannot be exported");
    } else if (kf_buf_reserve(out, (size_t)len, error) != KF_OK) {
        status = KF_FATAL;
    } else {
        at = out->data + out->len;
        out->len += (size_t)i2d_PKCS8_PRIV_KEY_INFO(info, &at);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    return status;
}

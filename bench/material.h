/*
 * Certificates and keys by the hundred thousand, for measuring. Keys come from a small pool, since
 * an RSA key costs 50 ms and more; certificates are all different, issued by one CA.
 */
#ifndef BENCH_MATERIAL_H
#define BENCH_MATERIAL_H

#include <openssl/x509.h>

#include "crypto/crypto.h"

#define BENCH_POOL 64

struct bench_ca {
    X509 *certificate;
    EVP_PKEY *key;
    EVP_PKEY *pool[BENCH_POOL];
};

/* Reads FOLDER/ca.pem and ca.key, and makes the pool. Ends the program where it cannot. */
void bench_ca_load(struct bench_ca *ca, const struct kf_crypto *crypto, const char *folder);
void bench_ca_reset(struct bench_ca *ca);

/* The key of the number-th certificate. */
EVP_PKEY *bench_key(const struct bench_ca *ca, uint64_t number);

/* A certificate for CN=User NUMBER with a mail address, key usage keyEncipherment. */
X509 *bench_certificate(const struct bench_ca *ca, const struct kf_crypto *crypto, uint64_t number);

/* Ends the program with a message. */
_Noreturn void bench_die(const char *what);

#endif

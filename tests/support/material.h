/*
 * Keys and certificates for tests, made by OpenSSL and thus not by what is tested.
 *
 * Everything here ends the program with a message where it cannot be done: a test has no other use
 * for the failure. Keys are made once a process and shared by all its tests. One thread only.
 */
#ifndef TESTS_SUPPORT_MATERIAL_H
#define TESTS_SUPPORT_MATERIAL_H

#include <openssl/x509.h>

#include "core/record.h"
#include "crypto/crypto.h"

/* The library context of this test program; opened on first use, closed at exit. */
const struct kf_crypto *material_crypto(void);

/*
 * A private key by its description, made on first use; the caller must not free it:
 *
 *     rsa:2048 rsa:1023 rsa:2048:3primes rsa:1024:e=3 rsa-pss:2048
 *     ec:P-256 ec:secp256k1 ec-explicit:P-256 ed25519 ed448 x25519 x448 dsa:1024 dh:ffdhe2048
 *
 * "#2" and the like at the end names another key of the same kind: "rsa:2048#2".
 */
EVP_PKEY *material_key(const char *what);

/* Replaces *out by PKCS #8 (DER, secret buffer) or SubjectPublicKeyInfo (DER) of a key. */
void material_pkcs8(const EVP_PKEY *key, struct kf_buf *out);
void material_spki(const EVP_PKEY *key, struct kf_buf *out);

/* What a certificate is to say; everything that is zero is as told, so {0} makes one. */
struct material_cert {
    const char
        *subject;       /* in encoded order, "/C=US/O=Contoso/CN=Jo"; NULL: "/CN=Test", "": empty */
    const char *mail;   /* subject alternative name, rfc822Name; NULL: none */
    const char *upn;    /* subject alternative name, otherName; NULL: none */
    unsigned key_usage; /* KF_KU_*; 0: no such extension */
    const char *eku;    /* names or OIDs: "emailProtection,1.3.6.1.4.1.311.21.6"; NULL: none */
    bool is_ca;         /* basic constraints; no such extension otherwise */
    bool v1;            /* version 1: no extensions at all, not even key identifiers */
    int64_t not_before; /* seconds since 1970; 0: yesterday */
    int64_t not_after;  /* 0: a year from now */
    uint64_t serial;    /* 0: the next one, from 0x1001 */
    const char *digest; /* "SHA1", "SHA512"; NULL: SHA256, none for Ed25519 and Ed448 */
    bool pss;           /* RSASSA-PSS signature by an RSA issuer */
    EVP_PKEY *key;      /* whose certificate; NULL: material_key("rsa:2048") */
    const X509 *issuer; /* NULL: self-signed */
    EVP_PKEY *issuer_key; /* with issuer */
};

/* Freed by X509_free. */
X509 *material_cert(const struct material_cert *what);

/* Replaces *out by the DER of one. */
void material_cert_der(const struct material_cert *what, struct kf_buf *out);
void material_der(const X509 *certificate, struct kf_buf *out);

/* A KRA certificate (key usage keyEncipherment, extended key usage KRA) for an RSA key. */
X509 *material_kra(const char *common_name, EVP_PKEY *key);

#endif

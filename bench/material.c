/*
 * Certificates and keys for measuring: see material.h.
 */
#include "bench/material.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

_Noreturn void bench_die(const char *what)
{
    (void)fprintf(stderr, "bench: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

static FILE *open_in(const char *folder, const char *name)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (file == NULL)
        bench_die(path);
    return file;
}

void bench_ca_load(struct bench_ca *ca, const struct kf_crypto *crypto, const char *folder)
{
    FILE *file = open_in(folder, "ca.pem");

    ca->certificate = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    file = open_in(folder, "ca.key");
    ca->key = PEM_read_PrivateKey_ex(file, NULL, NULL, NULL, crypto->library, NULL);
    (void)fclose(file);
    if (ca->certificate == NULL || ca->key == NULL)
        bench_die("the CA cannot be read");
    for (size_t i = 0; i < BENCH_POOL; i++) {
        ca->pool[i] = EVP_PKEY_Q_keygen(crypto->library, NULL, "RSA", (size_t)2048);
        if (ca->pool[i] == NULL)
            bench_die("no key");
    }
}

void bench_ca_reset(struct bench_ca *ca)
{
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
    for (size_t i = 0; i < BENCH_POOL; i++)
        EVP_PKEY_free(ca->pool[i]);
}

EVP_PKEY *bench_key(const struct bench_ca *ca, uint64_t number)
{
    return ca->pool[number % BENCH_POOL];
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1)
        bench_die("no extension");
    X509_EXTENSION_free(extension);
}

static void add_name(X509_NAME *name, const char *type, const char *value)
{
    if (X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8, (const unsigned char *)value, -1, -1,
                                   0) != 1)
        bench_die("no name");
}

X509 *bench_certificate(const struct bench_ca *ca, const struct kf_crypto *crypto, uint64_t number)
{
    X509 *certificate = X509_new_ex(crypto->library, NULL);
    char text[128];

    if (certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), 0x100000000u + number) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(certificate), -86400) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(certificate), 365L * 86400) == NULL ||
        X509_set_issuer_name(certificate, X509_get_subject_name(ca->certificate)) != 1 ||
        X509_set_pubkey(certificate, bench_key(ca, number)) != 1)
        bench_die("no certificate");
    (void)snprintf(text, sizeof(text), "User %07llu", (unsigned long long)number);
    add_name(X509_get_subject_name(certificate), "C", "US");
    add_name(X509_get_subject_name(certificate), "O", "Contoso");
    add_name(X509_get_subject_name(certificate), "CN", text);
    (void)snprintf(text, sizeof(text), "email:user%07llu@contoso.example",
                   (unsigned long long)number);
    add_extension(certificate, NID_subject_alt_name, text);
    add_extension(certificate, NID_key_usage, "critical,keyEncipherment");
    add_extension(certificate, NID_ext_key_usage, "emailProtection");
    if (X509_sign(certificate, ca->key, crypto->sha256) == 0)
        bench_die("no signature");
    return certificate;
}

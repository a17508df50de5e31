/*
 * Makes the inputs of bench/run.
 *
 *     bench_make kms USERS FOLDER OUT.xml          a signed export, two keys a user
 *     bench_make pfx COUNT PROFILE FOLDER OUT_DIR  a file a key: pbes2-2048, pbes2-10000, 3des-2000
 *     bench_make one COUNT FOLDER OUT.pfx          all keys in one file, pbes2-2048
 *
 * FOLDER holds ca.pem, ca.key and export.p12, as bench/run makes them; every password is "bench".
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pkcs12.h>

#include "bench/material.h"
#include "crypto/cert.h"
#include "crypto/keyfile.h"
#include "crypto/privkey.h"
#include "writers/kms.h"

#define PASSWORD "bench"
#define BLOCK    256u /* users whose certificates are signed side by side */
#define THREADS  2u

struct block {
    const struct bench_ca *ca;
    const struct kf_crypto *crypto;
    uint64_t first;
    X509 *certificates[2 * BLOCK];
    size_t count;
    unsigned part;
};

static void *sign_part(void *argument)
{
    struct block *block = argument;
    const unsigned part = block->part;

    for (size_t i = part; i < block->count; i += THREADS)
        block->certificates[i] = bench_certificate(block->ca, block->crypto, block->first + i);
    return NULL;
}

/* Signs count certificates from number first on, on all threads. */
static void sign_block(struct block *block, uint64_t first, size_t count)
{
    pthread_t threads[THREADS];
    struct block *parts = calloc(THREADS, sizeof(*parts));

    if (parts == NULL)
        bench_die("memory");
    block->first = first;
    block->count = count;
    for (unsigned t = 0; t < THREADS; t++) {
        parts[t] = *block;
        parts[t].part = t;
        if (pthread_create(&threads[t], NULL, sign_part, &parts[t]) != 0)
            bench_die("no thread");
    }
    for (unsigned t = 0; t < THREADS; t++) {
        (void)pthread_join(threads[t], NULL);
        for (size_t i = t; i < count; i += THREADS)
            block->certificates[i] = parts[t].certificates[i];
    }
    free(parts);
}

static void free_block(struct block *block)
{
    for (size_t i = 0; i < block->count; i++)
        X509_free(block->certificates[i]);
}

static void put_record(struct kf_writer *writer, const struct block *block, size_t i)
{
    struct kf_record record;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    uint64_t user = (block->first + i) / 2 + 1;

    kf_record_init(&record);
    if (kf_x509_encode(block->certificates[i], &record.cert, &error) != KF_OK ||
        kf_cert_parse(block->crypto, kf_buf_slice(&record.cert), &record.facts, &error) != KF_OK ||
        kf_privkey_from_openssl(bench_key(block->ca, block->first + i), &record.pkcs8, &error) !=
            KF_OK)
        bench_die(error.text);
    record.has_facts = true;
    record.ordinal = block->first + i + 1;
    record.state = i % 2 == 0 ? KF_STATE_CURRENT : KF_STATE_PREVIOUS;
    (void)snprintf(record.mailbox_guid, sizeof(record.mailbox_guid),
                   "00000000-0000-4000-8000-0000%08x", (unsigned)user);
    record.display_name = kf_strndup(record.facts.common_name, strlen(record.facts.common_name));
    if (writer->ops->put(writer, "bench", &record, &error) != KF_OK ||
        record.outcome != KF_ARCHIVED)
        bench_die(error.text);
    kf_record_reset(&record);
}

static void load_export_identity(const struct kf_crypto *crypto, const char *folder,
                                 struct kf_identity *identity)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_buf password = KF_SECRET_BUF;
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/export.p12", folder);
    if (kf_buf_append(&password, PASSWORD, strlen(PASSWORD), &error) != KF_OK ||
        kf_identity_load(crypto, path, &password, identity, &error) != KF_OK)
        bench_die(error.text);
    kf_buf_reset(&password);
}

static void thumbprint_of(const struct kf_crypto *crypto, const X509 *certificate, char out[9])
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_buf der = KF_PUBLIC_BUF;
    uint8_t sha1[KF_SHA1_SIZE];

    if (kf_x509_encode(certificate, &der, &error) != KF_OK ||
        kf_digest(crypto->sha1, kf_buf_slice(&der), sha1, &error) != KF_OK)
        bench_die(error.text);
    kf_hex(out, sha1, 4);
    kf_buf_reset(&der);
}

static void make_kms(const struct kf_crypto *crypto, uint64_t users, const char *folder,
                     const char *path)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct bench_ca ca;
    struct block block = {.ca = &ca, .crypto = crypto};
    struct kf_identity identity = {.key = NULL};
    struct kf_writer *writer = NULL;
    struct kf_totals totals = {.users = users};
    struct kf_position position = {.input = 1};
    char thumbprint[9];

    bench_ca_load(&ca, crypto, folder);
    load_export_identity(crypto, folder, &identity);
    thumbprint_of(crypto, identity.certificate, thumbprint);
    if (kf_kms_export_open(&(struct kf_kms_export_options){.crypto = crypto,
                                                           .path = path,
                                                           .identity = &identity,
                                                           .thumbprint = thumbprint,
                                                           .overwrite = true},
                           &writer, &error) != KF_OK ||
        writer->ops->begin(writer, &error) != KF_OK)
        bench_die(error.text);
    for (uint64_t done = 0; done < users;) {
        uint64_t count = users - done < BLOCK ? users - done : BLOCK;

        sign_block(&block, 2 * done, (size_t)(2 * count));
        for (size_t i = 0; i < 2 * count; i++)
            put_record(writer, &block, i);
        free_block(&block);
        done += count;
    }
    if (writer->ops->commit(writer, &position, &totals, &error) != KF_OK ||
        writer->ops->finish(writer, &totals, &error) != KF_OK)
        bench_die(error.text);
    writer->ops->close(writer);
    kf_identity_reset(&identity);
    bench_ca_reset(&ca);
}

static void write_pkcs12(PKCS12 *pfx, const char *path)
{
    FILE *file = pfx != NULL ? fopen(path, "wb") : NULL;

    if (file == NULL || i2d_PKCS12_fp(file, pfx) != 1 || fclose(file) != 0)
        bench_die(path);
    PKCS12_free(pfx);
}

struct profile {
    const char *name;
    int nid, iterations;
    const char *mac;
};

static const struct profile profiles[] = {
    {"pbes2-2048", NID_aes_256_cbc, 2048, "SHA256"},
    {"pbes2-10000", NID_aes_256_cbc, 10000, "SHA256"},
    {"3des-2000", NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 2000, "SHA1"},
};

static void make_pfx(const struct kf_crypto *crypto, uint64_t count, const char *profile_name,
                     const char *folder, const char *out)
{
    const struct profile *profile = NULL;
    struct bench_ca ca;

    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        if (strcmp(profiles[i].name, profile_name) == 0)
            profile = &profiles[i];
    }
    if (profile == NULL)
        bench_die("no such profile");
    bench_ca_load(&ca, crypto, folder);
    for (uint64_t i = 0; i < count; i++) {
        X509 *certificate = bench_certificate(&ca, crypto, i);
        EVP_MD *md = EVP_MD_fetch(crypto->library, profile->mac, NULL);
        PKCS12 *pfx =
            PKCS12_create_ex(PASSWORD, "bench", bench_key(&ca, i), certificate, NULL, profile->nid,
                             profile->nid, profile->iterations, -1, 0, crypto->library, NULL);
        char path[4096];

        if (pfx == NULL || PKCS12_set_mac(pfx, PASSWORD, -1, NULL, 0, profile->iterations, md) != 1)
            bench_die("no PFX");
        (void)snprintf(path, sizeof(path), "%s/%06llu.pfx", out, (unsigned long long)i);
        write_pkcs12(pfx, path);
        X509_free(certificate);
        EVP_MD_free(md);
    }
    bench_ca_reset(&ca);
}

static void add_pair(const struct kf_crypto *crypto, const struct bench_ca *ca, uint64_t number,
                     STACK_OF(PKCS12_SAFEBAG) * *keys, STACK_OF(PKCS12_SAFEBAG) * *certificates)
{
    X509 *certificate = bench_certificate(ca, crypto, number);
    PKCS12_SAFEBAG *key_bag;
    PKCS12_SAFEBAG *certificate_bag = PKCS12_add_cert(certificates, certificate);
    unsigned char id[8];

    for (size_t i = 0; i < sizeof(id); i++)
        id[i] = (unsigned char)(number >> (8 * i));
    key_bag = PKCS12_add_key_ex(keys, bench_key(ca, number), 0, 2048, NID_aes_256_cbc, PASSWORD,
                                crypto->library, NULL);
    if (key_bag == NULL || certificate_bag == NULL ||
        PKCS12_add_localkeyid(key_bag, id, sizeof(id)) != 1 ||
        PKCS12_add_localkeyid(certificate_bag, id, sizeof(id)) != 1)
        bench_die("no bag");
    X509_free(certificate);
}

static void make_one(const struct kf_crypto *crypto, uint64_t count, const char *folder,
                     const char *path)
{
    struct bench_ca ca;
    STACK_OF(PKCS12_SAFEBAG) *keys = NULL;
    STACK_OF(PKCS12_SAFEBAG) *certificates = NULL;
    STACK_OF(PKCS7) *safes = NULL;
    PKCS12 *pfx;

    bench_ca_load(&ca, crypto, folder);
    for (uint64_t i = 0; i < count; i++)
        add_pair(crypto, &ca, i, &keys, &certificates);
    if (PKCS12_add_safe_ex(&safes, certificates, NID_aes_256_cbc, 2048, PASSWORD, crypto->library,
                           NULL) != 1 ||
        PKCS12_add_safe_ex(&safes, keys, -1, 0, NULL, crypto->library, NULL) != 1)
        bench_die("no safe");
    pfx = PKCS12_add_safes_ex(safes, 0, crypto->library, NULL);
    if (pfx == NULL || PKCS12_set_mac(pfx, PASSWORD, -1, NULL, 0, 2048, crypto->sha256) != 1)
        bench_die("no PFX");
    write_pkcs12(pfx, path);
    sk_PKCS12_SAFEBAG_pop_free(keys, PKCS12_SAFEBAG_free);
    sk_PKCS12_SAFEBAG_pop_free(certificates, PKCS12_SAFEBAG_free);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    bench_ca_reset(&ca);
}

int main(int argc, char **argv)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_crypto *crypto = NULL;
    uint64_t count = 0;

    kf_secure_memory_init();
    if (argc < 5 || !kf_parse_u64(argv[2], 10000000, &count))
        bench_die("usage: bench_make kms USERS FOLDER OUT | pfx COUNT PROFILE FOLDER OUT_DIR | one "
                  "COUNT FOLDER OUT");
    if (kf_crypto_open(&crypto, &error) != KF_OK)
        bench_die(error.text);
    if (strcmp(argv[1], "kms") == 0)
        make_kms(crypto, count, argv[3], argv[4]);
    else if (strcmp(argv[1], "one") == 0)
        make_one(crypto, count, argv[3], argv[4]);
    else if (strcmp(argv[1], "pfx") == 0 && argc == 6)
        make_pfx(crypto, count, argv[3], argv[4], argv[5]);
    else
        bench_die("kms, pfx or one");
    kf_crypto_close(crypto);
    return EXIT_SUCCESS;
}

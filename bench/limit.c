/*
 * The limit: what the unavoidable primitives of a batch cost, on all cores, and nothing else.
 *
 *     bench_limit JOB COUNT FOLDER [THREADS]
 *
 * JOB is pbes2-2048, pbes2-10000, 3des-2000 (a PFX with a key and a certificate) or kms (a key of
 * an export), or verify (the private operation that opening a key costs, bench/limit_rsa.h). Each
 * unit of work is the derivations as tight loops, the decryptions, one CMS to the agents (two for
 * PFX, one for KMS), and one row into SQLite, committed as the program does; no file is opened and
 * nothing is parsed. FOLDER holds kra1.pem and kra2.pem. Prints the seconds that COUNT units took.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <sqlite3.h>

#include "bench/limit_rsa.h"
#include "bench/material.h"
#include "crypto/cert.h"
#include "crypto/kdf.h"
#include "crypto/lockbox.h"
#include "crypto/seal.h"

#define PFX_PART     1500u /* bytes of an encrypted key or certificate */
#define PFX_SIZE     3200u /* bytes that the MAC covers */
#define KEY_BLOB     1172u /* an RSA-2048 private key blob */
#define CERTIFICATE  900u
#define COMMIT_EVERY 500u
#define MAX_THREADS  64u

struct job {
    const char *name;
    enum kf_hash hash; /* of the derivation and the MAC */
    uint64_t iterations;
    bool is_pbes2;
    size_t agents;
};

static const struct job jobs[] = {
    {"pbes2-2048", KF_HASH_SHA256, 2048, true, 2}, {"pbes2-10000", KF_HASH_SHA256, 10000, true, 2},
    {"3des-2000", KF_HASH_SHA1, 2000, false, 2},   {"kms", KF_HASH_SHA256, 0, false, 1},
    {"verify", KF_HASH_SHA256, 0, false, 0},
};

struct limit {
    const struct job *job;
    const struct kf_crypto *crypto;
    struct kf_kra agents[2];
    uint64_t count;
    uint64_t next; /* under lock, as the database is */
    pthread_mutex_t lock;
    sqlite3 *database;
    sqlite3_stmt *insert;
};

static void check(enum kf_status status, const struct kf_error *error)
{
    if (status != KF_OK)
        bench_die(error->text);
}

/* The three derivations and two decryptions of a PFX as PKCS12_create makes it. */
static void open_pfx(const struct limit *limit, uint8_t *part, EVP_CIPHER_CTX *cipher)
{
    static const uint8_t password[] = "\0b\0e\0n\0c\0h\0"; /* BMPString, with the NUL that C adds */
    const struct job *job = limit->job;
    const struct kf_kdf_input input = {.hash = job->hash,
                                       .password = {password, sizeof(password)},
                                       .salt = kf_slice_of("saltsalt"),
                                       .iterations = job->iterations};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    const EVP_CIPHER *algorithm =
        job->is_pbes2 ? limit->crypto->aes256_cbc : limit->crypto->des3_cbc;
    uint8_t mac[KF_HASH_MAX_SIZE];
    uint8_t key[32];
    uint8_t iv[16] = {0};
    int len;

    check(kf_kdf_pkcs12(limit->crypto->algorithms, &input, KF_KDF_MAC, mac, kf_hash_size(job->hash),
                        &error),
          &error);
    check(kf_hmac(limit->crypto->algorithms, job->hash,
                  (struct kf_slice){mac, kf_hash_size(job->hash)},
                  (struct kf_slice){part, PFX_SIZE}, mac, &error),
          &error);
    for (int i = 0; i < 2; i++) {
        if (job->is_pbes2) {
            check(kf_kdf_pbkdf2(limit->crypto->algorithms, &input, key, 32, &error), &error);
        } else {
            check(kf_kdf_pkcs12(limit->crypto->algorithms, &input, KF_KDF_KEY, key, 24, &error),
                  &error);
            check(kf_kdf_pkcs12(limit->crypto->algorithms, &input, KF_KDF_IV, iv, 8, &error),
                  &error);
        }
        if (EVP_DecryptInit_ex2(cipher, algorithm, key, iv, NULL) != 1 ||
            EVP_DecryptUpdate(cipher, part, &len, part, (int)PFX_PART) != 1)
            bench_die("no decryption");
    }
}

static void open_kms(const struct limit *limit, struct kf_slice sealed, struct kf_buf *out)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    static const uint8_t key[32];

    kf_buf_clear(out);
    check(kf_bulk_decrypt(limit->crypto, KF_BULK_AES256_GCM, (struct kf_slice){key, 32}, sealed,
                          out, &error),
          &error);
}

static void sql(struct limit *limit, const char *text)
{
    if (sqlite3_exec(limit->database, text, NULL, NULL, NULL) != SQLITE_OK)
        bench_die(sqlite3_errmsg(limit->database));
}

/* Takes the next unit and writes the last one's row; false when all are done. */
static bool insert_row(struct limit *limit, const struct kf_buf *sealed, const uint8_t *certificate)
{
    bool more;

    (void)pthread_mutex_lock(&limit->lock);
    if (sealed->len != 0) {
        (void)sqlite3_bind_blob(limit->insert, 1, certificate, CERTIFICATE, SQLITE_STATIC);
        (void)sqlite3_bind_blob(limit->insert, 2, sealed->data, (int)sealed->len, SQLITE_STATIC);
        if (sqlite3_step(limit->insert) != SQLITE_DONE || sqlite3_reset(limit->insert) != SQLITE_OK)
            bench_die(sqlite3_errmsg(limit->database));
    }
    more = limit->next < limit->count;
    if (more && ++limit->next % COMMIT_EVERY == 0)
        sql(limit, "COMMIT; BEGIN");
    (void)pthread_mutex_unlock(&limit->lock);
    return more;
}

static void *run(void *argument)
{
    struct limit *limit = argument;
    const struct kf_kra *agents[2] = {&limit->agents[0], &limit->agents[1]};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_sealer *sealer = NULL;
    struct kf_buf sealed = KF_PUBLIC_BUF;
    struct kf_buf exported = KF_PUBLIC_BUF;
    struct kf_buf plain = KF_SECRET_BUF;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    uint8_t *bytes = calloc(1, PFX_SIZE);
    static const uint8_t zeros[32];

    if (bytes == NULL || cipher == NULL)
        bench_die("memory");
    check(
        kf_sealer_new(limit->crypto, agents, limit->job->agents, KF_SEAL_WINDOWS, &sealer, &error),
        &error);
    check(kf_bulk_encrypt(limit->crypto, KF_BULK_AES256_GCM, (struct kf_slice){zeros, 32}, zeros,
                          (struct kf_slice){bytes, KEY_BLOB}, &exported, &error),
          &error);
    while (insert_row(limit, &sealed, bytes)) {
        if (limit->job->iterations != 0)
            open_pfx(limit, bytes, cipher);
        else
            open_kms(limit, kf_buf_slice(&exported), &plain);
        kf_buf_clear(&sealed);
        check(kf_seal(sealer, (struct kf_slice){bytes, KEY_BLOB}, &sealed, &error), &error);
    }
    kf_sealer_free(sealer);
    kf_buf_reset(&sealed);
    kf_buf_reset(&exported);
    kf_buf_reset(&plain);
    EVP_CIPHER_CTX_free(cipher);
    free(bytes);
    return NULL;
}

static void load_agent(const struct kf_crypto *crypto, const char *folder, unsigned number,
                       struct kf_kra *out)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    STACK_OF(X509) *certificates = NULL;
    struct kf_buf der = KF_PUBLIC_BUF;
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/kra%u.pem", folder, number);
    check(kf_certificates_load(crypto, path, NULL, &certificates, &error), &error);
    check(kf_x509_encode(sk_X509_value(certificates, 0), &der, &error), &error);
    check(kf_kra_parse(crypto, kf_buf_slice(&der), 2048, out, &error), &error);
    kf_buf_reset(&der);
    sk_X509_pop_free(certificates, X509_free);
}

static void open_database(struct limit *limit, const char *folder)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/limit.db", folder);
    (void)unlink(path);
    if (sqlite3_open(path, &limit->database) != SQLITE_OK)
        bench_die(path);
    sql(limit, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
               "CREATE TABLE row(id INTEGER PRIMARY KEY, certificate BLOB, sealed BLOB) STRICT;"
               "BEGIN");
    if (sqlite3_prepare_v2(limit->database, "INSERT INTO row(certificate, sealed) VALUES(?, ?)", -1,
                           &limit->insert, NULL) != SQLITE_OK)
        bench_die(sqlite3_errmsg(limit->database));
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run_threads(struct limit *limit, size_t count)
{
    pthread_t threads[MAX_THREADS];

    for (size_t i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, run, limit) != 0)
            bench_die("no thread");
    }
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(threads[i], NULL);
    sql(limit, "COMMIT");
}

/* The seconds that a batch took. */
static double run_batch(struct limit *limit, const char *folder, size_t threads)
{
    double begun;

    load_agent(limit->crypto, folder, 1, &limit->agents[0]);
    load_agent(limit->crypto, folder, 2, &limit->agents[1]);
    open_database(limit, folder);
    begun = now();
    run_threads(limit, threads);
    begun = now() - begun;
    (void)sqlite3_finalize(limit->insert);
    (void)sqlite3_close(limit->database);
    kf_kra_reset(&limit->agents[0]);
    kf_kra_reset(&limit->agents[1]);
    return begun;
}

int main(int argc, char **argv)
{
    struct limit limit = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_crypto *crypto = NULL;
    uint64_t threads = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);

    kf_secure_memory_init();
    for (size_t i = 0; argc >= 4 && i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (strcmp(jobs[i].name, argv[1]) == 0)
            limit.job = &jobs[i];
    }
    if (limit.job == NULL || !kf_parse_u64(argv[2], 100000000, &limit.count) ||
        (argc > 4 && !kf_parse_u64(argv[4], MAX_THREADS, &threads)))
        bench_die("usage: bench_limit JOB COUNT FOLDER [THREADS]");
    check(kf_crypto_open(&crypto, &error), &error);
    limit.crypto = crypto;
    (void)printf("%.3f\n", limit.job->agents == 0
                               ? bench_rsa(crypto, argv[3], limit.count, (size_t)threads)
                               : run_batch(&limit, argv[3], (size_t)threads));
    kf_crypto_close(crypto);
    return EXIT_SUCCESS;
}

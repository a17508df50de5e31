/*
 * What every writer writes, read back: the same keys, certificates and chains, over random keys,
 * names, chains and passwords; and opened by programs that are not ours.
 *
 * The seed is printed; KEYFERRY_SEED repeats a run.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "readers/formats.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/reader_run.h"
#include "tests/support/suite.h"
#include "tests/support/writer_run.h"
#include "writers/epf.h"
#include "writers/pfx.h"
#include "writers/rec.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define ROUNDS    6
#define MAX_KEYS  7
#define MAX_CHAIN 3
#define MAX_TEXT  96

static uint64_t state;

/* One round's material: keys of the pool, each with a certificate of its own. */
struct round {
    size_t count;
    const EVP_PKEY *keys[MAX_KEYS];
    X509 *certs[MAX_KEYS];
    X509 *chains[MAX_KEYS][MAX_CHAIN + 1];
    char password[MAX_TEXT];
    struct kf_record records[MAX_KEYS];
};

static const char *const kinds[] = {"rsa:1024",   "rsa:2048",     "rsa:1024#2", "ec:P-256",
                                    "ec:P-384",   "ec:P-521",     "ed25519",    "rsa:1536:3primes",
                                    "rsa:1024#3", "rsa:1024:e=3", "rsa:2048#2", "x25519"};
#define PLAIN_KINDS 6 /* that every program knows */

static X509 *authorities[MAX_CHAIN]; /* each issued the one before it */
static EVP_PKEY *authority_keys[MAX_CHAIN];
static EVP_PKEY *kra_key;
static X509 *kra;
static struct kf_kra agent;

/* splitmix64 */
static size_t any(size_t below)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (size_t)((z ^ z >> 31) % below);
}

static void make(void)
{
    struct kf_buf der = KF_PUBLIC_BUF;

    for (size_t i = MAX_CHAIN; i-- > 0;) {
        char name[40];
        char kind[32];

        (void)snprintf(name, sizeof(name), "/O=Contoso/CN=CA %zu", i);
        (void)snprintf(kind, sizeof(kind), "rsa:1024#ca%zu", i);
        authority_keys[i] = material_key(kind);
        authorities[i] = material_cert(&(struct material_cert){
            .subject = name,
            .key = authority_keys[i],
            .is_ca = true,
            .issuer = i + 1 < MAX_CHAIN ? authorities[i + 1] : NULL,
            .issuer_key = i + 1 < MAX_CHAIN ? authority_keys[i + 1] : NULL});
    }
    kra_key = material_key("rsa:2048#kra");
    kra = material_kra("Agent", kra_key);
    material_der(kra, &der);
    if (kf_kra_parse(material_crypto(), kf_buf_slice(&der), 2048, &agent, NULL) != KF_OK)
        exit(EXIT_FAILURE);
    kf_buf_reset(&der);
}

static void free_all(void)
{
    for (size_t i = 0; i < MAX_CHAIN; i++)
        X509_free(authorities[i]);
    X509_free(kra);
    kf_kra_reset(&agent);
}

/* Some characters of these, whole */
static void any_text(char *out, size_t min, size_t max, bool ascii)
{
    static const char *const pieces[] = {
        "a", "b", "Z", "0", "9", " ", ".", "-", "_", "@", ",", "+", "\"", "'", "\\", "#", ";", "<",
        "%", "&", "(", ")", ":", "*", "?", "|", "$", "!",
        /* not ASCII from here on */
        "\xc3\xa9", "\xc3\x9f", "\xd0\x96", "\xe6\x97\xa5", "\xe2\x82\xac"};
    size_t count = min + any(max - min + 1);
    size_t of = ascii ? COUNT(pieces) - 5 : COUNT(pieces);

    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        (void)strncat(out, pieces[any(of)], MAX_TEXT - 8 - strlen(out));
}

static void make_record(struct round *round, size_t i, EVP_PKEY *key)
{
    size_t depth = any(MAX_CHAIN + 1);
    size_t from = MAX_CHAIN - depth;
    char name[MAX_TEXT];
    char subject[MAX_TEXT + 16];

    do /* no slash: it would begin another part of the name */
        any_text(name, 1, 12, false);
    while (strchr(name, '/') != NULL || name[0] == ' ');
    (void)snprintf(subject, sizeof(subject), "/O=Contoso/CN=%s", name);
    round->keys[i] = key;
    round->certs[i] = material_cert(&(struct material_cert){
        .subject = subject,
        .mail = any(2) == 0 ? "jo@contoso.example" : NULL,
        /* a key that cannot sign for itself needs an issuer */
        .key = key,
        .issuer = depth > 0 ? authorities[from] : authorities[MAX_CHAIN - 1],
        .issuer_key = depth > 0 ? authority_keys[from] : authority_keys[MAX_CHAIN - 1]});
    for (size_t j = 0; j < depth; j++)
        round->chains[i][j] = authorities[from + j];
    record_make(&round->records[i], key, round->certs[i], round->chains[i]);
}

/* plain: keys and passwords that every program takes */
static void make_round(struct round *round, bool plain)
{
    bool used[COUNT(kinds)] = {false};

    *round = (struct round){.count = 1 + any(MAX_KEYS)};
    if (plain && round->count > PLAIN_KINDS)
        round->count = PLAIN_KINDS;
    for (size_t i = 0; i < round->count; i++) {
        size_t kind;

        do
            kind = any(plain ? PLAIN_KINDS : COUNT(kinds));
        while (used[kind]);
        used[kind] = true;
        make_record(round, i, material_key(kinds[kind]));
    }
    any_text(round->password, plain ? 6 : 1, 20, plain);
}

static void free_round(struct round *round)
{
    for (size_t i = 0; i < round->count; i++) {
        X509_free(round->certs[i]);
        kf_record_reset(&round->records[i]);
    }
}

/* The record that was read has the certificate and chain of the key. */
static void expect_same(const struct round *round, size_t i, const struct kf_record *record)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    size_t chain = 0;

    material_der(round->certs[i], &der);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&record->cert), kf_buf_slice(&der)));
    while (round->chains[i][chain] != NULL)
        chain++;
    /* a file of many keys has the chains of all, and each key finds its own, perhaps a longer one
     */
    CU_ASSERT(record->chain_count >= chain);
    for (size_t j = 0; j < chain && j < record->chain_count; j++) {
        material_der(round->chains[i][j], &der);
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&record->chain[j]), kf_buf_slice(&der)));
    }
    kf_buf_reset(&der);
}

typedef void file_check(const char *name, const struct round *round);

/* Reads every file of the folder, and finds each key of the round exactly once. */
static void expect_round(const struct round *round, const struct kf_reader_ops *ops,
                         const char *folder, struct kf_secrets *secrets, file_check *check)
{
    size_t found[MAX_KEYS] = {0};
    size_t seen = 0;
    DIR *all = opendir(outside_path(folder));
    const struct dirent *entry;

    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    while ((entry = readdir(all)) != NULL) {
        struct reader_run run;
        char name[400];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
        reader_run_file(&run, ops, outside_path(name), secrets);
        CU_ASSERT_EQUAL(run.status, KF_END);
        CU_ASSERT_EQUAL(run.proven, run.records.count);
        seen += run.records.count;
        for (size_t i = 0; i < round->count; i++) {
            const struct kf_record *record = find_record(&run, round->keys[i]);

            if (record == NULL)
                continue;
            found[i]++;
            expect_same(round, i, record);
        }
        if (run.proven != run.records.count)
            (void)fprintf(stderr, "%s: %s\n", name, reader_run_error(&run)->text);
        reader_run_reset(&run);
        if (check != NULL)
            check(name, round);
    }
    (void)closedir(all);
    CU_ASSERT_EQUAL(seen, round->count);
    for (size_t i = 0; i < round->count; i++)
        CU_ASSERT_EQUAL(found[i], 1);
}

static void write_round(struct round *round, struct kf_writer *writer, const struct kf_stage *stage,
                        bool of_one)
{
    struct writer_run run;
    size_t count = of_one ? 1 : round->count;

    writer_run(&run, writer, stage, round->records, count, any(4), false);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], count);
    if (run.status != KF_OK)
        (void)fprintf(stderr, "%s\n", run.error.text);
}

static void write_pfx(struct round *round, enum kf_pfx_profile profile, size_t mode)
{
    struct kf_buf password = KF_SECRET_BUF;
    const char *path = outside_path(mode == 2 ? "pfx/all.pfx" : "pfx");
    const struct kf_pfx_export_options options = {.crypto = material_crypto(),
                                                  .path = path,
                                                  .per_user = mode == 1,
                                                  .profile = profile,
                                                  .iterations = 50,
                                                  .password = &password};
    struct kf_writer *writer = NULL;
    struct kf_stage stage;

    CU_ASSERT(outside_run("rm -rf pfx; %s", mode == 2 ? "mkdir pfx" : "true"));
    CU_ASSERT_EQUAL(kf_buf_set(&password, kf_slice_of(round->password), NULL), KF_OK);
    CU_ASSERT_EQUAL_FATAL(kf_pfx_export_open(&options, &writer, NULL), KF_OK);
    stage = kf_pfx_export_stage(writer);
    write_round(round, writer, any(2) == 0 ? &stage : NULL, false);
    kf_buf_reset(&password);
    outside_write("pw", kf_slice_of(round->password));
}

static void check_openssl(const char *name, const struct round *round)
{
    (void)round;
    outside_write("name", kf_slice_of(name));
    CU_ASSERT(outside_run("openssl pkcs12 -in \"$(cat name)\" -provider default -provider legacy "
                          "-nodes -passin file:pw -out out.pem && grep -q 'PRIVATE KEY' out.pem"));
}

static void test_pfx(void)
{
    for (size_t i = 0; i < ROUNDS * 3; i++) {
        struct kf_secrets *secrets;
        struct round round;

        make_round(&round, false);
        write_pfx(&round, (enum kf_pfx_profile)(i % 3), any(3));
        secrets = secrets_with(round.password, NULL, NULL);
        expect_round(&round, &kf_reader_pfx, "pfx", secrets, check_openssl);
        kf_secrets_free(secrets);
        free_round(&round);
    }
}

static bool has_pk12util, has_certtool, has_keytool;

static void check_others(const char *name, const struct round *round)
{
    check_openssl(name, round);
    if (has_certtool)
        CU_ASSERT(outside_run("certtool --p12-info --inder --infile \"$(cat name)\" --password "
                              "\"$(cat pw)\" >out && grep -q 'PRIVATE KEY' out"));
    if (has_pk12util)
        CU_ASSERT(outside_run("pk12util -l \"$(cat name)\" -w pw >out && grep -q '^Key' out"));
    if (has_keytool)
        CU_ASSERT(outside_run("cp \"$(cat name)\" java.p12 && keytool -list -storetype PKCS12 "
                              "-keystore java.p12 -storepass:file pw >out && grep -q "
                              "PrivateKeyEntry out"));
}

/* NSS, GnuTLS and Java, with what all of them know. */
static void test_pfx_by_others(void)
{
    has_certtool = outside_has("certtool");
    has_pk12util = outside_has("pk12util");
    has_keytool = outside_has("keytool");
    for (size_t i = 0; i < 3; i++) {
        struct kf_secrets *secrets;
        struct round round;

        make_round(&round, true);
        write_pfx(&round, (enum kf_pfx_profile)i, 0);
        secrets = secrets_with(round.password, NULL, NULL);
        expect_round(&round, &kf_reader_pfx, "pfx", secrets, check_others);
        kf_secrets_free(secrets);
        free_round(&round);
    }
}

static void test_epf(void)
{
    for (size_t i = 0; i < ROUNDS; i++) {
        struct kf_buf password = KF_SECRET_BUF;
        struct kf_epf_export_options options = {
            .crypto = material_crypto(), .per_key = i % 3 == 0, .password = &password};
        struct kf_writer *writer = NULL;
        struct kf_secrets *secrets;
        struct round round;

        make_round(&round, false);
        CU_ASSERT(outside_run("rm -rf epf; mkdir epf"));
        options.path = outside_path(i % 3 == 2 ? "epf/all.epf" : "epf");
        CU_ASSERT_EQUAL(kf_buf_set(&password, kf_slice_of(round.password), NULL), KF_OK);
        CU_ASSERT_EQUAL_FATAL(kf_epf_export_open(&options, &writer, NULL), KF_OK);
        write_round(&round, writer, NULL, false);
        secrets = secrets_with(round.password, NULL, NULL);
        expect_round(&round, &kf_reader_epf, "epf", secrets, NULL);
        kf_secrets_free(secrets);
        kf_buf_reset(&password);
        free_round(&round);
    }
}

static void check_cms(const char *name, const struct round *round)
{
    (void)round;
    outside_write("name", kf_slice_of(name));
    CU_ASSERT(outside_run("openssl cms -verify -noverify -binary -inform DER -in \"$(cat name)\" "
                          "-out inner && openssl cms -decrypt -binary -inform DER -in inner -inkey "
                          "kra.key -recip kra.pem -out blob && test -s blob"));
}

static void test_rec(void)
{
    static const struct kf_kra *const agents[] = {&agent};
    const struct kf_identity signer = {.key = authority_keys[0], .certificate = authorities[0]};
    struct kf_secrets *secrets = secrets_with(NULL, kra_key, kra);

    outside_write_key("kra.key", kra_key);
    outside_write_cert("kra.pem", kra);
    for (size_t i = 0; i < ROUNDS; i++) {
        const struct kf_rec_export_options options = {.crypto = material_crypto(),
                                                      .path = outside_path("rec"),
                                                      .agents = agents,
                                                      .agent_count = 1,
                                                      .profile = i % 3 == 0   ? KF_SEAL_WINDOWS
                                                                 : i % 3 == 1 ? KF_SEAL_WINDOWS_3DES
                                                                              : KF_SEAL_MODERN,
                                                      .signer = i % 2 == 0 ? &signer : NULL};
        struct kf_writer *writer = NULL;
        struct kf_stage stage;
        struct round round;

        make_round(&round, false);
        CU_ASSERT(outside_run("rm -rf rec"));
        CU_ASSERT_EQUAL_FATAL(kf_rec_export_open(&options, &writer, NULL), KF_OK);
        stage = kf_rec_export_stage(writer);
        write_round(&round, writer, &stage, false);
        expect_round(&round, &kf_reader_rec, "rec", secrets, i % 2 == 0 ? check_cms : NULL);
        free_round(&round);
    }
    kf_secrets_free(secrets);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"PKCS #12", test_pfx}, {"PKCS #12 by others", test_pfx_by_others},
        {"profiles", test_epf}, {"recovery blobs", test_rec},
        {NULL, NULL},
    };
    const char *given = getenv("KEYFERRY_SEED");
    int code;

    state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    (void)printf("KEYFERRY_SEED=%llu\n", (unsigned long long)state);
    make();
    code = suite_run("round_trip", tests);
    free_all();
    return code;
}

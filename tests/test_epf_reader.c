/*
 * Profiles that another program made after the public description open whole; everything else is
 * one clear error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/epf.h"
#include "readers/formats.h"
#include "tests/support/feeder.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/profile.h"
#include "tests/support/reader_run.h"
#include "tests/support/suite.h"

#define PASSWORD "correct horse"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t seed;

static X509 *ca;
static X509 *certs[4]; /* signing, old encryption, encryption, EC */
static EVP_PKEY *keys[4];

static void make_certificates(void)
{
    static const char *const kinds[] = {"rsa:1024#1", "rsa:1024#2", "rsa:2048#3", "ec:P-256"};
    static const unsigned usages[] = {KF_KU_DIGITAL_SIGNATURE, KF_KU_KEY_ENCIPHERMENT,
                                      KF_KU_KEY_ENCIPHERMENT, KF_KU_KEY_AGREEMENT};
    EVP_PKEY *ca_key = material_key("rsa:2048#ca");
    int64_t now = (int64_t)time(NULL);

    ca = material_cert(&(struct material_cert){
        .subject = "/C=US/O=Contoso/CN=Profile CA", .is_ca = true, .key = ca_key});
    for (size_t i = 0; i < COUNT(keys); i++) {
        keys[i] = material_key(kinds[i]);
        certs[i] = material_cert(&(struct material_cert){.subject = "/C=US/O=Contoso/CN=Jo Sample",
                                                         .mail = "jo@contoso.example",
                                                         .key_usage = usages[i],
                                                         .not_before = now - 1000 + 100 * (int)i,
                                                         .key = keys[i],
                                                         .issuer = ca,
                                                         .issuer_key = ca_key});
    }
}

static void free_certificates(void)
{
    X509_free(ca);
    for (size_t i = 0; i < COUNT(certs); i++)
        X509_free(certs[i]);
}

/* Each dimension's values, and each kind of text, at least once. */
static const struct {
    struct profile_dialect dialect;
    const char *recode;
    size_t width;
    const char *wrap;
    bool one_salt; /* for all keys, in a section of its own */
    unsigned count;
} cases[] = {
    {{"sha1/total/text/first/cast5-128/pkcs8", "SHA1", PROFILE_TOTAL, false, false, "cast5-cbc", 16,
      PROFILE_PKCS8},
     "",
     0,
     "",
     false,
     1000},
    {{"md5/total/text/last/cast5-128/pkcs1", "MD5", PROFILE_TOTAL, false, true, "cast5-cbc", 16,
      PROFILE_PKCS1},
     "crlf",
     64,
     "",
     false,
     8},
    {{"sha1/extra/raw/first/3des/pkcs8", "SHA1", PROFILE_EXTRA, true, false, "des-ede3-cbc", 24,
      PROFILE_PKCS8},
     "bom",
     0,
     "",
     true,
     77},
    {{"sha256/repeat/text/first/aes-256/pkcs8", "SHA256", PROFILE_REPEAT, false, false,
      "aes-256-cbc", 32, PROFILE_PKCS8},
     "utf-16le",
     0,
     "",
     true,
     4096},
    {{"sha1/before/text/first/cast5-64/pkcs1", "SHA1", PROFILE_BEFORE, false, false, "cast5-cbc", 8,
      PROFILE_PKCS1},
     "",
     76,
     "\t",
     false,
     3},
    {{"sha256/total/raw/first/cast5-80/pkcs8", "SHA256", PROFILE_TOTAL, true, false, "cast5-cbc",
      10, PROFILE_PKCS8},
     "crlf",
     40,
     "_continue_=",
     false,
     500},
    {{"sha1/after/text/last/aes-128/pkcs1", "SHA1", PROFILE_AFTER, false, true, "aes-128-cbc", 16,
      PROFILE_PKCS1},
     "utf-16le",
     0,
     "",
     false,
     12},
    {{"sha1/total/text/last/3des/pkcs1", "SHA1", PROFILE_TOTAL, false, true, "des-ede3-cbc", 24,
      PROFILE_PKCS1},
     "",
     0,
     "",
     true,
     1},
    {{"md5/extra/raw/first/cast5-40/pkcs8", "MD5", PROFILE_EXTRA, true, false, "cast5-cbc", 5,
      PROFILE_PKCS8},
     "",
     0,
     "",
     false,
     20},
    {{"sha256/total/text/last/aes-256/pkcs8", "SHA256", PROFILE_TOTAL, false, true, "aes-256-cbc",
      32, PROFILE_PKCS8},
     "crlf",
     0,
     "",
     true,
     20000},
};

static void build(struct profile *profile, size_t which)
{
    profile_begin(profile, &cases[which].dialect, PASSWORD, cases[which].count, seed + which);
    profile->width = cases[which].width;
    profile->wrap = cases[which].wrap;
    profile->salt_size = which % 2 == 0 ? 8 : 16;
    profile_section(profile, NULL);
    profile_value(profile, NULL, "Jo Sample");
    profile_value(profile, NULL, "5.01");
    profile_value(profile, NULL, "");
    if (cases[which].one_salt)
        profile_salt_and_count(profile);
    profile_section(profile, NULL);
    profile_cert(profile, ca);
    for (size_t i = 0; i < 3; i++) {
        profile_section(profile, NULL);
        if (!cases[which].one_salt)
            profile_salt_and_count(profile);
        if (i % 2 == 0)
            profile_cert(profile, certs[i]);
        profile_key(profile, keys[i]);
        if (i % 2 == 1)
            profile_cert(profile, certs[i]);
        profile_value(profile, NULL, "some text");
    }
    profile_recode(profile, cases[which].recode);
}

static void run_profile(struct reader_run *run, const struct profile *profile, const char *password)
{
    struct kf_secrets *secrets = secrets_with(password, NULL, NULL);

    reader_run_bytes(run, &kf_reader_epf, kf_buf_slice(&profile->text), secrets);
    kf_secrets_free(secrets);
}

static void expect_whole(const struct reader_run *run)
{
    CU_ASSERT_EQUAL(run->status, KF_END);
    CU_ASSERT_EQUAL(run->records.count, 3);
    CU_ASSERT_EQUAL(run->proven, 3);
    for (size_t i = 0; i < run->records.count && i < 3; i++) {
        const struct kf_record *record = &run->records.records[i];

        CU_ASSERT(record_has_key(record, keys[i]));
        CU_ASSERT_EQUAL(record->state, i == 1 ? KF_STATE_PREVIOUS : KF_STATE_CURRENT);
        CU_ASSERT_EQUAL(record->chain_count, 1);
        CU_ASSERT_STRING_EQUAL(record->display_name, "Jo Sample");
        CU_ASSERT_STRING_EQUAL(record->mail, "jo@contoso.example");
        CU_ASSERT(record->has_facts && record->line > 0 && record->place[0] == '[');
        CU_ASSERT_EQUAL(record->secret_index, 0);
    }
    if (run->proven != 3)
        (void)fprintf(stderr, "%s\n", reader_run_error(run)->text);
}

static void test_dialects_open_whole(void)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct profile profile;
        struct reader_run run;
        char wanted[100];

        build(&profile, i);
        run_profile(&run, &profile, PASSWORD);
        expect_whole(&run);
        (void)snprintf(wanted, sizeof(wanted), "dialect: %s\n", cases[i].dialect.name);
        CU_ASSERT(run.outline != NULL && strstr(run.outline, wanted) != NULL);
        if (run.outline == NULL || strstr(run.outline, wanted) == NULL)
            (void)fprintf(stderr, "%s, but:\n%.800s\n", wanted, run.outline);
        reader_run_reset(&run);
        kf_buf_reset(&profile.text);
    }
}

/* RFC 2144 B.1 */
static void test_cast5_has_the_published_vectors(void)
{
    static const uint8_t key[16] = {0x01, 0x23, 0x45, 0x67, 0x12, 0x34, 0x56, 0x78,
                                    0x23, 0x45, 0x67, 0x89, 0x34, 0x56, 0x78, 0x9a};
    static const uint8_t plain[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    static const struct {
        size_t cipher;
        uint8_t sealed[8];
    } vectors[] = {
        {KF_EPF_CAST5_128, {0x23, 0x8b, 0x4f, 0xe5, 0x84, 0x7e, 0x44, 0xb2}},
        {KF_EPF_CAST5_80, {0xeb, 0x6a, 0x71, 0x1a, 0x2c, 0x02, 0x27, 0x1b}},
        {KF_EPF_CAST5_40, {0x7a, 0xc8, 0x16, 0xd1, 0x6e, 0x9b, 0x30, 0x2e}},
    };
    static const uint8_t iv[16] = {0};
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t out[8];

    for (size_t i = 0; i < COUNT(vectors); i++) {
        CU_ASSERT_EQUAL(kf_epf_decrypt(material_crypto(), context, vectors[i].cipher, key, iv,
                                       (struct kf_slice){vectors[i].sealed, 8}, out, NULL),
                        KF_OK);
        CU_ASSERT_EQUAL(memcmp(out, plain, 8), 0);
    }
    EVP_CIPHER_CTX_free(context);
}

static void test_names_of_dialects(void)
{
    struct kf_epf_space space;
    struct kf_epf_dialect dialect;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    char name[KF_EPF_NAME_SIZE];

    CU_ASSERT_EQUAL(kf_epf_space_parse("aes-256/sha256", &space, &error), KF_OK);
    CU_ASSERT(kf_epf_space_has(&space, KF_EPF_CIPHER, KF_EPF_AES256));
    CU_ASSERT(!kf_epf_space_has(&space, KF_EPF_CIPHER, KF_EPF_AES128));
    CU_ASSERT(kf_epf_space_has(&space, KF_EPF_SALT, KF_EPF_RAW));
    CU_ASSERT_EQUAL(kf_epf_space_parse("sha1/blowfish", &space, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "\"blowfish\""));
    CU_ASSERT(!kf_epf_unpack(0, &dialect));
    CU_ASSERT(!kf_epf_unpack(0x1fffffff, &dialect));
    for (size_t i = 0; i < COUNT(cases); i++) {
        CU_ASSERT_EQUAL(kf_epf_space_parse(cases[i].dialect.name, &space, &error), KF_OK);
        for (size_t j = 0; j < KF_EPF_DIMENSIONS; j++) {
            dialect.at[j] = 0;
            while (!kf_epf_space_has(&space, (enum kf_epf_dimension)j, dialect.at[j]))
                dialect.at[j]++;
        }
        CU_ASSERT(kf_epf_unpack(kf_epf_pack(&dialect), &dialect));
        kf_epf_name(&dialect, name);
        CU_ASSERT_STRING_EQUAL(name, cases[i].dialect.name);
    }
}

/* One record, failed, with this cause; text is part of what it says. */
static void expect_failure(const struct reader_run *run, enum kf_cause cause, const char *text)
{
    const struct kf_error *error = reader_run_error(run);

    CU_ASSERT_EQUAL(run->status, KF_END);
    CU_ASSERT_EQUAL(run->records.count, 1);
    CU_ASSERT_EQUAL(run->failed, 1);
    CU_ASSERT_EQUAL(error->cause, cause);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->text, text));
    CU_ASSERT_PTR_NULL(strchr(error->text, '\n'));
    if (error->cause != cause || strstr(error->text, text) == NULL)
        (void)fprintf(stderr, "expected %s, got: %s\n", text, error->text);
}

static void test_a_wrong_password_is_one_clear_error(void)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct profile profile;
        struct reader_run run;

        build(&profile, i);
        run_profile(&run, &profile, "wrong horse");
        expect_failure(&run, KF_CAUSE_SECRET,
                       "wrong password, or a variant that is not supported; recognized: 4 "
                       "certificates, 3 encrypted values (");
        CU_ASSERT_PTR_NULL(strstr(run.outline, "dialect:"));
        reader_run_reset(&run);
        run_profile(&run, &profile, NULL);
        expect_failure(&run, KF_CAUSE_SECRET, "a password is needed; recognized: 4 certificates");
        reader_run_reset(&run);
        kf_buf_reset(&profile.text);
    }
}

static void test_the_right_one_of_many_passwords(void)
{
    struct kf_secrets *secrets = secrets_with("first", NULL, NULL);
    struct kf_buf second = KF_SECRET_BUF;
    struct profile profile;
    struct reader_run run;

    CU_ASSERT_EQUAL(kf_buf_append(&second, PASSWORD, strlen(PASSWORD), NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_secrets_add_password(secrets, &second, false, "second", NULL), KF_OK);
    build(&profile, 0);
    reader_run_bytes(&run, &kf_reader_epf, kf_buf_slice(&profile.text), secrets);
    CU_ASSERT_EQUAL(run.proven, 3);
    CU_ASSERT_EQUAL(run.records.records[0].secret_index, 1);
    CU_ASSERT_EQUAL(kf_secrets_try(kf_secrets_last(secrets), 0), 1);
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
    kf_secrets_free(secrets);
}

static void test_the_dialect_is_kept_for_the_next_file(void)
{
    struct kf_secrets *secrets = secrets_with(PASSWORD, NULL, NULL);
    struct kf_epf_dialect dialect;
    char name[KF_EPF_NAME_SIZE];

    CU_ASSERT_EQUAL(kf_secrets_hint(secrets), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct profile profile;
        struct reader_run run;

        build(&profile, i); /* the hint is of another dialect each time, and must not mislead */
        for (size_t again = 0; again < 2; again++) {
            reader_run_bytes(&run, &kf_reader_epf, kf_buf_slice(&profile.text), secrets);
            expect_whole(&run);
            reader_run_reset(&run);
        }
        CU_ASSERT(kf_epf_unpack(kf_secrets_hint(secrets), &dialect));
        kf_epf_name(&dialect, name);
        CU_ASSERT_STRING_EQUAL(name, cases[i].dialect.name);
        kf_buf_reset(&profile.text);
    }
    kf_secrets_free(secrets);
}

static void run_pinned(struct reader_run *run, const struct profile *profile, const char *dialect)
{
    struct kf_reader_options options = {.epf_dialect = dialect};
    struct kf_input *input = NULL;

    options.secrets = secrets_with(PASSWORD, NULL, NULL);
    CU_ASSERT_EQUAL(kf_input_from_memory(&input, "memory", kf_buf_slice(&profile->text), NULL),
                    KF_OK);
    reader_run(run, &kf_reader_epf, input, &options);
    kf_secrets_free(options.secrets);
}

static void test_a_dialect_can_be_pinned(void)
{
    struct profile profile;
    struct reader_run run;

    build(&profile, 2);
    run_pinned(&run, &profile, cases[2].dialect.name);
    expect_whole(&run);
    reader_run_reset(&run);
    run_pinned(&run, &profile, "3des");
    expect_whole(&run);
    reader_run_reset(&run);
    run_pinned(&run, &profile, "sha256");
    expect_failure(&run, KF_CAUSE_SECRET, "wrong password, or a variant");
    reader_run_reset(&run);
    run_pinned(&run, &profile, "des");
    CU_ASSERT_EQUAL(run.status, KF_FATAL);
    CU_ASSERT_EQUAL(run.error.cause, KF_CAUSE_USAGE);
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
}

/* A section with one key; the count as text. */
static void build_one(struct profile *profile, const char *count, const X509 *certificate,
                      EVP_PKEY *key)
{
    profile_begin(profile, &cases[0].dialect, PASSWORD, 100, seed);
    profile_section(profile, NULL);
    profile_salt(profile);
    if (count != NULL)
        profile_value(profile, NULL, count);
    if (certificate != NULL)
        profile_cert(profile, certificate);
    profile_key(profile, key);
}

static void test_a_count_that_is_a_bomb(void)
{
    static const char *const bombs[] = {"1000000000", "1000001", "99999999999999999999999"};
    struct profile profile;
    struct reader_run run;

    for (size_t i = 0; i < COUNT(bombs); i++) {
        build_one(&profile, bombs[i], certs[0], keys[0]);
        run_profile(&run, &profile, PASSWORD);
        expect_failure(&run, KF_CAUSE_LIMIT, "is above the limit of 1000000");
        CU_ASSERT_EQUAL(reader_run_error(&run)->line, 3);
        reader_run_reset(&run);
        kf_buf_reset(&profile.text);
    }
}

/* A large number that is no count (a time, a serial number) does no harm. */
static void test_a_large_number_beside_the_count(void)
{
    struct profile profile;
    struct reader_run run;

    build_one(&profile, "100", certs[0], keys[0]);
    profile_value(&profile, NULL, "1066348800");
    run_profile(&run, &profile, PASSWORD);
    CU_ASSERT_EQUAL(run.proven, 1);
    reader_run_reset(&run);
    run_profile(&run, &profile, "wrong");
    expect_failure(&run, KF_CAUSE_SECRET, "wrong password");
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
}

/* With a count near the limit the search is cut short, says so, and the common dialects open. */
static void test_a_search_with_a_high_count_ends(void)
{
    struct profile profile;
    struct reader_run run;

    profile_begin(&profile, &cases[9].dialect, PASSWORD, 1000000, seed);
    profile_section(&profile, NULL);
    profile_salt_and_count(&profile);
    profile_cert(&profile, certs[0]);
    profile_key(&profile, keys[0]);
    run_profile(&run, &profile, PASSWORD);
    CU_ASSERT_EQUAL(run.proven, 1);
    reader_run_reset(&run);
    run_profile(&run, &profile, "wrong");
    expect_failure(&run, KF_CAUSE_SECRET, "too costly to search with so high a count");
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
}

static void test_a_key_without_its_certificate(void)
{
    struct profile profile;
    struct reader_run run;

    build_one(&profile, "100", certs[1], keys[0]);
    run_profile(&run, &profile, PASSWORD);
    expect_failure(&run, KF_CAUSE_DATA, "sound, but whose certificate is not in the profile");
    CU_ASSERT_EQUAL(run.records.records[0].pkcs8.len, 0);
    CU_ASSERT_EQUAL(run.records.records[0].state, KF_STATE_PREVIOUS);
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
    /* of another kind than RSA there is no proof but the certificate */
    build_one(&profile, "100", certs[1], keys[3]);
    run_profile(&run, &profile, PASSWORD);
    expect_failure(&run, KF_CAUSE_DATA, "belongs to no certificate of the profile");
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
}

static void test_an_elliptic_curve_key(void)
{
    static const struct profile_dialect sec1 = {"sha1/total/text/first/cast5-128/sec1",
                                                "SHA1",
                                                PROFILE_TOTAL,
                                                false,
                                                false,
                                                "cast5-cbc",
                                                16,
                                                PROFILE_SEC1};
    struct profile profile;
    struct reader_run run;

    profile_begin(&profile, &sec1, PASSWORD, 100, seed);
    profile_section(&profile, NULL);
    profile_salt_and_count(&profile);
    profile_key(&profile, keys[3]);
    profile_cert(&profile, certs[3]);
    run_profile(&run, &profile, PASSWORD);
    CU_ASSERT_EQUAL(run.proven, 1);
    CU_ASSERT(run.proven == 1 && record_has_key(&run.records.records[0], keys[3]));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, sec1.name));
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
}

/* Each key that is seen is told, also one that stays closed; what can be none is not. */
static void test_what_stays_closed_is_told(void)
{
    uint8_t noise[640];
    struct profile profile;
    struct reader_run run;

    build_one(&profile, "100", certs[0], keys[0]);
    profile.password = "another";
    profile_key(&profile, keys[1]);
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)profile_random(&profile, 256);
    profile_bytes(&profile, (struct kf_slice){noise, 128}); /* a signature, say */
    run_profile(&run, &profile, PASSWORD);
    CU_ASSERT_EQUAL(run.records.count, 2);
    CU_ASSERT_EQUAL(run.proven, 1);
    CU_ASSERT_EQUAL(run.failed, 1);
    CU_ASSERT_EQUAL(reader_run_error(&run)->cause, KF_CAUSE_SECRET);
    CU_ASSERT_PTR_NOT_NULL(strstr(reader_run_error(&run)->text, "does not open as the other keys"));
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
}

/* Words, numbers and noise that look like salts and counts, before and after the real ones. */
static void test_what_looks_like_salts_and_counts(void)
{
    static const char *const decoys[] = {
        "Organization", "00112233445566778899AABB", "12", "TWFuaWZvbGQgdGhlcmU=", "7", "31337"};
    struct profile profile;
    struct reader_run run;

    profile_begin(&profile, &cases[0].dialect, PASSWORD, 1000, seed);
    profile_section(&profile, NULL);
    for (size_t i = 0; i < COUNT(decoys); i++)
        profile_value(&profile, NULL, decoys[i]);
    profile_section(&profile, NULL);
    profile_value(&profile, NULL, decoys[0]);
    profile_value(&profile, NULL, decoys[3]);
    profile_key(&profile, keys[0]); /* under no salt: noise */
    profile_salt_and_count(&profile);
    profile_key(&profile, keys[1]);
    profile_cert(&profile, certs[1]);
    for (size_t i = 0; i < COUNT(decoys); i++)
        profile_value(&profile, NULL, decoys[i]);
    run_profile(&run, &profile, PASSWORD);
    CU_ASSERT_EQUAL(run.proven, 1);
    CU_ASSERT_PTR_NOT_NULL(find_record(&run, keys[1]));
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
}

static void run_text(struct reader_run *run, const char *text)
{
    struct kf_secrets *secrets = secrets_with(PASSWORD, NULL, NULL);

    reader_run_bytes(run, &kf_reader_epf, kf_slice_of(text), secrets);
    kf_secrets_free(secrets);
}

static void test_what_is_no_profile(void)
{
    static const char *const texts[] = {"", "hello", "[a]\nb=c\n", "[a]\nb=QUJDREVGR0g=\nc=1\n"};
    struct reader_run run;

    for (size_t i = 0; i < COUNT(texts); i++) {
        run_text(&run, texts[i]);
        CU_ASSERT_EQUAL(run.status, KF_SKIP);
        CU_ASSERT_EQUAL(run.error.cause, KF_CAUSE_DATA);
        CU_ASSERT_PTR_NOT_NULL(strstr(run.error.text, "not a profile"));
        reader_run_reset(&run);
    }
}

static void test_what_lacks_a_part(void)
{
    struct profile profile;
    struct reader_run run;

    profile_begin(&profile, &cases[0].dialect, PASSWORD, 100, seed);
    profile_section(&profile, NULL);
    profile_cert(&profile, certs[0]);
    run_profile(&run, &profile, PASSWORD);
    expect_failure(&run, KF_CAUSE_DATA,
                   "no encrypted key was recognized; recognized: 1 certificate");
    reader_run_reset(&run);
    profile_key(&profile, keys[0]);
    run_profile(&run, &profile, PASSWORD);
    expect_failure(&run, KF_CAUSE_UNSUPPORTED, "no salt was recognized");
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
}

static void expect_refused(struct kf_slice bytes, enum kf_cause cause, const char *text)
{
    struct kf_secrets *secrets = secrets_with(PASSWORD, NULL, NULL);
    struct reader_run run;

    reader_run_bytes(&run, &kf_reader_epf, bytes, secrets);
    CU_ASSERT_EQUAL(run.status, KF_SKIP);
    CU_ASSERT_EQUAL(run.error.cause, cause);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.error.text, text));
    reader_run_reset(&run);
    kf_secrets_free(secrets);
}

/* count times the line */
static void repeat(struct kf_buf *out, const char *line, size_t count)
{
    kf_buf_clear(out);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(kf_buf_append(out, line, strlen(line), NULL), KF_OK);
}

static void test_limits(void)
{
    static const char zero[] = "[a]\nb=c\0d\n";
    struct kf_buf text = KF_PUBLIC_BUF;

    expect_refused((struct kf_slice){(const uint8_t *)zero, sizeof(zero) - 1}, KF_CAUSE_DATA,
                   "a zero byte");
    repeat(&text, "[a]\n", KF_MAX_EPF_SECTIONS + 1);
    expect_refused(kf_buf_slice(&text), KF_CAUSE_LIMIT, "more than 1000 sections");
    repeat(&text, "a=b\n", 10001);
    expect_refused(kf_buf_slice(&text), KF_CAUSE_LIMIT, "more than 10000 values");
    repeat(&text, "a=bcdefg", KF_MAX_EPF_LINE / 8 + 1);
    expect_refused(kf_buf_slice(&text), KF_CAUSE_LIMIT, "a line of more than 65536 bytes");
    repeat(&text, "a=bcdef\n", KF_MAX_EPF / 8 + 1);
    expect_refused(kf_buf_slice(&text), KF_CAUSE_LIMIT, "");
    kf_buf_reset(&text);
}

/* Whatever is cut off or changed: the keys that come out are the right ones. */
static void test_damage(void)
{
    struct kf_secrets *secrets = secrets_with(PASSWORD, NULL, NULL);
    struct profile profile;
    struct reader_run run;
    size_t len;

    build(&profile, 1);
    len = profile.text.len;
    for (size_t cut = 0; cut < len; cut += 1 + len / 61) {
        reader_run_bytes(&run, &kf_reader_epf, (struct kf_slice){profile.text.data, cut}, secrets);
        CU_ASSERT(run.proven < 3);
        for (size_t i = 0; i < run.records.count; i++)
            CU_ASSERT(run.records.records[i].outcome == KF_FAILED ||
                      record_has_key(&run.records.records[i], keys[i]));
        reader_run_reset(&run);
    }
    for (size_t i = 0; i < 120; i++) {
        size_t at = (size_t)profile_random(&profile, len);
        uint8_t before = profile.text.data[at];

        profile.text.data[at] = (uint8_t)(1 + profile_random(&profile, 255));
        reader_run_bytes(&run, &kf_reader_epf, kf_buf_slice(&profile.text), secrets);
        for (size_t j = 0; j < run.records.count; j++) {
            const struct kf_record *record = &run.records.records[j];

            CU_ASSERT(record->outcome == KF_FAILED || record_has_key(record, keys[0]) ||
                      record_has_key(record, keys[1]) || record_has_key(record, keys[2]));
        }
        reader_run_reset(&run);
        profile.text.data[at] = before;
    }
    kf_buf_reset(&profile.text);
    kf_secrets_free(secrets);
}

static void test_pieces(void)
{
    struct kf_secrets *secrets = secrets_with(PASSWORD, NULL, NULL);
    const struct kf_reader_options options = {.secrets = secrets};
    struct profile profile;

    build(&profile, 5);
    for (size_t i = 0; feeder_sizes[i] != 0; i++) {
        struct feeder feeder = {.bytes = kf_buf_slice(&profile.text), .block = feeder_sizes[i]};
        struct reader_run run;

        reader_run(&run, &kf_reader_epf, feeder_open(&feeder), &options);
        expect_whole(&run);
        reader_run_reset(&run);
    }
    kf_buf_reset(&profile.text);
    kf_secrets_free(secrets);
}

static void test_inspect_tells_every_value(void)
{
    struct kf_secrets *secrets = secrets_with(PASSWORD, NULL, NULL);
    struct profile profile;
    struct reader_run run;
    char *before;

    profile_begin(&profile, &cases[0].dialect, PASSWORD, 321, seed);
    profile_section(&profile, "Caf\xe9"); /* Latin-1 */
    profile_salt_and_count(&profile);
    profile_value(&profile, "Hello", "world wide");
    profile_cert(&profile, certs[2]);
    profile_key(&profile, keys[2]);
    before = reader_run_before(&kf_reader_epf, kf_buf_slice(&profile.text), secrets);
    CU_ASSERT(before != NULL && strstr(before, "kind: certificate") != NULL);
    CU_ASSERT(before != NULL && strstr(before, "dialect:") == NULL);
    free(before);
    reader_run_bytes(&run, &kf_reader_epf, kf_buf_slice(&profile.text), secrets);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, "encoding: Latin-1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, "section: Caf\xc3\xa9"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, "values: [Caf\xc3\xa9] Hello"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, "kind: text"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, "kind: salt"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, "number: 321"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, "subject: CN=Jo Sample"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, "opened: true"));
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, "provenBy: [Caf\xc3\xa9] "));
    reader_run_reset(&run);
    kf_buf_reset(&profile.text);
    kf_secrets_free(secrets);
}

static int bid(const char *text)
{
    return kf_reader_epf.bid(kf_slice_of(text));
}

static void test_bids(void)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct profile profile;
        struct kf_slice prefix;

        build(&profile, i);
        prefix = kf_buf_slice(&profile.text);
        prefix.len = prefix.len < KF_BID_PREFIX ? prefix.len : KF_BID_PREFIX;
        CU_ASSERT_EQUAL(kf_reader_epf.bid(prefix), KF_BID_LIKELY);
        kf_buf_reset(&profile.text);
    }
    CU_ASSERT_EQUAL(bid("[a]\nb=c\n"), KF_BID_MAYBE);
    CU_ASSERT_EQUAL(bid(""), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("[a]\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("a=b\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("[a]\nb=c\nwhat is this\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("-----BEGIN CERTIFICATE-----\nMIIB\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<KMSExport xmlns=\"urn:keyferry:kms-export:1\">\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("MIIBvgYJKoZIhvcNAQcDoIIBrzCC\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(kf_reader_epf.bid((struct kf_slice){(const uint8_t *)"\x30\x82\0\0", 4}),
                    KF_BID_NONE);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"dialects open whole", test_dialects_open_whole},
        {"cast5 has the published vectors", test_cast5_has_the_published_vectors},
        {"names of dialects", test_names_of_dialects},
        {"a wrong password is one clear error", test_a_wrong_password_is_one_clear_error},
        {"the right one of many passwords", test_the_right_one_of_many_passwords},
        {"the dialect is kept for the next file", test_the_dialect_is_kept_for_the_next_file},
        {"a dialect can be pinned", test_a_dialect_can_be_pinned},
        {"a count that is a bomb", test_a_count_that_is_a_bomb},
        {"a large number beside the count", test_a_large_number_beside_the_count},
        {"a search with a high count ends", test_a_search_with_a_high_count_ends},
        {"a key without its certificate", test_a_key_without_its_certificate},
        {"an elliptic curve key", test_an_elliptic_curve_key},
        {"what stays closed is told", test_what_stays_closed_is_told},
        {"what looks like salts and counts", test_what_looks_like_salts_and_counts},
        {"what is no profile", test_what_is_no_profile},
        {"what lacks a part", test_what_lacks_a_part},
        {"limits", test_limits},
        {"damage", test_damage},
        {"pieces", test_pieces},
        {"inspect tells every value", test_inspect_tells_every_value},
        {"bids", test_bids},
        {NULL, NULL},
    };
    const char *given = getenv("KEYFERRY_SEED");
    int code;

    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    (void)printf("KEYFERRY_SEED=%llu\n", (unsigned long long)seed);
    make_certificates();
    code = suite_run("epf_reader", tests);
    free_certificates();
    return code;
}

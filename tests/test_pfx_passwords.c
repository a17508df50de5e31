/*
 * The PKCS #12 reader: MACs, passwords in every encoding, two passwords in a file, budgets, and
 * what tells a wrong password from a broken file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/der.h"
#include "tests/support/pfx_parts.h"
#include "tests/support/pfx_run.h"
#include "tests/support/suite.h"

#define SECRET "secret"

static struct pfx_part jo;

static bool says(const struct pfx_run *run, const char *line)
{
    return run->outline != NULL && strstr(run->outline, line) != NULL;
}

/* One key and its certificate, encrypted so, with this MAC */
static void make(struct kf_buf *out, const struct build_encryption *encryption,
                 const struct build_mac *mac)
{
    struct pfx_parts parts;

    pfx_parts_begin(&parts, SECRET);
    parts.encryption = *encryption;
    pfx_parts_key(&parts, &jo, NULL, "1");
    pfx_parts_cert(&parts, &jo, NULL, "1");
    pfx_parts_finish(&parts, mac, out);
}

/* The key comes out with these passwords */
static void opens(const struct build_encryption *encryption, const struct build_mac *mac,
                  const struct pfx_password *passwords, const char *line)
{
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    make(&file, encryption, mac);
    pfx_run(&run, kf_buf_slice(&file), passwords, NULL);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.records.count, 1);
    CU_ASSERT_EQUAL(run.proven, 1);
    if (run.proven != 1)
        (void)printf("\n%s: %s\n", encryption->name, pfx_run_error(&run)->text);
    CU_ASSERT_TRUE(says(&run, line));
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

/* One failed record of this cause, whose text has this in it */
static void fails(struct kf_buf *file, const struct pfx_password *passwords,
                  const struct kf_reader_options *options, enum kf_cause cause, const char *text)
{
    struct pfx_run run;

    pfx_run(&run, kf_buf_slice(file), passwords, options);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.records.count, 1);
    CU_ASSERT_EQUAL(run.failed, 1);
    CU_ASSERT_EQUAL(pfx_run_error(&run)->cause, cause);
    CU_ASSERT_PTR_NOT_NULL(strstr(pfx_run_error(&run)->text, text));
    if (strstr(pfx_run_error(&run)->text, text) == NULL)
        (void)printf("\n%s\n", pfx_run_error(&run)->text);
    pfx_run_reset(&run);
    kf_buf_reset(file);
}

static const struct pfx_password right[] = {{SECRET, 0}, PFX_END};
static const struct pfx_password wrong[] = {{"guess", 0}, PFX_END};

static void test_old_algorithms(void)
{
    static const char *const names[] = {
        "pkcs12:rc4-128",
        "pkcs12:rc4-40",
        "pkcs12:3des",
        "pkcs12:3des-2key",
        "pkcs12:rc2-128",
        "pkcs12:rc2-40",
        "pbes1:md2-des",
        "pbes1:md2-rc2",
        "pbes1:md5-des",
        "pbes1:md5-rc2",
        "pbes1:sha1-des",
        "pbes1:sha1-rc2",
        "pbes2:des-cbc:sha1",
        "pbes2:des-ede3-cbc:sha1",
        "pbes2:rc2-cbc:sha1",
        "pbes2:aes-128-cbc:sha1",
        "pbes2:aes-192-cbc:sha512",
        "scrypt:aes-256-cbc",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct build_encryption encryption = {.name = names[i],
                                                    .iterations = 3,
                                                    .password = strncmp(names[i], "pkcs12", 6) == 0
                                                                    ? build_bmp(SECRET)
                                                                    : build_raw(SECRET)};
        const struct build_mac mac = {.digest = "SHA1", .password = build_bmp(SECRET)};

        opens(&encryption, &mac, right, "verified: true\n");
        opens(&encryption, NULL, right, "algorithm: none\n");
    }
}

static struct build_encryption usual(void)
{
    return (struct build_encryption){.name = "pbes2:aes-256-cbc:sha256",
                                     .password = build_raw(SECRET)};
}

static void test_macs(void)
{
    static const struct {
        const char *digest;
        const char *line;
    } macs[] = {
        {"MD5", "HMAC-MD5\n"},
        {"SHA1", "HMAC-SHA-1\n"},
        {"SHA224", "HMAC-SHA-224\n"},
        {"SHA256", "HMAC-SHA-256\n"},
        {"SHA384", "HMAC-SHA-384\n"},
        {"SHA512", "HMAC-SHA-512\n"},
        {"SHA512-256", "HMAC-SHA-512/256\n"},
        {"SHA512-224", "HMAC-SHA-512/224\n"},
        {"SHA3-224", "HMAC-SHA3-224\n"},
        {"SHA3-256", "HMAC-SHA3-256\n"},
        {"SHA3-384", "HMAC-SHA3-384\n"},
        {"SHA3-512", "HMAC-SHA3-512\n"},
        {"RIPEMD160", "HMAC-RIPEMD-160\n"},
    };
    const struct build_encryption encryption = usual();

    for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
        const struct build_mac mac = {
            .digest = macs[i].digest, .password = build_bmp(SECRET), .iterations = 5};

        opens(&encryption, &mac, right, macs[i].line);
    }
}

static void test_pbmac1(void)
{
    static const char *const digests[] = {"sha1", "sha256", "sha512", "sha512-256"};
    const struct build_encryption encryption = usual();
    const struct build_mac utf8 = {
        .digest = "sha256", .pbmac1 = "sha256", .password = {"p\xc3\xa4ss", 5}};
    const struct pfx_password accented[] = {{"p\xc3\xa4ss", 0}, {SECRET, 0}, PFX_END};

    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        const struct build_mac mac = {.digest = digests[i],
                                      .pbmac1 = digests[3 - i],
                                      .password = build_raw(SECRET),
                                      .iterations = 5,
                                      .key_length = 20 + 21 * i};

        opens(&encryption, &mac, right, "algorithm: PBMAC1, PBKDF2, ");
    }
    opens(&encryption, &utf8, accented, "password: password 1, as given\n");
}

static void test_pbmac1_refused(void)
{
    const struct build_encryption encryption = usual();
    struct build_mac mac = {.digest = "sha256", .pbmac1 = "sha256", .password = build_raw(SECRET)};
    struct kf_buf file = KF_PUBLIC_BUF;

    mac.key_length = 19;
    make(&file, &encryption, &mac);
    fails(&file, right, NULL, KF_CAUSE_DATA, "less than 20 bytes");
    mac.key_length = 1025;
    make(&file, &encryption, &mac);
    fails(&file, right, NULL, KF_CAUSE_DATA, "key length is out of range");
    mac.key_length = 32;
    mac.no_key_length = true;
    make(&file, &encryption, &mac);
    fails(&file, right, NULL, KF_CAUSE_DATA, "without a key length");
}

static void test_mac_required(void)
{
    const struct kf_reader_options options = {.limits = KF_LIMITS_DEFAULT, .require_mac = true};
    const struct build_encryption encryption = usual();
    struct kf_buf file = KF_PUBLIC_BUF;

    make(&file, &encryption, NULL);
    fails(&file, right, &options, KF_CAUSE_POLICY, "no MAC");
}

static void test_wrong_password(void)
{
    const struct build_encryption encryption = usual();
    const struct build_encryption pkcs12 = {.name = "pkcs12:3des", .password = build_bmp(SECRET)};
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct kf_buf file = KF_PUBLIC_BUF;

    make(&file, &encryption, &mac);
    fails(&file, wrong, NULL, KF_CAUSE_SECRET, "wrong password: none of 1");
    make(&file, &encryption, &mac);
    fails(&file, NULL, NULL, KF_CAUSE_SECRET, "a password is needed");
    make(&file, &encryption, NULL);
    fails(&file, wrong, NULL, KF_CAUSE_SECRET, "wrong password: none of 1");
    make(&file, &pkcs12, NULL);
    fails(&file, NULL, NULL, KF_CAUSE_SECRET, "a password is needed");
}

/* the right password, but the MAC is wrong: that is no wrong password */
static void test_changed_file(void)
{
    const struct build_encryption encryption = usual();
    struct build_mac mac = pfx_usual_mac(SECRET);
    struct kf_buf file = KF_PUBLIC_BUF;

    mac.damage = true;
    make(&file, &encryption, &mac);
    fails(&file, right, NULL, KF_CAUSE_DATA, "the MAC is wrong, although a password opens");
    make(&file, &encryption, &mac);
    fails(&file, wrong, NULL, KF_CAUSE_SECRET, "wrong password");
}

static void test_candidates(void)
{
    const struct pfx_password many[] = {{"one", 0}, {"two", 0}, {SECRET, 0}, {"four", 0}, PFX_END};
    const struct build_encryption encryption = usual();
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    opens(&encryption, &mac, many, "password: password 3, UTF-16\n");
    opens(&encryption, NULL, many, "password: password 3, as given\n");
    make(&file, &encryption, &mac);
    pfx_run(&run, kf_buf_slice(&file), many, NULL);
    CU_ASSERT_FATAL(run.records.count == 1);
    CU_ASSERT_EQUAL(run.records.records[0].secret_index, 2);
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

/* empty (two zero bytes) and none (no bytes), for the MAC and for the contents */
static void test_empty_and_none(void)
{
    static const struct build_password kinds[] = {{"\0\0", 2}, {"", 0}};
    const struct pfx_password empty[] = {{"", 0}, PFX_END};
    const struct pfx_password null[] = {{NULL, 0}, PFX_END};

    for (size_t i = 0; i < 4; i++) {
        const struct build_encryption encryption = {.name = "pkcs12:3des",
                                                    .password = kinds[i % 2]};
        const struct build_mac mac = {.digest = "SHA1", .password = kinds[i / 2]};

        opens(&encryption, &mac, empty, "verified: true\n");
        opens(&encryption, &mac, null, "verified: true\n");
        opens(&encryption, &mac, NULL, "password: the empty password, ");
        opens(&encryption, &mac, wrong, "password: the empty password, ");
        opens(&encryption, NULL, empty, "open: true\n");
    }
}

/* how a password that is not ASCII got into the file, and how it is given now */
static void test_encodings(void)
{
    static const struct {
        struct build_password in_file;
        const char *scheme;
        const char *given;
        size_t len;
        const char *line;
    } cases[] = {
        {{"\0p\0\xe4\0\0", 6}, "pkcs12:3des", "p\xc3\xa4", 3, "UTF-16\n"},
        {{"\0p\0\xc3\0\xa4\0\0", 8}, "pkcs12:3des", "p\xc3\xa4", 3, "byte-widened\n"},
        {{"\0p\0\xe4\0\0", 6}, "pkcs12:3des", "p\xe4", 2, "byte-widened\n"},
        {{"\xd8\x3d\xdd\x11\0\0", 6}, "pkcs12:3des", "\xf0\x9f\x94\x91", 4, "UTF-16\n"},
        {{"\0a\0\0\0b\0\0", 8}, "pkcs12:3des", "a\0b", 3, "UTF-16\n"},
        {{"\0a\0\0", 4}, "pkcs12:3des", "a\0b", 3, "UTF-16 up to the first NUL\n"},
        {{"\0p\0\xc3\0\xa4\0\0", 8}, "pkcs12:3des", "p\xe4", 2, "byte-widened, from Latin-1\n"},
        {{"p\xc3\xa4", 3}, "pbes2:aes-128-cbc:sha1", "p\xc3\xa4", 3, "as given\n"},
        {{"p\xe4", 2}, "pbes2:aes-128-cbc:sha1", "p\xc3\xa4", 3, "Latin-1\n"},
        {{"p\xc3\xa4", 3}, "pbes2:aes-128-cbc:sha1", "p\xe4", 2, "UTF-8 from Latin-1\n"},
        {{"\0p\0q\0\0", 6}, "pbes2:aes-128-cbc:sha1", "pq", 2, "UTF-16\n"}, /* old NSS */
        {{"a\0b", 3}, "pbes2:aes-128-cbc:sha1", "a\0b", 3, "as given\n"},
        {{"a", 1}, "pbes2:aes-128-cbc:sha1", "a\0b", 3, "up to the first NUL\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct pfx_password given[] = {{"no", 0}, {cases[i].given, cases[i].len}, PFX_END};
        const struct build_encryption encryption = {.name = cases[i].scheme,
                                                    .password = cases[i].in_file};
        const struct build_mac mac = {.digest = "SHA256", .password = cases[i].in_file};

        opens(&encryption, NULL, given, cases[i].line);
        if (strncmp(cases[i].scheme, "pkcs12", 6) == 0)
            opens(&encryption, &mac, given, cases[i].line);
    }
}

static void test_two_passwords(void)
{
    const struct build_encryption encryption = {.name = "pkcs12:3des",
                                                .password = build_bmp("contents")};
    const struct build_mac mac = pfx_usual_mac("integrity");
    const struct pfx_password both[] = {{"contents", 0}, {"integrity", 0}, PFX_END};
    const struct pfx_password one[] = {{"integrity", 0}, PFX_END};
    const struct pfx_password other[] = {{"contents", 0}, PFX_END};
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    opens(&encryption, &mac, both, "password: password 2, UTF-16\n");
    opens(&encryption, &mac, both, "password: password 1, UTF-16\n");
    make(&file, &encryption, &mac);
    fails(&file, other, NULL, KF_CAUSE_DATA, "its MAC has another password");

    /* the MAC's alone: the key and the safe are told each */
    make(&file, &encryption, &mac);
    pfx_run(&run, kf_buf_slice(&file), one, NULL);
    CU_ASSERT_EQUAL(run.records.count, 2);
    CU_ASSERT_EQUAL(run.failed, 2);
    for (size_t i = 0; i < run.records.count; i++)
        CU_ASSERT_EQUAL(run.records.records[i].error.cause, KF_CAUSE_SECRET);
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

/* each key with a password of its own */
static void test_password_for_each_key(void)
{
    const struct pfx_password passwords[] = {{"one", 0}, {"two", 0}, {SECRET, 0}, PFX_END};
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct pfx_parts parts;
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    pfx_parts_begin(&parts, "one");
    pfx_parts_key(&parts, &jo, NULL, NULL);
    parts.encryption.password = build_raw("two");
    pfx_parts_key(&parts, &jo, NULL, NULL);
    parts.encryption.password = build_raw("three");
    pfx_parts_key(&parts, &jo, NULL, NULL);
    parts.encryption.password = build_raw(SECRET);
    pfx_parts_cert(&parts, &jo, NULL, NULL);
    pfx_parts_finish(&parts, &mac, &file);
    pfx_run(&run, kf_buf_slice(&file), passwords, NULL);
    CU_ASSERT_FATAL(run.records.count == 3);
    CU_ASSERT_EQUAL(run.proven, 2);
    CU_ASSERT_EQUAL(run.records.records[0].secret_index, 0);
    CU_ASSERT_EQUAL(run.records.records[1].secret_index, 1);
    CU_ASSERT_EQUAL(run.records.records[2].outcome, KF_FAILED);
    CU_ASSERT_EQUAL(run.records.records[2].error.cause, KF_CAUSE_SECRET);
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

/* work that is told, but never done: each is refused before it begins */
static void test_bombs(void)
{
    const struct build_encryption fine = usual();
    struct build_encryption bomb = {.name = "pkcs12:3des",
                                    .password = build_bmp(SECRET),
                                    .claim = 2147483647,
                                    .claim_only = true};
    struct build_encryption scrypt = {.name = "scrypt:aes-256-cbc",
                                      .password = build_raw(SECRET),
                                      .n = 1u << 30,
                                      .r = 8,
                                      .p = 1,
                                      .claim_only = true};
    struct build_mac mac = pfx_usual_mac(SECRET);
    struct kf_buf file = KF_PUBLIC_BUF;

    mac.claim = 2147483647;
    make(&file, &fine, &mac);
    fails(&file, right, NULL, KF_CAUSE_LIMIT, "2147483647 iterations");
    mac = (struct build_mac){
        .digest = "sha256", .pbmac1 = "sha256", .password = build_raw(SECRET), .claim = 5000001};
    make(&file, &fine, &mac);
    fails(&file, right, NULL, KF_CAUSE_LIMIT, "5000001 iterations");
    make(&file, &bomb, NULL);
    fails(&file, right, NULL, KF_CAUSE_LIMIT, "2147483647 iterations");
    bomb.name = "pbes2:aes-256-cbc:sha256";
    make(&file, &bomb, NULL);
    fails(&file, right, NULL, KF_CAUSE_LIMIT, "2147483647 iterations");
    make(&file, &scrypt, NULL);
    fails(&file, right, NULL, KF_CAUSE_LIMIT, "more memory");
    scrypt.n = 1024;
    scrypt.p = 1000000;
    make(&file, &scrypt, NULL);
    fails(&file, right, NULL, KF_CAUSE_LIMIT, "more memory");
}

/* many small derivations: the file's budget ends them */
static void test_file_budget(void)
{
    struct kf_reader_options options = {.limits = KF_LIMITS_DEFAULT};
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct pfx_parts parts;
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;
    size_t limited = 0;

    pfx_parts_begin(&parts, SECRET);
    pfx_parts_cert(&parts, &jo, NULL, NULL);
    parts.encryption.iterations = 20000;
    for (unsigned i = 0; i < 10; i++)
        pfx_parts_key(&parts, &jo, NULL, NULL);
    pfx_parts_finish(&parts, &mac, &file);
    options.limits.file_iterations = 120001; /* the MAC, the safe and five keys */
    CU_ASSERT(file.len * 16 < options.limits.file_iterations);
    pfx_run(&run, kf_buf_slice(&file), right, &options);
    CU_ASSERT_EQUAL(run.records.count, 10);
    CU_ASSERT_EQUAL(run.proven, 5);
    for (size_t i = 0; i < run.records.count; i++)
        limited += run.records.records[i].error.cause == KF_CAUSE_LIMIT;
    CU_ASSERT_EQUAL(limited, 5);
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

/* more candidates than the budget pays for: it is still a wrong password, and says why it stopped
 */
static void test_budget_of_attempts(void)
{
    const struct pfx_password many[] = {{"one", 0}, {"two", 0}, {"three", 0}, {"four", 0}, PFX_END};
    struct kf_reader_options options = {.limits = KF_LIMITS_DEFAULT};
    const struct build_encryption encryption = usual();
    struct build_mac mac = pfx_usual_mac(SECRET);
    struct kf_buf file = KF_PUBLIC_BUF;

    mac.iterations = 50000;
    options.limits.file_iterations = 120000;
    make(&file, &encryption, &mac);
    fails(&file, many, &options, KF_CAUSE_SECRET, "none of the 2 attempts fits");
}

/* keys that share a salt are derived once: a small budget does for many */
static void test_derived_once(void)
{
    struct kf_reader_options options = {.limits = KF_LIMITS_DEFAULT};
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct pfx_parts parts;
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    pfx_parts_begin(&parts, SECRET);
    parts.encryption.salt = "the same";
    parts.encryption.salt_len = 8;
    parts.encryption.iterations = 90000;
    pfx_parts_cert(&parts, &jo, NULL, NULL);
    for (unsigned i = 0; i < 10; i++)
        pfx_parts_key(&parts, &jo, NULL, NULL);
    pfx_parts_finish(&parts, &mac, &file);
    options.limits.file_iterations = 100000;
    CU_ASSERT(file.len * 16 < options.limits.file_iterations);
    pfx_run(&run, kf_buf_slice(&file), right, &options);
    CU_ASSERT_EQUAL(run.proven, 10);
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

static void test_entries(void)
{
    struct kf_reader_options options = {.limits = KF_LIMITS_DEFAULT};
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct pfx_parts parts;
    struct kf_buf file = KF_PUBLIC_BUF;

    pfx_parts_begin(&parts, SECRET);
    for (unsigned i = 0; i < 20; i++)
        build_bag(&parts.plain, 77, (struct kf_slice){(const uint8_t *)"\5\0", 2}, NULL);
    pfx_parts_finish(&parts, &mac, &file);
    options.limits.file_entries = 19;
    fails(&file, right, &options, KF_CAUSE_LIMIT, "more than 19 keys");
}

/* the password is in the file, under DPAPI-NG: an error of its own, unless one is given after all
 */
static void test_windows_identity(void)
{
    static const char secret_type[] = "1.3.6.1.4.1.311.17.4";
    struct pfx_parts parts;
    struct kf_buf blob = KF_PUBLIC_BUF;
    struct kf_buf file = KF_PUBLIC_BUF;
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct pfx_run run;

    build_value(&blob, KF_DER_OCTET_STRING, kf_slice_of("protected"));
    for (int with_mac = 0; with_mac < 2; with_mac++) {
        for (int known = 0; known < 2; known++) {
            pfx_parts_begin(&parts, SECRET);
            build_typed(&parts.plain, 5, secret_type, kf_buf_slice(&blob));
            pfx_parts_key(&parts, &jo, NULL, NULL);
            pfx_parts_cert(&parts, &jo, NULL, NULL);
            pfx_parts_finish(&parts, with_mac ? &mac : NULL, &file);
            if (!known) {
                fails(&file, wrong, NULL, KF_CAUSE_UNSUPPORTED, "a Windows identity (DPAPI-NG)");
                continue;
            }
            pfx_run_with(&run, kf_buf_slice(&file), SECRET);
            CU_ASSERT_EQUAL(run.proven, 1);
            CU_ASSERT_TRUE(says(&run, "protection: a Windows identity (DPAPI-NG)\n"));
            pfx_run_reset(&run);
            kf_buf_reset(&file);
        }
    }
    kf_buf_reset(&blob);
}

/* what is visible before any password is tried */
static void test_inspect_without_password(void)
{
    const struct build_encryption encryption = {
        .name = "pkcs12:rc2-40", .password = build_bmp(SECRET), .iterations = 2000};
    struct build_mac mac = pfx_usual_mac(SECRET);
    struct kf_buf file = KF_PUBLIC_BUF;
    char *text;

    mac.iterations = 1000;
    make(&file, &encryption, &mac);
    text = pfx_run_before(kf_buf_slice(&file));
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "algorithm: HMAC-SHA-256\n  iterations: 1000\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "safes: safe 1\n  type: encryptedData\n"
                                        "  algorithm: PKCS #12, SHA-1, RC2-40-CBC\n"
                                        "  iterations: 2000\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "open: false\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "bags: key 1\n    type: pkcs8ShroudedKeyBag\n"));
    CU_ASSERT_PTR_NULL(strstr(text, "verified"));
    free(text);
    kf_buf_reset(&file);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"old algorithms", test_old_algorithms},
        {"MACs", test_macs},
        {"PBMAC1", test_pbmac1},
        {"PBMAC1 refused", test_pbmac1_refused},
        {"a MAC is required", test_mac_required},
        {"a wrong password", test_wrong_password},
        {"a changed file", test_changed_file},
        {"candidates", test_candidates},
        {"empty and none", test_empty_and_none},
        {"encodings", test_encodings},
        {"two passwords", test_two_passwords},
        {"a password for each key", test_password_for_each_key},
        {"bombs", test_bombs},
        {"the file's budget", test_file_budget},
        {"the budget of attempts", test_budget_of_attempts},
        {"a key is derived once", test_derived_once},
        {"too many entries", test_entries},
        {"a Windows identity", test_windows_identity},
        {"inspect without password", test_inspect_without_password},
        {NULL, NULL},
    };
    int code;

    pfx_part_make(&jo, "ec:P-256", "/CN=Jo");
    code = suite_run("pfx passwords", tests);
    pfx_part_reset(&jo);
    return code;
}

/*
 * Keys of algorithms that OpenSSL 3.0 has not: GOST R 34.10 by the example of RFC 7091 and by what
 * certtool makes, ML-KEM by its own definition. That ML-KEM keys of other software are read is
 * shown by test_pfx_corpus.c, where the corpus is present.
 */
#include <stdio.h>
#include <string.h>

#include "core/der.h"
#include "crypto/cert.h"
#include "crypto/gost.h"
#include "crypto/mlkem.h"
#include "crypto/oid.h"
#include "crypto/privkey.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/pfx_builder.h"
#include "tests/support/pfx_run.h"
#include "tests/support/suite.h"

/* RFC 7091 7.1 */
#define TEST_SET "1.2.643.2.2.35.0"
#define D        "7a929ade789bb9be10ed359dd39a72c11b60961f49397eee1d19ce9891ec3b28"
#define X        "7f2b49e270db6d90d8595bec458b50c58585ba1d4e9b788f6689dbd8e56fd80b"
#define Y        "26f1b489d6701dd185c8413a977b3cbbaf64d1c593d26627dffb101a87ff77da"

static void from_hex(const char *hex, bool reverse, uint8_t *out)
{
    CU_ASSERT_FATAL(kf_hex_decode(hex, 64, out, 32));
    for (size_t i = 0; reverse && i < 16; i++) {
        uint8_t byte = out[i];

        out[i] = out[31 - i];
        out[31 - i] = byte;
    }
}

static void parameters_of(const char *set, struct kf_buf *out)
{
    struct kf_buf inner = KF_PUBLIC_BUF;

    build_oid(&inner, set);
    build_value(out, KF_DER_SEQUENCE, kf_buf_slice(&inner));
    kf_buf_reset(&inner);
}

static void gost(const char *set, struct kf_slice content, enum kf_status status,
                 enum kf_cause cause)
{
    struct kf_buf parameters = KF_PUBLIC_BUF;
    struct kf_buf out = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    uint8_t point[64];

    from_hex(X, true, point);
    from_hex(Y, true, point + 32);
    parameters_of(set, &parameters);
    CU_ASSERT_EQUAL(
        kf_gost_compute(material_crypto(), kf_buf_slice(&parameters), content, &out, &error),
        status);
    CU_ASSERT_EQUAL(error.cause, cause);
    if (status == KF_OK) {
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), (struct kf_slice){point, sizeof(point)}));
    }
    kf_buf_reset(&parameters);
    kf_buf_reset(&out);
}

static void test_gost_forms(void)
{
    uint8_t big[32];
    uint8_t little[33];
    uint8_t masked[9 * 32] = {0}; /* the value, and masks that are 1 */
    struct kf_buf octets = KF_PUBLIC_BUF;
    struct kf_buf integer = KF_PUBLIC_BUF;

    from_hex(D, false, big);
    from_hex(D, true, little);
    little[32] = 0;
    build_value(&octets, KF_DER_OCTET_STRING, (struct kf_slice){little, 32});
    build_value(&integer, KF_DER_INTEGER, (struct kf_slice){big, 32});
    gost(TEST_SET, (struct kf_slice){little, 32}, KF_OK, KF_CAUSE_NONE);
    gost(TEST_SET, kf_buf_slice(&octets), KF_OK, KF_CAUSE_NONE);
    gost(TEST_SET, kf_buf_slice(&integer), KF_OK, KF_CAUSE_NONE);
    gost(TEST_SET, (struct kf_slice){little, 33}, KF_SKIP, KF_CAUSE_DATA);
    gost(TEST_SET, (struct kf_slice){little, 31}, KF_SKIP, KF_CAUSE_DATA);
    gost(TEST_SET, (struct kf_slice){NULL, 0}, KF_SKIP, KF_CAUSE_DATA);
    memcpy(masked, little, 32);
    for (size_t i = 1; i < 9; i++)
        masked[32 * i] = 1;
    gost(TEST_SET, (struct kf_slice){masked, 64}, KF_OK, KF_CAUSE_NONE);
    gost(TEST_SET, (struct kf_slice){masked, 8 * 32}, KF_OK, KF_CAUSE_NONE);
    gost(TEST_SET, (struct kf_slice){masked, 9 * 32}, KF_SKIP, KF_CAUSE_DATA);
    gost(TEST_SET, (struct kf_slice){masked, 63}, KF_SKIP, KF_CAUSE_DATA);
    masked[32] = 0; /* a mask of nothing leaves nothing */
    gost(TEST_SET, (struct kf_slice){masked, 64}, KF_SKIP, KF_CAUSE_DATA);
    gost("1.2.3", (struct kf_slice){little, 32}, KF_SKIP, KF_CAUSE_UNSUPPORTED);
    memset(little, 0, sizeof(little));
    gost(TEST_SET, (struct kf_slice){little, 32}, KF_SKIP, KF_CAUSE_DATA);
    memset(little, 0xff, sizeof(little));
    gost(TEST_SET, (struct kf_slice){little, 32}, KF_SKIP, KF_CAUSE_DATA);
    kf_buf_reset(&octets);
    kf_buf_reset(&integer);
}

static bool same_curve(const char *a, const char *b)
{
    struct kf_buf first = KF_PUBLIC_BUF;
    struct kf_buf second = KF_PUBLIC_BUF;
    bool same;

    parameters_of(a, &first);
    parameters_of(b, &second);
    same = kf_gost_same_curve(kf_buf_slice(&first), kf_buf_slice(&second));
    kf_buf_reset(&first);
    kf_buf_reset(&second);
    return same;
}

static void test_gost_curves(void)
{
    CU_ASSERT_TRUE(same_curve("1.2.643.2.2.35.1", "1.2.643.2.2.36.0"));
    CU_ASSERT_TRUE(same_curve("1.2.643.2.2.35.2", "1.2.643.7.1.2.1.1.3"));
    CU_ASSERT_FALSE(same_curve("1.2.643.2.2.35.1", "1.2.643.2.2.35.2"));
    CU_ASSERT_FALSE(same_curve("1.2.3", "1.2.3"));
}

/* certtool makes keys, certificates and files of GOST, where it is built so */
static void test_gost_certtool(void)
{
    static const char *const kinds[] = {
        "--key-type gost01 --curve CryptoPro-A",
        "--key-type gost01 --curve CryptoPro-XchA",
        "--key-type gost12-256 --curve TC26-256-B",
        "--key-type gost12-512 --curve TC26-512-A",
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct kf_buf file = KF_PUBLIC_BUF;
        struct pfx_run run;

        if (!outside_has("certtool"))
            return;
        CU_ASSERT_TRUE(outside_run("certtool --generate-privkey %s --outfile g.pem", kinds[i]));
        CU_ASSERT_TRUE(outside_run("echo 'cn = Gost' > t.cfg && certtool --generate-self-signed "
                                   "--load-privkey g.pem --template t.cfg --outfile g.crt && "
                                   "certtool --to-p12 --load-privkey g.pem --load-certificate "
                                   "g.crt --p12-name g --password secret --pkcs-cipher aes-256 "
                                   "--outder --outfile g.p12"));
        outside_read("g.p12", &file);
        pfx_run_with(&run, kf_buf_slice(&file), "secret");
        CU_ASSERT_EQUAL(run.proven, 1);
        if (run.proven == 1) {
            CU_ASSERT_STRING_EQUAL(run.records.records[0].facts.key_algorithm, "GOST");
        }
        pfx_run_reset(&run);
        kf_buf_reset(&file);
    }
}

/* PKCS #8 with this content */
static void wrap(unsigned set, struct kf_slice content, struct kf_buf *out)
{
    struct kf_buf in = KF_SECRET_BUF;
    struct kf_buf algorithm = KF_PUBLIC_BUF;
    char oid[40];
    const uint8_t zero = 0;

    (void)snprintf(oid, sizeof(oid), "2.16.840.1.101.3.4.4.%u", set);
    build_oid(&algorithm, oid);
    build_value(&in, KF_DER_INTEGER, (struct kf_slice){&zero, 1});
    build_value(&in, KF_DER_SEQUENCE, kf_buf_slice(&algorithm));
    build_value(&in, KF_DER_OCTET_STRING, content);
    kf_buf_clear(out);
    build_value(out, KF_DER_SEQUENCE, kf_buf_slice(&in));
    kf_buf_reset(&in);
    kf_buf_reset(&algorithm);
}

/* What the check says of a key with this content */
static enum kf_status checks(unsigned set, struct kf_slice content)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_privkey key;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    wrap(set, content, &pkcs8);
    status = kf_privkey_parse(kf_buf_slice(&pkcs8), &key, &error);
    if (status == KF_OK)
        status = kf_privkey_check(material_crypto(), &key, &error);
    CU_ASSERT(status == KF_OK || error.cause == KF_CAUSE_DATA);
    kf_buf_reset(&pkcs8);
    return status;
}

/* seed, expanded key and both say the same, and nothing else is accepted */
static void mlkem(unsigned set)
{
    unsigned k = set + 1;
    uint8_t seed[KF_MLKEM_SEED];
    uint8_t secret[KF_MLKEM_SECRET(4)];
    struct kf_slice expanded = {secret, KF_MLKEM_SECRET(k)};
    struct kf_buf content = KF_SECRET_BUF;
    struct kf_buf both = KF_SECRET_BUF;

    for (size_t i = 0; i < sizeof(seed); i++)
        seed[i] = (uint8_t)(i * 7 + set);
    CU_ASSERT_FATAL(kf_mlkem_generate(material_crypto(), k, seed, secret, NULL) == KF_OK);
    CU_ASSERT_EQUAL(kf_mlkem_check(material_crypto(), k, expanded, NULL), KF_OK);
    build_value(&content, KF_DER_CONTEXT, (struct kf_slice){seed, sizeof(seed)});
    CU_ASSERT_EQUAL(checks(set, kf_buf_slice(&content)), KF_OK);
    kf_buf_clear(&content);
    build_value(&content, KF_DER_OCTET_STRING, expanded);
    CU_ASSERT_EQUAL(checks(set, kf_buf_slice(&content)), KF_OK);
    CU_ASSERT_EQUAL(checks(set == 1 ? 2 : 1, kf_buf_slice(&content)), KF_SKIP);
    for (int wrong = 0; wrong < 2; wrong++) {
        kf_buf_clear(&content);
        kf_buf_clear(&both);
        seed[3] ^= (uint8_t)wrong;
        build_value(&both, KF_DER_OCTET_STRING, (struct kf_slice){seed, sizeof(seed)});
        build_value(&both, KF_DER_OCTET_STRING, expanded);
        build_value(&content, KF_DER_SEQUENCE, kf_buf_slice(&both));
        CU_ASSERT_EQUAL(checks(set, kf_buf_slice(&content)), wrong ? KF_SKIP : KF_OK);
    }
    kf_buf_reset(&content);
    kf_buf_reset(&both);
}

static void test_mlkem(void)
{
    mlkem(1);
    mlkem(2);
    mlkem(3);
}

/* RFC 9935 C: the keys of the seed 00 01 ... 3f, by the SHA-256 of the examples' bytes */
static void test_mlkem_examples(void)
{
    static const char *const digests[3][2] = {
        {"17fb29b8c4baf74fb81eea15ffd583b3e37f5a5b8dcf6db96c72c3b3751d6f17",
         "3ae268dccc5456ac0d0f9b39257dc48fe081383b97c400512d712b739762daee"},
        {"dac268bde6a8dd238e9887117d6b664e7a7a9350ad6b7c08a948e504809572a5",
         "0b7934c83125c788995e2ba6bd761e33046b3e40571be53e023309a29f398cc9"},
        {"3a2a676c5a242ee683cb6097c8f3e64fbef4d90267f9250ec2beab8f99621fad",
         "c7b8fa0aa471d5ae18922d6ccad5b31e1d84f92ae723abfd13747018740a8530"},
    };
    uint8_t seed[KF_MLKEM_SEED];

    for (size_t i = 0; i < sizeof(seed); i++)
        seed[i] = (uint8_t)i;
    for (unsigned k = 2; k <= 4; k++) {
        uint8_t secret[KF_MLKEM_SECRET(4)];
        const struct kf_slice parts[] = {{secret, KF_MLKEM_SECRET(k)},
                                         {secret + KF_MLKEM_AT(k), KF_MLKEM_PUBLIC(k)}};

        CU_ASSERT_EQUAL(kf_mlkem_generate(material_crypto(), k, seed, secret, NULL), KF_OK);
        for (size_t i = 0; i < 2; i++) {
            uint8_t digest[KF_SHA256_SIZE];
            char hex[2 * sizeof(digest) + 1];

            CU_ASSERT_EQUAL(kf_digest(material_crypto()->sha256, parts[i], digest, NULL), KF_OK);
            kf_hex(hex, digest, sizeof(digest));
            CU_ASSERT_STRING_EQUAL(hex, digests[k - 2][i]);
        }
    }
}

/* a changed coefficient, matrix seed, public key or hash does not go unnoticed */
static void test_mlkem_damage(void)
{
    const unsigned k = 3;
    static const size_t places[] = {0,        5,        400,       1151, 1152,     1152 + 7,
                                    2304 - 1, 2304 + 3, 2304 + 31, 2336, 2336 + 31};
    uint8_t seed[KF_MLKEM_SEED] = {1};
    uint8_t secret[KF_MLKEM_SECRET(3)];
    struct kf_slice expanded = {secret, sizeof(secret)};

    CU_ASSERT_FATAL(kf_mlkem_generate(material_crypto(), k, seed, secret, NULL) == KF_OK);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        secret[places[i]] ^= 1;
        CU_ASSERT_EQUAL(kf_mlkem_check(material_crypto(), k, expanded, NULL), KF_SKIP);
        secret[places[i]] ^= 1;
    }
    CU_ASSERT_EQUAL(kf_mlkem_check(material_crypto(), k, expanded, NULL), KF_OK);
    expanded.len--;
    CU_ASSERT_EQUAL(kf_mlkem_check(material_crypto(), k, expanded, NULL), KF_SKIP);
}

static void test_mlkem_refused(void)
{
    static const struct {
        const char *bytes;
        size_t len;
    } contents[] = {{"", 0}, {"\x80\x00", 2}, {"\x04\x01x", 3}, {"\x30\x00", 2}, {"\x05\x00", 2}};

    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
        CU_ASSERT_EQUAL(
            checks(2, (struct kf_slice){(const uint8_t *)contents[i].bytes, contents[i].len}),
            KF_SKIP);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"GOST, forms (RFC 7091)", test_gost_forms},
        {"GOST, curves", test_gost_curves},
        {"GOST, certtool", test_gost_certtool},
        {"ML-KEM", test_mlkem},
        {"ML-KEM, published examples", test_mlkem_examples},
        {"ML-KEM, damage", test_mlkem_damage},
        {"ML-KEM, refused", test_mlkem_refused},
        {NULL, NULL},
    };

    return suite_run("more private keys", tests);
}

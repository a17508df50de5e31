/*
 * Password-based encryption: every algorithm against data that OpenSSL encrypted, and a refusal for
 * each way that parameters can be wrong.
 */
#include "crypto/pbe.h"

#include <stdlib.h>
#include <string.h>

#include "core/der.h"
#include "tests/support/material.h"
#include "tests/support/pfx_builder.h"
#include "tests/support/suite.h"

/* EncryptedPrivateKeyInfo out of a shrouded bag: its algorithm and ciphertext */
static void take_apart(const struct kf_buf *bag, struct kf_slice *algorithm,
                       struct kf_slice *ciphertext)
{
    struct kf_slice in = kf_buf_slice(bag);
    struct kf_slice value;
    struct kf_slice info;
    struct kf_tlv tlv;

    CU_ASSERT_FATAL(kf_der_get(&in, KF_DER_SEQUENCE, &in) && kf_der_get(&in, KF_DER_OID, NULL) &&
                    kf_der_get(&in, KF_DER_CONTEXT_CONSTRUCTED, &value) &&
                    kf_der_get(&value, KF_DER_SEQUENCE, &info) && kf_der_any(&info, &tlv) &&
                    kf_der_get(&info, KF_DER_OCTET_STRING, ciphertext));
    *algorithm = tlv.whole;
}

static struct build_password password_for(const char *name, const char *text)
{
    return strncmp(name, "pkcs12", 6) == 0 ? build_bmp(text) : build_raw(text);
}

/* A plaintext that is a SEQUENCE of an INTEGER and len bytes */
static void make_plain(struct kf_buf *plain, size_t len)
{
    struct kf_buf inner = KF_PUBLIC_BUF;
    uint8_t bytes[600] = {1, 2, 3};

    build_value(&inner, KF_DER_INTEGER, kf_slice_of("\x01"));
    build_value(&inner, KF_DER_OCTET_STRING, (struct kf_slice){bytes, len});
    build_value(plain, KF_DER_SEQUENCE, kf_buf_slice(&inner));
    kf_buf_reset(&inner);
}

/* Decrypts with this password: what the probe said, and the plaintext in out where that was yes */
static bool open_with(struct kf_slice algorithm, struct kf_slice ciphertext,
                      struct build_password password, uint8_t *out, size_t *len)
{
    struct kf_pbe pbe;
    struct kf_pbe_key key;
    struct kf_slice bytes = {password.bytes, password.len};
    const struct kf_limits limits = KF_LIMITS_DEFAULT;
    bool right = false;
    enum kf_status status;

    CU_ASSERT_FATAL(kf_pbe_parse(&algorithm, &pbe, NULL) == KF_OK);
    CU_ASSERT_FATAL(kf_pbe_derive(material_crypto(), &pbe, bytes, &limits, &key, NULL) == KF_OK);
    CU_ASSERT_FATAL(kf_pbe_probe(material_crypto(), &pbe, &key, ciphertext, &right, NULL) == KF_OK);
    status = kf_pbe_decrypt(material_crypto(), &pbe, &key, ciphertext, out, len, NULL);
    CU_ASSERT(!right || status == KF_OK);
    return right;
}

static const char *const algorithms[] = {
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
    "pbes2:aes-192-cbc:sha224",
    "pbes2:aes-256-cbc:sha256",
    "pbes2:aes-256-cbc:sha384",
    "pbes2:aes-256-cbc:sha512",
    "pbes2:aes-256-cbc:sha512-224",
    "pbes2:aes-256-cbc:sha512-256",
    "pbes2:aes-256-cbc:sha3-256",
    "pbes2:aes-256-cbc:md5",
    "pbes2:camellia-128-cbc:sha256",
    "pbes2:camellia-256-cbc:sha256",
    "pbes2:aria-128-cbc:sha256",
    "pbes2:cast5-cbc:sha1",
    "pbes2:bf-cbc:sha1",
    "pbes2:seed-cbc:sha1",
    "pbes2:sm4-cbc:sha256",
    "scrypt:aes-256-cbc",
    "scrypt:aes-128-cbc",
};

static void test_every_algorithm(void)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        for (size_t size = 0; size < 500; size += 99) {
            const struct build_encryption encryption = {.name = algorithms[i],
                                                        .password =
                                                            password_for(algorithms[i], "secret"),
                                                        .iterations = 7,
                                                        .n = 16,
                                                        .r = 2,
                                                        .p = 3};
            struct kf_buf plain = KF_PUBLIC_BUF;
            struct kf_buf bag = KF_PUBLIC_BUF;
            struct kf_slice algorithm;
            struct kf_slice ciphertext;
            uint8_t out[700];
            size_t len = 0;

            make_plain(&plain, size);
            build_shrouded(&bag, kf_buf_slice(&plain), &encryption, NULL);
            take_apart(&bag, &algorithm, &ciphertext);
            CU_ASSERT_TRUE(open_with(algorithm, ciphertext, encryption.password, out, &len));
            CU_ASSERT(kf_slice_equal((struct kf_slice){out, len}, kf_buf_slice(&plain)));
            CU_ASSERT_FALSE(
                open_with(algorithm, ciphertext, password_for(algorithms[i], "secreT"), out, &len));
            kf_buf_reset(&plain);
            kf_buf_reset(&bag);
        }
    }
}

static void test_names(void)
{
    static const struct {
        const char *name;
        const char *expected;
    } names[] = {
        {"pkcs12:rc2-40", "PKCS #12, SHA-1, RC2-40-CBC"},
        {"pkcs12:rc4-128", "PKCS #12, SHA-1, RC4-128"},
        {"pbes1:md2-des", "PBES1, MD2, DES-CBC"},
        {"pbes2:aes-256-cbc:sha512", "PBES2, PBKDF2, HMAC-SHA-512, AES-256-CBC"},
        {"scrypt:aes-256-cbc", "PBES2, scrypt N=2 r=1 p=1, AES-256-CBC"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct build_encryption encryption = {.name = names[i].name,
                                                    .password = build_raw("ab")};
        struct kf_buf bag = KF_PUBLIC_BUF;
        struct kf_slice algorithm;
        struct kf_slice ciphertext;
        struct kf_pbe pbe;
        char name[128];

        build_shrouded(&bag, kf_slice_of("12345678"), &encryption, NULL);
        take_apart(&bag, &algorithm, &ciphertext);
        CU_ASSERT_FATAL(kf_pbe_parse(&algorithm, &pbe, NULL) == KF_OK);
        kf_pbe_name(&pbe, name, sizeof(name));
        CU_ASSERT_STRING_EQUAL(name, names[i].expected);
        kf_buf_reset(&bag);
    }
}

/* Appends a SEQUENCE of an OID and what the hex says; with params, that stands in a SEQUENCE */
static void put_algorithm(struct kf_buf *out, const char *oid, const char *hex, bool params)
{
    uint8_t bytes[100];
    size_t len = strlen(hex) / 2;
    struct kf_buf inner = KF_PUBLIC_BUF;

    CU_ASSERT_FATAL(kf_hex_decode(hex, 2 * len, bytes, len));
    build_oid(&inner, oid);
    if (params)
        build_value(&inner, KF_DER_SEQUENCE, (struct kf_slice){bytes, len});
    else
        CU_ASSERT_EQUAL(kf_buf_append(&inner, bytes, len, NULL), KF_OK);
    build_value(out, KF_DER_SEQUENCE, kf_buf_slice(&inner));
    kf_buf_reset(&inner);
}

static void expect(const struct kf_buf *algorithm, enum kf_status status, enum kf_cause cause)
{
    struct kf_slice in = kf_buf_slice(algorithm);
    struct kf_pbe pbe;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_pbe_parse(&in, &pbe, &error), status);
    CU_ASSERT_EQUAL(error.cause, cause);
}

static void one_step(const char *oid, const char *hex, bool params, enum kf_cause cause)
{
    struct kf_buf algorithm = KF_PUBLIC_BUF;

    put_algorithm(&algorithm, oid, hex, params);
    expect(&algorithm, cause == KF_CAUSE_NONE ? KF_OK : KF_SKIP, cause);
    kf_buf_reset(&algorithm);
}

#define DES3 "1.2.840.113549.1.12.1.3"

static void test_refuses_one_step(void)
{
    const struct kf_buf nothing = KF_PUBLIC_BUF;

    expect(&nothing, KF_SKIP, KF_CAUSE_DATA);
    one_step(DES3, "040100020101", true, KF_CAUSE_NONE);
    one_step("1.2.3", "040100020101", true, KF_CAUSE_UNSUPPORTED);
    one_step(DES3, "", false, KF_CAUSE_DATA);                    /* no parameters */
    one_step(DES3, "0500", false, KF_CAUSE_DATA);                /* NULL */
    one_step(DES3, "040100", true, KF_CAUSE_DATA);               /* no iterations */
    one_step(DES3, "040100020100", true, KF_CAUSE_DATA);         /* zero of them */
    one_step(DES3, "0401000201ff", true, KF_CAUSE_DATA);         /* minus one */
    one_step(DES3, "04010002050080000000", true, KF_CAUSE_DATA); /* beyond 2^31 - 1 */
    one_step(DES3, "040100020101020101", true, KF_CAUSE_DATA);   /* something follows */
    one_step(DES3, "020100020101", true, KF_CAUSE_DATA);         /* the salt is an INTEGER */
}

/* PBES2 of a derivation and a cipher; empty strings leave them out */
static void pbes2(const char *kdf, const char *kdf_params, const char *cipher, const char *iv,
                  const char *more, enum kf_cause cause)
{
    struct kf_buf params = KF_PUBLIC_BUF;
    struct kf_buf hex = KF_PUBLIC_BUF;
    const uint8_t zero = 0;

    if (kdf[0] != '\0')
        put_algorithm(&params, kdf, kdf_params, true);
    if (cipher[0] != '\0')
        put_algorithm(&params, cipher, iv, false);
    CU_ASSERT_EQUAL(kf_hex_encode(&hex, kf_buf_slice(&params), NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_buf_append(&hex, more, strlen(more), NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_buf_append(&hex, &zero, 1, NULL), KF_OK);
    one_step("1.2.840.113549.1.5.13", (const char *)hex.data, true, cause);
    kf_buf_reset(&params);
    kf_buf_reset(&hex);
}

#define PBKDF2 "1.2.840.113549.1.5.12"
#define SCRYPT "1.3.6.1.4.1.11591.4.11"
#define AES    "2.16.840.1.101.3.4.1.42"
#define RC2    "1.2.840.113549.3.2"
#define IV     "0410000102030405060708090a0b0c0d0e0f"
#define GOOD   "0402abcd020101"

static void test_refuses_pbes2(void)
{
    pbes2(PBKDF2, GOOD, AES, IV, "", KF_CAUSE_NONE);
    pbes2("", "", "", "", "", KF_CAUSE_DATA);
    pbes2(PBKDF2, GOOD, "", "", "", KF_CAUSE_DATA);                       /* no cipher */
    pbes2(PBKDF2, GOOD, AES, IV, "0500", KF_CAUSE_DATA);                  /* something follows */
    pbes2("1.2.3", GOOD, AES, IV, "", KF_CAUSE_UNSUPPORTED);              /* another derivation */
    pbes2(PBKDF2, "", AES, IV, "", KF_CAUSE_DATA);                        /* nothing in it */
    pbes2(PBKDF2, "0402abcd", AES, IV, "", KF_CAUSE_DATA);                /* no iterations */
    pbes2(PBKDF2, "0402abcd020100", AES, IV, "", KF_CAUSE_DATA);          /* zero of them */
    pbes2(PBKDF2, "0202abcd020101", AES, IV, "", KF_CAUSE_DATA);          /* salt: INTEGER */
    pbes2(PBKDF2, "300306012a020101", AES, IV, "", KF_CAUSE_UNSUPPORTED); /* salt: elsewhere */
    pbes2(PBKDF2, GOOD "020100", AES, IV, "", KF_CAUSE_DATA);             /* a key of 0 bytes */
    pbes2(PBKDF2, GOOD "0201ff", AES, IV, "", KF_CAUSE_DATA);             /* of -1 */
    pbes2(PBKDF2, GOOD "020110", AES, IV, "", KF_CAUSE_DATA);             /* of 16, not 32 */
    pbes2(PBKDF2, GOOD "02020401", AES, IV, "", KF_CAUSE_DATA);           /* of 1025 */
    pbes2(PBKDF2, GOOD "300306012a", AES, IV, "", KF_CAUSE_UNSUPPORTED);  /* another function */
    pbes2(PBKDF2, GOOD "0500", AES, IV, "", KF_CAUSE_DATA);
    pbes2(PBKDF2, GOOD, "1.2.3", IV, "", KF_CAUSE_UNSUPPORTED); /* another cipher */
    pbes2(PBKDF2, GOOD, AES, "0500", "", KF_CAUSE_DATA);        /* no IV */
    pbes2(PBKDF2, GOOD, AES, "04020001", "", KF_CAUSE_DATA);    /* half of one */
    pbes2(PBKDF2, GOOD, RC2, "300d02013a04080001020304050607", "", KF_CAUSE_NONE);
    pbes2(PBKDF2, GOOD, RC2, "300d02013b04080001020304050607", "", KF_CAUSE_DATA); /* which bits? */
    pbes2(PBKDF2, GOOD "02020100", RC2, "300d02013a04080001020304050607", "",
          KF_CAUSE_DATA); /* a key of 256 bytes */
}

static void test_refuses_scrypt(void)
{
    pbes2(SCRYPT, "0402abcd02020400020108020110", AES, IV, "", KF_CAUSE_NONE);
    pbes2(SCRYPT, "0402abcd02020400020108020110020120", AES, IV, "", KF_CAUSE_NONE);
    pbes2(SCRYPT, "0402abcd020204000201080201100500", AES, IV, "", KF_CAUSE_DATA);
    pbes2(SCRYPT, "0402abcd02020401020108020110", AES, IV, "", KF_CAUSE_DATA); /* N: not 2^x */
    pbes2(SCRYPT, "0402abcd020101020108020110", AES, IV, "", KF_CAUSE_DATA);   /* N: 1 */
    pbes2(SCRYPT, "0402abcd02020400020100020110", AES, IV, "", KF_CAUSE_DATA); /* r: 0 */
    pbes2(SCRYPT, "0402abcd02020400020108020100", AES, IV, "", KF_CAUSE_DATA); /* p: 0 */
    pbes2(SCRYPT, "0402abcd02020400020108", AES, IV, "", KF_CAUSE_DATA);       /* p: none */
}

static void within(const struct kf_pbe *pbe, enum kf_status status)
{
    const struct kf_limits limits = KF_LIMITS_DEFAULT;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_pbe_within(pbe, &limits, &error), status);
    CU_ASSERT_EQUAL(error.cause, status == KF_OK ? KF_CAUSE_NONE : KF_CAUSE_LIMIT);
}

static void test_budgets(void)
{
    struct kf_pbe pbe = {.scheme = KF_PBE_PBKDF2, .iterations = 5000000};
    struct kf_pbe scrypt = {.scheme = KF_PBE_SCRYPT, .n = 65536, .r = 8, .p = 1};

    within(&pbe, KF_OK);
    pbe.iterations++;
    within(&pbe, KF_SKIP);
    CU_ASSERT_EQUAL(kf_pbe_cost(&pbe), 5000001);
    within(&scrypt, KF_OK); /* 64 MiB */
    scrypt.n *= 2;
    within(&scrypt, KF_SKIP);
    scrypt = (struct kf_pbe){.scheme = KF_PBE_SCRYPT, .n = 2, .r = 1, .p = 1u << 30};
    within(&scrypt, KF_SKIP); /* as much memory, for another reason */
    scrypt = (struct kf_pbe){.scheme = KF_PBE_SCRYPT, .n = 1024, .r = 8, .p = 1000};
    within(&scrypt, KF_SKIP); /* little memory, but long */
    scrypt =
        (struct kf_pbe){.scheme = KF_PBE_SCRYPT, .n = 1ull << 62, .r = INT32_MAX, .p = INT32_MAX};
    CU_ASSERT_EQUAL(kf_pbe_cost(&scrypt), UINT64_MAX);
    within(&scrypt, KF_SKIP);
}

/* lengths that no block cipher gives, and a plaintext that is nothing */
static void test_decrypt_refuses(void)
{
    struct kf_pbe pbe = {.scheme = KF_PBE_PKCS12, .cipher = KF_CIPHER_AES256, .key_size = 32};
    struct kf_pbe_key key = {.key = {1}};
    uint8_t bytes[48] = {5};
    size_t len = 0;
    bool right = true;

    for (size_t size = 0; size < sizeof(bytes); size++) {
        struct kf_error error = {.cause = KF_CAUSE_NONE};
        uint8_t out[sizeof(bytes)];
        struct kf_slice in = {bytes, size};

        CU_ASSERT_EQUAL(kf_pbe_decrypt(material_crypto(), &pbe, &key, in, out, &len, &error),
                        KF_SKIP);
        CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SECRET);
        CU_ASSERT_EQUAL(kf_pbe_probe(material_crypto(), &pbe, &key, in, &right, NULL), KF_OK);
        CU_ASSERT_FALSE(right);
    }
}

static void test_same_key(void)
{
    const struct kf_pbe a = {.scheme = KF_PBE_PBKDF2,
                             .hash = KF_HASH_SHA1,
                             .cipher = KF_CIPHER_AES256,
                             .key_size = 32,
                             .salt = {(const uint8_t *)"salt", 4},
                             .iterations = 10};
    struct kf_pbe b = a;

    b.iv = kf_slice_of("another initialization vector");
    CU_ASSERT_TRUE(kf_pbe_same_key(&a, &b));
    b.iterations = 11;
    CU_ASSERT_FALSE(kf_pbe_same_key(&a, &b));
    b = a;
    b.salt = kf_slice_of("sal");
    CU_ASSERT_FALSE(kf_pbe_same_key(&a, &b));
    b = a;
    b.hash = KF_HASH_SHA256;
    CU_ASSERT_FALSE(kf_pbe_same_key(&a, &b));
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"every algorithm", test_every_algorithm},
        {"names", test_names},
        {"refuses parameters of one step", test_refuses_one_step},
        {"refuses parameters of PBES2", test_refuses_pbes2},
        {"refuses parameters of scrypt", test_refuses_scrypt},
        {"budgets", test_budgets},
        {"refuses to decrypt nonsense", test_decrypt_refuses},
        {"which derive the same key", test_same_key},
        {NULL, NULL},
    };

    return suite_run("pbe", tests);
}

/*
 * Lock boxes and bulk ciphers, against openssl pkeyutl, openssl enc and published vectors.
 */
#include "crypto/lockbox.h"

#include <string.h>

#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

static const uint8_t session_key[32] = {1, 2, 3, 4, 5, 0, 7, 8};
static const uint8_t text[50] = "a private key, or what stands for one in a test";

static struct kf_slice slice(const void *data, size_t len)
{
    return (struct kf_slice){data, len};
}

static const char *const openssl_options[] = {
    [KF_TRANSPORT_RSA_1_5] = "-pkeyopt rsa_padding_mode:pkcs1",
    [KF_TRANSPORT_OAEP_SHA1] = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1",
    [KF_TRANSPORT_OAEP_SHA256] = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 "
                                 "-pkeyopt rsa_mgf1_md:sha256",
};

static void make_key_files(void)
{
    outside_write_key("key.pem", material_key("rsa:2048"));
    outside_write("session", slice(session_key, sizeof(session_key)));
}

/* What openssl wraps opens here. */
static void test_opens(void)
{
    make_key_files();
    for (int transport = KF_TRANSPORT_RSA_1_5; transport <= KF_TRANSPORT_OAEP_SHA256; transport++) {
        struct kf_buf wrapped = KF_PUBLIC_BUF;
        struct kf_buf session = KF_SECRET_BUF;

        CU_ASSERT_FATAL(outside_run("openssl pkeyutl -encrypt -inkey key.pem %s -in session -out w",
                                    openssl_options[transport]));
        outside_read("w", &wrapped);
        CU_ASSERT_EQUAL(kf_lockbox_open(material_crypto(), material_key("rsa:2048"),
                                        (enum kf_transport)transport, kf_buf_slice(&wrapped),
                                        &session, NULL),
                        KF_OK);
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&session), slice(session_key, 32)));
        kf_buf_reset(&session);
        kf_buf_reset(&wrapped);
    }
}

/* What is sealed here opens with openssl. */
static void test_seals(void)
{
    make_key_files();
    for (int transport = KF_TRANSPORT_OAEP_SHA1; transport <= KF_TRANSPORT_OAEP_SHA256;
         transport++) {
        struct kf_buf wrapped = KF_PUBLIC_BUF;

        CU_ASSERT_EQUAL(kf_lockbox_seal(material_crypto(), material_key("rsa:2048"),
                                        (enum kf_transport)transport, slice(session_key, 32),
                                        &wrapped, NULL),
                        KF_OK);
        outside_write("w", kf_buf_slice(&wrapped));
        CU_ASSERT(outside_run("openssl pkeyutl -decrypt -inkey key.pem %s -in w -out opened",
                              openssl_options[transport]));
        CU_ASSERT(outside_equals("opened", slice(session_key, 32)));
        kf_buf_reset(&wrapped);
    }
}

static void refuse_box(const char *key, enum kf_transport transport, struct kf_slice wrapped)
{
    struct kf_buf session = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(
        kf_lockbox_open(material_crypto(), material_key(key), transport, wrapped, &session, &error),
        KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SECRET);
    CU_ASSERT_EQUAL(session.len, 0);
    kf_buf_reset(&session);
}

static void test_refuses_boxes(void)
{
    struct kf_buf wrapped = KF_PUBLIC_BUF;

    CU_ASSERT_FATAL(kf_lockbox_seal(material_crypto(), material_key("rsa:2048"),
                                    KF_TRANSPORT_OAEP_SHA1, slice(session_key, 32), &wrapped,
                                    NULL) == KF_OK);
    refuse_box("rsa:2048#2", KF_TRANSPORT_OAEP_SHA1, kf_buf_slice(&wrapped));
    refuse_box("rsa:1024", KF_TRANSPORT_OAEP_SHA1, kf_buf_slice(&wrapped));
    refuse_box("ec:P-256", KF_TRANSPORT_OAEP_SHA1, kf_buf_slice(&wrapped));
    refuse_box("rsa:2048", KF_TRANSPORT_OAEP_SHA256, kf_buf_slice(&wrapped));
    refuse_box("rsa:2048", KF_TRANSPORT_OAEP_SHA1, slice(wrapped.data, wrapped.len - 1));
    refuse_box("rsa:2048", KF_TRANSPORT_OAEP_SHA1, slice(NULL, 0));
    wrapped.data[7] ^= 1;
    refuse_box("rsa:2048", KF_TRANSPORT_OAEP_SHA1, kf_buf_slice(&wrapped));
    kf_buf_reset(&wrapped);

    /* a key that no bulk cipher takes */
    make_key_files();
    CU_ASSERT_FATAL(outside_run("head -c 31 session > short; openssl pkeyutl -encrypt -inkey "
                                "key.pem %s -in short -out w",
                                openssl_options[KF_TRANSPORT_OAEP_SHA1]));
    outside_read("w", &wrapped);
    refuse_box("rsa:2048", KF_TRANSPORT_OAEP_SHA1, kf_buf_slice(&wrapped));
    kf_buf_reset(&wrapped);
}

static void test_refuses_to_seal(void)
{
    struct kf_buf out = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_lockbox_seal(material_crypto(), material_key("rsa:2048"),
                                    KF_TRANSPORT_RSA_1_5, slice(session_key, 32), &out, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    CU_ASSERT_EQUAL(kf_lockbox_seal(material_crypto(), material_key("rsa:2048"),
                                    KF_TRANSPORT_OAEP_SHA1, slice(session_key, 31), &out, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    CU_ASSERT_EQUAL(kf_lockbox_seal(material_crypto(), material_key("ec:P-256"),
                                    KF_TRANSPORT_OAEP_SHA1, slice(session_key, 32), &out, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_UNSUPPORTED);
    CU_ASSERT_EQUAL(out.len, 0);
    kf_buf_reset(&out);
}

static enum kf_status decrypt(enum kf_bulk bulk, size_t key_size, struct kf_slice sealed,
                              struct kf_buf *out, struct kf_error *error)
{
    return kf_bulk_decrypt(material_crypto(), bulk, slice(session_key, key_size), sealed, out,
                           error);
}

static void refuse_bulk(enum kf_bulk bulk, size_t key_size, struct kf_slice sealed)
{
    struct kf_buf out = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(decrypt(bulk, key_size, sealed, &out, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    CU_ASSERT_EQUAL(out.len, 0);
    kf_buf_reset(&out);
}

static void test_bulk_round_trip(void)
{
    static const uint8_t iv[16] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6};

    for (int bulk = KF_BULK_AES128_GCM; bulk <= KF_BULK_3DES_CBC; bulk++) {
        for (size_t len = 0; len <= sizeof(text); len++) {
            struct kf_slice key = slice(session_key, kf_bulk_key_size((enum kf_bulk)bulk));
            struct kf_buf sealed = KF_PUBLIC_BUF;
            struct kf_buf out = KF_SECRET_BUF;

            CU_ASSERT_FATAL(kf_buf_append(&out, "before", 6, NULL) == KF_OK);
            CU_ASSERT_EQUAL(kf_bulk_encrypt(material_crypto(), (enum kf_bulk)bulk, key, iv,
                                            slice(text, len), &sealed, NULL),
                            KF_OK);
            CU_ASSERT(memcmp(sealed.data, iv, bulk == KF_BULK_3DES_CBC ? 8 : 12) == 0);
            CU_ASSERT_EQUAL(decrypt((enum kf_bulk)bulk, key.len, kf_buf_slice(&sealed), &out, NULL),
                            KF_OK);
            CU_ASSERT_EQUAL(out.len, 6 + len);
            CU_ASSERT(memcmp(out.data, "before", 6) == 0 && memcmp(out.data + 6, text, len) == 0);
            kf_buf_reset(&out);
            kf_buf_reset(&sealed);
        }
    }
}

/* Test cases 2 and 14 of "The Galois/Counter Mode of Operation" (McGrew, Viega). */
static void test_gcm_vectors(void)
{
    static const char *const sealed_hex[] = {
        "0000000000000000000000000388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf",
        "000000000000000000000000cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    };
    static const uint8_t zeros[32];

    for (size_t i = 0; i < 2; i++) {
        enum kf_bulk bulk = i == 0 ? KF_BULK_AES128_GCM : KF_BULK_AES256_GCM;
        struct kf_slice key = slice(zeros, kf_bulk_key_size(bulk));
        uint8_t sealed[44];
        struct kf_buf out = KF_SECRET_BUF;

        CU_ASSERT_FATAL(kf_hex_decode(sealed_hex[i], 88, sealed, sizeof(sealed)));
        CU_ASSERT_EQUAL(kf_bulk_decrypt(material_crypto(), bulk, key, slice(sealed, sizeof(sealed)),
                                        &out, NULL),
                        KF_OK);
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), slice(zeros, 16)));
        kf_buf_reset(&out);
        CU_ASSERT_EQUAL(
            kf_bulk_encrypt(material_crypto(), bulk, key, zeros, slice(zeros, 16), &out, NULL),
            KF_OK);
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), slice(sealed, sizeof(sealed))));
        kf_buf_reset(&out);
    }
}

/* Every bit of the tag and every byte of the rest counts, and nothing may be missing. */
static void test_gcm_is_authentic(void)
{
    static const uint8_t iv[12] = {1};
    struct kf_buf sealed = KF_PUBLIC_BUF;

    CU_ASSERT_FATAL(kf_bulk_encrypt(material_crypto(), KF_BULK_AES256_GCM, slice(session_key, 32),
                                    iv, slice(text, 40), &sealed, NULL) == KF_OK);
    for (size_t i = 0; i < sealed.len; i++) {
        uint8_t kept = sealed.data[i];

        sealed.data[i] ^= 0x10;
        refuse_bulk(KF_BULK_AES256_GCM, 32, kf_buf_slice(&sealed));
        sealed.data[i] = kept;
    }
    for (size_t len = 0; len < sealed.len; len++)
        refuse_bulk(KF_BULK_AES256_GCM, 32, slice(sealed.data, len));
    kf_buf_reset(&sealed);
}

/* openssl enc without padding of its own: what the padding holds is ours to choose. */
static void seal_cbc(const char *cipher, size_t key_size, struct kf_slice padded,
                     struct kf_buf *sealed)
{
    static const uint8_t iv[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    size_t iv_size = strcmp(cipher, "des-ede3-cbc") == 0 ? 8 : 16;
    char key[65];
    char iv_hex[33];

    kf_hex(key, session_key, key_size);
    kf_hex(iv_hex, iv, iv_size);
    outside_write("iv", slice(iv, iv_size));
    outside_write("padded", padded);
    CU_ASSERT_FATAL(outside_run("(cat iv; openssl enc -%s -nopad -K %s -iv %s -in padded) > sealed",
                                cipher, key, iv_hex));
    outside_read("sealed", sealed);
}

static void test_cbc_padding(void)
{
    static const struct {
        enum kf_bulk bulk;
        const char *cipher;
        uint8_t block;
    } ciphers[] = {
        {KF_BULK_AES128_CBC, "aes-128-cbc", 16},
        {KF_BULK_AES256_CBC, "aes-256-cbc", 16},
        {KF_BULK_3DES_CBC, "des-ede3-cbc", 8},
    };

    for (size_t i = 0; i < 3; i++) {
        size_t key_size = kf_bulk_key_size(ciphers[i].bulk);
        struct kf_buf sealed = KF_PUBLIC_BUF;
        uint8_t padded[32];

        memset(padded, 0xa5, sizeof(padded)); /* arbitrary, but for the last */
        for (unsigned pad = 0; pad <= 17; pad++) {
            struct kf_buf out = KF_SECRET_BUF;

            padded[31] = (uint8_t)pad;
            seal_cbc(ciphers[i].cipher, key_size, slice(padded, sizeof(padded)), &sealed);
            if (pad == 0 || pad > ciphers[i].block) {
                refuse_bulk(ciphers[i].bulk, key_size, kf_buf_slice(&sealed));
                continue;
            }
            CU_ASSERT_EQUAL(decrypt(ciphers[i].bulk, key_size, kf_buf_slice(&sealed), &out, NULL),
                            KF_OK);
            CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), slice(padded, 32 - pad)));
            kf_buf_reset(&out);
        }
        for (size_t len = 0; len < sealed.len; len++) {
            if (len % ciphers[i].block != 0 || len < 2u * ciphers[i].block)
                refuse_bulk(ciphers[i].bulk, key_size, slice(sealed.data, len));
        }
        kf_buf_reset(&sealed);
    }
}

static void test_wrong_key_length(void)
{
    static const uint8_t sealed[64];

    for (int bulk = KF_BULK_AES128_GCM; bulk <= KF_BULK_3DES_CBC; bulk++) {
        for (size_t len = 0; len <= 32; len++) {
            struct kf_buf out = KF_PUBLIC_BUF;

            if (len == kf_bulk_key_size((enum kf_bulk)bulk))
                continue;
            refuse_bulk((enum kf_bulk)bulk, len, slice(sealed, sizeof(sealed)));
            CU_ASSERT_EQUAL(kf_bulk_encrypt(material_crypto(), (enum kf_bulk)bulk,
                                            slice(session_key, len), sealed, slice(text, 5), &out,
                                            NULL),
                            KF_SKIP);
            CU_ASSERT_EQUAL(out.len, 0);
            kf_buf_reset(&out);
        }
    }
}

static void test_too_long(void)
{
    static const uint8_t iv[16];
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_buf out = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    size_t len = (16u << 20) + 16;

    CU_ASSERT_FATAL(kf_buf_reserve(&bytes, len, NULL) == KF_OK);
    memset(bytes.data, 0, len);
    CU_ASSERT_EQUAL(decrypt(KF_BULK_AES128_CBC, 16, slice(bytes.data, len), &out, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_LIMIT);
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    CU_ASSERT_EQUAL(kf_bulk_encrypt(material_crypto(), KF_BULK_AES128_CBC, slice(session_key, 16),
                                    iv, slice(bytes.data, len), &out, &error),
                    KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_LIMIT);
    CU_ASSERT_EQUAL(out.len, 0);
    kf_buf_reset(&bytes);
}

static void test_uris(void)
{
    enum kf_bulk found;

    for (int bulk = KF_BULK_AES128_GCM; bulk <= KF_BULK_3DES_CBC; bulk++) {
        CU_ASSERT(kf_bulk_find(kf_bulk_uri((enum kf_bulk)bulk), &found));
        CU_ASSERT_EQUAL(found, (enum kf_bulk)bulk);
    }
    CU_ASSERT_FALSE(kf_bulk_find(NULL, &found));
    CU_ASSERT_FALSE(kf_bulk_find("http://www.w3.org/2001/04/xmlenc#aes192-cbc", &found));
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"opens what openssl wraps", test_opens},
        {"seals for openssl", test_seals},
        {"refuses lock boxes", test_refuses_boxes},
        {"refuses to seal", test_refuses_to_seal},
        {"bulk ciphers there and back", test_bulk_round_trip},
        {"GCM vectors", test_gcm_vectors},
        {"GCM is authentic", test_gcm_is_authentic},
        {"CBC padding", test_cbc_padding},
        {"keys of a wrong length", test_wrong_key_length},
        {"too long", test_too_long},
        {"URIs", test_uris},
        {NULL, NULL},
    };

    return suite_run("lockbox", tests);
}

/*
 * Opening many: the direct way opens what sealing writes, and differs from kf_unseal in nothing.
 */
#include <string.h>

#include <openssl/cms.h>

#include "crypto/cms.h"
#include "crypto/envelope.h"
#include "crypto/seal.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

#define AGENTS   2
#define PROFILES 3
#define PLAIN    33u

static const char *const keys[AGENTS] = {"rsa:1024", "rsa:1024#2"}; /* soon opened, many times */
static struct kf_kra agents[AGENTS];
static struct kf_identity identities[AGENTS];
static uint8_t plain[PLAIN];

static void make_agents(void)
{
    if (agents[0].public_key != NULL)
        return;
    memset(plain, 7, sizeof(plain));
    for (size_t i = 0; i < AGENTS; i++) {
        struct kf_buf der = KF_PUBLIC_BUF;
        char file[] = "a0.pem";

        file[1] = (char)('0' + i);
        identities[i].key = material_key(keys[i]);
        identities[i].certificate = material_kra(i == 0 ? "One" : "Two", identities[i].key);
        outside_write_cert(file, identities[i].certificate);
        material_der(identities[i].certificate, &der);
        CU_ASSERT_FATAL(
            kf_kra_parse(material_crypto(), kf_buf_slice(&der), 1024, &agents[i], NULL) == KF_OK);
        kf_buf_reset(&der);
    }
}

static void free_agents(void)
{
    for (size_t i = 0; i < AGENTS; i++) {
        kf_kra_reset(&agents[i]);
        X509_free(identities[i].certificate);
    }
}

static void seal(int profile, size_t count, struct kf_buf *out)
{
    const struct kf_kra *list[AGENTS] = {&agents[0], &agents[1]};
    struct kf_sealer *sealer = NULL;

    CU_ASSERT_FATAL(kf_sealer_new(material_crypto(), list, count, (enum kf_seal_profile)profile,
                                  &sealer, NULL) == KF_OK);
    kf_buf_clear(out);
    CU_ASSERT_FATAL(kf_seal(sealer, (struct kf_slice){plain, sizeof(plain)}, out, NULL) == KF_OK);
    kf_sealer_free(sealer);
}

static struct kf_unsealer *new_unsealer(const struct kf_identity *identity)
{
    struct kf_unsealer *unsealer = NULL;

    CU_ASSERT_FATAL(kf_unsealer_new(material_crypto(), identity, &unsealer, NULL) == KF_OK);
    return unsealer;
}

/* Both ways, twice, since the second time an unsealer may know more; true where they open it. */
static bool agree(struct kf_unsealer *unsealer, const struct kf_identity *identity,
                  struct kf_slice sealed)
{
    struct kf_buf general = KF_SECRET_BUF;
    struct kf_error general_error = {.cause = KF_CAUSE_NONE};
    enum kf_status status =
        kf_unseal(material_crypto(), sealed, identity, &general, &general_error);

    for (int i = 0; i < 2; i++) {
        struct kf_buf direct = KF_SECRET_BUF;
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        CU_ASSERT_EQUAL(kf_unsealer_open(unsealer, sealed, &direct, &error), status);
        CU_ASSERT_EQUAL(error.cause, general_error.cause);
        CU_ASSERT_STRING_EQUAL(error.text, general_error.text);
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&direct), kf_buf_slice(&general)));
        kf_buf_reset(&direct);
    }
    kf_buf_reset(&general);
    return status == KF_OK;
}

static bool agree_anew(const struct kf_identity *identity, struct kf_slice sealed)
{
    struct kf_unsealer *unsealer = new_unsealer(identity);
    bool opened = agree(unsealer, identity, sealed);

    kf_unsealer_free(unsealer);
    return opened;
}

static void test_sealing_is_read_in_place(void)
{
    struct kf_buf name = KF_PUBLIC_BUF;

    make_agents();
    CU_ASSERT_FATAL(kf_envelope_name(identities[1].certificate, &name, NULL) == KF_OK);
    for (int profile = 0; profile < PROFILES; profile++) {
        struct kf_buf sealed = KF_PUBLIC_BUF;
        struct kf_envelope envelope;

        seal(profile, 2, &sealed);
        CU_ASSERT_FATAL(kf_envelope_parse(kf_buf_slice(&sealed), &envelope));
        CU_ASSERT_EQUAL(envelope.recipient_count, 2);
        CU_ASSERT_EQUAL(envelope.recipients[1].transport,
                        profile == KF_SEAL_MODERN ? KF_ENVELOPE_OAEP_SHA256 : KF_ENVELOPE_RSA_1_5);
        CU_ASSERT_EQUAL(envelope.recipients[1].key.len, 128);
        CU_ASSERT_PTR_EQUAL(kf_envelope_find(&envelope, kf_buf_slice(&name)),
                            &envelope.recipients[1]);
        CU_ASSERT_PTR_NULL(kf_envelope_find(&envelope, kf_slice_of("nobody")));
        CU_ASSERT_EQUAL(envelope.tag.len, profile == KF_SEAL_MODERN ? 16 : 0);
        for (size_t len = 0; len < sealed.len; len++)
            CU_ASSERT_FALSE(kf_envelope_parse((struct kf_slice){sealed.data, len}, &envelope));
        CU_ASSERT_FATAL(kf_buf_append(&sealed, "", 1, NULL) == KF_OK);
        CU_ASSERT_FALSE(kf_envelope_parse(kf_buf_slice(&sealed), &envelope));
        kf_buf_reset(&sealed);
    }
    kf_buf_reset(&name);
}

/* One that is named twice is left to OpenSSL, whichever it takes. */
static void test_named_twice(void)
{
    struct kf_buf sealed = KF_PUBLIC_BUF;
    struct kf_buf name = KF_PUBLIC_BUF;
    struct kf_envelope envelope;

    make_agents();
    outside_write("plain", (struct kf_slice){plain, sizeof(plain)});
    CU_ASSERT_FATAL(outside_run("openssl cms -encrypt -binary -aes256 -in plain -outform DER -out "
                                "sealed -recip a0.pem -recip a1.pem -recip a0.pem"));
    outside_read("sealed", &sealed);
    CU_ASSERT_FATAL(kf_envelope_name(identities[0].certificate, &name, NULL) == KF_OK);
    CU_ASSERT_FATAL(kf_envelope_parse(kf_buf_slice(&sealed), &envelope));
    CU_ASSERT_PTR_NULL(kf_envelope_find(&envelope, kf_buf_slice(&name)));
    CU_ASSERT(agree_anew(&identities[0], kf_buf_slice(&sealed)));
    kf_buf_reset(&sealed);
    kf_buf_reset(&name);
}

/* Shapes that are OpenSSL's alone. */
static void test_other_shapes(void)
{
    static const char *const options[] = {
        "-aes256 -keyid -recip a0.pem",
        "-aes256 -stream -recip a0.pem",
        "-aes256 -recip a0.pem -keyopt rsa_padding_mode:oaep",
        "-aes256 -recip a0.pem -secretkey 00112233445566778899aabbccddeeff -secretkeyid 00",
        "-camellia256 -recip a0.pem",
    };

    make_agents();
    outside_write("plain", (struct kf_slice){plain, sizeof(plain)});
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct kf_buf sealed = KF_PUBLIC_BUF;
        struct kf_envelope envelope;

        CU_ASSERT_FATAL(outside_run(
            "openssl cms -encrypt -binary -in plain -outform DER -out sealed %s", options[i]));
        outside_read("sealed", &sealed);
        CU_ASSERT_FALSE(kf_envelope_parse(kf_buf_slice(&sealed), &envelope));
        CU_ASSERT(agree_anew(&identities[0], kf_buf_slice(&sealed)));
        CU_ASSERT_FALSE(agree_anew(&identities[1], kf_buf_slice(&sealed)));
        kf_buf_reset(&sealed);
    }
}

/* One unsealer, whatever comes in whichever order; with a certificate, without, and with another.
 */
static void test_one_after_the_other(void)
{
    struct kf_identity renewed = {.key = material_key(keys[0])};
    struct kf_identity key_only = {.key = material_key(keys[1])};
    struct kf_identity stranger = {.key = material_key("rsa:1024#3")};
    struct kf_identity other_type = {.key = material_key("ec:P-256")};
    const struct kf_identity *const all[] = {&identities[0], &identities[1], &renewed,
                                             &key_only,      &stranger,      &other_type};

    make_agents();
    renewed.certificate = material_kra("One renewed", renewed.key);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct kf_unsealer *unsealer = new_unsealer(all[i]);

        for (int round = 0; round < 4 * PROFILES; round++) {
            struct kf_buf sealed = KF_PUBLIC_BUF;
            size_t count = 1 + (size_t)round / 2 % 2;
            bool first = all[i]->key == identities[0].key;
            bool second = all[i]->key == identities[1].key && count == 2;

            seal(round % PROFILES, count, &sealed);
            CU_ASSERT_EQUAL(agree(unsealer, all[i], kf_buf_slice(&sealed)), first || second);
            kf_buf_reset(&sealed);
        }
        kf_unsealer_free(unsealer);
    }
    X509_free(renewed.certificate);
}

/* Every byte in turn, in two ways: whatever comes of it is the same. */
static void test_altered(void)
{
    const struct kf_identity key_only = {.key = material_key(keys[1])};

    make_agents();
    for (int profile = 0; profile < PROFILES; profile++) {
        struct kf_buf sealed = KF_PUBLIC_BUF;
        struct kf_unsealer *by_name = new_unsealer(&identities[1]);
        struct kf_unsealer *by_key = new_unsealer(&key_only);
        size_t opened = 0;

        seal(profile, 2, &sealed);
        for (size_t i = 0; i < 2 * sealed.len; i++) {
            uint8_t kept = sealed.data[i / 2];

            sealed.data[i / 2] ^= i % 2 == 0 ? 0x01 : 0x60;
            opened += agree(by_name, &identities[1], kf_buf_slice(&sealed));
            opened += agree(by_key, &key_only, kf_buf_slice(&sealed));
            sealed.data[i / 2] = kept;
        }
        CU_ASSERT(opened > 0 && opened < 4 * sealed.len);
        kf_unsealer_free(by_name);
        kf_unsealer_free(by_key);
        kf_buf_reset(&sealed);
    }
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"what is sealed is read in place", test_sealing_is_read_in_place},
        {"one that is named twice", test_named_twice},
        {"other shapes", test_other_shapes},
        {"one after the other", test_one_after_the_other},
        {"altered", test_altered},
        {NULL, NULL},
    };
    int code = suite_run("unsealer", tests);

    free_agents();
    return code;
}

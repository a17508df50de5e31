/*
 * Sealing and opening, with openssl cms on the other side.
 */
#include "crypto/seal.h"

#include <string.h>

#include <openssl/cms.h>

#include "core/limits.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

#define AGENTS    3
#define PROFILES  3
#define MAX_PLAIN 3000

/* Agents of different key sizes; "a0.pem" and "k0.pem" and so on are theirs. */
static const char *const agent_keys[AGENTS] = {"rsa:2048", "rsa:3072", "rsa:2048#2"};
static struct kf_kra agents[AGENTS];
static struct kf_identity identities[AGENTS];
static uint8_t plain[MAX_PLAIN];

static void make_agents(void)
{
    if (agents[0].public_key != NULL)
        return;
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 7 + 3);
    for (size_t i = 0; i < AGENTS; i++) {
        char name[] = "Agent 0";
        char file[] = "a0.pem";
        struct kf_buf der = KF_PUBLIC_BUF;

        name[6] = (char)('0' + i);
        file[1] = name[6];
        identities[i].certificate = material_kra(name, material_key(agent_keys[i]));
        identities[i].key = material_key(agent_keys[i]);
        material_der(identities[i].certificate, &der);
        CU_ASSERT_FATAL(
            kf_kra_parse(material_crypto(), kf_buf_slice(&der), 2048, &agents[i], NULL) == KF_OK);
        kf_buf_reset(&der);
        outside_write_cert(file, identities[i].certificate);
        file[0] = 'k';
        outside_write_key(file, identities[i].key);
    }
}

static void free_agents(void)
{
    for (size_t i = 0; i < AGENTS; i++) {
        kf_kra_reset(&agents[i]);
        X509_free(identities[i].certificate);
    }
}

static struct kf_sealer *new_sealer(enum kf_seal_profile profile, size_t count)
{
    const struct kf_kra *list[AGENTS] = {&agents[0], &agents[1], &agents[2]};
    struct kf_sealer *sealer = NULL;

    make_agents();
    CU_ASSERT_FATAL(kf_sealer_new(material_crypto(), list, count, profile, &sealer, NULL) == KF_OK);
    return sealer;
}

static void seal(enum kf_seal_profile profile, size_t count, size_t len, struct kf_buf *out)
{
    struct kf_sealer *sealer = new_sealer(profile, count);

    kf_buf_clear(out);
    CU_ASSERT_FATAL(kf_seal(sealer, (struct kf_slice){plain, len}, out, NULL) == KF_OK);
    kf_sealer_free(sealer);
}

/* Also by the way for many, which has to agree. */
static enum kf_status open_with(const struct kf_identity *identity, struct kf_slice sealed,
                                struct kf_buf *out, struct kf_error *error)
{
    struct kf_error first = {.cause = KF_CAUSE_NONE};
    struct kf_error second = {.cause = KF_CAUSE_NONE};
    struct kf_buf again = KF_SECRET_BUF;
    struct kf_unsealer *unsealer = NULL;
    enum kf_status status = kf_unseal(material_crypto(), sealed, identity, out, &first);

    CU_ASSERT_FATAL(kf_unsealer_new(material_crypto(), identity, &unsealer, NULL) == KF_OK);
    CU_ASSERT_EQUAL(kf_unsealer_open(unsealer, sealed, &again, &second), status);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&again), kf_buf_slice(out)));
    CU_ASSERT_EQUAL(second.cause, first.cause);
    CU_ASSERT_STRING_EQUAL(second.text, first.text);
    kf_unsealer_free(unsealer);
    kf_buf_reset(&again);
    if (error != NULL)
        *error = first;
    return status;
}

/* Opens, and is len bytes of plain. */
static void opens(const struct kf_identity *identity, struct kf_slice sealed, size_t len)
{
    struct kf_buf out = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(open_with(identity, sealed, &out, &error), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), (struct kf_slice){plain, len}));
    if (error.cause != KF_CAUSE_NONE)
        (void)printf("%s\n", error.text);
    kf_buf_reset(&out);
}

static void refuses(const struct kf_identity *identity, struct kf_slice sealed, enum kf_cause cause)
{
    struct kf_buf out = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(open_with(identity, sealed, &out, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, cause);
    CU_ASSERT_EQUAL(out.len, 0);
    if (error.cause != cause)
        (void)printf("cause %d: %s\n", (int)error.cause, error.text);
    kf_buf_reset(&out);
}

/* Every profile, one agent to three: each agent's key opens it, with and without certificate. */
static void test_openssl_opens(void)
{
    for (int profile = 0; profile < PROFILES; profile++) {
        for (size_t count = 1; count <= AGENTS; count++) {
            struct kf_buf sealed = KF_PUBLIC_BUF;

            seal((enum kf_seal_profile)profile, count, 1172, &sealed);
            outside_write("sealed", kf_buf_slice(&sealed));
            for (size_t i = 0; i < count; i++) {
                CU_ASSERT(outside_run("openssl cms -decrypt -binary -inform DER -in sealed -inkey "
                                      "k%zu.pem -recip a%zu.pem -out opened",
                                      i, i));
                CU_ASSERT(outside_equals("opened", (struct kf_slice){plain, 1172}));
                CU_ASSERT(outside_run("openssl cms -decrypt -binary -inform DER -in sealed -inkey "
                                      "k%zu.pem -out opened",
                                      i));
                CU_ASSERT(outside_equals("opened", (struct kf_slice){plain, 1172}));
            }
            kf_buf_reset(&sealed);
        }
    }
}

static void test_says_how_it_is_sealed(void)
{
    static const char *const expected[PROFILES] = {
        "grep -q ':aes-256-cbc' t && grep -q ':rsaEncryption' t && grep -q pkcs7-envelopedData t",
        "grep -q ':des-ede3-cbc' t && grep -q ':rsaEncryption' t && grep -q pkcs7-envelopedData t",
        "grep -q ':aes-256-gcm' t && test $(grep -c ':rsaesOaep' t) = 3 && test $(grep -c "
        "':sha256' t) = 6 && test $(grep -c ':mgf1' t) = 3 && grep -q authEnvelopedData t",
    };

    for (int profile = 0; profile < PROFILES; profile++) {
        struct kf_buf sealed = KF_PUBLIC_BUF;

        seal((enum kf_seal_profile)profile, AGENTS, 1172, &sealed);
        outside_write("sealed", kf_buf_slice(&sealed));
        CU_ASSERT(
            outside_run("openssl asn1parse -inform DER -in sealed >t && %s", expected[profile]));
        kf_buf_reset(&sealed);
    }
}

/* What OpenSSL writes after reading it is what it read: the encoding is DER, sets in order. */
static void test_is_der(void)
{
    for (int profile = 0; profile < PROFILES; profile++) {
        struct kf_buf sealed = KF_PUBLIC_BUF;
        const unsigned char *at;
        unsigned char *again = NULL;
        CMS_ContentInfo *cms;
        int len;

        seal((enum kf_seal_profile)profile, AGENTS, 1172, &sealed);
        at = sealed.data;
        cms = d2i_CMS_ContentInfo(NULL, &at, (long)sealed.len);
        CU_ASSERT_PTR_NOT_NULL_FATAL(cms);
        len = i2d_CMS_ContentInfo(cms, &again);
        CU_ASSERT(len > 0 &&
                  kf_slice_equal(kf_buf_slice(&sealed), (struct kf_slice){again, (size_t)len}));
        OPENSSL_free(again);
        CMS_ContentInfo_free(cms);
        kf_buf_reset(&sealed);
    }
}

/* One sealer, many plaintexts, each appended: nothing of one is left in the next. */
static void test_round_trip_of_every_length(void)
{
    static const size_t lengths[] = {0,  1,   7,   8,   15,  16,   17,  31,
                                     32, 127, 128, 255, 256, 1172, 3000};

    for (int profile = 0; profile < PROFILES; profile++) {
        struct kf_sealer *sealer = new_sealer((enum kf_seal_profile)profile, 2);
        struct kf_buf out = KF_PUBLIC_BUF;

        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            size_t start = out.len;
            struct kf_slice sealed;

            CU_ASSERT_FATAL(kf_seal(sealer, (struct kf_slice){plain, lengths[i]}, &out, NULL) ==
                            KF_OK);
            sealed = (struct kf_slice){out.data + start, out.len - start};
            opens(&identities[0], sealed, lengths[i]);
            opens(&identities[1], sealed, lengths[i]);
            CU_ASSERT(i == 0 || memcmp(out.data, sealed.data + sealed.len - 64, 64) != 0);
        }
        kf_buf_reset(&out);
        kf_sealer_free(sealer);
    }
}

static void test_hashes(void)
{
    struct kf_sealer *sealer = new_sealer(KF_SEAL_WINDOWS, AGENTS);

    outside_write("hashes", kf_slice_of(kf_sealer_hashes(sealer)));
    CU_ASSERT(outside_run(
        "for i in 0 1 2; do openssl x509 -in a$i.pem -noout -fingerprint -sha1 | sed 's/.*=//' | "
        "tr ':A-F' ' a-f'; done > expected; printf '\\n' >> hashes; cmp hashes expected"));
    kf_sealer_free(sealer);
}

static void test_needs_an_agent(void)
{
    struct kf_sealer *sealer = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_sealer_new(material_crypto(), NULL, 0, KF_SEAL_WINDOWS, &sealer, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_CONFIG);
    CU_ASSERT_EQUAL(error.code, KF_E_ARCHIVAL_NOT_SET_UP);
    CU_ASSERT_PTR_NULL(sealer);
}

static void test_limits_of_sealing(void)
{
    const struct kf_kra *many[65];
    struct kf_sealer *sealer = new_sealer(KF_SEAL_WINDOWS, 1);
    struct kf_buf out = KF_PUBLIC_BUF;
    struct kf_buf plaintext = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    size_t len = (1u << 20) + 1;

    CU_ASSERT_FATAL(kf_buf_reserve(&plaintext, len, NULL) == KF_OK);
    memset(plaintext.data, 1, len);
    CU_ASSERT_EQUAL(kf_seal(sealer, (struct kf_slice){plaintext.data, len}, &out, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_LIMIT);
    CU_ASSERT_EQUAL(out.len, 0);
    kf_buf_reset(&plaintext);
    kf_sealer_free(sealer);
    for (size_t i = 0; i < 65; i++)
        many[i] = &agents[0];
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    CU_ASSERT_EQUAL(kf_sealer_new(material_crypto(), many, 65, KF_SEAL_WINDOWS, &sealer, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_LIMIT);
    CU_ASSERT_PTR_NULL(sealer);
}

/* One key is not tried on any number of recipients, but the one by its certificate is found. */
static void test_many_recipients(void)
{
    struct kf_buf sealed = KF_PUBLIC_BUF;
    struct kf_identity key_only;

    make_agents();
    key_only = (struct kf_identity){.key = identities[0].key};
    outside_write("plain", (struct kf_slice){plain, 100});
    CU_ASSERT_FATAL(outside_run("r=; for i in $(seq 256); do r=\"$r -recip a2.pem\"; done\n"
                                "openssl cms -encrypt -binary -aes128 -in plain -outform DER -out "
                                "sealed $r -recip a0.pem"));
    outside_read("sealed", &sealed);
    opens(&identities[0], kf_buf_slice(&sealed), 100);
    refuses(&key_only, kf_buf_slice(&sealed), KF_CAUSE_LIMIT);
    kf_buf_reset(&sealed);
}

/* What openssl seals, in all ways that it has for RSA. */
static void test_opens_what_openssl_seals(void)
{
    static const char *const options[] = {
        "-outform DER -aes256",
        "-outform DER -aes128",
        "-outform DER -des3",
        "-outform DER -aes-256-gcm",
        "-outform DER -aes-128-gcm",
        "-outform DER -aes256 -keyid",
        "-outform DER -stream -aes256", /* BER: indefinite lengths, constructed strings */
        "-outform DER -stream -aes-256-gcm",
        "-outform DER -rc2-128 -provider default -provider legacy",
        "-outform DER -rc2-40 -provider default -provider legacy",
    };
    static const char *const key_options[] = {
        "-recip a2.pem -recip a0.pem",
        "-recip a2.pem -recip a0.pem -keyopt rsa_padding_mode:oaep",
        "-recip a2.pem -recip a0.pem -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256 "
        "-keyopt rsa_mgf1_md:sha256",
    };
    struct kf_identity key_only;

    make_agents();
    key_only = (struct kf_identity){.key = identities[0].key};
    outside_write("plain", (struct kf_slice){plain, 1172});
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        for (size_t j = 0; j < sizeof(key_options) / sizeof(key_options[0]); j++) {
            struct kf_buf sealed = KF_PUBLIC_BUF;

            CU_ASSERT(outside_run("openssl cms -encrypt -binary -in plain -out sealed %s %s",
                                  options[i], key_options[j]));
            outside_read("sealed", &sealed);
            opens(&identities[0], kf_buf_slice(&sealed), 1172);
            opens(&key_only, kf_buf_slice(&sealed), 1172);
            kf_buf_reset(&sealed);
        }
    }
}

/* The agent's certificate was renewed for the same key. */
static void test_opens_by_a_renewed_certificate(void)
{
    struct kf_buf sealed = KF_PUBLIC_BUF;
    struct kf_identity renewed;

    seal(KF_SEAL_WINDOWS, AGENTS, 100, &sealed);
    renewed = (struct kf_identity){.key = identities[0].key};
    renewed.certificate = material_kra("Agent 0 renewed", renewed.key);
    opens(&renewed, kf_buf_slice(&sealed), 100);
    X509_free(renewed.certificate);
    kf_buf_reset(&sealed);
}

/* Many times, since PKCS #1 v1.5 by a wrong key opens to something once in a while. */
static void test_wrong_key(void)
{
    struct kf_identity stranger = {.key = material_key("rsa:1024")};
    struct kf_identity same_size = {.key = material_key("rsa:2048#3")};
    struct kf_identity other_type = {.key = material_key("ec:P-256")};

    stranger.certificate = material_kra("Stranger", stranger.key);
    for (int profile = 0; profile < PROFILES; profile++) {
        struct kf_buf sealed = KF_PUBLIC_BUF;

        for (int i = 0; i < 40; i++) {
            seal((enum kf_seal_profile)profile, 1, 1172, &sealed);
            refuses(&same_size, kf_buf_slice(&sealed), KF_CAUSE_SECRET);
        }
        refuses(&stranger, kf_buf_slice(&sealed), KF_CAUSE_SECRET);
        refuses(&other_type, kf_buf_slice(&sealed), KF_CAUSE_SECRET);
        refuses(&identities[1], kf_buf_slice(&sealed), KF_CAUSE_SECRET);
        kf_buf_reset(&sealed);
    }
    X509_free(stranger.certificate);
}

/* With a tag, an altered byte is refused, or (in what only finds the recipient) without effect. */
static void test_altered_with_tag(void)
{
    struct kf_buf sealed = KF_PUBLIC_BUF;

    seal(KF_SEAL_MODERN, 1, 100, &sealed);
    for (size_t i = 0; i < sealed.len; i++) {
        struct kf_buf out = KF_SECRET_BUF;
        uint8_t kept = sealed.data[i];

        sealed.data[i] ^= 1;
        if (open_with(&identities[0], kf_buf_slice(&sealed), &out, NULL) == KF_OK)
            CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), (struct kf_slice){plain, 100}));
        CU_ASSERT(i + 16 + 100 < sealed.len || out.len == 0);
        sealed.data[i] = kept;
        kf_buf_reset(&out);
    }
    /* the recipient is named, but its content key is damaged */
    sealed.data[sealed.len - 18 - 102 - 60] ^= 1;
    refuses(&identities[0], kf_buf_slice(&sealed), KF_CAUSE_DATA);
    kf_buf_reset(&sealed);
}

static void test_truncated(void)
{
    for (int profile = 0; profile < PROFILES; profile++) {
        struct kf_buf sealed = KF_PUBLIC_BUF;

        seal((enum kf_seal_profile)profile, 2, 100, &sealed);
        for (size_t len = 0; len < sealed.len; len++) {
            /* of its own, so that reading beyond it is seen */
            struct kf_buf cut = KF_PUBLIC_BUF;

            CU_ASSERT_FATAL(kf_buf_append(&cut, sealed.data, len, NULL) == KF_OK);
            refuses(&identities[0], kf_buf_slice(&cut), KF_CAUSE_DATA);
            kf_buf_reset(&cut);
        }
        CU_ASSERT_FATAL(kf_buf_append(&sealed, "", 1, NULL) == KF_OK);
        refuses(&identities[0], kf_buf_slice(&sealed), KF_CAUSE_DATA);
        kf_buf_reset(&sealed);
    }
}

static void test_refuses_other_content(void)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;

    make_agents();
    CU_ASSERT_FATAL(outside_run("openssl crl2pkcs7 -nocrl -certfile a0.pem -outform DER -out x"));
    outside_read("x", &bytes);
    refuses(&identities[0], kf_buf_slice(&bytes), KF_CAUSE_DATA);
    CU_ASSERT_FATAL(outside_run("openssl cms -EncryptedData_encrypt -in a0.pem -outform DER -out x "
                                "-aes128 -secretkey 00112233445566778899aabbccddeeff"));
    outside_read("x", &bytes);
    refuses(&identities[0], kf_buf_slice(&bytes), KF_CAUSE_DATA);
    CU_ASSERT_FATAL(outside_run("openssl cms -encrypt -aes128 -in a0.pem -outform DER -out x "
                                "-pwri_password secret"));
    outside_read("x", &bytes);
    refuses(&identities[0], kf_buf_slice(&bytes), KF_CAUSE_SECRET);
    kf_buf_clear(&bytes);
    CU_ASSERT_FATAL(kf_buf_reserve(&bytes, KF_MAX_ENVELOPE + 1, NULL) == KF_OK);
    memset(bytes.data, 0x30, KF_MAX_ENVELOPE + 1);
    refuses(&identities[0], (struct kf_slice){bytes.data, KF_MAX_ENVELOPE + 1}, KF_CAUSE_LIMIT);
    kf_buf_reset(&bytes);
}

static void refuses_agent(const struct material_cert *what, unsigned min_bits, enum kf_cause cause,
                          const char *text)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_kra kra;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    material_cert_der(what, &der);
    CU_ASSERT_EQUAL(kf_kra_parse(material_crypto(), kf_buf_slice(&der), min_bits, &kra, &error),
                    KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, cause);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text));
    CU_ASSERT_PTR_NULL(kra.public_key);
    kf_buf_reset(&der);
}

static void test_who_is_no_agent(void)
{
    const char kra_usage[] = "1.3.6.1.4.1.311.21.6";
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_kra kra;

    refuses_agent(&(struct material_cert){.key_usage = KF_KU_DIGITAL_SIGNATURE, .eku = kra_usage},
                  2048, KF_CAUSE_POLICY, "keyEncipherment");
    refuses_agent(&(struct material_cert){.eku = kra_usage}, 2048, KF_CAUSE_POLICY,
                  "keyEncipherment");
    refuses_agent(&(struct material_cert){.key_usage = KF_KU_KEY_ENCIPHERMENT}, 2048,
                  KF_CAUSE_POLICY, "extended key usage");
    refuses_agent(
        &(struct material_cert){.key_usage = KF_KU_KEY_ENCIPHERMENT, .eku = "emailProtection"},
        2048, KF_CAUSE_POLICY, "extended key usage");
    refuses_agent(&(struct material_cert){.key_usage = KF_KU_KEY_ENCIPHERMENT,
                                          .eku = kra_usage,
                                          .key = material_key("ec:P-256")},
                  2048, KF_CAUSE_POLICY, "RSA");
    refuses_agent(&(struct material_cert){.key_usage = KF_KU_KEY_ENCIPHERMENT,
                                          .eku = kra_usage,
                                          .key = material_key("rsa-pss:2048")},
                  2048, KF_CAUSE_POLICY, "RSA");
    refuses_agent(&(struct material_cert){.key_usage = KF_KU_KEY_ENCIPHERMENT,
                                          .eku = kra_usage,
                                          .key = material_key("rsa:1024")},
                  2048, KF_CAUSE_POLICY, "at least 2048 bits, this has 1024");
    CU_ASSERT_EQUAL(
        kf_kra_parse(material_crypto(), kf_slice_of("no certificate"), 2048, &kra, NULL), KF_SKIP);
    /* 1024 bits where the caller allows them */
    material_cert_der(&(struct material_cert){.key_usage = KF_KU_KEY_ENCIPHERMENT,
                                              .eku = kra_usage,
                                              .key = material_key("rsa:1024")},
                      &der);
    CU_ASSERT_EQUAL(kf_kra_parse(material_crypto(), kf_buf_slice(&der), 1024, &kra, NULL), KF_OK);
    kf_kra_reset(&kra);
    kf_buf_reset(&der);
}

static void test_validity(void)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_kra kra;

    material_cert_der(&(struct material_cert){.key_usage = KF_KU_KEY_ENCIPHERMENT,
                                              .eku = "1.3.6.1.4.1.311.21.6",
                                              .not_before = 1000000,
                                              .not_after = 2000000},
                      &der);
    CU_ASSERT_FATAL(kf_kra_parse(material_crypto(), kf_buf_slice(&der), 2048, &kra, NULL) == KF_OK);
    CU_ASSERT_FALSE(kf_kra_valid_at(&kra, 999999));
    CU_ASSERT(kf_kra_valid_at(&kra, 1000000));
    CU_ASSERT(kf_kra_valid_at(&kra, 2000000));
    CU_ASSERT_FALSE(kf_kra_valid_at(&kra, 2000001));
    kf_kra_reset(&kra);
    kf_buf_reset(&der);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"openssl opens what is sealed", test_openssl_opens},
        {"says how it is sealed", test_says_how_it_is_sealed},
        {"is DER", test_is_der},
        {"round trip of every length", test_round_trip_of_every_length},
        {"hashes of the agents", test_hashes},
        {"needs an agent", test_needs_an_agent},
        {"limits of sealing", test_limits_of_sealing},
        {"many recipients", test_many_recipients},
        {"opens what openssl seals", test_opens_what_openssl_seals},
        {"opens by a renewed certificate", test_opens_by_a_renewed_certificate},
        {"a wrong key", test_wrong_key},
        {"altered, with a tag", test_altered_with_tag},
        {"truncated", test_truncated},
        {"refuses other content", test_refuses_other_content},
        {"who is no agent", test_who_is_no_agent},
        {"validity", test_validity},
        {NULL, NULL},
    };
    int code = suite_run("seal", tests);

    free_agents();
    return code;
}

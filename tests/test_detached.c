/*
 * Detached signatures, made and verified by openssl cms on the other side.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/cms.h>

#include "core/der.h"
#include "core/limits.h"
#include "crypto/lockbox.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

#define CONTENT_SIZE 300001 /* several chunks, and not a whole number of them */

static struct kf_buf content = {.is_public = true};
static struct kf_buf signers[3] = {{.is_public = true}, {.is_public = true}, {.is_public = true}};

static void free_material(void)
{
    kf_buf_reset(&content);
    for (size_t i = 0; i < 3; i++)
        kf_buf_reset(&signers[i]);
}

/* Signers: 0 and 1 RSA, 2 EC; "s0.pem" and "k0.pem" and so on, and the file "content". */
static void make_material(void)
{
    static const char *const keys[] = {"rsa:2048", "rsa:2048#2", "ec:P-256"};
    uint8_t byte;

    if (content.len != 0)
        return;
    for (unsigned i = 0; i < CONTENT_SIZE; i++) {
        byte = i % 64 == 63 ? '\n' : (uint8_t)(i % 251);
        CU_ASSERT_FATAL(kf_buf_append(&content, &byte, 1, NULL) == KF_OK);
    }
    outside_write("content", kf_buf_slice(&content));
    for (size_t i = 0; i < 3; i++) {
        char name[16] = "s0.pem";
        char subject[] = "/O=Contoso/CN=Signer 0";
        X509 *certificate;

        subject[strlen(subject) - 1] = (char)('0' + i);
        certificate = material_cert(
            &(struct material_cert){.subject = subject, .key = material_key(keys[i])});
        name[1] = (char)('0' + i);
        material_der(certificate, &signers[i]);
        outside_write_cert(name, certificate);
        X509_free(certificate);
        name[0] = 'k';
        outside_write_key(name, material_key(keys[i]));
    }
}

/* A source that gives at most step bytes a read. */
struct drip {
    size_t at;
    size_t step;
};

static enum kf_status drip_read(void *context, uint8_t *out, size_t size, size_t *got,
                                struct kf_error *error)
{
    struct drip *drip = context;

    (void)error;
    *got = content.len - drip->at;
    *got = *got < size ? *got : size;
    *got = *got < drip->step ? *got : drip->step;
    memcpy(out, content.data + drip->at, *got);
    drip->at += *got;
    return KF_OK;
}

static enum kf_status broken_read(void *context, uint8_t *out, size_t size, size_t *got,
                                  struct kf_error *error)
{
    (void)context;
    (void)out;
    (void)size;
    *got = 0;
    return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "the disk is gone");
}

static enum kf_status verify(struct kf_slice signature, struct kf_slice bytes, size_t allowed_from,
                             size_t allowed_count, struct kf_error *error)
{
    struct kf_slice allowed[3];
    struct kf_input *input = NULL;
    char *signer = NULL;
    enum kf_status status;

    for (size_t i = 0; i < allowed_count; i++)
        allowed[i] = kf_buf_slice(&signers[allowed_from + i]);
    CU_ASSERT_FATAL(kf_input_from_memory(&input, "content", bytes, NULL) == KF_OK);
    status = kf_detached_verify(material_crypto(), signature, input, allowed, allowed_count,
                                &signer, error);
    if (status == KF_OK) {
        CU_ASSERT_EQUAL(kf_input_offset(input), bytes.len);
        CU_ASSERT_PTR_NOT_NULL_FATAL(signer);
        CU_ASSERT_PTR_NOT_NULL(strstr(signer, "CN=Signer"));
    } else {
        CU_ASSERT_PTR_NULL(signer);
    }
    free(signer);
    kf_input_close(input);
    return status;
}

static void refuse(struct kf_slice signature, enum kf_cause cause, const char *text)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(verify(signature, kf_buf_slice(&content), 0, 2, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, cause);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text));
    if (error.cause != cause || strstr(error.text, text) == NULL)
        (void)printf("expected \"%s\": %s\n", text, error.text);
}

/* openssl cms -sign with these options, over the content; signature is replaced. */
static void sign(const char *options, struct kf_buf *signature)
{
    make_material();
    CU_ASSERT_FATAL(outside_run("openssl cms -sign -binary -in content -out sig %s", options));
    outside_read("sig", signature);
}

static void test_verifies(void)
{
    static const char *const options[] = {
        "-outform DER -md sha256 -signer s0.pem -inkey k0.pem",
        "-outform PEM -md sha256 -signer s0.pem -inkey k0.pem",
        "-outform DER -md sha512 -signer s1.pem -inkey k1.pem",
        "-outform DER -md sha256 -noattr -signer s0.pem -inkey k0.pem",
        "-outform DER -md sha256 -nocerts -signer s0.pem -inkey k0.pem",
        "-outform DER -md sha256 -keyid -signer s0.pem -inkey k0.pem",
        "-outform DER -md sha256 -signer s0.pem -inkey k0.pem -keyopt rsa_padding_mode:pss",
        "-outform DER -md sha384 -signer s2.pem -inkey k2.pem",
        "-outform DER -md sha256 -signer s0.pem -inkey k0.pem -signer s1.pem -inkey k1.pem",
    };
    struct kf_buf signature = KF_PUBLIC_BUF;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        sign(options[i], &signature);
        CU_ASSERT_EQUAL(verify(kf_buf_slice(&signature), kf_buf_slice(&content), 0, 3, &error),
                        KF_OK);
        if (error.cause != KF_CAUSE_NONE)
            (void)printf("%s: %s\n", options[i], error.text);
    }
    CU_ASSERT_FATAL(outside_run("openssl smime -sign -binary -in content -outform DER -md sha256 "
                                "-signer s0.pem -inkey k0.pem -out sig"));
    outside_read("sig", &signature);
    CU_ASSERT_EQUAL(verify(kf_buf_slice(&signature), kf_buf_slice(&content), 0, 1, NULL), KF_OK);
    kf_buf_reset(&signature);
}

static void test_reads_in_small_steps(void)
{
    static const size_t steps[] = {1, 2, 7, 4096};
    struct kf_slice allowed;
    struct kf_buf signature = KF_PUBLIC_BUF;

    sign("-outform DER -md sha256 -signer s0.pem -inkey k0.pem", &signature);
    allowed = kf_buf_slice(&signers[0]);
    for (size_t i = 0; i < 4; i++) {
        struct drip drip = {0, steps[i]};
        struct kf_input *input = NULL;

        CU_ASSERT_FATAL(kf_input_from_source(&input, "drip", drip_read, &drip, NULL) == KF_OK);
        CU_ASSERT_EQUAL(kf_detached_verify(material_crypto(), kf_buf_slice(&signature), input,
                                           &allowed, 1, NULL, NULL),
                        KF_OK);
        kf_input_close(input);
    }
    kf_buf_reset(&signature);
}

static void test_read_error(void)
{
    struct kf_slice allowed;
    struct kf_buf signature = KF_PUBLIC_BUF;
    struct kf_input *input = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    sign("-outform DER -md sha256 -signer s0.pem -inkey k0.pem", &signature);
    allowed = kf_buf_slice(&signers[0]);
    CU_ASSERT_FATAL(kf_input_from_source(&input, "broken", broken_read, NULL, NULL) == KF_OK);
    CU_ASSERT_EQUAL(kf_detached_verify(material_crypto(), kf_buf_slice(&signature), input, &allowed,
                                       1, NULL, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SYSTEM);
    kf_input_close(input);
    kf_buf_reset(&signature);
}

static void test_refuses_other_signers(void)
{
    struct kf_buf signature = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    sign("-outform DER -md sha256 -signer s2.pem -inkey k2.pem", &signature);
    refuse(kf_buf_slice(&signature), KF_CAUSE_SECRET, "CN=Signer 2, O=Contoso");
    sign("-outform DER -md sha256 -keyid -signer s2.pem -inkey k2.pem", &signature);
    refuse(kf_buf_slice(&signature), KF_CAUSE_SECRET, "nor trusted");
    /* one of two */
    sign("-outform DER -md sha256 -signer s0.pem -inkey k0.pem -signer s2.pem -inkey k2.pem",
         &signature);
    refuse(kf_buf_slice(&signature), KF_CAUSE_SECRET, "CN=Signer 2");
    sign("-outform DER -md sha256 -signer s0.pem -inkey k0.pem", &signature);
    CU_ASSERT_EQUAL(verify(kf_buf_slice(&signature), kf_buf_slice(&content), 0, 0, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SECRET);
    kf_buf_reset(&signature);
}

/* Another key under the issuer and serial number of an allowed certificate. */
static void test_refuses_an_impostor(void)
{
    struct kf_buf signature = KF_PUBLIC_BUF;
    X509 *genuine;
    X509 *impostor;
    const unsigned char *at;

    make_material();
    at = signers[0].data;
    genuine = d2i_X509(NULL, &at, (long)signers[0].len);
    impostor = material_cert(&(struct material_cert){
        .subject = "/O=Contoso/CN=Signer 0",
        .key = material_key("ec:P-256"),
        .serial = (uint64_t)ASN1_INTEGER_get(X509_get0_serialNumber(genuine)),
    });
    outside_write_cert("impostor.pem", impostor);
    sign("-outform DER -md sha256 -signer impostor.pem -inkey k2.pem", &signature);
    refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "the signature does not");
    X509_free(impostor);
    X509_free(genuine);
    kf_buf_reset(&signature);
}

static void test_refuses_weak_digests(void)
{
    static const char *const digests[] = {"md5", "sha1", "sha224"};
    struct kf_buf signature = KF_PUBLIC_BUF;

    for (size_t i = 0; i < 3; i++) {
        char options[100];

        (void)snprintf(options, sizeof(options), "-outform DER -md %s -signer s0.pem -inkey k0.pem",
                       digests[i]);
        sign(options, &signature);
        refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "weaker than SHA-256");
    }
    kf_buf_reset(&signature);
}

static void test_refuses_altered_content(void)
{
    static const char *const options[] = {
        "-outform DER -md sha256 -signer s0.pem -inkey k0.pem",
        "-outform DER -md sha256 -noattr -signer s0.pem -inkey k0.pem",
    };
    struct kf_buf signature = KF_PUBLIC_BUF;

    for (size_t i = 0; i < 2; i++) {
        sign(options[i], &signature);
        content.data[CONTENT_SIZE - 1] ^= 1;
        refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "altered");
        content.data[CONTENT_SIZE - 1] ^= 1;
        content.data[0] ^= 1;
        refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "altered");
        content.data[0] ^= 1;
        content.len--;
        refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "altered");
        content.len++;
        CU_ASSERT_EQUAL(verify(kf_buf_slice(&signature), kf_buf_slice(&content), 0, 1, NULL),
                        KF_OK);
    }
    kf_buf_reset(&signature);
}

static void test_refuses_other_structures(void)
{
    struct kf_buf signature = KF_PUBLIC_BUF;

    sign("-nodetach -outform DER -md sha256 -signer s0.pem -inkey k0.pem", &signature);
    refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "content of its own");
    CU_ASSERT_FATAL(outside_run("openssl crl2pkcs7 -nocrl -certfile s0.pem -outform DER -out sig"));
    outside_read("sig", &signature);
    refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "the signature has no signer");
    CU_ASSERT_FATAL(outside_run("openssl cms -data_create -in s0.pem -outform DER -out sig"));
    outside_read("sig", &signature);
    refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "no SignedData");
    refuse(kf_buf_slice(&signers[0]), KF_CAUSE_DATA, "not a CMS");
    refuse((struct kf_slice){NULL, 0}, KF_CAUSE_DATA, "not a CMS");
    CU_ASSERT_FATAL(outside_run("cp s0.pem sig"));
    outside_read("sig", &signature);
    refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "PEM");
    kf_buf_reset(&signature);
}

static void append(struct kf_buf *out, struct kf_slice bytes)
{
    CU_ASSERT_FATAL(kf_buf_append(out, bytes.data, bytes.len, NULL) == KF_OK);
}

/* Each digest is work for every byte of the content, and the list of them is not signed. */
static void test_refuses_many_digests(void)
{
    struct kf_buf signature = KF_PUBLIC_BUF;
    struct kf_buf changed = KF_PUBLIC_BUF;
    struct kf_slice at;
    struct kf_slice type = {NULL, 0};
    struct kf_slice version = {NULL, 0};
    struct kf_slice digests;
    size_t content_mark;
    size_t set_mark;

    sign("-outform DER -md sha256 -signer s0.pem -inkey k0.pem", &signature);
    at = kf_buf_slice(&signature);
    CU_ASSERT_FATAL(kf_der_get(&at, KF_DER_SEQUENCE, &at) && kf_der_get(&at, KF_DER_OID, &type) &&
                    kf_der_get(&at, KF_DER_CONTEXT_CONSTRUCTED | 0, &at) &&
                    kf_der_get(&at, KF_DER_SEQUENCE, &at) &&
                    kf_der_get(&at, KF_DER_INTEGER, &version) &&
                    kf_der_get(&at, KF_DER_SET, &digests));
    CU_ASSERT_FATAL(kf_der_put(&changed, KF_DER_OID, type, NULL) == KF_OK);
    content_mark = changed.len;
    CU_ASSERT_FATAL(kf_der_put(&changed, KF_DER_INTEGER, version, NULL) == KF_OK);
    set_mark = changed.len;
    for (int i = 0; i < 17; i++)
        append(&changed, digests);
    CU_ASSERT_FATAL(kf_der_wrap(&changed, set_mark, KF_DER_SET, NULL) == KF_OK);
    append(&changed, at);
    CU_ASSERT_FATAL(kf_der_wrap(&changed, content_mark, KF_DER_SEQUENCE, NULL) == KF_OK &&
                    kf_der_wrap(&changed, content_mark, KF_DER_CONTEXT_CONSTRUCTED | 0, NULL) ==
                        KF_OK &&
                    kf_der_wrap(&changed, 0, KF_DER_SEQUENCE, NULL) == KF_OK);
    refuse(kf_buf_slice(&changed), KF_CAUSE_DATA, "too many digests");
    kf_buf_reset(&changed);
    kf_buf_reset(&signature);
}

static void test_refuses_too_much(void)
{
    struct kf_buf signature = KF_PUBLIC_BUF;
    size_t len = KF_MAX_SIGNATURE + 1;

    make_material();
    CU_ASSERT_FATAL(
        outside_run("s=; for i in $(seq 17); do s=\"$s -signer s0.pem -inkey k0.pem\"; "
                    "done\n"
                    "openssl cms -sign -nocerts -binary -in content -outform DER -out sig $s"));
    outside_read("sig", &signature);
    refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "too many signers");
    kf_buf_clear(&signature);
    CU_ASSERT_FATAL(kf_buf_reserve(&signature, len, NULL) == KF_OK);
    memset(signature.data, 0x30, len);
    refuse((struct kf_slice){signature.data, len}, KF_CAUSE_LIMIT, "bytes");
    kf_buf_reset(&signature);
}

static void test_refuses_every_truncation(void)
{
    struct kf_buf signature = KF_PUBLIC_BUF;

    sign("-outform DER -md sha256 -signer s0.pem -inkey k0.pem", &signature);
    for (size_t len = 0; len < signature.len; len++)
        refuse((struct kf_slice){signature.data, len}, KF_CAUSE_DATA, "");
    CU_ASSERT_FATAL(kf_buf_append(&signature, "", 1, NULL) == KF_OK);
    refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "after the content info");
    sign("-outform PEM -md sha256 -signer s0.pem -inkey k0.pem", &signature);
    for (size_t len = 0; len < signature.len - 7; len += 7)
        refuse((struct kf_slice){signature.data, len}, KF_CAUSE_DATA, "");
    CU_ASSERT_FATAL(kf_buf_append(&signature, "x", 1, NULL) == KF_OK);
    refuse(kf_buf_slice(&signature), KF_CAUSE_DATA, "comes after it");
    kf_buf_reset(&signature);
}

static void sign_here(size_t which, const char *key, struct kf_buf *out, enum kf_status expected)
{
    const unsigned char *at = signers[which].data;
    struct kf_identity identity = {.key = material_key(key)};
    struct kf_input *input = NULL;

    identity.certificate = d2i_X509(NULL, &at, (long)signers[which].len);
    CU_ASSERT_FATAL(kf_input_from_memory(&input, "content", kf_buf_slice(&content), NULL) == KF_OK);
    CU_ASSERT_EQUAL(kf_detached_sign(material_crypto(), &identity, input, out, NULL), expected);
    kf_input_close(input);
    X509_free(identity.certificate);
}

static void test_signs_for_openssl(void)
{
    static const char *const keys[] = {"rsa:2048", "rsa:2048#2", "ec:P-256"};

    make_material();
    for (size_t i = 0; i < 3; i++) {
        struct kf_buf signature = KF_PUBLIC_BUF;

        sign_here(i, keys[i], &signature, KF_OK);
        outside_write("sig", kf_buf_slice(&signature));
        CU_ASSERT(outside_run("openssl cms -verify -binary -inform DER -in sig -content content "
                              "-CAfile s%zu.pem -purpose any -out back && cmp back content",
                              i));
        CU_ASSERT(outside_run("openssl cms -cmsout -print -noout -inform DER -in sig | grep -A1 "
                              "digestAlgorithm | grep sha256"));
        CU_ASSERT_EQUAL(verify(kf_buf_slice(&signature), kf_buf_slice(&content), i, 1, NULL),
                        KF_OK);
        kf_buf_reset(&signature);
    }
}

static void test_refuses_to_sign(void)
{
    struct kf_buf signature = KF_PUBLIC_BUF;
    struct kf_identity identity = {.key = material_key("rsa:2048")};
    struct kf_input *input = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    make_material();
    sign_here(0, "rsa:2048#2", &signature, KF_FATAL); /* not the certificate's key */
    CU_ASSERT_FATAL(kf_input_from_memory(&input, "content", kf_buf_slice(&content), NULL) == KF_OK);
    CU_ASSERT_EQUAL(kf_detached_sign(material_crypto(), &identity, input, &signature, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SECRET);
    CU_ASSERT_EQUAL(signature.len, 0);
    kf_input_close(input);
    kf_buf_reset(&signature);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"verifies what openssl signs", test_verifies},
        {"reads in small steps", test_reads_in_small_steps},
        {"a read error is no bad signature", test_read_error},
        {"refuses other signers", test_refuses_other_signers},
        {"refuses an impostor", test_refuses_an_impostor},
        {"refuses weak digests", test_refuses_weak_digests},
        {"refuses altered content", test_refuses_altered_content},
        {"refuses other structures", test_refuses_other_structures},
        {"refuses many digests", test_refuses_many_digests},
        {"refuses too much", test_refuses_too_much},
        {"refuses every truncation", test_refuses_every_truncation},
        {"signs for openssl", test_signs_for_openssl},
        {"refuses to sign", test_refuses_to_sign},
        {NULL, NULL},
    };
    int code = suite_run("detached", tests);

    free_material();
    return code;
}

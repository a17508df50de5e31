/*
 * Recovery blobs: written for openssl, read in the three encodings that are seen.
 */
#include "crypto/recblob.h"

#include <string.h>

#include "core/der.h"
#include "core/limits.h"
#include "crypto/keyblob.h"
#include "crypto/seal.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

/* One user's key, archived for two agents, and a CA; made once. */
static struct {
    X509 *user;
    X509 *renewed; /* another certificate of the user's key */
    X509 *other;
    struct kf_identity ca;
    struct kf_identity agents[2];
    struct kf_buf key;  /* the user's, PKCS #8 */
    struct kf_buf blob; /* the private key blob that is sealed */
    struct kf_buf sealed;
    struct kf_buf certificates[5]; /* user, renewed, agents, CA */
} m;

static void make_sealed(void)
{
    struct kf_kra kras[2];
    const struct kf_kra *list[2] = {&kras[0], &kras[1]};
    struct kf_sealer *sealer = NULL;
    struct kf_privkey key;

    CU_ASSERT_FATAL(kf_privkey_parse(kf_buf_slice(&m.key), &key, NULL) == KF_OK);
    CU_ASSERT_FATAL(kf_keyblob_write(material_crypto(), &key, &m.blob, NULL) == KF_OK);
    for (size_t i = 0; i < 2; i++) {
        struct kf_buf der = KF_PUBLIC_BUF;

        material_der(m.agents[i].certificate, &der);
        CU_ASSERT_FATAL(kf_kra_parse(material_crypto(), kf_buf_slice(&der), 2048, &kras[i], NULL) ==
                        KF_OK);
        kf_buf_reset(&der);
    }
    CU_ASSERT_FATAL(kf_sealer_new(material_crypto(), list, 2, KF_SEAL_WINDOWS, &sealer, NULL) ==
                    KF_OK);
    CU_ASSERT_FATAL(kf_seal(sealer, kf_buf_slice(&m.blob), &m.sealed, NULL) == KF_OK);
    kf_sealer_free(sealer);
    kf_kra_reset(&kras[0]);
    kf_kra_reset(&kras[1]);
}

static void make(void)
{
    EVP_PKEY *user_key = material_key("rsa:2048");

    m.sealed = KF_PUBLIC_BUF;
    m.ca.key = material_key("rsa:2048#2");
    m.ca.certificate = material_cert(&(struct material_cert){
        .subject = "/O=Contoso/CN=Contoso CA", .key = m.ca.key, .is_ca = true});
    m.user = material_cert(&(struct material_cert){
        .subject = "/CN=Jo", .key = user_key, .issuer = m.ca.certificate, .issuer_key = m.ca.key});
    m.renewed = material_cert(&(struct material_cert){
        .subject = "/CN=Jo", .key = user_key, .issuer = m.ca.certificate, .issuer_key = m.ca.key});
    m.other = material_cert(
        &(struct material_cert){.subject = "/CN=Other", .key = material_key("ec:P-256")});
    m.agents[0].key = material_key("rsa:2048#3");
    m.agents[1].key = material_key("rsa:2048#4");
    m.agents[0].certificate = material_kra("Agent 0", m.agents[0].key);
    m.agents[1].certificate = material_kra("Agent 1", m.agents[1].key);
    material_pkcs8(user_key, &m.key);
    for (size_t i = 0; i < 5; i++)
        m.certificates[i] = KF_PUBLIC_BUF;
    material_der(m.user, &m.certificates[0]);
    material_der(m.renewed, &m.certificates[1]);
    material_der(m.agents[0].certificate, &m.certificates[2]);
    material_der(m.agents[1].certificate, &m.certificates[3]);
    material_der(m.ca.certificate, &m.certificates[4]);
    make_sealed();
    outside_write("sealed", kf_buf_slice(&m.sealed));
    outside_write_cert("ca.pem", m.ca.certificate);
    outside_write_key("ca.key", m.ca.key);
    outside_write_cert("user.pem", m.user);
    outside_write_cert("kra.pem", m.agents[1].certificate);
    outside_write_key("kra.key", m.agents[1].key);
}

static void free_all(void)
{
    X509_free(m.user);
    X509_free(m.renewed);
    X509_free(m.other);
    X509_free(m.ca.certificate);
    X509_free(m.agents[0].certificate);
    X509_free(m.agents[1].certificate);
    kf_buf_reset(&m.key);
    kf_buf_reset(&m.blob);
    kf_buf_reset(&m.sealed);
    for (size_t i = 0; i < 5; i++)
        kf_buf_reset(&m.certificates[i]);
}

/* Of the user's certificate, or of the renewed one; carries both, but for what is left out. */
static void write_blob(bool is_signed, const X509 *hash_of, size_t leave_out, struct kf_buf *out)
{
    struct kf_slice certificates[10];
    struct kf_recblob_parts parts = {.certificates = certificates};

    for (size_t i = leave_out; i < 5; i++)
        certificates[parts.certificate_count++] = kf_buf_slice(&m.certificates[i]);
    for (size_t i = leave_out; i < 5; i++) /* each twice: a chain may well repeat */
        certificates[parts.certificate_count++] = kf_buf_slice(&m.certificates[i]);
    parts.sealed = kf_buf_slice(&m.sealed);
    CU_ASSERT_FATAL(X509_digest(hash_of, material_crypto()->sha1, parts.certificate_sha1, NULL) ==
                    1);
    kf_buf_clear(out);
    CU_ASSERT_FATAL(
        kf_recblob_write(material_crypto(), &parts, is_signed ? &m.ca : NULL, out, NULL) == KF_OK);
}

static enum kf_status read_blob(struct kf_slice bytes, struct kf_recblob *blob,
                                struct kf_error *error)
{
    return kf_recblob_read(material_crypto(), bytes, blob, error);
}

static enum kf_status open_blob(const struct kf_recblob *blob, const struct kf_identity *identities,
                                size_t count, struct kf_buf *key, X509 **certificate,
                                struct kf_error *error)
{
    return kf_recblob_open(material_crypto(), blob, identities, count, NULL, key, certificate,
                           error);
}

/* Reads and opens; the key is the user's. The blob is the caller's. */
static void recovers(struct kf_slice bytes, struct kf_recblob *blob, const X509 *expected)
{
    struct kf_buf key = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    X509 *certificate = NULL;

    CU_ASSERT_EQUAL(read_blob(bytes, blob, &error), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&blob->sealed), kf_buf_slice(&m.sealed)));
    CU_ASSERT_EQUAL(open_blob(blob, m.agents, 2, &key, &certificate, &error), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&key), kf_buf_slice(&m.key)));
    CU_ASSERT((certificate == NULL) == (expected == NULL));
    CU_ASSERT(certificate == NULL || X509_cmp(certificate, expected) == 0);
    if (error.cause != KF_CAUSE_NONE)
        (void)printf("%s\n", error.text);
    X509_free(certificate);
    kf_buf_reset(&key);
}

/* The commands of archive.md, as they stand there. */
static void test_outside_proof(void)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;

    write_blob(true, m.user, 0, &bytes);
    outside_write("x.rec", kf_buf_slice(&bytes));
    CU_ASSERT(outside_run(
        "openssl cms -verify -noverify -binary -inform DER -in x.rec -out inner.der &&\n"
        "openssl cms -decrypt -binary -inform DER -in inner.der -inkey kra.key -recip kra.pem -out "
        "key.blob &&\n"
        "openssl rsa -inform MSBLOB -in key.blob -check -noout"));
    CU_ASSERT(outside_equals("inner.der", kf_buf_slice(&m.sealed)));
    CU_ASSERT(outside_equals("key.blob", kf_buf_slice(&m.blob)));
    kf_buf_reset(&bytes);
}

static void test_what_is_written(void)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_recblob blob;

    write_blob(true, m.user, 0, &bytes);
    outside_write("x.rec", kf_buf_slice(&bytes));
    CU_ASSERT(outside_run("openssl cms -verify -binary -purpose any -CAfile ca.pem -inform DER "
                          "-in x.rec -out inner.der"));
    CU_ASSERT(outside_run(
        "h=$(openssl x509 -in user.pem -noout -fingerprint -sha1 | sed 's/.*=//' | tr -d :)\n"
        "openssl asn1parse -inform DER -in x.rec > t\n"
        "grep -A2 ':1.3.6.1.4.1.311.21.16' t | grep 'OCTET STRING' | grep -q \":$h\" &&\n"
        "grep -q ':contentType' t && grep -q ':messageDigest' t && grep -q ':signingTime' t &&\n"
        "! grep -q 'S/MIME Cap' t"));
    CU_ASSERT(outside_run("openssl pkcs7 -inform DER -in x.rec -print_certs | grep -c subject= | "
                          "grep -x 5"));
    recovers(kf_buf_slice(&bytes), &blob, m.user);
    CU_ASSERT(blob.is_signed && blob.signature_good && blob.has_certificate_sha1);
    CU_ASSERT_EQUAL(sk_X509_num(blob.certificates), 5);
    CU_ASSERT_STRING_EQUAL(blob.signer, "CN=Contoso CA, O=Contoso");
    kf_recblob_reset(&blob);

    write_blob(false, m.user, 0, &bytes);
    outside_write("x.rec", kf_buf_slice(&bytes));
    CU_ASSERT(outside_run("openssl pkcs7 -inform DER -in x.rec -print_certs | grep -c subject= | "
                          "grep -x 5"));
    recovers(kf_buf_slice(&bytes), &blob, m.user);
    CU_ASSERT(!blob.is_signed && !blob.signature_good && !blob.has_certificate_sha1);
    CU_ASSERT_PTR_NULL(blob.signer);
    CU_ASSERT_EQUAL(sk_X509_num(blob.certificates), 5);
    kf_recblob_reset(&blob);
    kf_buf_reset(&bytes);
}

/* The signed hash picks among the certificates of the key; the key decides. */
static void test_which_certificate(void)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_recblob blob;

    write_blob(true, m.renewed, 0, &bytes);
    recovers(kf_buf_slice(&bytes), &blob, m.renewed);
    kf_recblob_reset(&blob);
    write_blob(true, m.other, 0, &bytes); /* names one that is not there */
    recovers(kf_buf_slice(&bytes), &blob, m.user);
    kf_recblob_reset(&blob);
    write_blob(true, m.agents[0].certificate, 0, &bytes); /* names one that is not the key's */
    recovers(kf_buf_slice(&bytes), &blob, m.user);
    kf_recblob_reset(&blob);
    write_blob(true, m.user, 2, &bytes); /* has none of the key's */
    recovers(kf_buf_slice(&bytes), &blob, NULL);
    kf_recblob_reset(&blob);
    kf_buf_reset(&bytes);
}

static void test_extra_certificates(void)
{
    STACK_OF(X509) *extra = sk_X509_new_null();
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_buf key = KF_SECRET_BUF;
    struct kf_recblob blob;
    X509 *certificate = NULL;

    write_blob(true, m.renewed, 2, &bytes);
    CU_ASSERT_FATAL(sk_X509_push(extra, m.other) > 0 && sk_X509_push(extra, m.user) > 0 &&
                    sk_X509_push(extra, m.renewed) > 0);
    CU_ASSERT_FATAL(read_blob(kf_buf_slice(&bytes), &blob, NULL) == KF_OK);
    CU_ASSERT_EQUAL(
        kf_recblob_open(material_crypto(), &blob, m.agents, 2, extra, &key, &certificate, NULL),
        KF_OK);
    CU_ASSERT(certificate != NULL && X509_cmp(certificate, m.renewed) == 0);
    X509_free(certificate);
    kf_recblob_reset(&blob);
    kf_buf_reset(&key);
    kf_buf_reset(&bytes);
    sk_X509_free(extra);
}

/* The EnvelopedData inside of the sealed key's ContentInfo: its content, and all of it. */
static void find_envelope(struct kf_slice *content, struct kf_slice *whole)
{
    struct kf_slice at = kf_buf_slice(&m.sealed);

    CU_ASSERT_FATAL(kf_der_get(&at, KF_DER_SEQUENCE, &at) && kf_der_get(&at, KF_DER_OID, NULL) &&
                    kf_der_get(&at, KF_DER_CONTEXT_CONSTRUCTED | 0, whole));
    at = *whole;
    CU_ASSERT_FATAL(kf_der_get(&at, KF_DER_SEQUENCE, content));
}

/* Signs content with openssl; no signature is left where options ask for none. */
static void sign_content(struct kf_slice content, const char *options, struct kf_buf *out)
{
    outside_write("content", content);
    CU_ASSERT_FATAL(outside_run("openssl cms -sign -nodetach -binary -in content -signer ca.pem "
                                "-inkey ca.key -certfile user.pem -out signed %s",
                                options));
    outside_read("signed", out);
}

/* Gives the content the tag of a SEQUENCE, as PKCS #7 1.5 has it; the signature is the same. */
static void make_bare(struct kf_buf *blob)
{
    struct kf_slice at = kf_buf_slice(blob);

    CU_ASSERT_FATAL(kf_der_get(&at, KF_DER_SEQUENCE, &at) && kf_der_get(&at, KF_DER_OID, NULL) &&
                    kf_der_get(&at, KF_DER_CONTEXT_CONSTRUCTED | 0, &at) &&
                    kf_der_get(&at, KF_DER_SEQUENCE, &at) &&
                    kf_der_get(&at, KF_DER_INTEGER, NULL) && kf_der_get(&at, KF_DER_SET, NULL) &&
                    kf_der_get(&at, KF_DER_SEQUENCE, &at) && kf_der_get(&at, KF_DER_OID, NULL) &&
                    kf_der_get(&at, KF_DER_CONTEXT_CONSTRUCTED | 0, &at));
    CU_ASSERT_EQUAL_FATAL(at.data[0], KF_DER_OCTET_STRING);
    blob->data[at.data - blob->data] = KF_DER_SEQUENCE;
}

static void is_signed_blob(const struct kf_buf *bytes)
{
    struct kf_recblob blob;

    recovers(kf_buf_slice(bytes), &blob, m.user);
    CU_ASSERT(blob.is_signed && blob.signature_good);
    CU_ASSERT_EQUAL(sk_X509_num(blob.certificates), 2);
    kf_recblob_reset(&blob);
}

/* As openssl signs it, in DER and in BER with indefinite lengths. */
static void test_three_encodings(void)
{
    static const char *const forms[] = {"-outform DER", "-outform DER -stream",
                                        "-outform DER -noattr"};
    struct kf_slice content;
    struct kf_slice whole;
    struct kf_buf bytes = KF_PUBLIC_BUF;
    char options[100];

    find_envelope(&content, &whole);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        sign_content(kf_buf_slice(&m.sealed), forms[i], &bytes);
        is_signed_blob(&bytes);
        (void)snprintf(options, sizeof(options), "-econtent_type pkcs7-envelopedData %s", forms[i]);
        sign_content(whole, options, &bytes);
        is_signed_blob(&bytes);
        sign_content(kf_buf_slice(&m.sealed), options, &bytes);
        is_signed_blob(&bytes);
    }
    for (size_t i = 0; i < 2; i++) {
        sign_content(content,
                     i == 0 ? "-econtent_type pkcs7-envelopedData -outform DER"
                            : "-econtent_type pkcs7-envelopedData -outform DER -noattr",
                     &bytes);
        make_bare(&bytes);
        outside_write("bare", kf_buf_slice(&bytes));
        CU_ASSERT(outside_run("openssl pkcs7 -inform DER -in bare -noout"));
        is_signed_blob(&bytes);
    }
    kf_buf_reset(&bytes);
}

/* The bare SEQUENCE with an indefinite length around it all, and a signature that PKCS #7 made. */
static void test_bare_in_ber(void)
{
    struct kf_slice content;
    struct kf_slice whole;
    struct kf_slice inside;
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_buf ber = KF_PUBLIC_BUF;

    find_envelope(&content, &whole);
    sign_content(content, "-econtent_type pkcs7-envelopedData -outform DER", &bytes);
    make_bare(&bytes);
    inside = kf_buf_slice(&bytes);
    CU_ASSERT_FATAL(kf_der_get(&inside, KF_DER_SEQUENCE, &inside));
    CU_ASSERT_FATAL(kf_buf_append(&ber, "\x30\x80", 2, NULL) == KF_OK &&
                    kf_buf_append(&ber, inside.data, inside.len, NULL) == KF_OK &&
                    kf_buf_append(&ber, "\0\0", 2, NULL) == KF_OK);
    is_signed_blob(&ber);
    kf_buf_reset(&ber);
    kf_buf_reset(&bytes);
}

static void test_bare_envelope(void)
{
    struct kf_recblob blob;

    recovers(kf_buf_slice(&m.sealed), &blob, NULL);
    CU_ASSERT(!blob.is_signed && !blob.signature_good);
    CU_ASSERT_EQUAL(sk_X509_num(blob.certificates), 0);
    kf_recblob_reset(&blob);
}

static void test_text_forms(void)
{
    static const char *const commands[] = {
        "openssl cms -cmsout -inform DER -in x.rec -outform PEM -out text",
        "openssl pkcs7 -inform DER -in x.rec -outform PEM -out text",
        "(echo for Jo; openssl pkcs7 -inform DER -in x.rec; echo) | sed 's/$/\\r/' > text",
        "openssl base64 -in x.rec -out text",
        "openssl base64 -in x.rec | sed 's/$/\\r/' > text",
        "openssl base64 -A -in x.rec -out text",
        "openssl base64 -in sealed -out text",
    };
    struct kf_buf bytes = KF_PUBLIC_BUF;

    write_blob(true, m.user, 0, &bytes);
    outside_write("x.rec", kf_buf_slice(&bytes));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct kf_recblob blob;

        CU_ASSERT_FATAL(outside_run("%s", commands[i]));
        outside_read("text", &bytes);
        recovers(kf_buf_slice(&bytes), &blob, i < 6 ? m.user : NULL);
        CU_ASSERT_EQUAL(blob.signature_good, i < 6);
        kf_recblob_reset(&blob);
    }
    kf_buf_reset(&bytes);
}

/* Whatever is altered, the signature is good no more, or what it covers is as it was. */
static void test_altered(void)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;
    size_t good = 0;

    write_blob(true, m.user, 4, &bytes); /* the CA's certificate alone */
    for (size_t i = 0; i < bytes.len; i += 3) {
        struct kf_recblob blob;

        bytes.data[i] ^= 0x04;
        if (read_blob(kf_buf_slice(&bytes), &blob, NULL) == KF_OK && blob.signature_good) {
            CU_ASSERT(kf_slice_equal(kf_buf_slice(&blob.sealed), kf_buf_slice(&m.sealed)));
            good++;
        }
        kf_recblob_reset(&blob);
        bytes.data[i] ^= 0x04;
    }
    CU_ASSERT(good < bytes.len / 6); /* the certificate's own signature is nobody's concern here */
    kf_buf_reset(&bytes);
}

/* Content of one type under a signature for another. */
static void test_type_is_signed(void)
{
    struct kf_slice content;
    struct kf_slice whole;
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_recblob blob;

    find_envelope(&content, &whole);
    sign_content(whole, "-econtent_type pkcs7-envelopedData -outform DER", &bytes);
    for (size_t i = 0; i + 10 < bytes.len; i++) { /* the first one is the content's */
        if (memcmp(bytes.data + i, "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", 11) == 0) {
            bytes.data[i + 10] = 1;
            break;
        }
    }
    CU_ASSERT_EQUAL(read_blob(kf_buf_slice(&bytes), &blob, NULL), KF_OK);
    CU_ASSERT(blob.is_signed && !blob.signature_good);
    kf_recblob_reset(&blob);
    kf_buf_reset(&bytes);
}

static void refuses(struct kf_slice bytes)
{
    struct kf_recblob blob;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(read_blob(bytes, &blob, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    CU_ASSERT_EQUAL(blob.sealed.len, 0);
    CU_ASSERT_PTR_NULL(blob.certificates);
}

static void test_refuses_every_truncation(void)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;

    write_blob(true, m.user, 0, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        struct kf_buf cut = KF_PUBLIC_BUF; /* of its own, so that reading beyond it is seen */

        CU_ASSERT_FATAL(kf_buf_append(&cut, bytes.data, len, NULL) == KF_OK);
        refuses(kf_buf_slice(&cut));
        kf_buf_reset(&cut);
    }
    CU_ASSERT_FATAL(kf_buf_append(&bytes, "", 1, NULL) == KF_OK);
    refuses(kf_buf_slice(&bytes));
    kf_buf_reset(&bytes);
}

static void test_refuses_other_content(void)
{
    struct kf_slice content;
    struct kf_slice whole;
    struct kf_buf bytes = KF_PUBLIC_BUF;

    find_envelope(&content, &whole);
    refuses(kf_slice_of("no blob at all"));
    refuses(kf_slice_of("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"));
    refuses(kf_slice_of("-----BEGIN CMS-----\nMAA=\n-----END PKCS7-----\n"));
    refuses(kf_slice_of("-----BEGIN CMS-----\nMAA=\n"));
    refuses(kf_slice_of("-----BEGIN CMS-----\nMAA=\n-----END CMS-----\nand more"));
    refuses(kf_slice_of("-----BEGIN CMS-----\nM!A=\n-----END CMS-----\n"));
    refuses(kf_buf_slice(&m.certificates[0]));
    refuses(whole); /* an EnvelopedData without a ContentInfo says nothing of itself */
    sign_content(kf_slice_of("hello"), "-outform DER", &bytes);
    refuses(kf_buf_slice(&bytes));
    sign_content(kf_buf_slice(&m.certificates[0]), "-outform DER", &bytes);
    refuses(kf_buf_slice(&bytes));
    sign_content(whole, "-econtent_type id-smime-ct-TSTInfo -outform DER", &bytes);
    refuses(kf_buf_slice(&bytes));
    sign_content(content, "-outform DER", &bytes); /* a bare SEQUENCE that is called data */
    make_bare(&bytes);
    refuses(kf_buf_slice(&bytes));
    CU_ASSERT_FATAL(outside_run("openssl crl2pkcs7 -nocrl -certfile ca.pem -outform DER -out x"));
    outside_read("x", &bytes);
    refuses(kf_buf_slice(&bytes)); /* no content */
    kf_buf_reset(&bytes);
}

static void test_refuses_too_long(void)
{
    size_t len = 2 * (size_t)KF_MAX_ENVELOPE + 1;
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_recblob blob;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_FATAL(kf_buf_reserve(&bytes, len, NULL) == KF_OK);
    memset(bytes.data, 'M', len);
    CU_ASSERT_EQUAL(read_blob((struct kf_slice){bytes.data, len}, &blob, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_LIMIT);
    kf_buf_reset(&bytes);
}

static void test_wrong_keys(void)
{
    struct kf_identity stranger = {.key = material_key("rsa:1024")};
    struct kf_identity several[2] = {stranger, m.agents[1]};
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_buf key = KF_SECRET_BUF;
    struct kf_recblob blob;
    X509 *certificate = NULL;

    write_blob(true, m.user, 0, &bytes);
    CU_ASSERT_FATAL(read_blob(kf_buf_slice(&bytes), &blob, NULL) == KF_OK);
    for (size_t count = 0; count <= 1; count++) {
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        CU_ASSERT_EQUAL(open_blob(&blob, &stranger, count, &key, &certificate, &error), KF_SKIP);
        CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SECRET);
        CU_ASSERT_PTR_NULL(certificate);
        CU_ASSERT_EQUAL(key.len, 0);
    }
    CU_ASSERT_EQUAL(open_blob(&blob, several, 2, &key, &certificate, NULL), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&key), kf_buf_slice(&m.key)));
    X509_free(certificate);
    kf_buf_reset(&key);
    kf_recblob_reset(&blob);
    kf_buf_reset(&bytes);
}

/* What the agent's key opens is no private key. */
static void test_no_key_inside(void)
{
    struct kf_recblob blob;
    struct kf_buf bytes = KF_PUBLIC_BUF;
    struct kf_buf key = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    X509 *certificate = NULL;

    CU_ASSERT_FATAL(outside_run("printf 'not a private key' | openssl cms -encrypt -binary -aes256 "
                                "-outform DER -out x -recip kra.pem"));
    outside_read("x", &bytes);
    CU_ASSERT_FATAL(read_blob(kf_buf_slice(&bytes), &blob, NULL) == KF_OK);
    CU_ASSERT_EQUAL(open_blob(&blob, m.agents, 2, &key, &certificate, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    CU_ASSERT_EQUAL(key.len, 0);
    kf_recblob_reset(&blob);
    kf_buf_reset(&bytes);
}

static void test_refuses_to_write(void)
{
    struct kf_slice broken = kf_slice_of("no certificate");
    struct kf_recblob_parts parts = {.certificates = &broken, .certificate_count = 1};
    struct kf_identity signer = {.key = m.ca.key};
    struct kf_buf out = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_recblob blob;

    parts.sealed = kf_buf_slice(&m.sealed);
    CU_ASSERT_EQUAL(kf_recblob_write(material_crypto(), &parts, &signer, &out, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SECRET);
    signer.certificate = m.user; /* not the key's */
    CU_ASSERT_EQUAL(kf_recblob_write(material_crypto(), &parts, &signer, &out, NULL), KF_FATAL);
    CU_ASSERT_EQUAL(out.len, 0);
    /* a certificate that cannot be read is left out, and the key is there */
    CU_ASSERT_EQUAL(kf_recblob_write(material_crypto(), &parts, &m.ca, &out, NULL), KF_OK);
    recovers(kf_buf_slice(&out), &blob, NULL);
    CU_ASSERT(blob.signature_good);
    CU_ASSERT_EQUAL(sk_X509_num(blob.certificates), 1);
    kf_recblob_reset(&blob);
    kf_buf_reset(&out);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"material", make}, /* which the others need */
        {"outside proof", test_outside_proof},
        {"what is written", test_what_is_written},
        {"which certificate", test_which_certificate},
        {"extra certificates", test_extra_certificates},
        {"three encodings", test_three_encodings},
        {"a bare SEQUENCE in BER", test_bare_in_ber},
        {"an envelope alone", test_bare_envelope},
        {"PEM and base64", test_text_forms},
        {"altered", test_altered},
        {"the content's type is signed", test_type_is_signed},
        {"refuses every truncation", test_refuses_every_truncation},
        {"refuses other content", test_refuses_other_content},
        {"refuses what is too long", test_refuses_too_long},
        {"wrong keys", test_wrong_keys},
        {"no key inside", test_no_key_inside},
        {"refuses to write", test_refuses_to_write},
        {NULL, NULL},
    };
    int code;

    code = suite_run("recblob", tests);
    free_all();
    return code;
}

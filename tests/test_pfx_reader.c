/*
 * The PKCS #12 reader: many keys, pairing, bags, keys and certificates of every kind. Passwords and
 * MACs are in test_pfx_passwords.c, encodings in test_pfx_encodings.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/der.h"
#include "readers/formats.h"
#include "tests/support/material.h"
#include "tests/support/pfx_parts.h"
#include "tests/support/pfx_run.h"
#include "tests/support/suite.h"

#define SECRET "secret"

static struct pfx_part jo;
static struct pfx_part al;

static void run_parts(struct pfx_parts *parts, struct pfx_run *run)
{
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct kf_buf file = KF_PUBLIC_BUF;

    pfx_parts_finish(parts, &mac, &file);
    pfx_run_with(run, kf_buf_slice(&file), SECRET);
    CU_ASSERT_EQUAL(run->status, KF_END);
    kf_buf_reset(&file);
}

static bool says(const struct pfx_run *run, const char *line)
{
    return run->outline != NULL && strstr(run->outline, line) != NULL;
}

static void test_one_key(void)
{
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;
    const struct kf_record *record;

    pfx_usual(&file, &jo, SECRET);
    pfx_run_with(&run, kf_buf_slice(&file), SECRET);
    CU_ASSERT_FATAL(run.status == KF_END && run.records.count == 1 && run.proven == 1);
    record = &run.records.records[0];
    CU_ASSERT_EQUAL(record->outcome, KF_PENDING);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&record->pkcs8), kf_buf_slice(&jo.pkcs8)));
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&record->cert), kf_buf_slice(&jo.cert)));
    CU_ASSERT_TRUE(record->has_facts);
    CU_ASSERT_STRING_EQUAL(record->facts.common_name, "Jo");
    CU_ASSERT_STRING_EQUAL(record->friendly_name, "usual");
    CU_ASSERT_STRING_EQUAL(record->place, "key 1");
    CU_ASSERT_EQUAL(record->secret_index, 0);
    CU_ASSERT_FALSE(record->pkcs8.is_public);
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

/* 200 keys in, 200 accounted for: two have no certificate, and three are damaged */
static void test_two_hundred(void)
{
    struct pfx_parts parts;
    struct pfx_run run;
    struct pfx_part part;
    char name[32];

    pfx_parts_begin(&parts, SECRET);
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof(name), "/CN=User %u", i);
        pfx_part_fresh(&part, name);
        if (i == 100 || i == 101 || i == 199)
            part.pkcs8.data[part.pkcs8.len / 2] ^= 1;
        pfx_parts_key(&parts, &part, name, name);
        if (i != 50 && i != 150)
            pfx_parts_cert(&parts, &part, name, name);
        pfx_part_reset(&part);
    }
    run_parts(&parts, &run);
    CU_ASSERT_EQUAL(run.records.count, 200);
    CU_ASSERT_EQUAL(run.proven, 195);
    CU_ASSERT_EQUAL(run.failed + run.mismatched, 5);
    CU_ASSERT(run.largest_batch <= 64);
    for (size_t i = 0; i < run.records.count; i++) {
        const struct kf_record *record = &run.records.records[i];

        CU_ASSERT(record->outcome != KF_FAILED || record->pkcs8.len == 0);
        CU_ASSERT(record->outcome == KF_PENDING || record->error.text[0] != '\0');
    }
    pfx_run_reset(&run);
}

/* Which certificate the first key got: the common name, or "" */
static void pairs(struct pfx_parts *parts, const char *expected, const char *how)
{
    struct pfx_run run;
    const struct kf_record *record;

    run_parts(parts, &run);
    CU_ASSERT_FATAL(run.records.count != 0);
    record = &run.records.records[0];
    if (expected != NULL) {
        CU_ASSERT_EQUAL(run.proven, run.records.count);
        CU_ASSERT_FATAL(record->has_facts);
        CU_ASSERT_STRING_EQUAL(record->facts.common_name, expected);
    } else {
        CU_ASSERT_EQUAL(run.failed, 1);
        CU_ASSERT_EQUAL(record->error.cause, KF_CAUSE_DATA);
        CU_ASSERT_EQUAL(record->pkcs8.len, 0);
    }
    CU_ASSERT_TRUE(says(&run, how));
    pfx_run_reset(&run);
}

#define BY_BOTH  "pairing: localKeyID and public key\n"
#define BY_KEY   "pairing: public key\n"
#define WRONG_ID "pairing: public key, although its localKeyID is another certificate's\n"
#define BY_NONE  "pairing: none\n"

/* keys and certificates in opposite orders, with these identifiers */
static void two(struct pfx_parts *parts, const char *jo_key, const char *al_key,
                const char *jo_cert, const char *al_cert)
{
    pfx_parts_begin(parts, SECRET);
    pfx_parts_key(parts, &jo, NULL, jo_key);
    pfx_parts_key(parts, &al, NULL, al_key);
    pfx_parts_cert(parts, &al, NULL, al_cert);
    pfx_parts_cert(parts, &jo, NULL, jo_cert);
}

static void test_pairing(void)
{
    struct pfx_parts parts;

    two(&parts, "1", "2", "1", "2");
    pairs(&parts, "Jo", BY_BOTH);
    two(&parts, NULL, NULL, NULL, NULL);
    pairs(&parts, "Jo", BY_KEY);
    two(&parts, NULL, NULL, "1", "2");
    pairs(&parts, "Jo", BY_KEY);
    two(&parts, "1", "2", NULL, NULL);
    pairs(&parts, "Jo", BY_KEY);
    two(&parts, "1", "1", "1", "1"); /* the same on all */
    pairs(&parts, "Jo", BY_BOTH);
    two(&parts, "1", "2", "2", "1"); /* the other's */
    pairs(&parts, "Jo", WRONG_ID);
    two(&parts, "1", "2", "3", "4"); /* nobody's */
    pairs(&parts, "Jo", BY_KEY);
}

static void test_no_certificate(void)
{
    struct pfx_parts parts;

    pfx_parts_begin(&parts, SECRET);
    pfx_parts_key(&parts, &jo, NULL, "1");
    pairs(&parts, NULL, BY_NONE);

    /* the identifier is on two certificates, of which none is its own: no telling which is meant */
    pfx_parts_begin(&parts, SECRET);
    pfx_parts_key(&parts, &jo, NULL, "1");
    pfx_parts_cert(&parts, &al, NULL, "1");
    pfx_parts_cert(&parts, &al, NULL, "1");
    pairs(&parts, NULL, BY_NONE);

    /* two certificates, no identifiers */
    pfx_parts_begin(&parts, SECRET);
    pfx_parts_key(&parts, &jo, NULL, NULL);
    pfx_parts_cert(&parts, &al, NULL, NULL);
    pfx_parts_cert(&parts, &al, NULL, NULL);
    pairs(&parts, NULL, BY_NONE);
}

/* linked to a certificate that is another key's, which is not in the file */
static void test_mismatch(void)
{
    for (int with_id = 0; with_id < 2; with_id++) {
        struct pfx_parts parts;
        struct pfx_run run;
        const struct kf_record *record;

        pfx_parts_begin(&parts, SECRET);
        pfx_parts_key(&parts, &jo, NULL, with_id ? "1" : NULL);
        pfx_parts_cert(&parts, &al, NULL, with_id ? "1" : NULL);
        run_parts(&parts, &run);
        CU_ASSERT_FATAL(run.records.count == 1);
        record = &run.records.records[0];
        CU_ASSERT_TRUE(record->key_mismatch);
        CU_ASSERT_EQUAL(record->outcome, KF_PENDING); /* the import rules decide */
        CU_ASSERT_EQUAL(record->error.code, KF_E_INVALIDARG);
        CU_ASSERT_STRING_EQUAL(record->error.rule, "[MS-CSRA] 3.1.4.2.16");
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&record->cert), kf_buf_slice(&al.cert)));
        CU_ASSERT(record->pkcs8.len != 0);
        CU_ASSERT_TRUE(says(&run, "pairing: linked, but the public keys differ\n"));
        pfx_run_reset(&run);
    }
}

/* a key that claims a certificate which another key really has: that one gets it, in any order */
static void test_claim_of_another(void)
{
    for (int first = 0; first < 2; first++) {
        struct pfx_parts parts;
        struct pfx_run run;

        pfx_parts_begin(&parts, SECRET);
        if (first)
            pfx_parts_key(&parts, &jo, NULL, "1");
        pfx_parts_key(&parts, &al, NULL, "2");
        if (!first)
            pfx_parts_key(&parts, &jo, NULL, "1");
        pfx_parts_cert(&parts, &al, NULL, "1");
        run_parts(&parts, &run);
        CU_ASSERT_EQUAL(run.records.count, 2);
        CU_ASSERT_EQUAL(run.proven, 1);
        CU_ASSERT_EQUAL(run.failed, 1);
        CU_ASSERT_EQUAL(run.mismatched, 0);
        pfx_run_reset(&run);
    }
}

/* a renewed certificate: both are the key's, and the identifier chooses; without one, each of two
 * equal keys gets one of its own */
static void test_several_certificates(void)
{
    struct pfx_part renewed = {.cert = KF_PUBLIC_BUF};
    const struct material_cert what = {.subject = "/CN=Jo again", .key = material_key("ec:P-256")};
    struct pfx_parts parts;
    struct pfx_run run;

    material_cert_der(&what, &renewed.cert);
    pfx_parts_begin(&parts, SECRET);
    pfx_parts_key(&parts, &jo, NULL, "2");
    pfx_parts_cert(&parts, &jo, NULL, "1");
    pfx_parts_cert(&parts, &renewed, NULL, "2");
    pairs(&parts, "Jo again", BY_BOTH);

    pfx_parts_begin(&parts, SECRET);
    pfx_parts_key(&parts, &jo, NULL, NULL);
    pfx_parts_key(&parts, &jo, NULL, NULL);
    pfx_parts_key(&parts, &jo, NULL, NULL);
    pfx_parts_cert(&parts, &jo, NULL, "1");
    pfx_parts_cert(&parts, &renewed, NULL, "2");
    run_parts(&parts, &run);
    CU_ASSERT_FATAL(run.proven == 3);
    CU_ASSERT_STRING_EQUAL(run.records.records[0].facts.common_name, "Jo");
    CU_ASSERT_STRING_EQUAL(run.records.records[1].facts.common_name, "Jo again");
    CU_ASSERT_STRING_EQUAL(run.records.records[2].facts.common_name, "Jo");
    pfx_run_reset(&run);
    pfx_part_reset(&renewed);
}

static void test_unreadable_certificate(void)
{
    struct pfx_part broken = {.cert = KF_PUBLIC_BUF};
    struct pfx_parts parts;
    struct pfx_run run;

    CU_ASSERT_EQUAL(kf_buf_set(&broken.cert, kf_slice_of("0\3not"), NULL), KF_OK);
    pfx_parts_begin(&parts, SECRET);
    pfx_parts_key(&parts, &jo, NULL, "1");
    pfx_parts_cert(&parts, &broken, NULL, "1");
    run_parts(&parts, &run);
    CU_ASSERT_FATAL(run.records.count == 1 && run.failed == 1);
    CU_ASSERT_EQUAL(run.records.records[0].error.code, KF_E_INVALID_DATA);
    CU_ASSERT_TRUE(says(&run, "pairing: linked, but the certificate cannot be read\n"));
    pfx_run_reset(&run);
    pfx_part_reset(&broken);
}

/* the record brings the certificates that lead upwards, and no others */
static void test_chain(void)
{
    EVP_PKEY *ca_key = material_key("ec:P-256#ca");
    const struct material_cert root_is = {.subject = "/CN=Root", .key = ca_key, .is_ca = true};
    X509 *root = material_cert(&root_is);
    const struct material_cert leaf_is = {.subject = "/CN=Leaf",
                                          .key = material_key("ec:P-256"),
                                          .issuer = root,
                                          .issuer_key = ca_key};
    struct pfx_part leaf = {.cert = KF_PUBLIC_BUF};
    struct pfx_part top = {.cert = KF_PUBLIC_BUF};
    struct pfx_parts parts;
    struct pfx_run run;

    material_cert_der(&leaf_is, &leaf.cert);
    material_pkcs8(material_key("ec:P-256"), &leaf.pkcs8);
    material_der(root, &top.cert);
    pfx_parts_begin(&parts, SECRET);
    pfx_parts_cert(&parts, &al, NULL, NULL);
    pfx_parts_cert(&parts, &top, NULL, NULL);
    pfx_parts_cert(&parts, &leaf, NULL, "1");
    pfx_parts_key(&parts, &leaf, NULL, "1");
    run_parts(&parts, &run);
    CU_ASSERT_FATAL(run.proven == 1 && run.records.count == 1);
    CU_ASSERT_FATAL(run.records.records[0].chain_count == 1);
    CU_ASSERT(
        kf_slice_equal(kf_buf_slice(&run.records.records[0].chain[0]), kf_buf_slice(&top.cert)));
    pfx_run_reset(&run);
    pfx_part_reset(&leaf);
    pfx_part_reset(&top);
    X509_free(root);
}

static void test_only_certificates(void)
{
    struct pfx_parts parts;
    struct pfx_run run;

    pfx_parts_begin(&parts, SECRET);
    pfx_parts_cert(&parts, &al, "al", NULL);
    run_parts(&parts, &run);
    CU_ASSERT_EQUAL(run.records.count, 0);
    CU_ASSERT_TRUE(says(&run, "bags: certificate 1\n"));
    CU_ASSERT_TRUE(says(&run, "no key of it in the file"));
    pfx_run_reset(&run);
}

/* a key in the clear, an SDSI certificate, a CRL, a secret, and a bag that nobody knows */
static void test_bags(void)
{
    struct pfx_parts parts;
    struct pfx_run run;
    struct kf_buf text = KF_PUBLIC_BUF;

    build_value(&text, KF_DER_IA5_STRING, kf_slice_of("sdsi"));
    pfx_parts_begin(&parts, SECRET);
    build_key(&parts.plain, kf_buf_slice(&jo.pkcs8), NULL);
    build_typed(&parts.plain, 3, "1.2.840.113549.1.9.22.2", kf_buf_slice(&text));
    build_typed(&parts.plain, 4, "1.2.840.113549.1.9.23.1", kf_buf_slice(&text));
    build_typed(&parts.plain, 5, "1.2.3.4", kf_buf_slice(&text));
    build_bag(&parts.plain, 77, kf_buf_slice(&text), NULL);
    pfx_parts_cert(&parts, &jo, NULL, NULL);
    run_parts(&parts, &run);
    CU_ASSERT_EQUAL(run.records.count, 1);
    CU_ASSERT_EQUAL(run.proven, 1);
    CU_ASSERT_TRUE(says(&run, "type: keyBag\n"));
    CU_ASSERT_TRUE(says(&run, "bags: SDSI certificate\n"));
    CU_ASSERT_TRUE(says(&run, "bags: CRL\n"));
    CU_ASSERT_TRUE(says(&run, "bags: secret\n    type: secretBag\n    contentType: 1.2.3.4\n"));
    CU_ASSERT_TRUE(says(&run, "bags: unknown bag\n"));
    CU_ASSERT_TRUE(says(&run, "note: not for archival\n"));
    pfx_run_reset(&run);
    kf_buf_reset(&text);
}

/* each kind of key that there is, with its certificate */
static void test_keys(void)
{
    static const char *const kinds[] = {
        "rsa:512",           "rsa:1024",     "rsa:1023", "rsa:2048", "rsa:2048:3primes",
        "rsa:1024:e=3",      "rsa-pss:2048", "ec:P-256", "ec:P-521", "ec:secp256k1",
        "ec-explicit:P-256", "ed25519",      "ed448",    "dsa:1024",
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct kf_buf file = KF_PUBLIC_BUF;
        struct pfx_part part;
        struct pfx_run run;

        pfx_part_make(&part, kinds[i], "/CN=Kind");
        pfx_usual(&file, &part, SECRET);
        pfx_run_with(&run, kf_buf_slice(&file), SECRET);
        CU_ASSERT_EQUAL(run.records.count, 1);
        if (run.proven != 1)
            (void)printf("\n%s: %s\n", kinds[i], pfx_run_error(&run)->text);
        CU_ASSERT_EQUAL(run.proven, 1);
        pfx_run_reset(&run);
        pfx_part_reset(&part);
        kf_buf_reset(&file);
    }
}

/* keys that cannot sign a certificate of their own: X25519, X448, DH */
static void test_keys_for_agreement(void)
{
    static const char *const kinds[] = {"x25519", "x448", "dh:ffdhe2048"};
    EVP_PKEY *ca_key = material_key("ec:P-256#ca");
    const struct material_cert root_is = {.subject = "/CN=Root", .key = ca_key, .is_ca = true};
    X509 *root = material_cert(&root_is);

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct material_cert what = {.subject = "/CN=Agreement",
                                           .key = material_key(kinds[i]),
                                           .issuer = root,
                                           .issuer_key = ca_key};
        struct pfx_part part = {.cert = KF_PUBLIC_BUF};
        struct kf_buf file = KF_PUBLIC_BUF;
        struct pfx_run run;

        material_cert_der(&what, &part.cert);
        material_pkcs8(material_key(kinds[i]), &part.pkcs8);
        pfx_usual(&file, &part, SECRET);
        pfx_run_with(&run, kf_buf_slice(&file), SECRET);
        CU_ASSERT_EQUAL(run.proven, 1);
        pfx_run_reset(&run);
        pfx_part_reset(&part);
        kf_buf_reset(&file);
    }
    X509_free(root);
}

/* version 1, no subject, the subject only as an alternative name, expired, T61String, and the same
 * issuer and serial number on two */
static void test_certificates(void)
{
    EVP_PKEY *key = material_key("ec:P-256");
    const struct material_cert kinds[] = {
        {.subject = "/CN=One", .key = key, .v1 = true},
        {.subject = "", .key = key},
        {.subject = "", .key = key, .mail = "jo@contoso.com"},
        {.subject = "/CN=Old", .key = key, .not_before = 100000000, .not_after = 200000000},
        {.subject = "/CN=M\xc3\xbcller", .key = key},
        {.subject = "/CN=Twice", .key = key, .serial = 4711, .digest = "SHA1"},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct pfx_part part = {.cert = KF_PUBLIC_BUF};
        struct pfx_part twin = {.cert = KF_PUBLIC_BUF};
        struct material_cert other = kinds[i];
        struct pfx_parts parts;
        struct pfx_run run;

        other.key = material_key("ec:P-256#2");
        material_cert_der(&kinds[i], &part.cert);
        material_pkcs8(key, &part.pkcs8);
        material_cert_der(&other, &twin.cert); /* the same names, another key */
        pfx_parts_begin(&parts, SECRET);
        pfx_parts_cert(&parts, &twin, NULL, NULL);
        pfx_parts_cert(&parts, &part, NULL, NULL);
        pfx_parts_key(&parts, &part, NULL, NULL);
        run_parts(&parts, &run);
        CU_ASSERT_EQUAL(run.proven, 1);
        CU_ASSERT(
            run.records.count == 1 &&
            kf_slice_equal(kf_buf_slice(&run.records.records[0].cert), kf_buf_slice(&part.cert)));
        pfx_run_reset(&run);
        pfx_part_reset(&part);
        pfx_part_reset(&twin);
    }
}

/* a certificate whose signature is broken is still the key's */
static void test_broken_signature(void)
{
    struct pfx_part part;
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    pfx_part_make(&part, "ec:P-256", "/CN=Broken");
    part.cert.data[part.cert.len - 1] ^= 1;
    pfx_usual(&file, &part, SECRET);
    pfx_run_with(&run, kf_buf_slice(&file), SECRET);
    CU_ASSERT_EQUAL(run.proven, 1);
    pfx_run_reset(&run);
    pfx_part_reset(&part);
    kf_buf_reset(&file);
}

static void test_bid(void)
{
    struct kf_buf file = KF_PUBLIC_BUF;
    struct kf_buf ber = KF_PUBLIC_BUF;

    pfx_usual(&file, &jo, SECRET);
    build_ber(&ber, kf_buf_slice(&file), 1000);
    CU_ASSERT(kf_reader_pfx.bid(kf_buf_slice(&file)) > KF_BID_LIKELY);
    CU_ASSERT(kf_reader_pfx.bid(kf_buf_slice(&ber)) > KF_BID_LIKELY);
    CU_ASSERT(kf_reader_pfx.bid(kf_slice_of("-----BEGIN PKCS12-----\n")) == KF_BID_CERTAIN);
    CU_ASSERT_EQUAL(kf_reader_pfx.bid(kf_buf_slice(&jo.pkcs8)), KF_BID_NONE);
    CU_ASSERT_EQUAL(kf_reader_pfx.bid(kf_buf_slice(&jo.cert)), KF_BID_NONE);
    CU_ASSERT_EQUAL(kf_reader_pfx.bid(kf_slice_of("<?xml version=\"1.0\"?>")), KF_BID_NONE);
    CU_ASSERT_EQUAL(kf_reader_pfx.bid(kf_slice_of("")), KF_BID_NONE);
    for (size_t len = 0; len < 16; len++)
        (void)kf_reader_pfx.bid((struct kf_slice){file.data, len});
    kf_buf_reset(&file);
    kf_buf_reset(&ber);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"one key", test_one_key},
        {"200 keys in, 200 accounted for", test_two_hundred},
        {"pairing", test_pairing},
        {"a key without certificate", test_no_certificate},
        {"a key with another's certificate", test_mismatch},
        {"a claim to another's certificate", test_claim_of_another},
        {"several certificates of a key", test_several_certificates},
        {"a certificate that cannot be read", test_unreadable_certificate},
        {"the chain", test_chain},
        {"certificates only", test_only_certificates},
        {"bags", test_bags},
        {"keys of every kind", test_keys},
        {"keys that cannot sign", test_keys_for_agreement},
        {"certificates of every kind", test_certificates},
        {"a broken signature", test_broken_signature},
        {"bid", test_bid},
        {NULL, NULL},
    };
    int code;

    pfx_part_make(&jo, "ec:P-256", "/CN=Jo");
    pfx_part_make(&al, "rsa:1024", "/CN=Al");
    code = suite_run("pfx reader", tests);
    pfx_part_reset(&jo);
    pfx_part_reset(&al);
    return code;
}

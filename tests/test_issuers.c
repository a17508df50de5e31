/*
 * Who issued a certificate, and which certificates lead upwards from it.
 */
#include "crypto/cert.h"

#include <pthread.h>
#include <string.h>

#include "crypto/oid.h"
#include "tests/support/material.h"
#include "tests/support/suite.h"

/* A certificate with its DER and facts. */
struct held {
    X509 *certificate;
    struct kf_buf der;
    struct kf_cert_facts facts;
};

static void hold_der(struct held *held)
{
    CU_ASSERT_EQUAL_FATAL(
        kf_cert_parse(material_crypto(), kf_buf_slice(&held->der), &held->facts, NULL), KF_OK);
}

static void hold(struct held *held, const struct material_cert *what)
{
    held->certificate = material_cert(what);
    held->der = KF_PUBLIC_BUF;
    material_der(held->certificate, &held->der);
    hold_der(held);
}

static void release(struct held *held)
{
    X509_free(held->certificate);
    kf_cert_facts_reset(&held->facts);
    kf_buf_reset(&held->der);
}

static void hold_ca(struct held *ca, const char *subject, const char *key)
{
    const struct material_cert what = {.subject = subject, .is_ca = true, .key = material_key(key)};

    hold(ca, &what);
}

/* A certificate of a CA with a key of its own kind and signature. */
static void hold_issued(struct held *out, const struct held *ca, const char *ca_key,
                        const char *digest, bool pss)
{
    const struct material_cert what = {.subject = "/C=US/CN=Jo",
                                       .key = material_key("rsa:512"),
                                       .issuer = ca->certificate,
                                       .issuer_key = material_key(ca_key),
                                       .digest = digest,
                                       .pss = pss};

    hold(out, &what);
}

static bool issued_by(const struct held *const *cas, size_t count, const struct held *held)
{
    struct kf_slice certificates[4];
    struct kf_issuers *issuers = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    bool issued = false;

    for (size_t i = 0; i < count; i++)
        certificates[i] = kf_buf_slice(&cas[i]->der);
    CU_ASSERT_EQUAL_FATAL(kf_issuers_new(material_crypto(), certificates, count, &issuers, &error),
                          KF_OK);
    issued = count == 0; /* what it must change */
    CU_ASSERT_EQUAL(
        kf_issuers_issued(issuers, kf_buf_slice(&held->der), &held->facts, &issued, &error), KF_OK);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_NONE);
    kf_issuers_free(issuers);
    return issued;
}

static bool issued_by_one(const struct held *ca, const struct held *held)
{
    return issued_by(&ca, 1, held);
}

static void test_every_kind_of_signature(void)
{
    static const struct {
        const char *key;
        const char *digest;
        bool pss;
    } kinds[] = {
        {"rsa:2048", "SHA256", false},    {"rsa:2048", "SHA1", false},
        {"rsa:2048", "SHA384", false},    {"rsa:2048", "MD5", false},
        {"rsa:2048", "SHA256", true},     {"rsa:2048", "SHA1", true},
        {"rsa-pss:1024", "SHA256", true}, {"ec:P-256", "SHA256", false},
        {"ec:P-384", "SHA512", false},    {"ec:P-256", "SHA1", false},
        {"ed25519", NULL, false},         {"ed448", NULL, false},
        {"dsa:1024", "SHA256", false},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct held ca;
        struct held jo;

        hold_ca(&ca, "/C=US/O=Contoso/CN=CA", kinds[i].key);
        hold_issued(&jo, &ca, kinds[i].key, kinds[i].digest, kinds[i].pss);
        CU_ASSERT(issued_by_one(&ca, &jo));
        jo.der.data[jo.der.len - 1] ^= 1; /* the signature's last bit */
        CU_ASSERT_FALSE(issued_by_one(&ca, &jo));
        jo.der.data[jo.der.len - 1] ^= 1;
        jo.der.data[jo.facts.spki_der.data - jo.der.data + (long)jo.facts.spki_der.len - 1] ^= 1;
        CU_ASSERT_FALSE(issued_by_one(&ca, &jo));
        release(&jo);
        release(&ca);
    }
}

static void test_names_and_keys(void)
{
    struct held ca;
    struct held namesake; /* same name, other key */
    struct held stranger; /* same key, other name */
    struct held twin;     /* same key, the same name in other letters */
    struct held jo;
    const struct held *both[2] = {&namesake, &ca};

    hold_ca(&ca, "/C=US/O=Contoso/CN=CA", "rsa:1024");
    hold_ca(&namesake, "/C=US/O=Contoso/CN=CA", "rsa:1024#2");
    hold_ca(&stranger, "/C=US/O=Contoso/CN=Other", "rsa:1024");
    hold_ca(&twin, "/C=US/O=cONTOSO/CN=ca", "rsa:1024");
    hold_issued(&jo, &ca, "rsa:1024", NULL, false);
    CU_ASSERT(issued_by_one(&ca, &jo));
    CU_ASSERT(issued_by_one(&ca, &ca)); /* self-signed */
    CU_ASSERT_FALSE(issued_by_one(&namesake, &jo));
    CU_ASSERT_FALSE(issued_by_one(&stranger, &jo));
    CU_ASSERT(issued_by_one(&twin, &jo));
    CU_ASSERT(issued_by(both, 2, &jo));
    CU_ASSERT(issued_by(both, 2, &namesake));
    CU_ASSERT_FALSE(issued_by(both, 0, &jo));
    release(&jo);
    release(&twin);
    release(&stranger);
    release(&namesake);
    release(&ca);
}

/* Replaces the bytes from the at-th place where needle is. */
static void patch(struct held *held, const char *needle, size_t len, size_t at, uint8_t byte,
                  unsigned times)
{
    unsigned found = 0;

    for (size_t i = 0; i + len <= held->der.len && found < times; i++) {
        if (memcmp(held->der.data + i, needle, len) != 0)
            continue;
        held->der.data[i + at] = byte;
        found++;
    }
    CU_ASSERT_EQUAL_FATAL(found, times);
}

#define SHA256_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"

static void test_unknown_and_contradictory_algorithms(void)
{
    struct held ca;
    struct held jo;

    hold_ca(&ca, "/CN=CA", "rsa:1024");
    hold_issued(&jo, &ca, "rsa:1024", NULL, false);
    patch(&jo, SHA256_RSA, 9, 8, 0x02, 2); /* MD2, inside and outside */
    CU_ASSERT_FALSE(issued_by_one(&ca, &jo));
    release(&jo);
    hold_issued(&jo, &ca, "rsa:1024", NULL, false);
    patch(&jo, SHA256_RSA, 9, 8, 0x0c, 1); /* inside SHA-384, outside SHA-256 */
    CU_ASSERT_FALSE(issued_by_one(&ca, &jo));
    release(&jo);
    hold_issued(&jo, &ca, "rsa:1024", NULL, false);
    patch(&jo, SHA256_RSA, 9, 8, 0x7f, 2); /* nobody's */
    CU_ASSERT_FALSE(issued_by_one(&ca, &jo));
    release(&jo);
    release(&ca);
}

static void test_broken_ca_certificates(void)
{
    const struct kf_slice garbage = kf_slice_of("0123");
    struct kf_issuers *issuers = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_slice list[2];
    struct held ca;

    hold_ca(&ca, "/CN=CA", "rsa:1024");
    list[0] = kf_buf_slice(&ca.der);
    list[1] = garbage;
    CU_ASSERT_EQUAL(kf_issuers_new(material_crypto(), list, 2, &issuers, &error), KF_SKIP);
    CU_ASSERT_PTR_NULL(issuers);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    CU_ASSERT_STRING_EQUAL(error.place, "CA certificate 2");
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    patch(&ca, KF_OID_RSA, 9, 8, 0x7f, 1); /* a key of no known algorithm */
    CU_ASSERT_EQUAL(kf_issuers_new(material_crypto(), list, 1, &issuers, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    release(&ca);
    kf_issuers_free(NULL);
}

/* One object is asked about every kind in turn, twice, and about one that does not verify. */
static void test_kinds_take_turns(void)
{
    static const struct {
        const char *digest;
        bool pss;
        bool breaks;
    } kinds[] = {{"SHA256", false, false},
                 {"SHA1", false, false},
                 {"SHA256", false, true},
                 {"SHA256", true, false},
                 {"SHA384", false, false}};
    struct held ca;
    struct held issued[5];
    struct kf_slice list;
    struct kf_issuers *issuers = NULL;

    hold_ca(&ca, "/CN=CA", "rsa:2048");
    for (size_t i = 0; i < 5; i++) {
        hold_issued(&issued[i], &ca, "rsa:2048", kinds[i].digest, kinds[i].pss);
        if (kinds[i].breaks)
            issued[i].der.data[issued[i].der.len - 1] ^= 1;
    }
    list = kf_buf_slice(&ca.der);
    CU_ASSERT_EQUAL_FATAL(kf_issuers_new(material_crypto(), &list, 1, &issuers, NULL), KF_OK);
    for (size_t i = 0; i < 10; i++) {
        const struct held *held = &issued[i % 5];
        bool is_issued = kinds[i % 5].breaks;

        CU_ASSERT_EQUAL(
            kf_issuers_issued(issuers, kf_buf_slice(&held->der), &held->facts, &is_issued, NULL),
            KF_OK);
        CU_ASSERT_EQUAL(is_issued, !kinds[i % 5].breaks);
    }
    kf_issuers_free(issuers);
    for (size_t i = 0; i < 5; i++)
        release(&issued[i]);
    release(&ca);
}

struct question {
    const struct kf_slice *certificates; /* two */
    const struct held *held;
    unsigned yes;
};

static void *ask_often(void *context)
{
    struct question *question = context;
    struct kf_issuers *issuers = NULL;

    if (kf_issuers_new(material_crypto(), question->certificates, 2, &issuers, NULL) != KF_OK)
        return NULL;
    for (unsigned i = 0; i < 50; i++) {
        bool issued = false;

        if (kf_issuers_issued(issuers, kf_buf_slice(&question->held->der), &question->held->facts,
                              &issued, NULL) == KF_OK &&
            issued)
            question->yes++;
    }
    kf_issuers_free(issuers);
    return NULL;
}

static void test_many_threads(void)
{
    struct held ca;
    struct held twin;
    struct held jo;
    struct question questions[4];
    pthread_t threads[4];
    struct kf_slice list[2];

    hold_ca(&ca, "/CN=CA", "rsa:1024");
    hold_ca(&twin, "/CN=ca", "rsa:1024#2"); /* its name needs the long comparison */
    hold_issued(&jo, &ca, "rsa:1024", NULL, false);
    list[0] = kf_buf_slice(&twin.der);
    list[1] = kf_buf_slice(&ca.der);
    for (size_t i = 0; i < 4; i++) {
        questions[i] = (struct question){list, &jo, 0};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask_often, &questions[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
        CU_ASSERT_EQUAL(questions[i].yes, 50);
    }
    release(&jo);
    release(&twin);
    release(&ca);
}

/* root, then sub, then jo; a renewed root with the same name; somebody else */
struct family {
    struct held root, renewed, sub, jo, other;
};

static void hold_family(struct family *family)
{
    struct material_cert what = {
        .subject = "/CN=Sub", .is_ca = true, .key = material_key("rsa:1024#2")};

    hold_ca(&family->root, "/CN=Root", "rsa:1024");
    hold_ca(&family->renewed, "/CN=Root", "rsa:1024#3");
    what.issuer = family->root.certificate;
    what.issuer_key = material_key("rsa:1024");
    hold(&family->sub, &what);
    hold_issued(&family->jo, &family->sub, "rsa:1024#2", NULL, false);
    hold_ca(&family->other, "/CN=Other", "rsa:1024#2");
}

static void release_family(struct family *family)
{
    release(&family->root);
    release(&family->renewed);
    release(&family->sub);
    release(&family->jo);
    release(&family->other);
}

#define POOL_MAX 8

/* The picked ones as letters: R root, N renewed, S sub, J jo, O other. */
static void picks(const struct held *start, const struct held *const *pool, const char *letters,
                  const char *expected)
{
    struct kf_cert_facts facts[POOL_MAX];
    size_t picked[POOL_MAX];
    size_t count = strlen(letters);
    char found[POOL_MAX + 1] = "";
    size_t length;

    for (size_t i = 0; i < count; i++)
        facts[i] = pool[i]->facts;
    length = kf_chain_pick(material_crypto(), &start->facts, facts, count, picked);
    CU_ASSERT_FATAL(length <= count);
    for (size_t i = 0; i < length; i++)
        found[i] = letters[picked[i]];
    found[length] = '\0';
    CU_ASSERT_STRING_EQUAL(found, expected);
}

static void test_chains(void)
{
    struct family f;

    hold_family(&f);
    picks(&f.jo, (const struct held *[]){&f.other, &f.root, &f.jo, &f.sub}, "ORJS", "SR");
    picks(&f.jo, (const struct held *[]){&f.sub, &f.sub, &f.root, &f.root}, "SSRR", "SR");
    picks(&f.jo, (const struct held *[]){&f.root}, "R", "");
    picks(&f.jo, (const struct held *[]){&f.sub}, "S", "S");
    picks(&f.sub, (const struct held *[]){&f.sub, &f.jo, &f.root}, "SJR", "R");
    picks(&f.root, (const struct held *[]){&f.renewed, &f.root}, "NR", ""); /* ends at itself */
    picks(&f.jo, NULL, "", "");
    /* namesakes: the signature decides, wherever they stand */
    picks(&f.jo, (const struct held *[]){&f.renewed, &f.root, &f.sub}, "NRS", "SR");
    picks(&f.jo, (const struct held *[]){&f.root, &f.renewed, &f.sub}, "RNS", "SR");
    /* the only one of that name is taken unseen: names lead, trust is not decided here */
    picks(&f.jo, (const struct held *[]){&f.renewed, &f.sub}, "NS", "SN");
    release_family(&f);
}

/* Two CAs that certified each other. */
static void test_circles_end(void)
{
    struct held a;
    struct held b;
    struct held a_by_b;
    struct held b_by_a;
    struct held jo;
    struct material_cert what = {.is_ca = true};

    hold_ca(&a, "/CN=A", "rsa:1024");
    hold_ca(&b, "/CN=B", "rsa:1024#2");
    what.subject = "/CN=A";
    what.key = material_key("rsa:1024");
    what.issuer = b.certificate;
    what.issuer_key = material_key("rsa:1024#2");
    hold(&a_by_b, &what);
    what.subject = "/CN=B";
    what.key = material_key("rsa:1024#2");
    what.issuer = a.certificate;
    what.issuer_key = material_key("rsa:1024");
    hold(&b_by_a, &what);
    hold_issued(&jo, &a, "rsa:1024", NULL, false);
    picks(&jo, (const struct held *[]){&b_by_a, &a_by_b}, "BA", "AB");
    picks(&a_by_b, (const struct held *[]){&b_by_a, &a_by_b}, "BA", "B");
    release(&jo);
    release(&b_by_a);
    release(&a_by_b);
    release(&b);
    release(&a);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"every kind of signature", test_every_kind_of_signature},
        {"kinds of signatures take turns", test_kinds_take_turns},
        {"names and keys", test_names_and_keys},
        {"unknown and contradictory algorithms", test_unknown_and_contradictory_algorithms},
        {"broken CA certificates", test_broken_ca_certificates},
        {"many threads ask", test_many_threads},
        {"chains", test_chains},
        {"circles end", test_circles_end},
        {NULL, NULL},
    };

    return suite_run("issuers", tests);
}

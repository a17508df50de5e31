/*
 * What the reader of KMS exports refuses of a document: a case for each rule of
 * docs/formats/kms-export.md, with the line, the user and the rule that it names.
 */
#include "core/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "readers/formats.h"
#include "tests/support/feeder.h"
#include "tests/support/kms_builder.h"
#include "tests/support/kms_run.h"
#include "tests/support/suite.h"

#define GUID1 "00000000-0000-4000-8000-000000000001"
#define GUID2 "00000000-0000-4000-8000-000000000002"
#define USER1 "user 1 (" GUID1 ")"
#define USER2 "user 2 (" GUID2 ")"
#define DOC   "kms-export, Document"
#define READ  "kms-export, Reading"

struct refusal {
    const char *from; /* of a document of two users */
    const char *to;
    enum kf_cause cause;
    const char *text;
    const char *place;
    const char *rule;
    const char *at;    /* the first line with this in the changed document is the error's */
    size_t users_read; /* whole users before it */
};

/* Changes the document, and holds what comes to what is said, from memory and from pieces. */
static void assert_refused(const struct refusal *refusal)
{
    struct kf_buf xml = KF_PUBLIC_BUF;
    uint64_t line;
    struct kms_run run;

    kms_build(&(struct kms_build){.users = 2}, &xml);
    kms_replace(&xml, refusal->from, refusal->to);
    line = kms_line_of(&xml, refusal->at);
    kms_run_init(&run, "signer");
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, refusal->cause, refusal->text, refusal->place, line);
    CU_ASSERT_STRING_EQUAL(run.error.rule, refusal->rule);
    CU_ASSERT_EQUAL(run.user_count, refusal->users_read);
    kms_run_clear(&run);
    for (size_t i = 0; feeder_sizes[i] != 0; i++) {
        struct feeder feeder = {.bytes = kf_buf_slice(&xml), .block = feeder_sizes[i]};

        kms_run_input(&run, feeder_open(&feeder));
        kms_run_assert_fatal(&run, refusal->cause, refusal->text, refusal->place, line);
        CU_ASSERT_EQUAL(run.user_count, refusal->users_read);
        kms_run_clear(&run);
    }
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void assert_all_refused(const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_refused(&refusals[i]);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_the_prolog(void)
{
    static const struct refusal refusals[] = {
        {"<KMSExport", "<!DOCTYPE KMSExport>\n<KMSExport", KF_CAUSE_DATA,
         "document type declaration", "", DOC, "<!DOCTYPE", 0},
        {"<KMSExport", "<!DOCTYPE k [<!ENTITY a \"b\">]>\n<KMSExport", KF_CAUSE_DATA,
         "document type declaration", "", DOC, "<!DOCTYPE", 0},
        {"<KMSExport", "<?xml-stylesheet href=\"a\"?>\n<KMSExport", KF_CAUSE_DATA,
         "processing instruction", "", DOC, "<?xml-stylesheet", 0},
        {"UTF-8", "ISO-8859-1", KF_CAUSE_DATA, "encoding other than UTF-8", "", DOC, "<?xml", 0},
        {"UTF-8", "UTF-16", KF_CAUSE_DATA, "encoding other than UTF-8", "", DOC, "<?xml", 0},
        {"\"1.0\"", "\"1.1\"", KF_CAUSE_DATA, "XML version other than 1.0", "", DOC, "<?xml", 0},
        {"encoding=", "encoding", KF_CAUSE_DATA, "XML declaration that is not", "", DOC, "<?xml",
         0},
        {"<?xml", "\xff\xfe<?xml", KF_CAUSE_DATA, "encoding other than UTF-8", "", DOC, "<?xml", 0},
        {"<?xml", "text <?xml", KF_CAUSE_DATA, "text before the root", "", DOC, "<?xml", 0},
    };

    assert_all_refused(refusals, COUNT(refusals));
}

static void test_what_is_not_well_formed(void)
{
    static const struct refusal refusals[] = {
        {"</DisplayName>", "</DisplayNam>", KF_CAUSE_DATA, "not well-formed: ", USER1, "XML 1.0",
         "</DisplayNam>", 0},
        {"<DisplayName>User 1", "<DisplayName>\xc3(", KF_CAUSE_DATA, "not well-formed: ", USER1,
         "XML 1.0", "\xc3(", 0},
        {"<DisplayName>User 1", "<DisplayName>&#1;", KF_CAUSE_DATA, "not well-formed: ", USER1,
         "XML 1.0", "&#1;", 0},
        {"<DisplayName>User 1", "<DisplayName>&who;", KF_CAUSE_DATA, "not well-formed: ", USER1,
         "XML 1.0", "&who;", 0},
        {"organization=\"", "organization=\"&who;", KF_CAUSE_DATA, "not well-formed: ", "",
         "XML 1.0", "&who;", 0},
        {"<Mail>", "<x:Mail>", KF_CAUSE_DATA, "not well-formed: ", USER1, "XML 1.0", "<x:Mail>", 0},
        {"<User ordinal=\"1\"", "<User ordinal=\"1\" ordinal=\"1\"", KF_CAUSE_DATA,
         "not well-formed: ", "", "XML 1.0", "<User ordinal", 0},
        {"</KMSExport>\n", "</KMSExport>\n<more/>", KF_CAUSE_DATA, "not well-formed: ", "",
         "XML 1.0", "<more/>", 2},
        {"</KMSExport>\n", "</KMSExport>\n<!-- more", KF_CAUSE_DATA, "not well-formed: ", "",
         "XML 1.0", "<!-- more", 2},
        {"</KMSExport>\n", "</KMSExport>\nmore", KF_CAUSE_DATA, "not well-formed: ", "", "XML 1.0",
         "more", 2},
        {"<Mail>", "<?php?><Mail>", KF_CAUSE_DATA, "processing instruction (php)", USER1, DOC,
         "<?php", 0},
        {"</KMSExport>\n", "</KMSExport>\n<?php?>", KF_CAUSE_DATA, "processing instruction (php)",
         "", DOC, "<?php", 2},
        {"<Mail>", "<!DOCTYPE k><Mail>", KF_CAUSE_DATA, "not well-formed: ", USER1, "XML 1.0",
         "<!DOCTYPE", 0},
    };

    assert_all_refused(refusals, COUNT(refusals));
}

static void test_the_root(void)
{
    static const struct refusal refusals[] = {
        {"urn:keyferry:kms-export:1", "urn:keyferry:kms-export:2", KF_CAUSE_DATA,
         "element KMSExport of namespace urn:keyferry:kms-export:2 does not belong in the document",
         "", DOC, "<KMSExport", 0},
        {"xmlns=\"urn:keyferry:kms-export:1\" ", "", KF_CAUSE_DATA, "namespace (none)", "", DOC,
         "<KMSExport", 0},
        {" version=\"1\"", " version=\"2\"", KF_CAUSE_UNSUPPORTED, "version \"2\" of a KMS export",
         "", DOC, "<KMSExport", 0},
        {" version=\"1\" ", " ", KF_CAUSE_DATA, "KMSExport has no attribute version", "", DOC,
         "<KMSExport", 0},
        {"exportId=\"6", "exportId=\"", KF_CAUSE_DATA, "exportId is not a UUID", "", DOC,
         "<KMSExport", 0},
        {" created=\"2003-11-02T10:00:00Z\"", "", KF_CAUSE_DATA,
         "KMSExport has no attribute created", "", DOC, "<KMSExport", 0},
        {"2003-11-02T10:00:00Z", "2003-11-02", KF_CAUSE_DATA, "created is not a time", "", DOC,
         "<KMSExport", 0},
        {"2003-11-02T10:00:00Z", "2003-13-02T10:00:00Z", KF_CAUSE_DATA, "created is not a time", "",
         DOC, "<KMSExport", 0},
        {"2003-11-02T10:00:00Z", "2003-11-02T24:00:00Z", KF_CAUSE_DATA, "created is not a time", "",
         DOC, "<KMSExport", 0},
        {"users=\"2\">", "users=\"two\">", KF_CAUSE_DATA, "users is not a number from 0 to", "",
         DOC, "<KMSExport", 0},
        {"users=\"2\">", "users=\"100000001\">", KF_CAUSE_DATA, "users is not a number from 0 to",
         "", DOC, "<KMSExport", 0},
        {"users=\"2\">", "users=\"2\" more=\"1\">", KF_CAUSE_DATA,
         "KMSExport has an attribute more, which is not known", "", DOC, "<KMSExport", 0},
        {"users=\"2\">", "users=\"2\" xml:lang=\"en\">", KF_CAUSE_DATA,
         "KMSExport has an attribute lang, which is not known", "", DOC, "<KMSExport", 0},
        {"<User ordinal=\"1\"", "text\n<User ordinal=\"1\"", KF_CAUSE_DATA,
         "text between elements, in KMSExport", "", DOC, "<User ordinal=\"1\"", 0},
    };

    assert_all_refused(refusals, COUNT(refusals));
}

static void test_lock_boxes(void)
{
    static const struct refusal refusals[] = {
        {"<LockBox>", "<LockBox id=\"1\">", KF_CAUSE_DATA, "LockBox has an attribute id", "", DOC,
         "<LockBox", 0},
        {"<xenc:EncryptedKey>", "<xenc:EncryptedKey Id=\"1\">", KF_CAUSE_DATA,
         "EncryptedKey has an attribute Id", "lock box 1", DOC, "<xenc:EncryptedKey", 0},
        {"<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName>a</ds:KeyName>", KF_CAUSE_DATA,
         "element KeyName of namespace http://www.w3.org/2000/09/xmldsig# does not belong in "
         "KeyInfo",
         "lock box 1", DOC, "<ds:KeyName>", 0},
        {"<ds:X509SerialNumber>", "<ds:X509SerialNumber>x", KF_CAUSE_DATA,
         "X509SerialNumber is not a decimal number", "lock box 1", DOC, "<ds:X509SerialNumber>", 0},
        {"<xenc:CipherValue>", "<xenc:CipherValue>*", KF_CAUSE_DATA, "base64", "lock box 1",
         "RFC 4648 4", "<xenc:CipherValue>*", 0},
        {"<LockBox>\n", "<LockBox>\n<!-- two --></LockBox><LockBox>", KF_CAUSE_DATA,
         "LockBox ends without EncryptedKey", "lock box 1", DOC, "</LockBox>", 0},
        {"<ds:KeyInfo>\n<ds:X509Data>\n", "<ds:KeyInfo></ds:KeyInfo><ds:KeyInfo><ds:X509Data>\n",
         KF_CAUSE_DATA, "KeyInfo ends without X509Data", "lock box 1", DOC, "<ds:KeyInfo>", 0},
        {"</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo/>", KF_CAUSE_DATA,
         "KeyInfo stands twice in EncryptedKey", "lock box 1", DOC, "<ds:KeyInfo/>", 0},
        {"<ds:KeyInfo>", "<xenc:CipherData/><ds:KeyInfo>", KF_CAUSE_DATA,
         "CipherData stands where KeyInfo is missing", "lock box 1", DOC, "<xenc:CipherData/>", 0},
        {"rsa-1_5\"/>",
         "rsa-1_5\"><ds:DigestMethod Algorithm=\"a\"/><ds:DigestMethod Algorithm=\"a\"/>"
         "</xenc:EncryptionMethod>",
         KF_CAUSE_DATA, "DigestMethod stands twice", "lock box 1", DOC, "rsa-1_5", 0},
        {"<User ordinal=\"2\"", "<LockBox/>\n<User ordinal=\"2\"", KF_CAUSE_DATA,
         "LockBox is out of order in KMSExport", "", DOC, "<LockBox/>", 1},
    };

    assert_all_refused(refusals, COUNT(refusals));
}

static void test_no_lock_box(void)
{
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kms_run run;

    kms_run_init(&run, "signer");
    kms_build(&(struct kms_build){.users = 1}, &xml);
    kms_replace(&xml, "<LockBox>", "<!--");
    kms_replace(&xml, "</LockBox>", "-->");
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, "User stands where LockBox is missing", "",
                         kms_line_of(&xml, "<User "));
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_users(void)
{
    static const struct refusal refusals[] = {
        {"<User ordinal=\"2\"", "<User ordinal=\"1\"", KF_CAUSE_DATA,
         "ordinal 1 where 2 comes next", USER2, DOC, GUID2, 1},
        {"<User ordinal=\"2\"", "<User ordinal=\"3\"", KF_CAUSE_DATA,
         "ordinal 3 where 2 comes next", USER2, DOC, GUID2, 1},
        {"<User ordinal=\"1\"", "<User ordinal=\"0\"", KF_CAUSE_DATA,
         "ordinal 0 where 1 comes next", USER1, DOC, GUID1, 0},
        {"<User ordinal=\"1\"", "<User ordinal=\"-1\"", KF_CAUSE_DATA, "ordinal is not a number",
         USER1, DOC, GUID1, 0},
        {"<User ordinal=\"2\" mailboxGuid=\"" GUID2, "<User ordinal=\"2\" mailboxGuid=\"" GUID1,
         KF_CAUSE_DATA, "a mailboxGuid that another user has already", "user 2 (" GUID1 ")", DOC,
         "<User ordinal=\"2\"", 1},
        {GUID2, "{" GUID2 "}", KF_CAUSE_DATA, "mailboxGuid is not a UUID", "user 2", DOC, GUID2, 1},
        {" mailboxGuid=\"" GUID2 "\"", "", KF_CAUSE_DATA, "User has no attribute mailboxGuid", "",
         DOC, "<User ordinal=\"2\"", 1},
        {"<User ordinal=\"1\"", "<User admin=\"1\" ordinal=\"1\"", KF_CAUSE_DATA,
         "User has an attribute admin, which is not known", "", DOC, GUID1, 0},
        {"<Mail>", "<Mail>a</Mail><Mail>", KF_CAUSE_DATA, "Mail stands twice in User", USER1, DOC,
         "<Mail>", 0},
        {"<DisplayName>", "<DisplayName>a</DisplayName><DisplayName>", KF_CAUSE_DATA,
         "DisplayName stands twice in User", USER1, DOC, "<DisplayName>", 0},
        {"<DistinguishedName>", "<DistinguishedName/><DistinguishedName>", KF_CAUSE_DATA,
         "DistinguishedName stands twice in User", USER1, DOC, "<DistinguishedName>", 0},
        {"<DisplayName>User 2", "<Mail/><DisplayName>User 2", KF_CAUSE_DATA,
         "DisplayName is out of order in User", USER2, DOC, "<DisplayName>User 2", 1},
        {"</User>\n<User ordinal=\"2\"", "<Mail/></User>\n<User ordinal=\"2\"", KF_CAUSE_DATA,
         "Mail stands twice in User", USER1, DOC, "<Mail/>", 0},
        {"<Mail>user2", "<Phone/><Mail>user2", KF_CAUSE_DATA,
         "element Phone of namespace urn:keyferry:kms-export:1 does not belong in User", USER2, DOC,
         "<Phone/>", 1},
        {"<Mail>user2", "<Phone xmlns=\"urn:x\"/><Mail>user2", KF_CAUSE_DATA,
         "element Phone of namespace urn:x does not belong in User", USER2, DOC, "<Phone ", 1},
        {"<Mail>user2", "<Mail xmlns=\"\">user2", KF_CAUSE_DATA,
         "element Mail of namespace (none) does not belong in User", USER2, DOC, "<Mail xmlns", 1},
        {"<Mail>user2", "text<Mail>user2", KF_CAUSE_DATA, "text between elements, in User", USER2,
         DOC, "text<Mail>", 1},
        {"<Mail>user2", "<Mail>user<!-- 2 -->", KF_CAUSE_DATA, "a comment inside the text of Mail",
         USER2, DOC, "<!-- 2 -->", 1},
        {"<Mail>user2", "<Mail>user<b/>", KF_CAUSE_DATA, "does not belong in Mail", USER2, DOC,
         "<b/>", 1},
        {"<Mail>user2", "<User/><Mail>user2", KF_CAUSE_DATA,
         "element User of namespace urn:keyferry:kms-export:1 does not belong in User", USER2, DOC,
         "<User/>", 1},
    };

    assert_all_refused(refusals, COUNT(refusals));
}

static void test_certificates_and_keys(void)
{
    static const struct refusal refusals[] = {
        {"<Certificate id=\"c2\"", "<Certificate\tid=\"c1\"", KF_CAUSE_DATA,
         "certificate id c1 is declared twice", USER1, DOC, "<Certificate\tid=", 0},
        {"<Certificate id=\"c1\"", "<Certificate id=\"\"", KF_CAUSE_DATA,
         "a certificate's id is empty", USER1, DOC, "<Certificate id=\"\"", 0},
        {"use=\"encryption\"", "use=\"both\"", KF_CAUSE_DATA, "neither encryption nor signing",
         USER1, DOC, "use=\"both\"", 0},
        {" use=\"encryption\"", "", KF_CAUSE_DATA, "Certificate has no attribute use", USER1, DOC,
         "<Certificate id=\"c1\">", 0},
        {"<Key certificate=\"c1\"", "<Key certificate=\"c9\"", KF_CAUSE_DATA,
         "the key's certificate c9 is not declared before it", USER1 ": key 1", READ,
         "<Key certificate=\"c9\"", 0},
        {"<Certificate id=\"c1\"",
         "<Key certificate=\"c1\" state=\"current\"/><Certificate id=\"c1\"", KF_CAUSE_DATA,
         "the key's certificate c1 is not declared before it", USER1 ": key 1", READ,
         "<Key certificate=\"c1\"", 0},
        {"state=\"previous\"", "state=\"former\"", KF_CAUSE_DATA, "neither current nor previous",
         USER1 ": key 2", DOC, "state=\"former\"", 0},
        {" state=\"current\"", "", KF_CAUSE_DATA, "Key has no attribute state", USER1, DOC,
         "<Key certificate=\"c1\">", 0},
        {"<xenc:EncryptedData>\n", "</Key>\n<Key certificate=\"c1\" state=\"current\">",
         KF_CAUSE_DATA, "Key ends without EncryptedData", USER1 ": key 1", DOC, "</Key>", 0},
        {"<xenc:EncryptedData>\n", "<xenc:EncryptedData><xenc:CipherData/>\n", KF_CAUSE_DATA,
         "CipherData stands where EncryptionMethod is missing", USER1 ": key 1", DOC,
         "<xenc:CipherData/>", 0},
        {"</xenc:EncryptedData>", "</xenc:EncryptedData><xenc:EncryptedData/>", KF_CAUSE_DATA,
         "EncryptedData stands twice in Key", USER1 ": key 1", DOC, "<xenc:EncryptedData/>", 0},
        {"<xenc:EncryptedData>", "<xenc:EncryptedData Type=\"a\">", KF_CAUSE_DATA,
         "EncryptedData has an attribute Type", USER1 ": key 1", DOC, "<xenc:EncryptedData Type",
         0},
        {"<xenc:EncryptedData>", "<xenc:EncryptedData><ds:KeyInfo/>", KF_CAUSE_DATA,
         "does not belong in EncryptedData", USER1 ": key 1", DOC, "<ds:KeyInfo/>", 0},
    };

    assert_all_refused(refusals, COUNT(refusals));
}

static void test_counts(void)
{
    static const struct refusal refusals[] = {
        {"<End users=\"2\"", "<End users=\"3\"", KF_CAUSE_DATA, "End says 3 users, but 2 came", "",
         READ, "<End ", 2},
        {"certificates=\"6\"", "certificates=\"5\"", KF_CAUSE_DATA,
         "End says 5 certificates, but 6 came", "", READ, "<End ", 2},
        {"keys=\"4\"", "keys=\"40\"", KF_CAUSE_DATA, "End says 40 keys, but 4 came", "", READ,
         "<End ", 2},
        {"keys=\"4\"", "keys=\"\"", KF_CAUSE_DATA, "the count of keys in End is not a number", "",
         DOC, "<End ", 2},
        {" keys=\"4\"", "", KF_CAUSE_DATA, "End has no attribute keys", "", DOC, "<End ", 2},
        {"users=\"2\">", "users=\"3\">", KF_CAUSE_DATA, "the root element says 3 users, but 2 came",
         "", READ, "<End ", 2},
        {"users=\"2\">", "users=\"1\">", KF_CAUSE_DATA,
         "more users than the root element says, which is 1", USER2, READ, "<User ordinal=\"2\"",
         1},
        {"<End users=\"2\" certificates=\"6\" keys=\"4\"/>", "", KF_CAUSE_DATA,
         "KMSExport ends without End", "", DOC, "</KMSExport>", 2},
        {"</KMSExport>", "<End users=\"2\" certificates=\"6\" keys=\"4\"/></KMSExport>",
         KF_CAUSE_DATA, "End stands twice in KMSExport", "", DOC, "</KMSExport>", 2},
        {"</KMSExport>", "<User ordinal=\"3\" mailboxGuid=\"" GUID1 "\"/></KMSExport>",
         KF_CAUSE_DATA, "User is out of order in KMSExport", "", DOC, "</KMSExport>", 2},
        {"keys=\"4\"/>", "keys=\"4\">more</End>", KF_CAUSE_DATA, "text between elements, in End",
         "", DOC, "<End ", 2},
    };

    assert_all_refused(refusals, COUNT(refusals));
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"the prolog", test_the_prolog},
        {"what is not well-formed", test_what_is_not_well_formed},
        {"the root", test_the_root},
        {"lock boxes", test_lock_boxes},
        {"no lock box", test_no_lock_box},
        {"users", test_users},
        {"certificates and keys", test_certificates_and_keys},
        {"counts", test_counts},
        {NULL, NULL},
    };

    return suite_run("kms_refused", tests);
}

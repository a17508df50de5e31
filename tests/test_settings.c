/*
 * Settings by their registry names, and the list of key recovery agents.
 */
#include "store/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/agents.h"
#include "tests/support/archive.h"
#include "tests/support/suite.h"

static uint64_t get_number(struct archive *archive, const char *name)
{
    struct kf_setting setting = {.info = NULL};
    uint64_t number;

    CU_ASSERT_EQUAL(kf_setting_get(archive->store, name, &setting, NULL), KF_OK);
    number = setting.number;
    kf_setting_reset(&setting);
    return number;
}

static void check_text(struct archive *archive, const char *name, const char *expected)
{
    struct kf_setting setting = {.info = NULL};

    CU_ASSERT_EQUAL(kf_setting_get(archive->store, name, &setting, NULL), KF_OK);
    CU_ASSERT_STRING_EQUAL(setting.text, expected);
    kf_setting_reset(&setting);
}

static void check_refused(struct archive *archive, const char *name, const char *value)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    int64_t before = archive_number(archive, "SELECT count(*) FROM Audit");

    CU_ASSERT_EQUAL(kf_setting_set(archive->store, name, value, NULL, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    CU_ASSERT(error.text[0] != '\0');
    CU_ASSERT_EQUAL(archive_number(archive, "SELECT count(*) FROM Audit"), before);
}

static void test_defaults(void)
{
    struct archive archive;
    unsigned count = 0;

    archive_begin(&archive);
    CU_ASSERT_EQUAL(get_number(&archive, "KRACertCount"), 0);
    CU_ASSERT_EQUAL(get_number(&archive, "KRAFlags"), 0);
    check_text(&archive, "KRACertHash", "");
    check_text(&archive, "CAName", "Contoso CA");
    check_text(&archive, "CAKeyFile", "");
    for (const struct kf_setting_info *info = kf_setting_infos(); info->name != NULL; info++)
        count++;
    CU_ASSERT_EQUAL(count, 5);
    archive_end(&archive);
}

static void test_flags(void)
{
    struct archive archive;
    struct kf_setting now = {.info = NULL};

    archive_begin(&archive);
    CU_ASSERT_EQUAL(
        kf_setting_set(archive.store, "ca\\KRAFlags", "+KRAF_ENABLEFOREIGN", &now, NULL), KF_OK);
    CU_ASSERT_EQUAL(now.number, KF_KRAF_ENABLEFOREIGN);
    CU_ASSERT_STRING_EQUAL(now.info->name, "KRAFlags");
    kf_setting_reset(&now);
    archive_set(&archive, "kraflags", "+saveBadRequestKey");
    CU_ASSERT_EQUAL(get_number(&archive, "KRAFLAGS"), 3);
    archive_set(&archive, "KRAFlags", "+KRAF_ENABLEARCHIVEALL|KRAF_DISABLEUSEDEFAULTPROVIDER");
    CU_ASSERT_EQUAL(get_number(&archive, "KRAFlags"), 15);
    archive_set(&archive, "KRAFlags", "-KRAF_ENABLEFOREIGN");
    CU_ASSERT_EQUAL(get_number(&archive, "KRAFlags"), 14);
    archive_set(&archive, "KRAFlags", "-KRAF_ENABLEFOREIGN");
    CU_ASSERT_EQUAL(get_number(&archive, "KRAFlags"), 14);
    archive_set(&archive, "KRAFlags", "ENABLEFOREIGN|ENABLEARCHIVEALL");
    CU_ASSERT_EQUAL(get_number(&archive, "KRAFlags"), 5);
    archive_set(&archive, "KRAFlags", "0xB");
    CU_ASSERT_EQUAL(get_number(&archive, "KRAFlags"), 11);
    archive_set(&archive, "KRAFlags", "0");
    CU_ASSERT_EQUAL(get_number(&archive, "KRAFlags"), 0);
    archive_set(&archive, "KRAFlags", "+1");
    archive_reopen(&archive);
    CU_ASSERT_EQUAL(get_number(&archive, "KRAFlags"), 1);
    archive_end(&archive);
}

static void test_refusals(void)
{
    struct archive archive;
    struct kf_setting setting = {.info = NULL};
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    archive_begin(&archive);
    check_refused(&archive, "KRAFlags", "16");
    check_refused(&archive, "KRAFlags", "+KRAF_NOSUCH");
    check_refused(&archive, "KRAFlags", "ENABLEFOREIGN|");
    check_refused(&archive, "KRAFlags", "");
    check_refused(&archive, "KRAFlags", "-");
    check_refused(&archive, "KRAFlags", "0x");
    check_refused(&archive, "KRAFlags", "0x1g");
    check_refused(&archive, "KRACertCount", "-1");
    check_refused(&archive, "KRACertCount", "two");
    check_refused(&archive, "KRACertCount", "4294967296");
    check_refused(&archive, "KRACertHash", "0011");
    check_refused(&archive, "KRACertHash", "+00112233445566778899aabbccddeeff00112233");
    check_refused(&archive, "KRACertHash", "-00112233445566778899aabbccddeeff00112233");
    check_refused(&archive, "kra-next", "1");
    check_refused(&archive, "NoSuch", "1");
    CU_ASSERT_EQUAL(kf_setting_get(archive.store, "NoSuch", &setting, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    CU_ASSERT_STRING_EQUAL(error.text, "there is no setting \"NoSuch\"");
    CU_ASSERT_EQUAL(get_number(&archive, "KRACertCount"), 0);
    archive_end(&archive);
}

static void test_audited(void)
{
    struct archive archive;
    char *text;

    archive_begin(&archive);
    archive_set(&archive, "KRACertCount", "0x10");
    text = archive_text(&archive, "SELECT Entry FROM Audit ORDER BY Sequence DESC");
    CU_ASSERT(strstr(text, "Z setting caller=tester name=KRACertCount old=0 new=16") != NULL);
    free(text);
    archive_set(&archive, "CAKeyFile", "/etc/ca key.p12");
    check_text(&archive, "CAKeyFile", "/etc/ca key.p12");
    text = archive_text(&archive, "SELECT Entry FROM Audit ORDER BY Sequence DESC");
    CU_ASSERT(strstr(text, " name=CAKeyFile old= new=/etc/ca%20key.p12") != NULL);
    free(text);
    archive_end(&archive);
}

/* The SHA-1 of agent number, as hex. */
static void agent_hash(unsigned number, char out[41])
{
    X509 *certificate = archive_agent(number);
    struct kf_buf der = KF_PUBLIC_BUF;
    uint8_t sha1[KF_SHA1_SIZE];

    material_der(certificate, &der);
    CU_ASSERT_EQUAL(kf_digest(material_crypto()->sha1, kf_buf_slice(&der), sha1, NULL), KF_OK);
    kf_hex(out, sha1, sizeof(sha1));
    kf_buf_reset(&der);
    X509_free(certificate);
}

/* KRACertHash is these agents, told by number, in this order. */
static void check_list(struct archive *archive, const char *numbers)
{
    char expected[200] = "";
    struct kf_agents agents = {.items = NULL};

    for (const char *number = numbers; *number != '\0'; number++) {
        if (number != numbers)
            (void)strncat(expected, "\n", sizeof(expected) - strlen(expected) - 1);
        agent_hash((unsigned)(*number - '0'), expected + strlen(expected));
    }
    check_text(archive, "KRACertHash", expected);
    CU_ASSERT_EQUAL(kf_agents_load(archive->store, &agents, NULL), KF_OK);
    CU_ASSERT_EQUAL(agents.count, strlen(numbers));
    for (size_t i = 0; i < agents.count; i++) {
        char sha1[41];

        kf_hex(sha1, agents.items[i].kra.facts.sha1, KF_SHA1_SIZE);
        CU_ASSERT(strncmp(sha1, expected + i * 41, 40) == 0);
        CU_ASSERT(agents.items[i].added > 0);
    }
    kf_agents_reset(&agents);
}

static void test_agent_list(void)
{
    struct archive archive;
    char hashes[4][41];
    char value[200];

    archive_begin(&archive);
    for (unsigned i = 1; i <= 3; i++)
        agent_hash(i, hashes[i]);
    archive_add_agents(&archive, 3);
    check_list(&archive, "123");
    (void)snprintf(value, sizeof(value), "-%s", hashes[2]);
    archive_set(&archive, "KRACertHash", value);
    check_list(&archive, "13");
    check_refused(&archive, "KRACertHash", value); /* it is not there any more */
    value[0] = '+';
    archive_set(&archive, "KRACertHash", value);
    check_list(&archive, "132");
    (void)snprintf(value, sizeof(value), "%s\\n%s", hashes[3], hashes[1]);
    archive_set(&archive, "KRACertHash", value);
    check_list(&archive, "31");
    (void)snprintf(value, sizeof(value), "%s, %s %s", hashes[2], hashes[1], hashes[3]);
    archive_set(&archive, "KRACertHash", value);
    check_list(&archive, "213");
    value[0] = '\0'; /* as the registry has them */
    for (unsigned i = 0; i < 80; i += 2)
        (void)snprintf(value + strlen(value), 4, "%.2s%s", hashes[i < 40 ? 3 : 1] + i % 40,
                       i == 38 ? "\n" : " ");
    archive_set(&archive, "KRACertHash", value);
    check_list(&archive, "31");
    (void)snprintf(value, sizeof(value), "%s %s", hashes[3], hashes[3]);
    check_refused(&archive, "KRACertHash", value);
    check_list(&archive, "31");
    archive_set(&archive, "KRACertHash", "");
    check_list(&archive, "");
    archive_end(&archive);
}

static void test_agents_removed(void)
{
    struct archive archive;
    char hash[41];
    char spaced[80] = "";
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_der_list list = {.items = NULL};
    char *text;

    archive_begin(&archive);
    archive_add_agents(&archive, 2);
    agent_hash(1, hash);
    for (unsigned i = 0; i < 40; i += 2)
        (void)snprintf(spaced + strlen(spaced), 4, "%s%.2s", i == 0 ? "" : " ", hash + i);
    CU_ASSERT_EQUAL(kf_agents_remove(archive.store, spaced, NULL), KF_OK);
    check_list(&archive, "2");
    text = archive_text(&archive, "SELECT Entry FROM Audit ORDER BY Sequence DESC");
    CU_ASSERT(strstr(text, " agent-removed caller=tester certificate=") != NULL);
    free(text);
    CU_ASSERT_EQUAL(kf_agents_remove(archive.store, hash, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    /* its certificate is still found, for what is sealed to it */
    CU_ASSERT_EQUAL(kf_agents_certificates(archive.store, spaced, &list, NULL), KF_OK);
    CU_ASSERT_EQUAL(list.count, 1);
    CU_ASSERT_EQUAL(kf_agents_certificates(archive.store, "00 11", &list, NULL), KF_OK);
    CU_ASSERT_EQUAL(list.count, 1);
    kf_der_list_reset(&list);
    archive_end(&archive);
}

static void check_no_agent(struct archive *archive, X509 *certificate, int64_t now,
                           enum kf_cause cause, const char *part)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    material_der(certificate, &der);
    CU_ASSERT_EQUAL(kf_agents_add(archive->store, kf_buf_slice(&der), KF_KRA_MIN_BITS, now, &error),
                    KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, cause);
    CU_ASSERT(strstr(error.text, part) != NULL);
    CU_ASSERT_EQUAL(archive_number(archive, "SELECT count(*) FROM Agents WHERE Position NOT NULL"),
                    1);
    kf_buf_reset(&der);
}

static void test_agents_refused(void)
{
    struct archive archive;
    int64_t now = (int64_t)time(NULL);
    X509 *good = archive_agent(1);
    X509 *other = archive_agent(2);

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    check_no_agent(&archive, good, now, KF_CAUSE_USAGE, "is a key recovery agent already");
    check_no_agent(&archive, other, now + 20 * 365 * 86400LL, KF_CAUSE_POLICY, "has expired");
    check_no_agent(&archive, other, now - 20 * 365 * 86400LL, KF_CAUSE_POLICY, "is not valid yet");
    check_no_agent(&archive, archive.ca, now, KF_CAUSE_POLICY, "");
    X509_free(good);
    X509_free(other);
    archive_end(&archive);
}

/* 1024 bits are taken where the user says so, and the audit trail tells. */
static void test_weak_agent(void)
{
    struct archive archive;
    X509 *weak = material_kra("Old KRA", material_key("rsa:1024"));
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_agents agents = {.items = NULL};
    int64_t now = (int64_t)time(NULL);
    char *text;

    archive_begin(&archive);
    material_der(weak, &der);
    CU_ASSERT_EQUAL(kf_agents_add(archive.store, kf_buf_slice(&der), KF_KRA_MIN_BITS, now, NULL),
                    KF_SKIP);
    CU_ASSERT_EQUAL(kf_agents_add(archive.store, kf_buf_slice(&der), KF_KRA_OLD_BITS, now, NULL),
                    KF_OK);
    text = archive_text(&archive, "SELECT Entry FROM Audit ORDER BY Sequence DESC");
    CU_ASSERT(strstr(text, " agent-added ") != NULL);
    CU_ASSERT(strstr(text, " bits=1024%20(accepted%20for%20an%20old%20archive)") != NULL);
    free(text);
    CU_ASSERT_EQUAL(kf_agents_load(archive.store, &agents, NULL), KF_OK);
    CU_ASSERT_EQUAL(agents.count, 1);
    kf_agents_reset(&agents);
    kf_buf_reset(&der);
    X509_free(weak);
    archive_end(&archive);
}

/* What the caller begins and rolls back leaves nothing. */
static void test_rolled_back(void)
{
    struct archive archive;

    archive_begin(&archive);
    CU_ASSERT_EQUAL(kf_store_begin(archive.store, NULL), KF_OK);
    archive_set(&archive, "KRACertCount", "7");
    archive_add_agents(&archive, 1);
    CU_ASSERT_EQUAL(get_number(&archive, "KRACertCount"), 7);
    kf_store_rollback(archive.store);
    CU_ASSERT_EQUAL(get_number(&archive, "KRACertCount"), 0);
    check_list(&archive, "");
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Audit"), 1);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Certificates"), 1);
    archive_end(&archive);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"defaults", test_defaults},
        {"flags", test_flags},
        {"refusals", test_refusals},
        {"changes are in the audit trail", test_audited},
        {"the list of agents", test_agent_list},
        {"agents that were removed", test_agents_removed},
        {"no agents", test_agents_refused},
        {"an old, weak agent", test_weak_agent},
        {"a change that is rolled back", test_rolled_back},
        {NULL, NULL},
    };

    return suite_run("settings", tests);
}

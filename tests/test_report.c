/*
 * How large report pages are: under 300 KB for ten thousand keys; and of a million, the totals and
 * the first keys of each cause, which the page says, in memory that does not grow with them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/report.h"
#include "crypto/crypto.h"
#include "tests/support/suite.h"

#define PAGE_MOST   300000
#define PER_INPUT   7u /* keys of an input */
#define REFUSED_OF  10u
#define FAILED_OF   61u
#define MEMORY_MOST (64u << 20) /* of a page with ten thousand keys of each cause, in bytes */

static struct kf_crypto *crypto;
static char folder[] = "/tmp/keyferry-report.XXXXXX";
static char page[64];

/* The number-th key of an import with a bit of everything. */
static void make_entry(uint64_t number, char input[64], char name[64], struct kf_report_entry *out)
{
    static const struct kf_input_facts facts = {.has_size = true, .has_digest = true, .size = 2680};

    (void)snprintf(input, 64, "exports/branch-%" PRIu64 "/%06" PRIu64 ".pfx",
                   number / PER_INPUT % 20, number / PER_INPUT);
    (void)snprintf(name, 64, "Person Number %" PRIu64, number);
    *out = (struct kf_report_entry){.input = input,
                                    .input_facts = &facts,
                                    .ordinal = number % PER_INPUT + 1,
                                    .place = "user 1: key 1",
                                    .outcome = KF_ARCHIVED,
                                    .name = name,
                                    .has_certificate = true,
                                    .issuer = "CN=Contoso Issuing CA, O=Contoso, C=US",
                                    .not_after = (int64_t)(1500000000 + number % 300 * 1000000),
                                    .key_algorithm = "RSA",
                                    .key_bits = number % 9 == 0 ? 1024 : 2048,
                                    .signature_algorithm = "sha256WithRSAEncryption",
                                    .key_recovery_hashes = "aa bb\ncc dd"};
    if (number % REFUSED_OF == 0) {
        out->outcome = KF_REFUSED;
        out->cause = KF_CAUSE_POLICY;
        out->code = KF_E_ISSUERCHAINING;
        out->rule = "[MS-CSRA] 3.1.4.1.26";
        out->message = "not issued by Contoso Issuing CA: KRAFlags lacks KRAF_ENABLEFOREIGN";
    } else if (number % FAILED_OF == 0) {
        out->outcome = KF_FAILED;
        out->cause = KF_CAUSE_SECRET;
        out->message = "wrong password: none of 1 fits";
    }
}

/* Writes a report of so many keys; gives the size of the page. */
static int64_t report_keys(uint64_t count)
{
    const struct kf_session session = {.crypto = crypto};
    struct kf_option_use use = {.option = KF_OPT_REPORT, .value = page};
    const struct kf_arguments arguments = {.uses = &use, .use_count = 1};
    const struct kf_report_run run = {.command = "import", .started = 1795000000};
    struct kf_report_end end = {.ended = 1795000100};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_report *report = NULL;
    struct stat facts;

    CU_ASSERT_EQUAL_FATAL(
        kf_report_open(&session, &arguments, KF_OPT_REPORT, NULL, &run, &report, &error), KF_OK);
    for (uint64_t i = 0; i < count; i++) {
        struct kf_report_entry entry;
        char input[64];
        char name[64];

        make_entry(i, input, name, &entry);
        kf_report_add(report, &entry);
        end.totals.by_outcome[entry.outcome]++;
    }
    CU_ASSERT_EQUAL_FATAL(kf_report_end(report, &end, &error), KF_OK);
    CU_ASSERT_EQUAL_FATAL(stat(page, &facts), 0);
    return facts.st_size;
}

static bool page_has(const char *text)
{
    FILE *file = fopen(page, "r");
    char *line = NULL;
    size_t size = 0;
    bool found = false;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (!found && getline(&line, &size, file) != -1)
        found = strstr(line, text) != NULL;
    free(line);
    CU_ASSERT_EQUAL(fclose(file), 0);
    return found;
}

static void test_ten_thousand(void)
{
    int64_t size = report_keys(10000);

    CU_ASSERT(size < PAGE_MOST);
    CU_ASSERT(page_has("Every key is accounted for"));
    CU_ASSERT(page_has(">1,000 keys")); /* all that were refused */
    CU_ASSERT(page_has("Person Number 9990"));
    CU_ASSERT(page_has("The first 1,000 of 1,429 inputs"));
    CU_ASSERT_FALSE(page_has("the CSV and JSON reports have all of them"));
}

/* Resident memory of this program in bytes, as Linux tells it; 0 elsewhere. */
static uint64_t memory_now(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    char line[128] = "";
    const char *resident;

    if (file == NULL)
        return 0;
    if (fgets(line, sizeof(line), file) == NULL)
        line[0] = '\0';
    (void)fclose(file);
    resident = strchr(line, ' ');
    return resident != NULL ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void test_million(void)
{
    uint64_t before = memory_now();
    int64_t size = report_keys(1000000);

    CU_ASSERT(
        page_has("The first 10,000 of 100,000 keys; the CSV and JSON reports have all of them"));
    CU_ASSERT(page_has("Person Number 99990"));
    CU_ASSERT_FALSE(page_has("Person Number 100000"));
    CU_ASSERT(page_has("The first 1,000 of 142,858 inputs"));
    CU_ASSERT(size < 10 * PAGE_MOST);
#ifndef __SANITIZE_ADDRESS__ /* which keeps for a while what was freed */
    CU_ASSERT(memory_now() < before + MEMORY_MOST);
#else
    (void)before;
#endif
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"ten thousand keys", test_ten_thousand},
        {"a million keys", test_million},
        {NULL, NULL},
    };
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    int code;

    if (kf_crypto_open(&crypto, &error) != KF_OK || mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(page, sizeof(page), "%s/page.html", folder);
    code = suite_run("report", tests);
    (void)unlink(page);
    (void)rmdir(folder);
    kf_crypto_close(crypto);
    return code;
}

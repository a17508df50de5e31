/*
 * How TOKEN finds rows: every name, in every spelling, alone and among others.
 */
#include "store/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/known.h"
#include "tests/support/archive.h"
#include "tests/support/suite.h"

/* A record that is sealed already; the certificate is bytes, since nobody reads it here. */
struct person {
    const char *common_name, *upn, *email, *serial, *ski, *guid, *display_name, *mail;
};

static void make_record(struct kf_record *record, const struct person *person, uint64_t number)
{
    struct kf_slice slice = {(const uint8_t *)&number, sizeof(number)};

    kf_record_init(record);
    record->ordinal = number + 1;
    record->has_facts = true;
    CU_ASSERT_EQUAL(kf_digest(material_crypto()->sha1, slice, record->facts.sha1, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_digest(material_crypto()->sha256, slice, record->facts.sha256, NULL), KF_OK);
#define COPY(to, from) record->to = (from) != NULL ? kf_strndup(from, strlen(from)) : NULL
    COPY(facts.common_name, person->common_name);
    COPY(facts.upn, person->upn);
    COPY(facts.email, person->email);
    COPY(facts.serial, person->serial != NULL ? person->serial : "77");
    COPY(facts.ski, person->ski);
    COPY(facts.issuer, "CN=Contoso CA");
    COPY(facts.subject, "");
    COPY(display_name, person->display_name);
    COPY(mail, person->mail);
    COPY(key_recovery_hashes, "00");
#undef COPY
    (void)snprintf(record->mailbox_guid, sizeof(record->mailbox_guid), "%s",
                   person->guid != NULL ? person->guid : "");
    record->blob_type = KF_BLOB_RSA;
    CU_ASSERT_EQUAL(kf_buf_set(&record->cert, slice, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_buf_set(&record->sealed, slice, NULL), KF_OK);
}

/* Places a person in the open transaction; the same number is the same certificate. */
static enum kf_outcome place(struct archive *archive, const struct person *person, uint64_t number)
{
    struct kf_placing placing = {.run = archive->run, .now = (int64_t)time(NULL)};
    struct kf_record record;
    enum kf_outcome outcome;

    make_record(&record, person, number);
    CU_ASSERT_EQUAL_FATAL(kf_runs_input(archive->store, archive->run,
                                        &(struct kf_input_news){.name = "a"}, &placing.input, NULL),
                          KF_OK);
    CU_ASSERT_EQUAL_FATAL(kf_rules_place(archive->store, &placing, &record, NULL), KF_OK);
    outcome = record.outcome;
    kf_record_reset(&record);
    return outcome;
}

static void begin_run(struct archive *archive)
{
    CU_ASSERT_EQUAL_FATAL(kf_runs_begin(archive->store, &(struct kf_run_request){.command = "x"},
                                        &archive->run, NULL),
                          KF_OK);
}

static const struct person people[] = {
    {.common_name = "Jo Doe",
     .upn = "jo@contoso.example",
     .email = "jo.doe@mail.example",
     .serial = "00a1b2c3d4",
     .ski = "0123456789abcdef0123456789abcdef01234567",
     .guid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
    {.common_name = "Jos\xc3\xa9 M\xc3\xbcller", .serial = "01", .display_name = "CONTOSO\\jose"},
    {.common_name = "\xce\xa3\xcf\x89\xce\xba\xcf\x81\xce\xac\xcf\x84\xce\xb7\xcf\x82",
     .serial = "ff00",
     .mail = "socrates@agora.example"},
    {.common_name = "Ada", .upn = "ada@sub.contoso.example", .serial = "ada0"},
    {.common_name = "Jo Doe", .upn = "jo2@contoso.example", .serial = "02"},
};
#define PEOPLE (sizeof(people) / sizeof(people[0]))

/* The request ids that a token finds, as digits. */
static void check_found(struct archive *archive, const char *token, const char *expected)
{
    struct kf_row_cursor *cursor = NULL;
    struct kf_row row = {.request_id = 0};
    char found[32] = "";

    CU_ASSERT_EQUAL_FATAL(kf_rows_find(archive->store, token, &cursor, NULL), KF_OK);
    while (kf_rows_next(cursor, &row, NULL) == KF_OK && strlen(found) < 30)
        (void)snprintf(found + strlen(found), 2, "%u", (unsigned)row.request_id % 10);
    kf_rows_close(cursor);
    kf_row_reset(&row);
    if (strcmp(found, expected) != 0)
        (void)printf("\n\"%s\" found %s, not %s\n", token, found, expected);
    CU_ASSERT_STRING_EQUAL(found, expected);
}

static void fill(struct archive *archive)
{
    archive_begin(archive);
    begin_run(archive);
    CU_ASSERT_EQUAL(kf_store_begin(archive->store, NULL), KF_OK);
    for (size_t i = 0; i < PEOPLE; i++)
        CU_ASSERT_EQUAL(place(archive, &people[i], i), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kf_store_commit(archive->store, NULL), KF_OK);
}

static void test_names(void)
{
    struct archive archive;

    fill(&archive);
    check_found(&archive, "Jo Doe", "15");
    check_found(&archive, "jo DOE", "15");
    check_found(&archive, "JOS\xc3\x89 M\xc3\x9cLLER", "2");
    check_found(&archive, "Jose Muller", "");
    check_found(&archive, "\xcf\x83\xce\xa9\xce\x9a\xce\xa1\xce\x86\xce\xa4\xce\x97\xcf\x82", "3");
    check_found(&archive, "Jo", "");
    check_found(&archive, "Jo Doe ", "");
    check_found(&archive, "", "");
    archive_end(&archive);
}

static void test_addresses(void)
{
    struct archive archive;

    fill(&archive);
    check_found(&archive, "jo@contoso.example", "1");
    check_found(&archive, "JO@CONTOSO.EXAMPLE", "1");
    check_found(&archive, "jo.doe@mail.example", "1");
    check_found(&archive, "socrates@agora.example", "3");
    check_found(&archive, "CONTOSO\\jo", "1");
    check_found(&archive, "contoso\\JOSE", "2");
    check_found(&archive, "SUB\\ada", "4");
    check_found(&archive, "contoso\\ada", "");
    check_found(&archive, "contoso.example\\jo", "");
    check_found(&archive, "\\jo", "");
    check_found(&archive, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "1");
    check_found(&archive, "{6BA7B810-9DAD-11D1-80B4-00C04FD430C8}", "1");
    check_found(&archive, "{6BA7B810-9DAD-11D1-80B4-00C04FD430C9}", "");
    archive_end(&archive);
}

static void test_numbers(void)
{
    struct archive archive;
    struct kf_row row = {.request_id = 0};
    char spaced[2 * sizeof(row.certificate_sha256)] = "";
    char upper[sizeof(row.certificate_hash)];

    fill(&archive);
    check_found(&archive, "00a1b2c3d4", "1");
    check_found(&archive, "A1B2C3D4", "1");
    check_found(&archive, "00:A1:B2:C3:D4", "1");
    check_found(&archive, "a1 b2 c3 d4", "1");
    check_found(&archive, "0xa1b2c3d4", "1");
    check_found(&archive, "1", "2");
    check_found(&archive, "01", "2");
    check_found(&archive, "ada", "4"); /* a name that could be a number */
    check_found(&archive, "ada0", "4");
    check_found(&archive, "01 23 45 67 89 ab cd ef 01 23 45 67 89 ab cd ef 01 23 45 67", "1");
    check_found(&archive, "zz", "");
    CU_ASSERT_EQUAL(kf_rows_get(archive.store, 3, &row, NULL), KF_OK);
    check_found(&archive, row.certificate_hash, "3");
    check_found(&archive, row.certificate_sha256, "3");
    for (size_t i = 0; i < strlen(row.certificate_sha256); i += 2)
        (void)snprintf(spaced + strlen(spaced), 4, "%s%.2s", i == 0 ? "" : ":",
                       row.certificate_sha256 + i);
    check_found(&archive, spaced, "3");
    for (size_t i = 0; i < sizeof(upper); i++) {
        char digit = row.certificate_hash[i];

        upper[i] = digit >= 'a' ? (char)(digit - 32) : digit;
    }
    check_found(&archive, upper, "3");
    row.certificate_sha256[63] = row.certificate_sha256[63] == '0' ? '1' : '0';
    check_found(&archive, row.certificate_sha256, ""); /* the same token, another certificate */
    kf_row_reset(&row);
    archive_end(&archive);
}

/* Rows of an open transaction are found too. */
static void test_uncommitted(void)
{
    struct archive archive;

    archive_begin(&archive);
    begin_run(&archive);
    CU_ASSERT_EQUAL(kf_store_begin(archive.store, NULL), KF_OK);
    CU_ASSERT_EQUAL(place(&archive, &people[0], 0), KF_ARCHIVED);
    CU_ASSERT_EQUAL(place(&archive, &people[0], 0), KF_KNOWN);
    check_found(&archive, "Jo Doe", "1");
    kf_store_rollback(archive.store);
    check_found(&archive, "Jo Doe", "");
    CU_ASSERT_EQUAL(kf_store_begin(archive.store, NULL), KF_OK);
    CU_ASSERT_EQUAL(place(&archive, &people[3], 0), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kf_store_commit(archive.store, NULL), KF_OK);
    check_found(&archive, "Ada", "1");
    check_found(&archive, "Jo Doe", "");
    archive_end(&archive);
}

static void test_token_layout(void)
{
    static const uint64_t ids[] = {1, 8191, 8192, 8193, 1000000, KF_TOKEN_REQUEST_MAX};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        int64_t token = kf_token(ids[i], 0xfedcba98u);

        CU_ASSERT(token > 0);
        CU_ASSERT_EQUAL(kf_token_request(token), ids[i]);
        CU_ASSERT_EQUAL(kf_token_hash(token), 0xfedcba98u);
    }
    CU_ASSERT(kf_token(8191, UINT32_MAX) < kf_token(8192, 0));
}

static void place_many(struct archive *archive, uint64_t from, uint64_t to,
                       enum kf_outcome expected)
{
    uint64_t wrong = 0;

    CU_ASSERT_EQUAL(kf_store_begin(archive->store, NULL), KF_OK);
    for (uint64_t i = from; i < to; i++) {
        char name[24];
        struct person person = {.common_name = name};

        (void)snprintf(name, sizeof(name), "User %u", (unsigned)i);
        wrong += place(archive, &person, i) != expected;
    }
    CU_ASSERT_EQUAL(kf_store_commit(archive->store, NULL), KF_OK);
    CU_ASSERT_EQUAL(wrong, 0);
}

/* All rows once, in order, though they come by pages. */
static void check_pages(struct archive *archive, uint64_t count)
{
    struct kf_row_cursor *cursor = NULL;
    struct kf_row row = {.request_id = 0};
    uint64_t wrong = 0;

    CU_ASSERT_EQUAL_FATAL(kf_rows_all(archive->store, &cursor, NULL), KF_OK);
    for (uint64_t id = 1; id <= count; id++)
        wrong += kf_rows_next(cursor, &row, NULL) != KF_OK || row.request_id != id;
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(kf_rows_next(cursor, &row, NULL), KF_END);
    CU_ASSERT_EQUAL(kf_rows_next(cursor, &row, NULL), KF_END);
    kf_rows_close(cursor);
    kf_row_reset(&row);
}

/* More than one segment, and enough questions for the filter; another connection adds as well. */
static void test_many(void)
{
    struct archive archive;
    struct archive other;

    archive_begin(&archive);
    begin_run(&archive);
    place_many(&archive, 0, 1000, KF_ARCHIVED);
    place_many(&archive, 1000, 9000, KF_ARCHIVED);
    check_pages(&archive, 9000); /* the last page is full */
    CU_ASSERT_PTR_NOT_NULL(archive.store->known);
    other = archive;
    other.store = NULL;
    archive_reopen(&other);
    place_many(&other, 9000, 9010, KF_ARCHIVED);
    place_many(&archive, 8990, 9010, KF_KNOWN);
    place_many(&archive, 9010, 9020, KF_ARCHIVED);
    place_many(&archive, 0, 9020, KF_KNOWN);
    check_found(&archive, "User 0", "1");
    check_found(&archive, "user 8190", "1");
    check_found(&archive, "user 8191", "2");
    check_found(&archive, "user 9019", "0");
    check_found(&archive, "user 9020", "");
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), 9020);
    check_pages(&archive, 9020);

    /* what is rolled back is not known afterwards, whoever gets its numbers */
    CU_ASSERT_EQUAL(kf_store_begin(archive.store, NULL), KF_OK);
    CU_ASSERT_EQUAL(place(&archive, &people[0], 20000), KF_ARCHIVED);
    kf_store_rollback(archive.store);
    place_many(&other, 20000, 20001, KF_ARCHIVED);
    place_many(&archive, 20000, 20001, KF_KNOWN);
    kf_store_close(other.store);
    archive_end(&archive);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"names", test_names},
        {"addresses, accounts and mailboxes", test_addresses},
        {"serial numbers, hashes and key identifiers", test_numbers},
        {"rows that are not committed", test_uncommitted},
        {"tokens", test_token_layout},
        {"many rows, two connections", test_many},
        {NULL, NULL},
    };

    return suite_run("search", tests);
}

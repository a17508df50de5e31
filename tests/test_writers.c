/*
 * The writers of files: names, modes, what is refused, what is told, and what is never written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "readers/formats.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/reader_run.h"
#include "tests/support/suite.h"
#include "tests/support/writer_run.h"
#include "writers/destinations.h"
#include "writers/epf.h"
#include "writers/outfiles.h"
#include "writers/pfx.h"
#include "writers/rec.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static EVP_PKEY *ca_key, *kra_key, *keys[4];
static X509 *ca, *kra, *certs[4]; /* Jo twice, Kim, Jo's namesake */
static struct kf_kra agent;
static struct kf_buf password;

static void must(bool done, const char *what)
{
    if (done)
        return;
    (void)fprintf(stderr, "cannot %s\n", what);
    exit(EXIT_FAILURE);
}

static X509 *issue(const char *subject, const char *mail, EVP_PKEY *key)
{
    return material_cert(&(struct material_cert){
        .subject = subject, .mail = mail, .key = key, .issuer = ca, .issuer_key = ca_key});
}

static void make(void)
{
    struct kf_buf der = KF_PUBLIC_BUF;

    ca_key = material_key("rsa:2048#ca");
    kra_key = material_key("rsa:2048#kra");
    for (size_t i = 0; i < 4; i++) {
        static const char *const kinds[] = {"rsa:2048", "ec:P-256", "rsa:1024", "ec:P-384"};

        keys[i] = material_key(kinds[i]);
    }
    ca = material_cert(
        &(struct material_cert){.subject = "/O=Contoso/CN=CA", .key = ca_key, .is_ca = true});
    kra = material_kra("Agent", kra_key);
    certs[0] = issue("/O=Contoso/CN=Jo Sample", "jo@contoso.example", keys[0]);
    certs[1] = issue("/O=Contoso/CN=Jo Sample", "jo@contoso.example", keys[1]);
    certs[2] = issue("/O=Contoso/CN=Kim", "kim@contoso.example", keys[2]);
    certs[3] = issue("/O=Contoso/CN=JO sample", "other@contoso.example", keys[3]);
    material_der(kra, &der);
    must(kf_kra_parse(material_crypto(), kf_buf_slice(&der), 2048, &agent, NULL) == KF_OK,
         "parse an agent");
    kf_buf_reset(&der);
    must(kf_buf_set(&password, kf_slice_of("pass word"), NULL) == KF_OK, "keep a password");
}

static void free_all(void)
{
    for (size_t i = 0; i < 4; i++)
        X509_free(certs[i]);
    X509_free(ca);
    X509_free(kra);
    kf_kra_reset(&agent);
    kf_buf_reset(&password);
}

static void make_records(struct kf_record *records)
{
    X509 *const chain[] = {ca, NULL};

    for (size_t i = 0; i < 4; i++)
        record_make(&records[i], keys[i], certs[i], chain);
}

static void free_records(struct kf_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kf_record_reset(&records[i]);
}

/* A run into path, with the four keys, and what is left of the records. */
static void run_pfx(struct writer_run *run, struct kf_pfx_export_options options,
                    struct kf_record *records, size_t every, bool with_stage)
{
    struct kf_writer *writer = NULL;
    struct kf_stage stage;

    options.crypto = material_crypto();
    options.iterations = options.iterations != 0 ? options.iterations : 100;
    make_records(records);
    CU_ASSERT_EQUAL_FATAL(kf_pfx_export_open(&options, &writer, &run->error), KF_OK);
    stage = kf_pfx_export_stage(writer);
    writer_run(run, writer, with_stage ? &stage : NULL, records, 4, every, options.dry_run);
}

static void expect_mode(const char *name, mode_t mode)
{
    struct stat facts;

    CU_ASSERT_EQUAL_FATAL(stat(outside_path(name), &facts), 0);
    CU_ASSERT_EQUAL(facts.st_mode & 0777, mode);
}

/* The file holds these keys, by our reader and by openssl. */
static void expect_pfx(const char *name, const char *secret, size_t count, const size_t *which)
{
    struct kf_secrets *secrets = secrets_with(secret, NULL, NULL);
    struct reader_run run;

    reader_run_file(&run, &kf_reader_pfx, outside_path(name), secrets);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.records.count, count);
    CU_ASSERT_EQUAL(run.proven, count);
    for (size_t i = 0; i < count; i++) {
        const struct kf_record *record = find_record(&run, keys[which[i]]);

        CU_ASSERT_PTR_NOT_NULL(record);
        CU_ASSERT(record != NULL && record->chain_count == 1);
    }
    reader_run_reset(&run);
    kf_secrets_free(secrets);
    expect_mode(name, 0600);
    CU_ASSERT(outside_run("openssl pkcs12 -in '%s' -provider default -provider legacy -nodes "
                          "-passin 'pass:%s' -out out.pem && test $(grep -c 'BEGIN PRIVATE KEY' "
                          "out.pem) = %zu",
                          name, secret, count));
}

static void expect_files(const char *folder, const char *names)
{
    CU_ASSERT(outside_run("test \"$(cd %s && ls -A | LC_ALL=C sort | tr '\\n' ' ')\" = '%s'",
                          folder, names));
}

static void test_one_file_a_key(void)
{
    struct kf_record records[4];
    struct writer_run run;

    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT(outside_run("rm -rf keys"));
        run_pfx(&run,
                (struct kf_pfx_export_options){.path = outside_path("keys"),
                                               .password = &password,
                                               .profile = i == 0   ? KF_PFX_WINDOWS
                                                          : i == 1 ? KF_PFX_LEGACY
                                                                   : KF_PFX_MODERN},
                records, i, i % 2 == 0);
        CU_ASSERT_EQUAL(run.status, KF_OK);
        CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], 4);
        expect_mode("keys", 0700);
        expect_files("keys", "JO sample-3.pfx Jo Sample-2.pfx Jo Sample.pfx Kim.pfx ");
        expect_pfx("keys/Jo Sample.pfx", "pass word", 1, (const size_t[]){0});
        expect_pfx("keys/Jo Sample-2.pfx", "pass word", 1, (const size_t[]){1});
        expect_pfx("keys/JO sample-3.pfx", "pass word", 1, (const size_t[]){3});
        expect_pfx("keys/Kim.pfx", "pass word", 1, (const size_t[]){2});
        free_records(records, 4);
    }
}

static void test_one_file_a_user(void)
{
    struct kf_record records[4];
    struct writer_run run;

    for (size_t every = 0; every < 4; every++) {
        CU_ASSERT(outside_run("rm -rf users"));
        run_pfx(&run,
                (struct kf_pfx_export_options){
                    .path = outside_path("users"), .password = &password, .per_user = true},
                records, every, true);
        CU_ASSERT_EQUAL(run.status, KF_OK);
        CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], 4);
        expect_files("users", "JO sample-2.pfx Jo Sample.pfx Kim.pfx ");
        expect_pfx("users/Jo Sample.pfx", "pass word", 2, (const size_t[]){0, 1});
        expect_pfx("users/Kim.pfx", "pass word", 1, (const size_t[]){2});
        free_records(records, 4);
    }
}

static void test_one_file_for_everything(void)
{
    struct kf_record records[4];
    struct writer_run run;
    struct kf_pfx_export_options options = {.path = outside_path("all.PFX"), .password = &password};

    run_pfx(&run, options, records, 1, true);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    expect_pfx("all.PFX", "pass word", 4, (const size_t[]){0, 1, 2, 3});
    free_records(records, 4);
    run_pfx(&run, options, records, 1, true);
    CU_ASSERT_EQUAL(run.status, KF_FATAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.error.text, "exists already"));
    free_records(records, 4);
    options.overwrite = true;
    run_pfx(&run, options, records, 1, true);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    free_records(records, 4);
}

static void test_nothing_is_overwritten(void)
{
    struct kf_record records[4];
    struct writer_run run;
    struct kf_pfx_export_options options = {.path = outside_path("again"), .password = &password};

    CU_ASSERT(outside_run("mkdir again && echo mine >'again/Jo Sample-2.pfx' && ln -s /nowhere "
                          "again/Kim.pfx"));
    run_pfx(&run, options, records, 0, true);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], 2);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_REFUSED], 2);
    CU_ASSERT_EQUAL(records[1].outcome, KF_REFUSED);
    CU_ASSERT_EQUAL(records[1].error.cause, KF_CAUSE_POLICY);
    CU_ASSERT_PTR_NOT_NULL(strstr(records[1].error.text, "Jo Sample-2.pfx exists already"));
    CU_ASSERT(
        outside_run("test \"$(cat 'again/Jo Sample-2.pfx')\" = mine && test -L again/Kim.pfx"));
    free_records(records, 4);
    options.per_user = true;
    run_pfx(&run, options, records, 0, true);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_REFUSED], 3);
    free_records(records, 4);
    options.overwrite = true;
    options.per_user = false;
    run_pfx(&run, options, records, 0, true);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], 4);
    expect_pfx("again/Jo Sample-2.pfx", "pass word", 1, (const size_t[]){1});
    free_records(records, 4);
}

static void test_a_dry_run_writes_nothing(void)
{
    struct kf_record records[4];
    struct writer_run run;

    run_pfx(&run,
            (struct kf_pfx_export_options){
                .path = outside_path("dry"), .dry_run = true, .certutil = true},
            records, 2, true);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], 4);
    CU_ASSERT_EQUAL(access(outside_path("dry"), F_OK), -1);
    free_records(records, 4);
}

/* What was put since the last commit is not there after a rollback. */
static void test_rollback(void)
{
    const struct kf_pfx_export_options options = {.crypto = material_crypto(),
                                                  .path = outside_path("back"),
                                                  .password = &password,
                                                  .iterations = 100};
    const struct kf_position position = {.input = 0};
    const struct kf_totals totals = {.users = 0};
    struct kf_record records[4];
    struct kf_writer *writer = NULL;

    make_records(records);
    CU_ASSERT_EQUAL_FATAL(kf_pfx_export_open(&options, &writer, NULL), KF_OK);
    CU_ASSERT_EQUAL(writer->ops->begin(writer, NULL), KF_OK);
    CU_ASSERT_EQUAL(writer->ops->put(writer, "in", &records[0], NULL), KF_OK);
    CU_ASSERT_EQUAL(writer->ops->commit(writer, &position, &totals, NULL), KF_OK);
    CU_ASSERT_EQUAL(writer->ops->put(writer, "in", &records[2], NULL), KF_OK);
    writer->ops->rollback(writer);
    writer->ops->close(writer);
    expect_files("back", "Jo Sample.pfx ");
    free_records(records, 4);
}

/* The password that passwords.csv has for a file. */
static void listed(const char *name, char *out, size_t size)
{
    struct kf_buf list = KF_SECRET_BUF;
    char start[4200];
    char *at;

    outside_read("told/passwords.csv", &list);
    CU_ASSERT_EQUAL_FATAL(kf_buf_append(&list, "", 1, NULL), KF_OK);
    (void)snprintf(start, sizeof(start), "\n\"%s\",\"", outside_path(name));
    at = strstr((char *)list.data, start);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    at += strlen(start);
    (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
    kf_buf_reset(&list);
}

static void test_random_passwords_are_told_in_a_private_file(void)
{
    struct kf_record records[4];
    struct writer_run run;
    struct kf_pfx_export_options options = {.path = outside_path("told")};
    char first[64];
    char second[64];

    run_pfx(&run, options, records, 1, true);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], 4);
    expect_mode("told/passwords.csv", 0600);
    CU_ASSERT(outside_run("test \"$(head -n 1 told/passwords.csv)\" = \"$(printf "
                          "'path,password\\r')\""));
    listed("told/Jo Sample.pfx", first, sizeof(first));
    listed("told/Kim.pfx", second, sizeof(second));
    CU_ASSERT_EQUAL(strlen(first), 26);
    CU_ASSERT_STRING_NOT_EQUAL(first, second);
    expect_pfx("told/Jo Sample.pfx", first, 1, (const size_t[]){0});
    expect_pfx("told/Kim.pfx", second, 1, (const size_t[]){2});
    free_records(records, 4);
    /* not over an older list, whose passwords would be lost */
    options.path = outside_path("told");
    run_pfx(&run, options, records, 1, true);
    CU_ASSERT_EQUAL(run.status, KF_FATAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.error.text, "passwords.csv exists already"));
    free_records(records, 4);
    /* written over, every file has one line, and it is right */
    CU_ASSERT(outside_run("printf '\"elsewhere.pfx\",\"kept\"\\r\\n' >>told/passwords.csv"));
    options.overwrite = true;
    options.per_user = true;
    options.path = outside_path("told");
    run_pfx(&run, options, records, 3, true);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    listed("told/Jo Sample.pfx", first, sizeof(first));
    expect_pfx("told/Jo Sample.pfx", first, 2, (const size_t[]){0, 1});
    CU_ASSERT(outside_run("test $(grep -c 'Jo Sample.pfx' told/passwords.csv) = 1 && grep -q "
                          "'\"elsewhere.pfx\",\"kept\"' told/passwords.csv"));
    free_records(records, 4);
}

static void test_the_batch_file_for_certutil(void)
{
    static const char *const bad[] = {"quo\"te", "line\nend", "del\x7f"};
    struct kf_buf odd = KF_SECRET_BUF;
    struct kf_pfx_export_options options = {.crypto = material_crypto(),
                                            .path = outside_path("batch"),
                                            .certutil = true,
                                            .password = &odd};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_writer *writer = NULL;
    struct kf_record records[4];
    struct writer_run run;

    for (size_t i = 0; i < COUNT(bad); i++) {
        error.cause = KF_CAUSE_NONE;
        CU_ASSERT_EQUAL(kf_buf_set(&odd, kf_slice_of(bad[i]), NULL), KF_OK);
        CU_ASSERT_EQUAL(kf_pfx_export_open(&options, &writer, &error), KF_FATAL);
        CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
        CU_ASSERT_PTR_NULL(writer);
    }
    CU_ASSERT_EQUAL(kf_buf_set(&odd, kf_slice_of("50% & more^\\"), NULL), KF_OK);
    run_pfx(&run, options, records, 2, true);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    expect_mode("batch/import.cmd", 0600);
    CU_ASSERT(
        outside_run("grep -qF 'certutil -f -p \"50%%%% & more^\\\\\" -importKMS \"Kim.pfx\" || "
                    "set failed=1' batch/import.cmd"));
    CU_ASSERT(outside_run("test $(grep -c '^certutil -f -p .* -importKMS ' batch/import.cmd) = 4"));
    CU_ASSERT(outside_run("test $(wc -l <batch/import.cmd) = $(grep -c \"$(printf '\\r')\\$\" "
                          "batch/import.cmd) && test $(grep -c 'exit /b 0' batch/import.cmd) = 1"));
    CU_ASSERT(outside_run("test \"$(head -n 1 batch/import.cmd)\" = \"$(printf '@echo off\\r')\""));
    free_records(records, 4);
    kf_buf_reset(&odd);
}

static void test_what_no_writer_takes(void)
{
    struct kf_record records[4];
    struct writer_run run;
    const struct kf_pfx_export_options options = {.crypto = material_crypto(),
                                                  .path = outside_path("none"),
                                                  .password = &password,
                                                  .iterations = 100};
    struct kf_writer *writer = NULL;

    record_make(&records[0], keys[0], NULL, NULL);     /* no certificate */
    record_make(&records[1], NULL, certs[1], NULL);    /* no key */
    record_make(&records[2], keys[1], certs[0], NULL); /* another's key */
    records[2].key_mismatch = true;
    (void)!kf_fail(&records[2].error, KF_SKIP, KF_CAUSE_DATA, NULL, "not its key");
    record_make(&records[3], keys[3], certs[3], NULL); /* decided before */
    records[3].outcome = KF_SKIPPED;
    CU_ASSERT_EQUAL_FATAL(kf_pfx_export_open(&options, &writer, NULL), KF_OK);
    writer_run(&run, writer, NULL, records, 4, 0, false);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_FAILED], 3);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_SKIPPED], 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(records[0].error.text, "no certificate"));
    CU_ASSERT_PTR_NOT_NULL(strstr(records[1].error.text, "no key"));
    CU_ASSERT_STRING_EQUAL(records[2].error.text, "not its key");
    CU_ASSERT_EQUAL(access(outside_path("none"), F_OK), -1);
    free_records(records, 4);
}

static void test_where_it_cannot_write(void)
{
    struct kf_record records[4];
    struct writer_run run;

    CU_ASSERT(outside_run("echo x >file"));
    run_pfx(&run,
            (struct kf_pfx_export_options){.path = outside_path("file"), .password = &password},
            records, 0, true);
    CU_ASSERT_EQUAL(run.status, KF_FATAL);
    CU_ASSERT_EQUAL(run.error.cause, KF_CAUSE_SYSTEM);
    free_records(records, 4);
    run_pfx(&run,
            (struct kf_pfx_export_options){.path = outside_path("no/such/folder"),
                                           .password = &password},
            records, 0, true);
    CU_ASSERT_EQUAL(run.status, KF_FATAL);
    free_records(records, 4);
}

static void test_safe_names(void)
{
    static const struct {
        const char *text;
        const char *safe;
    } cases[] = {
        {"Jo Sample", "Jo Sample"},
        {NULL, "key"},
        {"", "key"},
        {"../../etc/passwd", "_.._etc_passwd"},
        {".hidden", "hidden"},
        {"-rf", "rf"},
        {"a/b\\c:d*e?f\"g<h>i|j", "a_b_c_d_e_f_g_h_i_j"},
        {"100%&^!`$;'~#", "100__________"},
        {"tab\there\nand\x7f", "tab_here_and_"},
        {"CON", "CON_"},
        {"com1.x", "com1.x_"},
        {"COMA", "COMA"},
        {"ends. . .", "ends"},
        {"Zo\xc3\xab", "Zo\xc3\xab"},
        {"\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"bad\xff\xc3", "bad__"},
        {"rtl\xe2\x80\xae"
         "fdp",
         "rtl_fdp"},
        {"over\xc0\xaflong", "over__long"},
        {"jo@contoso.example", "jo@contoso.example"},
        {"...", "key"},
    };
    char long_name[400];
    char safe[KF_SAFE_NAME_SIZE];

    for (size_t i = 0; i < COUNT(cases); i++) {
        kf_safe_name(cases[i].text, safe);
        CU_ASSERT_STRING_EQUAL(safe, cases[i].safe);
        if (strcmp(safe, cases[i].safe) != 0)
            (void)fprintf(stderr, "%s: %s\n", cases[i].text, safe);
    }
    memset(long_name, 0, sizeof(long_name));
    for (size_t i = 0; i + 2 < sizeof(long_name); i += 2)
        memcpy(long_name + i, "\xc3\xa4", 2);
    long_name[0] = 'x';
    long_name[1] = 'x';
    kf_safe_name(long_name, safe);
    CU_ASSERT_EQUAL(strlen(safe), 96);
    CU_ASSERT_EQUAL((uint8_t)safe[95], 0xa4);
}

static void test_many_namesakes(void)
{
    const struct kf_outfiles_options options = {.path = outside_path("many"), .ending = ".pfx"};
    struct kf_outfiles *files = NULL;
    char *path = NULL;
    char last[64];

    CU_ASSERT_EQUAL_FATAL(kf_outfiles_new(&options, &files, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_outfiles_name(files, "Jo-3", &path, NULL), KF_OK);
    free(path);
    for (size_t i = 1; i <= 3000; i++) {
        CU_ASSERT_EQUAL(kf_outfiles_name(files, i % 2 == 0 ? "Jo" : "JO", &path, NULL), KF_OK);
        /* Jo-3 is somebody's name, so that the numbers pass over it */
        (void)snprintf(last, sizeof(last), "%s-%zu.pfx", i % 2 == 0 ? "Jo" : "JO",
                       i < 3 ? i : i + 1);
        CU_ASSERT(i == 1 || strcmp(strrchr(path, '/') + 1, last) == 0);
        free(path);
    }
    kf_outfiles_free(files);
}

static void test_profiles(void)
{
    static const char *const folders[] = {"profiles", "profiles-key"};
    struct kf_record records[4];
    struct writer_run run;

    for (size_t per_key = 0; per_key < 2; per_key++) {
        const struct kf_epf_export_options options = {.crypto = material_crypto(),
                                                      .path = outside_path(folders[per_key]),
                                                      .per_key = per_key != 0,
                                                      .password = &password};
        struct kf_writer *writer = NULL;

        make_records(records);
        CU_ASSERT_EQUAL_FATAL(kf_epf_export_open(&options, &writer, NULL), KF_OK);
        writer_run(&run, writer, NULL, records, 4, 1 + per_key, false);
        CU_ASSERT_EQUAL(run.status, KF_OK);
        CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], 4);
        free_records(records, 4);
    }
    expect_files("profiles", "JO sample-2.epf Jo Sample.epf Kim.epf ");
    expect_files("profiles-key", "JO sample-3.epf Jo Sample-2.epf Jo Sample.epf Kim.epf ");
    expect_mode("profiles/Kim.epf", 0600);
    {
        struct kf_secrets *secrets = secrets_with("pass word", NULL, NULL);
        struct reader_run read;

        reader_run_file(&read, &kf_reader_epf, outside_path("profiles/Jo Sample.epf"), secrets);
        CU_ASSERT_EQUAL(read.proven, 2);
        CU_ASSERT_EQUAL(read.records.count, 2);
        CU_ASSERT_PTR_NOT_NULL(strstr(read.outline, "dialect: " KF_EPF_WRITTEN_DIALECT));
        CU_ASSERT_EQUAL(read.records.records[0].chain_count, 1);
        reader_run_reset(&read);
        kf_secrets_free(secrets);
    }
}

static void test_profiles_with_random_passwords(void)
{
    const struct kf_epf_export_options options = {.crypto = material_crypto(),
                                                  .path = outside_path("one.epf")};
    struct kf_record records[4];
    struct kf_writer *writer = NULL;
    struct writer_run run;

    make_records(records);
    CU_ASSERT_EQUAL_FATAL(kf_epf_export_open(&options, &writer, NULL), KF_OK);
    writer_run(&run, writer, NULL, records, 4, 1, false);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    expect_mode("one.epf", 0600);
    expect_mode("one.passwords.csv", 0600);
    free_records(records, 4);
}

static void run_rec(struct writer_run *run, struct kf_rec_export_options options,
                    struct kf_record *records)
{
    static const struct kf_kra *const agents[] = {&agent};
    struct kf_writer *writer = NULL;
    struct kf_stage stage;

    options.crypto = material_crypto();
    options.agents = agents;
    options.agent_count = 1;
    make_records(records);
    CU_ASSERT_EQUAL_FATAL(kf_rec_export_open(&options, &writer, &run->error), KF_OK);
    stage = kf_rec_export_stage(writer);
    writer_run(run, writer, &stage, records, 4, 2, options.dry_run);
}

/* Recovered by openssl alone, as docs/formats/recovery-blob.md tells. */
static void test_recovery_blobs(void)
{
    const struct kf_identity signer = {.key = ca_key, .certificate = ca};
    struct kf_record records[4];
    struct writer_run run;

    outside_write_key("kra.key", kra_key);
    outside_write_cert("kra.pem", kra);
    outside_write_key("kim.key", keys[2]);
    run_rec(&run, (struct kf_rec_export_options){.path = outside_path("blobs"), .signer = &signer},
            records);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], 4);
    expect_files("blobs", "JO sample-3.rec Jo Sample-2.rec Jo Sample.rec Kim.rec ");
    expect_mode("blobs/Kim.rec", 0600);
    CU_ASSERT(
        outside_run("openssl cms -verify -noverify -binary -inform DER -in blobs/Kim.rec -out "
                    "inner.der"));
    CU_ASSERT(outside_run("openssl cms -decrypt -binary -inform DER -in inner.der -inkey kra.key "
                          "-recip kra.pem -out key.blob"));
    CU_ASSERT(outside_run("openssl rsa -inform MSBLOB -in key.blob -check -noout && openssl rsa "
                          "-inform MSBLOB -in key.blob -out a.pem && openssl rsa -in kim.key -out "
                          "b.pem && cmp a.pem b.pem"));
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(records[i].pkcs8.len, 0);
    free_records(records, 4);
}

static void test_a_recovery_blob_is_of_one_key(void)
{
    struct kf_record records[4];
    struct writer_run run;

    run_rec(&run, (struct kf_rec_export_options){.path = outside_path("one.rec")}, records);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], 1);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_REFUSED], 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(records[1].error.text, "name a folder for several"));
    free_records(records, 4);
}

static void test_what_recovery_blobs_need(void)
{
    const struct kf_identity no_key = {.certificate = ca};
    static const struct kf_kra *const agents[] = {&agent};
    struct kf_rec_export_options options = {.crypto = material_crypto(), .path = outside_path("x")};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_writer *writer = NULL;
    struct kf_record record;
    struct writer_run run;

    CU_ASSERT_EQUAL(kf_rec_export_open(&options, &writer, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_CONFIG);
    options.agents = agents;
    options.agent_count = 1;
    options.signer = &no_key;
    error.cause = KF_CAUSE_NONE;
    CU_ASSERT_EQUAL(kf_rec_export_open(&options, &writer, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    options.signer = NULL;
    CU_ASSERT_EQUAL(kf_rec_export_open(&options, &writer, &error), KF_OK);
    record_make(&record, keys[0], certs[0], NULL);
    writer_run(&run, writer, NULL, &record, 1, 0, false); /* a key in the clear ends the run */
    CU_ASSERT_EQUAL(run.status, KF_FATAL);
    CU_ASSERT_EQUAL(run.error.cause, KF_CAUSE_INTERNAL);
    kf_record_reset(&record);
}

static void test_the_list_of_destinations(void)
{
    CU_ASSERT_PTR_EQUAL(kf_destination_find("pfx"), &kf_writer_pfx);
    CU_ASSERT_PTR_EQUAL(kf_destination_find("epf"), &kf_writer_epf);
    CU_ASSERT_PTR_EQUAL(kf_destination_find("rec"), &kf_writer_rec);
    CU_ASSERT_EQUAL(kf_writer_pfx.needs, KF_NEEDS_CLEAR);
    CU_ASSERT_EQUAL(kf_writer_epf.needs, KF_NEEDS_CLEAR);
    CU_ASSERT_EQUAL(kf_writer_rec.needs, KF_NEEDS_SEALED);
}

/* A watcher beside the run never sees a file that others may read. */
static void test_not_even_for_a_moment(void)
{
    struct kf_record records[4];
    struct writer_run run;
    mode_t before = umask(0);

    run_pfx(&run, (struct kf_pfx_export_options){.path = outside_path("moment"), .certutil = true},
            records, 1, true);
    (void)umask(before);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    CU_ASSERT(outside_run("test -z \"$(find moment -perm /077)\""));
    free_records(records, 4);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"one file a key", test_one_file_a_key},
        {"one file a user", test_one_file_a_user},
        {"one file for everything", test_one_file_for_everything},
        {"nothing is overwritten", test_nothing_is_overwritten},
        {"a dry run writes nothing", test_a_dry_run_writes_nothing},
        {"rollback", test_rollback},
        {"random passwords are told in a private file",
         test_random_passwords_are_told_in_a_private_file},
        {"the batch file for certutil", test_the_batch_file_for_certutil},
        {"what no writer takes", test_what_no_writer_takes},
        {"where it cannot write", test_where_it_cannot_write},
        {"safe names", test_safe_names},
        {"many namesakes", test_many_namesakes},
        {"profiles", test_profiles},
        {"profiles with random passwords", test_profiles_with_random_passwords},
        {"recovery blobs", test_recovery_blobs},
        {"a recovery blob is of one key", test_a_recovery_blob_is_of_one_key},
        {"what recovery blobs need", test_what_recovery_blobs_need},
        {"the list of destinations", test_the_list_of_destinations},
        {"not even for a moment", test_not_even_for_a_moment},
        {NULL, NULL},
    };
    int code;

    make();
    code = suite_run("writers", tests);
    free_all();
    return code;
}

/*
 * The PKCS #12 reader over a corpus of files that public projects test with, where it is present:
 * in $KEYFERRY_CORPUS, or in ../shared/corpus beside the source. Skipped elsewhere; nothing of it
 * is part of this project.
 *
 * Its manifest says what each file holds and what should become of it. Every file where the reader
 * says otherwise is printed, and must stand in the table below with the reason: a disagreement that
 * is not there fails the test, and so does an entry of the table that has nothing to explain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files.h"
#include "core/limits.h"
#include "tests/support/pfx_run.h"
#include "tests/support/suite.h"

#define MAX_COLUMNS 32

/* Files about which this reader and the manifest disagree, and why. */
static const struct {
    const char *path;
    const char *why;
} explained[] = {
    {NULL, NULL}, /* none at present */
};

static bool used[sizeof(explained) / sizeof(explained[0])];

struct totals {
    size_t files;
    size_t with_keys; /* files that hold a key, by the manifest */
    size_t ours;      /* files that yielded all of their keys */
    size_t others;    /* files that yielded a key to any other tool */
    size_t expected;  /* keys, by the manifest, in files that open */
    size_t found;     /* keys that were decrypted and read */
    size_t proven;    /* and proven against a certificate */
    size_t disagreements;
};

static const char *corpus_folder(void)
{
    static char folder[4096];
    const char *named = getenv("KEYFERRY_CORPUS");
    const char *source = getenv("KEYFERRY_SOURCE");

    if (named != NULL)
        (void)snprintf(folder, sizeof(folder), "%s", named);
    else
        (void)snprintf(folder, sizeof(folder), "%s/../shared/corpus",
                       source != NULL ? source : ".");
    return folder;
}

static bool read_path(const char *kind, const char *name, struct kf_buf *out)
{
    char path[8192];

    (void)snprintf(path, sizeof(path), "%s/%s/%s", corpus_folder(), kind, name);
    return kf_file_read(path, KF_MAX_PFX, out, NULL) == KF_OK;
}

/* Lines of a table that begins with the names of its columns */
struct table {
    struct kf_buf text;
    char *at;
    char *names[MAX_COLUMNS];
    char *cells[MAX_COLUMNS];
};

static bool split(struct table *table, char **cells)
{
    char *end = strchr(table->at, '\n');
    char *cell = table->at;

    if (end == NULL)
        return false;
    *end = '\0';
    table->at = end + 1;
    for (size_t i = 0; i < MAX_COLUMNS; i++) {
        char *tab = cell != NULL ? strchr(cell, '\t') : NULL;

        cells[i] = cell;
        if (tab != NULL)
            *tab++ = '\0';
        cell = tab;
    }
    return true;
}

static const char *cell(const struct table *table, const char *name)
{
    for (size_t i = 0; i < MAX_COLUMNS && table->names[i] != NULL; i++) {
        if (strcmp(table->names[i], name) == 0 && table->cells[i] != NULL)
            return table->cells[i];
    }
    return "";
}

static bool table_open(struct table *table, const char *kind)
{
    *table = (struct table){.text = KF_PUBLIC_BUF};
    if (!read_path(kind, "manifest.tsv", &table->text) ||
        kf_buf_append(&table->text, "\n", 2, NULL) != KF_OK)
        return false;
    for (size_t i = 0; i + 1 < table->text.len; i++) {
        if (table->text.data[i] == '\0')
            table->text.data[i] = ' '; /* what some tool printed */
    }
    table->at = (char *)table->text.data;
    return split(table, table->names);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Whether any of the tools that were asked got a key out */
static bool others_opened(const struct table *table)
{
    for (size_t i = 0; i < MAX_COLUMNS && table->names[i] != NULL; i++) {
        const char *verdict = table->cells[i];

        if (verdict == NULL || !begins(table->names[i], "verdict_"))
            continue;
        if ((begins(verdict, "ok k") && verdict[4] >= '1' && verdict[4] <= '9') ||
            (begins(verdict, "ok keys=") && verdict[8] != '0'))
            return true;
    }
    return false;
}

static bool explains(const char *path)
{
    for (size_t i = 0; i < sizeof(explained) / sizeof(explained[0]); i++) {
        if (explained[i].path != NULL && strcmp(explained[i].path, path) == 0) {
            used[i] = true;
            (void)printf("    explained: %s\n", explained[i].why);
            return true;
        }
    }
    return false;
}

/* Keys that were read, with a certificate or without */
static size_t count_found(const struct pfx_run *run)
{
    size_t found = run->proven + run->mismatched;

    for (size_t i = 0; i < run->records.count; i++)
        found += begins(run->records.records[i].error.text, "no certificate for this key");
    return found;
}

static void run_row(const struct table *table, struct pfx_run *run)
{
    const char *kind = cell(table, "password_kind");
    const bool null = strcmp(kind, "NULL") == 0;
    const struct pfx_password password[] = {{null ? NULL : cell(table, "password"), 0}, PFX_END};
    struct kf_buf file = KF_PUBLIC_BUF;

    *run = (struct pfx_run){.status = KF_FATAL};
    CU_ASSERT_FATAL(read_path("pfx", cell(table, "path"), &file));
    pfx_run(run, kf_buf_slice(&file), password, NULL);
    kf_buf_reset(&file);
}

static void check_row(const struct table *table, struct totals *totals)
{
    const char *path = cell(table, "path");
    bool gost = strstr(cell(table, "expected_result"), "unless GOST is built in") != NULL;
    bool opens = gost || begins(cell(table, "expected_result"), "opens");
    /* whoever wrote the manifest could not see the certificates of the GOST files */
    bool bare = !gost && strstr(cell(table, "notes"), "key without cert") != NULL;
    uint64_t keys = 0;
    size_t provable;
    struct pfx_run run;
    size_t found;
    bool agrees;

    CU_ASSERT_TRUE(kf_parse_u64(cell(table, "expected_private_keys"), 1000, &keys));
    provable = opens && !bare ? (size_t)keys : 0;
    run_row(table, &run);
    found = count_found(&run);
    agrees = opens ? found == keys && run.proven == provable
                   : found == 0 && run.failed != 0 && pfx_run_error(&run)->text[0] != '\0';
    totals->files++;
    totals->expected += opens ? keys : 0;
    totals->with_keys += opens && keys != 0;
    totals->ours += opens && keys != 0 && found == keys;
    totals->others += opens && keys != 0 && others_opened(table);
    totals->found += found;
    totals->proven += run.proven;
    if (!agrees) {
        totals->disagreements++;
        (void)printf("  %s: expected %zu keys, %zu proven, %s: found %zu, proven %zu, failed %zu; "
                     "%s\n",
                     path, opens ? (size_t)keys : 0, provable, opens ? "to open" : "to fail", found,
                     run.proven, run.failed, pfx_run_error(&run)->text);
        CU_ASSERT_TRUE(explains(path));
    }
    pfx_run_reset(&run);
}

static void test_manifest(void)
{
    struct table table;
    struct totals totals = {.files = 0};

    CU_ASSERT_FATAL(table_open(&table, "pfx"));
    (void)printf("\n");
    while (split(&table, table.cells)) {
        if (table.cells[0] != NULL && table.cells[0][0] != '\0')
            check_row(&table, &totals);
    }
    (void)printf("  files                                %5zu\n", totals.files);
    (void)printf("  files that hold keys                 %5zu\n", totals.with_keys);
    (void)printf("  of these, all keys found             %5zu\n", totals.ours);
    (void)printf("  of these, opened by any other tool   %5zu\n", totals.others);
    (void)printf("  keys expected                        %5zu\n", totals.expected);
    (void)printf("  keys found                           %5zu\n", totals.found);
    (void)printf("  keys proven against a certificate    %5zu\n", totals.proven);
    (void)printf("  files that disagree                  %5zu\n", totals.disagreements);
    for (size_t i = 0; i < sizeof(explained) / sizeof(explained[0]); i++)
        CU_ASSERT(explained[i].path == NULL || used[i]);
    kf_buf_reset(&table.text);
}

/* malformed and hostile files: each a clear error, and never a key */
static void test_bad(void)
{
    static const struct pfx_password passwords[] = {
        {"1234", 0}, {"", 0}, {"testpassword", 0}, PFX_END};
    struct table table;
    size_t files = 0;

    if (!table_open(&table, "bad"))
        return;
    while (split(&table, table.cells)) {
        const char *path = table.cells[0];
        struct kf_buf file = KF_PUBLIC_BUF;
        struct pfx_run run;

        if (path == NULL || !begins(path, "pfx/"))
            continue;
        files++;
        CU_ASSERT_FATAL(read_path("bad", path, &file));
        pfx_run(&run, kf_buf_slice(&file), passwords, NULL);
        CU_ASSERT_EQUAL(run.proven, 0);
        CU_ASSERT(run.failed != 0 || run.status == KF_SKIP);
        CU_ASSERT(pfx_run_error(&run)->text[0] != '\0');
        pfx_run_reset(&run);
        kf_buf_reset(&file);
    }
    (void)printf("\n  malformed files, an error each       %5zu\n", files);
    kf_buf_reset(&table.text);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"the manifest", test_manifest},
        {"malformed files", test_bad},
        {NULL, NULL},
    };
    struct kf_buf probe = KF_PUBLIC_BUF;

    if (!read_path("pfx", "manifest.tsv", &probe))
        suite_skip(
            "there is no corpus: set KEYFERRY_CORPUS to the folder that has pfx/manifest.tsv");
    kf_buf_reset(&probe);
    return suite_run("pfx corpus", tests);
}

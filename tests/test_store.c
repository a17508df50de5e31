/*
 * The store as a file: made, opened, refused, locked, full; its runs and its audit trail.
 */
#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/merkle.h"
#include "store/audit.h"
#include "store/settings.h"
#include "tests/support/archive.h"
#include "tests/support/suite.h"

static const struct kf_store_options *options(void)
{
    static struct kf_store_options made = {.caller = "tester"};

    made.crypto = material_crypto();
    return &made;
}

/* Opening fails, with this cause and a text that has this part. */
static void check_not_opened(const char *location, enum kf_cause cause, const char *part)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_store *store = NULL;

    CU_ASSERT_EQUAL(kf_store_open(location, options(), &store, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, cause);
    CU_ASSERT(strstr(error.text, part) != NULL);
    CU_ASSERT(strchr(error.text, '\n') == NULL);
    CU_ASSERT_PTR_NULL(store);
}

static enum kf_status create(const char *location, const X509 *certificate, struct kf_error *error)
{
    struct kf_store *store = NULL;
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_slice slice;
    enum kf_status status;

    material_der(certificate, &der);
    slice = kf_buf_slice(&der);
    status = kf_store_create(
        location, options(),
        &(struct kf_store_ca){.certificates = &slice, .certificate_count = 1, .name = "Other CA"},
        &store, error);
    kf_store_close(store);
    kf_buf_reset(&der);
    return status;
}

static mode_t mode_of(const char *path, const char *suffix)
{
    char name[400];
    struct stat about;

    (void)snprintf(name, sizeof(name), "%s%s", path, suffix);
    if (stat(name, &about) != 0)
        return 0;
    return about.st_mode & 07777;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT(fputs(text, file) >= 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

/* Whatever the umask is, also one that takes the owner's rights. */
static void test_modes(void)
{
    static const mode_t masks[] = {0, 022, 0277, 0777};

    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        struct archive archive;
        char path[320];
        struct kf_error error = {.cause = KF_CAUSE_NONE};
        mode_t old;

        archive_begin(&archive);
        (void)snprintf(path, sizeof(path), "%s/second.db", archive.folder);
        old = umask(masks[i]);
        CU_ASSERT_EQUAL(create(path, archive.ca, &error), KF_OK);
        CU_ASSERT_EQUAL(mode_of(path, ""), 0600);
        kf_store_close(archive.store);
        CU_ASSERT_EQUAL(kf_store_open(archive.path, options(), &archive.store, NULL), KF_OK);
        CU_ASSERT_EQUAL(kf_store_begin(archive.store, NULL), KF_OK);
        archive_set(&archive, "KRACertCount", "1");
        CU_ASSERT_EQUAL(kf_store_commit(archive.store, NULL), KF_OK);
        CU_ASSERT_EQUAL(mode_of(archive.path, "-wal"), 0600);
        CU_ASSERT_EQUAL(mode_of(archive.path, "-shm"), 0600);
        (void)umask(old);
        archive_end(&archive);
    }
}

static void test_create_refuses(void)
{
    struct archive archive;
    char path[320];
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_slice garbage = kf_slice_of("no certificate");
    struct kf_store *store = NULL;

    archive_begin(&archive);
    CU_ASSERT_EQUAL(create(archive.path, archive.ca, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SYSTEM);
    CU_ASSERT(strstr(error.text, "there is a file of this name already") != NULL);
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    (void)snprintf(path, sizeof(path), "%s/none/store.db", archive.folder);
    CU_ASSERT_EQUAL(create(path, archive.ca, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SYSTEM);
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    CU_ASSERT_EQUAL(create("sqlite:", archive.ca, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    (void)snprintf(path, sizeof(path), "%s/garbage.db", archive.folder);
    CU_ASSERT_EQUAL(
        kf_store_create(path, options(),
                        &(struct kf_store_ca){.certificates = &garbage, .certificate_count = 1},
                        &store, &error),
        KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    CU_ASSERT_STRING_EQUAL(error.place, "certificate 1 of the CA");
    CU_ASSERT_EQUAL(access(path, F_OK), -1); /* nothing is left of it */
    archive_end(&archive);
}

static void test_locations(void)
{
    struct archive archive;
    char location[340];
    char *name = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_store *store = NULL;
    struct kf_der_list own = {.items = NULL};

    archive_begin(&archive);
    (void)snprintf(location, sizeof(location), "sqlite:%s/:memory:", archive.folder);
    CU_ASSERT_EQUAL(create(location, archive.ca, &error), KF_OK);
    CU_ASSERT_EQUAL(access(location + strlen("sqlite:"), F_OK), 0);
    CU_ASSERT_EQUAL(kf_store_open(location, options(), &store, &error), KF_OK);
    CU_ASSERT_EQUAL(kf_store_ca(store, &name, &own, NULL, NULL), KF_OK);
    CU_ASSERT_STRING_EQUAL(name, "Other CA");
    CU_ASSERT_EQUAL(own.count, 1);
    CU_ASSERT_STRING_EQUAL(kf_store_caller(store), "tester");
    free(name);
    kf_der_list_reset(&own);
    kf_store_close(store);
    check_not_opened("postgresql://localhost/archive", KF_CAUSE_UNSUPPORTED,
                     "PostgreSQL is not built in");
    check_not_opened("postgres://localhost/archive", KF_CAUSE_UNSUPPORTED, "not built in");
    check_not_opened("", KF_CAUSE_USAGE, "no path");
    archive_end(&archive);
}

static void test_open_refuses(void)
{
    struct archive archive;
    char path[320];

    archive_begin(&archive);
    (void)snprintf(path, sizeof(path), "%s/none.db", archive.folder);
    check_not_opened(path, KF_CAUSE_SYSTEM, "there is no store here");
    check_not_opened(archive.folder, KF_CAUSE_CONFIG, "is not a keyferry store");
    write_file(path, "");
    check_not_opened(path, KF_CAUSE_CONFIG, "is not a keyferry store");
    write_file(path, "certainly not a database, however long it is; certainly not a database, "
                     "however long it is; certainly not a database");
    check_not_opened(path, KF_CAUSE_CONFIG, "is not a keyferry store");
    kf_store_close(archive.store);
    archive.store = NULL;
    archive_execute(&archive, "PRAGMA user_version = 7");
    check_not_opened(archive.path, KF_CAUSE_CONFIG,
                     "the store has schema version 7, this keyferry knows 2");
    archive_execute(&archive, "PRAGMA user_version = 1"); /* before inputs had digests */
    check_not_opened(archive.path, KF_CAUSE_CONFIG,
                     "the store has schema version 1, this keyferry knows 2");
    archive_execute(&archive, "PRAGMA user_version = 2; PRAGMA application_id = 1");
    check_not_opened(archive.path, KF_CAUSE_CONFIG, "is not a keyferry store");
    archive_end(&archive);
}

/* Runs a check in a child that is not root, whom rights do not hold; its exit code tells. */
static void check_as_nobody(const struct archive *archive, void (*check)(const struct archive *))
{
    int result = -1;
    pid_t child = fork();

    CU_ASSERT_FATAL(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        check(archive);
        _exit(CU_get_number_of_failures() == 0 ? 0 : 1);
    }
    CU_ASSERT_EQUAL(waitpid(child, &result, 0), child);
    CU_ASSERT(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

static void check_read_only_folder(const struct archive *archive)
{
    char path[320];
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    (void)snprintf(path, sizeof(path), "%s/new.db", archive->folder);
    CU_ASSERT_EQUAL(create(path, archive->ca, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SYSTEM);
    CU_ASSERT(strstr(error.text, "cannot be made: Permission denied") != NULL);
    check_not_opened(archive->path, KF_CAUSE_SYSTEM, archive->path);
}

static void test_read_only_folder(void)
{
    struct archive archive;

    archive_begin(&archive);
    kf_store_close(archive.store);
    archive.store = NULL;
    CU_ASSERT_EQUAL(chmod(archive.path, 0444), 0);
    CU_ASSERT_EQUAL(chmod(archive.folder, 0555), 0);
    check_as_nobody(&archive, check_read_only_folder);
    CU_ASSERT_EQUAL(chmod(archive.folder, 0700), 0);
    archive_end(&archive);
}

/* A disk that is full: the file may not grow any more. */
static void test_full_disk(void)
{
    struct archive archive;
    struct rlimit limit;
    struct rlimit old;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_setting setting = {.info = NULL};
    char *value = calloc(1, 200001);
    void (*handler)(int);

    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    memset(value, 'x', 200000);
    archive_begin(&archive);
    archive_set(&archive, "CAKeyFile", "before");
    handler = signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 150000;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CU_ASSERT_EQUAL(kf_setting_set(archive.store, "CAKeyFile", value, NULL, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SYSTEM);
    CU_ASSERT(strstr(error.text, archive.path) != NULL);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);
    /* nothing of it is there, and the store works on */
    CU_ASSERT_EQUAL(kf_setting_get(archive.store, "CAKeyFile", &setting, NULL), KF_OK);
    CU_ASSERT_STRING_EQUAL(setting.text, "before");
    kf_setting_reset(&setting);
    archive_set(&archive, "CAKeyFile", "after");
    archive_reopen(&archive);
    CU_ASSERT_EQUAL(kf_setting_get(archive.store, "CAKeyFile", &setting, NULL), KF_OK);
    CU_ASSERT_STRING_EQUAL(setting.text, "after");
    kf_setting_reset(&setting);
    free(value);
    archive_end(&archive);
}

static void test_transactions(void)
{
    struct archive archive;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    archive_begin(&archive);
    CU_ASSERT_EQUAL(kf_store_commit(archive.store, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_INTERNAL);
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    kf_store_rollback(archive.store);
    CU_ASSERT_EQUAL(kf_store_begin(archive.store, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_store_begin(archive.store, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_INTERNAL);
    archive_set(&archive, "KRACertCount", "1");
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Settings"), 1);
    CU_ASSERT_EQUAL(kf_store_commit(archive.store, NULL), KF_OK);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Settings"), 2);
    /* closing drops what is open */
    CU_ASSERT_EQUAL(kf_store_begin(archive.store, NULL), KF_OK);
    archive_set(&archive, "KRACertCount", "2");
    archive_reopen(&archive);
    CU_ASSERT_EQUAL(
        archive_number(&archive, "SELECT Value FROM Settings WHERE Name = 'KRACertCount'"), 1);
    archive_end(&archive);
}

/* How the file is kept: what a commit promises. */
static void test_database(void)
{
    struct archive archive;
    char *text;

    archive_begin(&archive);
    text = archive_text(&archive, "PRAGMA journal_mode");
    CU_ASSERT_STRING_EQUAL(text, "wal");
    free(text);
    CU_ASSERT_EQUAL(archive_number(&archive, "PRAGMA user_version"), KF_STORE_SCHEMA);
    CU_ASSERT_EQUAL(archive_number(&archive, "PRAGMA application_id"), 0x4b465259);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM sqlite_schema WHERE type = "
                                             "'table' AND sql NOT LIKE '%STRICT%'"),
                    0);
    text = archive_text(&archive, "PRAGMA integrity_check");
    CU_ASSERT_STRING_EQUAL(text, "ok");
    free(text);
    archive_end(&archive);
}

/* Every entry hashes to its leaf, the numbers have no gaps, and nothing can be changed. */
static void test_audit(void)
{
    struct archive archive;
    struct kf_audit_cursor *cursor = NULL;
    struct kf_audit_entry entry = {.line = NULL};
    uint64_t count = 0;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    CU_ASSERT_EQUAL(kf_audit_append(archive.store, KF_AUDIT_NOTE,
                                    (struct kf_audit_field[]){{"text", "50% of\n\x7f \xc3\xa9"},
                                                              {"none", NULL}},
                                    2, NULL),
                    KF_OK);
    CU_ASSERT_EQUAL(kf_audit_all(archive.store, &cursor, NULL), KF_OK);
    while (kf_audit_next(cursor, &entry, NULL) == KF_OK) {
        uint8_t leaf[KF_SHA256_SIZE];
        struct kf_slice line = {(const uint8_t *)entry.line, entry.line_len};

        CU_ASSERT_EQUAL(entry.sequence, ++count);
        CU_ASSERT_EQUAL(kf_merkle_leaf(material_crypto(), line, leaf, NULL), KF_OK);
        CU_ASSERT(memcmp(leaf, entry.leaf, sizeof(leaf)) == 0);
        CU_ASSERT(strncmp(entry.line, "1 20", 4) == 0);
        if (count == 1)
            CU_ASSERT(strstr(entry.line, "Z init caller=tester ca=Contoso%20CA certificate=") !=
                      NULL);
        if (count == 3)
            CU_ASSERT(strstr(entry.line, "Z note text=50%25%20of%0a%7f%20\xc3\xa9 none=") != NULL);
    }
    kf_audit_close(cursor);
    CU_ASSERT_EQUAL(count, 3);
    CU_ASSERT_FALSE(archive_try(&archive, "UPDATE Audit SET Entry = '' WHERE Sequence = 1"));
    CU_ASSERT_FALSE(archive_try(&archive, "DELETE FROM Audit WHERE Sequence = 3"));
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Audit"), 3);
    archive_end(&archive);
}

static void test_runs(void)
{
    static const char *const inputs[] = {"a.xml", "b c.pfx"};
    struct kf_run_request request = {
        .command = "import", .options = "-f", .inputs = inputs, .input_count = 2, .kra_start = 5};
    struct archive archive;
    struct kf_run run = {.command = NULL};
    struct kf_run_cursor *cursor = NULL;
    struct kf_totals totals = {.by_outcome = {[KF_ARCHIVED] = 3, [KF_FAILED] = 1}, .users = 2};
    struct kf_position position = {.input = 1, .entries = 4, .users = 3};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    uint64_t start = 0;
    uint64_t id = 0;

    archive_begin(&archive);
    CU_ASSERT_EQUAL(kf_runs_find_resumable(archive.store, &request, &run, NULL), KF_END);
    CU_ASSERT_EQUAL(kf_runs_begin(archive.store, &request, &id, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_runs_advance(archive.store, id, &position, &totals, 7, NULL), KF_OK);
    archive_reopen(&archive);
    CU_ASSERT_EQUAL(kf_runs_find_resumable(archive.store, &request, &run, NULL), KF_OK);
    CU_ASSERT_EQUAL(run.id, id);
    CU_ASSERT_STRING_EQUAL(run.command, "import");
    CU_ASSERT_STRING_EQUAL(run.options, "-f");
    CU_ASSERT_STRING_EQUAL(run.inputs, "a.xml\nb c.pfx");
    CU_ASSERT_STRING_EQUAL(run.caller, "tester");
    CU_ASSERT_EQUAL(run.position.input, 1);
    CU_ASSERT_EQUAL(run.position.entries, 4);
    CU_ASSERT_EQUAL(run.position.users, 3);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], 3);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_FAILED], 1);
    CU_ASSERT_EQUAL(run.totals.users, 2);
    CU_ASSERT_EQUAL(run.kra_start, 5);
    CU_ASSERT_EQUAL(run.ended, 0);
    CU_ASSERT(run.started > 1700000000);
    CU_ASSERT_EQUAL(kf_runs_kra_start(archive.store, &start, NULL), KF_OK);
    CU_ASSERT_EQUAL(start, 7);
    request.options = "";
    CU_ASSERT_EQUAL(kf_runs_find_resumable(archive.store, &request, &run, NULL), KF_END);
    request.options = "-f";
    request.input_count = 1;
    CU_ASSERT_EQUAL(kf_runs_find_resumable(archive.store, &request, &run, NULL), KF_END);
    request.input_count = 2;
    CU_ASSERT_EQUAL(kf_runs_resume(archive.store, id, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_runs_finish(archive.store, id, &totals, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_runs_find_resumable(archive.store, &request, &run, NULL), KF_END);
    CU_ASSERT_EQUAL(kf_runs_get(archive.store, id + 1, &run, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    CU_ASSERT_EQUAL(kf_runs_begin(archive.store, &request, &id, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_runs_all(archive.store, &cursor, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_runs_next(cursor, &run, NULL), KF_OK);
    CU_ASSERT(run.ended >= run.started);
    CU_ASSERT_EQUAL(kf_runs_next(cursor, &run, NULL), KF_OK);
    CU_ASSERT_EQUAL(run.id, id);
    CU_ASSERT_EQUAL(kf_runs_next(cursor, &run, NULL), KF_END);
    kf_runs_close(cursor);
    kf_run_reset(&run);
    archive_end(&archive);
}

static void test_audit_of_runs(void)
{
    static const char *const inputs[] = {"b c.pfx"};
    struct kf_run_request request = {
        .command = "import", .options = "-f", .inputs = inputs, .input_count = 1};
    struct archive archive;
    struct kf_totals totals = {.by_outcome = {[KF_ARCHIVED] = 3, [KF_FAILED] = 1}};
    uint64_t id = 0;
    char *text;

    archive_begin(&archive);
    CU_ASSERT_EQUAL(kf_runs_begin(archive.store, &request, &id, NULL), KF_OK);
    text = archive_text(&archive, "SELECT Entry FROM Audit WHERE Sequence = 2");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "Z run-begin run=1 caller=tester command=import options=-f inputs=b%20c.pfx"));
    free(text);
    CU_ASSERT_EQUAL(kf_runs_resume(archive.store, id, NULL), KF_OK);
    text = archive_text(&archive, "SELECT Entry FROM Audit WHERE Sequence = 3");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Z run-resumed run=1 caller=tester"));
    free(text);
    CU_ASSERT_EQUAL(kf_runs_finish(archive.store, id, &totals, NULL), KF_OK);
    text = archive_text(&archive, "SELECT Entry FROM Audit WHERE Sequence = 4");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "Z run-end run=1 archived=3 known=0 refused=0 failed=1 skipped=0"));
    free(text);
    archive_end(&archive);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"modes of the files", test_modes},
        {"what create refuses", test_create_refuses},
        {"locations", test_locations},
        {"what open refuses", test_open_refuses},
        {"a read-only folder", test_read_only_folder},
        {"a full disk", test_full_disk},
        {"transactions", test_transactions},
        {"how the file is kept", test_database},
        {"the audit trail", test_audit},
        {"runs", test_runs},
        {"runs in the audit trail", test_audit_of_runs},
        {NULL, NULL},
    };

    return suite_run("store", tests);
}

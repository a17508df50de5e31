/*
 * A store for tests: see archive.h.
 */
#include "tests/support/archive.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/agents.h"
#include "store/settings.h"

static void need(bool done, const char *what, const struct kf_error *error)
{
    if (done)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, error != NULL ? error->text : "failed");
    exit(EXIT_FAILURE);
}

static const struct kf_store_options *store_options(void)
{
    static struct kf_store_options options = {.caller = "tester"};

    options.crypto = material_crypto();
    return &options;
}

void archive_begin(struct archive *archive)
{
    const char *base = getenv("TMPDIR");
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_slice slice;

    *archive = (struct archive){.run = 0};
    (void)snprintf(archive->folder, sizeof(archive->folder), "%s/keyferry-XXXXXX",
                   base != NULL ? base : "/tmp");
    need(mkdtemp(archive->folder) != NULL, "mkdtemp", NULL);
    (void)snprintf(archive->path, sizeof(archive->path), "%s/store.db", archive->folder);
    archive->ca = material_cert(&(struct material_cert){
        .subject = "/O=Contoso/CN=Contoso CA",
        .is_ca = true,
        .key_usage = KF_KU_KEY_CERT_SIGN | KF_KU_CRL_SIGN,
        .key = material_key("rsa:2048#ca"),
    });
    material_der(archive->ca, &der);
    slice = kf_buf_slice(&der);
    need(kf_store_create(archive->path, store_options(),
                         &(struct kf_store_ca){.certificates = &slice, .certificate_count = 1},
                         &archive->store, &error) == KF_OK,
         "kf_store_create", &error);
    kf_buf_reset(&der);
}

static void remove_folder(const char *folder)
{
    DIR *open = opendir(folder);
    struct dirent *entry;
    char path[600];

    while (open != NULL && (entry = readdir(open)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    if (open != NULL)
        (void)closedir(open);
    (void)rmdir(folder);
}

void archive_end(struct archive *archive)
{
    kf_store_close(archive->store);
    X509_free(archive->ca);
    remove_folder(archive->folder);
}

void archive_reopen(struct archive *archive)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    kf_store_close(archive->store);
    archive->store = NULL;
    need(kf_store_open(archive->path, store_options(), &archive->store, &error) == KF_OK,
         "kf_store_open", &error);
}

X509 *archive_agent(unsigned number)
{
    static X509 *agents[10]; /* one certificate each, however often it is asked for */
    char name[32];
    char key[32];

    need(number < sizeof(agents) / sizeof(agents[0]), "archive_agent", NULL);
    if (agents[number] == NULL) {
        (void)snprintf(name, sizeof(name), "KRA %u", number);
        (void)snprintf(key, sizeof(key), "rsa:2048#kra%u", number);
        agents[number] = material_kra(name, material_key(key));
    }
    need(X509_up_ref(agents[number]) == 1, "X509_up_ref", NULL);
    return agents[number];
}

void archive_add_agents(struct archive *archive, unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        X509 *certificate = archive_agent(i);
        struct kf_buf der = KF_PUBLIC_BUF;
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        material_der(certificate, &der);
        need(kf_agents_add(archive->store, kf_buf_slice(&der), KF_KRA_MIN_BITS, (int64_t)time(NULL),
                           &error) == KF_OK,
             "kf_agents_add", &error);
        kf_buf_reset(&der);
        X509_free(certificate);
    }
}

void archive_set(struct archive *archive, const char *name, const char *value)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    need(kf_setting_set(archive->store, name, value, NULL, &error) == KF_OK, "kf_setting_set",
         &error);
}

void archive_issue(const struct archive *archive, const struct material_cert *what,
                   struct kf_buf *out)
{
    struct material_cert full = *what;

    if (full.issuer == NULL) {
        full.issuer = archive->ca;
        full.issuer_key = material_key("rsa:2048#ca");
    }
    material_cert_der(&full, out);
}

void archive_record(struct kf_record *record, const EVP_PKEY *key, struct kf_slice certificate)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    kf_record_init(record);
    record->ordinal = 1;
    (void)snprintf(record->place, sizeof(record->place), "user 1: key 1");
    need(kf_buf_set(&record->cert, certificate, &error) == KF_OK, "kf_buf_set", &error);
    if (key != NULL)
        material_pkcs8(key, &record->pkcs8);
}

struct kf_policy *archive_policy(struct archive *archive, bool foreign, bool overwrite)
{
    struct kf_policy_options options = {.foreign = foreign,
                                        .overwrite = overwrite,
                                        .profile = KF_SEAL_WINDOWS,
                                        .now = (int64_t)time(NULL)};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_policy *policy = NULL;

    need(kf_runs_kra_start(archive->store, &options.kra_start, &error) == KF_OK &&
             kf_policy_new(archive->store, &options, &policy, &error) == KF_OK,
         "kf_policy_new", &error);
    return policy;
}

void archive_place(struct archive *archive, struct kf_policy *policy, struct kf_record *record)
{
    static const char *const inputs[] = {"export.xml"};
    struct kf_placing placing = {.overwrite = kf_policy_options(policy)->overwrite,
                                 .now = (int64_t)time(NULL)};
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    if (archive->run == 0)
        need(kf_runs_begin(
                 archive->store,
                 &(struct kf_run_request){.command = "import", .inputs = inputs, .input_count = 1},
                 &archive->run, &error) == KF_OK,
             "kf_runs_begin", &error);
    placing.run = archive->run;
    need(kf_policy_apply(policy, record, &error) == KF_OK, "kf_policy_apply", &error);
    need(kf_store_begin(archive->store, &error) == KF_OK, "kf_store_begin", &error);
    need(kf_runs_input(archive->store, archive->run, &(struct kf_input_news){.name = inputs[0]},
                       &placing.input, &error) == KF_OK &&
             kf_rules_place(archive->store, &placing, record, &error) == KF_OK &&
             kf_store_commit(archive->store, &error) == KF_OK,
         "kf_rules_place", &error);
}

bool archive_try(const struct archive *archive, const char *sql)
{
    sqlite3 *database = NULL;
    bool done;

    need(sqlite3_open_v2(archive->path, &database, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK,
         archive->path, NULL);
    done = sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK;
    (void)sqlite3_close(database);
    return done;
}

void archive_execute(const struct archive *archive, const char *sql)
{
    need(archive_try(archive, sql), sql, NULL);
}

static sqlite3_stmt *ask(const struct archive *archive, const char *sql, sqlite3 **database)
{
    sqlite3_stmt *statement = NULL;

    need(sqlite3_open_v2(archive->path, database, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
             sqlite3_prepare_v2(*database, sql, -1, &statement, NULL) == SQLITE_OK,
         sql, NULL);
    need(sqlite3_step(statement) == SQLITE_ROW, sql, NULL);
    return statement;
}

int64_t archive_number(const struct archive *archive, const char *sql)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = ask(archive, sql, &database);
    int64_t number = sqlite3_column_int64(statement, 0);

    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(database);
    return number;
}

char *archive_text(const struct archive *archive, const char *sql)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = ask(archive, sql, &database);
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    char *copy = kf_strndup(text != NULL ? text : "", text != NULL ? strlen(text) : 0);

    need(copy != NULL, "kf_strndup", NULL);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(database);
    return copy;
}

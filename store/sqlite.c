/*
 * The SQLite backend: one connection, its statements prepared once, its errors in one line.
 *
 * The file is made by this program, not by SQLite, so that its mode is 0600 before there is a byte
 * in it; SQLite gives the mode on to the -wal and -shm files beside it. A commit is durable when it
 * returns (WAL, synchronous FULL). The page cache is bounded and nothing is mapped, so that memory
 * does not grow with the archive. Refused: files of others, and every schema version but one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite_sql.h"
#include "store/store.h"

#define WAIT_MOST 30000 /* ms, where nobody says how long */
#define WAIT_STEP 20    /* ms */

/* Every connection. 8 KiB pages hold a row's material without much left over. */
#define PRAGMAS                                                                                    \
    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;"             \
    "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 2000;"          \
    "PRAGMA trusted_schema = OFF"
#define PRAGMAS_NEW "PRAGMA page_size = 8192; PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = WAL"

struct statement {
    struct kf_result result; /* first: a result is its statement */
    struct kf_backend *backend;
    sqlite3_stmt *prepared;
    struct kf_value *columns;
    bool is_open;
};

struct kf_backend {
    sqlite3 *database;
    char *path;
    kf_store_wait *wait; /* may be NULL */
    void *wait_context;
    struct statement statements[KF_SQL_COUNT];
};

/* What SQLite says, as one line about the file. */
static enum kf_status fail(const struct kf_backend *backend, struct kf_error *error)
{
    int code = sqlite3_errcode(backend->database);
    int number = sqlite3_system_errno(backend->database);

    if (code == SQLITE_NOMEM)
        return kf_fail_memory(error);
    if ((code & 0xff) == SQLITE_BUSY)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL,
                       "%s: another process keeps the store locked", backend->path);
    if ((code & 0xff) == SQLITE_IOERR && number != 0) {
        errno = number;
        return kf_fail_errno(error, KF_FATAL, "%s: %s", backend->path,
                             sqlite3_errmsg(backend->database));
    }
    return kf_fail(error, KF_FATAL, code == SQLITE_MISUSE ? KF_CAUSE_INTERNAL : KF_CAUSE_SYSTEM,
                   NULL, "%s: %s", backend->path, sqlite3_errmsg(backend->database));
}

static enum kf_status run(struct kf_backend *backend, const char *sql, struct kf_error *error)
{
    if (sqlite3_exec(backend->database, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail(backend, error);
    return KF_OK;
}

static void close_backend(struct kf_backend *backend)
{
    if (backend == NULL)
        return;
    for (size_t i = 0; i < KF_SQL_COUNT; i++) {
        (void)sqlite3_finalize(backend->statements[i].prepared);
        free(backend->statements[i].columns);
    }
    (void)sqlite3_close(backend->database);
    free(backend->path);
    free(backend);
}

/* Called by SQLite for the count-th time in a row; 0 gives up. */
static int on_busy(void *context, int count)
{
    const struct kf_backend *backend = context;
    const struct timespec step = {.tv_nsec = WAIT_STEP * 1000000L};
    unsigned waited = (unsigned)count * WAIT_STEP;

    if (backend->wait != NULL ? !backend->wait(backend->wait_context, waited) : waited >= WAIT_MOST)
        return 0;
    (void)nanosleep(&step, NULL);
    return 1;
}

static void on_wait(struct kf_backend *backend, kf_store_wait *wait, void *context)
{
    backend->wait = wait;
    backend->wait_context = context;
}

/* Connects; the file is there. NULL: it cannot be. */
static struct kf_backend *connect_to(const char *path, struct kf_error *error)
{
    struct kf_backend *backend = calloc(1, sizeof(*backend));
    /* SQLite has names of its own for what is no file, all with a colon. */
    const char *prefix = path[0] == ':' ? "./" : "";
    size_t size = strlen(prefix) + strlen(path) + 1;

    if (backend != NULL)
        backend->path = malloc(size);
    if (backend == NULL || backend->path == NULL) {
        free(backend);
        (void)!kf_fail_memory(error);
        return NULL;
    }
    (void)snprintf(backend->path, size, "%s%s", prefix, path);
    if (sqlite3_open_v2(backend->path, &backend->database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        (void)!(backend->database != NULL ? fail(backend, error) : kf_fail_memory(error));
        close_backend(backend);
        return NULL;
    }
    (void)sqlite3_busy_handler(backend->database, on_busy, backend);
    return backend;
}

/* Makes the file itself, before SQLite sees it. */
static enum kf_status make_file(const char *path, struct kf_error *error)
{
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    enum kf_status status = KF_OK;

    if (file < 0)
        return errno == EEXIST ? kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL,
                                         "%s: there is a file of this name already", path)
                               : kf_fail_errno(error, KF_FATAL, "%s: cannot be made", path);
    /* a umask may have taken even the owner's rights */
    if (fchmod(file, S_IRUSR | S_IWUSR) != 0) {
        status = kf_fail_errno(error, KF_FATAL, "%s: its mode cannot be set", path);
        (void)unlink(path);
    }
    (void)close(file);
    return status;
}

static void remove_files(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char name[PATH_MAX];
        int len = snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);

        if (len > 0 && (size_t)len < sizeof(name))
            (void)unlink(name);
    }
}

static enum kf_status fill_file(struct kf_backend *backend, struct kf_error *error)
{
    char numbers[120];

    (void)snprintf(numbers, sizeof(numbers), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   KF_SQLITE_APPLICATION_ID, KF_STORE_SCHEMA);
    if (run(backend, PRAGMAS_NEW, error) != KF_OK || run(backend, PRAGMAS, error) != KF_OK ||
        run(backend, "BEGIN IMMEDIATE", error) != KF_OK ||
        run(backend, kf_sqlite_schema, error) != KF_OK ||
        run(backend, kf_sqlite_schema_audit, error) != KF_OK ||
        run(backend, numbers, error) != KF_OK)
        return KF_FATAL;
    return run(backend, "COMMIT", error);
}

static enum kf_status create_backend(struct kf_backend **out, const char *path,
                                     struct kf_error *error)
{
    struct kf_backend *backend;

    if (make_file(path, error) != KF_OK)
        return KF_FATAL;
    backend = connect_to(path, error);
    if (backend == NULL || fill_file(backend, error) != KF_OK) {
        close_backend(backend);
        remove_files(path);
        return KF_FATAL;
    }
    *out = backend;
    return KF_OK;
}

static enum kf_status read_pragma(struct kf_backend *backend, const char *sql, int *value,
                                  struct kf_error *error)
{
    sqlite3_stmt *statement = NULL;
    enum kf_status status = KF_OK;
    int code = sqlite3_prepare_v2(backend->database, sql, -1, &statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *value = sqlite3_column_int(statement, 0);
    else if (sqlite3_errcode(backend->database) == SQLITE_NOTADB)
        status = kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, NULL, "%s: is not a keyferry store",
                         backend->path);
    else
        status = fail(backend, error);
    (void)sqlite3_finalize(statement);
    return status;
}

/* That it is a store, and of the version that is known here. */
static enum kf_status check_version(struct kf_backend *backend, struct kf_error *error)
{
    int id = 0;
    int version = 0;

    if (read_pragma(backend, "PRAGMA application_id", &id, error) != KF_OK ||
        read_pragma(backend, "PRAGMA user_version", &version, error) != KF_OK)
        return KF_FATAL;
    if (id != KF_SQLITE_APPLICATION_ID)
        return kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, NULL, "%s: is not a keyferry store",
                       backend->path);
    if (version != KF_STORE_SCHEMA)
        return kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, NULL,
                       "%s: the store has schema version %d, this keyferry knows %d", backend->path,
                       version, KF_STORE_SCHEMA);
    return KF_OK;
}

static enum kf_status open_backend(struct kf_backend **out, const char *path,
                                   struct kf_error *error)
{
    struct kf_backend *backend;
    struct stat about;

    if (stat(path, &about) != 0)
        return errno == ENOENT
                   ? kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL,
                             "%s: there is no store here (keyferry init makes one)", path)
                   : kf_fail_errno(error, KF_FATAL, "%s: cannot be opened", path);
    if (!S_ISREG(about.st_mode))
        return kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, NULL,
                       "%s: is not a keyferry store, which is a file", path);
    backend = connect_to(path, error);
    if (backend == NULL || check_version(backend, error) != KF_OK ||
        run(backend, PRAGMAS, error) != KF_OK) {
        close_backend(backend);
        return KF_FATAL;
    }
    *out = backend;
    return KF_OK;
}

static enum kf_status begin(struct kf_backend *backend, struct kf_error *error)
{
    return run(backend, "BEGIN IMMEDIATE", error);
}

static enum kf_status commit(struct kf_backend *backend, struct kf_error *error)
{
    return run(backend, "COMMIT", error);
}

static void rollback(struct kf_backend *backend)
{
    /* some errors have rolled it back by themselves */
    if (sqlite3_get_autocommit(backend->database) == 0)
        (void)sqlite3_exec(backend->database, "ROLLBACK", NULL, NULL, NULL);
}

static enum kf_status begin_read(struct kf_backend *backend, struct kf_error *error)
{
    return run(backend, "BEGIN DEFERRED", error);
}

static bool bind_one(sqlite3_stmt *prepared, int at, const struct kf_value *value)
{
    const char *bytes = (const char *)value->bytes.data;

    switch (value->type) {
    case KF_VALUE_NULL:
        return sqlite3_bind_null(prepared, at) == SQLITE_OK;
    case KF_VALUE_INTEGER:
        return sqlite3_bind_int64(prepared, at, value->number) == SQLITE_OK;
    case KF_VALUE_TEXT:
        return sqlite3_bind_text64(prepared, at, bytes, value->bytes.len, SQLITE_STATIC,
                                   SQLITE_UTF8) == SQLITE_OK;
    case KF_VALUE_BLOB:
        /* a null pointer would bind null, not an empty blob */
        return sqlite3_bind_blob64(prepared, at, bytes != NULL ? bytes : "", value->bytes.len,
                                   SQLITE_STATIC) == SQLITE_OK;
    }
    return false;
}

static enum kf_status prepare(struct kf_backend *backend, enum kf_statement which,
                              struct kf_error *error)
{
    struct statement *statement = &backend->statements[which];
    int columns;

    if (sqlite3_prepare_v3(backend->database, kf_sqlite_statements[which], -1,
                           SQLITE_PREPARE_PERSISTENT, &statement->prepared, NULL) != SQLITE_OK)
        return fail(backend, error);
    columns = sqlite3_column_count(statement->prepared);
    statement->backend = backend;
    statement->columns = calloc((size_t)columns + 1, sizeof(*statement->columns));
    if (statement->columns == NULL)
        return kf_fail_memory(error);
    statement->result.columns = statement->columns;
    statement->result.column_count = (size_t)columns;
    return KF_OK;
}

/* A statement with its parameters, prepared the first time. NULL: the error says why. */
static struct statement *start(struct kf_backend *backend, enum kf_statement which,
                               const struct kf_value *parameters, size_t count,
                               struct kf_error *error)
{
    struct statement *statement = &backend->statements[which];

    if (statement->is_open) {
        (void)!kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "statement %d is in use",
                       (int)which);
        return NULL;
    }
    if (statement->columns == NULL && prepare(backend, which, error) != KF_OK)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (!bind_one(statement->prepared, (int)i + 1, &parameters[i])) {
            (void)!fail(backend, error);
            return NULL;
        }
    }
    return statement;
}

static enum kf_status execute(struct kf_backend *backend, enum kf_statement which,
                              const struct kf_value *parameters, size_t count, int64_t *last_id,
                              struct kf_error *error)
{
    struct statement *statement = start(backend, which, parameters, count, error);
    enum kf_status status = KF_OK;

    if (statement == NULL)
        return KF_FATAL;
    if (sqlite3_step(statement->prepared) != SQLITE_DONE)
        status = fail(backend, error);
    if (status == KF_OK && last_id != NULL)
        *last_id = sqlite3_last_insert_rowid(backend->database);
    (void)sqlite3_reset(statement->prepared);
    return status;
}

static enum kf_status query(struct kf_backend *backend, enum kf_statement which,
                            const struct kf_value *parameters, size_t count, struct kf_result **out,
                            struct kf_error *error)
{
    struct statement *statement = start(backend, which, parameters, count, error);

    if (statement == NULL)
        return KF_FATAL;
    statement->is_open = true;
    *out = &statement->result;
    return KF_OK;
}

static void read_column(sqlite3_stmt *prepared, int at, struct kf_value *out)
{
    *out = kf_null();
    switch (sqlite3_column_type(prepared, at)) {
    case SQLITE_INTEGER:
        *out = kf_integer(sqlite3_column_int64(prepared, at));
        break;
    case SQLITE_NULL:
        break;
    default: /* text and blobs; there are no floating point columns */
        out->type =
            sqlite3_column_type(prepared, at) == SQLITE_BLOB ? KF_VALUE_BLOB : KF_VALUE_TEXT;
        out->bytes.data = sqlite3_column_blob(prepared, at);
        out->bytes.len = (size_t)sqlite3_column_bytes(prepared, at);
        break;
    }
}

static enum kf_status next(struct kf_result *result, struct kf_error *error)
{
    struct statement *statement = (struct statement *)result;

    switch (sqlite3_step(statement->prepared)) {
    case SQLITE_ROW:
        for (size_t i = 0; i < result->column_count; i++)
            read_column(statement->prepared, (int)i, &statement->columns[i]);
        return KF_OK;
    case SQLITE_DONE:
        return KF_END;
    default:
        return fail(statement->backend, error);
    }
}

static void finish(struct kf_result *result)
{
    struct statement *statement = (struct statement *)result;

    if (statement == NULL)
        return;
    (void)sqlite3_reset(statement->prepared);
    statement->is_open = false;
}

const struct kf_backend_ops kf_backend_sqlite = {
    .name = "sqlite",
    .prefix = "sqlite:",
    .create = create_backend,
    .open = open_backend,
    .close = close_backend,
    .remove = remove_files,
    .on_wait = on_wait,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .begin_read = begin_read,
    .execute = execute,
    .query = query,
    .next = next,
    .finish = finish,
};

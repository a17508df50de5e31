/*
 * Out of memory anywhere: a small import, of a KMS export and PFX files, where the n-th allocation
 * fails, for every n, be it this program's own, OpenSSL's, libxml2's, SQLite's or jansson's; once
 * as a single failure, and once with none after it succeeding.
 *
 * Each time: exit code 1 and a clear message, or, where the library did without that memory, the
 * whole import; nothing leaks; no freed block holds a part of a private key, and none is left in
 * this process; the store is sound.
 *
 * Where OpenSSL fails for lack of memory and gives another reason, a key may be told as failed; in
 * one place of three hundred it is so, and more than one of a hundred is a defect.
 *
 * Every place at first, then some; KEYFERRY_FULL=1 tries all. The program runs in
 * child processes, which never see the keys but through it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include "tests/support/faulty_memory.h"
#include "tests/support/import_run.h"
#include "tests/support/kms_builder.h"
#include "tests/support/outside.h"
#include "tests/support/pfx_parts.h"
#include "tests/support/suite.h"

int keyferry_main(int argc, char **argv); /* cli/main.c */

#define NEEDLES       4
#define FIRST_ALL     40 /* places that are all tried */
#define SAMPLES       60 /* of those after them, about */
#define MISLED_ONE_IN 100
#define BAD_MOST      20 /* that are told */

static char folder[64];
static unsigned char needles[NEEDLES * MEMORY_NEEDLE]; /* inverted */

static const char *in_folder(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* Not CUnit's, which would go on with the next test in a child process. */
#define need(condition) need_it(condition, #condition, __LINE__)
static void need_it(bool holds, const char *what, int line)
{
    if (holds)
        return;
    (void)printf("    line %d: %s\n", line, what);
    (void)fflush(stdout);
    _exit(1);
}

/* Runs something in a child process; true where it returned true. */
static bool in_child(bool (*run)(void *context), void *context)
{
    int result = -1;
    pid_t child;

    (void)fflush(stdout);
    child = fork();
    need(child >= 0);
    if (child == 0) {
        bool good = run(context);

        (void)fflush(stdout);
        exit(good ? 0 : 1); // NOLINT(concurrency-mt-unsafe): its folder is removed
    }
    need(waitpid(child, &result, 0) == child);
    if (WIFSIGNALED(result))
        (void)printf("\n    killed by signal %d\n", WTERMSIG(result));
    return WIFEXITED(result) && WEXITSTATUS(result) == 0;
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[4u << 20];
    FILE *file = fopen(from, "rb");
    size_t len;

    need(file != NULL);
    len = fread(bytes, 1, sizeof(bytes), file);
    need(fclose(file) == 0 && len > 0 && len < sizeof(bytes));
    file = fopen(to, "wb");
    need(file != NULL && fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
}

/* The middle of a number of a key, in both orders of its bytes. */
static void write_needle(FILE *file, const EVP_PKEY *key, const char *what)
{
    BIGNUM *number = NULL;
    unsigned char bytes[128];
    int len;

    need(EVP_PKEY_get_bn_param(key, what, &number) == 1);
    len = BN_bn2bin(number, bytes);
    need(len >= 2 * MEMORY_NEEDLE - 4);
    for (int i = 0; i < MEMORY_NEEDLE; i++)
        (void)fputc((unsigned char)~bytes[8 + i], file);
    for (int i = 0; i < MEMORY_NEEDLE; i++)
        (void)fputc((unsigned char)~bytes[8 + MEMORY_NEEDLE - 1 - i], file);
    BN_clear_free(number);
}

static void make_rsa_pfx(const struct archive *archive)
{
    const struct material_cert what = {.subject = "/CN=RSA",
                                       .key = material_key("rsa:2048#user"),
                                       .key_usage = KF_KU_KEY_ENCIPHERMENT};
    struct pfx_part part = {.cert = KF_PUBLIC_BUF};
    struct kf_buf bytes = KF_PUBLIC_BUF;
    FILE *file = fopen(in_folder("rsa.pfx"), "wb");

    material_pkcs8(what.key, &part.pkcs8);
    archive_issue(archive, &what, &part.cert);
    pfx_usual(&bytes, &part, "secret");
    need(file != NULL && fwrite(bytes.data, 1, bytes.len, file) == bytes.len && fclose(file) == 0);
    kf_buf_reset(&bytes);
    pfx_part_reset(&part);
}

/* The store, the inputs, the export-signing key, and the needles. */
static bool make_files(void *context)
{
    struct archive archive;
    struct import_material material;
    FILE *file;

    (void)context;
    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    import_material_make(&archive, &material);
    kf_store_close(archive.store);
    archive.store = NULL;
    copy_file(archive.path, in_folder("empty.db"));
    copy_file(material.paths[0], in_folder("out.xml"));
    copy_file(outside_path("out.xml.p7s"), in_folder("out.xml.p7s"));
    copy_file(material.paths[1], in_folder("ec.pfx"));
    make_rsa_pfx(&archive);
    outside_write_key("signer.key", kms_key("signer"));
    outside_write_cert("signer.pem", kms_certificate("signer"));
    need(outside_run("cat signer.pem >> signer.key"));
    copy_file(outside_path("signer.key"), in_folder("signer.pem"));
    file = fopen(in_folder("needles"), "wb");
    need(file != NULL);
    write_needle(file, material_key("rsa:2048#user"), OSSL_PKEY_PARAM_RSA_FACTOR1);
    write_needle(file, material_key("ec:P-256#1"), OSSL_PKEY_PARAM_PRIV_KEY);
    need(fclose(file) == 0);
    import_material_reset(&material);
    archive_end(&archive);
    return true;
}

static void new_store(void)
{
    (void)unlink(in_folder("store.db-wal"));
    (void)unlink(in_folder("store.db-shm"));
    copy_file(in_folder("empty.db"), in_folder("store.db"));
}

/* The program, as main calls it; what it says goes to a file. */
static int run_program(void)
{
    static const char *const words[] = {
        "keyferry",    "import", "-s", "store.db",   "--key",   "signer.pem", "--password",
        "pass:secret", "-j",     "1",  "--no-input", "out.xml", "ec.pfx",     "rsa.pfx"};
    static char texts[sizeof(words) / sizeof(words[0])][64]; /* which the program may wipe */
    char *argv[sizeof(words) / sizeof(words[0]) + 1] = {NULL};
    int saved[2] = {dup(1), dup(2)};
    int said = open(in_folder("said"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    int code;

    need(saved[0] >= 0 && saved[1] >= 0 && said >= 0 && chdir(folder) == 0);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "%s", words[i]);
        argv[i] = texts[i];
    }
    (void)fflush(stdout);
    need(dup2(said, 1) == 1 && dup2(said, 2) == 2);
    code = keyferry_main((int)(sizeof(words) / sizeof(words[0])), argv);
    (void)fflush(stdout);
    need(dup2(saved[0], 1) == 1 && dup2(saved[1], 2) == 2);
    (void)close(saved[0]);
    (void)close(saved[1]);
    (void)close(said);
    return code;
}

static bool has_said(const char *text, char *out, size_t size)
{
    FILE *file = fopen(in_folder("said"), "rb");
    size_t len = file != NULL ? fread(out, 1, size - 1, file) : 0;

    out[len] = '\0';
    if (file != NULL)
        (void)fclose(file);
    return strstr(out, text) != NULL;
}

struct series {
    enum memory_owner owner;
    bool stays;
    size_t at;
    const char *expected;
    size_t misled; /* keys that failed since OpenSSL did not say that it lacked memory */
};

/* Whether exit code 1 comes with its reason. OpenSSL and libxml2 do not always tell that they lack
 * memory, but that something cannot be done. */
static bool is_clear(const struct series *series)
{
    char said[4096];

    if (has_said("out of memory", said, sizeof(said)))
        return true;
    return (series->owner == MEMORY_OPENSSL || series->owner == MEMORY_XML) &&
           strchr(said, ':') != NULL && strstr(said, ": \n") == NULL;
}

/* What is wrong after the at-th allocation failed, or NULL. */
static const char *look(struct series *series, int code, bool thoroughly)
{
    char *dump;
    bool whole;

    if (series->owner == MEMORY_OPENSSL && (code == 2 || code == 77) && is_clear(series))
        series->misled++;
    else if (code != 0 && (code != 1 || !is_clear(series)))
        return "no clear error";
    if (faulty_memory_spilled() != 0)
        return "a freed block holds a part of a key";
    if (!thoroughly && code != 0)
        return NULL;
    if (faulty_memory_remains() != 0)
        return "a part of a key is left in memory";
    if (!import_is_sound("store.db"))
        return "the store is not sound";
    dump = import_dump("store.db");
    whole = strcmp(dump, series->expected) == 0;
    free(dump);
    return code == 0 && !whole ? "success, but not all is there" : NULL;
}

static bool try_place(struct series *series, size_t at, size_t *count)
{
    char said[4096];
    const char *wrong;
    size_t leaks;
    int code;

    new_store();
    faulty_memory_arm(series->owner, at, series->stays);
    code = run_program();
    *count = faulty_memory_disarm(series->owner);
    OPENSSL_thread_stop(); /* the texts of its errors are the thread's, not the run's */
    leaks = faulty_memory_leaks(code == 0);
    wrong = leaks != 0 ? "leaks" : look(series, code, at % 32 == 1);
    if (wrong == NULL)
        return true;
    (void)has_said("", said, sizeof(said));
    said[strcspn(said, "\n")] = '\0';
    (void)printf("    %s: allocation %zu%s: exit code %d, %s: %s\n",
                 faulty_memory_owner(series->owner), at, series->stays ? " and all after it" : "",
                 code, wrong, said);
    if (getenv("KEYFERRY_TRACE") != NULL)
        faulty_memory_who();
    return false;
}

static bool try_one(void *context)
{
    struct series *series = context;
    size_t seen;

    return try_place(series, series->at, &seen);
}

/* What OpenSSL loses when there is no memory any more goes with its process. */
static bool try_next(struct series *series, size_t at)
{
    series->at = at;
    return series->stays ? in_child(try_one, series) : try_one(series);
}

static bool run_series(void *context)
{
    struct series *series = context;
    const bool all = getenv("KEYFERRY_FULL") != NULL;
    size_t count = 0;
    size_t step = 1;
    size_t bad = 0;
    char *expected;

    new_store();
    need(run_program() == 0); /* what libraries keep for good is made now */
    new_store();
    need(run_program() == 0);
    expected = import_dump("store.db");
    series->expected = expected;
    need(try_place(series, 0, &count));
    if (!all && count > FIRST_ALL)
        step = 1 + (count - FIRST_ALL) / SAMPLES;
    for (size_t at = 1; at <= count && bad < BAD_MOST; at += at < FIRST_ALL ? 1 : step)
        bad += !try_next(series, at);
    free(expected);
    (void)printf("%zu ", count);
    return bad == 0 && series->misled <= 2 + count / step / MISLED_ONE_IN;
}

static void test_owner(enum memory_owner owner)
{
    for (int stays = 0; stays < 2; stays++) {
        struct series series = {.owner = owner, .stays = stays != 0};

        CU_ASSERT(in_child(run_series, &series));
    }
}

static void test_ours(void)
{
    test_owner(MEMORY_OURS);
}

static void test_openssl(void)
{
    test_owner(MEMORY_OPENSSL);
}

static void test_xml(void)
{
    test_owner(MEMORY_XML);
}

static void test_sqlite(void)
{
    test_owner(MEMORY_SQLITE);
}

static void begin(void)
{
    const char *base = getenv("TMPDIR");
    FILE *file;

    (void)snprintf(folder, sizeof(folder), "%s/keyferry-XXXXXX", base != NULL ? base : "/tmp");
    CU_ASSERT_FATAL(mkdtemp(folder) != NULL);
    CU_ASSERT_FATAL(in_child(make_files, NULL));
    file = fopen(in_folder("needles"), "rb");
    CU_ASSERT_FATAL(file != NULL && fread(needles, 1, sizeof(needles), file) == sizeof(needles));
    (void)fclose(file);
    faulty_memory_watch(needles, NEEDLES);
}

static void end(void)
{
    static const char *const names[] = {"store.db",   "store.db-wal", "store.db-shm", "empty.db",
                                        "out.xml",    "out.xml.p7s",  "ec.pfx",       "rsa.pfx",
                                        "signer.pem", "needles",      "said"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlink(in_folder(names[i]));
    (void)rmdir(folder);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"files", begin},        {"its own", test_ours},    {"OpenSSL's", test_openssl},
        {"libxml2's", test_xml}, {"SQLite's", test_sqlite}, {NULL, NULL},
    };
    int code;

    faulty_memory_install();
    code = suite_run("out of memory", tests);
    end();
    return code;
}

/*
 * Programs that are not ours: see outside.h.
 */
#define _XOPEN_SOURCE 700 /* nftw */

#include "tests/support/outside.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/pem.h>

#define MAX_PATH    512
#define MAX_COMMAND 8192
#define PATHS       8

static char folder[MAX_PATH];
static pid_t owner;

static void need(bool done, const char *what)
{
    if (done)
        return;
    (void)fprintf(stderr, "outside: %s failed\n", what);
    exit(EXIT_FAILURE);
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    (void)facts;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() == owner)
        (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *outside_folder(void)
{
    const char *base = getenv("TMPDIR");

    if (folder[0] != '\0')
        return folder;
    (void)snprintf(folder, sizeof(folder), "%s/keyferry-test.XXXXXX",
                   base != NULL && base[0] != '\0' ? base : "/tmp");
    need(mkdtemp(folder) != NULL, "mkdtemp");
    owner = getpid();
    need(atexit(remove_folder) == 0, "atexit");
    return folder;
}

const char *outside_path(const char *name)
{
    static char paths[PATHS][MAX_PATH];
    static unsigned next;
    char *path = paths[next++ % PATHS];
    int length = snprintf(path, MAX_PATH, "%s/%s", outside_folder(), name);

    need(length > 0 && length < MAX_PATH, "a path");
    return path;
}

static int run(const char *format, va_list arguments)
{
    char command[MAX_COMMAND];
    int used = snprintf(command, sizeof(command),
                        "cd '%s' && exec >.log 2>&1 </dev/null || exit 126\n", outside_folder());
    int length = vsnprintf(command + used, sizeof(command) - (size_t)used, format, arguments);
    int status;

    need(length > 0 && (size_t)(used + length) < sizeof(command), "a command");
    status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void show_log(const char *format)
{
    struct kf_buf log = KF_PUBLIC_BUF;

    outside_read(".log", &log);
    (void)fprintf(stderr, "outside: %s:\n%.*s\n", format, (int)log.len, (const char *)log.data);
    kf_buf_reset(&log);
}

bool outside_run(const char *format, ...)
{
    va_list arguments;
    int status;

    va_start(arguments, format);
    status = run(format, arguments);
    va_end(arguments);
    if (status != 0)
        show_log(format);
    return status == 0;
}

bool outside_fails(const char *format, ...)
{
    va_list arguments;
    int status;

    va_start(arguments, format);
    status = run(format, arguments);
    va_end(arguments);
    if (status >= 126)
        show_log(format);
    return status > 0 &&
           status < 126; /* from 126 on the program did not run, which proves nothing */
}

bool outside_has(const char *program)
{
    return !outside_fails("command -v %s || exit 1", program);
}

void outside_write(const char *name, struct kf_slice bytes)
{
    FILE *file = fopen(outside_path(name), "wb");

    need(file != NULL && fwrite(bytes.data, 1, bytes.len, file) == bytes.len, name);
    need(fclose(file) == 0, name);
}

void outside_read(const char *name, struct kf_buf *out)
{
    FILE *file = fopen(outside_path(name), "rb");
    uint8_t bytes[4096];
    size_t count;

    need(file != NULL, name);
    kf_buf_clear(out);
    while ((count = fread(bytes, 1, sizeof(bytes), file)) != 0)
        need(kf_buf_append(out, bytes, count, NULL) == KF_OK, name);
    need(ferror(file) == 0 && fclose(file) == 0, name);
}

bool outside_equals(const char *name, struct kf_slice bytes)
{
    struct kf_buf file = KF_SECRET_BUF;
    bool equal;

    outside_read(name, &file);
    equal = kf_slice_equal(kf_buf_slice(&file), bytes);
    kf_buf_reset(&file);
    return equal;
}

void outside_write_cert(const char *name, const X509 *certificate)
{
    FILE *file = fopen(outside_path(name), "wb");

    need(file != NULL && PEM_write_X509(file, certificate) == 1 && fclose(file) == 0, name);
}

void outside_write_key(const char *name, const EVP_PKEY *key)
{
    FILE *file = fopen(outside_path(name), "wb");

    need(file != NULL && PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
             fclose(file) == 0,
         name);
}

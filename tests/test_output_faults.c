/*
 * Files that cannot be read or written: conversions to PFX files and to a KMS export, where the
 * n-th operation on a file fails, for every n, or is half done, or interrupted.
 *
 * What is interrupted, and a read or a write that does a part of its work, change nothing. An input
 * that cannot be read on costs its own entry (exit code 2). Any other failure ends in exit code 1
 * and its reason; there is no file under its name that is not whole, no export without its
 * signature, and no temporary file, unless it was its removal that failed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/cert.h"
#include "tests/support/import_run.h"
#include "tests/support/kms_builder.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

int keyferry_main(int argc, char **argv); /* cli/main.c */

enum how { SOUND, FAILS, HALF, INTERRUPTED };

static struct {
    enum how how;
    bool is_armed;
    unsigned at, count;
    bool was_removal, was_read; /* that failed */
} disk;

static unsigned happened_to(enum how how)
{
    return disk.is_armed && disk.how == how && disk.count == disk.at;
}

/* Whether the next operation fails, and errno why. */
static bool fails(int reason)
{
    if (!disk.is_armed)
        return false;
    disk.count++;
    errno = happened_to(INTERRUPTED) ? EINTR : reason;
    return happened_to(FAILS);
}

ssize_t __real_read(int fd, void *out, size_t size);                        // NOLINT
ssize_t __wrap_read(int fd, void *out, size_t size);                        // NOLINT
int __real_mkstemp(char *path);                                             // NOLINT
ssize_t __real_write(int fd, const void *bytes, size_t len);                // NOLINT
ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t offset); // NOLINT
int __real_fsync(int fd);                                                   // NOLINT
int __real_link(const char *from, const char *to);                          // NOLINT
int __real_rename(const char *from, const char *to);                        // NOLINT
int __real_unlink(const char *path);                                        // NOLINT
int __real_mkdir(const char *path, mode_t mode);                            // NOLINT
int __wrap_mkstemp(char *path);                                             // NOLINT
ssize_t __wrap_write(int fd, const void *bytes, size_t len);                // NOLINT
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset); // NOLINT
int __wrap_fsync(int fd);                                                   // NOLINT
int __wrap_link(const char *from, const char *to);                          // NOLINT
int __wrap_rename(const char *from, const char *to);                        // NOLINT
int __wrap_unlink(const char *path);                                        // NOLINT
int __wrap_mkdir(const char *path, mode_t mode);                            // NOLINT

ssize_t __wrap_read(int fd, void *out, size_t size) // NOLINT
{
    if (fails(EIO)) {
        disk.was_read = true;
        return -1;
    }
    if (happened_to(INTERRUPTED))
        return -1;
    return __real_read(fd, out, happened_to(HALF) ? size / 200 + 1 : size);
}

int __wrap_mkstemp(char *path) // NOLINT
{
    return fails(ENOSPC) ? -1 : __real_mkstemp(path);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len) // NOLINT
{
    if (fails(ENOSPC) || happened_to(INTERRUPTED))
        return -1;
    return __real_write(fd, bytes, happened_to(HALF) ? (len + 1) / 2 : len);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset) // NOLINT
{
    if (fails(EIO) || happened_to(INTERRUPTED))
        return -1;
    return __real_pwrite(fd, bytes, happened_to(HALF) ? (len + 1) / 2 : len, offset);
}

int __wrap_fsync(int fd) // NOLINT
{
    return fails(EIO) || happened_to(INTERRUPTED) ? -1 : __real_fsync(fd);
}

int __wrap_link(const char *from, const char *to) // NOLINT
{
    return fails(EIO) ? -1 : __real_link(from, to);
}

int __wrap_rename(const char *from, const char *to) // NOLINT
{
    return fails(EIO) ? -1 : __real_rename(from, to);
}

int __wrap_unlink(const char *path) // NOLINT
{
    if (!fails(EIO))
        return __real_unlink(path);
    disk.was_removal = true;
    return -1;
}

int __wrap_mkdir(const char *path, mode_t mode) // NOLINT
{
    return fails(ENOSPC) ? -1 : __real_mkdir(path, mode);
}

/* What stands in the folder of the output. */
struct seen {
    unsigned files, temporary;
    size_t bytes; /* of the files */
    bool has_export, has_signature;
};

static void look(struct seen *out)
{
    DIR *folder = opendir(outside_path("output"));
    const struct dirent *entry;
    char name[64];
    struct stat facts;

    *out = (struct seen){.files = 0};
    while (folder != NULL && (entry = readdir(folder)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        (void)snprintf(name, sizeof(name), "output/%.50s", entry->d_name);
        if (stat(outside_path(name), &facts) != 0 || !S_ISREG(facts.st_mode))
            continue;
        if (entry->d_name[0] == '.') {
            out->temporary++;
            continue;
        }
        out->files++;
        out->bytes += (size_t)facts.st_size;
        out->has_export = out->has_export || strcmp(entry->d_name, "export.xml") == 0;
        out->has_signature = out->has_signature || strcmp(entry->d_name, "export.xml.p7s") == 0;
    }
    if (folder != NULL)
        (void)closedir(folder);
}

static char thumbprint[9];

/* What it was that failed. */
struct what {
    bool was_removal, was_read;
};

/* The program in a child process; its exit code. The count of operations comes by a file. */
static int convert(bool to_kms, enum how how, unsigned at, unsigned *count, struct what *what)
{
    static const char *const kms[] = {
        "keyferry",          "convert",     "--to",       "kms",          "-o",
        "output/export.xml", "--key",       "signer.key", "--thumbprint", thumbprint,
        "--password",        "pass:secret", "1.pfx",      "2.pfx",        NULL};
    static const char *const pfx[] = {
        "keyferry", "convert",    "--to",        "pfx",   "-o",    "output", "--outpass",
        "pass:x",   "--password", "pass:secret", "1.pfx", "2.pfx", "3.pfx",  NULL};
    const char *const *words = to_kms ? kms : pfx;
    char texts[16][64];
    char *argv[17] = {NULL};
    int argc = 0;
    int result = -1;
    unsigned told[3] = {0};
    int pipes[2];
    pid_t child;

    CU_ASSERT_FATAL(outside_run(to_kms ? "rm -rf output; mkdir output" : "rm -rf output"));
    for (; words[argc] != NULL; argc++) {
        (void)snprintf(texts[argc], sizeof(texts[0]), "%s", words[argc]);
        argv[argc] = texts[argc];
    }
    CU_ASSERT_FATAL(pipe(pipes) == 0);
    (void)fflush(stdout);
    child = fork();
    CU_ASSERT_FATAL(child >= 0);
    if (child == 0) {
        int said = open(outside_path("said"), O_RDWR | O_CREAT | O_TRUNC, 0600);

        if (said < 0 || dup2(said, 1) != 1 || dup2(said, 2) != 2 || chdir(outside_folder()) != 0)
            _exit(99);
        disk.how = how;
        disk.at = at;
        disk.is_armed = true;
        result = keyferry_main(argc, argv);
        disk.is_armed = false;
        (void)fflush(stdout);
        told[0] = disk.count;
        told[1] = disk.was_removal;
        told[2] = disk.was_read;
        _exit(write(pipes[1], told, sizeof(told)) == (ssize_t)sizeof(told) ? result : 99);
    }
    CU_ASSERT(read(pipes[0], told, sizeof(told)) == (ssize_t)sizeof(told));
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    CU_ASSERT_FATAL(waitpid(child, &result, 0) == child && WIFEXITED(result));
    *count = told[0];
    *what = (struct what){.was_removal = told[1] != 0, .was_read = told[2] != 0};
    return WEXITSTATUS(result);
}

static void check_failure(bool to_kms, unsigned at, int code, const struct what *what)
{
    struct kf_buf said = KF_PUBLIC_BUF;
    struct seen seen;
    bool is_clear;

    look(&seen);
    outside_read("said", &said);
    CU_ASSERT_FATAL(kf_buf_append(&said, "", 1, NULL) == KF_OK);
    is_clear = strstr((const char *)said.data, "Input/output error") != NULL ||
               strstr((const char *)said.data, "No space left on device") != NULL;
    CU_ASSERT((code == 1 || (code == 2 && what->was_read)) && is_clear);
    CU_ASSERT(seen.temporary == 0 || what->was_removal);
    CU_ASSERT(!seen.has_export || seen.has_signature);
    if (!is_clear || (code != 1 && !what->was_read) || (seen.temporary != 0 && !what->was_removal))
        (void)printf("\n    %s, operation %u: exit code %d, %u temporary files: %s\n",
                     to_kms ? "kms" : "pfx", at, code, seen.temporary, (const char *)said.data);
    kf_buf_reset(&said);
}

static void try_all(bool to_kms)
{
    struct seen whole;
    struct seen seen;
    unsigned count;
    unsigned seen_count;
    struct what what;

    CU_ASSERT_EQUAL_FATAL(convert(to_kms, SOUND, 0, &count, &what), 0);
    look(&whole);
    CU_ASSERT_EQUAL(whole.files, to_kms ? 2 : 3);
    CU_ASSERT(count > 8);
    for (unsigned at = 1; at <= count; at++) {
        int code = convert(to_kms, FAILS, at, &seen_count, &what);

        /* a folder that cannot be synced is no reason to fail: not every file system can */
        if (code != 0)
            check_failure(to_kms, at, code, &what);
        for (int how = HALF; how <= INTERRUPTED; how++) {
            CU_ASSERT_EQUAL(convert(to_kms, (enum how)how, at, &seen_count, &what), 0);
            look(&seen);
            CU_ASSERT(seen.files == whole.files && seen.bytes == whole.bytes);
            CU_ASSERT_EQUAL(seen.temporary, 0);
        }
    }
    (void)printf("%u operations ", count);
}

static void test_pfx(void)
{
    try_all(false);
}

static void test_kms(void)
{
    try_all(true);
}

static void make(void)
{
    struct archive archive;
    struct import_material material;
    struct kf_buf der = KF_PUBLIC_BUF;
    uint8_t sha1[KF_SHA1_SIZE];

    archive_begin(&archive);
    import_material_make(&archive, &material);
    outside_write_key("k", kms_key("signer"));
    outside_write_cert("c", kms_certificate("signer"));
    CU_ASSERT_FATAL(outside_run("cat k c > signer.key"));
    material_der(kms_certificate("signer"), &der);
    CU_ASSERT_FATAL(kf_digest(material_crypto()->sha1, kf_buf_slice(&der), sha1, NULL) == KF_OK);
    kf_hex(thumbprint, sha1, 4);
    kf_buf_reset(&der);
    import_material_reset(&material);
    archive_end(&archive);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"files", make},
        {"PFX files", test_pfx},
        {"a KMS export", test_kms},
        {NULL, NULL},
    };

    return suite_run("files that cannot be read or written", tests);
}

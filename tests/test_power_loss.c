/*
 * Imports on a disk that fails (tests/support/faulty_vfs.h): at every write, truncate, sync and
 * delete that a small import does, one after the other, the operation fails, is half done, finds no
 * room, or is the last before the power goes. What is on the disk then passes SQLite's own check
 * and the proof of the audit trail, and a run that is resumed there ends as one that nothing
 * happened to.
 *
 * Each of the many places is tried with one of the faults in turn; KEYFERRY_FULL=1 tries all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/files.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/import_run.h"
#include "tests/support/suite.h"

static struct archive archive; /* empty; its store is the one that is copied */
static struct import_material material;
static char path[320];

static void remove_store(void)
{
    char name[330];

    (void)unlink(path);
    (void)snprintf(name, sizeof(name), "%s-wal", path);
    (void)unlink(name);
    (void)snprintf(name, sizeof(name), "%s-shm", path);
    (void)unlink(name);
}

/* A new store, as init leaves it. */
static void copy_store(void)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;
    FILE *file;

    remove_store();
    CU_ASSERT_FATAL(kf_file_read(archive.path, 16u << 20, &bytes, NULL) == KF_OK);
    file = fopen(path, "wb"); /* not kf_file_write, which waits for the disk */
    CU_ASSERT_FATAL(file != NULL && fwrite(bytes.data, 1, bytes.len, file) == bytes.len &&
                    fclose(file) == 0);
    kf_buf_reset(&bytes);
}

static void begin(void)
{
    if (path[0] != '\0')
        return;
    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    import_material_make(&archive, &material);
    kf_store_close(archive.store);
    archive.store = NULL;
    (void)snprintf(path, sizeof(path), "%s/copy.db", archive.folder);
}

/* An import where the n-th operation has this fault; the count of operations. */
static unsigned import_with(enum import_mix mix, enum disk_fault fault, unsigned at,
                            struct import_run *run)
{
    bool happened = false;
    unsigned count;

    copy_store();
    *run = (struct import_run){
        .material = &material, .mix = mix, .commit_every = 2, .jobs = at % 2 == 0 ? 1 : 2};
    faulty_disk_begin(fault, at, at * 7u + (unsigned)fault);
    import_run(path, run);
    count = faulty_disk_end(&happened);
    CU_ASSERT(happened == (fault != DISK_SOUND) || fault == DISK_FULL); /* nothing to write then */
    return count;
}

static void go_on(enum import_mix mix, const char *expected, const char *what)
{
    struct import_run again = {
        .material = &material, .mix = mix, .resume = true, .commit_every = 2, .jobs = 1};
    bool happened;
    char *dump;

    faulty_disk_begin(DISK_SOUND, 0, 0); /* which does not wait for the real one */
    import_run(path, &again);
    (void)faulty_disk_end(&happened);
    CU_ASSERT_EQUAL(again.status, KF_OK);
    CU_ASSERT(import_is_sound(path));
    dump = import_dump(path);
    CU_ASSERT_STRING_EQUAL(dump, expected);
    if (again.status != KF_OK || strcmp(dump, expected) != 0)
        (void)printf("\n    after %s: %s\n%s\n", what, again.error.text, dump);
    free(dump);
}

static void try_fault(enum import_mix mix, enum disk_fault fault, unsigned at, const char *expected)
{
    static const char *const names[DISK_FAULTS] = {
        "nothing", "EIO", "a torn write", "a full disk", "power loss", "power loss in the middle"};
    struct import_run run;
    char what[80];
    bool ended;
    char *dump;

    (void)snprintf(what, sizeof(what), "%s at operation %u of mix %d", names[fault], at, (int)mix);
    (void)import_with(mix, fault, at, &run);
    CU_ASSERT(run.status == KF_OK ||
              (run.status == KF_FATAL && run.error.cause == KF_CAUSE_SYSTEM));
    if (run.status != KF_OK && run.error.cause != KF_CAUSE_SYSTEM)
        (void)printf("\n    %s: %s\n", what, run.error.text);
    CU_ASSERT(import_is_sound(path));
    dump = import_dump(path);
    ended = strcmp(dump, expected) == 0;
    free(dump);
    CU_ASSERT(run.status != KF_OK || ended); /* what was said to be done survives */
    if (!ended)
        go_on(mix, expected, what);
}

/* All that ever happens on the disk, in both counts of threads. */
static void try_mix(enum import_mix mix)
{
    const bool all = getenv("KEYFERRY_FULL") != NULL;
    struct import_run run;
    char *expected;
    unsigned count;

    begin();
    count = import_with(mix, DISK_SOUND, 0, &run);
    CU_ASSERT_EQUAL_FATAL(run.status, KF_OK);
    CU_ASSERT(count > 40);
    expected = import_dump(path);
    CU_ASSERT(import_is_sound(path));
    for (unsigned at = 1; at <= count; at++) {
        for (unsigned fault = DISK_EIO; fault < DISK_FAULTS; fault++) {
            if (all || (at + fault) % (DISK_FAULTS - 1) == 0)
                try_fault(mix, (enum disk_fault)fault, at, expected);
        }
    }
    free(expected);
    (void)printf("%u places ", count);
}

static void test_kms(void)
{
    try_mix(IMPORT_KMS);
}

static void test_pfx(void)
{
    try_mix(IMPORT_PFX);
}

static void test_both(void)
{
    try_mix(IMPORT_BOTH);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"a KMS export", test_kms},
        {"PFX files", test_pfx},
        {"both", test_both},
        {NULL, NULL},
    };
    int code = suite_run("imports on a disk that fails", tests);

    if (path[0] != '\0') {
        remove_store();
        import_material_reset(&material);
        archive_end(&archive);
    }
    return code;
}

/*
 * Bounded input and files with keys.
 */
#include "core/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "core/input.h"
#include "tests/support/suite.h"

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int entries_in_folder(void)
{
    char command[128];
    char line[32] = "";
    FILE *pipe;

    (void)snprintf(command, sizeof(command), "ls -A %s | wc -l", folder);
    pipe = popen(command, "r"); // NOLINT(cert-env33-c): the folder is this test's own
    CU_ASSERT_FATAL(pipe != NULL && fgets(line, sizeof(line), pipe) != NULL);
    (void)pclose(pipe);
    return (int)strtol(line, NULL, 10);
}

static void test_a_file_is_private_and_never_overwritten(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_buf back = KF_PUBLIC_BUF;
    struct stat facts;
    mode_t mask = umask(0);

    CU_ASSERT_EQUAL(kf_file_write(in_folder("a"), kf_slice_of("one"), false, &error), KF_OK);
    (void)umask(mask);
    CU_ASSERT_EQUAL(stat(in_folder("a"), &facts), 0);
    CU_ASSERT_EQUAL(facts.st_mode & 07777, 0600);
    CU_ASSERT_EQUAL(kf_file_write(in_folder("a"), kf_slice_of("two"), false, &error), KF_SKIP);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "exists already"));
    CU_ASSERT_EQUAL(kf_file_read(in_folder("a"), 100, &back, NULL), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&back), kf_slice_of("one")));
    CU_ASSERT_EQUAL(kf_file_write(in_folder("a"), kf_slice_of("three"), true, NULL), KF_OK);
    kf_buf_clear(&back);
    CU_ASSERT_EQUAL(kf_file_read(in_folder("a"), 100, &back, NULL), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&back), kf_slice_of("three")));
    kf_buf_reset(&back);
    (void)unlink(in_folder("a"));
}

static void test_a_discarded_file_leaves_nothing(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_file *file = NULL;

    CU_ASSERT_EQUAL_FATAL(kf_file_begin(&file, in_folder("b"), false, &error), KF_OK);
    CU_ASSERT_EQUAL(kf_file_append(file, kf_slice_of("secret"), &error), KF_OK);
    CU_ASSERT_EQUAL(access(in_folder("b"), F_OK), -1);
    CU_ASSERT_EQUAL(entries_in_folder(), 1);
    kf_file_discard(file);
    CU_ASSERT_EQUAL(entries_in_folder(), 0);
}

static void test_bytes_can_be_written_over(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_buf back = KF_PUBLIC_BUF;
    struct kf_file *file = NULL;

    CU_ASSERT_EQUAL_FATAL(kf_file_begin(&file, in_folder("d"), false, &error), KF_OK);
    CU_ASSERT_EQUAL(kf_file_append(file, kf_slice_of("count=    ;"), &error), KF_OK);
    CU_ASSERT_EQUAL(kf_file_patch(file, 6, kf_slice_of("42"), &error), KF_OK);
    CU_ASSERT_EQUAL(kf_file_append(file, kf_slice_of("end"), &error), KF_OK);
    CU_ASSERT_EQUAL(kf_file_commit(file, &error), KF_OK);
    CU_ASSERT_EQUAL(kf_file_read(in_folder("d"), 100, &back, NULL), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&back), kf_slice_of("count=42  ;end")));
    kf_buf_reset(&back);
    (void)unlink(in_folder("d"));
}

/* made by somebody else between begin and commit: still not overwritten */
static void test_a_race_for_the_name_is_lost_politely(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_file *file = NULL;

    CU_ASSERT_EQUAL_FATAL(kf_file_begin(&file, in_folder("c"), false, &error), KF_OK);
    CU_ASSERT_EQUAL(kf_file_write(in_folder("c"), kf_slice_of("theirs"), false, &error), KF_OK);
    CU_ASSERT_EQUAL(kf_file_commit(file, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SYSTEM);
    CU_ASSERT_EQUAL(entries_in_folder(), 1);
    (void)unlink(in_folder("c"));
}

static void test_a_missing_folder_is_a_clear_error(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_file_write(in_folder("no/such"), kf_slice_of("x"), false, &error), KF_SKIP);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "No such file or directory"));
}

static void test_input_refuses_what_is_no_file(void)
{
    struct kf_input *input = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_input_open(&input, folder, &error), KF_SKIP);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "is a folder"));
    error.cause = KF_CAUSE_NONE;
    CU_ASSERT_EQUAL(kf_input_open(&input, in_folder("none"), &error), KF_SKIP);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "No such file"));
    error.cause = KF_CAUSE_NONE;
    CU_ASSERT_EQUAL(kf_input_open(&input, "/dev/zero", &error), KF_SKIP);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "is not a file"));
    CU_ASSERT_PTR_NULL(input);
}

/* A source that gives at most step bytes a read. */
struct steps {
    struct kf_slice left;
    size_t step;
};

static enum kf_status read_steps(void *context, uint8_t *out, size_t size, size_t *got,
                                 struct kf_error *error)
{
    struct steps *steps = context;
    size_t count = steps->step < size ? steps->step : size;

    (void)error;
    if (count > steps->left.len)
        count = steps->left.len;
    if (count != 0)
        memcpy(out, steps->left.data, count);
    steps->left.data += count;
    steps->left.len -= count;
    *got = count;
    return KF_OK;
}

static void test_peek_and_read_with_every_step(void)
{
    static uint8_t bytes[200000];
    static const size_t sizes[] = {1, 7, 4096, 100000};

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    for (size_t s = 0; s < 4; s++) {
        struct steps steps = {{bytes, sizeof(bytes)}, sizes[s]};
        struct kf_input *input = NULL;
        struct kf_slice ahead;
        struct kf_buf rest = KF_PUBLIC_BUF;
        struct kf_input_facts facts;
        uint8_t sha256[KF_INPUT_DIGEST_SIZE];
        uint8_t three[3];
        size_t got = 0;

        CU_ASSERT_EQUAL_FATAL(kf_input_from_source(&input, "steps", read_steps, &steps, NULL),
                              KF_OK);
        CU_ASSERT_EQUAL(kf_input_hash(input, EVP_sha256(), NULL), KF_OK);
        CU_ASSERT_EQUAL(kf_input_peek(input, 100000, &ahead, NULL), KF_OK);
        CU_ASSERT(ahead.len >= 100000 && memcmp(ahead.data, bytes, 100000) == 0);
        CU_ASSERT_EQUAL(kf_input_offset(input), 0);
        CU_ASSERT_EQUAL(kf_input_read(input, three, 3, &got, NULL), KF_OK);
        CU_ASSERT(got == 3 && memcmp(three, bytes, 3) == 0);
        CU_ASSERT_EQUAL(kf_input_read_all(input, &rest, sizeof(bytes), NULL), KF_OK);
        CU_ASSERT_EQUAL(rest.len, sizeof(bytes) - 3);
        CU_ASSERT(memcmp(rest.data, bytes + 3, rest.len) == 0);
        CU_ASSERT_EQUAL(kf_input_peek(input, 1, &ahead, NULL), KF_OK);
        CU_ASSERT_EQUAL(ahead.len, 0);
        kf_input_facts(input, &facts);
        CU_ASSERT(facts.is_once && facts.has_size && facts.has_digest);
        CU_ASSERT_EQUAL(facts.size, sizeof(bytes));
        CU_ASSERT_EQUAL(EVP_Digest(bytes, sizeof(bytes), sha256, NULL, EVP_sha256(), NULL), 1);
        CU_ASSERT(memcmp(facts.sha256, sha256, sizeof(sha256)) == 0);
        CU_ASSERT_EQUAL(kf_input_rewind(input, NULL), KF_SKIP);
        kf_buf_reset(&rest);
        kf_input_close(input);
    }
}

static void test_read_all_keeps_its_limit(void)
{
    struct kf_input *input = NULL;
    struct kf_buf out = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL_FATAL(kf_input_from_memory(&input, "m", kf_slice_of("12345"), NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_input_read_all(input, &out, 4, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_LIMIT);
    CU_ASSERT_EQUAL(kf_input_rewind(input, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_input_read_all(input, &out, 5, NULL), KF_OK);
    CU_ASSERT_EQUAL(out.len, 5);
    kf_buf_reset(&out);
    kf_input_close(input);
}

static void test_a_file_can_be_read_twice(void)
{
    struct kf_input *input = NULL;
    struct kf_buf out = KF_PUBLIC_BUF;
    uint64_t size = 0;

    CU_ASSERT_EQUAL(kf_file_write(in_folder("d"), kf_slice_of("twice"), false, NULL), KF_OK);
    CU_ASSERT_EQUAL_FATAL(kf_input_open(&input, in_folder("d"), NULL), KF_OK);
    CU_ASSERT(kf_input_size(input, &size) && size == 5);
    CU_ASSERT_EQUAL(kf_input_read_all(input, &out, 5, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_input_rewind(input, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_input_read_all(input, &out, 5, NULL), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), kf_slice_of("twicetwice")));
    kf_buf_reset(&out);
    kf_input_close(input);
    (void)unlink(in_folder("d"));
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"a file is private and never overwritten", test_a_file_is_private_and_never_overwritten},
        {"a discarded file leaves nothing", test_a_discarded_file_leaves_nothing},
        {"bytes can be written over", test_bytes_can_be_written_over},
        {"a race for the name is lost politely", test_a_race_for_the_name_is_lost_politely},
        {"a missing folder is a clear error", test_a_missing_folder_is_a_clear_error},
        {"input refuses what is no file", test_input_refuses_what_is_no_file},
        {"peek and read with every step", test_peek_and_read_with_every_step},
        {"read all keeps its limit", test_read_all_keeps_its_limit},
        {"a file can be read twice", test_a_file_can_be_read_twice},
        {NULL, NULL},
    };
    const char *tmp = getenv("TMPDIR");
    int code;

    (void)snprintf(folder, sizeof(folder), "%s/keyferry-files-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(folder) == NULL)
        return EXIT_FAILURE;
    code = suite_run("files", tests);
    (void)rmdir(folder);
    return code;
}

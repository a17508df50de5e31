/*
 * The set that finds the UUID that comes twice.
 */
#include "core/uuidset.h"

#include <stdio.h>

#include "tests/support/suite.h"

static const uint64_t seed[2] = {0x0123456789abcdefu, 0xfedcba9876543210u};

/* UUIDs that differ in a few bits only, as those that a server counts up do */
static void name(unsigned number, char out[KF_UUID_SIZE])
{
    (void)snprintf(out, KF_UUID_SIZE, "%08x-9dad-11d1-80b4-00c04fd430c8", number);
}

static void test_each_is_added_once(void)
{
    struct kf_uuid_set *set = NULL;
    char uuid[KF_UUID_SIZE];
    bool added = false;
    unsigned count = 50000;

    CU_ASSERT_FATAL(kf_uuid_set_new(&set, seed, NULL) == KF_OK);
    for (unsigned round = 0; round < 2; round++) {
        unsigned right = 0;

        for (unsigned i = 0; i < count; i++) {
            name(i * 7, uuid);
            CU_ASSERT_FATAL(kf_uuid_set_add(set, uuid, &added, NULL) == KF_OK);
            right += added == (round == 0);
        }
        CU_ASSERT_EQUAL(right, count);
    }
    name(1, uuid);
    CU_ASSERT(kf_uuid_set_add(set, uuid, &added, NULL) == KF_OK && added);
    kf_uuid_set_free(set);
}

static void test_the_last_digit_counts(void)
{
    struct kf_uuid_set *set = NULL;
    bool added = false;

    CU_ASSERT_FATAL(kf_uuid_set_new(&set, seed, NULL) == KF_OK);
    CU_ASSERT(kf_uuid_set_add(set, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", &added, NULL) == KF_OK);
    CU_ASSERT_TRUE(added);
    CU_ASSERT(kf_uuid_set_add(set, "6ba7b810-9dad-11d1-80b4-00c04fd430c9", &added, NULL) == KF_OK);
    CU_ASSERT_TRUE(added);
    CU_ASSERT(kf_uuid_set_add(set, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", &added, NULL) == KF_OK);
    CU_ASSERT_FALSE(added);
    kf_uuid_set_free(set);
}

static void test_what_is_no_uuid_is_refused(void)
{
    struct kf_uuid_set *set = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    bool added = true;

    CU_ASSERT_FATAL(kf_uuid_set_new(&set, seed, NULL) == KF_OK);
    CU_ASSERT_EQUAL(kf_uuid_set_add(set, "6ba7b810-9dad-11d1-80b4-00c04fd430cg", &added, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_INTERNAL);
    CU_ASSERT_FALSE(added);
    kf_uuid_set_free(set);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"each is added once", test_each_is_added_once},
        {"the last digit counts", test_the_last_digit_counts},
        {"what is no UUID is refused", test_what_is_no_uuid_is_refused},
        {NULL, NULL},
    };

    return suite_run("uuidset", tests);
}

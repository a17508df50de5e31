/*
 * The list of secrets: who owns what, and the order of attempts.
 */
#include "crypto/secrets.h"

#include <string.h>

#include "tests/support/material.h"
#include "tests/support/suite.h"

static void add(struct kf_secrets *secrets, const char *text, bool is_null)
{
    struct kf_buf bytes = KF_SECRET_BUF;

    CU_ASSERT_FATAL(kf_buf_append(&bytes, text, strlen(text), NULL) == KF_OK);
    CU_ASSERT_FATAL(kf_secrets_add_password(secrets, &bytes, is_null, "a password", NULL) == KF_OK);
    CU_ASSERT_PTR_NULL(bytes.data); /* moved */
}

static void test_passwords(void)
{
    struct kf_secrets *secrets = NULL;
    char label[100];
    struct kf_buf bytes = KF_SECRET_BUF;

    CU_ASSERT_FATAL(kf_secrets_new(&secrets, NULL) == KF_OK);
    CU_ASSERT_EQUAL(kf_secrets_password_count(secrets), 0);
    add(secrets, "first", false);
    add(secrets, "", true);
    memset(label, 'x', sizeof(label));
    label[99] = '\0';
    CU_ASSERT_EQUAL(kf_secrets_add_password(secrets, &bytes, false, label, NULL), KF_OK);
    label[0] = 'y'; /* it was copied */
    CU_ASSERT_EQUAL(kf_secrets_password_count(secrets), 3);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&kf_secrets_password(secrets, 0)->bytes),
                             kf_slice_of("first")));
    CU_ASSERT_FALSE(kf_secrets_password(secrets, 0)->bytes.is_public);
    CU_ASSERT_STRING_EQUAL(kf_secrets_password(secrets, 0)->label, "a password");
    CU_ASSERT(kf_secrets_password(secrets, 1)->is_null);
    CU_ASSERT_EQUAL(kf_secrets_password(secrets, 2)->bytes.len, 0);
    CU_ASSERT_EQUAL(strlen(kf_secrets_password(secrets, 2)->label), 99);
    CU_ASSERT_EQUAL(kf_secrets_password(secrets, 2)->label[0], 'x');
    kf_secrets_free(secrets);
    kf_secrets_free(NULL);
}

/* Every password comes exactly once, whichever worked last, and that one first. */
static void test_order(void)
{
    struct kf_secrets *secrets = NULL;

    CU_ASSERT_FATAL(kf_secrets_new(&secrets, NULL) == KF_OK);
    for (int i = 0; i < 4; i++)
        add(secrets, "p", false);
    for (size_t attempt = 0; attempt < 4; attempt++)
        CU_ASSERT_EQUAL(kf_secrets_try(kf_secrets_last(secrets), attempt), attempt);
    for (size_t worked = 0; worked < 4; worked++) {
        size_t expected = 0;

        kf_secrets_worked(secrets, worked);
        CU_ASSERT_EQUAL(kf_secrets_try(kf_secrets_last(secrets), 0), worked);
        for (size_t attempt = 1; attempt < 4; attempt++) {
            expected += expected == worked;
            CU_ASSERT_EQUAL(kf_secrets_try(kf_secrets_last(secrets), attempt), expected);
            expected++;
        }
    }
    kf_secrets_free(secrets);
}

/* A record is told the label, never the password. */
static void test_tell(void)
{
    struct kf_secrets *secrets = NULL;
    struct kf_record record;

    CU_ASSERT_FATAL(kf_secrets_new(&secrets, NULL) == KF_OK);
    add(secrets, "first", false);
    add(secrets, "second", false);
    kf_record_init(&record);
    CU_ASSERT_EQUAL(record.secret_index, -1);
    for (int again = 0; again < 2; again++)
        CU_ASSERT_EQUAL(kf_secrets_tell(secrets, 1, &record, NULL), KF_OK);
    kf_secrets_free(secrets); /* the label is the record's own */
    CU_ASSERT_EQUAL(record.secret_index, 1);
    CU_ASSERT_STRING_EQUAL(record.password, "a password");
    kf_record_reset(&record);
    CU_ASSERT_PTR_NULL(record.password);
}

static void test_identities(void)
{
    struct kf_secrets *secrets = NULL;

    CU_ASSERT_FATAL(kf_secrets_new(&secrets, NULL) == KF_OK);
    for (int i = 0; i < 2; i++) {
        struct kf_identity identity = {.key = material_key(i == 0 ? "ec:P-256" : "ed25519")};

        CU_ASSERT_FATAL(EVP_PKEY_up_ref(identity.key) == 1);
        identity.label = kf_strndup("a key", 5);
        CU_ASSERT_EQUAL(kf_secrets_add_identity(secrets, &identity, NULL), KF_OK);
        CU_ASSERT_PTR_NULL(identity.key); /* moved */
    }
    CU_ASSERT_EQUAL(kf_secrets_identity_count(secrets), 2);
    CU_ASSERT_PTR_EQUAL(kf_secrets_identity(secrets, 1)->key, material_key("ed25519"));
    CU_ASSERT_STRING_EQUAL(kf_secrets_identity(secrets, 0)->label, "a key");
    kf_secrets_free(secrets);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"passwords", test_passwords},
        {"the order of attempts", test_order},
        {"what a record is told", test_tell},
        {"identities", test_identities},
        {NULL, NULL},
    };

    return suite_run("secrets", tests);
}

/*
 * Runs a table of CUnit tests: see suite.h.
 */
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>

#include <CUnit/Basic.h>

#include "core/bytes.h"

#define EXIT_SKIPPED 77

int suite_run(const char *name, const struct suite_test *tests)
{
    CU_pSuite suite;
    unsigned failures;

    kf_secure_memory_init();
    if (CU_initialize_registry() != CUE_SUCCESS)
        return EXIT_FAILURE;
    suite = CU_add_suite(name, NULL, NULL);
    for (; suite != NULL && tests->name != NULL; tests++) {
        if (CU_add_test(suite, tests->name, tests->run) == NULL)
            suite = NULL;
    }
    if (suite == NULL) {
        (void)fprintf(stderr, "%s: %s\n", name, CU_get_error_msg());
        CU_cleanup_registry();
        return EXIT_FAILURE;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failures = CU_get_number_of_failures() + CU_get_number_of_tests_failed();
    if (CU_get_number_of_tests_run() == 0)
        failures++;
    CU_cleanup_registry();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void suite_skip(const char *why)
{
    (void)printf("skipped: %s\n", why);
    exit(EXIT_SKIPPED);
}

/*
 * One CUnit suite a program: a table of tests, run in order, with CUnit's own totals at the end.
 */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include <CUnit/CUnit.h>

struct suite_test {
    const char *name;
    void (*run)(void);
};

/* tests ends with {NULL, NULL}. Returns the exit code for main: 0 if every assertion held. */
int suite_run(const char *name, const struct suite_test *tests);

/* Ends the program as skipped (77), saying why: for what needs something that is not there. */
void suite_skip(const char *why);

#endif

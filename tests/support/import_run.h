/*
 * Imports of files into a store, as `keyferry import` does them, but with commits as small as a
 * test wants them: a KMS export of four keys and three PFX files, all of the archive's CA.
 */
#ifndef TESTS_SUPPORT_IMPORT_RUN_H
#define TESTS_SUPPORT_IMPORT_RUN_H

#include "core/pipeline.h"
#include "tests/support/archive_run.h"

enum import_mix { IMPORT_KMS, IMPORT_PFX, IMPORT_BOTH };

#define IMPORT_FILES 4u

struct import_material {
    const char *paths[IMPORT_FILES]; /* the export first */
    struct kf_secrets *secrets;      /* what opens them */
};
void import_material_make(const struct archive *archive, struct import_material *out);
void import_material_reset(struct import_material *material);

struct import_run {
    const struct import_material *material;
    enum import_mix mix;
    bool
        resume; /* the newest unfinished run of the same inputs, or a new one where there is none */
    size_t commit_every;
    unsigned jobs;

    enum kf_status status;
    struct kf_totals totals;
    struct kf_error error;

    size_t at, end; /* the inputs of the mix */
};

/* Opens the store, runs, and closes it. */
void import_run(const char *store, struct import_run *run);

/* Everything in a store but times and what is sealed anew each time, as text to be freed. */
char *import_dump(const char *store);

/* SQLite's own check, and the audit trail against the rows; what is wrong is printed. */
bool import_is_sound(const char *store);

#endif

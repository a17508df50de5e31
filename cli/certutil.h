/*
 * certutil's spellings, for batch files that were written for it:
 *
 *   -f -importKMS FILE                        import -f FILE
 *   -getkey TOKEN [FILE.rec]                  getkey TOKEN [-o FILE.rec]
 *   -recoverkey FILE.rec [FILE.pfx]           recoverkey FILE.rec [-o FILE.pfx]
 *   -setreg ca\KRAFlags +KRAF_ENABLEFOREIGN   setreg ca\KRAFlags +KRAF_ENABLEFOREIGN
 *   -getreg [ca\NAME]                         getreg [ca\NAME]
 *
 * Verbs are read without regard to case, "-f" may stand before the verb, and this program's own
 * options may follow it. The store takes "CA\" before the name of a setting by itself. certutil's
 * other options are not taken.
 */
#ifndef KF_CLI_CERTUTIL_H
#define KF_CLI_CERTUTIL_H

#include "core/error.h"

/* A command line; the strings are argv's or constants, the array is owned. */
struct kf_words {
    const char *command; /* NULL: there was no word at all */
    char **words;        /* what follows it */
    size_t count;
};
void kf_words_reset(struct kf_words *words);

/* Copies argv's words (without the program's name), rewritten where they begin with a verb of
 * certutil's. */
enum kf_status kf_certutil_rewrite(size_t count, char **argv, struct kf_words *out,
                                   struct kf_error *error) KF_MUST_USE;

#endif

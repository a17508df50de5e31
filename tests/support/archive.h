/*
 * A store in a folder of its own, with a CA and key recovery agents, and records to put into it.
 * Everything here ends the program where it cannot be done.
 */
#ifndef TESTS_SUPPORT_ARCHIVE_H
#define TESTS_SUPPORT_ARCHIVE_H

#include "store/rules.h"
#include "store/runs.h"
#include "tests/support/material.h"

struct archive {
    char folder[256];
    char path[300];
    X509 *ca; /* "Contoso CA", with the key "rsa:2048#ca" */
    struct kf_store *store;
    uint64_t run; /* of archive_place; begun when needed */
};

/* Makes the folder and the CA, and the store in it, which is open afterwards. */
void archive_begin(struct archive *archive);
/* Closes the store and removes the folder. */
void archive_end(struct archive *archive);

/* Closes and opens the store. */
void archive_reopen(struct archive *archive);

/* Adds the agent "KRA 1" with the key "rsa:2048#kra1" (2, 3 likewise); any number of them. */
void archive_add_agents(struct archive *archive, unsigned count);
X509 *archive_agent(unsigned number); /* 0 to 9, the same each time; freed by X509_free */

/* Sets a setting. */
void archive_set(struct archive *archive, const char *name, const char *value);

/* A certificate of what for what->key; issuer is the archive's CA unless what names one. */
void archive_issue(const struct archive *archive, const struct material_cert *what,
                   struct kf_buf *out);

/* Makes *record a pending one of a key and this certificate (DER). */
void archive_record(struct kf_record *record, const EVP_PKEY *key, struct kf_slice certificate);

/* A policy with these options; profile and time are the usual ones. */
struct kf_policy *archive_policy(struct archive *archive, bool foreign, bool overwrite);

/* Both parts of the rules: in a transaction of its own, in one run of the archive. */
void archive_place(struct archive *archive, struct kf_policy *policy, struct kf_record *record);

/* Runs SQL by a connection of its own; false where it is refused. */
bool archive_try(const struct archive *archive, const char *sql);
void archive_execute(const struct archive *archive, const char *sql); /* which must not be */

/* The first number that SQL gives, asked by a connection of its own. */
int64_t archive_number(const struct archive *archive, const char *sql);
/* The first text, to be freed. */
char *archive_text(const struct archive *archive, const char *sql);

#endif

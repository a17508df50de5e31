/*
 * Inside the PKCS #12 reader: which passwords are tried, in which encodings, in which order, and
 * how much work that may cost.
 *
 * The candidates are those of the run, the one that worked last first, and after them the empty
 * password, which many files have. Each is tried in the encodings of crypto/text.h:
 * first all candidates in the likely ones, then all in those of old mistakes. What opened one part
 * of a file is tried first on the next. Derived keys are kept, so that none is derived twice in a
 * row; each derivation is counted against the file's budget before it is done.
 */
#ifndef KF_READERS_PFX_PASSWORD_H
#define KF_READERS_PFX_PASSWORD_H

#include "core/reader.h"
#include "crypto/pbe.h"
#include "crypto/secrets.h"
#include "crypto/text.h"

/* A password and its encoding. */
struct pfx_match {
    bool found;
    uint32_t candidate; /* index in the run's secrets; their count: the empty one */
    enum kf_encoding encoding;
};

struct pfx_passwords;

/* file_size: bytes; the budget grows with it, see docs/formats/pfx.md. */
enum kf_status pfx_passwords_new(const struct kf_reader_options *options, size_t file_size,
                                 struct pfx_passwords **out, struct kf_error *error) KF_MUST_USE;
void pfx_passwords_free(struct pfx_passwords *passwords); /* wipes; NULL-safe */

/* Counts work against the budget. KF_SKIP with KF_CAUSE_LIMIT where it would be exceeded. */
enum kf_status pfx_charge(struct pfx_passwords *passwords, uint64_t iterations,
                          struct kf_error *error) KF_MUST_USE;

/* Whether a password fits; bytes is in the encoding of match. */
typedef enum kf_status pfx_attempt(void *context, const struct pfx_match *match,
                                   struct kf_slice bytes, bool *fits, struct kf_error *error);

/*
 * Tries passwords until one fits, and remembers which. KF_SKIP: none did (KF_CAUSE_SECRET), or the
 * first attempt was not possible at all.
 */
enum kf_status pfx_search(struct pfx_passwords *passwords, bool bmp, pfx_attempt *attempt,
                          void *context, struct pfx_match *match,
                          struct kf_error *error) KF_MUST_USE;

/* The key that a password gives, from memory or derived. */
enum kf_status pfx_derive(struct pfx_passwords *passwords, const struct kf_pbe *pbe,
                          const struct pfx_match *match, struct kf_slice bytes,
                          struct kf_pbe_key *key, struct kf_error *error) KF_MUST_USE;

/* "password 2 of list.txt, UTF-16"; "" where none matched. */
void pfx_match_text(const struct pfx_passwords *passwords, const struct pfx_match *match, char *out,
                    size_t size);

/* Notes in a record what opened its key, if anything did. KF_FATAL: memory. */
enum kf_status pfx_match_tell(const struct pfx_passwords *passwords, const struct pfx_match *match,
                              struct kf_record *record, struct kf_error *error) KF_MUST_USE;

/* How many passwords the run gave. */
size_t pfx_password_count(const struct pfx_passwords *passwords);

#endif

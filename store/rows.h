/*
 * The rows of the archive: one a certificate, most of them with an archived key, and how to find
 * them (docs/formats/archive.md).
 */
#ifndef KF_STORE_ROWS_H
#define KF_STORE_ROWS_H

#include "core/record.h"
#include "store/store.h"

enum kf_disposition {
    KF_DISPOSITION_FOREIGN = 12,
    KF_DISPOSITION_ISSUED = 20,
    KF_DISPOSITION_REVOKED = 21,
};
const char *kf_disposition_name(enum kf_disposition disposition); /* "foreign", "issued", ... */

/*
 * A row, by [MS-WCCE] 3.2.1.1.4's names where it has one. Strings are owned, UTF-8, and NULL where
 * there is no value; times are seconds since 1970, UTC. RawArchivedKey and RawCertificate are read
 * apart. Zero-initialize.
 */
struct kf_row {
    uint64_t request_id;
    enum kf_disposition disposition;
    int64_t submitted_when;
    int64_t resolved_when; /* when its key was archived, 0 for none */
    char *requester_name;
    char *caller_name;
    char *distinguished_name;
    char *common_name;
    char *email;
    char *upn;
    char *issuer_name;
    char *serial_number; /* lowercase hex */
    int64_t not_before;
    int64_t not_after;
    char *subject_key_identifier; /* lowercase hex */
    char *public_key_algorithm;
    unsigned public_key_length; /* bits */
    char certificate_hash[2 * KF_SHA1_SIZE + 1];
    char certificate_sha256[2 * KF_SHA256_SIZE + 1];
    bool has_key;               /* a key is archived; the next four are meaningless otherwise */
    char *key_recovery_hashes;  /* as in kf_record */
    enum kf_blob_type key_blob; /* what the archived key holds */
    bool key_mismatch;          /* archived by SAVEBADREQUESTKEY: not the certificate's key */
    enum kf_key_state key_state;
    char mailbox_guid[KF_UUID_SIZE]; /* "" where unknown */
    char *display_name;              /* the owner's, from the source */
    char *friendly_name;             /* of the key, from the source */
    uint64_t run;                    /* the run that archived it last */
    char *source;                    /* the input's name */
    uint64_t ordinal;                /* the record in that input, from 1 */
};
void kf_row_reset(struct kf_row *row); /* NULL-safe */

/* How many rows there are. */
enum kf_status kf_rows_count(struct kf_store *store, uint64_t *count,
                             struct kf_error *error) KF_MUST_USE;

/*
 * Goes through rows by rising RequestID, in constant memory. One cursor at a time for a store; it
 * lives until it is closed, which has to be before a transaction is begun.
 */
struct kf_row_cursor;

/*
 * All rows, a page at a time by the primary key, with nothing held in between: whoever reads a list
 * slowly keeps nobody from writing. A row that comes meanwhile may be among them.
 */
enum kf_status kf_rows_all(struct kf_store *store, struct kf_row_cursor **out,
                           struct kf_error *error) KF_MUST_USE;

/*
 * The rows that TOKEN finds, by index: equal to the common name, the UPN, the requester name, the
 * e-mail address, or the mailbox GUID (with or without braces), all without case; DOMAIN\user, to
 * the requester name or to the UPN user@DOMAIN.anything; the serial number, the SHA-1, the SHA-256,
 * or the subject key identifier, in hex, where spaces, colons, leading zeros and 0x do not count.
 */
enum kf_status kf_rows_find(struct kf_store *store, const char *token, struct kf_row_cursor **out,
                            struct kf_error *error) KF_MUST_USE;

/* The next row replaces what *row holds. KF_END: no more, *row is empty. */
enum kf_status kf_rows_next(struct kf_row_cursor *cursor, struct kf_row *row,
                            struct kf_error *error) KF_MUST_USE;
void kf_rows_close(struct kf_row_cursor *cursor); /* NULL-safe */

/* One row by RequestID. KF_SKIP with KF_CAUSE_USAGE: no such row. */
enum kf_status kf_rows_get(struct kf_store *store, uint64_t request_id, struct kf_row *row,
                           struct kf_error *error) KF_MUST_USE;

/* RawArchivedKey, put into out (public). KF_SKIP with KF_CAUSE_DATA: no key is archived in it. */
enum kf_status kf_row_sealed(struct kf_store *store, uint64_t request_id, struct kf_buf *out,
                             struct kf_error *error) KF_MUST_USE;

/* RawCertificate, put into out (public). */
enum kf_status kf_row_certificate(struct kf_store *store, uint64_t request_id, struct kf_buf *out,
                                  struct kf_error *error) KF_MUST_USE;

/* The other certificates that lead from it upwards, nearest first: those that came with the key,
 * and the CA's own and its chain where the CA issued it. Added to out. */
enum kf_status kf_row_chain(struct kf_store *store, uint64_t request_id, struct kf_der_list *out,
                            struct kf_error *error) KF_MUST_USE;

/* Notes in the audit trail that the archived key of a row was handed out, sealed (getkey). to says
 * where: a file's name, and whether it was signed. */
enum kf_status kf_row_note_fetch(struct kf_store *store, uint64_t request_id, const char *to,
                                 struct kf_error *error) KF_MUST_USE;

#endif

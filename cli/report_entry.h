/*
 * What a report tells of one key: the same facts, whether they come from the record as it leaves
 * the pipeline or from the store that keeps what became of it.
 */
#ifndef KF_CLI_REPORT_ENTRY_H
#define KF_CLI_REPORT_ENTRY_H

#include "store/rows.h"
#include "store/runs.h"

/* Why a key is weak. */
enum {
    KF_WEAK_SHORT = 1 << 0,     /* RSA, DSA or DH of less than 2048 bits */
    KF_WEAK_SIGNATURE = 1 << 1, /* the certificate is signed with SHA-1, MD5 or older */
    KF_WEAK_ROCA = 1 << 2,      /* the modulus has the fingerprint of CVE-2017-15361 */
};
#define KF_WEAK_KINDS 3

/* "short", "signature", "roca": what JSON and CSV call them. */
const char *kf_weak_name(unsigned bit);

/* "RSA 2048", but "EC P-256" says it all; algorithm may be NULL. Cut at size bytes. */
void kf_key_kind(const char *algorithm, unsigned bits, char *out, size_t size);

/* All pointers are borrowed; NULL, 0 and "" where there is nothing to tell. */
struct kf_report_entry {
    const char *input;
    const struct kf_input_facts *input_facts; /* as the run read it; NULL: no store knows */
    uint64_t ordinal;
    const char *place;
    uint64_t line;

    enum kf_outcome outcome;
    bool replaced;
    uint64_t request_id;
    enum kf_cause cause;
    uint32_t code;
    const char *rule;
    const char *message;
    const char *password; /* which one opened it, as struct kf_record has them */
    const char *password_encoding;

    const char *name;
    const char *email;
    enum kf_key_state state;
    bool foreign;
    const char *key_recovery_hashes; /* of a key that is in the archive now */

    bool has_certificate; /* what follows means something */
    char sha1[2 * KF_SHA1_SIZE + 1];
    char sha256[2 * KF_SHA256_SIZE + 1];
    const char *issuer;
    const char *serial_number;
    int64_t not_after;
    const char *key_algorithm;
    unsigned key_bits;
    const char *signature_algorithm;
    unsigned weak; /* KF_WEAK_* */
};

/* Of a record that has its outcome; borrows from it. */
void kf_report_entry_of_record(struct kf_report_entry *out, const char *input,
                               const struct kf_record *record);

/* What kf_report_entry_of_store borrows from. Zero-initialize; one for many entries. */
struct kf_report_memory {
    struct kf_run_entry entry; /* the one that is told; filled by the caller */
    struct kf_row row;
    struct kf_buf certificate;
    struct kf_cert_facts facts;
};
void kf_report_memory_reset(struct kf_report_memory *memory); /* NULL-safe */

/*
 * Of memory->entry, with its row and certificate from the store where it has a row; borrows from
 * memory. KF_FATAL: the store cannot be read.
 */
enum kf_status kf_report_entry_of_store(struct kf_report_entry *out, struct kf_store *store,
                                        struct kf_report_memory *memory,
                                        struct kf_error *error) KF_MUST_USE;

#endif

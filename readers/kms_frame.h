/*
 * The framer of a KMS export: bytes in, users out, with everything checked that the format says
 * about the document as a whole. It decrypts nothing and decodes no base64 of a user.
 *
 * Bytes are fed in pieces of any size. Users are taken in order as they become whole; an error
 * further on is kept until all users before it are taken.
 */
#ifndef KF_READERS_KMS_FRAME_H
#define KF_READERS_KMS_FRAME_H

#include "core/reader.h"
#include "core/uuidset.h"
#include "crypto/lockbox.h"
#include "readers/kms_grammar.h"

#define KF_KMS_BULK_COUNT (KF_BULK_3DES_CBC + 1)

/* A part of a user's text. */
struct kf_kms_span {
    size_t at;
    size_t len;
};

struct kf_kms_certificate {
    struct kf_kms_span id;
    struct kf_kms_span der; /* base64 */
    bool is_signing;
    bool has_key;
};

struct kf_kms_key {
    size_t certificate; /* index */
    enum kf_key_state state;
    bool is_bulk_known;
    enum kf_bulk bulk;
    struct kf_kms_span method; /* the cipher's URI, where it is not known */
    struct kf_kms_span sealed; /* base64 */
    uint64_t line;
};

/* An item of the reader. */
struct kf_kms_user {
    struct kf_item item;
    struct kf_kms_user *next; /* in the framer's queue */
    char guid[KF_UUID_SIZE];
    struct kf_buf text; /* public: what is secret in it is encrypted */
    struct kf_kms_span display_name;
    struct kf_kms_span distinguished_name;
    struct kf_kms_span mail;
    struct kf_kms_certificate *certificates;
    size_t certificate_count;
    size_t certificate_capacity;
    struct kf_kms_key *keys;
    size_t key_count;
    size_t key_capacity;
};

struct kf_slice kf_kms_text(const struct kf_kms_user *user, struct kf_kms_span span);
void kf_kms_user_free(struct kf_kms_user *user); /* NULL-safe */

#define KF_KMS_URI 128 /* longer than any that is known */

struct kf_kms_lock_box {
    char method[KF_KMS_URI]; /* the transport's URI, for people */
    bool is_known;           /* the transport is one that is read */
    enum kf_transport transport;
    char digest[KF_KMS_URI]; /* empty where absent */
    char mgf[KF_KMS_URI];
    struct kf_buf issuer; /* public; text as the document has it */
    struct kf_buf serial; /* public; decimal digits */
    struct kf_buf wrapped;
    uint64_t line;
    bool is_opened; /* by one of the identities given */
};

struct kf_kms_header {
    char export_id[KF_UUID_SIZE];
    char created[sizeof("2003-11-02T10:00:00Z")];
    char organization[KF_MAX_NAME + 1];
    char administrative_group[KF_MAX_NAME + 1];
    uint64_t users;
};

/* What came so far. */
struct kf_kms_counts {
    uint64_t users;
    uint64_t certificates;
    uint64_t keys;
    uint64_t encryption_without_key;
    uint64_t signing_without_key;
    uint64_t by_bulk[KF_KMS_BULK_COUNT];
    uint64_t other_bulk;
};

struct kf_kms_parser;

struct kf_kms_frame {
    struct kf_kms_parser *parser;
    struct kf_kms_header header;
    struct kf_kms_lock_box *boxes;
    size_t box_count;
    bool is_past_boxes; /* all lock boxes are known: something came after them */
    bool is_complete;   /* the root element is closed */
    struct kf_kms_counts counts;
    enum kf_status status; /* KF_FATAL from the first error on */
    struct kf_error error;
    struct kf_kms_user *first; /* whole users, not taken yet */
    struct kf_kms_user **last;
    size_t waiting;
};

/* seed: for kf_uuid_set_new. KF_FATAL: memory. */
enum kf_status kf_kms_frame_new(struct kf_kms_frame **out, const uint64_t seed[2],
                                struct kf_error *error) KF_MUST_USE;
void kf_kms_frame_free(struct kf_kms_frame *frame); /* NULL-safe; with the users not taken */

/* More bytes, at most 1 MiB at a time; is_end: these (there may be none) were the last. What is
 * wrong with them stands in frame->status and frame->error. */
void kf_kms_frame_feed(struct kf_kms_frame *frame, struct kf_slice bytes, bool is_end);

/* The next user, the caller's from now on; NULL where none is whole yet. */
struct kf_kms_user *kf_kms_frame_take(struct kf_kms_frame *frame);

#endif

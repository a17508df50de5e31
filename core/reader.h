/*
 * What a reader is: one input format, told as a table of functions.
 *
 *   bid     looks at the first bytes and says how sure it is; it never consumes
 *   open    takes the input and checks what must hold before the first entry is used
 *   next    frames one item: sequential and cheap, by one thread
 *   decode  decrypts, parses, matches keys to certificates: heavy, and free of side effects on the
 *           reader, so that several threads decode different items of one reader at the same time
 *
 * An item that cannot be decoded is not an error of decode: it becomes a record with the outcome
 * KF_FAILED and the reason, so that it is accounted for. KF_FATAL is for what ends the whole input:
 * truncation, a broken signature, a key that opens none of it.
 */
#ifndef KF_CORE_READER_H
#define KF_CORE_READER_H

#include "core/input.h"
#include "core/limits.h"
#include "core/outline.h"
#include "core/record.h"

struct kf_crypto;  /* crypto/crypto.h */
struct kf_secrets; /* crypto/secrets.h */
struct kf_reader_ops;

/* What the caller lets a reader use; all pointers are borrowed until the reader is closed. */
struct kf_reader_options {
    const struct kf_crypto *crypto;
    struct kf_secrets *secrets;
    struct kf_limits limits;
    bool allow_unsigned;            /* read an export that has no signature */
    bool require_mac;               /* refuse a PFX without integrity protection */
    const struct kf_slice *trusted; /* certificates, DER, that may sign an export as well */
    size_t trusted_count;
    const char *signature_path; /* the detached signature, or NULL: beside the input */
    const char *epf_dialect;    /* "sha1/cast5-128" (crypto/epf.h), or NULL: find out */
};

/*
 * What is to be told of an input beside its keys, where it was read to its end: what is missing
 * from it, and what it holds that becomes no record.
 */
#define KF_REMARKS_MOST 6
struct kf_remark {
    const char *rule; /* static, "RFC 7292 4"; NULL for none */
    char text[160];   /* "has no MAC": as an error has it */
};
struct kf_remarks {
    struct kf_remark items[KF_REMARKS_MOST];
    size_t count;
    uint64_t certificates; /* whose key is not in the input, and that lead from none that is */
};

/* The base of every reader: its first member. */
struct kf_reader {
    const struct kf_reader_ops *ops;
    struct kf_input *input; /* the reader owns it from a successful open on */
    bool is_unsigned;       /* read without a signature where the format asks for one, as the
                               caller allowed: reports and the audit trail have to say so */
};

/* The base of every item: its first member. Made by next, owned by the caller, freed by free_item.
 */
struct kf_item {
    uint64_t ordinal; /* from 1; given by next */
    uint64_t line;    /* or 0 */
    uint64_t cost;    /* bytes of memory that it holds, for bounded queues */
};

#define KF_BID_NONE    0
#define KF_BID_MAYBE   20 /* nothing speaks against it */
#define KF_BID_LIKELY  60 /* the structure fits */
#define KF_BID_CERTAIN 100

#define KF_BID_PREFIX 4096 /* bytes that bid is shown, fewer only if the input is shorter */

struct kf_reader_ops {
    const char *name;    /* "kms": what --format takes */
    const char *summary; /* one line for `keyferry formats` */
    bool takes_password; /* its keys open with a password: whoever has a terminal can be asked */
    bool needs_identity; /* its keys open with a recipient's key and nothing else. open does without
                            one, so that inspect works: then every key is a failed record. Who wants
                            the keys asks for an identity first */

    int (*bid)(struct kf_slice prefix);

    /* On KF_OK the reader owns input; otherwise the caller still does. KF_SKIP: this input is not
     * used. */
    enum kf_status (*open)(struct kf_reader **out, struct kf_input *input,
                           const struct kf_reader_options *options, struct kf_error *error);

    /* KF_OK: *item is the next one. KF_END: an orderly end. KF_FATAL: the input cannot be read on.
     */
    enum kf_status (*next)(struct kf_reader *reader, struct kf_item **item, struct kf_error *error);

    /*
     * Fills the empty batch with the next records of this item; a large item comes in several
     * batches, so that memory stays bounded. KF_OK: call again. KF_END: these were the last (there
     * may be none). Called by one thread at a time for one item.
     */
    enum kf_status (*decode)(const struct kf_reader *reader, struct kf_item *item,
                             struct kf_batch *batch, struct kf_error *error);

    void (*free_item)(struct kf_item *item); /* NULL-safe */

    /*
     * Tells what the input is and holds beyond its keys (signature, lock boxes, MAC, algorithms).
     * Called once, after the last item was decoded, or before the first where before is true.
     */
    enum kf_status (*describe)(struct kf_reader *reader, bool before, struct kf_outline *outline,
                               struct kf_error *error);

    /* Fills the empty remarks, after the last item was decoded. NULL: there is never one. */
    void (*remark)(const struct kf_reader *reader, struct kf_remarks *out);

    void (*close)(struct kf_reader *reader); /* closes its input; NULL-safe */
};

#endif

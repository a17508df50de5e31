/*
 * A PEM or DER file taken apart into blocks (RFC 7468, and RFC 1421's headers as OpenSSL wrote
 * them).
 */
#ifndef KF_READERS_PEM_BLOCKS_H
#define KF_READERS_PEM_BLOCKS_H

#include "core/reader.h"
#include "crypto/crypto.h"

enum kf_pem_kind {
    KF_PEM_CERTIFICATE,
    KF_PEM_PKCS8,
    KF_PEM_ENCRYPTED, /* EncryptedPrivateKeyInfo */
    KF_PEM_PKCS1,
    KF_PEM_SEC1,
    KF_PEM_DSA,
    KF_PEM_OTHER_KEY, /* a private key that is not read here */
    KF_PEM_OTHER,     /* no key: passed over */
};

struct kf_pem_block {
    enum kf_pem_kind kind;
    char label[40];        /* "RSA PRIVATE KEY"; of DER what it is */
    uint64_t line;         /* 0: the file is DER */
    struct kf_buf bytes;   /* DER, secret */
    char cipher[24];       /* DEK-Info: "AES-256-CBC"; "" where the block is not encrypted */
    char iv[40];           /* DEK-Info: hex */
    bool is_open;          /* has no last line: whatever was to follow is missing */
    struct kf_error error; /* why it is not readable; cause 0 where it is */
};

/* Zero-initialize. */
struct kf_pem_file {
    struct kf_pem_block *blocks;
    size_t count;
};

/*
 * Takes a file apart. What is wrong with one block is that block's error. KF_SKIP: neither PEM nor
 * one DER value of a kind that is known here; too many blocks (KF_CAUSE_LIMIT).
 */
enum kf_status kf_pem_parse(struct kf_slice bytes, const struct kf_limits *limits,
                            struct kf_pem_file *out, struct kf_error *error) KF_MUST_USE;
void kf_pem_reset(struct kf_pem_file *file); /* wipes; NULL-safe */

/* A private key, or a block that may have hidden one: it becomes a record. */
bool kf_pem_is_key(const struct kf_pem_block *block);

/* As bid of core/reader.h. */
int kf_pem_bid(struct kf_slice prefix);

#endif

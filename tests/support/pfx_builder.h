/*
 * Makes PKCS #12 files that no tool makes: safe contents as a SET, a wrong localKeyID, passwords in
 * odd encodings, two passwords, bombs. Keys are derived and data is encrypted by OpenSSL, and not
 * by what is tested. Everything ends the program where it cannot be done.
 *
 * The pieces are DER, appended to public buffers (these are tests), from the inside out:
 *
 *     bags (build_key, build_cert, ...) -> build_safe -> build_plain or build_encrypted ->
 * build_pfx
 */
#ifndef TESTS_SUPPORT_PFX_BUILDER_H
#define TESTS_SUPPORT_PFX_BUILDER_H

#include "core/bytes.h"

/* A password in exactly the bytes that the derivation takes. */
struct build_password {
    const void *bytes;
    size_t len;
};

/* BMPString with its two zero bytes, of an ASCII text that is a literal. */
struct build_password build_bmp(const char *ascii);
struct build_password build_raw(const char *text);

/* How something is encrypted. name:
 *
 *     pkcs12:rc4-128 pkcs12:rc4-40 pkcs12:3des pkcs12:3des-2key pkcs12:rc2-128 pkcs12:rc2-40
 *     pbes1:md2-des pbes1:md2-rc2 pbes1:md5-des pbes1:md5-rc2 pbes1:sha1-des pbes1:sha1-rc2
 *     pbes2:CIPHER:DIGEST, such as pbes2:aes-256-cbc:sha512 pbes2:des-cbc:sha1 pbes2:rc2-cbc:sha1
 *     scrypt:CIPHER
 */
struct build_encryption {
    const char *name;
    struct build_password password;
    unsigned iterations; /* 0: 1; the number in the file is this, the work is done with it */
    uint64_t claim;      /* not 0: the number in the file, whatever the work was */
    uint64_t n, r, p;    /* scrypt; 0: 2, 1, 1 */
    uint64_t key_length; /* PBES2: not 0: told in the file */
    const void *salt;    /* NULL: eight bytes, different each time */
    size_t salt_len;
    bool claim_only; /* do no work at all: the ciphertext is anything (for bombs) */
};

/* What stands beside a bag; NULL: no such attribute. */
struct build_attributes {
    const char *friendly_name; /* ASCII, as BMPString */
    const char *local_key_id;
    struct kf_slice raw; /* these attributes instead, the content of the SET */
};

/* SafeBags */
void build_bag(struct kf_buf *out, unsigned type, struct kf_slice value,
               const struct build_attributes *attributes);
void build_key(struct kf_buf *out, struct kf_slice pkcs8,
               const struct build_attributes *attributes);
void build_shrouded(struct kf_buf *out, struct kf_slice pkcs8,
                    const struct build_encryption *encryption,
                    const struct build_attributes *attributes);
void build_cert(struct kf_buf *out, struct kf_slice der, const struct build_attributes *attributes);
/* secretBag, crlBag, or a certBag of another type: { type OID, [0] value } */
void build_typed(struct kf_buf *out, unsigned type, const char *oid, struct kf_slice value);

/* SafeContents of bags: a SEQUENCE, or a SET */
void build_safe(struct kf_buf *out, struct kf_slice bags, bool set);

/* ContentInfo of SafeContents */
void build_plain(struct kf_buf *out, struct kf_slice safe);
void build_encrypted(struct kf_buf *out, struct kf_slice safe,
                     const struct build_encryption *encryption);
/* ContentInfo of any type */
void build_content(struct kf_buf *out, const char *oid, struct kf_slice content);

struct build_mac {
    const char *digest; /* "SHA1", "SHA256", ...; NULL: no MAC at all */
    const char *pbmac1; /* the PRF's digest, for PBMAC1; NULL: PKCS #12's MAC */
    struct build_password password;
    unsigned iterations; /* 0: 1 */
    uint64_t claim;      /* not 0: the number in the file */
    uint64_t key_length; /* PBMAC1; 0: 32 */
    bool no_key_length;
    bool damage; /* flip a bit of it */
};

/* The file, of ContentInfos one after the other */
void build_pfx(struct kf_buf *out, struct kf_slice contents, const struct build_mac *mac);

/* A value by hand */
void build_value(struct kf_buf *out, uint8_t tag, struct kf_slice content);
void build_oid(struct kf_buf *out, const char *dotted);

/* DER as BER: every constructed value with an indefinite length, every OCTET STRING of more than
 * chunk bytes in pieces of that size. Only at this level: what is inside an OCTET STRING stays. */
void build_ber(struct kf_buf *out, struct kf_slice der, size_t chunk);

#endif

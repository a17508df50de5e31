/*
 * Inside the PKCS #12 reader: one file, taken apart (docs/formats/pfx.md).
 *
 * The file is held in one buffer, and everything below points into it: safes, bags and certificates
 * are slices, so that a file of fifty thousand keys costs little more than its own size. Encrypted
 * safes are decrypted in place. Only BER needs a second buffer, for its form in DER.
 */
#ifndef KF_READERS_PFX_FILE_H
#define KF_READERS_PFX_FILE_H

#include "core/der.h"
#include "core/reader.h"
#include "crypto/pbe.h"
#include "readers/pfx_password.h"

#define PFX_NONE UINT32_MAX /* no such index */

/* RFC 7292 4.1, and what it does not know */
enum pfx_safe_kind {
    PFX_SAFE_PLAIN,
    PFX_SAFE_ENCRYPTED,
    PFX_SAFE_ENVELOPED, /* public-key privacy mode */
    PFX_SAFE_UNKNOWN,
};

struct pfx_safe {
    enum pfx_safe_kind kind;
    struct kf_slice type;  /* content type, OID */
    bool has_algorithm;    /* pbe is filled */
    struct kf_pbe pbe;     /* encrypted */
    struct kf_slice bytes; /* SafeContents; the ciphertext as long as it is not open */
    bool is_open;          /* bytes are in the clear */
    bool is_set;           /* SafeContents was a SET */
    size_t trailing;       /* bytes after the SafeContents */
    size_t first_bag;      /* its bags stand together */
    size_t bag_count;
    struct pfx_match match;  /* what opened it */
    struct kf_error problem; /* why it is not open, or where its bags end early */
};

enum pfx_bag_kind {
    PFX_BAG_KEY,
    PFX_BAG_SHROUDED,
    PFX_BAG_CERT,
    PFX_BAG_SDSI,
    PFX_BAG_CRL,
    PFX_BAG_SECRET,
    PFX_BAG_UNKNOWN,
};

struct pfx_bag {
    enum pfx_bag_kind kind;
    uint32_t safe;
    uint32_t depth;             /* of nested safe contents, 0 for none */
    uint32_t number;            /* among the keys, or among the certificates, from 0 */
    struct kf_slice value;      /* key: PKCS #8 or what encrypts it; certificate: DER; else as is */
    struct kf_slice type;       /* OID: of the bag, or of what is inside certBag, secretBag */
    struct kf_slice attributes; /* content of the SET, or empty */
};

/* How a key found its certificate */
enum pfx_pairing {
    PFX_PAIR_PENDING,    /* not looked at yet */
    PFX_PAIR_FAILED,     /* the key could not be read: no telling */
    PFX_PAIR_NONE,       /* no certificate in the file is of this key */
    PFX_PAIR_BOTH,       /* by localKeyID, and the public keys are the same */
    PFX_PAIR_PUBLIC_KEY, /* by public key; there was no localKeyID to go by */
    PFX_PAIR_WRONG_ID,   /* by public key; the localKeyID is another certificate's */
    PFX_PAIR_MISMATCH,   /* linked, but the public keys are not the same */
    PFX_PAIR_BAD_CERT,   /* linked, but the certificate cannot be read */
};

struct pfx_key {
    uint32_t bag;
    uint32_t cert; /* index into certs */
    enum pfx_pairing pairing;
    struct pfx_match match; /* of the password */
    char *problem;          /* why there is no key, or no certificate; owned */
};

struct pfx_cert {
    uint32_t bag;
    uint32_t key;                /* whose key it was paired with first */
    bool readable;               /* as X.509 */
    bool in_chain;               /* leads from a key's certificate */
    struct kf_cert_facts *facts; /* of issuers that are asked for often; owned, mostly NULL */
};

/* A sorted index from a hash to places. */
struct pfx_index_entry {
    uint8_t hash[16];
    uint32_t item;
    uint32_t next; /* in the first entry of a hash: how many of its entries are used up */
};
struct pfx_index {
    struct pfx_index_entry *entries;
    size_t count;
};

enum pfx_mac_kind {
    PFX_MAC_NONE,
    PFX_MAC_PKCS12, /* RFC 7292 4: HMAC with a key by RFC 7292 B */
    PFX_MAC_PBMAC1, /* RFC 9579 */
};

struct pfx_mac {
    enum pfx_mac_kind kind;
    enum kf_hash hash;      /* of the HMAC */
    struct kf_slice salt;   /* of the derivation; in PBMAC1 it is in pbe */
    uint64_t iterations;    /* likewise */
    bool old_gost;          /* GOST's digest with the derivation of all others */
    struct kf_pbe pbe;      /* PBMAC1: salt, iterations and function of PBKDF2 */
    size_t key_size;        /* PBMAC1 */
    struct kf_slice digest; /* what it must be */
    struct kf_slice over;   /* what it is computed over */
    bool verified;
    struct pfx_match match;
};

struct pfx_file {
    const struct kf_reader_options *options;
    struct kf_buf *buffers; /* the file, and what was made of it; secret */
    size_t buffer_count;
    size_t size;     /* of the file */
    size_t trailing; /* bytes after the PFX, and after what it holds */
    size_t followed; /* by as many bytes, which are not mere padding */
    bool was_ber;    /* some part was not DER */
    bool was_pem;
    bool was_base64; /* without the lines of PEM */
    bool was_parsed; /* or it was tried, and problem says why not */
    bool was_listed; /* the bags of the plain safes */
    bool was_opened; /* passwords were tried */
    bool dpapi_ng;
    struct kf_error problem; /* why none of it can be used */

    struct kf_slice auth_safe; /* content of the outermost OCTET STRING, as the MAC covers it */
    struct pfx_mac mac;
    struct pfx_safe *safes;
    size_t safe_count;
    struct pfx_bag *bags;
    size_t bag_count, bag_capacity;
    struct pfx_key *keys; /* NULL until the safes are open */
    size_t key_count;
    struct pfx_cert *certs;
    size_t cert_count;

    struct pfx_index by_key;        /* certificates by public key */
    struct pfx_index by_key_and_id; /* certificates by public key and localKeyID */
    struct pfx_index by_id;         /* certificates by localKeyID */
    struct pfx_index by_subject;    /* certificates by subject */
    size_t facts_kept;              /* certificates whose facts are kept */

    struct pfx_passwords *passwords;
};

/* pfx_outer.c */

/* What a file of this size may hold: more than the limit only where there are 256 bytes for each.
 */
uint64_t pfx_most_entries(const struct pfx_file *file);

/* Takes bytes over, and reads the outermost structure: no passwords, and no bags yet. KF_SKIP: the
 * file is broken or not supported. */
enum kf_status pfx_outer_parse(struct pfx_file *file, struct kf_error *error) KF_MUST_USE;

/* A new, empty, secret buffer that lives as long as the file; NULL with *error filled. */
struct kf_buf *pfx_buffer(struct pfx_file *file, struct kf_error *error);

/* The bytes behind a slice of one of the file's buffers, for changing them in place. */
uint8_t *pfx_writable(struct pfx_file *file, struct kf_slice bytes);

/* *bytes becomes its first value in DER, in a buffer of its own where it was not; *trailing is how
 * much followed that. */
enum kf_status pfx_normalize(struct pfx_file *file, struct kf_slice *bytes, size_t *trailing,
                             struct kf_error *error) KF_MUST_USE;

/* Wipes and frees everything but the struct. */
void pfx_file_reset(struct pfx_file *file);

/* pfx_armour.c */

/* A file that is text: its base64, a slice of it. */
struct pfx_armour {
    struct kf_slice text;
    bool is_pem;   /* after a line that begins a block */
    bool is_named; /* whose label is PKCS12 */
    bool has_end;  /* and has its last line */
};

/* False for what is no text of this kind; true says nothing about the base64 yet. */
bool pfx_armour_find(struct kf_slice text, struct pfx_armour *out);

/* Appends the first bytes that the base64 stands for. KF_SKIP: it is none. */
enum kf_status pfx_armour_head(const struct pfx_armour *armour, struct kf_buf *out,
                               struct kf_error *error) KF_MUST_USE;

/* pfx_mac.c */

/* MacData (RFC 7292 4), whole content. */
enum kf_status pfx_mac_parse(struct kf_slice content, struct pfx_mac *mac,
                             struct kf_error *error) KF_MUST_USE;

/* Finds the password that the MAC was made with. KF_SKIP: KF_CAUSE_SECRET, or a limit. */
enum kf_status pfx_mac_verify(struct pfx_file *file, struct kf_error *error) KF_MUST_USE;

/* "HMAC-SHA-256, PBKDF2 HMAC-SHA-256". */
void pfx_mac_name(const struct pfx_mac *mac, char *out, size_t size);

/* pfx_bags.c */

/* Lists the bags of an open safe. Where they end early, the safe's problem says why. KF_FATAL:
 * memory; KF_SKIP: too many. */
enum kf_status pfx_bags_list(struct pfx_file *file, uint32_t safe,
                             struct kf_error *error) KF_MUST_USE;

/* An attribute's first value by the end of its OID 1.2.840.113549.1.9.x; tag 0 where there is none.
 */
#define PFX_FRIENDLY_NAME 20
#define PFX_LOCAL_KEY_ID  21
struct kf_tlv pfx_attribute(const struct pfx_bag *bag, uint8_t which);

/* friendlyName as UTF-8, of whatever string type; NULL where it is absent or empty. */
char *pfx_friendly_name(const struct pfx_bag *bag);

/* pfx_open.c */

/* Lists the bags of the plain safes, once. */
enum kf_status pfx_list_plain(struct pfx_file *file, struct kf_error *error) KF_MUST_USE;

/* EncryptedPrivateKeyInfo (RFC 5958 3) taken apart. */
enum kf_status pfx_parse_shrouded(struct kf_slice value, struct kf_pbe *pbe,
                                  struct kf_slice *ciphertext, struct kf_error *error) KF_MUST_USE;

/* Verifies the MAC, opens the safes and lists their bags and keys. KF_SKIP: nothing of the file can
 * be used, the error says why. */
enum kf_status pfx_open(struct pfx_file *file, struct kf_error *error) KF_MUST_USE;

/* PKCS #8 of a key, decrypted where it has to be, replaces out. */
enum kf_status pfx_key_open(struct pfx_file *file, struct pfx_key *key, struct kf_buf *out,
                            struct kf_error *error) KF_MUST_USE;

/* pfx_pair.c */

/* Reads the certificates and prepares the indexes. */
enum kf_status pfx_pair_prepare(struct pfx_file *file, struct kf_error *error) KF_MUST_USE;

/*
 * Finds the certificate of a key by its public key's fingerprint, and marks it as taken; sets
 * key->cert and key->pairing. *wait: there is none, but when all other keys have theirs,
 * pfx_pair_linked may find one that it is linked to.
 */
enum kf_status pfx_pair_find(struct pfx_file *file, uint32_t key, const uint8_t *fingerprint,
                             bool *wait, struct kf_error *error) KF_MUST_USE;

/* The certificate that a key of none is linked to all the same, if any: sets key->cert and
 * key->pairing. */
enum kf_status pfx_pair_linked(struct pfx_file *file, uint32_t key,
                               struct kf_error *error) KF_MUST_USE;

/* "localKeyID and public key": how it was found. */
const char *pfx_pairing_name(enum pfx_pairing pairing);

/* The certificates that lead from this one upwards, as copies of the record's own. */
enum kf_status pfx_pair_chain(struct pfx_file *file, struct kf_record *record,
                              struct kf_error *error) KF_MUST_USE;

/* pfx_record.c */

/* Fills an empty record with a key. late: the keys that found their own certificate are done.
 * KF_END: this key has to wait until then, and the record is unused. */
enum kf_status pfx_record_fill(struct pfx_file *file, uint32_t key, bool late,
                               struct kf_record *record, struct kf_error *error) KF_MUST_USE;

/* pfx_describe.c */

enum kf_status pfx_describe(struct pfx_file *file, const struct kf_outline *outline,
                            struct kf_error *error) KF_MUST_USE;

/* pfx_remark.c */

void pfx_remarks(const struct pfx_file *file, struct kf_remarks *out);

/* pfx_index.c */

enum kf_status pfx_index_add(struct pfx_index *index, size_t capacity, const uint8_t *hash,
                             uint32_t item, struct kf_error *error) KF_MUST_USE;
void pfx_index_sort(struct pfx_index *index); /* by hash, then item */
/* The entries with this hash; NULL, and *count 0, where there are none. */
struct pfx_index_entry *pfx_index_find(const struct pfx_index *index, const uint8_t *hash,
                                       size_t *count);

#endif

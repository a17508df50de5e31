/*
 * The normalized record: what every reader yields and every writer takes.
 *
 * One record is one private key that was seen, or one that should have been there: a key with its
 * certificate, a key without one, or an entry that could not be read at all. Every record ends with
 * exactly one outcome, and a run's totals are the sum of its records' outcomes.
 */
#ifndef KF_CORE_RECORD_H
#define KF_CORE_RECORD_H

#include "core/bytes.h"

enum kf_key_state {
    KF_STATE_CURRENT,
    KF_STATE_PREVIOUS,
};

enum kf_outcome {
    KF_PENDING,  /* not decided yet; never at the end of a run */
    KF_ARCHIVED, /* written: a new row, a key added to a row, or a key replaced */
    KF_KNOWN,    /* already archived */
    KF_REFUSED,  /* an import rule says no */
    KF_FAILED,   /* bad data, or a wrong password or key */
    KF_SKIPPED,  /* not for archival: a signing key */
};
#define KF_OUTCOME_COUNT 6

/* "archived", "known", ...; the names that scripts rely on. */
const char *kf_outcome_name(enum kf_outcome outcome);
const char *kf_key_state_name(enum kf_key_state state); /* "current", "previous" */

/* What the plaintext of an archived key is. */
enum kf_blob_type {
    KF_BLOB_NONE,
    KF_BLOB_RSA,   /* RSA private key blob, [MS-WCCE] 2.2.2.9.1 */
    KF_BLOB_ECC,   /* ECC private key blob, [MS-WCCE] 2.2.2.9.3 */
    KF_BLOB_PKCS8, /* PrivateKeyInfo, RFC 5958 */
};
const char *kf_blob_type_name(enum kf_blob_type type); /* "rsa", "ecc", "pkcs8", "none" */

/* Key usage (RFC 5280 4.2.1.3), bit 0 of the BIT STRING first. */
enum {
    KF_KU_DIGITAL_SIGNATURE = 1 << 0,
    KF_KU_NON_REPUDIATION = 1 << 1,
    KF_KU_KEY_ENCIPHERMENT = 1 << 2,
    KF_KU_DATA_ENCIPHERMENT = 1 << 3,
    KF_KU_KEY_AGREEMENT = 1 << 4,
    KF_KU_KEY_CERT_SIGN = 1 << 5,
    KF_KU_CRL_SIGN = 1 << 6,
    KF_KU_ENCIPHER_ONLY = 1 << 7,
    KF_KU_DECIPHER_ONLY = 1 << 8,
};

#define KF_SHA1_SIZE   20
#define KF_SHA256_SIZE 32

/*
 * What a certificate says. Strings are UTF-8, NUL-terminated, owned, and NULL where the certificate
 * has none. Slices point into the certificate's DER, which the owner of the facts keeps.
 */
struct kf_cert_facts {
    uint8_t sha1[KF_SHA1_SIZE];
    uint8_t sha256[KF_SHA256_SIZE];
    unsigned version;  /* 1, 2 or 3 */
    char *serial;      /* lowercase hex of the serial number, no sign octet, at least two digits */
    char *issuer;      /* RFC 4514 order reversed, as Windows shows it: "CN=Jo, O=Contoso, C=US" */
    char *subject;     /* likewise; "" where the subject is empty */
    char *common_name; /* the last CN of the subject */
    char *email;       /* rfc822Name of the subject alternative name, else the subject's */
    char *upn;         /* otherName 1.3.6.1.4.1.311.20.2.3 */
    char *ski; /* hex of the extension; where there is none, the SHA-1 of the public key's bits */
    char *key_algorithm; /* "RSA", "RSA-PSS", "EC P-256", "Ed25519", "DSA", "DH", else the OID */
    unsigned key_bits;
    char *signature_algorithm; /* "sha256WithRSAEncryption", else the OID */
    int64_t not_before;        /* seconds since 1970, UTC */
    int64_t not_after;
    bool is_ca;         /* basic constraints */
    bool has_kra_usage; /* extended key usage 1.3.6.1.4.1.311.21.6 */
    bool has_key_usage;
    unsigned key_usage;          /* KF_KU_* */
    struct kf_slice der;         /* the certificate, whole */
    struct kf_slice issuer_der;  /* Name, whole */
    struct kf_slice serial_der;  /* INTEGER, whole */
    struct kf_slice subject_der; /* Name, whole */
    struct kf_slice spki_der;    /* SubjectPublicKeyInfo, whole */
};

/* Frees the strings and zeroes the struct; NULL-safe. */
void kf_cert_facts_reset(struct kf_cert_facts *facts);

struct kf_record {
    /* where it comes from */
    uint64_t ordinal; /* among the records of its input, from 1; given by the pipeline */
    uint64_t turn;    /* for choices that go round, such as the agents: given by the pipeline before
                         the stage, rising with the records of the run, and the same for the same
                         inputs whatever the number of threads, also in a run that was resumed */
    uint64_t line;    /* of the input, or 0 */
    char place[96];   /* "user 17: key 2", "bag 3"; for people */

    /* what became of it */
    enum kf_outcome outcome;
    struct kf_error error; /* why, for refused, failed, known and skipped */
    uint64_t request_id;   /* the row in the store, 0 for none */
    bool replaced;         /* archived over an older key */
    bool foreign;          /* not issued by this CA; decided by the import rules */
    bool key_mismatch;     /* the key is readable but not the certificate's; the error says so */
    int secret_index;      /* which of the passwords opened it, -1 for none */
    char *password; /* the same for people, "password 3 of list.txt", never the password; owned,
                       NULL where none opened it */
    const char *password_encoding; /* "UTF-16": static; NULL where that is not known */

    /* whose it is; owned, NULL where unknown */
    char *display_name;
    char *distinguished_name;
    char *mail;
    char mailbox_guid[KF_UUID_SIZE]; /* "" where unknown */
    char *friendly_name;             /* what the source calls the key */
    enum kf_key_state state;

    /* the certificate; cert.len is 0 for a key without one */
    struct kf_buf cert; /* DER, public */
    bool has_facts;
    struct kf_cert_facts facts;
    struct kf_buf *chain; /* other certificates of the source that lead from this one, DER */
    size_t chain_count;

    /* the key in the clear: between decode and the sealer only */
    struct kf_buf pkcs8; /* PrivateKeyInfo, DER, secret; empty once sealed */

    /* the key as it is archived */
    enum kf_blob_type blob_type;
    struct kf_buf sealed;      /* EnvelopedData in a ContentInfo, DER, public */
    char *key_recovery_hashes; /* SHA-1 of each KRA: "ab cd …", one a line, no newline at the end */
};

/* Makes *record empty; what it held is not freed. */
void kf_record_init(struct kf_record *record);

/*
 * Whose key it is, for people: the first there is of the certificate's common name, the source's
 * display name, a mail address, the subject, the source's distinguished name, and what the source
 * calls the key; else NULL. The e-mail is the certificate's, else the source's.
 */
const char *kf_record_owner(const struct kf_record *record);
const char *kf_record_email(const struct kf_record *record);

/* Wipes and frees everything in it, and leaves it empty; NULL-safe. */
void kf_record_reset(struct kf_record *record);

/* The outcome is set to outcome and the error moved in, unless the record is decided already. */
void kf_record_decide(struct kf_record *record, enum kf_outcome outcome,
                      const struct kf_error *error);

/*
 * Some records of one item, in order. Where all_or_nothing is set, they are a unit (a user of a KMS
 * export): if one failed, none is archived.
 */
struct kf_batch {
    struct kf_record *records;
    size_t count;
    size_t capacity;
    bool all_or_nothing;
    bool ends_user; /* the last batch of an item that counts as one user in the totals */
};

/* A new empty record at the end, owned by the batch; NULL when out of memory (error filled). */
struct kf_record *kf_batch_add(struct kf_batch *batch, struct kf_error *error) KF_MUST_USE;

/* Resets every record and frees the array; NULL-safe. */
void kf_batch_reset(struct kf_batch *batch);

/* Fails what a failed sibling takes down, where the batch is all or nothing; the error's text
 * begins with KF_HELD_BACK then. */
#define KF_HELD_BACK "not imported, since another key of the same user failed"
void kf_batch_settle(struct kf_batch *batch);

struct kf_totals {
    uint64_t by_outcome[KF_OUTCOME_COUNT];
    uint64_t users;
};

/* The sum over all outcomes. */
uint64_t kf_totals_seen(const struct kf_totals *totals);

#endif

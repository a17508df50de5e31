/*
 * Every bound on input by name. What comes from a file is held against one of these before memory
 * is taken or work is done for it.
 */
#ifndef KF_CORE_LIMITS_H
#define KF_CORE_LIMITS_H

#include <stdint.h>

#define KF_SECURE_HEAP_SIZE    (4u << 20) /* bytes; half of Debian's RLIMIT_MEMLOCK */
#define KF_SECURE_HEAP_UNIT    64u        /* bytes, smallest block */
#define KF_SECURE_HEAP_LARGEST (64u << 10)

#define KF_MAX_CERTIFICATE (1u << 20)   /* bytes, DER */
#define KF_MAX_PKCS8       (256u << 10) /* bytes, DER: RSA-16384 is 9 KiB */
#define KF_MAX_ENVELOPE    (1u << 20)   /* bytes, an archived key or a recovery blob */
#define KF_MAX_NAME        1024u        /* bytes of a name in an export, UTF-8 */
#define KF_MAX_PASSWORD    4096u        /* bytes */
#define KF_MAX_KEY_FILE    (16u << 20)  /* bytes of a PKCS #12 or PEM file given as an option */
#define KF_MAX_SIGNATURE   (1u << 20)   /* bytes, a detached signature */
#define KF_MAX_PROLOG      (64u << 10)  /* bytes of a KMS export before its root element */
#define KF_MAX_LOCK_BOXES  64u          /* of a KMS export */
#define KF_MAX_KMS_USERS   100000000u   /* of a KMS export */
#define KF_MAX_KMS_USER    (16u << 20)  /* bytes of text of one user of a KMS export */
#define KF_MAX_KMS_ENTRIES 1024u        /* certificates of one user, and keys of one user */
#define KF_MAX_PFX         (1u << 30)   /* bytes, a .pfx file, which is read whole */
#define KF_MAX_DEPTH       32u          /* nested ASN.1 values, nested safe contents */

#define KF_MAX_EPF          (4u << 20)  /* bytes, an .epf profile */
#define KF_MAX_EPF_LINE     (64u << 10) /* bytes of one of its lines */
#define KF_MAX_EPF_SECTIONS 1000u

/* Work that a file may ask for, in place of constants where an option can raise it. */
struct kf_limits {
    uint64_t derivation_iterations; /* of one key derivation */
    uint64_t file_iterations;       /* of all derivations of one file */
    uint64_t scrypt_memory;         /* bytes */
    uint64_t file_entries;          /* keys and certificates in one file that is not streamed */
    uint64_t profile_count;         /* iterations that an .epf profile asks for */
};

#define KF_LIMITS_DEFAULT                                                                          \
    ((struct kf_limits){.derivation_iterations = 5000000,                                          \
                        .file_iterations = 10000000,                                               \
                        .scrypt_memory = 64u << 20,                                                \
                        .file_entries = 10000,                                                     \
                        .profile_count = 1000000})

#endif

/*
 * What a function that can fail returns, and how it says why.
 *
 * A status says what the caller does next; the error says why, once, for people. The error belongs
 * to the caller. It is filled at the lowest level that knows the cause; the levels above add where
 * it happened (line, place), and never overwrite what is there. It never holds secret bytes.
 */
#ifndef KF_CORE_ERROR_H
#define KF_CORE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KF_MUST_USE          __attribute__((warn_unused_result))
#define KF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum kf_status {
    KF_OK,    /* done */
    KF_END,   /* nothing more: an orderly end, never a truncation */
    KF_SKIP,  /* this entry is not done, the error says why; the run goes on */
    KF_FATAL, /* the run cannot go on; the error says why */
};

enum kf_cause {
    KF_CAUSE_NONE,        /* no error: what a zeroed struct kf_error says */
    KF_CAUSE_DATA,        /* the input breaks a rule of its format */
    KF_CAUSE_SECRET,      /* wrong password or key, or none given */
    KF_CAUSE_LIMIT,       /* a named limit (core/limits.h) would be exceeded */
    KF_CAUSE_UNSUPPORTED, /* well-formed, but not something this program does */
    KF_CAUSE_POLICY,      /* an import rule says no */
    KF_CAUSE_CONFIG,      /* the store's settings do not allow it: no KRA, say */
    KF_CAUSE_USAGE,       /* the caller asked for something contradictory */
    KF_CAUSE_SYSTEM,      /* the operating system, the disk, the database */
    KF_CAUSE_MEMORY,      /* out of memory */
    KF_CAUSE_INTERNAL,    /* a defect of this program */
};

/* Codes are Microsoft's, as HRESULT ([MS-ERREF]); 0 where there is none. */
#define KF_E_INVALID_DATA        0x8007000Du /* ERROR_INVALID_DATA */
#define KF_E_INVALIDARG          0x80070057u /* E_INVALIDARG */
#define KF_E_ISSUERCHAINING      0x800B0107u /* CERT_E_ISSUERCHAINING */
#define KF_E_ARCHIVAL_NOT_SET_UP 0x8009400Au /* CERTSRV_E_KEY_ARCHIVAL_NOT_CONFIGURED */
#define KF_E_NO_VALID_KRA        0x8009400Bu /* CERTSRV_E_NO_VALID_KRA */
#define KF_E_DIRECTORY           0x8007010Bu /* ERROR_DIRECTORY */

struct kf_error {
    enum kf_cause cause;
    uint32_t code;   /* Microsoft's code, or 0 */
    uint64_t line;   /* line of the input from 1, or 0 */
    char place[160]; /* where inside the input: "user 17: key 2"; may be empty */
    char rule[64];   /* "RFC 7292 4.2.2", "[MS-CSRA] 3.1.4.2.16"; may be empty */
    char text[360];  /* one line, lowercase start, no full stop */
};

/*
 * Fills *error, unless an error is already there, and returns status, so that a caller can write
 * return kf_fail(...). rule may be NULL. error may be NULL: then nothing is kept.
 */
enum kf_status kf_fail(struct kf_error *error, enum kf_status status, enum kf_cause cause,
                       const char *rule, const char *format, ...) KF_PRINTF(5, 6) KF_MUST_USE;

/* As kf_fail, with the meaning of errno at the end of the text, and cause KF_CAUSE_SYSTEM. */
enum kf_status kf_fail_errno(struct kf_error *error, enum kf_status status, const char *format, ...)
    KF_PRINTF(3, 4) KF_MUST_USE;

/* Out of memory, always KF_FATAL. */
enum kf_status kf_fail_memory(struct kf_error *error) KF_MUST_USE;

#ifdef __clang_analyzer__ /* which does not see that these return the status that they are given   \
                           */
#define kf_fail(error, status, ...) ((void)kf_fail(error, status, __VA_ARGS__), (status))
#define kf_fail_errno(error, status, ...)                                                          \
    ((void)kf_fail_errno(error, status, __VA_ARGS__), (status))
#define kf_fail_memory(error) ((void)kf_fail_memory(error), KF_FATAL)
#endif

/* Puts place before the place that is there: "key 2" then "user 17" gives "user 17: key 2". */
void kf_error_place(struct kf_error *error, const char *format, ...) KF_PRINTF(2, 3);

/* Sets Microsoft's code, or the line, unless one is there. */
void kf_error_code(struct kf_error *error, uint32_t code);
void kf_error_line(struct kf_error *error, uint64_t line);

/*
 * Writes "input:line: place: text (rule)" to out, NUL-terminated, cut at size bytes where it must
 * be, and control characters shown as '?'. input may be NULL.
 */
void kf_error_format(const struct kf_error *error, const char *input, char *out, size_t size);

#endif

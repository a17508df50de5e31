/*
 * What a writer is: one destination, told as a table of functions.
 *
 * The pipeline calls begin once, then put for each pending record in input order, commit after
 * every few hundred and at the end, then finish; after an error rollback, then close. What was put
 * since the last commit is kept or lost as a whole. Each format has its own way to be opened, which
 * the caller uses; the pipeline sees only this.
 */
#ifndef KF_CORE_WRITER_H
#define KF_CORE_WRITER_H

#include "core/input.h"
#include "core/record.h"

enum kf_needs {
    KF_NEEDS_SEALED, /* sees archived keys only */
    KF_NEEDS_CLEAR,  /* sees private keys: the user has to ask for that explicitly */
};

struct kf_remarks; /* core/reader.h */
struct kf_writer_ops;

/* The base of every writer: its first member. */
struct kf_writer {
    const struct kf_writer_ops *ops;
};

/* How far a run has come, committed together with what it wrote. */
struct kf_position {
    uint64_t input;   /* inputs that are done */
    uint64_t entries; /* records of the current input that are done */
    uint64_t users;   /* users of the current input that are done */
};

/* An input as a writer is told of it. */
struct kf_input_news {
    const char *name;
    uint64_t index; /* among the inputs of the run, from 0 */
    struct kf_input_facts facts;
    const struct kf_error *unreadable; /* why nothing is known of it now; or NULL */
    bool is_unsigned;                  /* of struct kf_reader */
};

struct kf_writer_ops {
    const char *name;
    const char *summary;
    enum kf_needs needs;

    enum kf_status (*begin)(struct kf_writer *writer, struct kf_error *error);

    /*
     * Tells of an input before its first record, and of one without records at its end; in order,
     * also of those that an earlier part of the run has done. Once more at the end of one whose
     * digest is known only then. May be NULL. KF_FATAL: not the input that the run began with.
     */
    enum kf_status (*input)(struct kf_writer *writer, const struct kf_input_news *news,
                            struct kf_error *error);

    /*
     * Writes one record, or decides why not: the record's outcome is set on return, also for those
     * that come decided already, which are only noted. input is the name of where it comes from.
     * Borrows the record. KF_FATAL: nothing more can be written.
     */
    enum kf_status (*put)(struct kf_writer *writer, const char *input, struct kf_record *record,
                          struct kf_error *error);

    /* Tells what is remarkable of the present input, at its end. May be NULL. */
    enum kf_status (*remark)(struct kf_writer *writer, const struct kf_remarks *remarks,
                             struct kf_error *error);

    enum kf_status (*commit)(struct kf_writer *writer, const struct kf_position *position,
                             const struct kf_totals *totals, struct kf_error *error);
    void (*rollback)(struct kf_writer *writer);

    /* The orderly end, after the last commit. */
    enum kf_status (*finish)(struct kf_writer *writer, const struct kf_totals *totals,
                             struct kf_error *error);
    void (*close)(
        struct kf_writer *writer); /* NULL-safe; without finish, what was begun is dropped */
};

#endif

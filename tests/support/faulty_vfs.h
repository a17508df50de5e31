/*
 * A disk that fails, below SQLite: a VFS over the real one that counts what changes a file (write,
 * truncate, sync, delete) and lets the n-th go wrong.
 *
 * Power loss takes what was not synced: of each sector of 512 bytes that was written since, either
 * the old or the new bytes survive, as the seed decides, or the old ones everywhere. Every call
 * fails from then on, as for a process that is gone; faulty_disk_end leaves the files as the disk
 * had them. A store that is opened afterwards without this VFS is what the next start would find.
 */
#ifndef TESTS_SUPPORT_FAULTY_VFS_H
#define TESTS_SUPPORT_FAULTY_VFS_H

#include <stdbool.h>

enum disk_fault {
    DISK_SOUND,      /* only counts */
    DISK_EIO,        /* the n-th fails and does nothing; those after it work again */
    DISK_SHORT,      /* likewise, but half of a write is done: a torn page */
    DISK_FULL,       /* from the n-th on nothing can be written; syncs work */
    DISK_POWER_OLD,  /* power loss at the n-th: nothing that was not synced survives */
    DISK_POWER_SOME, /* likewise, some sectors do */
};
#define DISK_FAULTS 6

/* Becomes SQLite's default: for every database that is opened until the end. */
void faulty_disk_begin(enum disk_fault fault, unsigned at, unsigned seed);

/* After the last database was closed: the count of operations, and the files as they survive. */
unsigned faulty_disk_end(bool *happened);

#endif

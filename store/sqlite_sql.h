/*
 * The SQL of the SQLite backend. Private to store/sqlite*.c.
 */
#ifndef KF_STORE_SQLITE_SQL_H
#define KF_STORE_SQLITE_SQL_H

#include "store/backend.h"

/* "KFRY": says that an SQLite file is a keyferry store. */
#define KF_SQLITE_APPLICATION_ID 0x4b465259

/* The schema in two parts, to be run once in an empty database. */
extern const char kf_sqlite_schema[];
extern const char kf_sqlite_schema_audit[];

/* The text of each statement. */
extern const char *const kf_sqlite_statements[KF_SQL_COUNT];

#endif

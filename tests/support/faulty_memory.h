/*
 * Memory that runs out: the n-th allocation fails, of this program's own code, of OpenSSL, libxml2,
 * SQLite or jansson, while it is armed. The program's own are caught by the linker (--wrap, see
 * tests/CMakeLists.txt), so that nothing of this is in what is tested. OpenSSL is spared where it
 * reads key files (OSSL_STORE): that of 3.0 crashes without memory there.
 *
 * What was allocated while it is armed and is not freed is counted, and can be named.
 */
#ifndef TESTS_SUPPORT_FAULTY_MEMORY_H
#define TESTS_SUPPORT_FAULTY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

enum memory_owner {
    MEMORY_OURS,
    MEMORY_OPENSSL,
    MEMORY_XML,
    MEMORY_SQLITE,
    MEMORY_JSON,
    MEMORY_OWNERS
};
const char *faulty_memory_owner(enum memory_owner owner);

/* Takes the libraries' allocators over: before any of them has allocated anything. */
void faulty_memory_install(void);

/*
 * From now on the at-th allocation of an owner fails, counted from 1; 0: none. Where stays is set,
 * all after it fail too, whoever asks.
 */
void faulty_memory_arm(enum memory_owner owner, size_t at, bool stays);

/* Ends that; the count of the owner's allocations since. */
size_t faulty_memory_disarm(enum memory_owner owner);

/* Whether the failure has happened since it was armed. */
bool faulty_memory_happened(void);

/* Prints who asked for the memory that was refused first. */
void faulty_memory_who(void);

/*
 * Prints a few of those that were made since it was armed and are alive; returns their number. Not
 * counted are blocks of OpenSSL's own once it gets no memory at all, since it cannot free them
 * (CRYPTO_free_ex_data asks for some), and where it was refused memory as it set up its library
 * context, some of which it loses then. Where succeeded is set, OpenSSL did without some memory,
 * and what it lost on the way is not counted either.
 */
size_t faulty_memory_leaks(bool succeeded);

/* Parts of secrets that no freed block may hold: count times MEMORY_NEEDLE bytes, kept inverted, so
 * that the test's own copy is not found. */
#define MEMORY_NEEDLE 16
void faulty_memory_watch(const unsigned char *inverted, size_t count);
/* How many blocks that were freed, or moved, since it was armed have held it. */
size_t faulty_memory_spilled(void);
/* Where in this process's memory it still stands: the number of places. */
size_t faulty_memory_remains(void);

#endif

/*
 * A disk that fails: see faulty_vfs.h. What stands in memory here is what is on the disk for sure:
 * each file as it was at its last sync.
 */
#include "tests/support/faulty_vfs.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES  8
#define SECTOR 512u

struct image {
    unsigned char *bytes;
    size_t len;
};

struct disk_file {
    char path[512];
    struct image synced;
};

struct open_file {
    sqlite3_file base; /* first */
    struct disk_file *disk;
    sqlite3_file *real; /* the memory after this one */
};

static struct disk {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    enum disk_fault fault;
    unsigned at, seed;
    unsigned count;
    bool happened;
    bool is_dead; /* the power is gone */
    struct disk_file files[FILES];
    struct image survivors[FILES];
} disk;

static void need(bool done, const char *what)
{
    if (done)
        return;
    (void)fprintf(stderr, "faulty disk: %s\n", what);
    exit(EXIT_FAILURE);
}

static void read_image(const char *path, struct image *out)
{
    FILE *file = fopen(path, "rb");
    long size = 0;

    free(out->bytes);
    *out = (struct image){.len = 0};
    if (file == NULL)
        return;
    need(fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0, path);
    rewind(file);
    out->bytes = malloc((size_t)size + 1);
    out->len = (size_t)size;
    need(out->bytes != NULL && fread(out->bytes, 1, out->len, file) == out->len, path);
    (void)fclose(file);
}

static void write_image(const char *path, const struct image *image)
{
    FILE *file = fopen(path, "wb");

    need(file != NULL, path);
    need(image->len == 0 || fwrite(image->bytes, 1, image->len, file) == image->len, path);
    need(fclose(file) == 0, path);
}

/* A sector of its own lot: the same for the same seed. */
static bool survives(unsigned file, size_t sector)
{
    unsigned value = disk.seed * 2654435761u + file * 40503u + (unsigned)sector * 97u + disk.at;

    value ^= value >> 15;
    value *= 2246822519u;
    value ^= value >> 13;
    return (value & 1u) != 0;
}

/* What the platter has of a file when the power goes. */
static void take_survivors(unsigned index)
{
    const struct disk_file *file = &disk.files[index];
    struct image *out = &disk.survivors[index];
    struct image now = {.len = 0};
    size_t size = file->synced.len;

    if (disk.fault == DISK_POWER_SOME) {
        read_image(file->path, &now);
        if (survives(index, SIZE_MAX))
            size = now.len;
    }
    out->bytes = calloc(1, size + 1);
    need(out->bytes != NULL, "memory");
    out->len = size;
    for (size_t at = 0; at < size; at += SECTOR) {
        bool is_new = at < now.len && survives(index, at / SECTOR);
        const struct image *from = is_new ? &now : &file->synced;
        size_t len = size - at < SECTOR ? size - at : SECTOR;

        if (at < from->len)
            memcpy(out->bytes + at, from->bytes + at, from->len - at < len ? from->len - at : len);
    }
    free(now.bytes);
}

/* What happens to the next operation. */
enum happening { GOES_WELL, FAILS, IS_TORN, HAS_NO_ROOM };

static enum happening next_operation(bool needs_room)
{
    bool is_it = ++disk.count == disk.at;

    if (disk.is_dead)
        return FAILS;
    if (disk.fault == DISK_FULL && disk.at != 0 && disk.count >= disk.at && needs_room) {
        disk.happened = true;
        return HAS_NO_ROOM;
    }
    if (!is_it || disk.fault == DISK_SOUND || disk.fault == DISK_FULL)
        return GOES_WELL;
    disk.happened = true;
    if (disk.fault == DISK_SHORT)
        return IS_TORN;
    if (disk.fault != DISK_EIO) {
        disk.is_dead = true;
        for (unsigned i = 0; i < FILES; i++)
            take_survivors(i);
    }
    return FAILS;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct open_file *)file)->real;
}

static int close_file(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int read_file(sqlite3_file *file, void *out, int size, sqlite3_int64 offset)
{
    if (disk.is_dead)
        return SQLITE_IOERR_READ;
    return real_of(file)->pMethods->xRead(real_of(file), out, size, offset);
}

static int write_file(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
    sqlite3_file *real = real_of(file);

    switch (next_operation(true)) {
    case GOES_WELL:
        return real->pMethods->xWrite(real, bytes, size, offset);
    case IS_TORN:
        (void)real->pMethods->xWrite(real, bytes, size / 2, offset);
        return SQLITE_IOERR_WRITE;
    case HAS_NO_ROOM:
        return SQLITE_FULL;
    case FAILS:
        break;
    }
    return SQLITE_IOERR_WRITE;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
    if (next_operation(false) != GOES_WELL)
        return SQLITE_IOERR_TRUNCATE;
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int sync_file(sqlite3_file *file, int flags)
{
    struct disk_file *on_disk = ((struct open_file *)file)->disk;

    (void)flags;
    if (next_operation(false) != GOES_WELL)
        return SQLITE_IOERR_FSYNC;
    read_image(on_disk->path, &on_disk->synced); /* the real one has no need to be synced */
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    if (disk.is_dead)
        return SQLITE_IOERR_FSTAT;
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int lock_file(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int unlock_file(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int check_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int control_file(sqlite3_file *file, int what, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int sector_size(sqlite3_file *file)
{
    (void)file;
    return (int)SECTOR;
}

static int characteristics(sqlite3_file *file)
{
    (void)file;
    return 0; /* nothing is promised: no atomic writes, no order */
}

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* What is known of a path; what is there when it is seen first is on the disk. */
static struct disk_file *find_file(const char *path)
{
    for (unsigned i = 0; i < FILES; i++) {
        struct disk_file *file = &disk.files[i];

        if (strcmp(file->path, path) == 0)
            return file;
        if (file->path[0] == '\0') {
            (void)snprintf(file->path, sizeof(file->path), "%s", path);
            read_image(path, &file->synced);
            return file;
        }
    }
    need(false, "too many files");
    return NULL;
}

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *out, int flags, int *got)
{
    struct open_file *file = (struct open_file *)out;
    int code;

    (void)vfs;
    file->base.pMethods = NULL;
    if (disk.is_dead)
        return SQLITE_CANTOPEN;
    need(path != NULL, "a file without a name");
    file->disk = find_file(path);
    file->real = (sqlite3_file *)(void *)(file + 1);
    code = disk.real->xOpen(disk.real, path, file->real, flags, got);
    if (code == SQLITE_OK)
        file->base.pMethods = &methods;
    return code;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int sync)
{
    struct disk_file *file = find_file(path);

    (void)vfs;
    if (next_operation(false) != GOES_WELL)
        return SQLITE_IOERR_DELETE;
    free(file->synced.bytes); /* a name that is gone: the folder counts as synced */
    file->synced = (struct image){.len = 0};
    return disk.real->xDelete(disk.real, path, sync);
}

static int access_file(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    (void)vfs;
    return disk.is_dead ? SQLITE_IOERR_ACCESS : disk.real->xAccess(disk.real, path, flags, out);
}

void faulty_disk_begin(enum disk_fault fault, unsigned at, unsigned seed)
{
    disk = (struct disk){.fault = fault, .at = at, .seed = seed};
    disk.real = sqlite3_vfs_find(NULL);
    need(disk.real != NULL, "SQLite has no VFS");
    disk.vfs = *disk.real;
    disk.vfs.zName = "faulty";
    disk.vfs.pNext = NULL;
    disk.vfs.szOsFile = (int)sizeof(struct open_file) + disk.real->szOsFile;
    disk.vfs.xOpen = open_file;
    disk.vfs.xDelete = delete_file;
    disk.vfs.xAccess = access_file;
    need(sqlite3_vfs_register(&disk.vfs, 1) == SQLITE_OK, "cannot be registered");
}

unsigned faulty_disk_end(bool *happened)
{
    need(sqlite3_vfs_unregister(&disk.vfs) == SQLITE_OK &&
             sqlite3_vfs_register(disk.real, 1) == SQLITE_OK,
         "cannot be unregistered");
    for (unsigned i = 0; i < FILES; i++) {
        char shm[600];

        if (disk.is_dead && disk.files[i].path[0] != '\0') {
            write_image(disk.files[i].path, &disk.survivors[i]);
            (void)snprintf(shm, sizeof(shm), "%s-shm", disk.files[i].path);
            (void)remove(shm);
        }
        free(disk.files[i].synced.bytes);
        free(disk.survivors[i].bytes);
    }
    *happened = disk.happened;
    return disk.count;
}

/* cache_folder.h - files that are kept in a folder from one run to the next.
 *
 * What is in them is run and computed with, so they are used only if they belong to this user, and
 * if nobody else can write them or the folder. The user names that folder, and may keep other
 * things there: nothing is removed but what is ours by its name and by its first bytes.
 */
#ifndef FRONTEND_CACHE_FOLDER_H
#define FRONTEND_CACHE_FOLDER_H

#include "ir/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

/* What is one kind of file known by. */
typedef struct CacheKind {
    const char *ending; /* of names; each '#' stands for a hexadecimal digit */
    const char *magic;  /* CACHE_MAGIC bytes, with which the file begins */
    const char *beside; /* ending of a file of each that tells when it was used, and goes with it; null:
                         * its own time tells */
} CacheKind;
enum { CACHE_MAGIC = 8 };
#define CACHE_HASH "################" /* of 64 bits */

/* The folder, opened. -1: there is none, or *why says why it is not to be used. */
int cache_folder_open(const char *path, const char **why);

/* One of its files, opened to be read. -1: there is none, or *why says why it is not to be used; a
 * new one may take its place. */
int cache_folder_file(int folder, const char *name, struct stat *info, const char **why);

typedef struct {
    const char *name;
    struct timespec used;
    int64_t bytes;
} CacheFile;

typedef struct {
    CacheFile *file; /* in the arena */
    size_t count;
    int64_t bytes;
} CacheFiles;

/* All files of a kind, in any order. Those that writers who were killed left half-written, more
 * than a day ago, are removed. */
CacheFiles cache_folder_list(const char *path, const CacheKind *kind, Arena *arena);

/* Removes a file that was listed. One that is gone was removed by another process. */
void cache_folder_remove(const char *path, const char *name, Arena *arena);

/* Keeps a file that is open from being trimmed, for as long as it is open. */
void cache_folder_hold(int file);
bool cache_folder_is_held(const char *path, const char *name, Arena *arena);

/* Removes files of a kind until all that are left have no more than `most` bytes, first those that
 * were used the longest ago. Those that a process holds stay. Returns the bytes that went. */
int64_t cache_folder_trim(const char *path, const CacheKind *kind, int64_t most, Arena *arena);

/* Sorts files, those that were used the longest ago first. */
void cache_folder_sort(CacheFiles *files);

#endif

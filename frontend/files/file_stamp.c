#include "frontend/files/file_stamp.h"

#include "frontend/files/output_file.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char *stamp_path(const char *path, Arena *arena) {
    return arena_printf(arena, "%s" FILE_STAMP_ENDING, path);
}

/* Times of files go in steps of some milliseconds: a second write in the same step leaves the time
 * of the first. So a file is trusted only if its time is over. */
static bool is_over(struct timespec then) {
    enum { SECONDS = 2 };
    return then.tv_sec + SECONDS < time(NULL);
}

bool file_stamp_take(const char *path, FileStamp *out) {
    struct stat info;
    *out = (FileStamp){0};
    if (stat(path, &info) != 0) return false;
    snprintf(out->text, sizeof out->text,
             FILE_STAMP_MAGIC
             "checked 1\ndevice %llu inode %llu size %lld\nwritten %lld.%09ld changed "
             "%lld.%09ld\n",
             (unsigned long long)info.st_dev, (unsigned long long)info.st_ino,
             (long long)info.st_size, (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
             (long long)info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
    out->is_settled = is_over(info.st_mtim) && is_over(info.st_ctim);
    return true;
}

bool file_stamp_is_kept(const char *path, const FileStamp *stamp, Arena *arena) {
    char kept[sizeof stamp->text + 1];
    FILE *file = fopen(stamp_path(path, arena), "re");
    if (!file) return false;
    const size_t count = fread(kept, 1, sizeof kept, file);
    const bool is_kept = count == strlen(stamp->text) && memcmp(kept, stamp->text, count) == 0;
    if (is_kept) futimens(fileno(file), NULL);
    fclose(file);
    return is_kept;
}

void file_stamp_keep(const char *path, const FileStamp *before, Arena *arena) {
    FileStamp now;
    OutputFile file;
    Diag diag = {.arena = arena};
    if (!before->is_settled || !file_stamp_take(path, &now) ||
        strcmp(now.text, before->text) != 0 ||
        !output_file_open_new(&file, stamp_path(path, arena), 0600, &diag))
        return;
    fputs(now.text, file.stream);
    output_file_close(&file, true, &diag);
}

#include "frontend/weights/stored_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SHOWN_BYTES = 100 };

/* ---- for messages ---- */

const char *stored_show_name(const char *name, Arena *arena) {
    char shown[SHOWN_BYTES + 1];
    size_t length = 0;
    for (; name[length] && length < SHOWN_BYTES; length++) {
        const unsigned char byte = (unsigned char)name[length];
        shown[length] = (char)(byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
    const bool is_cut = name[length] != '\0';
    while (is_cut && length && ((unsigned char)name[length] & 0xc0) == 0x80)
        length--; /* not in the middle of a character */
    shown[length] = '\0';
    return arena_printf(arena, "%s%s", shown, is_cut ? "..." : "");
}

const char *stored_show_shape(const int64_t *shape, int rank, Arena *arena) {
    const char *text = "[";
    for (int i = 0; i < rank; i++)
        text = arena_printf(arena, "%s%s%lld", text, i ? ", " : "", (long long)shape[i]);
    return arena_printf(arena, "%s]", text);
}

static Loc loc_of_file(const char *path, Diag *diag) {
    Source *source = ARENA_NEW(diag->arena, Source);
    source->name = arena_printf(diag->arena, "%s", path);
    return (Loc){source, 0};
}

/* ---- open ---- */

static bool cannot_open(const char *path, const char *reason, Loc loc, Diag *diag) {
    return diag_error(diag, loc, "cannot open weights '%s': %s", path, reason);
}

bool stored_file_open(StoredFile *file, const char *path, Loc loc, Diag *diag, uint64_t *identity) {
    struct stat status;
    *file = (StoredFile){.loc = loc_of_file(path, diag)};
    file->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would block */
    if (file->descriptor < 0 || fstat(file->descriptor, &status) != 0)
        return cannot_open(path, strerror(errno), loc, diag);
    if (!S_ISREG(status.st_mode)) return cannot_open(path, "not a regular file", loc, diag);
    if (status.st_size == 0) return diag_error(diag, file->loc, "the file is empty");
    file->length = (uint64_t)status.st_size;
    file->seconds = status.st_mtim.tv_sec;
    file->nanoseconds = status.st_mtim.tv_nsec;
    /* The time of data alone is not enough: programs set it, as those that unpack archives. */
    const uint64_t place[] = {*identity,
                              file->length,
                              (uint64_t)status.st_mtim.tv_sec,
                              (uint64_t)status.st_mtim.tv_nsec,
                              (uint64_t)status.st_ctim.tv_sec,
                              (uint64_t)status.st_ctim.tv_nsec,
                              (uint64_t)status.st_dev,
                              (uint64_t)status.st_ino};
    *identity = XXH3_64bits(place, sizeof place);
    return true;
}

StoredFile stored_file_of_memory(const char *name, const void *bytes, size_t length, Diag *diag) {
    return (StoredFile){
        .loc = loc_of_file(name, diag), .bytes = bytes, .length = length, .descriptor = -1};
}

void stored_file_close(const StoredFile *file) {
    if (file->descriptor >= 0) close(file->descriptor);
}

bool stored_file_is_unchanged(const StoredFile *file) {
    struct stat status;
    if (file->descriptor < 0) return true;
    return fstat(file->descriptor, &status) == 0 && (uint64_t)status.st_size == file->length &&
           status.st_mtim.tv_sec == file->seconds && status.st_mtim.tv_nsec == file->nanoseconds;
}

/* ---- read ---- */

bool stored_file_read(const StoredFile *file, uint64_t from, size_t count, void *out) {
    char *to = out;
    if (file->descriptor < 0) memcpy(out, file->bytes + from, count);
    while (file->descriptor >= 0 && count > 0) {
        const ssize_t read = pread(file->descriptor, to, count, (off_t)from);
        if (read < 0 && errno == EINTR) continue;
        if (read <= 0) return false;
        to += read;
        from += (uint64_t)read;
        count -= (size_t)read;
    }
    return true;
}

bool stored_file_begins(const char *path, const char *text) {
    char start[16];
    struct stat status;
    const size_t length = strlen(text);
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const StoredFile file = {.descriptor = descriptor};
    const bool begins = descriptor >= 0 && fstat(descriptor, &status) == 0 &&
                        S_ISREG(status.st_mode) && length <= sizeof start &&
                        stored_file_read(&file, 0, length, start) &&
                        memcmp(start, text, length) == 0;
    if (descriptor >= 0) close(descriptor);
    return begins;
}

bool stored_file_report_cut_off(const StoredFile *file, Diag *diag) {
    diag_error(diag, file->loc, "the file cannot be read, or was cut off meanwhile");
    return diag_hint(diag, "replace weights by renaming another file over them");
}

char *stored_file_text(const StoredFile *file, uint64_t from, size_t count, Diag *diag) {
    char *text = malloc(count + 1);
    if (text && stored_file_read(file, from, count, text)) return text;
    if (text)
        stored_file_report_cut_off(file, diag);
    else
        diag_error(diag, file->loc, "out of memory while reading %zu bytes", count);
    free(text);
    return NULL;
}

/* ---- files of other kinds ---- */

typedef struct {
    const char *start;
    size_t length;
    const char *what, *hint;
} OtherKind;

#define OTHER(start, what, hint)                                                                   \
    { start, sizeof(start) - 1, what, hint }
static const OtherKind others[] = {
    OTHER("version https://git-lfs", "a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    OTHER("<!DOCTYPE", "a web page", "download the file itself, not the page that shows it"),
    OTHER("<!doctype", "a web page", "download the file itself, not the page that shows it"),
    OTHER("<html", "a web page", "download the file itself, not the page that shows it"),
    OTHER("GGUF", "a GGUF file", "give it the ending .gguf"),
    OTHER("ggjt", "a GGML file of before GGUF", "convert the original checkpoint to GGUF"),
    OTHER("tjgg", "a GGML file of before GGUF", "convert the original checkpoint to GGUF"),
    OTHER("lmgg", "a GGML file of before GGUF", "convert the original checkpoint to GGUF"),
    OTHER("PK\3\4", "a zip archive, as torch.save() makes them",
          "save the tensors as safetensors: safetensors.torch.save_file()"),
    OTHER("\x80\2", "a pickle, as torch.save() makes them",
          "save the tensors as safetensors: safetensors.torch.save_file()"),
    OTHER("\x1f\x8b", "compressed by gzip", "unpack it first"),
    OTHER("\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it first"),
};
#undef OTHER

bool stored_file_report_other(const StoredFile *file, const char *expected, Diag *diag) {
    char start[32];
    const size_t most = file->length < sizeof start ? (size_t)file->length : sizeof start;
    if (!stored_file_read(file, 0, most, start)) return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const OtherKind *other = &others[i];
        if (other->length > most || memcmp(start, other->start, other->length) != 0) continue;
        diag_error(diag, file->loc, "not %s but %s", expected, other->what);
        diag_hint(diag, "%s", other->hint);
        return true;
    }
    return false;
}

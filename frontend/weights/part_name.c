#include "frontend/weights/part_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 5 };

/* Five digits behind a mark; *text becomes what follows them. False: they are not there. */
static bool read_number(const char **text, const char *mark, int64_t *out) {
    const size_t length = strlen(mark);
    if (strncmp(*text, mark, length) != 0 || strspn(*text + length, "0123456789") != DIGITS)
        return false;
    *out = strtoll(*text + length, NULL, 10);
    *text += length + DIGITS;
    return true;
}

bool part_name_read(const char *path, const char *ending, PartName *out) {
    static const char form[] = "-00001-of-00001";
    const size_t length = strlen(path), tail = sizeof form - 1 + strlen(ending);
    if (length < tail) return false;
    const char *part = path + length - tail;
    *out = (PartName){.path = path, .ending = ending, .stem = (int)(part - path)};
    return read_number(&part, "-", &out->number) && read_number(&part, "-of-", &out->count) &&
           strcmp(part, ending) == 0;
}

const char *part_name_path(const PartName *name, int64_t number, Arena *arena) {
    return arena_printf(arena, "%.*s-%05" PRId64 "-of-%05" PRId64 "%s", name->stem, name->path,
                        number, name->count, name->ending);
}

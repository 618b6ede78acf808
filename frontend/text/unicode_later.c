#include "frontend/text/unicode_later.h"

#include <stdbool.h>
#include <stddef.h>
#include <utf8proc.h>

typedef struct {
    uint32_t first, last;
    int version;
} Age;

static const Age ages[] = {
#define AGE(version, first, last) {first, last, version},
#include "frontend/text/unicode_later.def"
};

typedef struct {
    uint32_t first, last;
    int category;
} Newer;

enum {
    Lu = UTF8PROC_CATEGORY_LU,
    Ll = UTF8PROC_CATEGORY_LL,
    Lm = UTF8PROC_CATEGORY_LM,
    Lo = UTF8PROC_CATEGORY_LO,
    Mn = UTF8PROC_CATEGORY_MN,
    Mc = UTF8PROC_CATEGORY_MC,
    Nd = UTF8PROC_CATEGORY_ND,
    No = UTF8PROC_CATEGORY_NO,
    Pd = UTF8PROC_CATEGORY_PD,
    Po = UTF8PROC_CATEGORY_PO,
    Sm = UTF8PROC_CATEGORY_SM,
    So = UTF8PROC_CATEGORY_SO,
    Cf = UTF8PROC_CATEGORY_CF
};

static const Newer newer[] = {
    /* ascending */
#define NEWER(first, last, category) {first, last, category},
#include "frontend/text/unicode_later.def"
};

static const struct {
    uint32_t first, last, lower;
} lowers[] = {
#define LOWER(first, last, lower) {first, last, lower},
#include "frontend/text/unicode_later.def"
};

static const Newer *find_newer(uint32_t character) {
    size_t low = 0, high = sizeof newer / sizeof *newer;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (newer[middle].last < character)
            low = middle + 1;
        else
            high = middle;
    }
    const bool is_found = low < sizeof newer / sizeof *newer && newer[low].first <= character;
    return is_found ? &newer[low] : NULL;
}

int unicode_age(uint32_t character) {
    for (size_t i = 0; i < sizeof ages / sizeof *ages; i++)
        if (character >= ages[i].first && character <= ages[i].last) return ages[i].version;
    if (find_newer(character)) return 160;
    return utf8proc_category((utf8proc_int32_t)character) ? 80 : 200;
}

int unicode_category(uint32_t character) {
    const int category = utf8proc_category((utf8proc_int32_t)character);
    const Newer *later = category ? NULL : find_newer(character);
    return later ? later->category : category;
}

uint32_t unicode_lower(uint32_t character) {
    for (size_t i = 0; i < sizeof lowers / sizeof *lowers; i++)
        if (character >= lowers[i].first && character <= lowers[i].last)
            return lowers[i].lower + (character - lowers[i].first);
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)character);
}

#include "frontend/model/foreign_names.h"

static const struct {
    const char *name;
    const Section *section;
    const char *key, *form;
} keys[] = {
#define FOREIGN_KEY(name, section, key, form) {#name, &keys_##section, #key, form},
#include "frontend/model/foreign_names.def"
};

static const struct {
    ReadKind *kind;
    const char *name, *form;
} words[] = {
#define FOREIGN_WORD(kind, name, form) {keys_read_##kind, #name, form},
#include "frontend/model/foreign_names.def"
};

/* The first letter or digit from there on, letters small; 0 at the end. */
static char next_letter(const char **text) {
    while (**text) {
        const char c = *(*text)++;
        if (c >= 'A' && c <= 'Z') return (char)(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return c;
    }
    return 0;
}

bool foreign_names_match(const char *a, const char *b) {
    for (;;) {
        const char letter = next_letter(&a);
        if (letter != next_letter(&b)) return false;
        if (!letter) return true;
    }
}

const char *foreign_names_key(const Section *section, const char *name, Arena *arena) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!foreign_names_match(keys[i].name, name)) continue;
        if (keys[i].section == section)
            return arena_printf(arena, "did you mean '%s'?", keys[i].key);
        return arena_printf(arena, "here that is '%s'", keys[i].form);
    }
    return NULL;
}

const char *foreign_names_word(ReadKind *kind, const char *name) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].kind == kind && foreign_names_match(words[i].name, name)) return words[i].form;
    return NULL;
}

/* tables_file.h - a tokenizer's tables being written: sections, put one after the other. */
#ifndef FRONTEND_TABLES_FILE_H
#define FRONTEND_TABLES_FILE_H

#include "ir/arena.h"
#include "runtime/text/tables.h"
#include "runtime/text/text_buffer.h"

typedef struct {
    Arena *arena;
    TextSection section[TEXT_MAX_SECTIONS];
    uint32_t section_count;
    bool is_full; /* something had no room, or there was no memory */
    TextBuffer
        data; /* all sections, from the first multiple of TEXT_ALIGNMENT behind a full directory */
} TablesFile;

/* Copies the bytes of a section. Returns its place in the directory; 0 is that of the first, and of
 * what had no room. */
uint32_t tables_file_add(TablesFile *file, TextSectionKind kind, const void *bytes, size_t count);

/* One more name for the bytes of a section that is there. */
uint32_t tables_file_share(TablesFile *file, TextSectionKind kind, uint32_t section);

/* Header, directory and data, sealed, in place of what `out` holds. False: out of memory, or
 * something had no room. */
bool tables_file_write(const TablesFile *file, uint64_t source_id, TextBuffer *out);

#endif

/* tables_file.c - see tables_file.h. Room for a full directory is left, so that sections may come
 * one by one. */
#include "frontend/text/tables_file.h"

#include <string.h>

enum {
    DATA = (sizeof(TextFileHeader) + TEXT_MAX_SECTIONS * sizeof(TextSection) + TEXT_ALIGNMENT - 1) /
           TEXT_ALIGNMENT * TEXT_ALIGNMENT
};

uint32_t tables_file_add(TablesFile *file, TextSectionKind kind, const void *bytes, size_t count) {
    static const char zeros[TEXT_ALIGNMENT];
    const size_t over = file->data.count % TEXT_ALIGNMENT;
    if (over) tw_text_buffer_add(&file->data, zeros, TEXT_ALIGNMENT - over);
    const uint64_t offset = DATA + file->data.count;
    tw_text_buffer_add(&file->data, bytes, count);
    if (file->data.failed || file->section_count == TEXT_MAX_SECTIONS) {
        file->is_full = true;
        return 0;
    }
    file->section[file->section_count] = (TextSection){(uint32_t)kind, 0, offset, count};
    return file->section_count++;
}

uint32_t tables_file_share(TablesFile *file, TextSectionKind kind, uint32_t section) {
    if (file->section_count == TEXT_MAX_SECTIONS) {
        file->is_full = true;
        return 0;
    }
    file->section[file->section_count] = file->section[section];
    file->section[file->section_count].kind = (uint32_t)kind;
    return file->section_count++;
}

bool tables_file_write(const TablesFile *file, uint64_t source_id, TextBuffer *out) {
    out->count = 0;
    uint8_t *bytes = tw_text_buffer_more(out, DATA + file->data.count);
    if (file->is_full || !bytes) return false;
    out->count = DATA + file->data.count;
    memset(bytes, 0, DATA);
    TextFileHeader *header = (TextFileHeader *)(void *)bytes;
    header->section_count = file->section_count;
    header->source_id = source_id;
    memcpy(header + 1, file->section, file->section_count * sizeof *file->section);
    if (file->data.count) memcpy(bytes + DATA, file->data.bytes, file->data.count);
    return tw_text_tables_seal(bytes, out->count);
}

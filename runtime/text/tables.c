/* tables.c - opens a tokenizer's tables: everything is checked before the first use. */
#include "runtime/text/tables.h"

#include "runtime/text/tables_check.h"
#include "runtime/weights_file.h"

#include <string.h>

_Static_assert(sizeof(TextFileHeader) == TEXT_ALIGNMENT, "the header has no gaps");
_Static_assert(sizeof(TextSection) == 24 && sizeof(TextStep) == 32 && sizeof(TextHead) == 96,
               "sections have no gaps");

bool tw_text_tables_seal(void *file, uint64_t bytes) {
    TextFileHeader *header = file;
    memcpy(header->magic, TEXT_TABLES_MAGIC, sizeof header->magic);
    header->version = TEXT_TABLES_VERSION;
    header->bytes = bytes;
    return tw_weights_checksum((const char *)(header + 1), bytes - sizeof *header,
                               &header->checksum);
}

/* Magic first and checksum last: the status names what is furthest from a file of ours. */
static TwStatus check_header(const TextFileHeader *header, uint64_t bytes) {
    if (bytes < sizeof header->magic ||
        memcmp(header->magic, TEXT_TABLES_MAGIC, sizeof header->magic) != 0)
        return TW_NOT_TOKENIZER;
    if (bytes < sizeof *header) return TW_TOKENIZER_SIZE;
    if (header->version != TEXT_TABLES_VERSION) return TW_TOKENIZER_VERSION;
    const uint32_t count = header->section_count;
    if (header->bytes != bytes || count == 0 || count > TEXT_MAX_SECTIONS ||
        count * sizeof(TextSection) > bytes - sizeof *header)
        return TW_TOKENIZER_SIZE;
    uint64_t checksum = 0;
    if (!tw_weights_checksum((const char *)(header + 1), bytes - sizeof *header, &checksum))
        return TW_NO_MEMORY;
    return checksum == header->checksum ? TW_OK : TW_TOKENIZER_CHECKSUM;
}

static const uint32_t element_bytes[] = {
#define SECTION(name, type, holds) sizeof(type),
#include "runtime/text/sections.def"
#undef SECTION
};

static bool is_section_sound(const TextSection *section, uint64_t file_bytes) {
    if (section->kind >= TEXT_SECTION_COUNT || section->offset % TEXT_ALIGNMENT) return false;
    if (section->offset > file_bytes || section->bytes > file_bytes - section->offset) return false;
    return section->bytes % element_bytes[section->kind] == 0 && section->bytes <= INT32_MAX;
}

static void take_section(TextTables *tables, const TextSection *section) {
    switch ((TextSectionKind)section->kind) {
#define SECTION(name, type, holds)                                                                 \
    case TEXT_SECTION_##name:                                                                      \
        if (tables->name) return;                                                                  \
        tables->name = (const type *)(const void *)(tables->file + section->offset);               \
        tables->name##_count = (uint32_t)(section->bytes / sizeof(type));                          \
        return;
#include "runtime/text/sections.def"
#undef SECTION
    case TEXT_SECTION_COUNT: return;
    }
}

TwStatus tw_text_tables_open(const void *file, uint64_t bytes, TextTables *out) {
    if (!file || (uintptr_t)file % sizeof(uint64_t)) return TW_BAD_ARGUMENT;
    const TextFileHeader *header = file;
    const TwStatus status = check_header(header, bytes);
    if (status != TW_OK) return status;

    *out = (TextTables){.file = file,
                        .directory = (const TextSection *)(const void *)(header + 1),
                        .section_count = header->section_count};
    for (uint32_t i = 0; i < out->section_count; i++) {
        if (!is_section_sound(&out->directory[i], bytes)) return TW_BAD_TOKENIZER;
        take_section(out, &out->directory[i]);
    }
    return tw_text_tables_check(out) ? TW_OK : TW_BAD_TOKENIZER;
}

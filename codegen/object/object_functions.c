/* object_functions.c - where the functions of an object lie after it has been loaded.
 *
 * Kernels are local symbols, of which a loader does not tell. What is known of the loaded code are
 * the addresses of its two entries, from the TwProgram. The relocations of these two fields say at
 * which offset of the section of code the entries are; everything else of the section lies beside.
 */
#include "codegen/object/object_functions.h"

#include <elf.h>
#include <string.h>

typedef struct {
    Bytes bytes;
    Elf64_Ehdr header;
    Elf64_Shdr symbols, names;
} Object;

/* A place in the section of code. */
typedef struct {
    uint32_t section;
    uint64_t offset;
} CodePlace;

/* Copies, since nothing of an object that stands in memory somewhere is aligned. */
static bool read_at(const Object *object, uint64_t offset, void *out, size_t size) {
    if (offset > object->bytes.count || size > object->bytes.count - offset) return false;
    memcpy(out, object->bytes.data + offset, size);
    return true;
}

static bool is_inside(const Object *object, const Elf64_Shdr *section) {
    return section->sh_offset <= object->bytes.count &&
           section->sh_size <= object->bytes.count - section->sh_offset;
}

static bool read_section(const Object *object, uint32_t number, Elf64_Shdr *out) {
    return number < object->header.e_shnum &&
           read_at(object, object->header.e_shoff + number * sizeof *out, out, sizeof *out);
}

static bool read_symbol(const Object *object, uint64_t number, Elf64_Sym *out) {
    return number < object->symbols.sh_size / sizeof *out &&
           read_at(object, object->symbols.sh_offset + number * sizeof *out, out, sizeof *out);
}

/* Null: it does not end within the table. */
static const char *symbol_name(const Object *object, const Elf64_Sym *symbol) {
    const Elf64_Shdr *names = &object->names;
    if (symbol->st_name >= names->sh_size) return NULL;
    const char *name = object->bytes.data + names->sh_offset + symbol->st_name;
    return memchr(name, 0, names->sh_size - symbol->st_name) ? name : NULL;
}

static bool open_object(Object *object, Bytes bytes) {
    *object = (Object){.bytes = bytes};
    const Elf64_Ehdr *header = &object->header;
    if (!read_at(object, 0, &object->header, sizeof object->header) ||
        memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_type != ET_REL || header->e_shentsize != sizeof(Elf64_Shdr))
        return false;
    for (uint32_t i = 0; read_section(object, i, &object->symbols); i++)
        if (object->symbols.sh_type == SHT_SYMTAB)
            return is_inside(object, &object->symbols) &&
                   read_section(object, object->symbols.sh_link, &object->names) &&
                   is_inside(object, &object->names);
    return false;
}

static bool find_symbol(const Object *object, const char *wanted, Elf64_Sym *out) {
    for (uint64_t i = 0; read_symbol(object, i, out); i++) {
        const char *name = symbol_name(object, out);
        if (name && out->st_shndx != SHN_UNDEF && strcmp(name, wanted) == 0) return true;
    }
    return false;
}

/* What the relocation of a pointer in the data lets it point to. */
static bool find_pointee(const Object *object, uint32_t section, uint64_t offset, CodePlace *out) {
    Elf64_Shdr list;
    for (uint32_t i = 0; read_section(object, i, &list); i++) {
        if (list.sh_type != SHT_RELA || list.sh_info != section) continue;
        Elf64_Rela entry;
        for (uint64_t k = 0; k < list.sh_size / sizeof entry; k++) {
            Elf64_Sym symbol;
            if (!read_at(object, list.sh_offset + k * sizeof entry, &entry, sizeof entry))
                return false;
            if (entry.r_offset != offset) continue;
            if (!read_symbol(object, ELF64_R_SYM(entry.r_info), &symbol)) return false;
            *out = (CodePlace){symbol.st_shndx, symbol.st_value + (uint64_t)entry.r_addend};
            return true;
        }
    }
    return false;
}

/* Where the section of code begins in memory; both entries have to agree. */
static bool find_code(const Object *object, const char *symbol, const TwProgram *program,
                      uint32_t *section, uintptr_t *start) {
    Elf64_Sym descriptor;
    CodePlace prefill, decode;
    if (!find_symbol(object, symbol, &descriptor) ||
        !find_pointee(object, descriptor.st_shndx,
                      descriptor.st_value + offsetof(TwProgram, prefill), &prefill) ||
        !find_pointee(object, descriptor.st_shndx,
                      descriptor.st_value + offsetof(TwProgram, decode), &decode))
        return false;
    *section = prefill.section;
    *start = (uintptr_t)program->prefill - prefill.offset;
    return decode.section == prefill.section &&
           (uintptr_t)program->decode - decode.offset == *start;
}

/* A function of the section of code. */
static bool is_function(const Elf64_Sym *symbol, uint32_t section, uint64_t section_bytes) {
    return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx == section &&
           symbol->st_value <= section_bytes && symbol->st_size <= section_bytes - symbol->st_value;
}

bool object_functions(Bytes bytes, const char *symbol, const TwProgram *program, Arena *arena,
                      LoadedFunctions *out) {
    Object object;
    Elf64_Shdr code;
    Elf64_Sym entry;
    uint32_t section;
    uintptr_t start;
    if (!open_object(&object, bytes) || !find_code(&object, symbol, program, &section, &start) ||
        !read_section(&object, section, &code))
        return false;
    const size_t most = object.symbols.sh_size / sizeof entry;
    *out = (LoadedFunctions){.machine = object.header.e_machine,
                             .function = ARENA_ARRAY(arena, LoadedFunction, most + 1)};
    for (uint64_t i = 0; read_symbol(&object, i, &entry); i++) {
        const char *name = symbol_name(&object, &entry);
        if (!name || !is_function(&entry, section, code.sh_size)) continue;
        out->function[out->count++] =
            (LoadedFunction){.name = arena_printf(arena, "%s", name),
                             .code = (const char *)(start + entry.st_value),
                             .bytes = entry.st_size};
    }
    return out->count > 0;
}

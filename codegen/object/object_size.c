#include "codegen/object/object_size.h"

#include <llvm-c/Core.h>
#include <llvm-c/Object.h>
#include <stdlib.h>
#include <string.h>

/* ---- sections ---- */

static bool begins(const char *name, const char *with) {
    return strncmp(name, with, strlen(with)) == 0;
}

static bool is_text(const char *name) {
    return strcmp(name, ".text") == 0;
}

/* Where bytes of that section are counted. */
static uint64_t *sum_of(ObjectSize *size, const char *name) {
    static const char relocations[] = ".rela";
    const bool is_relocation = begins(name, relocations);
    const char *of = is_relocation ? name + sizeof relocations - 1 : name;
    if (begins(of, ".debug_")) return &size->debug;
    if (is_relocation) return &size->relocations;
    if (is_text(name)) return &size->text;
    if (strcmp(name, ".eh_frame") == 0) return &size->unwind;
    if (begins(name, ".rodata") || begins(name, ".data")) return &size->constants;
    if (strcmp(name, ".symtab") == 0 || strcmp(name, ".strtab") == 0) return &size->symbols;
    return &size->headers;
}

static void add_sections(LLVMBinaryRef object, ObjectSize *size) {
    LLVMSectionIteratorRef section = LLVMObjectFileCopySectionIterator(object);
    for (; !LLVMObjectFileIsSectionIteratorAtEnd(object, section); LLVMMoveToNextSection(section)) {
        const char *name = LLVMGetSectionName(section);
        *sum_of(size, name ? name : "") += LLVMGetSectionSize(section);
    }
    LLVMDisposeSectionIterator(section);
    size->headers = size->file - (size->text + size->constants + size->unwind + size->relocations +
                                  size->debug + size->symbols);
}

/* ---- functions ---- */

/* A symbol of code: not the section's own, nor one of those that mark kinds of code on AArch64. */
static bool is_function(LLVMBinaryRef object, LLVMSymbolIteratorRef symbol,
                        LLVMSectionIteratorRef section) {
    const char *name = LLVMGetSymbolName(symbol);
    if (!name || !*name || *name == '.' || *name == '$') return false;
    LLVMMoveToContainingSection(section, symbol);
    return !LLVMObjectFileIsSectionIteratorAtEnd(object, section) &&
           is_text(LLVMGetSectionName(section));
}

static int count_symbols(LLVMBinaryRef object) {
    int count = 0;
    LLVMSymbolIteratorRef symbol = LLVMObjectFileCopySymbolIterator(object);
    for (; !LLVMObjectFileIsSymbolIteratorAtEnd(object, symbol); LLVMMoveToNextSymbol(symbol))
        count++;
    LLVMDisposeSymbolIterator(symbol);
    return count;
}

static int compare_addresses(const void *a, const void *b) {
    const uint64_t x = ((const ObjectFunction *)a)->address;
    const uint64_t y = ((const ObjectFunction *)b)->address;
    return (x > y) - (x < y);
}

/* LLVM's C API has the size of common symbols alone, but functions follow each other. */
static void measure(ObjectSize *size) {
    qsort(size->function, (size_t)size->function_count, sizeof *size->function, compare_addresses);
    for (int i = 0; i < size->function_count; i++) {
        const bool is_last = i + 1 == size->function_count;
        const uint64_t end = is_last ? size->text : size->function[i + 1].address;
        size->function[i].bytes = end - size->function[i].address;
    }
}

static void add_functions(LLVMBinaryRef object, Arena *arena, ObjectSize *size) {
    size->function = ARENA_ARRAY(arena, ObjectFunction, (size_t)count_symbols(object) + 1);
    LLVMSectionIteratorRef section = LLVMObjectFileCopySectionIterator(object);
    LLVMSymbolIteratorRef symbol = LLVMObjectFileCopySymbolIterator(object);
    for (; !LLVMObjectFileIsSymbolIteratorAtEnd(object, symbol); LLVMMoveToNextSymbol(symbol)) {
        if (!is_function(object, symbol, section)) continue;
        size->function[size->function_count++] =
            (ObjectFunction){.name = arena_printf(arena, "%s", LLVMGetSymbolName(symbol)),
                             .address = LLVMGetSymbolAddress(symbol)};
    }
    LLVMDisposeSymbolIterator(symbol);
    LLVMDisposeSectionIterator(section);
    measure(size);
}

bool object_size(Module *module, Arena *arena, Diag *diag, ObjectSize *size) {
    *size = (ObjectSize){0};
    LLVMMemoryBufferRef buffer = module_write(module, MODULE_OBJECT, diag);
    if (!buffer) return false;
    size->file = LLVMGetBufferSize(buffer);
    char *message = NULL;
    LLVMBinaryRef object = LLVMCreateBinary(buffer, NULL, &message);
    if (object) {
        add_sections(object, size);
        add_functions(object, arena, size);
        LLVMDisposeBinary(object);
    } else {
        diag_error(diag, (Loc){0}, "LLVM does not read its own object: %.400s", message);
        LLVMDisposeMessage(message);
    }
    LLVMDisposeMemoryBuffer(buffer);
    return object != NULL;
}

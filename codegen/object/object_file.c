/* object_file.c - puts packed weights into an object, as they lie on disk.
 *
 * What LLVM wrote has an empty section for them. Its contents may lie anywhere in the file: they
 * are appended, and the section's header says where.
 */
#include "codegen/object/object_file.h"

#include "codegen/emit/module_names.h"

#include <elf.h>
#include <llvm-c/Core.h>
#include <stdlib.h>
#include <string.h>

#ifndef SHF_X86_64_LARGE
#define SHF_X86_64_LARGE 0x10000000
#endif

static bool bug(Diag *diag) {
    return diag_error(diag, (Loc){0},
                      "the object has no section for the weights, which is a bug of the compiler");
}

/* Of an object that LLVM has just written. Null: there is no such section. */
static Elf64_Shdr *find_section(char *object, size_t bytes) {
    Elf64_Ehdr *header = (Elf64_Ehdr *)object;
    if (bytes < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != ELFCLASS64)
        return NULL;
    Elf64_Shdr *section = (Elf64_Shdr *)(object + header->e_shoff);
    const char *names = object + section[header->e_shstrndx].sh_offset;
    for (int i = 0; i < header->e_shnum; i++)
        if (strcmp(names + section[i].sh_name, MODULE_WEIGHTS_SECTION) == 0) return &section[i];
    return NULL;
}

static void fill(FILE *out, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) fputc(0, out);
}

static bool report_progress(const ObjectWeights *weights, size_t done, Diag *diag) {
    static const char what[] = "writing the object";
    if (!weights->progress ||
        weights->progress(weights->progress_context, what, (double)done / (double)weights->bytes))
        return true;
    return diag_error(diag, (Loc){0}, "%s was stopped", what);
}

static bool append(const ObjectWeights *weights, FILE *out, Diag *diag) {
    enum { BLOCK = 1 << 20 };
    const char *file = weights->file;
    for (size_t done = 0, count; done < weights->bytes && !ferror(out); done += count) {
        count = weights->bytes - done < BLOCK ? weights->bytes - done : BLOCK;
        fwrite(file + done, 1, count, out);
        if (!report_progress(weights, done + count, diag)) return false;
    }
    return true;
}

static bool print(char *object, size_t bytes, const ObjectWeights *weights, FILE *out, Diag *diag) {
    Elf64_Shdr *section = find_section(object, bytes);
    if (!section) return bug(diag);
    const uint64_t gap = -(uint64_t)bytes % MODULE_WEIGHTS_ALIGNMENT;
    section->sh_offset = bytes + gap;
    section->sh_size = weights->bytes;
    if (((Elf64_Ehdr *)object)->e_machine == EM_X86_64) section->sh_flags |= SHF_X86_64_LARGE;
    fwrite(object, 1, bytes, out);
    fill(out, gap);
    return append(weights, out, diag);
}

bool object_print(Module *module, const ObjectWeights *weights, FILE *out, Diag *diag) {
    LLVMMemoryBufferRef buffer = module_write(module, MODULE_OBJECT, diag);
    if (!buffer) return false;
    const size_t bytes = LLVMGetBufferSize(buffer);
    char *object = malloc(bytes); /* the buffer is not to be written to */
    if (object) memcpy(object, LLVMGetBufferStart(buffer), bytes);
    const bool is_done = object ? print(object, bytes, weights, out, diag)
                                : diag_error(diag, (Loc){0}, "out of memory");
    free(object);
    LLVMDisposeMemoryBuffer(buffer);
    return is_done;
}

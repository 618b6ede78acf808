/* object_file.c - puts packed weights into an object, as they lie on disk.
 *
 * What LLVM wrote has an empty section for them. Its contents may lie anywhere in the file: they
 * are appended, and the section's header says where.
 */
#include "codegen/object_file.h"

#include <elf.h>
#include <errno.h>
#include <llvm-c/Core.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
        if (strcmp(names + section[i].sh_name, OBJECT_WEIGHTS_SECTION) == 0) return &section[i];
    return NULL;
}

static void fill(FILE *out, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) fputc(0, out);
}

typedef struct {
    const ObjectWeights *weights;
    FILE *from, *out;
    uint64_t bytes;
    Diag *diag;
} Print;

static bool report_progress(const Print *p, uint64_t done) {
    const ObjectWeights *weights = p->weights;
    static const char what[] = "writing the object";
    if (!weights->progress ||
        weights->progress(weights->progress_context, what, (double)done / (double)p->bytes))
        return true;
    return diag_error(p->diag, (Loc){0}, "%s was stopped", what);
}

static bool append(const Print *p) {
    enum { BLOCK = 1 << 20 };
    char *block = malloc(BLOCK);
    if (!block) return diag_error(p->diag, (Loc){0}, "out of memory");
    uint64_t done = 0;
    bool goes_on = true;
    for (size_t count;
         goes_on && (count = fread(block, 1, BLOCK, p->from)) > 0 && !ferror(p->out);) {
        fwrite(block, 1, count, p->out);
        done += count;
        goes_on = report_progress(p, done);
    }
    free(block);
    return goes_on &&
           (done == p->bytes || ferror(p->out) ||
            diag_error(p->diag, (Loc){0}, "'%s' has changed while it was read", p->weights->path));
}

static bool print(Print *p, char *object, size_t bytes) {
    struct stat info;
    Elf64_Shdr *section = find_section(object, bytes);
    if (!section) return bug(p->diag);
    if (fstat(fileno(p->from), &info) != 0)
        return diag_error(p->diag, (Loc){0}, "'%s': %s", p->weights->path, strerror(errno));
    const uint64_t gap = -(uint64_t)bytes % OBJECT_WEIGHTS_ALIGNMENT;
    p->bytes = (uint64_t)info.st_size;
    section->sh_offset = bytes + gap;
    section->sh_size = p->bytes;
    if (((Elf64_Ehdr *)object)->e_machine == EM_X86_64) section->sh_flags |= SHF_X86_64_LARGE;
    fwrite(object, 1, bytes, p->out);
    fill(p->out, gap);
    return append(p);
}

bool object_print(Module *module, const ObjectWeights *weights, FILE *out, Diag *diag) {
    LLVMMemoryBufferRef buffer = module_write(module, MODULE_OBJECT, diag);
    if (!buffer) return false;
    const size_t bytes = LLVMGetBufferSize(buffer);
    char *object = malloc(bytes); /* the buffer is not to be written to */
    Print p = {.weights = weights, .from = fopen(weights->path, "rb"), .out = out, .diag = diag};
    bool is_done = false;
    if (!object)
        diag_error(diag, (Loc){0}, "out of memory");
    else if (!p.from)
        diag_error(diag, (Loc){0}, "'%s' cannot be read: %s", weights->path, strerror(errno));
    else {
        memcpy(object, LLVMGetBufferStart(buffer), bytes);
        is_done = print(&p, object, bytes);
    }
    if (p.from) fclose(p.from);
    free(object);
    LLVMDisposeMemoryBuffer(buffer);
    return is_done;
}

#include "codegen/emit/debug_info.h"

#include <llvm-c/DebugInfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct DebugInfo {
    LLVMContextRef context;
    LLVMDIBuilderRef builder;
    LLVMMetadataRef file, type; /* all functions look the same: what they take is of no use here */
    const Source *source;
    uint32_t *line; /* where each begins, so that a place is found without counting anew */
    int line_count;
};

/* ---- places ---- */

static void find_lines(DebugInfo *info, Arena *arena) {
    const Source *source = info->source;
    const size_t length = source->text ? source->length : 0;
    size_t count = 1;
    for (size_t i = 0; i < length; i++) count += source->text[i] == '\n';
    info->line = ARENA_ARRAY(arena, uint32_t, count);
    info->line[info->line_count++] = 0;
    for (size_t i = 0; i < length; i++)
        if (source->text[i] == '\n') info->line[info->line_count++] = (uint32_t)(i + 1);
}

/* {0, 0} for a place elsewhere: in DWARF that says that there is no line. */
static LineColumn find_place(const DebugInfo *info, Loc loc) {
    if (loc.source != info->source || !info->source->text) return (LineColumn){0, 0};
    int from = 0, to = info->line_count; /* the line is in [from, to) */
    while (to - from > 1) {
        const int middle = from + (to - from) / 2;
        if (info->line[middle] <= loc.offset)
            from = middle;
        else
            to = middle;
    }
    return (LineColumn){from + 1, (int)(loc.offset - info->line[from]) + 1};
}

/* ---- the module ---- */

static void add_flag(LLVMModuleRef module, const char *name, unsigned value) {
    LLVMTypeRef type = LLVMInt32TypeInContext(LLVMGetModuleContext(module));
    LLVMAddModuleFlag(module, LLVMModuleFlagBehaviorWarning, name, strlen(name),
                      LLVMValueAsMetadata(LLVMConstInt(type, value, 0)));
}

/* As C compilers do: the name as it was given, and the directory that it is relative to. */
static LLVMMetadataRef create_file(DebugInfo *info) {
    char *directory = getcwd(NULL, 0);
    const char *from = directory ? directory : "";
    const char *name = info->source->name;
    LLVMMetadataRef file =
        LLVMDIBuilderCreateFile(info->builder, name, strlen(name), from, strlen(from));
    free(directory);
    return file;
}

DebugInfo *debug_info_begin(LLVMModuleRef module, const Source *source, Arena *arena) {
    static const char producer[] = "Thalweg " THALWEG_VERSION;
    enum { DWARF_VERSION = 4 }; /* of version 5 valgrind 3.19 cannot read all forms */
    DebugInfo *info = ARENA_NEW(arena, DebugInfo);
    *info = (DebugInfo){.context = LLVMGetModuleContext(module), .source = source};
    info->builder = LLVMCreateDIBuilder(module);
    find_lines(info, arena);
    info->file = create_file(info);
    info->type =
        LLVMDIBuilderCreateSubroutineType(info->builder, info->file, NULL, 0, LLVMDIFlagZero);
    /* DWARF has no code for such descriptions; debuggers show the code of C as it is. */
    LLVMDIBuilderCreateCompileUnit(info->builder, LLVMDWARFSourceLanguageC11, info->file, producer,
                                   sizeof producer - 1, 1, "", 0, 0, "", 0, LLVMDWARFEmissionFull,
                                   0, 0, 0, "", 0, "", 0);
    add_flag(module, "Debug Info Version", LLVMDebugMetadataVersion());
    add_flag(module, "Dwarf Version", DWARF_VERSION);
    return info;
}

void debug_info_end(DebugInfo *info) {
    LLVMDIBuilderFinalize(info->builder);
    LLVMDisposeDIBuilder(info->builder);
}

/* ---- functions ---- */

void debug_info_function(DebugInfo *info, LLVMValueRef function, Loc loc) {
    size_t length = 0;
    const char *name = LLVMGetValueName2(function, &length);
    const unsigned line = (unsigned)find_place(info, loc).line;
    const LLVMDIFlags flags = line ? LLVMDIFlagZero : LLVMDIFlagArtificial;
    LLVMSetSubprogram(function, LLVMDIBuilderCreateFunction(info->builder, info->file, name, length,
                                                            "", 0, info->file, line, info->type, 1,
                                                            1, line, flags, 1));
}

LLVMMetadataRef debug_info_place(DebugInfo *info, LLVMValueRef function, Loc loc) {
    const LineColumn place = find_place(info, loc);
    return LLVMDIBuilderCreateDebugLocation(info->context, (unsigned)place.line,
                                            (unsigned)place.column, LLVMGetSubprogram(function),
                                            NULL);
}

/* compiler_object.c - compiled code as a file: what `compile` writes, that others link. */
#include "codegen/object_file.h"
#include "frontend/compiler.h"
#include "frontend/output_file.h"

/* The model for each processor. False: reported. */
static bool make_parts(Thalweg *thalweg, ModulePart *part) {
    part[0] = (ModulePart){thalweg->plan, thalweg->target};
    const uint64_t id = layout_id(thalweg->plan->layout);
    for (int i = 0; i < thalweg->others; i++) {
        const Thalweg *other = thalweg->other[i];
        if (layout_id(other->plan->layout) != id)
            return diag_error(&thalweg->diag, (Loc){0},
                              "code for '%s' and '%s' would not read the same weights, which is a "
                              "bug of the compiler",
                              thalweg->target->cpu, other->target->cpu);
        part[i + 1] = (ModulePart){other->plan, other->target};
    }
    return true;
}

Module *compiler_object_module(Thalweg *thalweg, bool is_program) {
    ModuleOptions options = {.is_object = true,
                             .is_program = is_program,
                             .has_weights = thalweg->options.embed_weights,
                             .has_byte_tokens = thalweg->model->tokenizer == TOKENIZER_bytes};
    const int count = thalweg->others + 1;
    ModulePart *part = ARENA_ARRAY(thalweg->arena, ModulePart, (size_t)count);
    if (!compiler_plan_all(thalweg) || !make_parts(thalweg, part)) return NULL;
    return module_create(part, count, &options, &thalweg->diag);
}

static bool write_module(Thalweg *thalweg, Module *module, ThalwegEmit form, const char *path) {
    static const ModuleForm forms[] = {[THALWEG_LLVM] = MODULE_LLVM,
                                       [THALWEG_BITCODE] = MODULE_BITCODE,
                                       [THALWEG_ASSEMBLY] = MODULE_ASSEMBLY,
                                       [THALWEG_OBJECT] = MODULE_OBJECT};
    OutputFile file;
    if (!output_file_open(&file, path, &thalweg->diag)) return false;
    const bool is_made =
        (thalweg->options.embed_weights
             ? object_print(module, thalweg->weights_path, file.stream, &thalweg->diag)
             : module_print(module, forms[form], file.stream, &thalweg->diag)) &&
        compiler_progress(thalweg, "compiling", 1);
    return output_file_close(&file, is_made, &thalweg->diag);
}

bool compiler_write_module(Thalweg *thalweg, ThalwegEmit form, const char *path, bool is_program) {
    if (!compiler_plan(thalweg) || !compiler_progress(thalweg, "compiling", 0)) return false;
    if (thalweg->options.embed_weights && form != THALWEG_OBJECT)
        return diag_error(&thalweg->diag, (Loc){0},
                          "weights can be inside of an object, and of what is made of it alone");
    if (thalweg->options.embed_weights && !compiler_weights(thalweg)) return false;
    Module *module = compiler_object_module(thalweg, is_program);
    if (!module) return false;
    const bool is_written = write_module(thalweg, module, form, path);
    module_destroy(module);
    return is_written;
}

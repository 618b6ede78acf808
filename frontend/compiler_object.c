/* compiler_object.c - compiled code as a file: what `compile` writes, that others link. */
#include "frontend/compiler.h"
#include "frontend/output_file.h"

/* Null: reported. */
static Module *make_module(Thalweg *thalweg, bool is_program) {
    ModuleOptions options = {.is_object = true,
                             .is_program = is_program,
                             .has_byte_tokens = thalweg->model->tokenizer == TOKENIZER_bytes};
    if (thalweg->options.embed_weights) {
        if (!compiler_weights(thalweg)) return NULL;
        options.weights = thalweg->weights_path;
    }
    const ModulePart part = {thalweg->plan, thalweg->target};
    return module_create(&part, 1, &options, &thalweg->diag);
}

static bool write_module(Thalweg *thalweg, Module *module, ThalwegEmit form, const char *path) {
    static const ModuleForm forms[] = {[THALWEG_LLVM] = MODULE_LLVM,
                                       [THALWEG_ASSEMBLY] = MODULE_ASSEMBLY,
                                       [THALWEG_OBJECT] = MODULE_OBJECT};
    OutputFile file;
    if (!output_file_open(&file, path, &thalweg->diag)) return false;
    const bool is_made = module_print(module, forms[form], file.stream, &thalweg->diag) &&
                         compiler_progress(thalweg, "compiling", 1);
    return output_file_close(&file, is_made, &thalweg->diag);
}

bool compiler_write_module(Thalweg *thalweg, ThalwegEmit form, const char *path, bool is_program) {
    if (!compiler_plan(thalweg) || !compiler_progress(thalweg, "compiling", 0)) return false;
    Module *module = make_module(thalweg, is_program);
    if (!module) return false;
    const bool is_written = write_module(thalweg, module, form, path);
    module_destroy(module);
    return is_written;
}

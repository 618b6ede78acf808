/* compiler_object.c - compiled code as a file: what `compile` writes, that others link. */
#include "codegen/object/object_file.h"
#include "frontend/compiler/compiler.h"
#include "frontend/files/output_file.h"
#include "runtime/weights.h"

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

/* What edits of the object do at first. Null: reported. */
static const ModuleEdit *make_edits(Thalweg *thalweg) {
    enum { MOST_FLOATS = 1 << 22 };
    const int64_t count = thalweg->plan->prefill.edit_count;
    ModuleEdit *made = ARENA_ARRAY(thalweg->arena, ModuleEdit, (size_t)count + 1);
    const TwEdit *edit = compiler_edits_at_first(thalweg);
    int64_t floats = 0;
    for (int64_t i = 0; i < count && edit; i++) {
        const ModelEdit *of = &thalweg->model->instruments->edit[i];
        made[i] = (ModuleEdit){.operand = edit[i].operand,
                               .row = edit[i].row,
                               .floats = of->operand ? of->rows * of->columns : 0,
                               .rows = edit[i].row_count > 0 ? edit[i].row_count : 1,
                               .row_count = edit[i].row_count,
                               .strength = edit[i].strength,
                               .is_on = edit[i].is_on};
        floats += made[i].floats;
        if (floats <= MOST_FLOATS) continue;
        instrument_refuse(of->of, &thalweg->diag, "an object takes at most %d numbers of operands",
                          MOST_FLOATS);
        diag_hint(&thalweg->diag, "leave them to run time, as patch=?");
        return NULL;
    }
    return edit ? made : NULL;
}

Module *compiler_object_module(Thalweg *thalweg, bool is_program) {
    ModuleOptions options = {.is_object = true,
                             .is_program = is_program,
                             .has_weights = thalweg->options.embed_weights,
                             .has_byte_tokens = thalweg->model->tokenizer == TOKENIZER_bytes,
                             .has_tokenizer = thalweg->model->tokenizer == TOKENIZER_file};
    if (options.has_weights && options.has_tokenizer) {
        if (!compiler_tokenizer(thalweg)) return NULL;
        options.tokenizer = thalweg->tables;
    }
    const int count = thalweg->others + 1;
    ModulePart *part = ARENA_ARRAY(thalweg->arena, ModulePart, (size_t)count);
    if (!compiler_plan_all(thalweg) || !make_parts(thalweg, part)) return NULL;
    options.edits = make_edits(thalweg);
    if (!options.edits) return NULL;
    return module_create(part, count, &options, &thalweg->diag);
}

static bool write_module(Thalweg *thalweg, Module *module, ThalwegEmit form, const char *path) {
    static const ModuleForm forms[] = {[THALWEG_LLVM] = MODULE_LLVM,
                                       [THALWEG_BITCODE] = MODULE_BITCODE,
                                       [THALWEG_ASSEMBLY] = MODULE_ASSEMBLY,
                                       [THALWEG_OBJECT] = MODULE_OBJECT};
    OutputFile file;
    ObjectWeights weights = {.progress = thalweg->options.progress,
                             .progress_context = thalweg->options.progress_context};
    if (thalweg->weights) {
        weights.file = thalweg->weights->map;
        weights.bytes = thalweg->weights->map_bytes;
    }
    if (!output_file_open(&file, path, &thalweg->diag)) return false;
    file.batch = thalweg->batch;
    const bool is_made = (thalweg->options.embed_weights
                              ? object_print(module, &weights, file.stream, &thalweg->diag)
                              : module_print(module, forms[form], file.stream, &thalweg->diag)) &&
                         compiler_progress(thalweg, "compiling", 1);
    return output_file_close(&file, is_made, &thalweg->diag);
}

/* On x86-64 linkers put large sections behind all others. Elsewhere they would lie between code and
 * its data, which reach each other over 2 GB. */
static bool can_embed(Thalweg *thalweg) {
    const uint64_t most = 1900000000, bytes = layout_file_bytes(thalweg->plan->layout);
    const Architecture architecture = thalweg->target->names.architecture;
    if (architecture == ARCHITECTURE_x86_64 || bytes <= most) return true;
    diag_error(&thalweg->diag, (Loc){0},
               "an object for %s takes at most %.1f GB of weights inside, not %.1f",
               target_architecture_name(architecture), (double)most * 1e-9, (double)bytes * 1e-9);
    return diag_hint(&thalweg->diag, "leave out --embed-weights, and open the file beside it");
}

bool compiler_write_module(Thalweg *thalweg, ThalwegEmit form, const char *path, bool is_program) {
    if (!compiler_plan(thalweg) || !compiler_progress(thalweg, "compiling", 0)) return false;
    if (thalweg->options.embed_weights && form != THALWEG_OBJECT)
        return diag_error(&thalweg->diag, (Loc){0},
                          "weights can be inside of an object, and of what is made of it alone");
    if (thalweg->options.embed_weights && (!can_embed(thalweg) || !compiler_weights(thalweg)))
        return false;
    Module *module = compiler_object_module(thalweg, is_program);
    if (!module) return false;
    const bool is_written = write_module(thalweg, module, form, path);
    module_destroy(module);
    return is_written;
}

/* compiler_code.c - compiled code: made, or taken from the cache, and loaded.
 *
 * A file of the cache is called <model>-<hash of the key>.code (code_file.h). Its key is a
 * text of all that the code depends on, so that there is nothing to be invalidated: other inputs
 * are another file. What cannot be kept, or is not safe to be used, is compiled as if there were no
 * cache.
 */
#include "codegen/emit/module_names.h"
#include "codegen/object/source_id.h"
#include "frontend/compiler/compiler.h"
#include "frontend/compiler/kept_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the key ---- */

static void print_target(const Target *target, FILE *out) {
    const Machine *machine = &target->machine;
    fprintf(out, "target %s\ncpu %s\nfeatures %s\n", target->names.triple, target->cpu,
            target->names.features);
    fprintf(out, "has %" PRIx64 ", abi %s\n", target->names.has, target->abi ? target->abi : "");
    fprintf(out, "machine %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d %d %d\n",
            machine->vector_floats, machine->vector_registers, machine->vector_parts,
            machine->l1_bytes, machine->l2_bytes, machine->has_halves, machine->has_byte_dot,
            machine->has_pair_dot);
}

/* What debuggers show of the code: the description, as its name is understood here, and where in it
 * each node comes from. */
static void print_origin(const Thalweg *thalweg, FILE *out) {
    const Source *source = thalweg->source;
    const Graph *const graphs[] = {thalweg->prefill, thalweg->decode, thalweg->batches,
                                   thalweg->few};
    char *here = *source->name == '/' ? NULL : getcwd(NULL, 0);
    fprintf(out, "described in %s\nfrom %s\n%zu bytes\n", source->name, here ? here : "",
            source->length);
    free(here);
    fwrite(source->text, 1, source->length, out);
    for (int p = 0; p < PHASES; p++)
        for (uint32_t i = 1; graphs[p] && i < graphs[p]->count; i++)
            fprintf(out, i % 16 ? " %" PRIu32 : "\n%" PRIu32, graphs[p]->node[i].loc.offset);
    fputc('\n', out);
}

/* Places and schedules stand in the graphs. */
static bool make_key(Thalweg *thalweg, bool is_timed, Bytes *key) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) return false;
    const Layout *layout = thalweg->plan->layout;
    fprintf(out, "thalweg %s %s\nllvm %s\n", THALWEG_VERSION, codegen_source_id,
            target_llvm_version(thalweg->arena));
    fprintf(out, "abi %d, %zu bytes\ncode %s\n", TW_ABI_VERSION, sizeof(TwProgram),
            is_timed ? "timed" : "plain");
    print_target(thalweg->target, out);
    fprintf(out, "layout %016" PRIx64 ", %" PRId64 " floats\n", layout_id(layout), layout->floats);
    print_origin(thalweg, out);
    ir_print(thalweg->prefill, out);
    ir_print(thalweg->decode, out);
    if (thalweg->batches) ir_print(thalweg->batches, out);
    if (thalweg->few) ir_print(thalweg->few, out);
    const bool is_whole = fclose(out) == 0;
    if (is_whole) {
        char *copy = ARENA_ARRAY(thalweg->arena, char, length + 1);
        memcpy(copy, text, length);
        *key = (Bytes){copy, length};
    }
    free(text);
    return is_whole;
}

/* ---- making ---- */

static bool make_timed(Thalweg *thalweg, Bytes *object) {
    const ModulePart part = {thalweg->plan, thalweg->target};
    const ModuleOptions options = {.is_timed = true};
    Module *module = module_create(&part, 1, &options, &thalweg->diag);
    const bool is_made = module && module_object(module, thalweg->arena, object, &thalweg->diag);
    module_destroy(module);
    return is_made;
}

static bool make(Thalweg *thalweg, bool is_timed, Bytes *object) {
    if (is_timed) return make_timed(thalweg, object);
    return compiler_module(thalweg) && compiler_progress(thalweg, "compiling", 0.5) &&
           module_object(thalweg->module, thalweg->arena, object, &thalweg->diag);
}

bool compiler_code(Thalweg *thalweg, bool is_timed, Bytes *object) {
    Bytes key = {0};
    KeptFile file = {0};
    if (kept_file_wanted(thalweg) && make_key(thalweg, is_timed, &key))
        file = kept_file(thalweg, thalweg->model->name, key);
    if (kept_file_find(thalweg, &file, object)) return true;
    if (!make(thalweg, is_timed, object)) return false;
    kept_file_write(thalweg, &file, *object, "the compiled code is not kept");
    return true;
}

/* ---- loading ---- */

/* Values of operands are no part of the code: a program of its own says them. */
static const TwProgram *with_edits(Thalweg *thalweg, const TwProgram *loaded) {
    if (!thalweg->plan->prefill.edit_count) return loaded;
    TwProgram *program = ARENA_NEW(thalweg->arena, TwProgram);
    *program = *loaded;
    program->edit = compiler_edits_at_first(thalweg);
    return program->edit ? program : NULL;
}

bool compiler_load(Thalweg *thalweg, Bytes object, Jit **jit, const TwProgram **program) {
    const char *symbol = module_symbol(thalweg->plan->name, 0, thalweg->arena);
    *program = NULL;
    *jit = jit_create(object, &thalweg->diag);
    const TwProgram *loaded = *jit ? jit_program(*jit, symbol, &thalweg->diag) : NULL;
    if (!loaded) return false;
    if (thalweg->options.perf && !compiler_tell_perf(thalweg, object, symbol, loaded)) return false;
    *program = with_edits(thalweg, loaded);
    return *program;
}

static bool make_jit(Thalweg *thalweg) {
    return compiler_load(thalweg, thalweg->code, &thalweg->jit, &thalweg->program);
}

bool compiler_program(Thalweg *thalweg) {
    if (thalweg->program) return true;
    if (!compiler_described(thalweg) || !compiler_runs_here(thalweg) || !compiler_plan(thalweg) ||
        !compiler_progress(thalweg, "compiling", 0))
        return false;
    if (!thalweg->code.data && !compiler_code(thalweg, false, &thalweg->code)) return false;
    return compiler_take(thalweg, STEP_jit, make_jit) && compiler_progress(thalweg, "compiling", 1);
}

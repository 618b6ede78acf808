/* compiler_size.c - what compiled code takes: its functions, its object file, a session. */
#include "codegen/emit/module_names.h"
#include "codegen/object/object_file.h"
#include "codegen/object/object_size.h"
#include "frontend/compiler/compiler.h"

#include <inttypes.h>
#include <string.h>

/* ---- functions ---- */

/* By the symbol without the model's name; null: it is shared by kernels. */
static const ModuleFunction *find_function(const Module *module, const char *name) {
    int count = 0;
    const ModuleFunction *function = module_functions(module, &count);
    for (int i = 0; i < count; i++)
        if (strcmp(function[i].name, name) == 0) return &function[i];
    return NULL;
}

static void print_function(const Thalweg *thalweg, const Module *module,
                           const ObjectFunction *function, int width, FILE *out) {
    const char *dot = strchr(function->name, '.');
    const ModuleFunction *known = find_function(module, dot ? dot + 1 : "");
    fprintf(out, "  %-*s %10" PRIu64, width, function->name, function->bytes);
    if (!dot)
        fprintf(out, "         a call of the header\n");
    else if (!known)
        fprintf(out, "         shared by kernels\n");
    else if (!known->kernel)
        fprintf(out, "         entry: all kernels of a call in order\n");
    else
        fprintf(out, " %6d  %s\n", known->calls,
                compiler_kernel_work(known->kernel, thalweg->arena));
}

static void print_functions(const Thalweg *thalweg, const Module *module, const ObjectSize *size,
                            FILE *out) {
    int width = 8;
    for (int i = 0; i < size->function_count; i++) {
        const int length = (int)strlen(size->function[i].name);
        if (length > width) width = length;
    }
    fprintf(out, "  %-*s %10s %6s  what it is\n", width, "function", "bytes", "calls");
    for (int i = 0; i < size->function_count; i++)
        print_function(thalweg, module, &size->function[i], width, out);
}

/* ---- sums ---- */

static void print_row(const char *what, uint64_t bytes, const char *note, FILE *out) {
    fprintf(out, "  %-12s %14" PRIu64 "%s%s\n", what, bytes, *note ? "  " : "", note);
}

static void print_object(const ObjectSize *size, uint64_t weights, FILE *out) {
    fprintf(out, "object file\n");
    print_row("text", size->text, "the functions above", out);
    print_row("constants", size->constants, "tables, and what describes the model", out);
    print_row("unwind", size->unwind, "the way through functions, for debuggers", out);
    if (weights) print_row("weights", weights, "packed, and up to the page they begin with", out);
    print_row("relocations", size->relocations, "gone when linked", out);
    print_row("debug", size->debug, "gone when stripped", out);
    print_row("symbols", size->symbols, "gone when stripped, but for those exported", out);
    print_row("headers", size->headers, "of the file and its sections, and padding", out);
    print_row("all", size->file + weights, "", out);
}

static void print_memory(const Plan *plan, FILE *out) {
    fprintf(out, "memory when it runs\n");
    print_row("weights", (uint64_t)plan->layout->floats * sizeof(float), "packed, mapped", out);
    print_row("caches", (uint64_t)plan->cache_floats * sizeof(float), "for a session", out);
    print_row("tables", (uint64_t)plan->layout->rope.floats * sizeof(float), "for a session", out);
    print_row("arena", (uint64_t)plan->arena_floats * sizeof(float), "for a session", out);
    print_row("scratch", (uint64_t)plan->scratch_floats * sizeof(float),
              "for each thread of a session", out);
    print_row("logits", (uint64_t)plan->logits_stride * sizeof(float),
              "for each row that a session keeps: one, unless it asks for more", out);
}

/* What embedded weights add to the file that the module is without them. */
static uint64_t embedded_bytes(const Thalweg *thalweg, const ObjectSize *size) {
    if (!thalweg->options.embed_weights) return 0;
    const uint64_t gap = -size->file % MODULE_WEIGHTS_ALIGNMENT;
    return gap + layout_file_bytes(thalweg->plan->layout);
}

bool compiler_print_size(Thalweg *thalweg, FILE *out) {
    ObjectSize size;
    if (!compiler_plan(thalweg) || !compiler_progress(thalweg, "compiling", 0)) return false;
    Module *module = compiler_object_module(thalweg, false);
    const bool is_known = module && object_size(module, thalweg->arena, &thalweg->diag, &size) &&
                          compiler_progress(thalweg, "compiling", 1);
    if (is_known) {
        fprintf(out, "%s, compiled for %s: bytes\n", thalweg->plan->name,
                compiler_target_names(thalweg));
        print_functions(thalweg, module, &size, out);
        print_object(&size, embedded_bytes(thalweg, &size), out);
        print_memory(thalweg->plan, out);
    }
    module_destroy(module);
    return is_known;
}

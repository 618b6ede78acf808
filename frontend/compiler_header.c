/* compiler_header.c - the C header of an object file: its symbol, its sizes, how to use it. */
#include "frontend/compiler.h"
#include "frontend/output_file.h"

#include <inttypes.h>

static void print_sizes(const Thalweg *thalweg, FILE *out) {
    const Plan *plan = thalweg->plan;
    const Graph *graph = plan->prefill.graph;
    fprintf(out, " *   vocab            %12" PRId64 " tokens\n", plan->vocab);
    fprintf(out, " *   context          %12" PRId64 " tokens, most in a sequence\n",
            graph->context);
    fprintf(out, " *   chunk            %12" PRId64 " tokens, most in a call\n", graph->chunk);
    fprintf(out, " *   weights          %12" PRId64 " bytes, mapped\n", plan->layout->floats * 4);
    fprintf(out, " *   caches           %12" PRId64 " bytes for a session\n",
            plan->cache_floats * 4);
    fprintf(out, " *   arena            %12" PRId64 " bytes for a session\n",
            plan->arena_floats * 4);
    fprintf(out, " *   layout of weights    %016" PRIx64 "\n", layout_id(plan->layout));
}

static void print_use(const char *symbol, FILE *out) {
    fprintf(out,
            " *\n"
            " * A program that runs it links the object and the runtime library, and reads the\n"
            " * packed weights that were made with them:\n"
            " *\n"
            " *   #include \"runtime/runtime.h\"\n"
            " *\n"
            " *   TwWeights *weights;\n"
            " *   TwSession *session;\n"
            " *   tw_weights_open(path, %s.layout_id, true, &weights);\n"
            " *   tw_session_create(&%s, weights, NULL, &session);\n",
            symbol, symbol);
}

static void print_header(Thalweg *thalweg, FILE *out) {
    const char *name = thalweg->plan->name;
    const char *symbol = module_symbol(name, 0, thalweg->arena);
    fprintf(out, "/* %s, compiled by Thalweg for %s.\n *\n", name, thalweg->target->cpu);
    print_sizes(thalweg, out);
    print_use(symbol, out);
    fprintf(out,
            " */\n"
            "#ifndef %s_H\n"
            "#define %s_H\n"
            "\n"
            "#include \"runtime/abi.h\"\n"
            "\n"
            "#ifdef __cplusplus\n"
            "extern \"C\" {\n"
            "#endif\n"
            "\n"
            "extern const TwProgram %s;\n"
            "\n"
            "#ifdef __cplusplus\n"
            "}\n"
            "#endif\n"
            "\n"
            "#endif\n",
            symbol, symbol, symbol);
}

bool compiler_write_header(Thalweg *thalweg, const char *path) {
    OutputFile file;
    if (!compiler_plan(thalweg) || !output_file_open(&file, path, &thalweg->diag)) return false;
    print_header(thalweg, file.stream);
    return output_file_close(&file, true, &thalweg->diag);
}

/* compiler_header.c - the C header of an object file: sizes, calls, and how to use them.
 *
 * It stands alone: what a program includes is this file and nothing else of ours. Texts have '@'
 * where the model's prefix stands, '^' where it stands in capitals, and '~' for the name of the
 * files.
 */
#include "codegen/emit/module_names.h"
#include "frontend/compiler/compiler.h"
#include "frontend/files/output_file.h"

#include <inttypes.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

typedef struct {
    FILE *out;
    const char *prefix;
    const char *capitals;
    const char *file; /* without its ending */
} Header;

static void print(const Header *h, const char *text) {
    for (; *text; text++) {
        if (*text == '@')
            fputs(h->prefix, h->out);
        else if (*text == '^')
            fputs(h->capitals, h->out);
        else if (*text == '~')
            fputs(h->file, h->out);
        else
            fputc(*text, h->out);
    }
}

/* Each line of a text behind a start of its own; the prefix of constants is in capitals. */
static void print_comment(const Header *h, const char *text) {
    print(h, "\n/* ");
    for (; *text; text++) {
        const bool is_constant = *text == '@' && text[1] == '_' && text[2] >= 'A' && text[2] <= 'Z';
        if (is_constant)
            fputs(h->capitals, h->out);
        else if (*text == '@')
            fputs(h->prefix, h->out);
        else if (*text == '\n')
            fputs("\n * ", h->out);
        else
            fputc(*text, h->out);
    }
    print(h, " */\n");
}

/* ---- what stands at the top ---- */

static const char beginning[] =
    " *\n"
    " * All names here begin with @_ or ^_. Models whose names differ in capitals and signs alone\n"
    " * (a.b and a-b) have the same ones and cannot be in one program: rename one of them.\n"
    " *\n"
    " * A program links ~.o and the runtime library (-lthalweg_rt -lm, and -fopenmp for threads):\n"
    " *\n"
    " *     #include \"~.h\"\n"
    " *     #include <stdio.h>\n"
    " *\n"
    " *     int main(void) {\n"
    " *         @_model *model;\n"
    " *         @_session *session;\n"
    " *         const int32_t tokens[] = {1, 2, 3};\n"
    " *         int error = @_open(%s, &model);\n"
    " *         if (!error) error = @_session_new(model, NULL, &session);\n"
    " *         if (!error) error = @_prefill(session, tokens, 3);\n"
    " *         if (error) return fprintf(stderr, \"%%s\\n\", @_error_text(error)), 1;\n"
    " *         printf(\"%%g\\n\", (double)@_logits(session, 0)[0]);\n"
    " *         @_session_free(session);\n"
    " *         @_close(model);\n"
    " *         return 0;\n"
    " *     }\n"
    " *\n"
    " * Errors: a call that can fail returns an int, 0 if it has done its work. One that fails "
    "has\n"
    " * changed nothing, and sets *out to null; a null session is a bad argument, or has no "
    "tokens\n"
    " * and logits. Options of another length than this header's are of another version "
    "(BAD_ABI).\n"
    " * Nothing prints or exits; errno may be another one afterwards.\n"
    " *\n"
    " * Ownership: who makes a model or a session ends it. A model outlives its sessions. "
    "Arguments\n"
    " * are not kept, but for memory that is given for good (open_memory(), options).\n"
    " *\n"
    " * Threads: a model may be shared by any number of threads. A session is used by one thread "
    "at a\n"
    " * time, and is a team of threads inside: those of OpenMP where the program is linked with "
    "it,\n"
    " * the caller's (options.run_team), or none. A child of fork() has none of these threads:\n"
    " * there a session of one thread works, and others do not.\n"
    " *\n"
    " * Memory: a session takes all it ever uses in session_new(). A call takes at most 16 KiB of\n"
    " * the stack of each thread.\n"
    " *\n"
    " * Versions: this header and its object go together. They work with every runtime library of\n"
    " * their major version that is not older than the compiler that made them.\n"
    " */\n"
    "#if defined ^_H && ^_H + 0 != 0x%08x\n"
    "#error \"two models have the same names in C: rename one of them in its description\"\n"
    "#endif\n"
    "#ifndef ^_H\n"
    "#define ^_H 0x%08x /* tells the model's name from others */\n"
    "\n"
    "#include <stddef.h>\n"
    "#include <stdint.h>\n"
    "\n"
    "#if defined(_OPENMP) && defined(__GNUC__)\n"
    "/* With -fopenmp: what keeps linkers from leaving out a library that nobody seems to need. "
    "*/\n"
    "#include <omp.h>\n"
    "static int (*const @_openmp)(void) __attribute__((used)) = omp_get_max_threads;\n"
    "#endif\n"
    "\n"
    "#ifdef __cplusplus\n"
    "extern \"C\" {\n"
    "#endif\n";

static void print_top(const Header *h, const Thalweg *thalweg) {
    const char *name = thalweg->plan->name;
    const bool is_inside = thalweg->options.embed_weights;
    fprintf(h->out, "/* %s.h - the model %s, compiled by Thalweg %s for %s, at O3.\n", h->file,
            name, THALWEG_VERSION, compiler_target_names(thalweg));
    const unsigned number = XXH32(name, strlen(name), 0);
    print(h, arena_printf(thalweg->arena, beginning, is_inside ? "NULL" : "\"~.weights\"", number,
                          number));
}

/* ---- sizes ---- */

/* Of a session on any of the processors. */
static uint64_t most_session_bytes(const Thalweg *thalweg, TwSessionOptions options) {
    uint64_t most = compiler_session_bytes(thalweg->plan, &options);
    for (int i = 0; i < thalweg->others; i++) {
        const uint64_t bytes = compiler_session_bytes(thalweg->other[i]->plan, &options);
        if (bytes > most) most = bytes;
    }
    return most;
}

/* Of one thread and of each further one, with room for what a later runtime may add to its own
 * structures. A team of decode_threads is counted, too. */
static uint64_t bytes_of_one(const Thalweg *thalweg) {
    enum { ROOM = 4096 };
    return most_session_bytes(thalweg, (TwSessionOptions){.threads = 1}) + ROOM;
}

static uint64_t bytes_of_thread(const Thalweg *thalweg) {
    enum { THREADS = 128, ROOM = 256 };
    const TwSessionOptions many = {.threads = THREADS + 1, .decode_threads = THREADS};
    return (most_session_bytes(thalweg, many) - bytes_of_one(thalweg)) / THREADS + ROOM;
}

static void print_size(const Header *h, const char *name, const char *type, uint64_t value,
                       const char *comment) {
    fprintf(h->out, "#define %s_%-13s ((%s)%" PRIu64 ") /* %s */\n", h->capitals, name, type, value,
            comment);
}

/* Tokens that mean something of their own. */
static void print_tokens(const Header *h, const TwTokenizer *tokenizer) {
    static const char *const token[TW_SPECIAL_COUNT][2] = {
        [TW_BOS] = {"BOS", "the token that begins a text"},
        [TW_EOS] = {"EOS", "that ends it"},
        [TW_UNKNOWN] = {"UNKNOWN", "for what the vocabulary lacks"},
        [TW_PAD] = {"PAD", "that fills rows up"},
        [TW_SEPARATOR] = {"SEPARATOR", "between two texts"},
        [TW_CLASS] = {"CLASS", "whose row stands for the text"},
        [TW_MASK] = {"MASK", "that is to be guessed"}};
    print_size(h, "TOKEN_BYTES", "size_t", tw_tokenizer_longest(tokenizer),
               "of text, most that a token adds");
    for (int i = 0; i < TW_SPECIAL_COUNT; i++) {
        const int32_t number = tw_tokenizer_special(tokenizer, (TwSpecial)i);
        if (number >= 0) print_size(h, token[i][0], "int32_t", (uint64_t)number, token[i][1]);
    }
}

static void print_sizes(const Header *h, const Thalweg *thalweg) {
    const Plan *plan = thalweg->plan;
    const Graph *graph = plan->prefill.graph;
    const bool has_bytes = thalweg->model->tokenizer == TOKENIZER_bytes;
    print(h, "\n/* ---- sizes ---- */\n\n");
    print_size(h, "ABI_VERSION", "int", TW_ABI_VERSION, "of the interface to the runtime library");
    print_size(h, "VOCAB", "int64_t", (uint64_t)plan->vocab,
               has_bytes ? "tokens, which are bytes of text" : "tokens");
    if (plan->prefill.start_columns)
        print_size(h, "START", "int64_t", (uint64_t)plan->prefill.start_columns,
                   "values of a row that forward_values() takes");
    if (!plan->gives_logits && plan->outputs)
        print_size(h, "OUTPUTS", "int64_t", (uint64_t)plan->outputs,
                   plan->is_pooled ? "numbers in the row of a sequence"
                                   : "numbers in the row of a token");
    print_size(h, "CONTEXT", "int64_t", (uint64_t)graph->context, "tokens, most in a sequence");
    print_size(h, "CHUNK", "int64_t", (uint64_t)graph->chunk, "tokens, most in a forward()");
    print_size(h, "WEIGHT_BYTES", "uint64_t", layout_file_bytes(plan->layout),
               "of the file of packed weights");
    print_size(h, "MODEL_BYTES", "size_t", TW_MODEL_BYTES, "of memory for a model");
    print_size(h, "SESSION_BYTES", "size_t", bytes_of_one(thalweg),
               "enough for a session of one thread, one row of logits");
    print_size(h, "THREAD_BYTES", "size_t", bytes_of_thread(thalweg),
               "more for each further thread");
    if (thalweg->tokenizer) print_tokens(h, thalweg->tokenizer);
    fprintf(h->out,
            "#define %s_LAYOUT_ID     UINT64_C(0x%016" PRIx64
            ") /* of packed weights that fit */\n",
            h->capitals, layout_id(plan->layout));
}

/* ---- types ---- */

static void print_errors(const Header *h) {
    print(h, "\n/* ---- answers of calls ---- */\n\nenum {\n");
#define STATUS(name, text) print(h, "    ^_" #name ", /* " text " */\n");
#include "runtime/status.def"
#undef STATUS
    print(h, "    ^_ERRORS /* how many this version knows */\n};\n");
}

static const char types[] =
    "\n"
    "/* ---- types ---- */\n"
    "\n"
    "typedef struct @_model @_model;     /* weights that are open */\n"
    "typedef struct @_session @_session; /* a sequence of tokens */\n"
    "\n"
    "/* A thread's share of a piece of work; `threads` threads do it together. */\n"
    "typedef void @_task(void *task, int64_t thread, int64_t threads);\n"
    "\n"
    "/* All zero: everything by default. */\n"
    "typedef struct @_options {\n"
    "    size_t struct_bytes; /* sizeof(@_options); 0: as long as in version 1.0 */\n"
    "    int threads;         /* 0: as many as there are processors */\n"
    "    int decode_threads;  /* for calls of one token; 0: the same */\n"
    "    int64_t logit_rows;  /* most rows that a forward() may ask for; 0: 1 */\n"
    "    void *memory;        /* all that the session needs, for as long as it lives; null: malloc "
    "*/\n"
    "    size_t memory_bytes; /* at least session_bytes() */\n"
    "\n"
    "    /* Runs share(task, i, n) for i = 0 .. n - 1 on n threads at the same time, i = 0 on the "
    "one\n"
    "     * that calls, and returns when all have. n is `threads`, or less where there are no "
    "more. */\n"
    "    void (*run_team)(void *context, @_task *share, void *task, int64_t threads);\n"
    "    void *team_context;\n";

static const char sequence_count[] =
    "    int64_t sequences; /* side by side in the session; 0: 1 */\n";

static const char segment_type[] =
    "\n"
    "/* What a call brings of one sequence. */\n"
    "typedef struct @_segment {\n"
    "    int64_t sequence; /* 0 where the session has one */\n"
    "    int64_t count;    /* of what it takes, at least 1 */\n"
    "    int64_t rows;     /* that can be read afterwards, of the last of these; 0: 1 */\n"
    "} @_segment;\n";

static const char sampler_types[] =
    "\n"
    "typedef struct @_sampler @_sampler; /* draws tokens from logits */\n"
    "\n"
    "typedef struct @_logit_bias {\n"
    "    int32_t token;\n"
    "    float bias; /* added to its logit; -infinity: it is never drawn */\n"
    "} @_logit_bias;\n"
    "\n"
    "/* All zero: greedy. */\n"
    "typedef struct @_sampler_options {\n"
    "    size_t struct_bytes;       /* sizeof(@_sampler_options); 0: as long as at first */\n"
    "    float temperature;         /* divides the logits; 0: greedy, the highest of them */\n"
    "    float top_p;               /* the likeliest tokens that reach it together; 0 or 1: all "
    "*/\n"
    "    int64_t top_k;             /* so many of the likeliest tokens; 0: all */\n"
    "    uint64_t seed;             /* of the draws: the same seed draws the same */\n"
    "    float min_p;               /* tokens of that part of the likeliest's probability; 0: all "
    "*/\n"
    "    float repeat_penalty;      /* divides logits above 0 of accepted tokens, multiplies "
    "others; 0 "
    "or\n"
    "                                * 1: none */\n"
    "    float frequency_penalty;   /* subtracted for each time that a token was accepted */\n"
    "    float presence_penalty;    /* subtracted once if it was */\n"
    "    int64_t repeat_window;     /* of the last accepted tokens, for these penalties; 0: all "
    "*/\n"
    "    const @_logit_bias *biases; /* [bias_count], copied */\n"
    "    int64_t bias_count;\n"
    "    void *memory;              /* all that the sampler needs, aligned as for malloc; null: "
    "malloc "
    "*/\n"
    "    size_t memory_bytes;       /* at least sampler_bytes() */\n"
    "} @_sampler_options;\n";

static const char text_types[] =
    "\n"
    "typedef struct @_tokenizer @_tokenizer; /* tables that are open */\n"
    "\n"
    "/* Where a text stands between two tokens; {0} at its begin. */\n"
    "typedef struct @_decoder {\n"
    "    uint32_t state[2];\n"
    "    unsigned char waiting[8];\n"
    "} @_decoder;\n"
    "\n"
    "enum { ^_ENCODE_SPECIAL = 1, ^_ENCODE_ADD = 2, ^_DECODE_SPECIAL = 1 };\n";

/* ---- taps ---- */

/* How many taps before this one stand at the same point. */
static int count_before(const Instruments *all, int64_t number) {
    int count = 0;
    for (int64_t i = 0; i < number; i++)
        count += strcmp(all->tap[i].point, all->tap[number].point) == 0;
    return count;
}

static void print_point(const Header *h, const char *point) {
    for (const char *c = point; *c; c++)
        fputc(*c == '.' ? '_' : *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, h->out);
}

static const char edit_type[] =
    "\n"
    "/* ---- edits: their numbers, and the floats of a row of their operand ---- */\n"
    "\n"
    "/* All zero: it changes nothing. */\n"
    "typedef struct @_edit {\n"
    "    const float *operand; /* rows of what is set, added, taken out or patched with; null: an\n"
    "                           * edit that takes one changes nothing */\n"
    "    const int32_t *row;   /* [row_count] for each position the row of the operand, 0 for an "
    "edit\n"
    "                           * that takes none; -1: the value stays. Null: row 0 for all "
    "positions;\n"
    "                           * to patch with, the row of the position's own number. */\n"
    "    int64_t row_count;    /* from this position on values stay, where it counts */\n"
    "    float strength;\n"
    "    int32_t is_on;        /* of edits of which something was left to run time */\n"
    "} @_edit;\n"
    "\n"
    "enum {\n";

/* ^_EDIT_BLOCKS_0_HOOK_RESID_PRE, and so on. Those that are part of the weights have no use. */
static void print_edits(const Header *h, const Instruments *all, int64_t count) {
    if (!count) return;
    print(h, edit_type);
    for (int64_t i = 0; i < count; i++) {
        int before = 0;
        for (int64_t k = 0; k < i; k++)
            before += strcmp(all->edit[k].point, all->edit[i].point) == 0;
        print(h, "    ^_EDIT_");
        print_point(h, all->edit[i].point);
        if (before) fprintf(h->out, "_AGAIN_%d", before);
        fprintf(h->out, ", /* %" PRId64 " */\n", all->edit[i].columns);
    }
    print(h, "    ^_EDITS /* how many there are */\n};\n");
}

/* A number for each buffer, called after its point: ^_TAP_BLOCKS_0_HOOK_RESID_POST. */
static void print_taps(const Header *h, const Instruments *all) {
    if (!all->tap_count) return;
    print(h, "\n/* ---- taps: their numbers, and the floats of a row ---- */\n\nenum {\n");
    for (int64_t i = 0; i < all->tap_count; i++) {
        const int before = count_before(all, i);
        print(h, "    ^_TAP_");
        print_point(h, all->tap[i].point);
        if (before) fprintf(h->out, "_AGAIN_%d", before);
        fprintf(h->out, ", /* %" PRId64 "%s */\n", all->tap[i].columns,
                all->tap[i].has_keys ? " x rows of the buffer" : "");
    }
    print(h, "    ^_TAPS /* how many there are */\n};\n");
}

/* ---- calls ---- */

static const char whole_sequences[] =
    "\nThe model is not causal, so a token's logits depend on those after it: this takes a whole\n"
    "sequence, of a session that is new or has been reset, and answers @_NOT_CAUSAL to more of it.";

static const char pooled_sequences[] =
    "\nThe model makes one row of all tokens, so this takes a whole sequence, of a session that "
    "is\n"
    "new or has been reset, answers @_NOT_CAUSAL to more of it, and has one row of results.";

static const char other_outputs[] = "@_OUTPUTS numbers that the model makes of a token, which are "
                                    "no logits: the last one taken (row\n"
                                    "0; after forward() row rows - 1), or of a whole sequence (row "
                                    "0) where it pools. Owned by the\n"
                                    "session, until its next call. Null: there is no such row.";

static void print_call(const Header *h, const Thalweg *thalweg, const char *name,
                       const char *declaration, const char *comment) {
    const Plan *plan = thalweg->plan;
    const bool takes_tokens = strstr(declaration, " token") || strstr(declaration, "*token");
    const char *more = plan->is_pooled ? pooled_sequences : whole_sequences;
    if (!plan_has_call(plan, thalweg->tokenizer, name)) return;
    if (strcmp(name, "logits") == 0 && !plan->gives_logits) comment = other_outputs;
    if (!takes_tokens || !plan->takes_whole_sequences) more = "";
    print_comment(h, arena_printf(thalweg->arena, "%s%s", comment, more));
    print(h, declaration);
    print(h, ";\n");
}

static void print_calls(const Header *h, const Thalweg *thalweg) {
    print(h, "\n/* ---- calls ---- */\n");
#define CALL(name, result, parameters, runtime, gets_module, declaration, comment)                 \
    print_call(h, thalweg, #name, declaration, comment);
#include "codegen/emit/object_calls.def"
#undef CALL
}

static void print_header(const Header *h, const Thalweg *thalweg) {
    print_top(h, thalweg);
    print_sizes(h, thalweg);
    print_errors(h);
    print(h, types);
    if (thalweg->plan->batch.graph) print(h, sequence_count);
    print(h, "} @_options;\n");
    if (thalweg->plan->prefill.start_columns || thalweg->plan->batch.graph) print(h, segment_type);
    if (plan_draws(thalweg->plan)) print(h, sampler_types);
    if (thalweg->tokenizer) print(h, text_types);
    print_taps(h, thalweg->model->instruments);
    print_edits(h, thalweg->model->instruments, thalweg->plan->prefill.edit_count);
    print_calls(h, thalweg);
    print(h, "\n/* For the library's own interface, thalweg/runtime/runtime.h. */\n"
             "extern const struct TwModule @_module;\n"
             "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

bool compiler_write_header(Thalweg *thalweg, const char *path) {
    OutputFile file;
    if (thalweg->model && thalweg->model->tokenizer == TOKENIZER_file &&
        !compiler_tokenizer(thalweg))
        return false;
    if (!compiler_plan_all(thalweg) || !output_file_open(&file, path, &thalweg->diag)) return false;
    file.batch = thalweg->batch;
    const char *prefix = module_prefix(thalweg->plan->name, thalweg->arena);
    char *capitals = arena_printf(thalweg->arena, "%s", prefix);
    for (char *c = capitals; *c; c++)
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const size_t length = strlen(name),
                 tail = length > 2 && !strcmp(name + length - 2, ".h") ? 2 : 0;
    const char *stem = arena_printf(thalweg->arena, "%.*s", (int)(length - tail), name);
    print_header(&(Header){file.stream, prefix, capitals, stem}, thalweg);
    return output_file_close(&file, true, &thalweg->diag);
}

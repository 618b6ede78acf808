/* thalweg.h - the compiler as a library: a YAML description goes in, native code comes out.
 *
 *   Thalweg *t = thalweg_create(&(ThalwegOptions){0});
 *   if (!thalweg_read_file(t, "model.yaml") || !thalweg_program(t) || !thalweg_weights(t))
 *       thalweg_print_diagnostics(t, stderr);
 *   else
 *       tw_session_create(thalweg_program(t), thalweg_weights(t), NULL, &session);
 *
 * A Thalweg is one model on its way from text to code, and is used by one thread at a time; any
 * number of them may work at once. There is no global state. The library never prints, except to
 * a FILE it is given, and never exits. What fails returns false or null and adds diagnostics.
 * Steps that a call needs and that have not been taken yet are taken by it. Numbers are written and
 * read as in the C locale, whatever the program's.
 *
 * Without memory a call fails like others, with the error "out of memory", and so do all later ones
 * of that Thalweg, which is to be destroyed; what the call held beside the Thalweg's own is lost.
 * LLVM, which makes the code, ends the process where it gets no memory itself: where that matters,
 * compile in a process of its own.
 */
#ifndef THALWEG_THALWEG_H
#define THALWEG_THALWEG_H

#include "runtime/text/text.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Thalweg Thalweg;

/* All zero: everything by default. Texts and files outlive the Thalweg. */
typedef struct ThalwegOptions {
    const char *target;          /* as riscv64-linux-gnu, or x86-64-v3; null: this machine */
    const char *cpu;             /* a name thalweg_print_cpus() lists; null: this machine, or any of
                                    the target */
    const char *features;        /* as +dotprod,-i8mm, beside the processor's; null: none */
    const char *weights_type;    /* f32, bf16, q8 or q4, in place of the model's own; null: that */
    int64_t context;             /* tokens of the longest sequence; 0: as the model says */
    const char *passes;          /* names "a,b" to run; null: all */
    const char *skip_passes;     /* names to leave out; null: none */
    const char *print_after;     /* names to print the graph after, or "all"; null: none */
    bool exact;                  /* keep the model's own order of operations */
    FILE *dump;                  /* where print_after goes */
    FILE *statistics;            /* a line for each pass; null: nowhere */
    int threads;                 /* that will compute, for what is tuned; 0: all processors */
    const char *tuning;          /* a file of `thalweg tune`; null: tuning.yaml in the cache */
    bool no_tuning;              /* schedules by rule */
    const char *cache_directory; /* for packed weights, compiled code and tuning.yaml; null:
                                    $XDG_CACHE_HOME/thalweg, else $HOME/.cache/thalweg */
    int64_t cache_bytes;         /* of packed weights that are kept there, at most: those that were
                                    used the longest ago go; 0: 64 GB */
    bool embed_weights;          /* of what is written: the weights are inside */
    const char *runtime; /* folder of the runtime library to link; null: where it is installed */
    const char *cc;      /* C compiler that links; null: $CC, or cc, or the target's */
    bool no_code_cache;  /* compile in any case, and keep nothing of it */
    bool batches;        /* code for calls of several sequences (tw_session_step_batch()), too */
    const char *const *taps, *const *edits; /* POINT[selection], POINT[selection]:OPERATION, beside
                            those of the description */
    int tap_count, edit_count;
    const char *start;   /* the model begins with values of this point of the stream, as resid_pre3,
                            that tw_session_step_values() gives; null: with tokens */
    bool taps_alone;     /* a call gives what taps keep and no rows; what they do not need is not
                            computed */
    bool without_skips;  /* each branch replaces the stream that it reads, as with skip: false */
    bool perf;           /* tell perf the functions of loaded code, by /tmp/perf-PID.map and
                            /tmp/jit-PID.dump; for one Thalweg of a process */
    /* Called now and then during long work, in the C locale, with 0 <= done <= 1; false stops the
     * work, which then fails and leaves no file. Null: not wanted. */
    bool (*progress)(void *context, const char *what, double done);
    void *progress_context;
} ThalwegOptions;

/* Null: out of memory. Destroy sessions of the program and the weights before the Thalweg. */
TW_API Thalweg *thalweg_create(const ThalwegOptions *options);
TW_API void thalweg_destroy(Thalweg *thalweg);

/* ---- in: once for each Thalweg ---- */

/* Reads and checks a model: a description, whose weights are looked for beside the file (in
 * `directory` for text, which the caller keeps until thalweg_destroy); or what thalweg_import()
 * makes a description of: a folder of Hugging Face, its config.json, or a file that ends in .gguf.
 */
TW_API bool thalweg_read_file(Thalweg *thalweg, const char *path);
TW_API bool thalweg_read_text(Thalweg *thalweg, const char *name, const char *text, size_t length,
                              const char *directory);

/* The description of a model in a folder of Hugging Face (config.json and safetensors) or in a GGUF
 * (of a split one any file): its text, to be written to a file in `directory` (null: the current
 * one), from where its weights are named. Owned by the Thalweg, which may read a model, too. Null:
 * there is none. */
TW_API const char *thalweg_import(Thalweg *thalweg, const char *path, const char *directory);

typedef struct ThalwegModel {
    const char *name; /* owned by the Thalweg */
    int64_t vocab, context, width;
    int64_t parameters;         /* values of all tensors of the weights */
    bool has_byte_tokens;       /* a token is a byte of text */
    bool has_tokenizer;         /* a file says which text its tokens are */
    bool is_causal;             /* no token sees those after it */
    int64_t outputs;            /* values of a row of the result: logits, classes, hidden values; 0:
                                   there are none, but what taps keep */
    int64_t start_columns;      /* of the values that it takes in place of tokens; 0: it takes those */
    bool generates;             /* rows are logits of the next token, and tokens come one by one */
    bool takes_whole_sequences; /* a call is a sequence: the model is not causal, or pools */
    bool is_pooled;             /* a call has one row, whatever it brings */
    bool has_pooling;           /* a text has one row: that, or the last token's */
    const char *types; /* "24 of Q8_0 as q8, 1 of Q6_K as q8 (rounded)": what became of the types of
                          matrices in a file of weights that was opened; "" where they are ours */
} ThalwegModel;

/* What was read; all zero before. */
TW_API ThalwegModel thalweg_model(const Thalweg *thalweg);

/* Adds taps behind those of the options, for who looks at the points of a model first. The texts
 * outlive the Thalweg. False: reported. Before anything is made of the model that was read. */
TW_API bool thalweg_add_taps(Thalweg *thalweg, const char *const *taps, int count);

/* A place of the model that a tap or an edit may stand at. */
typedef struct ThalwegPoint {
    const char *name, *short_name; /* "blocks.3.attn.hook_z", "z3" */
    const char *what;              /* what it is, in words */
    const char *unit;              /* "heads", "neurons", "tokens" that selections number; "" where there are none */
    int64_t layer;                 /* -1: of no layer */
    int64_t columns, units;        /* of a row; 1 unit where they have no numbers */
    bool has_keys;                 /* each column is a head, with a float for each key */
    const char *tap;  /* "store", in the kernel that makes it; "copy", in one of its own; "norm, copy" */
    const char *edit; /* what an edit keeps from being fused, in words; "": it is for taps alone */
} ThalwegPoint;

/* Those of the model that was read, in its order; owned by the Thalweg. Null: none was read. */
TW_API const ThalwegPoint *thalweg_points(Thalweg *thalweg, int64_t *count);

/* A buffer that tw_session_set_tap() names by its number, the place in the list. */
typedef struct ThalwegTap {
    const char *point;
    const char *file; /* that it was said to go to; null: none */
    int64_t layer;   /* -1: of no layer */
    int64_t columns; /* floats of a row, */
    bool has_keys;   /* or of each column as many as the buffer has rows, one for each key */
    int instrument;  /* which tap it is of: those of the description come first, then the options' */
} ThalwegTap;

/* Those of the model that was read; owned by the Thalweg. Null: none was read. */
TW_API const ThalwegTap *thalweg_taps(Thalweg *thalweg, int64_t *count);

/* An edit at one point of which something comes at run time: tw_session_set_edit() names it by its
 * number, the place in the list. */
typedef struct ThalwegEdit {
    const char *point;
    int64_t layer;      /* -1: of no layer */
    int64_t columns;    /* floats of a row of its operand; 0: it has none */
    int instrument;     /* which edit it is of: those of the description come first, then the options' */
    bool is_given;      /* strength, operand and positions may be set; else its operand alone */
    bool has_positions; /* it acts at some, which may count from the end of a prompt */
} ThalwegEdit;

/* Those of the model that was read; owned by the Thalweg. Null: none was read. */
TW_API const ThalwegEdit *thalweg_edits(Thalweg *thalweg, int64_t *count);

typedef struct ThalwegPrompt {
    int64_t end;  /* the position behind its last token, from which negative ones count; -1: there is
                     none, and edits that count from it act nowhere */
    int64_t most; /* positions that the sequence will have */
} ThalwegPrompt;

/* What edit `number` does in a sequence with that prompt, for tw_session_set_edit(). Owned by the
 * Thalweg. False: it acts at a position that never occurs. */
TW_API bool thalweg_edit_at_first(Thalweg *thalweg, int64_t number, ThalwegPrompt prompt,
                                  TwEdit *out);

/* Whether the weights are there, and every tensor has the shape that the model needs. */
TW_API bool thalweg_check_weights(Thalweg *thalweg);

/* ---- out ---- */

/* Compiled for this machine and loaded; owned by the Thalweg. Null also when `cpu` is not able to
 * run here. */
TW_API const TwProgram *thalweg_program(Thalweg *thalweg);

/* Packed weights of this model for this layout, from the cache, where they are put if they are not
 * there yet. Where that cannot be, which is a warning, they are packed for this Thalweg alone.
 * Owned by the Thalweg. */
TW_API const TwWeights *thalweg_weights(Thalweg *thalweg);

/* What turns text into the model's tokens and back: tables of the tokenizer that the description
 * names, from the cache, where they are put if they are not there yet. Owned by the Thalweg. Null:
 * it has none, or it is reported why there is none. */
TW_API const TwTokenizer *thalweg_tokenizer(Thalweg *thalweg);

/* The same of a tokenizer alone, in a Thalweg that has read no model: a tokenizer.json, a
 * tokenizer.model, a .gguf, or a folder that has one of the first two. */
TW_API const TwTokenizer *thalweg_read_tokenizer(Thalweg *thalweg, const char *path);

/* Files that are written between these two get their names together, or with `is_complete` false
 * not at all: at most the weights, a tokenizer, a header and code. */
TW_API void thalweg_begin_files(Thalweg *thalweg);
TW_API bool thalweg_end_files(Thalweg *thalweg, bool is_complete);

/* Writes the packed weights to a file, which appears whole or not at all. */
TW_API bool thalweg_write_weights(Thalweg *thalweg, const char *path);

/* Writes the tables of the model's tokenizer, as tw_tokenizer_open() reads them. */
TW_API bool thalweg_write_tokenizer(Thalweg *thalweg, const char *path);

typedef enum ThalwegEmit {
    THALWEG_LLVM,
    THALWEG_ASSEMBLY,
    THALWEG_OBJECT,
    THALWEG_BITCODE, /* for LLVM's tools of the same version, or a newer one */
    THALWEG_ARCHIVE, /* object and runtime library */
    THALWEG_SHARED,  /* a shared library of both */
    THALWEG_PROGRAM  /* that continues prompts */
} ThalwegEmit;

/* The processor that code is made for, or the several, the best first: "x86-64-v4, x86-64-v3".
 * Owned by the Thalweg; null: the model cannot be compiled for them. */
TW_API const char *thalweg_target(Thalweg *thalweg);

/* Makes the directory that a file of this path goes into, and its parents, where they are missing.
 */
TW_API bool thalweg_make_directory(Thalweg *thalweg, const char *path);

/* Writes the compiled module to a file, which appears whole or not at all. What the object exports
 * is declared by the file of thalweg_write_header(). The last two are linked by the C compiler. */
TW_API bool thalweg_write_code(Thalweg *thalweg, ThalwegEmit form, const char *path);
TW_API bool thalweg_write_header(Thalweg *thalweg, const char *path);

/* Evaluates the model as described, its weights rounded as asked, in double precision and slowly.
 * Keeps its own caches. Copies the results of the last `rows` of the tokens, one of a model
 * that pools, to out[rows * outputs]. */
TW_API bool thalweg_interpret(Thalweg *thalweg, const int32_t *tokens, int64_t count,
                              int64_t position, int64_t rows, double *out);

/* The same of a model that begins with values of a point, a row for each token. */
TW_API bool thalweg_interpret_values(Thalweg *thalweg, const double *values, int64_t count,
                                     int64_t position, int64_t rows, double *out);

/* The sequence that thalweg_interpret() goes on with, 0 at first: each has its own caches. */
TW_API bool thalweg_choose_interpreted(Thalweg *thalweg, int64_t sequence);

/* As tw_session_set_tap(), for thalweg_interpret(), which keeps no more than the rows there are. */
TW_API bool thalweg_set_interpreted_tap(Thalweg *thalweg, int64_t number, double *rows,
                                        int64_t count);

/* As tw_session_set_edit(). */
TW_API bool thalweg_set_interpreted_edit(Thalweg *thalweg, int64_t number, const TwEdit *edit);

/* Bytes that running the model takes, with the threads of the options. Known before anything is
 * compiled or packed. */
typedef struct ThalwegMemory {
    int64_t context;                                /* of the longest sequence, */
    int64_t caches, tables, arena, scratch, logits; /* for which a session has these */
    int64_t weights;                                /* packed, mapped from a file */
    int64_t packing;   /* to make that file, before there is a session */
    int64_t all;       /* at a time */
    int64_t available; /* what this process can still have; INT64_MAX: nobody knows */
    const char *limit; /* who says so: "in this machine", "in its control group", ... */
} ThalwegMemory;

/* For sessions that keep the logits of the last token, or of all tokens of a call. */
TW_API bool thalweg_memory(Thalweg *thalweg, bool has_all_logits, ThalwegMemory *out);

/* Takes a shorter context than the model's own, and says so in a note, where that leaves this
 * machine without memory and the options name none: before a program is made. */
TW_API bool thalweg_choose_context(Thalweg *thalweg, bool has_all_logits);

/* Whether the memory is there; false also, and reported, where it is not. */
TW_API bool thalweg_check_memory(Thalweg *thalweg, bool has_all_logits);

/* What became of the model: kernels of each phase, arena, bytes and floating-point operations of a
 * token. With `graphs` ("", or null for none) also the graphs themselves; where it names some of
 * described, optimised, prefill, decode, gradient (of a loss, which the others leave out), or the
 * number of a layer, by commas, these alone. */
TW_API bool thalweg_explain(Thalweg *thalweg, const char *graphs, FILE *out);

/* What the object file's bytes are, function by function, and the memory that a session takes. */
TW_API bool thalweg_size(Thalweg *thalweg, FILE *out);
/* What code is made for: processor, features, vectors, and the instructions of the products. */
TW_API bool thalweg_print_target(Thalweg *thalweg, FILE *out);

/* Where the schedules of kernels come from: "9 tuned, 2 shipped, 1 by rule". Owned by the Thalweg;
 * null: the model cannot be compiled. */
TW_API const char *thalweg_tuning(Thalweg *thalweg);

/* For tw_session_create(): the threads of the options, or as many of them as tuning found best for
 * each phase. All zero: the model cannot be compiled. */
TW_API TwSessionOptions thalweg_session_options(Thalweg *thalweg);

/* What one call costs that feeds `tokens` tokens from `position` on and asks for one row of logits;
 * attention is counted for what it sees in the middle of the call. */
typedef struct ThalwegCosts {
    double weight_bytes;    /* of packed weights, read once */
    double cache_bytes;     /* of keys and values, read at least once */
    double operations;      /* a multiply-add is two */
    double byte_operations; /* of these: products of bytes */
    double pair_operations; /* of these: products of bf16; the others are f32 */
} ThalwegCosts;

/* 1 <= tokens, tokens + position <= context; one token is the decode phase, more are the prefill.
 */
TW_API bool thalweg_costs(Thalweg *thalweg, int64_t tokens, int64_t position, ThalwegCosts *out);

/* Graph text in, the passes chosen in the options, graph text out. */
TW_API bool thalweg_optimise_text(Thalweg *thalweg, const char *name, const char *text,
                                  size_t length, FILE *out);

/* ---- what is kept in the cache ---- */

typedef struct ThalwegKept {
    const char *name, *what, *model; /* of the file; "weights" or "code" */
    int64_t bytes;
    int64_t used; /* seconds since 1970 */
    bool is_held; /* a process works with it, so that it stays */
} ThalwegKept;

/* Files of both kinds, those of each that were used the longest ago first; owned by the Thalweg. */
TW_API bool thalweg_list_kept(Thalweg *thalweg, const ThalwegKept **out, int *count);

/* Removes files until all that are left have no more than `most` bytes: first packed weights, then
 * code, of each those that were used the longest ago. *removed: bytes that went. */
TW_API bool thalweg_trim_kept(Thalweg *thalweg, int64_t most, int64_t *removed);

/* The folder; null: the environment names no place. Owned by the Thalweg. */
TW_API const char *thalweg_cache_folder(Thalweg *thalweg);

/* ---- what there is to know ---- */

TW_API void thalweg_print_cpus(FILE *out);
TW_API void thalweg_print_passes(FILE *out);
TW_API void thalweg_print_operations(FILE *out); /* the reference of all ops, as Markdown */

/* ---- diagnostics, in order ---- */

typedef enum ThalwegSeverity { THALWEG_ERROR, THALWEG_WARNING, THALWEG_NOTE } ThalwegSeverity;

typedef struct ThalwegDiagnostic {
    ThalwegSeverity severity;
    const char *file; /* null: no place in a file */
    int line, column; /* from 1; 0: the whole file */
    const char *message;
    const char *hint; /* null: none */
} ThalwegDiagnostic;

TW_API int thalweg_diagnostic_count(const Thalweg *thalweg);
/* Strings are owned by the Thalweg. 0 <= index < count. */
TW_API ThalwegDiagnostic thalweg_diagnostic(const Thalweg *thalweg, int index);
/* As a compiler prints them: place, message, source line, caret, hint. */
TW_API void thalweg_print_diagnostics(const Thalweg *thalweg, FILE *out);

#ifdef __cplusplus
}
#endif

#endif

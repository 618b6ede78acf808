/* compiler.h - a Thalweg from inside: what has been made so far, and the steps that make it.
 *
 * compiler_<product>() takes the steps that lead to a product, each of them once, and returns false
 * when one fails, now or before: what depends on the description alone is tried once and reported
 * once. What depends on files beside it is tried again by each call.
 */
#ifndef FRONTEND_COMPILER_H
#define FRONTEND_COMPILER_H

#include "codegen/emit/module.h"
#include "codegen/object/jit.h"
#include "frontend/compiler/thalweg.h"
#include "frontend/compiler/tuning_file.h"
#include "frontend/files/cache_folder.h"
#include "frontend/model/model.h"
#include "frontend/weights/checkpoint.h"
#include "ir/interp.h"
#include "passes/pass.h"

#include <locale.h>

typedef enum { STEP_target, STEP_passes, STEP_plan, STEP_module, STEP_jit, STEP_COUNT } Step;
typedef enum { NOT_TAKEN, SUCCEEDED, FAILED } StepState;

typedef struct PerfFiles PerfFiles;
typedef struct OutputBatch OutputBatch;

typedef struct {
    double *rows; /* of the caller's; null: not wanted */
    int64_t count;
} InterpretedTap;

struct Thalweg {
    ThalwegOptions options;
    Arena *arena; /* texts, description, graphs, plan, diagnostics */
    Diag diag;
    locale_t locale;      /* "C": of all that is read and written */
    bool is_exhausted;    /* a call ran out of memory: what stands here may be half made */
    Diagnostic no_memory; /* of that call */
    StepState step[STEP_COUNT];

    bool has_input;        /* a description was handed in, good or not */
    const Source *source;  /* its text */
    const char *directory; /* of its weights */
    Model *model;          /* null: none, or none that can be compiled */
    Graph *described;      /* in the model's own order of operations; never rewritten */
    Graph *whole;          /* the same; of a part of a model all of it, which has its weights */
    Target *target;        /* the best of several */
    Thalweg *
        *other; /* [others] the same model for the other targets of an object, from best to least */
    int others;
    Tuning tuning;    /* what is known of this target */
    Graph *optimised; /* after the passes that see both phases */
    Graph *prefill, *decode;
    Graph *batches, *few;   /* null: not wanted */
    const char *statistics; /* a line for each pass that ran */
    Plan *plan;
    Module *module;
    Bytes code;           /* the module's object, made or kept from before */
    bool is_cache_warned; /* it was said that something is not kept */
    Jit *jit;
    const TwProgram *program; /* owned by the jit */
    PerfFiles *perf;          /* null: nothing was told */
    OutputBatch *batch;       /* of files that are written for the caller; null: each by itself */

    Checkpoint *checkpoint;
    TwWeights *weights;
    int held; /* the file of the cache that these are in, while is_held */
    bool is_held;
    Interp *interp;
    TwTokenizer *tokenizer;
    Bytes tables;      /* of the tokenizer */
    Arena *definition; /* of a tokenizer of which something was reported; null: none */
    InterpretedTap *interpreted_tap; /* by number; null: nobody asked */
    TwEdit *interpreted_edit;        /* by number; null: nobody asked */
};

/* ---- compiler_state.c ---- */

/* thalweg_create() and thalweg_destroy(). */
Thalweg *compiler_create(const ThalwegOptions *options);
void compiler_destroy(Thalweg *thalweg);

/* Whether the step succeeds, which is made only once. */
bool compiler_take(Thalweg *thalweg, Step step, bool (*make)(Thalweg *thalweg));

/* Tells the caller how far a work is. False: it is to stop, which is reported. */
bool compiler_progress(Thalweg *thalweg, const char *what, double done);

/* ---- compiler_input.c ---- */

/* A copy of a text, or of the first `most` bytes, for as long as the arena lives. */
const Source *compiler_copy_text(Thalweg *thalweg, const char *name, const char *text,
                                 size_t length, size_t most);

/* A file's first `most` bytes. Null: reported. */
const Source *compiler_read_file(Thalweg *thalweg, const char *path, size_t most);

/* The directory of a path, "" for the current one. */
const char *compiler_directory(Thalweg *thalweg, const char *path);

/* ---- compiler_cache.c ---- */

/* Where packed weights, code and tuning.yaml are kept. Null: the environment names no place. */
const char *compiler_cache_directory(Thalweg *thalweg);
bool compiler_make_cache(const char *path, Diag *diag);
int64_t compiler_cache_most(const Thalweg *thalweg); /* bytes of packed weights */

/* That a file of the cache is not used; and, once of all that is kept, that something is not. */
void compiler_warn_unsafe_file(Thalweg *thalweg, const char *directory, const char *name,
                               const char *why);
void compiler_warn_unsafe_cache(Thalweg *thalweg, const char *directory, const char *why);
void compiler_warn_not_kept(Thalweg *thalweg, const char *what, const char *why);

/* ---- compiler_checkpoint.c: of a model that has been read ---- */

bool compiler_open_checkpoint(Thalweg *thalweg);

/* Gives tables of the description the formats that they have in its file, if that is there; and
 * matrices those nearest to theirs, where that is asked for. */
bool compiler_take_stored_types(Thalweg *thalweg);

/* "24 of Q8_0 as q8, 1 of Q6_K as q8 (rounded)": what became of the matrices of a file that has
 * types which are not ours; "" where it was not opened. */
const char *compiler_types_text(const Thalweg *thalweg);

/* ---- compiler_model.c ---- */

bool compiler_read(Thalweg *thalweg, const Source *source, const char *directory);
/* Describe the model that was read anew, for sequences of another length; or with taps beside its
 * own, where nothing was made of it yet. False: reported. */
bool compiler_set_context(Thalweg *thalweg, int64_t context);
bool compiler_add_taps(Thalweg *thalweg, const char *const *taps, int64_t count);
bool compiler_described(Thalweg *thalweg); /* whether a model has been read; otherwise reported */
ThalwegModel compiler_model(const Thalweg *thalweg); /* thalweg_model() */

/* ---- compiler_targets.c ---- */

/* Fills target and others as the options say. */
bool compiler_target(Thalweg *thalweg);
bool compiler_runs_here(Thalweg *thalweg); /* the target's code; otherwise reported */

/* The processors that are compiled for, the best first: "x86-64-v4, x86-64-v3". */
const char *compiler_target_names(const Thalweg *thalweg);

/* ---- compiler_tuning.c ---- */

/* That the code will run with, by the options. */
int compiler_threads(const Thalweg *thalweg);

/* What a schedule for the target depends on besides its kernel. */
TuningMachine compiler_tuning_machine(const Thalweg *thalweg);

/* The file that the options say, or the one of the cache directory. Null: reported. */
const char *compiler_tuning_path(Thalweg *thalweg);

/* Adds a file's records. False: reported. */
bool compiler_read_tuning(Thalweg *thalweg, const char *path, TuningFile *file);

/* Fills thalweg->tuning from the table that comes with Thalweg and the user's file. */
bool compiler_load_tuning(Thalweg *thalweg);

/* How many threads calls of a phase are faster with; 0: all. */
int compiler_call_threads(const Thalweg *thalweg, const Graph *graph);

/* thalweg_tuning(), of a model that has a plan. */
const char *compiler_tuning_text(const Thalweg *thalweg);

/* Where the schedule of a kernel comes from; null: from the rule. */
const char *compiler_tuning_source(const Thalweg *thalweg, const Kernel *kernel, Arena *arena);

/* ---- compiler.c ---- */

PassOptions compiler_pass_options(const Thalweg *thalweg);

/* The graph that says what the numbers are: the model as described, or, where weights are rounded,
 * as it is when they are. Null: reported. */
const Graph *compiler_meaning(Thalweg *thalweg);

bool compiler_plan(Thalweg *thalweg);
bool compiler_plan_all(Thalweg *thalweg); /* for each of the processors */
bool compiler_module(Thalweg *thalweg);

/* ---- compiler_perf.c ---- */

/* Tells perf the functions of an object that was loaded. False: reported. */
bool compiler_tell_perf(Thalweg *thalweg, Bytes object, const char *symbol,
                        const TwProgram *program);
void compiler_end_perf(Thalweg *thalweg);

/* ---- compiler_code.c ---- */

/* The object file of a model that has a plan, from the cache or made and put there; timed code or
 * that which the model runs with. False: reported. */
bool compiler_code(Thalweg *thalweg, bool is_timed, Bytes *object);

/* Loads it. What has been made is the caller's to destroy, with false, too. */
bool compiler_load(Thalweg *thalweg, Bytes object, Jit **jit, const TwProgram **program);

/* Both, for thalweg->program. */
bool compiler_program(Thalweg *thalweg);

/* ---- compiler_weights.c ---- */

extern const CacheKind compiler_weights_kind;

bool compiler_checkpoint(Thalweg *thalweg);
bool compiler_weights(Thalweg *thalweg);
bool compiler_write_weights(Thalweg *thalweg, const char *path);

/* ---- compiler_tokenizer.c ---- */

/* The tables of the model's tokenizer, from the cache or made and put there, and opened. */
bool compiler_tokenizer(Thalweg *thalweg);

/* The same of a tokenizer alone: a file, or a folder. `name`: of what is kept. */
bool compiler_open_tokenizer(Thalweg *thalweg, const char *name, const char *path);
bool compiler_write_tokenizer(Thalweg *thalweg, const char *path);

/* ---- compiler_kept.c ---- */

/* thalweg_list_kept() and thalweg_trim_kept(). False: reported. */
bool compiler_list_kept(Thalweg *thalweg, const ThalwegKept **out, int *count);
bool compiler_trim_kept(Thalweg *thalweg, int64_t most, int64_t *removed);

/* ---- compiler_object.c ---- */

/* Of a model that has a plan: what object files are made of. Null: reported. */
Module *compiler_object_module(Thalweg *thalweg, bool is_program);

/* Text, assembly or an object; of a program, with what its main() looks for. */
bool compiler_write_module(Thalweg *thalweg, ThalwegEmit form, const char *path, bool is_program);

/* ---- compiler_link.c ---- */

/* An archive, a shared library or a program. */
bool compiler_link(Thalweg *thalweg, ThalwegEmit form, const char *path);

/* ---- compiler_header.c ---- */

bool compiler_write_header(Thalweg *thalweg, const char *path);

/* ---- compiler_points.c ---- */

/* Those of the options, to the description's. False: reported. */
bool compiler_add_instruments(Thalweg *thalweg, const Model *model);

/* Of a model that was read. */
const ThalwegPoint *compiler_points(Thalweg *thalweg, int64_t *count);
const ThalwegTap *compiler_taps(Thalweg *thalweg, int64_t *count);
bool compiler_set_interpreted_tap(Thalweg *thalweg, int64_t number, double *rows, int64_t count);

/* Of an interpreter that was made: it gives taps what was asked for. */
void compiler_begin_interpreted_taps(Thalweg *thalweg);

/* ---- compiler_edits.c ---- */

/* The operands of a model's edits, before its graph is built. False: reported. */
bool compiler_read_operands(Thalweg *thalweg, const Model *model);

/* Of a checkpoint that is open: its params, and operands of edits. */
const Weights *compiler_values(Thalweg *thalweg);

/* A hash of what packed weights of the optimised graph depend on, as checkpoint_identity(). */
uint64_t compiler_values_identity(const Thalweg *thalweg);

/* thalweg_edits() and thalweg_edit_at_first(); of all edits, before a prompt is known. Null and
 * false: reported. */
const ThalwegEdit *compiler_edits(Thalweg *thalweg, int64_t *count);
bool compiler_edit_at_first(Thalweg *thalweg, int64_t number, ThalwegPrompt prompt, TwEdit *out);
const TwEdit *compiler_edits_at_first(Thalweg *thalweg);

/* Of an interpreter that was made: it gives edits what was said. False: reported. */
bool compiler_begin_interpreted_edits(Thalweg *thalweg);
bool compiler_set_interpreted_edit(Thalweg *thalweg, int64_t number, const TwEdit *edit);

/* ---- compiler_costs.c ---- */

bool compiler_costs(Thalweg *thalweg, int64_t tokens, int64_t position, ThalwegCosts *out);

/* Bytes of keys and values that a kernel reads in a call. */
double compiler_cache_bytes(const Kernel *kernel, int64_t tokens, int64_t position);

/* ---- compiler_explain.c ---- */

void compiler_explain(Thalweg *thalweg, FILE *out);

/* ---- compiler_graphs.c ---- */

/* The parts of the list, as thalweg_explain() has them; "": all. False: reported. */
bool compiler_print_graphs(Thalweg *thalweg, const char *parts, FILE *out);

/* ---- compiler_memory.c ---- */

/* What tw_session_bytes() says of the program that is made of a plan. */
uint64_t compiler_session_bytes(const Plan *plan, const TwSessionOptions *options);

/* thalweg_memory(), thalweg_choose_context() and thalweg_check_memory(). False: reported. */
bool compiler_memory(Thalweg *thalweg, bool has_all_logits, ThalwegMemory *out);
bool compiler_choose_context(Thalweg *thalweg, bool has_all_logits);
bool compiler_check_memory(Thalweg *thalweg, bool has_all_logits);

/* ---- compiler_size.c ---- */

bool compiler_print_size(Thalweg *thalweg, FILE *out);

/* ---- compiler_kernel_text.c: what a kernel is, in words that are the same in equal layers ---- */

const char *compiler_kernel_work(const Kernel *kernel, Arena *arena);
const char *compiler_kernel_shape(const Kernel *kernel, Arena *arena);
const char *compiler_kernel_schedule(const Kernel *kernel, Arena *arena);
int64_t compiler_kernel_layer(const Kernel *kernel); /* from 0; -1: of no layer */

#endif

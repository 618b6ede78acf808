/* module_parts.h - what goes into a module, and what is known of its functions. */
#ifndef CODEGEN_MODULE_PARTS_H
#define CODEGEN_MODULE_PARTS_H

#include "codegen/emit/plan.h"
#include "codegen/target/target.h"
#include "ir/bytes.h"

typedef struct {
    const Plan *plan;
    const Target *target;
} ModulePart;

/* What an edit does until something else is set, by its number; as in TwEdit. */
typedef struct {
    const float *operand; /* [floats] */
    const int32_t *row;   /* [rows]; null: there is no map */
    int64_t floats, rows;
    int64_t row_count;
    float strength;
    bool is_on;
} ModuleEdit;

typedef struct {
    bool is_timed;        /* notes when each thread begins and ends each kernel (runtime/trace.h) */
    bool is_object;       /* exports a TwModule and its calls (object_calls.def), no TwPrograms */
    bool has_byte_tokens; /* of an object: a token is a byte of text */
    bool is_program;      /* of an object: main() finds it as `tw_program_module` */
    bool has_weights;     /* of an object: they are inside (MODULE_WEIGHTS_SECTION) */
    bool has_tokenizer;   /* of an object: its tables are a file, or inside */
    Bytes tokenizer;      /* which are inside; without data: none */
    const ModuleEdit *edits; /* of an object, of all numbers; null: who loads the code says them */
} ModuleOptions;

/* A function of a module, by its symbol without the model's name. What is not among them is shared
 * by kernels: tiles and the like. */
typedef struct {
    const char *name;     /* "decode.read_qkv.768x2304.q8"; of an entry "decode" */
    const Kernel *kernel; /* the first that it was made for; null: an entry */
    int calls;            /* kernels of all entries that it computes */
} ModuleFunction;

#endif

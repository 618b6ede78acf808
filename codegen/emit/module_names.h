/* module_names.h - names of what modules have and objects export, made of the model's: texts that
 * are owned by the arena. */
#ifndef CODEGEN_MODULE_NAMES_H
#define CODEGEN_MODULE_NAMES_H

#include "ir/arena.h"

/* What all names that an object exports begin with: "gpt2_124m". */
const char *module_prefix(const char *name, Arena *arena);

/* What the names of functions inside begin with. */
const char *module_function_prefix(const char *name, Arena *arena);

/* The symbol of the TwProgram of the part of that number. */
const char *module_symbol(const char *name, int number, Arena *arena);

/* Where an object that has_weights keeps them: the packed weight file as it lies on disk. The
 * section is empty in what LLVM writes, and filled by object_print(). */
#define MODULE_WEIGHTS_SECTION ".lrodata.thalweg"
enum { MODULE_WEIGHTS_ALIGNMENT = 4096 };

#endif

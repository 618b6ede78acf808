/* template_compile.h - compiles a chat template, as models ship it, to the program that
 * runtime/text runs.
 *
 * A template is Jinja as Hugging Face's transformers configures it: blocks are trimmed, loops can
 * be left, and what is not the template's own cannot be changed. Statements: if, for, set, macro,
 * call, filter, with, raw, break, continue, generation. template_names.def has the filters, tests,
 * methods and functions; those of them that need not be in every program that embeds a model are
 * templates themselves (template_library.jinja), of which a program takes what it uses.
 */
#ifndef FRONTEND_TEMPLATE_COMPILE_H
#define FRONTEND_TEMPLATE_COMPILE_H

#include "ir/bytes.h"
#include "ir/diag.h"

/* A text that the template finds under a name, unless the talk has another: bos_token, eos_token.
 */
typedef struct TemplateConstant {
    const char *name;
    Bytes text;
} TemplateConstant;

/* The program in the arena, aligned to 4; without data: the diagnostics say why. The source
 * outlives the diagnostics. What is unknown but stands under a condition is no error before the
 * condition holds. */
Bytes template_compile(const Source *source, const TemplateConstant *constants, int count,
                       Arena *arena, Diag *diag);

#endif

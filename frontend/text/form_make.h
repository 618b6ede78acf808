/* form_make.h - what becomes of each character, collected into a section of runtime/text/form.h. */
#ifndef FRONTEND_TEXT_FORM_MAKE_H
#define FRONTEND_TEXT_FORM_MAKE_H

#include "ir/arena.h"
#include "runtime/text/form.h"

#include <stdint.h>

typedef struct FormMaker FormMaker;

FormMaker *form_maker_create(uint32_t flags, Arena *arena);

/* Says of a character what TextFormEntry does. `text` is read where `flags` has
 * TEXT_FORM_REPLACED. */
void form_maker_set(FormMaker *maker, uint32_t character, uint32_t flags, uint32_t combining,
                    const uint32_t *text, int count);

/* Two characters that are composed to one. */
void form_maker_pair(FormMaker *maker, uint32_t first, uint32_t second, uint32_t composed);

/* Adds the section. */
void form_maker_write(FormMaker *maker, TextBuffer *out);

#endif

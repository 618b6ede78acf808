/* normal.h - normalisers: from text to text. */
#ifndef RUNTIME_TEXT_NORMAL_H
#define RUNTIME_TEXT_NORMAL_H

#include "runtime/text/tables.h"
#include "runtime/text/text_buffer.h"

enum { /* where the text stands in what is normalised as a whole */
       TEXT_BEGINS = 1,
       TEXT_ENDS = 2
};

/* Whether a section of a file can be trusted as what a step of that kind reads. */
bool tw_text_normal_check(const TextTables *tables, const TextStep *step);

/* Adds the text as the step makes it to `out`. */
void tw_text_normal(const TextTables *tables, const TextStep *step, const uint8_t *text,
                    size_t bytes, unsigned where, TextBuffer *out);

#endif

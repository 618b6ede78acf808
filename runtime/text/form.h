/* form.h - what becomes of each character: tables of steps that look at characters one by one, and
 * of Unicode's normal forms (Unicode Standard Annex 15).
 *
 * A section is a TextForm and
 *   TextFormEntry entry[entries]       entry[0] is of characters that nothing happens to
 *   TextFormPair  pair[pairs]          ascending by first, then second
 *   uint32_t      text[texts]          characters that others become
 *   uint16_t      block[TEXT_FORM_BLOCKS]     of 128 code points each
 *   uint16_t      entry_of[blocks][128]
 */
#ifndef RUNTIME_TEXT_FORM_H
#define RUNTIME_TEXT_FORM_H

#include "runtime/text/text_buffer.h"

enum { TEXT_FORM_BLOCKS = 0x110000 / 128, TEXT_FORM_LONGEST = 32 /* characters of a text */ };

enum {                         /* TextForm.flags */
       TEXT_FORM_NORMAL = 1,   /* a normal form: in its order, Hangul taken apart */
       TEXT_FORM_COMPOSED = 2, /* and put together again */
};

typedef struct TextForm {
    uint32_t flags, entries, pairs, texts, blocks;
    uint32_t first; /* the least character with an entry other than 0 */
    uint32_t reserved[2];
} TextForm;

enum {                         /* TextFormEntry.flags */
       TEXT_FORM_REPLACED = 1, /* by its text, which may be empty */
       TEXT_FORM_SPACED = 2,   /* a ' ' before and behind */
       TEXT_FORM_LOOKED_AT = 4 /* normal forms: the text may not be normal where it occurs */
};

typedef struct TextFormEntry {
    uint32_t text;     /* its first character */
    uint16_t count;    /* of characters */
    uint8_t combining; /* its canonical combining class */
    uint8_t flags;
} TextFormEntry;

/* Two characters that are composed to one. */
typedef struct TextFormPair {
    uint32_t first, second, composed;
} TextFormPair;

bool tw_text_form_check(const uint8_t *section, uint64_t bytes);

/* Adds the text in this form. */
void tw_text_form(const uint8_t *section, const uint8_t *text, size_t bytes, TextBuffer *out);

#endif

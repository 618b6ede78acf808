/* unicode_later.h - which version of Unicode a character came with.
 *
 * Tokenizers were made with libraries that stand still at some version, and text that they see must
 * be cut as it was then. So what a character is, is said as of a version, whichever utf8proc is
 * here. */
#ifndef FRONTEND_TEXT_UNICODE_LATER_H
#define FRONTEND_TEXT_UNICODE_LATER_H

#include <stdint.h>

enum {                            /* versions * 10 of Hugging Face's libraries */
       UNICODE_EXPRESSIONS = 160, /* Oniguruma's */
       UNICODE_FORMS = 90,        /* normal forms */
       UNICODE_COMBINING = 90,    /* StripAccents */
       UNICODE_BERT = 80          /* BertNormalizer, Punctuation */
};

/* The version * 10, 80 for 8 and all before; 200: none, or after 16. */
int unicode_age(uint32_t character);

/* utf8proc's number of the general category in Unicode 16. */
int unicode_category(uint32_t character);

uint32_t unicode_lower(uint32_t character);

#endif

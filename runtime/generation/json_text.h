/* json_text.h - values as JSON writes them (RFC 8259), in the C locale. */
#ifndef GENERATION_JSON_TEXT_H
#define GENERATION_JSON_TEXT_H

#include <stdio.h>

/* In quotes; bytes that are no UTF-8 become U+FFFD, as WHATWG's decoder has it. */
void json_text_string(const char *text, size_t length, FILE *out);

/* A number of nine digits; null: not finite. */
void json_text_number(double number, FILE *out);

#endif

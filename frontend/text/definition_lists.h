/* definition_lists.h - a definition that is put together step by step: of formats that say what a
 * tokenizer does by a few settings. */
#ifndef FRONTEND_DEFINITION_LISTS_H
#define FRONTEND_DEFINITION_LISTS_H

#include "frontend/text/definition.h"

#define TEXT_SPACE "\xe2\x96\x81" /* U+2581, SentencePiece's for ' ' */

/* An empty one, with none of the special tokens. */
TextDefinition *definition_create(const char *name, Loc loc, Arena *arena);

TextString text_of(const char *text); /* of a string that stays */

/* One more of each, all else {0}. No definition has more than a few steps. */
TextNormal *definition_add_normal(TextDefinition *definition, TextNormalKind kind, Arena *arena);
TextSplit *definition_add_split(TextDefinition *definition, const char *expression, Arena *arena);
TextDecode *definition_add_decode(TextDefinition *definition, TextDecodeKind kind, Arena *arena);

/* Room for one for each token of the model is taken with the first. */
TextAddedToken *definition_add_token(TextDefinition *definition, int32_t token, bool is_special,
                                     Arena *arena);

/* One more token before or behind a text; -1 is none. */
void definition_put_before(TextDefinition *definition, int32_t token, Arena *arena);
void definition_put_after(TextDefinition *definition, int32_t token, Arena *arena);

/* ' ' becomes U+2581, and one stands before what is not empty, where `has_prefix`. */
void definition_escape_spaces(TextDefinition *definition, bool has_prefix, Arena *arena);

/* Back from that: bytes of tokens <0xNN>, and all others. */
void definition_unescape_spaces(TextDefinition *definition, bool has_prefix, Arena *arena);

/* Whether a text is <0xNN>, and which byte. */
bool definition_is_byte(TextString text, uint8_t *byte);

#endif

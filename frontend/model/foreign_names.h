/* foreign_names.h - hints for names that other programs and papers have for keys and words of a
 * description, as `num_key_value_heads` and `swiglu`.
 *
 * They are no aliases: who reads a description shall find one name for a thing.
 */
#ifndef FRONTEND_FOREIGN_NAMES_H
#define FRONTEND_FOREIGN_NAMES_H

#include "frontend/model/keys.h"

/* What a key that the section does not have is called, and where it belongs; null: not known. */
const char *foreign_names_key(const Section *section, const char *name, Arena *arena);

/* What to write in place of a word, for a value of that kind; null: not known. */
const char *foreign_names_word(ReadKind *kind, const char *name);

/* Whether two names are the same but for case and marks: "RMSNorm" and "rms_norm". */
bool foreign_names_match(const char *a, const char *b);

#endif

/* charsmap_compile.h - a precompiled charsmap of SentencePiece, as runtime/text/charsmap.h reads
 * it. */
#ifndef FRONTEND_CHARSMAP_COMPILE_H
#define FRONTEND_CHARSMAP_COMPILE_H

#include "frontend/text/definition.h"
#include "runtime/text/text_buffer.h"

/* Adds the section's bytes to `out`. `map` is as files have it: a length of 4 bytes, the trie, the
 * replacements. `is_longest`: as SentencePiece replaces, else by grapheme clusters. False:
 * reported, at `loc`. */
bool charsmap_compile(TextString map, bool is_longest, const char *where, Loc loc, TextBuffer *out,
                      Diag *diag);

#endif

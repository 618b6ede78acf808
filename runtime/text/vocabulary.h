/* vocabulary.h - models that search their vocabulary by prefixes: Unigram and WordPiece.
 *
 * Both read the section `trie`, an array of units as trie.h has them whose values are tokens.
 */
#ifndef RUNTIME_TEXT_VOCABULARY_H
#define RUNTIME_TEXT_VOCABULARY_H

#include "runtime/text/encode.h"

enum { TEXT_LONGEST_TOKEN = 8192 /* bytes: tables have no longer ones in Unigram's trie */ };

/* Whether the sections that a model reads can be trusted; `head` has been checked. */
bool tw_unigram_check(const TextTables *tables);
bool tw_wordpiece_check(const TextTables *tables);

/* As tw_bpe_encode(). */
TwStatus tw_unigram_encode(const TextTables *tables, const uint8_t *piece, size_t bytes,
                           TextBuffer *scratch, TextSink *sink);
TwStatus tw_wordpiece_encode(const TextTables *tables, const uint8_t *piece, size_t bytes,
                             TextBuffer *scratch, TextSink *sink);

#endif

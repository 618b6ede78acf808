/* tables_parts.h - the sections of a tokenizer's tables, each made by a file of its own.
 *
 * All report what cannot become tables and return false then. What a file of tables has no room for
 * is found when it is written. The arena is for what is needed on the way.
 */
#ifndef FRONTEND_TABLES_PARTS_H
#define FRONTEND_TABLES_PARTS_H

#include "frontend/text/definition.h"
#include "frontend/text/tables_file.h"

/* Normalisers and splits. */
bool tables_steps(const TextDefinition *definition, TablesFile *file, Diag *diag);

/* What each token adds to a decoded text. Fills in what of the head decoding reads. */
bool tables_decode(const TextDefinition *definition, TablesFile *file, TextHead *head, Arena *arena,
                   Diag *diag);

/* Vocabulary and merges of BPE. Fills in what of the head its encoder reads. */
bool tables_bpe(const TextDefinition *definition, TablesFile *file, TextHead *head, Arena *arena,
                Diag *diag);

/* The vocabulary as a trie, and what else the other models read. */
bool tables_unigram(const TextDefinition *definition, TablesFile *file, TextHead *head,
                    Arena *arena, Diag *diag);
bool tables_wordpiece(const TextDefinition *definition, TablesFile *file, TextHead *head,
                      Arena *arena, Diag *diag);

/* Tokens that are found before all else. `normaliser`: open tables with the steps, and no more. */
bool tables_added(const TextDefinition *definition, TablesFile *file, const TextTables *normaliser,
                  Arena *arena);

/* The chat template, if there is one; one that cannot be compiled is left out with a warning. */
void tables_chat(const TextDefinition *definition, TablesFile *file, Arena *arena, Diag *diag);

/* What a byte-level vocabulary spells, as bytes; null: it is not all of the alphabet. */
TextString tables_spelled_bytes(TextString spelled, Arena *arena);

#endif

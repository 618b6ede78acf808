/* tables_vocabulary.h - the sections of models that search their vocabulary by prefixes: see
 * runtime/text/vocabulary.h. */
#ifndef FRONTEND_TABLES_VOCABULARY_H
#define FRONTEND_TABLES_VOCABULARY_H

#include "frontend/text/definition.h"
#include "frontend/text/tables_file.h"

/* The trie, and for Unigram the scores. False: reported. */
bool tables_unigram(const TextDefinition *definition, TablesFile *file, Diag *diag);
bool tables_wordpiece(const TextDefinition *definition, TablesFile *file, Diag *diag);

#endif

/* definition_parts.h - the parts of a tokenizer.json, each read by a file of its own. */
#ifndef FRONTEND_DEFINITION_PARTS_H
#define FRONTEND_DEFINITION_PARTS_H

#include "frontend/text/json_place.h"

enum { DEFINITION_MAX_TOKENS = 1 << 22, DEFINITION_MAX_STEPS = 64 };

/* A reader of one kind of step, normaliser, decoder or post-processor. */
typedef bool DefinitionReadStep(const JsonReader *reader, JsonPlace place, const char *type,
                                TextDefinition *definition);

/* One step, or a Sequence with a list of them, in which at most `depth` stand in each other. */
bool definition_read_steps(const JsonReader *reader, JsonPlace place, const char *list, int depth,
                           DefinitionReadStep *read, TextDefinition *definition);

bool definition_read_model(const JsonReader *reader, JsonPlace model, TextDefinition *definition);
bool definition_read_normals(const JsonReader *reader, JsonPlace place, TextDefinition *definition);
bool definition_read_splits(const JsonReader *reader, JsonPlace place, TextDefinition *definition);
bool definition_read_decoders(const JsonReader *reader, JsonPlace place,
                              TextDefinition *definition);

/* What is put before and after a text. Its tokens are numbers already. */
bool definition_read_template(const JsonReader *reader, JsonPlace place,
                              TextDefinition *definition);

/* What the files beside a definition say, and what names of tokens do: special tokens, those that
 * end a text, the chat template. `folder` as source_file_directory() gives it. */
bool definition_read_folder(const char *folder, TextDefinition *definition, Arena *arena,
                            Diag *diag);

/* The number of a token by its text, also of added tokens; -1: there is none. Linear. */
int32_t definition_find_token(const TextDefinition *definition, TextString text);

#endif

/* definition_read.h - the files that say what a tokenizer is.
 *
 * All readers give a definition in the arena, or null: reported. */
#ifndef FRONTEND_DEFINITION_READ_H
#define FRONTEND_DEFINITION_READ_H

#include "frontend/text/definition.h"
#include "frontend/weights/gguf.h"

/* A tokenizer.json; what lies beside it in its folder (tokenizer_config.json,
 * generation_config.json, special_tokens_map.json, chat_template.jinja) says which tokens are
 * special and end a text. */
TextDefinition *definition_read_json(const char *path, Arena *arena, Diag *diag);

/* A tokenizer.model of SentencePiece, with the same files beside it. */
TextDefinition *definition_read_spm(const char *path, Arena *arena, Diag *diag);

/* The keys tokenizer.* of a GGUF, which outlives the definition. */
TextDefinition *definition_read_gguf(const Gguf *gguf, Arena *arena, Diag *diag);

/* Whichever of these the path is, by its ending; or a folder that has one of the first two. */
TextDefinition *definition_read(const char *path, Arena *arena, Diag *diag);

#endif

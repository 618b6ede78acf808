/* gguf_value.h - the pairs of a GGUF as a tree of values: "llama.rope.freq_base" is a map in a map.
 */
#ifndef FRONTEND_GGUF_VALUE_H
#define FRONTEND_GGUF_VALUE_H

#include "frontend/import/value.h"
#include "frontend/weights/gguf.h"

/* All but the tokenizer's, which are long. */
Value *gguf_value_read(const Gguf *gguf, Arena *arena);

#endif

/* definition_gguf_stops.c - tokens that end a text or a turn. Files name some by keys; of the
 * others only their texts tell, as in llama.cpp. */
#include "frontend/text/definition_gguf.h"

#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<\xef\xbd\x9c" /* with U+FF5C and U+2581 */
    "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
    "[e~[",
    /* what stands between files, and behind what is filled in */
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
};

static const char *const token_keys[] = {
    "tokenizer.ggml.eos_token_id",     "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.eom_token_id",     "tokenizer.ggml.fim_pad_token_id",
    "tokenizer.ggml.fim_rep_token_id", "tokenizer.ggml.fim_sep_token_id",
};

typedef struct {
    GgufKeys *keys;
    int32_t token[64];
    int count;
} Stops;

static void add(Stops *stops, int32_t token) {
    for (int i = 0; i < stops->count; i++)
        if (stops->token[i] == token) token = -1;
    if (token >= 0 && stops->count < (int)(sizeof stops->token / sizeof *stops->token))
        stops->token[stops->count++] = token;
}

static bool has_text(const Stops *stops, int32_t token, const char *text) {
    const TextString found = stops->keys->definition->model.token[token].text;
    return found.bytes && found.count == strlen(text) &&
           memcmp(found.bytes, text, found.count) == 0;
}

static int find(const Stops *stops, const char *text) {
    for (int i = 0; i < stops->count; i++)
        if (has_text(stops, stops->token[i], text)) return i;
    return -1;
}

static void drop(Stops *stops, const char *text) {
    const int at = find(stops, text);
    if (at >= 0) stops->token[at] = stops->token[--stops->count];
}

/* Where other tokens end a turn, <|end|> ends a message within it. Beside <|tool_response>, </s> is
 * a piece of text. */
static void drop_others(Stops *stops) {
    const bool returns = find(stops, "<|return|>") >= 0, flushes = find(stops, "<|flush|>") >= 0,
               calls = find(stops, "<|call|>") >= 0 || find(stops, "<|calls|>") >= 0;
    if (calls && (returns || flushes)) drop(stops, "<|end|>");
    if (find(stops, "<|tool_response>") >= 0) drop(stops, "</s>");
}

/* The texts are those of the vocabulary as the file has it. */
static void add_texts(Stops *stops) {
    const TextModel *model = &stops->keys->definition->model;
    for (int32_t token = 0; token < model->token_count; token++) {
        if (!model->token[token].text.bytes) continue;
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            if (has_text(stops, token, texts[i])) add(stops, token);
    }
}

static int compare_tokens(const void *a, const void *b) {
    return *(const int32_t *)a < *(const int32_t *)b ? -1 : 1;
}

bool gguf_keys_stops(GgufKeys *keys) {
    Stops stops = {.keys = keys};
    TextDefinition *definition = keys->definition;
    add_texts(&stops);
    drop_others(&stops);
    for (size_t i = 0; i < sizeof token_keys / sizeof *token_keys; i++) {
        int32_t token;
        if (!gguf_keys_token(keys, token_keys[i], -1, &token)) return false;
        add(&stops, token);
    }
    add(&stops, definition->special[TW_EOS]);
    definition->stop_count = stops.count;
    definition->stop = ARENA_ARRAY(keys->arena, int32_t, sizeof stops.token / sizeof *stops.token);
    if (stops.count) {
        memcpy(definition->stop, stops.token, (size_t)stops.count * sizeof *stops.token);
        qsort(definition->stop, (size_t)stops.count, sizeof *stops.token, compare_tokens);
    }
    return true;
}

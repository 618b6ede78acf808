/* definition_model.c - `model` of a tokenizer.json: vocabulary and merges. */
#include "frontend/text/definition_parts.h"

#include <string.h>

/* ---- kinds ---- */

/* Files of before there was a type have what is each kind's own. */
static bool find_kind(const JsonReader *reader, JsonPlace model, TextModelKind *kind) {
    const char *type = json_place_type(reader, model);
    if (!type) return false;
    if (!type[0]) {
        if (json_object_get(model.json, "merges"))
            type = "BPE";
        else if (json_is_array(json_object_get(model.json, "vocab")))
            type = "Unigram";
        else
            type =
                json_object_get(model.json, "max_input_chars_per_word") ? "WordPiece" : "WordLevel";
    }
    static const char *const names[TEXT_MODEL_COUNT] = {"BPE", "Unigram", "WordPiece"};
    for (int i = 0; i < TEXT_MODEL_COUNT; i++)
        if (strcmp(type, names[i]) == 0) {
            *kind = (TextModelKind)i;
            return true;
        }
    return diag_error(reader->diag, reader->loc,
                      "model.type: '%s' is not supported: it must be BPE, Unigram or WordPiece",
                      type);
}

/* ---- vocabularies ---- */

static bool read_vocab_map(const JsonReader *reader, JsonPlace vocab, TextModel *model) {
    const char *text;
    size_t length;
    json_t *number;
    if (!json_is_object(vocab.json)) return json_place_wrong(reader, vocab, "a map");
    json_int_t last = -1;
    json_object_keylen_foreach((json_t *)vocab.json, text, length, number) {
        const json_int_t id = json_is_integer(number) ? json_integer_value(number) : -1;
        if (id < 0 || id >= DEFINITION_MAX_TOKENS)
            return diag_error(reader->diag, reader->loc,
                              "%s: '%s': expected a token's number, 0 to %d", vocab.path, text,
                              DEFINITION_MAX_TOKENS - 1);
        if (id > last) last = id;
    }
    model->token_count = (int32_t)(last + 1);
    model->token = ARENA_ARRAY(reader->arena, TextToken, (size_t)last + 2);
    json_object_keylen_foreach((json_t *)vocab.json, text, length, number) {
        TextToken *token = &model->token[json_integer_value(number)];
        if (token->text.bytes)
            return diag_error(reader->diag, reader->loc, "%s: '%s' and '%s' are both number %lld",
                              vocab.path, token->text.bytes, text,
                              (long long)json_integer_value(number));
        token->text = text_string_copy(text, length, reader->arena);
    }
    return true;
}

static bool read_vocab_list(const JsonReader *reader, JsonPlace vocab, TextModel *model) {
    if (!json_is_array(vocab.json)) return json_place_wrong(reader, vocab, "a list");
    const size_t count = json_place_items(vocab);
    if (count > DEFINITION_MAX_TOKENS)
        return json_place_wrong(reader, vocab, "fewer than 4194304 tokens");
    model->token = ARENA_ARRAY(reader->arena, TextToken, count + 1);
    for (; (size_t)model->token_count < count; model->token_count++) {
        const json_t *pair = json_array_get(vocab.json, (size_t)model->token_count);
        const json_t *text = json_array_get(pair, 0), *score = json_array_get(pair, 1);
        if (!json_is_string(text) || !json_is_number(score) || json_array_size(pair) != 2)
            return json_place_wrong(reader,
                                    json_place_item(reader, vocab, (size_t)model->token_count),
                                    "a token and its score");
        TextToken *token = &model->token[model->token_count];
        token->text =
            text_string_copy(json_string_value(text), json_string_length(text), reader->arena);
        token->score = json_number_value(score);
    }
    return true;
}

/* The bytes that <0x00> to <0xFF> stand for. */
static void mark_bytes(TextModel *model) {
    static const char digits[] = "0123456789ABCDEF";
    for (int32_t i = 0; i < model->token_count; i++) {
        TextToken *token = &model->token[i];
        const char *text = token->text.bytes;
        if (!text || token->text.count != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
            continue;
        const char *high = memchr(digits, text[3], 16), *low = memchr(digits, text[4], 16);
        token->is_byte = high && low;
        if (token->is_byte) token->byte = (uint8_t)((high - digits) << 4 | (low - digits));
    }
}

/* ---- merges ---- */

/* "a b", or ["a", "b"]. */
static bool read_pair(const json_t *json, TextString *left, TextString *right) {
    if (json_is_array(json) && json_array_size(json) == 2) {
        const json_t *a = json_array_get(json, 0), *b = json_array_get(json, 1);
        *left = (TextString){json_string_value(a), json_string_length(a)};
        *right = (TextString){json_string_value(b), json_string_length(b)};
        return left->bytes && right->bytes;
    }
    const char *text = json_string_value(json);
    if (!text) return false;
    const size_t count = json_string_length(json);
    const char *space = memchr(text, ' ', count);
    if (!space || memchr(space + 1, ' ', count - (size_t)(space + 1 - text))) return false;
    *left = (TextString){text, (size_t)(space - text)};
    *right = (TextString){space + 1, count - left->count - 1};
    return true;
}

static int32_t find(const json_t *vocab, const char *text, size_t count) {
    const json_t *number = json_object_getn(vocab, text, count);
    return number ? (int32_t)json_integer_value(number) : -1;
}

/* What a pair becomes, which the vocabulary must have: all of `left`, and of `right` what stands
 * behind the mark of pieces within words. */
static int32_t find_joined(const json_t *vocab, TextString left, TextString right, size_t mark,
                           Arena *arena) {
    char small[256];
    const size_t dropped = right.count < mark ? right.count : mark;
    const size_t count = left.count + right.count - dropped;
    char *joined = count <= sizeof small ? small : ARENA_ARRAY(arena, char, count);
    memcpy(joined, left.bytes, left.count);
    memcpy(joined + left.count, right.bytes + dropped, right.count - dropped);
    return find(vocab, joined, count);
}

static bool read_merge(const JsonReader *reader, const json_t *json, const json_t *vocab,
                       size_t mark, uint32_t rank, TextPair *pair) {
    TextString left, right;
    if (!read_pair(json, &left, &right)) return false;
    *pair = (TextPair){find(vocab, left.bytes, left.count), find(vocab, right.bytes, right.count),
                       find_joined(vocab, left, right, mark, reader->arena), rank};
    return pair->left >= 0 && pair->right >= 0 && pair->token >= 0;
}

static bool read_merges(const JsonReader *reader, JsonPlace model, TextModel *out) {
    const json_t *vocab = json_object_get(model.json, "vocab");
    const JsonPlace merges = json_place_key(reader, model, "merges");
    if (!json_is_array(merges.json)) return json_place_wrong(reader, merges, "a list");
    const size_t count = json_place_items(merges);
    out->merge = ARENA_ARRAY(reader->arena, TextPair, count + 1);
    for (; out->merge_count < count; out->merge_count++)
        if (!read_merge(reader, json_array_get(merges.json, out->merge_count), vocab,
                        out->continues.count, (uint32_t)out->merge_count,
                        &out->merge[out->merge_count]))
            return json_place_wrong(reader, json_place_item(reader, merges, out->merge_count),
                                    "two tokens of the vocabulary, \"a b\" or [\"a\", \"b\"], that "
                                    "make a third");
    return true;
}

/* ---- the model ---- */

static bool read_optional_text(const JsonReader *reader, JsonPlace model, const char *key,
                               TextString *out) {
    const JsonPlace place = json_place_key(reader, model, key);
    if (!place.json) return true;
    if (!json_place_text(reader, place, out)) return false;
    if (out->count == 0) *out = (TextString){0};
    return true;
}

static bool read_unknown(const JsonReader *reader, JsonPlace model, TextModel *out) {
    out->unknown = -1;
    if (out->kind == TEXT_MODEL_unigram) {
        int64_t id;
        if (!json_place_integer(reader, json_place_key(reader, model, "unk_id"), 0,
                                out->token_count - 1, -1, &id))
            return false;
        out->unknown = (int32_t)id;
        return true;
    }
    TextString text = {0};
    if (!read_optional_text(reader, model, "unk_token", &text)) return false;
    if (text.bytes)
        out->unknown = find(json_object_get(model.json, "vocab"), text.bytes, text.count);
    return true;
}

static bool read_flags(const JsonReader *reader, JsonPlace model, TextModel *out) {
    const JsonPlace dropout = json_place_key(reader, model, "dropout");
    if (json_number_value(dropout.json) != 0)
        return diag_error(reader->diag, reader->loc, "%s: merges are never left out", dropout.path);
    return json_place_flag(reader, json_place_key(reader, model, "byte_fallback"), false,
                           &out->byte_fallback) &&
           json_place_flag(reader, json_place_key(reader, model, "fuse_unk"), false,
                           &out->fuse_unknown) &&
           json_place_flag(reader, json_place_key(reader, model, "ignore_merges"), false,
                           &out->ignore_merges) &&
           json_place_integer(reader, json_place_key(reader, model, "max_input_chars_per_word"), 0,
                              UINT32_MAX, 100, &out->max_word_characters) &&
           read_optional_text(reader, model, "continuing_subword_prefix", &out->continues) &&
           read_optional_text(reader, model, "end_of_word_suffix", &out->word_end);
}

bool definition_read_model(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    TextModel *model = &definition->model;
    const JsonPlace vocab = json_place_key(reader, place, "vocab");
    if (!find_kind(reader, place, &model->kind) || !read_flags(reader, place, model)) return false;
    const bool is_list = model->kind == TEXT_MODEL_unigram;
    if (!(is_list ? read_vocab_list : read_vocab_map)(reader, vocab, model) ||
        !read_unknown(reader, place, model))
        return false;
    if (model->byte_fallback) mark_bytes(model);
    return model->kind != TEXT_MODEL_bpe || read_merges(reader, place, model);
}

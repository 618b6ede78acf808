/* definition_gguf.c - the keys tokenizer.ggml.* of a GGUF, as llama.cpp takes them.
 *
 * `model` says of which kind the tokenizer is (gpt2, llama, gemma4: BPE; t5: Unigram; bert:
 * WordPiece), `pre` how gpt2's text is cut (pre_tokenizers.def). Control tokens and unknown ones
 * are found where special tokens are asked for, those of the user always.
 */
#include "frontend/text/definition_gguf.h"

#include "frontend/text/definition_lists.h"
#include "frontend/text/definition_read.h"
#include "frontend/text/merges_by_score.h"
#include "frontend/text/token_index.h"

#include <math.h>
#include <string.h>

enum { MAX_TOKENS = 1 << 22 };

#define KEY "tokenizer.ggml."

/* ---- tokens ---- */

typedef enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER = 4, UNUSED = 5, BYTE = 6 } TokenType;

static bool read_texts(GgufKeys *keys) {
    TextModel *model = &keys->definition->model;
    const GgufValue *array;
    GgufValue text;
    if (!gguf_keys_array(keys, KEY "tokens", GGUF_string, -1, &array)) return false;
    if (!array || array->count == 0 || array->count > MAX_TOKENS)
        return gguf_keys_wrong(keys, KEY "tokens", "an array of strings");
    model->token_count = (int32_t)array->count;
    model->token = ARENA_ARRAY(keys->arena, TextToken, array->count);
    TextToken *token = model->token;
    for (GgufArray all = gguf_elements(array); gguf_next(&all, &text); token++)
        if (text.count) token->text = (TextString){(const char *)text.bytes, (size_t)text.count};
    return true;
}

static bool read_scores(GgufKeys *keys) {
    const char *key = KEY "scores";
    const TextModel *model = &keys->definition->model;
    const GgufValue *array = gguf_find(keys->gguf, key);
    const bool is_integer = array && array->type == GGUF_array && array->element == GGUF_i32;
    GgufValue score;
    if (!gguf_keys_array(keys, key, is_integer ? GGUF_i32 : GGUF_f32, model->token_count, &array))
        return false;
    if (!array) return true;
    TextToken *token = model->token;
    for (GgufArray all = gguf_elements(array); gguf_next(&all, &score); token++) {
        gguf_real(&score, &token->score);
        if (!isfinite(token->score))
            return diag_error(keys->diag, gguf_loc(keys->gguf),
                              "metadata '%s': token %td: expected a number, found %s", key,
                              token - model->token, gguf_show(&score, keys->diag->arena));
    }
    return true;
}

static bool is_named(const TextToken *token, const char *name) {
    return token->text.count == strlen(name) &&
           memcmp(token->text.bytes, name, token->text.count) == 0;
}

/* Tokens that take the white space beside them, of which files do not tell. */
static void set_strips(const GgufKeys *keys, const TextToken *token, TextAddedToken *added) {
    if (keys->strips_before_mask && (is_named(token, "<mask>") || is_named(token, "[MASK]")))
        added->lstrip = true;
    if (keys->is_phi3)
        added->rstrip = !is_named(token, "<unk>") && !is_named(token, "<s>") &&
                        !is_named(token, "<|endoftext|>");
}

static void take_type(GgufKeys *keys, int32_t number, int64_t type) {
    TextToken *token = &keys->definition->model.token[number];
    if (!token->text.bytes) return;
    if (type == BYTE) token->is_byte = definition_is_byte(token->text, &token->byte);
    if (type != UNKNOWN && type != CONTROL && type != USER) return;
    token->is_hidden = type != USER;
    set_strips(keys, token,
               definition_add_token(keys->definition, number, type != USER, keys->arena));
}

/* What ends a text is never made of text that does not ask for it. */
static void hide_stops(const GgufKeys *keys) {
    TextDefinition *definition = keys->definition;
    for (int i = 0; i < definition->added_count; i++)
        for (int k = 0; k < definition->stop_count; k++)
            if (definition->added[i].token == definition->stop[k]) {
                definition->added[i].is_special = true;
                definition->model.token[definition->stop[k]].is_hidden = true;
            }
}

static bool read_types(GgufKeys *keys) {
    const GgufValue *array;
    GgufValue value;
    const int32_t count = keys->definition->model.token_count;
    if (!gguf_keys_array(keys, KEY "token_type", GGUF_i32, count, &array)) return false;
    int32_t number = 0;
    int64_t type = NORMAL;
    if (!array) return true;
    for (GgufArray all = gguf_elements(array); gguf_next(&all, &value); number++) {
        gguf_integer(&value, &type);
        take_type(keys, number, type);
    }
    return true;
}

/* ---- BPE ---- */

/* "a b": the first space behind the first character parts them. */
static bool read_merge(const TokenIndex *index, TextString merge, TextPair *pair) {
    const char *space = merge.count ? memchr(merge.bytes + 1, ' ', merge.count - 1) : NULL;
    if (!space) return false;
    const size_t count = (size_t)(space - merge.bytes);
    const TextString left = {merge.bytes, count}, right = {space + 1, merge.count - count - 1},
                     none = {0};
    pair->left = token_index_find(index, left, none);
    pair->right = token_index_find(index, right, none);
    pair->token = token_index_find(index, left, right);
    return pair->left >= 0 && pair->right >= 0 && pair->token >= 0;
}

static bool read_merges(GgufKeys *keys) {
    TextModel *model = &keys->definition->model;
    const GgufValue *array;
    GgufValue text;
    if (!gguf_keys_array(keys, KEY "merges", GGUF_string, -1, &array)) return false;
    if (!array) return gguf_keys_wrong(keys, KEY "merges", "an array of strings");
    const TokenIndex index = token_index_create(model, false, keys->arena);
    model->merge = ARENA_ARRAY(keys->arena, TextPair, array->count + 1);
    for (GgufArray all = gguf_elements(array); gguf_next(&all, &text);) {
        TextPair *pair = &model->merge[model->merge_count];
        const TextString merge = {(const char *)text.bytes, (size_t)text.count};
        if (!read_merge(&index, merge, pair))
            return diag_error(keys->diag, gguf_loc(keys->gguf),
                              "metadata '" KEY
                              "merges': merge %zu: expected two tokens whose joined "
                              "text is a token, found %s",
                              model->merge_count, gguf_show(&text, keys->diag->arena));
        pair->rank = (uint32_t)model->merge_count++;
    }
    return true;
}

/* ---- pre-tokenizers of gpt2 ---- */

enum { RAW = 1, WHOLE = 2, BOS = 4, NFC = 8 };

#define SET(set, ...) static const char *const set_##set[] = {__VA_ARGS__, NULL};
#include "frontend/text/pre_tokenizers.def"

static const struct PreTokenizer {
    const char *name;
    const char *const *expression;
    unsigned flags;
} pre_tokenizers[] = {
#define PRE(name, set, flags) {name, set_##set, flags},
#include "frontend/text/pre_tokenizers.def"
};

static const struct PreTokenizer *find_pre_tokenizer(const GgufKeys *keys, const char *name) {
    for (size_t i = 0; i < sizeof pre_tokenizers / sizeof *pre_tokenizers; i++)
        if (strcmp(pre_tokenizers[i].name, name) == 0) return &pre_tokenizers[i];
    diag_error(keys->diag, gguf_loc(keys->gguf),
               "metadata '" KEY "pre': the pre-tokenizer '%s' is not known", name);
    diag_hint(keys->diag, "take the tokenizer.json of the model, or a newer Thalweg");
    return NULL;
}

static bool read_bpe(GgufKeys *keys, const char *pre) {
    TextDefinition *definition = keys->definition;
    const struct PreTokenizer *found = find_pre_tokenizer(keys, pre);
    if (!found || !read_merges(keys)) return false;
    const bool is_raw = (found->flags & RAW) != 0;
    definition->model.kind = TEXT_MODEL_bpe;
    definition->model.ignore_merges = (found->flags & WHOLE) != 0;
    definition->model.byte_fallback = is_raw;
    definition->is_byte_level = !is_raw;
    keys->adds_bos = (found->flags & BOS) != 0;
    if (found->flags & NFC) definition_add_normal(definition, TEXT_NORMAL_nfc, keys->arena);
    if (is_raw) definition_escape_spaces(definition, false, keys->arena);
    for (const char *const *expression = found->expression; *expression; expression++)
        definition_add_split(definition, *expression, keys->arena);
    if (is_raw)
        definition_unescape_spaces(definition, false, keys->arena);
    else
        definition_add_decode(definition, TEXT_DECODE_byte_level, keys->arena);
    return true;
}

static bool read_gpt2(GgufKeys *keys) {
    const char *pre = "default";
    return gguf_keys_string(keys, KEY "pre", &pre) && read_bpe(keys, pre);
}

static bool read_gemma4(GgufKeys *keys) {
    return read_bpe(keys, "gemma4");
}

/* ---- SentencePiece ---- */

static bool read_llama(GgufKeys *keys) {
    TextDefinition *definition = keys->definition;
    bool has_prefix = true;
    if (!gguf_keys_flag(keys, KEY "add_space_prefix", &has_prefix)) return false;
    definition->model.kind = TEXT_MODEL_bpe;
    definition->model.byte_fallback = true;
    definition->model.fuse_unknown = true;
    merges_by_score(&definition->model, keys->arena);
    definition_escape_spaces(definition, has_prefix, keys->arena);
    definition_unescape_spaces(definition, has_prefix, keys->arena);
    keys->adds_bos = true;
    return true;
}

/* An array of bytes. */
static bool read_charsmap(GgufKeys *keys) {
    const char *key = KEY "precompiled_charsmap";
    const GgufValue *value = gguf_find(keys->gguf, key);
    if (!value) return true;
    if (value->type != GGUF_array || (value->element != GGUF_u8 && value->element != GGUF_i8))
        return gguf_keys_wrong(keys, key, "an array of bytes");
    TextNormal *charsmap =
        definition_add_normal(keys->definition, TEXT_NORMAL_charsmap, keys->arena);
    charsmap->from = (TextString){(const char *)value->bytes, (size_t)value->count};
    charsmap->is_longest = true;
    charsmap->where = key;
    return true;
}

static bool read_t5(GgufKeys *keys) {
    TextDefinition *definition = keys->definition;
    TextModel *model = &definition->model;
    bool has_prefix = false, drops_spaces = false;
    if (!gguf_keys_flag(keys, KEY "add_space_prefix", &has_prefix) ||
        !gguf_keys_flag(keys, KEY "remove_extra_whitespaces", &drops_spaces) ||
        !read_charsmap(keys))
        return false;
    model->kind = TEXT_MODEL_unigram;
    model->fuse_unknown = true;
    for (int i = 0; i < definition->added_count; i++)
        if (!definition->added[i].is_special) model->token[definition->added[i].token].score = 0;
    if (drops_spaces) definition_add_normal(definition, TEXT_NORMAL_spaces, keys->arena);
    definition_escape_spaces(definition, has_prefix || drops_spaces, keys->arena);
    definition_unescape_spaces(definition, has_prefix, keys->arena);
    keys->adds_eos = true;
    return true;
}

/* ---- WordPiece ---- */

/* A vocabulary for llama.cpp has U+2581 before tokens that begin a word, and no ## before others,
 * but for those in brackets. Makes it what it was. */
static void restore_words(GgufKeys *keys) {
    const TextModel *model = &keys->definition->model;
    const size_t mark = strlen(TEXT_SPACE);
    for (int32_t i = 0; i < model->token_count; i++) {
        TextString *text = &model->token[i].text;
        if (text->count == 0 || (text->bytes[0] == '[' && text->bytes[text->count - 1] == ']'))
            continue;
        if (text->count > mark && memcmp(text->bytes, TEXT_SPACE, mark) == 0) {
            *text = (TextString){text->bytes + mark, text->count - mark};
            continue;
        }
        char *longer = ARENA_ARRAY(keys->arena, char, text->count + 2);
        memcpy(longer, "##", 2);
        memcpy(longer + 2, text->bytes, text->count);
        *text = (TextString){longer, text->count + 2};
    }
}

static bool read_bert(GgufKeys *keys) {
    TextDefinition *definition = keys->definition;
    TextModel *model = &definition->model;
    bool lowers = true;
    if (!gguf_keys_flag(keys, KEY "normalizer.lowercase", &lowers)) return false;
    bool strips = lowers;
    if (!gguf_keys_flag(keys, KEY "normalizer.strip_accents", &strips)) return false;
    restore_words(keys);
    model->kind = TEXT_MODEL_wordpiece;
    model->continues = text_of("##");
    model->max_word_characters = INT32_MAX;
    definition_add_normal(definition, TEXT_NORMAL_bert_clean, keys->arena);
    definition_add_normal(definition, TEXT_NORMAL_bert_chinese, keys->arena);
    if (strips) {
        definition_add_normal(definition, TEXT_NORMAL_nfd, keys->arena);
        definition_add_normal(definition, TEXT_NORMAL_strip_accents, keys->arena);
    }
    if (lowers) definition_add_normal(definition, TEXT_NORMAL_lowercase, keys->arena);
    TextSplit *split = definition_add_split(
        definition, "[!-/:-@\\[-`{-~\\p{P}]|[^\\s!-/:-@\\[-`{-~\\p{P}]+", keys->arena);
    split->behaviour = TEXT_REMOVED;
    split->is_inverted = true;
    TextDecode *decode = definition_add_decode(definition, TEXT_DECODE_wordpiece, keys->arena);
    decode->from = model->continues;
    decode->cleanup = true;
    return true;
}

/* ---- special tokens ---- */

typedef struct {
    const char *name; /* of `model` */
    bool (*read)(GgufKeys *keys);
    int32_t bos, eos, unknown, separator, pad, mask; /* where no key names them; -1: none */
} Kind;

static const Kind kinds[] = {
    {"gpt2", read_gpt2, -1, -1, -1, -1, -1, -1},    {"gemma4", read_gemma4, -1, -1, -1, -1, -1, -1},
    {"llama", read_llama, 1, 2, 0, -1, -1, -1},     {"t5", read_t5, -1, 1, 2, -1, 0, -1},
    {"bert", read_bert, 101, -1, 100, 102, 0, 103},
};

static const Kind *find_kind(const GgufKeys *keys) {
    const char *name = NULL;
    if (!gguf_keys_string(keys, KEY "model", &name)) return NULL;
    for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
    gguf_keys_wrong(keys, KEY "model", "gpt2, llama, t5, bert or gemma4");
    return NULL;
}

static bool read_special(GgufKeys *keys, const Kind *kind) {
    int32_t *special = keys->definition->special;
    return gguf_keys_token(keys, KEY "cls_token_id", -1, &special[TW_CLASS]) &&
           gguf_keys_token(keys, KEY "bos_token_id",
                           kind->read == read_bert && special[TW_CLASS] >= 0 ? special[TW_CLASS]
                                                                             : kind->bos,
                           &special[TW_BOS]) &&
           gguf_keys_token(keys, KEY "eos_token_id", kind->eos, &special[TW_EOS]) &&
           gguf_keys_token(keys, KEY "unknown_token_id", kind->unknown, &special[TW_UNKNOWN]) &&
           gguf_keys_token(keys, KEY "seperator_token_id", kind->separator,
                           &special[TW_SEPARATOR]) &&
           gguf_keys_token(keys, KEY "padding_token_id", kind->pad, &special[TW_PAD]) &&
           gguf_keys_token(keys, KEY "mask_token_id", kind->mask, &special[TW_MASK]);
}

/* BERT's text always stands between its first token and a separator. Gemma's files are wrong about
 * bos. */
static bool read_around(GgufKeys *keys, const Kind *kind) {
    TextDefinition *definition = keys->definition;
    const int32_t *special = definition->special;
    bool adds_bos = keys->adds_bos, adds_eos = keys->adds_eos;
    if (!gguf_keys_flag(keys, KEY "add_bos_token", &adds_bos) ||
        !gguf_keys_flag(keys, KEY "add_eos_token", &adds_eos))
        return false;
    if (kind->read == read_bert) {
        definition_put_before(definition, special[TW_BOS], keys->arena);
        definition_put_after(definition, special[TW_SEPARATOR], keys->arena);
        return true;
    }
    if (kind->read == read_gemma4) adds_bos = true;
    if (adds_bos) definition_put_before(definition, special[TW_BOS], keys->arena);
    if (adds_eos) definition_put_after(definition, special[TW_EOS], keys->arena);
    return true;
}

/* ---- the whole ---- */

/* Of what only names tell. */
static bool read_habits(GgufKeys *keys) {
    const char *name = "", *architecture = "", *pre = "";
    if (!gguf_keys_string(keys, "general.name", &name) ||
        !gguf_keys_string(keys, "general.architecture", &architecture) ||
        !gguf_keys_string(keys, KEY "pre", &pre))
        return false;
    keys->is_phi3 = strcasestr(name, "phi-3") || strcasestr(name, "phi3");
    keys->strips_before_mask =
        strncmp(pre, "jina-v2-", 8) == 0 || strcmp(architecture, "nomic-bert-moe") == 0 ||
        strcmp(architecture, "jina-bert-v3") == 0 || strcasestr(name, "modern-bert");
    return true;
}

static bool read_template(GgufKeys *keys) {
    const char *key = "tokenizer.chat_template";
    const GgufValue *value = gguf_find(keys->gguf, key);
    if (!value) return true;
    if (value->type != GGUF_string) return gguf_keys_wrong(keys, key, "a string");
    keys->definition->chat_template =
        (TextString){(const char *)value->bytes, (size_t)value->count};
    return true;
}

TextDefinition *definition_read_gguf(const Gguf *gguf, Arena *arena, Diag *diag) {
    GgufKeys keys = {.gguf = gguf, .arena = arena, .diag = diag};
    const Loc loc = gguf_loc(gguf);
    TextDefinition *definition = keys.definition =
        definition_create(loc.source ? loc.source->name : "", loc, arena);
    const Kind *kind = find_kind(&keys);
    if (!kind || !read_habits(&keys) || !read_texts(&keys) || !read_scores(&keys) ||
        !read_types(&keys) || !read_special(&keys, kind) || !gguf_keys_stops(&keys))
        return NULL;
    hide_stops(&keys);
    if (!kind->read(&keys) || !read_around(&keys, kind) || !read_template(&keys)) return NULL;
    if (definition->model.kind != TEXT_MODEL_bpe || definition->model.byte_fallback)
        definition->model.unknown = definition->special[TW_UNKNOWN];
    definition->source_id = tensor_set_identity(gguf_tensors(gguf));
    return definition;
}

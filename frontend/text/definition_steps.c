/* definition_steps.c - `normalizer` and `pre_tokenizer` of a tokenizer.json, as lists of steps. */
#include "frontend/text/definition_parts.h"
#include "frontend/text/pattern_compile.h"

#include <string.h>

bool definition_read_steps(const JsonReader *reader, JsonPlace place, const char *list, int depth,
                           DefinitionReadStep *read, TextDefinition *definition) {
    const char *type = json_place_type(reader, place);
    if (!type) return false;
    if (strcmp(type, "Sequence") != 0) return read(reader, place, type, definition);
    const JsonPlace items = json_place_key(reader, place, list);
    if (depth == 0) return json_place_wrong(reader, place, "fewer sequences in each other");
    if (!json_is_array(items.json)) return json_place_wrong(reader, items, "a list");
    for (size_t i = 0; i < json_place_items(items); i++)
        if (!definition_read_steps(reader, json_place_item(reader, items, i), list, depth - 1, read,
                                   definition))
            return false;
    return true;
}

static bool is_full(const JsonReader *reader, JsonPlace place, int count) {
    if (count < DEFINITION_MAX_STEPS) return false;
    diag_error(reader->diag, reader->loc, "%s: more than %d steps", place.path,
               DEFINITION_MAX_STEPS);
    return true;
}

/* {"String": "a"}, which is written as an expression, or {"Regex": "a+"}. */
static bool read_pattern(const JsonReader *reader, JsonPlace place, TextString *expression,
                         TextString *plain) {
    const JsonPlace pattern = json_place_key(reader, place, "pattern");
    const JsonPlace string = json_place_key(reader, pattern, "String");
    const JsonPlace regex = json_place_key(reader, pattern, "Regex");
    if (regex.json) return json_place_text(reader, regex, expression);
    if (string.json) return json_place_text(reader, string, plain);
    return json_place_wrong(reader, pattern, "{\"String\": ...} or {\"Regex\": ...}");
}

static TextString constant(const char *text) {
    return (TextString){text, strlen(text)};
}

/* ---- normalizers ---- */

static TextNormal *add_normal(TextDefinition *definition, TextNormalKind kind, JsonPlace place) {
    TextNormal *normal = &definition->normal[definition->normal_count++];
    *normal = (TextNormal){.kind = kind, .where = place.path};
    return normal;
}

static bool read_bert(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    bool clean, chinese, lowercase, accents;
    if (!json_place_flag(reader, json_place_key(reader, place, "clean_text"), true, &clean) ||
        !json_place_flag(reader, json_place_key(reader, place, "handle_chinese_chars"), true,
                         &chinese) ||
        !json_place_flag(reader, json_place_key(reader, place, "lowercase"), true, &lowercase) ||
        !json_place_flag(reader, json_place_key(reader, place, "strip_accents"), lowercase,
                         &accents))
        return false;
    if (clean) add_normal(definition, TEXT_NORMAL_bert_clean, place);
    if (chinese) add_normal(definition, TEXT_NORMAL_bert_chinese, place);
    if (accents) add_normal(definition, TEXT_NORMAL_nfd, place);
    if (accents) add_normal(definition, TEXT_NORMAL_strip_accents, place);
    if (lowercase) add_normal(definition, TEXT_NORMAL_lowercase, place);
    return true;
}

static bool read_replace(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    TextNormal *normal = add_normal(definition, TEXT_NORMAL_replace, place);
    TextString expression = {0}, plain = {0};
    if (!read_pattern(reader, place, &expression, &plain) ||
        !json_place_text(reader, json_place_key(reader, place, "content"), &normal->text))
        return false;
    if (expression.bytes) normal->kind = TEXT_NORMAL_replace_pattern;
    normal->from = expression.bytes ? expression : plain;
    return normal->from.count > 0 ||
           diag_error(reader->diag, reader->loc, "%s.pattern: nothing cannot be replaced",
                      place.path);
}

static bool read_strip(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    bool left, right;
    if (!json_place_flag(reader, json_place_key(reader, place, "strip_left"), true, &left) ||
        !json_place_flag(reader, json_place_key(reader, place, "strip_right"), true, &right))
        return false;
    if (left) add_normal(definition, TEXT_NORMAL_strip_left, place);
    if (right) add_normal(definition, TEXT_NORMAL_strip_right, place);
    return true;
}

static int base64_digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *digit = c ? strchr(digits, c) : NULL;
    return digit ? (int)(digit - digits) : -1;
}

static bool read_charsmap(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    const JsonPlace map = json_place_key(reader, place, "precompiled_charsmap");
    TextString text;
    if (!map.json) return true; /* SentencePiece's "identity" */
    if (!json_place_text(reader, map, &text)) return false;
    char *bytes = ARENA_ARRAY(reader->arena, char, text.count + 1);
    size_t count = 0;
    unsigned bits = 0, waiting = 0;
    for (size_t i = 0; i < text.count && text.bytes[i] != '='; i++) {
        const int digit = base64_digit(text.bytes[i]);
        if (digit < 0) return json_place_wrong(reader, map, "base64");
        bits = bits << 6 | (unsigned)digit;
        waiting += 6;
        if (waiting < 8) continue;
        waiting -= 8;
        bytes[count++] = (char)(bits >> waiting & 0xFF);
    }
    if (count)
        add_normal(definition, TEXT_NORMAL_charsmap, place)->from = (TextString){bytes, count};
    return true;
}

static bool read_normal(const JsonReader *reader, JsonPlace place, const char *type,
                        TextDefinition *definition) {
    static const struct {
        const char *type;
        TextNormalKind kind;
    } plain[] = {
        {"NFC", TEXT_NORMAL_nfc},
        {"NFD", TEXT_NORMAL_nfd},
        {"NFKC", TEXT_NORMAL_nfkc},
        {"NFKD", TEXT_NORMAL_nfkd},
        {"Lowercase", TEXT_NORMAL_lowercase},
        {"StripAccents", TEXT_NORMAL_strip_combining},
        {"Nmt", TEXT_NORMAL_nmt},
    };
    if (is_full(reader, place, definition->normal_count)) return false;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(type, plain[i].type) == 0) {
            add_normal(definition, plain[i].kind, place);
            return true;
        }
    if (strcmp(type, "BertNormalizer") == 0) return read_bert(reader, place, definition);
    if (strcmp(type, "Replace") == 0) return read_replace(reader, place, definition);
    if (strcmp(type, "Strip") == 0) return read_strip(reader, place, definition);
    if (strcmp(type, "Precompiled") == 0) return read_charsmap(reader, place, definition);
    if (strcmp(type, "Prepend") == 0)
        return json_place_text(reader, json_place_key(reader, place, "prepend"),
                               &add_normal(definition, TEXT_NORMAL_prepend, place)->text);
    return diag_error(reader->diag, reader->loc, "%s: the normalizer '%s' is not supported",
                      place.path, type);
}

bool definition_read_normals(const JsonReader *reader, JsonPlace place,
                             TextDefinition *definition) {
    definition->normal = ARENA_ARRAY(reader->arena, TextNormal, DEFINITION_MAX_STEPS + 8);
    return !place.json ||
           definition_read_steps(reader, place, "normalizers", 3, read_normal, definition);
}

/* ---- pre-tokenizers ---- */

static TextSplit *add_split(TextDefinition *definition, TextSplitKind kind, JsonPlace place) {
    TextSplit *split = &definition->split[definition->split_count++];
    *split = (TextSplit){.kind = kind, .where = place.path};
    return split;
}

/* Pre-tokenizers that are an expression. */
typedef struct {
    const char *expression;
    TextBehaviour behaviour;
    bool is_inverted;
} Preset;
#define PRESET(name, expression, behaviour, inverted)                                              \
    static const Preset preset_##name = {expression, TEXT_##behaviour, inverted};
#include "frontend/text/split_presets.def"
#undef PRESET

static TextSplit *add_preset(TextDefinition *definition, const Preset *preset, JsonPlace place) {
    TextSplit *split = add_split(definition, TEXT_SPLIT_pattern, place);
    split->expression = constant(preset->expression);
    split->behaviour = preset->behaviour;
    split->is_inverted = preset->is_inverted;
    return split;
}

static bool read_behaviour(const JsonReader *reader, JsonPlace place, TextBehaviour fallback,
                           TextBehaviour *out) {
    static const char *const names[TEXT_BEHAVIOUR_COUNT] = {
        "Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const JsonPlace behaviour = json_place_key(reader, place, "behavior");
    TextString text;
    *out = fallback;
    if (!behaviour.json) return true;
    if (!json_place_text(reader, behaviour, &text)) return false;
    for (int i = 0; i < TEXT_BEHAVIOUR_COUNT; i++)
        if (text_string_is(text, names[i])) {
            *out = (TextBehaviour)i;
            return true;
        }
    return json_place_wrong(reader, behaviour,
                            "Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous");
}

static bool read_split(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    TextSplit *split = add_split(definition, TEXT_SPLIT_pattern, place);
    TextString plain = {0};
    if (!read_pattern(reader, place, &split->expression, &plain) ||
        !read_behaviour(reader, place, TEXT_ISOLATED, &split->behaviour) ||
        !json_place_flag(reader, json_place_key(reader, place, "invert"), false,
                         &split->is_inverted))
        return false;
    if (plain.bytes) split->expression = pattern_literal(plain, reader->arena);
    return split->expression.count > 0 ||
           diag_error(reader->diag, reader->loc, "%s.pattern: there is nothing to split at",
                      place.path);
}

static bool read_byte_level(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    bool prefix, regex;
    if (!json_place_flag(reader, json_place_key(reader, place, "add_prefix_space"), true,
                         &prefix) ||
        !json_place_flag(reader, json_place_key(reader, place, "use_regex"), true, &regex))
        return false;
    if (prefix) add_split(definition, TEXT_SPLIT_prefix_space, place);
    if (regex) add_preset(definition, &preset_byte_level, place);
    add_split(definition, TEXT_SPLIT_byte_alphabet, place);
    return true;
}

static bool read_metaspace(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    const JsonPlace scheme = json_place_key(reader, place, "prepend_scheme");
    TextString replacement, name = constant("always");
    bool prefix, split;
    if (!json_place_text(reader, json_place_key(reader, place, "replacement"), &replacement) ||
        !json_place_flag(reader, json_place_key(reader, place, "add_prefix_space"), true,
                         &prefix) ||
        !json_place_flag(reader, json_place_key(reader, place, "split"), true, &split))
        return false;
    if (!prefix) name = constant("never");
    if (scheme.json && !json_place_text(reader, scheme, &name)) return false;
    TextSplit *metaspace = add_split(definition, TEXT_SPLIT_metaspace, place);
    metaspace->text = replacement;
    metaspace->is_first = text_string_is(name, "first");
    metaspace->is_never = text_string_is(name, "never");
    if (!metaspace->is_first && !metaspace->is_never && !text_string_is(name, "always"))
        return json_place_wrong(reader, scheme, "first, always or never");
    if (replacement.count == 0)
        return json_place_wrong(reader, json_place_key(reader, place, "replacement"),
                                "a character");
    if (!split) return true;
    TextSplit *cut = add_split(definition, TEXT_SPLIT_pattern, place);
    cut->expression = pattern_literal(replacement, reader->arena);
    cut->behaviour = TEXT_MERGED_WITH_NEXT;
    return true;
}

static bool read_punctuation(const JsonReader *reader, JsonPlace place,
                             TextDefinition *definition) {
    TextBehaviour behaviour;
    if (!read_behaviour(reader, place, TEXT_ISOLATED, &behaviour)) return false;
    add_preset(definition, &preset_punctuation, place)->behaviour = behaviour;
    return true;
}

static bool read_digits(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    bool individual;
    if (!json_place_flag(reader, json_place_key(reader, place, "individual_digits"), false,
                         &individual))
        return false;
    add_preset(definition, individual ? &preset_single_digits : &preset_digits, place);
    return true;
}

static bool read_delimiter(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    TextString delimiter;
    if (!json_place_text(reader, json_place_key(reader, place, "delimiter"), &delimiter))
        return false;
    TextSplit *split = add_split(definition, TEXT_SPLIT_pattern, place);
    split->expression = pattern_literal(delimiter, reader->arena);
    split->behaviour = TEXT_REMOVED;
    return true;
}

static bool read_one_split(const JsonReader *reader, JsonPlace place, const char *type,
                           TextDefinition *definition) {
    if (is_full(reader, place, definition->split_count)) return false;
    if (strcmp(type, "Split") == 0) return read_split(reader, place, definition);
    if (strcmp(type, "ByteLevel") == 0) return read_byte_level(reader, place, definition);
    if (strcmp(type, "Metaspace") == 0) return read_metaspace(reader, place, definition);
    if (strcmp(type, "Punctuation") == 0) return read_punctuation(reader, place, definition);
    if (strcmp(type, "Digits") == 0) return read_digits(reader, place, definition);
    if (strcmp(type, "CharDelimiterSplit") == 0) return read_delimiter(reader, place, definition);
    if (strcmp(type, "Whitespace") == 0) return add_preset(definition, &preset_whitespace, place);
    if (strcmp(type, "WhitespaceSplit") == 0)
        return add_preset(definition, &preset_whitespace_split, place);
    if (strcmp(type, "BertPreTokenizer") == 0)
        return add_preset(definition, &preset_whitespace_split, place) &&
               add_preset(definition, &preset_punctuation, place);
    return diag_error(reader->diag, reader->loc, "%s: the pre-tokenizer '%s' is not supported",
                      place.path, type);
}

/* Where nothing comes behind the alphabet of bytes, bytes can be looked up as they are. */
bool definition_read_splits(const JsonReader *reader, JsonPlace place, TextDefinition *definition) {
    definition->split = ARENA_ARRAY(reader->arena, TextSplit, DEFINITION_MAX_STEPS + 8);
    if (!place.json) return true;
    if (!definition_read_steps(reader, place, "pretokenizers", 3, read_one_split, definition))
        return false;
    const int last = definition->split_count - 1;
    if (last >= 0 && definition->split[last].kind == TEXT_SPLIT_byte_alphabet) {
        definition->is_byte_level = true;
        definition->split_count--;
    }
    if (definition->split_count <= TEXT_MAX_SPLITS) return true;
    return diag_error(reader->diag, reader->loc, "%s: more than %d steps", place.path,
                      TEXT_MAX_SPLITS);
}

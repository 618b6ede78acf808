/* definition_decode.c - `decoder` and `post_processor` of a tokenizer.json. */
#include "frontend/text/definition_parts.h"

#include <string.h>

/* ---- decoders ---- */

static bool read_replace(const JsonReader *reader, JsonPlace place, TextDecode *decode) {
    const JsonPlace pattern = json_place_key(reader, place, "pattern");
    decode->kind = TEXT_DECODE_replace;
    if (!json_place_text(reader, json_place_key(reader, pattern, "String"), &decode->from) ||
        !json_place_text(reader, json_place_key(reader, place, "content"), &decode->text))
        return false;
    return decode->from.count > 0 ||
           json_place_wrong(reader, pattern, "a string that is not empty");
}

static bool read_strip(const JsonReader *reader, JsonPlace place, TextDecode *decode) {
    decode->kind = TEXT_DECODE_strip;
    return json_place_text(reader, json_place_key(reader, place, "content"), &decode->from) &&
           json_place_integer(reader, json_place_key(reader, place, "start"), 0, 1000, 0,
                              &decode->start) &&
           json_place_integer(reader, json_place_key(reader, place, "stop"), 0, 1000, 0,
                              &decode->stop);
}

static bool read_wordpiece(const JsonReader *reader, JsonPlace place, TextDecode *decode) {
    const JsonPlace prefix = json_place_key(reader, place, "prefix");
    decode->kind = TEXT_DECODE_wordpiece;
    decode->from = (TextString){"##", 2};
    return (!prefix.json || json_place_text(reader, prefix, &decode->from)) &&
           json_place_flag(reader, json_place_key(reader, place, "cleanup"), true,
                           &decode->cleanup);
}

static bool read_metaspace(const JsonReader *reader, JsonPlace place, TextDecode *decode) {
    const JsonPlace scheme = json_place_key(reader, place, "prepend_scheme");
    bool prefix;
    TextString name = {0};
    decode->kind = TEXT_DECODE_metaspace;
    if (!json_place_text(reader, json_place_key(reader, place, "replacement"), &decode->from) ||
        !json_place_flag(reader, json_place_key(reader, place, "add_prefix_space"), true,
                         &prefix) ||
        (scheme.json && !json_place_text(reader, scheme, &name)))
        return false;
    decode->is_never = name.bytes ? text_string_is(name, "never") : !prefix;
    return true;
}

static bool read_bpe(const JsonReader *reader, JsonPlace place, TextDecode *decode) {
    const JsonPlace suffix = json_place_key(reader, place, "suffix");
    decode->kind = TEXT_DECODE_bpe;
    decode->from = (TextString){"</w>", 4};
    return !suffix.json || json_place_text(reader, suffix, &decode->from);
}

static bool read_decoder(const JsonReader *reader, JsonPlace place, const char *type,
                         TextDecode *decode) {
    *decode = (TextDecode){.where = place.path};
    if (strcmp(type, "Replace") == 0) return read_replace(reader, place, decode);
    if (strcmp(type, "Strip") == 0) return read_strip(reader, place, decode);
    if (strcmp(type, "WordPiece") == 0) return read_wordpiece(reader, place, decode);
    if (strcmp(type, "Metaspace") == 0) return read_metaspace(reader, place, decode);
    if (strcmp(type, "BPEDecoder") == 0) return read_bpe(reader, place, decode);
    static const char *const plain[] = {
        [TEXT_DECODE_byte_level] = "ByteLevel",
        [TEXT_DECODE_byte_fallback] = "ByteFallback",
        [TEXT_DECODE_fuse] = "Fuse",
    };
    for (int i = 0; i <= TEXT_DECODE_fuse; i++)
        if (strcmp(type, plain[i]) == 0) {
            decode->kind = (TextDecodeKind)i;
            return true;
        }
    return diag_error(reader->diag, reader->loc, "%s: the decoder '%s' is not supported",
                      place.path, type);
}

static bool read_next_decoder(const JsonReader *reader, JsonPlace place, const char *type,
                              TextDefinition *definition) {
    if (definition->decode_count == DEFINITION_MAX_STEPS)
        return json_place_wrong(reader, place, "fewer decoders");
    return read_decoder(reader, place, type, &definition->decode[definition->decode_count++]);
}

bool definition_read_decoders(const JsonReader *reader, JsonPlace place,
                              TextDefinition *definition) {
    definition->decode = ARENA_ARRAY(reader->arena, TextDecode, DEFINITION_MAX_STEPS);
    return !place.json ||
           definition_read_steps(reader, place, "decoders", 1, read_next_decoder, definition);
}

/* ---- what is put around a text ---- */

/* Before what is there in front of a text, or behind what is there after it. */
typedef struct {
    const JsonReader *reader;
    TextDefinition *definition;
    int32_t before[DEFINITION_MAX_STEPS], after[DEFINITION_MAX_STEPS];
    int before_count, after_count;
    bool has_text;
} Around;

static bool add_around(Around *around, JsonPlace place, const json_t *number) {
    const int32_t count = around->definition->model.token_count;
    const json_int_t token = json_is_integer(number) ? json_integer_value(number) : -1;
    if (token < 0 || token >= count)
        return json_place_wrong(around->reader, place, "the number of a token");
    int *added = around->has_text ? &around->after_count : &around->before_count;
    if (*added == DEFINITION_MAX_STEPS)
        return json_place_wrong(around->reader, place, "fewer tokens around a text");
    (around->has_text ? around->after : around->before)[(*added)++] = (int32_t)token;
    return true;
}

/* {"SpecialToken": {"id": "<s>"}}: the tokens that the template's list has for it. */
static bool add_special(Around *around, JsonPlace template, JsonPlace item) {
    TextString name;
    const JsonReader *reader = around->reader;
    const JsonPlace special = json_place_key(reader, item, "SpecialToken");
    if (!json_place_text(reader, json_place_key(reader, special, "id"), &name)) return false;
    const JsonPlace known =
        json_place_key(reader, json_place_key(reader, template, "special_tokens"), name.bytes);
    const JsonPlace ids = json_place_key(reader, known, "ids");
    if (!json_is_array(ids.json)) return json_place_wrong(reader, ids, "a list of tokens");
    for (size_t i = 0; i < json_place_items(ids); i++)
        if (!add_around(around, json_place_item(reader, ids, i), json_array_get(ids.json, i)))
            return false;
    return true;
}

static bool read_single(Around *around, JsonPlace template) {
    const JsonReader *reader = around->reader;
    const JsonPlace single = json_place_key(reader, template, "single");
    if (!json_is_array(single.json)) return json_place_wrong(reader, single, "a list");
    for (size_t i = 0; i < json_place_items(single); i++) {
        const JsonPlace item = json_place_item(reader, single, i);
        if (!json_object_get(item.json, "Sequence")) {
            if (!add_special(around, template, item)) return false;
        } else if (around->has_text) {
            return json_place_wrong(reader, single, "one Sequence");
        } else {
            around->has_text = true;
        }
    }
    return around->has_text || json_place_wrong(reader, single, "a Sequence");
}

/* ["</s>", 2] */
static bool read_roberta(Around *around, JsonPlace place) {
    const JsonPlace cls = json_place_key(around->reader, place, "cls");
    const JsonPlace sep = json_place_key(around->reader, place, "sep");
    if (!add_around(around, cls, json_array_get(cls.json, 1))) return false;
    around->has_text = true;
    return add_around(around, sep, json_array_get(sep.json, 1));
}

static int32_t *joined(const int32_t *a, int a_count, const int32_t *b, int b_count, Arena *arena) {
    int32_t *all = ARENA_ARRAY(arena, int32_t, (size_t)(a_count + b_count) + 1);
    for (int i = 0; i < a_count; i++) all[i] = a[i];
    for (int i = 0; i < b_count; i++) all[a_count + i] = b[i];
    return all;
}

/* Each of a sequence goes around what those before it made. */
static void put_around(const Around *around, TextDefinition *definition, Arena *arena) {
    definition->before = joined(around->before, around->before_count, definition->before,
                                definition->before_count, arena);
    definition->after = joined(definition->after, definition->after_count, around->after,
                               around->after_count, arena);
    definition->before_count += around->before_count;
    definition->after_count += around->after_count;
}

static bool read_post_processor(const JsonReader *reader, JsonPlace place, const char *type,
                                TextDefinition *definition) {
    Around around = {.reader = reader, .definition = definition};
    if (strcmp(type, "ByteLevel") == 0) return true; /* offsets alone */
    if (strcmp(type, "TemplateProcessing") == 0) {
        if (!read_single(&around, place)) return false;
    } else if (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0) {
        if (!read_roberta(&around, place)) return false;
    } else {
        return diag_error(reader->diag, reader->loc, "%s: the post-processor '%s' is not supported",
                          place.path, type);
    }
    put_around(&around, definition, reader->arena);
    return true;
}

bool definition_read_template(const JsonReader *reader, JsonPlace place,
                              TextDefinition *definition) {
    return !place.json ||
           definition_read_steps(reader, place, "processors", 1, read_post_processor, definition);
}

/* definition_json.c - tokenizer.json, the format of Hugging Face's tokenizers library: the whole
 * file, and its added tokens. */
#include "frontend/text/definition_json.h"

#include "frontend/text/definition_parts.h"
#include "frontend/text/definition_read.h"

#include "frontend/files/source_file.h"

#include <string.h>

/* ---- added tokens ---- */

static bool read_added(const JsonReader *reader, JsonPlace place, TextAddedToken *added) {
    int64_t id;
    bool single_word;
    if (!json_is_object(place.json)) return json_place_wrong(reader, place, "a map");
    const JsonPlace number = json_place_key(reader, place, "id");
    if (!number.json) return json_place_wrong(reader, number, "a token's number");
    if (!json_place_integer(reader, number, 0, DEFINITION_MAX_TOKENS - 1, 0, &id) ||
        !json_place_text(reader, json_place_key(reader, place, "content"), &added->text) ||
        !json_place_flag(reader, json_place_key(reader, place, "special"), false,
                         &added->is_special) ||
        !json_place_flag(reader, json_place_key(reader, place, "lstrip"), false, &added->lstrip) ||
        !json_place_flag(reader, json_place_key(reader, place, "rstrip"), false, &added->rstrip) ||
        !json_place_flag(reader, json_place_key(reader, place, "single_word"), false,
                         &single_word) ||
        !json_place_flag(reader, json_place_key(reader, place, "normalized"), !added->is_special,
                         &added->is_normalized))
        return false;
    added->token = (int32_t)id;
    if (!single_word) return true;
    return diag_error(reader->diag, reader->loc,
                      "%s: tokens that are single words are not supported", place.path);
}

/* The model's number of a text counts, not the one beside it. */
static void take_number_of_model(JsonPlace vocab, TextAddedToken *added) {
    const json_t *number = json_object_getn(vocab.json, added->text.bytes, added->text.count);
    if (json_is_integer(number)) added->token = (int32_t)json_integer_value(number);
}

/* The texts of tokens that the model does not have. It never gives these, and no special ones. */
static void extend_vocabulary(TextDefinition *definition, Arena *arena) {
    TextModel *model = &definition->model;
    int32_t count = model->token_count;
    for (int i = 0; i < definition->added_count; i++)
        if (definition->added[i].token >= count) count = definition->added[i].token + 1;
    TextToken *token = ARENA_ARRAY(arena, TextToken, (size_t)count);
    if (model->token_count) memcpy(token, model->token, (size_t)model->token_count * sizeof *token);
    for (int i = 0; i < definition->added_count; i++) {
        const TextAddedToken *added = &definition->added[i];
        TextToken *own = &token[added->token];
        own->is_hidden = added->is_special || !own->text.bytes;
        if (!own->text.bytes) own->text = added->text;
    }
    model->token = token;
    model->token_count = count;
}

static bool read_added_tokens(const JsonReader *reader, JsonPlace file,
                              TextDefinition *definition) {
    const JsonPlace list = json_place_key(reader, file, "added_tokens");
    const JsonPlace vocab = json_place_key(reader, json_place_key(reader, file, "model"), "vocab");
    if (list.json && !json_is_array(list.json)) return json_place_wrong(reader, list, "a list");
    const size_t count = json_place_items(list);
    definition->added = ARENA_ARRAY(reader->arena, TextAddedToken, count + 1);
    for (size_t i = 0; i < count; i++) {
        TextAddedToken *added = &definition->added[definition->added_count];
        if (!read_added(reader, json_place_item(reader, list, i), added)) return false;
        take_number_of_model(vocab, added);
        if (added->text.count) definition->added_count++;
    }
    extend_vocabulary(definition, reader->arena);
    return true;
}

/* ---- the file ---- */

static bool read_parts(const JsonReader *reader, JsonPlace file, TextDefinition *definition) {
    const JsonPlace model = json_place_key(reader, file, "model");
    if (!model.json) {
        json_place_wrong(reader, model, "the tokenizer's model");
        return diag_hint(reader->diag, "is it a tokenizer.json of Hugging Face's tokenizers?");
    }
    return definition_read_model(reader, model, definition) &&
           read_added_tokens(reader, file, definition) &&
           definition_read_normals(reader, json_place_key(reader, file, "normalizer"),
                                   definition) &&
           definition_read_splits(reader, json_place_key(reader, file, "pre_tokenizer"),
                                  definition) &&
           definition_read_decoders(reader, json_place_key(reader, file, "decoder"), definition) &&
           definition_read_template(reader, json_place_key(reader, file, "post_processor"),
                                    definition);
}

/* Takes the object. */
static TextDefinition *read_object(json_t *json, const char *name, Arena *arena, Diag *diag) {
    if (!json) return NULL;
    Source *source = ARENA_NEW(diag->arena, Source);
    source->name = arena_printf(diag->arena, "%s", name);
    TextDefinition *definition = ARENA_NEW(arena, TextDefinition);
    definition->name = source->name;
    definition->loc = (Loc){source, 0};
    for (int i = 0; i < TW_SPECIAL_COUNT; i++) definition->special[i] = -1;
    const JsonReader reader = {arena, diag, definition->loc};
    const bool done = read_parts(&reader, (JsonPlace){json, ""}, definition);
    json_decref(json);
    return done ? definition : NULL;
}

TextDefinition *definition_parse_json(const char *name, const void *bytes, size_t count,
                                      Arena *arena, Diag *diag) {
    return read_object(json_place_parse(name, bytes, count, diag), name, arena, diag);
}

TextDefinition *definition_read_json(const char *path, Arena *arena, Diag *diag) {
    json_t *json = json_place_load(path, false, diag);
    TextDefinition *definition = read_object(json, path, arena, diag);
    const char *folder = source_file_directory(path, arena);
    return definition && definition_read_folder(folder, definition, arena, diag) ? definition
                                                                                 : NULL;
}

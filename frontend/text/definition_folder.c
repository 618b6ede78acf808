/* definition_folder.c - what the files beside a tokenizer say of it: tokenizer_config.json,
 * special_tokens_map.json, generation_config.json, config.json, chat_template.jinja. */
#include "frontend/text/definition_parts.h"

#include "frontend/files/source_file.h"

#include <string.h>
#include <unistd.h>

enum { MAX_STOPS = 64, MAX_TEMPLATE = 1 << 20 /* bytes */ };

int32_t definition_find_token(const TextDefinition *definition, TextString text) {
    for (int i = 0; i < definition->added_count; i++) {
        const TextString added = definition->added[i].text;
        if (added.count == text.count && memcmp(added.bytes, text.bytes, text.count) == 0)
            return definition->added[i].token;
    }
    for (int32_t i = 0; i < definition->model.token_count; i++) {
        const TextString token = definition->model.token[i].text;
        if (token.bytes && token.count == text.count &&
            memcmp(token.bytes, text.bytes, text.count) == 0)
            return i;
    }
    return -1;
}

typedef struct {
    const char *folder;
    TextDefinition *definition;
    Arena *arena;
    Diag *diag;
} Folder;

static const char *path_of(const Folder *folder, const char *name) {
    const char *slash = folder->folder[0] ? "/" : "";
    return arena_printf(folder->arena, "%s%s%s", folder->folder, slash, name);
}

/* An object of the folder. Null: it is not there, or reported. */
static json_t *load(const Folder *folder, const char *name) {
    return json_place_load(path_of(folder, name), true, folder->diag);
}

/* ---- special tokens ---- */

/* "</s>", or {"content": "</s>"}, as tokenizer_config.json has them. */
static int32_t token_of_text(const Folder *folder, const json_t *json) {
    if (json_is_object(json)) json = json_object_get(json, "content");
    if (!json_is_string(json)) return -1;
    const TextString text = {json_string_value(json), json_string_length(json)};
    return definition_find_token(folder->definition, text);
}

static void take_special(const Folder *folder, TwSpecial which, int32_t token) {
    int32_t *special = &folder->definition->special[which];
    if (*special < 0 && token >= 0 && token < folder->definition->model.token_count)
        *special = token;
}

static void read_texts(const Folder *folder, const json_t *json) {
    static const char *const keys[TW_SPECIAL_COUNT] = {
        [TW_BOS] = "bos_token",  [TW_EOS] = "eos_token",       [TW_UNKNOWN] = "unk_token",
        [TW_PAD] = "pad_token",  [TW_SEPARATOR] = "sep_token", [TW_CLASS] = "cls_token",
        [TW_MASK] = "mask_token"};
    for (int i = 0; i < TW_SPECIAL_COUNT; i++)
        take_special(folder, (TwSpecial)i, token_of_text(folder, json_object_get(json, keys[i])));
}

static void add_stop(TextDefinition *definition, int32_t token) {
    if (token < 0 || token >= definition->model.token_count) return;
    for (int i = 0; i < definition->stop_count; i++)
        if (definition->stop[i] == token) return;
    if (definition->stop_count < MAX_STOPS) definition->stop[definition->stop_count++] = token;
}

/* -1: no token. */
static int32_t token_of_number(const json_t *json) {
    const double number = json_is_number(json) ? json_number_value(json) : -1;
    return number >= 0 && number < DEFINITION_MAX_TOKENS ? (int32_t)number : -1;
}

/* A number, or a list of them, as generation_config.json has them. */
static void read_numbers(const Folder *folder, const json_t *json) {
    const json_t *eos = json_object_get(json, "eos_token_id");
    const json_t *first = json_is_array(eos) ? json_array_get(eos, 0) : eos;
    if (!json_is_array(eos)) add_stop(folder->definition, token_of_number(eos));
    for (size_t i = 0; i < json_array_size(eos); i++)
        add_stop(folder->definition, token_of_number(json_array_get(eos, i)));
    take_special(folder, TW_BOS, token_of_number(json_object_get(json, "bos_token_id")));
    take_special(folder, TW_EOS, token_of_number(first));
}

static void read_names(const Folder *folder) {
    TextDefinition *definition = folder->definition;
    static const struct {
        TwSpecial which;
        const char *text;
    } special[] = {
#define SPECIAL(which, text) {TW_##which, text},
#include "frontend/text/special_names.def"
    };
    static const char *const stop[] = {
#define STOP(text) text,
#include "frontend/text/special_names.def"
    };
    for (int i = 0; i < definition->added_count; i++) {
        const TextAddedToken *added = &definition->added[i];
        for (size_t k = 0; k < sizeof special / sizeof *special; k++)
            if (text_string_is(added->text, special[k].text))
                take_special(folder, special[k].which, added->token);
        for (size_t k = 0; k < sizeof stop / sizeof *stop; k++)
            if (text_string_is(added->text, stop[k])) add_stop(definition, added->token);
    }
}

/* ---- chat templates ---- */

/* A text, or a list of {"name", "template"}, of which the one named "default" counts. */
static void read_template(const Folder *folder, const json_t *json) {
    TextDefinition *definition = folder->definition;
    if (definition->chat_template.bytes) return;
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *item = json_array_get(json, i);
        const char *name = json_string_value(json_object_get(item, "name"));
        if (name && strcmp(name, "default") == 0) {
            json = json_object_get(item, "template");
            break;
        }
    }
    if (json_is_string(json))
        definition->chat_template =
            text_string_copy(json_string_value(json), json_string_length(json), folder->arena);
}

static bool read_template_file(const Folder *folder) {
    const char *path = path_of(folder, "chat_template.jinja");
    if (access(path, F_OK) != 0) return true;
    const Source *source = source_file_read(path, MAX_TEMPLATE, folder->arena, folder->diag);
    if (source) folder->definition->chat_template = (TextString){source->text, source->length};
    return source != NULL;
}

/* ---- the folder ---- */

bool definition_read_folder(const char *path, TextDefinition *definition, Arena *arena,
                            Diag *diag) {
    const Folder folder = {path, definition, arena, diag};
    const int errors = diag->errors;
    definition->stop = ARENA_ARRAY(arena, int32_t, MAX_STOPS);
    if (!read_template_file(&folder)) return false;

    json_t *json = load(&folder, "tokenizer_config.json");
    read_texts(&folder, json);
    read_template(&folder, json_object_get(json, "chat_template"));
    json_decref(json);
    json = load(&folder, "special_tokens_map.json");
    read_texts(&folder, json);
    json_decref(json);
    json = load(&folder, "generation_config.json");
    read_numbers(&folder, json);
    json_decref(json);
    json = load(&folder, "config.json");
    if (definition->stop_count == 0) read_numbers(&folder, json);
    json_decref(json);
    read_names(&folder);
    add_stop(definition, definition->special[TW_EOS]);
    return diag->errors == errors;
}

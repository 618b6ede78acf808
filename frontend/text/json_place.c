/* json_place.c - see json_place.h. */
#include "frontend/text/json_place.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static Loc loc_of(const char *name, Diag *diag) {
    Source *source = ARENA_NEW(diag->arena, Source);
    source->name = arena_printf(diag->arena, "%s", name);
    return (Loc){source, 0};
}

/* What was parsed, if it is an object; null: reported. */
static json_t *object_of(json_t *json, const json_error_t *error, Loc loc, Diag *diag) {
    if (json && json_is_object(json)) return json;
    if (json)
        diag_error(diag, loc, "expected a JSON object");
    else
        diag_error(diag, loc, "not JSON: line %d, column %d: %s", error->line, error->column,
                   error->text);
    json_decref(json);
    return NULL;
}

json_t *json_place_parse(const char *name, const void *bytes, size_t count, Diag *diag) {
    json_error_t error;
    json_t *json = json_loadb(bytes, count, JSON_ALLOW_NUL, &error);
    return object_of(json, &error, loc_of(name, diag), diag);
}

json_t *json_place_load(const char *path, bool may_lack, Diag *diag) {
    const Loc loc = loc_of(path, diag);
    if (may_lack && access(path, F_OK) != 0) return NULL;
    FILE *file = fopen(path, "re");
    if (!file) {
        diag_error(diag, loc, "cannot be opened: %s", strerror(errno));
        return NULL;
    }
    json_error_t error;
    /* Files of settings have numbers that no integer holds, as 1e30 written out. */
    const size_t reals = may_lack ? JSON_DECODE_INT_AS_REAL : 0;
    json_t *json = json_loadf(file, JSON_ALLOW_NUL | reals, &error);
    fclose(file);
    return object_of(json, &error, loc, diag);
}

static const json_t *or_null(const json_t *json) {
    return json_is_null(json) ? NULL : json;
}

JsonPlace json_place_key(const JsonReader *reader, JsonPlace map, const char *key) {
    const char *path = map.path[0] ? arena_printf(reader->arena, "%s.%s", map.path, key) : key;
    return (JsonPlace){or_null(json_object_get(map.json, key)), path};
}

JsonPlace json_place_item(const JsonReader *reader, JsonPlace list, size_t i) {
    return (JsonPlace){or_null(json_array_get(list.json, i)),
                       arena_printf(reader->arena, "%s[%zu]", list.path, i)};
}

size_t json_place_items(JsonPlace list) {
    return json_array_size(list.json);
}

bool json_place_wrong(const JsonReader *reader, JsonPlace place, const char *expected) {
    return diag_error(reader->diag, reader->loc, "%s: expected %s%s", place.path, expected,
                      place.json ? "" : ", and there is nothing");
}

TextString text_string_copy(const char *bytes, size_t count, Arena *arena) {
    char *copy = ARENA_ARRAY(arena, char, count + 1);
    memcpy(copy, bytes, count);
    return (TextString){copy, count};
}

bool text_string_is(TextString string, const char *text) {
    return string.bytes && string.count == strlen(text) &&
           memcmp(string.bytes, text, string.count) == 0;
}

bool json_place_text(const JsonReader *reader, JsonPlace place, TextString *out) {
    if (!json_is_string(place.json)) return json_place_wrong(reader, place, "a string");
    *out = text_string_copy(json_string_value(place.json), json_string_length(place.json),
                            reader->arena);
    return true;
}

bool json_place_flag(const JsonReader *reader, JsonPlace place, bool fallback, bool *out) {
    *out = place.json ? json_is_true(place.json) : fallback;
    return !place.json || json_is_boolean(place.json) ||
           json_place_wrong(reader, place, "true or false");
}

bool json_place_integer(const JsonReader *reader, JsonPlace place, int64_t least, int64_t most,
                        int64_t fallback, int64_t *out) {
    *out = fallback;
    if (!place.json) return true;
    if (!json_is_integer(place.json)) return json_place_wrong(reader, place, "an integer");
    *out = json_integer_value(place.json);
    if (*out >= least && *out <= most) return true;
    return diag_error(reader->diag, reader->loc, "%s: expected an integer from %lld to %lld",
                      place.path, (long long)least, (long long)most);
}

const char *json_place_type(const JsonReader *reader, JsonPlace map) {
    if (!json_is_object(map.json)) {
        json_place_wrong(reader, map, "a map");
        return NULL;
    }
    const JsonPlace type = json_place_key(reader, map, "type");
    if (!type.json) return "";
    if (json_is_string(type.json)) return json_string_value(type.json);
    json_place_wrong(reader, type, "a string");
    return NULL;
}

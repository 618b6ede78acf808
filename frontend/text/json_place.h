/* json_place.h - values of a JSON file that know how they are reached, for messages.
 *
 * A place whose value is absent or null has `json` null. Readers report what is of another type,
 * and return false then. Texts are copied to the arena.
 */
#ifndef FRONTEND_JSON_PLACE_H
#define FRONTEND_JSON_PLACE_H

#include "frontend/text/definition.h"

#include <jansson.h>

typedef struct {
    Arena *arena;
    Diag *diag;
    Loc loc; /* the file */
} JsonReader;

typedef struct {
    const json_t *json;
    const char *path; /* "model.merges[3]"; "" for the whole */
} JsonPlace;

/* The object of a whole file, to be given to json_decref(). Null: reported, unless the file is not
 * there and `may_lack`; all numbers are reals then. */
json_t *json_place_load(const char *path, bool may_lack, Diag *diag);

/* The same of bytes. */
json_t *json_place_parse(const char *name, const void *bytes, size_t count, Diag *diag);

JsonPlace json_place_key(const JsonReader *reader, JsonPlace map, const char *key);
JsonPlace json_place_item(const JsonReader *reader, JsonPlace list, size_t i);
size_t json_place_items(JsonPlace list); /* 0: it is no list */

/* Always false: `expected` names what should stand there. */
bool json_place_wrong(const JsonReader *reader, JsonPlace place, const char *expected);

bool json_place_text(const JsonReader *reader, JsonPlace place, TextString *out);
bool json_place_flag(const JsonReader *reader, JsonPlace place, bool fallback, bool *out);
bool json_place_integer(const JsonReader *reader, JsonPlace place, int64_t least, int64_t most,
                        int64_t fallback, int64_t *out);

/* The text of `type` in a map, "" where it has none. Null: reported. */
const char *json_place_type(const JsonReader *reader, JsonPlace map);

bool text_string_is(TextString string, const char *text);
TextString text_string_copy(const char *bytes, size_t count, Arena *arena);

#endif

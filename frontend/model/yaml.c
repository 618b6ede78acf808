/* yaml.c - libyaml's events become a tree.
 *
 * libyaml checks the encoding and counts characters; places are bytes, so a cursor walks along the
 * text with the events. The tree is built with a pointer to the innermost open collection instead
 * of recursion: what nests too deep is refused before it costs anything.
 */
#include "frontend/model/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct {
    Arena *arena;
    Diag *diag;
    const Source *source;
    yaml_parser_t parser;
    YamlNode *root, *open; /* open: the innermost collection whose end has not come */
    const char *key;       /* read in the open mapping, its value has not come; null: none */
    Loc key_loc;
    size_t start;             /* of the text that libyaml sees: behind a byte order mark */
    size_t characters, bytes; /* the same place, characters counted from there */
    int depth, nodes, documents;
} Reading;

/* ---- places ---- */

static bool is_continuation(const Reading *reading, size_t byte) {
    return byte > 0 && byte < reading->source->length &&
           ((unsigned char)reading->source->text[byte] & 0xc0) == 0x80;
}

/* Events come nearly in order, so the way from the last place is short. */
static Loc place(Reading *reading, yaml_mark_t mark) {
    while (reading->characters < mark.index && reading->bytes < reading->source->length) {
        do reading->bytes++;
        while (is_continuation(reading, reading->bytes));
        reading->characters++;
    }
    while (reading->characters > mark.index && reading->bytes > 0) {
        do reading->bytes--;
        while (is_continuation(reading, reading->bytes));
        reading->characters--;
    }
    return (Loc){reading->source, (uint32_t)reading->bytes};
}

static bool report_parser_error(Reading *reading) {
    const yaml_parser_t *parser = &reading->parser;
    Loc loc = {reading->source, 0};
    if (parser->error == YAML_MEMORY_ERROR)
        return diag_error(reading->diag, loc, "out of memory while reading YAML");
    if (parser->error == YAML_READER_ERROR) {
        const size_t offset = reading->start + parser->problem_offset;
        loc.offset =
            (uint32_t)(offset < reading->source->length ? offset : reading->source->length);
        return diag_error(reading->diag, loc, "not text in UTF-8: %s", parser->problem);
    }
    loc = place(reading, parser->problem_mark);
    diag_error(reading->diag, loc, "not valid YAML: %s", parser->problem);
    if (parser->context)
        diag_note(reading->diag, place(reading, parser->context_mark), "%s", parser->context);
    return false;
}

/* ---- nodes ---- */

static bool refuse(Reading *reading, const yaml_event_t *event, const char *what,
                   const char *hint) {
    diag_error(reading->diag, place(reading, event->start_mark), "%s", what);
    return diag_hint(reading->diag, "%s", hint);
}

static bool check_properties(Reading *reading, const yaml_event_t *event, const yaml_char_t *anchor,
                             const yaml_char_t *tag) {
    if (anchor)
        return refuse(reading, event, "anchors and aliases are not supported",
                      "write the value out, or put it in 'defaults'");
    if (tag)
        return refuse(reading, event, "tags are not supported",
                      "leave the tag out: a key knows the type of its value");
    return true;
}

/* Appends a node to the open collection; null: reported. */
static YamlNode *add_node(Reading *reading, const yaml_event_t *event, YamlKind kind) {
    YamlNode *open = reading->open;
    const Loc loc = place(reading, event->start_mark);
    if (++reading->nodes > YAML_MAX_NODES) {
        diag_error(reading->diag, loc, "more than %d values in one file", YAML_MAX_NODES);
        return NULL;
    }
    YamlNode *node = ARENA_NEW(reading->arena, YamlNode);
    *node = (YamlNode){.kind = kind, .loc = loc, .key_loc = loc, .parent = open};
    if (!open) {
        reading->root = node;
        return node;
    }
    if (reading->key) {
        node->key = reading->key;
        node->key_loc = reading->key_loc;
        reading->key = NULL;
    }
    node->index = open->count++;
    if (open->last)
        open->last->next = node;
    else
        open->first = node;
    open->last = node;
    return node;
}

static bool begin_collection(Reading *reading, const yaml_event_t *event, YamlKind kind) {
    if (reading->open && reading->open->kind == YAML_MAPPING && !reading->key)
        return refuse(reading, event, "a list or a mapping cannot be a key", "a key is a word");
    if (++reading->depth > YAML_MAX_DEPTH)
        return diag_error(reading->diag, place(reading, event->start_mark),
                          "nested deeper than %d levels", YAML_MAX_DEPTH);
    YamlNode *node = add_node(reading, event, kind);
    if (node) reading->open = node;
    return node != NULL;
}

static bool add_scalar(Reading *reading, const yaml_event_t *event) {
    const size_t length = event->data.scalar.length;
    const char *value = (const char *)event->data.scalar.value;
    if (memchr(value, '\0', length))
        return refuse(reading, event, "text with a zero byte inside", "leave the zero byte out");
    char *text = ARENA_ARRAY(reading->arena, char, length + 1);
    memcpy(text, value, length);
    if (reading->open && reading->open->kind == YAML_MAPPING && !reading->key) {
        reading->key = text;
        reading->key_loc = place(reading, event->start_mark);
        return true;
    }
    YamlNode *node = add_node(reading, event, YAML_SCALAR);
    if (!node) return false;
    node->text = text;
    node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return true;
}

/* ---- duplicate keys ---- */

static int compare_keys(const void *a, const void *b) {
    const YamlNode *left = *(YamlNode *const *)a, *right = *(YamlNode *const *)b;
    const int order = strcmp(left->key, right->key);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

static bool check_duplicates(Reading *reading, const YamlNode *mapping) {
    if (mapping->count < 2) return true;
    const YamlNode **sorted = ARENA_ARRAY(reading->arena, const YamlNode *, (size_t)mapping->count);
    for (const YamlNode *child = mapping->first; child; child = child->next)
        sorted[child->index] = child;
    qsort(sorted, (size_t)mapping->count, sizeof *sorted, compare_keys);
    bool ok = true;
    for (int i = 1; i < mapping->count; i++) {
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) != 0) continue;
        ok = yaml_key_error(sorted[i], reading->diag, "this key is given twice");
        diag_note(reading->diag, sorted[i - 1]->key_loc, "the first time is here");
    }
    return ok;
}

static bool end_collection(Reading *reading) {
    YamlNode *closed = reading->open;
    reading->open = closed->parent;
    reading->depth--;
    return closed->kind != YAML_MAPPING || check_duplicates(reading, closed);
}

/* ---- events ---- */

static bool take_event(Reading *reading, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: return true;
    case YAML_DOCUMENT_START_EVENT:
        if (reading->documents++ == 0) return true;
        return refuse(reading, event, "a second document in the file",
                      "a model is one document: leave out everything from '---' on");
    case YAML_ALIAS_EVENT: return check_properties(reading, event, event->data.alias.anchor, NULL);
    case YAML_SCALAR_EVENT:
        return check_properties(reading, event, event->data.scalar.anchor,
                                event->data.scalar.tag) &&
               add_scalar(reading, event);
    case YAML_SEQUENCE_START_EVENT:
        return check_properties(reading, event, event->data.sequence_start.anchor,
                                event->data.sequence_start.tag) &&
               begin_collection(reading, event, YAML_SEQUENCE);
    case YAML_MAPPING_START_EVENT:
        return check_properties(reading, event, event->data.mapping_start.anchor,
                                event->data.mapping_start.tag) &&
               begin_collection(reading, event, YAML_MAPPING);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return end_collection(reading);
    }
    return true;
}

static bool read_events(Reading *reading) {
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reading->parser, &event)) return report_parser_error(reading);
        const bool ok = take_event(reading, &event);
        const bool is_last = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (!ok || is_last) return ok;
    }
}

static size_t skip_byte_order_mark(const Source *source) {
    static const char mark[] = "\xef\xbb\xbf";
    const size_t length = sizeof mark - 1;
    return source->length >= length && memcmp(source->text, mark, length) == 0 ? length : 0;
}

YamlNode *yaml_parse(Arena *arena, Diag *diag, const Source *source) {
    Reading reading = {.arena = arena, .diag = diag, .source = source};
    if (source->length > YAML_MAX_BYTES) {
        diag_error(diag, (Loc){source, 0},
                   "the file has more than %d bytes, which are the most that are read",
                   YAML_MAX_BYTES);
        return NULL;
    }
    if (source->length == 0) {
        diag_error(diag, (Loc){source, 0}, "the file is empty");
        return NULL;
    }
    if (!yaml_parser_initialize(&reading.parser)) {
        diag_error(diag, (Loc){source, 0}, "out of memory while reading YAML");
        return NULL;
    }
    yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
    reading.start = reading.bytes = skip_byte_order_mark(source);
    yaml_parser_set_input_string(&reading.parser,
                                 (const unsigned char *)source->text + reading.start,
                                 source->length - reading.start);
    const bool ok = read_events(&reading);
    yaml_parser_delete(&reading.parser);
    if (ok && !reading.root) diag_error(diag, (Loc){source, 0}, "the file is empty");
    return ok ? reading.root : NULL;
}

/* ---- looking around ---- */

const YamlNode *yaml_find(const YamlNode *mapping, const char *key) {
    if (!mapping || mapping->kind != YAML_MAPPING) return NULL;
    for (const YamlNode *child = mapping->first; child; child = child->next)
        if (strcmp(child->key, key) == 0) return child;
    return NULL;
}

const YamlNode *yaml_element(const YamlNode *sequence, int64_t index) {
    if (!sequence || sequence->kind != YAML_SEQUENCE) return NULL;
    const YamlNode *child = sequence->first;
    for (; child && child->index < index; child = child->next) continue;
    return child;
}

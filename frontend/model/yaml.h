/* yaml.h - a YAML file as a tree of values that know their places.
 *
 * A value has no type of its own: `1e-5`, `no` and `0x10` are text until the reader of a key says
 * what it expects, so YAML's guesses about types never happen. The tree lives in the arena it is
 * given; its places point into the source. Messages begin with the path of keys that leads to the
 * value, `blocks[0].branches[1].mlp.hidden`.
 */
#ifndef FRONTEND_YAML_H
#define FRONTEND_YAML_H

#include "ir/diag.h"

enum { YAML_MAX_BYTES = 1 << 20, YAML_MAX_DEPTH = 64, YAML_MAX_NODES = 1 << 16 };

typedef enum { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING } YamlKind;

typedef struct YamlNode YamlNode;
struct YamlNode {
    YamlKind kind;
    bool is_quoted;   /* a scalar in quotes, or a block scalar: text, never a number */
    Loc loc;          /* where the value begins */
    Loc key_loc;      /* where its key begins; the value where there is no key */
    const char *text; /* of a scalar: UTF-8 without NUL inside; null for others */
    const char *key;  /* in a mapping; null in a sequence and for the root */
    int index;        /* place among its siblings, from 0 */
    int count;        /* children */
    YamlNode *parent; /* null for the root */
    YamlNode *first, *last, *next;
};

/* Reads one document without aliases, anchors, tags and duplicate keys. Null: reported. The tree
 * needs the source, and not its text. */
YamlNode *yaml_parse(Arena *arena, Diag *diag, const Source *source);

/* The value of a key of a mapping, or an element of a sequence; null: there is none. */
const YamlNode *yaml_find(const YamlNode *mapping, const char *key);
const YamlNode *yaml_element(const YamlNode *sequence, int64_t index);

/* ---- errors ---- */

/* The keys that lead to a value; "" for the root. */
const char *yaml_path(const YamlNode *node, Arena *arena);

/* User's text for a message: shortened, without control characters. */
const char *yaml_show(const char *text, Arena *arena);

/* Reports at the value (at its key, at a place that has to do with it), path first. Always returns
 * false. */
bool yaml_error(const YamlNode *node, Diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool yaml_key_error(const YamlNode *node, Diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool yaml_error_at(const YamlNode *node, Loc loc, Diag *diag, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Reports "expected ..., found ...". Always returns false. */
bool yaml_expected(const YamlNode *node, Diag *diag, const char *expected);

/* ---- values of the type that is wanted; false: reported, *out is unchanged ---- */

bool yaml_is_word(const YamlNode *node, const char *word);

/* Null in any of YAML's spellings: null, ~, or nothing. Words in quotes are never null. */
bool yaml_is_null(const YamlNode *node);

/* True or false in any of YAML's spellings: true, yes, on, and their opposites. */
bool yaml_is_bool(const YamlNode *node, bool *out);

bool yaml_read_integer(const YamlNode *node, Diag *diag, int64_t least, int64_t most, int64_t *out);
bool yaml_read_real(const YamlNode *node, Diag *diag, double least, double most, double *out);
bool yaml_read_bool(const YamlNode *node, Diag *diag, bool *out);
bool yaml_read_text(const YamlNode *node, Diag *diag, const char **out); /* not empty */

/* *out becomes the index of the word. The first `offered` of them are named where it is none. */
bool yaml_read_word(const YamlNode *node, Diag *diag, const char *const *words, int count,
                    int offered, int *out);

#endif

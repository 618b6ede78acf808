/* value.h - what a file says about its model, as a tree: a config.json, or the metadata of a GGUF.
 *
 * The tree lives in an arena. Each value of a map knows its place and whether anybody has asked for
 * it: what nobody asked for has not been understood.
 */
#ifndef FRONTEND_VALUE_H
#define FRONTEND_VALUE_H

#include "ir/diag.h"

typedef enum {
    VALUE_NONE, /* absent, or null */
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_TEXT,
    VALUE_LIST,
    VALUE_MAP,
    VALUE_WRONG /* of a computation that makes no sense for its operands */
} ValueKind;

typedef struct Value Value;
struct Value {
    ValueKind kind;
    double number;    /* a bool is 0 or 1 */
    const char *text; /* UTF-8 */
    Value *item;      /* of a list or a map */
    int count;
    const char *key;  /* in a map */
    const char *path; /* the key with those that lead to it, "a.b.c" */
    Loc loc;          /* of the key */
    bool is_used;
};

/* The child of a map; null: there is none, or it is no map. `length` bytes of `key` count. */
Value *value_child(const Value *map, const char *key, size_t length);

/* The same by a path "a.b.c", from which keys that have points themselves are not found. */
Value *value_find(Value *map, const char *path);

/* True but for none, false, 0, and a list or map or text with nothing in it. */
bool value_is_true(const Value *value);

bool value_equal(const Value *a, const Value *b);

/* A number as the shortest decimal that is read back as the same: "1e-05", "4096". */
const char *value_number_text(double number, Arena *arena);

/* What was most likely meant by a number that was kept as a float: 1e-05. */
double value_of_float(float number, Arena *arena);

/* For messages: "4096", "'silu'", "a list", shortened and without control characters. */
const char *value_show(const Value *value, Arena *arena);

#endif

/* template_value.c - values of chat templates: their memory, and how they compare. */
#include "runtime/text/template_run.h"

#include <string.h>

const char *tw_template_kind(Value value) {
    static const char names[KINDS][12] = {"undefined", "none",      "boolean", "integer",
                                          "float",     "text",      "list",    "tuple",
                                          "dict",      "namespace", "function"};
    return names[value.kind];
}

/* ---- lists and dicts ---- */

Value tw_template_items(Template *run, Kind kind, const Value *values, uint32_t count) {
    Items *items = tw_template_take(run, sizeof *items);
    *items = (Items){.count = count, .room = count};
    items->at = tw_template_take(run, count * sizeof(Value));
    if (count) memcpy(items->at, values, count * sizeof(Value));
    return (Value){.kind = (uint8_t)kind, .items = items};
}

void tw_template_append(Template *run, Items *items, Value value) {
    if (items->count == items->room) {
        const uint32_t room = items->room * 2 + 4;
        Value *at = tw_template_take(run, room * sizeof(Value));
        if (items->count) memcpy(at, items->at, items->count * sizeof(Value));
        items->at = at;
        items->room = room;
    }
    items->at[items->count++] = value;
}

Value *tw_template_find(Template *run, Value dict, Value key) {
    for (uint32_t i = 0; i < dict.items->count; i += 2)
        if (tw_template_equal(run, dict.items->at[i], key)) return &dict.items->at[i + 1];
    return NULL;
}

void tw_template_set(Template *run, Value dict, Value key, Value value) {
    Value *found = tw_template_find(run, dict, key);
    if (found) {
        *found = value;
        return;
    }
    if (key.kind >= KIND_list && key.kind != KIND_tuple)
        tw_template_fail(run, "a %s cannot be a key", tw_template_kind(key));
    tw_template_append(run, dict.items, key);
    tw_template_append(run, dict.items, value);
}

/* ---- comparisons ---- */

bool tw_template_truth(Value value) {
    switch (value.kind) {
    case KIND_undefined:
    case KIND_none: return false;
    case KIND_boolean:
    case KIND_integer: return value.integer != 0;
    case KIND_real: return value.real != 0;
    case KIND_string: return value.bytes > 0;
    case KIND_list:
    case KIND_tuple:
    case KIND_dict: return value.items->count > 0;
    default: return true;
    }
}

static int order(double a, double b) {
    return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
}

static int order_numbers(Value a, Value b) {
    if (is_integer(a) && is_integer(b)) return (a.integer > b.integer) - (a.integer < b.integer);
    return order(as_real(a), as_real(b));
}

static int order_strings(Template *run, Value a, Value b) {
    const uint32_t bytes = a.bytes < b.bytes ? a.bytes : b.bytes;
    tw_template_charge(run, bytes / 16);
    const int compared = bytes ? memcmp(a.text, b.text, bytes) : 0;
    if (compared) return compared < 0 ? -1 : 1;
    return (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

static bool equal(Template *run, Value a, Value b, int depth);

static bool equal_items(Template *run, Value a, Value b, int depth) {
    if (a.items == b.items) return true;
    if (a.items->count != b.items->count) return false;
    if (depth == TEMPLATE_NESTING) tw_template_fail(run, "values are nested too deeply");
    for (uint32_t i = 0; i < a.items->count; i++) {
        const Value *other = &b.items->at[i];
        if (a.kind == KIND_dict) other = tw_template_find(run, b, a.items->at[i++]);
        if (!other || !equal(run, a.items->at[i], *other, depth + 1)) return false;
    }
    return true;
}

static bool equal(Template *run, Value a, Value b, int depth) {
    tw_template_charge(run, 1);
    if (is_number(a) && is_number(b)) return order_numbers(a, b) == 0;
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case KIND_string: return a.bytes == b.bytes && order_strings(run, a, b) == 0;
    case KIND_list:
    case KIND_tuple:
    case KIND_dict: return equal_items(run, a, b, depth);
    case KIND_namespace: return a.items == b.items;
    case KIND_function: return a.integer == b.integer;
    default: return true;
    }
}

bool tw_template_equal(Template *run, Value a, Value b) {
    return equal(run, a, b, 0);
}

static int compare(Template *run, Value a, Value b, int depth) {
    tw_template_charge(run, 1);
    if (is_number(a) && is_number(b)) return order_numbers(a, b);
    if (a.kind == KIND_string && b.kind == KIND_string) return order_strings(run, a, b);
    if (!is_sequence(a) || a.kind != b.kind || depth == TEMPLATE_NESTING)
        tw_template_fail(run, "a %s and a %s have no order", tw_template_kind(a),
                         tw_template_kind(b));
    for (uint32_t i = 0; i < a.items->count && i < b.items->count; i++)
        if (!equal(run, a.items->at[i], b.items->at[i], depth))
            return compare(run, a.items->at[i], b.items->at[i], depth + 1);
    return order(a.items->count, b.items->count);
}

int tw_template_compare(Template *run, Value a, Value b) {
    return compare(run, a, b, 0);
}

bool tw_template_in(Template *run, Value item, Value container) {
    if (container.kind == KIND_string) {
        if (item.kind != KIND_string)
            tw_template_fail(run, "a %s is looked for in a text", tw_template_kind(item));
        return tw_template_search(run, container, item);
    }
    if (container.kind == KIND_dict) return tw_template_find(run, container, item);
    const Value list = tw_template_iterate(run, container);
    for (uint32_t i = 0; i < list.items->count; i++)
        if (tw_template_equal(run, list.items->at[i], item)) return true;
    return false;
}

Value tw_template_iterate(Template *run, Value value) {
    if (is_sequence(value)) return value;
    const Value list = tw_template_items(run, KIND_list, NULL, 0);
    switch (value.kind) {
    case KIND_undefined: break;
    case KIND_dict:
        for (uint32_t i = 0; i < value.items->count; i += 2)
            tw_template_append(run, list.items, value.items->at[i]);
        break;
    case KIND_string:
        for (const char *at = value.text, *end = at + value.bytes; at < end;) {
            const size_t bytes = tw_template_step(at, end);
            tw_template_append(run, list.items, value_string(at, bytes));
            at += bytes;
        }
        break;
    default: tw_template_fail(run, "a %s has no items", tw_template_kind(value));
    }
    return list;
}

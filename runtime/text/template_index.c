/* template_index.c - parts of values, as Python finds them: indices count from the end where they
 * are negative, and what is not there is undefined. */
#include "runtime/text/template_run.h"

#include <string.h>

static Value undefined(Value key) {
    if (key.kind != KIND_string) key = value_string("", 0);
    key.kind = KIND_undefined;
    return key;
}

/* The characters [from, to) of a string: a part of the same memory. */
static Value part(Template *run, Value string, int64_t from, int64_t to) {
    const char *begin = string.text, *end = begin + string.bytes, *at = begin;
    tw_template_charge(run, string.bytes / 16);
    int64_t i = 0;
    for (; i < from && at < end; i++) at += tw_template_step(at, end);
    begin = at;
    for (; i < to && at < end; i++) at += tw_template_step(at, end);
    return value_string(begin, (size_t)(at - begin));
}

static int64_t count(Value value) {
    return value.kind == KIND_string ? tw_template_length(value) : value.items->count;
}

Value tw_template_item(Template *run, Value value, Value key) {
    if (value.kind == KIND_undefined)
        tw_template_fail(run, "'%.*s' is not defined, and has no items", (int)value.bytes,
                         value.text);
    if (value.kind == KIND_dict || value.kind == KIND_namespace) {
        const Value *found = tw_template_find(run, value, key);
        return found ? *found : undefined(key);
    }
    if (!is_integer(key) || (!is_sequence(value) && value.kind != KIND_string))
        return undefined(key);
    const int64_t length = count(value);
    const int64_t index = key.integer < 0 ? key.integer + length : key.integer;
    if (index < 0 || index >= length) return undefined(key);
    return value.kind == KIND_string ? part(run, value, index, index + 1) : value.items->at[index];
}

static Value get(Template *run, Value list, bool is_string, int64_t index) {
    return is_string ? part(run, list, index, index + 1) : list.items->at[index];
}

/* Python's slice.indices(): where a bound of a slice of `length` items lies. */
static int64_t bound(Template *run, Value value, int64_t length, int64_t step, int64_t absent) {
    if (value.kind == KIND_none) return absent;
    if (!is_integer(value)) tw_template_fail(run, "a slice from a %s", tw_template_kind(value));
    const int64_t least = step < 0 ? -1 : 0, most = step < 0 ? length - 1 : length;
    int64_t index = value.integer;
    if (index < 0) index = index < -length ? least : index + length;
    return index < least ? least : index > most ? most : index;
}

Value tw_template_slice(Template *run, const Value *arguments) {
    const Value value = arguments[0];
    const bool is_string = value.kind == KIND_string;
    if (!is_string && !is_sequence(value))
        tw_template_fail(run, "a slice of a %s", tw_template_kind(value));
    int64_t step = 1;
    if (arguments[3].kind == KIND_integer) step = arguments[3].integer;
    if (step == 0) tw_template_fail(run, "a slice in steps of 0");
    const int64_t length = count(value);
    if (step > length) step = length + 1;
    if (step < -length) step = -length - 1;
    const Value from = arguments[1], to = arguments[2];
    const int64_t begin = bound(run, from, length, step, step < 0 ? length - 1 : 0);
    const int64_t end = bound(run, to, length, step, step < 0 ? -1 : length);
    if (is_string && step == 1) return part(run, value, begin, end);
    const Value list = tw_template_items(run, is_string ? KIND_list : value.kind, NULL, 0);
    char *out = run->out;
    for (int64_t i = begin; step < 0 ? i > end : i < end; i += step) {
        const Value one = get(run, value, is_string, i);
        if (is_string)
            tw_template_put(run, one.text, one.bytes);
        else
            tw_template_append(run, list.items, one);
    }
    return is_string ? tw_template_cut(run, out) : list;
}

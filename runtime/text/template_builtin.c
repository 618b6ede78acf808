/* template_builtin.c - what a template's program calls, beside its own functions. */
#include "runtime/text/template_run.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* ---- arguments ---- */

static int64_t integer(Template *run, Value value) {
    if (!is_integer(value))
        tw_template_fail(run, "a %s where an integer is needed", tw_template_kind(value));
    return value.integer;
}

static Value must_be(Template *run, Value value, Kind kind) {
    if (value.kind != kind)
        tw_template_fail(run, "a %s where a %s is needed", tw_template_kind(value),
                         tw_template_kind((Value){.kind = (uint8_t)kind}));
    return value;
}

static Value empty(Template *run) {
    return tw_template_items(run, KIND_list, NULL, 0);
}

/* The text between two places. */
static Value between(const char *begin, const char *end) {
    return value_string(begin, (size_t)(end - begin));
}

/* ---- lists and dicts ---- */

static Value range(Template *run, const Value *arguments) {
    const int64_t end = integer(run, arguments[1]), step = integer(run, arguments[2]);
    if (step == 0) tw_template_fail(run, "a range in steps of 0");
    const Value out = empty(run);
    for (int64_t i = integer(run, arguments[0]); step < 0 ? i > end : i < end;) {
        tw_template_append(run, out.items, value_integer(i));
        if (__builtin_add_overflow(i, step, &i)) break;
    }
    return out;
}

static Value pairs(Template *run, Value dict) {
    const Value out = empty(run);
    for (uint32_t i = 0; i < dict.items->count; i += 2)
        tw_template_append(run, out.items,
                           tw_template_items(run, KIND_tuple, dict.items->at + i, 2));
    return out;
}

/* Where a list has what an index means; null: nowhere. */
static Value *place(Template *run, Value list, Value key) {
    const Items *items = must_be(run, list, KIND_list).items;
    int64_t at = key.kind == KIND_none ? -1 : integer(run, key);
    if (at < 0) at += items->count;
    return at >= 0 && at < items->count ? &items->at[at] : NULL;
}

static void put(Template *run, const Value *arguments) {
    if (arguments[0].kind == KIND_dict) {
        tw_template_set(run, arguments[0], arguments[1], arguments[2]);
        return;
    }
    Value *at = place(run, arguments[0], arguments[1]);
    if (!at) tw_template_fail(run, "an index that is not in the list");
    *at = arguments[2];
}

static Value pop(Template *run, const Value *arguments) {
    const bool is_dict = arguments[0].kind == KIND_dict;
    Value *at = is_dict ? tw_template_find(run, arguments[0], arguments[1])
                        : place(run, arguments[0], arguments[1]);
    if (!at && arguments[2].kind != KIND_undefined) return arguments[2];
    if (!at) tw_template_fail(run, "pop() of what is not there");
    Items *items = arguments[0].items;
    const Value value = *at;
    const uint32_t width = is_dict ? 2 : 1;
    const Value *rest = at + 1;
    memmove(at + 1 - width, rest, (size_t)(items->at + items->count - rest) * sizeof *rest);
    items->count -= width;
    return value;
}

static int64_t length(Template *run, Value value) {
    switch (value.kind) {
    case KIND_undefined: return 0;
    case KIND_string: return tw_template_length(value);
    case KIND_list:
    case KIND_tuple: return value.items->count;
    default: return must_be(run, value, KIND_dict).items->count / 2;
    }
}

static Value now(Template *run) {
    const time_t seconds = run->chat->time ? (time_t)run->chat->time : time(NULL);
    struct tm local = {0};
    localtime_r(&seconds, &local);
    const int parts[] = {local.tm_year + 1900, local.tm_mon, local.tm_mday, local.tm_hour,
                         local.tm_min,         local.tm_sec, local.tm_wday, local.tm_yday};
    const Value out = tw_template_items(run, KIND_tuple, NULL, 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        tw_template_append(run, out.items, value_integer(parts[i]));
    return out;
}

/* ---- text ---- */

static bool is_in(Template *run, Value set, const char *at, size_t bytes) {
    if (set.kind == KIND_none) return tw_template_is_space(tw_template_code(at, bytes));
    return tw_template_search(run, must_be(run, set, KIND_string), value_string(at, bytes));
}

static Value strip(Template *run, Value text, Value set, int64_t sides) {
    const char *begin = text.text, *end = begin + text.bytes, *last = end;
    while (sides & 1 && begin < end) {
        const size_t bytes = tw_template_step(begin, end);
        if (!is_in(run, set, begin, bytes)) break;
        begin += bytes;
    }
    if (sides & 2) last = begin;
    for (const char *at = last; at < end;) {
        const size_t bytes = tw_template_step(at, end);
        if (!is_in(run, set, at, bytes)) last = at + bytes;
        at += bytes;
    }
    return between(begin, last);
}

/* Where the next separator is, and how long: white space in a row where `separator` is none. */
static const char *find_separator(Template *run, Value rest, Value separator, size_t *bytes) {
    *bytes = separator.bytes;
    if (separator.kind == KIND_string) return tw_template_search(run, rest, separator);
    const char *at = rest.text, *const end = at + rest.bytes;
    while (at < end && !is_in(run, separator, at, tw_template_step(at, end)))
        at += tw_template_step(at, end);
    *bytes = (size_t)(end - at) - strip(run, between(at, end), separator, 1).bytes;
    return *bytes ? at : NULL;
}

static Value split(Template *run, Value text, Value separator, int64_t most) {
    const Value list = empty(run);
    const bool is_space = separator.kind == KIND_none;
    if (!is_space && !must_be(run, separator, KIND_string).bytes)
        tw_template_fail(run, "split by an empty text");
    if (is_space) text = strip(run, text, separator, most < 0 ? 3 : 1);
    const char *const end = text.text + text.bytes;
    if (is_space && !text.bytes) return list;
    for (size_t bytes; most != 0; most--) {
        const char *found = find_separator(run, text, separator, &bytes);
        if (!found || (is_space && found + bytes == end)) break;
        tw_template_append(run, list.items, between(text.text, found));
        text = between(found + bytes, end);
    }
    tw_template_append(run, list.items, text);
    return list;
}

/* ---- letters: ASCII, and those of which upper and lower case lie side by side ---- */

/* Latin, Greek and Cyrillic. */
static uint32_t lower(uint32_t code) {
    if (code - 'A' < 26 || (code - 0xc0 < 31 && code != 0xd7) ||
        (code - 0x391 < 25 && code != 0x3a2) || code - 0x410 < 32)
        return code + 32;
    if (code - 0x400 < 16) return code + 80;
    const bool is_pair = (code - 0x100 < 56 && code != 0x130) || code - 0x14a < 46 ||
                         code - 0x460 < 34 || code - 0x48a < 54 || code - 0x1e00 < 150;
    return is_pair ? code | 1 : code;
}

static uint32_t upper(uint32_t code) {
    static const uint8_t steps[] = {32, 80, 1};
    for (size_t i = 0; i < sizeof steps; i++)
        if (code > steps[i] && lower(code - steps[i]) == code) return code - steps[i];
    return code;
}

static Value convert(Template *run, Value text, bool is_upper) {
    char *begin = run->out;
    for (const char *at = text.text, *end = at + text.bytes; at < end;) {
        const size_t bytes = tw_template_step(at, end);
        const uint32_t code = tw_template_code(at, bytes);
        if (code >= 0x80 && bytes == 1)
            tw_template_put(run, at, 1); /* no UTF-8 */
        else
            tw_template_put_code(run, is_upper ? upper(code) : lower(code));
        at += bytes;
    }
    return tw_template_cut(run, begin);
}

static Value character(Template *run, int64_t code) {
    char *begin = run->out;
    tw_template_put_code(run, code < 0 || code > UINT32_MAX ? UINT32_MAX : (uint32_t)code);
    return tw_template_cut(run, begin);
}

static Value whole(Template *run, Value value) {
    if (value.kind != KIND_real) return value_integer(integer(run, value));
    if (!(fabs(value.real) < 0x1p63)) tw_template_fail(run, "a number overflows");
    return value_integer((int64_t)value.real);
}

/* ---- calls ---- */

static Value call_text(Template *run, TemplateBuiltin which, const Value *arguments) {
    const Value text = must_be(run, arguments[0], KIND_string), second = arguments[1];
    const char *found;
    tw_template_charge(run, text.bytes / 8);
    switch (which) {
    case TEMPLATE_CALL_raise: tw_template_fail(run, "%.*s", (int)text.bytes, text.text);
    case TEMPLATE_CALL_parse_json: return tw_template_read_json(run, text.text, text.bytes);
    case TEMPLATE_CALL_strip: return strip(run, text, second, integer(run, arguments[2]));
    case TEMPLATE_CALL_split: return split(run, text, second, integer(run, arguments[2]));
    case TEMPLATE_CALL_find:
        found = tw_template_search(run, text, must_be(run, second, KIND_string));
        return value_integer(found ? tw_template_length(between(text.text, found)) : -1);
    case TEMPLATE_CALL_convert: return convert(run, text, integer(run, second));
    case TEMPLATE_CALL_number: return tw_template_number(text.text, text.bytes);
    default:
        if (!text.bytes) return value_integer(0);
        return value_integer(
            tw_template_code(text.text, tw_template_step(text.text, text.text + text.bytes)));
    }
}

Value tw_template_call(Template *run, TemplateBuiltin which, const Value *arguments) {
    const Value first = arguments[0];
    const Items *items;
    switch (which) {
    case TEMPLATE_CALL_range: return range(run, arguments);
    case TEMPLATE_CALL_namespace:
        items = must_be(run, first, KIND_dict).items;
        return tw_template_items(run, KIND_namespace, items->at, items->count);
    case TEMPLATE_CALL_now: return now(run);
    case TEMPLATE_CALL_length: return value_integer(length(run, first));
    case TEMPLATE_CALL_items: return pairs(run, must_be(run, first, KIND_dict));
    case TEMPLATE_CALL_append:
        tw_template_append(run, must_be(run, first, KIND_list).items, arguments[1]);
        return value_none();
    case TEMPLATE_CALL_put: put(run, arguments); return value_none();
    case TEMPLATE_CALL_pop: return pop(run, arguments);
    case TEMPLATE_CALL_whole: return whole(run, first);
    case TEMPLATE_CALL_character: return character(run, integer(run, first));
    default: return call_text(run, which, arguments);
    }
}

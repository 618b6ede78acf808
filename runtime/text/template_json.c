/* template_json.c - JSON as values (RFC 8259). */
#include "runtime/text/template_run.h"

#include <string.h>

typedef struct Reading {
    Template *run;
    const char *begin, *at, *end;
    int depth;
} Reading;

static _Noreturn void refuse(Reading *reading) {
    tw_template_fail(reading->run, "no JSON at byte %zu", (size_t)(reading->at - reading->begin));
}

static char peek(const Reading *reading) {
    return reading->at < reading->end ? *reading->at : 0;
}

static void skip_space(Reading *reading) {
    while (peek(reading) && strchr(" \t\r\n", *reading->at)) reading->at++;
}

static bool skip(Reading *reading, const char *word) {
    const size_t bytes = strlen(word);
    skip_space(reading);
    if ((size_t)(reading->end - reading->at) < bytes || memcmp(reading->at, word, bytes) != 0)
        return false;
    reading->at += bytes;
    return true;
}

static uint32_t read_hex(Reading *reading) {
    uint32_t code = 0;
    for (int i = 0; i < 4; i++, reading->at++) {
        const char c = peek(reading);
        const char lower = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            code = code * 16 + (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            code = code * 16 + (uint32_t)(lower - 'a' + 10);
        else
            refuse(reading);
    }
    return code;
}

static void read_escape(Reading *reading) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char c = peek(reading);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found && c != 'u') refuse(reading);
    reading->at++;
    if (found) {
        tw_template_put(reading->run, &to[found - from], 1);
        return;
    }
    uint32_t code = read_hex(reading);
    if (code >= 0xd800 && code < 0xdc00 && reading->end - reading->at > 6 &&
        memcmp(reading->at, "\\u", 2) == 0) {
        const char *const before = reading->at;
        reading->at += 2;
        const uint32_t low = read_hex(reading);
        if (low >= 0xdc00 && low < 0xe000)
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        else
            reading->at = before;
    }
    tw_template_put_code(reading->run, code);
}

/* Behind its first quote. */
static Value read_string(Reading *reading) {
    char *begin = reading->run->out;
    for (;;) {
        const char *plain = reading->at;
        while ((unsigned char)peek(reading) >= ' ' && *reading->at != '"' && *reading->at != '\\')
            reading->at++;
        tw_template_put(reading->run, plain, (size_t)(reading->at - plain));
        const char c = peek(reading);
        if (c != '"' && c != '\\') refuse(reading);
        reading->at++;
        if (c == '"') return tw_template_cut(reading->run, begin);
        read_escape(reading);
    }
}

static Value read_value(Reading *reading);

static Value read_items(Reading *reading, bool is_dict) {
    const char *const close = is_dict ? "}" : "]";
    const Value items = tw_template_items(reading->run, is_dict ? KIND_dict : KIND_list, NULL, 0);
    if (++reading->depth == TEMPLATE_NESTING) refuse(reading);
    for (bool is_first = true; !skip(reading, close); is_first = false) {
        if (!is_first && !skip(reading, ",")) refuse(reading);
        Value key = value_none();
        if (is_dict) {
            if (!skip(reading, "\"")) refuse(reading);
            key = read_string(reading);
            if (!skip(reading, ":")) refuse(reading);
        }
        const Value value = read_value(reading);
        if (is_dict)
            tw_template_set(reading->run, items, key, value);
        else
            tw_template_append(reading->run, items.items, value);
    }
    reading->depth--;
    return items;
}

static Value read_number(Reading *reading) {
    const char *begin = reading->at;
    while (peek(reading) && strchr("0123456789+-.eE", *reading->at)) reading->at++;
    const Value value = tw_template_number(begin, (size_t)(reading->at - begin));
    if (value.kind == KIND_undefined || *begin == '+') {
        reading->at = begin;
        refuse(reading);
    }
    return value;
}

static Value read_value(Reading *reading) {
    if (skip(reading, "{")) return read_items(reading, true);
    if (skip(reading, "[")) return read_items(reading, false);
    if (skip(reading, "\"")) return read_string(reading);
    if (skip(reading, "true")) return value_boolean(true);
    if (skip(reading, "false")) return value_boolean(false);
    if (skip(reading, "null")) return value_none();
    return read_number(reading);
}

Value tw_template_read_json(Template *run, const char *text, size_t bytes) {
    Reading reading = {.run = run, .begin = text, .at = text, .end = text + bytes};
    const Value value = read_value(&reading);
    skip_space(&reading);
    if (reading.at < reading.end) refuse(&reading);
    return value;
}

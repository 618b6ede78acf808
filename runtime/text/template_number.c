/* template_number.c - arithmetic and texts of numbers, as Python has them. */
#include "runtime/text/template_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- arithmetic ---- */

static int64_t power(Template *run, int64_t base, int64_t exponent) {
    int64_t result = 1;
    for (int64_t i = 0; i < exponent && (base > 1 || base < -1 || i < (exponent & 1)); i++)
        if (__builtin_mul_overflow(result, base, &result))
            tw_template_fail(run, "a number overflows");
    return base == 0 && exponent > 0 ? 0 : result;
}

static Value on_integers(Template *run, TemplateOp op, int64_t a, int64_t b) {
    int64_t result = 0;
    bool is_over = false;
    switch (op) {
    case TEMPLATE_add: is_over = __builtin_add_overflow(a, b, &result); break;
    case TEMPLATE_subtract: is_over = __builtin_sub_overflow(a, b, &result); break;
    case TEMPLATE_multiply: is_over = __builtin_mul_overflow(a, b, &result); break;
    case TEMPLATE_power: result = power(run, a, b); break;
    default: /* towards less, as the remainder has the sign of b */
        is_over = b == -1 && a == INT64_MIN;
        if (is_over) break;
        result = op == TEMPLATE_modulo ? a % b : a / b;
        if (a % b != 0 && (a < 0) != (b < 0)) result += op == TEMPLATE_modulo ? b : -1;
    }
    if (is_over) tw_template_fail(run, "a number overflows");
    return value_integer(result);
}

static Value on_reals(TemplateOp op, double a, double b) {
    switch (op) {
    case TEMPLATE_add: return value_real(a + b);
    case TEMPLATE_subtract: return value_real(a - b);
    case TEMPLATE_multiply: return value_real(a * b);
    case TEMPLATE_divide: return value_real(a / b);
    case TEMPLATE_floor_divide: return value_real(floor(a / b));
    case TEMPLATE_power: return value_real(pow(a, b));
    default: {
        const double rest = fmod(a, b);
        return value_real(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
    }
    }
}

static Value repeat(Template *run, Value value, int64_t times) {
    if (value.kind == KIND_string) {
        char *begin = run->out;
        for (int64_t i = 0; i < times && value.bytes; i++)
            tw_template_put(run, value.text, value.bytes);
        return tw_template_cut(run, begin);
    }
    const Value list = tw_template_items(run, value.kind, NULL, 0);
    for (int64_t i = 0; i < times && value.items->count; i++)
        for (uint32_t k = 0; k < value.items->count; k++)
            tw_template_append(run, list.items, value.items->at[k]);
    return list;
}

static Value join(Template *run, Value a, Value b) {
    if (a.kind == KIND_string) {
        char *begin = run->out;
        tw_template_put(run, a.text, a.bytes);
        tw_template_put(run, b.text, b.bytes);
        return tw_template_cut(run, begin);
    }
    const Value list = tw_template_items(run, a.kind, a.items->at, a.items->count);
    for (uint32_t i = 0; i < b.items->count; i++)
        tw_template_append(run, list.items, b.items->at[i]);
    return list;
}

static bool is_joined(Value value) {
    return value.kind == KIND_string || is_sequence(value);
}

Value tw_template_arithmetic(Template *run, TemplateOp op, Value a, Value b) {
    if (is_number(a) && is_number(b)) {
        const bool divides =
            op == TEMPLATE_divide || op == TEMPLATE_floor_divide || op == TEMPLATE_modulo;
        if (divides && as_real(b) == 0) tw_template_fail(run, "a division by 0");
        const bool is_real = op == TEMPLATE_divide || (op == TEMPLATE_power && as_real(b) < 0);
        if (is_integer(a) && is_integer(b) && !is_real)
            return on_integers(run, op, a.integer, b.integer);
        return on_reals(op, as_real(a), as_real(b));
    }
    if (op == TEMPLATE_add && a.kind == b.kind && is_joined(a)) return join(run, a, b);
    if (op == TEMPLATE_multiply && is_joined(a) && is_integer(b)) return repeat(run, a, b.integer);
    if (op == TEMPLATE_multiply && is_joined(b) && is_integer(a)) return repeat(run, b, a.integer);
    static const char signs[][3] = {"+", "-", "*", "/", "//", "%", "**"};
    tw_template_fail(run, "a %s %s a %s", tw_template_kind(a), signs[op - TEMPLATE_add],
                     tw_template_kind(b));
}

/* ---- numbers as text ---- */

enum { LONGEST = 400 };

/* How the locale writes the point of a number. */
static size_t find_point(char *point, size_t size) {
    char half[16];
    const int length = snprintf(half, sizeof half, "%.1f", 0.5);
    const size_t bytes = length > 2 && (size_t)length - 2 < size ? (size_t)length - 2 : 1;
    memcpy(point, half + 1, bytes);
    return bytes;
}

static Value read_real(const char *text, size_t bytes) {
    char copy[LONGEST + 16], *at = copy, *end;
    if (bytes > LONGEST) return (Value){.kind = KIND_undefined};
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '.')
            at += find_point(at, 8);
        else
            *at++ = text[i];
    }
    *at = 0;
    const double real = strtod(copy, &end);
    return end == at && bytes ? value_real(real) : (Value){.kind = KIND_undefined};
}

/* 1, -1.5e3: what strtod() takes beside that is not let through. */
Value tw_template_number(const char *text, size_t bytes) {
    const Value none = {.kind = KIND_undefined};
    const bool is_negative = bytes && *text == '-';
    int64_t value = 0;
    bool is_real = false;
    size_t digits = 0;
    for (size_t i = bytes && (is_negative || *text == '+'); i < bytes; i++) {
        const int digit = text[i] - '0';
        if (digit >= 0 && digit < 10) {
            digits++;
            is_real |= __builtin_mul_overflow(value, 10, &value) ||
                       __builtin_add_overflow(value, is_negative ? -digit : digit, &value);
        } else if (digits && text[i] && strchr(".eE+-", text[i])) {
            is_real = true;
        } else {
            return (Value){.kind = KIND_undefined};
        }
    }
    return is_real ? read_real(text, bytes) : digits ? value_integer(value) : none;
}

/* Python's repr(): the fewest digits that are read back as the same number. */
static void put_real(Template *run, double real) {
    const double size = fabs(real);
    const bool is_fixed = size == 0 || (size >= 1e-4 && size < 1e16);
    char text[48], point[8];
    int digits = is_fixed, length;
    do length = snprintf(text, sizeof text, is_fixed ? "%.*f" : "%.*e", digits, real);
    while (strtod(text, NULL) != real && ++digits < 24);
    const size_t bytes = find_point(point, sizeof point);
    const char *at = text, *found = memmem(text, (size_t)length, point, bytes);
    if (found) {
        tw_template_put(run, text, (size_t)(found - text));
        tw_template_put(run, ".", 1);
        at = found + bytes;
    }
    tw_template_put(run, at, (size_t)(text + length - at));
}

void tw_template_put_number(Template *run, Value value) {
    char text[24];
    if (value.kind == KIND_real && isfinite(value.real)) {
        put_real(run, value.real);
        return;
    }
    const int bytes = value.kind == KIND_real
                          ? snprintf(text, sizeof text, "%f", value.real)
                          : snprintf(text, sizeof text, "%lld", (long long)value.integer);
    tw_template_put(run, text, (size_t)bytes);
}

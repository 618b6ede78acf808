/* expression.c - read and computed in one go: all operands always count, for the keys they use. */
#include "frontend/import/expression.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGUMENTS = 2, MAX_VALUES = 4096 };

typedef struct {
    const char *at;
    Scope *scope;
} Reading;

static Answer choice(Reading *reading);

/* ---- answers ---- */

static Answer answer_of(Value value, const Value *from) {
    return (Answer){value, from};
}

static Answer number(double value, const Value *from) {
    return answer_of((Value){.kind = VALUE_NUMBER, .number = value}, from);
}

static Answer truth(bool value, const Value *from) {
    return answer_of((Value){.kind = VALUE_BOOL, .number = value}, from);
}

static const Value *first_of(const Value *a, const Value *b) {
    return a ? a : b;
}

/* ---- words ---- */

static void pass_space(Reading *reading) {
    while (*reading->at == ' ') reading->at++;
}

/* Whether the mark comes next, which is passed then. */
static bool accept(Reading *reading, const char *mark) {
    const size_t length = strlen(mark);
    pass_space(reading);
    if (strncmp(reading->at, mark, length) != 0) return false;
    if (strcmp(mark, "?") == 0 && reading->at[1] == '?') return false;
    if (strchr("<>!", *mark) && length == 1 && reading->at[1] == '=') return false;
    reading->at += length;
    return true;
}

static void expect(Reading *reading, const char *mark) {
    if (!accept(reading, mark)) reading->scope->is_broken = true;
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

static size_t pass_word(Reading *reading) {
    const char *begin = reading->at;
    while (is_word(*reading->at)) reading->at++;
    return (size_t)(reading->at - begin);
}

static bool is_text(const char *word, size_t length, const char *text) {
    return strlen(text) == length && memcmp(word, text, length) == 0;
}

/* ---- keys ---- */

/* Past `.key.key` of a value that is an object. */
static Answer members(Reading *reading, Answer object) {
    while (*reading->at == '.') {
        reading->at++;
        const char *word = reading->at;
        const size_t length = pass_word(reading);
        Value *child = value_child(&object.value, word, length);
        if (child) child->is_used = true;
        object = child ? answer_of(*child, child) : answer_of((Value){0}, NULL);
    }
    return object;
}

static Answer key(Reading *reading, const char *word, size_t length) {
    Scope *scope = reading->scope;
    Value *map = scope->config;
    const bool is_outer = is_text(word, length, "outer");
    if (is_outer || is_text(word, length, "beside")) {
        expect(reading, ".");
        map = is_outer ? scope->outer : scope->beside;
        word = reading->at;
        length = pass_word(reading);
    }
    Value *child = value_child(map, word, length);
    if (!child) return members(reading, answer_of((Value){0}, NULL));
    child->is_used = true;
    return members(reading, answer_of(*child, child->kind == VALUE_NONE ? NULL : child));
}

/* ---- functions ---- */

static bool list_has(const Value *list, const Value *wanted) {
    for (int i = 0; i < list->count; i++)
        if (value_equal(&list->item[i], wanted)) return true;
    return false;
}

static Value length_of(const Value *value) {
    if (value->kind == VALUE_TEXT)
        return (Value){.kind = VALUE_NUMBER, .number = (double)strlen(value->text)};
    if (value->kind == VALUE_LIST || value->kind == VALUE_MAP)
        return (Value){.kind = VALUE_NUMBER, .number = value->count};
    return (Value){.kind = value->kind == VALUE_NONE ? VALUE_NONE : VALUE_WRONG};
}

static double computed(Scope *scope, const char *name, size_t length, double x, double y) {
    if (is_text(name, length, "sqrt")) return sqrt(x);
    if (is_text(name, length, "log")) return log(x);
    if (is_text(name, length, "floor")) return floor(x);
    if (is_text(name, length, "pow")) return pow(x, y);
    if (!is_text(name, length, "min")) scope->is_broken = true;
    return x < y ? x : y;
}

/* Numbers of none are none; of what is no number, and what has no finite value, wrong. */
static Value numeric(double value, const Value *a, const Value *b) {
    if (a->kind == VALUE_WRONG || b->kind == VALUE_WRONG) return (Value){.kind = VALUE_WRONG};
    if (a->kind == VALUE_NONE || b->kind == VALUE_NONE) return (Value){0};
    const bool is_number = a->kind == VALUE_NUMBER && b->kind == VALUE_NUMBER && isfinite(value);
    return is_number ? (Value){.kind = VALUE_NUMBER, .number = value}
                     : (Value){.kind = VALUE_WRONG};
}

static bool ends(const Value *text, const Value *end) {
    if (text->kind != VALUE_TEXT || end->kind != VALUE_TEXT) return false;
    const size_t length = strlen(text->text), tail = strlen(end->text);
    return length >= tail && strcmp(text->text + length - tail, end->text) == 0;
}

/* Null counts: it may mean something else than the key's absence. */
static Answer is_given(const Reading *reading, const char *name) {
    Value *child = value_child(reading->scope->config, name, strlen(name));
    if (child) child->is_used = true;
    return truth(child != NULL, NULL);
}

/* ---- tensors ---- */

static const StoredTensor *find_tensor(const Reading *reading, const char *name) {
    const TensorSet *tensors = reading->scope->tensors;
    return tensors ? tensor_set_find(tensors, name) : NULL;
}

static Value rows_of(const StoredTensor *tensor) {
    if (!tensor || tensor->rank < 1) return (Value){0};
    return (Value){.kind = VALUE_NUMBER, .number = (double)tensor->shape[0]};
}

/* Of short lists in f32: what a file says of its frequencies. */
static Value values_of(const StoredTensor *tensor, Arena *arena) {
    if (!tensor) return (Value){0};
    Value list = {.kind = VALUE_LIST};
    if (tensor->type != STORED_F32 || tensor->rank != 1 || tensor->shape[0] > MAX_VALUES)
        return (Value){.kind = VALUE_WRONG};
    const int64_t count = tensor->shape[0];
    float *values = ARENA_ARRAY(arena, float, (size_t)count + 1);
    if (!stored_tensor_read(tensor, 0, (size_t)count * sizeof *values, values))
        return (Value){.kind = VALUE_WRONG};
    list.item = ARENA_ARRAY(arena, Value, (size_t)count + 1);
    for (; list.count < count; list.count++) {
        const double number = value_of_float(values[list.count], arena);
        list.item[list.count] = (Value){.kind = VALUE_NUMBER, .number = number};
    }
    return list;
}

static Value element(const Value *list, const Value *index, Arena *arena);

static Value here(Scope *scope, const Value *value) {
    if (value->kind != VALUE_LIST) return *value;
    scope->has_asked_layer = true;
    const Value layer = {.kind = VALUE_NUMBER, .number = (double)scope->layer};
    return element(value, &layer, scope->arena);
}

static Answer call(Reading *reading, const char *name, size_t length) {
    Answer argument[MAX_ARGUMENTS] = {{{0}, NULL}, {{.kind = VALUE_NUMBER}, NULL}};
    int count = 0;
    do {
        argument[count++] = choice(reading);
    } while (count < MAX_ARGUMENTS && accept(reading, ","));
    expect(reading, ")");
    const Value *x = &argument[0].value, *y = &argument[1].value;
    const Value *from = first_of(argument[0].from, argument[1].from);
    if (is_text(name, length, "tensor")) return truth(find_tensor(reading, x->text), NULL);
    if (is_text(name, length, "rows"))
        return answer_of(rows_of(find_tensor(reading, x->text)), NULL);
    if (is_text(name, length, "values"))
        return answer_of(values_of(find_tensor(reading, x->text), reading->scope->arena), NULL);
    if (is_text(name, length, "here")) return answer_of(here(reading->scope, x), from);
    if (is_text(name, length, "given")) return is_given(reading, x->text);
    if (is_text(name, length, "ends")) return truth(ends(x, y), from);
    if (is_text(name, length, "in")) return truth(list_has(y, x), from);
    if (is_text(name, length, "length")) return answer_of(length_of(x), from);
    return answer_of(numeric(computed(reading->scope, name, length, x->number, y->number), x, y),
                     from);
}

/* ---- operands ---- */

static Answer quoted(Reading *reading) {
    const char *end = strchr(reading->at, '\'');
    if (!end) {
        reading->scope->is_broken = true;
        end = reading->at + strlen(reading->at) - 1;
    }
    const char *text =
        arena_printf(reading->scope->arena, "%.*s", (int)(end - reading->at), reading->at);
    reading->at = end + 1;
    return answer_of((Value){.kind = VALUE_TEXT, .text = text}, NULL);
}

static Answer word(Reading *reading) {
    const char *begin = reading->at;
    const size_t length = pass_word(reading);
    if (length == 0) reading->scope->is_broken = true;
    if (length && accept(reading, "(")) return call(reading, begin, length);
    if (is_text(begin, length, "true")) return truth(true, NULL);
    if (is_text(begin, length, "false")) return truth(false, NULL);
    if (is_text(begin, length, "none")) return answer_of((Value){0}, NULL);
    if (!is_text(begin, length, "layer")) return key(reading, begin, length);
    reading->scope->has_asked_layer = true;
    return number((double)reading->scope->layer, NULL);
}

static Answer axis(Reading *reading) {
    const char *begin = reading->at;
    const size_t length = pass_word(reading);
    return members(reading, reading->scope->axis(reading->scope, begin, length));
}

static Answer plain(Reading *reading) {
    pass_space(reading);
    if (accept(reading, "(")) {
        const Answer inner = choice(reading);
        expect(reading, ")");
        return inner;
    }
    if (accept(reading, "'")) return quoted(reading);
    if (accept(reading, "$")) return axis(reading);
    if (!isdigit((unsigned char)*reading->at)) return word(reading);
    char *end;
    const double value = strtod(reading->at, &end);
    reading->at = end;
    return number(value, NULL);
}

static Value element(const Value *list, const Value *index, Arena *arena) {
    if (list->kind == VALUE_NONE || index->kind == VALUE_NONE) return (Value){0};
    if (index->kind != VALUE_NUMBER) return (Value){.kind = VALUE_WRONG};
    if (list->kind == VALUE_LIST && index->number >= 0 && index->number < list->count)
        return list->item[(int)index->number];
    if (list->kind == VALUE_TEXT && index->number >= 0 &&
        index->number < (double)strlen(list->text))
        return (Value){.kind = VALUE_TEXT,
                       .text = arena_printf(arena, "%c", list->text[(int)index->number])};
    return (Value){.kind = list->kind == VALUE_LIST || list->kind == VALUE_TEXT ? VALUE_NONE
                                                                                : VALUE_WRONG};
}

static Answer indexed(Reading *reading) {
    Answer list = plain(reading);
    while (accept(reading, "[")) {
        const Answer index = choice(reading);
        expect(reading, "]");
        list.value = element(&list.value, &index.value, reading->scope->arena);
    }
    return list;
}

static Answer unary(Reading *reading) {
    if (accept(reading, "!")) {
        const Answer operand = unary(reading);
        return truth(!value_is_true(&operand.value), operand.from);
    }
    if (accept(reading, "-")) {
        const Answer operand = unary(reading);
        return answer_of(numeric(-operand.value.number, &operand.value, &operand.value),
                         operand.from);
    }
    return indexed(reading);
}

/* ---- operators, from those that bind most to those that bind least ---- */

static double remainder_of(double a, double b) {
    return b == 0 ? NAN : fmod(a, b);
}

static Answer product(Reading *reading) {
    Answer left = unary(reading);
    for (;;) {
        const char *mark = accept(reading, "*")   ? "*"
                           : accept(reading, "/") ? "/"
                           : accept(reading, "%") ? "%"
                                                  : NULL;
        if (!mark) return left;
        const Answer right = unary(reading);
        const double a = left.value.number, b = right.value.number;
        const double value = *mark == '*' ? a * b : *mark == '/' ? a / b : remainder_of(a, b);
        left =
            answer_of(numeric(value, &left.value, &right.value), first_of(left.from, right.from));
    }
}

static Answer sum(Reading *reading) {
    Answer left = product(reading);
    for (;;) {
        const bool is_plus = accept(reading, "+");
        if (!is_plus && !accept(reading, "-")) return left;
        const Answer right = product(reading);
        const double b = right.value.number;
        left = answer_of(numeric(left.value.number + (is_plus ? b : -b), &left.value, &right.value),
                         first_of(left.from, right.from));
    }
}

static bool compares(const char *mark, const Value *a, const Value *b) {
    if (strcmp(mark, "==") == 0) return value_equal(a, b);
    if (strcmp(mark, "!=") == 0) return !value_equal(a, b);
    if (a->kind != VALUE_NUMBER || b->kind != VALUE_NUMBER) return false;
    if (strcmp(mark, "<=") == 0) return a->number <= b->number;
    if (strcmp(mark, ">=") == 0) return a->number >= b->number;
    return *mark == '<' ? a->number < b->number : a->number > b->number;
}

static Answer comparison(Reading *reading) {
    static const char *const marks[] = {"==", "!=", "<=", ">=", "<", ">"};
    const Answer left = sum(reading);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (!accept(reading, marks[i])) continue;
        const Answer right = sum(reading);
        return truth(compares(marks[i], &left.value, &right.value),
                     first_of(left.from, right.from));
    }
    return left;
}

static Answer conjunction(Reading *reading) {
    Answer left = comparison(reading);
    while (accept(reading, "&&")) {
        const Answer right = comparison(reading);
        left = truth(value_is_true(&left.value) && value_is_true(&right.value),
                     first_of(left.from, right.from));
    }
    return left;
}

static Answer disjunction(Reading *reading) {
    Answer left = conjunction(reading);
    while (accept(reading, "||")) {
        const Answer right = conjunction(reading);
        left = truth(value_is_true(&left.value) || value_is_true(&right.value),
                     first_of(left.from, right.from));
    }
    return left;
}

static Answer alternative(Reading *reading) {
    Answer left = disjunction(reading);
    while (accept(reading, "??")) {
        const Answer right = disjunction(reading);
        if (left.value.kind == VALUE_NONE) left = right;
    }
    return left;
}

static Answer choice(Reading *reading) {
    const Answer condition = alternative(reading);
    if (!accept(reading, "?")) return condition;
    const Answer yes = choice(reading);
    expect(reading, ":");
    const Answer no = choice(reading);
    const Answer answer = value_is_true(&condition.value) ? yes : no;
    return answer_of(answer.value, first_of(answer.from, condition.from));
}

Answer expression_answer(Scope *scope, const char *text) {
    Reading reading = {text, scope};
    const Answer answer = choice(&reading);
    pass_space(&reading);
    if (*reading.at) scope->is_broken = true;
    assert(!scope->is_broken);
    return answer;
}

const char *expression_first_key(const char *text, Arena *arena) {
    for (const char *at = text; *at; at++) {
        if (*at == '\'') at = strchr(at + 1, '\'');
        const bool begins = (isalpha((unsigned char)*at) || *at == '_') &&
                            (at == text || (!is_word(at[-1]) && !strchr("$.", at[-1])));
        if (!begins) continue;
        const char *end = at;
        while (is_word(*end) || *end == '.') end++;
        const size_t length = (size_t)(end - at);
        const bool is_ours = *end == '(' || is_text(at, length, "layer") ||
                             is_text(at, length, "true") || is_text(at, length, "false") ||
                             is_text(at, length, "none");
        if (!is_ours) return arena_printf(arena, "%.*s", (int)length, at);
        at = end - 1;
    }
    return "";
}

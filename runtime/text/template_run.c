/* template_run.c - the machine that runs a chat template's program. */
#include "runtime/text/template_run.h"

#include <stdlib.h>
#include <string.h>

enum {
    MEMORY = 64 << 20, /* where the caller gives none: pages that are not touched cost nothing */
    STACK_PART = 16,   /* of the memory is the stack's */
    STEPS = 20 << 20,
    FUNCTION_REPR = 1,
};

/* ---- what a damaged program is found by ---- */

static void must(Template *run, bool is_whole) {
    if (!is_whole) tw_template_leave(run, TW_BAD_TEMPLATE);
}

/* ---- the stack ---- */

static void push(Template *run, Value value) {
    if (run->top == run->stack_end) tw_template_leave(run, TW_NO_MEMORY);
    *run->top++ = value;
}

/* The `count` values on top, which are popped; they stay where they are until the next push. */
static const Value *pop(Template *run, uint64_t count) {
    must(run, count <= (uint64_t)(run->top - run->stack));
    return run->top -= count;
}

static Value *slot(Template *run, uint64_t which) {
    const TemplateFrame *frame = &run->frames[run->depth];
    must(run, which < frame->slots);
    return &frame->base[which];
}

/* ---- parts of the program ---- */

static uint8_t fetch(Template *run) {
    must(run, run->at < run->header->code_bytes);
    return run->code[run->at++];
}

static uint64_t operand(Template *run) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const uint8_t byte = fetch(run);
        must(run, shift < 64);
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return value;
    }
}

static Value string(Template *run, uint64_t which) {
    must(run, which < run->header->strings);
    const TemplateString *one = &run->strings[which];
    must(run,
         one->at <= run->header->characters && one->bytes <= run->header->characters - one->at);
    return value_string(run->characters + one->at, one->bytes);
}

static Value undefined(Template *run, uint64_t name) {
    Value value = string(run, name);
    value.kind = KIND_undefined;
    return value;
}

static void jump(Template *run, uint64_t to) {
    must(run, to < run->header->code_bytes);
    run->at = (uint32_t)to;
}

/* ---- calls ---- */

/* A frame of function `which`, whose first slots are on the stack from `base` on. */
static void enter(Template *run, uint64_t which, Value *base) {
    must(run, which < run->header->functions);
    const TemplateFunction *function = &run->functions[which];
    if (run->depth + 1 == TEMPLATE_DEPTH)
        tw_template_fail(run, "macros call each other too deeply");
    TemplateFrame *frame = &run->frames[++run->depth];
    *frame = (TemplateFrame){.code = run->at,
                             .line = run->line,
                             .base = base,
                             .out = run->out,
                             .slots = function->slots};
    for (uint32_t i = (uint32_t)(run->top - base); i < function->slots; i++)
        push(run, (Value){.kind = KIND_undefined, .is_missing = true});
    jump(run, function->code);
}

static void leave(Template *run, bool is_value) {
    const TemplateFrame *frame = &run->frames[run->depth];
    must(run, run->out >= frame->out && run->depth > 0);
    const Value result = is_value ? *pop(run, 1) : tw_template_cut(run, frame->out);
    run->out = frame->out;
    run->at = frame->code;
    run->line = frame->line;
    run->top = frame->base - 1; /* where the function stood */
    run->depth--;
    push(run, result);
}

/* Which parameter a named argument is for. */
static uint32_t parameter(Template *run, const TemplateFunction *function, Value name) {
    uint32_t i = 0;
    while (i < function->parameters &&
           !tw_template_equal(run, string(run, (uint64_t)function->parameter + i), name))
        i++;
    if (i == function->parameters)
        tw_template_fail(run, "the macro takes no argument '%.*s'", (int)name.bytes, name.text);
    return i;
}

static void call(Template *run, uint64_t count, uint64_t named) {
    must(run, count < UINT16_MAX && named < UINT16_MAX);
    Value *base = run->top - count - 2 * named;
    must(run, base > run->stack);
    const Value callee = base[-1];
    if (callee.kind == KIND_undefined)
        tw_template_fail(run, "'%.*s' is called, which is not defined", (int)callee.bytes,
                         callee.text);
    if (callee.kind != KIND_function)
        tw_template_fail(run, "a %s cannot be called", tw_template_kind(callee));
    if ((uint64_t)callee.integer >= run->header->functions)
        tw_template_fail(run, "Jinja's own functions can only be called by their names");
    const TemplateFunction *function = &run->functions[callee.integer];
    must(run, function->parameters <= function->slots);
    if (count > function->parameters)
        tw_template_fail(run, "the macro takes %u arguments, not %u", function->parameters,
                         (unsigned)count);
    Value *arguments = tw_template_take(run, 2 * named * sizeof(Value));
    memcpy(arguments, base + count, 2 * named * sizeof(Value));
    run->top = base + count;
    enter(run, (uint64_t)callee.integer, base);
    for (uint64_t i = 0; i < 2 * named; i += 2)
        base[parameter(run, function, arguments[i])] = arguments[i + 1];
    for (uint32_t i = 0; i < function->parameters; i++) {
        if (!base[i].is_missing) continue;
        base[i] = undefined(run, (uint64_t)function->parameter + i);
        base[i].is_missing = true;
    }
}

/* ---- instructions with more to them ---- */

static void next(Template *run, uint64_t which, uint64_t end) {
    const Value list = *slot(run, which);
    Value *index = slot(run, which + 1);
    must(run, is_sequence(list) && index->kind == KIND_integer && index->integer >= -1 &&
                  index->integer < UINT32_MAX);
    if (++index->integer < list.items->count)
        push(run, list.items->at[index->integer]);
    else
        jump(run, end);
}

static void unpack(Template *run, uint64_t count) {
    const Value value = tw_template_iterate(run, *pop(run, 1));
    if (value.items->count != count)
        tw_template_fail(run, "%u values where %u names are", value.items->count, (unsigned)count);
    for (uint32_t i = value.items->count; i-- > 0;) push(run, value.items->at[i]);
}

static void captured(Template *run, bool is_kept) {
    const Value begin = *pop(run, 1);
    must(run, begin.kind == KIND_integer && begin.integer >= 0 &&
                  begin.integer <= run->out - run->begin);
    if (is_kept)
        push(run, tw_template_cut(run, run->begin + begin.integer));
    else
        run->out = run->begin + begin.integer;
}

static void set_attribute(Template *run, uint64_t name) {
    const Value *values = pop(run, 2);
    if (values[0].kind != KIND_namespace)
        tw_template_fail(run, "attributes of a %s cannot be set", tw_template_kind(values[0]));
    tw_template_set(run, values[0], string(run, name), values[1]);
}

static Value make_dict(Template *run, uint64_t pairs) {
    must(run, pairs < UINT32_MAX / 2);
    const Value *values = pop(run, 2 * pairs);
    const Value dict = tw_template_items(run, KIND_dict, NULL, 0);
    for (uint64_t i = 0; i < 2 * pairs; i += 2)
        tw_template_set(run, dict, values[i], values[i + 1]);
    return dict;
}

/* Lists and dicts become text by the program's own function, after which the same instruction
 * finds that text. */
static void write_out(Template *run) {
    const Value value = *pop(run, 1);
    switch (value.kind) {
    case KIND_undefined: return;
    case KIND_none: tw_template_put(run, "None", 4); return;
    case KIND_boolean:
        tw_template_put(run, value.integer ? "True" : "False", value.integer ? 4 : 5);
        return;
    case KIND_integer:
    case KIND_real: tw_template_put_number(run, value); return;
    case KIND_string: tw_template_put(run, value.text, value.bytes); return;
    case KIND_list:
    case KIND_tuple:
    case KIND_dict:
        run->at--;
        push(run, (Value){.kind = KIND_function, .integer = FUNCTION_REPR});
        push(run, value);
        call(run, 1, 0);
        return;
    default: tw_template_fail(run, "a %s cannot be written", tw_template_kind(value));
    }
}

static Value call_builtin(Template *run, uint64_t which) {
    static const uint8_t counts[] = {
#define BUILTIN(name, arguments) arguments,
#include "runtime/text/template_builtins.def"
#undef BUILTIN
    };
    must(run, which < TEMPLATE_BUILTINS);
    return tw_template_call(run, (TemplateBuiltin)which, pop(run, counts[which]));
}

static bool compare(Template *run, TemplateOp op, Value a, Value b) {
    const int order = tw_template_compare(run, a, b);
    switch (op) {
    case TEMPLATE_less: return order < 0;
    case TEMPLATE_less_equal: return order <= 0;
    case TEMPLATE_greater: return order == 1;
    default: return order == 0 || order == 1;
    }
}

static Value binary(Template *run, TemplateOp op) {
    const Value *values = pop(run, 2);
    if (op == TEMPLATE_equal) return value_boolean(tw_template_equal(run, values[0], values[1]));
    if (op == TEMPLATE_in) return value_boolean(tw_template_in(run, values[0], values[1]));
    if (op >= TEMPLATE_less) return value_boolean(compare(run, op, values[0], values[1]));
    return tw_template_arithmetic(run, op, values[0], values[1]);
}

static int64_t unzigzag(uint64_t value) {
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static Value make_items(Template *run, Kind kind, uint64_t count) {
    return tw_template_items(run, kind, pop(run, count), (uint32_t)count);
}

/* ---- the machine ---- */

static void step(Template *run, unsigned op, uint64_t a, uint64_t b) {
    switch (op) {
    case TEMPLATE_line: run->line = (uint32_t)a; return;
    case TEMPLATE_text: {
        const Value text = string(run, a);
        tw_template_put(run, text.text, text.bytes);
        return;
    }
    case TEMPLATE_out: write_out(run); return;
    case TEMPLATE_return: leave(run, true); return;
    case TEMPLATE_undefined: push(run, undefined(run, a)); return;
    case TEMPLATE_none: push(run, value_none()); return;
    case TEMPLATE_boolean: push(run, value_boolean(a)); return;
    case TEMPLATE_integer: push(run, value_integer(unzigzag(a))); return;
    case TEMPLATE_real: {
        double real;
        memcpy(&real, &a, sizeof real);
        push(run, value_real(real));
        return;
    }
    case TEMPLATE_string: push(run, string(run, a)); return;
    case TEMPLATE_function:
        push(run, (Value){.kind = KIND_function, .integer = (int64_t)a});
        return;
    case TEMPLATE_list: push(run, make_items(run, KIND_list, a)); return;
    case TEMPLATE_tuple: push(run, make_items(run, KIND_tuple, a)); return;
    case TEMPLATE_dict: push(run, make_dict(run, a)); return;
    case TEMPLATE_load: push(run, *slot(run, a)); return;
    case TEMPLATE_store: *slot(run, a) = *pop(run, 1); return;
    case TEMPLATE_load_root:
        must(run, a < run->frames[0].slots);
        push(run, run->frames[0].base[a]);
        return;
    case TEMPLATE_drop: pop(run, 1); return;
    case TEMPLATE_attribute: push(run, tw_template_item(run, *pop(run, 1), string(run, a))); return;
    case TEMPLATE_item: {
        const Value *values = pop(run, 2);
        push(run, tw_template_item(run, values[0], values[1]));
        return;
    }
    case TEMPLATE_slice: push(run, tw_template_slice(run, pop(run, 4))); return;
    case TEMPLATE_set_attribute: set_attribute(run, a); return;
    case TEMPLATE_jump: jump(run, a); return;
    case TEMPLATE_jump_false:
        if (!tw_template_truth(*pop(run, 1))) jump(run, a);
        return;
    case TEMPLATE_and_jump:
    case TEMPLATE_or_jump:
        if (tw_template_truth(*pop(run, 1)) == (op == TEMPLATE_or_jump)) {
            run->top++;
            jump(run, a);
        }
        return;
    case TEMPLATE_iterate: push(run, tw_template_iterate(run, *pop(run, 1))); return;
    case TEMPLATE_next: next(run, a, b); return;
    case TEMPLATE_unpack: unpack(run, a); return;
    case TEMPLATE_default:
        if (!slot(run, a)->is_missing) jump(run, b);
        return;
    case TEMPLATE_call: call(run, a, b); return;
    case TEMPLATE_builtin: push(run, call_builtin(run, a)); return;
    case TEMPLATE_capture: push(run, value_integer(run->out - run->begin)); return;
    case TEMPLATE_captured:
    case TEMPLATE_discard: captured(run, op == TEMPLATE_captured); return;
    case TEMPLATE_fail: {
        const Value text = string(run, a);
        tw_template_fail(run, "%.*s", (int)text.bytes, text.text);
    }
    case TEMPLATE_kind: push(run, value_boolean(a >> pop(run, 1)->kind & 1)); return;
    case TEMPLATE_not: push(run, value_boolean(!tw_template_truth(*pop(run, 1)))); return;
    default: push(run, binary(run, (TemplateOp)op)); return;
    }
}

static void run_code(Template *run) {
    static const uint8_t operands[] = {
#define OP(name, count) count,
#include "runtime/text/template_ops.def"
#undef OP
    };
    for (;;) {
        const uint8_t op = fetch(run);
        must(run, op < TEMPLATE_OPS);
        tw_template_charge(run, 1);
        const uint64_t a = operands[op] > 0 ? operand(run) : 0;
        const uint64_t b = operands[op] > 1 ? operand(run) : 0;
        if (op != TEMPLATE_end)
            step(run, op, a, b);
        else if (run->depth == 0)
            return;
        else
            leave(run, false);
    }
}

/* ---- what the template sees ---- */

static Value text_value(Template *run, const char *text) {
    const size_t bytes = text ? strlen(text) : 0;
    if (bytes > UINT32_MAX) tw_template_leave(run, TW_NO_MEMORY);
    return text ? value_string(text, bytes) : value_none();
}

static Value talk(Template *run) {
    const Value list = tw_template_items(run, KIND_list, NULL, 0);
    for (size_t i = 0; i < run->chat->count; i++) {
        const TwMessage *message = &run->chat->messages[i];
        const Value values[] = {value_string("role", 4), text_value(run, message->role),
                                value_string("content", 7), text_value(run, message->content)};
        tw_template_append(run, list.items, tw_template_items(run, KIND_dict, values, 4));
    }
    return list;
}

static void set_variable(Template *run, const char *name, Value value) {
    const Value key = value_string(name, strlen(name));
    for (uint32_t i = 0; i < run->header->names; i++)
        if (tw_template_equal(run, string(run, i), key)) *slot(run, i) = value;
}

static void set_variables(Template *run) {
    must(run, run->header->names <= run->frames[0].slots);
    for (uint32_t i = 0; i < run->header->names; i++) *slot(run, i) = undefined(run, i);
    set_variable(run, "messages", talk(run));
    set_variable(run, "add_generation_prompt", value_boolean(run->chat->wants_answer));
    if (!run->chat->variables) return;
    const char *text = run->chat->variables;
    const Value given = tw_template_read_json(run, text, strlen(text));
    if (given.kind != KIND_dict) tw_template_fail(run, "the variables are no JSON object");
    for (uint32_t i = 0; i < run->header->names; i++) {
        const Value *value = tw_template_find(run, given, string(run, i));
        if (value) *slot(run, i) = *value;
    }
}

/* ---- a run ---- */

static bool find_parts(Template *run, const void *program, size_t bytes) {
    const TemplateHeader *header = run->header = program;
    if (bytes < sizeof *header || (uintptr_t)program % 4 || header->version != TEMPLATE_VERSION)
        return false;
    const uint64_t whole = sizeof *header + header->strings * (uint64_t)sizeof(TemplateString) +
                           header->functions * (uint64_t)sizeof(TemplateFunction) +
                           header->code_bytes + header->characters;
    if (whole > bytes || header->names > header->strings) return false;
    run->strings = (const void *)(header + 1);
    run->functions = (const void *)(run->strings + header->strings);
    run->code = (const void *)(run->functions + header->functions);
    run->characters = (const char *)run->code + header->code_bytes;
    return true;
}

static void run_all(Template *run, size_t memory_bytes) {
    const size_t values = memory_bytes / sizeof(Value) / STACK_PART;
    run->high = run->begin + memory_bytes / sizeof(Value) * sizeof(Value);
    run->stack = run->top = tw_template_take(run, values * sizeof(Value));
    run->stack_end = run->stack + values;
    run->depth = -1;
    enter(run, 0, run->stack);
    set_variables(run);
    run_code(run);
}

static bool is_done(Template *run, size_t memory_bytes) {
    if (setjmp(run->leave)) return false;
    run_all(run, memory_bytes);
    return true;
}

static TwStatus give(const Template *run, char *out, size_t room, size_t *count) {
    *count = (size_t)(run->out - run->begin);
    if (*count > room) return TW_NO_ROOM;
    if (*count) memcpy(out, run->begin, *count);
    return TW_OK;
}

TwStatus tw_template_run(const void *program, size_t bytes, const TwChat *chat, char *out,
                         size_t room, size_t *count) {
    *count = 0;
    if (chat->error && chat->error_bytes) *chat->error = 0;
    Template run;
    run.chat = chat;
    run.steps = STEPS;
    run.line = 0;
    run.at = 0;
    if (!find_parts(&run, program, bytes)) return TW_BAD_TEMPLATE;
    const size_t memory_bytes = chat->memory ? chat->memory_bytes : MEMORY;
    char *memory = chat->memory ? chat->memory : malloc(memory_bytes);
    if (!memory) return TW_NO_MEMORY;
    const size_t skipped = -(uintptr_t)memory % sizeof(Value);
    TwStatus status = TW_NO_MEMORY;
    if (skipped < memory_bytes) {
        run.begin = run.out = memory + skipped;
        status = is_done(&run, memory_bytes - skipped) ? give(&run, out, room, count) : run.status;
    }
    if (!chat->memory) free(memory);
    return status;
}

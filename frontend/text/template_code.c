#include "frontend/text/template_code.h"

#include <string.h>

typedef struct CodeString {
    Bytes text;
} CodeString;

typedef struct Jump {
    struct Jump *next;
    size_t at;
    const Label *to;
} Jump;

enum { ADDRESS = 4, MOST_BYTES = 1 << 26 }; /* bytes of an address; it has 7 bits of each */

uint32_t template_code_function(Code *code) {
    if (code->function_count == code->function_room) {
        const uint32_t room = 2 * code->function_room + 16;
        Function **functions = ARENA_ARRAY(code->arena, Function *, room);
        if (code->functions)
            memcpy(functions, code->functions, code->function_count * sizeof *functions);
        code->functions = functions;
        code->function_room = room;
    }
    code->functions[code->function_count] = ARENA_NEW(code->arena, Function);
    return code->function_count++;
}

/* ---- strings ---- */

static bool is_same(Bytes a, Bytes b) {
    return a.count == b.count && (!a.count || memcmp(a.data, b.data, a.count) == 0);
}

/* FNV-1a */
static uint32_t hash(Bytes text) {
    uint32_t value = 2166136261U;
    for (size_t i = 0; i < text.count; i++)
        value = (value ^ (unsigned char)text.data[i]) * 16777619U;
    return value;
}

/* Where the string is, or the empty place for it. */
static uint32_t *find_bucket(const Code *code, Bytes text) {
    for (uint32_t i = hash(text);; i++) {
        uint32_t *bucket = &code->buckets[i & (code->bucket_count - 1)];
        if (!*bucket || is_same(code->strings[*bucket - 1].text, text)) return bucket;
    }
}

static void make_buckets(Code *code) {
    code->bucket_count = code->bucket_count ? 2 * code->bucket_count : 256;
    code->buckets = ARENA_ARRAY(code->arena, uint32_t, code->bucket_count);
    for (uint32_t i = 0; i < code->string_count; i++) {
        uint32_t *bucket = find_bucket(code, code->strings[i].text);
        if (!*bucket) *bucket = i + 1;
    }
}

uint32_t template_code_own_string(Code *code, Bytes text) {
    if (code->string_count == code->string_room) {
        const uint32_t room = 2 * code->string_room + 64;
        CodeString *strings = ARENA_ARRAY(code->arena, CodeString, room);
        if (code->strings) memcpy(strings, code->strings, code->string_count * sizeof *strings);
        code->strings = strings;
        code->string_room = room;
    }
    code->strings[code->string_count].text = text;
    return code->string_count++;
}

uint32_t template_code_string(Code *code, Bytes text) {
    if (2 * code->string_count >= code->bucket_count) make_buckets(code);
    uint32_t *bucket = find_bucket(code, text);
    if (!*bucket) *bucket = template_code_own_string(code, text) + 1;
    return *bucket - 1;
}

uint32_t template_code_string_count(const Code *code) {
    return code->string_count;
}

/* ---- instructions ---- */

static void put(Code *code, Function *function, uint8_t byte) {
    if (function->bytes == function->room) {
        const size_t room = 2 * function->room + 64;
        uint8_t *bytes = ARENA_ARRAY(code->arena, uint8_t, room);
        if (function->bytes) memcpy(bytes, function->code, function->bytes);
        function->code = bytes;
        function->room = room;
    }
    function->code[function->bytes++] = byte;
}

static void put_number(Code *code, Function *function, uint64_t value) {
    for (; value >= 128; value >>= 7) put(code, function, (uint8_t)(value | 128));
    put(code, function, (uint8_t)value);
}

static int operands(TemplateOp op) {
    static const uint8_t counts[] = {
#define OP(name, count) count,
#include "runtime/text/template_ops.def"
#undef OP
    };
    return counts[op];
}

void template_code_emit(Code *code, Function *function, TemplateOp op, uint64_t a, uint64_t b) {
    put(code, function, (uint8_t)op);
    if (operands(op) > 0) put_number(code, function, a);
    if (operands(op) > 1) put_number(code, function, b);
}

void template_code_jump(Code *code, Function *function, TemplateOp op, uint64_t a, Label *to) {
    put(code, function, (uint8_t)op);
    if (operands(op) > 1) put_number(code, function, a);
    Jump *jump = ARENA_NEW(code->arena, Jump);
    *jump = (Jump){.next = function->jumps, .at = function->bytes, .to = to};
    function->jumps = jump;
    for (int i = 0; i < ADDRESS; i++) put(code, function, 0);
}

Label *template_code_label(Code *code) {
    return ARENA_NEW(code->arena, Label);
}

void template_code_place(Function *function, Label *label) {
    *label = (Label){.at = function->bytes, .is_set = true};
}

/* ---- the whole ---- */

static void write_addresses(Function *function) {
    for (const Jump *jump = function->jumps; jump; jump = jump->next) {
        size_t address = function->base + jump->to->at;
        for (int i = 0; i < ADDRESS; i++, address >>= 7)
            function->code[jump->at + (size_t)i] =
                (uint8_t)((address & 127) | (i < ADDRESS - 1 ? 128 : 0));
    }
}

/* Characters of all strings, each text once. */
static uint32_t place_strings(Code *code, TemplateString *strings) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < code->string_count; i++) {
        const Bytes text = code->strings[i].text;
        const uint32_t first = *find_bucket(code, text);
        strings[i].bytes = (uint32_t)text.count;
        strings[i].at = first && first - 1 < i ? strings[first - 1].at : at;
        if (strings[i].at == at) at += (uint32_t)text.count;
    }
    return at;
}

Bytes template_code_program(Code *code, uint32_t names) {
    TemplateHeader header = {.version = TEMPLATE_VERSION,
                             .strings = code->string_count,
                             .functions = code->function_count,
                             .names = names};
    size_t bytes = 0, texts = 0;
    if (!code->buckets) make_buckets(code);
    for (uint32_t i = 0; i < code->function_count; i++) {
        code->functions[i]->base = bytes;
        bytes += code->functions[i]->bytes;
    }
    for (uint32_t i = 0; i < code->string_count; i++) texts += code->strings[i].text.count;
    if (bytes > MOST_BYTES || texts > MOST_BYTES) return (Bytes){0};
    TemplateString *strings = ARENA_ARRAY(code->arena, TemplateString, code->string_count + 1);
    header.code_bytes = (uint32_t)bytes;
    header.characters = place_strings(code, strings);
    const size_t whole = sizeof header + code->string_count * sizeof *strings +
                         code->function_count * sizeof(TemplateFunction) + bytes +
                         header.characters;
    char *program = arena_alloc(code->arena, whole, 1), *at = program;
    at = mempcpy(at, &header, sizeof header);
    at = mempcpy(at, strings, code->string_count * sizeof *strings);
    for (uint32_t i = 0; i < code->function_count; i++) {
        const Function *one = code->functions[i];
        const TemplateFunction function = {.code = (uint32_t)one->base,
                                           .name = one->name,
                                           .parameter = one->parameter,
                                           .parameters = one->parameters,
                                           .slots = one->slots};
        at = mempcpy(at, &function, sizeof function);
    }
    for (uint32_t i = 0; i < code->function_count; i++) {
        write_addresses(code->functions[i]);
        at = mempcpy(at, code->functions[i]->code, code->functions[i]->bytes);
    }
    for (uint32_t i = 0; i < code->string_count; i++)
        if (strings[i].bytes)
            memcpy(at + strings[i].at, code->strings[i].text.data, strings[i].bytes);
    return (Bytes){program, whole};
}

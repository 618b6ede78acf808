/* command_tokenize.c - `thalweg tokenize`: what tokens a text is made of, or which text tokens are.
 */
#include "frontend/command/command.h"

#include "frontend/command/prompt.h"
#include "runtime/text/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    const TwTokenizer *tokenizer; /* null: tokens are bytes */
    int64_t vocab;
    CommandInput input;
    Bytes text; /* or the numbers of tokens */
    Prompt tokens;
} Tokenize;

/* ---- what is given ---- */

static bool is_description(const char *path) {
    const size_t length = strlen(path);
    return (length > 5 && strcmp(path + length - 5, ".yaml") == 0) ||
           (length > 4 && strcmp(path + length - 4, ".yml") == 0);
}

static bool open_description(Tokenize *t, const char *path) {
    if (!thalweg_read_file(t->thalweg, path)) return false;
    const ThalwegModel model = thalweg_model(t->thalweg);
    t->vocab = model.vocab;
    if (model.has_byte_tokens) return true;
    if (!model.has_tokenizer)
        return command_fail(t->progress, "the model has no tokenizer for text");
    t->tokenizer = thalweg_tokenizer(t->thalweg);
    return t->tokenizer;
}

static bool open_tokenizer(Tokenize *t) {
    const char *path = t->arguments->operands[0];
    if (is_description(path)) return open_description(t, path);
    t->tokenizer = thalweg_read_tokenizer(t->thalweg, path);
    if (t->tokenizer) t->vocab = tw_tokenizer_vocab(t->tokenizer);
    return t->tokenizer;
}

static bool read_input(Tokenize *t) {
    enum { MOST_BYTES = 1 << 30 };
    const Arguments *a = t->arguments;
    const bool is_here = a->tokenize_text && strcmp(a->tokenize_text, "-") != 0;
    t->text = (Bytes){is_here ? a->tokenize_text : NULL, is_here ? strlen(a->tokenize_text) : 0};
    if (is_here) return true;
    if (!command_read(t->progress, a->tokenize_file ? a->tokenize_file : "-", MOST_BYTES,
                      &t->input))
        return false;
    t->text = (Bytes){t->input.bytes ? t->input.bytes : "", t->input.length};
    return true;
}

/* ---- text to tokens ---- */

/* A prompt may be empty, and the tokens of a file may be more than a model's context. */
static bool encode(Tokenize *t) {
    const unsigned flags = (t->arguments->bare ? 0 : TW_ENCODE_ADD) |
                           (t->arguments->tokenize_special ? TW_ENCODE_SPECIAL : 0);
    size_t count = 0;
    TwStatus status = tw_encode(t->tokenizer, t->text.data, t->text.count, flags, NULL, 0, &count);
    if (status != TW_OK && status != TW_NO_ROOM) return command_runs(t->progress, status);
    t->tokens.tokens = calloc(count + 1, sizeof(int32_t));
    if (!t->tokens.tokens) return command_fail(t->progress, "out of memory");
    status = tw_encode(t->tokenizer, t->text.data, t->text.count, flags, t->tokens.tokens, count,
                       &count);
    t->tokens.count = (int64_t)count;
    return command_runs(t->progress, status);
}

static bool encode_bytes(Tokenize *t) {
    t->tokens.tokens = calloc(t->text.count + 1, sizeof(int32_t));
    if (!t->tokens.tokens) return command_fail(t->progress, "out of memory");
    for (size_t i = 0; i < t->text.count; i++) t->tokens.tokens[i] = (unsigned char)t->text.data[i];
    t->tokens.count = (int64_t)t->text.count;
    return true;
}

/* The text of one token; a byte's is itself. */
static Bytes piece(const Tokenize *t, int32_t token, char *byte) {
    if (!t->tokenizer) {
        *byte = (char)token;
        return (Bytes){byte, 1};
    }
    size_t count = 0;
    const char *text = tw_tokenizer_token(t->tokenizer, token, &count);
    return (Bytes){text ? text : "", count};
}

/* Control characters, and bytes that are no UTF-8 by themselves, are \x and two digits. */
static void print_piece(Bytes text) {
    const uint8_t *at = (const uint8_t *)text.data, *const end = at + text.count;
    putchar('\'');
    while (at < end) {
        bool is_open;
        const int length = tw_utf8_next(at, (size_t)(end - at), &is_open);
        const size_t taken = (size_t)(length < 0 ? 1 : length);
        if (*at == '\n')
            fputs("\\n", stdout);
        else if (*at == '\\' || *at == '\'')
            printf("\\%c", *at);
        else if (length < 0 || *at < ' ' || *at == 0x7F)
            printf("\\x%02x", *at);
        else
            fwrite(at, 1, taken, stdout);
        at += taken;
    }
    putchar('\'');
}

/* As UTF-8, which a token need not be. */
static json_t *json_piece(Bytes text) {
    json_t *json = json_stringn(text.data, text.count);
    if (json) return json;
    json = json_array(); /* of its bytes */
    for (size_t i = 0; i < text.count; i++)
        json_array_append_new(json, json_integer((unsigned char)text.data[i]));
    return json;
}

static bool print_json(const Tokenize *t) {
    json_t *ids = json_array(), *pieces = json_array();
    char byte;
    for (int64_t i = 0; i < t->tokens.count; i++) {
        json_array_append_new(ids, json_integer(t->tokens.tokens[i]));
        json_array_append_new(pieces, json_piece(piece(t, t->tokens.tokens[i], &byte)));
    }
    json_t *root = json_pack("{s:I, s:I, s:o, s:o}", "bytes", (json_int_t)t->text.count, "count",
                             (json_int_t)t->tokens.count, "tokens", ids, "pieces", pieces);
    const bool is_written = root && json_dumpf(root, stdout, JSON_INDENT(2)) == 0;
    json_decref(root);
    putchar('\n');
    return is_written || command_fail(t->progress, "out of memory");
}

static bool print_tokens(const Tokenize *t) {
    char byte;
    if (t->arguments->tokenize_json) return print_json(t);
    for (int64_t i = 0; i < t->tokens.count; i++) {
        if (t->arguments->ids) {
            printf(i ? ",%d" : "%d", (int)t->tokens.tokens[i]);
            continue;
        }
        printf("%8d  ", (int)t->tokens.tokens[i]);
        print_piece(piece(t, t->tokens.tokens[i], &byte));
        putchar('\n');
    }
    if (t->arguments->ids)
        putchar('\n');
    else
        printf("%lld tokens, %zu bytes\n", (long long)t->tokens.count, t->text.count);
    return true;
}

/* ---- tokens to text ---- */

static bool read_numbers(Tokenize *t) {
    const PromptSource source = {.tokens = t->text,
                                 .file = t->arguments->tokenize_file,
                                 .vocab = t->vocab,
                                 .context = INT64_MAX >> 8};
    Complaint complaint;
    return prompt_read(&source, &t->tokens, &complaint) ||
           command_fail(t->progress, "%s", complaint.text);
}

static bool print_text(const Tokenize *t) {
    TwDecoder decoder = {0};
    const unsigned flags = t->arguments->tokenize_special ? TW_DECODE_SPECIAL : 0;
    const size_t room = t->tokenizer ? tw_tokenizer_longest(t->tokenizer) : 1;
    char *out = malloc(room + 1);
    if (!out) return command_fail(t->progress, "out of memory");
    for (int64_t i = 0; i < t->tokens.count; i++) {
        const int32_t token = t->tokens.tokens[i];
        if (t->tokenizer)
            fwrite(out, 1, tw_decode(t->tokenizer, &decoder, token, flags, out, room), stdout);
        else
            putchar(token & 0xFF);
    }
    if (t->tokenizer) fwrite(out, 1, tw_decode_end(t->tokenizer, &decoder, out, room), stdout);
    free(out);
    return true;
}

static bool tokenize(Tokenize *t) {
    if (!open_tokenizer(t) || !read_input(t)) return false;
    progress_end(t->progress);
    if (t->arguments->decode_tokens) return read_numbers(t) && print_text(t);
    return (t->tokenizer ? encode(t) : encode_bytes(t)) && print_tokens(t);
}

int command_tokenize(const Arguments *arguments) {
    if (arguments->tokenize_text && arguments->tokenize_file)
        return command_misused(COMMAND_tokenize, "--prompt and --file exclude each other");
    Progress progress;
    Tokenize t = {.arguments = arguments, .progress = &progress};
    t.thalweg = command_thalweg(arguments, &progress);
    if (!t.thalweg) return EXIT_FAILED;
    const bool is_done = tokenize(&t);
    free(t.tokens.tokens);
    free(t.input.bytes);
    return command_end(t.thalweg, &progress, is_done);
}

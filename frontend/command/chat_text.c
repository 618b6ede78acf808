#include "frontend/command/chat_text.h"

#include "frontend/files/source_file.h"
#include "frontend/text/template_compile.h"
#include "runtime/text/template_run.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEMPLATE = 4 << 20 };

/* ---- variables ---- */

/* VALUE is JSON, or where it is none, text. */
static bool add_variable(json_t *object, const char *option, Progress *progress) {
    const char *equals = strchr(option, '=');
    if (!equals || equals == option)
        return command_fail(progress,
                            "--chat-variable is '%.100s'; expected NAME=VALUE, as "
                            "enable_thinking=false",
                            option);
    char *name = strndup(option, (size_t)(equals - option));
    json_t *value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
    if (!value) value = json_string(equals + 1);
    const bool is_set = name && value && json_object_set(object, name, value) == 0;
    json_decref(value);
    free(name);
    return is_set ||
           command_fail(progress, "--chat-variable is '%.100s', which is no UTF-8", option);
}

static bool read_variables(ChatText *text, const OptionList *list, Progress *progress) {
    if (!list->count) return true;
    json_t *object = json_object();
    bool is_read = object || command_fail(progress, "out of memory");
    for (int i = 0; is_read && i < list->count; i++)
        is_read = add_variable(object, list->item[i], progress);
    if (is_read) text->variables = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return is_read && (text->variables || command_fail(progress, "out of memory"));
}

/* ---- the template ---- */

static Bytes special_text(const TwTokenizer *tokenizer, TwSpecial which) {
    size_t bytes = 0;
    const int32_t token = tokenizer ? tw_tokenizer_special(tokenizer, which) : -1;
    const char *text = token < 0 ? NULL : tw_tokenizer_token(tokenizer, token, &bytes);
    return (Bytes){text ? text : "", bytes};
}

static bool read_template(ChatText *text, const char *path, Progress *progress) {
    Diag diag = {.arena = text->arena};
    const TemplateConstant constants[] = {{"bos_token", special_text(text->tokenizer, TW_BOS)},
                                          {"eos_token", special_text(text->tokenizer, TW_EOS)}};
    const Source *source = source_file_read(path, MOST_TEMPLATE, text->arena, &diag);
    if (source) text->program = template_compile(source, constants, 2, text->arena, &diag);
    if (diag.first) progress_end(progress);
    diag_print(&diag, stderr);
    return text->program.data;
}

static bool has_template(const ChatText *text) {
    const TwChat empty = {.struct_bytes = sizeof empty};
    size_t count;
    return text->tokenizer &&
           tw_chat_text(text->tokenizer, &empty, NULL, 0, &count) != TW_NO_TEMPLATE;
}

bool chat_text_open(ChatText *text, const Arguments *arguments, Thalweg *thalweg,
                    Progress *progress) {
    const ThalwegModel model = thalweg_model(thalweg);
    *text = (ChatText){.arena = arena_create()};
    if (!model.has_tokenizer && !model.has_byte_tokens)
        return command_fail(progress, "the model has no tokenizer for text: it cannot chat");
    if (model.has_tokenizer && !(text->tokenizer = thalweg_tokenizer(thalweg))) return false;
    if (!read_variables(text, &arguments->chat_variable, progress)) return false;
    if (arguments->chat_template) return read_template(text, arguments->chat_template, progress);
    return has_template(text) ||
           command_fail(progress, "the model has no chat template: give one with "
                                  "--chat-template FILE, or continue a text with `thalweg run`");
}

void chat_text_close(ChatText *text) {
    arena_destroy(text->arena);
    free(text->variables);
}

/* ---- a talk ---- */

static TwStatus write_text(const ChatText *text, const TwChat *chat, char *out, size_t room,
                           size_t *bytes) {
    if (!text->program.data) return tw_chat_text(text->tokenizer, chat, out, room, bytes);
    return tw_template_run(text->program.data, text->program.count, chat, out, room, bytes);
}

char *chat_text_render(const ChatText *text, const TwMessage *messages, size_t count,
                       Progress *progress, size_t *bytes) {
    char error[512];
    const TwChat chat = {.struct_bytes = sizeof chat,
                         .messages = messages,
                         .count = count,
                         .wants_answer = 1,
                         .variables = text->variables,
                         .error = error,
                         .error_bytes = sizeof error};
    TwStatus status = TW_NO_MEMORY;
    for (size_t room = 1 << 16; room; room = status == TW_NO_ROOM ? *bytes : 0) {
        char *out = malloc(room);
        status = out ? write_text(text, &chat, out, room, bytes) : TW_NO_MEMORY;
        if (status == TW_OK) return out;
        free(out);
    }
    if (status == TW_TEMPLATE_FAILED)
        command_fail(progress, "the chat template: %s", error);
    else
        command_runs(progress, status);
    return NULL;
}

static TwStatus encode(const ChatText *text, const char *whole, size_t bytes, int32_t *tokens,
                       size_t room, size_t *count) {
    if (text->tokenizer)
        return tw_encode(text->tokenizer, whole, bytes, TW_ENCODE_SPECIAL, tokens, room, count);
    *count = bytes;
    for (size_t i = 0; i < bytes && i < room; i++) tokens[i] = (unsigned char)whole[i];
    return bytes > room ? TW_NO_ROOM : TW_OK;
}

bool chat_text_tokens(const ChatText *text, const TwMessage *messages, size_t count,
                      Progress *progress, int32_t **tokens, int64_t *token_count) {
    size_t bytes, found = 0;
    char *whole = chat_text_render(text, messages, count, progress, &bytes);
    if (!whole) return false;
    TwStatus status = encode(text, whole, bytes, NULL, 0, &found);
    *tokens = NULL;
    if (status == TW_OK || status == TW_NO_ROOM) {
        *tokens = malloc((found + 1) * sizeof **tokens);
        status = *tokens ? encode(text, whole, bytes, *tokens, found, &found) : TW_NO_MEMORY;
    }
    free(whole);
    *token_count = (int64_t)found;
    if (status == TW_OK) return true;
    free(*tokens);
    *tokens = NULL;
    return command_runs(progress, status);
}

TokenText chat_text_decoder(ChatText *text) {
    if (!text->tokenizer) return token_text_of_bytes();
    text->decoder = (TokenDecoder){.tokenizer = text->tokenizer};
    return token_text_of_tokenizer(&text->decoder);
}

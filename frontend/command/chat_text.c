#include "frontend/command/chat_text.h"

#include "frontend/files/source_file.h"
#include "frontend/text/template.h"
#include "runtime/text/template.h"

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

static bool read_template(ChatText *text, const char *path, Progress *progress) {
    Diag diag = {.arena = text->arena};
    const Source *source = source_file_read(path, MOST_TEMPLATE, text->arena, &diag);
    if (source) text->program = template_compile(source, NULL, 0, text->arena, &diag);
    if (diag.first) progress_end(progress);
    diag_print(&diag, stderr);
    return text->program.data;
}

bool chat_text_open(ChatText *text, const Arguments *arguments, const ThalwegModel *model,
                    Progress *progress) {
    *text = (ChatText){.arena = arena_create(), .vocab = model->vocab};
    if (!model->has_byte_tokens)
        return command_fail(progress, "the model has no tokenizer for text: it cannot chat");
    if (!arguments->chat_template)
        return command_fail(progress, "the model has no chat template; give one with "
                                      "--chat-template FILE, or use `thalweg run`");
    return read_variables(text, &arguments->chat_variable, progress) &&
           read_template(text, arguments->chat_template, progress);
}

void chat_text_close(ChatText *text) {
    arena_destroy(text->arena);
    free(text->variables);
}

/* ---- a talk ---- */

/* The text of the talk, malloc; null: said. */
static char *render(const ChatText *text, const TwMessage *messages, size_t count,
                    Progress *progress, size_t *bytes) {
    char error[512];
    const TwChat chat = {.struct_bytes = sizeof chat,
                         .messages = messages,
                         .count = count,
                         .wants_answer = 1,
                         .variables = text->variables,
                         .error = error,
                         .error_bytes = sizeof error};
    size_t room = 1 << 16;
    for (;;) {
        char *out = malloc(room);
        if (!out) {
            command_fail(progress, "out of memory");
            return NULL;
        }
        const TwStatus status =
            tw_template_run(text->program.data, text->program.count, &chat, out, room, bytes);
        if (status == TW_OK) return out;
        free(out);
        if (status == TW_NO_ROOM) {
            room = *bytes;
            continue;
        }
        if (status == TW_TEMPLATE_FAILED)
            command_fail(progress, "the chat template: %s", error);
        else
            command_runs(progress, status);
        return NULL;
    }
}

bool chat_text_tokens(const ChatText *text, const TwMessage *messages, size_t count,
                      Progress *progress, int32_t **tokens, int64_t *token_count) {
    size_t bytes;
    char *whole = render(text, messages, count, progress, &bytes);
    if (!whole) return false;
    *tokens = malloc((bytes + 1) * sizeof **tokens);
    for (size_t i = 0; *tokens && i < bytes; i++) (*tokens)[i] = (unsigned char)whole[i];
    *token_count = (int64_t)bytes;
    free(whole);
    return *tokens || command_fail(progress, "out of memory");
}

TokenText chat_text_decoder(ChatText *text) {
    (void)text;
    return token_text_of_bytes();
}

#include "frontend/command/stream_command.h"

#include "runtime/generation/json_text.h"

#include <stdlib.h>
#include <string.h>

const char *stream_command_misuse(const Arguments *arguments) {
    const int prompts = command_prompts(arguments);
    if (prompts > 1) return COMMAND_ONE_PROMPT;
    if (!prompts) return "one of --prompt, --file, --tokens and --tokens-file says what to run";
    if (arguments->special && (arguments->tokens || arguments->tokens_file))
        return "--special is about text, and --tokens are numbers";
    return NULL;
}

bool stream_command_open(StreamCommand *c, const Arguments *arguments) {
    *c = (StreamCommand){.arguments = arguments, .diag = {.arena = arena_create()}};
    c->thalweg = command_thalweg(arguments, &c->progress);
    if (!c->thalweg || !thalweg_read_file(c->thalweg, arguments->operands[0])) return false;
    c->model = thalweg_model(c->thalweg);
    return token_names_open(c->thalweg, &c->names) &&
           command_prompt(arguments, &c->progress, c->thalweg, c->model.context, &c->prompt);
}

bool stream_command_start(StreamCommand *c, bool has_all_logits) {
    const EngineOptions options = {.is_interpreted = c->arguments->engine == ENGINE_INTERPRETER,
                                   .has_all_logits = has_all_logits};
    if (!options.is_interpreted && (!thalweg_choose_context(c->thalweg, has_all_logits) ||
                                    !thalweg_check_memory(c->thalweg, has_all_logits)))
        return false;
    const int64_t context = thalweg_model(c->thalweg).context;
    if (c->prompt.count > context)
        return command_fail(&c->progress,
                            "the prompt has %lld tokens, and there is memory for %lld",
                            (long long)c->prompt.count, (long long)context);
    c->engine = command_engine(c->thalweg, &options, &c->progress);
    return c->engine;
}

int stream_command_end(StreamCommand *c, bool is_done) {
    progress_end(&c->progress);
    engine_destroy(c->engine);
    free(c->prompt.tokens);
    diag_print(&c->diag, stderr);
    arena_destroy(c->diag.arena);
    return c->thalweg ? command_end(c->thalweg, &c->progress, is_done) : EXIT_FAILED;
}

bool stream_command_position(StreamCommand *c, int64_t given, int64_t *out) {
    const int64_t count = c->prompt.count;
    *out = given < 0 ? count + given : given;
    if (*out >= 0 && *out < count) return true;
    diag_error(&c->diag, (Loc){0}, "--position is %lld, and the prompt has %lld tokens",
               (long long)given, (long long)count);
    return diag_hint(&c->diag, "positions are 0 to %lld, or -1 for the last to -%lld",
                     (long long)count - 1, (long long)count);
}

void stream_command_print_token(const StreamCommand *c, int32_t token) {
    const Bytes text = token_text(&c->names, token, c->diag.arena);
    printf("{\"id\": %d, \"text\": ", (int)token);
    if (text.data)
        json_text_string(text.data, text.count, stdout);
    else
        fputs("null", stdout);
    putchar('}');
}

const char *stream_command_quote(const StreamCommand *c, int32_t token) {
    Arena *arena = c->diag.arena;
    const char *label = token_label(&c->names, token, arena), *text = "'";
    if (!token_text(&c->names, token, arena).count) return label;
    for (const char *at = label; *at; at++) {
        const bool is_control = (unsigned char)*at < ' ' || *at == 0x7f;
        text = *at == '\n'  ? arena_printf(arena, "%s\\n", text)
               : is_control ? arena_printf(arena, "%s\\x%02x", text, (unsigned)*at)
                            : arena_printf(arena, "%s%c", text, *at);
    }
    return arena_printf(arena, "%s'", text);
}

const char *const *stream_command_labels(const StreamCommand *c) {
    const char **label = ARENA_ARRAY(c->diag.arena, const char *, (size_t)c->prompt.count);
    for (int64_t i = 0; i < c->prompt.count; i++)
        label[i] = token_label(&c->names, c->prompt.tokens[i], c->diag.arena);
    return label;
}

void stream_command_describe(const StreamCommand *c, Page *page) {
    enum { SHOWN = 400 };
    Arena *arena = c->diag.arena;
    const char *text = "";
    int64_t i = 0;
    for (; i < c->prompt.count && strlen(text) < SHOWN; i++) {
        const Bytes bytes = token_text(&c->names, c->prompt.tokens[i], arena);
        text = bytes.data
                   ? arena_printf(arena, "%s%.*s", text, (int)bytes.count, bytes.data)
                   : arena_printf(arena, "%s%s%d", text, i ? ", " : "", (int)c->prompt.tokens[i]);
    }
    page_words(page, arena_printf(arena, "%s, %lld tokens: \u201c%s%s\u201d", c->model.name,
                                  (long long)c->prompt.count, text,
                                  i < c->prompt.count ? " \u2026" : ""));
}

/* command_prompt.c - what a model is fed, as the options say it. */
#include "frontend/command/command.h"

#include "frontend/command/chat_text.h"

#include <stdlib.h>
#include <string.h>

static Bytes bytes_of(const char *text) {
    return (Bytes){text, text ? strlen(text) : 0};
}

/* Of the file or standard input that the options name, if any: the text, or tokens in its place. */
static bool read_source(const Arguments *arguments, Progress *progress, CommandInput *input,
                        PromptSource *source) {
    enum { MOST_BYTES = 64 << 20 };
    const bool is_input = arguments->prompt && strcmp(arguments->prompt, "-") == 0;
    const bool is_list = arguments->tokens && strcmp(arguments->tokens, "-") == 0;
    const bool is_text = is_input || arguments->prompt_file;
    const char *path = arguments->prompt_file ? arguments->prompt_file : arguments->tokens_file;
    if (is_input || is_list) path = "-";
    if (!path) return true;
    if (!command_read(progress, path, MOST_BYTES, input)) return false;
    *(is_text ? &source->text : &source->tokens) = (Bytes){input->bytes, input->length};
    source->file = strcmp(path, "-") == 0 ? "standard input" : path;
    return true;
}

/* The prompt as a message through the chat template, malloc; null: said. */
static char *make_talk(const Arguments *arguments, Progress *progress, Thalweg *thalweg,
                       PromptSource *source) {
    ChatText text;
    size_t bytes;
    char *talk = NULL;
    char *prompt = strndup(source->text.data ? source->text.data : "", source->text.count);
    const bool has_system = arguments->system_prompt;
    const TwMessage messages[] = {{"system", arguments->system_prompt}, {"user", prompt}};
    if (!prompt)
        command_fail(progress, "out of memory");
    else if (chat_text_open(&text, arguments, thalweg, progress))
        talk = chat_text_render(&text, messages + !has_system, 1 + has_system, progress, &bytes);
    if (prompt) chat_text_close(&text);
    free(prompt);
    if (!talk) return NULL;
    source->text = (Bytes){talk, bytes};
    source->is_whole = true;
    source->names_specials = source->tokenizer;
    return talk;
}

bool command_prompt(const Arguments *arguments, Progress *progress, Thalweg *thalweg,
                    int64_t context, Prompt *out) {
    const ThalwegModel model = thalweg_model(thalweg);
    PromptSource source = {.text = bytes_of(arguments->prompt),
                           .tokens = bytes_of(arguments->tokens),
                           .has_byte_tokens = model.has_byte_tokens,
                           .names_specials = arguments->special,
                           .vocab = model.vocab,
                           .context = context};
    const bool is_numbers = arguments->tokens || arguments->tokens_file;
    if (model.has_tokenizer && !is_numbers) {
        source.tokenizer = thalweg_tokenizer(thalweg);
        if (!source.tokenizer) return false;
    }
    CommandInput input = {0};
    Complaint complaint = {""};
    const bool is_there = read_source(arguments, progress, &input, &source);
    char *talk = NULL;
    if (is_there && arguments->chat && !(talk = make_talk(arguments, progress, thalweg, &source))) {
        free(input.bytes);
        return false;
    }
    const bool is_read = is_there && prompt_read(&source, out, &complaint);
    free(input.bytes);
    free(talk);
    return is_read || (is_there && command_fail(progress, "%s", complaint.text));
}

bool command_text(Progress *progress, Thalweg *thalweg, const char *path, bool is_numbers,
                  CommandTokens *out) {
    enum { MOST_BYTES = 256 << 20 };
    const ThalwegModel model = thalweg_model(thalweg);
    CommandInput input = {0};
    Complaint complaint = {""};
    Prompt read = {0};
    PromptSource source = {.file = strcmp(path, "-") == 0 ? "standard input" : path,
                           .has_byte_tokens = model.has_byte_tokens,
                           .vocab = model.vocab,
                           .context = MOST_BYTES};
    *out = (CommandTokens){.begin = -1};
    if (!command_read(progress, path, MOST_BYTES, &input)) {
        free(input.bytes);
        return false;
    }
    *(is_numbers ? &source.tokens : &source.text) = (Bytes){input.bytes, input.length};
    if (model.has_tokenizer && !is_numbers) source.tokenizer = thalweg_tokenizer(thalweg);
    const bool is_read = prompt_read(&source, &read, &complaint);
    free(input.bytes);
    if (!is_read) return command_fail(progress, "%s", complaint.text);
    *out = (CommandTokens){read.tokens, read.count, is_numbers ? 0 : (int64_t)input.length, -1};
    const int32_t bos = source.tokenizer ? tw_tokenizer_special(source.tokenizer, TW_BOS) : -1;
    if (bos >= 0 && read.tokens[0] == bos) out->begin = bos;
    return true;
}

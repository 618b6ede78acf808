/* chat_text.h - a talk as a model's tokens: its messages through the chat template, and the text
 * through the tokenizer. */
#ifndef FRONTEND_CHAT_TEXT_H
#define FRONTEND_CHAT_TEXT_H

#include "frontend/command/command.h"
#include "ir/arena.h"
#include "ir/bytes.h"
#include "runtime/generation/token_text.h"
#include "runtime/text/chat.h"

typedef struct ChatText {
    Arena *arena;
    const TwTokenizer *tokenizer; /* null: tokens are bytes */
    Bytes program;                /* of a template of the user's; without data: the tokenizer's */
    char *variables;              /* malloc: JSON; null: none */
    TokenDecoder decoder;
} ChatText;

/* What the options and the model say. False: said, or in the Thalweg's diagnostics. Close it in
 * either case. */
bool chat_text_open(ChatText *text, const Arguments *arguments, Thalweg *thalweg,
                    Progress *progress);
void chat_text_close(ChatText *text);

/* The talk up to where the model's answer begins: malloc. Null: said. */
char *chat_text_render(const ChatText *text, const TwMessage *messages, size_t count,
                       Progress *progress, size_t *bytes);

/* The same as tokens. False: said; else they are of malloc. */
bool chat_text_tokens(const ChatText *text, const TwMessage *messages, size_t count,
                      Progress *progress, int32_t **tokens, int64_t *token_count);

/* Tokens of another answer as text. It is used while the ChatText is. */
TokenText chat_text_decoder(ChatText *text);

#endif

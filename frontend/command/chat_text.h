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
    Bytes program;   /* of the template */
    char *variables; /* malloc: JSON; null: none */
    int64_t vocab;
} ChatText;

/* What the options and the model say. False: said. Close it in either case. */
bool chat_text_open(ChatText *text, const Arguments *arguments, const ThalwegModel *model,
                    Progress *progress);
void chat_text_close(ChatText *text);

/* The talk up to where the model's answer begins. False: said; else the tokens are of malloc. */
bool chat_text_tokens(const ChatText *text, const TwMessage *messages, size_t count,
                      Progress *progress, int32_t **tokens, int64_t *token_count);

/* Tokens as text. It is used while the ChatText is. */
TokenText chat_text_decoder(ChatText *text);

#endif

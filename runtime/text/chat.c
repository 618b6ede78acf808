/* chat.c - a talk through the chat template that a tokenizer's tables have. */
#include "runtime/text/chat.h"

#include "runtime/text/added.h"
#include "runtime/text/template_run.h"

TwStatus tw_chat_text(const TwTokenizer *tokenizer, const TwChat *chat, char *out, size_t room,
                      size_t *count) {
    if (!tokenizer || !chat || !count || chat->struct_bytes < sizeof *chat) return TW_BAD_ARGUMENT;
    *count = 0;
    const TextTables *tables = &tokenizer->tables;
    if (!tables->chat_count) return TW_NO_TEMPLATE;
    return tw_template_run(tables->chat, tables->chat_count, chat, out, room, count);
}

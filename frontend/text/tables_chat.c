/* tables_chat.c - the chat template of a tokenizer as a program. */
#include "frontend/text/tables_parts.h"
#include "frontend/text/template_compile.h"

/* The text of a token, as templates name it. */
static Bytes token_text(const TextDefinition *definition, int32_t token) {
    for (int i = 0; i < definition->added_count; i++)
        if (definition->added[i].token == token)
            return (Bytes){definition->added[i].text.bytes, definition->added[i].text.count};
    const TextString text = definition->model.token[token].text;
    return (Bytes){text.bytes, text.count};
}

void tables_chat(const TextDefinition *definition, TablesFile *file, Arena *arena, Diag *diag) {
    static const char *const names[TW_SPECIAL_COUNT] = {
        [TW_BOS] = "bos_token",       [TW_EOS] = "eos_token",   [TW_UNKNOWN] = "unk_token",
        [TW_PAD] = "pad_token",       [TW_CLASS] = "cls_token", [TW_MASK] = "mask_token",
        [TW_SEPARATOR] = "sep_token",
    };
    TemplateConstant constants[TW_SPECIAL_COUNT];
    int count = 0;
    const TextString text = definition->chat_template;
    if (!text.count) return;
    for (int i = 0; i < TW_SPECIAL_COUNT; i++) {
        const int32_t token = definition->special[i];
        if (token < 0 || token >= definition->model.token_count) continue;
        constants[count++] = (TemplateConstant){names[i], token_text(definition, token)};
    }
    const Source source = {"the chat template", text.bytes, text.count};
    Diag own = {.arena = arena};
    const Bytes program = template_compile(&source, constants, count, arena, &own);
    if (program.data) {
        tables_file_add(file, TEXT_SECTION_chat, program.data, program.count);
        return;
    }
    const LineColumn place = diag_line_column(own.first->loc);
    diag_warning(diag, definition->loc, "the chat template cannot be used: line %d, column %d: %s",
                 place.line, place.column, own.first->message);
}

/* tables_make.c - a definition -> tables: what can be known of a tokenizer before a text is there.
 */
#include "frontend/text/tables_make.h"

#include "frontend/text/tables_parts.h"
#include "runtime/text/utf8.h"

#include <string.h>

/* ---- texts ---- */

static bool is_utf8(TextString text) {
    return tw_utf8_valid((const uint8_t *)text.bytes, text.count) == text.count;
}

/* What readers of binary files took from them, for all that goes through characters later. */
static bool check_texts(const TextDefinition *definition, Diag *diag) {
    for (int32_t i = 0; i < definition->model.token_count; i++)
        if (!is_utf8(definition->model.token[i].text))
            return diag_error(diag, definition->loc, "the text of token %d is not UTF-8", i);
    for (int i = 0; i < definition->added_count; i++)
        if (!is_utf8(definition->added[i].text))
            return diag_error(diag, definition->loc, "the text of added token %d is not UTF-8",
                              definition->added[i].token);
    for (int i = 0; i < definition->normal_count; i++) {
        const TextNormal *normal = &definition->normal[i];
        if (!is_utf8(normal->text) ||
            (normal->kind != TEXT_NORMAL_charsmap && !is_utf8(normal->from)))
            return diag_error(diag, definition->loc, "%s: its text is not UTF-8", normal->where);
    }
    for (int i = 0; i < definition->split_count; i++)
        if (!is_utf8(definition->split[i].text) || !is_utf8(definition->split[i].expression))
            return diag_error(diag, definition->loc, "%s: its text is not UTF-8",
                              definition->split[i].where);
    return true;
}

/* ---- sections of the whole ---- */

static void add_flags(const TextDefinition *definition, TablesFile *file, Arena *arena) {
    const int32_t count = definition->model.token_count;
    uint8_t *flags = ARENA_ARRAY(arena, uint8_t, (size_t)count + 1);
    for (int32_t i = 0; i < count; i++)
        if (definition->model.token[i].text.bytes) flags[i] = TEXT_TOKEN_EXISTS;
    for (int i = 0; i < definition->added_count; i++) {
        flags[definition->added[i].token] |= TEXT_TOKEN_ADDED;
        if (definition->added[i].is_special)
            flags[definition->added[i].token] |= TEXT_TOKEN_SPECIAL;
    }
    tables_file_add(file, TEXT_SECTION_token_flags, flags, (size_t)count);
}

static void add_tokens(TablesFile *file, TextSectionKind kind, const int32_t *token, int count) {
    tables_file_add(file, kind, token, (size_t)count * sizeof *token);
}

static bool add_model(const TextDefinition *definition, TablesFile *file, TextHead *head,
                      Arena *arena, Diag *diag) {
    switch (definition->model.kind) {
    case TEXT_MODEL_bpe: return tables_bpe(definition, file, head, arena, diag);
    case TEXT_MODEL_unigram: return tables_unigram(definition, file, head, arena, diag);
    case TEXT_MODEL_wordpiece: return tables_wordpiece(definition, file, head, arena, diag);
    case TEXT_MODEL_COUNT: break;
    }
    return false;
}

static bool out_of_memory(const TextDefinition *definition, Diag *diag) {
    return diag_error(diag, definition->loc,
                      "the tokenizer's tables do not fit memory, or have too many sections");
}

/* ---- all of them ---- */

/* The head is the first section, and is filled in by those that come later. */
static bool add_sections(const TextDefinition *definition, TablesFile *file, TextHead *head,
                         Arena *arena, Diag *diag) {
    tables_file_add(file, TEXT_SECTION_head, head, sizeof *head);
    if (!tables_steps(definition, file, diag) ||
        !tables_decode(definition, file, head, arena, diag) ||
        !add_model(definition, file, head, arena, diag))
        return false;
    add_flags(definition, file, arena);
    add_tokens(file, TEXT_SECTION_before, definition->before, definition->before_count);
    add_tokens(file, TEXT_SECTION_after, definition->after, definition->after_count);
    add_tokens(file, TEXT_SECTION_stops, definition->stop, definition->stop_count);
    tables_chat(definition, file, arena, diag);
    if (file->data.count >= sizeof *head) memcpy(file->data.bytes, head, sizeof *head);
    return true;
}

/* Texts of added tokens are normalised by the tables that are there already. */
static bool add_added(const TextDefinition *definition, TablesFile *file, TextBuffer *out,
                      Arena *arena, Diag *diag) {
    TextTables tables;
    if (!tables_file_write(file, definition->source_id, out))
        return out_of_memory(definition, diag);
    if (tw_text_tables_open(out->bytes, out->count, &tables) != TW_OK)
        return diag_error(diag, definition->loc, "the tokenizer cannot become tables");
    return tables_added(definition, file, &tables, arena) &&
           (tables_file_write(file, definition->source_id, out) || out_of_memory(definition, diag));
}

bool tables_make(const TextDefinition *definition, TextBuffer *out, Diag *diag) {
    if (!check_texts(definition, diag)) return false;
    TextHead head = {.model = (uint32_t)definition->model.kind,
                     .vocab = (uint32_t)definition->model.token_count,
                     .unknown = definition->model.unknown,
                     .word_characters = (uint32_t)definition->model.max_word_characters};
    for (int i = 0; i < 8; i++)
        head.special[i] = i < TW_SPECIAL_COUNT ? definition->special[i] : -1;
    Arena *arena = arena_create();
    TablesFile *file = ARENA_NEW(arena, TablesFile);
    const bool done = add_sections(definition, file, &head, arena, diag) &&
                      add_added(definition, file, out, arena, diag);
    tw_text_buffer_free(&file->data);
    arena_destroy(arena);
    return done;
}

/* tables_steps.c - normalisers and pre-tokenizers as sections. */
#include "frontend/text/tables_parts.h"

#include "frontend/text/normal_compile.h"
#include "frontend/text/pattern_compile.h"
#include "runtime/text/encoder.h"
#include "runtime/text/utf8.h"

#include <string.h>

/* ---- texts of steps ---- */

static uint32_t add_text(TextBuffer *texts, TextString text, uint32_t *bytes) {
    const uint32_t offset = (uint32_t)texts->count;
    if (text.count) tw_text_buffer_add(texts, text.bytes, text.count);
    *bytes = (uint32_t)text.count;
    return offset;
}

/* ---- normalisers ---- */

/* A text may be cut between letters unless two such are replaced. */
static bool has_letters(TextString text) {
    bool follows = false;
    for (size_t i = 0; i < text.count;) {
        const uint8_t *at = (const uint8_t *)text.bytes + i;
        const bool is_letter = tw_text_is_apart(tw_utf8_character(at));
        if (follows && is_letter) return true;
        follows = is_letter;
        i += tw_utf8_bytes(*at);
    }
    return false;
}

/* Expressions of white space and signs alone, as " {2,}" or "\s+", match no letters. */
static bool may_match_letters(TextString expression) {
    for (size_t i = 0; i < expression.count; i++) {
        const char c = expression.bytes[i];
        if (c == '\\' && i + 1 < expression.count && strchr("snrt", expression.bytes[i + 1])) {
            i++;
            continue;
        }
        if (c == '{') { /* how often */
            while (i + 1 < expression.count && expression.bytes[i] != '}') i++;
            continue;
        }
        if (!strchr(" +*?\n\r\t_-[]|()", c) || c == 0) return true;
    }
    return memchr(expression.bytes, '^', expression.count) != NULL;
}

static bool can_cut(const TextNormal *normal) {
    if (normal->kind == TEXT_NORMAL_replace) return !has_letters(normal->from);
    if (normal->kind == TEXT_NORMAL_replace_pattern) return !may_match_letters(normal->from);
    return true;
}

static bool add_normal(const TextDefinition *definition, const TextNormal *normal, TablesFile *file,
                       TextBuffer *texts, TextBuffer *steps, Diag *diag) {
    TextStep step = {.kind = (uint32_t)normal->kind, .flags = can_cut(normal) ? TEXT_STEP_CUTS : 0};
    TextBuffer section = {0};
    TextSectionKind kind = TEXT_SECTION_form;
    const bool done = normal_compile(normal, definition->loc, &section, &kind, diag);
    if (done && section.count)
        step.section = tables_file_add(file, kind, section.bytes, section.count);
    tw_text_buffer_free(&section);
    if (normal->kind == TEXT_NORMAL_replace)
        step.from = add_text(texts, normal->from, &step.from_bytes);
    step.text = add_text(texts, normal->text, &step.text_bytes);
    tw_text_buffer_add(steps, &step, sizeof step);
    return done;
}

/* ---- splits ---- */

static bool add_split(const TextDefinition *definition, const TextSplit *split, TablesFile *file,
                      TextBuffer *texts, TextBuffer *steps, Diag *diag) {
    TextStep step = {.kind = (uint32_t)split->kind, .behaviour = (uint32_t)split->behaviour};
    if (split->is_inverted) step.flags |= TEXT_STEP_INVERT;
    if (split->is_first) step.flags |= TEXT_STEP_FIRST;
    if (split->is_never) step.flags |= TEXT_STEP_NEVER;
    step.text = add_text(texts, split->text, &step.text_bytes);
    TextBuffer section = {0};
    bool done = true;
    if (split->kind == TEXT_SPLIT_pattern) {
        done = pattern_compile(split->expression, split->where, definition->loc, &section, diag);
        if (done)
            step.section =
                tables_file_add(file, TEXT_SECTION_pattern, section.bytes, section.count);
    }
    tw_text_buffer_free(&section);
    tw_text_buffer_add(steps, &step, sizeof step);
    return done;
}

bool tables_steps(const TextDefinition *definition, TablesFile *file, Diag *diag) {
    TextBuffer texts = {0}, normals = {0}, splits = {0};
    bool done = true;
    for (int i = 0; done && i < definition->normal_count; i++)
        done = add_normal(definition, &definition->normal[i], file, &texts, &normals, diag);
    for (int i = 0; done && i < definition->split_count; i++)
        done = add_split(definition, &definition->split[i], file, &texts, &splits, diag);
    file->is_full |= texts.failed || normals.failed || splits.failed;
    tables_file_add(file, TEXT_SECTION_normals, normals.bytes, normals.count);
    tables_file_add(file, TEXT_SECTION_splits, splits.bytes, splits.count);
    tables_file_add(file, TEXT_SECTION_step_bytes, texts.bytes, texts.count);
    tw_text_buffer_free(&texts);
    tw_text_buffer_free(&normals);
    tw_text_buffer_free(&splits);
    return done;
}

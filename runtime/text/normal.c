/* normal.c - see normal.h. */
#include "runtime/text/normal.h"
#include "runtime/text/charsmap.h"
#include "runtime/text/form.h"
#include "runtime/text/pattern.h"
#include "runtime/text/utf8.h"

#include <string.h>

/* The first place of `what`, which is not empty, from `at` on; `bytes`: there is none. */
static size_t find(const uint8_t *text, size_t bytes, size_t at, const uint8_t *what,
                   size_t what_bytes) {
    while (bytes - at >= what_bytes) {
        const uint8_t *const first = memchr(text + at, what[0], bytes - at - what_bytes + 1);
        if (!first) break;
        at = (size_t)(first - text);
        if (!memcmp(first, what, what_bytes)) return at;
        at++;
    }
    return bytes;
}

static void replace(const TextTables *tables, const TextStep *step, const uint8_t *text,
                    size_t bytes, TextBuffer *out) {
    const uint8_t *const from = tables->step_bytes + step->from;
    for (size_t at = 0; at < bytes;) {
        const size_t found =
            step->from_bytes ? find(text, bytes, at, from, step->from_bytes) : bytes;
        tw_text_buffer_add(out, text + at, found - at);
        if (found == bytes) return;
        tw_text_buffer_add(out, tables->step_bytes + step->text, step->text_bytes);
        at = found + step->from_bytes;
    }
}

static void replace_pattern(const TextTables *tables, const TextStep *step, const uint8_t *text,
                            size_t bytes, TextBuffer *out) {
    uint64_t section_bytes;
    const uint8_t *const section = tw_text_section(tables, step->section, &section_bytes);
    TextMemo memo;
    memo.is_used = false;
    size_t at = 0, start, end;
    while (at < bytes && tw_text_pattern_find(section, text, bytes, at, true, &memo, &start,
                                              &end) == TEXT_FOUND) {
        tw_text_buffer_add(out, text + at, start - at);
        tw_text_buffer_add(out, tables->step_bytes + step->text, step->text_bytes);
        at = end;
    }
    tw_text_buffer_add(out, text + at, bytes - at);
}

/* How many bytes at the begin are white space. */
static size_t leading_space(const uint8_t *text, size_t bytes) {
    size_t at = 0;
    while (at < bytes) {
        const size_t count = tw_utf8_bytes(text[at]);
        if (count > bytes - at || !tw_utf8_is_space(tw_utf8_character(text + at))) break;
        at += count;
    }
    return at;
}

/* How many bytes are left without the white space at the end. */
static size_t trailing_space(const uint8_t *text, size_t bytes) {
    while (bytes) {
        size_t at = bytes - 1;
        while (at && bytes - at < 4 && (text[at] & 0xC0) == 0x80) at--;
        if (tw_utf8_bytes(text[at]) != bytes - at) break;
        if (!tw_utf8_is_space(tw_utf8_character(text + at))) break;
        bytes = at;
    }
    return bytes;
}

void tw_text_normal(const TextTables *tables, const TextStep *step, const uint8_t *text,
                    size_t bytes, unsigned where, TextBuffer *out) {
    const uint8_t *const added = tables->step_bytes + step->text;
    uint64_t section_bytes;
    switch ((TextNormalKind)step->kind) {
    case TEXT_NORMAL_nfc:
    case TEXT_NORMAL_nfd:
    case TEXT_NORMAL_nfkc:
    case TEXT_NORMAL_nfkd:
    case TEXT_NORMAL_lowercase:
    case TEXT_NORMAL_strip_accents:
    case TEXT_NORMAL_strip_combining:
    case TEXT_NORMAL_bert_clean:
    case TEXT_NORMAL_bert_chinese:
    case TEXT_NORMAL_nmt:
        tw_text_form(tw_text_section(tables, step->section, &section_bytes), text, bytes, out);
        return;
    case TEXT_NORMAL_replace: replace(tables, step, text, bytes, out); return;
    case TEXT_NORMAL_replace_pattern: replace_pattern(tables, step, text, bytes, out); return;
    case TEXT_NORMAL_prepend:
        if (bytes && where & TEXT_BEGINS) tw_text_buffer_add(out, added, step->text_bytes);
        break;
    case TEXT_NORMAL_append:
        tw_text_buffer_add(out, text, bytes);
        if (bytes && where & TEXT_ENDS) tw_text_buffer_add(out, added, step->text_bytes);
        return;
    case TEXT_NORMAL_strip_left:
        if (where & TEXT_BEGINS) {
            const size_t space = leading_space(text, bytes);
            text += space;
            bytes -= space;
        }
        break;
    case TEXT_NORMAL_strip_right:
        if (where & TEXT_ENDS) bytes = trailing_space(text, bytes);
        break;
    case TEXT_NORMAL_charsmap:
        tw_charsmap(tw_text_section(tables, step->section, &section_bytes), text, bytes, out);
        return;
    case TEXT_NORMAL_spaces:
        tw_text_spaces(text, bytes, where & TEXT_BEGINS, where & TEXT_ENDS, out);
        return;
    case TEXT_NORMAL_COUNT: break;
    }
    tw_text_buffer_add(out, text, bytes);
}

bool tw_text_normal_check(const TextTables *tables, const TextStep *step) {
    uint64_t bytes;
    const uint8_t *const section = tw_text_section(tables, step->section, &bytes);
    switch ((TextNormalKind)step->kind) {
    case TEXT_NORMAL_nfc:
    case TEXT_NORMAL_nfd:
    case TEXT_NORMAL_nfkc:
    case TEXT_NORMAL_nfkd:
    case TEXT_NORMAL_lowercase:
    case TEXT_NORMAL_strip_accents:
    case TEXT_NORMAL_strip_combining:
    case TEXT_NORMAL_bert_clean:
    case TEXT_NORMAL_bert_chinese:
    case TEXT_NORMAL_nmt: return tw_text_form_check(section, bytes);
    case TEXT_NORMAL_replace_pattern: return tw_text_pattern_check(section, bytes);
    case TEXT_NORMAL_replace:
    case TEXT_NORMAL_prepend:
    case TEXT_NORMAL_append:
    case TEXT_NORMAL_strip_left:
    case TEXT_NORMAL_strip_right:
    case TEXT_NORMAL_spaces: return true;
    case TEXT_NORMAL_charsmap: return tw_charsmap_check(section, bytes);
    case TEXT_NORMAL_COUNT: break;
    }
    return false;
}

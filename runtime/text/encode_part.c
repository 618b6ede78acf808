/* encode_part.c - a part of a text between added tokens: normalised, searched for those that are
 * found in normalised text, and cut into pieces.
 *
 * Where nothing changes the text, pieces are cut from it as it lies. Else it goes chunk by chunk
 * through the normalisers into a window that pieces are cut from, so that memory does not grow with
 * the text. Chunks end where both neighbours are letters that no normaliser joins.
 */
#include "runtime/text/encoder.h"
#include "runtime/text/normal.h"
#include "runtime/text/utf8.h"

enum { CHUNK = 1 << 15 /* bytes */ };

/* What is between two added tokens of normalised text: bytes come in, and leave as pieces. */
typedef struct {
    Encoder *encoder;
    uint32_t leading; /* splits that rewrite, before the first that cuts */
    bool begins;      /* nothing has come in */
    bool is_first;    /* and all that came is the begin of the text */
} Between;

static bool ran_out(Encoder *encoder, const TextBuffer *buffer) {
    if (buffer->failed) encoder->status = TW_NO_MEMORY;
    return encoder->status != TW_OK;
}

/* ---- into the window ---- */

static void add_rewritten(Between *between, const uint8_t *text, size_t bytes) {
    Encoder *encoder = between->encoder;
    const TextStep *step = encoder->tables->splits;
    for (uint32_t i = 0; i < between->leading; i++) {
        TextBuffer *out = i + 1 == between->leading ? &encoder->window : &encoder->rewritten[i];
        const size_t before = out == &encoder->window ? out->count : 0;
        out->count = before;
        tw_text_rewrite(encoder->tables, &step[i], text, bytes, between->begins, between->is_first,
                        out);
        if (ran_out(encoder, out)) return;
        text = out->bytes + before;
        bytes = out->count - before;
    }
    if (between->leading == 0) tw_text_buffer_add(&encoder->window, text, bytes);
}

/* The least of `wanted` bytes and all, and no end within a character. */
static size_t whole_characters(const uint8_t *text, size_t bytes, size_t wanted) {
    if (wanted >= bytes) return bytes;
    while (wanted > 0 && (text[wanted] & 0xC0) == 0x80) wanted--;
    return wanted;
}

/* As much again as the window holds, so that a piece longer than it is not looked at too often. */
static void window_feed(Between *between, const uint8_t *text, size_t bytes, bool ends) {
    Encoder *encoder = between->encoder;
    TextBuffer *window = &encoder->window;
    if (between->leading == 0 && window->count == 0 && ends) {
        tw_text_split(encoder, 0, text, bytes, between->is_first, true);
        return;
    }
    do {
        const size_t most = window->count > CHUNK ? window->count : CHUNK;
        const size_t part = whole_characters(text, bytes, most);
        add_rewritten(between, text, part);
        if (part) between->begins = false;
        if (ran_out(encoder, window)) return;
        text += part;
        bytes -= part;
        const size_t done = tw_text_split(encoder, between->leading, window->bytes, window->count,
                                          between->is_first, bytes == 0 && ends);
        if (done) between->is_first = false;
        tw_text_buffer_drop(window, done);
    } while (bytes > 0 && encoder->status == TW_OK);
}

static void between_start(Between *between, bool is_first) {
    between->begins = true;
    between->is_first = is_first;
}

/* ---- added tokens of normalised text ---- */

/* Searches text[0 .. bytes); returns how much of it is done. */
static size_t search(Between *between, const uint8_t *text, size_t bytes, bool is_end) {
    Encoder *encoder = between->encoder;
    const TextAddedTrie *trie = &encoder->tokenizer->normal;
    TextSearch found = {0};
    size_t done = 0, safe = bytes;
    while (trie->longest > 0 && encoder->status == TW_OK &&
           tw_text_find_added(encoder->tables, trie, text, bytes,
                              encoder->flags & TW_ENCODE_SPECIAL, is_end, &found, &safe)) {
        window_feed(between, text + done, found.start - done, true);
        tw_text_sink_add(&encoder->sink, found.token);
        between_start(between, false);
        done = found.end;
    }
    if (safe < done) safe = done;
    window_feed(between, text + done, safe - done, is_end);
    return safe;
}

/* ---- chunks ---- */

/* Letters with which Unicode composes nothing that stands before them, and which no grapheme holds
 * but as its first. */
bool tw_text_is_apart(uint32_t character) {
    static const uint32_t range[][2] = {
        {'0', '9'},       {'A', 'Z'},       {'a', 'z'},       {0x391, 0x3A1},
        {0x3A3, 0x3C9},   {0x410, 0x44F},   {0x5D0, 0x5EA},   {0x621, 0x63A},
        {0x641, 0x64A},   {0x904, 0x939},   {0xE01, 0xE30},   {0x3041, 0x3096},
        {0x30A1, 0x30FA}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3},
    };
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (character >= range[i][0] && character <= range[i][1]) return true;
    return false;
}

/* The character at or before `at`; where it begins. 0xFFFD: what is none. */
static uint32_t character_at(const uint8_t *text, size_t bytes, size_t *at) {
    while (*at > 0 && (text[*at] & 0xC0) == 0x80) --*at;
    bool is_open;
    return tw_utf8_next(text + *at, bytes - *at, &is_open) > 0 ? tw_utf8_character(text + *at)
                                                               : 0xFFFD;
}

static bool is_cut(const uint8_t *text, size_t bytes, size_t at) {
    size_t here = at, before = at - 1;
    return (text[at] & 0xC0) != 0x80 && tw_text_is_apart(character_at(text, bytes, &here)) &&
           tw_text_is_apart(character_at(text, at, &before));
}

static size_t chunk_end(const uint8_t *text, size_t bytes) {
    if (bytes <= CHUNK) return bytes;
    for (size_t at = CHUNK; at > 0; at--)
        if (is_cut(text, bytes, at)) return at;
    for (size_t at = CHUNK + 1; at < bytes; at++)
        if (is_cut(text, bytes, at)) return at;
    return bytes;
}

static bool can_cut(const TextTables *tables) {
    for (uint32_t i = 0; i < tables->normals_count; i++)
        if (!(tables->normals[i].flags & TEXT_STEP_CUTS)) return false;
    return true;
}

/* U+FFFD for each longest piece that begins a character, or that nothing begins with. */
static void add_lossy(const uint8_t *text, size_t bytes, TextBuffer *out) {
    bool is_open;
    while (bytes > 0) {
        const size_t valid = tw_utf8_valid(text, bytes);
        tw_text_buffer_add(out, text, valid);
        text += valid;
        bytes -= valid;
        if (bytes == 0) return;
        const size_t broken = (size_t)-tw_utf8_next(text, bytes, &is_open);
        tw_text_buffer_add(out, "\xEF\xBF\xBD", 3);
        text += broken;
        bytes -= broken;
    }
}

/* Adds what the normalisers make of a text to `out`; two more buffers are for what is between. */
static void apply_steps(const TextTables *tables, const uint8_t *text, size_t bytes, unsigned where,
                        TextBuffer *between, TextBuffer *out) {
    for (uint32_t i = 0; i < tables->normals_count; i++) {
        const bool is_last = i + 1 == tables->normals_count;
        TextBuffer *to = is_last ? out : &between[i % 2];
        if (!is_last) to->count = 0;
        tw_text_normal(tables, &tables->normals[i], text, bytes, where, to);
        if (to->failed) {
            out->failed = true;
            return;
        }
        text = to->bytes;
        bytes = to->count;
    }
    if (tables->normals_count == 0) tw_text_buffer_add(out, text, bytes);
}

void tw_text_normalise(const TextTables *tables, const uint8_t *text, size_t bytes,
                       TextBuffer *out) {
    TextBuffer between[2] = {0};
    apply_steps(tables, text, bytes, TEXT_BEGINS | TEXT_ENDS, between, out);
    tw_text_buffer_free(&between[0]);
    tw_text_buffer_free(&between[1]);
}

static void normalise(Encoder *encoder, const uint8_t *text, size_t bytes, unsigned where) {
    if (!encoder->is_valid) {
        encoder->lossy.count = 0;
        add_lossy(text, bytes, &encoder->lossy);
        if (ran_out(encoder, &encoder->lossy)) return;
        text = encoder->lossy.bytes;
        bytes = encoder->lossy.count;
    }
    apply_steps(encoder->tables, text, bytes, where, encoder->between, &encoder->normal);
    ran_out(encoder, &encoder->normal);
}

static void encode_normalised(Between *between, const uint8_t *text, size_t bytes) {
    Encoder *encoder = between->encoder;
    TextBuffer *normal = &encoder->normal;
    const bool cuts = can_cut(encoder->tables);
    normal->count = 0;
    if (!tw_text_buffer_more(normal, bytes < CHUNK ? bytes + 1 : CHUNK)) {
        encoder->status = TW_NO_MEMORY;
        return;
    }
    unsigned where = TEXT_BEGINS;
    while (bytes > 0 && encoder->status == TW_OK) {
        const size_t chunk = cuts ? chunk_end(text, bytes) : bytes;
        if (chunk == bytes) where |= TEXT_ENDS;
        normalise(encoder, text, chunk, where);
        if (encoder->status != TW_OK) return;
        tw_text_buffer_drop(normal, search(between, normal->bytes, normal->count, chunk == bytes));
        text += chunk;
        bytes -= chunk;
        where = 0;
    }
}

void tw_text_encode_part(Encoder *encoder, const uint8_t *text, size_t bytes, bool is_first) {
    const TextTables *tables = encoder->tables;
    Between between = {.encoder = encoder};
    while (between.leading < tables->splits_count &&
           tw_text_rewrites(&tables->splits[between.leading]))
        between.leading++;
    between_start(&between, is_first);
    encoder->window.count = 0;
    if (encoder->is_valid && tables->normals_count == 0)
        search(&between, text, bytes, true);
    else
        encode_normalised(&between, text, bytes);
}

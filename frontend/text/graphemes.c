/* graphemes.c - the rules of UAX 29 for extended grapheme clusters, as an automaton.
 *
 * Without GB9c: conjuncts of Indic scripts have at least nine bytes, and clusters matter up to
 * TEXT_CLUSTER_BYTES. */
#include "frontend/text/graphemes.h"

#include "runtime/text/charsmap.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

typedef enum {           /* what a cluster's characters so far leave open */
               OPEN,     /* anything that extends it */
               CR,       /* a line feed */
               CLOSED,   /* nothing */
               PREPEND,  /* anything but controls */
               L,        /* L, V, LV, LVT */
               V,        /* V, T */
               T,        /* T */
               REGIONAL, /* another regional indicator */
               PICTOGRAPH,
               PICTOGRAPH_ZWJ /* another pictograph */
} State;

/* Marks of Unicode 16, which may be newer than utf8proc. Hugging Face's library has them. */
static bool is_newer_mark(int32_t code) {
    static const int32_t range[][2] = {
        {0x897, 0x897},     {0x10D69, 0x10D6D}, {0x10EFC, 0x10EFC}, {0x113B8, 0x113C0},
        {0x113C2, 0x113C2}, {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D0},
        {0x113D2, 0x113D2}, {0x113E1, 0x113E2}, {0x11F5A, 0x11F5A}, {0x1611E, 0x1612F},
        {0x1E5EE, 0x1E5EF},
    };
    for (size_t i = 0; i < sizeof range / sizeof *range; i++)
        if (code >= range[i][0] && code <= range[i][1]) return true;
    return false;
}

static GraphemeClass class_of(int32_t code) {
    if (is_newer_mark(code)) return GRAPHEME_extend;
    switch (utf8proc_get_property(code)->boundclass) {
    case UTF8PROC_BOUNDCLASS_CR: return GRAPHEME_cr;
    case UTF8PROC_BOUNDCLASS_LF: return GRAPHEME_lf;
    case UTF8PROC_BOUNDCLASS_CONTROL: return GRAPHEME_control;
    case UTF8PROC_BOUNDCLASS_EXTEND: return GRAPHEME_extend;
    case UTF8PROC_BOUNDCLASS_ZWJ: return GRAPHEME_zwj;
    case UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR: return GRAPHEME_regional;
    case UTF8PROC_BOUNDCLASS_PREPEND: return GRAPHEME_prepend;
    case UTF8PROC_BOUNDCLASS_SPACINGMARK: return GRAPHEME_spacing;
    case UTF8PROC_BOUNDCLASS_L: return GRAPHEME_l;
    case UTF8PROC_BOUNDCLASS_V: return GRAPHEME_v;
    case UTF8PROC_BOUNDCLASS_T: return GRAPHEME_t;
    case UTF8PROC_BOUNDCLASS_LV: return GRAPHEME_lv;
    case UTF8PROC_BOUNDCLASS_LVT: return GRAPHEME_lvt;
    case UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC: return GRAPHEME_pictograph;
    default: return GRAPHEME_other;
    }
}

static State begin_with(GraphemeClass class) {
    switch (class) {
    case GRAPHEME_cr: return CR;
    case GRAPHEME_lf:
    case GRAPHEME_control: return CLOSED;
    case GRAPHEME_prepend: return PREPEND;
    case GRAPHEME_l: return L;
    case GRAPHEME_v:
    case GRAPHEME_lv: return V;
    case GRAPHEME_t:
    case GRAPHEME_lvt: return T;
    case GRAPHEME_regional: return REGIONAL;
    case GRAPHEME_pictograph: return PICTOGRAPH;
    default: return OPEN;
    }
}

/* Whether a character does not begin a cluster behind others: GB3 to GB13. */
static bool joins(State state, GraphemeClass class) {
    if (state == CR) return class == GRAPHEME_lf;
    if (state == CLOSED || class == GRAPHEME_cr || class == GRAPHEME_lf ||
        class == GRAPHEME_control)
        return false;
    if (class == GRAPHEME_extend || class == GRAPHEME_zwj || class == GRAPHEME_spacing) return true;
    switch (state) {
    case PREPEND: return true;
    case L:
        return class == GRAPHEME_l || class == GRAPHEME_v || class == GRAPHEME_lv ||
               class == GRAPHEME_lvt;
    case V: return class == GRAPHEME_v || class == GRAPHEME_t;
    case T: return class == GRAPHEME_t;
    case REGIONAL: return class == GRAPHEME_regional;
    case PICTOGRAPH_ZWJ: return class == GRAPHEME_pictograph;
    default: return false;
    }
}

static uint8_t transition(State state, GraphemeClass class) {
    if (!joins(state, class)) return (uint8_t)(begin_with(class) | TEXT_CLUSTER_BREAK);
    if (state == PICTOGRAPH && class == GRAPHEME_extend) return PICTOGRAPH;
    if (state == PICTOGRAPH && class == GRAPHEME_zwj) return PICTOGRAPH_ZWJ;
    if (state == REGIONAL && class == GRAPHEME_regional) return OPEN;
    return (uint8_t)begin_with(class);
}

/* ---- tables ---- */

typedef struct {
    uint8_t index[TEXT_CLASS_BLOCKS];
    uint8_t block[256][TEXT_CLASS_BLOCK];
    uint32_t blocks;
} Classes;

_Static_assert(PICTOGRAPH_ZWJ + 1 == GRAPHEME_STATE_COUNT, "all states have transitions");

static void find_classes(Classes *classes) {
    classes->blocks = 0;
    for (int i = 0; i < TEXT_CLASS_BLOCKS; i++) {
        uint8_t block[TEXT_CLASS_BLOCK];
        uint32_t same = 0;
        for (int k = 0; k < TEXT_CLASS_BLOCK; k++)
            block[k] = (uint8_t)class_of(i * TEXT_CLASS_BLOCK + k);
        while (same < classes->blocks && memcmp(classes->block[same], block, sizeof block) != 0)
            same++;
        if (same == classes->blocks) {
            assert(same < 256);
            memcpy(classes->block[classes->blocks++], block, sizeof block);
        }
        classes->index[i] = (uint8_t)same;
    }
}

uint32_t grapheme_tables(TextBuffer *out) {
    Classes classes;
    find_classes(&classes);
    for (int state = 0; state < GRAPHEME_STATE_COUNT; state++)
        for (int class = 0; class < GRAPHEME_CLASS_COUNT; class ++) {
            const uint8_t next = transition((State)state, (GraphemeClass) class);
            tw_text_buffer_add(out, &next, 1);
        }
    tw_text_buffer_add(out, classes.index, sizeof classes.index);
    tw_text_buffer_add(out, classes.block, classes.blocks * (size_t)TEXT_CLASS_BLOCK);
    return classes.blocks;
}

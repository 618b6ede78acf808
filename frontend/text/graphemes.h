/* graphemes.h - where grapheme clusters begin, as tables for runtime/text/charsmap.h. */
#ifndef FRONTEND_GRAPHEMES_H
#define FRONTEND_GRAPHEMES_H

#include "runtime/text/text_buffer.h"

typedef enum GraphemeClass { /* of code points: Grapheme_Cluster_Break, and Extended_Pictographic */
                             GRAPHEME_other,
                             GRAPHEME_cr,
                             GRAPHEME_lf,
                             GRAPHEME_control,
                             GRAPHEME_extend,
                             GRAPHEME_zwj,
                             GRAPHEME_regional,
                             GRAPHEME_prepend,
                             GRAPHEME_spacing,
                             GRAPHEME_l,
                             GRAPHEME_v,
                             GRAPHEME_t,
                             GRAPHEME_lv,
                             GRAPHEME_lvt,
                             GRAPHEME_pictograph,
                             GRAPHEME_CLASS_COUNT
} GraphemeClass;

enum { GRAPHEME_STATE_COUNT = 10 };

/* Adds transitions, the index of blocks of classes, and the blocks. Returns how many these are. */
uint32_t grapheme_tables(TextBuffer *out);

#endif

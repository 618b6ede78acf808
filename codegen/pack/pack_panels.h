/* pack_panels.h - rows of a matrix brought into panels, in a format. */
#ifndef CODEGEN_PACK_PANELS_H
#define CODEGEN_PACK_PANELS_H

#include "codegen/pack/layout.h"

/* Makes `words`, layout_panel_words() of them, a panel whose values are all zero. */
void pack_panel_begin(WeightFormat format, int64_t depth, int64_t panel, float *words);

/* Rounds rows[count][depth], an output each, to the format and puts them into a lane each, from
 * `first_lane` on; first_lane + count <= panel. False: a value is no finite number in it. */
bool pack_panel_rows(WeightFormat format, const double *rows, int64_t count, int64_t depth,
                     int64_t panel, int64_t first_lane, float *words);

/* The same with rows that are in the format, as Weights.kept() gives them. */
bool pack_panel_kept(WeightFormat format, const void *rows, int64_t count, int64_t depth,
                     int64_t panel, int64_t first_lane, float *words);

/* Of such rows, count of them, leaves the columns of these ranges, without gaps between rows. Of
 * blocks all of them are whole ones. */
void pack_select_kept(WeightFormat format, const Reals *columns, int64_t count, int64_t depth,
                      void *rows);

#endif

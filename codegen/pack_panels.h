/* pack_panels.h - rows of a matrix brought into panels, in a format. */
#ifndef CODEGEN_PACK_PANELS_H
#define CODEGEN_PACK_PANELS_H

#include "codegen/layout.h"

/* Makes `words`, layout_panel_words() of them, a panel whose values are all zero. */
void pack_panel_begin(WeightFormat format, int64_t depth, int64_t panel, float *words);

/* Rounds one output's row[depth] to the format and puts it into lane 0 <= lane < panel. */
void pack_panel_row(WeightFormat format, const double *row, int64_t depth, int64_t panel,
                    int64_t lane, float *words);

#endif

/* pack_table.h - rows of a table that is looked up, in a format, as layout.h has them. */
#ifndef CODEGEN_PACK_TABLE_H
#define CODEGEN_PACK_TABLE_H

#include "codegen/pack/layout.h"

/* Rounds rows[count][columns] to the format, into `words`, layout_row_words() of them for each row.
 * False: a value is no finite number in it. */
bool pack_table_rows(WeightFormat format, const double *rows, int64_t count, int64_t columns,
                     int64_t panel, float *words);

/* The same with rows that are in the format, as Weights.kept() gives them. */
bool pack_table_kept(WeightFormat format, const void *rows, int64_t count, int64_t columns,
                     int64_t panel, float *words);

#endif

/* pack_odd.h - which value of the weights is no finite number, or becomes none in its format. */
#ifndef CODEGEN_PACK_ODD_H
#define CODEGEN_PACK_ODD_H

#include "codegen/pack/layout.h"
#include "codegen/pack/pack_values.h"

/* Reports the first such value of rows first .. first + count - 1 of a constant: where it stands
 * in a param below it, or what has come of finite ones. In a table that is looked up it is a
 * warning. `row` has room for one of the constant and of any matrix below. False: there is none. */
bool pack_odd_report(const PackValues *values, const PackedTensor *tensor, int64_t first,
                     int64_t count, PackScratch *scratch, double *row, Diag *diag);

#endif

/* stored_values.h - values of stored tensors as floats, or in a format of ours as they are stored.
 */
#ifndef FRONTEND_STORED_VALUES_H
#define FRONTEND_STORED_VALUES_H

#include "frontend/weights/tensor_set.h"

/* Values first .. first + count - 1 of a tensor of a type that is read, wherever its rows end. Safe
 * for threads. False: the file has been cut off. */
bool stored_values_read(const StoredTensor *tensor, int64_t first, int64_t count, float *out);

/* Our format whose values are those of the type bit for bit: of BF16, F16, Q8_0 and Q4_0. f32 of
 * all others. */
WeightFormat stored_type_format(StoredType type);

/* Whether that is the format, and not f32. */
bool stored_type_keeps(StoredType type, WeightFormat format);

/* The same values in a format that the type keeps: bf16 and f16 as halves, others as blocks, at
 * whose bounds they begin and end. */
bool stored_values_keep(const StoredTensor *tensor, int64_t first, int64_t count, void *out);

#endif

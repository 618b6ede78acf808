/* tuning_shipped.h - tuning_shipped.yaml, what `thalweg tune` found on common processors, as text:
 * the build makes it a part of the library. */
#ifndef FRONTEND_TUNING_SHIPPED_H
#define FRONTEND_TUNING_SHIPPED_H

#include <stddef.h>

extern const char tuning_shipped[]; /* ends with a zero */
extern const size_t tuning_shipped_length;

#endif

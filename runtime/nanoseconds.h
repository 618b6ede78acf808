/* nanoseconds.h - the monotonic clock. */
#ifndef RUNTIME_NANOSECONDS_H
#define RUNTIME_NANOSECONDS_H

#include <stdint.h>

int64_t tw_nanoseconds(void);

#endif

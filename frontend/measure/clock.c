#include "frontend/measure/clock.h"

#include "runtime/nanoseconds.h"

double clock_seconds(void) {
    return 1e-9 * (double)tw_nanoseconds();
}

/* cpu.h - what the processor at hand can do. */
#ifndef RUNTIME_CPU_H
#define RUNTIME_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Whether it has all that the bits ask for (rows of cpu_features.def for this architecture), and
 * the system keeps the registers that go with it. A bit without a row is missing. */
bool tw_cpu_has(uint64_t needs);

#endif

/* machine.h - a machine that passes are tested on, whatever the tests run on: one with AVX-512. */
#ifndef TESTS_MACHINE_H
#define TESTS_MACHINE_H

#include "ir/machine.h"

static const Machine machine = {.vector_floats = 16,
                                .vector_registers = 32,
                                .vector_parts = 1,
                                .l1_bytes = 48 << 10,
                                .l2_bytes = 2 << 20,
                                .has_halves = true,
                                .has_byte_dot = true};

#endif

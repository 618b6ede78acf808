/* machine.h - what passes need to know of the target. Filled by codegen/target/target.c. */
#ifndef IR_MACHINE_H
#define IR_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t vector_floats;    /* floats in a vector: 16 AVX-512, 8 AVX2, 4 NEON, SSE, RVV */
    int64_t vector_registers; /* 32, 16, or 8 of four scalars each */
    int64_t vector_parts;     /* registers that a vector takes: 1, more in one of several targets */
    int64_t l1_bytes, l2_bytes; /* data caches of one core */
    bool has_halves;            /* widens binary16 by an instruction */
    bool has_byte_dot;          /* adds products of four bytes each to i32 lanes */
    bool has_pair_dot;          /* adds products of two bf16 each to f32 lanes, faster than f32 */
} Machine;

/* Columns of a packed panel: every matrix is packed in panels of this many outputs, and rows in the
 * arena are padded to a multiple of it, so that no kernel stores a partial vector. */
static inline int64_t machine_panel(const Machine *machine) {
    return 2 * machine->vector_floats;
}

#endif

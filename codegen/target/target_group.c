/* target_group.c - several processors that one object is for.
 *
 * Their code reads the same packed weights, whose layout follows the vectors. So all take the
 * longest of them, and LLVM makes each of these of several shorter ones where a processor has no
 * others. Tiles of many rows take these parts one after the other (emit_tile.c).
 */
#include "codegen/target/target.h"

static int count_bits(uint64_t bits) {
    int count = 0;
    for (; bits; bits &= bits - 1) count++;
    return count;
}

/* Longer vectors do more; of the same length, who needs more can do more. */
static bool is_better(const Target *a, const Target *b) {
    if (a->machine.vector_floats != b->machine.vector_floats)
        return a->machine.vector_floats > b->machine.vector_floats;
    return count_bits(a->names.has) > count_bits(b->names.has);
}

static void sort(Target **target, int count) {
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && is_better(target[j], target[j - 1]); j--) {
            Target *swap = target[j];
            target[j] = target[j - 1];
            target[j - 1] = swap;
        }
}

void target_group(Target **target, int count) {
    int64_t floats = 0;
    sort(target, count);
    for (int i = 0; i < count; i++)
        if (target[i]->machine.vector_floats > floats) floats = target[i]->machine.vector_floats;
    for (int i = 0; i < count; i++) {
        Machine *machine = &target[i]->machine;
        machine->vector_parts = floats / machine->vector_floats;
        machine->vector_floats = floats;
        /* Instructions for products are of one width alone. */
        machine->has_byte_dot &= machine->vector_parts == 1;
        machine->has_pair_dot &= machine->vector_parts == 1;
    }
}

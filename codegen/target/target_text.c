/* target_text.c - a target in words, for users who want to know what their code will use. */
#include "codegen/target/target.h"

#include <inttypes.h>

/* How products are made of weights of each kind; null: rows are kept in f32, and so is the
 * product. */
typedef struct {
    const char *floats, *bytes, *pairs;
} Products;

static Products products_x86(const Target *target) {
    const Machine *machine = &target->machine;
    const int64_t floats = machine->vector_floats / machine->vector_parts;
    const bool has_fma = target_has(target->names.has, FEATURE_fma);
    Products products = {has_fma ? "vfmadd231ps xmm" : "mulps and addps xmm", NULL, NULL};
    if (floats == 16)
        products = (Products){"vfmadd231ps zmm", "vpdpbusd zmm", "vdpbf16ps zmm"};
    else if (floats == 8)
        products =
            (Products){has_fma ? "vfmadd231ps ymm" : "vmulps and vaddps ymm", "vpdpbusd ymm", NULL};
    if (!machine->has_byte_dot) products.bytes = NULL;
    if (!machine->has_pair_dot) products.pairs = NULL;
    return products;
}

static Products products_of(const Target *target) {
    switch (target->names.architecture) {
    case ARCHITECTURE_x86_64: return products_x86(target);
    case ARCHITECTURE_aarch64:
        return (Products){"fmla v.4s", target->machine.has_byte_dot ? "sdot v.4s" : NULL, NULL};
    case ARCHITECTURE_riscv64:
        return (Products){target_has(target->names.has, FEATURE_v) ? "vfmacc" : "fmadd.s (scalar)",
                          NULL, NULL};
    case ARCHITECTURE_COUNT: break;
    }
    return (Products){0};
}

static void print_product(const char *label, const char *instruction, FILE *out) {
    fprintf(out, "%-11s %s\n", label, instruction ? instruction : "none: rows are kept in f32");
}

void target_print(const Target *target, FILE *out) {
    const Machine *machine = &target->machine;
    const Products products = products_of(target);
    Arena *scratch = arena_create();
    if (target->is_native) fprintf(out, "target      this machine\n");
    fprintf(out, "triple      %s\n", target->names.triple);
    fprintf(out, "processor   %s\n", target->cpu);
    fprintf(out, "features    %s\n", target_features_text(target->names.has, scratch));
    fprintf(out, "runs here   %s\n", target->is_host ? "yes" : "no");
    fprintf(out, "vectors     %" PRId64 " floats, %" PRId64 " registers",
            machine->vector_floats / machine->vector_parts, machine->vector_registers);
    if (machine->vector_parts > 1)
        fprintf(out, "; %" PRId64 " taken as one, for all to read the same weights",
                machine->vector_parts);
    fputc('\n', out);
    fprintf(out, "panels      %" PRId64 " outputs\n", machine_panel(machine));
    print_product("f32", products.floats, out);
    print_product("bytes", products.bytes, out);
    print_product("bf16", products.pairs, out);
    fprintf(out, "halves      %s\n",
            machine->has_halves ? "widened by an instruction" : "widened by arithmetic");
    fprintf(out, "code        LLVM's code generation at O3, of loops that come tiled\n");
    arena_destroy(scratch);
}

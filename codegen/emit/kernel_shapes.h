/* kernel_shapes.h - numbers kernels so that those share a number that can share a function. */
#ifndef CODEGEN_KERNEL_SHAPES_H
#define CODEGEN_KERNEL_SHAPES_H

#include "codegen/emit/kernel.h"

typedef struct {
    Arena *arena;
    const Kernel **kernel; /* the first of each shape */
    int count, capacity;   /* a power of two */
    int *slot;             /* 2 * capacity: numbers by hash, open addressing; -1: free */
} KernelShapes;

KernelShapes kernel_shapes(Arena *arena);

/* The number of a kernel's shape: `count` as it was, where no kernel before had the same. */
int kernel_shapes_add(KernelShapes *shapes, const Kernel *kernel);

/* Whether one function can serve both, given each its own slots. */
bool kernel_is_same(const Kernel *a, const Kernel *b);

#endif

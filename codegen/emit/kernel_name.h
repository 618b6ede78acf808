/* kernel_name.h - what kernels are called, by the params that their weights are made of.
 *
 *   "read_qkv.768x2304.q8", "project_o.768x768.f32", "attend.4x2x32", "embed.768"
 */
#ifndef CODEGEN_KERNEL_NAME_H
#define CODEGEN_KERNEL_NAME_H

#include "codegen/emit/kernel.h"

enum { KERNEL_MOST_PARAMS = IR_MAX_INPUTS };

/* The names of the params that a matrix is made of, in order: what the passes do to them goes
 * without saying. Returns how many. */
int kernel_params(const Graph *graph, Ref matrix, const char *name[KERNEL_MOST_PARAMS]);

/* "3.attention.q.weight" in "blocks.3.attention.q.weight"; null: it is of no layer. */
const char *kernel_param_layer(const char *param);

/* "attention.q" of "blocks.3.attention.q.weight". */
const char *kernel_param_words(const char *param, Arena *arena);

/* The kernel's work and its shape, short, for a symbol. Equal layers have equal names; so may
 * kernels that differ in what is fused into them or in their schedules. */
const char *kernel_name(const Kernel *kernel, Arena *arena);

/* A text of which all but letters and digits are '_': for symbols. */
const char *kernel_plain_name(const char *text, Arena *arena);

#endif

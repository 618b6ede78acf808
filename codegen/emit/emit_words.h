/* emit_words.h - words: vectors of i32 that hold several values each, as packed weights and rounded
 * rows do. All but the bytes and bf16 below are stored by emit_store(). */
#ifndef CODEGEN_EMIT_WORDS_H
#define CODEGEN_EMIT_WORDS_H

#include "codegen/emit/emit.h"

Value emit_load_words(Emit *e, Value base, Value index);
Value emit_splat_word(Emit *e, Value base, Value index);                  /* in all lanes */
Value emit_word_bits(Emit *e, Value words, int64_t shift, uint32_t mask); /* >> shift & mask */
Value emit_word_shift_left(Emit *e, Value words, int64_t shift);
Value emit_words_as_floats(Emit *e, Value words);  /* the same bits */
Value emit_floats_as_words(Emit *e, Value floats); /* the same bits */
Value emit_word_of(Emit *e, Value scalar);         /* an f32 that is a whole number, as i32 */
void emit_store_bytes(Emit *e, Value words, Value base, Value index); /* the low byte of each */
Value emit_load_bytes(Emit *e, Value base, Value index);              /* a byte in each */

/* ---- halves, two of which take the place of a float ---- */

/* bf16 of floats, to nearest and ties to even, stored one after the other; base + index floats. */
void emit_store_bf16(Emit *e, Value floats, Value base, Value index);
Value emit_load_bf16(Emit *e, Value base, Value index);
/* A vector of binary16 from one place to another. */
void emit_store_halves(Emit *e, Value from, Value to, Value index);
Value emit_load_halves(Emit *e, Value base, Value index); /* binary16 at base + index floats */
Value emit_splat_half(Emit *e, Value base, Value index);  /* binary16 at base + index halves */

/* ---- products, on machines that have them ---- */

/* With a machine that has_pair_dot: sum + the products of 2 bf16 in each lane. */
Value emit_pair_dot(Emit *e, Value sum, Value a, Value b);
/* With a machine that has_byte_dot: lane by lane, sum + the products of 4 bytes each of u - 128 and
 * s, u without sign and s with one. The sum starts with emit_byte_sum() of -128 * the sum of all s.
 */
Value emit_byte_sum(Emit *e, Value base, Value index);
Value emit_byte_dot(Emit *e, Value sum, Value u, Value s);

#endif

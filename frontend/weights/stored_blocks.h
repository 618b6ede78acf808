/* stored_blocks.h - what blocks of stored types hold: the decoders of stored_types.def. */
#ifndef FRONTEND_STORED_BLOCKS_H
#define FRONTEND_STORED_BLOCKS_H

#include "frontend/weights/stored_types.h"

StoredDecoder decode_f32, decode_f16, decode_bf16;
StoredDecoder decode_q4_0, decode_q4_1, decode_q5_0, decode_q5_1, decode_q8_0, decode_iq4_nl,
    decode_mxfp4;
StoredDecoder decode_q2_k, decode_q3_k, decode_q4_k, decode_q5_k, decode_q6_k, decode_iq4_xs;

/* ggml's table of IQ4_NL and IQ4_XS. */
extern const int8_t stored_iq4_values[16];

#endif

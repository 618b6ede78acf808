/* bias_text.h - TOKEN=BIAS, as --logit-bias has it. */
#ifndef GENERATION_BIAS_TEXT_H
#define GENERATION_BIAS_TEXT_H

#include "runtime/runtime.h"

/* False: it is not that, with 0 <= token < vocab and a number or an infinity, in the C locale. */
bool bias_text_read(const char *text, int64_t vocab, TwLogitBias *out);

#endif

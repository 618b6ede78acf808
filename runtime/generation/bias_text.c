#include "runtime/generation/bias_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool bias_text_read(const char *text, int64_t vocab, TwLogitBias *out) {
    static const char digits[] = "0123456789";
    enum { MOST_DIGITS = 10 };
    const size_t length = strspn(text, digits);
    const char *bias = text + length + 1;
    if (!length || length > MOST_DIGITS || text[length] != '=') return false;
    if (!*bias || !strchr("+-.0123456789i", *bias)) return false; /* "inf", and no blanks */
    const long long token = strtoll(text, NULL, 10);
    char *end;
    const float value = strtof(bias, &end);
    if (*end || isnan(value) || token >= vocab) return false;
    *out = (TwLogitBias){(int32_t)token, value};
    return true;
}

/* cosines.c - see cosines.h. */
#include "frontend/command/cosines.h"

#include "runtime/generation/json_text.h"
#include "runtime/text/utf8.h"

#include <math.h>

enum { TEXT_CHARACTERS = 40 };

static double dot(const Cosines *cosines, int64_t a, int64_t b) {
    const float *x = cosines->rows + a * cosines->columns,
                *y = cosines->rows + b * cosines->columns;
    double sum = 0;
    for (int64_t i = 0; i < cosines->columns; i++) sum += (double)x[i] * y[i];
    return sum;
}

/* Squares of floats neither overflow nor vanish in double precision. NaN: there is none. */
static double cosine(const Cosines *cosines, int64_t a, int64_t b) {
    const double lengths = sqrt(dot(cosines, a, a)) * sqrt(dot(cosines, b, b));
    return lengths > 0 && isfinite(lengths) ? dot(cosines, a, b) / lengths : NAN;
}

/* A space for each control character, and for each byte that is no UTF-8. */
static void print_begin(Bytes text, FILE *out) {
    const uint8_t *at = (const uint8_t *)text.data, *const end = at + text.count;
    for (int count = 0; at < end; count++) {
        bool is_open;
        const int length = tw_utf8_next(at, (size_t)(end - at), &is_open);
        const size_t taken = (size_t)(length < 0 ? 1 : length);
        if (count == TEXT_CHARACTERS) {
            fputs("...", out);
            return;
        }
        if (length < 0 || *at < ' ' || *at == 0x7F)
            fputc(' ', out);
        else
            fwrite(at, 1, taken, out);
        at += taken;
    }
}

void cosines_print(const Cosines *cosines, FILE *out) {
    fputs("    ", out);
    for (int64_t i = 0; i < cosines->lines; i++) fprintf(out, "%8lld", (long long)i + 1);
    fputc('\n', out);
    for (int64_t i = 0; i < cosines->lines; i++) {
        fprintf(out, "%4lld", (long long)i + 1);
        for (int64_t k = 0; k < cosines->lines; k++) {
            const double value = cosine(cosines, i, k);
            if (isnan(value))
                fprintf(out, "%8s", "-");
            else
                fprintf(out, "%8.4f", value);
        }
        fputs("  ", out);
        print_begin(cosines->texts[i], out);
        fputc('\n', out);
    }
}

void cosines_print_json(const Cosines *cosines, FILE *out) {
    fprintf(out, "{\n  \"lines\": %lld,\n  \"columns\": %lld,\n  \"cosines\": [",
            (long long)cosines->lines, (long long)cosines->columns);
    for (int64_t i = 0; i < cosines->lines; i++) {
        fputs(i ? ",\n    [" : "\n    [", out);
        for (int64_t k = 0; k < cosines->lines; k++) {
            if (k) fputs(", ", out);
            json_text_number(cosine(cosines, i, k), out);
        }
        fputc(']', out);
    }
    fputs("\n  ]\n}\n", out);
}

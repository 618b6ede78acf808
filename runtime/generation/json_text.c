#include "runtime/generation/json_text.h"

#include <math.h>
#include <string.h>

/* Bytes of the character that begins here. Of what is none: negative, how many bytes are one
 * U+FFFD, which is what a character could have begun with (Unicode, table 3-7). */
static int character_bytes(const unsigned char *at, size_t left) {
    const unsigned char first = at[0];
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return -1;
    const int length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    for (int i = 1; i < length; i++) {
        if ((size_t)i == left || at[i] < least || at[i] > most) return -i;
        least = 0x80;
        most = 0xbf;
    }
    return length;
}

static void write_byte(char byte, FILE *out) {
    static const char marks[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *mark = byte ? strchr(marks, byte) : NULL;
    if (mark)
        fprintf(out, "\\%c", letters[mark - marks]);
    else if ((unsigned char)byte < 0x20 || byte == 0x7f)
        fprintf(out, "\\u%04x", (unsigned)(unsigned char)byte);
    else
        fputc(byte, out);
}

void json_text_string(const char *text, size_t length, FILE *out) {
    fputc('"', out);
    for (size_t i = 0; i < length;) {
        const int bytes = character_bytes((const unsigned char *)text + i, length - i);
        if (bytes == 1)
            write_byte(text[i], out);
        else if (bytes > 0)
            fwrite(text + i, 1, (size_t)bytes, out);
        else
            fputs("\xef\xbf\xbd", out);
        i += (size_t)(bytes < 0 ? -bytes : bytes);
    }
    fputc('"', out);
}

void json_text_number(double number, FILE *out) {
    if (isfinite(number))
        fprintf(out, "%.9g", number);
    else
        fputs("null", out);
}

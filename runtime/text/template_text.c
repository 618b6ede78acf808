/* template_text.c - text as characters. Bytes that are no UTF-8 are characters of their own. */
#include "runtime/text/template_run.h"

#include <string.h>

size_t tw_template_step(const char *at, const char *end) {
    const unsigned char first = (unsigned char)*at;
    const size_t bytes = first < 0xc2 || first > 0xf4 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (bytes > (size_t)(end - at)) return 1;
    for (size_t i = 1; i < bytes; i++)
        if ((at[i] & 0xc0) != 0x80) return 1;
    return bytes;
}

uint32_t tw_template_code(const char *at, size_t bytes) {
    const unsigned char first = (unsigned char)*at;
    if (bytes == 1) return first;
    uint32_t code = first & (0x7fU >> bytes);
    for (size_t i = 1; i < bytes; i++) code = code << 6 | (at[i] & 0x3f);
    return code;
}

int64_t tw_template_length(Value string) {
    int64_t length = 0;
    for (const char *at = string.text, *end = at + string.bytes; at < end; length++)
        at += tw_template_step(at, end);
    return length;
}

/* White space as Python's strings have it. */
bool tw_template_is_space(uint32_t code) {
    return (code >= 9 && code <= 13) || (code >= 28 && code <= 32) || code == 0x85 ||
           code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

const char *tw_template_search(Template *run, Value text, Value part) {
    tw_template_charge(run, text.bytes / 16);
    return memmem(text.text, text.bytes, part.text, part.bytes);
}

void tw_template_put_code(Template *run, uint32_t code) {
    char text[4];
    size_t bytes = 0;
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = 0xfffd;
    if (code < 0x80) {
        text[bytes++] = (char)code;
    } else {
        const unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        text[bytes++] = (char)((0xf0U << (3 - more)) | code >> 6 * more);
        for (unsigned i = more; i-- > 0;) text[bytes++] = (char)(0x80 | (code >> 6 * i & 0x3f));
    }
    tw_template_put(run, text, bytes);
}

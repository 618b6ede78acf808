/* text_buffer.c - see text_buffer.h. */
#include "runtime/text/text_buffer.h"

#include <stdlib.h>
#include <string.h>

uint8_t *tw_text_buffer_more(TextBuffer *buffer, size_t bytes) {
    if (buffer->failed) return NULL;
    if (!buffer->bytes || bytes > buffer->room - buffer->count) {
        const size_t least = buffer->count + bytes, twice = 2 * buffer->room;
        const size_t room = least < 256 ? 256 : least < twice ? twice : least;
        uint8_t *grown = least < bytes ? NULL : realloc(buffer->bytes, room);
        if (!grown) {
            buffer->failed = true;
            return NULL;
        }
        buffer->bytes = grown;
        buffer->room = room;
    }
    return buffer->bytes + buffer->count;
}

void tw_text_buffer_add(TextBuffer *buffer, const void *bytes, size_t count) {
    uint8_t *end = tw_text_buffer_more(buffer, count);
    if (!end) return;
    if (count) memcpy(end, bytes, count);
    buffer->count += count;
}

void tw_text_buffer_drop(TextBuffer *buffer, size_t count) {
    if (!count) return;
    buffer->count -= count;
    memmove(buffer->bytes, buffer->bytes + count, buffer->count);
}

void tw_text_buffer_free(TextBuffer *buffer) {
    free(buffer->bytes);
    *buffer = (TextBuffer){0};
}

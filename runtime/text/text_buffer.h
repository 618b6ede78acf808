/* text_buffer.h - bytes that grow: what normal forms write, and pieces are cut from. */
#ifndef RUNTIME_TEXT_BUFFER_H
#define RUNTIME_TEXT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* {0} is empty. `failed` stays set once memory ran out: what is added afterwards is lost, so that a
 * writer need not look before its end. */
typedef struct TextBuffer {
    uint8_t *bytes;
    size_t count, room;
    bool failed;
} TextBuffer;

/* Room for so many more bytes at the end, to be counted by who fills it. Null: no memory. */
uint8_t *tw_text_buffer_more(TextBuffer *buffer, size_t bytes);
void tw_text_buffer_add(TextBuffer *buffer, const void *bytes, size_t count);
void tw_text_buffer_drop(TextBuffer *buffer, size_t count); /* the first bytes */
void tw_text_buffer_free(TextBuffer *buffer);

#endif

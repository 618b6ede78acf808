/* stop_text.h - texts that end a text: what may be the beginning of one is held back until it
 * cannot be any more. */
#ifndef GENERATION_STOP_TEXT_H
#define GENERATION_STOP_TEXT_H

#include <stddef.h>

typedef void TextWriter(void *context, const char *bytes, size_t count);

typedef struct StopTexts StopTexts;

/* Of `count` texts, none of them empty, which outlive it; 0: nothing is ever held back. Null: out
 * of memory. */
StopTexts *stop_texts_create(const char *const *texts, int count);
void stop_texts_destroy(StopTexts *stops);

/* Writes what is before a stop text, or cannot be the beginning of one. Returns the stop text that
 * is complete with these bytes, of several that are the longest, after which nothing follows; null:
 * none is. */
const char *stop_texts_feed(StopTexts *stops, const char *bytes, size_t count, TextWriter *write,
                            void *context);

/* Writes what is held back: nothing follows. Another text may begin. */
void stop_texts_flush(StopTexts *stops, TextWriter *write, void *context);

#endif

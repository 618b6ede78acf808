/* stop_text.c - each stop text is searched for by its failure function (Knuth, Morris and Pratt,
 * "Fast pattern matching in strings", 1977): `matched` bytes of it are the end of what came so far.
 * The longest of these is what has to be held back. So each byte takes a step for each stop text.
 */
#include "runtime/generation/stop_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *text;
    size_t length, matched;
    size_t
        *border; /* [length]: of its first i + 1 bytes, the longest end that is a beginning, too */
} Stop;

struct StopTexts {
    int count;
    size_t held_count;
    char *held; /* what may be the beginning of a stop text, and room for a byte more */
    Stop stop[];
};

/* How much of the stop matches with one more byte behind `matched` of it, which is not all. */
static size_t advance(const Stop *stop, size_t matched, char byte) {
    while (matched && stop->text[matched] != byte) matched = stop->border[matched - 1];
    return matched + (stop->text[matched] == byte);
}

static bool prepare(Stop *stop, const char *text) {
    stop->text = text;
    stop->length = strlen(text);
    stop->border = calloc(stop->length, sizeof *stop->border);
    if (!stop->border) return false;
    for (size_t i = 1; i < stop->length; i++)
        stop->border[i] = advance(stop, stop->border[i - 1], text[i]);
    return true;
}

StopTexts *stop_texts_create(const char *const *texts, int count) {
    size_t longest = 0;
    StopTexts *stops = calloc(1, sizeof *stops + (size_t)count * sizeof *stops->stop);
    if (!stops) return NULL;
    stops->count = count;
    bool is_made = true;
    for (int i = 0; i < count && is_made; i++) {
        is_made = prepare(&stops->stop[i], texts[i]);
        if (stops->stop[i].length > longest) longest = stops->stop[i].length;
    }
    if (is_made) stops->held = malloc(longest + 1);
    if (stops->held) return stops;
    stop_texts_destroy(stops);
    return NULL;
}

void stop_texts_destroy(StopTexts *stops) {
    if (!stops) return;
    for (int i = 0; i < stops->count; i++) free(stops->stop[i].border);
    free(stops->held);
    free(stops);
}

/* One more byte: the longest stop text that ends with it, or null; *kept: of what is held, so many
 * bytes at the end may be a stop text, or are it. */
static const Stop *advance_all(StopTexts *stops, char byte, size_t *kept) {
    const Stop *complete = NULL;
    *kept = 0;
    for (int i = 0; i < stops->count; i++) {
        Stop *stop = &stops->stop[i];
        stop->matched = advance(stop, stop->matched, byte);
        if (stop->matched > *kept) *kept = stop->matched;
        if (stop->matched == stop->length && (!complete || stop->length > complete->length))
            complete = stop;
    }
    if (complete) *kept = complete->length;
    return complete;
}

static void forget(StopTexts *stops) {
    stops->held_count = 0;
    for (int i = 0; i < stops->count; i++) stops->stop[i].matched = 0;
}

const char *stop_texts_feed(StopTexts *stops, const char *bytes, size_t count, TextWriter *write,
                            void *context) {
    for (size_t i = 0; i < count; i++) {
        size_t kept;
        const Stop *complete = advance_all(stops, bytes[i], &kept);
        stops->held[stops->held_count++] = bytes[i];
        const size_t free_bytes = stops->held_count - kept;
        if (free_bytes) write(context, stops->held, free_bytes);
        memmove(stops->held, stops->held + free_bytes, kept);
        stops->held_count = kept;
        if (!complete) continue;
        forget(stops);
        return complete->text;
    }
    return NULL;
}

void stop_texts_flush(StopTexts *stops, TextWriter *write, void *context) {
    if (stops->held_count) write(context, stops->held, stops->held_count);
    forget(stops);
}

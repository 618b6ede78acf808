#include "runtime/generation/generation.h"

#include <stdlib.h>

void generation_begin(Generation *generation, const GenerationOptions *options) {
    *generation = (Generation){.options = options};
}

static bool end(Generation *generation, GenerationEnd why) {
    generation->end = why;
    return false;
}

static bool make_room(Generation *generation, size_t room) {
    char *piece = room > generation->room ? realloc(generation->piece, room) : generation->piece;
    if (room > generation->room && !piece) return end(generation, GENERATION_NO_MEMORY);
    if (room > generation->room) generation->room = room;
    generation->piece = piece;
    return true;
}

/* The text that `token` adds, or what waits behind the last one; false: the text has ended. */
static bool write_text(Generation *generation, const int32_t *token) {
    const GenerationOptions *options = generation->options;
    const TokenText *text = &options->text;
    size_t count = 64; /* more than most tokens have */
    do {
        if (!make_room(generation, count)) return false;
        count = token ? text->decode(text->context, *token, generation->piece, generation->room)
                      : text->decode_end(text->context, generation->piece, generation->room);
    } while (count > generation->room);
    generation->stop =
        stop_texts_feed(options->stops, generation->piece, count, options->write, options->context);
    return !generation->stop || end(generation, GENERATION_BY_STOP);
}

bool generation_next(Generation *generation, const float *logits) {
    const GenerationOptions *options = generation->options;
    const TokenText *text = &options->text;
    if (generation->count >= options->most) return end(generation, GENERATION_BY_COUNT);
    const int32_t token = tw_sampler_draw(options->sampler, logits);
    if (token < 0) return end(generation, GENERATION_NO_NUMBERS);
    generation->token = token;
    generation->count++;
    tw_sampler_accept(options->sampler, &token, 1);
    if (options->transcript && !transcript_add_token(options->transcript, token, logits))
        return end(generation, GENERATION_NO_MEMORY);
    const bool is_end = text->ends && text->ends(text->context, token);
    if (is_end && !options->ignores_ends) return end(generation, GENERATION_BY_TOKEN);
    if (!write_text(generation, &token)) return false;
    return generation->count < options->most || end(generation, GENERATION_BY_COUNT);
}

void generation_end(Generation *generation) {
    const GenerationOptions *options = generation->options;
    if (options->text.decode_end && generation->end != GENERATION_BY_STOP)
        write_text(generation, NULL);
    stop_texts_flush(options->stops, options->write, options->context);
    free(generation->piece);
    generation->piece = NULL;
}

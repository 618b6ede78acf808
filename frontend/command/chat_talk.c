#include "frontend/command/chat_talk.h"

#include "frontend/command/interrupt.h"
#include "frontend/measure/clock.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool talk_begin(Talk *talk) {
    talk->tokens = calloc((size_t)talk->context, sizeof *talk->tokens);
    return talk->tokens;
}

void talk_end(Talk *talk) {
    talk_forget(talk, 0);
    free(talk->messages);
    free(talk->tokens);
}

/* ---- messages ---- */

void talk_forget(Talk *talk, size_t from) {
    for (; talk->count > from; talk->count--) {
        free((char *)(uintptr_t)talk->messages[talk->count - 1].role);
        free((char *)(uintptr_t)talk->messages[talk->count - 1].content);
    }
}

bool talk_add(Talk *talk, const char *role, const char *content, size_t bytes) {
    if (talk->count == talk->room) {
        const size_t room = 2 * talk->room + 8;
        TwMessage *messages = realloc(talk->messages, room * sizeof *messages);
        if (!messages) return false;
        talk->messages = messages;
        talk->room = room;
    }
    TwMessage *message = &talk->messages[talk->count++];
    *message = (TwMessage){strdup(role), strndup(content, bytes)};
    if (message->role && message->content) return true;
    talk_forget(talk, talk->count - 1);
    return false;
}

/* ---- what the model is fed ---- */

static bool feed(Talk *talk, const int32_t *tokens, int64_t count) {
    TwStatus status;
    const int64_t position = engine_position(talk->engine);
    if (!engine_step(talk->engine, tokens, count, 1, &status)) {
        command_runs(talk->progress, status);
        return false;
    }
    memcpy(talk->tokens + position, tokens, (size_t)count * sizeof *tokens);
    return true;
}

/* Forgets what is not the same as before; at least the last token is fed anew, for its logits. */
static int64_t keep_prefix(Talk *talk, const int32_t *tokens, int64_t count) {
    int64_t kept = 0;
    while (kept < count - 1 && kept < engine_position(talk->engine) &&
           tokens[kept] == talk->tokens[kept])
        kept++;
    if (engine_rollback(talk->engine, kept)) return kept;
    engine_reset(talk->engine);
    return 0;
}

/* TALK_ANSWERED: all of it is in the caches. */
static TalkEnd feed_talk(Talk *talk, const int32_t *tokens, int64_t count) {
    const double begin = clock_seconds();
    TwStatus status;
    if (!engine_place_edits(talk->engine, (ThalwegPrompt){count, talk->context}, &status)) {
        command_runs(talk->progress, status);
        return TALK_BROKEN;
    }
    const int64_t kept = keep_prefix(talk, tokens, count), chunk = engine_chunk(talk->engine);
    tw_sampler_accept(talk->sampler, tokens + kept, count - kept);
    progress_begin(talk->progress, stderr);
    for (int64_t i = kept, now; i < count && !interrupt_signal(); i += now) {
        now = count - i < chunk ? count - i : chunk;
        if (!feed(talk, tokens + i, now)) return TALK_BROKEN;
        progress_show(talk->progress, "reading the talk",
                      (double)(i + now - kept) / (double)(count - kept));
    }
    progress_end(talk->progress);
    talk->stats = (TalkStats){.kept = kept, .fed = count - kept};
    talk->stats.feed_seconds = clock_seconds() - begin;
    return interrupt_signal() ? TALK_STOPPED : TALK_ANSWERED;
}

/* ---- the answer ---- */

typedef struct Answer {
    char *bytes; /* malloc */
    size_t count, room;
    bool is_cut; /* for want of memory */
} Answer;

/* A TextWriter: shows it, and keeps it for the talk. */
static void take(void *context, const char *bytes, size_t count) {
    Answer *answer = context;
    fwrite(bytes, 1, count, stdout);
    fflush(stdout);
    if (answer->count + count > answer->room) {
        const size_t room = 2 * answer->room + count + 256;
        char *larger = realloc(answer->bytes, room);
        answer->is_cut |= !larger;
        if (!larger) return;
        answer->bytes = larger;
        answer->room = room;
    }
    memcpy(answer->bytes + answer->count, bytes, count);
    answer->count += count;
}

static TalkEnd generate(Talk *talk, Answer *answer) {
    const int64_t room = talk->context - engine_position(talk->engine);
    const bool fits = talk->most >= 0 && talk->most <= room;
    const GenerationOptions options = {.sampler = talk->sampler,
                                       .text = chat_text_decoder(talk->text),
                                       .stops = talk->stops,
                                       .most = fits ? talk->most : room,
                                       .ignores_ends = talk->ignores_ends,
                                       .write = take,
                                       .context = answer};
    Generation generation;
    bool is_fed = true;
    const double begin = clock_seconds();
    generation_begin(&generation, &options);
    while (is_fed && !interrupt_signal() && !ferror(stdout) &&
           generation_next(&generation, engine_logits(talk->engine, 0)))
        is_fed = feed(talk, &generation.token, 1);
    generation_end(&generation);
    talk->stats.written = generation.count;
    talk->stats.write_seconds = clock_seconds() - begin;
    if (!is_fed) return TALK_BROKEN;
    if (interrupt_signal()) return TALK_STOPPED;
    if (generation.end == GENERATION_NO_MEMORY || answer->is_cut) {
        command_fail(talk->progress, "out of memory");
        return TALK_BROKEN;
    }
    if (generation.end == GENERATION_NO_NUMBERS) {
        command_fail(talk->progress, "the logits are not numbers (NaN): values inside the model "
                                     "are beyond what an f32 holds");
        return TALK_BROKEN;
    }
    return generation.end == GENERATION_BY_COUNT && !fits ? TALK_FULL : TALK_ANSWERED;
}

static TalkEnd answer_tokens(Talk *talk, const int32_t *tokens, int64_t count) {
    if (count < 1 || count >= talk->context) {
        command_fail(talk->progress,
                     "the talk has %lld tokens, which leave no room for an answer in the "
                     "model's context of %lld: /reset begins a new one",
                     (long long)count, (long long)talk->context);
        return TALK_FAILED;
    }
    TalkEnd end = feed_talk(talk, tokens, count);
    Answer answer = {0};
    if (end == TALK_ANSWERED) end = generate(talk, &answer);
    if (end != TALK_BROKEN && answer.count &&
        !talk_add(talk, "assistant", answer.bytes, answer.count)) {
        command_fail(talk->progress, "out of memory");
        end = TALK_BROKEN;
    }
    free(answer.bytes);
    return end;
}

TalkEnd talk_ask(Talk *talk, const char *question) {
    const size_t before = talk->count;
    int32_t *tokens = NULL;
    int64_t count = 0;
    if (!talk_add(talk, "user", question, strlen(question))) {
        command_fail(talk->progress, "out of memory");
        return TALK_BROKEN;
    }
    TalkEnd end = TALK_FAILED;
    if (chat_text_tokens(talk->text, talk->messages, talk->count, talk->progress, &tokens, &count))
        end = answer_tokens(talk, tokens, count);
    free(tokens);
    /* A question without an answer would have the next one directly behind it. */
    if (talk->count == before + 1) talk_forget(talk, before);
    return end;
}

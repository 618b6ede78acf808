#include "runtime/generation/transcript.h"

#include "runtime/generation/json_text.h"

#include <stdlib.h>
#include <string.h>

void transcript_free(Transcript *transcript) {
    free(transcript->token);
    free(transcript->logprob);
    free(transcript->likeliest);
    free(transcript->text);
    *transcript = (Transcript){0};
}

/* ---- what is kept ---- */

/* Changes nothing that is there where it fails. */
static bool grow(void **array, size_t count, size_t item) {
    if (item && count > SIZE_MAX / item) return false;
    void *more = realloc(*array, count * item + 1);
    if (more) *array = more;
    return more;
}

static bool make_room(Transcript *t) {
    if (t->count < t->room) return true;
    const int64_t room = t->room ? 2 * t->room : 64;
    const size_t count = (size_t)room, top = (size_t)t->top;
    if (!grow((void **)&t->token, count, sizeof *t->token)) return false;
    if (top && !grow((void **)&t->logprob, count, sizeof *t->logprob)) return false;
    if (top && !grow((void **)&t->likeliest, count, top * sizeof *t->likeliest)) return false;
    t->room = room;
    return true;
}

bool transcript_add_token(Transcript *t, int32_t token, const float *logits) {
    if (!make_room(t)) return false;
    t->token[t->count] = token;
    if (t->top) {
        TwLogprob *likeliest = t->likeliest + t->count * t->top;
        t->logprob[t->count] = tw_logprob(logits, t->vocab, token);
        for (int64_t i = tw_top_logprobs(logits, t->vocab, t->top, likeliest); i < t->top; i++)
            likeliest[i].token = -1;
    }
    t->count++;
    return true;
}

void transcript_add_text(void *transcript, const char *bytes, size_t count) {
    Transcript *t = transcript;
    if (t->is_cut) return;
    if (count > t->text_room - t->length) {
        const size_t room = 2 * (t->length + count);
        t->is_cut = !grow((void **)&t->text, room, 1);
        if (t->is_cut) return;
        t->text_room = room;
    }
    memcpy(t->text + t->length, bytes, count);
    t->length += count;
}

/* ---- JSON ---- */

static void write_tokens(const Transcript *t, FILE *out) {
    fputs("  \"tokens\": [", out);
    for (int64_t i = 0; i < t->count; i++) fprintf(out, i ? ", %d" : "%d", (int)t->token[i]);
    fputs("],\n", out);
}

static void write_logprob(int32_t token, double logprob, FILE *out) {
    fprintf(out, "{\"token\": %d, \"logprob\": ", (int)token);
    json_text_number(logprob, out);
}

static void write_logprobs(const Transcript *t, FILE *out) {
    fputs("  \"logprobs\": [", out);
    for (int64_t i = 0; i < t->count; i++) {
        const TwLogprob *likeliest = t->likeliest + i * t->top;
        fputs(i ? ",\n    " : "\n    ", out);
        write_logprob(t->token[i], t->logprob[i], out);
        fputs(", \"top\": [", out);
        for (int64_t k = 0; k < t->top && likeliest[k].token >= 0; k++) {
            if (k) fputs(", ", out);
            write_logprob(likeliest[k].token, likeliest[k].logprob, out);
            fputc('}', out);
        }
        fputs("]}", out);
    }
    fputs(t->count ? "\n  ],\n" : "],\n", out);
}

static void write_text(const char *key, const char *text, size_t length, FILE *out) {
    fprintf(out, "  \"%s\": ", key);
    json_text_string(text, length, out);
    fputs(",\n", out);
}

static void write_seconds(const char *key, double seconds, const char *after, FILE *out) {
    fprintf(out, "\"%s\": ", key);
    json_text_number(seconds, out);
    fputs(after, out);
}

void transcript_write(const Transcript *t, const TranscriptFacts *facts, FILE *out) {
    fputs("{\n", out);
    write_text("model", facts->model, strlen(facts->model), out);
    if (t->has_text) write_text("text", t->text, t->length, out);
    write_tokens(t, out);
    if (t->top) write_logprobs(t, out);
    write_text("end", facts->end, strlen(facts->end), out);
    if (facts->stop) write_text("stop", facts->stop, strlen(facts->stop), out);
    fprintf(out, "  \"prompt_tokens\": %lld,\n  \"threads\": %d,\n  \"seconds\": {",
            (long long)facts->prompt_tokens, facts->threads);
    write_seconds("ready", facts->ready_seconds, ", ", out);
    write_seconds("prompt", facts->prompt_seconds, ", ", out);
    write_seconds("generate", facts->generate_seconds, "}\n}\n", out);
}

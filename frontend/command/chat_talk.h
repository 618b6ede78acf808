/* chat_talk.h - a talk with a model: its messages, and what of it the model has in its caches.
 *
 * For each answer the whole talk goes through the template anew. What of its tokens is the same as
 * before, from the first on, stays in the caches; the rest is forgotten and fed.
 */
#ifndef FRONTEND_CHAT_TALK_H
#define FRONTEND_CHAT_TALK_H

#include "frontend/command/chat_text.h"
#include "runtime/generation/generation.h"

typedef struct TalkStats {
    int64_t kept, fed, written; /* tokens of the last answer: of the talk that were there, that were
                                   fed, and that the model wrote */
    double feed_seconds, write_seconds;
} TalkStats;

typedef struct Talk {
    /* What it works with, which outlives it. */
    ChatText *text;
    Engine *engine;
    TwSampler *sampler;
    StopTexts *stops;
    Progress *progress;
    int64_t context, most; /* tokens of an answer; < 0: as many as fit */
    bool ignores_ends;

    TwMessage *messages; /* of malloc, and so are their texts */
    size_t count, room;
    int32_t *tokens; /* [context]: those in the caches, in order */
    TalkStats stats;
} Talk;

typedef enum TalkEnd {
    TALK_ANSWERED,
    TALK_STOPPED, /* a signal came: what was written until then is the answer */
    TALK_FULL,    /* the context was full before the answer's end */
    TALK_FAILED,  /* said, and the talk is as it was before the question */
    TALK_BROKEN   /* said; nothing more can be computed */
} TalkEnd;

/* False: out of memory. */
bool talk_begin(Talk *talk);
void talk_end(Talk *talk);

/* Forgets all messages from the given one on. */
void talk_forget(Talk *talk, size_t from);
bool talk_add(Talk *talk, const char *role, const char *content, size_t bytes);

/* Asks, writes the answer to standard output as it comes, and adds it to the talk. */
TalkEnd talk_ask(Talk *talk, const char *question);

#endif

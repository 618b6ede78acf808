/* tapped_run.h - what the taps of a model keep of a text, as arrays, and logits of its tokens.
 *
 *   thalweg_read_file(thalweg, path);
 *   thalweg_add_taps(thalweg, (const char *[]){"resid_post", "z"}, 2);
 *   engine = engine_create(thalweg, &(EngineOptions){0}, &status);
 *   tapped_run_open(&run, thalweg, engine, count, diag) &&
 *       tapped_run_feed(&run, &(TappedText){.tokens = tokens, .count = count}, diag)
 *
 * A text is a sequence of its own, fed in the chunks of the engine: what is kept does not depend on
 * them. Further texts go into the same arrays.
 */
#ifndef FRONTEND_TAPPED_RUN_H
#define FRONTEND_TAPPED_RUN_H

#include "frontend/compiler/engine.h"
#include "ir/diag.h"

typedef struct TappedRun {
    Thalweg *thalweg;
    Engine *engine;
    const ThalwegTap *tap; /* [taps], in the order of thalweg_taps() */
    int64_t taps, room;    /* tokens of the longest text */
    float **rows; /* [taps]: [room][tap[i].columns], of scores and patterns [room][columns][room];
                     row p is that of position p */
} TappedRun;

/* For texts of up to `room` tokens. Thalweg and engine outlive the run, and the engine feeds
 * nothing else until it is closed. False: reported, here or by the Thalweg, and there is nothing to
 * close. */
bool tapped_run_open(TappedRun *run, Thalweg *thalweg, Engine *engine, int64_t room, Diag *diag);
void tapped_run_close(TappedRun *run); /* {0} is fine */

/* Row `position` of the logits, [outputs]. False: enough, or reported. */
typedef bool TappedLogits(void *context, int64_t position, const float *logits);

typedef struct TappedText {
    const int32_t *tokens;
    int64_t count;      /* 1 to room */
    int64_t logit_rows; /* of so many of its last tokens, 0: none; more than one take an engine with
                           all logits */
    TappedLogits *take; /* called in their order */
    void *context;      /* for it */
} TappedText;

/* False: reported, here or by the Thalweg, or `take` wanted no more. */
bool tapped_run_feed(TappedRun *run, const TappedText *text, Diag *diag);

/* The first tap of a point, as "blocks.3.hook_resid_pre"; -1: there is none. */
int64_t tapped_run_find(const TappedRun *run, const char *point);

#endif

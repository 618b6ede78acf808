/* small-1.h - the model small, compiled by Thalweg 0.1.0 for x86-64.
 *
 * A program links small-1.o and the runtime library (-lthalweg_rt -lm, and -fopenmp for threads):
 *
 *     #include "small-1.h"
 *     #include <stdio.h>
 *
 *     int main(void) {
 *         small_model *model;
 *         small_session *session;
 *         const int32_t tokens[] = {1, 2, 3};
 *         int error = small_open(NULL, &model);
 *         if (!error) error = small_session_new(model, NULL, &session);
 *         if (!error) error = small_prefill(session, tokens, 3);
 *         if (error) return fprintf(stderr, "%s\n", small_error_text(error)), 1;
 *         printf("%g\n", (double)small_logits(session, 0)[0]);
 *         small_session_free(session);
 *         small_close(model);
 *         return 0;
 *     }
 *
 * Errors: a call that can fail returns an int, 0 if it has done its work. One that fails has
 * changed nothing, and sets *out to null. Nothing prints, exits, or keeps errno.
 *
 * Ownership: who makes a model or a session ends it. A model outlives its sessions. Arguments
 * are not kept, but for memory that is given for good (open_memory(), options).
 *
 * Threads: a model may be shared by any number of threads. A session is used by one thread at a
 * time, and is a team of threads inside: those of OpenMP where the program is linked with it,
 * the caller's (options.run_team), or none.
 *
 * Versions: this header and its object go together. They work with every runtime library of
 * their major version that is not older than the compiler that made them.
 */
#ifndef SMALL_H
#define SMALL_H

#include <stddef.h>
#include <stdint.h>

#if defined(_OPENMP) && defined(__GNUC__)
/* With -fopenmp: what keeps linkers from leaving out a library that nobody seems to need. */
#include <omp.h>
static int (*const small_openmp)(void) __attribute__((used)) = omp_get_max_threads;
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sizes ---- */

#define SMALL_VOCAB         ((int64_t)24) /* tokens */
#define SMALL_CONTEXT       ((int64_t)16) /* tokens, most in a sequence */
#define SMALL_CHUNK         ((int64_t)16) /* tokens, most in a forward() */
#define SMALL_WEIGHT_BYTES  ((uint64_t)23040) /* of the file of packed weights */
#define SMALL_MODEL_BYTES   ((size_t)192) /* of memory for a model */
#define SMALL_SESSION_BYTES ((size_t)12287) /* enough for a session of one thread, one row of logits */
#define SMALL_LAYOUT_ID     UINT64_C(0x83cd6a0d9e9449f7) /* of packed weights that fit */

/* ---- answers of calls ---- */

enum {
    SMALL_OK, /* ok */
    SMALL_NO_MEMORY, /* out of memory */
    SMALL_BAD_ARGUMENT, /* an argument is out of its range */
    SMALL_BAD_ABI, /* the compiled model is of another version of the interface */
    SMALL_CANNOT_OPEN, /* the file cannot be opened */
    SMALL_NOT_WEIGHTS, /* the file is not a packed weight file */
    SMALL_BAD_VERSION, /* the packed weight file is of another version */
    SMALL_BAD_SIZE, /* the packed weight file is truncated or its sizes do not fit */
    SMALL_BAD_CHECKSUM, /* the packed weight file is damaged */
    SMALL_WRONG_LAYOUT, /* the packed weight file was made for another model or another target */
    SMALL_BAD_TOKEN, /* a token is not in the vocabulary */
    SMALL_CONTEXT_FULL, /* the sequence does not fit the context */
    SMALL_BAD_CPU, /* this processor lacks instructions that the model was compiled for */
    SMALL_NO_WEIGHTS, /* the program holds no weights: a file of them is needed */
    SMALL_ERRORS /* how many this version knows */
};

/* ---- types ---- */

typedef struct small_model small_model;     /* weights that are open */
typedef struct small_session small_session; /* a sequence of tokens */

/* A thread's share of a piece of work; `threads` threads do it together. */
typedef void small_task(void *task, int64_t thread, int64_t threads);

/* All zero: everything by default. */
typedef struct small_options {
    size_t struct_bytes; /* sizeof(small_options), or 0 */
    int threads;         /* 0: as many as there are processors */
    int decode_threads;  /* for calls of one token; 0: the same */
    int64_t logit_rows;  /* most rows that a forward() may ask for; 0: 1 */
    void *memory;        /* all that the session needs, for as long as it lives; null: malloc */
    size_t memory_bytes; /* at least session_bytes() */

    /* Runs share(task, i, n) for i = 0 .. n - 1 on n threads at the same time, i = 0 on the one
     * that calls, and returns when all have. n is `threads`, or less where there are no more. */
    void (*run_team)(void *context, small_task *share, void *task, int64_t threads);
    void *team_context;
} small_options;

/* ---- calls ---- */

/* Maps the file of packed weights that was written with the object, and reads all of it for its
 * checksum. Null: the weights inside of the object (compiled with --embed-weights). */
int small_open(const char *weights, small_model **out);

/* The same from memory that outlives the model, 64-byte aligned: a whole file of packed weights,
 * or null for those inside of the object. They are not copied, and their checksum is not read.
 * The model is made in `memory` (SMALL_MODEL_BYTES, aligned as for malloc); null: by malloc. */
int small_open_memory(const void *weights, uint64_t bytes, void *memory, small_model **out);

/* After all sessions of the model; null is fine. */
void small_close(small_model *model);

/* One sequence of tokens. All memory it ever uses is taken here. Null options: the defaults. */
int small_session_new(small_model *model, const small_options *options, small_session **out);

/* What a session with these options needs as options.memory. 0: options that cannot be. */
size_t small_session_bytes(const small_model *model, const small_options *options);

/* Null is fine. Memory of the caller can be used for something else afterwards. */
void small_session_free(small_session *session);

/* Takes tokens, as many as fit the context; the logits of the last can be read afterwards. */
int small_prefill(small_session *session, const int32_t *tokens, int64_t count);

/* Takes the next token; its logits can be read afterwards. */
int small_step(small_session *session, int32_t token);

/* Takes 1 to SMALL_CHUNK tokens; the logits of the last `rows` of them can be read afterwards. */
int small_forward(small_session *session, const int32_t *tokens, int64_t count, int64_t rows);

/* SMALL_VOCAB logits for the token after the last one taken (row 0; after forward() row rows - 1).
 * Owned by the session, until its next call. Null: there is no such row. */
const float *small_logits(const small_session *session, int64_t row);

/* How many tokens the session has taken: a place to come back to. */
int64_t small_snapshot(const small_session *session);

/* Forgets all tokens since the snapshot. There are no logits until the next call. */
int small_rollback(small_session *session, int64_t snapshot);

/* Forgets all tokens. */
void small_reset(small_session *session);

/* How many threads a call has, at most: less than were asked for where there are no more. */
int small_threads(const small_session *session);

/* What a call's answer means, in words; a static string. */
const char *small_error_text(int error);

/* For the library's own interface, thalweg/runtime/runtime.h. */
extern const struct TwModule small_module;

#ifdef __cplusplus
}
#endif

#endif

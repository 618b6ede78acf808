/* random_model.h - small models drawn from all axes that are compiled.
 *
 * A model is a function of a tape of numbers, each read where a choice is made; 0 is the simplest
 * choice, and so is a tape that has ended. To shrink a model that fails is to shorten its tape and
 * to make its numbers smaller.
 */
#ifndef TESTS_RANDOM_MODEL_H
#define TESTS_RANDOM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TAPE_MAX = 224, MODEL_TEXT_MAX = 8192 };

typedef struct {
    uint32_t number[TAPE_MAX];
    int length;
} Tape;

void tape_draw(Tape *tape, uint64_t seed);

/* Writes the YAML; false if it does not fit. */
bool random_model(const Tape *tape, char *text, size_t size);

/* A value of a param that follows from its name and place, -1 <= v < 1: any will do. */
double random_weight(const char *name, int64_t index);

/* Whether the model of the tape is right; if not, `context` knows why. */
typedef bool TapeCheck(const Tape *tape, void *context);

/* ---- the models of a program's arguments, [models [first seed]] ---- */

/* Whether the model of the seed is right; prints what is wrong. */
typedef bool SeedCheck(uint64_t seed, void *context);

typedef struct {
    long models, failures;
} Tally;

/* Checks models, `models` of them where the arguments do not say how many, until three are wrong;
 * prints how many there were. */
Tally check_seeds(int count, char **argument, long models, SeedCheck *check, void *context);

/* The same of each seed's tape. A tape whose model is wrong is made smaller as long as that is so,
 * with at most `tries` checks; prints its model, the seed and `what`, which the last check may have
 * written. */
Tally check_models(int count, char **argument, long models, TapeCheck *check, void *context,
                   const char *what, int tries);

#endif

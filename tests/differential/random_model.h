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

enum { TAPE_MAX = 160, MODEL_TEXT_MAX = 8192 };

typedef struct {
    uint32_t number[TAPE_MAX];
    int length;
} Tape;

void tape_draw(Tape *tape, uint64_t seed);

/* Writes the YAML; false if it does not fit. */
bool random_model(const Tape *tape, char *text, size_t size);

/* Whether the tape still fails. */
typedef bool TapeFails(const Tape *tape, void *context);

/* Makes a failing tape smaller as long as it fails, with at most `tries` calls. */
void tape_shrink(Tape *tape, TapeFails *fails, void *context, int tries);

#endif

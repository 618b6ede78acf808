/* programs.h - one model in several programs that differ in their schedules. */
#ifndef TUNE_PROGRAMS_H
#define TUNE_PROGRAMS_H

#include "frontend/tune/tune.h"

enum { MOST_PROGRAMS = TUNE_TRIALS };

/* A kernel of a call, by its place in it. */
typedef struct {
    int kernel;   /* of those that are tuned; -1: nothing is chosen in it */
    int instance; /* which of its name */
    int choice;   /* what the chooser said */
} CallKernel;

typedef struct {
    CallKernel *kernel;
    int count;
} CallKernels;

typedef struct {
    int count;
    const TwProgram *program[MOST_PROGRAMS];
    CallKernels call[MOST_PROGRAMS][2 /* of each Phase */];
    Module *module;
    Jit *jit;
    Arena *arena;
} Programs;

/* The schedule of an instance of a kernel in a program, and, in *choice, what it calls that. */
typedef Schedule ChooseSchedule(void *data, int kernel, int instance, int program, int *choice);

/* Null: reported. */
Programs *programs_create(const TuneModel *model, const TuneKernel *kernels, int kernel_count,
                          int count, bool is_timed, ChooseSchedule *choose, void *data);
void programs_destroy(Programs *programs);

#endif

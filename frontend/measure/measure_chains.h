/* measure_chains.h - multiply-adds that do not wait for each other, to fill a processor's units. */
#ifndef FRONTEND_MEASURE_CHAINS_H
#define FRONTEND_MEASURE_CHAINS_H

/* What is multiplied; sums are f32, and 32 bits wide for int8. */
typedef enum { ARITHMETIC_f32, ARITHMETIC_bf16, ARITHMETIC_int8, ARITHMETIC_COUNT } Arithmetic;

typedef struct Chains {
    double (*run)(
        float start); /* some number, to be kept so that no compiler leaves the work out */
    long rounds;      /* of a run */
    int lanes;        /* multiply-adds of a round */
} Chains;

/* By the widest instruction this processor has for it, which need not be faster than f32's. Where
 * there is none, f32 takes its place: that is how such numbers are multiplied then. */
Chains measure_chains(Arithmetic arithmetic);

#endif

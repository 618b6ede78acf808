/* repeat.h - steps that follow each other again and again: equal layers. */
#ifndef CODEGEN_REPEAT_H
#define CODEGEN_REPEAT_H

#include <stdbool.h>

/* `length` steps that follow each other `times` times. */
typedef struct {
    int length, times;
} Repeat;

/* Whether two steps are equal. */
typedef bool RepeatIsEqual(const void *context, int first, int second);

/* Of `count` steps, the repetition that begins with step `first` and covers most, the shortest of
 * those; once the one step where it has none. Takes time in proportion to what it covers. */
Repeat repeat_find(RepeatIsEqual *is_equal, const void *context, int first, int count);

#endif

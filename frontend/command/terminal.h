/* terminal.h - a line of progress for work that takes over a second.
 *
 * It is shown where the stream is a terminal, and nowhere else: what goes into a file or a pipe has
 * neither colours nor carriage returns. It is erased before anything else is written.
 */
#ifndef FRONTEND_TERMINAL_H
#define FRONTEND_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

typedef struct Progress {
    FILE *out;
    bool is_terminal, is_shown;
    double since; /* when the work began */
    double drawn; /* when the line was drawn last */
} Progress;

/* Whether lines can be drawn on a stream and erased again. */
bool terminal_is(FILE *out);

void progress_begin(Progress *progress, FILE *out);

/* Shows `what` with 0 <= done <= 1; done < 0: not known. */
void progress_show(Progress *progress, const char *what, double done);

/* Erases the line. */
void progress_end(Progress *progress);

#endif

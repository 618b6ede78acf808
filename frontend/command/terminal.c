#include "frontend/command/terminal.h"

#include "frontend/measure/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double DELAY = 1, INTERVAL = 0.1; /* seconds */

bool terminal_is(FILE *out) {
    const char *kind = getenv("TERM");
    return isatty(fileno(out)) && kind && *kind && strcmp(kind, "dumb") != 0;
}

void progress_begin(Progress *progress, FILE *out) {
    *progress = (Progress){.out = out, .is_terminal = terminal_is(out), .since = clock_seconds()};
}

void progress_show(Progress *progress, const char *what, double done) {
    if (!progress->is_terminal) return;
    const double now = clock_seconds();
    if (now - progress->since < DELAY || now - progress->drawn < INTERVAL) return;
    progress->drawn = now;
    progress->is_shown = true;
    fprintf(progress->out, "\r\033[K%.60s", what);
    if (done >= 0) fprintf(progress->out, " %3.0f %%", 100 * (done < 1 ? done : 1));
    fflush(progress->out);
}

void progress_end(Progress *progress) {
    if (progress->is_shown) {
        fputs("\r\033[K", progress->out);
        fflush(progress->out);
    }
    progress->is_shown = false;
}

/* interrupt.h - SIGINT, SIGTERM and SIGHUP as a question that long work asks now and then.
 *
 * The first signal asks the program to stop: work ends at a clean place, files that are not whole
 * are removed. One that comes over a second later ends it at once; sooner, it is the same word said
 * twice, as `timeout` and some shells do. For the command line alone.
 */
#ifndef FRONTEND_INTERRUPT_H
#define FRONTEND_INTERRUPT_H

#include <stdbool.h>

/* From here on the signals are caught; those that are ignored stay so. SIGPIPE and SIGXFSZ (a file
 * longer than is allowed) become errors of the write that met them. */
void interrupt_begin(void);

/* The signal that came, or 0. */
int interrupt_signal(void);

/* Waits until there is something to be read of a file, or a signal came, which read() alone would
 * begin anew after. False: one came. */
bool interrupt_wait_for_input(int file);

/* The signal was heeded: work goes on as if none had come. */
void interrupt_forget(void);

#endif

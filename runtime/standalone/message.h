/* message.h - what the program says of what goes wrong, and its exit codes. */
#ifndef STANDALONE_MESSAGE_H
#define STANDALONE_MESSAGE_H

#include <signal.h>

enum { EXIT_USAGE = 2, EXIT_UNREAD = 128 + SIGPIPE };

/* "PROGRAM: 'TEXT' WHAT" on standard error; text null: none. Returns EXIT_FAILURE. */
int message_error(const char *program, const char *what, const char *text);

/* Writes what is left of standard output. Returns the exit code: what could not be written may only
 * be seen now. Where nobody reads any more, as behind `| head`, there is nobody to be told. */
int message_end_output(const char *program);

#endif

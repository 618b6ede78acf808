#include "runtime/standalone/message.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int message_error(const char *program, const char *what, const char *text) {
    fprintf(stderr, "%s: %s%s%s%s\n", program, text ? "'" : "", text ? text : "", text ? "' " : "",
            what);
    return EXIT_FAILURE;
}

int message_end_output(const char *program) {
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return EXIT_SUCCESS;
    const char *reason = errno ? strerror(errno) : "an earlier write failed";
    if (poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP))) return EXIT_UNREAD;
    return message_error(program, reason, NULL);
}

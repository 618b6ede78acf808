/* chat_lines.h - what somebody types: lines with editing and history on a terminal, where libedit
 * is there, and plain lines of standard input else. */
#ifndef FRONTEND_CHAT_LINES_H
#define FRONTEND_CHAT_LINES_H

#include <stdbool.h>

typedef enum ChatLine {
    CHAT_LINE,
    CHAT_LINE_END,       /* of the input */
    CHAT_LINE_INTERRUPT, /* a signal came, which is left to be asked for */
    CHAT_LINE_FAILED     /* out of memory, or the input cannot be read: errno */
} ChatLine;

typedef struct ChatLines ChatLines;

/* Of standard input; is_terminal: somebody types, and sees the prompt. Null: out of memory. */
ChatLines *chat_lines_open(bool is_terminal);
void chat_lines_close(ChatLines *lines);

/* The next one without its end, valid until the call after it. */
ChatLine chat_lines_next(ChatLines *lines, const char *prompt, const char **line);

#endif

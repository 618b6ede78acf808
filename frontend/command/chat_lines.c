#include "frontend/command/chat_lines.h"

#include "frontend/command/interrupt.h"

#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#ifdef THALWEG_LIBEDIT
#include <histedit.h>
#endif

struct ChatLines {
    bool is_terminal;
    const char *prompt;
    char *bytes; /* read, of which [0, used) was given out */
    size_t used, count, room;
    bool is_over;
    char *line; /* the last one */
#ifdef THALWEG_LIBEDIT
    EditLine *editor;
    History *history;
    bool is_interrupted;
#endif
};

/* ---- plain lines ---- */

static ChatLine read_more(ChatLines *lines) {
    if (lines->used) memmove(lines->bytes, lines->bytes + lines->used, lines->count -= lines->used);
    lines->used = 0;
    if (lines->count + 1 >= lines->room) {
        const size_t room = lines->room ? 2 * lines->room : 4096;
        char *bytes = realloc(lines->bytes, room);
        if (!bytes) return CHAT_LINE_FAILED;
        lines->bytes = bytes;
        lines->room = room;
    }
    if (!interrupt_wait_for_input(STDIN_FILENO)) return CHAT_LINE_INTERRUPT;
    const ssize_t got =
        read(STDIN_FILENO, lines->bytes + lines->count, lines->room - lines->count - 1);
    if (got < 0 && errno == EINTR) return CHAT_LINE;
    if (got < 0) return CHAT_LINE_FAILED;
    lines->is_over = got == 0;
    lines->count += (size_t)got;
    return CHAT_LINE;
}

static ChatLine next_plain(ChatLines *lines, const char **line) {
    if (lines->is_terminal) {
        fputs(lines->prompt, stdout);
        fflush(stdout);
    }
    for (size_t seen = 0;;) {
        char *begin = lines->bytes ? lines->bytes + lines->used : NULL;
        const size_t count = lines->count - lines->used;
        char *end = count > seen ? memchr(begin + seen, '\n', count - seen) : NULL;
        if (!end && lines->is_over && count) end = begin + count;
        if (end) {
            *end = 0;
            if (end > begin && end[-1] == '\r') end[-1] = 0;
            lines->used +=
                (size_t)(end - begin) + (lines->used + (size_t)(end - begin) < lines->count);
            *line = begin;
            return CHAT_LINE;
        }
        if (lines->is_over) return CHAT_LINE_END;
        seen = count;
        const ChatLine result = read_more(lines);
        if (result != CHAT_LINE) return result;
    }
}

/* ---- lines with editing ---- */

#ifdef THALWEG_LIBEDIT

enum { CTRL_D = 4 };

static char *prompt_of(EditLine *editor) {
    ChatLines *lines;
    el_get(editor, EL_CLIENTDATA, &lines);
    return (char *)(uintptr_t)lines->prompt;
}

/* One character, as libedit asks for it: 1, 0 at the end, or -1 where a signal came. A Ctrl-D that
 * was typed before the terminal was the editor's comes as NUL. */
static int read_key(EditLine *editor, wchar_t *out) {
    ChatLines *lines;
    mbstate_t state = {0};
    el_get(editor, EL_CLIENTDATA, &lines);
    for (;;) {
        char byte;
        if (!interrupt_wait_for_input(STDIN_FILENO)) {
            lines->is_interrupted = true;
            errno = EINTR;
            return -1;
        }
        const ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return (int)got;
        if (byte == 0) byte = CTRL_D;
        const size_t bytes = mbrtowc(out, &byte, 1, &state);
        if (bytes == 1) return 1;
        if (bytes == (size_t)-1) state = (mbstate_t){0}; /* no character: it is dropped */
    }
}

static void open_editor(ChatLines *lines) {
    HistEvent event;
    if (!setlocale(LC_CTYPE, "C.UTF-8")) setlocale(LC_CTYPE, "");
    lines->editor = el_init("thalweg", stdin, stdout, stderr);
    lines->history = history_init();
    if (!lines->editor || !lines->history) return;
    history(lines->history, &event, H_SETSIZE, 1000);
    el_set(lines->editor, EL_CLIENTDATA, lines);
    el_set(lines->editor, EL_PROMPT, prompt_of);
    el_set(lines->editor, EL_EDITOR, "emacs");
    el_set(lines->editor, EL_GETCFN, read_key);
    el_set(lines->editor, EL_HIST, history, lines->history);
    el_source(lines->editor, NULL);
}

static ChatLine next_edited(ChatLines *lines, const char **line) {
    int count = 0;
    HistEvent event;
    lines->is_interrupted = false;
    const char *read = el_gets(lines->editor, &count);
    if (lines->is_interrupted) return CHAT_LINE_INTERRUPT;
    if (!read || count <= 0) return CHAT_LINE_END;
    free(lines->line);
    lines->line = strndup(read, (size_t)count - (read[count - 1] == '\n'));
    if (!lines->line) return CHAT_LINE_FAILED;
    if (*lines->line) history(lines->history, &event, H_ENTER, lines->line);
    *line = lines->line;
    return CHAT_LINE;
}

#endif

/* ---- either ---- */

ChatLines *chat_lines_open(bool is_terminal) {
    ChatLines *lines = calloc(1, sizeof *lines);
    if (!lines) return NULL;
    lines->is_terminal = is_terminal;
#ifdef THALWEG_LIBEDIT
    if (is_terminal) open_editor(lines);
#endif
    return lines;
}

void chat_lines_close(ChatLines *lines) {
    if (!lines) return;
#ifdef THALWEG_LIBEDIT
    if (lines->editor) el_end(lines->editor);
    if (lines->history) history_end(lines->history);
#endif
    free(lines->line);
    free(lines->bytes);
    free(lines);
}

ChatLine chat_lines_next(ChatLines *lines, const char *prompt, const char **line) {
    lines->prompt = prompt;
#ifdef THALWEG_LIBEDIT
    if (lines->editor && lines->history) return next_edited(lines, line);
#endif
    return next_plain(lines, line);
}

/* manual_roff.c - Markdown, as far as manual.md.in uses it, in the language of man pages. */
#include "frontend/manual/manual.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- within a line ---- */

/* In code a hyphen, an apostrophe and the like are what one types; in text they are typeset. */
static void write_char(char c, bool is_code, FILE *out) {
    switch (c) {
    case '\\': fputs("\\e", out); return;
    case '-': fputs(is_code ? "\\-" : "-", out); return;
    case '\'': fputs(is_code ? "\\(aq" : "'", out); return;
    case '`': fputs("\\(ga", out); return;
    case '~': fputs("\\(ti", out); return;
    case '^': fputs("\\(ha", out); return;
    default: fputc(c, out);
    }
}

/* Text between two marks in another font; what follows it is returned. */
static const char *write_in_font(const char *text, char font, FILE *out) {
    const char mark = *text++;
    fprintf(out, "\\f%c", font);
    for (; *text && *text != mark; text++) write_char(*text, mark == '`', out);
    fputs("\\fR", out);
    return *text ? text + 1 : text;
}

/* "](url)" after the text of a link: all of it is skipped. Null: this is no link. */
static const char *skip_address(const char *text) {
    if (strncmp(text, "](", 2) != 0) return NULL;
    const char *end = strchr(text, ')');
    return end ? end + 1 : NULL;
}

static bool is_link(const char *text) {
    const char *end = strchr(text, ']');
    return end && end[1] == '(';
}

static const char *write_piece(const char *text, FILE *out) {
    const char *after = skip_address(text);
    if (after) return after;
    if (*text == '`') return write_in_font(text, 'B', out);
    if (*text == '*' && isalpha((unsigned char)text[1])) return write_in_font(text, 'I', out);
    if (*text == '[' && is_link(text)) return text + 1;
    if (*text == '\\' && ispunct((unsigned char)text[1])) text++;
    write_char(*text, false, out);
    return text + 1;
}

/* A line that begins with a point or an apostrophe would be a request. */
static void guard(const char *line, FILE *out) {
    if (*line == '.' || *line == '\'') fputs("\\&", out);
}

/* In fonts that may go on in the next line: first the words become roff, then the lines. */
void manual_write_roff_text(const char *markdown, FILE *out) {
    enum { WIDTH = 79 };
    char *words = NULL, *lines = NULL;
    size_t size = 0;
    FILE *rendered = manual_begin_text(&words, &size);
    while (*markdown) markdown = write_piece(markdown, rendered);
    fclose(rendered);
    FILE *wrapped = manual_begin_text(&lines, &size);
    manual_wrap(wrapped, words, 0, WIDTH);
    fclose(wrapped);
    for (const char *line = lines; *line;) {
        const size_t length = strcspn(line, "\n") + 1;
        guard(line, out);
        fprintf(out, "%.*s", (int)length, line);
        line += length;
    }
    free(words);
    free(lines);
}

/* ---- blocks ---- */

/* Lines of Markdown up to one that begins another block, as running text. The rest is returned. */
static const char *write_running(const char *text, FILE *out) {
    const char *end = text;
    do {
        end += strcspn(end, "\n");
        end += *end == '\n';
    } while (*end && *end != '\n' && strncmp(end, "- ", 2) != 0 && strncmp(end, "```", 3) != 0);
    char *markdown = strndup(text, (size_t)(end - text));
    if (!markdown) abort();
    manual_write_roff_text(markdown, out);
    free(markdown);
    return end;
}

/* A fenced block as it stands. The rest is returned. */
static const char *write_fenced(const char *text, FILE *out) {
    text += strcspn(text, "\n") + 1;
    fputs(".IP\n.nf\n", out);
    while (*text && strncmp(text, "```", 3) != 0) {
        const size_t length = strcspn(text, "\n");
        guard(text, out);
        for (size_t i = 0; i < length; i++) write_char(text[i], true, out);
        fputc('\n', out);
        text += length + (text[length] == '\n');
    }
    fputs(".fi\n", out);
    text += strcspn(text, "\n");
    return text;
}

void manual_write_roff(const char *markdown, bool begins, FILE *out) {
    for (const char *text = markdown; *(text += strspn(text, "\n")); begins = false) {
        if (strncmp(text, "```", 3) == 0) {
            text = write_fenced(text, out);
        } else if (strncmp(text, "- ", 2) == 0) {
            fputs(".IP \\(bu 2\n", out);
            text = write_running(text + 2, out);
        } else {
            if (!begins) fputs(".PP\n", out);
            text = write_running(text, out);
        }
    }
}

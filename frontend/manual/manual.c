/* manual.c - the program that makes the manual's files.
 *
 *   manual markdown|man|bash|zsh|fish PROSE VERSION DATE FILE
 *
 * PROSE is manual.md.in. It is run while Thalweg is built, and is no part of what is installed.
 */
#include "frontend/manual/manual.h"

#include <stdlib.h>
#include <string.h>

/* Null: said. To be freed. */
static char *read_file(const char *path) {
    enum { MOST = 1 << 20 };
    char *text = calloc(1, MOST);
    FILE *file = fopen(path, "rb");
    const size_t length = file && text ? fread(text, 1, MOST, file) : 0;
    const bool is_read = length > 0 && length < MOST && !ferror(file);
    if (file) fclose(file);
    if (is_read) return text;
    fprintf(stderr, "manual: '%s' cannot be read\n", path);
    free(text);
    return NULL;
}

/* False: there is no such kind. */
static bool write(const char *kind, const Manual *manual, FILE *out) {
    if (strcmp(kind, "markdown") == 0)
        manual_write_markdown(manual, out);
    else if (strcmp(kind, "man") == 0)
        manual_write_man(manual, out);
    else if (strcmp(kind, "bash") == 0)
        manual_write_bash(out);
    else if (strcmp(kind, "zsh") == 0)
        manual_write_zsh(out);
    else if (strcmp(kind, "fish") == 0)
        manual_write_fish(out);
    else
        return false;
    return true;
}

/* Nothing is written that is not whole. */
static bool write_file(const char *kind, const Manual *manual, const char *path) {
    char *text = NULL;
    size_t size = 0;
    FILE *whole = manual_begin_text(&text, &size);
    bool is_done = write(kind, manual, whole);
    fclose(whole);
    FILE *file = is_done ? fopen(path, "wb") : NULL;
    is_done = file && fwrite(text, 1, size, file) == size;
    if (file && fclose(file) != 0) is_done = false;
    free(text);
    if (!is_done) fprintf(stderr, "manual: '%s' cannot be written as %s\n", path, kind);
    return is_done;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fputs("Usage: manual markdown|man|bash|zsh|fish PROSE VERSION DATE FILE\n", stderr);
        return 2;
    }
    Manual manual = {.version = argv[3], .date = argv[4]};
    char *prose = read_file(argv[2]);
    if (!prose) return EXIT_FAILURE;
    bool is_done = manual_read(&manual, prose);
    if (is_done)
        is_done = write_file(argv[1], &manual, argv[5]);
    else
        fprintf(stderr,
                "manual: the sections of '%s' are too many, or one that is no command's stands "
                "before one that is\n",
                argv[2]);
    free(prose);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}

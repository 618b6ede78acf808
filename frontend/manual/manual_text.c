/* manual_text.c - texts of the tables, as Markdown. */
#include "frontend/manual/manual.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

FILE *manual_begin_text(char **text, size_t *size) {
    FILE *out = open_memstream(text, size);
    if (!out) abort();
    return out;
}

/* ---- running text ---- */

static void write_escaped(const char *text, size_t length, FILE *out) {
    for (size_t i = 0; i < length; i++) {
        if (strchr("*<>`", text[i])) fputc('\\', out);
        fputc(text[i], out);
    }
}

/* How much of a word is an option: "--name" or "-n", with what follows after '='. */
static size_t option_length(const char *word, size_t length) {
    const bool is_name = length > 2 && word[1] == '-' && isalpha((unsigned char)word[2]);
    const bool is_letter = length > 1 && isalpha((unsigned char)word[1]);
    if (word[0] != '-' || !(is_name || is_letter)) return 0;
    while (strchr(",;:.)'", word[length - 1])) length--;
    return is_name || length == 2 ? length : 0;
}

char *manual_markdown(const char *text) {
    char *result = NULL;
    size_t size = 0;
    FILE *out = manual_begin_text(&result, &size);
    while (*text) {
        const size_t length = strcspn(text, " ");
        const size_t before = *text == '(' ? 1 : 0;
        const size_t code = length > before ? option_length(text + before, length - before) : 0;
        if (code) {
            fprintf(out, "%.*s`%.*s`", (int)before, text, (int)code, text + before);
            write_escaped(text + before + code, length - before - code, out);
        } else {
            write_escaped(text, length, out);
        }
        text += length;
        for (; *text == ' '; text++) fputc(' ', out);
    }
    fclose(out);
    return result;
}

void manual_wrap(FILE *out, const char *text, int indent, int width) {
    int column = 0;
    bool begins = true; /* a line */
    while (*text) {
        const int length = (int)strcspn(text, " \n");
        if (!begins && column + 1 + length > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (!begins) {
            fputc(' ', out);
            column++;
        }
        begins = false;
        fprintf(out, "%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " \n");
    }
    fputc('\n', out);
}

/* ---- options ---- */

char *manual_option_names(const Option *option) {
    char *result = NULL;
    size_t size = 0;
    FILE *out = manual_begin_text(&result, &size);
    if (option->letter) fprintf(out, "`-%c`, ", option->letter);
    fprintf(out, "`--%s", option->name);
    if (option->value) fprintf(out, option->kind == KIND_OPTIONAL ? "[=%s]" : " %s", option->value);
    fputc('`', out);
    fclose(out);
    return result;
}

static void write_range(const Option *option, FILE *out) {
    const int64_t most = option->most_count;
    if (option->kind == KIND_REAL)
        fprintf(out, "%g to %g", option->least, option->most);
    else if (most == INT32_MAX || most == INT64_MAX)
        fprintf(out, "%lld or more", (long long)option->least_count);
    else
        fprintf(out, "%lld to %lld", (long long)option->least_count, (long long)most);
}

char *manual_option_facts(const Option *option) {
    char *result = NULL;
    size_t size = 0;
    const bool has_range = option->kind == KIND_COUNT || option->kind == KIND_REAL;
    FILE *out = manual_begin_text(&result, &size);
    if (has_range || option->fallback) fputs(" (", out);
    if (has_range) write_range(option, out);
    if (has_range && option->fallback) fputs("; ", out);
    if (option->fallback) fprintf(out, "default `%s`", option->fallback);
    if (has_range || option->fallback) fputc(')', out);
    fclose(out);
    return result;
}

static int count_commands(const Option *option) {
    int count = 0;
    for (int i = 0; i < COMMAND_COUNT; i++) count += options_has((Command)i, option);
    return count;
}

char *manual_option_commands(const Option *option) {
    char *result = NULL;
    size_t size = 0;
    const int count = count_commands(option);
    FILE *out = manual_begin_text(&result, &size);
    fputs(count == COMMAND_COUNT ? "For all commands" : "For ", out);
    for (int i = 0, k = 0; i < COMMAND_COUNT && count < COMMAND_COUNT; i++) {
        if (!options_has((Command)i, option)) continue;
        const char *between = k == 0 ? "" : k == count - 1 ? " and " : ", ";
        fprintf(out, "%s%s", between, options_commands[i].name);
        k++;
    }
    fputc('.', out);
    fclose(out);
    return result;
}

bool manual_is_shared(const Option *option) {
    return count_commands(option) > 2;
}

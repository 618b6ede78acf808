#include "frontend/command/options.h"

#include "frontend/command/options_table.h"
#include "ir/spelling.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Always returns false, so that `return complain(...)` reads well. */
__attribute__((format(printf, 2, 3))) static bool complain(Complaint *complaint, const char *format,
                                                           ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(complaint->text, sizeof complaint->text, format, args);
    va_end(args);
    return false;
}

/* ---- values ---- */

bool options_read_integer(const char *text, int64_t *out) {
    const char *digits = text[0] == '-' || text[0] == '+' ? text + 1 : text;
    if (!*digits || digits[strspn(digits, "0123456789")]) return false;
    errno = 0;
    const long long value = strtoll(text, NULL, 10);
    if (errno) return false;
    *out = value;
    return true;
}

static bool read_real(const char *text, double *out) {
    if (!*text || text[strspn(text, "0123456789+-.eE")]) return false;
    char *end;
    *out = strtod(text, &end);
    return !*end && isfinite(*out);
}

static bool read_word(const char *text, const char *words, int *out) {
    const size_t length = strlen(text);
    for (int i = 0;; i++) {
        const size_t width = strcspn(words, "|");
        if (width == length && !memcmp(words, text, width)) {
            *out = i;
            return true;
        }
        if (!words[width]) return false;
        words += width + 1;
    }
}

static bool read_count(const Option *option, const char *text, int64_t *out) {
    int64_t value;
    if (!options_read_integer(text, &value)) return false;
    if (value < option->least_count || value > option->most_count) return false;
    *out = value;
    return true;
}

/* Of bytes: a number, or one with a letter for a power of 1000. */
static bool read_size(const Option *option, const char *text, int64_t *out) {
    static const char powers[] = "KMGT";
    char number[24];
    const size_t length = strlen(text);
    const char *power = length ? strchr(powers, text[length - 1]) : NULL;
    int64_t value;
    snprintf(number, sizeof number, "%.*s", (int)(length - (power != NULL)), text);
    if (length >= sizeof number || !options_read_integer(number, &value)) return false;
    for (const char *p = powers; power && p <= power; p++)
        if (__builtin_mul_overflow(value, 1000, &value)) return false;
    if (value < option->least_count || value > option->most_count) return false;
    *out = value;
    return true;
}

static bool read_number(const Option *option, const char *text, double *out) {
    double value;
    if (!read_real(text, &value) || value < option->least || value > option->most) return false;
    *out = value;
    return true;
}

static bool add(const Option *option, const char *text, OptionList *list, Complaint *complaint) {
    if (list->count == MOST_LISTED)
        return complain(complaint, "--%s is given more than %d times", option->name, MOST_LISTED);
    list->item[list->count++] = text;
    return true;
}

static bool set(const Option *option, const char *text, Arguments *arguments,
                Complaint *complaint) {
    void *field = (char *)arguments + option->offset;
    switch (option->kind) {
    case KIND_LIST: return add(option, text, field, complaint);
    case KIND_FLAG: *(bool *)field = true; return true;
    case KIND_TEXT:
    case KIND_OPTIONAL: *(const char **)field = text; return true;
    case KIND_COUNT:
        if (read_count(option, text, field)) return true;
        return complain(complaint, "--%s is '%.40s'; expected a whole number from %lld to %lld",
                        option->name, text, (long long)option->least_count,
                        (long long)option->most_count);
    case KIND_SIZE:
        if (read_size(option, text, field)) return true;
        return complain(complaint, "--%s is '%.40s'; expected a number of bytes, as 500M or 20G",
                        option->name, text);
    case KIND_REAL:
        if (read_number(option, text, field)) return true;
        return complain(complaint, "--%s is '%.40s'; expected a number from %g to %g", option->name,
                        text, option->least, option->most);
    case KIND_WORD:
        if (read_word(text, option->value, field)) return true;
        return complain(complaint, "--%s is '%.40s'; expected one of %s", option->name, text,
                        option->value);
    }
    return false;
}

static void set_fallbacks(Arguments *arguments) {
    *arguments = (Arguments){0};
    Complaint none;
    for (int i = 0; i < OPTIONS_COUNT; i++) {
        const Option *option = &options_table[i];
        if (option->fallback)
            set(option, option->fallback, arguments, &none);
        else if (option->kind == KIND_COUNT || option->kind == KIND_SIZE)
            *(int64_t *)((char *)arguments + option->offset) = OPTION_NOT_GIVEN;
    }
}

/* ---- names ---- */

/* Of the command's options the one that is nearest to what was written, in words. */
static bool complain_unknown(Command command, const char *word, int length, Complaint *complaint) {
    const char *names[OPTIONS_COUNT], *nearest = NULL;
    int count = 0;
    for (int i = 0; i < OPTIONS_COUNT; i++)
        if (options_has(command, &options_table[i])) names[count++] = options_table[i].name;
    char name[64];
    if (length < (int)sizeof name) {
        snprintf(name, sizeof name, "%.*s", length, word);
        nearest = spelling_nearest(name, names, count);
    }
    if (nearest)
        return complain(complaint, "unknown option '--%.*s'; did you mean '--%s'?", length, word,
                        nearest);
    return complain(complaint, "unknown option '--%.*s'", length < 100 ? length : 100, word);
}

/* Null: complained. */
static const Option *find_name(Command command, const char *word, Complaint *complaint) {
    const size_t length = strcspn(word, "=");
    const Option *found = NULL, *second = NULL;
    for (int i = 0; i < OPTIONS_COUNT && length; i++) {
        const Option *option = &options_table[i];
        if (!options_has(command, option) || strncmp(option->name, word, length) != 0) continue;
        if (!option->name[length]) return option;
        second = found;
        found = option;
    }
    if (found && !second) return found;
    if (found)
        complain(complaint, "'--%.*s' is short for '--%s' and '--%s': which one?", (int)length,
                 word, second->name, found->name);
    else
        complain_unknown(command, word, length < 100 ? (int)length : 100, complaint);
    return NULL;
}

static const Option *find_letter(Command command, char letter, Complaint *complaint) {
    for (int i = 0; i < OPTIONS_COUNT; i++)
        if (options_has(command, &options_table[i]) && options_table[i].letter == letter)
            return &options_table[i];
    complain(complaint, isprint((unsigned char)letter) ? "unknown option '-%c'" : "unknown option",
             letter);
    return NULL;
}

/* ---- the words of a command line ---- */

typedef struct {
    Command command;
    int count, next;
    const char **words;
    Arguments *arguments;
    Complaint *complaint;
    const Option *open; /* whose value the operand `open_operand` may be; null: none */
    int open_operand;
} Parser;

/* attached: the value that stands in the same word, or null. */
static bool parse_value(Parser *p, const Option *option, const char *attached) {
    if (option->kind == KIND_FLAG) {
        if (attached) return complain(p->complaint, "--%s takes no value", option->name);
        return set(option, NULL, p->arguments, p->complaint);
    }
    if (option->kind == KIND_OPTIONAL && !attached) {
        const bool is_word_next = p->next < p->count && p->words[p->next][0] != '-';
        p->open = is_word_next ? option : NULL;
        p->open_operand = p->arguments->operand_count;
        return set(option, "", p->arguments, p->complaint);
    }
    if (!attached && p->next == p->count)
        return complain(p->complaint, "--%s needs a value: %s", option->name, option->value);
    const char *value = attached ? attached : p->words[p->next++];
    return set(option, value, p->arguments, p->complaint);
}

static bool parse_name(Parser *p, const char *word) {
    const Option *option = find_name(p->command, word, p->complaint);
    if (!option) return false;
    const char *equals = strchr(word, '=');
    return parse_value(p, option, equals ? equals + 1 : NULL);
}

static bool parse_letters(Parser *p, const char *letters) {
    while (*letters) {
        const Option *option = find_letter(p->command, *letters++, p->complaint);
        if (!option) return false;
        if (option->kind != KIND_FLAG && (option->kind != KIND_OPTIONAL || *letters)) {
            if (*letters == '=') letters++;
            return parse_value(p, option, *letters ? letters : NULL);
        }
        if (!parse_value(p, option, NULL)) return false;
    }
    return true;
}

/* An operand more than the command takes is the value of the option before it. */
static bool take_open(Parser *p) {
    Arguments *arguments = p->arguments;
    if (!p->open || arguments->operand_count <= options_commands[p->command].most) return true;
    const char *value = p->words[p->open_operand];
    arguments->operand_count--;
    for (int i = p->open_operand; i < arguments->operand_count; i++) p->words[i] = p->words[i + 1];
    return set(p->open, value, arguments, p->complaint);
}

bool options_parse(Command command, int count, const char **words, Arguments *out,
                   Complaint *complaint) {
    set_fallbacks(out);
    out->operands = words;
    Parser p = {command, count, 0, words, out, complaint, NULL, 0};
    bool are_options = true;
    while (p.next < count) {
        const char *word = words[p.next++];
        const bool is_option = are_options && word[0] == '-' && word[1];
        if (!is_option)
            words[out->operand_count++] = word;
        else if (strcmp(word, "--") == 0)
            are_options = false;
        else if (word[1] == '-' ? !parse_name(&p, word + 2) : !parse_letters(&p, word + 1))
            return false;
    }
    return take_open(&p);
}

bool options_check_operands(Command command, const Arguments *arguments, Complaint *complaint) {
    const CommandText *text = &options_commands[command];
    if (arguments->operand_count < text->least)
        return complain(complaint, "missing operand: %s", text->operands);
    if (arguments->operand_count > text->most)
        return complain(complaint, "unexpected operand '%.100s'", arguments->operands[text->most]);
    return true;
}

Command options_command(const char *name, Complaint *complaint) {
    const char *names[COMMAND_COUNT];
    for (int i = 0; i < COMMAND_COUNT; i++) {
        names[i] = options_commands[i].name;
        if (strcmp(names[i], name) == 0) return (Command)i;
    }
    const char *nearest = spelling_nearest(name, names, COMMAND_COUNT);
    if (nearest)
        complain(complaint, "unknown command '%.100s'; did you mean '%s'?", name, nearest);
    else
        complain(complaint, "unknown command '%.100s'", name);
    return COMMAND_COUNT;
}

const char *options_command_name(Command command) {
    return options_commands[command].name;
}

/* ---- help ---- */

enum { HELP_WIDTH = 80, HELP_INDENT = 28 };

/* Words of a text in lines; the cursor stands at `column`, later lines begin at `indent`. */
static void print_wrapped(const char *text, int column, int indent, FILE *out) {
    while (*text) {
        const int width = (int)strcspn(text, " ");
        if (column > indent && column + 1 + width > HELP_WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", width, text);
        column += width;
        text += width;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_option(const Option *option, FILE *out) {
    char text[512];
    int column = option->letter ? fprintf(out, "  -%c, --%s", option->letter, option->name)
                                : fprintf(out, "      --%s", option->name);
    if (option->value)
        column += fprintf(out, option->kind == KIND_OPTIONAL ? "[=%s]" : " %s", option->value);
    if (column + 2 > HELP_INDENT) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", HELP_INDENT - column, "");
    snprintf(text, sizeof text, option->fallback ? "%s (default: %s)" : "%s", option->help,
             option->fallback);
    print_wrapped(text, HELP_INDENT, HELP_INDENT, out);
}

void options_print_help(Command command, FILE *out) {
    const CommandText *text = &options_commands[command];
    fprintf(out, "Usage: thalweg %s [OPTION]...%s%s\n\n", text->name, *text->operands ? " " : "",
            text->operands);
    print_wrapped(text->description, 0, 0, out);
    fprintf(out, "\nExample:\n  thalweg %s %s\n\nOptions:\n", text->name, text->example);
    for (int i = 0; i < OPTIONS_COUNT; i++)
        if (options_has(command, &options_table[i])) print_option(&options_table[i], out);
}

void options_print_usage(FILE *out) {
    fprintf(out, "Usage: thalweg COMMAND [OPTION]... [OPERAND]...\n\n"
                 "Compiles models built around a residual stream into native code.\n\nCommands:\n");
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-12s%s\n", options_commands[i].name, options_commands[i].summary);
    fprintf(out,
            "\n`thalweg COMMAND --help` says more; `thalweg --version` says which one this is.\n"
            "Exit codes: 0 done, 1 the input was bad or the work failed, 2 wrong usage.\n");
}

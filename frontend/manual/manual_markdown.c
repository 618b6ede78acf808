/* manual_markdown.c - COMMANDS.md. */
#include "frontend/manual/manual.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 120 };

static void write_wrapped(char *text, int indent, FILE *out) {
    manual_wrap(out, text, indent, WIDTH);
    free(text);
}

/* "- `--name VALUE` (facts): what it does", with the commands that have it if that is wanted. */
static void write_option(const Option *option, bool says_commands, FILE *out) {
    char *text = NULL;
    size_t size = 0;
    char *names = manual_option_names(option), *facts = manual_option_facts(option);
    char *help = manual_markdown(option->help), *commands = manual_option_commands(option);
    FILE *line = manual_begin_text(&text, &size);
    fprintf(line, "- %s%s: %s", names, facts, help);
    if (says_commands) fprintf(line, ". %s", commands);
    fclose(line);
    write_wrapped(text, 2, out);
    free(names);
    free(facts);
    free(help);
    free(commands);
}

static bool has_own_options(Command command) {
    for (int i = 0; i < OPTIONS_COUNT; i++)
        if (options_has(command, &options_table[i]) && !manual_is_shared(&options_table[i]))
            return true;
    return false;
}

/* The options that are described once for all commands, by their names. */
static void write_shared(Command command, FILE *out) {
    char *text = NULL;
    size_t size = 0;
    const char *between = ": ";
    FILE *line = manual_begin_text(&text, &size);
    fprintf(line, "%s [of several commands](#options)",
            has_own_options(command) ? "And those" : "Options are those");
    for (int i = 0; i < OPTIONS_COUNT; i++) {
        const Option *option = &options_table[i];
        if (!options_has(command, option) || !manual_is_shared(option)) continue;
        char *names = manual_option_names(option), *facts = manual_option_facts(option);
        fprintf(line, "%s%s%s", between, names, facts);
        between = "; ";
        free(names);
        free(facts);
    }
    fputc('.', line);
    fclose(line);
    write_wrapped(text, 0, out);
}

static void write_command(const Manual *manual, Command command, FILE *out) {
    const CommandText *text = &options_commands[command];
    const char *prose = manual_prose(manual, command);
    fprintf(out, "\n## %s\n\n    thalweg %s [OPTION]...%s%s\n\n", text->name, text->name,
            *text->operands ? " " : "", text->operands);
    write_wrapped(manual_markdown(text->description), 0, out);
    fprintf(out, "\nFor example:\n\n    thalweg %s %s\n", text->name, text->example);
    if (*prose) fprintf(out, "\n%s", prose);
    if (has_own_options(command)) fputs("\nOptions:\n\n", out);
    for (int i = 0; i < OPTIONS_COUNT; i++)
        if (options_has(command, &options_table[i]) && !manual_is_shared(&options_table[i]))
            write_option(&options_table[i], false, out);
    fputc('\n', out);
    write_shared(command, out);
}

static void write_commands(FILE *out) {
    fputs(
        "\n    thalweg COMMAND [OPTION]... [OPERAND]...\n\n| command | what it does |\n|---|---|\n",
        out);
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "| [%s](#%s) | %s |\n", options_commands[i].name, options_commands[i].name,
                options_commands[i].summary);
}

/* A title as it is linked to: "exit-status". */
static void write_anchor(const char *title, FILE *out) {
    for (; *title; title++) fputc(*title == ' ' ? '-' : tolower((unsigned char)*title), out);
}

static void write_contents(const Manual *manual, FILE *out) {
    const char *before = "\nBeside them: ";
    for (int i = manual_first_section(manual); i < manual->count; i++) {
        const char *title = manual->section[i].title;
        fprintf(out, "%s[%s](#", before, title);
        write_anchor(title, out);
        fputc(')', out);
        before = " ·\n";
    }
    fputc('\n', out);
}

void manual_write_markdown(const Manual *manual, FILE *out) {
    fputs("<!-- Made from commands.def, options.def and frontend/manual/manual.md.in;\n"
          "     `sh tests/manual.sh BUILD --bless` makes it anew. -->\n\n# thalweg\n\n",
          out);
    fputs(manual->introduction, out);
    write_commands(out);
    write_contents(manual, out);
    for (int i = 0; i < COMMAND_COUNT; i++) write_command(manual, (Command)i, out);
    for (int i = manual_first_section(manual); i < manual->count; i++) {
        const ManualSection *section = &manual->section[i];
        fprintf(out, "\n## %s\n\n%s", section->title, section->text);
        if (strcmp(section->title, "Options") != 0) continue;
        fputs("\nThese are of several commands:\n\n", out);
        for (int k = 0; k < OPTIONS_COUNT; k++)
            if (manual_is_shared(&options_table[k])) write_option(&options_table[k], true, out);
    }
}

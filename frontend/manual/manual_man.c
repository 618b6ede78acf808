/* manual_man.c - thalweg.1. */
#include "frontend/manual/manual.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void write_heading(const char *title, FILE *out) {
    fputs(".SH ", out);
    for (; *title; title++) fputc(toupper((unsigned char)*title), out);
    fputc('\n', out);
}

static void write_line(char *markdown, FILE *out) {
    manual_write_roff_text(markdown, out);
    free(markdown);
}

static void write_names(Command command, FILE *out) {
    char *text = NULL;
    size_t size = 0;
    FILE *line = manual_begin_text(&text, &size);
    fputs("Its options:", line);
    for (int i = 0, k = 0; i < OPTIONS_COUNT; i++)
        if (options_has(command, &options_table[i]))
            fprintf(line, "%s `--%s`", k++ ? "," : "", options_table[i].name);
    fputs(".\n", line);
    fclose(line);
    manual_write_roff(text, false, out);
    free(text);
}

static void write_command(const Manual *manual, Command command, FILE *out) {
    const CommandText *text = &options_commands[command];
    char *description = manual_markdown(text->description);
    fprintf(out, ".SS \"thalweg %s [OPTION]...%s%s\"\n", text->name, *text->operands ? " " : "",
            text->operands);
    manual_write_roff(description, true, out);
    manual_write_roff(manual_prose(manual, command), false, out);
    write_names(command, out);
    free(description);
}

static void write_option(const Option *option, FILE *out) {
    char *text = NULL;
    size_t size = 0;
    char *names = manual_option_names(option), *facts = manual_option_facts(option);
    char *help = manual_markdown(option->help), *commands = manual_option_commands(option);
    FILE *tag = manual_begin_text(&text, &size);
    fprintf(tag, "%s%s", names, facts);
    fclose(tag);
    fputs(".TP\n", out);
    write_line(text, out);
    FILE *body = manual_begin_text(&text, &size);
    fprintf(body, "%s. %s\n", help, commands);
    fclose(body);
    manual_write_roff(text, true, out);
    free(text);
    free(names);
    free(facts);
    free(help);
    free(commands);
}

static void write_examples(FILE *out) {
    write_heading("Examples", out);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        const CommandText *text = &options_commands[i];
        char *block = NULL;
        size_t size = 0;
        FILE *whole = manual_begin_text(&block, &size);
        fprintf(whole, "To %s:\n\n```\nthalweg %s %s\n```\n", text->summary, text->name,
                text->example);
        fclose(whole);
        manual_write_roff(block, i == 0, out);
        free(block);
    }
}

static void write_head(const Manual *manual, FILE *out) {
    fprintf(out,
            ".\\\" Made from commands.def, options.def and manual.md.in.\n"
            ".TH THALWEG 1 %s \"Thalweg %s\" \"User Commands\"\n"
            ".SH NAME\nthalweg \\- compile models built around a residual stream\n"
            ".SH SYNOPSIS\n"
            "\\fBthalweg\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIOPERAND\\fR]...\n.br\n"
            "\\fBthalweg help\\fR [\\fICOMMAND\\fR]\n.br\n"
            "\\fBthalweg \\-\\-version\\fR\n"
            ".SH DESCRIPTION\n",
            manual->date, manual->version);
}

void manual_write_man(const Manual *manual, FILE *out) {
    write_head(manual, out);
    manual_write_roff(manual->introduction, true, out);
    write_heading("Commands", out);
    for (int i = 0; i < COMMAND_COUNT; i++) write_command(manual, (Command)i, out);
    for (int i = manual_first_section(manual); i < manual->count; i++) {
        const ManualSection *section = &manual->section[i];
        if (strcmp(section->title, "See also") == 0) write_examples(out);
        write_heading(section->title, out);
        manual_write_roff(section->text, true, out);
        if (strcmp(section->title, "Options") != 0) continue;
        for (int k = 0; k < OPTIONS_COUNT; k++) write_option(&options_table[k], out);
    }
}

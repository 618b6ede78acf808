/* manual_zsh.c - the completion for zsh: for each command a call of _arguments with a line for each
 * of its options. */
#include "frontend/manual/manual.h"

#include <stdlib.h>
#include <string.h>

/* Text within '...', where `special` characters have a backslash before them. */
static void write_quoted(const char *text, const char *special, FILE *out) {
    for (; *text; text++) {
        if (strchr(special, *text)) fputc('\\', out);
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fputc(*text, out);
    }
}

/* ".yaml .gguf" as patterns. */
static void write_files(const char *endings, FILE *out) {
    fputs("_files -g \"", out);
    for (const char *c = endings; *c; c++) {
        if (*c == '.') fputc('*', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

static void write_offer(ManualOffer offer, FILE *out) {
    if (offer.words && offer.is_list)
        fprintf(out, "_sequence compadd - %s", offer.words);
    else if (offer.words)
        fprintf(out, "(%s)", offer.words);
    else if (offer.has_files && *offer.endings)
        write_files(offer.endings, out);
    else if (offer.has_files)
        fputs("_files", out);
    else if (offer.has_folders)
        fputs("_files -/", out);
    else if (offer.has_programs)
        fputs("_command_names -e", out);
    else
        fputc(' ', out);
    free(offer.words);
}

/* '(-n --name)'{-n+,--name=}'[what it does]:VALUE:what there is': each excludes the other, a value
 * may stand in the same word or in the next. '*--name=[...': it may be given several times. */
static void write_option(const Option *option, FILE *out) {
    const bool is_flag = option->kind == KIND_FLAG, is_optional = option->kind == KIND_OPTIONAL;
    const char *after_letter = is_flag ? "" : is_optional ? "-" : "+";
    const char *after_name = is_flag ? "" : is_optional ? "=-" : "=";
    char *clause = manual_clause(option);
    fputs("            ", out);
    if (option->letter)
        fprintf(out, "'(-%c --%s)'{-%c%s,--%s%s}'[", option->letter, option->name, option->letter,
                after_letter, option->name, after_name);
    else
        fprintf(out, "'%s--%s%s[", option->kind == KIND_LIST ? "*" : "", option->name, after_name);
    write_quoted(clause, "[]\\", out);
    fputc(']', out);
    if (!is_flag) {
        fputs(is_optional ? "::" : ":", out);
        write_quoted(option->kind == KIND_WORD ? "word" : option->value, ":\\", out);
        fputc(':', out);
        write_offer(manual_offer_value(option), out);
    }
    fputs("' \\\n", out);
    free(clause);
}

static void write_command(Command command, FILE *out) {
    const CommandText *text = &options_commands[command];
    fprintf(out, "        %s)\n        _arguments -s -S \\\n", text->name);
    for (int i = 0; i < OPTIONS_COUNT; i++)
        if (options_has(command, &options_table[i])) write_option(&options_table[i], out);
    if (text->most > 0) {
        fputs(text->most > 1 ? "            '*:" : "            ':", out);
        write_quoted(text->operands, ":\\", out);
        fputc(':', out);
        write_offer(manual_offer_operand(command), out);
        fputs("'\n", out);
    }
    fputs("        ;;\n", out);
}

void manual_write_zsh(FILE *out) {
    fputs("#compdef thalweg\n"
          "# Made from the tables of the command line, commands.def and options.def.\n\n"
          "_thalweg() {\n"
          "    local curcontext=$curcontext state line\n"
          "    local -a commands=(\n",
          out);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "        '%s:", options_commands[i].name);
        write_quoted(options_commands[i].summary, "\\", out);
        fputs("'\n", out);
    }
    fputs("    )\n"
          "    local -a all=($commands 'help:show the options of a command')\n"
          "    _arguments -C '(- *)'{-h,--help}'[show the commands]' '(- *)--version[say which one "
          "this is]' \\\n"
          "        '1: :->command' '*:: :->words'\n"
          "    case $state in\n"
          "    command) _describe -t commands command all ;;\n"
          "    words)\n"
          "        case $words[1] in\n"
          "        help) _describe -t commands command commands ;;\n",
          out);
    for (int i = 0; i < COMMAND_COUNT; i++) write_command((Command)i, out);
    fputs("        esac\n"
          "        ;;\n"
          "    esac\n"
          "}\n\n"
          "_thalweg \"$@\"\n",
          out);
}

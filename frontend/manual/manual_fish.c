/* manual_fish.c - the completion for fish: a line for each command, its operands, and each option.
 */
#include "frontend/manual/manual.h"

#include <stdlib.h>

static const char head[] =
    "# Completion of thalweg for fish.\n"
    "# Made from the tables of the command line, commands.def and options.def.\n"
    "\n"
    "function __thalweg_is --description 'whether the command is one of these'\n"
    "    set -l words (commandline -opc)\n"
    "    set -q words[2]; and contains -- $words[2] $argv\n"
    "end\n"
    "\n"
    "function __thalweg_is_missing --description 'whether there is no command yet'\n"
    "    test (count (commandline -opc)) -eq 1\n"
    "end\n"
    "\n"
    "function __thalweg_files --description 'files with these endings, and folders'\n"
    "    set -l endings .+/ (string escape --style=regex -- $argv)\n"
    "    __fish_complete_suffix '' | string match -er '('(string join '|' $endings)')(\\t|$)'\n"
    "end\n"
    "\n"
    "function __thalweg_operands --description 'the same, where no option begins'\n"
    "    string match -q -- '-*' (commandline -ct); or __thalweg_files $argv\n"
    "end\n"
    "\n"
    "function __thalweg_list --description 'words of a list with commas'\n"
    "    set -l before (commandline -ct | string replace -r '^-[^=]*=' '' | string match -r "
    "'^.*,')\n"
    "    printf '%s\\n' \"$before\"$argv\n"
    "end\n"
    "\n"
    "complete -c thalweg -f\n";

static void write_quoted(const char *text, FILE *out) {
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

/* -a with what there is, files by a function; nothing where a shell knows nothing. */
static void write_offer(ManualOffer offer, const char *files, FILE *out) {
    if (offer.words && offer.is_list)
        fprintf(out, " -a '(__thalweg_list %s)'", offer.words);
    else if (offer.words)
        fprintf(out, " -a '%s'", offer.words);
    else if (offer.has_files)
        fprintf(out, " -a '(%s %s)'", files, *offer.endings ? offer.endings : "\"\"");
    else if (offer.has_folders)
        fputs(" -a '(__fish_complete_directories)'", out);
    else if (offer.has_programs)
        fputs(" -a '(__fish_complete_command)'", out);
    free(offer.words);
}

static void write_option(const Option *option, FILE *out) {
    const bool takes_value = option->kind != KIND_FLAG && option->kind != KIND_OPTIONAL;
    char *clause = manual_clause(option);
    fputs("complete -c thalweg -n '__thalweg_is", out);
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (options_has((Command)i, option)) fprintf(out, " %s", options_commands[i].name);
    fputc('\'', out);
    if (option->letter) fprintf(out, " -s %c", option->letter);
    fprintf(out, " -l %s", option->name);
    if (takes_value) fputs(" -x", out);
    if (option->kind == KIND_OPTIONAL) fputs(" -f", out);
    if (option->kind != KIND_FLAG) write_offer(manual_offer_value(option), "__thalweg_files", out);
    fputs(" -d ", out);
    write_quoted(clause, out);
    fputc('\n', out);
    free(clause);
}

static void write_command(Command command, FILE *out) {
    const CommandText *text = &options_commands[command];
    fprintf(out, "\ncomplete -c thalweg -n __thalweg_is_missing -a %s -d ", text->name);
    write_quoted(text->summary, out);
    fprintf(out, "\ncomplete -c thalweg -n '__thalweg_is help' -a %s -d ", text->name);
    write_quoted(text->summary, out);
    fprintf(out, "\ncomplete -c thalweg -n '__thalweg_is %s'", text->name);
    write_offer(manual_offer_operand(command), "__thalweg_operands", out);
}

void manual_write_fish(FILE *out) {
    fputs(head, out);
    fputs("complete -c thalweg -n __thalweg_is_missing -s h -l help -d 'show the commands'\n"
          "complete -c thalweg -n __thalweg_is_missing -l version -d 'say which one this is'\n"
          "complete -c thalweg -n __thalweg_is_missing -a help -d 'show the options of a command'",
          out);
    for (int i = 0; i < COMMAND_COUNT; i++) write_command((Command)i, out);
    fputs("\n\n", out);
    for (int i = 0; i < OPTIONS_COUNT; i++) write_option(&options_table[i], out);
}

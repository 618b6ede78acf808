/* manual_bash.c - the completion for bash: a line for each option that takes a value, and one for
 * each command. It needs bash alone, not the functions of bash-completion. */
#include "frontend/manual/manual.h"

#include <stdlib.h>
#include <string.h>

static const char head[] =
    "# Completion of thalweg for bash.\n"
    "# Made from the tables of the command line, commands.def and options.def.\n"
    "\n"
    "_thalweg_words() { # words that the current one may become\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\")\n"
    "}\n"
    "\n"
    "_thalweg_list() { # words of a list with commas\n"
    "    local done=''\n"
    "    [[ $current == *,* ]] && done=${current%,*},\n"
    "    mapfile -t COMPREPLY < <(compgen -P \"$done\" -W \"$1\" -- \"${current##*,}\")\n"
    "    compopt -o nospace 2>/dev/null || :\n"
    "}\n"
    "\n"
    "_thalweg_files() { # files with these endings, or all, and folders on the way to them\n"
    "    mapfile -t COMPREPLY < <(\n"
    "        compgen -d -- \"$current\"\n"
    "        compgen -f -- \"$current\" | while IFS= read -r file; do\n"
    "            [[ ! -d $file && (-z $1 || \" $1 \" == *\" .${file##*.} \"*) ]] && printf '%s\\n' "
    "\"$file\"\n"
    "        done\n"
    "    )\n"
    "    compopt -o filenames 2>/dev/null || :\n"
    "}\n"
    "\n"
    "_thalweg_folders() {\n"
    "    mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
    "    compopt -o filenames 2>/dev/null || :\n"
    "}\n"
    "\n"
    "_thalweg_programs() {\n"
    "    mapfile -t COMPREPLY < <(compgen -c -- \"$current\")\n"
    "}\n"
    "\n"
    "_thalweg_value() { # what the value of a command's option may be; false: it takes none\n"
    "    case $1 in\n";

/* `--name=value` is one word, or three where '=' divides words. */
static const char middle[] =
    "    *) return 1 ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "_thalweg() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} option='' attached='' prefix='' i\n"
    "    local before=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    COMPREPLY=()\n"
    "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
    "        [[ ${COMP_WORDS[i]} == -- ]] && before=--\n"
    "    done\n"
    "    if [[ $before == -- ]]; then\n"
    "        :\n"
    "    elif [[ $current == = ]]; then\n"
    "        option=$before attached=1 current=''\n"
    "    elif [[ $before == = ]]; then\n"
    "        option=${COMP_WORDS[COMP_CWORD - 2]} attached=1\n"
    "    elif [[ $current == --*=* ]]; then\n"
    "        option=${current%%=*} attached=1 prefix=${current%%=*}= current=${current#*=}\n"
    "    elif [[ $before == -* ]]; then\n"
    "        option=$before\n"
    "    fi\n"
    "    if ((COMP_CWORD > 1)) && _thalweg_value \"${COMP_WORDS[1]} $option\" \"$attached\"; then\n"
    "        COMPREPLY=(\"${COMPREPLY[@]/#/$prefix}\")\n"
    "        return\n"
    "    fi\n"
    "    local command=${COMP_WORDS[1]}\n"
    "    ((COMP_CWORD == 1)) && command=''\n"
    "    [[ $before != -- && $current == -* ]] && command+=' -'\n"
    "    case $command in\n";

static const char tail[] = "    esac\n"
                           "}\n"
                           "\n"
                           "complete -F _thalweg thalweg\n";

static void write_offer(ManualOffer offer, FILE *out) {
    if (offer.words)
        fprintf(out, "%s '%s'", offer.is_list ? "_thalweg_list" : "_thalweg_words", offer.words);
    else if (offer.has_files)
        fprintf(out, "_thalweg_files '%s'", offer.endings);
    else if (offer.has_folders)
        fputs("_thalweg_folders", out);
    else if (offer.has_programs)
        fputs("_thalweg_programs", out);
    else
        fputc(':', out);
    free(offer.words);
}

/* Whether an option of another command has the same name or letter. */
static bool is_ambiguous(const Option *option) {
    for (int i = 0; i < OPTIONS_COUNT; i++) {
        const Option *other = &options_table[i];
        if (other == option) continue;
        if (strcmp(other->name, option->name) == 0) return true;
        if (option->letter && other->letter == option->letter) return true;
    }
    return false;
}

static void write_pattern(const char *command, const Option *option, FILE *out) {
    if (option->letter) fprintf(out, "%s' '-%c | ", command, option->letter);
    fprintf(out, "%s' '--%s", command, option->name);
}

/* A value that may be left out is one only if it stands in the same word. */
static void write_value(const Option *option, FILE *out) {
    const char *between = "";
    fputs("    ", out);
    if (!is_ambiguous(option)) write_pattern("*", option, out);
    for (int i = 0; i < COMMAND_COUNT && is_ambiguous(option); i++) {
        if (!options_has((Command)i, option)) continue;
        fputs(between, out);
        write_pattern(options_commands[i].name, option, out);
        between = " | ";
    }
    fputs(") ", out);
    if (option->kind == KIND_OPTIONAL) fputs("[[ $2 ]] && ", out);
    write_offer(manual_offer_value(option), out);
    fputs(" ;;\n", out);
}

static void write_command(Command command, FILE *out) {
    const char *name = options_commands[command].name;
    fprintf(out, "    '%s -')\n        _thalweg_words '", name);
    for (int i = 0, k = 0; i < OPTIONS_COUNT; i++) {
        const Option *option = &options_table[i];
        if (!options_has(command, option)) continue;
        fprintf(out, "%s--%s", k++ ? " " : "", option->name);
        if (option->letter) fprintf(out, " -%c", option->letter);
    }
    fprintf(out, "'\n        ;;\n    %s) ", name);
    write_offer(manual_offer_operand(command), out);
    fputs(" ;;\n", out);
}

static void write_names(FILE *out) {
    for (int i = 0; i < COMMAND_COUNT; i++) fprintf(out, "%s ", options_commands[i].name);
}

void manual_write_bash(FILE *out) {
    fputs(head, out);
    for (int i = 0; i < OPTIONS_COUNT; i++)
        if (options_table[i].kind != KIND_FLAG) write_value(&options_table[i], out);
    fputs(middle, out);
    fputs("    '') _thalweg_words '", out);
    write_names(out);
    fputs("help' ;;\n    ' -') _thalweg_words '--help --version' ;;\n    help) _thalweg_words '",
          out);
    write_names(out);
    fputs("' ;;\n", out);
    for (int i = 0; i < COMMAND_COUNT; i++) write_command((Command)i, out);
    fputs(tail, out);
}

/* manual.h - what people read about the command line, and what shells know of it: COMMANDS.md, the
 * man page, and the completions of bash, zsh and fish. All of it is made from commands.def and
 * options.def, so that a new row is in each of them; the prose between is manual.md.in.
 */
#ifndef FRONTEND_MANUAL_H
#define FRONTEND_MANUAL_H

#include "frontend/command/options_table.h"

/* ---- manual_prose.c: what the tables do not say ---- */

enum { MANUAL_MOST_SECTIONS = 64 };

typedef struct {
    const char *title; /* what stands after "## " */
    const char *text;  /* Markdown, ends with a line's end; "" if there is none */
} ManualSection;

typedef struct {
    const char *introduction; /* what stands before the first section */
    ManualSection section[MANUAL_MOST_SECTIONS];
    int count;
    const char *version, *date; /* of Thalweg; of the page */
} Manual;

/* Cuts the prose into its sections, in place. Those that are called like a command come first.
 * False: there are too many, or one of them is of no command and stands before one that is. */
bool manual_read(Manual *manual, char *prose);

/* The prose about a command; "" if there is none. */
const char *manual_prose(const Manual *manual, Command command);

/* The first section that is about no command. */
int manual_first_section(const Manual *manual);

/* ---- manual_text.c: texts of the tables, as Markdown; they are the caller's to free ---- */

/* A stream into a text that grows. Closing it ends the text. */
FILE *manual_begin_text(char **text, size_t *size);

/* Options among the words are set as code, and characters that mean something are escaped. */
char *manual_markdown(const char *text);

/* "`-n`, `--count COUNT`" */
char *manual_option_names(const Option *option);

/* " (0 or more; default 10)", or "" */
char *manual_option_facts(const Option *option);

/* "For run, compile and bench." */
char *manual_option_commands(const Option *option);

/* An option that so many commands have is described once for all of them. */
bool manual_is_shared(const Option *option);

/* Words of a text in lines of at most `width` columns, the first of them at the margin, later ones
 * at `indent`. */
void manual_wrap(FILE *out, const char *text, int indent, int width);

/* ---- manual_roff.c: Markdown in the language of man pages ---- */

/* Paragraphs, lists with "- ", and fenced blocks. `begins`: a section begins here. */
void manual_write_roff(const char *markdown, bool begins, FILE *out);

/* Running text alone: `code`, *emphasis* and [links](url). */
void manual_write_roff_text(const char *markdown, FILE *out);

/* ---- manual_offer.c: what a shell can offer ---- */

typedef struct {
    bool has_files, has_folders, has_programs;
    char endings[32]; /* of the files, with blanks between: ".yaml .gguf"; "" for all */
    char *words;      /* with blanks between; null: none. The caller's to free */
    bool is_list;     /* any of the words, with commas between */
} ManualOffer;

/* For an option's value. Folders are on the way to files, and so are always offered with them. */
ManualOffer manual_offer_value(const Option *option);
/* For a command's operands. */
ManualOffer manual_offer_operand(Command command);

/* The first clause of an option's help, of words what all of them mean: what fits beside its name.
 * The caller's to free. */
char *manual_clause(const Option *option);

/* ---- one file each ---- */

void manual_write_markdown(const Manual *manual, FILE *out);
void manual_write_man(const Manual *manual, FILE *out);
void manual_write_bash(FILE *out);
void manual_write_zsh(FILE *out);
void manual_write_fish(FILE *out);

#endif

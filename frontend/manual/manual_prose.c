/* manual_prose.c - manual.md.in, cut into its sections. */
#include "frontend/manual/manual.h"

#include <string.h>

static int find_command(const char *title) {
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(options_commands[i].name, title) == 0) return i;
    return COMMAND_COUNT;
}

/* Without empty lines at its ends. */
static const char *trim(char *text) {
    text += strspn(text, "\n");
    size_t length = strlen(text);
    while (length > 1 && text[length - 2] == '\n') length--;
    text[length] = '\0';
    return text;
}

/* The line "## TITLE" that comes next, or null. */
static char *next_heading(char *text) {
    if (strncmp(text, "## ", 3) == 0) return text;
    char *found = strstr(text, "\n## ");
    return found ? found + 1 : NULL;
}

/* Ends what stands before a heading, and the line of its title. The text after it is returned. */
static char *cut(char *heading, ManualSection *section) {
    heading[0] = '\0';
    section->title = heading + 3;
    char *end = heading + 3 + strcspn(heading + 3, "\n");
    if (!*end) return end;
    *end = '\0';
    return end + 1;
}

bool manual_read(Manual *manual, char *prose) {
    char *text = prose;
    const char **slot = &manual->introduction;
    bool is_of_command = true;
    for (char *heading; (heading = next_heading(text)) != NULL;) {
        if (manual->count == MANUAL_MOST_SECTIONS) return false;
        ManualSection *section = &manual->section[manual->count++];
        char *rest = cut(heading, section);
        *slot = trim(text);
        slot = &section->text;
        text = rest;
        const bool is_command = find_command(section->title) < COMMAND_COUNT;
        if (is_command && !is_of_command) return false;
        is_of_command = is_command;
    }
    *slot = trim(text);
    return true;
}

const char *manual_prose(const Manual *manual, Command command) {
    for (int i = 0; i < manual->count; i++)
        if (strcmp(manual->section[i].title, options_commands[command].name) == 0)
            return manual->section[i].text;
    return "";
}

int manual_first_section(const Manual *manual) {
    int i = 0;
    while (i < manual->count && find_command(manual->section[i].title) < COMMAND_COUNT) i++;
    return i;
}

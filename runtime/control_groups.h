/* control_groups.h - the control groups of a process, whose files say what it may have.
 *
 * Files that are not there, or say something else, limit nothing. Nothing is allocated.
 */
#ifndef RUNTIME_CONTROL_GROUPS_H
#define RUNTIME_CONTROL_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called with the folder of a group of version 1 or 2, which have other files. */
typedef void TwVisitGroup(void *context, const char *folder, bool is_version_2);

/* Visits the group of a process, and all above it that are to be seen, in every hierarchy that has
 * the controller ("cpu"). `self` is the process's folder in /proc; `root` stands before the paths
 * where hierarchies are mounted: "" but in tests. */
void tw_control_groups(const char *self, const char *root, const char *controller,
                       TwVisitGroup *visit, void *context);

/* The first line of a file of a group, cut off where it is too long. False: there is none. */
bool tw_group_line(const char *folder, const char *name, char *line, size_t size);

/* A whole number that is not negative, and nothing else; -1: it is none. */
int64_t tw_group_number(const char *text);

/* The number in a file's line "word number"; -1: there is none. */
int64_t tw_group_entry(const char *folder, const char *name, const char *word);

#endif

/* program_path.h - where the program that runs lies. */
#ifndef FRONTEND_PROGRAM_PATH_H
#define FRONTEND_PROGRAM_PATH_H

#include <limits.h>
#include <stdbool.h>

/* Its folder, by its own name and not by a link to it. False: nobody says. */
bool program_path_folder(char folder[PATH_MAX]);

#endif

#include "frontend/files/program_path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* Where /proc is not mounted, the kernel still says by which path it was run. */
static bool find_program(char path[PATH_MAX]) {
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    const char *run = length > 0 ? NULL : (const char *)getauxval(AT_EXECFN);
    if (length > 0) path[length] = '\0';
    return length > 0 || (run && realpath(run, path));
}

bool program_path_folder(char folder[PATH_MAX]) {
    char *name = find_program(folder) ? strrchr(folder, '/') : NULL;
    if (name) *name = '\0';
    return name;
}

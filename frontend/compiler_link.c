/* compiler_link.c - an object and the runtime library as one archive, shared library or program,
 * made by the archiver and the C compiler of the target.
 *
 * All goes on in a folder of its own in $TMPDIR, of which the result is copied to its place.
 */
#include "frontend/compiler.h"
#include "frontend/output_file.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    Thalweg *thalweg;
    Arena *arena;
    Diag *diag;
    ThalwegEmit form;
    const char *prefix;
    char *folder; /* of what is made on the way */
    const char *object, *result;
} Link;

extern char **environ;

/* ---- the runtime library ---- */

static const char symbol_script[] = "symbols";
static const char runtime_library[] = "libthalweg_rt.a", main_library[] = "libthalweg_main.a";

static bool is_there(Link *link, const char *folder, const char *name) {
    return access(arena_printf(link->arena, "%s/%s", folder, name), R_OK) == 0;
}

/* Beside the program, as it is built, or where it is installed. */
static const char *find_runtime(Link *link) {
    const char *given = link->thalweg->options.runtime;
    static const char *const places[] = {"", THALWEG_LIBRARY_FOLDER};
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    char *name = strrchr(program, '/');
    if (name) *name = 0;
    if (given && is_there(link, given, runtime_library)) return given;
    for (size_t i = 0; !given && i < sizeof places / sizeof *places; i++) {
        const char *folder = arena_printf(link->arena, "%s%s", program, places[i]);
        if (is_there(link, folder, runtime_library)) return folder;
    }
    diag_error(link->diag, (Loc){0}, "the runtime library '%s' is not in '%s'", runtime_library,
               given ? given : "the folders where Thalweg is built or installed");
    diag_hint(link->diag, "name its folder by --runtime; that of another target is built with its "
                          "compiler: see \"Another processor\" in the README");
    return NULL;
}

/* ---- commands ---- */

/* Runs a command, whose words end with null. What it says goes to standard error. */
static bool run(Link *link, const char *const *words) {
    pid_t child;
    int status = 0;
    const int error = posix_spawnp(&child, words[0], NULL, NULL, (char *const *)words, environ);
    if (error) {
        diag_error(link->diag, (Loc){0}, "'%s' cannot be run: %s", words[0], strerror(error));
        return diag_hint(link->diag, "install it, or name the C compiler of the target by --cc");
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    return diag_error(link->diag, (Loc){0}, "'%s' failed to make '%s'", words[0], link->result);
}

/* As Debian names it. */
static const char *cross_compiler(Link *link) {
    return arena_printf(link->arena, "%s-linux-gnu-gcc",
                        target_architecture_name(link->thalweg->target->names.architecture));
}

static const char *compiler_command(Link *link) {
    const char *given = link->thalweg->options.cc, *set = getenv("CC");
    if (given) return given;
    if (!link->thalweg->target->is_host_architecture) return cross_compiler(link);
    return set && *set ? set : "cc";
}

/* ---- files ---- */

static bool cannot(Link *link, const char *path) {
    return diag_error(link->diag, (Loc){0}, "'%s': %s", path, strerror(errno));
}

static bool write_text(Link *link, const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    if (!file) return cannot(link, path);
    fputs(text, file);
    return fclose(file) == 0 || cannot(link, path);
}

/* What could not be written is seen when `to` is closed. */
static bool copy_file(Link *link, const char *path, FILE *to) {
    char block[1 << 16];
    FILE *file = fopen(path, "rb");
    if (!file) return cannot(link, path);
    for (size_t count; (count = fread(block, 1, sizeof block, file)) > 0;)
        fwrite(block, 1, count, to);
    const bool is_read = !ferror(file) || cannot(link, path);
    fclose(file);
    return is_read;
}

/* ---- the three forms ---- */

static const char *in_folder(Link *link, const char *name) {
    return arena_printf(link->arena, "%s/%s", link->folder, name);
}

/* The runtime's members stay what they are, so that two such archives meet in one program. */
static bool make_archive(Link *link, const char *runtime) {
    const char *library = arena_printf(link->arena, "%s/%s", runtime, runtime_library);
    const char *const add[] = {"ar", "rcs", link->result, link->object, NULL};
    FILE *archive = fopen(link->result, "wb");
    if (!archive) return cannot(link, link->result);
    const bool is_copied = copy_file(link, library, archive);
    return (fclose(archive) == 0 || cannot(link, link->result)) && is_copied && run(link, add);
}

static bool make_shared(Link *link, const char *runtime) {
    const char *script = in_folder(link, symbol_script);
    const char *name = strrchr(link->result, '/');
    const char *text = arena_printf(link->arena, "{ global: %s_*; local: *; };\n", link->prefix);
    if (!write_text(link, script, text)) return false;
    const char *const words[] = {compiler_command(link),
                                 "-shared",
                                 "-o",
                                 link->result,
                                 link->object,
                                 arena_printf(link->arena, "%s/%s", runtime, runtime_library),
                                 arena_printf(link->arena, "-Wl,-soname,%s", name + 1),
                                 arena_printf(link->arena, "-Wl,--version-script=%s", script),
                                 "-Wl,-z,text,-z,noexecstack,-z,relro,-z,now",
                                 "-Wl,--no-as-needed",
                                 "-fopenmp",
                                 "-lm",
                                 NULL};
    return run(link, words);
}

static bool make_program(Link *link, const char *runtime) {
    if (!is_there(link, runtime, main_library))
        return diag_error(link->diag, (Loc){0}, "'%s' is not in '%s'", main_library, runtime);
    const char *const words[] = {compiler_command(link),
                                 "-pie",
                                 "-o",
                                 link->result,
                                 link->object,
                                 arena_printf(link->arena, "%s/%s", runtime, main_library),
                                 arena_printf(link->arena, "%s/%s", runtime, runtime_library),
                                 "-Wl,-z,noexecstack,-z,relro,-z,now",
                                 "-Wl,--no-as-needed",
                                 "-fopenmp",
                                 "-lm",
                                 NULL};
    return run(link, words);
}

/* ---- the whole ---- */

static bool make_folder(Link *link) {
    const char *temporary = getenv("TMPDIR");
    link->folder = arena_printf(link->arena, "%s/thalweg-XXXXXX",
                                temporary && *temporary ? temporary : "/tmp");
    if (mkdtemp(link->folder)) return true;
    diag_error(link->diag, (Loc){0}, "a folder '%s' cannot be made: %s", link->folder,
               strerror(errno));
    link->folder = NULL;
    return false;
}

static void remove_folder(Link *link) {
    if (!link->folder) return;
    if (link->object) unlink(link->object);
    if (link->result) unlink(link->result);
    unlink(in_folder(link, symbol_script));
    rmdir(link->folder);
}

/* The result appears whole or not at all, and as executable as it was linked. */
static bool place_result(Link *link, const char *path) {
    OutputFile output;
    struct stat info;
    if (stat(link->result, &info) != 0) return cannot(link, link->result);
    if (!output_file_open(&output, path, link->diag)) return false;
    const bool is_copied = copy_file(link, link->result, output.stream);
    if (output.temporary && link->form != THALWEG_ARCHIVE)
        fchmod(output.descriptor, info.st_mode & 0777);
    return output_file_close(&output, is_copied, link->diag);
}

static bool link_object(Link *link, const char *path) {
    const char *name = strrchr(path, '/');
    const char *runtime = find_runtime(link);
    if (!runtime || !make_folder(link)) return false;
    link->object = in_folder(link, arena_printf(link->arena, "%s.o", link->prefix));
    link->result = in_folder(link, name ? name + 1 : path);
    if (!compiler_write_module(link->thalweg, THALWEG_OBJECT, link->object,
                               link->form == THALWEG_PROGRAM))
        return false;
    switch (link->form) {
    case THALWEG_ARCHIVE: return make_archive(link, runtime) && place_result(link, path);
    case THALWEG_SHARED: return make_shared(link, runtime) && place_result(link, path);
    default: return make_program(link, runtime) && place_result(link, path);
    }
}

bool compiler_link(Thalweg *thalweg, ThalwegEmit form, const char *path) {
    if (!compiler_plan(thalweg)) return false;
    Link link = {.thalweg = thalweg,
                 .arena = thalweg->arena,
                 .diag = &thalweg->diag,
                 .form = form,
                 .prefix = module_prefix(thalweg->plan->name, thalweg->arena)};
    const bool is_done = link_object(&link, path);
    remove_folder(&link);
    return is_done;
}

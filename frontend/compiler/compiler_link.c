/* compiler_link.c - an object and the runtime library as one archive, shared library or program,
 * made by the archiver and the C compiler of the target.
 *
 * All goes on in a folder of its own in $TMPDIR, of which the result is copied to its place.
 */
#include "codegen/emit/module_names.h"
#include "frontend/compiler/compiler.h"
#include "frontend/files/archive.h"
#include "frontend/files/output_file.h"
#include "frontend/files/program_path.h"
#include "frontend/files/temporary.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    Thalweg *thalweg;
    Arena *arena;
    Diag *diag;
    ThalwegEmit form;
    const char *prefix;
    TemporaryFolder folder; /* of what is made on the way */
    const char *object, *result;
} Link;

extern char **environ;

enum { MOST_WORDS = 48 };

/* ---- the runtime library ---- */

static const char symbol_script[] = "symbols";
static const char runtime_library[] = "libthalweg_rt.a", main_library[] = "libthalweg_main.a";

static bool has_runtime(Link *link, const char *folder) {
    static const int machines[] = {[ARCHITECTURE_x86_64] = EM_X86_64,
                                   [ARCHITECTURE_aarch64] = EM_AARCH64,
                                   [ARCHITECTURE_riscv64] = EM_RISCV};
    const char *path = arena_printf(link->arena, "%s/%s", folder, runtime_library);
    return archive_machine(path) == machines[link->thalweg->target->names.architecture];
}

/* Beside the program, as it is built, or where it is installed. */
static const char *find_runtime(Link *link) {
    const char *given = link->thalweg->options.runtime;
    static const char *const places[] = {"", THALWEG_LIBRARY_FOLDER};
    char program[PATH_MAX];
    const bool is_looked_for =
        !given && link->thalweg->target->is_host_architecture && program_path_folder(program);
    if (given && has_runtime(link, given)) return given;
    for (size_t i = 0; is_looked_for && i < sizeof places / sizeof *places; i++) {
        const char *folder = arena_printf(link->arena, "%s%s", program, places[i]);
        if (has_runtime(link, folder)) return folder;
    }
    const char *architecture = target_architecture_name(link->thalweg->target->names.architecture);
    diag_error(link->diag, (Loc){0}, "the runtime library '%s' for %s is not in '%s'",
               runtime_library, architecture,
               given ? given : "the folders where Thalweg is built or installed");
    diag_hint(link->diag,
              "name its folder by --runtime, or install it (Debian's package libthalweg-dev); "
              "runtime/CMakeLists.txt of the sources says how it is built for another processor");
    return NULL;
}

/* ---- commands ---- */

/* The words of a command, which end with null. */
typedef struct {
    const char *word[MOST_WORDS + 1];
    int count; /* also of those that there is no room for */
} Words;

static void add(Words *words, const char *word) {
    if (words->count < MOST_WORDS) words->word[words->count] = word;
    words->count++;
}

static void add_all(Words *words, const char *const *word) {
    for (; *word; word++) add(words, *word);
}

/* What may be several words, as "ccache gcc". */
static void add_command(Link *link, Words *words, const char *command) {
    for (const char *at = command; *(at += strspn(at, " "));) {
        const size_t length = strcspn(at, " ");
        add(words, arena_printf(link->arena, "%.*s", (int)length, at));
        at += length;
    }
}

/* Asks now and then whether to go on. False: reported, or the command failed. */
static bool wait_for(Link *link, pid_t child, int *status) {
    const struct timespec pause = {.tv_nsec = 5000000};
    for (pid_t ended; (ended = waitpid(child, status, WNOHANG)) != child;) {
        if (ended < 0 && errno != EINTR)
            return diag_error(link->diag, (Loc){0}, "the linker cannot be waited for: %s",
                              strerror(errno));
        if (compiler_progress(link->thalweg, "linking", -1)) {
            nanosleep(&pause, NULL);
            continue;
        }
        kill(child, SIGTERM);
        while (waitpid(child, status, 0) < 0 && errno == EINTR) {
        }
        return false;
    }
    return true;
}

/* What a command says goes where the program's own words go. */
static bool run(Link *link, const Words *words) {
    pid_t child;
    int status = 0;
    const char *name = words->count ? words->word[0] : "";
    if (words->count > MOST_WORDS)
        return diag_error(link->diag, (Loc){0}, "the C compiler's command is longer than %d words",
                          MOST_WORDS);
    const int error = posix_spawnp(&child, name, NULL, NULL, (char *const *)words->word, environ);
    if (error) {
        diag_error(link->diag, (Loc){0}, "'%s' cannot be run: %s", name, strerror(error));
        return diag_hint(link->diag, link->form == THALWEG_ARCHIVE
                                         ? "install it: the package binutils has it"
                                         : "install it; another C compiler is named by --cc");
    }
    if (!wait_for(link, child, &status)) return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    return diag_error(link->diag, (Loc){0}, "'%s' failed to make '%s'", name, link->result);
}

/* As Debian names it. */
static const char *cross_compiler(Link *link) {
    return arena_printf(link->arena, "%s-linux-gnu-gcc",
                        target_architecture_name(link->thalweg->target->names.architecture));
}

static const char *compiler_command(Link *link) {
    const char *given = link->thalweg->options.cc, *set = getenv("CC");
    if (given && *given) return given;
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
    bool goes_on = true;
    for (size_t count; goes_on && (count = fread(block, 1, sizeof block, file)) > 0;) {
        fwrite(block, 1, count, to);
        goes_on = compiler_progress(link->thalweg, "copying what was linked", -1);
    }
    const bool is_read = !ferror(file) || cannot(link, path);
    fclose(file);
    return goes_on && is_read;
}

/* ---- the three forms ---- */

static const char *in_folder(Link *link, const char *name) {
    return arena_printf(link->arena, "%s/%s", link->folder.path, name);
}

/* The runtime's members stay what they are, so that two such archives meet in one program. */
static bool make_archive(Link *link, const char *runtime) {
    const char *library = arena_printf(link->arena, "%s/%s", runtime, runtime_library);
    const Words words = {{"ar", "rcs", link->result, link->object}, 4};
    FILE *archive = fopen(link->result, "wb");
    if (!archive) return cannot(link, link->result);
    const bool is_copied = copy_file(link, library, archive);
    return (fclose(archive) == 0 || cannot(link, link->result)) && is_copied && run(link, &words);
}

/* Commas are a part of names here, as they are not after -Wl. */
static void add_for_linker(Words *words, const char *option, const char *value) {
    const char *const word[] = {"-Xlinker", option, "-Xlinker", value, NULL};
    add_all(words, word);
}

/* The object, and what it stands on: with threads, which linkers keep though all references to them
 * are weak. */
static void add_inputs(Link *link, Words *words, const char *runtime) {
    static const char *const options[] = {"-Wl,-z,noexecstack,-z,relro,-z,now",
                                          "-Wl,--no-as-needed", "-fopenmp", "-lm", NULL};
    add(words, arena_printf(link->arena, "%s/%s", runtime, runtime_library));
    add_all(words, options);
}

static bool make_shared(Link *link, const char *runtime) {
    const char *script = in_folder(link, symbol_script);
    const char *text = arena_printf(link->arena, "{ global: %s_*; local: *; };\n", link->prefix);
    /* Threads of OpenMP live on when the library is closed, and so must their code. */
    const char *const first[] = {
        "-shared", "-Wl,-z,text,-z,defs,-z,nodelete", "-o", link->result, link->object, NULL};
    Words words = {0};
    if (!write_text(link, script, text)) return false;
    add_command(link, &words, compiler_command(link));
    add_all(&words, first);
    add_for_linker(&words, "-soname", strrchr(link->result, '/') + 1);
    add_for_linker(&words, "--version-script", script);
    add_inputs(link, &words, runtime);
    return run(link, &words);
}

static bool make_program(Link *link, const char *runtime) {
    const char *library = arena_printf(link->arena, "%s/%s", runtime, main_library);
    if (access(library, R_OK) != 0)
        return diag_error(link->diag, (Loc){0}, "'%s': %s", library, strerror(errno));
    const char *const first[] = {"-pie", "-o", link->result, link->object, library, NULL};
    Words words = {0};
    add_command(link, &words, compiler_command(link));
    add_all(&words, first);
    add_inputs(link, &words, runtime);
    return run(link, &words);
}

/* ---- the whole ---- */

/* The result appears whole or not at all, and as executable as it was linked. */
static bool place_result(Link *link, const char *path) {
    OutputFile output;
    struct stat info;
    if (stat(link->result, &info) != 0) return cannot(link, link->result);
    if (!output_file_open(&output, path, link->diag)) return false;
    output.batch = link->thalweg->batch;
    const bool is_copied = copy_file(link, link->result, output.stream);
    if (output.temporary && link->form != THALWEG_ARCHIVE)
        fchmod(output.descriptor, info.st_mode & 0777);
    return output_file_close(&output, is_copied, link->diag);
}

/* The object is for the linker, and no part of what the caller gets. */
static bool write_object(Link *link) {
    Thalweg *thalweg = link->thalweg;
    OutputBatch *batch = thalweg->batch;
    thalweg->batch = NULL;
    const bool is_written =
        compiler_write_module(thalweg, THALWEG_OBJECT, link->object, link->form == THALWEG_PROGRAM);
    thalweg->batch = batch;
    return is_written;
}

static bool link_object(Link *link, const char *path) {
    const char *name = strrchr(path, '/');
    const char *runtime = find_runtime(link);
    if (!runtime || !temporary_make(&link->folder, link->diag)) return false;
    link->object = in_folder(link, arena_printf(link->arena, "%s.o", link->prefix));
    link->result = in_folder(link, name ? name + 1 : path);
    if (!write_object(link)) return false;
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
    temporary_remove(&link.folder);
    return is_done;
}

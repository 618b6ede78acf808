/* command_compile.c - `thalweg compile`: a model as files, to be linked into a program. */
#include "frontend/command/command.h"

#include "frontend/compiler/compiler.h"
#include "frontend/files/temporary.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    const Arguments *arguments;
    Thalweg *thalweg;
    Progress *progress;
    char *stem; /* of the files, with room for an ending; malloc */
    size_t length;
    char *code; /* name of the code's file; malloc */
} Compile;

enum { MOST_ENDING = 16 };

/* What becomes of each form: its file's name, and what comes with it. */
static const struct {
    const char *beginning; /* of a file in a folder */
    const char *ending;
    bool has_weights, has_header;
} forms[] = {
    [THALWEG_LLVM] = {"", ".ll", false, false},    [THALWEG_BITCODE] = {"", ".bc", false, false},
    [THALWEG_ASSEMBLY] = {"", ".s", false, false}, [THALWEG_OBJECT] = {"", ".o", true, true},
    [THALWEG_ARCHIVE] = {"lib", ".a", true, true}, [THALWEG_SHARED] = {"lib", ".so", true, true},
    [THALWEG_PROGRAM] = {"", "", true, false}};

static bool is_folder(const char *path) {
    struct stat info;
    const size_t length = strlen(path);
    return (length && path[length - 1] == '/') || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

/* The model's name as a file's: anything but letters, digits, '-', '_' and '.' becomes '_'. */
static void append_name(char *out, const char *name) {
    for (; *name; name++, out++) {
        const bool is_plain = isalnum((unsigned char)*name) || strchr("-_.", *name);
        *out = '_';
        if (is_plain) *out = *name;
    }
    *out = 0;
}

static bool choose_stem(Compile *compile) {
    const char *output = compile->arguments->output;
    const char *name = thalweg_model(compile->thalweg).name;
    const char *ending = forms[compile->arguments->emit].ending;
    const size_t length = strlen(output), tail = strlen(ending);
    compile->stem = calloc(1, length + strlen(name) + 2 + MOST_ENDING);
    compile->code = calloc(1, length + strlen(name) + 2 + MOST_ENDING);
    if (!compile->stem || !compile->code) return command_fail(compile->progress, "out of memory");
    memcpy(compile->stem, output, length);
    const char *beginning = "";
    size_t folder = length;
    if (is_folder(output)) {
        char *end = compile->stem + length;
        if (!length || end[-1] != '/') *end++ = '/';
        append_name(end, name);
        folder = (size_t)(end - compile->stem);
        beginning = forms[compile->arguments->emit].beginning;
    } else if (length > tail && strcmp(output + length - tail, ending) == 0) {
        compile->stem[length - tail] = 0;
    }
    compile->length = strlen(compile->stem);
    snprintf(compile->code, compile->length + MOST_ENDING, "%.*s%s%s%s", (int)folder, compile->stem,
             beginning, folder < compile->length ? compile->stem + folder : "", ending);
    return true;
}

/* Valid until the next call. */
static const char *file_name(Compile *compile, const char *ending) {
    memcpy(compile->stem + compile->length, ending, strlen(ending) + 1);
    return compile->stem;
}

/* The weights, which need the most room, come first. */
static bool write_parts(Compile *compile) {
    Thalweg *thalweg = compile->thalweg;
    const ThalwegEmit form = (ThalwegEmit)compile->arguments->emit;
    const bool has_weights = forms[form].has_weights && !compile->arguments->embed_weights;
    if (has_weights && !thalweg_write_weights(thalweg, file_name(compile, ".weights")))
        return false;
    if (has_weights && thalweg_model(thalweg).has_tokenizer &&
        !thalweg_write_tokenizer(thalweg, file_name(compile, ".tokenizer")))
        return false;
    if (forms[form].has_header && !thalweg_write_header(thalweg, file_name(compile, ".h")))
        return false;
    return thalweg_write_code(thalweg, form, compile->code);
}

/* All of them or none: code and weights of two calls would not fit each other. */
static bool write_files(Compile *compile) {
    Thalweg *thalweg = compile->thalweg;
    if (!thalweg_target(thalweg) || !thalweg_make_directory(thalweg, compile->code)) return false;
    thalweg_begin_files(thalweg);
    return thalweg_end_files(thalweg, write_parts(compile));
}

static bool copy(const char *path, Progress *progress) {
    char block[1 << 14];
    FILE *file = fopen(path, "rb");
    if (!file) return command_fail(progress, "'%s' cannot be read: %s", path, strerror(errno));
    for (size_t count; (count = fread(block, 1, sizeof block, file)) > 0;)
        fwrite(block, 1, count, stdout);
    const bool is_read = !ferror(file);
    fclose(file);
    return is_read || command_fail(progress, "'%s' cannot be read", path);
}

/* The library writes to files, so the text takes a way through a temporary one. */
static bool write_to_output(Compile *compile) {
    Thalweg *thalweg = compile->thalweg;
    TemporaryFolder folder;
    if (!temporary_make(&folder, &thalweg->diag)) return false;
    const char *path = arena_printf(thalweg->arena, "%s/code", folder.path);
    const ThalwegEmit form = (ThalwegEmit)compile->arguments->emit;
    const bool is_done = thalweg_write_code(thalweg, form, path) && copy(path, compile->progress);
    temporary_remove(&folder);
    return is_done;
}

/* A line on a terminal: what was made, and for what. */
static void say_files(Compile *compile) {
    const Arguments *a = compile->arguments;
    const ThalwegEmit form = (ThalwegEmit)a->emit;
    if (!compile->progress->is_terminal) return;
    progress_end(compile->progress);
    fputs(compile->code, stderr);
    if (forms[form].has_header) fprintf(stderr, ", %s", file_name(compile, ".h"));
    if (forms[form].has_weights && !a->embed_weights)
        fprintf(stderr, ", %s", file_name(compile, ".weights"));
    if (forms[form].has_weights && !a->embed_weights &&
        thalweg_model(compile->thalweg).has_tokenizer)
        fprintf(stderr, ", %s", file_name(compile, ".tokenizer"));
    const bool is_chosen = a->target || a->cpu || a->features;
    fprintf(stderr, ": for %s%s, at O3\n", thalweg_target(compile->thalweg),
            is_chosen ? "" : " (this machine)");
}

static bool write_all(Compile *compile) {
    if (!thalweg_read_file(compile->thalweg, compile->arguments->operands[0])) return false;
    command_say_tuning(compile->thalweg, compile->progress, false);
    if (compile->arguments->size) return thalweg_size(compile->thalweg, stdout);
    if (strcmp(compile->arguments->output, "-") == 0) return write_to_output(compile);
    if (!choose_stem(compile) || !write_files(compile)) return false;
    say_files(compile);
    return true;
}

int command_compile(const Arguments *arguments) {
    Progress progress;
    if (forms[arguments->emit].has_weights && !arguments->size &&
        strcmp(arguments->output, "-") == 0)
        return command_misused(COMMAND_compile,
                               "--output=- is for llvm, bitcode and asm: what is linked comes with "
                               "other files");
    if (!*arguments->output) /* as of a variable that is not set: the files would be hidden ones */
        return command_misused(COMMAND_compile,
                               "--output is empty; expected a folder, or a file's name");
    for (int i = 0; i < arguments->taps.count; i++)
        if (command_tap_names_file(arguments->taps.item[i]))
            return command_misused(COMMAND_compile,
                                   "--tap names a file, which `thalweg run` alone writes");
    Compile compile = {.arguments = arguments,
                       .thalweg = command_thalweg(arguments, &progress),
                       .progress = &progress};
    if (!compile.thalweg) return EXIT_FAILED;
    const bool is_done = write_all(&compile);
    free(compile.stem);
    free(compile.code);
    return command_end(compile.thalweg, &progress, is_done);
}

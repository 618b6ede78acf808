/* command_common.c - what the commands share. */
#include "frontend/command.h"

#include "frontend/interrupt.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int command_misused(Command command, const char *text) {
    fprintf(stderr, "thalweg %s: %s\n", options_command_name(command), text);
    return EXIT_USAGE;
}

static bool show_progress(void *context, const char *what, double done) {
    progress_show(context, what, done);
    return interrupt_signal() == 0;
}

Thalweg *command_thalweg(const Arguments *arguments, Progress *progress) {
    progress_begin(progress, stderr);
    Thalweg *thalweg = thalweg_create(&(ThalwegOptions){
        .target = arguments->target,
        .cpu = arguments->cpu,
        .features = arguments->features,
        .weights_type = arguments->weights_type,
        .embed_weights = arguments->embed_weights,
        .runtime = arguments->runtime,
        .cc = arguments->cc,
        .passes = arguments->passes,
        .skip_passes = arguments->skip_passes,
        .print_after = arguments->print_after,
        .exact = arguments->exact,
        .dump = stderr,
        .statistics = arguments->statistics ? stderr : NULL,
        .threads = (int)(arguments->threads > 0 ? arguments->threads : 0),
        .tuning = arguments->tuning,
        .no_tuning = arguments->no_tuning,
        .cache_directory = arguments->cache,
        .no_code_cache = arguments->no_code_cache,
        .perf = arguments->perf,
        .progress = show_progress,
        .progress_context = progress,
    });
    if (!thalweg) command_fail(progress, "out of memory");
    return thalweg;
}

int command_print_target(const Arguments *arguments) {
    Progress progress;
    Thalweg *thalweg = command_thalweg(arguments, &progress);
    if (!thalweg) return EXIT_FAILED;
    return command_end(thalweg, &progress, thalweg_print_target(thalweg, stdout));
}

void command_say_tuning(Thalweg *thalweg, Progress *progress, bool is_wanted) {
    static const char none[] = "0 tuned, 0 shipped";
    const char *text = thalweg_tuning(thalweg);
    if (!text || strncmp(text, none, sizeof none - 1) == 0) return;
    if (!is_wanted && !progress->is_terminal) return;
    progress_end(progress);
    fprintf(stderr, "schedules: %s\n", text);
}

int command_end(Thalweg *thalweg, Progress *progress, bool is_done) {
    const int number = is_done ? 0 : interrupt_signal();
    progress_end(progress);
    if (!number) thalweg_print_diagnostics(thalweg, stderr);
    thalweg_destroy(thalweg);
    if (number) return EXIT_SIGNAL + number;
    return is_done ? EXIT_DONE : EXIT_FAILED;
}

bool command_fail(Progress *progress, const char *format, ...) {
    progress_end(progress);
    va_list args;
    va_start(args, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

bool command_runs(Progress *progress, TwStatus status) {
    return status == TW_OK || command_fail(progress, "%s", tw_status_text(status));
}

bool command_temporary(Progress *progress, char path[PATH_MAX]) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, PATH_MAX, "%s/thalweg-XXXXXX", folder && *folder ? folder : P_tmpdir);
    const int file = mkstemp(path);
    if (file < 0)
        return command_fail(progress, "'%s' cannot be written: %s", path, strerror(errno));
    close(file);
    return true;
}

bool command_flush(void) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return true;
    const char *reason = errno ? strerror(errno) : "an earlier write failed";
    fprintf(stderr, "error: standard output could not be written: %s\n", reason);
    return false;
}

/* command_common.c - what the commands share. */
#include "frontend/command/command.h"

#include "frontend/command/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int command_misused(Command command, const char *text) {
    fprintf(stderr, "thalweg %s: %s\n", options_command_name(command), text);
    return EXIT_USAGE;
}

bool command_tap_names_file(const char *tap) {
    const char *selected = strchr(tap, ']');
    return strchr(selected ? selected : tap, '=') != NULL;
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
        .context = arguments->context > 0 ? arguments->context : 0,
        .batches = arguments->batches,
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
        .cache_bytes = arguments->cache_size,
        .no_code_cache = arguments->no_code_cache,
        .taps = arguments->taps.item,
        .tap_count = arguments->taps.count,
        .edits = arguments->edits.item,
        .edit_count = arguments->edits.count,
        .perf = arguments->perf,
        .progress = show_progress,
        .progress_context = progress,
    });
    if (!thalweg) command_fail(progress, "out of memory");
    return thalweg;
}

bool command_read_model(Thalweg *thalweg, const char *path, const EngineOptions *options) {
    if (!thalweg_read_file(thalweg, path)) return false;
    return options->is_interpreted || (thalweg_choose_context(thalweg, options->has_all_logits) &&
                                       thalweg_check_memory(thalweg, options->has_all_logits));
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
    const bool is_unread = !is_done && command_is_unread();
    progress_end(progress);
    if (!number && !is_unread) thalweg_print_diagnostics(thalweg, stderr);
    thalweg_destroy(thalweg);
    if (number) return EXIT_SIGNAL + number;
    if (is_unread) return EXIT_UNREAD;
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

Engine *command_engine(Thalweg *thalweg, const EngineOptions *options, Progress *progress) {
    TwStatus status;
    Engine *engine = engine_create(thalweg, options, &status);
    if (!engine) command_runs(progress, status);
    return engine;
}

const char *command_why_not(const ThalwegModel *model) {
    if (!model->is_causal) return "is not causal";
    return model->is_pooled ? "pools its tokens" : "gives no logits of its tokens";
}

/* ---- standard streams ---- */

static bool read_all(int file, const char *name, size_t most, CommandInput *out,
                     Progress *progress) {
    size_t room = 0;
    for (;;) {
        if (out->length == room) {
            room = room ? 2 * room : 1 << 16;
            char *bytes = realloc(out->bytes, room);
            if (!bytes) return command_fail(progress, "%s: out of memory", name);
            out->bytes = bytes;
        }
        if (!interrupt_wait_for_input(file)) return false;
        const ssize_t got = read(file, out->bytes + out->length, room - out->length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return command_fail(progress, "'%s' cannot be read: %s", name, strerror(errno));
        if (got == 0) return true;
        out->length += (size_t)got;
        if (out->length > most)
            return command_fail(progress, "'%s' is too long: at most %zu bytes", name, most);
    }
}

bool command_read(Progress *progress, const char *path, size_t most, CommandInput *out) {
    *out = (CommandInput){0};
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", most, out, progress);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return command_fail(progress, "'%s' cannot be read: %s", path, strerror(errno));
    const bool is_read = read_all(file, path, most, out, progress);
    close(file);
    return is_read;
}

/* ---- what a model is fed ---- */

int command_prompts(const Arguments *arguments) {
    return !!arguments->prompt + !!arguments->prompt_file + !!arguments->tokens +
           !!arguments->tokens_file;
}

bool command_is_unread(void) {
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return ferror(stdout) && poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP));
}

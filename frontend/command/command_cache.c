/* command_cache.c - `thalweg cache`: what is kept from one run to the next. */
#include "frontend/command/command.h"

#include <jansson.h>
#include <time.h>

typedef struct {
    const char *folder;
    const ThalwegKept *file;
    int count;
    int64_t bytes, removed;
} Contents;

static bool list(Thalweg *thalweg, Contents *contents) {
    contents->folder = thalweg_cache_folder(thalweg);
    if (!thalweg_list_kept(thalweg, &contents->file, &contents->count)) return false;
    for (int i = 0; i < contents->count; i++) contents->bytes += contents->file[i].bytes;
    return true;
}

static double megabytes(int64_t bytes) {
    return (double)bytes * 1e-6;
}

/* As the clock on the wall says it. */
static void print_time(int64_t seconds) {
    struct tm local;
    char text[32] = "?";
    const time_t time = (time_t)seconds;
    if (localtime_r(&time, &local)) strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
    fputs(text, stdout);
}

static void print_text(const Contents *contents) {
    if (contents->removed) printf("removed %.1f MB\n", megabytes(contents->removed));
    printf("%s: %d files, %.1f MB\n", contents->folder, contents->count,
           megabytes(contents->bytes));
    for (int i = 0; i < contents->count; i++) {
        const ThalwegKept *file = &contents->file[i];
        printf("  %-7s %10.1f MB  used ", file->what, megabytes(file->bytes));
        print_time(file->used);
        printf("  %s%s\n", file->model, file->is_held ? " (in use)" : "");
    }
}

static bool print_json(const Contents *contents) {
    json_t *files = json_array();
    for (int i = 0; i < contents->count; i++) {
        const ThalwegKept *file = &contents->file[i];
        json_array_append_new(files, json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "name", file->name,
                                               "what", file->what, "model", file->model, "bytes",
                                               (json_int_t)file->bytes, "used",
                                               (json_int_t)file->used, "in_use", file->is_held));
    }
    json_t *root = json_pack("{s:s, s:I, s:I, s:o}", "folder", contents->folder, "bytes",
                             (json_int_t)contents->bytes, "removed", (json_int_t)contents->removed,
                             "files", files);
    const bool is_written = root && json_dumpf(root, stdout, JSON_INDENT(2)) == 0;
    json_decref(root);
    putchar('\n');
    return is_written;
}

static bool show(const Arguments *arguments, Thalweg *thalweg, Progress *progress) {
    Contents contents = {0};
    if (arguments->prune >= 0 && !thalweg_trim_kept(thalweg, arguments->prune, &contents.removed))
        return false;
    if (!list(thalweg, &contents)) return false;
    if (arguments->json)
        return print_json(&contents) || command_fail(progress, "the results cannot be written");
    print_text(&contents);
    return true;
}

int command_cache(const Arguments *arguments) {
    Progress progress;
    Thalweg *thalweg = command_thalweg(arguments, &progress);
    if (!thalweg) return EXIT_FAILED;
    return command_end(thalweg, &progress, show(arguments, thalweg, &progress));
}

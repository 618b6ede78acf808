/* command_embed.c - `thalweg embed`: one row of numbers for each text, a line of a file. */
#include "frontend/command/command.h"

#include "frontend/command/cosines.h"
#include "frontend/command/interrupt.h"
#include "frontend/command/prompt.h"
#include "frontend/files/npy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COSINES = 256 /* lines */ };

typedef struct {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    ThalwegModel model;
    const TwTokenizer *tokenizer; /* null: lines are numbers of tokens */
    CommandInput input;
    const char *file; /* what the input is called */
    int64_t lines;
    Engine *engine;
    const char *rows_file; /* null: rows go to no file */
    Npy npy;
    bool has_npy;
    float *rows;  /* [lines, outputs], malloc; null: without cosines none are kept */
    Bytes *texts; /* [lines] of these, into the input */
    Diag diag;    /* of the file of rows, and the arena of all */
} Embedding;

/* ---- the texts ---- */

/* The last line may lack its end. */
static int64_t count_lines(const CommandInput *input) {
    int64_t lines = 0;
    for (size_t i = 0; i < input->length; i++)
        lines += input->bytes[i] == '\n' || i + 1 == input->length;
    return lines;
}

static bool is_blank(Bytes line) {
    for (size_t i = 0; i < line.count; i++)
        if (!strchr(" \t\v\f\r", line.data[i])) return false;
    return true;
}

/* The tokens of a line, in the caller's `text` to be freed. */
static bool read_line(const Embedding *e, int64_t number, Bytes line, Prompt *text) {
    const PromptSource source = {.tokens = e->tokenizer ? (Bytes){0} : line,
                                 .text = e->tokenizer ? line : (Bytes){0},
                                 .tokenizer = e->tokenizer,
                                 .file = e->file,
                                 .lines = number,
                                 .is_line = true,
                                 .vocab = e->model.vocab,
                                 .context = e->model.context};
    Complaint complaint;
    if (is_blank(line))
        return command_fail(e->progress, "%.200s:%lld: a text has at least one token", e->file,
                            (long long)number + 1);
    if (prompt_read(&source, text, &complaint)) return true;
    return command_fail(e->progress, "%s", complaint.text);
}

typedef bool LineBody(Embedding *e, int64_t number, Bytes line, const Prompt *text);

/* Calls the body for each line in turn, until it fails. */
static bool for_lines(Embedding *e, LineBody *body) {
    const char *at = e->input.bytes, *end = at + e->input.length;
    for (int64_t number = 0; number < e->lines; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        Prompt text = {0};
        if (!stop) stop = end;
        const Bytes line = {at, (size_t)(stop - at)};
        const bool is_done = read_line(e, number, line, &text) && body(e, number, line, &text);
        free(text.tokens);
        if (!is_done) return false;
        at = stop + 1;
    }
    return true;
}

static bool keep_text(Embedding *e, int64_t number, Bytes line, const Prompt *text) {
    (void)text;
    if (e->texts) e->texts[number] = line;
    return true;
}

static bool begin_cosines(Embedding *e) {
    if (!e->arguments->cosine) return true;
    if (e->lines > MOST_COSINES)
        return command_fail(e->progress, "%.200s has %lld texts; --cosine takes at most %d",
                            e->file, (long long)e->lines, MOST_COSINES);
    e->texts = ARENA_ARRAY(e->diag.arena, Bytes, (size_t)e->lines);
    e->rows = calloc((size_t)e->lines, (size_t)e->model.outputs * sizeof *e->rows);
    return e->rows || command_fail(e->progress, "out of memory");
}

/* All of them are looked at before anything that takes long. */
static bool read_texts(Embedding *e) {
    enum { MOST_BYTES = 1 << 30 };
    const char *path = e->arguments->lines;
    if (!command_read(e->progress, path, MOST_BYTES, &e->input)) return false;
    e->file = strcmp(path, "-") == 0 ? "standard input" : path;
    e->lines = count_lines(&e->input);
    if (!e->lines) return command_fail(e->progress, "%.200s has no texts", e->file);
    return begin_cosines(e) && for_lines(e, keep_text);
}

/* ---- the rows ---- */

/* A prefix that is a chunk long needs no row, but is made with one. */
static bool embed_text(Embedding *e, int64_t number, Bytes line, const Prompt *text) {
    (void)line;
    const int64_t chunk = engine_chunk(e->engine);
    TwStatus status;
    engine_reset(e->engine);
    if (!engine_place_edits(e->engine, (ThalwegPrompt){text->count, text->count}, &status))
        return command_runs(e->progress, status) && false;
    for (int64_t i = 0, count; i < text->count; i += count) {
        if (interrupt_signal()) return false;
        count = text->count - i < chunk ? text->count - i : chunk;
        if (!engine_step(e->engine, text->tokens + i, count, 1, &status))
            return command_runs(e->progress, status) && false;
    }
    progress_show(e->progress, "embedding", (double)(number + 1) / (double)e->lines);
    const float *row = engine_logits(e->engine, 0);
    const size_t columns = (size_t)e->model.outputs;
    if (e->rows) memcpy(e->rows + (size_t)number * columns, row, columns * sizeof *row);
    return !e->has_npy || npy_append(&e->npy, row);
}

static EngineOptions engine_options(const Embedding *e) {
    return (EngineOptions){.is_interpreted = e->arguments->engine == ENGINE_INTERPRETER};
}

static bool read_model(Embedding *e) {
    const EngineOptions options = engine_options(e);
    if (!command_read_model(e->thalweg, e->arguments->operands[0], &options)) return false;
    e->model = thalweg_model(e->thalweg);
    if (e->model.has_pooling && e->model.has_tokenizer && !e->arguments->line_tokens) {
        e->tokenizer = thalweg_tokenizer(e->thalweg);
        return e->tokenizer;
    }
    if (e->model.has_pooling) return true;
    return command_fail(
        e->progress,
        "'%s' has a row for each token, not one for a text: say `pooling: mean` (or "
        "cls, or last) in its description",
        e->model.name);
}

static bool open_engine(Embedding *e) {
    const EngineOptions options = engine_options(e);
    e->engine = command_engine(e->thalweg, &options, e->progress);
    return e->engine;
}

static bool embed_all(Embedding *e) {
    if (!read_model(e) || !read_texts(e) || !open_engine(e)) return false;
    if (e->rows_file) {
        e->has_npy = npy_open(&e->npy, e->rows_file, e->lines, e->model.outputs, &e->diag);
        if (!e->has_npy) return false;
    }
    progress_begin(e->progress, stderr);
    const bool is_done = for_lines(e, embed_text);
    progress_end(e->progress);
    return is_done;
}

/* Why rows cannot be written is said when their file is closed. */
static bool close_rows(Embedding *e, bool is_done) {
    if (!e->has_npy) return is_done;
    return npy_close(&e->npy, is_done || e->npy.file.error, &e->diag);
}

static void print_cosines(const Embedding *e) {
    const Cosines cosines = {e->lines, e->model.outputs, e->rows, e->texts};
    (e->arguments->cosine_json ? cosines_print_json : cosines_print)(&cosines, stdout);
}

int command_embed(const Arguments *arguments) {
    if (arguments->cosine_json && !arguments->cosine)
        return command_misused(COMMAND_embed, "--json needs --cosine");
    Progress progress;
    const char *file = arguments->cosine ? NULL : "embeddings.npy";
    Embedding e = {.arguments = arguments,
                   .progress = &progress,
                   .rows_file = arguments->rows ? arguments->rows : file};
    e.thalweg = command_thalweg(arguments, &progress);
    if (!e.thalweg) return EXIT_FAILED;
    e.diag.arena = arena_create();
    const bool is_done = close_rows(&e, embed_all(&e));
    if (is_done && e.rows) print_cosines(&e);
    const bool is_unread = e.has_npy && e.npy.file.error == EPIPE;
    diag_print(&e.diag, stderr);
    engine_destroy(e.engine);
    free(e.input.bytes);
    free(e.rows);
    arena_destroy(e.diag.arena);
    const int code = command_end(e.thalweg, &progress, is_done);
    return is_unread ? EXIT_UNREAD : code;
}

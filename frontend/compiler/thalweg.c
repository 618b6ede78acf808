#include "frontend/compiler/thalweg.h"

#include "frontend/compiler/compiler.h"
#include "frontend/files/output_file.h"
#include "frontend/import/import.h"

/* A graph's text may come from a program; a description is written by hand. One byte more than is
 * allowed is kept, for the reader to see that it is too much. */
enum { GRAPH_MAX_BYTES = 1 << 28 };

/* ---- calls ---- */

/* What calls take and give beside the Thalweg; each of them uses a few. */
typedef struct {
    const char *name, *path, *text, *directory;
    const char *const *texts;
    size_t length;
    ThalwegEmit form;
    bool flag;
    const int32_t *tokens;
    const double *values;
    int64_t count, position, rows;
    double *logits;
    ThalwegCosts *costs;
    ThalwegMemory *memory;
    FILE *out;
    TwSessionOptions session;
    const ThalwegPoint *points;
    const ThalwegTap *taps;
    double *tap_rows;
    const ThalwegEdit *edits;
    ThalwegPrompt prompt;
    TwEdit *edit;
    const ThalwegKept **kept;
    int *kept_count;
    int64_t *bytes;
} Call;

typedef bool Work(Thalweg *thalweg, Call *call);

typedef struct {
    Thalweg *thalweg;
    Work *work;
    Call *call;
    bool is_done;
} Running;

static void work(void *context) {
    Running *running = context;
    running->is_done = running->work(running->thalweg, running->call);
}

/* As work() does it: numbers are written as in C, whatever the host's locale, and running out of
 * memory is an error like others. */
static bool run(Thalweg *thalweg, Work *what, Call *call) {
    Running running = {thalweg, what, call, false};
    const locale_t host = uselocale(thalweg->locale);
    if (!arena_try(work, &running)) {
        thalweg->no_memory = (Diagnostic){.severity = DIAG_ERROR, .message = "out of memory"};
        if (!thalweg->is_exhausted) diag_append(&thalweg->diag, &thalweg->no_memory);
        thalweg->is_exhausted = true;
        running.is_done = false;
    }
    uselocale(host);
    return running.is_done;
}

/* Every call that computes anything goes through this. */
static bool call(Thalweg *thalweg, Work *what, Call *call) {
    return !thalweg->is_exhausted && run(thalweg, what, call);
}

/* ---- a Thalweg ---- */

Thalweg *thalweg_create(const ThalwegOptions *options) {
    return compiler_create(options);
}

void thalweg_destroy(Thalweg *thalweg) {
    compiler_destroy(thalweg);
}

/* ---- in ---- */

static bool begin_reading(Thalweg *thalweg) {
    const bool is_first = !thalweg->has_input;
    thalweg->has_input = true;
    return is_first ||
           diag_error(&thalweg->diag, (Loc){0}, "a model has been read already: this holds one");
}

static bool read_file(Thalweg *thalweg, Call *call) {
    if (!begin_reading(thalweg)) return false;
    if (import_is_for(call->path)) {
        Imported imported;
        return import_read(call->path, NULL, &imported, thalweg->arena, &thalweg->diag) &&
               compiler_read(thalweg, imported.description, imported.directory);
    }
    const Source *source = compiler_read_file(thalweg, call->path, YAML_MAX_BYTES + 1);
    return compiler_read(thalweg, source, compiler_directory(thalweg, call->path));
}

bool thalweg_read_file(Thalweg *thalweg, const char *path) {
    return call(thalweg, read_file, &(Call){.path = path});
}

static bool read_text(Thalweg *thalweg, Call *call) {
    if (!begin_reading(thalweg)) return false;
    const Source *source =
        compiler_copy_text(thalweg, call->name, call->text, call->length, YAML_MAX_BYTES + 1);
    return compiler_read(thalweg, source, call->directory);
}

bool thalweg_read_text(Thalweg *thalweg, const char *name, const char *text, size_t length,
                       const char *directory) {
    return call(thalweg, read_text,
                &(Call){.name = name, .text = text, .length = length, .directory = directory});
}

static bool import(Thalweg *thalweg, Call *call) {
    Imported imported;
    const char *directory = call->directory ? call->directory : "";
    if (!import_read(call->path, directory, &imported, thalweg->arena, &thalweg->diag))
        return false;
    call->text = imported.description->text;
    return true;
}

const char *thalweg_import(Thalweg *thalweg, const char *path, const char *directory) {
    Call result = {.path = path, .directory = directory};
    return call(thalweg, import, &result) ? result.text : NULL;
}

ThalwegModel thalweg_model(const Thalweg *thalweg) {
    return compiler_model(thalweg);
}

static bool list_points(Thalweg *thalweg, Call *call) {
    if (!compiler_described(thalweg)) return false;
    call->points = compiler_points(thalweg, &call->count);
    return true;
}

const ThalwegPoint *thalweg_points(Thalweg *thalweg, int64_t *count) {
    Call result = {0};
    call(thalweg, list_points, &result);
    *count = result.count;
    return result.points;
}

static bool add_taps(Thalweg *thalweg, Call *call) {
    return compiler_described(thalweg) && compiler_add_taps(thalweg, call->texts, call->count);
}

bool thalweg_add_taps(Thalweg *thalweg, const char *const *taps, int count) {
    return call(thalweg, add_taps, &(Call){.texts = taps, .count = count});
}

static bool list_taps(Thalweg *thalweg, Call *call) {
    if (!compiler_described(thalweg)) return false;
    call->taps = compiler_taps(thalweg, &call->count);
    return true;
}

const ThalwegTap *thalweg_taps(Thalweg *thalweg, int64_t *count) {
    Call result = {0};
    call(thalweg, list_taps, &result);
    *count = result.count;
    return result.taps;
}

static bool check_weights(Thalweg *thalweg, Call *call) {
    (void)call;
    return compiler_checkpoint(thalweg);
}

bool thalweg_check_weights(Thalweg *thalweg) {
    return call(thalweg, check_weights, NULL);
}

/* ---- out ---- */

static bool program(Thalweg *thalweg, Call *call) {
    (void)call;
    return compiler_program(thalweg);
}

const TwProgram *thalweg_program(Thalweg *thalweg) {
    return call(thalweg, program, NULL) ? thalweg->program : NULL;
}

static bool weights(Thalweg *thalweg, Call *call) {
    (void)call;
    return compiler_weights(thalweg);
}

const TwWeights *thalweg_weights(Thalweg *thalweg) {
    return call(thalweg, weights, NULL) ? thalweg->weights : NULL;
}

static bool tokenizer(Thalweg *thalweg, Call *call) {
    (void)call;
    return compiler_tokenizer(thalweg);
}

const TwTokenizer *thalweg_tokenizer(Thalweg *thalweg) {
    if (!thalweg_model(thalweg).has_tokenizer) return NULL;
    return call(thalweg, tokenizer, NULL) ? thalweg->tokenizer : NULL;
}

static bool read_tokenizer(Thalweg *thalweg, Call *call) {
    return thalweg->tokenizer || compiler_open_tokenizer(thalweg, "tokenizer", call->path);
}

const TwTokenizer *thalweg_read_tokenizer(Thalweg *thalweg, const char *path) {
    return call(thalweg, read_tokenizer, &(Call){.path = path}) ? thalweg->tokenizer : NULL;
}

static bool write_tokenizer(Thalweg *thalweg, Call *call) {
    return compiler_write_tokenizer(thalweg, call->path);
}

bool thalweg_write_tokenizer(Thalweg *thalweg, const char *path) {
    return call(thalweg, write_tokenizer, &(Call){.path = path});
}

static bool tuning(Thalweg *thalweg, Call *call) {
    if (!compiler_plan(thalweg)) return false;
    call->text = compiler_tuning_text(thalweg);
    return true;
}

const char *thalweg_tuning(Thalweg *thalweg) {
    Call result = {0};
    return call(thalweg, tuning, &result) ? result.text : NULL;
}

static bool session_options(Thalweg *thalweg, Call *call) {
    if (!compiler_plan(thalweg)) return false;
    const int threads = thalweg->options.threads;
    const int prefill = compiler_call_threads(thalweg, thalweg->prefill);
    const int decode = compiler_call_threads(thalweg, thalweg->decode);
    call->session.threads = prefill ? prefill : threads;
    call->session.decode_threads = decode ? decode : prefill ? compiler_threads(thalweg) : 0;
    return true;
}

TwSessionOptions thalweg_session_options(Thalweg *thalweg) {
    Call result = {0};
    return call(thalweg, session_options, &result) ? result.session : (TwSessionOptions){0};
}

static bool memory(Thalweg *thalweg, Call *call) {
    return compiler_memory(thalweg, call->flag, call->memory);
}

bool thalweg_memory(Thalweg *thalweg, bool has_all_logits, ThalwegMemory *out) {
    *out = (ThalwegMemory){0};
    return call(thalweg, memory, &(Call){.flag = has_all_logits, .memory = out});
}

static bool choose_context(Thalweg *thalweg, Call *call) {
    return compiler_choose_context(thalweg, call->flag);
}

bool thalweg_choose_context(Thalweg *thalweg, bool has_all_logits) {
    return call(thalweg, choose_context, &(Call){.flag = has_all_logits});
}

static bool check_memory(Thalweg *thalweg, Call *call) {
    return compiler_check_memory(thalweg, call->flag);
}

bool thalweg_check_memory(Thalweg *thalweg, bool has_all_logits) {
    return call(thalweg, check_memory, &(Call){.flag = has_all_logits});
}

static bool target(Thalweg *thalweg, Call *call) {
    if (!compiler_plan_all(thalweg)) return false;
    call->text = compiler_target_names(thalweg);
    return true;
}

const char *thalweg_target(Thalweg *thalweg) {
    Call result = {0};
    return call(thalweg, target, &result) ? result.text : NULL;
}

static bool make_directory(Thalweg *thalweg, Call *call) {
    return output_directory_make(compiler_directory(thalweg, call->path), 0777, &thalweg->diag);
}

bool thalweg_make_directory(Thalweg *thalweg, const char *path) {
    return call(thalweg, make_directory, &(Call){.path = path});
}

static bool begin_files(Thalweg *thalweg, Call *call) {
    (void)call;
    thalweg->batch = ARENA_NEW(thalweg->arena, OutputBatch);
    return true;
}

void thalweg_begin_files(Thalweg *thalweg) {
    call(thalweg, begin_files, NULL);
}

static bool end_files(Thalweg *thalweg, Call *call) {
    OutputBatch *batch = thalweg->batch;
    thalweg->batch = NULL;
    return batch ? output_batch_end(batch, call->flag, &thalweg->diag) : call->flag;
}

/* Files that were begun are removed without memory, too. */
bool thalweg_end_files(Thalweg *thalweg, bool is_complete) {
    return run(thalweg, end_files, &(Call){.flag = is_complete && !thalweg->is_exhausted});
}

static bool write_weights(Thalweg *thalweg, Call *call) {
    return compiler_write_weights(thalweg, call->path);
}

bool thalweg_write_weights(Thalweg *thalweg, const char *path) {
    return call(thalweg, write_weights, &(Call){.path = path});
}

static bool write_code(Thalweg *thalweg, Call *call) {
    const ThalwegEmit form = call->form;
    if (form == THALWEG_ARCHIVE || form == THALWEG_SHARED || form == THALWEG_PROGRAM)
        return compiler_link(thalweg, form, call->path);
    return compiler_write_module(thalweg, form, call->path, false);
}

bool thalweg_write_code(Thalweg *thalweg, ThalwegEmit form, const char *path) {
    return call(thalweg, write_code, &(Call){.form = form, .path = path});
}

static bool write_header(Thalweg *thalweg, Call *call) {
    return compiler_write_header(thalweg, call->path);
}

bool thalweg_write_header(Thalweg *thalweg, const char *path) {
    return call(thalweg, write_header, &(Call){.path = path});
}

static bool make_interp(Thalweg *thalweg) {
    if (!compiler_checkpoint(thalweg)) return false;
    if (thalweg->interp) return true;
    const Graph *graph = compiler_meaning(thalweg);
    if (!graph) return false;
    thalweg->interp = interp_create(graph, compiler_values(thalweg));
    if (!thalweg->interp || !compiler_begin_interpreted_edits(thalweg)) return false;
    compiler_begin_interpreted_taps(thalweg);
    return true;
}

static bool interpret(Thalweg *thalweg, Call *call) {
    if (!make_interp(thalweg)) return false;
    if (call->values)
        return interp_run_values(thalweg->interp, call->values, call->count, call->position,
                                 call->rows, call->logits);
    return interp_run(thalweg->interp, call->tokens, call->count, call->position, call->rows,
                      call->logits);
}

static bool choose_interpreted(Thalweg *thalweg, Call *call) {
    return make_interp(thalweg) && interp_choose(thalweg->interp, call->count);
}

bool thalweg_choose_interpreted(Thalweg *thalweg, int64_t sequence) {
    return call(thalweg, choose_interpreted, &(Call){.count = sequence});
}

bool thalweg_interpret(Thalweg *thalweg, const int32_t *tokens, int64_t count, int64_t position,
                       int64_t rows, double *out) {
    return call(
        thalweg, interpret,
        &(Call){
            .tokens = tokens, .count = count, .position = position, .rows = rows, .logits = out});
}

bool thalweg_interpret_values(Thalweg *thalweg, const double *values, int64_t count,
                              int64_t position, int64_t rows, double *out) {
    return call(
        thalweg, interpret,
        &(Call){
            .values = values, .count = count, .position = position, .rows = rows, .logits = out});
}

static bool list_edits(Thalweg *thalweg, Call *call) {
    if (!compiler_described(thalweg)) return false;
    call->edits = compiler_edits(thalweg, &call->count);
    return true;
}

const ThalwegEdit *thalweg_edits(Thalweg *thalweg, int64_t *count) {
    Call result = {0};
    call(thalweg, list_edits, &result);
    *count = result.count;
    return result.edits;
}

static bool edit_at_first(Thalweg *thalweg, Call *call) {
    if (!list_edits(thalweg, call)) return false;
    if (call->position < 0 || call->position >= call->count)
        return diag_error(&thalweg->diag, (Loc){0}, "there is no edit of number %lld",
                          (long long)call->position);
    return compiler_edit_at_first(thalweg, call->position, call->prompt, call->edit);
}

bool thalweg_edit_at_first(Thalweg *thalweg, int64_t number, ThalwegPrompt prompt, TwEdit *out) {
    return call(thalweg, edit_at_first, &(Call){.position = number, .prompt = prompt, .edit = out});
}

static bool set_interpreted_edit(Thalweg *thalweg, Call *call) {
    return compiler_described(thalweg) &&
           compiler_set_interpreted_edit(thalweg, call->position, call->edit);
}

bool thalweg_set_interpreted_edit(Thalweg *thalweg, int64_t number, const TwEdit *edit) {
    TwEdit copy = *edit;
    return call(thalweg, set_interpreted_edit, &(Call){.position = number, .edit = &copy});
}

static bool set_interpreted_tap(Thalweg *thalweg, Call *call) {
    return compiler_described(thalweg) &&
           compiler_set_interpreted_tap(thalweg, call->position, call->tap_rows, call->count);
}

bool thalweg_set_interpreted_tap(Thalweg *thalweg, int64_t number, double *rows, int64_t count) {
    return call(thalweg, set_interpreted_tap,
                &(Call){.position = number, .tap_rows = rows, .count = count});
}

static bool check_stream(Thalweg *thalweg, FILE *out) {
    return !ferror(out) || diag_error(&thalweg->diag, (Loc){0}, "the output could not be written");
}

static bool explain(Thalweg *thalweg, Call *call) {
    const char *graphs = call->text;
    if (!compiler_plan(thalweg)) return false;
    if (!graphs || !*graphs) compiler_explain(thalweg, call->out);
    if (graphs && !compiler_print_graphs(thalweg, graphs, call->out)) return false;
    return check_stream(thalweg, call->out);
}

bool thalweg_explain(Thalweg *thalweg, const char *graphs, FILE *out) {
    return call(thalweg, explain, &(Call){.text = graphs, .out = out});
}

static bool print_size(Thalweg *thalweg, Call *call) {
    return compiler_print_size(thalweg, call->out) && check_stream(thalweg, call->out);
}

bool thalweg_size(Thalweg *thalweg, FILE *out) {
    return call(thalweg, print_size, &(Call){.out = out});
}

static bool print_target(Thalweg *thalweg, Call *call) {
    if (!compiler_target(thalweg)) return false;
    target_print(thalweg->target, call->out);
    for (int i = 0; i < thalweg->others; i++) {
        fputc('\n', call->out);
        target_print(thalweg->other[i]->target, call->out);
    }
    return check_stream(thalweg, call->out);
}

bool thalweg_print_target(Thalweg *thalweg, FILE *out) {
    return call(thalweg, print_target, &(Call){.out = out});
}

static bool costs(Thalweg *thalweg, Call *call) {
    return compiler_costs(thalweg, call->count, call->position, call->costs);
}

bool thalweg_costs(Thalweg *thalweg, int64_t tokens, int64_t position, ThalwegCosts *out) {
    *out = (ThalwegCosts){0};
    return call(thalweg, costs, &(Call){.count = tokens, .position = position, .costs = out});
}

static bool optimise_text(Thalweg *thalweg, Call *call) {
    if (call->length > GRAPH_MAX_BYTES)
        return diag_error(&thalweg->diag, (Loc){0}, "'%s' is too long: at most %d bytes",
                          call->name, GRAPH_MAX_BYTES);
    if (!compiler_target(thalweg)) return false;
    const Source *source =
        compiler_copy_text(thalweg, call->name, call->text, call->length, call->length);
    Graph *graph = ir_parse(thalweg->arena, &thalweg->diag, source);
    if (!graph || !ir_verify(graph)) return false;
    const PassOptions options = compiler_pass_options(thalweg);
    if (!pass_run_all(graph, &options)) return false;
    ir_print(graph, call->out);
    return check_stream(thalweg, call->out);
}

bool thalweg_optimise_text(Thalweg *thalweg, const char *name, const char *text, size_t length,
                           FILE *out) {
    return call(thalweg, optimise_text,
                &(Call){.name = name, .text = text, .length = length, .out = out});
}

/* ---- what is kept in the cache ---- */

static bool list_kept(Thalweg *thalweg, Call *call) {
    return compiler_list_kept(thalweg, call->kept, call->kept_count);
}

bool thalweg_list_kept(Thalweg *thalweg, const ThalwegKept **out, int *count) {
    *count = 0;
    return call(thalweg, list_kept, &(Call){.kept = out, .kept_count = count});
}

static bool trim_kept(Thalweg *thalweg, Call *call) {
    return compiler_trim_kept(thalweg, call->count, call->bytes);
}

bool thalweg_trim_kept(Thalweg *thalweg, int64_t most, int64_t *removed) {
    *removed = 0;
    return call(thalweg, trim_kept, &(Call){.count = most, .bytes = removed});
}

static bool find_cache(Thalweg *thalweg, Call *call) {
    call->text = compiler_cache_directory(thalweg);
    return call->text;
}

const char *thalweg_cache_folder(Thalweg *thalweg) {
    Call result = {0};
    return call(thalweg, find_cache, &result) ? result.text : NULL;
}

/* ---- what there is to know ---- */

void thalweg_print_cpus(FILE *out) {
    target_print_cpus(out);
}

void thalweg_print_passes(FILE *out) {
    for (int i = 0; i < pass_count; i++)
        fprintf(out, "  %-15s %s\n", pass_info[i].text, pass_info[i].doc);
}

void thalweg_print_operations(FILE *out) {
    ir_print_reference(out);
}

/* ---- diagnostics ---- */

int thalweg_diagnostic_count(const Thalweg *thalweg) {
    int count = 0;
    for (const Diagnostic *d = thalweg->diag.first; d; d = d->next) count++;
    return count;
}

ThalwegDiagnostic thalweg_diagnostic(const Thalweg *thalweg, int index) {
    static const ThalwegSeverity severity[] = {
        [DIAG_ERROR] = THALWEG_ERROR, [DIAG_WARNING] = THALWEG_WARNING, [DIAG_NOTE] = THALWEG_NOTE};
    const Diagnostic *d = thalweg->diag.first;
    while (d && index-- > 0) d = d->next;
    if (!d) return (ThalwegDiagnostic){.message = ""};
    const LineColumn place = diag_line_column(d->loc);
    return (ThalwegDiagnostic){.severity = severity[d->severity],
                               .file = d->loc.source ? d->loc.source->name : NULL,
                               .line = place.line,
                               .column = place.column,
                               .message = d->message,
                               .hint = d->hint};
}

void thalweg_print_diagnostics(const Thalweg *thalweg, FILE *out) {
    diag_print(&thalweg->diag, out);
}

#include "frontend/measure/bench_report.h"

#include <jansson.h>
#include <string.h>

/* ---- text ---- */

static const char *arithmetic_word(Arithmetic arithmetic) {
    static const char *const words[] = {
        [ARITHMETIC_f32] = "f32", [ARITHMETIC_bf16] = "bf16", [ARITHMETIC_int8] = "int8"};
    return words[arithmetic];
}

static void print_phase(const char *name, const PhaseResult *phase, const char *limit, FILE *out) {
    char title[64];
    if (!phase->tokens) return;
    snprintf(title, sizeof title, "%s %lld at %lld", name, (long long)phase->tokens,
             (long long)phase->position);
    fprintf(out,
            "%-20s %9.1f  %9.1f %9.1f  %9.1f %9.1f  %7.1f %9.1f  %5.2f  %5.2f %4.2f..%4.2f of %s\n",
            title, phase->rate.median, phase->rate.quartile, phase->rate.third_quartile,
            phase->rate.least, phase->rate.most, phase->bytes / 1e9, phase->operations / 1e9,
            phase->fraction, phase->paired.median, phase->paired.quartile,
            phase->paired.third_quartile, limit);
}

static void print_row(const KernelRow *row, int work_width, int shape_width, FILE *out) {
    fprintf(out, "  %-*s  %-*s %5d %12.1f %6.1f%% %7.1f %9.1f  %5.2f of %s\n", work_width,
            row->work, shape_width, row->shape, row->count, 1e6 * row->seconds, 100 * row->share,
            row->bytes / 1e9, row->operations / 1e9, row->fraction,
            row->is_memory_bound ? "read" : arithmetic_word(row->arithmetic));
}

static int wider(int width, const char *text) {
    const int length = (int)strlen(text);
    return length > width ? length : width;
}

static void print_kernels(const KernelTable *table, FILE *out) {
    if (!table->tokens) return;
    int work_width = wider(0, "kernels in medians of 65536 calls"), shape_width = wider(0, "shape");
    for (int i = 0; i < table->rows; i++) {
        work_width = wider(work_width, table->row[i].work);
        shape_width = wider(shape_width, table->row[i].shape);
    }
    fprintf(out, "\n%s, a call of %lld token%s\n", table->phase, (long long)table->tokens,
            table->tokens == 1 ? "" : "s");
    char title[64];
    snprintf(title, sizeof title, "kernels in medians of %d calls", table->calls);
    fprintf(out, "  %-*s  %-*s %5s %12s %7s %7s %9s  %5s\n", work_width, title, shape_width,
            "shape", "count", "microseconds", "share", "GB/s", "GFLOP/s", "limit");
    for (int i = 0; i < table->rows; i++) print_row(&table->row[i], work_width, shape_width, out);
    fprintf(out, "  %-*s  %-*s %5d %12.1f %6.1f%%\n", work_width, "barriers", shape_width, "",
            table->barriers, 1e6 * table->barrier_seconds, 100 * table->barrier_share);
    fprintf(out,
            "  in sum %.1f microseconds, not timed %.1f; a thread waits for others in %.1f%% of "
            "the time\n",
            1e6 * table->seconds, 1e6 * table->untimed_seconds, 100 * table->waiting);
}

static void print_compile(const BenchResult *result, FILE *out) {
    fprintf(out, "\ncompiled to running code in %.0f ms (weights packed already)\n",
            1e3 * result->compile_seconds);
    fprintf(out, "packed in %.0f ms", 1e3 * result->pack_seconds);
    if (result->pack_memory)
        fprintf(out, ", with at most %.0f MB of memory beside mapped files",
                (double)result->pack_memory / 1e6);
    fputc('\n', out);
}

void bench_print_text(const BenchResult *result, FILE *out) {
    fprintf(out, "%s: %.1f million parameters, %d thread%s, %d repeats\n", result->model,
            (double)result->parameters / 1e6, result->threads, result->threads == 1 ? "" : "s",
            result->repeats);
    fprintf(out, "limits here, the best of %d: %.1f GB/s read (from %.0f MB), %.1f %s in %s\n\n",
            result->samples, result->limits.read / 1e9, (double)result->buffer_bytes / 1e6,
            result->limits.operations[result->arithmetic] / 1e9,
            result->arithmetic == ARITHMETIC_int8 ? "GOP/s" : "GFLOP/s",
            arithmetic_word(result->arithmetic));
    fprintf(out, "%-20s %9s  %19s  %19s  %7s %9s  %5s  %16s\n", "tokens/s", "median", "quartiles",
            "range", "GB/s", "GFLOP/s", "limit", "paired, quartiles");
    print_phase("prefill", &result->prefill, arithmetic_word(result->arithmetic), out);
    print_phase("decode", &result->decode, "read", out);
    if (result->has_compile) print_compile(result, out);
    print_kernels(&result->prefill_kernels, out);
    print_kernels(&result->decode_kernels, out);
}

/* ---- JSON ---- */

static json_t *phase_json(const PhaseResult *phase) {
    if (!phase->tokens) return json_null();
    const Summary *rate = &phase->rate;
    const Summary *paired = &phase->paired;
    return json_pack("{s:I, s:I, s:{s:f, s:[f, f], s:[f, f]}, s:f, s:f, s:f, s:{s:f, s:[f, f]}}",
                     "tokens", (json_int_t)phase->tokens, "position", (json_int_t)phase->position,
                     "tokens_per_second", "median", rate->median, "quartiles", rate->quartile,
                     rate->third_quartile, "range", rate->least, rate->most, "bytes_per_second",
                     phase->bytes, "operations_per_second", phase->operations, "fraction_of_limit",
                     phase->fraction, "paired_fraction_of_limit", "median", paired->median,
                     "quartiles", paired->quartile, paired->third_quartile);
}

static json_t *compile_json(const BenchResult *result) {
    if (!result->has_compile) return json_null();
    return json_pack("{s:f, s:f, s:I}", "seconds", result->compile_seconds, "pack_seconds",
                     result->pack_seconds, "pack_memory_bytes", (json_int_t)result->pack_memory);
}

static json_t *row_json(const KernelTable *table, const KernelRow *row) {
    return json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:s}", "phase", table->phase,
                     "kernel", row->work, "shape", row->shape, "count", row->count, "microseconds",
                     1e6 * row->seconds, "share", row->share, "gigabytes_per_second",
                     row->bytes / 1e9, "gigaflops", row->operations / 1e9, "fraction",
                     row->fraction, "bound", row->is_memory_bound ? "memory" : "compute");
}

static void add_rows(json_t *rows, const KernelTable *table) {
    for (int i = 0; i < table->rows; i++)
        json_array_append_new(rows, row_json(table, &table->row[i]));
}

static json_t *kernels_json(const BenchResult *result) {
    json_t *rows = json_array();
    add_rows(rows, &result->prefill_kernels);
    add_rows(rows, &result->decode_kernels);
    return rows;
}

/* What is beside the kernels in a call. */
static json_t *timed_json(const KernelTable *table) {
    if (!table->tokens) return json_null();
    return json_pack("{s:I, s:i, s:f, s:f, s:i, s:f, s:f, s:f}", "tokens",
                     (json_int_t)table->tokens, "calls", table->calls, "microseconds",
                     1e6 * table->seconds, "untimed_microseconds", 1e6 * table->untimed_seconds,
                     "barriers", table->barriers, "barrier_microseconds",
                     1e6 * table->barrier_seconds, "barrier_share", table->barrier_share, "waiting",
                     table->waiting);
}

bool bench_print_json(const BenchResult *result, FILE *out) {
    json_t *root = json_pack(
        "{s:s, s:I, s:i, s:i, s:{s:f, s:f, s:s, s:i, s:I}, s:o, s:o, s:o, s:o, s:{s:o, s:o}}",
        "model", result->model, "parameters", (json_int_t)result->parameters, "threads",
        result->threads, "repeats", result->repeats, "limits", "read_bytes_per_second",
        result->limits.read, "operations_per_second", result->limits.operations[result->arithmetic],
        "arithmetic", arithmetic_word(result->arithmetic), "samples", result->samples,
        "buffer_bytes", (json_int_t)result->buffer_bytes, "prefill", phase_json(&result->prefill),
        "decode", phase_json(&result->decode), "compile", compile_json(result), "kernels",
        kernels_json(result), "timed_call", "prefill", timed_json(&result->prefill_kernels),
        "decode", timed_json(&result->decode_kernels));
    if (!root) return false;
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(root);
    if (text) fprintf(out, "%s\n", text);
    free(text);
    return text != NULL;
}

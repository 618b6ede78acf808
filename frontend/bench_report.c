#include "frontend/bench_report.h"

#include <jansson.h>

/* ---- text ---- */

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

void bench_print_text(const BenchResult *result, FILE *out) {
    fprintf(out, "%s: %.1f million parameters, %d thread%s, %d repeats\n", result->model,
            (double)result->parameters / 1e6, result->threads, result->threads == 1 ? "" : "s",
            result->repeats);
    fprintf(out,
            "limits here, the best of %d: %.1f GB/s read (from %.0f MB), %.1f GFLOP/s in f32\n\n",
            result->samples, result->read_limit / 1e9, (double)result->buffer_bytes / 1e6,
            result->operation_limit / 1e9);
    fprintf(out, "%-20s %9s  %19s  %19s  %7s %9s  %5s  %16s\n", "tokens/s", "median", "quartiles",
            "range", "GB/s", "GFLOP/s", "limit", "paired, quartiles");
    print_phase("prefill", &result->prefill, "f32", out);
    print_phase("decode", &result->decode, "read", out);
    if (!result->has_compile) return;
    fprintf(out, "\ncompiled to running code in %.0f ms (weights packed already)\n",
            1e3 * result->compile_seconds);
    fprintf(out, "packed in %.0f ms", 1e3 * result->pack_seconds);
    if (result->pack_memory)
        fprintf(out, ", with at most %.0f MB of memory beside mapped files",
                (double)result->pack_memory / 1e6);
    fputc('\n', out);
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

bool bench_print_json(const BenchResult *result, FILE *out) {
    json_t *root = json_pack(
        "{s:s, s:I, s:i, s:i, s:{s:f, s:f, s:i, s:I}, s:o, s:o, s:o}", "model", result->model,
        "parameters", (json_int_t)result->parameters, "threads", result->threads, "repeats",
        result->repeats, "limits", "read_bytes_per_second", result->read_limit,
        "operations_per_second", result->operation_limit, "samples", result->samples,
        "buffer_bytes", (json_int_t)result->buffer_bytes, "prefill", phase_json(&result->prefill),
        "decode", phase_json(&result->decode), "compile", compile_json(result));
    if (!root) return false;
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(root);
    if (text) fprintf(out, "%s\n", text);
    free(text);
    return text != NULL;
}

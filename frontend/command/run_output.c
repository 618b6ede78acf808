#include "frontend/command/run_output.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void run_output_write(void *output, const char *bytes, size_t count) {
    RunOutput *out = output;
    if (!count) return;
    fwrite(bytes, 1, count, stdout);
    fflush(stdout);
    out->is_line_open = bytes[count - 1] != '\n';
}

static bool is_same_stream(int a, int b) {
    struct stat one, other;
    return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

void run_output_begin_line(RunOutput *output) {
    if (output->is_line_open && is_same_stream(STDOUT_FILENO, STDERR_FILENO)) fputc('\n', stderr);
    output->is_line_open = false;
}

void run_output_end_text(RunOutput *output, bool is_text) {
    if (output->is_line_open && (!is_text || isatty(STDOUT_FILENO))) {
        putchar('\n');
        output->is_line_open = false;
    }
    fflush(stdout);
}

static void say_stats(const RunReport *report) {
    fprintf(stderr, "%s: ready in %.0f ms, %d threads", report->model, 1e3 * report->ready_seconds,
            report->threads);
    if (report->fewest_threads < report->threads)
        fprintf(stderr, " (at times %d: the processors are busy)", report->fewest_threads);
    fprintf(stderr, "; prompt of %lld at %.1f tokens/s", (long long)report->prompt_tokens,
            (double)report->prompt_tokens / report->prompt_seconds);
    /* The first token comes from the prompt's logits. */
    if (report->tokens > 1)
        fprintf(stderr, "; %lld generated at %.1f tokens/s", (long long)report->tokens,
                (double)(report->tokens - 1) / report->generate_seconds);
    fputc('\n', stderr);
}

void run_output_say(RunOutput *output, const RunReport *report, bool has_stats) {
    if (report->is_cut || has_stats) run_output_begin_line(output);
    if (report->is_cut)
        fprintf(stderr, "note: stopped after %lld tokens: the context of %lld is full\n",
                (long long)report->tokens, (long long)report->context);
    if (has_stats) say_stats(report);
}

static const char *name_end(const RunReport *report, const Generation *generation) {
    if (report->is_interrupted) return "interrupt";
    if (generation->end == GENERATION_BY_TOKEN) return "token";
    if (generation->end == GENERATION_BY_STOP) return "stop";
    return report->is_full ? "context" : "count";
}

void run_output_json(const RunReport *report, const Generation *generation,
                     const Transcript *transcript) {
    const TranscriptFacts facts = {.model = report->model,
                                   .end = name_end(report, generation),
                                   .stop = generation->stop,
                                   .prompt_tokens = report->prompt_tokens,
                                   .threads = report->threads,
                                   .ready_seconds = report->ready_seconds,
                                   .prompt_seconds = report->prompt_seconds,
                                   .generate_seconds = report->generate_seconds};
    transcript_write(transcript, &facts, stdout);
    fflush(stdout);
}

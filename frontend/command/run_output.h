/* run_output.h - what is written of a generation: its text as it comes, or JSON at its end, and on
 * standard error what is said of it. */
#ifndef FRONTEND_RUN_OUTPUT_H
#define FRONTEND_RUN_OUTPUT_H

#include "runtime/generation/generation.h"

typedef struct RunOutput {
    bool is_line_open; /* the text on standard output ends within a line */
} RunOutput;

/* A TextWriter for a RunOutput: to standard output, at once. */
void run_output_write(void *output, const char *bytes, size_t count);

/* What is said comes on a line of its own, also where standard error goes behind the text. */
void run_output_begin_line(RunOutput *output);

/* Ends the line, where text that is piped on has to stay as it is; numbers have a last line. */
void run_output_end_text(RunOutput *output, bool is_text);

typedef struct RunReport {
    const char *model;
    int64_t context, prompt_tokens, tokens; /* tokens: generated */
    bool is_full;                           /* the context ended it */
    bool is_interrupted;                    /* a signal did */
    bool is_cut; /* there are fewer tokens than were asked for, since it is full */
    int threads, fewest_threads;
    double ready_seconds, prompt_seconds, generate_seconds;
} RunReport;

/* Lines on standard error: of a context that is too short, and if they are wanted of times. */
void run_output_say(RunOutput *output, const RunReport *report, bool has_stats);

/* One object of JSON on standard output. */
void run_output_json(const RunReport *report, const Generation *generation,
                     const Transcript *transcript);

#endif

#include "frontend/tune/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *tune_schedule_text(Schedule schedule, Arena *arena) {
    const char *text = "";
#define SCHEDULE(name, doc)                                                                        \
    if (schedule.name)                                                                             \
        text =                                                                                     \
            arena_printf(arena, "%s%s" #name " %" PRId64, text, *text ? ", " : "", schedule.name);
#include "ir/schedule.def"
#undef SCHEDULE
    return text;
}

/* ---- the table ---- */

/* Of the time by default; 1 where one of both is not known. */
static double ratio_of(const TuneKernel *kernel) {
    const bool is_known = kernel->best_seconds > 0 && kernel->rule_seconds > 0;
    return is_known ? kernel->rule_seconds / kernel->best_seconds : 1;
}

/* Calls are by all threads where no number of them was chosen. */
static const char *chosen_text(const TuneReport *report, const TuneKernel *kernel, Arena *arena) {
    if (!kernel->is_call || kernel->best.threads) return tune_schedule_text(kernel->best, arena);
    return arena_printf(arena, "all %d threads", report->tuned->threads);
}

static const char *time_text(double seconds, Arena *arena) {
    return seconds > 0 ? arena_printf(arena, "%.1f", 1e6 * seconds) : "-";
}

static void print_pairs(const char *phase, int64_t tokens, const TunePairs *pairs, FILE *out) {
    if (!pairs->pairs || !(pairs->ratio > 0)) return;
    fprintf(out,
            "%s: %.1f tokens/s by default, %.1f tuned: %.3f (quartiles %.3f..%.3f, %d pairs)%s\n",
            phase, (double)tokens / pairs->then_seconds, (double)tokens / pairs->seconds,
            1 / pairs->ratio, 1 / pairs->high, 1 / pairs->low, pairs->pairs,
            pairs->ratio > 1 ? "; the default is kept" : "");
}

void tune_report_table(const TuneReport *report, FILE *out) {
    const TuneSearch *search = report->search;
    int width = (int)strlen("kernel");
    for (int i = 0; i < search->kernels; i++) {
        const int length = (int)strlen(search->kernel[i].name);
        width = length > width ? length : width;
    }
    fprintf(out, "%-*s  %5s %7s %11s %11s %7s %9s  %s\n", width, "kernel, in microseconds", "count",
            "share", "default", "tuned", "ratio", "tried", "schedule");
    Arena *scratch = arena_create();
    for (int i = 0; i < search->kernels; i++) {
        const TuneKernel *kernel = &search->kernel[i];
        fprintf(out, "%-*s  %5d %6.1f%% %11s %11s %7.3f %4d/%-4d  %s\n", width, kernel->name,
                kernel->count, 100 * kernel->share, time_text(kernel->rule_seconds, scratch),
                time_text(kernel->best_seconds, scratch), ratio_of(kernel), kernel->tried,
                kernel->candidates, chosen_text(report, kernel, scratch));
    }
    arena_destroy(scratch);
    if (!report->pairs) return;
    print_pairs("prefill", report->tuned->prefill_tokens, &report->pairs[PHASE_PREFILL], out);
    print_pairs("decode", 1, &report->pairs[PHASE_DECODE], out);
}

/* ---- the page ---- */

/* The labels of lines stand to the left of the plot, and that of 0 below it. */
static const double plot_width = 640, plot_height = 200, left = 112, top = 24, bottom = 24;
static const double line_height = 12;

static void print_escaped(const char *text, FILE *out) {
    for (; *text; text++) switch (*text) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputc(*text, out);
        }
}

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n<style>\n"
    "body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 50rem;"
    " padding: 0 1rem; color: #1c2733; background: #fff }\n"
    "h1 { font-size: 1.4rem } h2 { font-size: 1rem; margin: 2rem 0 .3rem }\n"
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums }\n"
    "td, th { padding: .15rem .8rem .15rem 0; text-align: right }\n"
    "td:first-child, th:first-child { text-align: left }\n"
    "svg { width: 100%; height: auto }"
    " svg text { font-size: 11px; fill: #51606e; text-anchor: end }\n"
    ".axis { stroke: #b9c4ce } .limit { stroke: #b4541a; stroke-dasharray: 5 4 }\n"
    ".measured { fill: #8aa4b8 } .chosen { fill: #0a6c5b } .rejected { fill: #c7902c }\n"
    ".wrong { fill: #b3261e } .default { stroke: #51606e; stroke-dasharray: 2 3 }\n"
    "</style>\n";

typedef struct {
    const TuneReport *report;
    const TuneKernel *kernel;
    double limit, most; /* seconds; the scale reaches from 0 to `most` */
    bool has_line;      /* whether the limit is drawn: it is near what was measured */
    int events;
    FILE *out;
} Plot;

static double y_of(const Plot *plot, double seconds) {
    return plot_height - bottom - seconds / plot->most * (plot_height - top - bottom);
}

static double x_of(const Plot *plot, int number) {
    return left + (number + 0.5) * (plot_width - left) / (plot->events ? plot->events : 1);
}

/* The label is moved by so much. */
static void print_line(const Plot *plot, const char *class, double seconds, const char *label,
                       double moved) {
    const double y = y_of(plot, seconds);
    fprintf(plot->out,
            "<line class=\"%s\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>"
            "<text x=\"%.0f\" y=\"%.1f\">%s</text>\n",
            class, left, plot_width, y, y, left - 6, y + 4 + moved, label);
}

/* Where both lines are near each other, their labels give way. */
static void print_lines(const Plot *plot, Arena *scratch) {
    const double usual = plot->kernel->rule_seconds;
    const double apart = y_of(plot, plot->limit) - y_of(plot, usual);
    const bool is_near = usual > 0 && plot->has_line && fabs(apart) < line_height;
    const double moved = is_near ? (line_height - fabs(apart)) / (apart < 0 ? -2 : 2) : 0;
    print_line(plot, "axis", 0, "0 microseconds", line_height);
    if (usual > 0)
        print_line(plot, "default", usual, arena_printf(scratch, "default %.1f", 1e6 * usual),
                   -moved);
    if (plot->has_line)
        print_line(plot, "limit", plot->limit,
                   arena_printf(scratch, "roofline %.1f", 1e6 * plot->limit), moved);
}

static void print_point(const Plot *plot, const TuneEvent *event, int number, Arena *scratch) {
    static const char *const classes[] = {[TUNE_MEASURED] = "measured",
                                          [TUNE_CHOSEN] = "chosen",
                                          [TUNE_REJECTED] = "rejected",
                                          [TUNE_WRONG] = "wrong"};
    const double seconds = event->seconds < plot->most ? event->seconds : plot->most;
    fprintf(plot->out,
            "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"><title>%s: %.1f microseconds, "
            "%.3f of the best before, after %.1f s</title></circle>\n",
            classes[event->verdict], x_of(plot, number), y_of(plot, seconds),
            event->verdict == TUNE_MEASURED ? 3 : 5, tune_schedule_text(event->schedule, scratch),
            1e6 * event->seconds, event->ratio, event->at);
}

/* What is much slower than the default is drawn at the upper edge. A roofline far above all that
 * was measured, of a kernel that reads from the cache, would leave no height for the rest. */
static void scale(Plot *plot) {
    const TuneSearch *search = plot->report->search;
    const TuneKernel *kernel = plot->kernel;
    const double usual = kernel->rule_seconds > 0 ? kernel->rule_seconds : kernel->best_seconds;
    plot->most = 1.1 * usual;
    for (int i = 0; i < search->events; i++) {
        const TuneEvent *event = &search->event[i];
        if (event->kernel != plot->kernel) continue;
        plot->events++;
        const double highest = usual > 0 ? fmin(event->seconds, 3 * usual) : event->seconds;
        plot->most = fmax(plot->most, 1.1 * highest);
    }
    plot->has_line = plot->limit > 0 && plot->limit < 2 * plot->most;
    if (plot->has_line) plot->most = fmax(plot->most, 1.1 * plot->limit);
}

static void print_times(const Plot *plot, Arena *scratch) {
    const TuneKernel *kernel = plot->kernel;
    if (kernel->rule_seconds > 0 && kernel->best_seconds > 0)
        fprintf(plot->out,
                "%.1f microseconds by default, %.1f tuned (%.3f): ", 1e6 * kernel->rule_seconds,
                1e6 * kernel->best_seconds, ratio_of(kernel));
    else if (kernel->best_seconds > 0)
        fprintf(plot->out, "%.1f microseconds: ", 1e6 * kernel->best_seconds);
    else
        fputs("Not measured this time: ", plot->out);
    print_escaped(chosen_text(plot->report, kernel, scratch), plot->out);
    fprintf(plot->out, "; %d of %d tried.", kernel->tried, kernel->candidates);
    if (plot->limit > 0 && !plot->has_line)
        fprintf(plot->out, " Its roofline lies far above, at %.1f.", 1e6 * plot->limit);
}

static void print_picture(const Plot *plot, Arena *scratch) {
    const TuneSearch *search = plot->report->search;
    fprintf(plot->out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n", plot_width, plot_height);
    print_lines(plot, scratch);
    for (int i = 0, number = 0; i < search->events; i++)
        if (search->event[i].kernel == plot->kernel)
            print_point(plot, &search->event[i], number++, scratch);
    fputs("</svg>\n", plot->out);
}

static void print_plot(Plot *plot) {
    FILE *out = plot->out;
    Arena *scratch = arena_create();
    scale(plot);
    fprintf(out, "<h2>");
    print_escaped(plot->kernel->name, out);
    fputs("</h2>\n<p>", out);
    print_times(plot, scratch);
    fputs("</p>\n", out);
    if (plot->most > 0) print_picture(plot, scratch);
    arena_destroy(scratch);
}

static void print_page_pairs(const char *phase, const TunePairs *pairs, FILE *out) {
    if (!pairs->pairs) return;
    fprintf(out, "<tr><td>%s</td><td>%.3f</td><td>%.3f..%.3f</td><td>%d</td></tr>\n", phase,
            1 / pairs->ratio, 1 / pairs->high, 1 / pairs->low, pairs->pairs);
}

void tune_report_page(const TuneReport *report, FILE *out) {
    const TuneSearch *search = report->search;
    fputs(page_head, out);
    fputs("<title>Tuning of ", out);
    print_escaped(report->model, out);
    fputs("</title>\n</head>\n<body>\n<h1>Tuning of ", out);
    print_escaped(report->model, out);
    fputs("</h1>\n<p>", out);
    print_escaped(report->cpu, out);
    fprintf(out, ", %d thread%s; %d schedules measured.</p>\n", report->tuned->threads,
            report->tuned->threads == 1 ? "" : "s", search->events);
    if (report->pairs) {
        fputs("<table>\n<tr><th>whole calls</th><th>speed, of the default's</th><th>quartiles</th>"
              "<th>pairs</th></tr>\n",
              out);
        print_page_pairs("prefill", &report->pairs[PHASE_PREFILL], out);
        print_page_pairs("decode", &report->pairs[PHASE_DECODE], out);
        fputs("</table>\n", out);
    }
    for (int i = 0; i < search->kernels; i++) {
        Plot plot = {.report = report, .kernel = &search->kernel[i], .out = out};
        plot.limit = report->limit[i];
        print_plot(&plot);
    }
    fputs("</body>\n</html>\n", out);
}

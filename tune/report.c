#include "tune/report.h"

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

static double ratio_of(const TuneKernel *kernel) {
    return kernel->best_seconds > 0 ? kernel->rule_seconds / kernel->best_seconds : 1;
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
        fprintf(out, "%-*s  %5d %6.1f%% %11.1f %11.1f %7.3f %4d/%-4d  %s\n", width, kernel->name,
                kernel->count, 100 * kernel->share, 1e6 * kernel->rule_seconds,
                1e6 * kernel->best_seconds, ratio_of(kernel), kernel->tried, kernel->candidates,
                tune_schedule_text(kernel->best, scratch));
    }
    arena_destroy(scratch);
    if (!report->pairs) return;
    print_pairs("prefill", report->tuned->prefill_tokens, &report->pairs[PHASE_PREFILL], out);
    print_pairs("decode", 1, &report->pairs[PHASE_DECODE], out);
}

/* ---- the page ---- */

static const double plot_width = 640, plot_height = 200, margin = 48;

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
    "svg { width: 100%; height: auto } svg text { font-size: 11px; fill: #51606e }\n"
    ".axis { stroke: #b9c4ce } .limit { stroke: #b4541a; stroke-dasharray: 5 4 }\n"
    ".measured { fill: #8aa4b8 } .chosen { fill: #0a6c5b } .rejected { fill: #c7902c }\n"
    ".wrong { fill: #b3261e } .default { stroke: #51606e; stroke-dasharray: 2 3 }\n"
    "</style>\n";

typedef struct {
    const TuneReport *report;
    const TuneKernel *kernel;
    double limit, most; /* seconds; the scale reaches from 0 to `most` */
    int events;
    FILE *out;
} Plot;

static double y_of(const Plot *plot, double seconds) {
    return plot_height - margin / 2 - seconds / plot->most * (plot_height - margin);
}

static double x_of(const Plot *plot, int number) {
    return margin + (number + 0.5) * (plot_width - margin) / (plot->events ? plot->events : 1);
}

static void print_line(const Plot *plot, const char *class, double seconds, const char *label) {
    const double y = y_of(plot, seconds);
    fprintf(plot->out,
            "<line class=\"%s\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>"
            "<text x=\"%.0f\" y=\"%.1f\">%s %.1f</text>\n",
            class, margin, plot_width, y, y, margin + 4, y - 3, label, 1e6 * seconds);
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

static void scale(Plot *plot) {
    const TuneSearch *search = plot->report->search;
    plot->most = 1.1 * plot->kernel->rule_seconds;
    for (int i = 0; i < search->events; i++) {
        const TuneEvent *event = &search->event[i];
        if (event->kernel != plot->kernel) continue;
        plot->events++;
        const double top = fmin(1.1 * event->seconds, 3 * plot->kernel->rule_seconds);
        if (top > plot->most) plot->most = top;
    }
    if (!(plot->most > 0)) plot->most = 1e-6;
}

static void print_plot(Plot *plot) {
    const TuneSearch *search = plot->report->search;
    FILE *out = plot->out;
    Arena *scratch = arena_create();
    scale(plot);
    fprintf(out, "<h2>");
    print_escaped(plot->kernel->name, out);
    fprintf(out, "</h2>\n<p>%.1f microseconds by default, %.1f tuned (%.3f): ",
            1e6 * plot->kernel->rule_seconds, 1e6 * plot->kernel->best_seconds,
            ratio_of(plot->kernel));
    print_escaped(tune_schedule_text(plot->kernel->best, scratch), out);
    fprintf(out, "; %d of %d tried.</p>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n",
            plot->kernel->tried, plot->kernel->candidates, plot_width, plot_height);
    print_line(plot, "axis", 0, "microseconds");
    print_line(plot, "default", plot->kernel->rule_seconds, "default");
    if (plot->limit > 0) print_line(plot, "limit", plot->limit, "roofline");
    for (int i = 0, number = 0; i < search->events; i++)
        if (search->event[i].kernel == plot->kernel)
            print_point(plot, &search->event[i], number++, scratch);
    fprintf(out, "</svg>\n");
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
    fprintf(out, ", %d threads; %d schedules measured.</p>\n", report->tuned->threads,
            search->events);
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

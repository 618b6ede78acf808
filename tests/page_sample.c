/* page_sample.c FILE.html - writes a page with every kind of part, and with texts of strangers. */
#include "frontend/lens/page.h"

#include <math.h>
#include <stdlib.h>

enum { LAYERS = 12, TOKENS = 9, TOP = 5, BARS = 60, SIDE = 90, SMALL = 24, MAPS = 6 };

static const char *const tokens[TOKENS] = {"</script><script>document.title='taken'</script>",
                                           "\"&'<b>",
                                           "\x01\x1b[31m",
                                           "\xff\xfe broken",
                                           "\n",
                                           " an",
                                           "\u65e5\u672c\u8a9e",
                                           "\u202eabc",
                                           "a very long token that does not fit its cell"};

static double wave(int64_t i) {
    return 0.5 + 0.5 * sin(0.9 * (double)i + 0.01 * (double)(i * i % 97));
}

/* A logit lens: a word in each cell. */
static void put_words(Page *page) {
    static double value[LAYERS * TOKENS];
    static const char *text[LAYERS * TOKENS];
    static PageEntry detail[LAYERS * TOKENS * TOP];
    for (int i = 0; i < LAYERS * TOKENS; i++) {
        value[i] = wave(i) * (double)(i / TOKENS + 1) / LAYERS;
        text[i] = tokens[(i + i / TOKENS) % TOKENS];
        for (int k = 0; k < TOP; k++)
            detail[i * TOP + k] = (PageEntry){tokens[(i + k) % TOKENS], value[i] / (k + 1), NULL};
    }
    value[3] = NAN;
    detail[TOP * 4 + 4].label = NULL;
    page_heat_map(page, &(PageHeatMap){.title = "What each layer would say next.",
                                       .caption = "A caption of <i>strangers</i>.",
                                       .row_name = "layer",
                                       .column_name = "token",
                                       .value_name = "probability",
                                       .rows = LAYERS,
                                       .columns = TOKENS,
                                       .column_label = tokens,
                                       .value = value,
                                       .text = text,
                                       .detail = detail,
                                       .details = TOP,
                                       .detail_name = "likeliest tokens",
                                       .most = 1,
                                       .is_upward = true});
}

static void put_numbers(Page *page) {
    static double value[LAYERS * TOKENS];
    for (int i = 0; i < LAYERS * TOKENS; i++) value[i] = wave(i) * wave(3 * i + 1) * 2 - 0.7;
    page_heat_map(page, &(PageHeatMap){.title = "Effect of patching.",
                                       .row_name = "layer",
                                       .column_name = "position",
                                       .value_name = "effect",
                                       .rows = LAYERS,
                                       .columns = TOKENS,
                                       .value = value,
                                       .scale = PAGE_DIVERGING});
}

/* More cells than a table should have. */
static void put_picture(Page *page) {
    static double value[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) {
        const double x = (i % SIDE - SIDE / 2) / 12.0, y = (i / SIDE - SIDE / 2) / 12.0;
        value[i] = i % SIDE > i / SIDE ? NAN : cos(x * x + y * y) * exp(-0.05 * (x * x + y * y));
    }
    page_heat_map(page, &(PageHeatMap){.title = "A picture.",
                                       .row_name = "query",
                                       .column_name = "key",
                                       .value_name = "score",
                                       .rows = SIDE,
                                       .columns = SIDE,
                                       .value = value,
                                       .scale = PAGE_DIVERGING});
}

static void put_gallery(Page *page) {
    static double value[SMALL * SMALL];
    for (int map = 0; map < MAPS; map++) {
        char title[40];
        snprintf(title, sizeof title, "Head %d.", map);
        for (int i = 0; i < SMALL * SMALL; i++) {
            const int behind = i / SMALL - i % SMALL;
            value[i] = behind < 0 ? NAN : exp(-0.7 * abs(behind - map)) * wave(i);
        }
        page_heat_map(page, &(PageHeatMap){.title = title,
                                           .value_name = "weight",
                                           .rows = SMALL,
                                           .columns = SMALL,
                                           .value = value,
                                           .most = 1,
                                           .is_small = true});
    }
}

static void put_bars(Page *page) {
    static PageEntry bar[BARS];
    static char label[BARS][16];
    for (int i = 0; i < BARS; i++) {
        snprintf(label[i], sizeof label[i], "L%dN%d", i % LAYERS, 37 * i % 512);
        bar[i] = (PageEntry){label[i], (i % 3 ? 1 : -0.7) * exp(-0.08 * i), NULL};
    }
    bar[1].text = "said <b>of it</b>";
    page_bars(page, &(PageBars){.title = "Parts of a logit.",
                                .caption = "Sorted by size.",
                                .value_name = "logit",
                                .bar = bar,
                                .count = BARS,
                                .shown = 16});
}

static void put_plot(Page *page) {
    enum { LINES = 3 };
    static double y[LINES][LAYERS];
    static const char *const names[LINES] = {"with skips", "without", "tokens </script>"};
    PageLine line[LINES];
    for (int i = 0; i < LINES; i++) {
        for (int k = 0; k < LAYERS; k++) y[i][k] = exp(-0.4 * k * i) * (0.8 + 0.2 * wave(k + i));
        line[i] = (PageLine){names[i], NULL, y[i], LAYERS};
    }
    y[0][4] = NAN;
    page_plot(page, &(PagePlot){.title = "Rank collapse.",
                                .caption = "The stream behind each layer.",
                                .x_name = "layer",
                                .y_name = "residual",
                                .line = line,
                                .lines = LINES,
                                .has_log_y = true});
    page_plot(page, &(PagePlot){.title = "Ticks of tokens.",
                                .x_name = "token",
                                .y_name = "difference of logits",
                                .line = line,
                                .lines = 1,
                                .tick = tokens,
                                .ticks = TOKENS,
                                .has_zero_y = true});
}

static void put_table(Page *page) {
    static const char *const names[] = {"token", "score", "what"};
    const PageEntry cell[] = {{NULL, 0, " an"}, {NULL, 0.64921, NULL}, {NULL, 0, "<i>an</i>"},
                              {NULL, 0, " a"},  {NULL, -24.22, NULL},  {NULL, NAN, NULL}};
    page_table(
        page,
        &(PageTable){.title = "A table.", .name = names, .rows = 2, .columns = 3, .cell = cell});
}

int main(int count, char **words) {
    if (count != 2) return 2;
    Diag diag = {.arena = arena_create()};
    Page *page = page_create("Every part </title> of a page");
    page_words(page, "Model gpt2-124m \u00b7 the prompt was \u201c</script>\u201d, of 9 tokens.");
    put_words(page);
    page_heading(page, "Numbers & signs");
    put_numbers(page);
    put_picture(page);
    put_gallery(page);
    put_bars(page);
    put_plot(page);
    put_table(page);
    const bool is_done = page_write(page, words[1], &diag);
    page_destroy(page);
    diag_print(&diag, stderr);
    arena_destroy(diag.arena);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}

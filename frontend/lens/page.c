/* page.c - parts become JSON, the data of the page's script. */
#include "frontend/lens/page.h"

#include "frontend/files/output_file.h"
#include "frontend/lens/page_files.h"
#include "runtime/generation/json_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct Page {
    char *title;
    char *text; /* the parts as JSON, with commas between them */
    size_t size;
    FILE *parts;
    int64_t count;
};

Page *page_create(const char *title) {
    Page *page = calloc(1, sizeof *page);
    if (!page) return NULL;
    page->title = strdup(title);
    page->parts = open_memstream(&page->text, &page->size);
    if (page->title && page->parts) return page;
    page_destroy(page);
    return NULL;
}

void page_destroy(Page *page) {
    if (!page) return;
    if (page->parts) fclose(page->parts);
    free(page->text);
    free(page->title);
    free(page);
}

/* ---- members of objects ---- */

/* What begins a part: its other members follow. */
static FILE *begin(Page *page, const char *kind) {
    fprintf(page->parts, "%s{\"kind\":\"%s\"", page->count++ ? ",\n" : "", kind);
    return page->parts;
}

static void end(Page *page) {
    fputs("}", page->parts);
}

static void put_text(const char *text, FILE *out) {
    if (text)
        json_text_string(text, strlen(text), out);
    else
        fputs("null", out);
}

static void member(const char *name, FILE *out) {
    fprintf(out, ",\"%s\":", name);
}

static void text_member(const char *name, const char *text, FILE *out) {
    if (!text) return;
    member(name, out);
    put_text(text, out);
}

static void number_member(const char *name, double number, FILE *out) {
    member(name, out);
    json_text_number(number, out);
}

static void texts_member(const char *name, const char *const *text, int64_t count, FILE *out) {
    if (!text) return;
    member(name, out);
    for (int64_t i = 0; i < count; i++) {
        fputc(i ? ',' : '[', out);
        put_text(text[i], out);
    }
    fputs(count ? "]" : "[]", out);
}

static void numbers_member(const char *name, const double *number, int64_t count, FILE *out) {
    if (!number) return;
    member(name, out);
    for (int64_t i = 0; i < count; i++) {
        fputc(i ? ',' : '[', out);
        json_text_number(number[i], out);
    }
    fputs(count ? "]" : "[]", out);
}

/* [label, number, text], as short as it can be; null for nothing. */
static void put_entry(const PageEntry *entry, FILE *out) {
    if (!entry->label) {
        fputs("null", out);
        return;
    }
    fputc('[', out);
    put_text(entry->label, out);
    fputc(',', out);
    json_text_number(entry->value, out);
    if (entry->text) fputc(',', out);
    if (entry->text) put_text(entry->text, out);
    fputc(']', out);
}

static void entries_member(const char *name, const PageEntry *entry, int64_t count, FILE *out) {
    if (!entry) return;
    member(name, out);
    for (int64_t i = 0; i < count; i++) {
        fputc(i ? ',' : '[', out);
        put_entry(&entry[i], out);
    }
    fputs(count ? "]" : "[]", out);
}

/* ---- parts ---- */

void page_heading(Page *page, const char *text) {
    if (!page) return;
    text_member("text", text, begin(page, "heading"));
    end(page);
}

void page_words(Page *page, const char *text) {
    if (!page) return;
    text_member("text", text, begin(page, "words"));
    end(page);
}

/* The scale that the values want: around 0 both sides reach as far. */
static void put_scale(const PageHeatMap *map, FILE *out) {
    static const char *const words[] = {"sequential", "diverging", "ranks"};
    double least = INFINITY, most = -INFINITY;
    for (int64_t i = 0; i < map->rows * map->columns; i++) {
        if (!isfinite(map->value[i])) continue;
        least = fmin(least, map->value[i]);
        most = fmax(most, map->value[i]);
    }
    if (map->least != 0 || map->most != 0) least = map->least, most = map->most;
    if (map->scale == PAGE_DIVERGING) most = fmax(fabs(least), fabs(most)), least = -most;
    if (map->scale == PAGE_RANKS) least = 1;
    number_member("least", least, out);
    number_member("most", most, out);
    text_member("scale", words[map->scale], out);
}

void page_heat_map(Page *page, const PageHeatMap *map) {
    if (!page) return;
    const int64_t cells = map->rows * map->columns;
    FILE *out = begin(page, "map");
    text_member("title", map->title, out);
    text_member("caption", map->caption, out);
    text_member("row", map->row_name, out);
    text_member("column", map->column_name, out);
    text_member("name", map->value_name, out);
    number_member("rows", (double)map->rows, out);
    number_member("columns", (double)map->columns, out);
    texts_member("rowLabels", map->row_label, map->rows, out);
    texts_member("columnLabels", map->column_label, map->columns, out);
    put_scale(map, out);
    numbers_member("values", map->value, cells, out);
    texts_member("texts", map->text, cells, out);
    entries_member("details", map->detail, cells * map->details, out);
    number_member("detailCount", (double)map->details, out);
    text_member("detailName", map->detail_name, out);
    if (map->is_upward) fputs(",\"upward\":true", out);
    if (map->is_small) fputs(",\"small\":true", out);
    end(page);
}

void page_bars(Page *page, const PageBars *bars) {
    enum { USUAL = 40 };
    if (!page) return;
    FILE *out = begin(page, "bars");
    text_member("title", bars->title, out);
    text_member("caption", bars->caption, out);
    text_member("name", bars->value_name, out);
    number_member("shown", (double)(bars->shown ? bars->shown : USUAL), out);
    entries_member("bars", bars->bar, bars->count, out);
    end(page);
}

static void put_line(const PageLine *line, FILE *out) {
    fputs("{\"kind\":\"line\"", out);
    text_member("label", line->label, out);
    numbers_member("x", line->x, line->count, out);
    numbers_member("y", line->y, line->count, out);
    fputc('}', out);
}

void page_plot(Page *page, const PagePlot *plot) {
    if (!page) return;
    FILE *out = begin(page, "plot");
    text_member("title", plot->title, out);
    text_member("caption", plot->caption, out);
    text_member("x", plot->x_name, out);
    text_member("y", plot->y_name, out);
    texts_member("ticks", plot->tick, plot->ticks, out);
    if (plot->is_points) fputs(",\"points\":true", out);
    if (plot->has_log_y) fputs(",\"log\":true", out);
    if (plot->has_zero_y) fputs(",\"zero\":true", out);
    fputs(",\"lines\":[", out);
    for (int64_t i = 0; i < plot->lines; i++) {
        if (i) fputc(',', out);
        put_line(&plot->line[i], out);
    }
    fputc(']', out);
    end(page);
}

/* Each cell is its text, or its number. */
void page_table(Page *page, const PageTable *table) {
    if (!page) return;
    FILE *out = begin(page, "table");
    text_member("title", table->title, out);
    text_member("caption", table->caption, out);
    texts_member("names", table->name, table->columns, out);
    member("cells", out);
    fputc('[', out);
    for (int64_t i = 0; i < table->rows * table->columns; i++) {
        if (i) fputc(',', out);
        if (table->cell[i].text)
            put_text(table->cell[i].text, out);
        else
            json_text_number(table->cell[i].value, out);
    }
    fputc(']', out);
    end(page);
}

/* ---- the file ---- */

/* Nothing may be loaded, whatever a text contains. */
static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n<title>";

static void print_escaped(const char *text, FILE *out) {
    for (; *text; text++) switch (*text) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        default: fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
        }
}

/* JSON within an element of script: '<' stands in strings alone, and "</script" ends the element.
 */
static void print_json(const char *text, size_t length, FILE *out) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '<')
            fputs("\\u003c", out);
        else
            fputc(text[i], out);
    }
}

/* {"title": ..., "parts": [...]}; malloc. Null: there is no memory. */
static char *make_data(Page *page, size_t *length) {
    char *data = NULL;
    FILE *out =
        fflush(page->parts) == 0 && !ferror(page->parts) ? open_memstream(&data, length) : NULL;
    if (!out) return NULL;
    fputs("{\"title\":", out);
    put_text(page->title, out);
    fputs(",\"parts\":[\n", out);
    fwrite(page->text, 1, page->size, out);
    fputs("\n]}", out);
    const bool is_fine = !ferror(out);
    if (fclose(out) == 0 && is_fine) return data;
    free(data);
    return NULL;
}

bool page_write(Page *page, const char *path, Diag *diag) {
    OutputFile file;
    size_t length = 0;
    char *data = page ? make_data(page, &length) : NULL;
    if (!data) return diag_error(diag, (Loc){0}, "'%s': out of memory", path);
    const bool is_open = output_file_open(&file, path, diag);
    if (is_open) {
        FILE *out = file.stream;
        fputs(head, out);
        print_escaped(page->title, out);
        fputs("</title>\n<style>\n", out);
        fwrite(page_style, 1, page_style_length, out);
        fputs(
            "</style>\n</head>\n<body>\n<main id=\"page\">\n<noscript>The figures of this page are "
            "drawn by its own script, which is switched off here.</noscript>\n</main>\n"
            "<script type=\"application/json\" id=\"data\">",
            out);
        print_json(data, length, out);
        fputs("</script>\n<script>\n", out);
        fwrite(page_script, 1, page_script_length, out);
        fputs("</script>\n</body>\n</html>\n", out);
    }
    free(data);
    return is_open && output_file_close(&file, true, diag);
}

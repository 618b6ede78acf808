/* page.h - a page of figures in one file: HTML with its style, its script and its data inside.
 *
 *   Page *page = page_create("Logit lens");
 *   page_words(page, "What each layer would say next.");
 *   page_heat_map(page, &(PageHeatMap){...});
 *   page_write(page, "lens.html", &diag);
 *   page_destroy(page);
 *
 * A caller gives numbers and texts; page.js draws them, and page.css says how. The page takes
 * nothing from anywhere else. Each figure can be read without seeing colours, in light and in dark,
 * and shows details of what is under the pointer or has the keyboard's focus; page.html#1.2.3 is
 * figure 1 with the focus on row 2, column 3.
 *
 * Texts may be of strangers: what is no UTF-8 is shown as U+FFFD, and spaces at the ends of labels
 * as dots. Values that are not finite are shown as missing. All is copied, at once.
 */
#ifndef FRONTEND_PAGE_H
#define FRONTEND_PAGE_H

#include "ir/diag.h"

typedef struct Page Page;

/* Null: there is no memory; the calls below take it for a page that cannot be written. */
Page *page_create(const char *title);
void page_destroy(Page *page); /* null is fine */

/* False: reported; there is no file, or the one of before. */
bool page_write(Page *page, const char *path, Diag *diag);

void page_heading(Page *page, const char *text);
void page_words(Page *page, const char *text); /* a paragraph */

/* A name and a number, or a text in its place; null labels stand for nothing. */
typedef struct PageEntry {
    const char *label;
    double value;
    const char *text; /* null: the number */
} PageEntry;

typedef enum {
    PAGE_SEQUENTIAL, /* from little to much */
    PAGE_DIVERGING,  /* below and above 0 */
    PAGE_RANKS       /* from 1, which is the most, by their logarithms */
} PageScale;

/* A cell for each row and column. Cells without texts show their numbers where there is room; maps
 * of many thousand cells are a picture. */
typedef struct PageHeatMap {
    const char *title, *caption;                     /* the caption may be null */
    const char *row_name, *column_name, *value_name; /* "layer", "token", "probability" */
    int64_t rows, columns;
    const char *const *row_label, *const *column_label; /* null: numbers from 0 on */
    const double *value;                                /* [rows][columns] */
    const char *const *text; /* [rows][columns] of cells; null: numbers */
    const PageEntry *detail; /* [rows][columns][details], shown for a cell; null: none */
    int64_t details;
    const char *detail_name; /* of these numbers */
    PageScale scale;
    double least, most; /* that colours tell apart; both 0: those of the values */
    bool is_upward;     /* the first row stands at the bottom, and so do the labels of columns */
    bool is_small;      /* stands beside others of its kind */
} PageHeatMap;

/* Bars from 0 to the right or to the left, in the order of the caller. */
typedef struct PageBars {
    const char *title, *caption, *value_name;
    const PageEntry *bar; /* `text`: said of it where it is pointed at */
    int64_t count;
    int64_t shown; /* before a button shows the rest; 0: 40 */
} PageBars;

typedef struct PageLine {
    const char *label;
    const double *x; /* [count]; null: 0, 1, 2, ... */
    const double *y; /* [count]; not finite: the line has a gap */
    int64_t count;
} PageLine;

/* Lines, that differ in marks and dashes, too. */
typedef struct PagePlot {
    const char *title, *caption, *x_name, *y_name;
    const PageLine *line;
    int64_t lines;
    const char *const *tick; /* [ticks], what stands at x = 0, 1, ...; null: numbers */
    int64_t ticks;
    bool is_points;  /* that are not joined */
    bool has_log_y;  /* values above 0 alone */
    bool has_zero_y; /* the axis begins at 0, or goes through it */
} PagePlot;

/* Columns of numbers stand on the right. */
typedef struct PageTable {
    const char *title, *caption; /* both may be null */
    const char *const *name;     /* [columns] */
    int64_t rows, columns;
    const PageEntry *cell; /* [rows][columns]: its label is not used */
} PageTable;

void page_heat_map(Page *page, const PageHeatMap *map);
void page_bars(Page *page, const PageBars *bars);
void page_plot(Page *page, const PagePlot *plot);
void page_table(Page *page, const PageTable *table);

#endif

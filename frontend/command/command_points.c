/* command_points.c - `thalweg points`: where taps and edits may stand in a model. */
#include "frontend/command/command.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- layers that are alike ---- */

/* The name without the number of its layer. */
static const char *behind_layer(const ThalwegPoint *point) {
    const char *dot = point->layer < 0 ? NULL : strchr(point->name + strlen("blocks."), '.');
    return dot ? dot + 1 : point->name;
}

static bool is_alike(const ThalwegPoint *a, const ThalwegPoint *b) {
    return (a->layer < 0) == (b->layer < 0) && a->columns == b->columns && a->units == b->units &&
           strcmp(behind_layer(a), behind_layer(b)) == 0;
}

/* The layers of all points like this one, as "0-11" or "0,2,4-6"; its own memory. */
static char *list_layers(const ThalwegPoint *points, int64_t count, const ThalwegPoint *like) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return NULL;
    int64_t first = -1, last = -1;
    const char *separator = "";
    for (int64_t i = 0; i <= count; i++) {
        if (i < count && !is_alike(&points[i], like)) continue;
        if (i < count && first >= 0 && points[i].layer == last + 1) {
            last = points[i].layer;
            continue;
        }
        if (first >= 0)
            fprintf(out, first < last ? "%s%lld-%lld" : "%s%lld", separator, (long long)first,
                    (long long)last);
        if (first >= 0) separator = ",";
        if (i < count) first = last = points[i].layer;
    }
    fclose(out);
    return text;
}

static bool is_listed(const ThalwegPoint *points, int64_t number) {
    for (int64_t i = 0; i < number; i++)
        if (is_alike(&points[i], &points[number])) return true;
    return false;
}

/* ---- the table ---- */

static void print_shape(const ThalwegPoint *point) {
    char text[48];
    const long long columns = (long long)point->columns, units = (long long)point->units;
    if (point->has_keys)
        snprintf(text, sizeof text, "%lld %s x keys", units, point->unit);
    else if (units == 1)
        snprintf(text, sizeof text, "%lld", columns);
    else if (units == columns)
        snprintf(text, sizeof text, "%lld %s", units, point->unit);
    else
        snprintf(text, sizeof text, "%lld %s x %lld", units, point->unit, columns / units);
    printf("  %-16s", text);
}

/* "zL" of "z3". */
static void print_short_name(const ThalwegPoint *point) {
    char text[40];
    size_t length = strlen(point->short_name);
    while (point->layer >= 0 && strchr("0123456789", point->short_name[length - 1])) length--;
    snprintf(text, sizeof text, "%.*s%s", (int)length, point->short_name,
             point->layer < 0 ? "" : "L");
    printf("  %-15s", text);
}

static bool print_point(const ThalwegPoint *points, int64_t count, const ThalwegPoint *point) {
    char *layers = list_layers(points, count, point);
    if (!layers) return false;
    char name[80];
    snprintf(name, sizeof name, "%s%s", point->layer < 0 ? "" : "blocks.L.", behind_layer(point));
    printf("%-30s", name);
    print_short_name(point);
    printf("  %-7s", point->layer < 0 ? "" : layers);
    free(layers);
    print_shape(point);
    printf("  %-10s  %s\n", point->tap, *point->edit ? point->edit : "no edits");
    return true;
}

static bool print_table(const ThalwegPoint *points, int64_t count) {
    printf("%-30s  %-15s  %-7s  %-16s  %-10s  %s\n", "point", "short", "layers", "row", "tap",
           "an edit unfuses");
    for (int64_t i = 0; i < count; i++)
        if (!is_listed(points, i) && !print_point(points, count, &points[i])) return false;
    return true;
}

static bool print_json(const ThalwegPoint *points, int64_t count) {
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++) {
        const ThalwegPoint *point = &points[i];
        json_t *object =
            json_pack("{s:s, s:s, s:I, s:b, s:I, s:s, s:s, s:s, s:b}", "name", point->name, "short",
                      point->short_name, "columns", (json_int_t)point->columns, "keys",
                      point->has_keys, "units", (json_int_t)point->units, "unit", point->unit,
                      "what", point->what, "tap", point->tap, "edited", *point->edit != 0);
        json_array_append_new(list, object);
    }
    const bool is_written = json_dumpf(list, stdout, JSON_INDENT(2)) == 0;
    json_decref(list);
    putchar('\n');
    return is_written;
}

int command_points(const Arguments *arguments) {
    Progress progress;
    Thalweg *thalweg = command_thalweg(arguments, &progress);
    int64_t count = 0;
    if (!thalweg) return EXIT_FAILED;
    const bool is_read = thalweg_read_file(thalweg, arguments->operands[0]);
    const ThalwegPoint *points = is_read ? thalweg_points(thalweg, &count) : NULL;
    progress_end(&progress);
    const bool is_done =
        points && (arguments->json ? print_json(points, count) : print_table(points, count));
    return command_end(thalweg, &progress, is_done);
}

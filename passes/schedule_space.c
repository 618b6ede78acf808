#include "passes/schedule_space.h"

#include "ir/formats.h"
#include "passes/match.h"

#include <stdlib.h>

enum { VECTORS_OF_PANEL = 2, MOST_BLOCK = 1024 };
enum { MOST_BAND = 64, STACK_BYTES = 1 << 20, LINE_FLOATS = 16, MOST_CANDIDATES = 64 };

/* What of a projection bears on its tiles. */
typedef struct {
    bool is_row;     /* one row of x */
    bool is_bytes;   /* products of bytes */
    bool is_direct;  /* tiles read the weights as they lie */
    int64_t depth;   /* steps of the sum: pairs count once */
    int64_t columns; /* outputs */
    int64_t unit;    /* of depth */
} Product;

static Product product_of(const Graph *graph, const Node *node) {
    const Node *x = ir_node(graph, node->in[0]);
    const Type weight = ir_node(graph, node->in[1])->type;
    const bool is_rounded = x->op == OP_quantise;
    Product p = {.is_row = node->type.dim[0] == 1, .depth = weight.dim[1]};
    p.columns = weight.dim[0];
    p.is_bytes = is_rounded && x->attr.format == FORMAT_q8;
    p.is_direct = node->attr.format == FORMAT_f32 || (is_rounded && !p.is_bytes);
    p.unit = p.is_direct ? LINE_FLOATS : FORMAT_BLOCK;
    if (is_rounded && !p.is_bytes) p.depth = format_value_words(FORMAT_bf16, p.depth);
    return p;
}

/* ---- what is legal ---- */

/* Sums, weights and an element of x; a sum of bytes has a lane for the block under way, too. Many
 * rows take the parts of a vector one after the other. One row takes all at a time, and weights
 * that need no unpacking as they are loaded. */
static int64_t tile_registers(const Product *p, const Machine *machine, int64_t rows,
                              int64_t panels) {
    const int64_t vectors = panels * VECTORS_OF_PANEL * (rows == 1 ? machine->vector_parts : 1);
    if (p->is_bytes) return 2 * rows * vectors + vectors + 4;
    return rows * vectors + (rows == 1 && p->is_direct ? 1 : vectors) + 1;
}

static int64_t stack_bytes(const Product *p, const Machine *machine, Schedule s) {
    const int64_t panel = machine_panel(machine), slice = s.depth ? s.depth : p->depth;
    const int64_t sums = s.block * (s.band ? s.band : s.panels) * panel;
    return (sums + (p->is_direct ? 0 : s.panels * slice * panel)) * (int64_t)sizeof(float);
}

static bool is_legal_product(const Product *p, const Machine *machine, Schedule s) {
    if (s.keys || s.threads || s.rows < 1 || s.rows > SCHEDULE_MOST_ROWS || s.panels < 1 ||
        s.panels > SCHEDULE_MOST_PANELS)
        return false;
    if (tile_registers(p, machine, s.rows, s.panels) > machine->vector_registers) return false;
    if (p->is_row) return s.rows == 1 && s.block == 1 && !s.band && !s.depth;
    if (s.rows < 2 || s.block < s.rows || s.block > MOST_BLOCK || s.block % s.rows) return false;
    if (s.band && (s.band < s.panels || s.band > MOST_BAND)) return false;
    if (s.depth % p->unit) return false;
    return stack_bytes(p, machine, s) <= STACK_BYTES;
}

/* One token's tile is heads that share keys. */
static bool is_legal_attention(const Node *node, const Machine *machine, Schedule s) {
    const int64_t group = node->attr.heads / node->attr.kv_heads;
    const Schedule only = {.rows = s.rows, .keys = SCHEDULE_KEYS};
    if (!ir_schedule_equal(s, only) || s.rows < 1 || s.rows > SCHEDULE_MOST_ROWS) return false;
    const Product product = {.is_direct = true};
    if (tile_registers(&product, machine, s.rows, 1) > machine->vector_registers) return false;
    return node->type.dim[0] != 1 || group % s.rows == 0;
}

bool schedule_is_legal(const Graph *graph, const Node *node, const Machine *machine, Schedule s) {
    if (node->op == OP_attend) return is_legal_attention(node, machine, s);
    const Product product = product_of(graph, node);
    return match_is_projection(node) && is_legal_product(&product, machine, s);
}

Schedule schedule_smallest(const Graph *graph, const Node *node, const Machine *machine) {
    if (node->op == OP_attend) return (Schedule){.rows = 1, .keys = SCHEDULE_KEYS};
    const Product p = product_of(graph, node);
    if (p.is_row) return (Schedule){.rows = 1, .panels = 1, .block = 1};
    const int64_t depth = machine->l1_bytes / 4 / machine_panel(machine) / (int64_t)sizeof(float);
    return (Schedule){.rows = 2,
                      .panels = 1,
                      .block = 2,
                      .band = 1,
                      .depth = depth / FORMAT_BLOCK * FORMAT_BLOCK + FORMAT_BLOCK};
}

/* ---- what it may cost: cycles for each vector of products ----
 *
 * Two multiply-adds and two loads a cycle, four cycles until a sum can be added to again: the
 * roofline of a tile. What is done once for a slice, a panel or a block is shared by its products.
 */

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double tile_cycles(double rows, double vectors) {
    const double products = rows * vectors;
    return larger(larger(products / 2, (rows + vectors) / 2), 4);
}

static double cost_of_row(Schedule s) {
    const double vectors = (double)(s.panels * VECTORS_OF_PANEL);
    return tile_cycles(1, vectors) / vectors;
}

static double cost_of_rows(const Product *p, const Machine *machine, Schedule s) {
    const double rows = (double)s.rows, vectors = (double)(s.panels * VECTORS_OF_PANEL);
    const double depth = (double)(s.depth && s.depth < p->depth ? s.depth : p->depth);
    const double panel_bytes = depth * (double)machine_panel(machine) * sizeof(float);
    double cycles = tile_cycles(rows, vectors) * depth + 2 * rows * vectors;
    const double reloads = (p->is_direct ? 1 : 3) * rows / (double)s.block;
    cycles += reloads * depth * vectors; /* panels come in, and are unpacked, once for a block */
    cycles /= rows * vectors * depth;
    if (panel_bytes * (double)s.panels > 0.75 * (double)machine->l1_bytes) cycles *= 1.04;
    const double x_bytes = (double)s.block * depth * (p->is_bytes ? 1 : sizeof(float));
    if (x_bytes > 0.75 * (double)machine->l2_bytes) cycles *= 1.1;
    if ((s.band ? s.band : s.panels) * machine_panel(machine) * s.block * 4 > machine->l2_bytes / 4)
        cycles *= 1.02;
    return cycles;
}

/* ---- the list ---- */

typedef struct {
    Schedule schedule;
    double cost;
} Candidate;

typedef struct {
    Candidate *candidate;
    int count, capacity;
    Arena *arena;
} List;

static void add(List *list, Schedule schedule, double cost) {
    for (int i = 0; i < list->count; i++)
        if (ir_schedule_equal(list->candidate[i].schedule, schedule)) return;
    if (list->count == list->capacity) {
        const int capacity = list->capacity ? 2 * list->capacity : 256;
        Candidate *grown = ARENA_ARRAY(list->arena, Candidate, (size_t)capacity);
        for (int i = 0; i < list->count; i++) grown[i] = list->candidate[i];
        list->candidate = grown;
        list->capacity = capacity;
    }
    list->candidate[list->count++] = (Candidate){schedule, cost};
}

static int by_cost(const void *a, const void *b) {
    const Candidate *x = a, *y = b;
    if (x->cost != y->cost) return x->cost < y->cost ? -1 : 1;
#define SCHEDULE(name, text)                                                                       \
    if (x->schedule.name != y->schedule.name) return x->schedule.name > y->schedule.name ? -1 : 1;
#include "ir/schedule.def"
#undef SCHEDULE
    return 0;
}

static void sort(List *list) {
    if (list->count) qsort(list->candidate, (size_t)list->count, sizeof *list->candidate, by_cost);
}

/* Variants of one tile: slices, blocks and bands. */
static void add_variants(List *list, const Product *p, const Machine *machine, int64_t rows,
                         int64_t panels) {
    static const int64_t blocks[] = {32, 64, 128, 256, 512};
    static const int64_t bands[] = {32, 64, 128, 256}; /* columns */
    static const int64_t slices[] = {1, 2, 3, 4, 6, 8, 12};
    List tile = {.arena = list->arena};
    for (size_t i = 0; i < sizeof slices / sizeof *slices; i++)
        for (size_t j = 0; j < sizeof blocks / sizeof *blocks; j++)
            for (size_t k = 0; k < sizeof bands / sizeof *bands; k++) {
                const int64_t depth = (p->depth + slices[i] - 1) / slices[i];
                Schedule s = {.rows = rows, .panels = panels};
                s.block = blocks[j] / rows * rows;
                s.band = bands[k] / machine_panel(machine);
                s.depth = (depth + p->unit - 1) / p->unit * p->unit;
                const bool is_useful = slices[i] == 1 || s.depth >= 128;
                if (is_useful && is_legal_product(p, machine, s))
                    add(&tile, s, cost_of_rows(p, machine, s));
            }
    sort(&tile);
    /* The better variants of all tiles come before the worse ones of a good tile. */
    for (int i = 0; i < tile.count; i++)
        add(list, tile.candidate[i].schedule, tile.candidate[i].cost * (1 + 0.01 * i));
}

static void add_tiles(List *list, const Product *p, const Machine *machine) {
    for (int64_t panels = 1; panels <= 3; panels++) {
        int64_t most = SCHEDULE_MOST_ROWS;
        while (most >= 2 && tile_registers(p, machine, most, panels) > machine->vector_registers)
            most--;
        for (int64_t rows = most; rows >= 2 && rows > most - 3; rows--)
            add_variants(list, p, machine, rows, panels);
    }
}

static void add_rows(List *list, const Product *p, const Machine *machine) {
    for (int64_t panels = 1; panels <= SCHEDULE_MOST_PANELS; panels++) {
        const Schedule s = {.rows = 1, .panels = panels, .block = 1};
        if (is_legal_product(p, machine, s)) add(list, s, cost_of_row(s));
    }
}

static void add_attention(List *list, const Node *node, const Machine *machine) {
    for (int64_t rows = SCHEDULE_MOST_ROWS; rows >= 1; rows--) {
        const Schedule s = {.rows = rows, .keys = SCHEDULE_KEYS};
        const double cost = tile_cycles((double)rows, VECTORS_OF_PANEL) / (double)rows;
        if (is_legal_attention(node, machine, s)) add(list, s, cost);
    }
}

int schedule_candidates(const Graph *graph, const Node *node, const Machine *machine, Arena *arena,
                        Schedule **out) {
    List list = {.arena = arena};
    const Schedule rule = schedule_rule(graph, node, machine);
    add(&list, rule, 0); /* first of all */
    if (node->op == OP_attend) {
        add_attention(&list, node, machine);
    } else {
        const Product p = product_of(graph, node);
        if (p.is_row)
            add_rows(&list, &p, machine);
        else
            add_tiles(&list, &p, machine);
    }
    sort(&list);
    const int count = list.count < MOST_CANDIDATES ? list.count : MOST_CANDIDATES;
    *out = ARENA_ARRAY(arena, Schedule, (size_t)count);
    for (int i = 0; i < count; i++) (*out)[i] = list.candidate[i].schedule;
    return count;
}

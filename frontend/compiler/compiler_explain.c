/* compiler_explain.c - what became of a model, for people: passes, kernels, memory, costs. */
#include "codegen/emit/kernel_shapes.h"
#include "codegen/emit/repeat.h"
#include "frontend/compiler/compiler.h"

#include <inttypes.h>
#include <string.h>

/* ---- rows of the table ---- */

typedef struct {
    const char *work, *shape, *schedule;
    KernelCost cost;
    double cache_bytes; /* read from keys and values */
} Row;

typedef struct {
    const char *name;
    const PhasePlan *phase;
    int64_t tokens, position; /* the call whose costs are shown */
    Row *row;                 /* of each kernel */
    int work_width, shape_width, schedule_width;
    const Thalweg *thalweg;
} Table;

static int wider(int width, const char *text) {
    const int length = (int)strlen(text);
    return length > width ? length : width;
}

/* Where it comes from goes without saying for the rule's. */
static const char *schedule_text(const Table *table, const Kernel *kernel, Arena *arena) {
    const char *text = compiler_kernel_schedule(kernel, arena);
    const char *source = compiler_tuning_source(table->thalweg, kernel, arena);
    return source ? arena_printf(arena, "%s (%s)", text, source) : text;
}

static void fill(Table *table, Arena *arena) {
    const PhasePlan *phase = table->phase;
    table->row = ARENA_ARRAY(arena, Row, (size_t)phase->count + 1);
    table->work_width = wider(0, "computes");
    table->shape_width = wider(0, "shape");
    table->schedule_width = wider(0, "schedule");
    for (int i = 0; i < phase->count; i++) {
        const Kernel *kernel = phase->kernel[i];
        Row *row = &table->row[i];
        row->work = compiler_kernel_work(kernel, arena);
        row->shape = compiler_kernel_shape(kernel, arena);
        row->schedule = schedule_text(table, kernel, arena);
        row->cost = plan_cost(kernel, table->tokens, table->position);
        row->cache_bytes = compiler_cache_bytes(kernel, table->tokens, table->position);
        table->work_width = wider(table->work_width, row->work);
        table->shape_width = wider(table->shape_width, row->shape);
        table->schedule_width = wider(table->schedule_width, row->schedule);
    }
}

static bool is_equal(const void *rows, int first, int second) {
    const Row *a = (const Row *)rows + first, *b = (const Row *)rows + second;
    return strcmp(a->work, b->work) == 0 && strcmp(a->shape, b->shape) == 0 &&
           strcmp(a->schedule, b->schedule) == 0 && a->cost.weight_bytes == b->cost.weight_bytes &&
           a->cost.operations == b->cost.operations && a->cache_bytes == b->cache_bytes;
}

/* ---- printing ---- */

static void print_row(const Table *table, int number, int times, FILE *out) {
    const Row *row = &table->row[number];
    fprintf(out, "  %4d ", number + 1);
    if (times > 1)
        fprintf(out, "x %-4d ", times);
    else
        fprintf(out, "%7s", "");
    fprintf(out, "%-*s  %-*s  %-*s %11.3f %9.3f %11.3f\n", table->work_width, row->work,
            table->shape_width, row->shape, table->schedule_width, row->schedule,
            row->cost.weight_bytes * 1e-6, row->cache_bytes * 1e-6,
            row->cost.operations * 1e-6 / (double)table->tokens);
}

static void print_rows(const Table *table, FILE *out) {
    fprintf(out, "  %4s %7s%-*s  %-*s  %-*s %11s %9s %11s\n", "#", "", table->work_width,
            "computes", table->shape_width, "shape", table->schedule_width, "schedule",
            "weights MB", "cache MB", "MFLOP/token");
    for (int i = 0; i < table->phase->count;) {
        const Repeat repeat = repeat_find(is_equal, table->row, i, table->phase->count);
        for (int k = 0; k < repeat.length; k++) print_row(table, i + k, repeat.times, out);
        i += repeat.length * repeat.times;
    }
}

static Row add_rows(const Table *table) {
    Row total = {0};
    for (int i = 0; i < table->phase->count; i++) {
        total.cost.weight_bytes += table->row[i].cost.weight_bytes;
        total.cost.operations += table->row[i].cost.operations;
        total.cache_bytes += table->row[i].cache_bytes;
    }
    return total;
}

static void print_total(const Table *table, FILE *out) {
    const Row total = add_rows(table);
    const double tokens = (double)table->tokens;
    const double bytes = (total.cost.weight_bytes + total.cache_bytes) / tokens;
    fprintf(out, "  %4s %7s%-*s  %-*s  %-*s %11.3f %9.3f %11.3f\n", "", "", table->work_width,
            "all", table->shape_width, "", table->schedule_width, "",
            total.cost.weight_bytes * 1e-6, total.cache_bytes * 1e-6,
            total.cost.operations * 1e-6 / tokens);
    fprintf(out, "  a token: %.3f MB read, %.3f MFLOP, %.2f FLOP for each byte\n", bytes * 1e-6,
            total.cost.operations * 1e-6 / tokens, total.cost.operations / tokens / bytes);
}

/* A thread that attends with heads it computed itself goes on without one. */
static void print_barriers(const PhasePlan *phase, FILE *out) {
    const int fewest = plan_barriers(phase, 1), more = phase->count - 1 - fewest;
    fprintf(out, "  barriers: %d", fewest);
    if (more) fprintf(out, "; %d more if the heads of keys do not divide evenly by threads", more);
    fputc('\n', out);
}

static int count_shapes(const PhasePlan *phase, Arena *arena) {
    KernelShapes shapes = kernel_shapes(arena);
    for (int i = 0; i < phase->count; i++) kernel_shapes_add(&shapes, phase->kernel[i]);
    return shapes.count;
}

static void print_phase(Table *table, Arena *arena, FILE *out) {
    fill(table, arena);
    fprintf(out,
            "\n%s: %d kernels, %d functions; a call of %" PRId64 " token%s at position %" PRId64
            "\n",
            table->name, table->phase->count, count_shapes(table->phase, arena), table->tokens,
            table->tokens == 1 ? "" : "s", table->position);
    print_rows(table, out);
    print_total(table, out);
    print_barriers(table->phase, out);
}

static void print_model(const Thalweg *thalweg, FILE *out) {
    const ThalwegModel model = compiler_model(thalweg);
    const Target *target = thalweg->target;
    fprintf(out,
            "%s: %" PRId64 " parameters, vocab %" PRId64 ", context %" PRId64 ", width %" PRId64
            "\ntarget: %s, vectors of %" PRId64 " floats, %" PRId64 " registers\n",
            model.name, model.parameters, model.vocab, model.context, model.width, target->cpu,
            target->machine.vector_floats, target->machine.vector_registers);
    if (*model.types) fprintf(out, "weights: matrices, %s\n", model.types);
    fprintf(out, "schedules: %s\n", compiler_tuning_text(thalweg));
}

static void print_passes(const Thalweg *thalweg, FILE *out) {
    fputs("\npasses\n", out);
    for (const char *line = thalweg->statistics; *line;) {
        const int length = (int)strcspn(line, "\n");
        fprintf(out, "  %.*s\n", length, line);
        line += length + (line[length] == '\n');
    }
}

/* The table that a kernel looks up: of the packed weights, in its type, or the panels of a head. */
static void print_table(const Plan *plan, const Slot *slot, FILE *out) {
    const Layout *layout = plan->layout;
    for (int i = 0; i < layout->count; i++) {
        const PackedTensor *tensor = &layout->tensor[i];
        if (tensor->form != slot->form || tensor->offset != slot->offset) continue;
        fprintf(out, "    %-15s%10.3f MB in %s%s\n", ir_node(tensor->graph, tensor->constant)->name,
                (double)tensor->floats * 4e-6, ir_enum_word("WeightFormat", (int)tensor->format),
                slot->form == FORM_PANELS ? ", shared with the head" : "");
    }
}

static void print_tables(const Plan *plan, FILE *out) {
    for (int i = 0; i < plan->prefill.count; i++) {
        const Kernel *kernel = plan->prefill.kernel[i];
        const Op op = ir_node(kernel->graph, kernel->root)->op;
        for (int k = 0; k < kernel->slot_count; k++) {
            const Slot *slot = &kernel->slot[k];
            if (slot->kind != SLOT_WEIGHTS) continue;
            if (slot->form == FORM_ROWS || (slot->form == FORM_PANELS && op == OP_embed))
                print_table(plan, slot, out);
        }
    }
}

static void print_memory(Thalweg *thalweg, FILE *out) {
    const Plan *plan = thalweg->plan;
    ThalwegMemory memory;
    if (!compiler_memory(thalweg, false, &memory)) return;
    fprintf(out,
            "\nmemory, for a context of %" PRId64 "\n"
            "  packed weights %12.3f MB, %d tensors, layout %016" PRIx64 "\n",
            memory.context, (double)memory.weights * 1e-6, plan->layout->count,
            layout_id(plan->layout));
    print_tables(plan, out);
    fprintf(out,
            "  caches         %12.3f MB for a session\n"
            "  tables         %12.3f MB for a session\n"
            "  arena          %12.3f MB for a session\n"
            "  scratch        %12.3f MB for each of its threads\n"
            "  logits         %12.3f MB for each row that it keeps\n"
            "  all            %12.3f MB with %d threads",
            (double)memory.caches * 1e-6, (double)memory.tables * 1e-6, (double)memory.arena * 1e-6,
            (double)plan->scratch_floats * 4e-6, (double)memory.logits * 1e-6,
            (double)memory.all * 1e-6, compiler_threads(thalweg));
    if (memory.all > memory.available)
        fprintf(out, ": more than there is %s, %.3f MB", memory.limit,
                (double)memory.available * 1e-6);
    fputc('\n', out);
}

void compiler_explain(Thalweg *thalweg, FILE *out) {
    const Plan *plan = thalweg->plan;
    const Graph *graph = plan->prefill.graph;
    Table prefill = {.name = "prefill", .phase = &plan->prefill, .thalweg = thalweg};
    Table decode = {.name = "decode", .phase = &plan->decode, .tokens = 1, .thalweg = thalweg};
    prefill.tokens = graph->chunk;
    decode.position = graph->context / 2;
    Arena *scratch = arena_create();
    print_model(thalweg, out);
    print_passes(thalweg, out);
    print_phase(&prefill, scratch, out);
    print_phase(&decode, scratch, out);
    print_memory(thalweg, out);
    arena_destroy(scratch);
}

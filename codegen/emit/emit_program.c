/* emit_program.c - one function for each shape of kernel, and the two entries that call them.
 *
 *   void gpt2_124m.prefill(const TwFrame *frame, i64 thread, i64 threads)
 *     gpt2_124m.prefill.embed.768(thread, threads, rows, tokens, position, scratch, pointers...)
 *     tw_team_barrier(team, thread)
 *     for (layer = 0; layer < 12; layer++)
 *       gpt2_124m.prefill.read_qkv.768x2304.f32(...)
 *       ...
 *
 * Kernels that repeat are a loop, whose pointers follow from its turn, so that code and the time to
 * make it do not grow with equal layers. Timed code calls tw_trace_mark() before and after each
 * kernel.
 */
#include "codegen/emit/emit_program.h"

#include "codegen/emit/emit_kernel.h"
#include "codegen/emit/kernel_name.h"
#include "codegen/emit/kernel_shapes.h"
#include "codegen/emit/module_names.h"
#include "codegen/emit/repeat.h"
#include "ir/positions.h"
#include "runtime/abi.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- kernels ---- */

static Value kernel_function(Emit *e, const Kernel *kernel, const char *name) {
    KernelEmit k = emit_kernel_begin(e, kernel, name);
    Value function = e->function;
    switch (kernel_node(&k, kernel->root)->op) {
    case OP_project:
    case OP_read: emit_projection(&k); break;
    case OP_attend: emit_attention(&k); break;
    case OP_pool: emit_pool(&k); break;
    default: emit_row_op(&k); break;
    }
    emit_function_end(e);
    return function;
}

/* ---- entries ---- */

enum { BUFFER_FLOATS = sizeof(TwTapBuffer) / sizeof(float) };

typedef struct {
    const char *stem; /* of its name: others may have it, too */
    const char *name; /* among those for its processor */
    const Target *target;
    Value function;
} Made;

typedef struct {
    Emit *e;
    Arena *arena;
    const Target *target;     /* of the part that is emitted */
    Made *made;               /* functions so far, */
    ModuleFunction *function; /* and what is known of them */
    int count;
    int64_t scratch_floats; /* of a thread */
    bool has_tables;
    KernelShapes shapes; /* of the kernels for this target, */
    int *of_shape;       /* and the number of each one's function */
    Value barrier;
    Value mark; /* null: the code is not timed */
} Program;

typedef struct {
    Value thread, threads;
    Value frame; /* itself */
    Value weights, arena, caches, tables, token_ids, logits, tokens, position, logit_rows, team;
    Value taps, edits; /* null: there are none */
    Value scratch;     /* of this thread */
    Value trace;       /* of timed code */
} Frame;

/* Room for a function of that stem, whose name is its own: the second of them ends in ".2". */
static int add_function(Program *program, const char *stem, const Kernel *kernel) {
    int number = 1;
    for (int i = 0; i < program->count; i++)
        number +=
            program->made[i].target == program->target && strcmp(program->made[i].stem, stem) == 0;
    const char *name = number > 1 ? arena_printf(program->arena, "%s.%d", stem, number) : stem;
    program->made[program->count] = (Made){.stem = stem, .name = name, .target = program->target};
    const char *variant = program->e->variant;
    const char *qualified = variant ? arena_printf(program->arena, "%s.%s", name, variant) : name;
    program->function[program->count] = (ModuleFunction){.name = qualified, .kernel = kernel};
    return program->count++;
}

/* The number of the function that computes a kernel. */
static int shape_function(Program *program, const Kernel *kernel, const char *phase) {
    const int shapes = program->shapes.count;
    const int shape = kernel_shapes_add(&program->shapes, kernel);
    if (shape < shapes) {
        program->function[program->of_shape[shape]].calls++;
        return program->of_shape[shape];
    }
    const char *stem =
        arena_printf(program->arena, "%s.%s", phase, kernel_name(kernel, program->arena));
    const int number = add_function(program, stem, kernel);
    EmitPlace place = emit_leave(program->e);
    Value function = kernel_function(program->e, kernel, program->made[number].name);
    emit_return_to(program->e, place);
    program->made[number].function = function;
    program->function[number].calls = 1;
    program->of_shape[shape] = number;
    return number;
}

#define FIELD(type, member, name)                                                                  \
    emit_load_field(e, type, frame, (int64_t)offsetof(TwFrame, member), name)

static Frame load_frame(const Program *program, const PhasePlan *phase) {
    const bool has_taps = phase->tap_count, has_edits = phase->edit_count;
    Emit *e = program->e;
    Value frame = emit_argument(e, 0, "frame"), thread = emit_argument(e, 1, "thread");
    Value before = emit_mul(e, thread, emit_int(e, program->scratch_floats));
    return (Frame){.taps = has_taps ? FIELD(e->pointer, taps, "taps") : NULL,
                   .edits = has_edits ? FIELD(e->pointer, edits, "edits") : NULL,
                   .tables = program->has_tables ? FIELD(e->pointer, tables, "tables") : NULL,
                   .trace = program->mark ? FIELD(e->pointer, trace, "trace") : NULL,
                   .scratch = emit_at(e, FIELD(e->pointer, scratch, "scratch"), before),
                   .frame = frame,
                   .thread = thread,
                   .threads = emit_argument(e, 2, "threads"),
                   .weights = FIELD(e->pointer, weights, "weights"),
                   .arena = FIELD(e->pointer, arena, "arena"),
                   .caches = FIELD(e->pointer, caches, "caches"),
                   .token_ids = FIELD(e->pointer, tokens, "token_ids"),
                   .logits = FIELD(e->pointer, logits, "logits"),
                   .tokens = FIELD(e->i64, token_count, "tokens"),
                   .position = FIELD(e->i64, position, "position"),
                   .logit_rows = FIELD(e->i64, logit_rows, "logit_rows"),
                   .team = FIELD(e->pointer, team, "team")};
}

/* ---- steps: a kernel each, in loops where they repeat ---- */

typedef struct {
    Program *program;
    const PhasePlan *phase;
    Frame frame;
    int *function; /* of each kernel: its number */
    /* What is under way: the kernels from `first` on. */
    int first;
    Repeat repeat;
} Steps;

/* The kernel of one turn, counted from the first of that turn. */
static const Kernel *kernel_of(const Steps *s, int turn, int step) {
    return s->phase->kernel[s->first + turn * s->repeat.length + step];
}

static bool is_equal_step(const void *context, int first, int second) {
    const Steps *s = context;
    if (s->function[first] != s->function[second]) return false;
    const Kernel *a = s->phase->kernel[first], *b = s->phase->kernel[second];
    for (int i = 0; i < a->slot_count; i++)
        if (a->slot[i].is_last != b->slot[i].is_last) return false;
    return true;
}

static int64_t offset_of(const Steps *s, int turn, int step, int slot) {
    return kernel_of(s, turn, step)->slot[slot].offset;
}

static bool has_constant_stride(const Steps *s, int step, int slot, int64_t stride) {
    for (int turn = 1; turn < s->repeat.times; turn++)
        if (offset_of(s, turn, step, slot) != offset_of(s, turn - 1, step, slot) + stride)
            return false;
    return true;
}

static Value look_up_offset(const Steps *s, Value turn, int step, int slot) {
    Emit *e = s->program->e;
    const int times = s->repeat.times;
    Value *offset = ARENA_ARRAY(s->program->arena, Value, (size_t)times);
    for (int i = 0; i < times; i++) offset[i] = emit_int(e, offset_of(s, i, step, slot));
    return emit_load_int(e, emit_table(e, offset, times), turn);
}

/* Mostly a layer's weights lie as far behind those of the layer before as any other's. */
static Value slot_offset(const Steps *s, Value turn, int step, int slot) {
    Emit *e = s->program->e;
    const int64_t first = offset_of(s, 0, step, slot);
    if (s->repeat.times == 1) return emit_int(e, first);
    const int64_t stride = offset_of(s, 1, step, slot) - first;
    if (!has_constant_stride(s, step, slot, stride)) return look_up_offset(s, turn, step, slot);
    return emit_add(e, emit_int(e, first), emit_mul(e, turn, emit_int(e, stride)));
}

static Value tap_buffer(Emit *e, const Frame *frame, Value number) {
    return emit_at(e, frame->taps, emit_mul(e, number, emit_int(e, BUFFER_FLOATS)));
}

static Value tap_rows(Emit *e, Value buffer) {
    return emit_load_field(e, e->pointer, buffer, (int64_t)offsetof(TwTapBuffer, rows), "rows");
}

static Value slot_pointer(const Steps *s, Value turn, int step, int index) {
    Emit *e = s->program->e;
    const Frame *frame = &s->frame;
    const Slot *slot = &kernel_of(s, 0, step)->slot[index];
    if (slot->kind == SLOT_LOGITS) return frame->logits;
    if (slot->kind == SLOT_TOKENS || slot->kind == SLOT_START) return frame->token_ids;
    if (slot->kind == SLOT_FRAME) return frame->frame;
    Value offset = slot_offset(s, turn, step, index);
    if (slot->is_last) {
        Value skipped = emit_sub(e, frame->tokens, frame->logit_rows);
        offset = emit_add(e, offset, emit_mul(e, skipped, emit_int(e, slot->stride)));
    }
    if (slot->kind == SLOT_TAP && !s->phase->graph->batch)
        return tap_rows(e, tap_buffer(e, frame, offset));
    if (slot->kind == SLOT_TAP || slot->kind == SLOT_TAP_BUFFER)
        return tap_buffer(e, frame, offset);
    switch (slot->kind) {
    case SLOT_ARENA: return emit_at(e, frame->arena, offset);
    case SLOT_WEIGHTS: return emit_at(e, frame->weights, offset);
    case SLOT_TABLES: return emit_at(e, frame->tables, offset);
    case SLOT_EDIT: return emit_at(e, frame->edits, offset);
    default: return emit_at(e, frame->caches, offset);
    }
}

static Value row_count(Emit *e, const Frame *frame, const Kernel *kernel) {
    const Node *root = ir_node(kernel->graph, kernel->root);
    const int64_t rows = root->type.dim[0];
    if (root->op == OP_append || rows == IR_TOKENS) return frame->tokens; /* a cache has S rows */
    return rows == IR_LOGIT_ROWS ? frame->logit_rows : emit_int(e, rows);
}

/* Of timed code: at the begin of a kernel, or at its end. */
static void emit_mark(const Steps *s, Value turn, int step, bool is_end) {
    Emit *e = s->program->e;
    if (!s->program->mark) return;
    Value mark = emit_mul(e, turn, emit_int(e, 2 * s->repeat.length));
    mark = emit_add(e, mark, emit_int(e, 2 * (s->first + step) + is_end));
    emit_call(e, s->program->mark, (Value[]){s->frame.trace, s->frame.thread, mark}, 3);
}

/* What this thread reads first after the barrier, so that it need not wait for that, too. Only for
 * one row: the products of many rows take longer than their weights need to come. */
static void prefetch_weights(const Steps *s, Value turn, int step) {
    enum { LINES = 16 /* of each panel */, LINE_WORDS = 16 };
    Emit *e = s->program->e;
    const Kernel *next = kernel_of(s, 0, step);
    const Node *root = ir_node(next->graph, next->root);
    if ((root->op != OP_project && root->op != OP_read) || root->schedule.rows != 1) return;
    const int64_t depth = ir_node(next->graph, root->in[1])->type.dim[1];
    const int64_t words = layout_panel_words(root->attr.format, depth, e->panel);
    const int64_t panels = next->own_heads ? next->group[0].panels.panels : next->panels;
    Value weights = slot_pointer(s, turn, step, kernel_slot(next, root->in[1], FORM_PANELS));
    Value panel = emit_mul(e, emit_int(e, panels), s->frame.thread);
    panel = emit_div(e, panel, s->frame.threads);
    Value base = emit_at(e, weights, emit_mul(e, panel, emit_int(e, words)));
    Loop line = emit_loop(e, "line", emit_int(e, 0), emit_int(e, LINES * LINE_WORDS),
                          emit_int(e, LINE_WORDS));
    for (int64_t i = 0; i < root->schedule.panels; i++)
        emit_prefetch(e, base, emit_add(e, line.i, emit_int(e, i * words)));
    emit_loop_end(e, &line);
}

static void emit_line_of(const Steps *s, int step) {
    const Kernel *kernel = kernel_of(s, 0, step);
    emit_line(s->program->e, ir_node(kernel->graph, kernel->root)->loc);
}

/* Between a kernel and the step that comes next. */
static void emit_meeting(const Steps *s, const Kernel *before, Value turn, int step) {
    Emit *e = s->program->e;
    Value barrier[] = {s->frame.team, s->frame.thread};
    emit_line_of(s, step);
    prefetch_weights(s, turn, step);
    if (!before->own_heads) {
        emit_call(e, s->program->barrier, barrier, 2);
        return;
    }
    Value is_needed = LLVMBuildNot(e->builder, emit_owns_heads(e, before, s->frame.threads), "");
    If branch = emit_if(e, is_needed);
    emit_call(e, s->program->barrier, barrier, 2);
    emit_if_end(e, &branch);
}

static void emit_step(const Steps *s, Value turn, int step) {
    Emit *e = s->program->e;
    const Frame *frame = &s->frame;
    const Kernel *kernel = kernel_of(s, 0, step);
    emit_line_of(s, step);
    Value arguments[FIRST_SLOT_ARGUMENT + MAX_SLOTS] = {
        frame->thread, frame->threads,  row_count(e, frame, kernel),
        frame->tokens, frame->position, frame->scratch};
    for (int i = 0; i < kernel->slot_count; i++)
        arguments[FIRST_SLOT_ARGUMENT + i] = slot_pointer(s, turn, step, i);
    Value function = s->program->made[s->function[s->first + step]].function;
    emit_mark(s, turn, step, false);
    emit_call(e, function, arguments, FIRST_SLOT_ARGUMENT + kernel->slot_count);
    emit_mark(s, turn, step, true);
}

static void emit_turn(const Steps *s, Value turn) {
    for (int step = 0; step < s->repeat.length; step++) {
        if (step) emit_meeting(s, kernel_of(s, 0, step - 1), turn, step);
        emit_step(s, turn, step);
    }
}

static void emit_repeat(const Steps *s) {
    Emit *e = s->program->e;
    Value none = emit_int(e, 0), one = emit_int(e, 1), times = emit_int(e, s->repeat.times);
    if (s->first) emit_meeting(s, s->phase->kernel[s->first - 1], none, 0);
    if (s->repeat.times == 1) {
        emit_turn(s, none);
        return;
    }
    Loop loop = emit_loop(e, "turn", none, times, one);
    emit_turn(s, loop.i);
    Value next = emit_add(e, loop.i, one);
    If is_more = emit_if(e, emit_int_less(e, next, times));
    emit_meeting(s, kernel_of(s, 0, s->repeat.length - 1), next, 0);
    emit_if_end(e, &is_more);
    emit_loop_end(e, &loop);
}

static Value emit_entry(Program *program, const char *name, const PhasePlan *phase) {
    Emit *e = program->e;
    VType types[] = {e->pointer, e->i64, e->i64};
    const char *unique = program->made[add_function(program, name, NULL)].name;
    const Loc start = phase->graph->loc;
    Value entry = emit_function_begin(e, unique, e->none, types, 3, start);
    Steps steps = {.program = program,
                   .phase = phase,
                   .frame = load_frame(program, phase),
                   .function = ARENA_ARRAY(program->arena, int, (size_t)phase->count + 1)};
    for (int i = 0; i < phase->count; i++)
        steps.function[i] = shape_function(program, phase->kernel[i], name);
    while (steps.first < phase->count) {
        steps.repeat = repeat_find(is_equal_step, &steps, steps.first, phase->count);
        emit_repeat(&steps);
        steps.first += steps.repeat.length * steps.repeat.times;
    }
    emit_line(e, start);
    emit_function_end(e);
    return entry;
}

/* ---- the descriptor ---- */

/* The TwRotation of each table, as an array; null: there is none. */
static Value emit_rotations(Emit *e, const Plan *plan) {
    const RopeTables *tables = &plan->layout->rope;
    Arena *arena = plan->layout->arena;
    VType real = LLVMDoubleTypeInContext(e->context);
    if (!tables->count) return LLVMConstNull(e->pointer);
    Value *rotation = ARENA_ARRAY(arena, Value, (size_t)tables->count);
    for (int i = 0; i < tables->count; i++) {
        const Attrs *attr = &tables->table[i].rope->attr;
        const int64_t pairs = attr->dims / 2;
        Value *frequency = ARENA_ARRAY(arena, Value, (size_t)pairs);
        for (int64_t k = 0; k < pairs; k++)
            frequency[k] = LLVMConstReal(real, positions_rope_frequency(attr, k));
        Value fields[] = {
            emit_int(e, tables->table[i].offset),
            emit_int(e, rope_table_columns(tables->table[i].rope, &plan->layout->machine)),
            emit_int(e, pairs),
            emit_int(e, attr->style == ROPE_interleaved),
            LLVMConstReal(real, attr->scale),
            emit_table(e, frequency, pairs)};
        rotation[i] =
            LLVMConstStructInContext(e->context, fields, sizeof fields / sizeof *fields, 0);
    }
    return emit_table(e, rotation, tables->count);
}

static Value emit_floats(Emit *e, const float *at, int64_t count) {
    if (!at) return LLVMConstNull(e->pointer);
    Value *value = malloc((size_t)count * sizeof(Value));
    if (!value) return LLVMConstNull(e->pointer);
    for (int64_t i = 0; i < count; i++) value[i] = emit_f32(e, (double)at[i]);
    Value table = emit_table(e, value, count);
    free(value);
    return table;
}

static Value emit_map(Emit *e, const ModuleEdit *edit, Arena *arena) {
    if (!edit->row) return LLVMConstNull(e->pointer);
    Value *value = ARENA_ARRAY(arena, Value, (size_t)edit->rows);
    for (int64_t i = 0; i < edit->rows; i++)
        value[i] = LLVMConstInt(e->i32, (unsigned long long)edit->row[i], 1);
    return emit_table(e, value, edit->rows);
}

/* The TwEdit of each number, as an array. */
static Value emit_edits(Emit *e, const Plan *plan, const ModuleEdit *edit) {
    const int64_t count = plan->prefill.edit_count;
    Arena *arena = plan->layout->arena;
    if (!edit || !count) return LLVMConstNull(e->pointer);
    Value *made = ARENA_ARRAY(arena, Value, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        Value fields[] = {emit_floats(e, edit[i].operand, edit[i].floats),
                          emit_map(e, &edit[i], arena), emit_int(e, edit[i].row_count),
                          emit_f32(e, (double)edit[i].strength),
                          LLVMConstInt(e->i32, edit[i].is_on, 0)};
        made[i] = LLVMConstStructInContext(e->context, fields, sizeof fields / sizeof *fields, 0);
    }
    return emit_table(e, made, count);
}

/* It ends before fields that it can do without, all of one size, so that older runtimes run it. */
static size_t program_bytes(const Plan *plan) {
    if (plan->prefill.start_columns) return sizeof(TwProgram);
    if (plan->prefill.edit_count) return offsetof(TwProgram, start_columns);
    if (plan->batch.graph) return offsetof(TwProgram, edit);
    if (plan->ring_rows) return offsetof(TwProgram, batch);
    if (plan->layout->rope.count) return offsetof(TwProgram, ring_rows);
    if (plan->prefill.tap_count) return offsetof(TwProgram, table_floats);
    return plan->gives_logits ? offsetof(TwProgram, outputs) : offsetof(TwProgram, tap_count);
}

/* The TwCache of each cache, as an array. */
static Value emit_caches(Emit *e, const Plan *plan) {
    Arena *arena = plan->layout->arena;
    if (!plan->cache_count) return LLVMConstNull(e->pointer);
    Value *cache = ARENA_ARRAY(arena, Value, (size_t)plan->cache_count);
    for (int64_t i = 0; i < plan->cache_count; i++) {
        const TwCache *c = &plan->cache[i];
        Value fields[] = {emit_int(e, c->offset), emit_int(e, c->pieces),
                          emit_int(e, c->piece_floats), emit_int(e, c->unit),
                          emit_int(e, c->unit_floats)};
        cache[i] = LLVMConstStructInContext(e->context, fields, sizeof fields / sizeof *fields, 0);
    }
    return emit_table(e, cache, plan->cache_count);
}

static Value emit_descriptor(Emit *e, const ModulePart *part, const ModuleOptions *options,
                             const char *symbol, const Value entry[PHASES]) {
    const Plan *plan = part->plan;
    const TargetNames *names = &part->target->names;
    const RopeTables *tables = &plan->layout->rope;
    const size_t bytes = program_bytes(plan);
    Value fields[] = {LLVMConstInt(e->i32, TW_ABI_VERSION, 0),
                      LLVMConstInt(e->i32, bytes, 0),
                      emit_text(e, plan->name),
                      emit_text(e, part->target->cpu),
                      emit_int(e, (int64_t)target_needs(names->architecture, names->has)),
                      emit_int(e, plan->vocab),
                      emit_int(e, plan->prefill.graph->context),
                      emit_int(e, plan->prefill.graph->chunk),
                      emit_int(e, plan->logits_stride),
                      emit_int(e, plan->arena_floats),
                      emit_int(e, plan->cache_floats),
                      emit_int(e, (int64_t)layout_id(plan->layout)),
                      emit_int(e, plan->layout->floats * (int64_t)sizeof(float)),
                      entry[PHASE_PREFILL],
                      entry[PHASE_DECODE],
                      emit_int(e, plan->scratch_floats),
                      emit_int(e, plan->takes_whole_sequences),
                      emit_int(e, plan_outputs(plan)),
                      emit_int(e, plan->is_pooled),
                      emit_int(e, plan->prefill.tap_count),
                      emit_int(e, tables->floats),
                      emit_rotations(e, plan),
                      emit_int(e, tables->count),
                      emit_int(e, plan->ring_rows),
                      emit_int(e, plan->ring_rollback),
                      entry[PHASE_BATCH],
                      entry[PHASE_FEW],
                      emit_int(e, plan->few.graph ? plan->few.graph->batch : 0),
                      emit_caches(e, plan),
                      emit_int(e, plan->cache_count),
                      emit_edits(e, plan, options->edits),
                      emit_int(e, plan->prefill.edit_count),
                      emit_int(e, plan->prefill.start_columns)};
    const size_t left_out = (sizeof(TwProgram) - bytes) / sizeof(int64_t);
    const unsigned count = (unsigned)(sizeof fields / sizeof *fields - left_out);
    Value value = LLVMConstStructInContext(e->context, fields, count, 0);
    Value global = LLVMAddGlobal(e->module, LLVMTypeOf(value), symbol);
    LLVMSetInitializer(global, value);
    LLVMSetGlobalConstant(global, 1);
    return global;
}

static Value declare(Emit *e, const char *name, VType *types, unsigned count) {
    return LLVMAddFunction(e->module, name, LLVMFunctionType(e->none, types, count, 0));
}

/* Functions for one of several processors say which. The machine at hand may have less than others
 * of its name. */
static const char *variant_name(const ModulePart *part, int number, Arena *arena) {
    const Target *target = part[number].target;
    for (int i = 0; i < number; i++)
        if (part[i].target != target && strcmp(part[i].target->cpu, target->cpu) == 0)
            return arena_printf(arena, "%s-%d", target->cpu, number + 1);
    return target->cpu;
}

static void choose_part(Program *program, const ModulePart *part, int number, bool is_several) {
    Emit *e = program->e;
    const Target *target = part[number].target;
    if (program->target != target) program->shapes = kernel_shapes(program->arena);
    program->target = target;
    e->machine = &target->machine;
    e->variant = is_several ? variant_name(part, number, program->arena) : NULL;
    e->cpu = target->cpu;
    e->features = target->names.features;
    e->base = target->names.base;
}

static const char *const phase_names[PHASES] = {"prefill", "decode", "batch", "few"};

int emit_programs(Emit *e, const ModulePart *part, int count, const ModuleOptions *options,
                  Value *programs, const ModuleFunction **functions) {
    VType types[] = {e->pointer, e->i64, e->i64};
    Arena *arena = part[0].plan->layout->arena;
    Program program = {.e = e, .arena = arena};
    size_t most = 0;
    bool is_several = false;
    for (int i = 0; i < count; i++) {
        for (int p = 0; p < PHASES; p++)
            most += (size_t)plan_phase(part[i].plan, (Phase)p)->count + 1;
        is_several |= part[i].target != part[0].target;
    }
    program.made = ARENA_ARRAY(arena, Made, most);
    program.function = ARENA_ARRAY(arena, ModuleFunction, most);
    program.of_shape = ARENA_ARRAY(arena, int, most);
    program.barrier = declare(e, "tw_team_barrier", types, 2);
    if (options->is_timed) program.mark = declare(e, "tw_trace_mark", types, 3);
    for (int i = 0; i < count; i++) {
        const Plan *plan = part[i].plan;
        choose_part(&program, part, i, is_several);
        program.scratch_floats = plan->scratch_floats;
        program.has_tables = plan->layout->rope.count;
        Value entry[PHASES];
        for (int p = 0; p < PHASES; p++) {
            const PhasePlan *phase = plan_phase(plan, (Phase)p);
            entry[p] = phase->graph ? emit_entry(&program, phase_names[p], phase)
                                    : LLVMConstNull(e->pointer);
        }
        const char *symbol = module_symbol(plan->name, i, arena);
        programs[i] = emit_descriptor(e, &part[i], options, symbol, entry);
    }
    *functions = program.function;
    return program.count;
}

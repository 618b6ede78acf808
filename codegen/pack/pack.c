/* pack.c - writes the packed weight file, in units of work that threads take in turn.
 *
 * A unit is a panel of outputs, some rows of a table, or a whole vector. Its values are evaluated
 * in double precision, brought into the order that kernels read, and written at their place in the
 * file. Memory is that of a unit for each thread. What a unit holds does not depend on who makes
 * it, so that the file is the same for any number of threads.
 */
#include "codegen/pack/pack.h"
#include "codegen/pack/pack_odd.h"
#include "codegen/pack/pack_panels.h"
#include "codegen/pack/pack_table.h"
#include "codegen/pack/pack_values.h"
#include "ir/bytes.h"
#include "runtime/team.h"
#include "runtime/weights_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TABLE_ROWS = 64 };

typedef enum {
    PACK_OK,
    PACK_NO_MEMORY,
    PACK_NO_INPUT,
    PACK_ODD_INPUT,
    PACK_NO_OUTPUT,
    PACK_STOPPED
} Failure;

/* Rows of a constant with a value that is no finite number in its format. */
typedef struct {
    const PackedTensor *tensor; /* null: none */
    int64_t unit, first, count;
} OddRows;

typedef struct {
    const Layout *layout;
    const PackInput *input;
    PackValues values;
    int file;
    char *map;           /* of the file; null: none */
    int64_t *first_unit; /* of each tensor; the last one is their number */
    atomic_llong next;
    _Atomic(Failure) failure;
    atomic_int error; /* errno of the write that failed */
    pthread_mutex_t lock;
    OddRows odd, odd_table; /* the first, whoever met it; in a table it is no failure */
} Pack;

/* One thread's room: a unit as evaluated, and as written. */
typedef struct {
    PackScratch scratch;
    double *rows;
    float *unit;
    int64_t at; /* the number of the unit */
} Worker;

/* ---- units ---- */

static const Node *constant_of(const PackedTensor *tensor) {
    return ir_node(tensor->graph, tensor->constant);
}

static int64_t unit_count(const Layout *layout, const PackedTensor *tensor) {
    const int64_t panel = machine_panel(&layout->machine);
    int64_t panels = 0;
    for (int i = 0; i < tensor->group_count; i++) panels += tensor->group[i].panels;
    switch (tensor->form) {
    case FORM_PANELS:
    case FORM_PANEL_VECTOR: return panels;
    case FORM_VECTOR: return round_up(constant_of(tensor)->type.dim[0], panel) / panel;
    case FORM_ROWS: break;
    }
    return round_up(constant_of(tensor)->type.dim[0], TABLE_ROWS) / TABLE_ROWS;
}

/* Floats of a unit; the last unit of a table is shorter. */
static int64_t unit_floats(const Layout *layout, const PackedTensor *tensor) {
    const int64_t panel = machine_panel(&layout->machine);
    const Node *node = constant_of(tensor);
    switch (tensor->form) {
    case FORM_PANELS: return layout_panel_words(tensor->format, node->type.dim[1], panel);
    case FORM_PANEL_VECTOR:
    case FORM_VECTOR: return panel;
    case FORM_ROWS: break;
    }
    return TABLE_ROWS * layout_row_words(tensor->format, node->type.dim[1], panel);
}

/* Values evaluated for a unit, rows as wide as any of them is on the way. */
static int64_t unit_values(const Layout *layout, const PackedTensor *tensor) {
    const int64_t widest = pack_widest(tensor->graph, tensor->constant);
    if (tensor->form == FORM_ROWS) return TABLE_ROWS * widest;
    if (tensor->form != FORM_PANELS) return unit_floats(layout, tensor);
    return machine_panel(&layout->machine) * widest;
}

static void fail(Pack *pack, Failure failure, int error) {
    Failure none = PACK_OK;
    if (atomic_compare_exchange_strong(&pack->failure, &none, failure))
        atomic_store(&pack->error, error);
}

/* Units before this one are done or under way: the first of all is found whoever is faster. */
static void keep_odd(Pack *pack, const OddRows *found) {
    OddRows *kept = found->tensor->form == FORM_ROWS ? &pack->odd_table : &pack->odd;
    pthread_mutex_lock(&pack->lock);
    if (!kept->tensor || found->unit < kept->unit) *kept = *found;
    pthread_mutex_unlock(&pack->lock);
    if (kept == &pack->odd) fail(pack, PACK_ODD_INPUT, 0);
}

/* False: the pack has failed. */
static bool evaluate(Pack *pack, Worker *worker, const PackedTensor *tensor, int64_t first,
                     int64_t count) {
    if (pack_rows(&pack->values, tensor->graph, tensor->constant, first, count, &worker->scratch,
                  worker->rows))
        return true;
    fail(pack, PACK_NO_INPUT, 0);
    return false;
}

/* Rows of a constant, rounded to the format, into lanes of a panel. False: the pack has failed. */
static bool put_rounded(Pack *pack, Worker *worker, const PackedTensor *tensor, int64_t first,
                        int64_t count, int64_t lane) {
    const Node *node = constant_of(tensor);
    const int64_t columns = node->type.rank > 1 ? node->type.dim[1] : 1;
    if (!evaluate(pack, worker, tensor, first, count)) return false;
    if (pack_panel_rows(tensor->format, worker->rows, count, columns,
                        machine_panel(&pack->layout->machine), lane, worker->unit))
        return true;
    keep_odd(pack, &(OddRows){tensor, worker->at, first, count});
    return false;
}

/* Rows of a param as they are stored. False: the pack has failed. */
static bool read_kept(Pack *pack, Worker *worker, const PackedTensor *tensor, int64_t first,
                      int64_t count) {
    const Weights *weights = pack->values.weights;
    const WeightsRow from = weights_find_row(tensor->graph, tensor->constant, first);
    const int64_t columns = from.param->type.dim[1];
    if (!weights->kept(weights, from.param->name, from.row, count, columns, worker->rows)) {
        fail(pack, PACK_NO_INPUT, 0);
        return false;
    }
    if (from.columns) pack_select_kept(tensor->format, from.columns, count, columns, worker->rows);
    return true;
}

static bool is_kept(const Pack *pack, const PackedTensor *tensor, int64_t row) {
    return weights_keep_row(pack->values.weights, tensor->graph, tensor->constant, row,
                            tensor->format);
}

/* The same as put_rounded() for rows of a param that is stored in the format, which stay as they
 * are. */
static bool put_kept(Pack *pack, Worker *worker, const PackedTensor *tensor, int64_t first,
                     int64_t count, int64_t lane) {
    const int64_t columns = constant_of(tensor)->type.dim[1];
    if (!read_kept(pack, worker, tensor, first, count)) return false;
    if (pack_panel_kept(tensor->format, worker->rows, count, columns,
                        machine_panel(&pack->layout->machine), lane, worker->unit))
        return true;
    keep_odd(pack, &(OddRows){tensor, worker->at, first, count});
    return false;
}

/* How many rows from `first` on, `count` at most, are of one part of a constant. */
static int64_t count_together(const PackedTensor *tensor, int64_t first, int64_t count) {
    const int64_t left = weights_find_row(tensor->graph, tensor->constant, first).left;
    return left < count ? left : count;
}

/* Rows into lanes, those of one part of the constant after the other. */
static bool put_rows(Pack *pack, Worker *worker, const PackedTensor *tensor, int64_t first,
                     int64_t count, int64_t lane) {
    for (int64_t done = 0, some; done < count; done += some) {
        const int64_t row = first + done;
        some = count_together(tensor, row, count - done);
        bool (*put)(Pack *, Worker *, const PackedTensor *, int64_t, int64_t, int64_t) =
            is_kept(pack, tensor, row) ? put_kept : put_rounded;
        if (!put(pack, worker, tensor, row, some, lane + done)) return false;
    }
    return true;
}

/* The outputs of a panel in packed order: rows `from` .. of the constant for each part. */
static bool panel_unit(Pack *pack, Worker *worker, const PackedTensor *tensor, int64_t unit) {
    const int64_t panel = machine_panel(&pack->layout->machine);
    const Node *node = constant_of(tensor);
    const int64_t columns = node->type.rank > 1 ? node->type.dim[1] : 1;
    const PanelGroup *group = tensor->group;
    for (; unit >= group->panels; group++) unit -= group->panels;
    const int64_t outputs = panel / group->parts, start = unit * outputs;
    int64_t count = group->columns - start;
    if (count > outputs) count = outputs;
    pack_panel_begin(tensor->format, columns, panel, worker->unit);
    for (int part = 0; part < group->parts; part++) {
        const int64_t first = group->from[part] + start;
        if (!put_rows(pack, worker, tensor, first, count, part * outputs)) return false;
    }
    return true;
}

/* Elements of a vector, zeros behind its last. */
static bool vector_unit(Pack *pack, Worker *worker, const PackedTensor *tensor, int64_t first) {
    const int64_t panel = machine_panel(&pack->layout->machine);
    const int64_t left = constant_of(tensor)->type.dim[0] - first;
    const int64_t count = left < panel ? left : panel;
    if (!evaluate(pack, worker, tensor, first, count)) return false;
    for (int64_t k = 0; k < panel; k++) worker->unit[k] = k < count ? (float)worker->rows[k] : 0;
    if (!format_holds(FORMAT_f32, worker->unit, count))
        keep_odd(pack, &(OddRows){tensor, worker->at, first, count});
    return true;
}

/* Rows of a table. Values that are no numbers are told, and stay. */
static bool table_unit(Pack *pack, Worker *worker, const PackedTensor *tensor, int64_t first) {
    const int64_t panel = machine_panel(&pack->layout->machine);
    const Node *node = constant_of(tensor);
    const int64_t columns = node->type.dim[1], left = node->type.dim[0] - first;
    const int64_t count = left < TABLE_ROWS ? left : TABLE_ROWS;
    const bool as_stored = is_kept(pack, tensor, first);
    if (!(as_stored ? read_kept : evaluate)(pack, worker, tensor, first, count)) return false;
    const bool is_finite =
        as_stored
            ? pack_table_kept(tensor->format, worker->rows, count, columns, panel, worker->unit)
            : pack_table_rows(tensor->format, worker->rows, count, columns, panel, worker->unit);
    if (!is_finite) keep_odd(pack, &(OddRows){tensor, worker->at, first, count});
    return true;
}

static bool make_unit(Pack *pack, Worker *worker, const PackedTensor *tensor, int64_t unit) {
    switch (tensor->form) {
    case FORM_PANELS:
    case FORM_PANEL_VECTOR: return panel_unit(pack, worker, tensor, unit);
    case FORM_VECTOR:
        return vector_unit(pack, worker, tensor, unit * machine_panel(&pack->layout->machine));
    case FORM_ROWS: break;
    }
    return table_unit(pack, worker, tensor, unit * TABLE_ROWS);
}

/* ---- writing ---- */

static bool write_unit(Pack *pack, const Worker *worker, const PackedTensor *tensor,
                       int64_t number) {
    const int64_t floats = unit_floats(pack->layout, tensor), start = number * floats;
    const int64_t count = start + floats > tensor->floats ? tensor->floats - start : floats;
    const int64_t at = TW_WEIGHTS_DATA + (tensor->offset + start) * (int64_t)sizeof(float);
    const Bytes unit = {(const char *)worker->unit, (size_t)count * sizeof(float)};
    if (bytes_write(unit, pack->file, at)) return true;
    fail(pack, PACK_NO_OUTPUT, errno);
    return false;
}

/* ---- threads ---- */

/* Numbers of a worker's arrays. */
typedef struct {
    int64_t widest, rows, unit;
} WorkerSizes;

static WorkerSizes worker_sizes(const Layout *layout) {
    WorkerSizes sizes = {1, 1, 1};
    for (int i = 0; i < layout->count; i++) {
        const PackedTensor *tensor = &layout->tensor[i];
        const int64_t floats = unit_floats(layout, tensor), values = unit_values(layout, tensor);
        const int64_t wide = pack_widest(tensor->graph, tensor->constant);
        if (floats > sizes.unit) sizes.unit = floats;
        if (wide > sizes.widest) sizes.widest = wide;
        if (values > sizes.rows) sizes.rows = values;
    }
    if (sizes.widest > sizes.rows) sizes.rows = sizes.widest;
    return sizes;
}

int64_t pack_memory(const Layout *layout) {
    const WorkerSizes sizes = worker_sizes(layout);
    return sizes.rows * (int64_t)(sizeof(float) + sizeof(double)) +
           sizes.widest * (int64_t)sizeof(double) + sizes.unit * (int64_t)sizeof(float);
}

static bool worker_create(Worker *worker, const Layout *layout) {
    const WorkerSizes sizes = worker_sizes(layout);
    worker->scratch.raw = malloc((size_t)sizes.rows * sizeof *worker->scratch.raw);
    worker->scratch.row = malloc((size_t)sizes.widest * sizeof *worker->scratch.row);
    worker->rows = malloc((size_t)sizes.rows * sizeof *worker->rows);
    worker->unit = malloc((size_t)sizes.unit * sizeof *worker->unit);
    return worker->scratch.raw && worker->scratch.row && worker->rows && worker->unit;
}

static void worker_destroy(Worker *worker) {
    free(worker->scratch.raw);
    free(worker->scratch.row);
    free(worker->rows);
    free(worker->unit);
}

static void report_progress(Pack *pack, int64_t done, int64_t all) {
    const PackInput *input = pack->input;
    if (input->progress &&
        !input->progress(input->progress_context, "packing weights", (double)done / (double)all))
        fail(pack, PACK_STOPPED, 0);
}

static void work(void *context, int64_t thread, int64_t threads) {
    Pack *pack = context;
    const Layout *layout = pack->layout;
    Worker worker = {0};
    (void)threads;
    if (!worker_create(&worker, layout)) fail(pack, PACK_NO_MEMORY, 0);
    int at = 0;
    for (;;) {
        const int64_t unit = atomic_fetch_add(&pack->next, 1);
        if (unit >= pack->first_unit[layout->count] || atomic_load(&pack->failure)) break;
        while (unit >= pack->first_unit[at + 1]) at++;
        const PackedTensor *tensor = &layout->tensor[at];
        worker.at = unit;
        if (make_unit(pack, &worker, tensor, unit - pack->first_unit[at]) &&
            write_unit(pack, &worker, tensor, unit - pack->first_unit[at]) && !thread)
            report_progress(pack, unit, pack->first_unit[layout->count]);
    }
    worker_destroy(&worker);
}

static bool prepare(Pack *pack) {
    Worker worker = {0};
    bool is_ready = worker_create(&worker, pack->layout);
    if (!is_ready) fail(pack, PACK_NO_MEMORY, 0);
    for (int i = 0; is_ready && i < pack->layout->count; i++) {
        const PackedTensor *tensor = &pack->layout->tensor[i];
        pack->first_unit[i + 1] = pack->first_unit[i] + unit_count(pack->layout, tensor);
        is_ready =
            pack_values_prepare(&pack->values, tensor->graph, tensor->constant, &worker.scratch);
        if (!is_ready) fail(pack, pack->values.is_exhausted ? PACK_NO_MEMORY : PACK_NO_INPUT, 0);
    }
    worker_destroy(&worker);
    return is_ready;
}

static void pack_tensors(Pack *pack) {
    if (!prepare(pack)) return;
    Team *team = tw_team_create(pack->input->threads);
    if (!team) {
        fail(pack, PACK_NO_MEMORY, 0);
        return;
    }
    tw_team_run(team, work, pack);
    tw_team_destroy(team);
}

/* ---- the file ---- */

/* To its whole length, and mapped, for the checksum at the end: where there are no addresses for
 * it, nothing is packed in vain. */
static void open_whole(Pack *pack, int64_t bytes) {
    if (ftruncate(pack->file, (off_t)bytes) == 0) {
        pack->map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, pack->file, 0);
        if (pack->map != MAP_FAILED) return;
        pack->map = NULL;
    }
    fail(pack, PACK_NO_OUTPUT, errno);
}

static void write_header(Pack *pack) {
    char page[TW_WEIGHTS_DATA] = {0};
    WeightsHeader header = {.tensor_count = (uint32_t)pack->layout->count,
                            .layout_id = layout_id(pack->layout),
                            .source_id = pack->input->source_id,
                            .data_bytes = (uint64_t)pack->layout->floats * sizeof(float)};
    if (!tw_weights_checksum(pack->map + TW_WEIGHTS_DATA, header.data_bytes,
                             &header.data_checksum)) {
        fail(pack, PACK_NO_MEMORY, 0);
        return;
    }
    tw_weights_header_seal(&header);
    memcpy(page, &header, sizeof header);
    if (!bytes_write((Bytes){page, sizeof page}, pack->file, 0)) fail(pack, PACK_NO_OUTPUT, errno);
}

/* False: there are none, or not any more. */
static bool report_odd(const Pack *pack, const OddRows *odd, Diag *diag) {
    Worker worker = {0};
    const bool is_reported = odd->tensor && worker_create(&worker, pack->layout) &&
                             pack_odd_report(&pack->values, odd->tensor, odd->first, odd->count,
                                             &worker.scratch, worker.rows, diag);
    worker_destroy(&worker);
    return is_reported;
}

static bool report(const Pack *pack, const char *name, Diag *diag) {
    const Failure failure = pack->failure; /* clang 14 does not switch over an atomic one */
    switch (failure) {
    case PACK_OK: report_odd(pack, &pack->odd_table, diag); return true;
    case PACK_NO_MEMORY: return diag_error(diag, (Loc){0}, "out of memory while packing weights");
    case PACK_ODD_INPUT:
        if (report_odd(pack, &pack->odd, diag)) return false;
        /* fall through */
    case PACK_NO_INPUT:
        diag_error(diag, (Loc){0}, "the weights cannot be read while packing");
        return diag_hint(diag, "was the file changed or cut off meanwhile? try again");
    case PACK_STOPPED: return diag_error(diag, (Loc){0}, "packing weights was stopped");
    case PACK_NO_OUTPUT: break;
    }
    diag_error(diag, (Loc){0}, "'%s' cannot be written: %s", name, strerror(pack->error));
    return diag_hint(diag, "%.1f MB are needed there", (double)pack->layout->floats * 4e-6);
}

bool pack_write(const Layout *layout, const PackInput *input, int file, const char *name,
                Diag *diag) {
    const int64_t bytes = (int64_t)layout_file_bytes(layout);
    Pack pack = {.layout = layout, .input = input, .file = file};
    pthread_mutex_init(&pack.lock, NULL);
    pack.values.weights = input->weights;
    pack.first_unit = calloc((size_t)layout->count + 1, sizeof *pack.first_unit);
    if (!pack.first_unit) fail(&pack, PACK_NO_MEMORY, 0);
    if (pack.failure == PACK_OK) open_whole(&pack, bytes);
    if (pack.failure == PACK_OK) pack_tensors(&pack);
    if (pack.failure == PACK_OK) write_header(&pack);
    if (pack.map) munmap(pack.map, (size_t)bytes);
    const bool is_packed = report(&pack, name, diag);
    pack_values_destroy(&pack.values);
    pthread_mutex_destroy(&pack.lock);
    free(pack.first_unit);
    return is_packed;
}

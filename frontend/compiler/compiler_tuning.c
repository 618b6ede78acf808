/* compiler_tuning.c - which schedules are known for the processor that is compiled for.
 *
 * The later wins: the rule, the table that comes with Thalweg, the user's file; of each what was
 * measured with another number of threads before what was measured with this one.
 */
#include "frontend/compiler/compiler.h"
#include "frontend/compiler/tuning_shipped.h"
#include "runtime/processors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_THREADS = 256 }; /* of a session */

static const char *const shipped_source = "shipped";
static const char *const user_source = "tuned";

int compiler_threads(const Thalweg *thalweg) {
    const int asked = thalweg->options.threads;
    const int threads = asked > 0 ? asked : tw_processors_available();
    return threads < MOST_THREADS ? threads : MOST_THREADS;
}

TuningMachine compiler_tuning_machine(const Thalweg *thalweg) {
    const Target *target = thalweg->target;
    const Machine *machine = &target->machine;
    return (TuningMachine){.cpu = target->cpu,
                           .features = arena_printf(thalweg->arena, "%d floats, %d registers%s%s%s",
                                                    (int)machine->vector_floats,
                                                    (int)machine->vector_registers,
                                                    machine->has_halves ? ", halves" : "",
                                                    machine->has_byte_dot ? ", byte products" : "",
                                                    machine->has_pair_dot ? ", bf16 products" : ""),
                           .l1_bytes = machine->l1_bytes,
                           .l2_bytes = machine->l2_bytes,
                           .threads = compiler_threads(thalweg)};
}

const char *compiler_tuning_path(Thalweg *thalweg) {
    if (thalweg->options.tuning) return thalweg->options.tuning;
    const char *directory = compiler_cache_directory(thalweg);
    if (directory) return arena_printf(thalweg->arena, "%s/tuning.yaml", directory);
    diag_error(&thalweg->diag, (Loc){0},
               "there is no place for tuning.yaml: neither XDG_CACHE_HOME nor HOME is a full path");
    diag_hint(&thalweg->diag, "name a file by --tuning, or a directory by --cache");
    return NULL;
}

bool compiler_read_tuning(Thalweg *thalweg, const char *path, TuningFile *file) {
    const Source *source = compiler_read_file(thalweg, path, TUNING_FILE_MOST_BYTES);
    if (!source) return false;
    if (source->length == TUNING_FILE_MOST_BYTES)
        return diag_error(&thalweg->diag, (Loc){source, 0}, "a tuning file of %d bytes or more",
                          TUNING_FILE_MOST_BYTES);
    return tuning_file_parse(file, source, &thalweg->diag);
}

/* ---- what is of use here ---- */

typedef struct {
    Tuned *tuned;
    int count;
    int later; /* records that a later version wrote */
} Found;

static void add_records(const Thalweg *thalweg, const TuningFile *file, const char *source,
                        bool is_same_threads, Found *found) {
    const TuningMachine machine = compiler_tuning_machine(thalweg);
    for (int i = 0; i < file->count; i++) {
        const TuningRecord *record = &file->record[i];
        TuningMachine on = record->machine;
        const bool is_same = on.threads == machine.threads;
        on.threads = machine.threads;
        const bool is_of_team = record->schedule.threads > 0; /* of a team of that size alone */
        if (is_same != is_same_threads || !tuning_machine_equal(&on, &machine)) continue;
        if (is_of_team && (!is_same || record->schedule.threads > machine.threads)) continue;
        if (tuning_compare_versions(record->thalweg, THALWEG_VERSION) > 0)
            found->later++;
        else
            found->tuned[found->count++] = (Tuned){record->kernel, record->schedule, source};
    }
}

static bool read_shipped(Thalweg *thalweg, TuningFile *file) {
    Source *source = ARENA_NEW(thalweg->arena, Source);
    *source = (Source){"tuning_shipped.yaml", tuning_shipped, tuning_shipped_length};
    return tuning_file_parse(file, source, &thalweg->diag);
}

/* A file that nobody asked for does not stop a compilation. */
static void read_default(Thalweg *thalweg, TuningFile *file) {
    if (!compiler_cache_directory(thalweg)) return;
    const char *path = compiler_tuning_path(thalweg);
    if (access(path, F_OK) != 0) return;
    const Diag outer = thalweg->diag;
    thalweg->diag = (Diag){.arena = outer.arena};
    const bool is_read = compiler_read_tuning(thalweg, path, file);
    const Diag inner = thalweg->diag;
    thalweg->diag = outer;
    if (is_read && !inner.first) return;
    diag_warning(&thalweg->diag, inner.first->loc, "%s", inner.first->message);
    diag_hint(&thalweg->diag, is_read ? "`thalweg tune` measures it again"
                                      : "nothing of this file is used; remove it, or see "
                                        "`thalweg tune --help`");
}

static bool read_users(Thalweg *thalweg, TuningFile *file) {
    if (thalweg->options.tuning)
        return compiler_read_tuning(thalweg, thalweg->options.tuning, file);
    read_default(thalweg, file);
    return true;
}

bool compiler_load_tuning(Thalweg *thalweg) {
    TuningFile shipped = {.arena = thalweg->arena}, users = {.arena = thalweg->arena};
    thalweg->tuning = (Tuning){0};
    if (thalweg->options.no_tuning) return true;
    if (!read_shipped(thalweg, &shipped) || !read_users(thalweg, &users)) return false;
    const size_t most = (size_t)shipped.count + (size_t)users.count;
    Found found = {.tuned = ARENA_ARRAY(thalweg->arena, Tuned, most + 1)};
    for (int exact = 0; exact < 2; exact++)
        add_records(thalweg, &shipped, shipped_source, exact, &found);
    for (int exact = 0; exact < 2; exact++)
        add_records(thalweg, &users, user_source, exact, &found);
    thalweg->tuning = (Tuning){found.tuned, found.count};
    if (found.later)
        diag_warning(&thalweg->diag, (Loc){0},
                     "%d schedules were tuned by a later version of Thalweg, and are left out",
                     found.later);
    return true;
}

/* ---- in words ---- */

const char *compiler_tuning_source(const Thalweg *thalweg, const Kernel *kernel, Arena *arena) {
    const char *name = tuning_kernel_name(kernel->graph, kernel->root, arena);
    const Tuned *tuned = name ? tuning_find(&thalweg->tuning, name) : NULL;
    const Schedule now = ir_node(kernel->graph, kernel->root)->schedule;
    return tuned && ir_schedule_equal(tuned->schedule, now) ? tuned->source : NULL;
}

int compiler_call_threads(const Thalweg *thalweg, const Graph *graph) {
    Arena *scratch = arena_create();
    const Tuned *tuned = tuning_find(&thalweg->tuning, tuning_call_name(graph, scratch));
    arena_destroy(scratch);
    return tuned ? (int)tuned->schedule.threads : 0;
}

typedef struct {
    int tuned, shipped, ruled; /* kernels of different names */
} Sources;

typedef struct {
    const char *name;
    const Kernel *kernel;
} Named;

/* By name, kernels of one name in their order. */
static int compare_named(const void *a, const void *b) {
    const Named *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    if (order) return order;
    const uint32_t first = x->kernel->root.index, second = y->kernel->root.index;
    return (first > second) - (first < second);
}

static void count_sources(const Thalweg *thalweg, const PhasePlan *phase, Arena *scratch,
                          Sources *sources) {
    Named *named = ARENA_ARRAY(scratch, Named, (size_t)phase->count + 1);
    size_t count = 0;
    for (int i = 0; i < phase->count; i++) {
        const Kernel *kernel = phase->kernel[i];
        const char *name = tuning_kernel_name(kernel->graph, kernel->root, scratch);
        if (name) named[count++] = (Named){name, kernel};
    }
    qsort(named, count, sizeof *named, compare_named);
    for (size_t i = 0; i < count; i++) {
        if (i && strcmp(named[i - 1].name, named[i].name) == 0) continue;
        const char *source = compiler_tuning_source(thalweg, named[i].kernel, scratch);
        sources->tuned += source == user_source;
        sources->shipped += source == shipped_source;
        sources->ruled += !source;
    }
}

const char *compiler_tuning_text(const Thalweg *thalweg) {
    Arena *scratch = arena_create();
    Sources sources = {0};
    count_sources(thalweg, &thalweg->plan->prefill, scratch, &sources);
    count_sources(thalweg, &thalweg->plan->decode, scratch, &sources);
    arena_destroy(scratch);
    const char *text = arena_printf(thalweg->arena, "%d tuned, %d shipped, %d by rule",
                                    sources.tuned, sources.shipped, sources.ruled);
    const Graph *graphs[] = {thalweg->prefill, thalweg->decode};
    for (int p = 0; p < 2; p++) {
        const int threads = compiler_call_threads(thalweg, graphs[p]);
        if (threads)
            text = arena_printf(thalweg->arena, "%s, %s by %d threads", text,
                                p ? "decode" : "prefill", threads);
    }
    return text;
}

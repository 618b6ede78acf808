#include "frontend/compiler/tuning_file.h"

#include "frontend/model/yaml.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_VERSION = 1, MOST_TEXT = 400 };
static const char *const format_key = "thalweg-tuning";

/* ---- records ---- */

bool tuning_machine_equal(const TuningMachine *a, const TuningMachine *b) {
    return strcmp(a->cpu, b->cpu) == 0 && strcmp(a->features, b->features) == 0 &&
           a->l1_bytes == b->l1_bytes && a->l2_bytes == b->l2_bytes && a->threads == b->threads;
}

static TuningRecord *find(const TuningFile *file, const char *kernel,
                          const TuningMachine *machine) {
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->record[i].kernel, kernel) == 0 &&
            tuning_machine_equal(&file->record[i].machine, machine))
            return &file->record[i];
    return NULL;
}

const TuningRecord *tuning_file_find(const TuningFile *file, const char *kernel,
                                     const TuningMachine *machine) {
    return find(file, kernel, machine);
}

int tuning_compare_versions(const char *a, const char *b) {
    while (*a || *b) {
        char *a_end, *b_end;
        const unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);
        if (x != y) return x < y ? -1 : 1;
        a = a_end + (*a_end == '.');
        b = b_end + (*b_end == '.');
        if (*a_end != '.' && *b_end != '.') break; /* what follows, as "-beta", does not rank */
    }
    return 0;
}

static bool is_better(const TuningRecord *a, const TuningRecord *b) {
    const int order = tuning_compare_versions(a->thalweg, b->thalweg);
    return order ? order > 0 : a->tried > b->tried;
}

void tuning_file_put(TuningFile *file, const TuningRecord *record) {
    TuningRecord *known = find(file, record->kernel, &record->machine);
    if (known) {
        if (!is_better(known, record)) *known = *record;
        return;
    }
    if (file->count == file->capacity) {
        const int capacity = file->capacity ? 2 * file->capacity : 64;
        TuningRecord *grown = ARENA_ARRAY(file->arena, TuningRecord, (size_t)capacity);
        if (file->count) memcpy(grown, file->record, (size_t)file->count * sizeof *grown);
        file->record = grown;
        file->capacity = capacity;
    }
    file->record[file->count++] = *record;
}

void tuning_file_remove(TuningFile *file, const char *kernel, const TuningMachine *machine) {
    TuningRecord *known = find(file, kernel, machine);
    if (known) *known = file->record[--file->count];
}

/* ---- reading ---- */

typedef struct {
    TuningFile *file;
    Diag *diag;
} Reading;

static const YamlNode *need(const Reading *r, const YamlNode *mapping, const char *key) {
    const YamlNode *node = yaml_find(mapping, key);
    if (!node) yaml_error(mapping, r->diag, "'%s' is missing", key);
    return node;
}

static bool read_text(const Reading *r, const YamlNode *mapping, const char *key,
                      const char **out) {
    const YamlNode *node = need(r, mapping, key);
    if (!node || !yaml_read_text(node, r->diag, out)) return false;
    if (strlen(*out) > MOST_TEXT)
        return yaml_error(node, r->diag, "a text of more than %d bytes", MOST_TEXT);
    for (const char *c = *out; *c; c++)
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
            return yaml_error(node, r->diag, "only plain characters without quotes are taken");
    *out = arena_printf(r->file->arena, "%s", *out);
    return true;
}

static bool read_count(const Reading *r, const YamlNode *mapping, const char *key, int64_t most,
                       int64_t *out) {
    const YamlNode *node = need(r, mapping, key);
    return node && yaml_read_integer(node, r->diag, 0, most, out);
}

static bool read_real(const Reading *r, const YamlNode *mapping, const char *key, double *out) {
    const YamlNode *node = need(r, mapping, key);
    return node && yaml_read_real(node, r->diag, 0, 1e15, out);
}

static const YamlNode *need_mapping(const Reading *r, const YamlNode *mapping, const char *key) {
    const YamlNode *node = need(r, mapping, key);
    if (node && node->kind != YAML_MAPPING) yaml_expected(node, r->diag, "a mapping");
    return node && node->kind == YAML_MAPPING ? node : NULL;
}

static bool read_schedule_number(const Reading *r, const YamlNode *node, Schedule *schedule) {
#define SCHEDULE(name, text)                                                                       \
    if (strcmp(node->key, #name) == 0)                                                             \
        return yaml_read_integer(node, r->diag, 0, IR_MAX_CONTEXT, &schedule->name);
#include "ir/schedule.def"
#undef SCHEDULE
    return yaml_key_error(node, r->diag, "a schedule has no number of that name");
}

static bool read_schedule(const Reading *r, const YamlNode *mapping, Schedule *schedule) {
    const YamlNode *node = need_mapping(r, mapping, "schedule");
    bool ok = node != NULL;
    for (const YamlNode *n = node ? node->first : NULL; n; n = n->next)
        ok &= read_schedule_number(r, n, schedule);
    return ok;
}

static bool read_machine(const Reading *r, const YamlNode *node, TuningMachine *machine) {
    enum { MOST_BYTES = 1 << 30, MOST_THREADS = 1 << 16 };
    const YamlNode *caches = need_mapping(r, node, "caches");
    return caches && read_text(r, node, "cpu", &machine->cpu) &&
           read_text(r, node, "features", &machine->features) &&
           read_count(r, caches, "l1", MOST_BYTES, &machine->l1_bytes) &&
           read_count(r, caches, "l2", MOST_BYTES, &machine->l2_bytes) &&
           read_count(r, node, "threads", MOST_THREADS, &machine->threads);
}

static bool read_record(const Reading *r, const YamlNode *node) {
    enum { MOST_CANDIDATES = 1 << 20 };
    TuningRecord record = {0};
    if (node->kind != YAML_MAPPING) return yaml_expected(node, r->diag, "a mapping");
    const YamlNode *times = need_mapping(r, node, "nanoseconds");
    const YamlNode *versions = need_mapping(r, node, "versions");
    const bool ok = times && versions && read_text(r, node, "kernel", &record.kernel) &&
                    read_machine(r, node, &record.machine) &&
                    read_schedule(r, node, &record.schedule) &&
                    read_count(r, node, "tried", MOST_CANDIDATES, &record.tried) &&
                    read_count(r, node, "candidates", MOST_CANDIDATES, &record.candidates) &&
                    read_real(r, times, "tuned", &record.nanoseconds) &&
                    read_real(r, times, "rule", &record.rule_nanoseconds) &&
                    read_text(r, versions, "thalweg", &record.thalweg) &&
                    read_text(r, versions, "llvm", &record.llvm);
    if (ok) tuning_file_put(r->file, &record);
    return ok;
}

static bool read_root(const Reading *r, const YamlNode *root) {
    int64_t version = 0;
    if (root->kind != YAML_MAPPING) return yaml_expected(root, r->diag, "a mapping");
    if (!read_count(r, root, format_key, 1000, &version)) return false;
    if (version > FORMAT_VERSION) {
        yaml_error(root, r->diag, "version %" PRId64 " of tuning files is not known", version);
        return diag_hint(r->diag, "a later Thalweg wrote it; this one knows version %d",
                         FORMAT_VERSION);
    }
    const YamlNode *records = need(r, root, "records");
    if (!records) return false;
    if (records->kind == YAML_SCALAR && !*records->text) return true; /* all was torn off */
    if (records->kind != YAML_SEQUENCE) return yaml_expected(records, r->diag, "a list");
    if (records->count > TUNING_FILE_MOST_RECORDS)
        return yaml_error(records, r->diag, "%d records: at most %d are read", records->count,
                          TUNING_FILE_MOST_RECORDS);
    bool ok = true;
    for (const YamlNode *node = records->first; node; node = node->next) ok &= read_record(r, node);
    return ok;
}

/* Reads a text that may be wrong: nothing is reported, and nothing kept unless all is well. */
static bool try_parse(TuningFile *file, const Source *source) {
    Diag silent = {.arena = arena_create()};
    TuningFile read = {.arena = file->arena};
    const YamlNode *root = yaml_parse(silent.arena, &silent, source);
    const bool ok = root && read_root(&(Reading){&read, &silent}, root);
    arena_destroy(silent.arena);
    for (int i = 0; ok && i < read.count; i++) tuning_file_put(file, &read.record[i]);
    return ok;
}

/* Where the last record begins; 0: there is none. */
static size_t last_record(const Source *source) {
    static const char begin[] = "\n  -";
    size_t found = 0;
    for (size_t i = 0; i + sizeof begin - 1 <= source->length; i++)
        if (memcmp(source->text + i, begin, sizeof begin - 1) == 0) found = i + 1;
    return found;
}

bool tuning_file_parse(TuningFile *file, const Source *source, Diag *diag) {
    if (try_parse(file, source)) return true;
    const size_t cut = last_record(source);
    if (cut) {
        Source *whole = ARENA_NEW(diag->arena, Source);
        *whole = (Source){source->name, source->text, cut};
        if (try_parse(file, whole)) {
            diag_warning(diag, (Loc){source, (uint32_t)cut},
                         "the last record is torn or wrong, and left out");
            diag_hint(diag, "`thalweg tune` measures it again");
            return true;
        }
    }
    const YamlNode *root = yaml_parse(diag->arena, diag, source);
    TuningFile read = {.arena = diag->arena};
    return root && read_root(&(Reading){&read, diag}, root);
}

/* ---- writing ---- */

static int by_key(const void *a, const void *b) {
    const TuningRecord *x = a, *y = b;
    int order = strcmp(x->machine.cpu, y->machine.cpu);
    if (!order) order = strcmp(x->machine.features, y->machine.features);
    if (!order)
        order = (x->machine.l1_bytes > y->machine.l1_bytes) -
                (x->machine.l1_bytes < y->machine.l1_bytes);
    if (!order)
        order = (x->machine.l2_bytes > y->machine.l2_bytes) -
                (x->machine.l2_bytes < y->machine.l2_bytes);
    if (!order)
        order =
            (x->machine.threads > y->machine.threads) - (x->machine.threads < y->machine.threads);
    return order ? order : strcmp(x->kernel, y->kernel);
}

static void print_schedule(const Schedule *schedule, FILE *out) {
    const char *separator = "{";
#define SCHEDULE(name, text)                                                                       \
    if (schedule->name) {                                                                          \
        fprintf(out, "%s" #name ": %" PRId64, separator, schedule->name);                          \
        separator = ", ";                                                                          \
    }
#include "ir/schedule.def"
#undef SCHEDULE
    fputs(*separator == '{' ? "{}" : "}", out);
}

static void print_record(const TuningRecord *record, FILE *out) {
    const TuningMachine *machine = &record->machine;
    fprintf(out, "  - kernel: \"%s\"\n", record->kernel);
    fprintf(out, "    cpu: \"%s\"\n    features: \"%s\"\n", machine->cpu, machine->features);
    fprintf(out, "    caches: {l1: %" PRId64 ", l2: %" PRId64 "}\n", machine->l1_bytes,
            machine->l2_bytes);
    fprintf(out, "    threads: %" PRId64 "\n    schedule: ", machine->threads);
    print_schedule(&record->schedule, out);
    fprintf(out, "\n    tried: %" PRId64 "\n    candidates: %" PRId64 "\n", record->tried,
            record->candidates);
    fprintf(out, "    nanoseconds: {tuned: %.0f, rule: %.0f}\n", record->nanoseconds,
            record->rule_nanoseconds);
    fprintf(out, "    versions: {thalweg: \"%s\", llvm: \"%s\"}\n", record->thalweg, record->llvm);
}

void tuning_file_print(TuningFile *file, FILE *out) {
    if (file->count) qsort(file->record, (size_t)file->count, sizeof *file->record, by_key);
    fprintf(out,
            "# Schedules of kernels, as `thalweg tune` found them on the processors named here.\n"
            "# `thalweg tune --merge A.yaml B.yaml` puts two such files together.\n"
            "%s: %d\nrecords:%s\n",
            format_key, FORMAT_VERSION, file->count ? "" : " []");
    for (int i = 0; i < file->count; i++) print_record(&file->record[i], out);
}

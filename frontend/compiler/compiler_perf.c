/* compiler_perf.c - tells perf which functions the loaded code has, in the two ways that it knows.
 *
 *   /tmp/perf-PID.map   "address size name" in hexadecimal: names for `perf report` and `perf top`
 *   /tmp/jit-PID.dump   the same with the code itself, for `perf inject --jit`, after which
 *                       `perf annotate` shows instructions. perf finds it by a page of it that is
 *                       mapped as code, and puts it in order by the monotonic clock (`-k mono`).
 *
 * (Linux, tools/perf/Documentation: jit-interface.txt, jitdump-specification.txt.)
 */
#include "codegen/object/object_functions.h"
#include "frontend/compiler/compiler.h"
#include "runtime/nanoseconds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
    uint32_t magic, version, header_bytes, machine, padding, process;
    uint64_t time, flags;
} DumpHeader;
_Static_assert(sizeof(DumpHeader) == 40, "as perf reads it");

typedef struct {
    uint32_t kind, record_bytes;
    uint64_t time;
    uint32_t process, thread;
    uint64_t address, code, code_bytes, number;
} DumpFunction;
_Static_assert(sizeof(DumpFunction) == 56, "as perf reads it");

enum { DUMP_MAGIC = 0x4A695444, DUMP_VERSION = 1, DUMP_FUNCTION = 0 };

struct PerfFiles {
    FILE *map, *dump;
    void *mark; /* the page of the dump that perf sees being mapped */
    size_t mark_bytes;
    uint64_t functions;
};

static bool report(Thalweg *thalweg, const char *path, int error) {
    return diag_error(&thalweg->diag, (Loc){0}, "'%s' cannot be written for perf: %s", path,
                      strerror(error));
}

/* Everybody can write into /tmp: what has the name is removed, and nothing is written to what
 * somebody else made. */
static FILE *create(Thalweg *thalweg, const char *path) {
    unlink(path);
    const int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *stream = file < 0 ? NULL : fdopen(file, "w");
    if (stream) return stream;
    report(thalweg, path, errno);
    if (file >= 0) close(file);
    return NULL;
}

static bool begin_dump(Thalweg *thalweg, const char *path, int machine) {
    PerfFiles *perf = thalweg->perf;
    const DumpHeader header = {.magic = DUMP_MAGIC,
                               .version = DUMP_VERSION,
                               .header_bytes = sizeof header,
                               .machine = (uint32_t)machine,
                               .process = (uint32_t)getpid(),
                               .time = (uint64_t)tw_nanoseconds()};
    fwrite(&header, sizeof header, 1, perf->dump);
    if (fflush(perf->dump) != 0) return report(thalweg, path, errno);
    perf->mark_bytes = (size_t)sysconf(_SC_PAGESIZE);
    void *mark =
        mmap(NULL, perf->mark_bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(perf->dump), 0);
    if (mark == MAP_FAILED) return report(thalweg, path, errno);
    perf->mark = mark;
    return true;
}

static bool open_files(Thalweg *thalweg, int machine) {
    if (thalweg->perf && thalweg->perf->mark) return true;
    compiler_end_perf(thalweg); /* of an attempt that failed */
    thalweg->perf = ARENA_NEW(thalweg->arena, PerfFiles);
    const char *map = arena_printf(thalweg->arena, "/tmp/perf-%ld.map", (long)getpid());
    const char *dump = arena_printf(thalweg->arena, "/tmp/jit-%ld.dump", (long)getpid());
    thalweg->perf->map = create(thalweg, map);
    thalweg->perf->dump = thalweg->perf->map ? create(thalweg, dump) : NULL;
    return thalweg->perf->dump && begin_dump(thalweg, dump, machine);
}

static void write_function(PerfFiles *perf, const LoadedFunction *function) {
    const size_t name_bytes = strlen(function->name) + 1;
    const uint64_t address = (uintptr_t)function->code;
    const DumpFunction record = {.kind = DUMP_FUNCTION,
                                 .record_bytes =
                                     (uint32_t)(sizeof record + name_bytes + function->bytes),
                                 .time = (uint64_t)tw_nanoseconds(),
                                 .process = (uint32_t)getpid(),
                                 .thread = (uint32_t)syscall(SYS_gettid),
                                 .address = address,
                                 .code = address,
                                 .code_bytes = function->bytes,
                                 .number = perf->functions++};
    fprintf(perf->map, "%llx %zx %s\n", (unsigned long long)address, function->bytes,
            function->name);
    fwrite(&record, sizeof record, 1, perf->dump);
    fwrite(function->name, 1, name_bytes, perf->dump);
    fwrite(function->code, 1, function->bytes, perf->dump);
}

bool compiler_tell_perf(Thalweg *thalweg, Bytes object, const char *symbol,
                        const TwProgram *program) {
    LoadedFunctions loaded;
    if (!object_functions(object, symbol, program, thalweg->arena, &loaded))
        return diag_error(&thalweg->diag, (Loc){0},
                          "the functions of the compiled code cannot be told apart for perf, which "
                          "is a bug of the compiler");
    if (!open_files(thalweg, loaded.machine)) return false;
    PerfFiles *perf = thalweg->perf;
    for (int i = 0; i < loaded.count; i++) write_function(perf, &loaded.function[i]);
    const bool is_written = fflush(perf->map) == 0 && fflush(perf->dump) == 0;
    return is_written || report(thalweg, "/tmp", errno);
}

void compiler_end_perf(Thalweg *thalweg) {
    PerfFiles *perf = thalweg->perf;
    if (!perf) return;
    if (perf->mark) munmap(perf->mark, perf->mark_bytes);
    if (perf->map) fclose(perf->map);
    if (perf->dump) fclose(perf->dump);
}

#include "codegen/object/jit_memory.h"

#include "ir/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Beside its sections an object needs stubs for the functions that it calls, which are smaller than
 * the relocations that stand for them in the file, and gaps. Pages that are not used cost nothing.
 */
bool jit_memory_open(JitMemory *memory, size_t object_bytes) {
    /* Callers that clang instruments (-fsanitize=function) read the words before a function. */
    enum { GAPS = 1 << 16, BEFORE_CODE = 64 };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *memory = (JitMemory){0};
    if (object_bytes > SIZE_MAX / 8) return false;
    memory->half_bytes = (2 * object_bytes + GAPS + page - 1) / page * page;
    void *start = mmap(NULL, 2 * memory->half_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return false;
    memory->start = start;
    memory->code_used = BEFORE_CODE;
    return true;
}

void jit_memory_close(JitMemory *memory) {
    if (memory->start) munmap(memory->start, 2 * memory->half_bytes);
    memory->start = NULL;
}

/* Alignments are powers of two, and at most a page. */
static uint8_t *take(const JitMemory *memory, char *half, size_t *used, uintptr_t bytes,
                     unsigned alignment) {
    const size_t aligned = alignment ? alignment : 1;
    const size_t at = (*used + aligned - 1) / aligned * aligned;
    if (at > memory->half_bytes || bytes > memory->half_bytes - at) return NULL;
    *used = at + bytes;
    return (uint8_t *)half + at;
}

uint8_t *jit_memory_code(void *context, uintptr_t bytes, unsigned alignment, unsigned section,
                         const char *name) {
    JitMemory *memory = context;
    (void)section, (void)name;
    return take(memory, memory->start, &memory->code_used, bytes, alignment);
}

uint8_t *jit_memory_data(void *context, uintptr_t bytes, unsigned alignment, unsigned section,
                         const char *name, int is_read_only) {
    JitMemory *memory = context;
    (void)section, (void)name, (void)is_read_only;
    return take(memory, memory->start + memory->half_bytes, &memory->data_used, bytes, alignment);
}

/* ---- from writing to executing ---- */

/* A file without a name, for code that the system takes from files alone. */
static int open_memory(void) {
    return memfd_create("thalweg-code", MFD_CLOEXEC);
}

static int open_temporary(void) {
    const char *folder = getenv("TMPDIR");
    return open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
}

/* Maps a copy of the code in a file to where the code is. */
static bool map_copy(const JitMemory *memory, int file) {
    const Bytes code = {memory->start, memory->half_bytes};
    const bool is_mapped = file >= 0 && bytes_write(code, file, 0) &&
                           mmap(memory->start, memory->half_bytes, PROT_READ | PROT_EXEC,
                                MAP_PRIVATE | MAP_FIXED, file, 0) != MAP_FAILED;
    if (file >= 0) close(file);
    return is_mapped;
}

/* Where no memory that was written may be executed (PR_SET_MDWE, and systemd's
 * MemoryDenyWriteExecute; SELinux without execmem), what is mapped from a file may. */
static bool make_executable(const JitMemory *memory) {
    if (mprotect(memory->start, memory->half_bytes, PROT_READ | PROT_EXEC) == 0) return true;
    const int error = errno;
    if (map_copy(memory, open_memory()) || map_copy(memory, open_temporary())) return true;
    errno = error;
    return false;
}

int jit_memory_finish(void *context, char **message) {
    JitMemory *memory = context;
    char *data = memory->start + memory->half_bytes;
    if (make_executable(memory) && mprotect(data, memory->half_bytes, PROT_READ) == 0) {
        __builtin___clear_cache(memory->start, memory->start + memory->code_used);
        return 0;
    }
    memory->error = errno;
    *message = strdup(strerror(memory->error));
    return 1;
}

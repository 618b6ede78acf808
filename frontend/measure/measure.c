/* measure.c - the limits of a machine. Compiled for speed in every build (CMakeLists.txt).
 *
 * The threads are a team like the one that computes a model, which with OpenMP are the same ones: a
 * virtual machine may give a thread that was woken anew another share of a core than one that runs.
 */
#include "frontend/measure/measure.h"

#include "frontend/measure/clock.h"
#include "frontend/measure/measure_chains.h"
#include "runtime/abi.h"
#include "runtime/team.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 256, PAGE = 1 << 21, SMALLEST_PAGE = 1 << 12 };

struct Measure {
    Team *team;
    char *buffer;
    size_t bytes;   /* a multiple of PAGE */
    bool is_filled; /* before it is read for the first time */
};

/* ---- memory ---- */

/* Reads every byte, from four places at once: one stream alone does not always fill a core's queue
 * of misses. */
static double read_all(const char *data, size_t bytes) {
    typedef uint64_t Line __attribute__((vector_size(64)));
    const size_t lines = bytes / sizeof(Line) / 4;
    const Line *stream = (const Line *)(const void *)data;
    Line a = {0}, b = {0}, c = {0}, d = {0};
    for (size_t i = 0; i < lines; i++) {
        a ^= stream[i];
        b ^= stream[lines + i];
        c ^= stream[2 * lines + i];
        d ^= stream[3 * lines + i];
    }
    a ^= b ^ c ^ d;
    return (double)(a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7]);
}

/* Makes every page a page of memory: what was never written is one page of zeros. */
static void touch(char *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i += SMALLEST_PAGE) data[i] = 1;
}

/* ---- threads ---- */

typedef enum { FILL, READ, CALCULATE } Job;

typedef struct {
    const Measure *measure;
    Job job;
    Chains chains;   /* to calculate */
    int64_t threads; /* that took part */
    double begun[MAX_THREADS], ended[MAX_THREADS];
    double sink[MAX_THREADS]; /* results, so that no compiler leaves the work out */
} Run;

/* Bytes of the buffer for each thread, whole steps of read_all(). */
static size_t share(const Measure *measure, int64_t threads) {
    return measure->bytes / (size_t)threads / 256 * 256;
}

static void work(void *context, int64_t thread, int64_t threads) {
    Run *run = context;
    const size_t bytes = share(run->measure, threads);
    char *data = run->measure->buffer + (size_t)thread * bytes;
    if (thread == 0) run->threads = threads;
    tw_team_barrier(run->measure->team, thread);
    run->begun[thread] = clock_seconds();
    switch (run->job) {
    case FILL: touch(data, bytes); break;
    case READ: run->sink[thread] = read_all(data, bytes); break;
    case CALCULATE: run->sink[thread] = run->chains.run(1); break;
    }
    run->ended[thread] = clock_seconds();
}

/* Seconds from the first thread's start to the last one's end. */
static double run_job(Measure *measure, Run *run, Job job, Arithmetic arithmetic) {
    *run = (Run){.measure = measure, .job = job, .chains = measure_chains(arithmetic)};
    tw_team_run(measure->team, work, run);
    double begun = run->begun[0], ended = run->ended[0];
    for (int64_t i = 1; i < run->threads; i++) {
        begun = run->begun[i] < begun ? run->begun[i] : begun;
        ended = run->ended[i] > ended ? run->ended[i] : ended;
    }
    return ended - begun;
}

/* ---- what is offered ---- */

/* Four times the last cache, where the memory is there for it. */
static size_t choose_bytes(void) {
    const size_t least = (size_t)256 << 20, most = (size_t)2 << 30;
    long cache = -1;
#ifdef _SC_LEVEL3_CACHE_SIZE
    cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    size_t bytes = cache > 0 ? (size_t)cache * 4 : 0;
    bytes = bytes < least ? least : bytes > most ? most : bytes;
    const long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) {
        const size_t available = (size_t)pages * (size_t)page;
        if (bytes > available / 4) bytes = available / 4;
    }
    return (bytes / PAGE + 1) * PAGE;
}

Measure *measure_create(int threads) {
    Measure *measure = calloc(1, sizeof *measure);
    if (!measure) return NULL;
    measure->team = tw_team_create(threads < 1 ? 1 : threads < MAX_THREADS ? threads : MAX_THREADS);
    measure->bytes = choose_bytes();
    void *buffer =
        mmap(NULL, measure->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    measure->buffer = buffer == MAP_FAILED ? NULL : buffer;
    if (!measure->team || !measure->buffer) {
        measure_destroy(measure);
        return NULL;
    }
    madvise(buffer, measure->bytes, MADV_HUGEPAGE);
    return measure;
}

void measure_destroy(Measure *measure) {
    if (!measure) return;
    tw_team_destroy(measure->team);
    if (measure->buffer) munmap(measure->buffer, measure->bytes);
    free(measure);
}

size_t measure_bytes(const Measure *measure) {
    return measure->bytes;
}

/* ---- what others leave ---- */

typedef struct {
    Team *team;
    double share[MAX_THREADS]; /* of a processor; 1 where a thread did not take part */
} Shares;

static double processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void take_share(void *context, int64_t thread, int64_t threads) {
    const double seconds = 0.03;
    Shares *shares = context;
    (void)threads;
    tw_team_barrier(shares->team, thread);
    const double begun = clock_seconds(), used = processor_seconds();
    while (clock_seconds() < begun + seconds) {
    }
    shares->share[thread] = (processor_seconds() - used) / (clock_seconds() - begun);
}

double measure_least_share(int threads) {
    Shares shares = {.team = tw_team_create(threads)};
    if (!shares.team) return -1;
    for (int i = 0; i < MAX_THREADS; i++) shares.share[i] = 1;
    tw_team_run(shares.team, take_share, &shares);
    tw_team_destroy(shares.team);
    double least = 1;
    for (int i = 0; i < MAX_THREADS; i++)
        if (shares.share[i] < least) least = shares.share[i];
    return least;
}

double measure_read(Measure *measure) {
    Run run;
    if (!measure->is_filled) run_job(measure, &run, FILL, ARITHMETIC_f32);
    measure->is_filled = true;
    const double seconds = run_job(measure, &run, READ, ARITHMETIC_f32);
    return (double)share(measure, run.threads) * (double)run.threads / seconds;
}

double measure_operations(Measure *measure, Arithmetic arithmetic) {
    Run run;
    const double seconds = run_job(measure, &run, CALCULATE, arithmetic);
    const double each = 2.0 * (double)run.chains.rounds * run.chains.lanes;
    return each * (double)run.threads / seconds;
}

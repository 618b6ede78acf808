/* barrier.c - a dissemination barrier (Hensgen, Finkel and Manber 1988) that can fall asleep.
 *
 * In round r thread t tells thread t + 2^r and hears from thread t - 2^r (modulo n); after
 * log2(n) rounds everybody has heard of everybody. Two threads need one cache line transfer each,
 * at the same time. A flag holds the number of the last phase that was told, so nothing has to be
 * cleared: a sense-reversing barrier with 32 bits of sense. A thread's flags lie on a cache line of
 * their own.
 *
 * A waiting thread spins for SPIN_NANOSECONDS, which running threads do not need, gives up its
 * processor a few times, then sleeps on its flag until somebody tells it. With more threads than
 * processors it does not spin: who is waited for may need the processor. How long it waits is
 * noted where it is longer than spinning: a shorter wait needs no look at the clock.
 */
#include "runtime/barrier.h"

#include "runtime/nanoseconds.h"
#include "runtime/processors.h"

#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum {
    SPIN_NANOSECONDS = 40000,
    SPINS_PER_CLOCK = 64, /* between two looks at the clock */
    YIELD_NANOSECONDS = 20000,
    ROUNDS = 8 /* 2^ROUNDS == BARRIER_MAX_THREADS */
};

typedef struct Line {
    alignas(64) atomic_uint flag[ROUNDS]; /* the last phase told in this round; written by others */
    atomic_uint sleeping;                 /* 1 while the owner sleeps, or is about to */
    unsigned phase;                       /* the owner's: how many times it has waited */
    unsigned threads;                     /* the owner's: how many take part */
    int64_t waited;                       /* the owner's: nanoseconds since it joined */
} Line;
_Static_assert(sizeof(Line) == 64, "one thread, one cache line");

struct Barrier {
    int lines;
    unsigned processors;
    Line line[];
};

size_t tw_barrier_bytes(int threads) {
    return sizeof(Barrier) + (size_t)threads * sizeof(Line);
}

Barrier *tw_barrier_place(void *memory, int threads) {
    Barrier *barrier = memory;
    barrier->lines = threads;
    barrier->processors = threads > 1 ? (unsigned)tw_processors_available() : 1;
    for (int t = 0; t < threads; t++) barrier->line[t].threads = (unsigned)threads;
    tw_barrier_reset(barrier);
    return barrier;
}

Barrier *tw_barrier_create(int threads) {
    if (threads < 1 || threads > BARRIER_MAX_THREADS) return NULL;
    void *memory = aligned_alloc(alignof(Barrier), tw_barrier_bytes(threads));
    return memory ? tw_barrier_place(memory, threads) : NULL;
}

void tw_barrier_destroy(Barrier *barrier) {
    free(barrier);
}

void tw_barrier_reset(Barrier *barrier) {
    for (int t = 0; t < barrier->lines; t++) {
        Line *line = &barrier->line[t];
        for (int r = 0; r < ROUNDS; r++)
            atomic_store_explicit(&line->flag[r], 0, memory_order_relaxed);
        atomic_store_explicit(&line->sleeping, 0, memory_order_relaxed);
        line->phase = 0;
    }
}

void tw_barrier_join(Barrier *barrier, int64_t thread, int64_t threads) {
    barrier->line[thread].threads = (unsigned)threads;
    barrier->line[thread].waited = 0;
}

int64_t tw_barrier_waited(const Barrier *barrier, int64_t thread) {
    return barrier->line[thread].waited;
}

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Who tells may be a phase ahead of who listens, never two. Wraps around with the counter. */
static bool is_told(atomic_uint *flag, unsigned phase) {
    return (int)(atomic_load_explicit(flag, memory_order_acquire) - phase) >= 0;
}

/* *begin: about when it began, if it ends without being told. */
static bool spin(atomic_uint *flag, unsigned phase, int64_t *begin) {
    *begin = 0;
    for (;;) {
        for (int i = 0; i < SPINS_PER_CLOCK; i++) {
            if (is_told(flag, phase)) return true;
            pause_briefly();
        }
        const int64_t now = tw_nanoseconds();
        if (*begin == 0) *begin = now;
        if (now > *begin + SPIN_NANOSECONDS) return false;
    }
}

static bool yield(atomic_uint *flag, unsigned phase) {
    const int64_t end = tw_nanoseconds() + YIELD_NANOSECONDS;
    do {
        sched_yield();
        if (is_told(flag, phase)) return true;
    } while (tw_nanoseconds() < end);
    return false;
}

#ifdef __linux__
static void sleep_while(atomic_uint *flag, unsigned value) {
    syscall(SYS_futex, flag, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(atomic_uint *flag) {
    syscall(SYS_futex, flag, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
#else
static void sleep_while(atomic_uint *flag, unsigned value) {
    (void)flag, (void)value;
    sched_yield();
}

static void wake(atomic_uint *flag) {
    (void)flag;
}
#endif

/* The owner announces its sleep before it looks at the flag again, the teller writes the flag
 * before it looks for a sleeper, all in one total order: one of the two sees the other. A wake too
 * many only makes the owner look once more. */
static void sleep_until_told(Line *line, atomic_uint *flag) {
    atomic_store(&line->sleeping, 1);
    for (;;) {
        unsigned value = atomic_load(flag);
        if ((int)(value - line->phase) >= 0) break;
        sleep_while(flag, value);
    }
    atomic_store(&line->sleeping, 0);
}

static void listen(Line *line, int round, bool spins) {
    atomic_uint *flag = &line->flag[round];
    int64_t begin;
    if (is_told(flag, line->phase)) return;
    if (!spins)
        begin = tw_nanoseconds();
    else if (spin(flag, line->phase, &begin))
        return;
    if (!yield(flag, line->phase)) sleep_until_told(line, flag);
    line->waited += tw_nanoseconds() - begin;
}

static void tell(Line *line, int round, unsigned phase) {
    atomic_store(&line->flag[round], phase);
    if (atomic_load(&line->sleeping)) wake(&line->flag[round]);
}

void tw_barrier_wait(Barrier *barrier, int64_t thread) {
    Line *mine = &barrier->line[thread];
    unsigned threads = mine->threads;
    if (threads == 1) return;

    mine->phase++;
    for (int round = 0; 1U << round < threads; round++) {
        unsigned partner = ((unsigned)thread + (1U << round)) % threads;
        tell(&barrier->line[partner], round, mine->phase);
        listen(mine, round, threads <= barrier->processors);
    }
}

/* barrier.h - where the threads of a team wait for each other.
 *
 * Thread t of n always calls with the same t. All threads between two joins call tw_barrier_wait()
 * equally often; what one wrote before it is seen by all after it.
 */
#ifndef RUNTIME_BARRIER_H
#define RUNTIME_BARRIER_H

#include <stddef.h>
#include <stdint.h>

enum { BARRIER_MAX_THREADS = 256 };

typedef struct Barrier Barrier;

/* For 1 to BARRIER_MAX_THREADS threads; null when memory is out. */
Barrier *tw_barrier_create(int threads);
void tw_barrier_destroy(Barrier *barrier);

/* The same in memory of the caller: tw_barrier_bytes(threads), 64-byte aligned. */
size_t tw_barrier_bytes(int threads);
Barrier *tw_barrier_place(void *memory, int threads);

/* Thread `thread` says for itself, before it waits, how many take part: at most those of create. */
void tw_barrier_join(Barrier *barrier, int64_t thread, int64_t threads);

/* A barrier of one thread returns at once. Waiting is spinning at first, then sleeping. */
void tw_barrier_wait(Barrier *barrier, int64_t thread);

/* Nanoseconds that thread `thread` has waited since it joined, in waits beyond some ten
 * microseconds. For the thread itself. */
int64_t tw_barrier_waited(const Barrier *barrier, int64_t thread);

/* To be called, while nobody waits, between two joins of different numbers of threads. */
void tw_barrier_reset(Barrier *barrier);

#endif

/* memory_watch.h - the most memory of its own that this process has at any time of a work.
 *
 * Own is what is not a view of a file (RssAnon of /proc/self/status); a thread looks every few
 * milliseconds.
 */
#ifndef FRONTEND_MEMORY_WATCH_H
#define FRONTEND_MEMORY_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct MemoryWatch {
    pthread_t thread;
    bool is_running;
    atomic_bool is_ending;
    int64_t most;
} MemoryWatch;

/* Stays where it is until memory_watch_end(). */
void memory_watch_begin(MemoryWatch *watch);

/* Bytes; 0: this system does not say. */
int64_t memory_watch_end(MemoryWatch *watch);

#endif

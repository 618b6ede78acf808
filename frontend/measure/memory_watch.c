#include "frontend/measure/memory_watch.h"

#include <stdio.h>
#include <time.h>

static int64_t own_bytes(void) {
    FILE *status = fopen("/proc/self/status", "r");
    if (!status) return 0;
    char line[256];
    long long kilobytes = 0;
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "RssAnon: %lld kB", &kilobytes) == 1) break;
    fclose(status);
    return kilobytes * 1024;
}

static void *watch_memory(void *context) {
    MemoryWatch *watch = context;
    const struct timespec pause = {.tv_nsec = 5000000};
    while (!atomic_load(&watch->is_ending)) {
        const int64_t bytes = own_bytes();
        if (bytes > watch->most) watch->most = bytes;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

void memory_watch_begin(MemoryWatch *watch) {
    watch->most = 0;
    atomic_init(&watch->is_ending, false);
    watch->is_running = pthread_create(&watch->thread, NULL, watch_memory, watch) == 0;
}

int64_t memory_watch_end(MemoryWatch *watch) {
    if (!watch->is_running) return 0;
    atomic_store(&watch->is_ending, true);
    pthread_join(watch->thread, NULL);
    return watch->most;
}

/* fuzz_weights_file.c - whatever opens as packed weights can be read to its last byte.
 *
 * Each input is tried as a file and as memory, as it is and with its header sealed, so that the
 * checksum does not hide what comes after it.
 */
#include "runtime/runtime.h"
#include "runtime/weights.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const TwWeights *weights, size_t file_bytes) {
    uint64_t bytes = tw_weights_bytes(weights);
    if (bytes != file_bytes - TW_WEIGHTS_DATA) abort();
    const char *data = tw_weights_data(weights);
    volatile char last;
    for (uint64_t i = 0; i < bytes; i++) last = data[i];
    (void)last;
}

static void try_open(const char *path, size_t file_bytes) {
    for (int verify = 0; verify <= 1; verify++) {
        TwWeights *weights;
        TwStatus status = tw_weights_open(path, 0, verify, &weights);
        if ((status == TW_OK) != (weights != NULL)) abort();
        if (!weights) continue;
        read_all(weights, file_bytes);
        tw_weights_close(weights);
    }
}

/* In a block of just that size, so that a sanitizer sees its end. */
static void try_memory(const uint8_t *data, size_t size) {
    TwWeights weights;
    char *copy = aligned_alloc(TW_WEIGHTS_ALIGNMENT, size + -size % TW_WEIGHTS_ALIGNMENT);
    if (size) memcpy(copy, data, size);
    if (copy && weights_open_bytes(&weights, copy, size, 0) == TW_OK) read_all(&weights, size);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (pwrite(file, data, size, 0) != (ssize_t)size) abort();
    try_open(path, size);
    try_memory(data, size);

    WeightsHeader header;
    if (size >= sizeof header) {
        memcpy(&header, data, sizeof header);
        weights_header_seal(&header);
        if (pwrite(file, &header, sizeof header, 0) != sizeof header) abort();
        try_open(path, size);
    }
    close(file);
    return 0;
}

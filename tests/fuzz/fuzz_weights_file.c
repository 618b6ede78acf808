/* fuzz_weights_file.c - whatever opens as packed weights can be read to its last byte, by itself
 * and by the code of an object that the file lies beside.
 *
 * Each input is tried as a file and as memory, as it is and with its checksums made right, so that
 * they do not hide what comes after them.
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

static void read_bytes(const char *data, uint64_t bytes) {
    volatile char last;
    for (uint64_t i = 0; i < bytes; i++) last = data[i];
    (void)last;
}

/* ---- a good object ---- */

enum { LAYOUT = 9, WEIGHT_BYTES = 192, VOCAB = 4, STRIDE = 16 };

static void read_weights(const TwFrame *frame, int64_t thread, int64_t threads) {
    (void)thread, (void)threads;
    read_bytes(frame->weights, WEIGHT_BYTES);
}

static const TwProgram program = {.abi_version = TW_ABI_VERSION,
                                  .struct_bytes = sizeof program,
                                  .name = "program",
                                  .vocab = VOCAB,
                                  .context = 8,
                                  .chunk = 8,
                                  .logits_stride = STRIDE,
                                  .layout_id = LAYOUT,
                                  .weight_bytes = WEIGHT_BYTES,
                                  .prefill = read_weights,
                                  .decode = read_weights};
static const TwProgram *const programs[] = {&program};
static const TwModule module = {.abi_version = TW_ABI_VERSION,
                                .struct_bytes = sizeof module,
                                .name = "program",
                                .program = programs,
                                .program_count = 1};

/* What opens can be used. */
static void use_model(TwStatus status, TwModel *model) {
    TwSession *session;
    if ((status == TW_OK) != (model != NULL)) abort();
    if (!model) return;
    const TwSessionOptions options = {.threads = 1};
    if (tw_model_session(model, &options, &session) != TW_OK) abort();
    if (tw_session_decode(session, 1) != TW_OK) abort();
    tw_session_destroy(session);
    tw_model_close(model);
}

/* ---- one input ---- */

static void try_file(const char *path, size_t file_bytes) {
    for (int verify = 0; verify <= 1; verify++) {
        TwWeights *weights;
        TwStatus status = tw_weights_open(path, 0, verify, &weights);
        if ((status == TW_OK) != (weights != NULL)) abort();
        if (!weights) continue;
        if (tw_weights_bytes(weights) != file_bytes - TW_WEIGHTS_DATA) abort();
        read_bytes(tw_weights_data(weights), tw_weights_bytes(weights));
        tw_weights_close(weights);
    }
    TwModel *model;
    const TwStatus status = tw_model_open(&module, path, &model);
    use_model(status, model);
}

static void try_memory(const char *data, size_t size) {
    TwModel *model;
    const TwStatus status = tw_model_open_memory(&module, data, size, NULL, &model);
    use_model(status, model);
}

static void make_checksums_right(char *data, size_t size) {
    WeightsHeader header;
    if (size < TW_WEIGHTS_DATA) return;
    memcpy(&header, data, sizeof header);
    if (!tw_weights_checksum(data + TW_WEIGHTS_DATA, size - TW_WEIGHTS_DATA, &header.data_checksum))
        abort();
    tw_weights_header_seal(&header);
    memcpy(data, &header, sizeof header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    const int file = memfd_create("fuzz", MFD_CLOEXEC);
    /* Of just the size, so that a sanitizer sees its end. */
    void *copy = NULL;
    if (file < 0 || posix_memalign(&copy, TW_WEIGHTS_ALIGNMENT, size) != 0) abort();
    if (size) memcpy(copy, data, size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    for (int is_right = 0; is_right <= 1; is_right++) {
        if (is_right) make_checksums_right(copy, size);
        if (pwrite(file, copy, size, 0) != (ssize_t)size) abort();
        try_file(path, size);
        try_memory(copy, size);
    }
    close(file);
    free(copy);
    return 0;
}

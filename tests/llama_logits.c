/* llama_logits.c - LIBRARIES MODEL.gguf OUT logits|hidden TOKEN...: what llama.cpp makes of tokens,
 * as rows of f32, one for each token. Caches are f32, and attention has no shortcut, so that its
 * numbers are comparable. Compiled against llama.cpp's own headers of the version of its libraries.
 */
#include "llama.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 256 };

static void say(enum ggml_log_level level, const char *text, void *unused) {
    (void)unused;
    if (level >= GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static struct llama_context *make_context(struct llama_model *model, bool is_encoder) {
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = CONTEXT;
    params.n_threads = params.n_threads_batch = 1;
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.embeddings = is_encoder;
    return llama_init_from_model(model, params);
}

static struct llama_batch make_batch(char **words, int count) {
    struct llama_batch batch = llama_batch_init(count, 0, 1);
    batch.n_tokens = count;
    for (int i = 0; i < count; i++) {
        batch.token[i] = atoi(words[i]);
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = true;
    }
    return batch;
}

static bool write_rows(struct llama_context *context, bool is_encoder, int count,
                       const char *path) {
    const struct llama_model *model = llama_get_model(context);
    const int columns =
        is_encoder ? llama_model_n_embd(model) : llama_vocab_n_tokens(llama_model_get_vocab(model));
    FILE *file = fopen(path, "wb");
    bool is_written = file;
    for (int i = 0; is_written && i < count; i++) {
        const float *row =
            is_encoder ? llama_get_embeddings_ith(context, i) : llama_get_logits_ith(context, i);
        is_written = row && fwrite(row, sizeof *row, (size_t)columns, file) == (size_t)columns;
    }
    return file && fclose(file) == 0 && is_written;
}

int main(int count, char **words) {
    if (count < 6) return 2;
    const bool is_encoder = strcmp(words[4], "hidden") == 0;
    llama_log_set(say, NULL);
    ggml_backend_load_all_from_path(words[1]);
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(words[2], llama_model_default_params());
    struct llama_context *context = model ? make_context(model, is_encoder) : NULL;
    if (!context) return 1;
    const struct llama_batch batch = make_batch(words + 5, count - 5);
    const int status = (is_encoder ? llama_encode : llama_decode)(context, batch);
    if (status != 0 || !write_rows(context, is_encoder, count - 5, words[3])) return 1;
    llama_batch_free(batch);
    llama_free(context);
    llama_model_free(model);
    return 0;
}

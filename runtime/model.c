/* model.c - what an object file exports, and its weights. */
#include "runtime/cpu.h"
#include "runtime/weights.h"

#include <stdlib.h>

struct TwModel {
    TwWeights weights;
    const TwProgram *program;
    bool is_placed; /* in memory of the caller */
};
_Static_assert(sizeof(TwModel) <= TW_MODEL_BYTES, "callers have that much for a model");

/* The fields of version 1.0. */
enum { LEAST_MODULE_BYTES = offsetof(TwModule, has_byte_tokens) + sizeof(uint64_t) };

static TwStatus choose_program(const TwModule *module, const TwProgram **out) {
    if (module->abi_version != TW_ABI_VERSION || module->struct_bytes < LEAST_MODULE_BYTES ||
        module->struct_bytes > sizeof *module)
        return TW_BAD_ABI;
    for (int64_t i = 0; i < module->program_count; i++) {
        *out = module->program[i];
        if (tw_cpu_has((*out)->needs)) return TW_OK;
    }
    return TW_BAD_CPU;
}

static TwStatus open_weights(TwModel *model, const TwModule *module, const char *path,
                             const void *bytes, uint64_t count) {
    const uint64_t layout_id = model->program->layout_id;
    if (path) return tw_weights_open_file(&model->weights, path, layout_id, true);
    if (bytes) return tw_weights_open_bytes(&model->weights, bytes, count, layout_id);
    if (!module->weights) return TW_NO_WEIGHTS;
    return tw_weights_open_bytes(&model->weights, module->weights, module->weights_bytes,
                                 layout_id);
}

static TwStatus open_model(const TwModule *module, const char *path, const void *bytes,
                           uint64_t count, void *memory, TwModel **out) {
    if (!out) return TW_BAD_ARGUMENT;
    *out = NULL;
    if (!module) return TW_BAD_ARGUMENT;
    const TwProgram *program = NULL;
    TwStatus status = choose_program(module, &program);
    if (status != TW_OK) return status;
    TwModel *model = memory ? memory : malloc(sizeof *model);
    if (!model) return TW_NO_MEMORY;
    *model = (TwModel){.program = program, .is_placed = memory != NULL};
    status = open_weights(model, module, path, bytes, count);
    if (status == TW_OK) {
        status = tw_weights_check(&model->weights, program);
        if (status != TW_OK) tw_weights_unmap(&model->weights);
    }
    if (status == TW_OK)
        *out = model;
    else if (!memory)
        free(model);
    return status;
}

TwStatus tw_model_open(const TwModule *module, const char *path, TwModel **out) {
    return open_model(module, path, NULL, 0, NULL, out);
}

TwStatus tw_model_open_memory(const TwModule *module, const void *weights, uint64_t bytes,
                              void *memory, TwModel **out) {
    return open_model(module, NULL, weights, bytes, memory, out);
}

void tw_model_close(TwModel *model) {
    if (!model) return;
    tw_weights_unmap(&model->weights);
    if (!model->is_placed) free(model);
}

const TwProgram *tw_model_program(const TwModel *model) {
    return model->program;
}

TwStatus tw_model_session(TwModel *model, const TwSessionOptions *options, TwSession **out) {
    if (out) *out = NULL;
    if (!model) return TW_BAD_ARGUMENT;
    return tw_session_create(model->program, &model->weights, options, out);
}

size_t tw_model_session_bytes(const TwModel *model, const TwSessionOptions *options) {
    return model ? tw_session_bytes(model->program, options) : 0;
}

TwStatus tw_model_sampler(const TwModel *model, const TwSamplerOptions *options, TwSampler **out) {
    if (out) *out = NULL;
    if (!model) return TW_BAD_ARGUMENT;
    return tw_sampler_create_from(options, model->program->vocab, out);
}

size_t tw_model_sampler_bytes(const TwModel *model, const TwSamplerOptions *options) {
    return model ? tw_sampler_bytes(options, model->program->vocab) : 0;
}

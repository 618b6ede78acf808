#include "frontend/command/sampling.h"

#include "runtime/generation/bias_text.h"

#include <float.h>

static bool read_biases(const OptionList *list, int64_t vocab, TwLogitBias *biases,
                        Progress *progress) {
    for (int i = 0; i < list->count; i++)
        if (!bias_text_read(list->item[i], vocab, &biases[i]))
            return command_fail(progress,
                                "--logit-bias is '%.100s'; expected TOKEN=BIAS, as 13=-2.5 or "
                                "13=-inf, of a token from 0 to %lld",
                                list->item[i], (long long)vocab - 1);
    return true;
}

TwSampler *sampling_create(const Arguments *arguments, const ThalwegModel *model,
                           Progress *progress) {
    TwLogitBias biases[MOST_LISTED];
    TwSampler *sampler = NULL;
    if (!read_biases(&arguments->logit_bias, model->vocab, biases, progress)) return NULL;
    const float top_p = (float)arguments->top_p;
    const TwSamplerOptions options = {
        .struct_bytes = sizeof options,
        .temperature = (float)arguments->temperature,
        .top_p = top_p > 0 ? top_p : FLT_MIN, /* 0: the likeliest alone */
        .top_k = arguments->top_k,
        .seed = (uint64_t)arguments->seed,
        .min_p = (float)arguments->min_p,
        .repeat_penalty = (float)arguments->repeat_penalty,
        .repeat_window = arguments->repeat_window,
        .biases = biases,
        .bias_count = arguments->logit_bias.count,
    };
    command_runs(progress, tw_sampler_create_from(&options, model->vocab, &sampler));
    return sampler;
}

const char *sampling_misused(const Arguments *arguments) {
    for (int i = 0; i < arguments->stop.count; i++)
        if (!*arguments->stop.item[i]) return "--stop is empty: give at least one character";
    return NULL;
}

StopTexts *sampling_stops(const Arguments *arguments, bool has_text, Progress *progress) {
    const OptionList *list = &arguments->stop;
    StopTexts *stops = NULL;
    if (list->count && !has_text)
        command_fail(progress, "the model has no tokenizer for text: leave --stop out");
    else if (!(stops = stop_texts_create(list->item, list->count)))
        command_fail(progress, "out of memory");
    return stops;
}

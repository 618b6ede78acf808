/* sampling.h - how tokens are drawn, as the command line says. */
#ifndef FRONTEND_SAMPLING_H
#define FRONTEND_SAMPLING_H

#include "frontend/command/command.h"
#include "runtime/generation/stop_text.h"

/* Of --temperature, --top-k and the others, for a model that generates. Null: said. */
TwSampler *sampling_create(const Arguments *arguments, const ThalwegModel *model,
                           Progress *progress);

/* What is wrong with these options, whatever the model; null: nothing. */
const char *sampling_misused(const Arguments *arguments);

/* Of --stop; `has_text`: the model's tokens are text. Null: said. */
StopTexts *sampling_stops(const Arguments *arguments, bool has_text, Progress *progress);

#endif

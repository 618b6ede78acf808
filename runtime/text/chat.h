/* chat.h - a talk as the text that a model was trained on: its messages through its chat template.
 */
#ifndef RUNTIME_CHAT_H
#define RUNTIME_CHAT_H

#include "runtime/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TwMessage {
    const char *role; /* "system", "user", "assistant", or what else the template knows */
    const char *content;
} TwMessage;

/* Written headers have a copy of it: fields are added at its end. */
typedef struct TwChat {
    size_t struct_bytes; /* sizeof(TwChat) */
    const TwMessage *messages;
    size_t count;
    int wants_answer; /* the text ends where the model's answer begins (add_generation_prompt) */
    const char
        *variables; /* a JSON object of what else the template sees, which comes before what
                       stands above: {"enable_thinking": false, "tools": [...]}; null: none */
    int64_t time;   /* for strftime_now(): seconds since 1970; 0: now */
    void *memory;   /* all that the run needs; null: 64 MiB of malloc's, as far as it is used */
    size_t memory_bytes;
    char *error; /* what TW_TEMPLATE_FAILED is about, cut to error_bytes; null: nowhere */
    size_t error_bytes;
} TwChat;

#ifdef __cplusplus
}
#endif

#endif

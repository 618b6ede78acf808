/* template_memory.c - the limits of a run: what it writes, takes of the heap, and counts as steps;
 * and how it ends before its end. */
#include "runtime/text/template_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- errors ---- */

_Noreturn void tw_template_leave(Template *run, TwStatus status) {
    run->status = status;
    longjmp(run->leave, 1);
}

void tw_template_fail(Template *run, const char *format, ...) {
    const TwChat *chat = run->chat;
    if (chat->error && chat->error_bytes) {
        const int used = snprintf(chat->error, chat->error_bytes, "line %u: ", run->line);
        va_list arguments;
        va_start(arguments, format);
        if (used >= 0 && (size_t)used < chat->error_bytes)
            vsnprintf(chat->error + used, chat->error_bytes - (size_t)used, format, arguments);
        va_end(arguments);
    }
    tw_template_leave(run, TW_TEMPLATE_FAILED);
}

/* ---- memory ---- */

void tw_template_charge(Template *run, uint64_t steps) {
    if (run->steps < steps) tw_template_fail(run, "it takes too many steps");
    run->steps -= steps;
}

static void need(Template *run, uint64_t bytes) {
    tw_template_charge(run, bytes / 16);
    if (bytes > (uint64_t)(run->high - run->out)) tw_template_leave(run, TW_NO_MEMORY);
}

void *tw_template_take(Template *run, size_t bytes) {
    const size_t aligned = (bytes + sizeof(Value) - 1) / sizeof(Value) * sizeof(Value);
    need(run, aligned);
    return run->high -= aligned;
}

void tw_template_put(Template *run, const char *text, size_t bytes) {
    need(run, bytes);
    if (bytes) memcpy(run->out, text, bytes);
    run->out += bytes;
}

Value tw_template_cut(Template *run, char *begin) {
    const size_t bytes = (size_t)(run->out - begin);
    char *text = tw_template_take(run, bytes);
    if (bytes) memcpy(text, begin, bytes);
    run->out = begin;
    return value_string(text, bytes);
}

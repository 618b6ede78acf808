/* status.c - the texts of status.def. */
#include "runtime/runtime.h"

static const char *const texts[] = {
#define STATUS(name, text) text,
#include "runtime/status.def"
#undef STATUS
};

_Static_assert(TW_NO_WEIGHTS == 13, "headers of version 1.0 say so");

const char *tw_status_text(TwStatus status) {
    if ((unsigned)status >= TW_STATUS_COUNT) return "unknown status";
    return texts[status];
}

/* status.c - the texts of status.def. */
#include "runtime/runtime.h"

static const char *const texts[] = {
#define STATUS(name, text) text,
#include "runtime/status.def"
#undef STATUS
};

const char *tw_status_text(TwStatus status) {
    if ((unsigned)status >= TW_STATUS_COUNT) return "unknown status";
    return texts[status];
}

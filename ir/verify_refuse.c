#include "ir/verify.h"

#include <stdarg.h>

bool verify_refuse(const Check *c, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return diag_error(c->graph->diag, c->node->loc, "%s: %s", c->info->name, text);
}

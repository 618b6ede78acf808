#include "codegen/emit/module_names.h"

#include "codegen/emit/kernel_name.h"

#include <string.h>
#include <strings.h>

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_reserved(const char *prefix) {
    static const char *const reserved[] = {
#define RESERVED(prefix, ...) prefix,
#include "codegen/emit/reserved_prefixes.def"
#undef RESERVED
    };
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcasecmp(prefix, reserved[i]) == 0) return true;
    return false;
}

/* What cannot begin a name of C's, or begins those of the runtime or of others, gets another
 * beginning. */
const char *module_prefix(const char *name, Arena *arena) {
    const char *plain = kernel_plain_name(name, arena);
    const bool is_ours = is_letter(*name) && strncmp(name, "tw", 2) != 0 && !is_reserved(plain);
    return arena_printf(arena, "%s%s", is_ours ? "" : "model_", plain);
}

const char *module_symbol(const char *name, int number, Arena *arena) {
    const char *prefix = module_prefix(name, arena);
    if (!number) return arena_printf(arena, "%s_program", prefix);
    return arena_printf(arena, "%s_program.%d", prefix, number);
}

const char *module_function_prefix(const char *name, Arena *arena) {
    enum { MOST = 200 }; /* emitters have room for that; models have shorter ones */
    return arena_printf(arena, "%.*s", MOST, module_prefix(name, arena));
}

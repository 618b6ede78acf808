#include "frontend/lens/unit_name.h"

#include "frontend/compiler/compiler.h"

#include <inttypes.h>

enum { SHOWN = 40, MOST_DIGITS = 9 };

/* A number of few digits, past which *at moves. False: there is none. */
static bool read_number(const char **at, int64_t *out) {
    const char *text = *at;
    *out = 0;
    while (*text >= '0' && *text <= '9' && text - *at < MOST_DIGITS)
        *out = *out * 10 + (*text++ - '0');
    const bool is_read = text > *at && !(*text >= '0' && *text <= '9');
    *at = text;
    return is_read;
}

static bool read_letter(const char **at, char letter) {
    if (**at != letter && **at != letter + ('a' - 'A')) return false;
    ++*at;
    return true;
}

static bool read_parts(const char *text, char letter, int64_t *layer, int64_t *number,
                       int64_t *copy) {
    *copy = 1;
    if (!read_letter(&text, 'L') || !read_number(&text, layer)) return false;
    if (!read_letter(&text, letter) || !read_number(&text, number)) return false;
    if (!*text) return true;
    return *text++ == '_' && read_number(&text, copy) && !*text && *copy > 1;
}

bool unit_name_read(const StreamWeights *weights, const char *text, bool is_head, StreamUnit *out) {
    Diag *diag = &weights->thalweg->diag;
    const char *what = is_head ? "head" : "neuron";
    int64_t layer, number, copy;
    if (!read_parts(text, is_head ? 'H' : 'N', &layer, &number, &copy)) {
        diag_error(diag, (Loc){0}, "'%.*s' is no %s", SHOWN, text, what);
        return diag_hint(diag, "layer and %s, as %s", what, is_head ? "L9H6" : "L31N892");
    }
    const StreamBranch *branch = stream_weights_branch(weights, is_head, layer, (int)copy);
    if (!branch) {
        diag_error(diag, (Loc){0}, "%s '%.*s': the model has no such %s", what, SHOWN, text,
                   is_head ? "attention" : "mlp");
        return diag_hint(diag, "its layers are 0 to %" PRId64, weights->layers - 1);
    }
    const int64_t units = is_head ? branch->heads : branch->hidden;
    *out = (StreamUnit){branch, number};
    if (number < units) return true;
    diag_error(diag, (Loc){0}, "%s '%.*s': there is no such %s", what, SHOWN, text, what);
    return diag_hint(diag, "layer %" PRId64 " has %ss 0 to %" PRId64, layer, what, units - 1);
}

const char *unit_name(StreamUnit unit, Arena *arena) {
    const StreamBranch *branch = unit.branch;
    const char letter = branch->is_attention ? 'H' : 'N';
    const char *name =
        arena_printf(arena, "L%" PRId64 "%c%" PRId64, branch->layer, letter, unit.number);
    return branch->copy == 1 ? name : arena_printf(arena, "%s_%d", name, branch->copy);
}

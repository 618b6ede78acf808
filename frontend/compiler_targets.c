/* compiler_targets.c - the processor, or the several, that a model is compiled for.
 *
 * For each of several there is a Thalweg of its own, with the same description: graphs, schedules
 * and plan follow the processor. What was read, weights and files are those of the first.
 */
#include "frontend/compiler.h"

#include <string.h>

enum { MOST_TARGETS = 8 };

static bool read_other(Thalweg *thalweg, const char *cpu, Thalweg **out) {
    ThalwegOptions options = thalweg->options;
    options.cpu = cpu;
    Thalweg *other = thalweg_create(&options);
    *out = other;
    if (!other) return diag_error(&thalweg->diag, (Loc){0}, "out of memory");
    other->target = target_create(cpu, thalweg->arena, &thalweg->diag); /* they change places */
    if (!other->target) return false;
    other->step[STEP_target] = SUCCEEDED;
    other->has_input = true;
    return !thalweg->source || compiler_read(other, thalweg->source, thalweg->directory);
}

/* The target of each Thalweg, in the order of target_group(). */
static bool group(Thalweg *thalweg) {
    Target *target[MOST_TARGETS];
    const int count = thalweg->others + 1;
    target[0] = thalweg->target;
    for (int i = 1; i < count; i++) target[i] = thalweg->other[i - 1]->target;
    for (int i = 1; i < count; i++)
        if (strcmp(target[i]->triple, target[0]->triple) != 0) {
            diag_error(&thalweg->diag, (Loc){0}, "'%s' and '%s' are of different architectures",
                       target[0]->cpu, target[i]->cpu);
            return diag_hint(&thalweg->diag, "one object is of one: compile one for each");
        }
    target_group(target, count);
    thalweg->target = target[0];
    for (int i = 1; i < count; i++) thalweg->other[i - 1]->target = target[i];
    return true;
}

static bool choose_several(Thalweg *thalweg, const char *list) {
    thalweg->other = ARENA_ARRAY(thalweg->arena, Thalweg *, MOST_TARGETS);
    for (const char *at = list, *end; *at; at = end + (*end == ',')) {
        end = at + strcspn(at, ",");
        const char *cpu = arena_printf(thalweg->arena, "%.*s", (int)(end - at), at);
        if (!thalweg->target) {
            thalweg->target = target_create(cpu, thalweg->arena, &thalweg->diag);
            if (!thalweg->target) return false;
            continue;
        }
        if (thalweg->others + 1 == MOST_TARGETS)
            return diag_error(&thalweg->diag, (Loc){0}, "an object is for %d processors at most",
                              MOST_TARGETS);
        if (!read_other(thalweg, cpu, &thalweg->other[thalweg->others++])) return false;
    }
    return group(thalweg);
}

bool compiler_choose_targets(Thalweg *thalweg) {
    const char *cpu = thalweg->options.cpu;
    if (cpu && strchr(cpu, ',')) return choose_several(thalweg, cpu);
    thalweg->target = target_create(cpu, thalweg->arena, &thalweg->diag);
    return thalweg->target != NULL;
}

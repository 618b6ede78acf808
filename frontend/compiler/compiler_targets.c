/* compiler_targets.c - the processor, or the several, that a model is compiled for.
 *
 * For each of several there is a Thalweg of its own, with the same description: graphs, schedules
 * and plan follow the processor. What was read, weights and files are those of the first.
 */
#include "frontend/compiler/compiler.h"

#include <string.h>

enum { MOST_TARGETS = 8 };

/* The choice with `name` in place of a list. */
static TargetChoice choice_of(const Thalweg *thalweg, const char *name) {
    const ThalwegOptions *options = &thalweg->options;
    const bool is_cpu = options->cpu && strchr(options->cpu, ',');
    return (TargetChoice){.target = is_cpu || !name ? options->target : name,
                          .cpu = is_cpu && name ? name : options->cpu,
                          .features = options->features};
}

static bool read_other(Thalweg *thalweg, const char *name, Thalweg **out) {
    const TargetChoice choice = choice_of(thalweg, name);
    ThalwegOptions options = thalweg->options;
    options.target = choice.target;
    options.cpu = choice.cpu;
    Thalweg *other = compiler_create(&options);
    *out = other;
    if (!other) return diag_error(&thalweg->diag, (Loc){0}, "out of memory");
    /* They change places. */
    other->target = target_create(&choice, thalweg->arena, &thalweg->diag);
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
        if (target[i]->names.architecture != target[0]->names.architecture) {
            diag_error(&thalweg->diag, (Loc){0}, "'%s' and '%s' are of different architectures",
                       target[0]->cpu, target[i]->cpu);
            return diag_hint(&thalweg->diag, "one object is of one: compile one for each");
        }
    for (int i = 1; i < count; i++)
        for (int k = 0; k < i; k++)
            if (target[i]->names.has == target[k]->names.has)
                return diag_error(&thalweg->diag, (Loc){0},
                                  "'%s' and '%s' have the same features: one of them is enough",
                                  target[k]->cpu, target[i]->cpu);
    target_group(target, count);
    thalweg->target = target[0];
    for (int i = 1; i < count; i++) thalweg->other[i - 1]->target = target[i];
    return true;
}

static bool choose_several(Thalweg *thalweg, const char *list) {
    thalweg->other = ARENA_ARRAY(thalweg->arena, Thalweg *, MOST_TARGETS);
    for (const char *at = list, *end = list; *end; at = end + 1) {
        end = at + strcspn(at, ",");
        const char *name = arena_printf(thalweg->arena, "%.*s", (int)(end - at), at);
        if (!thalweg->target) {
            const TargetChoice choice = choice_of(thalweg, name);
            thalweg->target = target_create(&choice, thalweg->arena, &thalweg->diag);
            if (!thalweg->target) return false;
            continue;
        }
        if (thalweg->others + 1 == MOST_TARGETS)
            return diag_error(&thalweg->diag, (Loc){0}, "an object is for %d processors at most",
                              MOST_TARGETS);
        if (!read_other(thalweg, name, &thalweg->other[thalweg->others++])) return false;
    }
    return group(thalweg);
}

const char *compiler_target_names(const Thalweg *thalweg) {
    const char *text = thalweg->target->cpu;
    for (int i = 0; i < thalweg->others; i++)
        text = arena_printf(thalweg->arena, "%s, %s", text, thalweg->other[i]->target->cpu);
    return text;
}

static bool choose(Thalweg *thalweg) {
    const ThalwegOptions *options = &thalweg->options;
    const bool has_targets = options->target && strchr(options->target, ',');
    const bool has_cpus = options->cpu && strchr(options->cpu, ',');
    if (has_targets && options->cpu) {
        diag_error(&thalweg->diag, (Loc){0}, "'%.80s' are several targets, beside a processor",
                   options->target);
        return diag_hint(&thalweg->diag, "several are named as x86-64-v3,x86-64-v4, by --target or "
                                         "by --cpu");
    }
    if (has_targets || has_cpus)
        return choose_several(thalweg, has_cpus ? options->cpu : options->target);
    const TargetChoice choice = choice_of(thalweg, NULL);
    thalweg->target = target_create(&choice, thalweg->arena, &thalweg->diag);
    return thalweg->target != NULL;
}

bool compiler_target(Thalweg *thalweg) {
    return compiler_take(thalweg, STEP_target, choose);
}

bool compiler_runs_here(Thalweg *thalweg) {
    if (!compiler_target(thalweg)) return false;
    if (thalweg->others)
        return diag_error(&thalweg->diag, (Loc){0},
                          "code for several processors is for objects, which `thalweg compile` "
                          "writes: name one to run it here");
    if (thalweg->target->is_host) return true;
    diag_error(&thalweg->diag, (Loc){0}, "this machine cannot run code made for '%s'",
               thalweg->target->cpu);
    return diag_hint(&thalweg->diag, "choose no processor to run here, or write an object file");
}

#include "tests/differential/random_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tape ---- */

static uint64_t mix(uint64_t *state) { /* splitmix64 (Steele, Lea and Flood 2014) */
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void tape_draw(Tape *tape, uint64_t seed) {
    tape->length = TAPE_MAX;
    for (int i = 0; i < TAPE_MAX; i++) tape->number[i] = (uint32_t)(mix(&seed) >> 40);
}

static bool is_kept(Tape *tape, const Tape *smaller, TapeCheck *check, void *context, int *tries) {
    if (*tries <= 0) return false;
    --*tries;
    if (check(smaller, context)) return false;
    *tape = *smaller;
    return true;
}

static bool shorten(Tape *tape, TapeCheck *check, void *context, int *tries) {
    bool is_better = false;
    for (int cut = tape->length / 2; cut > 0; cut /= 2) {
        Tape smaller = *tape;
        smaller.length -= cut;
        while (smaller.length >= 0 && is_kept(tape, &smaller, check, context, tries)) {
            is_better = true;
            smaller.length -= cut;
        }
    }
    return is_better;
}

static bool reduce_numbers(Tape *tape, TapeCheck *check, void *context, int *tries) {
    bool is_better = false;
    for (int i = 0; i < tape->length; i++) {
        if (!tape->number[i]) continue;
        Tape smaller = *tape;
        smaller.number[i] = 0;
        is_better |= is_kept(tape, &smaller, check, context, tries);
    }
    return is_better;
}

/* What check_models() checks of each seed. */
typedef struct {
    TapeCheck *check;
    void *context;
    const char *what;
    int tries;
} Models;

static void shrink(Tape tape, uint64_t seed, const Models *models) {
    TapeCheck *check = models->check;
    void *context = models->context;
    int tries = models->tries;
    bool is_better = true;
    while (is_better && tries > 0) {
        is_better = shorten(&tape, check, context, &tries);
        is_better |= reduce_numbers(&tape, check, context, &tries);
    }
    char text[MODEL_TEXT_MAX] = "";
    random_model(&tape, text, sizeof text);
    check(&tape, context);
    printf("seed %llu: %s\nthe smallest model that fails:\n%s\n", (unsigned long long)seed,
           models->what, text);
}

Tally check_seeds(int count, char **argument, long models, SeedCheck *check, void *context) {
    if (count > 1) models = strtol(argument[1], NULL, 10);
    const uint64_t first = count > 2 ? strtoull(argument[2], NULL, 10) : 1;
    Tally tally = {0};
    for (; tally.models < models && tally.failures < 3; tally.models++)
        tally.failures += !check(first + (uint64_t)tally.models, context);
    printf("%ld random models, %ld failures\n", tally.models, tally.failures);
    return tally;
}

static bool check_seed(uint64_t seed, void *context) {
    const Models *models = context;
    Tape tape;
    tape_draw(&tape, seed);
    if (models->check(&tape, models->context)) return true;
    shrink(tape, seed, models);
    return false;
}

Tally check_models(int count, char **argument, long models, TapeCheck *check, void *context,
                   const char *what, int tries) {
    Models all = {check, context, what, tries};
    return check_seeds(count, argument, models, check_seed, &all);
}

double random_weight(const char *name, int64_t index) {
    uint64_t h = 1469598103934665603u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 1099511628211u;
    h = (h ^ (uint64_t)index) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9u;
    return (double)(h >> 40) / (double)(1 << 23) - 1;
}

/* ---- text ---- */

typedef struct {
    const Tape *tape;
    int at;
    char *text;
    size_t size, length;
    bool is_full;
    int heads, kv_heads, head_dim, width;
    int attentions; /* so far */
    bool is_causal;
} Draw;

/* 0 .. count - 1 */
static int choose(Draw *d, int count) {
    if (d->at >= d->tape->length) return 0;
    return (int)(d->tape->number[d->at++] % (uint32_t)count);
}

/* One time in `rarity`. */
static bool sometimes(Draw *d, int rarity) {
    return choose(d, rarity) == rarity - 1;
}

static const char *pick(Draw *d, const char *const *words, int count) {
    return words[choose(d, count)];
}
#define PICK(d, ...)                                                                               \
    pick(d, (const char *const[]){__VA_ARGS__},                                                    \
         (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)))

__attribute__((format(printf, 2, 3))) static void put(Draw *d, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t room = d->size - d->length;
    int written = vsnprintf(d->text + d->length, room, format, arguments);
    va_end(arguments);
    if (written < 0 || (size_t)written >= room)
        d->is_full = true;
    else
        d->length += (size_t)written;
}

/* ---- parts of a model ---- */

static void put_norm(Draw *d, const char *key) {
    const char *kind = PICK(d, "rms", "layer", "l2", "none");
    if (strcmp(kind, "none") == 0) {
        put(d, "%s: none", key);
        return;
    }
    put(d, "%s: {kind: %s, eps: %s", key, kind, PICK(d, "1e-5", "1e-6", "0.001"));
    switch (choose(d, 4)) {
    case 1: put(d, ", gain: false"); break;
    case 2: put(d, ", gain_offset: 1"); break;
    default: break;
    }
    if (sometimes(d, 2)) put(d, ", bias: %s", PICK(d, "true", "false"));
    put(d, "}");
}

/* Keys of a branch beside its work, each on a line of its own. */
static void put_branch_keys(Draw *d, const char *indent, bool has_own_norm) {
    if (has_own_norm && sometimes(d, 2)) {
        put(d, "%s", indent);
        put_norm(d, "norm");
    }
    if (sometimes(d, 5)) {
        put(d, "%s", indent);
        put_norm(d, "norm_after");
    }
    if (has_own_norm && sometimes(d, 5)) {
        put(d, "%s", indent);
        put_norm(d, "norm_stream");
    }
    static const char *const writes[] = {"write: add",
                                         "write: {scale: 0.5}",
                                         "write: {scale: learned}",
                                         "write: {scale: vector}",
                                         "write: {carry: 0.75, scale: 0.5}",
                                         "write: {carry: 0.9, scale: vector}",
                                         "write: gated",
                                         "skip: false"};
    const int choice = choose(d, 12);
    if (choice > 0 && choice < 8) put(d, "%s%s", indent, writes[choice]);
}

static void put_longrope(Draw *d, int pairs) {
    put(d, ", scaling: {kind: longrope, original: 20, short: [1");
    for (int i = 1; i < pairs; i++) put(d, ", %d.5", i);
    put(d, "], long: [1.25");
    for (int i = 1; i < pairs; i++) put(d, ", %d", 2 * i + 1);
    put(d, "]}");
}

static void put_rope(Draw *d) {
    put(d, ", rope: {base: %s", PICK(d, "10000", "500", "1000000"));
    const int dims = sometimes(d, 3) && d->head_dim > 3 ? d->head_dim / 4 * 2 : d->head_dim;
    if (dims < d->head_dim) put(d, ", dims: %d", dims);
    if (sometimes(d, 2)) put(d, ", style: interleaved");
    switch (choose(d, 8)) {
    case 1: put(d, ", scaling: {kind: linear, factor: 2}"); break;
    case 2: put(d, ", scaling: {kind: llama3, factor: 8, low: 1, high: 4, original: 16}"); break;
    case 3: put(d, ", scaling: {kind: yarn, factor: 8, original: 40}"); break;
    case 4:
        put(d, ", scaling: {kind: yarn, factor: 4, original: 16, beta_fast: 4, truncate: false}");
        break;
    case 5: put_longrope(d, dims / 2); break;
    default: break;
    }
    put(d, "}");
}

static const char *maybe(Draw *d) {
    return PICK(d, "false", "true");
}

static void put_attention(Draw *d) {
    d->attentions++;
    put(d, "attention: {heads: %d, kv_heads: %d", d->heads, d->kv_heads);
    if (d->heads * d->head_dim != d->width || sometimes(d, 4))
        put(d, ", head_dim: %d", d->head_dim);
    switch (choose(d, 4)) {
    case 1:
    case 2:
        if (d->head_dim % 2 == 0) put_rope(d);
        break;
    case 3: put(d, ", alibi: true"); break;
    default: break;
    }
    if (sometimes(d, 2)) {
        put(d, ", bias: {q: %s, k: %s", maybe(d), maybe(d));
        put(d, ", v: %s, o: %s}", maybe(d), maybe(d));
    }
    if (sometimes(d, 4))
        put(d, ", qk_norm: {kind: %s, over: %s, after_rope: %s}", PICK(d, "rms", "layer", "l2"),
            PICK(d, "head", "width"), maybe(d));
    if (sometimes(d, 6)) put(d, ", clip: 0.5");
    if (sometimes(d, 6))
        put(d, ", query_scale: {original: %d, offset: %d}", 1 + choose(d, 8), choose(d, 3));
    if (sometimes(d, 4)) put(d, ", scale: 0.3");
    if (sometimes(d, 4)) put(d, ", softcap: 5");
    if (sometimes(d, 3)) put(d, ", window: %d", 1 + choose(d, 12));
    if (!d->is_causal) put(d, ", causal: false");
    put(d, "}");
}

static void put_mlp(Draw *d) {
    put(d, "mlp: {hidden: %d, activation: %s", 1 + choose(d, 50),
        PICK(d, "relu", "relu2", "gelu", "gelu_tanh", "silu"));
    if (sometimes(d, 2)) put(d, ", gated: true");
    if (sometimes(d, 2)) put(d, ", bias: {in: %s, out: %s}", maybe(d), maybe(d));
    put(d, "}");
}

static void put_branch(Draw *d, const char *dash, const char *indent, bool has_own_norm) {
    put(d, "%s", dash);
    if (sometimes(d, 2))
        put_attention(d);
    else
        put_mlp(d);
    put_branch_keys(d, indent, has_own_norm);
}

static void put_parallel(Draw *d) {
    const bool is_shared = sometimes(d, 2);
    put(d, "\n      - ");
    if (is_shared) {
        put_norm(d, "norm");
        put(d, "\n        ");
    }
    put(d, "parallel:");
    const int count = 2 + choose(d, 2);
    for (int i = 0; i < count; i++) put_branch(d, "\n          - ", "\n            ", !is_shared);
}

/* Equal layers are a loop in the code, which begins and ends among layers that differ. */
static void put_block(Draw *d) {
    const int repeat = 1 + choose(d, 5), attentions = d->attentions;
    put(d, "\n  - repeat: %d\n    branches:", repeat);
    const int count = 1 + choose(d, 2);
    for (int i = 0; i < count; i++) {
        if (sometimes(d, 5))
            put_parallel(d);
        else
            put_branch(d, "\n      - ", "\n        ", true);
    }
    if (repeat > 1 && d->attentions > attentions && sometimes(d, 3))
        put(d, "\n    pattern: {window: [%d, none]}", 1 + choose(d, 12));
}

static void put_embed(Draw *d) {
    put(d, "embed: {positions: %s",
        PICK(d, "none", "learned", "{learned: {offset: 2}}", "sinusoidal"));
    if (sometimes(d, 3)) put(d, ", scale: 1.5");
    if (sometimes(d, 4)) {
        put(d, ", ");
        put_norm(d, "norm");
    }
    if (sometimes(d, 6)) put(d, ", types: %d", 1 + choose(d, 3));
    put(d, "}\n");
}

/* One row for a sequence. */
static void put_pooling(Draw *d) {
    put(d, "pooling: {kind: %s, normalise: %s", PICK(d, "mean", "cls", "last"), maybe(d));
    if (sometimes(d, 2)) put(d, ", dense: [%d, %d]", 1 + choose(d, 40), 1 + choose(d, 40));
    put(d, "}\n");
}

static void put_head(Draw *d) {
    const bool is_pooled = sometimes(d, 6);
    if (is_pooled) put_pooling(d);
    if (sometimes(d, is_pooled ? 2 : 8)) {
        put(d, "head: {output: hidden, ");
        put_norm(d, "norm");
        put(d, "}\n");
        return;
    }
    /* what is pooled may have another width than the embedding */
    put(d, "head: {tied: %s", is_pooled ? "false" : maybe(d));
    if (strncmp(d->text + d->length - 5, "false", 5) == 0 && sometimes(d, 4))
        put(d, ", vocab: %d", 1 + choose(d, 20));
    if (sometimes(d, 2)) {
        put(d, ", ");
        put_norm(d, "norm");
    }
    if (sometimes(d, 3)) put(d, ", bias: true");
    if (sometimes(d, 4)) put(d, ", scale: 0.5");
    if (sometimes(d, 4)) put(d, ", softcap: 20");
    put(d, "}\n");
}

static void put_formats(Draw *d) {
    if (sometimes(d, 2)) return;
    put(d, ", type: %s", PICK(d, "f32", "bf16", "q8", "q4"));
    if (sometimes(d, 3))
        put(d, ", types: {\"%s\": %s, \"%s\": %s}", PICK(d, "*.v.weight", "*.attention.*"),
            PICK(d, "bf16", "q8"), PICK(d, "embed.*", "*.mlp.*", "head.*"),
            PICK(d, "f32", "q4", "q8"));
}

bool random_model(const Tape *tape, char *text, size_t size) {
    static const int head_dims[] = {4, 8, 2, 6, 16, 10, 5, 20, 32, 33};
    Draw d = {.tape = tape, .text = text, .size = size};
    (void)choose(&d, 4); /* the first number is the tests' own */
    d.kv_heads = 1 + choose(&d, 3);
    d.heads = d.kv_heads * (1 + choose(&d, 3));
    d.head_dim = head_dims[choose(&d, sizeof head_dims / sizeof *head_dims)];
    d.width = sometimes(&d, 3) ? 1 + choose(&d, 70) : d.heads * d.head_dim;
    if (d.width % 2) d.width++;
    d.is_causal = !sometimes(&d, 8);
    put(&d, "thalweg: 1\nname: random\nvocab: %d\ncontext: %d\nstream: {width: %d}\n",
        7 + choose(&d, 60), 16 + choose(&d, 50), d.width);
    put_embed(&d);
    if (sometimes(&d, 2)) {
        put(&d, "defaults: {");
        put_norm(&d, "norm");
        put(&d, "}\n");
    }
    put(&d, "blocks:");
    const int blocks = 1 + choose(&d, 2);
    for (int i = 0; i < blocks; i++) put_block(&d);
    put(&d, "\n");
    put_head(&d);
    put(&d, "weights: {synthetic: %d", choose(&d, 1000));
    put_formats(&d);
    put(&d, "}\n");
    return !d.is_full;
}

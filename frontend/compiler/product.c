/* product.c - a model without layers, whose entry is called with packed weights of our own. */
#include "frontend/compiler/product.h"

#include "codegen/pack/pack_panels.h"
#include "frontend/compiler/compiler.h"
#include "runtime/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct Product {
    ProductShape shape;
    Thalweg *thalweg; /* of the model that it is */
    const TwProgram *program;
    int64_t panel;
    float *weights;                          /* all that the program reads */
    float *rows, *panels;                    /* where x and w lie in it */
    int64_t row_floats, panel_words, tokens; /* tokens: rows of a block */
};

/* ---- the model ---- */

/* Of a prefill each row is wanted, which a tap of the logits says. */
static const char *const taps[] = {"logits"};

enum { MOST_BLOCK = 512 };

static const char *describe(const ProductShape *shape, Arena *arena) {
    return arena_printf(arena,
                        "thalweg: 1\n"
                        "name: product\n"
                        "vocab: %" PRId64 "\n"
                        "context: %" PRId64 "\n"
                        "stream: {width: %" PRId64 "}\n"
                        "blocks: []\n"
                        "head: {vocab: %" PRId64 "}\n"
                        "weights: {synthetic: 0, type: %s}\n",
                        shape->rows, shape->rows < MOST_BLOCK ? shape->rows : (int64_t)MOST_BLOCK,
                        shape->depth, shape->columns,
                        ir_enum_word("WeightFormat", (int)shape->format));
}

static ThalwegOptions options_of(const Thalweg *thalweg) {
    ThalwegOptions options = thalweg->options;
    options.weights_type = NULL;
    options.context = 0;
    options.passes = options.skip_passes = options.print_after = NULL;
    options.statistics = NULL;
    options.exact = options.taps_alone = options.without_skips = false;
    options.start = NULL;
    options.threads = 1;
    options.taps = taps;
    options.tap_count = 1;
    options.edits = NULL;
    options.edit_count = 0;
    return options;
}

static bool compile(Product *product, Thalweg *owner) {
    const ThalwegOptions options = options_of(owner);
    product->thalweg = thalweg_create(&options);
    if (!product->thalweg) return diag_error(&owner->diag, (Loc){0}, "out of memory");
    const char *text = describe(&product->shape, owner->arena);
    if (thalweg_read_text(product->thalweg, "product.yaml", text, strlen(text), ""))
        product->program = thalweg_program(product->thalweg);
    if (product->program) return true;
    const Diagnostic *why = product->thalweg->diag.first;
    return diag_error(&owner->diag, (Loc){0},
                      "the product of %" PRId64 " x %" PRId64 " columns cannot be compiled: %s",
                      product->shape.rows, product->shape.columns,
                      why ? arena_printf(owner->arena, "%s", why->message) : "out of memory");
}

/* ---- memory ---- */

/* Blocks of rows that weights are read once for: a call takes whole ones, where it has more. */
static int64_t rows_of_call(const Graph *prefill) {
    for (uint32_t i = 1; i < prefill->count; i++) {
        const int64_t block = prefill->node[i].schedule.block;
        if (block && prefill->chunk > block) return prefill->chunk / block * block;
    }
    return prefill->chunk;
}

static void place_operands(Product *product) {
    const Layout *layout = product->thalweg->plan->layout;
    for (int i = 0; i < layout->count; i++) {
        const PackedTensor *tensor = &layout->tensor[i];
        float *at = product->weights + tensor->offset;
        if (tensor->form == FORM_PANELS)
            product->panels = at;
        else
            product->rows = at;
    }
}

Product *product_create(Thalweg *thalweg, ProductShape shape) {
    Product *product = calloc(1, sizeof *product);
    if (!product) {
        diag_error(&thalweg->diag, (Loc){0}, "out of memory");
        return NULL;
    }
    product->shape = shape;
    if (!compile(product, thalweg)) {
        product_destroy(product);
        return NULL;
    }
    const Layout *layout = product->thalweg->plan->layout;
    product->panel = machine_panel(&layout->machine);
    product->row_floats = layout_row_words(FORMAT_f32, shape.depth, product->panel);
    product->panel_words = layout_panel_words(shape.format, shape.depth, product->panel);
    product->tokens = rows_of_call(product->thalweg->prefill);
    product->weights = tw_memory_floats(1, layout->floats);
    if (product->weights) {
        place_operands(product);
        return product;
    }
    diag_error(&thalweg->diag, (Loc){0}, "out of memory: a product takes %.1f MB",
               (double)layout->floats * 4e-6);
    product_destroy(product);
    return NULL;
}

void product_destroy(Product *product) {
    if (!product) return;
    free(product->weights);
    thalweg_destroy(product->thalweg);
    free(product);
}

bool product_has_pairs(const Product *product) {
    return product->shape.format == FORMAT_bf16 &&
           product->thalweg->plan->layout->machine.has_pair_dot;
}

int64_t product_panel(const Product *product) {
    return product->panel;
}

int64_t product_block(const Product *product) {
    return product->tokens;
}

/* ---- operands ---- */

float *product_rows(Product *product, int64_t *stride) {
    *stride = product->row_floats;
    return product->rows;
}

static void set_panel(Product *product, int64_t first, int64_t count, const float *w,
                      double *scratch) {
    const int64_t depth = product->shape.depth, panel = product->panel;
    float *words = product->panels + first / panel * product->panel_words;
    for (int64_t i = 0; i < count * depth; i++) scratch[i] = (double)w[i];
    pack_panel_begin(product->shape.format, depth, panel, words);
    pack_panel_rows(product->shape.format, scratch, count, depth, panel, 0, words);
}

void product_set_columns(Product *product, int64_t first, int64_t count, const float *w,
                         double *scratch) {
    const int64_t panel = product->panel;
    for (int64_t c = 0; c < count; c += panel)
        set_panel(product, first + c, count - c < panel ? count - c : panel,
                  w + c * product->shape.depth, scratch);
}

/* ---- blocks ---- */

struct ProductWorker {
    const Product *product;
    float *arena, *scratch, *last, *out; /* last: the logits that nobody asked for but the entry */
    int32_t *token;
};

ProductWorker *product_worker_create(const Product *product) {
    const TwProgram *program = product->program;
    ProductWorker *worker = calloc(1, sizeof *worker);
    if (!worker) return NULL;
    worker->product = product;
    worker->arena = tw_memory_floats(1, program->arena_floats);
    worker->scratch = tw_memory_floats(1, program->scratch_floats);
    worker->last = tw_memory_floats(1, program->logits_stride);
    worker->out = tw_memory_floats(product->tokens, product->shape.columns);
    worker->token = calloc((size_t)product->tokens, sizeof *worker->token);
    if (worker->arena && worker->scratch && worker->last && worker->out && worker->token)
        return worker;
    product_worker_destroy(worker);
    return NULL;
}

void product_worker_destroy(ProductWorker *worker) {
    if (!worker) return;
    free(worker->arena);
    free(worker->scratch);
    free(worker->last);
    free(worker->out);
    free(worker->token);
    free(worker);
}

const float *product_block_of(ProductWorker *worker, int64_t first, int64_t count) {
    const TwTapBuffer kept[] = {{worker->out, count}};
    const TwFrame frame = {.weights = (const char *)worker->product->weights,
                           .arena = worker->arena,
                           .scratch = worker->scratch,
                           .tokens = worker->token,
                           .logits = worker->last,
                           .taps = kept,
                           .token_count = count,
                           .logit_rows = 1};
    for (int64_t i = 0; i < count; i++) worker->token[i] = (int32_t)(first + i);
    worker->product->program->prefill(&frame, 0, 1);
    return worker->out;
}

#include "frontend/weights/checkpoint_stripes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Few slots, so that threads on both sides of a border, or with two matrices at once, do not take
 * each other's stripe away. */
enum { SLOTS = 4, STRIPE_BYTES = 1 << 22, TILE = 16 };

/* Values of stored columns first .. first + width - 1, [columns][width], as they are stored. */
typedef struct {
    pthread_rwlock_t lock;
    const StoredTensor *tensor; /* null: none */
    int64_t first, width;
    uint8_t *bytes;
    size_t capacity;
} Stripe;

struct Stripes {
    Stripe slot[SLOTS];
};

Stripes *stripes_create(void) {
    Stripes *stripes = calloc(1, sizeof *stripes);
    for (int i = 0; stripes && i < SLOTS; i++) pthread_rwlock_init(&stripes->slot[i].lock, NULL);
    return stripes;
}

void stripes_destroy(Stripes *stripes) {
    for (int i = 0; stripes && i < SLOTS; i++) {
        pthread_rwlock_destroy(&stripes->slot[i].lock);
        free(stripes->slot[i].bytes);
    }
    free(stripes);
}

static size_t value_bytes(const StoredTensor *tensor) {
    return (size_t)stored_type_info[tensor->type].bytes;
}

/* What is asked for: a matrix, and of it one stripe or less. */
typedef struct {
    const StoredTensor *tensor;
    int64_t total, columns; /* stored columns; their length */
    int64_t first, count;
    int64_t stripe, width; /* the first column of the stripe, and how many it has */
} Part;

static bool reserve(Stripe *slot, size_t bytes) {
    if (bytes <= slot->capacity) return true;
    free(slot->bytes);
    slot->bytes = malloc(bytes);
    slot->capacity = slot->bytes ? bytes : 0;
    return slot->bytes;
}

static bool load(Stripe *slot, const Part *part) {
    const size_t value = value_bytes(part->tensor), row = (size_t)part->width * value;
    slot->tensor = NULL;
    if (!reserve(slot, row * (size_t)part->columns)) return false;
    const bool is_whole = part->width == part->total;
    const size_t reads = is_whole ? 1 : (size_t)part->columns;
    const size_t count = is_whole ? row * (size_t)part->columns : row;
    for (size_t k = 0; k < reads; k++) {
        const size_t from = (k * (size_t)part->total + (size_t)part->stripe) * value;
        if (!stored_tensor_read(part->tensor, from, count, slot->bytes + k * row)) return false;
    }
    slot->tensor = part->tensor;
    slot->first = part->stripe;
    slot->width = part->width;
    return true;
}

/* A tile at a time: as many neighbours as there are rows are read together, and the rows are
 * written a cache line at a time. */
static void transpose(const Stripe *slot, const Part *part, float *out) {
    float tile[TILE][TILE];
    const size_t value = value_bytes(slot->tensor);
    StoredDecoder *decode = stored_type_info[slot->tensor->type].decode;
    const int64_t start = part->first - slot->first;
    for (int64_t first = 0; first < part->count; first += TILE) {
        const int64_t rows = part->count - first < TILE ? part->count - first : TILE;
        for (int64_t column = 0; column < part->columns; column += TILE) {
            const int64_t columns = part->columns - column < TILE ? part->columns - column : TILE;
            for (int64_t k = 0; k < columns; k++) {
                const int64_t at = (column + k) * slot->width + start + first;
                decode(slot->bytes + (size_t)at * value, (size_t)rows, tile[k]);
            }
            for (int64_t i = 0; i < rows; i++)
                for (int64_t k = 0; k < columns; k++)
                    out[(first + i) * part->columns + column + k] = tile[k][i];
        }
    }
}

static bool has(const Stripe *slot, const Part *part) {
    return slot->tensor == part->tensor && slot->first == part->stripe;
}

static bool read_part(Stripes *stripes, const Part *part, float *out) {
    const uintptr_t number = (uintptr_t)part->tensor / sizeof(StoredTensor);
    Stripe *slot = &stripes->slot[(number + (uintptr_t)(part->stripe / part->width)) % SLOTS];
    pthread_rwlock_rdlock(&slot->lock);
    bool is_there = has(slot, part);
    if (!is_there) {
        pthread_rwlock_unlock(&slot->lock);
        pthread_rwlock_wrlock(&slot->lock);
        is_there = has(slot, part) || load(slot, part);
    }
    if (is_there) transpose(slot, part, out);
    pthread_rwlock_unlock(&slot->lock);
    return is_there;
}

static int64_t stripe_width(const StoredTensor *tensor, int64_t total, int64_t columns) {
    int64_t width = STRIPE_BYTES / (columns * (int64_t)value_bytes(tensor)) / TILE * TILE;
    if (width < TILE) width = TILE;
    return width < total ? width : total;
}

bool stripes_read(Stripes *stripes, const StoredTensor *tensor, int64_t total, int64_t first,
                  int64_t count, int64_t columns, float *out) {
    const int64_t width = stripe_width(tensor, total, columns);
    for (int64_t done = 0; done < count;) {
        Part part = {.tensor = tensor, .total = total, .columns = columns, .first = first + done};
        part.stripe = part.first / width * width;
        part.width = total - part.stripe < width ? total - part.stripe : width;
        const int64_t rest = part.stripe + part.width - part.first;
        part.count = count - done < rest ? count - done : rest;
        if (!read_part(stripes, &part, out + done * columns)) return false;
        done += part.count;
    }
    return true;
}

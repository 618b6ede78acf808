/* product.h - products of rows with rows, y[r][c] = x[r] . w[c], by code that is compiled for them.
 *
 * It is a model without layers: row r of x is its token r, and what it has of c is a logit. So the
 * product has the kernels, schedules and formats of all others, and each y is one sum in order of
 * the depth, the same for any division of the work.
 *
 * Both operands lie in the product's memory, x as rows and w in panels, and are filled by the
 * caller; workers, one for each thread, then compute blocks of y into their own small buffers.
 */
#ifndef FRONTEND_PRODUCT_H
#define FRONTEND_PRODUCT_H

#include "frontend/compiler/thalweg.h"
#include "ir/formats.h"

typedef struct Product Product;

typedef struct {
    int64_t rows, columns, depth; /* x is [rows, depth], w [columns, depth] */
    WeightFormat format; /* f32; or bf16, to which w is rounded, and x where that is fast */
} ProductShape;

/* Compiled for this machine, with the options of a Thalweg. Null: reported to it. */
Product *product_create(Thalweg *thalweg, ProductShape shape);
void product_destroy(Product *product); /* null is fine */

/* Whether both are multiplied as bf16. */
bool product_has_pairs(const Product *product);

/* Outputs that lie side by side: product_set_columns() takes whole panels of them. */
int64_t product_panel(const Product *product);

/* Where x lies, for the caller to fill: row r begins r * *stride floats behind it, and stays as it
 * is behind the depth. */
float *product_rows(Product *product, int64_t *stride);

/* w[count][depth], finite numbers, to columns first .. first + count - 1, `first` a multiple of the
 * panel: of the last panel, those that are not given are 0. `scratch`: room for `depth` doubles for
 * each column of a panel. Several threads may fill different panels at once. */
void product_set_columns(Product *product, int64_t first, int64_t count, const float *w,
                         double *scratch);

/* Rows of a block that a worker computes at once, at most. */
int64_t product_block(const Product *product);

typedef struct ProductWorker ProductWorker;

/* Null: memory is out. Destroyed before the product. */
ProductWorker *product_worker_create(const Product *product);
void product_worker_destroy(ProductWorker *worker); /* null is fine */

/* y of rows first .. first + count - 1, 1 <= count <= product_block(), and of all columns:
 * [count][columns], valid until the worker's next block. */
const float *product_block_of(ProductWorker *worker, int64_t first, int64_t count);

#endif

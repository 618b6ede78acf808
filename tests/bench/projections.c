/* projections.c - single products y = x W^T of libraries, weights packed beforehand where they can.
 *
 *   projections M N K THREADS
 *
 * Prints "library type GFLOP/s", the best of several runs, a line for each. x is [M, K], W [N, K].
 */
#include <cblas.h>
#include <dnnl.h>
#include <libxsmm.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 12 };

typedef struct {
    long m, n, k;
    float *x, *w, *y; /* [m, k], [n, k], [m, n] */
} Product;

static double best_rate(const Product *p, void (*run)(const Product *, void *), void *context) {
    double best = 0;
    run(p, context);
    for (int i = 0; i < RUNS; i++) {
        const double begin = omp_get_wtime();
        run(p, context);
        const double rate = 2e-9 * (double)(p->m * p->n * p->k) / (omp_get_wtime() - begin);
        if (rate > best) best = rate;
    }
    return best;
}

/* ---- OpenBLAS ---- */

static void run_openblas(const Product *p, void *context) {
    (void)context;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)p->m, (int)p->n, (int)p->k, 1, p->x,
                (int)p->k, p->w, (int)p->k, 0, p->y, (int)p->n);
}

/* ---- libxsmm: blocks of columns for each thread, from weights laid out as [K, N] ---- */

enum { COLUMNS = 64 };

static void run_libxsmm(const Product *p, void *context) {
    const libxsmm_smmfunction kernel = *(libxsmm_smmfunction *)context;
    /* Column-major for the library: y^T [n, m] = W [n, k] x^T [k, m]. */
#pragma omp parallel for schedule(static)
    for (long n = 0; n < p->n; n += COLUMNS) kernel(p->w + n * p->k, p->x, p->y + n);
}

static void try_libxsmm(Product p) {
    const int lda = COLUMNS, ldb = (int)p.k, ldc = (int)p.n;
    if (p.n % COLUMNS) return;
    libxsmm_smmfunction kernel =
        libxsmm_smmdispatch(COLUMNS, (int)p.m, (int)p.k, &lda, &ldb, &ldc, NULL, NULL, NULL, NULL);
    if (kernel) printf("libxsmm f32 %.1f\n", best_rate(&p, run_libxsmm, &kernel));
}

/* ---- oneDNN ---- */

typedef struct {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t argument[3];
} OneDnn;

static void run_onednn(const Product *p, void *context) {
    const OneDnn *one = context;
    (void)p;
    dnnl_primitive_execute(one->primitive, one->stream, 3, one->argument);
    dnnl_stream_wait(one->stream);
}

static dnnl_memory_t make_memory(const dnnl_memory_desc_t *desc, dnnl_engine_t engine) {
    dnnl_memory_t memory = NULL;
    void *data = NULL;
    if (dnnl_memory_create(&memory, desc, engine, DNNL_MEMORY_ALLOCATE) != dnnl_success)
        return NULL;
    dnnl_memory_get_data_handle(memory, &data);
    memset(data, 1, dnnl_memory_desc_get_size(desc));
    return memory;
}

/* Weights in the layout that the library likes best. */
static void try_onednn(const Product *p, const char *name, dnnl_data_type_t from,
                       dnnl_data_type_t weights, dnnl_data_type_t to) {
    OneDnn one = {0};
    dnnl_memory_desc_t x, w, y;
    const dnnl_dims_t x_dims = {p->m, p->k}, w_dims = {p->k, p->n}, y_dims = {p->m, p->n};
    dnnl_engine_create(&one.engine, dnnl_cpu, 0);
    dnnl_stream_create(&one.stream, one.engine, dnnl_stream_default_flags);
    dnnl_memory_desc_init_by_tag(&x, 2, x_dims, from, dnnl_ab);
    dnnl_memory_desc_init_by_tag(&w, 2, w_dims, weights, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&y, 2, y_dims, to, dnnl_ab);
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_desc_t desc = NULL;
    if (dnnl_matmul_desc_init(&matmul, &x, &w, NULL, &y) != dnnl_success ||
        dnnl_primitive_desc_create(&desc, &matmul, NULL, one.engine, NULL) != dnnl_success)
        return;
    dnnl_primitive_create(&one.primitive, desc);
    const dnnl_memory_desc_t *packed = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    one.argument[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, make_memory(&x, one.engine)};
    one.argument[1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, make_memory(packed, one.engine)};
    one.argument[2] = (dnnl_exec_arg_t){DNNL_ARG_DST, make_memory(&y, one.engine)};
    printf("onednn %s %.1f\n", name, best_rate(p, run_onednn, &one));
    for (int i = 0; i < 3; i++) dnnl_memory_destroy(one.argument[i].memory);
    dnnl_primitive_destroy(one.primitive);
    dnnl_primitive_desc_destroy(desc);
    dnnl_stream_destroy(one.stream);
    dnnl_engine_destroy(one.engine);
}

/* ---- all ---- */

static float *some_floats(long count) {
    float *x = aligned_alloc(64, (size_t)(count + 15) / 16 * 64);
    for (long i = 0; x && i < count; i++) x[i] = (float)(i % 17 - 8) / 8;
    return x;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    Product p = {atol(argv[1]), atol(argv[2]), atol(argv[3]), NULL, NULL, NULL};
    omp_set_num_threads(atoi(argv[4]));
    p.x = some_floats(p.m * p.k);
    p.w = some_floats(p.n * p.k);
    p.y = some_floats(p.m * p.n);
    if (!p.x || !p.w || !p.y) return 1;
    printf("openblas f32 %.1f\n", best_rate(&p, run_openblas, NULL));
    try_libxsmm(p);
    try_onednn(&p, "f32", dnnl_f32, dnnl_f32, dnnl_f32);
    try_onednn(&p, "bf16", dnnl_bf16, dnnl_bf16, dnnl_f32);
    try_onednn(&p, "int8", dnnl_u8, dnnl_s8, dnnl_s32);
    free(p.x);
    free(p.w);
    free(p.y);
    return 0;
}

/* test_memory.c - the library when its memory runs out, wherever that is: an error, and no more.
 *
 * The linker puts these functions in place of the C library's, for the project's own code. LLVM
 * keeps its own. */
#include "tests/unit/library_fixture.h"

#include <stdatomic.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

/* Allocations of all threads until there is no memory; below 0: there always is. */
static atomic_long left = -1;

static bool has_memory(void) {
    long now = atomic_load(&left);
    while (now > 0 && !atomic_compare_exchange_weak(&left, &now, now - 1)) {
    }
    return now != 0;
}

void *__wrap_malloc(size_t bytes) {
    return has_memory() ? __real_malloc(bytes) : NULL;
}

void *__wrap_calloc(size_t count, size_t bytes) {
    return has_memory() ? __real_calloc(count, bytes) : NULL;
}

void *__wrap_realloc(void *memory, size_t bytes) {
    return has_memory() ? __real_realloc(memory, bytes) : NULL;
}

/* What a call held when it failed is lost, as thalweg.h says. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}

typedef bool Call(Thalweg *thalweg);

static bool check(Thalweg *thalweg) {
    return thalweg_check_weights(thalweg);
}

static bool explain(Thalweg *thalweg) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    const bool is_done = thalweg_explain(thalweg, "", out);
    fclose(out);
    free(text);
    return is_done;
}

static bool interpret(Thalweg *thalweg) {
    double logits[VOCAB];
    return thalweg_interpret(thalweg, tokens, TOKENS, 0, 1, logits);
}

static bool pack(Thalweg *thalweg) {
    return thalweg_write_weights(thalweg, in_folder("small.weights"));
}

static bool compile(Thalweg *thalweg) {
    return thalweg_program(thalweg) != NULL;
}

static bool write_files(Thalweg *thalweg) {
    thalweg_begin_files(thalweg);
    const bool is_done = thalweg_write_header(thalweg, in_folder("small.h")) &&
                         thalweg_write_code(thalweg, THALWEG_OBJECT, in_folder("small.o"));
    return thalweg_end_files(thalweg, is_done);
}

static bool mentions_memory(const Thalweg *thalweg) {
    for (int i = 0; i < thalweg_diagnostic_count(thalweg); i++)
        if (strstr(thalweg_diagnostic(thalweg, i).message, "out of memory")) return true;
    return false;
}

/* With memory for so many allocations of the call, whose model has been read if `is_read`. Returns
 * whether that was enough. */
static bool try_with(long allocations, Call *call) {
    const bool is_reading = !call;
    Thalweg *thalweg = is_reading ? thalweg_create(&(ThalwegOptions){0}) : create(model);
    left = allocations;
    const bool is_done = is_reading
                             ? thalweg_read_text(thalweg, "small.yaml", model, strlen(model), NULL)
                             : call(thalweg);
    const bool is_enough = left > 0;
    left = -1;
    ck_assert(is_done || !is_enough);
    if (!is_done) {
        ck_assert_msg(mentions_memory(thalweg), "after %ld allocations: %s", allocations,
                      first_message(thalweg));
        if (call) ck_assert(!call(thalweg) || !is_enough); /* whatever it says, it ends */
    }
    thalweg_destroy(thalweg);
    return is_enough;
}

/* Closer together where calls begin, and no more than about a hundred of each. */
static void try_everywhere(Call *call) {
    long allocations = 0;
    while (!try_with(allocations, call)) allocations += 1 + allocations / 16;
}

START_TEST(creating_gives_null) {
    for (long allocations = 0; allocations < 3; allocations++) {
        left = allocations; /* the Thalweg, its arena and a block of that */
        Thalweg *thalweg = thalweg_create(NULL);
        left = -1;
        ck_assert_ptr_null(thalweg);
    }
}
END_TEST

START_TEST(every_call_fails_with_an_error) {
    Call *const calls[] = {NULL, check, explain, interpret, pack, compile, write_files};
    try_everywhere(calls[_i]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("memory");
    TCase *tests = in_a_folder(suite, "memory");
    tcase_add_test(tests, creating_gives_null);
    tcase_add_loop_test(tests, every_call_fails_with_an_error, 0, 7);
    return suite_run(suite);
}

/* test_bad_weights.c - a value among the weights that is no finite number, or becomes none in its
 * format, is found by packing and by the interpreter, wherever it stands; and so is a file that
 * changes while it is read. */
#include "ir/formats.h"
#include "tests/unit/library_fixture.h"
#include "tests/unit/safetensors_image.h"

static const char description[] = "thalweg: 1\n"
                                  "name: odd\n"
                                  "vocab: 6\n"
                                  "context: 8\n"
                                  "stream: {width: 4}\n"
                                  "embed: {positions: learned}\n"
                                  "defaults: {norm: {kind: layer, eps: 1e-5}}\n"
                                  "blocks:\n"
                                  "  - branches:\n"
                                  "      - mlp: {hidden: 40, activation: relu, bias: true}\n"
                                  "head: {norm: {kind: layer, eps: 1e-5}, tied: false}\n"
                                  "weights: {file: a.safetensors}\n";

static const struct {
    const char *name;
    int rows, columns; /* 0: a vector */
} tensors[] = {
    {"embed.tokens", 6, 4},
    {"embed.positions", 8, 4},
    {"blocks.0.mlp.norm.gain", 4, 0},
    {"blocks.0.mlp.norm.bias", 4, 0},
    {"blocks.0.mlp.up.weight", 40, 4},
    {"blocks.0.mlp.up.bias", 40, 0},
    {"blocks.0.mlp.down.weight", 4, 40},
    {"blocks.0.mlp.down.bias", 4, 0},
    {"head.norm.gain", 4, 0},
    {"head.norm.bias", 4, 0},
    {"head.weight", 6, 4},
};
enum { TENSORS = sizeof tensors / sizeof *tensors, MOST_VALUES = 1000 };

typedef struct {
    const char *tensor;
    int element;
    float value;
    const char *type;    /* of the weights as they are packed */
    const char *message; /* a part of it */
} Odd;

static int put(const char *dtype, float value, unsigned char *out) {
    const uint16_t half = *dtype == 'F' ? format_f16(value) : format_bf16(value);
    const bool is_whole = strcmp(dtype, "F32") == 0;
    memcpy(out, is_whole ? (void *)&value : (void *)&half, is_whole ? 4 : 2);
    return is_whole ? 4 : 2;
}

/* Every value is 0.5 but that one, and that of a second tensor. */
static void write_checkpoint(const char *dtype, const Odd *odd, int odd_count) {
    char header[4096] = "{";
    unsigned char data[4 * MOST_VALUES];
    int at = 0;
    for (int i = 0; i < TENSORS; i++) {
        const int columns = tensors[i].columns, begin = at;
        for (int k = 0; k < tensors[i].rows * (columns ? columns : 1); k++) {
            float value = 0.5F;
            for (int o = 0; o < odd_count; o++)
                if (k == odd[o].element && strcmp(odd[o].tensor, tensors[i].name) == 0)
                    value = odd[o].value;
            at += put(dtype, value, data + at);
        }
        char shape[32];
        snprintf(shape, sizeof shape, columns ? "%d,%d" : "%d", tensors[i].rows, columns);
        const size_t length = strlen(header);
        snprintf(header + length, sizeof header - length,
                 "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%d,%d]}",
                 i ? "," : "", tensors[i].name, dtype, shape, begin, at);
    }
    strcat(header, "}");
    image_write(folder, "a.safetensors", header, data, (size_t)at);
}

static Thalweg *open_model(const char *type) {
    const ThalwegOptions options = {.cache_directory = folder, .weights_type = type};
    Thalweg *thalweg = thalweg_create(&options);
    ck_assert(thalweg_read_text(thalweg, "odd.yaml", description, strlen(description), folder));
    return thalweg;
}

static void expect_only(Thalweg *thalweg, ThalwegSeverity severity, const char *message) {
    ck_assert_int_eq(thalweg_diagnostic_count(thalweg), 1);
    const ThalwegDiagnostic d = thalweg_diagnostic(thalweg, 0);
    ck_assert_int_eq(d.severity, severity);
    assert_says(d.message, message);
}

static void expect_refused(const Odd *odd) {
    Thalweg *thalweg = open_model(odd->type);
    ck_assert_ptr_null(thalweg_weights(thalweg));
    expect_only(thalweg, THALWEG_ERROR, odd->message);
    thalweg_destroy(thalweg);
}

static bool interprets(Thalweg *thalweg) {
    const int32_t token = 1;
    double logits[6];
    return thalweg_interpret(thalweg, &token, 1, 0, 1, logits);
}

static void expect_refused_by_interpreter(const Odd *odd) {
    Thalweg *thalweg = open_model(odd->type);
    ck_assert(!interprets(thalweg));
    expect_only(thalweg, THALWEG_ERROR, odd->message);
    thalweg_destroy(thalweg);
}

static const Odd not_finite[] = {
    {"blocks.0.mlp.up.weight", 7, NAN, NULL,
     "tensor 'blocks.0.mlp.up.weight': expected finite numbers, found nan in row 1, column 3"},
    {"blocks.0.mlp.up.weight", 8, -INFINITY, NULL, "found -inf in row 2, column 0"},
    {"blocks.0.mlp.down.weight", 159, NAN, NULL, "found nan in row 3, column 39"},
    {"head.weight", 0, INFINITY, NULL, "'head.weight': expected finite"},
    {"blocks.0.mlp.norm.gain", 2, INFINITY, NULL, "'blocks.0.mlp.norm.gain'"},
    {"blocks.0.mlp.norm.bias", 3, NAN, NULL, "found nan in row 3"},
    {"head.norm.gain", 1, NAN, NULL,
     "'head.norm.gain': expected finite numbers, found nan in row 1"},
    {"blocks.0.mlp.up.bias", 39, INFINITY, NULL, "found inf in row 39"},
    {"blocks.0.mlp.down.bias", 0, NAN, NULL, "'blocks.0.mlp.down.bias'"},
};

START_TEST(a_value_that_is_not_finite_is_named) {
    static const char *const dtypes[] = {"F32", "F16", "BF16"};
    static const char *const types[] = {"f32", "bf16", "q8", "q4"};
    for (size_t i = 0; i < sizeof not_finite / sizeof *not_finite; i++) {
        Odd odd = not_finite[i];
        odd.type = types[_i];
        write_checkpoint(dtypes[i % 3], &odd, 1);
        expect_refused(&odd);
        expect_refused_by_interpreter(&odd);
    }
}
END_TEST

START_TEST(a_value_beyond_its_format_is_named) {
    static const Odd odd[] = {
        {"blocks.0.mlp.up.weight", 5, 3.4e38F, "bf16", "row 1 is beyond what bf16 holds"},
        {"blocks.0.mlp.down.weight", 45, -8321040, "q8", "row 1 is beyond what q8 holds"},
        {"blocks.0.mlp.down.weight", 45, 524160, "q4", "row 1 is beyond what q4 holds"},
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        write_checkpoint("F32", &odd[i], 1);
        expect_refused(&odd[i]);
        expect_refused_by_interpreter(&odd[i]);
        Odd smaller = odd[i]; /* the largest that is held */
        smaller.value = i ? nextafterf(smaller.value, 0) : 0x1.fefffep127F;
        write_checkpoint("F32", &smaller, 1);
        Thalweg *thalweg = open_model(smaller.type);
        ck_assert_ptr_nonnull(thalweg_weights(thalweg));
        ck_assert(interprets(thalweg));
        thalweg_destroy(thalweg);
    }
}
END_TEST

START_TEST(what_becomes_of_finite_values_is_named) {
    const Odd odd[] = {
        {"blocks.0.mlp.up.weight", 5, 1e30F, "f32", "row 1 is beyond what f32 holds"},
        {"blocks.0.mlp.norm.gain", 1, 1e30F, NULL, NULL},
    };
    write_checkpoint("F32", odd, 2);
    expect_refused(odd);
}
END_TEST

START_TEST(a_row_of_a_table_that_is_not_finite_is_a_warning) {
    for (int i = 0; i < 2; i++) {
        const Odd odd = {tensors[i].name, 21, NAN, "q8", "nan in row 5, column 1"};
        write_checkpoint("BF16", &odd, 1);
        Thalweg *thalweg = open_model(odd.type);
        ck_assert_ptr_nonnull(thalweg_weights(thalweg));
        expect_only(thalweg, THALWEG_WARNING, odd.message);
        thalweg_destroy(thalweg);
        thalweg = open_model(odd.type);
        ck_assert(interprets(thalweg));
        expect_only(thalweg, THALWEG_WARNING, odd.message);
        thalweg_destroy(thalweg);
    }
}
END_TEST

/* ---- files that change ---- */

typedef struct {
    off_t length; /* that the file gets */
    bool is_done;
} Change;

/* Between the check of the checkpoint and packing. */
static bool change_once(void *context, const char *what, double done) {
    Change *change = context;
    (void)done;
    if (change->is_done || strcmp(what, "checking packed weights") != 0) return true;
    change->is_done = true;
    return truncate(in_folder("a.safetensors"), change->length) == 0;
}

static void expect_changed(off_t length, const char *message) {
    Change change = {.length = length};
    const ThalwegOptions options = {
        .cache_directory = folder, .progress = change_once, .progress_context = &change};
    write_checkpoint("F32", NULL, 0);
    Thalweg *thalweg = thalweg_create(&options);
    ck_assert(thalweg_read_text(thalweg, "odd.yaml", description, strlen(description), folder));
    ck_assert_ptr_null(thalweg_weights(thalweg));
    ck_assert(change.is_done);
    expect_only(thalweg, THALWEG_ERROR, message);
    thalweg_destroy(thalweg);
    ck_assert_int_eq(count_files(folder), 1);
}

START_TEST(a_file_that_is_cut_off_while_packing_is_an_error) {
    expect_changed(1000, "the weights cannot be read while packing");
}
END_TEST

START_TEST(a_file_that_grows_while_packing_is_an_error) {
    expect_changed(100000, "the weights were changed while they were read");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bad weights");
    TCase *tests = in_a_folder(suite, "bad weights");
    tcase_add_loop_test(tests, a_value_that_is_not_finite_is_named, 0, 4);
    tcase_add_test(tests, a_value_beyond_its_format_is_named);
    tcase_add_test(tests, what_becomes_of_finite_values_is_named);
    tcase_add_test(tests, a_row_of_a_table_that_is_not_finite_is_a_warning);
    tcase_add_test(tests, a_file_that_is_cut_off_while_packing_is_an_error);
    tcase_add_test(tests, a_file_that_grows_while_packing_is_an_error);
    return suite_run(suite);
}

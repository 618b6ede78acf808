/* test_eval.c - each op against numbers worked out by hand. */
#include "ir/positions.h"
#include "tests/unit/interp_model.h"

/* ---- into the stream ---- */

START_TEST(embed_takes_the_scaled_row_of_a_token) {
    Model *m = open_model("  @table = param : f32[3, 2]\n"
                          "  %2 = tokens : i32[T]\n"
                          "  %3 = embed %2, @table {scale = 2} : f32[T, 2]\n"
                          "  return %3\n",
                          PARAMS({"table", FLOATS(1, 2, 3, 4, 5, 6)}));
    double out[6];
    ck_assert(interp_run(m->interp, (const int32_t[]){2, 0, 2}, 3, 0, 3, out));
    expect(out, DOUBLES(10, 12, 2, 4, 10, 12), 6);
    close_model(m);
}
END_TEST

START_TEST(positions_are_taken_from_the_offset_on) {
    Model *m = open_model("  @table = param : f32[8, 1]\n"
                          "  @positions = param : f32[10, 1]\n"
                          "  %3 = tokens : i32[T]\n"
                          "  %4 = position : i32[1]\n"
                          "  %5 = embed %3, @table : f32[T, 1]\n"
                          "  %6 = add_positions %5, @positions, %4 {offset = 2} : f32[T, 1]\n"
                          "  return %6\n",
                          PARAMS({"table", FLOATS(0, 100, 0, 0, 0, 0, 0, 0)},
                                 {"positions", FLOATS(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)}));
    double out[2];
    run(m, 2, 3, out);
    expect(out, DOUBLES(5, 106), 2);
    close_model(m);
}
END_TEST

START_TEST(a_sinusoid_is_a_table_of_positions) {
    Model *m = open_model("  @table = param : f32[8, 4]\n"
                          "  @waves = sinusoid : f32[8, 4]\n"
                          "  %3 = tokens : i32[T]\n"
                          "  %4 = position : i32[1]\n"
                          "  %5 = embed %3, @table {scale = 0} : f32[T, 4]\n"
                          "  %6 = add_positions %5, @waves, %4 : f32[T, 4]\n"
                          "  return %6\n",
                          NULL);
    double out[4];
    run(m, 1, 3, out);
    expect(out, DOUBLES(sin(3), cos(3), sin(0.03), cos(0.03)), 4);
    close_model(m);
}
END_TEST

/* ---- norms and projections ---- */

START_TEST(rms_norm_divides_by_the_root_of_the_mean_square) {
    const double size = sqrt(84 / 4.0 + 4);
    check_graph(TWO_ROWS "  %7 = norm %6 {kind = rms, eps = 4} : f32[T, 4]\n  return %7\n",
                two_rows, 1, DOUBLES(1 / size, 3 / size, 5 / size, 7 / size), 4);
}
END_TEST

START_TEST(layer_norm_takes_the_mean_off_first) {
    const double size = sqrt(5 + 4.0);
    check_graph(TWO_ROWS "  %7 = norm %6 {kind = layer, eps = 4} : f32[T, 4]\n  return %7\n",
                two_rows, 1, DOUBLES(-3 / size, -1 / size, 1 / size, 3 / size), 4);
}
END_TEST

START_TEST(l2_norm_divides_by_the_length) {
    const double size = sqrt(84.0);
    check_graph(TWO_ROWS "  %7 = norm %6 {kind = l2} : f32[T, 4]\n  return %7\n", two_rows, 2,
                DOUBLES(1 / size, 3 / size, 5 / size, 7 / size, 0, 0.6, 0, 0.8), 8);
}
END_TEST

START_TEST(norm_applies_gain_offset_and_bias) {
    check_graph(TWO_ROWS "  %7 = norm %6, @gain, @bias {kind = none, offset = 1} : f32[T, 4]\n"
                         "  return %7\n",
                two_rows, 1, DOUBLES(1 * 2 + 1, 3 * 3, 5 * 4, 7 * 5 - 1), 4);
}
END_TEST

START_TEST(norm_of_groups_shares_a_short_gain) {
    const double a = sqrt(10.0), b = sqrt(74.0);
    check_graph(TWO_ROWS "  %7 = norm %6, @part {kind = l2, groups = 2} : f32[T, 4]\n"
                         "  return %7\n",
                two_rows, 1, DOUBLES(10 / a, 300 / a, 50 / b, 700 / b), 4);
}
END_TEST

START_TEST(norm_of_groups_splits_a_long_gain) {
    const double a = sqrt(10.0), b = sqrt(74.0);
    check_graph(TWO_ROWS "  %7 = norm %6, @gain {kind = l2, groups = 2} : f32[T, 4]\n"
                         "  return %7\n",
                two_rows, 1, DOUBLES(1 / a, 6 / a, 15 / b, 28 / b), 4);
}
END_TEST

START_TEST(project_multiplies_by_rows_of_the_weight) {
    check_graph("  @x = param : f32[2, 3]\n"
                "  @w = param : f32[2, 3]\n"
                "  @b = param : f32[2]\n"
                "  %4 = tokens : i32[T]\n"
                "  %5 = embed %4, @x : f32[T, 3]\n"
                "  %6 = project %5, @w, @b : f32[T, 2]\n"
                "  return %6\n",
                PARAMS({"x", FLOATS(1, 2, 3, 4, 5, 6)}, {"w", FLOATS(1, 0, -1, 2, 2, 2)},
                       {"b", FLOATS(10, 20)}),
                2, DOUBLES(8, 32, 8, 50), 4);
}
END_TEST

START_TEST(long_rows_are_summed_whole) {
    float ones[19];
    for (int i = 0; i < 19; i++) ones[i] = 1;
    check_graph("  @x = param : f32[1, 19]\n"
                "  %2 = tokens : i32[T]\n"
                "  %3 = embed %2, @x : f32[T, 19]\n"
                "  %4 = project %3, @x : f32[T, 1]\n"
                "  return %4\n",
                PARAMS({"x", ones}), 1, DOUBLES(19), 1);
}
END_TEST

/* A norm folded into its reader's weights gives what the norm and the projection give. */
static void check_fold(const char *kind) {
    char text[1024];
    double before[12], after[12];
    const char *head = "  @x = param : f32[3, 5]\n"
                       "  @w = param : f32[4, 5]\n"
                       "  @c = param : f32[4]\n"
                       "  @g = param : f32[5]\n"
                       "  @b = param : f32[5]\n";
    snprintf(text, sizeof text,
             "%s  %%6 = tokens : i32[T]\n"
             "  %%7 = embed %%6, @x : f32[T, 5]\n"
             "  %%8 = norm %%7, @g, @b {kind = %s, eps = 1e-05, offset = 1} : f32[T, 5]\n"
             "  %%9 = project %%8, @w, @c : f32[T, 4]\n"
             "  return %%9\n",
             head, kind);
    Model *m = open_model(text, NULL);
    run(m, 3, 0, before);
    close_model(m);
    snprintf(text, sizeof text,
             "%s  @gained = scale_columns @w, @g {offset = 1} : f32[4, 5]\n"
             "  @centred = centre_rows @gained : f32[4, 5]\n"
             "  @folded = project_bias @w, @b, @c : f32[4]\n"
             "  %%9 = tokens : i32[T]\n"
             "  %%10 = embed %%9, @x : f32[T, 5]\n"
             "  %%11 = read %%10, @%s, @folded {kind = %s, eps = 1e-05} : f32[T, 4]\n"
             "  return %%11\n",
             head, strcmp(kind, "layer") == 0 ? "centred" : "gained", kind);
    m = open_model(text, NULL);
    run(m, 3, 0, after);
    close_model(m);
    for (int i = 0; i < 12; i++) ck_assert_double_eq_tol(before[i], after[i], 1e-12);
}

START_TEST(read_is_a_projection_of_a_norm) {
    check_fold("rms");
    check_fold("layer");
    check_fold("l2");
}
END_TEST

/* ---- pointwise ---- */

/* One op on the row -2, -0.5, 0, 3. */
static void check_pointwise(const char *op, const double *expected) {
    char text[512];
    snprintf(text, sizeof text,
             "  @x = param : f32[1, 4]\n"
             "  %%2 = tokens : i32[T]\n"
             "  %%3 = embed %%2, @x : f32[T, 4]\n"
             "  %%4 = %s : f32[T, 4]\n"
             "  return %%4\n",
             op);
    check_graph(text, PARAMS({"x", FLOATS(-2, -0.5, 0, 3)}), 1, expected, 4);
}

START_TEST(activations_of_no_number_are_none) {
    static const char *const kinds[] = {"relu", "relu2", "gelu", "gelu_tanh", "silu", "sigmoid"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[512];
        double out;
        snprintf(text, sizeof text,
                 "  @gain = param : f32[1]\n"
                 "  @one = param : f32[1, 1]\n"
                 "  %%3 = tokens : i32[T]\n"
                 "  %%4 = embed %%3, @one : f32[T, 1]\n"
                 "  %%5 = scale %%4 {scale = 1e308} : f32[T, 1]\n"
                 "  %%6 = multiply %%5, %%5 : f32[T, 1]\n"
                 "  %%7 = norm %%6, @gain {kind = rms} : f32[T, 1]\n"
                 "  %%8 = activate %%7 {activation = %s} : f32[T, 1]\n"
                 "  return %%8\n",
                 kinds[i]);
        Model *m = open_model(text, PARAMS({"one", FLOATS(1)}, {"gain", FLOATS(1)}));
        run(m, 1, 0, &out);
        if (!isnan(out)) ck_abort_msg("%s gives %g", kinds[i], out);
        close_model(m);
    }
}
END_TEST

START_TEST(activations_are_those_of_the_literature) {
    check_pointwise("activate %3 {activation = relu}", DOUBLES(0, 0, 0, 3));
    check_pointwise("activate %3 {activation = relu2}", DOUBLES(0, 0, 0, 9));
    check_pointwise("activate %3 {activation = gelu}",
                    DOUBLES(-0.04550026389635842, -0.15426876936299344, 0, 2.995950305910964));
    check_pointwise("activate %3 {activation = gelu_tanh}",
                    DOUBLES(-0.04540230591222494, -0.15428599017485834, 0, 2.996362607050416));
    check_pointwise("activate %3 {activation = silu}",
                    DOUBLES(-0.2384058440442351, -0.1887703343990727, 0, 2.857722380508703));
    check_pointwise("activate %3 {activation = sigmoid}",
                    DOUBLES(0.11920292202211755, 0.3775406687981454, 0.5, 0.9525741268224334));
}
END_TEST

START_TEST(scale_softcap_and_multiply_see_one_element) {
    check_pointwise("scale %3 {scale = -3}", DOUBLES(6, 1.5, 0, -9));
    check_pointwise("softcap %3 {softcap = 2}",
                    DOUBLES(2 * tanh(-1), 2 * tanh(-0.25), 0, 2 * tanh(1.5)));
    check_pointwise("multiply %3, %3", DOUBLES(4, 0.25, 0, 9));
}
END_TEST

START_TEST(slice_takes_columns) {
    check_graph(TWO_ROWS "  %7 = slice %6 {from = 1, to = 3} : f32[T, 2]\n  return %7\n", two_rows,
                2, DOUBLES(3, 5, 3, 0), 4);
}
END_TEST

/* ---- rope ---- */

/* Two heads of 5 of which 4 turn, at position 2: in a call of its own, and in the third row. */
static void check_rope(const char *style, const double *expected) {
    char text[512];
    snprintf(text, sizeof text,
             "  @x = param : f32[3, 10]\n"
             "  %%2 = tokens : i32[T]\n"
             "  %%3 = position : i32[1]\n"
             "  %%4 = embed %%2, @x : f32[T, 10]\n"
             "  %%5 = rope %%4, %%3 {heads = 2, dims = 4, base = 100, style = %s} : f32[T, 10]\n"
             "  return %%5\n",
             style);
    Model *m = open_model(text, PARAMS({"x", FLOATS(1, 0, 0, 1, 7, 0, 2, 3, 0, 8, /* 3 times */
                                                    1, 0, 0, 1, 7, 0, 2, 3, 0, 8, /* the same */
                                                    1, 0, 0, 1, 7, 0, 2, 3, 0, 8)}));
    double out[30];
    run(m, 1, 2, out);
    expect(out, expected, 10);
    run(m, 3, 0, out);
    expect(out, DOUBLES(1, 0, 0, 1, 7, 0, 2, 3, 0, 8), 10);
    expect(out + 20, expected, 10);
    close_model(m);
}

START_TEST(rope_turns_pairs_of_the_first_dims) {
    const double a = 2, b = 2 / pow(100, 2.0 / 4);
    /* pairs 0 2 and 1 3 */
    check_rope("half", DOUBLES(cos(a), -sin(b), sin(a), cos(b), 7, -3 * sin(a), 2 * cos(b),
                               3 * cos(a), 2 * sin(b), 8));
    /* pairs 0 1 and 2 3 */
    check_rope("interleaved", DOUBLES(cos(a), sin(a), -sin(b), cos(b), 7, -2 * sin(a), 2 * cos(a),
                                      3 * cos(b), 3 * sin(b), 8));
}
END_TEST

START_TEST(rope_frequencies_scale_as_published) {
    Attrs attr = ir_attrs_default();
    attr.dims = 128;
    attr.base = 500000;
    ck_assert_double_eq_tol(positions_rope_frequency(&attr, 0), 1, 1e-15);
    const double last = pow(500000, -126.0 / 128);
    ck_assert_double_eq_tol(positions_rope_frequency(&attr, 63), last, 1e-15);

    attr.scaling = SCALING_linear;
    attr.factor = 4;
    ck_assert_double_eq_tol(positions_rope_frequency(&attr, 63), last / 4, 1e-15);

    attr.scaling = SCALING_llama3; /* Llama 3.1 */
    attr.factor = 8;
    attr.low = 1;
    attr.high = 4;
    attr.original = 8192;
    ck_assert_double_eq_tol(positions_rope_frequency(&attr, 0), 1, 1e-15);
    ck_assert_double_eq_tol(positions_rope_frequency(&attr, 63), last / 8, 1e-15);
    const double middle = pow(500000, -62.0 / 128); /* 8192 / its wave length lies in 1 .. 4 */
    const double share = (8192 * middle / 6.283185307179586 - 1) / 3;
    ck_assert(share > 0 && share < 1);
    ck_assert_double_eq_tol(positions_rope_frequency(&attr, 31),
                            (1 - share) * middle / 8 + share * middle, 1e-15);
}
END_TEST

/* The formula once more, with the numbers of gpt-oss: 64 columns turn, base 150000, 32 times longer
 * than 4096. Pairs that turn more than 32 times in 4096 positions stay, those that turn less than
 * once are divided by 32, and the numbers of these pairs are the ends of the ramp. */
START_TEST(yarn_is_a_ramp_over_the_pairs) {
    Attrs attr = ir_attrs_default();
    attr.dims = 64;
    attr.base = 150000;
    attr.scaling = SCALING_yarn;
    attr.factor = 32;
    attr.low = 1;
    attr.high = 32;
    attr.original = 4096;
    const double tau = 6.283185307179586;
    const double first = 32 * log(4096 / (32 * tau)) / log(150000); /* 8.09 */
    const double last = 32 * log(4096 / tau) / log(150000);         /* 17.40 */
    for (int pair = 0; pair < 32; pair++) {
        const double plain = pow(150000, -pair / 32.0);
        const double whole = pair <= 8 ? 0 : pair >= 18 ? 1 : (pair - 8) / 10.0;
        const double exact = pair <= first ? 0 : pair >= last ? 1 : (pair - first) / (last - first);
        attr.truncate = true;
        ck_assert_double_eq_tol(positions_rope_frequency(&attr, pair),
                                plain * (1 - whole * 31 / 32), 1e-15);
        attr.truncate = false;
        ck_assert_double_eq_tol(positions_rope_frequency(&attr, pair),
                                plain * (1 - exact * 31 / 32), 1e-15);
    }
}
END_TEST

/* Where all pairs turn often enough, or none does, the ramp ends before it begins. */
START_TEST(yarn_without_a_ramp_is_finite) {
    Attrs attr = ir_attrs_default();
    attr.scaling = SCALING_yarn;
    attr.factor = 8;
    attr.high = 32;
    attr.dims = 4;
    static const double bases[] = {1, 2, 10000};
    static const int64_t originals[] = {1, 40, 1 << 22};
    for (int b = 0; b < 3; b++)
        for (int o = 0; o < 3; o++)
            for (int pair = 0; pair < 2; pair++) {
                attr.base = bases[b];
                attr.original = originals[o];
                const double plain = pow(attr.base, -pair / 2.0);
                const double scaled = positions_rope_frequency(&attr, pair);
                ck_assert_double_ge(scaled, plain / 8 - 1e-15);
                ck_assert_double_le(scaled, plain + 1e-15);
            }
}
END_TEST

START_TEST(rope_divides_by_a_number_for_each_pair_and_scales_what_turns) {
    const double a = 2.0 / 4, b = 2 / 0.5 / pow(100, 2.0 / 4);
    Model *m = open_model(
        "  @x = param : f32[1, 5]\n"
        "  %2 = tokens : i32[T]\n"
        "  %3 = position : i32[1]\n"
        "  %4 = embed %2, @x : f32[T, 5]\n"
        "  %5 = rope %4, %3 {scale = 3, dims = 4, base = 100, divisors = [4, 0.5]} : f32[T, 5]\n"
        "  return %5\n",
        PARAMS({"x", FLOATS(1, 0, 0, 1, 7)}));
    double out[5];
    run(m, 1, 2, out);
    expect(out, DOUBLES(3 * cos(a), -3 * sin(b), 3 * sin(a), 3 * cos(b), 7), 5);
    close_model(m);
}
END_TEST

START_TEST(a_type_is_added_to_tokens_and_their_mean_is_one_row) {
    static const char text[] = "  @x = param : f32[3, 2]\n"
                               "  @t = param : f32[2, 2]\n"
                               "  @b = row_of @t {from = 1} : f32[2]\n"
                               "  %%4 = tokens : i32[T]\n"
                               "  %%5 = embed %%4, @x, @b {scale = 2} : f32[T, 2]\n"
                               "  %%6 = pool %%5 {pool = %s} : f32[1, 2]\n"
                               "  return %%6\n";
    static const char *const kinds[] = {"mean", "first"};
    static const double expected[][2] = {{104, 1000}, {102, 1004}};
    for (int i = 0; i < 2; i++) {
        char filled[400];
        snprintf(filled, sizeof filled, text, kinds[i]);
        Model *m = open_model(
            filled, PARAMS({"x", FLOATS(1, 2, 4, 0, 1, -2)}, {"t", FLOATS(7, 7, 100, 1000)}));
        const int32_t tokens[] = {0, 1, 2};
        double out[2];
        ck_assert(interp_run(m->interp, tokens, 3, 0, 1, out));
        expect(out, expected[i], 2);
        close_model(m);
    }
}
END_TEST

/* Of the six values two are beyond the limit; positions 1, 2 and 3 are the steps 1, 1 and 2. */
START_TEST(values_are_cut_off_and_scaled_by_their_position) {
    Model *m =
        open_model("  @x = param : f32[3, 2]\n"
                   "  @s = position_scales {scale = 0.5, offset = 1, original = 2} : f32[8]\n"
                   "  %3 = tokens : i32[T]\n"
                   "  %4 = position : i32[1]\n"
                   "  %5 = embed %3, @x : f32[T, 2]\n"
                   "  %6 = clip %5 {limit = 2} : f32[T, 2]\n"
                   "  %7 = scale_positions %6, @s, %4 : f32[T, 2]\n"
                   "  return %7\n",
                   PARAMS({"x", FLOATS(1, 2, 3, -1, -2, -4)}));
    double out[6];
    const double one = 1 + 0.5 * log(2), two = 1 + 0.5 * log(3);
    run(m, 3, 1, out);
    expect(out, DOUBLES(one, 2 * one, 2 * one, -one, -2 * two, -2 * two), 6);
    run(m, 1, 0, out);
    expect(out, DOUBLES(1, 2), 2);
    close_model(m);
}
END_TEST

START_TEST(alibi_slopes_are_those_of_the_paper) {
    for (int64_t h = 0; h < 8; h++)
        ck_assert_double_eq_tol(positions_alibi_slope(8, h), pow(2, -(double)(h + 1)), 1e-15);
    ck_assert_double_eq_tol(positions_alibi_slope(12, 7), 1 / 256.0, 1e-15);
    ck_assert_double_eq_tol(positions_alibi_slope(12, 8), pow(2, -0.5), 1e-15);
    ck_assert_double_eq_tol(positions_alibi_slope(12, 9), pow(2, -1.5), 1e-15);
    ck_assert_double_eq_tol(positions_alibi_slope(1, 0), 1 / 256.0, 1e-15);
}
END_TEST

/* ---- attention ---- */

/* q and k are numbers (a head of one dimension); the scores of 3 tokens with a cache of 8. */
static void check_scores(const char *attributes, const double *expected) {
    char text[1024];
    double out[24];
    snprintf(text, sizeof text,
             "  @q = param : f32[3, 1]\n"
             "  @k = param : f32[3, 1]\n"
             "  %%3 = tokens : i32[T]\n"
             "  %%4 = position : i32[1]\n"
             "  %%5 = embed %%3, @q : f32[T, 1]\n"
             "  %%6 = embed %%3, @k : f32[T, 1]\n"
             "  %%7 = append %%6, %%4 {cache = k, heads = 1, context = 8} : f32[8, 1]\n"
             "  %%8 = scores %%5, %%7, %%4 {heads = 1, kv_heads = 1%s} : f32[T, 1, 8]\n"
             "  return %%8\n",
             attributes);
    Model *m = open_model(text, PARAMS({"q", FLOATS(1, 2, 3)}, {"k", FLOATS(1, 10, 100)}));
    run(m, 3, 0, out);
    for (int64_t t = 0; t < 3; t++) {
        expect(out + t * 8, expected + t * 3, 3);
        for (int j = 3; j < 8; j++) ck_assert(out[t * 8 + j] == -INFINITY);
    }
    close_model(m);
}

START_TEST(scores_are_masked_biased_and_capped) {
    const double no = -INFINITY;
    check_scores("", DOUBLES(1, no, no, 2, 20, no, 3, 30, 300));
    check_scores(", scale = 0.5", DOUBLES(0.5, no, no, 1, 10, no, 1.5, 15, 150));
    check_scores(", causal = false", DOUBLES(1, 10, 100, 2, 20, 200, 3, 30, 300));
    check_scores(", window = 2", DOUBLES(1, no, no, 2, 20, no, no, 30, 300));
    check_scores(", window = 2, causal = false", DOUBLES(1, 10, no, 2, 20, 200, no, 30, 300));
    check_scores(", window = 1, causal = false", DOUBLES(1, no, no, no, 20, no, no, no, 300));
    const double slope = 1 / 256.0;
    check_scores(", alibi = true",
                 DOUBLES(1, no, no, 2 - slope, 20, no, 3 - 2 * slope, 30 - slope, 300));
    check_scores(", alibi = true, causal = false",
                 DOUBLES(1, 10 - slope, 100 - 2 * slope, 2 - slope, 20, 200 - slope, 3 - 2 * slope,
                         30 - slope, 300));
    check_scores(", softcap = 10", DOUBLES(10 * tanh(0.1), no, no, 10 * tanh(0.2), 10 * tanh(2), no,
                                           10 * tanh(0.3), 10 * tanh(3), 10 * tanh(30)));
}
END_TEST

static const char *const attention_kinds[] = {
    "",
    ", scale = 0.57, softcap = 2",
    ", window = 3",
    ", alibi = true",
    ", causal = false",
    ", window = 2, causal = false, alibi = true",
};

START_TEST(attend_is_mix_of_softmax_of_scores) {
    double expected[60], found[60];
    Model *whole = open_attend(attention_kinds[_i]), *parts = open_mix(attention_kinds[_i]);
    run(whole, 5, 0, found);
    run(parts, 5, 0, expected);
    expect(found, expected, 60);
    run(whole, 3, 5, found);
    run(parts, 3, 5, expected);
    expect(found, expected, 36);
    close_model(whole);
    close_model(parts);
}
END_TEST

/* Row 3 of keys and values is infinite: rows before it, and those that a window keeps from it, are
 * as without. */
START_TEST(attention_never_meets_what_it_does_not_see) {
    static float k[48], v[48];
    double expected[96], found[96];
    test_rows(&(Weights){0}, "k", 0, 8, 6, k);
    test_rows(&(Weights){0}, "v", 0, 8, 6, v);
    for (int c = 18; c < 24; c++) k[c] = v[c] = INFINITY;
    const Param params[] = {{"k", k}, {"v", v}, {0}};
    for (int i = 0; i < 2; i++) {
        Model *clean = i ? open_mix(", window = 2") : open_attend(", window = 2");
        run(clean, 8, 0, expected);
        clean->weights.context = params;
        interp_destroy(clean->interp);
        clean->interp = interp_create(clean->graph, &clean->weights);
        run(clean, 8, 0, found);
        for (int t = 0; t < 8; t++)
            if (t != 3 && t != 4) expect(found + t * 12, expected + t * 12, 12);
        ck_assert(!isfinite(found[3 * 12]));
        close_model(clean);
    }
}
END_TEST

START_TEST(attention_weighs_values_by_their_scores) {
    double out[2];
    Model *m = open_model("  @one = param : f32[2, 1]\n"
                          "  @v = param : f32[2, 1]\n"
                          "  %3 = tokens : i32[T]\n"
                          "  %4 = position : i32[1]\n"
                          "  %5 = embed %3, @one : f32[T, 1]\n"
                          "  %6 = embed %3, @v : f32[T, 1]\n"
                          "  %7 = append %5, %4 {cache = k, heads = 1, context = 8} : f32[8, 1]\n"
                          "  %8 = append %6, %4 {cache = v, heads = 1, context = 8} : f32[8, 1]\n"
                          "  %9 = attend %5, %7, %8, %4 : f32[T, 1]\n"
                          "  return %9\n",
                          PARAMS({"one", FLOATS(1, 2)}, {"v", FLOATS(5, 9)}));
    run(m, 2, 0, out);
    const double first = exp(2), second = exp(4); /* 2 * 1 and 2 * 2 */
    expect(out, DOUBLES(5, (5 * first + 9 * second) / (first + second)), 2);
    close_model(m);
}
END_TEST

/* ---- back into the stream, and out ---- */

START_TEST(write_carries_and_scales) {
    check_graph(TWO_ROWS "  %7 = embed %5, @x {scale = 10} : f32[T, 4]\n"
                         "  %8 = write %6, %7 : f32[T, 4]\n"
                         "  return %8\n",
                two_rows, 1, DOUBLES(11, 33, 55, 77), 4);
    check_graph(TWO_ROWS "  %7 = embed %5, @x {scale = 10} : f32[T, 4]\n"
                         "  %8 = write %6, %7, @gain {carry = 2, scale = 0.5} : f32[T, 4]\n"
                         "  return %8\n",
                two_rows, 1, DOUBLES(2 + 5, 6 + 30, 10 + 75, 14 + 140), 4);
    check_graph("  @x = param : f32[2, 2]\n"
                "  @one = param : f32[1]\n"
                "  %3 = tokens : i32[T]\n"
                "  %4 = embed %3, @x : f32[T, 2]\n"
                "  %5 = embed %3, @x : f32[T, 2]\n"
                "  %6 = write %4, %5, @one {carry = 0} : f32[T, 2]\n"
                "  return %6\n",
                PARAMS({"x", FLOATS(1, 2, 3, 4)}, {"one", FLOATS(7)}), 2, DOUBLES(7, 14, 21, 28),
                4);
}
END_TEST

START_TEST(write_gated_mixes_state_and_branch) {
    check_graph("  @x = param : f32[1, 2]\n"
                "  @f = param : f32[1, 2]\n"
                "  @t = param : f32[1, 2]\n"
                "  %4 = tokens : i32[T]\n"
                "  %5 = embed %4, @x : f32[T, 2]\n"
                "  %6 = embed %4, @f : f32[T, 2]\n"
                "  %7 = embed %4, @t : f32[T, 2]\n"
                "  %8 = write_gated %5, %6, %7 : f32[T, 2]\n"
                "  return %8\n",
                PARAMS({"x", FLOATS(1, 2)}, {"f", FLOATS(10, 20)}, {"t", FLOATS(0.25, 1)}), 1,
                DOUBLES(0.75 + 2.5, 20), 2);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("eval");
    TCase *tests = suite_case(suite, "eval", NULL, NULL);
    tcase_add_test(tests, embed_takes_the_scaled_row_of_a_token);
    tcase_add_test(tests, positions_are_taken_from_the_offset_on);
    tcase_add_test(tests, a_sinusoid_is_a_table_of_positions);
    tcase_add_test(tests, rms_norm_divides_by_the_root_of_the_mean_square);
    tcase_add_test(tests, layer_norm_takes_the_mean_off_first);
    tcase_add_test(tests, l2_norm_divides_by_the_length);
    tcase_add_test(tests, norm_applies_gain_offset_and_bias);
    tcase_add_test(tests, norm_of_groups_shares_a_short_gain);
    tcase_add_test(tests, norm_of_groups_splits_a_long_gain);
    tcase_add_test(tests, project_multiplies_by_rows_of_the_weight);
    tcase_add_test(tests, long_rows_are_summed_whole);
    tcase_add_test(tests, read_is_a_projection_of_a_norm);
    tcase_add_test(tests, activations_are_those_of_the_literature);
    tcase_add_test(tests, activations_of_no_number_are_none);
    tcase_add_test(tests, scale_softcap_and_multiply_see_one_element);
    tcase_add_test(tests, slice_takes_columns);
    tcase_add_test(tests, rope_turns_pairs_of_the_first_dims);
    tcase_add_test(tests, rope_frequencies_scale_as_published);
    tcase_add_test(tests, yarn_is_a_ramp_over_the_pairs);
    tcase_add_test(tests, a_type_is_added_to_tokens_and_their_mean_is_one_row);
    tcase_add_test(tests, values_are_cut_off_and_scaled_by_their_position);
    tcase_add_test(tests, yarn_without_a_ramp_is_finite);
    tcase_add_test(tests, rope_divides_by_a_number_for_each_pair_and_scales_what_turns);
    tcase_add_test(tests, alibi_slopes_are_those_of_the_paper);
    tcase_add_test(tests, scores_are_masked_biased_and_capped);
    tcase_add_loop_test(tests, attend_is_mix_of_softmax_of_scores, 0, 6);
    tcase_add_test(tests, attention_never_meets_what_it_does_not_see);
    tcase_add_test(tests, attention_weighs_values_by_their_scores);
    tcase_add_test(tests, write_carries_and_scales);
    tcase_add_test(tests, write_gated_mixes_state_and_branch);
    return suite_run(suite);
}

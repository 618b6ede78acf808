#include "frontend/command/options.h"
#include "tests/check.h"

enum { MOST_WORDS = 16 };

typedef struct {
    Arguments arguments;
    Complaint complaint;
    const char *words[MOST_WORDS];
    bool is_parsed;
} Line;

static Line parse_words(Command command, const char *const *words) {
    Line line = {.complaint = {""}};
    int count = 0;
    for (; words[count]; count++) line.words[count] = words[count];
    line.is_parsed = options_parse(command, count, line.words, &line.arguments, &line.complaint);
    return line;
}

#define PARSE(command, ...) parse_words(COMMAND_##command, (const char *[]){__VA_ARGS__, NULL})

static void expect_refused(Line line, const char *message) {
    ck_assert(!line.is_parsed);
    ck_assert_str_eq(line.complaint.text, message);
}

/* message: null where their number is right. */
static void expect_operands(Line line, const char *message) {
    line.arguments.operands = line.words;
    const bool is_right = options_check_operands(COMMAND_explain, &line.arguments, &line.complaint);
    ck_assert_int_eq(is_right, message == NULL);
    if (message) ck_assert_str_eq(line.complaint.text, message);
}

START_TEST(options_that_are_not_given_have_their_fallbacks) {
    const char *none[] = {NULL};
    Line line = parse_words(COMMAND_run, none);
    ck_assert(line.is_parsed);
    ck_assert_int_eq(line.arguments.count, OPTION_NOT_GIVEN);
    ck_assert_double_eq(line.arguments.temperature, 0.8);
    ck_assert_int_eq(line.arguments.engine, ENGINE_NATIVE);
    ck_assert_ptr_null(line.arguments.prompt);
    ck_assert_int_eq(line.arguments.prefill, OPTION_NOT_GIVEN);
    ck_assert(!line.arguments.stats);
    ck_assert_int_eq(line.arguments.operand_count, 0);
}
END_TEST

START_TEST(a_value_may_stand_in_the_next_word_or_in_the_same) {
    ck_assert_int_eq(PARSE(run, "--count", "7").arguments.count, 7);
    ck_assert_int_eq(PARSE(run, "--count=7").arguments.count, 7);
    ck_assert_int_eq(PARSE(run, "-n", "7").arguments.count, 7);
    ck_assert_int_eq(PARSE(run, "-n7").arguments.count, 7);
    ck_assert_int_eq(PARSE(run, "-n=7").arguments.count, 7);
    ck_assert_str_eq(PARSE(run, "--prompt=a=b").arguments.prompt, "a=b");
    ck_assert_str_eq(PARSE(run, "--prompt=").arguments.prompt, "");
    ck_assert_str_eq(PARSE(run, "-p", "--stats").arguments.prompt, "--stats");
    ck_assert_int_eq(PARSE(run, "--engine", "interpreter").arguments.engine, ENGINE_INTERPRETER);
    ck_assert_double_eq(PARSE(run, "--top-p", "1e-1").arguments.top_p, 0.1);
}
END_TEST

START_TEST(operands_and_options_mix) {
    Line line = PARSE(check, "a", "--", "-h", "-");
    ck_assert(line.is_parsed);
    ck_assert_int_eq(line.arguments.operand_count, 3);
    ck_assert_str_eq(line.words[0], "a");
    ck_assert_str_eq(line.words[1], "-h");
    ck_assert_str_eq(line.words[2], "-");
    line = PARSE(run, "--stats", "model", "-n", "1");
    ck_assert_str_eq(line.words[0], "model");
    ck_assert(line.arguments.stats);
    ck_assert_int_eq(line.arguments.count, 1);
}
END_TEST

START_TEST(the_later_of_two_counts) {
    ck_assert_int_eq(PARSE(run, "-n", "1", "--count=2").arguments.count, 2);
}
END_TEST

START_TEST(a_list_keeps_all_values_in_order) {
    Line line = PARSE(run, "a", "--stop", "x", "b", "--stop=", "--stop", "--stop");
    ck_assert(line.is_parsed);
    ck_assert_int_eq(line.arguments.stop.count, 3);
    ck_assert_str_eq(line.arguments.stop.item[0], "x");
    ck_assert_str_eq(line.arguments.stop.item[1], "");
    ck_assert_str_eq(line.arguments.stop.item[2], "--stop");
    ck_assert_int_eq(line.arguments.operand_count, 2);
}
END_TEST

START_TEST(a_list_has_an_end) {
    const char *words[MOST_LISTED + 1];
    Arguments arguments;
    Complaint complaint;
    for (int i = 0; i <= MOST_LISTED; i++) words[i] = "--stop=a";
    ck_assert(options_parse(COMMAND_run, MOST_LISTED, words, &arguments, &complaint));
    ck_assert(!options_parse(COMMAND_run, MOST_LISTED + 1, words, &arguments, &complaint));
    ck_assert_str_eq(complaint.text, "--stop is given more than 256 times");
}
END_TEST

START_TEST(a_name_may_be_shortened_while_it_is_clear) {
    ck_assert_str_eq(PARSE(opt, "--skip=a").arguments.skip_passes, "a");
    ck_assert(PARSE(run, "--stat").arguments.stats);
    expect_refused(PARSE(run, "--top", "1"),
                   "'--top' is short for '--top-k' and '--top-p': which one?");
}
END_TEST

START_TEST(unknown_options_are_named_with_what_was_meant) {
    expect_refused(PARSE(run, "--promt", "x"),
                   "unknown option '--promt'; did you mean '--prompt'?");
    expect_refused(PARSE(run, "--tempertaure=1"),
                   "unknown option '--tempertaure'; did you mean '--temperature'?");
    expect_refused(PARSE(run, "--zebra"), "unknown option '--zebra'");
    expect_refused(PARSE(run, "-z"), "unknown option '-z'");
    expect_refused(PARSE(check, "--prompt"), "unknown option '--prompt'");
    expect_refused(PARSE(run, "--=x"), "unknown option '--'");
}
END_TEST

START_TEST(names_of_any_length_are_refused) {
    char name[2000];
    memset(name, '-', 2);
    memset(name + 2, 'a', sizeof name - 3);
    name[sizeof name - 1] = 0;
    ck_assert(!PARSE(run, name).is_parsed);
    ck_assert(!PARSE(run, "-n", name).is_parsed);
    ck_assert(!PARSE(run, "--engine", name).is_parsed);
    ck_assert_int_eq(options_command(name, &(Complaint){""}), COMMAND_COUNT);
}
END_TEST

START_TEST(a_missing_or_superfluous_value_is_refused) {
    expect_refused(PARSE(run, "--prompt"), "--prompt needs a value: TEXT");
    expect_refused(PARSE(run, "-n"), "--count needs a value: COUNT");
    expect_refused(PARSE(run, "--stats=1"), "--stats takes no value");
    expect_refused(PARSE(run, "-h=1"), "unknown option '-='");
}
END_TEST

START_TEST(numbers_are_read_whole_and_within_their_range) {
    const char *const bad[] = {"",
                               " 1",
                               "1 ",
                               "1.5",
                               "0x10",
                               "1e3",
                               "--1",
                               "one",
                               "-2",
                               "2147483648",
                               "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!PARSE(run, "-n", bad[i]).is_parsed, "'%s'", bad[i]);
    ck_assert_int_eq(PARSE(run, "-n", "-1").arguments.count, -1);
    expect_refused(PARSE(run, "-n", "-2"),
                   "--count is '-2'; expected a whole number from -1 to 2147483647");
    ck_assert_int_eq(PARSE(run, "--seed", "9223372036854775807").arguments.seed, INT64_MAX);
    ck_assert(!PARSE(run, "--seed", "9223372036854775808").is_parsed);
}
END_TEST

START_TEST(reals_are_finite_decimals_within_their_range) {
    const char *const bad[] = {"", "nan", "inf", "-1", "0x1", "1e", "1,5", " 1", "1e999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!PARSE(run, "--temperature", bad[i]).is_parsed, "'%s'", bad[i]);
    expect_refused(PARSE(run, "--top-p=1.5"), "--top-p is '1.5'; expected a number from 0 to 1");
}
END_TEST

START_TEST(words_are_those_of_the_table) {
    expect_refused(PARSE(run, "--engine=nat"),
                   "--engine is 'nat'; expected one of native|interpreter");
    ck_assert(!PARSE(run, "--engine=").is_parsed);
    ck_assert(!PARSE(run, "--engine=native|interpreter").is_parsed);
    ck_assert_int_eq(PARSE(compile, "--emit=asm").arguments.emit, 1);
}
END_TEST

START_TEST(operands_are_counted) {
    expect_operands(PARSE(explain, "--graph"), "missing operand: MODEL");
    expect_operands(PARSE(explain, "a", "b"), "unexpected operand 'b'");
    expect_operands(PARSE(explain, "a"), NULL);
}
END_TEST

START_TEST(a_value_may_be_left_out) {
    ck_assert_ptr_null(PARSE(explain, "a").arguments.graph);
    ck_assert_str_eq(PARSE(explain, "--graph", "a").arguments.graph, "");
    ck_assert_str_eq(PARSE(explain, "a", "-g").arguments.graph, "");
    ck_assert_str_eq(PARSE(explain, "--graph=3", "a").arguments.graph, "3");
    ck_assert_str_eq(PARSE(explain, "-gdecode,3", "a").arguments.graph, "decode,3");
    ck_assert_str_eq(PARSE(explain, "-g=decode", "a").arguments.graph, "decode");
    ck_assert_int_eq(PARSE(explain, "-g", "-j2", "a").arguments.threads, 2);
}
END_TEST

START_TEST(an_operand_too_many_is_the_value_before_it) {
    const Line lines[] = {PARSE(explain, "-g", "decode", "a"), PARSE(explain, "a", "-g", "decode"),
                          PARSE(explain, "--graph", "decode", "-j2", "a")};
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(lines[i].arguments.graph, "decode");
        ck_assert_int_eq(lines[i].arguments.operand_count, 1);
        ck_assert_str_eq(lines[i].words[0], "a");
    }
    const Line far = PARSE(explain, "-g", "-j2", "a", "b");
    ck_assert_int_eq(far.arguments.operand_count, 2);
    ck_assert_str_eq(far.arguments.graph, "");
}
END_TEST

START_TEST(commands_are_found_by_name) {
    Complaint complaint;
    ck_assert_int_eq(options_command("bench", &complaint), COMMAND_bench);
    ck_assert_int_eq(options_command("bnech", &complaint), COMMAND_COUNT);
    ck_assert_str_eq(complaint.text, "unknown command 'bnech'; did you mean 'bench'?");
    ck_assert_str_eq(options_command_name(COMMAND_opt), "opt");
}
END_TEST

START_TEST(a_size_has_a_letter_for_its_power) {
    ck_assert_int_eq(PARSE(cache, "--prune", "512").arguments.prune, 512);
    ck_assert_int_eq(PARSE(cache, "--prune", "3K").arguments.prune, 3000);
    ck_assert_int_eq(PARSE(cache, "--prune", "20G").arguments.prune, 20000000000);
    ck_assert_int_eq(PARSE(cache, "--prune=0").arguments.prune, 0);
    ck_assert_int_eq(PARSE(cache, "--json").arguments.prune, OPTION_NOT_GIVEN);
    static const char *const bad[] = {"", "G", "1.5G", "-1", "1k", "9999999999T", "1GB"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const Line line = PARSE(cache, "--prune", bad[i]);
        ck_assert_msg(!line.is_parsed, "'%s' is no size", bad[i]);
    }
}
END_TEST

/* The help of each command, in lines. */
START_TEST(help_names_every_option_and_keeps_to_its_width) {
    for (int i = 0; i < COMMAND_COUNT; i++) {
        FILE *out = text_begin();
        options_print_help((Command)i, out);
        const char *text = text_end(out);
        assert_says(text, "-h, --help");
        assert_says(text, options_command_name((Command)i));
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
            const size_t width = strcspn(line, "\n");
            ck_assert_msg(width <= 80 && (!width || line[width - 1] != ' '), "%.*s", (int)width,
                          line);
        }
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("options");
    TCase *all = suite_case(suite, "all", NULL, NULL);
    tcase_add_test(all, options_that_are_not_given_have_their_fallbacks);
    tcase_add_test(all, a_value_may_stand_in_the_next_word_or_in_the_same);
    tcase_add_test(all, operands_and_options_mix);
    tcase_add_test(all, a_size_has_a_letter_for_its_power);
    tcase_add_test(all, the_later_of_two_counts);
    tcase_add_test(all, a_list_keeps_all_values_in_order);
    tcase_add_test(all, a_list_has_an_end);
    tcase_add_test(all, a_name_may_be_shortened_while_it_is_clear);
    tcase_add_test(all, unknown_options_are_named_with_what_was_meant);
    tcase_add_test(all, names_of_any_length_are_refused);
    tcase_add_test(all, a_missing_or_superfluous_value_is_refused);
    tcase_add_test(all, numbers_are_read_whole_and_within_their_range);
    tcase_add_test(all, reals_are_finite_decimals_within_their_range);
    tcase_add_test(all, words_are_those_of_the_table);
    tcase_add_test(all, operands_are_counted);
    tcase_add_test(all, a_value_may_be_left_out);
    tcase_add_test(all, an_operand_too_many_is_the_value_before_it);
    tcase_add_test(all, commands_are_found_by_name);
    tcase_add_test(all, help_names_every_option_and_keeps_to_its_width);
    return suite_run(suite);
}

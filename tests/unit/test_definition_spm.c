/* test_definition_spm.c - a tokenizer.model: what it becomes, and what is said of one that is
 * broken. */
#include "frontend/text/definition_spm.h"
#include "frontend/text/merges_by_score.h"
#include "frontend/text/tables_make.h"
#include "tests/unit/arena_fixture.h"
#include "tests/unit/random_text.h"

/* ---- messages of protobuf ---- */

typedef struct {
    char bytes[8192];
    size_t count;
} Message;

static void put_byte(Message *message, uint8_t byte) {
    ck_assert_uint_lt(message->count, sizeof message->bytes);
    message->bytes[message->count++] = (char)byte;
}

static void put_varint(Message *message, uint64_t value) {
    for (; value >= 0x80; value >>= 7) put_byte(message, (uint8_t)(value | 0x80));
    put_byte(message, (uint8_t)value);
}

static void put_number(Message *message, uint32_t field, uint64_t value) {
    put_varint(message, field << 3 | 0);
    put_varint(message, value);
}

static void put_bytes(Message *message, uint32_t field, const void *bytes, size_t count) {
    put_varint(message, field << 3 | 2);
    put_varint(message, count);
    for (size_t i = 0; i < count; i++) put_byte(message, ((const uint8_t *)bytes)[i]);
}

static void put_float(Message *message, uint32_t field, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_varint(message, field << 3 | 5);
    for (int i = 0; i < 4; i++) put_byte(message, (uint8_t)(bits >> 8 * i));
}

enum { NORMAL = 1, UNKNOWN, CONTROL, USER, UNUSED, BYTE };
enum { UNIGRAM = 1, BPE, WORD };

static void put_piece(Message *model, const char *text, float score, int type) {
    Message piece = {.count = 0};
    put_bytes(&piece, 1, text, strlen(text));
    put_float(&piece, 2, score);
    if (type != NORMAL) put_number(&piece, 3, (uint64_t)type);
    put_bytes(model, 1, piece.bytes, piece.count);
}

/* One with a few pieces; `kind` as trainer_spec has it. */
static Message small_model(int kind) {
    Message model = {.count = 0}, trainer = {.count = 0};
    put_piece(&model, "<unk>", 0, UNKNOWN);
    put_piece(&model, "<s>", 0, CONTROL);
    put_piece(&model, "</s>", 0, CONTROL);
    put_piece(&model, "\xe2\x96\x81", -1, NORMAL);
    put_piece(&model, "a", -2, NORMAL);
    put_piece(&model, "b", -3, NORMAL);
    put_piece(&model, "ab", -1.5F, NORMAL);
    put_piece(&model,
              "\xe2\x96\x81"
              "ab",
              -1.5F, NORMAL);
    put_piece(&model, "<sep>", 0, USER);
    put_number(&trainer, 3, (uint64_t)kind);
    put_bytes(&model, 2, trainer.bytes, trainer.count);
    return model;
}

static TextDefinition *parse(const Message *model) {
    char *exact = malloc(model->count + 1); /* for the sanitizer to see what is read behind it */
    memcpy(exact, model->bytes, model->count);
    char *kept = memcpy(ARENA_ARRAY(arena, char, model->count + 1), exact, model->count);
    TextDefinition *definition =
        definition_parse_spm("tokenizer.model", exact, model->count, arena, &diag);
    free(exact);
    ck_assert_int_eq(definition == NULL, diag.errors > 0);
    return definition ? definition_parse_spm("tokenizer.model", kept, model->count, arena, &diag)
                      : NULL;
}

static TextDefinition *expect_good(const Message *model) {
    TextDefinition *definition = parse(model);
    if (!definition) ck_abort_msg("%s", diag.first->message);
    return definition;
}

static void expect_refused(Message model, const char *message, const char *hint) {
    diag = (Diag){.arena = arena};
    ck_assert_ptr_null(parse(&model));
    assert_error(message, hint);
}

/* ---- what becomes of one ---- */

START_TEST(pieces_are_tokens_and_types_say_which_are_found) {
    const Message model = small_model(UNIGRAM);
    const TextDefinition *definition = expect_good(&model);
    ck_assert_int_eq(definition->model.kind, TEXT_MODEL_unigram);
    ck_assert_int_eq(definition->model.token_count, 9);
    ck_assert_int_eq(definition->model.unknown, 0);
    ck_assert(definition->model.token[1].is_hidden);
    ck_assert(!definition->model.token[4].is_hidden);
    ck_assert_double_eq(definition->model.token[6].score, -1.5);
    ck_assert_int_eq(definition->added_count, 4);
    ck_assert(definition->added[0].is_special);
    ck_assert_int_eq(definition->added[3].token, 8);
    ck_assert(!definition->added[3].is_special);
    ck_assert_double_eq_tol(definition->model.token[8].score, 5 * -1.0 - 0.1, 1e-6);
    ck_assert_int_eq(definition->special[TW_BOS], 1);
    ck_assert_int_eq(definition->special[TW_EOS], 2);
    ck_assert_int_eq(definition->special[TW_PAD], -1);
}
END_TEST

START_TEST(bpe_begins_with_bos_and_unigram_ends_with_eos) {
    const Message bpe = small_model(BPE), unigram = small_model(UNIGRAM);
    const TextDefinition *decoder = expect_good(&bpe), *encoder = expect_good(&unigram);
    ck_assert_int_eq(decoder->before_count, 1);
    ck_assert_int_eq(decoder->before[0], 1);
    ck_assert_int_eq(decoder->after_count, 0);
    ck_assert_int_eq(encoder->before_count, 0);
    ck_assert_int_eq(encoder->after[0], 2);
}
END_TEST

/* Each way to part a piece is a merge; equal scores are equal ranks. */
START_TEST(scores_become_merges_by_rank) {
    const Message model = small_model(BPE);
    const TextModel *made = &expect_good(&model)->model;
    const TextPair expected[] = {{4, 5, 6, 2}, {3, 6, 7, 2}};
    ck_assert_uint_eq(made->merge_count, COUNT(expected));
    for (int i = 0; i < COUNT(expected); i++) {
        ck_assert_int_eq(made->merge[i].left, expected[i].left);
        ck_assert_int_eq(made->merge[i].right, expected[i].right);
        ck_assert_int_eq(made->merge[i].token, expected[i].token);
        ck_assert_uint_eq(made->merge[i].rank, expected[i].rank);
    }
}
END_TEST

static Message with_normalizer(const Message *normalizer) {
    Message model = small_model(UNIGRAM);
    put_bytes(&model, 3, normalizer->bytes, normalizer->count);
    return model;
}

static void expect_normals(const TextDefinition *definition, int count,
                           const TextNormalKind *kinds) {
    ck_assert_int_eq(definition->normal_count, count);
    for (int i = 0; i < count; i++) ck_assert_int_eq(definition->normal[i].kind, kinds[i]);
}

START_TEST(a_normalizer_spec_is_steps) {
    Message spec = {.count = 0};
    const Message silent = with_normalizer(&spec);
    expect_normals(
        expect_good(&silent), 3,
        (const TextNormalKind[]){TEXT_NORMAL_spaces, TEXT_NORMAL_prepend, TEXT_NORMAL_replace});
    put_bytes(&spec, 2, "map", 3);
    put_number(&spec, 3, 0);
    put_number(&spec, 4, 0);
    const Message mapped = with_normalizer(&spec);
    const TextDefinition *definition = expect_good(&mapped);
    expect_normals(definition, 2,
                   (const TextNormalKind[]){TEXT_NORMAL_charsmap, TEXT_NORMAL_replace});
    ck_assert(definition->normal[0].is_longest);
    ck_assert_uint_eq(definition->normal[0].from.count, 3);
    put_number(&spec, 5, 0);
    const Message plain = with_normalizer(&spec);
    expect_normals(expect_good(&plain), 1, (const TextNormalKind[]){TEXT_NORMAL_charsmap});
}
END_TEST

START_TEST(fields_of_later_versions_are_skipped) {
    Message model = small_model(UNIGRAM);
    put_number(&model, 200, 7);
    put_bytes(&model, 4, "\xff\xff", 2); /* self_test_data, which is not looked into */
    expect_good(&model);
}
END_TEST

/* ---- BPE by scores, as SentencePiece does it ---- */

typedef struct {
    const char *text[200];
    float score[200];
    int count;
} Pieces;

static int find_piece(const Pieces *pieces, const char *text, size_t bytes) {
    for (int i = 1; i < pieces->count; i++)
        if (strlen(pieces->text[i]) == bytes && memcmp(pieces->text[i], text, bytes) == 0) return i;
    return -1;
}

/* The best neighbours are joined, the leftmost of equal ones, until none can be. */
static int join_plainly(const Pieces *pieces, const char *text, int32_t *tokens) {
    size_t begin[64];
    int count = 0;
    for (size_t i = 0; i < strlen(text); i++) begin[count++] = i;
    begin[count] = strlen(text);
    for (;;) {
        int best = -1, at = -1;
        for (int i = 0; i + 1 < count; i++) {
            const int found = find_piece(pieces, text + begin[i], begin[i + 2] - begin[i]);
            if (found < 0 || (best >= 0 && pieces->score[found] <= pieces->score[best])) continue;
            best = found;
            at = i;
        }
        if (at < 0) break;
        memmove(begin + at + 1, begin + at + 2, (size_t)(count - at) * sizeof *begin);
        count--;
    }
    for (int i = 0; i < count; i++)
        tokens[i] = find_piece(pieces, text + begin[i], begin[i + 1] - begin[i]);
    return count;
}

static TwTokenizer *open_tables(const Message *model, TextBuffer *bytes) {
    if (!tables_make(expect_good(model), bytes, &diag)) ck_abort_msg("%s", diag.first->message);
    void *aligned = aligned_alloc(64, (bytes->count + 63) / 64 * 64);
    memcpy(aligned, bytes->bytes, bytes->count);
    TwTokenizer *tokenizer;
    ck_assert_int_eq(tw_tokenizer_open_memory(aligned, bytes->count, &tokenizer), TW_OK);
    tw_text_buffer_free(bytes);
    bytes->bytes = aligned;
    return tokenizer;
}

START_TEST(random_texts_are_joined_as_sentencepiece_joins_them) {
    random_state = (uint64_t)_i + 1;
    Pieces pieces = {.text = {"<unk>", "a", "b", "c"}, .score = {0, -9, -9, -9}, .count = 4};
    Message model = {.count = 0}, trainer = {.count = 0}, normalizer = {.count = 0};
    put_piece(&model, "<unk>", 0, UNKNOWN);
    for (int i = 1; i < 4; i++) put_piece(&model, pieces.text[i], pieces.score[i], NORMAL);
    while (pieces.count < 40) {
        char word[6] = "";
        for (uint32_t left = 2 + random_below(3); left > 0; left--)
            strcat(word, pieces.text[1 + random_below(3)]);
        if (find_piece(&pieces, word, strlen(word)) >= 0) continue;
        pieces.text[pieces.count] = arena_printf(arena, "%s", word);
        pieces.score[pieces.count] = -(float)random_below(8);
        put_piece(&model, pieces.text[pieces.count], pieces.score[pieces.count], NORMAL);
        pieces.count++;
    }
    put_number(&trainer, 3, BPE);
    put_bytes(&model, 2, trainer.bytes, trainer.count);
    put_number(&normalizer, 3, 0);
    put_bytes(&model, 3, normalizer.bytes, normalizer.count);
    TextBuffer tables = {0};
    TwTokenizer *tokenizer = open_tables(&model, &tables);
    for (int i = 0; i < 300; i++) {
        char text[40] = "";
        int32_t tokens[40], expected[40];
        size_t count;
        for (uint32_t left = 1 + random_below(30); left > 0; left--)
            strcat(text, pieces.text[1 + random_below(3)]);
        const int wanted = join_plainly(&pieces, text, expected);
        ck_assert_int_eq(tw_encode(tokenizer, text, strlen(text), 0, tokens, 40, &count), TW_OK);
        ck_assert_uint_eq(count, (size_t)wanted);
        ck_assert_mem_eq(tokens, expected, count * sizeof *tokens);
    }
    tw_tokenizer_close(tokenizer);
    free(tables.bytes);
}
END_TEST

/* ---- what is refused ---- */

static Message changed(int kind, void (*change)(Message *model)) {
    Message model = small_model(kind);
    change(&model);
    return model;
}

static void add_empty_piece(Message *model) {
    put_piece(model, "", 0, NORMAL);
}
static void add_broken_text(Message *model) {
    put_piece(model, "\xe2\x96", 0, NORMAL);
}
static void add_endless_score(Message *model) {
    put_piece(model, "x", 1.0F / 0.0F, NORMAL);
}
static void add_strange_type(Message *model) {
    put_piece(model, "x", 0, 9);
}
static void add_second_unknown(Message *model) {
    put_piece(model, "<what>", 0, UNKNOWN);
}
static void add_strange_byte(Message *model) {
    put_piece(model, "<0xfg>", 0, BYTE);
}
static void add_unused(Message *model) {
    put_piece(model, "aab", 0, UNUSED);
}
static void add_number_as_piece(Message *model) {
    put_number(model, 1, 5);
}

static void add_number_as_text(Message *model) {
    Message piece = {.count = 0};
    put_number(&piece, 1, 5);
    put_bytes(model, 1, piece.bytes, piece.count);
}

static void add_text_as_score(Message *model) {
    Message piece = {.count = 0};
    put_bytes(&piece, 1, "x", 1);
    put_bytes(&piece, 2, "1.0", 3);
    put_bytes(model, 1, piece.bytes, piece.count);
}

static void add_trainer(Message *model, uint32_t field, uint64_t value) {
    Message trainer = {.count = 0};
    put_number(&trainer, field, value);
    put_bytes(model, 2, trainer.bytes, trainer.count);
}
static void ask_for_bytes(Message *model) {
    add_trainer(model, 35, 1);
}
static void make_unknown_kind(Message *model) {
    add_trainer(model, 3, 7);
}
static void make_words(Message *model) {
    add_trainer(model, 3, WORD);
}

static void add_denormalizer(Message *model) {
    Message spec = {.count = 0};
    put_bytes(&spec, 2, "map", 3);
    put_bytes(model, 5, spec.bytes, spec.count);
}

static void cut_off_piece(Message *model) {
    put_varint(model, 1 << 3 | 2);
    put_varint(model, 100);
    put_byte(model, 0);
}
static void cut_off_number(Message *model) {
    put_varint(model, 200 << 3 | 0), put_byte(model, 0x80);
}
static void cut_off_float(Message *model) {
    put_varint(model, 200 << 3 | 5), put_byte(model, 0);
}
static void add_long_number(Message *model) {
    put_varint(model, 200 << 3 | 0);
    for (int i = 0; i < 11; i++) put_byte(model, 0x80);
}
static void add_group(Message *model) {
    put_varint(model, 200 << 3 | 3);
}
static void add_field_zero(Message *model) {
    put_varint(model, 0);
}

START_TEST(broken_models_are_refused_with_what_is_wrong) {
    static const char fetch[] = "the file has been cut off, or is broken: fetch it again";
    static const struct {
        void (*change)(Message *model);
        const char *message, *hint;
    } cases[] = {
        {add_empty_piece, "pieces[9].piece: expected a text, found none", NULL},
        {add_broken_text, "pieces[9].piece: expected UTF-8", NULL},
        {add_endless_score, "pieces[9].score: expected a number that is finite", NULL},
        {add_strange_type, "pieces[9].type: expected 1 to 6, found 9", NULL},
        {add_second_unknown, "pieces[9].type: pieces[0] is the unknown one already", NULL},
        {add_strange_byte, "pieces[9].piece: expected <0x00> to <0xFF> as a byte", NULL},
        {add_unused, "pieces[9].type: an unused piece that merges make is not supported", NULL},
        {add_number_as_piece, "pieces: expected bytes, found a varint", NULL},
        {add_number_as_text, "pieces[9].piece: expected bytes, found a varint", NULL},
        {add_text_as_score, "pieces[9].score: expected a number of 4 bytes, found bytes", NULL},
        {ask_for_bytes, "pieces: expected <0x00>, for byte_fallback", NULL},
        {make_unknown_kind, "trainer_spec.model_type: expected 1 to 4, found 7", NULL},
        {make_words, "trainer_spec.model_type: a model of words is not supported", NULL},
        {add_denormalizer, "denormalizer_spec: a charsmap for decoding is not supported", NULL},
        {cut_off_piece, "model: a field is longer than what is left, at byte 124", fetch},
        {cut_off_number, "model: a number is cut off, at byte 125", fetch},
        {cut_off_float, "model: a number is cut off, at byte 124", fetch},
        {add_long_number, "model: a number has more than ten bytes, at byte 134", fetch},
        {add_group, "model: a field is of a kind that is not known, at byte 124", fetch},
        {add_field_zero, "model: a field has the number 0, at byte 123", fetch},
    };
    for (int i = 0; i < COUNT(cases); i++)
        expect_refused(changed(BPE, cases[i].change), cases[i].message, cases[i].hint);
}
END_TEST

START_TEST(models_without_pieces_or_an_unknown_one_are_refused) {
    Message model = {.count = 0};
    expect_refused(model, "pieces: expected some, found none", NULL);
    put_piece(&model, "a", 0, NORMAL);
    expect_refused(model, "pieces: expected one of type 2, the unknown one", NULL);
}
END_TEST

START_TEST(a_file_of_tiktoken_is_refused_by_name) {
    Message model = {.count = 0};
    const char *lines = "IQ== 0\nIg== 1\n";
    for (const char *byte = lines; *byte; byte++) put_byte(&model, (uint8_t)*byte);
    expect_refused(model, "expected a model of SentencePiece, found one of tiktoken",
                   "take the tokenizer.json that comes with it");
}
END_TEST

/* Every byte of a model, changed or missing, is refused or gives tables that open. */
START_TEST(no_broken_byte_does_harm) {
    const Message model = small_model(_i ? BPE : UNIGRAM);
    for (size_t i = 0; i < model.count; i++)
        for (int bit = 0; bit < 8; bit++) {
            Message broken = model;
            broken.bytes[i] = (char)(broken.bytes[i] ^ 1 << bit);
            diag = (Diag){.arena = arena};
            TextBuffer tables = {0};
            TextDefinition *definition = parse(&broken);
            if (definition && !tables_make(definition, &tables, &diag))
                ck_assert_int_gt(diag.errors, 0);
            tw_text_buffer_free(&tables);
            broken.count = i;
            diag = (Diag){.arena = arena};
            parse(&broken);
        }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("definition_spm");
    TCase *good = suite_case(suite, "good", make_arena, drop_arena);
    tcase_add_test(good, pieces_are_tokens_and_types_say_which_are_found);
    tcase_add_test(good, bpe_begins_with_bos_and_unigram_ends_with_eos);
    tcase_add_test(good, scores_become_merges_by_rank);
    tcase_add_test(good, a_normalizer_spec_is_steps);
    tcase_add_test(good, fields_of_later_versions_are_skipped);
    tcase_add_loop_test(good, random_texts_are_joined_as_sentencepiece_joins_them, 0, 8);
    TCase *broken = suite_case(suite, "broken", make_arena, drop_arena);
    tcase_add_test(broken, broken_models_are_refused_with_what_is_wrong);
    tcase_add_test(broken, models_without_pieces_or_an_unknown_one_are_refused);
    tcase_add_test(broken, a_file_of_tiktoken_is_refused_by_name);
    tcase_add_loop_test(broken, no_broken_byte_does_harm, 0, 2);
    return suite_run(suite);
}

/* test_tables.c - a tokenizer's tables: what opens can be trusted, whatever was done to the bytes.
 */
#include "runtime/text/tables.h"
#include "tests/folder.h"
#include "tests/unit/made_tokenizer.h"

#include <stddef.h>

/* All kinds of sections: merges, added tokens of both tries, a replacement, an expression. */
static void make_all(void) {
    const int32_t before[] = {258};
    made_begin();
    made_add_bytes();
    made_add_merge("a", "b");
    made_add_merge("ab", "c");
    made_add_added("<s>", true);
    made_add_added("<n>", false)->is_normalized = true;
    made.before = (int32_t *)before;
    made.before_count = 1;
    made.normal[made.normal_count++] = (TextNormal){.kind = TEXT_NORMAL_replace,
                                                    .from = made_text("_"),
                                                    .text = made_text("__"),
                                                    .where = "normalizer"};
    made.normal[made.normal_count++] = (TextNormal){.kind = TEXT_NORMAL_nfc, .where = "normalizer"};
    made.split[made.split_count++] = (TextSplit){.kind = TEXT_SPLIT_pattern,
                                                 .expression = made_text("\\p{L}+|\\s+(?!\\S)|."),
                                                 .where = "pre_tokenizer"};
    made.split[made.split_count++] =
        (TextSplit){.kind = TEXT_SPLIT_prefix_space, .where = "pre_tokenizer"};
    made_open();
}

static TwStatus open_bytes(const void *bytes, uint64_t count) {
    TwTokenizer *tokenizer;
    const TwStatus status = tw_tokenizer_open_memory(bytes, count, &tokenizer);
    ck_assert_int_eq(status == TW_OK, tokenizer != NULL);
    tw_tokenizer_close(tokenizer);
    return status;
}

static TextFileHeader *header(void) {
    return (TextFileHeader *)(void *)made_tables.bytes;
}

/* ---- the header ---- */

START_TEST(each_way_to_be_no_tables_has_a_status) {
    TextFileHeader *h = header();
    const TextFileHeader good = *h;
    const size_t count = made_tables.count;
    ck_assert_int_eq(open_bytes(h, count), TW_OK);
    ck_assert_int_eq(open_bytes(h, 7), TW_NOT_TOKENIZER);
    ck_assert_int_eq(open_bytes(h, sizeof *h - 1), TW_TOKENIZER_SIZE);
    ck_assert_int_eq(open_bytes(h, count - 1), TW_TOKENIZER_SIZE);
    ck_assert_int_eq(open_bytes((char *)h + 1, count - 1), TW_BAD_ARGUMENT);
    ck_assert_int_eq(open_bytes(NULL, count), TW_BAD_ARGUMENT);
    h->magic[0]++;
    ck_assert_int_eq(open_bytes(h, count), TW_NOT_TOKENIZER);
    *h = good;
    h->version++;
    ck_assert_int_eq(open_bytes(h, count), TW_TOKENIZER_VERSION);
    *h = good;
    h->section_count = TEXT_MAX_SECTIONS + 1;
    ck_assert_int_eq(open_bytes(h, count), TW_TOKENIZER_SIZE);
    h->section_count = 0;
    ck_assert_int_eq(open_bytes(h, count), TW_TOKENIZER_SIZE);
    *h = good;
    h->checksum++;
    ck_assert_int_eq(open_bytes(h, count), TW_TOKENIZER_CHECKSUM);
    *h = good;
    made_tables.bytes[count - 1]++;
    ck_assert_int_eq(open_bytes(h, count), TW_TOKENIZER_CHECKSUM);
}
END_TEST

START_TEST(a_section_that_leaves_the_file_is_refused) {
    TextSection *section = (TextSection *)(void *)(header() + 1);
    for (uint32_t i = 0; i < header()->section_count; i++) {
        const TextSection good = section[i];
        const TextSection wrong[] = {{TEXT_SECTION_COUNT, 0, good.offset, good.bytes},
                                     {good.kind, 0, good.offset + 1, good.bytes},
                                     {good.kind, 0, made_tables.count + 64, 0},
                                     {good.kind, 0, UINT64_MAX - 63, 64},
                                     {good.kind, 0, good.offset, made_tables.count},
                                     {good.kind, 0, good.offset, UINT64_MAX}};
        for (int k = 0; k < COUNT(wrong); k++) {
            section[i] = wrong[k];
            ck_assert(tw_text_tables_seal(header(), made_tables.count));
            ck_assert_int_eq(open_bytes(header(), made_tables.count), TW_BAD_TOKENIZER);
        }
        section[i] = good;
    }
}
END_TEST

/* ---- what is in sections ---- */

static void use(const void *bytes, uint64_t count) {
    static const char text[] = "<s>abc  _\xC3\xA9 e\xCC\x81<n>ab\xFF \xE4\xB8\xAD\n";
    TwTokenizer *tokenizer;
    int32_t tokens[200];
    size_t encoded = 0;
    char out[4096];
    if (tw_tokenizer_open_memory(bytes, count, &tokenizer) != TW_OK) return;
    for (unsigned flags = 0; flags < 4; flags++) {
        TwDecoder decoder = {0};
        if (tw_encode(tokenizer, text, sizeof text - 1, flags, tokens, COUNT(tokens), &encoded) !=
            TW_OK)
            continue;
        for (size_t i = 0; i < encoded; i++) {
            ck_assert(tokens[i] >= 0 && tokens[i] < tw_tokenizer_vocab(tokenizer));
            tw_decode(tokenizer, &decoder, tokens[i], flags & 1, out, sizeof out);
        }
        tw_decode_end(tokenizer, &decoder, out, sizeof out);
    }
    tw_tokenizer_close(tokenizer);
}

/* A file whose checksum fits may come from anybody: what opens encodes and decodes, whatever. */
START_TEST(any_byte_may_be_another_one) {
    TextFileHeader *h = header();
    const uint8_t other[] = {0x00, 0xFF, 0x80, 0x01};
    TextTables tables;
    ck_assert_int_eq(tw_text_tables_open(h, made_tables.count, &tables), TW_OK);
    for (uint32_t s = 0; s < tables.section_count; s++) {
        const TextSection section = tables.directory[s];
        const uint64_t step = section.bytes > 600 ? section.bytes / 300 : 1;
        for (uint64_t i = 0; i < section.bytes; i += step) {
            uint8_t *byte = made_tables.bytes + section.offset + i;
            const uint8_t good = *byte;
            *byte = good ^ other[(i + (uint64_t)_i) % COUNT(other)];
            if (*byte == good) *byte = (uint8_t)(good + 1);
            ck_assert(tw_text_tables_seal(h, made_tables.count));
            use(h, made_tables.count);
            *byte = good;
        }
    }
}
END_TEST

/* With another number of 32 bits at a place of the tables. */
static void assert_refused(const void *place, uint32_t value) {
    uint8_t *at = made_tables.bytes + ((const uint8_t *)place - made_tables.bytes);
    uint32_t good;
    memcpy(&good, at, sizeof good);
    memcpy(at, &value, sizeof value);
    ck_assert(tw_text_tables_seal(header(), made_tables.count));
    ck_assert_int_eq(open_bytes(header(), made_tables.count), TW_BAD_TOKENIZER);
    memcpy(at, &good, sizeof good);
}

START_TEST(numbers_that_lead_nowhere_are_refused) {
    TextTables tables;
    ck_assert_int_eq(tw_text_tables_open(header(), made_tables.count, &tables), TW_OK);
    const uint32_t vocab = tables.head->vocab, none = UINT32_MAX;
    assert_refused(&tables.head->model, TEXT_MODEL_COUNT);
    assert_refused(&tables.head->vocab, vocab + 1);
    assert_refused(&tables.head->longest, 1);
    assert_refused(&tables.head->special[0], vocab);
    assert_refused(&tables.head->unknown, vocab);
    assert_refused(&tables.head->flags, TEXT_ALL_FLAGS + 1);
    assert_refused(&tables.byte_tokens[7], vocab);
    assert_refused(&tables.before[0], none);
    assert_refused(&tables.token_offsets[5], none);
    assert_refused(&tables.piece_offsets[5], none);
    assert_refused(&tables.added[0].token, vocab);
    assert_refused(&tables.added_raw[0].edges, 1000);
    assert_refused(&tables.added_raw[0].added, 0);
    assert_refused(&tables.added_raw[1].added, 1000);
    assert_refused(&tables.added_raw_edges[0].node, 1000);
    assert_refused(&tables.normals[0].kind, TEXT_NORMAL_COUNT);
    assert_refused(&tables.normals[0].text_bytes, 1000);
    assert_refused(&tables.splits[0].kind, TEXT_SPLIT_COUNT);
    assert_refused(&tables.splits[0].section, 0);
    assert_refused(&tables.splits[0].section, 1000);
    assert_refused(&tables.splits[0].behaviour, TEXT_BEHAVIOUR_COUNT);
    for (uint32_t i = 0; i < tables.pieces_count; i++)
        if (tables.pieces[i].token >= 0) assert_refused(&tables.pieces[i].token, vocab);
    for (uint32_t i = 0; i < tables.merges_count; i++) {
        if (tables.merges[i].left < 0) continue;
        assert_refused(&tables.merges[i].left, vocab);
        assert_refused(&tables.merges[i].right, none);
        assert_refused(&tables.merges[i].token, vocab);
        assert_refused(&tables.merges[i].rank, none);
    }
}
END_TEST

/* ---- files ---- */

START_TEST(tables_are_opened_from_files_alone) {
    char folder[FOLDER_PATH];
    TwTokenizer *tokenizer;
    ck_assert(folder_make(folder));
    const char *path = arena_printf(arena, "%s/x.tokenizer", folder);
    ck_assert_int_eq(tw_tokenizer_open(path, &tokenizer), TW_CANNOT_OPEN);
    ck_assert_int_eq(tw_tokenizer_open(folder, &tokenizer), TW_NOT_TOKENIZER);
    ck_assert_int_eq(tw_tokenizer_open(NULL, &tokenizer), TW_BAD_ARGUMENT);
    FILE *file = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(made_tables.bytes, 1, made_tables.count, file), made_tables.count);
    fclose(file);
    ck_assert_int_eq(tw_tokenizer_open(path, &tokenizer), TW_OK);
    ck_assert_int_eq(tw_tokenizer_vocab(tokenizer), tw_tokenizer_vocab(made_tokenizer));
    tw_tokenizer_close(tokenizer);
    ck_assert(folder_remove(folder));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tables");
    TCase *tests = suite_case(suite, "tables", make_all, made_drop);
    tcase_add_test(tests, each_way_to_be_no_tables_has_a_status);
    tcase_add_test(tests, a_section_that_leaves_the_file_is_refused);
    tcase_add_loop_test(tests, any_byte_may_be_another_one, 0, 2);
    tcase_add_test(tests, numbers_that_lead_nowhere_are_refused);
    tcase_add_test(tests, tables_are_opened_from_files_alone);
    return suite_run(suite);
}

/* definition_spm.c - tokenizer.model, a ModelProto of SentencePiece (sentencepiece_model.proto).
 *
 * Text goes through the charsmap, extra spaces are dropped, ' ' becomes U+2581 with one before the
 * whole; then Unigram, or BPE by scores. Pieces of the user are found before that, as they are;
 * control pieces only where special tokens are asked for.
 */
#include "frontend/text/definition_spm.h"

#include "frontend/files/source_file.h"
#include "frontend/text/definition_lists.h"
#include "frontend/text/definition_parts.h"
#include "frontend/text/definition_read.h"
#include "frontend/text/merges_by_score.h"
#include "frontend/text/protobuf.h"
#include "runtime/text/utf8.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FILE = 1 << 28, MAX_PIECES = 1 << 22 };

typedef enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER = 4, UNUSED = 5, BYTE = 6 } PieceType;
typedef enum { UNIGRAM = 1, BPE = 2, WORD = 3, CHARACTER = 4 } ModelType;

typedef struct {
    TextString text;
    float score;
    uint64_t type; /* PieceType */
} Piece;

typedef struct {
    uint64_t model; /* ModelType */
    bool space_behind, byte_fallback;
    TextString bos, eos, pad; /* names of pieces */
} TrainerSpec;

typedef struct {
    TextString charsmap;
    bool add_prefix, drop_spaces, escape;
} NormalizerSpec;

typedef struct {
    Arena *arena;
    Diag *diag;
    Loc loc;
    const uint8_t *file; /* its first byte */
    Piece *piece;
    int32_t pieces;
    TrainerSpec trainer;
    NormalizerSpec normalizer, denormalizer;
    TextDefinition *definition;
} Spm;

static bool wrong(const Spm *spm, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(const Spm *spm, const char *format, ...) {
    char message[256];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return diag_error(spm->diag, spm->loc, "%s", message);
}

/* ---- messages ---- */

typedef enum { FLAG, NUMBER, REAL, STRING } FieldKind;

typedef struct {
    uint64_t number;
    const char *name;
    FieldKind kind;
    size_t offset; /* in what is read */
} FieldRow;

static const FieldRow piece_fields[] = {{1, "piece", STRING, offsetof(Piece, text)},
                                        {2, "score", REAL, offsetof(Piece, score)},
                                        {3, "type", NUMBER, offsetof(Piece, type)},
                                        {0}};

static const FieldRow trainer_fields[] = {
    {3, "model_type", NUMBER, offsetof(TrainerSpec, model)},
    {24, "treat_whitespace_as_suffix", FLAG, offsetof(TrainerSpec, space_behind)},
    {35, "byte_fallback", FLAG, offsetof(TrainerSpec, byte_fallback)},
    {46, "bos_piece", STRING, offsetof(TrainerSpec, bos)},
    {47, "eos_piece", STRING, offsetof(TrainerSpec, eos)},
    {48, "pad_piece", STRING, offsetof(TrainerSpec, pad)},
    {0}};

static const FieldRow normalizer_fields[] = {
    {2, "precompiled_charsmap", STRING, offsetof(NormalizerSpec, charsmap)},
    {3, "add_dummy_prefix", FLAG, offsetof(NormalizerSpec, add_prefix)},
    {4, "remove_extra_whitespaces", FLAG, offsetof(NormalizerSpec, drop_spaces)},
    {5, "escape_whitespaces", FLAG, offsetof(NormalizerSpec, escape)},
    {0}};

/* What a message's reading ended with; true: its end. */
static bool at_end(const Spm *spm, const ProtoReader *reader, const char *where) {
    if (!reader->error) return true;
    wrong(spm, "%s: %s, at byte %td", where, reader->error, reader->at - spm->file);
    return diag_hint(spm->diag, "the file has been cut off, or is broken: fetch it again");
}

static bool store(const Spm *spm, const ProtoField *field, const FieldRow *row, const char *where,
                  void *out) {
    static const ProtoType types[] = {PROTO_VARINT, PROTO_VARINT, PROTO_FIXED32, PROTO_BYTES};
    char *const at = (char *)out + row->offset;
    if (field->type != types[row->kind])
        return wrong(spm, "%s.%s: expected %s, found %s", where, row->name,
                     proto_type_name(types[row->kind]), proto_type_name(field->type));
    const uint32_t word = (uint32_t)field->bits;
    switch (row->kind) {
    case FLAG: *(bool *)(void *)at = field->bits != 0; break;
    case NUMBER: *(uint64_t *)(void *)at = field->bits; break;
    case REAL: memcpy(at, &word, sizeof word); break;
    case STRING: *(TextString *)(void *)at = (TextString){field->bytes, (size_t)field->bits}; break;
    }
    return true;
}

/* Fields that no row has are skipped; of a field that is there twice, the last counts. */
static bool read_message(const Spm *spm, const ProtoField *message, const char *where,
                         const FieldRow *rows, void *out) {
    ProtoReader reader = proto_begin(message->bytes, (size_t)message->bits);
    ProtoField field;
    while (proto_next(&reader, &field))
        for (const FieldRow *row = rows; row->number; row++)
            if (row->number == field.number && !store(spm, &field, row, where, out)) return false;
    return at_end(spm, &reader, where);
}

/* ---- the model ---- */

static bool check_piece(const Spm *spm, int32_t number, const Piece *piece) {
    const size_t count = piece->text.count;
    if (count == 0) return wrong(spm, "pieces[%d].piece: expected a text, found none", number);
    if (tw_utf8_valid((const uint8_t *)piece->text.bytes, count) != count)
        return wrong(spm, "pieces[%d].piece: expected UTF-8", number);
    if (!isfinite(piece->score))
        return wrong(spm, "pieces[%d].score: expected a number that is finite", number);
    return (piece->type >= NORMAL && piece->type <= BYTE) ||
           wrong(spm, "pieces[%d].type: expected 1 to 6, found %" PRIu64, number, piece->type);
}

static bool read_piece(Spm *spm, const ProtoField *field) {
    const int32_t number = spm->pieces++;
    Piece *piece = &spm->piece[number];
    *piece = (Piece){.type = NORMAL};
    return read_message(spm, field, arena_printf(spm->arena, "pieces[%d]", number), piece_fields,
                        piece) &&
           check_piece(spm, number, piece);
}

static bool read_part(Spm *spm, const ProtoField *field) {
    static const char *const names[] = {"", "pieces",           "trainer_spec", "normalizer_spec",
                                        "", "denormalizer_spec"};
    if (field->number >= sizeof names / sizeof *names || !*names[field->number]) return true;
    const char *name = names[field->number];
    if (field->type != PROTO_BYTES)
        return wrong(spm, "%s: expected %s, found %s", name, proto_type_name(PROTO_BYTES),
                     proto_type_name(field->type));
    switch (field->number) {
    case 1: return read_piece(spm, field);
    case 2: return read_message(spm, field, name, trainer_fields, &spm->trainer);
    case 3: return read_message(spm, field, name, normalizer_fields, &spm->normalizer);
    default: return read_message(spm, field, name, normalizer_fields, &spm->denormalizer);
    }
}

/* Each piece has at least two bytes of its own. */
static bool read_model(Spm *spm, const void *bytes, size_t count) {
    ProtoField field;
    size_t pieces = 0;
    for (ProtoReader reader = proto_begin(bytes, count); proto_next(&reader, &field);)
        pieces += field.number == 1;
    if (pieces > MAX_PIECES)
        return wrong(spm, "expected at most %d pieces, found %zu", (int)MAX_PIECES, pieces);
    spm->piece = ARENA_ARRAY(spm->arena, Piece, pieces + 1);
    spm->trainer = (TrainerSpec){
        .model = UNIGRAM, .bos = text_of("<s>"), .eos = text_of("</s>"), .pad = text_of("<pad>")};
    spm->normalizer = (NormalizerSpec){.add_prefix = true, .drop_spaces = true, .escape = true};
    ProtoReader reader = proto_begin(bytes, count);
    while (proto_next(&reader, &field))
        if (!read_part(spm, &field)) return false;
    return at_end(spm, &reader, "model");
}

/* ---- what it means ---- */

static bool check_kind(const Spm *spm) {
    static const char *const other[] = {[WORD] = "words", [CHARACTER] = "characters"};
    const uint64_t model = spm->trainer.model;
    if (model == WORD || model == CHARACTER)
        return wrong(spm, "trainer_spec.model_type: a model of %s is not supported", other[model]);
    if (model != UNIGRAM && model != BPE)
        return wrong(spm, "trainer_spec.model_type: expected 1 to 4, found %" PRIu64, model);
    return spm->denormalizer.charsmap.count == 0 ||
           wrong(spm, "denormalizer_spec: a charsmap for decoding is not supported");
}

/* Of the pieces, by their types: what the model finds, and what is found before it. */
static bool make_token(Spm *spm, int32_t number, bool *has_byte) {
    const Piece *piece = &spm->piece[number];
    TextModel *model = &spm->definition->model;
    TextToken *token = &model->token[number];
    *token = (TextToken){.text = piece->text, .score = (double)piece->score};
    switch ((PieceType)piece->type) {
    case UNKNOWN:
        if (model->unknown >= 0)
            return wrong(spm, "pieces[%d].type: pieces[%d] is the unknown one already", number,
                         model->unknown);
        model->unknown = number;
        break;
    case BYTE:
        token->is_byte = definition_is_byte(piece->text, &token->byte);
        if (!token->is_byte)
            return wrong(spm, "pieces[%d].piece: expected <0x00> to <0xFF> as a byte", number);
        has_byte[token->byte] = true;
        return true;
    case USER: definition_add_token(spm->definition, number, false, spm->arena); return true;
    case CONTROL:
    case UNUSED: break;
    default: return true;
    }
    token->is_hidden = true;
    if (piece->type != UNUSED) definition_add_token(spm->definition, number, true, spm->arena);
    return true;
}

/* A piece of the user costs next to nothing: SentencePiece's EncodeOptimized(). */
static void score_user_pieces(Spm *spm) {
    float best = -INFINITY;
    for (int32_t i = 0; i < spm->pieces; i++)
        if (spm->piece[i].type == NORMAL && spm->piece[i].score > best) best = spm->piece[i].score;
    for (int32_t i = 0; i < spm->pieces; i++)
        if (spm->piece[i].type == USER && isfinite(best))
            spm->definition->model.token[i].score =
                (double)((float)spm->piece[i].text.count * best) - 0.1;
}

static bool make_tokens(Spm *spm) {
    TextModel *model = &spm->definition->model;
    bool has_byte[256] = {false};
    if (spm->pieces == 0) return wrong(spm, "pieces: expected some, found none");
    model->token = ARENA_ARRAY(spm->arena, TextToken, (size_t)spm->pieces);
    model->token_count = spm->pieces;
    for (int32_t i = 0; i < spm->pieces; i++)
        if (!make_token(spm, i, has_byte)) return false;
    if (model->unknown < 0) return wrong(spm, "pieces: expected one of type 2, the unknown one");
    for (int i = 0; spm->trainer.byte_fallback && i < 256; i++)
        if (!has_byte[i]) return wrong(spm, "pieces: expected <0x%02X>, for byte_fallback", i);
    return true;
}

/* SentencePiece merges to a piece that is unused, and takes it apart again in the end. */
static bool check_unused(const Spm *spm) {
    for (int32_t i = 0; spm->trainer.model == BPE && i < spm->pieces; i++)
        if (spm->piece[i].type == UNUSED &&
            merges_would_make(&spm->definition->model, i, spm->arena))
            return wrong(spm, "pieces[%d].type: an unused piece that merges make is not supported",
                         i);
    return true;
}

static void make_model(Spm *spm) {
    TextModel *model = &spm->definition->model;
    model->kind = spm->trainer.model == BPE ? TEXT_MODEL_bpe : TEXT_MODEL_unigram;
    model->byte_fallback = spm->trainer.byte_fallback;
    model->fuse_unknown = true;
    if (model->kind == TEXT_MODEL_bpe)
        merges_by_score(model, spm->arena);
    else
        score_user_pieces(spm);
}

static void make_steps(Spm *spm) {
    TextDefinition *definition = spm->definition;
    const NormalizerSpec *spec = &spm->normalizer;
    const TextString space = text_of(spec->escape ? TEXT_SPACE : " ");
    if (spec->charsmap.count) {
        TextNormal *charsmap = definition_add_normal(definition, TEXT_NORMAL_charsmap, spm->arena);
        charsmap->from = spec->charsmap;
        charsmap->is_longest = true;
        charsmap->where = "normalizer_spec.precompiled_charsmap";
    }
    if (spec->drop_spaces) definition_add_normal(definition, TEXT_NORMAL_spaces, spm->arena);
    if (spec->add_prefix)
        definition_add_normal(definition,
                              spm->trainer.space_behind ? TEXT_NORMAL_append : TEXT_NORMAL_prepend,
                              spm->arena)
            ->text = space;
    if (spec->escape) definition_escape_spaces(definition, false, spm->arena);
    definition_unescape_spaces(definition, spec->add_prefix && !spm->trainer.space_behind,
                               spm->arena);
}

/* A control piece by its name; -1: there is none. */
static int32_t find_control(const Spm *spm, TextString name) {
    for (int32_t i = 0; i < spm->pieces; i++)
        if (spm->piece[i].type == CONTROL && spm->piece[i].text.count == name.count &&
            memcmp(spm->piece[i].text.bytes, name.bytes, name.count) == 0)
            return i;
    return -1;
}

/* The file does not say what stands around a text. Decoders' models begin it with bos, T5 and its
 * kin, which are Unigram, end it with eos. */
static void make_special(Spm *spm) {
    TextDefinition *definition = spm->definition;
    definition->special[TW_BOS] = find_control(spm, spm->trainer.bos);
    definition->special[TW_EOS] = find_control(spm, spm->trainer.eos);
    definition->special[TW_PAD] = find_control(spm, spm->trainer.pad);
    definition->special[TW_UNKNOWN] = definition->model.unknown;
    if (definition->model.kind == TEXT_MODEL_bpe)
        definition_put_before(definition, definition->special[TW_BOS], spm->arena);
    else
        definition_put_after(definition, definition->special[TW_EOS], spm->arena);
}

/* ---- the file ---- */

/* Llama 3 and others have files of that name that are lists of base64 and ranks. */
static bool is_tiktoken(const char *bytes, size_t count) {
    size_t at = 0;
    while (at < count && at < 64 && bytes[at] > ' ' && bytes[at] < 0x7f) at++;
    return at > 0 && at + 1 < count && bytes[at] == ' ' && bytes[at + 1] >= '0' &&
           bytes[at + 1] <= '9';
}

TextDefinition *definition_parse_spm(const char *name, const void *bytes, size_t count,
                                     Arena *arena, Diag *diag) {
    Source *source = ARENA_NEW(diag->arena, Source);
    *source = (Source){.name = arena_printf(diag->arena, "%s", name)};
    Spm spm = {.arena = arena, .diag = diag, .loc = {source, 0}, .file = bytes};
    if (is_tiktoken(bytes, count)) {
        wrong(&spm, "expected a model of SentencePiece, found one of tiktoken");
        diag_hint(diag, "take the tokenizer.json that comes with it");
        return NULL;
    }
    if (!read_model(&spm, bytes, count)) return NULL;
    spm.definition = definition_create(name, spm.loc, arena);
    if (!check_kind(&spm) || !make_tokens(&spm) || !check_unused(&spm)) return NULL;
    make_model(&spm);
    make_steps(&spm);
    make_special(&spm);
    spm.definition->source_id = XXH3_64bits(bytes, count);
    return spm.definition;
}

/* What tokenizer_config.json says of that. */
static bool read_around(const char *folder, TextDefinition *definition, Arena *arena, Diag *diag) {
    const int errors = diag->errors;
    const char *path = arena_printf(arena, "%s%stokenizer_config.json", folder, *folder ? "/" : "");
    json_t *json = json_place_load(path, true, diag);
    const json_t *bos = json_object_get(json, "add_bos_token"),
                 *eos = json_object_get(json, "add_eos_token");
    if (json_is_boolean(bos)) definition->before_count = 0;
    if (json_is_true(bos)) definition_put_before(definition, definition->special[TW_BOS], arena);
    if (json_is_boolean(eos)) definition->after_count = 0;
    if (json_is_true(eos)) definition_put_after(definition, definition->special[TW_EOS], arena);
    json_decref(json);
    return diag->errors == errors;
}

TextDefinition *definition_read_spm(const char *path, Arena *arena, Diag *diag) {
    struct stat status;
    const bool is_there = stat(path, &status) == 0;
    if (is_there && status.st_size > MAX_FILE) {
        Source *source = ARENA_NEW(diag->arena, Source);
        source->name = arena_printf(diag->arena, "%s", path);
        diag_error(diag, (Loc){source, 0}, "expected at most %d bytes, found %jd", (int)MAX_FILE,
                   (intmax_t)status.st_size);
        return NULL;
    }
    const Source *file = source_file_read(path, is_there ? (size_t)status.st_size : 0, arena, diag);
    TextDefinition *definition =
        file ? definition_parse_spm(file->name, file->text, file->length, arena, diag) : NULL;
    const char *folder = source_file_directory(path, arena);
    const bool done = definition && definition_read_folder(folder, definition, arena, diag) &&
                      read_around(folder, definition, arena, diag);
    return done ? definition : NULL;
}

/* definition.h - what a tokenizer is, whichever file said it: tokenizer.json, tokenizer.model or
 * the metadata of a GGUF.
 *
 * Readers take a file apart and refuse what has no place here, by name. tables_make() goes on from
 * here. All of it lies in one arena. Texts are UTF-8 and may hold zeros.
 */
#ifndef FRONTEND_DEFINITION_H
#define FRONTEND_DEFINITION_H

#include "ir/diag.h"
#include "runtime/text/tables.h"

typedef struct {
    const char *bytes; /* null: none */
    size_t count;
} TextString;

/* ---- steps before the model ---- */

typedef struct {
    TextNormalKind kind;
    TextString from; /* replace; of replace_pattern the expression; of charsmap its bytes */
    TextString text; /* replace, replace_pattern, prepend, append */
    bool is_longest; /* charsmap: the longest match, as SentencePiece; else by grapheme clusters */
    const char *where; /* for messages: "normalizer.normalizers[1]" */
} TextNormal;

/* ByteLevel is prefix_space, pattern and TextDefinition.is_byte_level; Metaspace is metaspace and,
 * with split, a pattern; BertPreTokenizer, Digits, Punctuation, WhitespaceSplit and the like are
 * patterns. */
typedef struct {
    TextSplitKind kind;
    TextString expression; /* of pattern; plain strings are written as expressions */
    TextBehaviour behaviour;
    bool is_inverted;
    TextString text; /* of metaspace: the character that stands for ' ' */
    bool is_first;   /* metaspace, prefix_space: only at the begin of the whole text */
    bool is_never;   /* metaspace: nothing is put before */
    const char *where;
} TextSplit;

/* ---- the model ---- */

/* A token's number is its place. A hole has no bytes. `text` is as the file spells it: a byte-level
 * vocabulary in its alphabet of 256 printable characters, where is_byte_level. */
typedef struct {
    TextString text;
    double score; /* Unigram; of tokenizer.model and GGUF also BPE, where merges are null */
    bool is_byte; /* <0xNN> of a vocabulary with byte fallback */
    uint8_t byte;
    bool is_hidden; /* not found by the model, nor made by merges: control tokens and the like */
} TextToken;

typedef struct {
    int32_t left, right, token;
    uint32_t rank; /* the lowest is merged first, of equal ones the leftmost */
} TextPair;

typedef struct {
    TextModelKind kind;
    TextToken *token;
    int32_t token_count;
    TextPair *merge; /* BPE, in order of rank */
    size_t merge_count;
    int32_t unknown; /* -1: none */
    bool byte_fallback, fuse_unknown, ignore_merges;
    bool merges_by_score; /* SentencePiece: of pairs whose token exists, the best score first */
    TextString continues; /* continuing_subword_prefix; null: none */
    TextString word_end;  /* end_of_word_suffix; null: none */
    int64_t max_word_characters; /* WordPiece */
} TextModel;

/* ---- back to text ---- */

typedef enum {
    TEXT_DECODE_byte_level,
    TEXT_DECODE_byte_fallback,
    TEXT_DECODE_fuse,
    TEXT_DECODE_replace,   /* from -> text, in each token */
    TEXT_DECODE_strip,     /* `from` at most `start` times at the begin, `stop` times at the end */
    TEXT_DECODE_wordpiece, /* from: the prefix; cleanup */
    TEXT_DECODE_metaspace, /* from: the character; is_never: the first token keeps it */
    TEXT_DECODE_bpe,       /* from: the suffix */
    TEXT_DECODE_COUNT
} TextDecodeKind;

typedef struct {
    TextDecodeKind kind;
    TextString from, text;
    int64_t start, stop;
    bool cleanup, is_never;
    const char *where;
} TextDecode;

/* ---- around it ---- */

/* A token that is found before all else; its text is in the vocabulary or added to it. */
typedef struct {
    int32_t token;
    TextString text;
    bool is_special, lstrip, rstrip, single_word, is_normalized;
} TextAddedToken;

typedef struct {
    const char *name; /* of the file, for messages */
    Loc loc;          /* the file */
    uint64_t source_id;
    TextModel model;
    bool is_byte_level; /* a ByteLevel step: symbols are bytes */
    TextNormal *normal;
    int normal_count;
    TextSplit *split;
    int split_count;
    TextDecode *decode;
    int decode_count;
    TextAddedToken *added;
    int added_count;
    int32_t *before, *after; /* the template of a single text */
    int before_count, after_count;
    int32_t special[TW_SPECIAL_COUNT]; /* -1: none */
    int32_t *stop;
    int stop_count;
    TextString chat_template;
} TextDefinition;

#endif

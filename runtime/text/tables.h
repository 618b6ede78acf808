/* tables.h - a tokenizer's tables: how they lie in a file or in memory, for who makes and reads
 * them.
 *
 *   0    TextFileHeader, little-endian
 *   64   TextSection of each section: the directory
 *   ...  sections, at multiples of TEXT_ALIGNMENT, in any order; two may share bytes
 *
 * Opening checks all of it once, so that encoding and decoding trust every offset, index and count.
 * All text that tables are asked about is UTF-8 that has been checked.
 */
#ifndef RUNTIME_TEXT_TABLES_H
#define RUNTIME_TEXT_TABLES_H

#include "runtime/text/text.h"

#define TEXT_TABLES_MAGIC "thalwegT" /* 8 bytes */
enum {
    TEXT_TABLES_VERSION = 2,
    TEXT_ALIGNMENT = 64,
    TEXT_MAX_SECTIONS = 256,
    TEXT_MAX_SPLITS = 16
};

typedef struct TextFileHeader {
    char magic[8];
    uint32_t version;
    uint32_t section_count;
    uint64_t bytes;     /* of the whole file */
    uint64_t source_id; /* hash of what it was made of */
    uint64_t checksum;  /* of all bytes behind the header, as that of packed weights */
    uint64_t reserved[3];
} TextFileHeader;

typedef enum TextSectionKind {
#define SECTION(name, type, holds) TEXT_SECTION_##name,
#include "runtime/text/sections.def"
#undef SECTION
    TEXT_SECTION_COUNT
} TextSectionKind;

typedef struct TextSection {
    uint32_t kind;
    uint32_t reserved;
    uint64_t offset, bytes; /* from the file's begin; no alignment of the bytes */
} TextSection;

/* ---- what sections are made of ---- */

typedef enum TextModelKind {
    TEXT_MODEL_bpe,
    TEXT_MODEL_unigram,
    TEXT_MODEL_wordpiece,
    TEXT_MODEL_COUNT
} TextModelKind;

enum { /* TextHead.flags */
       /* Symbols are bytes. Else they are characters. */
       TEXT_BYTES = 1,
       /* A character that the vocabulary lacks becomes the tokens of its bytes. */
       TEXT_BYTE_FALLBACK = 2,
       /* Unknown characters that follow each other are one token. */
       TEXT_FUSE_UNKNOWN = 4,
       /* A piece in the vocabulary is its token, even where merges would not make it. */
       TEXT_WHOLE_PIECES = 8,
       /* No merge joins anything to a `space` behind it: pieces may be cut before each. */
       TEXT_CUT_AT_SPACE = 16,
       /* Decoding: a run of byte tokens that is no UTF-8 gives U+FFFD for each byte, not for each
        * longest piece that begins a character. */
       TEXT_FFFD_FOR_EACH_BYTE = 32,
       /* Decoding: the last ' ' of a token waits for another token. */
       TEXT_HOLD_SPACE = 64,
       TEXT_ALL_FLAGS = 127
};

/* What decoding a token of so many bytes writes at most: three that waited and all of its own may
 * be U+FFFD. */
#define TEXT_LONGEST(bytes) (3 * ((bytes) + 4))

typedef struct TextHead {
    uint32_t model; /* TextModelKind */
    uint32_t flags;
    uint32_t vocab;     /* one more than the highest token */
    uint32_t longest;   /* most bytes that decoding one token can write */
    int32_t special[8]; /* by TwSpecial; -1: none */
    int32_t unknown;    /* what the model gives for it, which need not be TW_UNKNOWN; -1: nothing */
    uint32_t space;     /* the character that stands for ' ' where TEXT_CUT_AT_SPACE is set */
    uint32_t drop_spaces;     /* most ' ' that the begin of a decoded text loses */
    uint32_t word_characters; /* WordPiece: longer words are unknown */
    char continues[16];       /* WordPiece: what stands before pieces within a word; zero-ended */
    char word_end[16];        /* BPE: what stands behind the last symbol of a piece; zero-ended */
} TextHead;

enum {                         /* token_flags */
       TEXT_TOKEN_SPECIAL = 1, /* not decoded unless it is asked for */
       TEXT_TOKEN_ADDED = 2,   /* found before all else */
       TEXT_TOKEN_EXISTS = 4   /* numbers without it are holes in the vocabulary */
};

typedef struct TextFirst {
    uint32_t token, offset, bytes; /* in first_bytes */
} TextFirst;

/* Slot i of a hash is looked for from hash & (slots - 1) on, until one that is empty. */
typedef struct TextPieceSlot {
    uint32_t hash; /* upper half of tw_text_hash() */
    int32_t token; /* -1: empty */
} TextPieceSlot;

typedef struct TextMerge {
    int32_t left, right; /* left -1: empty */
    uint32_t rank;       /* the lowest is merged first */
    int32_t token;       /* of both */
} TextMerge;

typedef enum TextNormalKind {
#define NORMAL(name, meaning) TEXT_NORMAL_##name,
#include "runtime/text/steps.def"
    TEXT_NORMAL_COUNT
} TextNormalKind;

typedef enum TextSplitKind {
#define SPLIT(name, meaning) TEXT_SPLIT_##name,
#include "runtime/text/steps.def"
    TEXT_SPLIT_COUNT
} TextSplitKind;

typedef enum TextBehaviour { /* what becomes of a match, as Hugging Face names it */
                             TEXT_ISOLATED,
                             TEXT_REMOVED,
                             TEXT_MERGED_WITH_PREVIOUS,
                             TEXT_MERGED_WITH_NEXT,
                             TEXT_CONTIGUOUS,
                             TEXT_BEHAVIOUR_COUNT
} TextBehaviour;

enum { /* TextStep.flags */
       /* pattern: what lies between matches is what counts as matched */
       TEXT_STEP_INVERT = 1,
       /* metaspace, prefix_space: only at the begin of the whole text */
       TEXT_STEP_FIRST = 2,
       /* metaspace: nothing is put before */
       TEXT_STEP_NEVER = 4,
       /* normals: a text may be cut between two ASCII letters or digits, or two ideographs, and its
        * parts be normalised one by one */
       TEXT_STEP_CUTS = 8,
};

typedef struct TextStep {
    uint32_t kind;      /* TextNormalKind or TextSplitKind */
    uint32_t section;   /* index in the directory of its pattern, form or charsmap; 0: none */
    uint32_t behaviour; /* TextBehaviour, of pattern */
    uint32_t flags;
    uint32_t from, from_bytes; /* in step_bytes */
    uint32_t text, text_bytes;
} TextStep;

enum { /* TextAdded.flags */
       TEXT_ADDED_SPECIAL = 1,
       TEXT_ADDED_LSTRIP = 2, /* takes white space before it */
       TEXT_ADDED_RSTRIP = 4, /* and behind it */
};

typedef struct TextAdded {
    int32_t token;
    uint32_t flags;
} TextAdded;

/* Node 0 is the root. A node's edges lie together, ascending. */
typedef struct TextTrieNode {
    uint32_t first_edge, edges;
    int32_t added; /* index in `added` of what ends here; -1: nothing */
} TextTrieNode;

typedef struct TextTrieEdge {
    uint32_t byte, node;
} TextTrieEdge;

/* ---- open tables ---- */

/* Counts are of elements; a section that is not there has none. Where there are several of a kind,
 * the first. */
typedef struct TextTables {
    const uint8_t *file;
    const TextSection *directory;
    uint32_t section_count;
#define SECTION(name, type, holds)                                                                 \
    const type *name;                                                                              \
    uint32_t name##_count;
#include "runtime/text/sections.def"
#undef SECTION
} TextTables;

/* A whole file in memory, aligned as for malloc, that outlives the tables. */
TwStatus tw_text_tables_open(const void *file, uint64_t bytes, TextTables *out);

/* Fills in magic, version, size and checksum of a file that is written otherwise. False: no memory.
 */
bool tw_text_tables_seal(void *file, uint64_t bytes);

/* A section by its place in the directory, as steps have it. */
static inline const uint8_t *tw_text_section(const TextTables *tables, uint32_t index,
                                             uint64_t *bytes) {
    *bytes = tables->directory[index].bytes;
    return tables->file + tables->directory[index].offset;
}

/* Of a piece, and of a pair of tokens, for the hashes of tables. */
uint64_t tw_text_hash(const uint8_t *bytes, size_t count);
static inline uint64_t tw_text_hash_pair(int32_t left, int32_t right) {
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    const uint64_t mixed = (pair ^ pair >> 29) * 0x9E3779B97F4A7C15u;
    return mixed ^ mixed >> 32;
}

/* The token of a piece; -1: there is none. */
int32_t tw_text_piece(const TextTables *tables, const uint8_t *bytes, size_t count);

#endif

/* keys.h - the reader that model.def drives: a mapping becomes a struct, row by row.
 *
 * Reports everything that is wrong with a mapping: unknown keys, missing ones, values that are not
 * what the row says. What keys mean together is checked by who reads the section.
 */
#ifndef FRONTEND_KEYS_H
#define FRONTEND_KEYS_H

#include "frontend/model/model.h"

typedef struct {
    Arena *arena;
    Diag *diag;
    int64_t width; /* of the stream; 0 until it is known */
} Reader;

/* Where a key is looked up, one place after the other. All but the mapping may be null. */
typedef struct {
    const YamlNode *pattern; /* has a list for the key */
    const YamlNode *inside;  /* of a branch: its attention or mlp, where its keys may stand too */
    const YamlNode *mapping; /* the section's own */
    const YamlNode *defaults_inside, *defaults;
    int64_t layer;   /* of its block: element layer % count of a pattern's list */
    bool is_partial; /* required keys may be missing: they are somewhere else */
} Place;

/* RESERVED: an optional key whose meaning is not lowered yet, and which no message offers. */
typedef enum { OPTIONAL, REQUIRED, RESERVED } KeyNeed;

typedef struct KeyInfo KeyInfo;
typedef bool ReadKind(Reader *reader, const YamlNode *node, const KeyInfo *key, void *out);

struct KeyInfo {
    const char *name, *help;
    KeyNeed need;
    double least, most;
    size_t offset, loc_offset; /* in the section's struct */
    ReadKind *read;
};

typedef struct Section {
    const KeyInfo *key;
    int count;
    const struct Section *around; /* whose values may stand in this one too; or null */
} Section;

extern const Section keys_model, keys_stream, keys_embed, keys_learned, keys_block, keys_parallel,
    keys_branch, keys_attention, keys_attention_bias, keys_query_scale, keys_rope, keys_scaling,
    keys_mlp, keys_mlp_bias, keys_experts, keys_norm, keys_qk_norm, keys_write, keys_head,
    keys_pooling, keys_weights, keys_tensor, keys_instrument, keys_tokenizer;

/* Fills the fields of `out` whose keys are given and leaves the others. False: reported. */
bool keys_read(Reader *reader, const Place *place, const Section *section, void *out);

/* The same for a mapping alone, and keys that may be missing where `is_partial`. */
bool keys_read_mapping(Reader *reader, const YamlNode *mapping, const Section *section, void *out);

/* Reads one key of the section, which has `value` wherever that stands. False: reported. */
bool keys_read_value(Reader *reader, const YamlNode *value, const Section *section,
                     const char *name, void *out);

/* Whether the section has the key; whether that is a value, which may also stand elsewhere. */
bool keys_has(const Section *section, const char *name);
bool keys_is_inherited(const Section *section, const char *name);

/* "a, b, c": the names of a section's keys that are lowered. */
const char *keys_list(const Section *section, Arena *arena);

/* The word `none`, or null. */
bool keys_is_none(const YamlNode *node);

/* ---- one for each kind of model.def ---- */

ReadKind keys_read_INT, keys_read_INT_OR_NONE, keys_read_REAL, keys_read_REAL_OR_NONE,
    keys_read_BOOL, keys_read_TEXT, keys_read_NAME, keys_read_NODE, keys_read_REALS, keys_read_INTS,
    keys_read_HEAD_OUTPUT, keys_read_POOLING_KIND, keys_read_POOLING, keys_read_POSITIONS,
    keys_read_OVER, keys_read_NORM_KIND, keys_read_ROPE_STYLE, keys_read_FORMAT,
    keys_read_SCALING_KIND, keys_read_ACTIVATION, keys_read_WRITE_SCALE, keys_read_TOKENIZER,
    keys_read_NORM, keys_read_QK_NORM, keys_read_WRITE, keys_read_SCALING, keys_read_ROPE,
    keys_read_QUERY_SCALE, keys_read_ATTENTION_BIAS, keys_read_MLP_BIAS, keys_read_EXPERTS,
    keys_read_EMBED, keys_read_HEAD, keys_read_WEIGHTS;

#endif

/* text.h - from text to tokens and back, by the tables that Thalweg makes of a tokenizer.
 *
 * What runtime.h says of statuses, null arguments and memory holds here. A tokenizer is shared by
 * any number of threads; an encoder's and a decoder's memory are of the call and of the caller.
 * Text is UTF-8. What is no UTF-8 counts as U+FFFD, one for each longest piece that begins a
 * character (as the Encoding Standard has it).
 */
#ifndef THALWEG_TEXT_H
#define THALWEG_TEXT_H

#include "runtime/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TwTokenizer TwTokenizer;

/* Maps a file NAME.tokenizer and checks all of it: what opens cannot be read wrongly later. */
TW_API TwStatus tw_tokenizer_open(const char *path, TwTokenizer **out);

/* The same from memory that outlives the tokenizer, aligned as for malloc. */
TW_API TwStatus tw_tokenizer_open_memory(const void *tables, uint64_t bytes, TwTokenizer **out);

/* The first of these, or where the path is null what is inside of the object; TW_NO_TOKENIZER:
 * nothing. */
TW_API TwStatus tw_module_tokenizer(const TwModule *module, const char *path, TwTokenizer **out);
TW_API void tw_tokenizer_close(TwTokenizer *tokenizer);

/* One more than the highest token. */
TW_API int64_t tw_tokenizer_vocab(const TwTokenizer *tokenizer);

/* Tokens that mean something of their own. */
typedef enum TwSpecial {
    TW_BOS,     /* begins a text */
    TW_EOS,     /* ends it */
    TW_UNKNOWN, /* stands for what the vocabulary lacks */
    TW_PAD,
    TW_SEPARATOR,
    TW_CLASS, /* whose row stands for the text */
    TW_MASK,
    TW_SPECIAL_COUNT
} TwSpecial;
TW_API int32_t tw_tokenizer_special(const TwTokenizer *tokenizer, TwSpecial which); /* -1: none */

/* 1: generation ends with it: eos, the end of a turn, what the model's files name; else 0. */
TW_API int tw_tokenizer_stops(const TwTokenizer *tokenizer, int32_t token);

/* The text of a token that stands alone, as its vocabulary has it decoded: bytes, not ended by a
 * zero, that may begin or end within a character. Null: there is no such token. */
TW_API const char *tw_tokenizer_token(const TwTokenizer *tokenizer, int32_t token, size_t *bytes);

/* ---- text to tokens ---- */

enum {
    TW_ENCODE_SPECIAL = 1, /* special tokens that are spelled out in the text become tokens */
    TW_ENCODE_ADD = 2,     /* with what the model puts before and after a text */
};

/* At most `room` tokens are written. TW_NO_ROOM: there are more; *count is how many in all. Memory
 * is taken for the time of the call. */
TW_API TwStatus tw_encode(const TwTokenizer *tokenizer, const char *text, size_t bytes,
                          unsigned flags, int32_t *tokens, size_t room, size_t *count);

/* ---- tokens to text ---- */

enum { TW_DECODE_SPECIAL = 1 /* special tokens are written, too */ };

/* Where a text stands between two tokens; {0} at its begin. */
typedef struct TwDecoder {
    uint32_t state[2];
    unsigned char waiting[8];
} TwDecoder;

/* Writes the text that a token adds, whole characters alone: a character that the token ends within
 * waits for the next. Returns its bytes, of which no more than `room` are written; where they are
 * more, the decoder has not moved. No token's text is longer than tw_tokenizer_longest(). A number
 * that is no token writes nothing. */
TW_API size_t tw_decode(const TwTokenizer *tokenizer, TwDecoder *decoder, int32_t token,
                        unsigned flags, char *out, size_t room);

/* What still waits at the end of a text, as U+FFFD; the decoder is as at the begin then. */
TW_API size_t tw_decode_end(const TwTokenizer *tokenizer, TwDecoder *decoder, char *out,
                            size_t room);

/* The most bytes that a call of tw_decode() or tw_decode_end() writes. */
TW_API size_t tw_tokenizer_longest(const TwTokenizer *tokenizer);

#ifdef __cplusplus
}
#endif

#endif

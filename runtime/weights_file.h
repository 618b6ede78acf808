/* weights_file.h - the packed weight file: how it lies on disk, for its writer and its reader.
 *
 *   0     WeightsHeader, little-endian, padded with zeros to TW_WEIGHTS_DATA
 *   4096  data: tensors one after the other at 64-byte aligned offsets, as compiled code reads them
 *
 * The data are mapped and used as they lie. Their checksum is XXH3 (64 bits) over the checksums of
 * all chunks of TW_WEIGHTS_CHUNK bytes; the header's is over its own bytes before
 * `header_checksum`.
 */
#ifndef RUNTIME_WEIGHTS_FILE_H
#define RUNTIME_WEIGHTS_FILE_H

#include <stdbool.h>
#include <stdint.h>

enum { TW_WEIGHTS_VERSION = 2, TW_WEIGHTS_DATA = 4096, TW_WEIGHTS_CHUNK = 1 << 22 };
#define TW_WEIGHTS_MAGIC "thalwegW" /* 8 bytes */

typedef struct WeightsHeader {
    char magic[8];
    uint32_t version;
    uint32_t tensor_count; /* for information */
    uint64_t layout_id;    /* hash of the layout: which tensor, in which form, at which offset */
    uint64_t source_id;    /* hash that tells the input apart: file and its time, or seed */
    uint64_t data_bytes;   /* the file is TW_WEIGHTS_DATA + data_bytes long */
    uint64_t data_checksum;
    uint64_t header_checksum;
} WeightsHeader;

/* The checksum of a file's data; false: out of memory. */
bool tw_weights_checksum(const char *data, uint64_t bytes, uint64_t *sum);

/* Fills in magic, version and the header's checksum. */
void tw_weights_header_seal(WeightsHeader *header);

#endif

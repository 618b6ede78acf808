/* protobuf.h - goes through the fields of a message of Protocol Buffers.
 *
 *     ProtoReader reader = proto_begin(bytes, count);
 *     while (proto_next(&reader, &field)) ...
 *     if (reader.error) ...
 *
 * Every length is compared with what is left before anything is read. Nothing is copied. */
#ifndef FRONTEND_PROTOBUF_H
#define FRONTEND_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { /* wire types */
               PROTO_VARINT = 0,
               PROTO_FIXED64 = 1,
               PROTO_BYTES = 2,
               PROTO_FIXED32 = 5
} ProtoType;

typedef struct {
    uint64_t number;
    ProtoType type;
    uint64_t bits;     /* of a varint or a fixed number; of bytes, how many */
    const char *bytes; /* of bytes */
} ProtoField;

typedef struct {
    const uint8_t *at, *end;
    const char *error; /* what is broken at `at`, or null */
} ProtoReader;

ProtoReader proto_begin(const char *bytes, size_t count);

/* False: there is no more, or `error` says why. */
bool proto_next(ProtoReader *reader, ProtoField *field);

const char *proto_type_name(ProtoType type); /* "a varint", "bytes", ... */

#endif

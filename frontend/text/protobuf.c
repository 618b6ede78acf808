/* protobuf.c - see protobuf.h. */
#include "frontend/text/protobuf.h"

ProtoReader proto_begin(const char *bytes, size_t count) {
    const uint8_t *at = (const uint8_t *)bytes;
    return (ProtoReader){.at = at, .end = at + count};
}

static bool fail(ProtoReader *reader, const char *error) {
    reader->error = error;
    return false;
}

/* Seven bits a byte, the lowest first; the highest bit says that there are more. */
static bool read_varint(ProtoReader *reader, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->end) return fail(reader, "a number is cut off");
        const uint8_t byte = *reader->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return fail(reader, "a number has more than ten bytes");
}

static bool read_fixed(ProtoReader *reader, int bytes, uint64_t *value) {
    if (reader->end - reader->at < bytes) return fail(reader, "a number is cut off");
    *value = 0;
    for (int i = 0; i < bytes; i++) *value |= (uint64_t)*reader->at++ << 8 * i;
    return true;
}

bool proto_next(ProtoReader *reader, ProtoField *field) {
    uint64_t tag;
    if (reader->error || reader->at == reader->end || !read_varint(reader, &tag)) return false;
    *field = (ProtoField){.number = tag >> 3, .type = (ProtoType)(tag & 7)};
    if (field->number == 0) return fail(reader, "a field has the number 0");
    switch (field->type) {
    case PROTO_VARINT: return read_varint(reader, &field->bits);
    case PROTO_FIXED64: return read_fixed(reader, 8, &field->bits);
    case PROTO_FIXED32: return read_fixed(reader, 4, &field->bits);
    case PROTO_BYTES: break;
    default: return fail(reader, "a field is of a kind that is not known");
    }
    if (!read_varint(reader, &field->bits)) return false;
    if (field->bits > (uint64_t)(reader->end - reader->at))
        return fail(reader, "a field is longer than what is left");
    field->bytes = (const char *)reader->at;
    reader->at += field->bits;
    return true;
}

const char *proto_type_name(ProtoType type) {
    switch (type) {
    case PROTO_VARINT: return "a varint";
    case PROTO_FIXED64: return "a number of 8 bytes";
    case PROTO_FIXED32: return "a number of 4 bytes";
    case PROTO_BYTES: break;
    }
    return "bytes";
}

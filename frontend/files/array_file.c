#include "frontend/files/array_file.h"

#include "frontend/files/npy.h"

#include <string.h>

static bool ends_in(const char *path, const char *ending) {
    const size_t length = strlen(path), end = strlen(ending);
    return length >= end && strcmp(path + length - end, ending) == 0;
}

bool array_file_has_one(const char *path) {
    return ends_in(path, ".npy");
}

bool array_file_check(const char *path, int count, Diag *diag) {
    if (ends_in(path, ".safetensors")) return true;
    if (!ends_in(path, ".npy")) {
        diag_error(diag, (Loc){0}, "'%s': no kind of file ends like this", path);
        return diag_hint(diag, "arrays are written to .npy and .safetensors");
    }
    if (count == 1) return true;
    diag_error(diag, (Loc){0}, "'%s': a .npy file has one array, and there are %d", path, count);
    return diag_hint(diag, "a .safetensors file has several");
}

static int64_t values_of(const NamedArray *array) {
    int64_t count = 1;
    for (int i = 0; i < array->rank; i++) count *= array->shape[i];
    return count;
}

static bool write_npy(const char *path, const NamedArray *array, Diag *diag) {
    const int64_t columns = array->shape[array->rank - 1];
    const int64_t rows = columns ? values_of(array) / columns : 0;
    Npy npy;
    if (!npy_open_shape(&npy, path, array->shape, array->rank, diag)) return false;
    bool is_written = true;
    for (int64_t i = 0; i < rows && is_written; i++)
        is_written = npy_append(&npy, array->values + i * columns);
    return npy_close(&npy, true, diag);
}

/* Names need no escapes; every array begins where the one before it ends. */
static void print_header(FILE *out, const NamedArray *arrays, int count) {
    int64_t at = 0;
    for (int i = 0; i < count; i++) {
        fprintf(out, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", i ? "," : "{", arrays[i].name);
        for (int k = 0; k < arrays[i].rank; k++)
            fprintf(out, "%s%lld", k ? "," : "", (long long)arrays[i].shape[k]);
        const int64_t end = at + values_of(&arrays[i]) * (int64_t)sizeof(float);
        fprintf(out, "],\"data_offsets\":[%lld,%lld]}", (long long)at, (long long)end);
        at = end;
    }
    fputc('}', out);
}

static char *make_header(const NamedArray *arrays, int count, size_t *length, Arena *arena) {
    enum { ALIGNMENT = 8, NUMBERS = 256 };
    size_t room = ALIGNMENT + 1;
    for (int i = 0; i < count; i++) room += strlen(arrays[i].name) + NUMBERS;
    char *text = ARENA_ARRAY(arena, char, room);
    FILE *out = fmemopen(text, room, "w");
    if (!out) return NULL;
    print_header(out, arrays, count);
    const long written = ftell(out);
    fclose(out);
    *length = (size_t)written;
    while (*length % ALIGNMENT) text[(*length)++] = ' ';
    return text;
}

static bool write_safetensors(const char *path, const NamedArray *arrays, int count, Diag *diag) {
    size_t length = 0;
    OutputFile file;
    const char *header = make_header(arrays, count, &length, diag->arena);
    if (!header) return diag_error(diag, (Loc){0}, "out of memory");
    if (!output_file_open(&file, path, diag)) return false;
    const uint64_t bytes = length; /* little-endian, as every machine that code is made for */
    fwrite(&bytes, sizeof bytes, 1, file.stream);
    fwrite(header, 1, length, file.stream);
    for (int i = 0; i < count; i++)
        fwrite(arrays[i].values, sizeof(float), (size_t)values_of(&arrays[i]), file.stream);
    return output_file_close(&file, true, diag);
}

bool array_file_write(const char *path, const NamedArray *arrays, int count, Diag *diag) {
    if (!array_file_check(path, count, diag)) return false;
    return ends_in(path, ".npy") ? write_npy(path, arrays, diag)
                                 : write_safetensors(path, arrays, count, diag);
}

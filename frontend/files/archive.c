#include "frontend/files/archive.h"

#include <ar.h>
#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a member that begins here; 0: it is no object. */
static int object_machine(FILE *file) {
    Elf64_Ehdr header;
    if (fread(&header, sizeof header, 1, file) != 1) return 0;
    return memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 ? header.e_machine : 0;
}

/* Members begin at even places. The first are lists of names and symbols. */
static int first_machine(FILE *file) {
    struct ar_hdr header;
    while (fread(&header, sizeof header, 1, file) == 1) {
        char size[sizeof header.ar_size + 1] = {0};
        memcpy(size, header.ar_size, sizeof header.ar_size);
        const long begin = ftell(file), bytes = strtol(size, NULL, 10);
        const int machine = object_machine(file);
        if (machine) return machine;
        if (begin < 0 || bytes < 0 || memcmp(header.ar_fmag, ARFMAG, sizeof header.ar_fmag) != 0 ||
            fseek(file, begin + bytes + bytes % 2, SEEK_SET) != 0)
            return 0;
    }
    return 0;
}

int archive_machine(const char *path) {
    char magic[SARMAG];
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    const bool is_archive = fread(magic, SARMAG, 1, file) == 1 && memcmp(magic, ARMAG, SARMAG) == 0;
    const int machine = is_archive ? first_machine(file) : 0;
    fclose(file);
    return machine;
}

/* fuzz_import.c - a config.json or a GGUF from a stranger: what is understood becomes a description
 * that can be read, and what is not is refused with a reason. */
#include "frontend/import/import_parts.h"
#include "frontend/model/model.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool import_bytes(const Import *import, const uint8_t *data, size_t size, Imported *out) {
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0) {
        Gguf *gguf = gguf_parse("fuzz.gguf", data, size, import->diag);
        const bool is_good = gguf && import_gguf_file(import, gguf, "fuzz.gguf", "fuzz", out);
        gguf_close(gguf);
        return is_good;
    }
    char *text = ARENA_ARRAY(import->arena, char, size + 1);
    if (size) memcpy(text, data, size);
    const Source source = {"config.json", text, size};
    const ModelFolder folder = {.folder = ".", .config = "config.json"};
    return import_config_text(import, &source, &folder, "fuzz", out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *arena = arena_create();
    Diag diag = {.arena = arena};
    const Import import = {"", arena, &diag};
    Imported imported;
    const bool is_good = import_bytes(&import, data, size, &imported);
    if (is_good == (diag.errors > 0)) abort();
    if (is_good) {
        Diag reading = {.arena = arena};
        const Model *model = model_read(arena, &reading, imported.description);
        if (!model == !reading.errors) abort();
    }
    arena_destroy(arena);
    return 0;
}

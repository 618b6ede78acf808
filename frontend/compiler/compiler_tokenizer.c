/* compiler_tokenizer.c - a model's tokenizer: its tables, kept in the cache from one time to the
 * next like compiled code. They are made again where the files that say what it is, those beside
 * them, or the program that made them have changed.
 */
#include "frontend/compiler/code_file.h"
#include "frontend/compiler/compiler.h"
#include "frontend/files/file_stamp.h"
#include "frontend/files/output_file.h"
#include "frontend/files/source_file.h"
#include "frontend/text/definition_read.h"
#include "frontend/text/tables_make.h"

#include <errno.h>
#include <string.h>

enum { KEY_ALIGNMENT = 16 }; /* of what follows the key in a file */

/* ---- which ---- */

static bool has_tokenizer(Thalweg *thalweg) {
    if (!compiler_described(thalweg)) return false;
    if (thalweg->model->tokenizer == TOKENIZER_file) return true;
    return diag_error(&thalweg->diag, (Loc){0}, "the model has no tokenizer for text");
}

static const char *tokenizer_path(const Thalweg *thalweg) {
    const char *file = thalweg->model->tokenizer_file, *directory = thalweg->directory;
    if (*file == '/' || !directory || !*directory) return file;
    return arena_printf(thalweg->arena, "%s/%s", directory, file);
}

/* ---- making ---- */

static bool make(Thalweg *thalweg, const char *path, Bytes *tables) {
    Arena *arena = arena_create();
    TextBuffer out = {0};
    const Diagnostic *last = thalweg->diag.last;
    const TextDefinition *definition = definition_read(path, arena, &thalweg->diag);
    const bool is_made = definition && tables_make(definition, &out, &thalweg->diag);
    if (is_made) {
        char *copy = ARENA_ARRAY(thalweg->arena, char, out.count);
        memcpy(copy, out.bytes, out.count);
        *tables = (Bytes){copy, out.count};
    }
    tw_text_buffer_free(&out);
    if (thalweg->diag.last == last || thalweg->definition)
        arena_destroy(arena);
    else
        thalweg->definition = arena; /* where what was reported may point to */
    return is_made;
}

/* ---- the cache ---- */

typedef struct {
    const char *folder; /* null: nothing is kept */
    const char *name;
    Bytes key;
} Place;

/* What is there and what is not, of all files that may be read. */
static const char *stamps(const char *path, Arena *arena) {
    static const char *const names[] = {
        "tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "config.json",
        "chat_template.jinja",   "tokenizer.json",          "tokenizer.model"};
    FileStamp stamp = {.text = ""};
    file_stamp_take("/proc/self/exe", &stamp);
    const char *all = arena_printf(arena, "tables %d\n%s\n", TEXT_TABLES_VERSION, stamp.text);
    if (!file_stamp_take(path, &stamp)) stamp.text[0] = '\0';
    all = arena_printf(arena, "%s%s %s\n", all, path, stamp.text);
    const char *folder = source_file_directory(path, arena);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *beside = arena_printf(arena, "%s%s%s", folder, *folder ? "/" : "", names[i]);
        if (!file_stamp_take(beside, &stamp)) stamp.text[0] = '\0';
        all = arena_printf(arena, "%s%s %s\n", all, names[i], stamp.text);
    }
    const int fill = KEY_ALIGNMENT - (int)(strlen(all) % KEY_ALIGNMENT);
    return arena_printf(arena, "%s%*s", all, fill, "");
}

static Place choose_place(Thalweg *thalweg, const char *name, const char *path) {
    Place place = {.folder = compiler_cache_directory(thalweg)};
    if (thalweg->options.no_code_cache || !place.folder) return (Place){0};
    const char *key = stamps(path, thalweg->arena);
    place.key = (Bytes){key, strlen(key)};
    place.name = code_file_name(name, place.key, thalweg->arena);
    return place;
}

static bool find(Thalweg *thalweg, Place *place, Bytes *tables) {
    const char *why = NULL;
    if (!place->folder) return false;
    switch (code_file_read(place->folder, place->name, place->key, thalweg->arena, tables, &why)) {
    case CODE_FILE_FOUND: return true;
    case CODE_FILE_MISSING: return false;
    case CODE_FILE_UNSAFE:
        compiler_warn_unsafe_file(thalweg, place->folder, place->name, why);
        return false;
    case CODE_FOLDER_UNSAFE:
        compiler_warn_unsafe_cache(thalweg, place->folder, why);
        place->folder = NULL;
        return false;
    }
    return false;
}

static void keep(Thalweg *thalweg, const Place *place, Bytes tables) {
    Diag diag = {.arena = thalweg->arena};
    if (!place->folder) return;
    if (compiler_make_cache(place->folder, &diag) &&
        code_file_write(place->folder, place->name, place->key, tables, &diag))
        code_files_trim(place->folder, CODE_FILES_MOST_BYTES);
    else
        compiler_warn_not_kept(thalweg, "the tokenizer's tables are not kept", diag.first->message);
}

/* ---- what others call ---- */

static bool open_tables(Thalweg *thalweg, Bytes tables) {
    const TwStatus status =
        tw_tokenizer_open_memory(tables.data, tables.count, &thalweg->tokenizer);
    if (status == TW_OK) thalweg->tables = tables;
    return status == TW_OK;
}

bool compiler_open_tokenizer(Thalweg *thalweg, const char *name, const char *path) {
    Bytes tables = {0};
    Place place = choose_place(thalweg, name, path);
    if (find(thalweg, &place, &tables) && open_tables(thalweg, tables)) return true;
    if (!make(thalweg, path, &tables)) return false;
    keep(thalweg, &place, tables);
    return open_tables(thalweg, tables) ||
           diag_error(&thalweg->diag, (Loc){0},
                      "'%s' became tables that cannot be opened, which is a bug of the compiler",
                      path);
}

bool compiler_tokenizer(Thalweg *thalweg) {
    if (thalweg->tokenizer) return true;
    return has_tokenizer(thalweg) &&
           compiler_open_tokenizer(thalweg, thalweg->model->name, tokenizer_path(thalweg));
}

bool compiler_write_tokenizer(Thalweg *thalweg, const char *path) {
    OutputFile file;
    if (!compiler_tokenizer(thalweg) || !output_file_open(&file, path, &thalweg->diag))
        return false;
    file.batch = thalweg->batch;
    const size_t count = thalweg->tables.count;
    if (fwrite(thalweg->tables.data, 1, count, file.stream) != count && !file.error)
        file.error = EIO;
    return output_file_close(&file, true, &thalweg->diag);
}

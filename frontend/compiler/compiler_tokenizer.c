/* compiler_tokenizer.c - a model's tokenizer: its tables, kept in the cache from one time to the
 * next like compiled code. They are made again where the files that say what it is, those beside
 * them, or the program that made them have changed.
 */
#include "frontend/compiler/compiler.h"
#include "frontend/compiler/kept_file.h"
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

/* What is there and what is not, of all files that may be read. */
static Bytes stamps(const char *path, Arena *arena) {
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
    const char *key = arena_printf(arena, "%s%*s", all, fill, "");
    return (Bytes){key, strlen(key)};
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
    KeptFile file = {0};
    if (kept_file_wanted(thalweg)) file = kept_file(thalweg, name, stamps(path, thalweg->arena));
    if (kept_file_find(thalweg, &file, &tables) && open_tables(thalweg, tables)) return true;
    if (!make(thalweg, path, &tables)) return false;
    kept_file_write(thalweg, &file, tables, "the tokenizer's tables are not kept");
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

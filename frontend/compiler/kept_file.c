#include "frontend/compiler/kept_file.h"

#include "frontend/compiler/code_file.h"

bool kept_file_wanted(Thalweg *thalweg) {
    return !thalweg->options.no_code_cache && compiler_cache_directory(thalweg);
}

KeptFile kept_file(Thalweg *thalweg, const char *name, Bytes key) {
    return (KeptFile){.folder = compiler_cache_directory(thalweg),
                      .name = code_file_name(name, key, thalweg->arena),
                      .key = key};
}

bool kept_file_find(Thalweg *thalweg, KeptFile *file, Bytes *contents) {
    const char *why = NULL;
    if (!file->folder) return false;
    switch (code_file_read(file->folder, file->name, file->key, thalweg->arena, contents, &why)) {
    case CODE_FILE_FOUND: return true;
    case CODE_FILE_MISSING: return false;
    case CODE_FILE_UNSAFE:
        compiler_warn_unsafe_file(thalweg, file->folder, file->name, why);
        return false;
    case CODE_FOLDER_UNSAFE:
        compiler_warn_unsafe_cache(thalweg, file->folder, why);
        file->folder = NULL;
        return false;
    }
    return false;
}

void kept_file_write(Thalweg *thalweg, const KeptFile *file, Bytes contents, const char *not_kept) {
    Diag diag = {.arena = thalweg->arena};
    if (!file->folder) return;
    if (compiler_make_cache(file->folder, &diag) &&
        code_file_write(file->folder, file->name, file->key, contents, &diag))
        code_files_trim(file->folder, CODE_FILES_MOST_BYTES);
    else
        compiler_warn_not_kept(thalweg, not_kept, diag.first->message);
}

/* code_file.h - files of compiled code that are kept for the next time.
 *
 *   0   magic, version, sizes of key and object, checksum of all else
 *   48  key: all that the object was made of and for
 *       object: as it is given to the loader
 *
 * What is in such a file is run. So it is used only if it belongs to this user, if nobody else can
 * write it or the folder that it is in, if it is whole, and if its key is, byte for byte, the one
 * that is asked for; all of that is settled before anything of the object is looked at.
 */
#ifndef FRONTEND_CODE_FILE_H
#define FRONTEND_CODE_FILE_H

#include "frontend/files/cache_folder.h"
#include "ir/bytes.h"
#include "ir/diag.h"

#define CODE_FILE_ENDING ".code"
#define CODE_FILE_MAGIC  "thalwegC" /* 8 bytes */
enum { CODE_FILE_VERSION = 1, CODE_FILE_HEADER = 48, CODE_FILES_MOST_BYTES = 256 << 20 };

extern const CacheKind code_file_kind;

typedef enum {
    CODE_FILE_FOUND,
    CODE_FILE_MISSING, /* there is none, it is damaged, or of another key */
    CODE_FILE_UNSAFE,  /* somebody else may have written it; a new one may take its place */
    CODE_FOLDER_UNSAFE /* somebody else can write into the folder: it is not to be used */
} CodeFileStatus;

/* <model>-<hash of the key>.code */
const char *code_file_name(const char *model, Bytes key, Arena *arena);

/* Looks for the object of a key. A file that is found counts as just used. `why`: for people, what
 * is not safe. */
CodeFileStatus code_file_read(const char *folder, const char *name, Bytes key, Arena *arena,
                              Bytes *object, const char **why);

/* Keeps an object, in a folder that is there. It appears whole or not at all. False: reported. */
bool code_file_write(const char *folder, const char *name, Bytes key, Bytes object, Diag *diag);

/* Removes files of code until all that are left have no more than `most` bytes, first those that
 * were used the longest ago, and what writers that were killed left behind. Of a folder's other
 * files none is touched, whatever they are called. */
void code_files_trim(const char *folder, int64_t most);

/* The object in the bytes of a file. False: they are not those of a whole file of this key. */
bool code_file_parse(Bytes file, Bytes key, Bytes *object);

#endif

/* folder_fixture.h - an arena, diagnostics and an empty folder, new for each test. */
#ifndef FOLDER_FIXTURE_H
#define FOLDER_FIXTURE_H

#include "tests/folder.h"
#include "tests/unit/arena_fixture.h"

static char folder[FOLDER_PATH];

static inline void make_folder(void) {
    make_arena();
    ck_assert(folder_make(folder));
}

static inline void drop_folder(void) {
    drop_arena();
    ck_assert(folder_remove(folder));
}

#endif

/* page_files.h - page.css and page.js, as the build puts them into the program. */
#ifndef FRONTEND_PAGE_FILES_H
#define FRONTEND_PAGE_FILES_H

#include <stddef.h>

extern const char page_style[]; /* end with a NUL that their lengths do not count */
extern const size_t page_style_length;
extern const char page_script[];
extern const size_t page_script_length;

#endif

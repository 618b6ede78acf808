/* template_library.h - template_library.jinja, as the build puts it into the program. */
#ifndef FRONTEND_TEMPLATE_LIBRARY_H
#define FRONTEND_TEMPLATE_LIBRARY_H

#include <stddef.h>

extern const char template_library[]; /* ends with a NUL that its length does not count */
extern const size_t template_library_length;

#endif

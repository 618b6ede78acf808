/* archive.h - what there is to know of a library of objects before it is linked. */
#ifndef FRONTEND_ARCHIVE_H
#define FRONTEND_ARCHIVE_H

/* The processors that the first object of an archive is for, as ELF numbers them; 0: there is no
 * object in it, or it is no archive. */
int archive_machine(const char *path);

#endif

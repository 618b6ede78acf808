/* commit.h - which commit of Thalweg's repository the program was built from, as the build found.
 */
#ifndef FRONTEND_COMMIT_H
#define FRONTEND_COMMIT_H

extern const char thalweg_commit[]; /* abbreviated; empty: sources without a repository */

#endif

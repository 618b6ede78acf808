/* spelling.h - "did you mean": the word of a list that somebody most likely meant. */
#ifndef IR_SPELLING_H
#define IR_SPELLING_H

/* The candidate with the fewest insertions, deletions, changes and swaps of neighbours, at most a
 * third of the longer word's letters (one in short words); null: none is near. */
const char *spelling_nearest(const char *word, const char *const *candidates, int count);

#endif

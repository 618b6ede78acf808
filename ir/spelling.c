#include "ir/spelling.h"

#include <stddef.h>
#include <string.h>

enum { LONGEST = 96 };

static int least(int a, int b) {
    return a < b ? a : b;
}

/* Optimal string alignment: the distance of Wagner and Fischer (1974) with swaps of neighbours. */
static int distance(const char *a, int a_length, const char *b, int b_length) {
    int rows[3][LONGEST + 1];
    for (int k = 0; k <= b_length; k++) rows[0][k] = k;
    for (int i = 1; i <= a_length; i++) {
        int *row = rows[i % 3];
        const int *above = rows[(i + 2) % 3], *second_above = rows[(i + 1) % 3];
        row[0] = i;
        for (int k = 1; k <= b_length; k++) {
            row[k] = above[k - 1] + (a[i - 1] != b[k - 1]);
            row[k] = least(row[k], least(above[k], row[k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[k] = least(row[k], second_above[k - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

const char *spelling_nearest(const char *word, const char *const *candidates, int count) {
    const size_t length = strlen(word);
    const char *nearest = NULL;
    int fewest = LONGEST;
    for (int i = 0; i < count && length <= LONGEST; i++) {
        const size_t other = strlen(candidates[i]);
        if (other > LONGEST) continue;
        const int edits = distance(word, (int)length, candidates[i], (int)other);
        const int longer = (int)(length > other ? length : other);
        const int allowed = longer < 6 ? 1 : longer / 3;
        if (edits >= fewest || edits > allowed || edits >= longer) continue;
        nearest = candidates[i];
        fewest = edits;
    }
    return nearest;
}

#include "codegen/emit/repeat.h"

enum { LONGEST = 256 };

static int count_times(RepeatIsEqual *is_equal, const void *context, int first, int count,
                       int length) {
    int same = first;
    while (same + length < count && is_equal(context, same, same + length)) same++;
    return (same - first) / length + 1;
}

Repeat repeat_find(RepeatIsEqual *is_equal, const void *context, int first, int count) {
    Repeat best = {1, 1};
    for (int length = 1; length <= LONGEST && first + length < count; length++) {
        const int times = count_times(is_equal, context, first, count, length);
        if (times > 1 && times * length > best.times * best.length) best = (Repeat){length, times};
    }
    return best;
}

#include "runtime/team_size.h"

enum {
    WINDOW_NANOSECONDS = 20000000, /* of runs before a decision: a short disturbance is none */
    TRY_EVERY = 20                 /* times what the failure took */
};

TeamSize tw_team_size_of(int most) {
    return (TeamSize){.most = most, .now = most};
}

static void begin_window(TeamSize *size) {
    size->wall = size->waited = 0;
}

int tw_team_size_choose(TeamSize *size, int64_t clock) {
    if (size->now < size->most && clock >= size->next_try) {
        size->now = size->now <= size->most / 2 ? 2 * size->now : size->most;
        begin_window(size);
    }
    return size->now;
}

void tw_team_size_note(TeamSize *size, int64_t clock, int64_t wall, int64_t waited) {
    size->wall += wall;
    size->waited += waited;
    if (size->wall < WINDOW_NANOSECONDS) return;
    if (size->now > 1 && size->waited > size->wall / 2) {
        size->now /= 2;
        size->next_try = clock + TRY_EVERY * size->wall;
    }
    begin_window(size);
}

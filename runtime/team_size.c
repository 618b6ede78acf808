#include "runtime/team_size.h"

enum {
    WINDOW = 8000000,   /* of runs before a decision: a short disturbance is none */
    DISTURBED = 2,      /* windows on end, for a trial: one may be a single disturbance, */
    LONG = 5 * WINDOW,  /* but not a run that is so long */
    PATIENCE = 20,      /* times what an attempt took until the next one */
    MOST_PATIENCE = 640 /* after several in vain */
};
static const double hopeless = 1.5; /* times the time before a trial: even fewer are no better */

TeamSize tw_team_size_of(int most) {
    return (TeamSize){.most = most, .now = most, .fewest = most, .patience = PATIENCE};
}

static void begin_window(TeamSize *size) {
    size->wall = size->waited = size->units = 0;
}

int tw_team_size_choose(TeamSize *size, int64_t clock) {
    if (size->now < size->most && !size->before && clock >= size->next_more) {
        size->now = size->now <= size->most / 2 ? 2 * size->now : size->most;
        size->next_more = clock + WINDOW;
        begin_window(size);
    }
    return size->now;
}

static void begin_trial(TeamSize *size, double unit) {
    size->took = size->wall;
    size->before = size->best = size->now;
    size->unit_before = size->unit_best = unit;
    size->now /= 2;
}

static void end_trial(TeamSize *size, int64_t clock) {
    size->now = size->best;
    if (size->best < size->before) {
        if (size->best < size->fewest) size->fewest = size->best;
        size->patience = PATIENCE;
        size->next_more = clock + PATIENCE * size->took;
    } else {
        size->next_fewer = clock + size->patience * size->took;
        if (size->patience < MOST_PATIENCE) size->patience *= 2;
    }
    size->before = 0;
}

static void go_on(TeamSize *size, int64_t clock, double unit) {
    size->took += size->wall;
    if (unit < size->unit_best) {
        size->unit_best = unit;
        size->best = size->now;
    }
    if (size->now > 1 && unit < hopeless * size->unit_before)
        size->now /= 2;
    else
        end_trial(size, clock);
}

static bool is_disturbed(const TeamSize *size) {
    return size->disturbed >= DISTURBED || (size->disturbed && size->wall >= LONG);
}

void tw_team_size_note(TeamSize *size, int64_t clock, int64_t wall, int64_t waited, int64_t units) {
    size->wall += wall;
    size->waited += waited;
    size->units += units;
    if (size->wall < WINDOW) return;
    const double unit = (double)size->wall / (double)size->units;
    size->disturbed = size->waited > size->wall / 2 ? size->disturbed + 1 : 0;
    if (size->before)
        go_on(size, clock, unit);
    else if (size->now > 1 && is_disturbed(size) && clock >= size->next_fewer)
        begin_trial(size, unit);
    begin_window(size);
}

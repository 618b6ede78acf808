/* test_team.c - a team runs its work on every thread, and its barrier keeps the phases apart. */
#include "runtime/abi.h"
#include "runtime/barrier.h"
#include "runtime/processors.h"
#include "runtime/team.h"
#include "runtime/team_size.h"
#include "tests/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int counts[] = {1, 2, 3, 8};
enum { COUNTS = sizeof counts / sizeof counts[0] };

/* Phases of work: everybody writes its slot, meets the others, reads all slots. Plain memory: a
 * barrier that lets one through too early is a data race as well as a wrong sum. */
typedef struct Phases {
    void *team;
    int64_t phases;
    int64_t threads; /* out, by thread 0 */
    int64_t slot[2][BARRIER_MAX_THREADS];
    atomic_int calls;
    atomic_int wrong;
    int64_t slow_thread; /* sleeps before each phase; -1: none */
} Phases;

static void sleep_a_millisecond(void) {
    struct timespec millisecond = {.tv_nsec = 1000000};
    nanosleep(&millisecond, NULL);
}

static int64_t value_of(int64_t phase, int64_t thread) {
    return phase * 1000 + thread * thread;
}

static void do_phases(void *context, int64_t thread, int64_t threads) {
    Phases *work = context;
    atomic_fetch_add(&work->calls, 1);
    if (thread == 0) work->threads = threads;
    for (int64_t phase = 0; phase < work->phases; phase++) {
        int64_t *slot = work->slot[phase % 2];
        if (thread == work->slow_thread) sleep_a_millisecond();
        slot[thread] = value_of(phase, thread);
        tw_team_barrier(work->team, thread);
        for (int64_t t = 0; t < threads; t++)
            if (slot[t] != value_of(phase, t)) atomic_fetch_add(&work->wrong, 1);
    }
}

static void run_phases(Team *team, int64_t phases, int64_t slow_thread) {
    Phases work = {.team = team, .phases = phases, .slow_thread = slow_thread};
    tw_team_run(team, do_phases, &work);
    ck_assert_int_eq(work.wrong, 0);
    ck_assert_int_eq(work.calls, work.threads);
    ck_assert_int_eq(work.threads, tw_team_threads(team));
}

START_TEST(work_runs_once_on_every_thread) {
    Team *team = tw_team_create(counts[_i]);
    ck_assert_ptr_nonnull(team);
    ck_assert_int_eq(tw_team_threads(team), counts[_i]);
    run_phases(team, 0, -1);
    tw_team_destroy(team);
}
END_TEST

START_TEST(barrier_keeps_thousands_of_phases_apart) {
    Team *team = tw_team_create(counts[_i]);
    run_phases(team, counts[_i] <= tw_processors_available() ? 20000 : 1000, -1);
    tw_team_destroy(team);
}
END_TEST

START_TEST(runs_follow_each_other) {
    Team *team = tw_team_create(counts[_i]);
    for (int run = 0; run < 200; run++) run_phases(team, run % 4, -1);
    tw_team_destroy(team);
}
END_TEST

START_TEST(waiting_threads_sleep_and_wake) {
    Team *team = tw_team_create(3);
    for (int slow = 0; slow < 3; slow++) run_phases(team, 30, slow);
    tw_team_destroy(team);
}
END_TEST

START_TEST(idle_team_wakes_up) {
    Team *team = tw_team_create(2);
    for (int run = 0; run < 20; run++) {
        run_phases(team, 2, -1);
        sleep_a_millisecond();
    }
    tw_team_destroy(team);
}
END_TEST

static void *run_own_team(void *wrong) {
    Team *team = tw_team_create(2);
    for (int run = 0; run < 20; run++) {
        Phases work = {.team = team, .phases = 50, .slow_thread = -1};
        tw_team_run(team, do_phases, &work);
        if (work.wrong != 0 || work.calls != 2) atomic_fetch_add((atomic_int *)wrong, 1);
    }
    tw_team_destroy(team);
    return NULL;
}

START_TEST(two_teams_run_at_once) {
    atomic_int wrong = 0;
    pthread_t other;
    ck_assert_int_eq(pthread_create(&other, NULL, run_own_team, &wrong), 0);
    run_own_team(&wrong);
    pthread_join(other, NULL);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(team_without_work_is_destroyed) {
    tw_team_destroy(tw_team_create(counts[_i]));
    tw_team_destroy(NULL);
}
END_TEST

START_TEST(impossible_numbers_of_threads_are_refused) {
    ck_assert_ptr_null(tw_team_create(0));
    ck_assert_ptr_null(tw_team_create(-1));
    ck_assert_ptr_null(tw_team_create(BARRIER_MAX_THREADS + 1));
}
END_TEST

START_TEST(barrier_of_one_or_none_returns_at_once) {
    tw_team_barrier(NULL, 0);
    Barrier *barrier = tw_barrier_create(1);
    tw_barrier_wait(barrier, 0);
    tw_barrier_destroy(barrier);
}
END_TEST

#ifdef _OPENMP
START_TEST(team_inside_of_a_parallel_region_gets_one_thread_and_is_whole_again_outside) {
    Team *team = tw_team_create(3);
    run_phases(team, 5, -1);
    Phases inside = {.team = team, .phases = 4, .slow_thread = -1};
#pragma omp parallel num_threads(2)
    {
#pragma omp single
        tw_team_run(team, do_phases, &inside);
    }
    ck_assert_int_eq(inside.wrong, 0);
    ck_assert_int_eq(inside.calls, inside.threads);
    for (int run = 0; run < 10; run++) run_phases(team, 5, -1);
    tw_team_destroy(team);
}
END_TEST
#endif

/* ---- the barrier by itself, with fewer threads than it has room for ---- */

typedef struct Walker {
    Barrier *barrier;
    int64_t thread, threads;
    int64_t *slot; /* [threads] */
    int wrong;
} Walker;

static void *walk(void *argument) {
    Walker *walker = argument;
    tw_barrier_join(walker->barrier, walker->thread, walker->threads);
    for (int64_t phase = 1; phase <= 300; phase++) {
        walker->slot[walker->thread] = phase;
        tw_barrier_wait(walker->barrier, walker->thread);
        for (int64_t t = 0; t < walker->threads; t++)
            if (walker->slot[t] != phase) walker->wrong++;
        tw_barrier_wait(walker->barrier, walker->thread);
    }
    return NULL;
}

static void walk_together(Barrier *barrier, int64_t threads) {
    int64_t slot[BARRIER_MAX_THREADS] = {0};
    Walker walker[BARRIER_MAX_THREADS];
    pthread_t handle[BARRIER_MAX_THREADS];
    for (int64_t t = 0; t < threads; t++) {
        walker[t] = (Walker){.barrier = barrier, .thread = t, .threads = threads, .slot = slot};
        ck_assert_int_eq(pthread_create(&handle[t], NULL, walk, &walker[t]), 0);
    }
    for (int64_t t = 0; t < threads; t++) {
        pthread_join(handle[t], NULL);
        ck_assert_int_eq(walker[t].wrong, 0);
    }
}

START_TEST(barrier_serves_changing_numbers_of_threads) {
    static const int64_t numbers[] = {7, 3, 1, 2, 5, 7};
    Barrier *barrier = tw_barrier_create(7);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        walk_together(barrier, numbers[i]);
        tw_barrier_reset(barrier);
    }
    tw_barrier_destroy(barrier);
}
END_TEST

/* ---- where no threads can be made ---- */

static bool forbid_threads(void) {
    const struct rlimit none = {1, 1};
    /* The limit does not hold for root. */
    return setrlimit(RLIMIT_NPROC, &none) == 0 && (getuid() != 0 || setuid(64999) == 0);
}

static bool runs_whole(Team *team) {
    Phases work = {.team = team, .phases = 3, .slow_thread = -1};
    tw_team_run(team, do_phases, &work);
    return work.wrong == 0 && work.calls == work.threads;
}

/* In a process of its own, which the OpenMP runtime would end. */
static void expect_in_child(bool (*is_fine)(void)) {
    int status = 0;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) _exit(is_fine() ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}

static bool makes_a_team_of_one(void) {
    if (!forbid_threads()) return false;
    Team *team = tw_team_create(4);
    return team && tw_team_threads(team) == 1 && runs_whole(team);
}

static bool runs_a_team_made_before(void) {
    Team *team = tw_team_create(4);
    return team && forbid_threads() && runs_whole(team) && runs_whole(team);
}

START_TEST(where_no_threads_can_be_made_a_team_has_one) {
    expect_in_child(makes_a_team_of_one);
}
END_TEST

START_TEST(threads_that_cannot_be_made_later_end_nobody) {
    expect_in_child(runs_a_team_made_before);
}
END_TEST

/* ---- fewer threads where waits dominate: what is measured is made up ---- */

enum { MILLISECOND = 1000000 };

/* Work of one unit takes thread 0 so long, and then it waits for so long. */
typedef struct {
    double work, wait; /* milliseconds */
} Cost;

/* For the number of threads that is the index. */
typedef struct {
    Cost cost[9];
} Machine;

static const Machine quiet = {
    {[1] = {8, 0}, [2] = {4, 1}, [3] = {3, 1}, [4] = {2, 1}, [6] = {1.5, 1}, [8] = {1, 0.9}}};

/* Thread 0 waits for time slices of others, of how many threads ever. */
static const Machine busy = {{[1] = {2, 0},
                              [2] = {1, 12},
                              [3] = {0.7, 13},
                              [4] = {0.5, 12},
                              [6] = {0.4, 13},
                              [8] = {0.3, 12}}};

/* A part is not divided: thread 0 waits for it, however many there are. */
static const Machine undivided = {
    {[1] = {12, 0}, [2] = {4, 6}, [3] = {3, 6}, [4] = {2, 6}, [6] = {1.5, 6}, [8] = {1, 6}}};

/* Runs until `seconds` have gone by. Returns the part of them that ran with `threads`. */
static double part_with(TeamSize *size, int64_t *clock, const Machine *machine, int threads,
                        double seconds) {
    double part = 0;
    for (const int64_t end = *clock + (int64_t)(1e9 * seconds); *clock < end;) {
        const int now = tw_team_size_choose(size, *clock);
        const Cost cost = machine->cost[now];
        const int64_t wall = (int64_t)(MILLISECOND * (cost.work + cost.wait));
        *clock += wall;
        if (now == threads) part += 1e-9 * (double)wall / seconds;
        tw_team_size_note(size, *clock, wall, (int64_t)(MILLISECOND * cost.wait), 1);
    }
    return part;
}

START_TEST(a_team_on_a_quiet_machine_stays_whole) {
    TeamSize size = tw_team_size_of(8);
    int64_t clock = 0;
    ck_assert_double_gt(part_with(&size, &clock, &quiet, 8, 100), 0.9999);
}
END_TEST

START_TEST(one_long_disturbance_leaves_a_team_whole) {
    TeamSize size = tw_team_size_of(2);
    int64_t clock = 0;
    part_with(&size, &clock, &quiet, 2, 0.1);
    tw_team_size_note(&size, clock, 30LL * MILLISECOND, 20LL * MILLISECOND, 1);
    ck_assert_double_gt(part_with(&size, &clock, &quiet, 2, 1), 0.9999);
}
END_TEST

START_TEST(one_short_disturbance_leaves_a_team_whole) {
    TeamSize size = tw_team_size_of(2);
    int64_t clock = 0;
    part_with(&size, &clock, &quiet, 2, 0.006);
    tw_team_size_note(&size, clock, 3LL * MILLISECOND, 3LL * MILLISECOND, 1);
    ck_assert_int_eq(tw_team_size_choose(&size, clock), 2);
}
END_TEST

START_TEST(a_team_whose_waits_dominate_goes_on_with_fewer_threads) {
    TeamSize size = tw_team_size_of(2);
    int64_t clock = 0;
    ck_assert_double_gt(part_with(&size, &clock, &busy, 1, 100), 0.9);
}
END_TEST

START_TEST(threads_are_halved_as_long_as_that_is_faster) {
    static const Machine three_are_free = {
        {[1] = {8, 0}, [2] = {4, 0.5}, [4] = {2, 30}, [8] = {1, 40}}};
    TeamSize size = tw_team_size_of(8);
    int64_t clock = 0;
    part_with(&size, &clock, &three_are_free, 2, 10);
    ck_assert_double_gt(part_with(&size, &clock, &three_are_free, 2, 100), 0.9);
}
END_TEST

START_TEST(one_long_run_begins_a_trial) {
    TeamSize size = tw_team_size_of(2);
    tw_team_size_note(&size, 100LL * MILLISECOND, 100LL * MILLISECOND, 90LL * MILLISECOND, 1);
    ck_assert_int_eq(tw_team_size_choose(&size, 100LL * MILLISECOND), 1);
}
END_TEST

START_TEST(a_team_is_whole_again_when_the_machine_is_quiet) {
    TeamSize size = tw_team_size_of(6);
    int64_t clock = 0;
    ck_assert_double_gt(part_with(&size, &clock, &busy, 1, 10), 0.8);
    part_with(&size, &clock, &quiet, 6, 5);
    ck_assert_int_eq(size.now, 6);
    ck_assert_double_gt(part_with(&size, &clock, &quiet, 6, 100), 0.9999);
}
END_TEST

START_TEST(work_that_cannot_be_divided_keeps_its_threads) {
    for (int threads = 2; threads <= 8; threads *= 2) {
        TeamSize size = tw_team_size_of(threads);
        int64_t clock = 0;
        part_with(&size, &clock, &undivided, threads, 60);
        ck_assert_double_gt(part_with(&size, &clock, &undivided, threads, 100), 0.99);
        part_with(&size, &clock, &busy, 1, 60); /* is noticed all the same */
        ck_assert_double_gt(part_with(&size, &clock, &busy, 1, 100), 0.9);
    }
}
END_TEST

START_TEST(a_team_that_waits_runs_with_one_thread_and_meets_nobody) {
    Team *team = tw_team_create(2);
    TeamSize size = tw_team_size_of(2);
    Phases work = {.team = team, .phases = 30, .slow_thread = 1};
    for (int run = 0; run < 100000000 && size.fewest > 1; run++)
        tw_team_run_adaptive(team, &size, 1, do_phases, &work);
    ck_assert_int_eq(work.wrong, 0);
    ck_assert_int_eq(tw_team_threads(team), 2);
    ck_assert_int_eq(size.fewest, 1);
    run_phases(team, 30, -1); /* who wants all threads has them */
    tw_team_destroy(team);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("team");
    TCase *tests = suite_case(suite, "team", NULL, NULL);
    tcase_add_loop_test(tests, work_runs_once_on_every_thread, 0, COUNTS);
    tcase_add_loop_test(tests, barrier_keeps_thousands_of_phases_apart, 0, COUNTS);
    tcase_add_loop_test(tests, runs_follow_each_other, 0, COUNTS);
    tcase_add_test(tests, waiting_threads_sleep_and_wake);
    tcase_add_test(tests, idle_team_wakes_up);
    tcase_add_test(tests, two_teams_run_at_once);
    tcase_add_loop_test(tests, team_without_work_is_destroyed, 0, COUNTS);
    tcase_add_test(tests, impossible_numbers_of_threads_are_refused);
    tcase_add_test(tests, barrier_of_one_or_none_returns_at_once);
#ifdef _OPENMP
    tcase_add_test(tests,
                   team_inside_of_a_parallel_region_gets_one_thread_and_is_whole_again_outside);
#endif
    tcase_add_test(tests, barrier_serves_changing_numbers_of_threads);
    tcase_add_test(tests, where_no_threads_can_be_made_a_team_has_one);
    tcase_add_test(tests, threads_that_cannot_be_made_later_end_nobody);
    tcase_add_test(tests, a_team_on_a_quiet_machine_stays_whole);
    tcase_add_test(tests, one_short_disturbance_leaves_a_team_whole);
    tcase_add_test(tests, one_long_disturbance_leaves_a_team_whole);
    tcase_add_test(tests, a_team_whose_waits_dominate_goes_on_with_fewer_threads);
    tcase_add_test(tests, threads_are_halved_as_long_as_that_is_faster);
    tcase_add_test(tests, one_long_run_begins_a_trial);
    tcase_add_test(tests, a_team_is_whole_again_when_the_machine_is_quiet);
    tcase_add_test(tests, work_that_cannot_be_divided_keeps_its_threads);
    tcase_add_test(tests, a_team_that_waits_runs_with_one_thread_and_meets_nobody);
    return suite_run(suite);
}

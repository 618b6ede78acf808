/* test_machine_memory.c - what memory is left, read from files as the kernel writes them. */
#include "frontend/compiler/machine_memory.h"
#include "tests/unit/proc_fixture.h"

#include <sys/resource.h>
#include <unistd.h>

static int64_t left(void) {
    return machine_memory(proc_self, proc_root).bytes;
}

static const char *who_says_so(void) {
    return machine_memory(proc_self, proc_root).limit;
}

static void be_in_version_2(const char *group) {
    write_file("self/mountinfo", "31 22 0:27 / /cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
    write_file("self/cgroup", group);
}

START_TEST(without_files_nothing_is_known) {
    ck_assert_int_eq(left(), INT64_MAX);
    write_file("self/cgroup", "0::/\n");
    write_file("meminfo", "MemTotal: 16 kB\nMemFree: 8 kB\n");
    ck_assert_int_eq(left(), INT64_MAX);
    write_file("meminfo", "MemAvailable: -8 kB\n");
    ck_assert_int_eq(left(), INT64_MAX);
    write_file("meminfo", "MemAvailable: 99999999999999999 kB\n");
    ck_assert_int_eq(left(), INT64_MAX);
}
END_TEST

START_TEST(the_machine_has_what_is_available) {
    write_file("self/cgroup", "0::/\n");
    write_file("meminfo", "MemTotal:       24689268 kB\nMemFree:        13116272 kB\n"
                          "MemAvailable:   23489456 kB\nBuffers:          345472 kB\n");
    ck_assert_int_eq(left(), INT64_C(23489456) * 1024);
    ck_assert_str_eq(who_says_so(), "in this machine");
}
END_TEST

/* What its files hold in memory can be dropped. */
START_TEST(a_group_of_version_2_has_what_it_does_not_use) {
    be_in_version_2("0::/a/job\n");
    write_file("cgroup/a/job/memory.max", "max\n");
    write_file("cgroup/a/job/memory.current", "700\n");
    ck_assert_int_eq(left(), INT64_MAX);
    write_file("cgroup/a/memory.max", "1000\n");
    write_file("cgroup/a/memory.current", "800\n");
    ck_assert_int_eq(left(), 200);
    write_file("cgroup/a/memory.stat", "anon 100\nfile 500\ninactive_file 300\nactive_file 150\n");
    ck_assert_int_eq(left(), 650);
    write_file("cgroup/a/job/memory.max", "900\n");
    ck_assert_int_eq(left(), 200);
    ck_assert_str_eq(who_says_so(), "in its control group");
    write_file("cgroup/a/job/memory.current", "901\n");
    ck_assert_int_eq(left(), 0);
}
END_TEST

START_TEST(a_group_of_version_1_counts_with_those_in_it) {
    write_file("self/mountinfo", "30 22 0:25 / /cgroup/memory rw - cgroup cgroup rw,memory\n");
    write_file("self/cgroup", "5:memory:/job\n4:cpu:/other\n");
    write_file("cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
    write_file("cgroup/memory/job/memory.usage_in_bytes", "0\n");
    write_file("meminfo", "MemAvailable: 1 kB\n");
    ck_assert_int_eq(left(), 1024);
    write_file("cgroup/memory/job/memory.limit_in_bytes", "900\n");
    write_file("cgroup/memory/job/memory.usage_in_bytes", "600\n");
    write_file("cgroup/memory/job/memory.stat",
               "inactive_file 1\nactive_file 1\ntotal_inactive_file 400\ntotal_active_file 500\n");
    ck_assert_int_eq(left(), 900);
    write_file("cgroup/memory/job/memory.stat", "total_inactive_file x\ntotal_active_file 50\n");
    ck_assert_int_eq(left(), 350);
}
END_TEST

START_TEST(nonsense_limits_nothing) {
    static const char *const texts[] = {"",     "\n", "-1\n", "1e9\n", "99999999999999999999\n",
                                        "7 7\n"};
    be_in_version_2("0::/\n");
    write_file("cgroup/memory.current", "1\n");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file("cgroup/memory.max", texts[i]);
        ck_assert_int_eq(left(), INT64_MAX);
    }
}
END_TEST

/* More than a sanitizer takes. */
START_TEST(addresses_may_be_limited) {
    const int64_t page = sysconf(_SC_PAGESIZE);
    struct rlimit limit;
    char pages[64];
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = (rlim_t)1 << 50;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    snprintf(pages, sizeof pages, "%lld 17 3 1 0 2 0\n", (1LL << 50) / (long long)page - 3);
    write_file("self/statm", pages);
    ck_assert_int_eq(left(), 3 * page);
    ck_assert_str_eq(who_says_so(), "below the limit of addresses (ulimit -v)");
}
END_TEST

START_TEST(this_machine_has_some) {
    const MachineMemory memory = machine_memory("/proc/self", "");
    ck_assert_int_gt(memory.bytes, 0);
    ck_assert_int_lt(memory.bytes, INT64_MAX);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("machine_memory");
    TCase *tests = suite_case(suite, "machine_memory", make_proc, drop_proc);
    tcase_add_test(tests, without_files_nothing_is_known);
    tcase_add_test(tests, the_machine_has_what_is_available);
    tcase_add_test(tests, a_group_of_version_2_has_what_it_does_not_use);
    tcase_add_test(tests, a_group_of_version_1_counts_with_those_in_it);
    tcase_add_test(tests, nonsense_limits_nothing);
    tcase_add_test(tests, addresses_may_be_limited);
    tcase_add_test(tests, this_machine_has_some);
    return suite_run(suite);
}

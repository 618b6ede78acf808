/* test_cpu_quota.c - the quota of control groups, read from files as the kernel writes them. */
#include "runtime/cpu_quota.h"
#include "runtime/processors.h"
#include "tests/unit/proc_fixture.h"

#include <limits.h>

static void be_in(const char *mountinfo, const char *cgroup) {
    write_file("self/mountinfo", mountinfo);
    write_file("self/cgroup", cgroup);
}

static int quota(void) {
    return tw_cpu_quota(proc_self, proc_root);
}

static const char version_2[] =
    "22 1 252:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
    "31 22 0:27 / /cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
static const char version_1[] =
    "30 22 0:25 / /cgroup/memory rw shared:8 - cgroup cgroup rw,memory\n"
    "33 22 0:29 / /cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct\n";

START_TEST(without_files_there_is_no_quota) {
    ck_assert_int_eq(quota(), INT_MAX);
    be_in(version_2, "0::/job\n");
    ck_assert_int_eq(quota(), INT_MAX);
}
END_TEST

START_TEST(a_quota_of_version_2_is_rounded_up) {
    be_in(version_2, "0::/job\n");
    write_file("cgroup/job/cpu.max", "150000 100000\n");
    ck_assert_int_eq(quota(), 2);
    write_file("cgroup/job/cpu.max", "300000 100000\n");
    ck_assert_int_eq(quota(), 3);
    write_file("cgroup/job/cpu.max", "1000 100000\n");
    ck_assert_int_eq(quota(), 1);
    write_file("cgroup/job/cpu.max", "max 100000\n");
    ck_assert_int_eq(quota(), INT_MAX);
}
END_TEST

START_TEST(the_least_quota_up_the_hierarchy_counts) {
    be_in(version_2, "0::/a/b/c\n");
    write_file("cgroup/a/b/c/cpu.max", "400000 100000\n");
    write_file("cgroup/a/b/cpu.max", "max 100000\n");
    write_file("cgroup/a/cpu.max", "100000 50000\n");
    ck_assert_int_eq(quota(), 2);
    write_file("cgroup/a/b/c/cpu.max", "100000 100000\n");
    ck_assert_int_eq(quota(), 1);
}
END_TEST

START_TEST(the_top_of_a_container_counts) {
    write_file("cgroup/cpu.max", "200000 100000\n");
    be_in(version_2, "0::/\n");
    ck_assert_int_eq(quota(), 2);
    be_in("31 22 0:27 /docker/1f /cgroup rw - cgroup2 cgroup2 rw\n", "0::/docker/1f\n");
    ck_assert_int_eq(quota(), 2);
    be_in("31 22 0:27 /docker/1f /cgroup rw - cgroup2 cgroup2 rw\n", "0::/docker/1f/job\n");
    write_file("cgroup/job/cpu.max", "100000 100000\n");
    ck_assert_int_eq(quota(), 1);
    be_in(version_2, "0::/../outside\n"); /* of the namespace */
    ck_assert_int_eq(quota(), 2);
}
END_TEST

START_TEST(a_quota_of_version_1_is_of_the_group_of_cpu) {
    be_in(version_1, "5:memory:/other\n4:cpu,cpuacct:/a/job\n0::/unified\n");
    write_file("cgroup/cpu,cpuacct/a/job/cpu.cfs_quota_us", "-1\n");
    write_file("cgroup/cpu,cpuacct/a/job/cpu.cfs_period_us", "100000\n");
    ck_assert_int_eq(quota(), INT_MAX);
    write_file("cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n");
    ck_assert_int_eq(quota(), INT_MAX); /* of no period */
    write_file("cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    ck_assert_int_eq(quota(), 3);
}
END_TEST

START_TEST(nonsense_is_no_quota) {
    static const char *const texts[] = {"",
                                        "\n",
                                        "100000\n",
                                        "100000 0\n",
                                        "0 100000\n",
                                        "-1 100000\n",
                                        "1e5 100000\n",
                                        "100000 x\n",
                                        "99999999999999999999 1\n",
                                        "100000 100000 7\n",
                                        "100000  \n"};
    be_in(version_2, "0::/job\n");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_file("cgroup/job/cpu.max", texts[i]);
        ck_assert_int_eq(quota(), INT_MAX);
    }
}
END_TEST

START_TEST(broken_lists_are_no_quota) {
    static const char *const lists[] = {"", "\n", "0\n", "0:\n", "0::", "::::\n", "0::\n - \n"};
    char *line = malloc(100001);
    memset(line, 'x', 100000);
    line[100000] = 0;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        be_in(version_2, lists[i]);
        ck_assert_int_eq(quota(), INT_MAX);
        be_in(lists[i], "0::/job\n");
        ck_assert_int_eq(quota(), INT_MAX);
    }
    be_in(line, line);
    ck_assert_int_eq(quota(), INT_MAX);
    memcpy(line, "0::/", 4);
    be_in(version_2, line);
    ck_assert_int_eq(quota(), INT_MAX);
    free(line);
}
END_TEST

START_TEST(a_long_line_hides_none_behind_it) {
    char *text = malloc(8192);
    memset(text, 'x', 5000);
    snprintf(text + 5000, 3000, "\n%s", version_2);
    be_in(text, "0::/job\n");
    write_file("cgroup/job/cpu.max", "100000 100000\n");
    ck_assert_int_eq(quota(), 1);
    free(text);
}
END_TEST

START_TEST(some_processor_is_available) {
    ck_assert_int_ge(tw_processors_available(), 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cpu_quota");
    TCase *tests = suite_case(suite, "cpu_quota", make_proc, drop_proc);
    tcase_add_test(tests, without_files_there_is_no_quota);
    tcase_add_test(tests, a_quota_of_version_2_is_rounded_up);
    tcase_add_test(tests, the_least_quota_up_the_hierarchy_counts);
    tcase_add_test(tests, the_top_of_a_container_counts);
    tcase_add_test(tests, a_quota_of_version_1_is_of_the_group_of_cpu);
    tcase_add_test(tests, nonsense_is_no_quota);
    tcase_add_test(tests, broken_lists_are_no_quota);
    tcase_add_test(tests, a_long_line_hides_none_behind_it);
    tcase_add_test(tests, some_processor_is_available);
    return suite_run(suite);
}

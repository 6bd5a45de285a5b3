/* Cores a rank may use, quotas of made-up cgroups, launchers by their variables. */
#include "support.h"

#include <sched.h>
#include <sys/stat.h>

#include "base/host.h"
#include "command/launcher.h"

static char root[256];

static void put(const char *name, const char *text)
{
    char path[600], command[700];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    (void)snprintf(command, sizeof command, "mkdir -p \"$(dirname '%s')\"", path);
    assert_int_equal(system(command), 0);
    write_all(path, text);
}

static void assert_quota(double want)
{
    double quota = hoop__cgroup_quota(root);
    if (quota != want) fail_msg("quota %g, not %g", quota, want);
}

static void quotas_of_cgroups_v2(void **state)
{
    (void)state;
    enter_folder(root);
    assert_quota(0); /* no /proc at all */
    put("proc/self/cgroup", "0::/user/job\n");
    put("proc/self/mountinfo", "30 23 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
    assert_quota(0);
    put("sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
    assert_quota(0);
    put("sys/fs/cgroup/user/job/cpu.max", "350000 100000\n");
    assert_quota(3.5);
    put("sys/fs/cgroup/user/cpu.max", "200000 100000\n"); /* the group above is tighter */
    assert_quota(2);
    put("sys/fs/cgroup/user/cpu.max", "rubbish\n");
    assert_quota(3.5);
    leave_folder(root);
    /* a container without a cgroup namespace: the mount shows its part, the group is named from the host's root */
    enter_folder(root);
    put("proc/self/cgroup", "0::/docker/abc/inner\n");
    put("proc/self/mountinfo", "30 23 0:27 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    put("sys/fs/cgroup/cpu.max", "150000 100000\n");
    assert_quota(1.5);
    put("sys/fs/cgroup/inner/cpu.max", "50000 100000\n");
    assert_quota(0.5);
    leave_folder(root);
}

static void quotas_of_cgroups_v1(void **state)
{
    (void)state;
    enter_folder(root);
    put("proc/self/cgroup", "9:memory:/a\n4:cpu,cpuacct:/docker/x\n3:cpuset:/\n0::/\n");
    put("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
                               "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                               "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                               "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    put("sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n");
    assert_quota(0);
    put("sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "400000\n");
    assert_quota(4);
    put("sys/fs/cgroup/unified/cpu.max", "100000 100000\n");
    assert_quota(1);
    leave_folder(root);
}

static void mark(hoop__cpus *c, const char *host, int from, int to, double quota)
{
    memset(c, 0, sizeof *c);
    (void)snprintf(c->host, sizeof c->host, "%s", host);
    c->quota = quota;
    for (int i = from; i < to; i++) c->mask[i / 8] = (uint8_t)(c->mask[i / 8] | 1U << i % 8);
}

static void ranks_share_the_cores_of_a_host(void **state)
{
    (void)state;
    hoop__cpus all[4];
    int        who = -1;
    mark(&all[0], "a", 0, 16, 0);
    assert_int_equal(hoop__cpus_share(&all[0], 1, 0), 16);
    for (int i = 1; i < 4; i++) mark(&all[i], i < 3 ? "a" : "b", 0, 16, 0);
    assert_int_equal(hoop__cpus_share(all, 4, 0), 5); /* three unbound ranks on a */
    assert_int_equal(hoop__cpus_share(all, 4, 3), 16);
    assert_int_equal(hoop__cpus_least(all, 4, &who), 5);
    assert_int_equal(who, 0);
    mark(&all[3], "b", 0, 3, 0);
    assert_int_equal(hoop__cpus_least(all, 4, &who), 3);
    assert_int_equal(who, 3);
    for (int i = 0; i < 3; i++) mark(&all[i], "a", 4 * i, 4 * i + 4, 0);
    assert_int_equal(hoop__cpus_share(all, 4, 1), 4); /* bound to cores of their own */
    for (int i = 0; i < 3; i++) mark(&all[i], "a", 4 * i, 4 * i + 4, 7.5);
    assert_int_equal(hoop__cpus_share(all, 4, 1), 2); /* but 7.5 cores' time for all three */
    for (int i = 0; i < 3; i++) mark(&all[i], "a", 0, 1, 0.5);
    assert_int_equal(hoop__cpus_share(all, 4, 1), 1);
    mark(&all[0], "a", 0, 0, 0);
    assert_int_equal(hoop__cpus_share(&all[0], 1, 0), 1);
    mark(&all[0], "a", 8000, 8192, 0);
    assert_int_equal(hoop__cpus_share(&all[0], 1, 0), 192);
}

/* Processors of one core count once, whichever of them may be run on. */
static void cores_are_told_from_processors(void **state)
{
    static const char *const siblings[] = {"0,4\n", "1,5\n", "2,6\n", "3,7\n"};
    hoop__cpus               cpus;
    char                     name[100];
    (void)state;
    enter_folder(root);
    mark(&cpus, "a", 0, 8, 0);
    assert_int_equal(hoop__cpus_cores(&cpus, root), 8); /* no /sys */
    for (int c = 0; c < 8; c++) {
        (void)snprintf(name, sizeof name, "sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", c);
        put(name, siblings[c % 4]);
    }
    assert_int_equal(hoop__cpus_cores(&cpus, root), 4);
    mark(&cpus, "a", 3, 8, 0);
    assert_int_equal(hoop__cpus_cores(&cpus, root), 4);
    mark(&cpus, "a", 5, 7, 0);
    assert_int_equal(hoop__cpus_cores(&cpus, root), 2);
    mark(&cpus, "a", 0, 8, 3.5);
    assert_int_equal(hoop__cpus_cores(&cpus, root), 3);
    mark(&cpus, "a", 0, 0, 0);
    assert_int_equal(hoop__cpus_cores(&cpus, root), 1);
    put("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1\n");
    put("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "0-1\n");
    mark(&cpus, "a", 0, 2, 0);
    assert_int_equal(hoop__cpus_cores(&cpus, root), 1);
    leave_folder(root);
}

static void this_process_has_cores(void **state)
{
    (void)state;
    hoop__cpus cpus;
    cpu_set_t  before, one;
    hoop__cpus_find(&cpus);
    assert_true(cpus.host[0] != '\0');
    assert_in_range(hoop__cpus_share(&cpus, 1, 0), 1, sysconf(_SC_NPROCESSORS_CONF));
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (size_t c = 0; c < CPU_SETSIZE && CPU_COUNT(&one) == 0; c++) {
        if (CPU_ISSET(c, &before)) CPU_SET(c, &one);
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    hoop__cpus_find(&cpus);
    assert_int_equal(hoop__cpus_share(&cpus, 1, 0), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

/* how many ranks there is room for, as schedulers say it */
static void jobs_say_their_size(void **state)
{
    static const char *const names[] = {"SLURM_NTASKS", "PBS_NP", "LSB_DJOB_NUMPROC", "WORLD_SIZE", "PBS_NODEFILE"};
    const char              *variable;
    char                     path[400];
    (void)state;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) (void)unsetenv(names[n]);
    assert_int_equal(hoop__launcher_given(&variable), 0);
    for (int n = 0; n < 4; n++) {
        (void)setenv(names[n], n == 0 ? "4" : "6", 1);
        assert_int_equal(hoop__launcher_given(&variable), n == 0 ? 4 : 6);
        assert_string_equal(variable, names[n]);
        (void)setenv(names[n], "some", 1);
        assert_int_equal(hoop__launcher_given(&variable), 0);
        (void)unsetenv(names[n]);
    }
    put("nodes", "node1\nnode1\nnode2\n");
    (void)snprintf(path, sizeof path, "%s/nodes", root);
    (void)setenv("PBS_NODEFILE", path, 1);
    assert_int_equal(hoop__launcher_given(&variable), 3);
    assert_string_equal(variable, "PBS_NODEFILE");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(hoop__launcher_given(&variable), 0);
    (void)unsetenv("PBS_NODEFILE");
}

static void launchers_are_told_by_their_variables(void **state)
{
    (void)state;
    static const struct {
        const char *set[6]; /* NAME, VALUE, ... */
        const char *name;
        int64_t     size, rank;
        bool        needs_mpi;
        const char *alone; /* the error when MPI then sees one rank */
    } cases[] = {
        {{NULL}, NULL, 1, 0, false, NULL},
        {{"OMPI_COMM_WORLD_SIZE", "4", "OMPI_COMM_WORLD_RANK", "2", "SLURM_STEP_NUM_TASKS", "9"},
         "Open MPI",
         4,
         2,
         true,
         "Open MPI's mpirun started 4 ranks (OMPI_COMM_WORLD_SIZE)"},
        {{"OMPI_COMM_WORLD_SIZE", "1", "OMPI_COMM_WORLD_RANK", "0"}, "Open MPI", 1, 0, false, NULL},
        {{"PMI_SIZE", "4", "PMI_RANK", "3"}, "MPICH", 4, 3, true, "(PMI_SIZE), but MPI sees only this one"},
        {{"PMI_RANK", "3"}, "PMI", -1, 3, true, "as rank 3 (PMI_RANK)"},
        {{"PMIX_RANK", "0", "PMIX_NAMESPACE", "x"}, "PMIx", -1, 0, true, NULL},
        {{"SLURM_NTASKS", "8", "SLURM_PROCID", "0"}, NULL, 1, 0, false, NULL}, /* a batch script */
        {{"SLURM_STEP_NUM_TASKS", "8", "SLURM_PROCID", "5"}, "srun", 8, 5, true, "srun started 8 ranks"},
        {{"PMI_SIZE", "many", "OMPI_COMM_WORLD_SIZE", ""}, NULL, 1, 0, false, NULL},
    };
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE",
                                        "OMPI_COMM_WORLD_RANK",
                                        "PMI_SIZE",
                                        "PMI_RANK",
                                        "PMIX_RANK",
                                        "PMIX_NAMESPACE",
                                        "SLURM_NTASKS",
                                        "SLURM_PROCID",
                                        "SLURM_STEP_NUM_TASKS",
                                        "MV2_COMM_WORLD_SIZE",
                                        "JSM_NAMESPACE_SIZE",
                                        "FLUX_JOB_SIZE",
                                        "PALS_RANKID"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t n = 0; n < sizeof names / sizeof *names; n++) (void)unsetenv(names[n]);
        for (int k = 0; k < 6 && cases[i].set[k] != NULL; k += 2) (void)setenv(cases[i].set[k], cases[i].set[k + 1], 1);
        hoop__launcher launcher = hoop__launcher_find();
        assert_int_equal(launcher.name == NULL, cases[i].name == NULL);
        if (launcher.name != NULL) assert_non_null(strstr(launcher.name, cases[i].name));
        assert_true(launcher.size == cases[i].size && launcher.rank == cases[i].rank);
        assert_int_equal(hoop__launcher_needs_mpi(&launcher), cases[i].needs_mpi);
        assert_int_equal(hoop__launcher_speaks(&launcher), cases[i].rank <= 0);
        if (cases[i].alone == NULL) {
            assert_ok(hoop__launcher_check(&launcher, 1, &err));
        } else {
            assert_fails(HOOP_ECOMM, cases[i].alone, hoop__launcher_check(&launcher, 1, &err));
        }
        assert_ok(hoop__launcher_check(&launcher, 4, &err));
    }
}

static void bindings_of_openmp(void **state)
{
    (void)state;
    (void)unsetenv("OMP_PROC_BIND");
    (void)unsetenv("OMP_PLACES");
    (void)unsetenv("GOMP_CPU_AFFINITY");
    assert_null(hoop__cpus_bound_by());
    (void)setenv("GOMP_CPU_AFFINITY", "0-1", 1);
    assert_string_equal(hoop__cpus_bound_by(), "GOMP_CPU_AFFINITY");
    (void)setenv("OMP_PLACES", "cores", 1);
    assert_string_equal(hoop__cpus_bound_by(), "OMP_PLACES");
    (void)setenv("OMP_PROC_BIND", "close", 1);
    assert_string_equal(hoop__cpus_bound_by(), "OMP_PROC_BIND");
    (void)setenv("OMP_PROC_BIND", "FALSE", 1);
    assert_null(hoop__cpus_bound_by());
}

static void threads_as_other_programs_have_them(void **state)
{
    static const struct {
        const char *value;
        int64_t     want;
    } cases[] = {{"4", 4},   {"4,2", 4}, {" 3 ", 3},  {"1024", 1024}, {"", 0},
                 {"  ", 0},  {"0", -1},  {"-2", -1},  {"1025", -1},   {"x", -1},
                 {",2", -1}, {"4x", -1}, {"4 2", -1}, {"1.5", -1},    {"99999999999999999999", -1}};
    (void)state;
    (void)unsetenv("OMP_NUM_THREADS");
    assert_int_equal(hoop__cpus_asked_for(), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)setenv("OMP_NUM_THREADS", cases[i].value, 1);
        assert_int_equal(hoop__cpus_asked_for(), cases[i].want);
    }
    (void)unsetenv("OMP_NUM_THREADS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_of_cgroups_v2),
        cmocka_unit_test(quotas_of_cgroups_v1),
        cmocka_unit_test(ranks_share_the_cores_of_a_host),
        cmocka_unit_test(cores_are_told_from_processors),
        cmocka_unit_test(this_process_has_cores),
        cmocka_unit_test(jobs_say_their_size),
        cmocka_unit_test(launchers_are_told_by_their_variables),
        cmocka_unit_test(bindings_of_openmp),
        cmocka_unit_test(threads_as_other_programs_have_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* hoop launch: hosts, command lines, and what the end of a job means. */
#include "support.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/launch.h"
#include "command/launch_process.h"

static hoop_error err;

static void parses(const char *text, int n, const char *last_name, int last_slots)
{
    launch_hosts h = {0};
    memset(&err, 0, sizeof err);
    if (launch_hosts_parse(text, &err, &h) != HOOP_OK) fail_msg("%s: %s", text, err.text);
    assert_int_equal(h.n, n);
    assert_string_equal(h.list[n - 1].name, last_name);
    assert_int_equal(h.list[n - 1].slots, last_slots);
    launch_hosts_free(&h);
}

static void refuses(const char *text, const char *word)
{
    launch_hosts h = {0};
    memset(&err, 0, sizeof err);
    assert_int_not_equal(launch_hosts_parse(text, &err, &h), HOOP_OK);
    if (strstr(err.text, word) == NULL) fail_msg("%s: no '%s' in: %s", text, word, err.text);
    launch_hosts_free(&h);
}

static void hosts_are_read(void **state)
{
    static const char file[] = "# two racks\nnode1 slots=4\nnode2:8  # MPICH's\n\nnode3 slots=2 max_slots=2\n",
                      bad[]  = "a\nb slots=x\n";
    char comment[3000];
    (void)state;
    parses("a", 1, "a", 0);
    parses("a,b:4", 2, "b", 4);
    parses("10.0.0.1:16", 1, "10.0.0.1", 16);
    store("hosts.txt", file, (int64_t)sizeof file - 1);
    parses("hosts.txt", 3, "node3", 2);
    store("dos.txt", "node1 slots=4\r\nnode2\r\n", 23); /* of another system */
    parses("dos.txt", 2, "node2", 0);
    memset(comment, 'x', sizeof comment);
    memcpy(comment, "node1 #", 7);
    store("long.txt", comment, (int64_t)sizeof comment);
    parses("long.txt", 1, "node1", 0);
    store("bad.txt", bad, (int64_t)sizeof bad - 1);
    refuses("bad.txt", "bad.txt:2: 'slots=x'");
    store("none.txt", "# none\n", 7);
    refuses("none.txt", "names no host");
    refuses("./nowhere.txt", "nowhere.txt");
    refuses("a:", "'a:' is no host");
    refuses("a:0", "'a:0' is no host");
    refuses(",", "names no host");
    refuses("-oProxyCommand=x", "is no host");
    refuses("a,b,a", "a is named twice");
}

/* It need not be asked, and may have no sshd: by any of its names and addresses. */
static void this_host_is_known(void **state)
{
    char            own[256] = "", text[800], address[64] = "127.0.0.1";
    struct ifaddrs *all = NULL;
    launch_hosts    h   = {0};
    (void)state;
    assert_int_equal(gethostname(own, sizeof own - 1), 0);
    own[strcspn(own, ".")] = '\0';
    assert_int_equal(getifaddrs(&all), 0);
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
        if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET)
            assert_non_null(inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr, address, 64));
    freeifaddrs(all);
    (void)snprintf(text, sizeof text, "localhost,%s,%s.example.org,%s,192.0.2.1,%sx", own, own, address, own);
    assert_int_equal(launch_hosts_parse(text, &err, &h), HOOP_OK);
    for (int i = 0; i < 6; i++)
        if (h.list[i].here != (i < 4)) fail_msg("%s: here %d", h.list[i].name, h.list[i].here);
    launch_hosts_free(&h);
}

/* All are asked at once, by whatever the agent is; who says no number does not answer. */
static void hosts_are_asked(void **state)
{
    static const char agent[] = "#!/bin/sh\ncase $1 in good) echo 12 ;; two) printf '12\\n6\\n' ;; slow) exec sleep 60 ;; shut) "
                                "exec sleep 60 >&- ;; odd) "
                                "echo hello ;; *) exit 255 ;; esac\n";
    launch_hosts      h       = {0};
    (void)state;
    store("agent", agent, (int64_t)sizeof agent - 1);
    assert_int_equal(shell("chmod +x agent"), 0);
    assert_int_equal(launch_hosts_parse("localhost:3,good,slow,odd,dead:4,good2,shut,two", &err, &h), HOOP_OK);
    assert_true(h.list[0].here);
    assert_int_equal(launch_hosts_ask(&h, "./agent", 1.0, &err), HOOP_OK);
    assert_false(h.list[0].silent);
    assert_false(h.list[1].silent);
    assert_int_equal(h.list[1].cores, 12);
    for (int i = 2; i < 7; i++) assert_true(h.list[i].silent);
    assert_int_equal(h.list[7].cores, 6); /* of two processors each */
    assert_int_equal(launch_hosts_room(&h), 21);
    launch_hosts_free(&h);
}

static void line_is(launch_plan p, const char *hosts, const char *silent, const char *want)
{
    launch_hosts h     = {0};
    launch_words words = {0};
    char        *text;
    if (hosts != NULL) assert_int_equal(launch_hosts_parse(hosts, &err, &h), HOOP_OK);
    for (int i = 0; i < h.n; i++) {
        h.list[i].cores  = 8;
        h.list[i].silent = silent != NULL && strcmp(h.list[i].name, silent) == 0;
    }
    p.hosts = &h;
    if (p.network == NULL) p.network = "";
    launch_line(&p, &words);
    launch_words_add(&words, "hoop");
    launch_words_add(&words, "a b's");
    text = launch_words_text(&words);
    assert_non_null(text);
    assert_string_equal(text, want);
    free(text);
    launch_words_free(&words);
    launch_hosts_free(&h);
}

#define TAIL " hoop 'a b'\\''s'"
#define AT_ONCE " --mca odls_base_sigkill_timeout 0"

static void lines_say_all(void **state)
{
    const launch_plan ompi = {.kind = LAUNCH_OPEN_MPI, .major = 4, .program = "mpirun", .ranks = 4, .cores = 8};
    launch_plan       p    = ompi;
    (void)state;
    line_is(p, NULL, NULL, "mpirun -n 4 --map-by slot:PE=2 --bind-to core" AT_ONCE TAIL);
    p.ranks = 9;
    p.root  = true;
    line_is(p, NULL, NULL,
            "mpirun -n 9 --allow-run-as-root --oversubscribe --mca mpi_yield_when_idle 1 --bind-to none" AT_ONCE TAIL);
    p.bound = true;
    line_is(p, NULL, NULL, "mpirun -n 9 --allow-run-as-root --oversubscribe --mca mpi_yield_when_idle 1" AT_ONCE TAIL);
    p         = ompi;
    p.network = "10.0.0.0/24";
    line_is(p, "a:4,b:2", NULL,
            "mpirun -n 4 --host a:4,b:2 --map-by slot:PE=2 --bind-to core --mca btl_tcp_if_include 10.0.0.0/24 --mca "
            "oob_tcp_if_include 10.0.0.0/24" AT_ONCE TAIL);
    p.network = "";
    line_is(p, "a:4,b:2,c", "a", "mpirun -n 4 --host b:2,c:8 --map-by slot:PE=1 --bind-to core" AT_ONCE TAIL);
    line_is(p, "localhost:4,b:2", "b", "mpirun -n 4 --map-by slot:PE=2 --bind-to core" AT_ONCE TAIL); /* alone again */
    p.major = 5;
    line_is(p, NULL, NULL, "mpirun -n 4 --map-by slot:PE=2 --bind-to core" TAIL);
    p      = ompi;
    p.kind = LAUNCH_HYDRA;
    line_is(p, "a:4,b:4", NULL, "mpirun -n 4 -hosts a:4,b:4 -bind-to core:2" TAIL);
    p.ranks = 9;
    line_is(p, NULL, NULL, "mpirun -n 9" TAIL);
    p         = ompi;
    p.kind    = LAUNCH_SRUN;
    p.program = "srun";
    line_is(p, "a:4,b:4", "b", "srun -n 4 --mpi=pmix --kill-on-bad-exit=1 --nodelist=a" TAIL);
    p.per_task = 2;
    line_is(p, NULL, NULL, "srun -n 4 --cpus-per-task=2 --mpi=pmix --kill-on-bad-exit=1" TAIL);
    p.kind = LAUNCH_NOTHING;
    line_is(p, NULL, NULL, "hoop 'a b'\\''s'");
}

static void starters_are_told_apart(void **state)
{
    launch_kind kind;
    int         major;
    (void)state;
    assert_true(launch_kind_of("mpirun (Open MPI) 4.1.4\n\nReport bugs to ...\n", &kind, &major));
    assert_int_equal(kind, LAUNCH_OPEN_MPI);
    assert_int_equal(major, 4);
    assert_true(launch_kind_of("HYDRA build details:\n    Version:                                 4.0.2\n", &kind, &major));
    assert_int_equal(kind, LAUNCH_HYDRA);
    assert_int_equal(major, 4);
    assert_true(launch_kind_of("slurm 22.05.8\n", &kind, &major));
    assert_int_equal(kind, LAUNCH_SRUN);
    assert_false(launch_kind_of("bash 5.2\n", &kind, &major));
}

/* how a process ends, as waitpid tells it */
static int how(const char *script)
{
    char       *words[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(script), NULL};
    int         status  = -1;
    const pid_t child   = fork();
    if (child == 0) {
        (void)execvp(words[0], words);
        _exit(99);
    }
    (void)waitpid(child, &status, 0);
    free(words[2]);
    return status;
}

static void judged(const char *script, launch_said said, const char *silent, int code, const char *word)
{
    launch_verdict v;
    launch_judge(how(script), said, silent, &v);
    if (v.again != (code < 0)) fail_msg("%s: %s", script, v.why);
    if (code >= 0) assert_int_equal(v.code, code);
    if (strstr(v.why, word) == NULL) fail_msg("%s: no '%s' in: %s", script, word, v.why);
}

/* Lost ranks are started again (-1), what would fail again is not. */
static void ends_are_judged(void **state)
{
    (void)state;
    judged("exit 0", LAUNCH_SAID_BEGAN, NULL, 0, "done");
    judged("exit 1", LAUNCH_SAID_WHY, NULL, 1, "failed");
    judged("exit 1", LAUNCH_SAID_NOTHING, NULL, 1, "failed");
    judged("exit 1", LAUNCH_SAID_BEGAN, NULL, -1, "exit code 1");
    judged("exit 1", LAUNCH_SAID_NOTHING, "node7", -1, "node7 does not answer");
    judged("exit 137", LAUNCH_SAID_BEGAN, "node7", -1, "node7 does not answer");
    judged("kill -9 $$", LAUNCH_SAID_BEGAN, "node7", -1, "node7 does not answer");
    judged("exit 2", LAUNCH_SAID_NOTHING, "node7", 2, "usage");
    judged("exit 69", LAUNCH_SAID_WHY, NULL, -1, "no answer");
    judged("exit 75", LAUNCH_SAID_BEGAN, NULL, 75, "checkpoint");
    judged("exit 130", LAUNCH_SAID_BEGAN, NULL, 130, "checkpoint");
    judged("exit 137", LAUNCH_SAID_BEGAN, NULL, -1, "a rank was killed by signal 9");
    judged("exit 139", LAUNCH_SAID_NOTHING, NULL, -1, "a rank was killed by signal 11");
    judged("exit 9", LAUNCH_SAID_BEGAN, NULL, -1, "a rank was killed by signal 9"); /* of hydra */
    judged("exit 15", LAUNCH_SAID_NOTHING, NULL, 75, "before it could save");
    judged("exit 143", LAUNCH_SAID_NOTHING, NULL, 75, "before it could save");
    judged("exit 138", LAUNCH_SAID_NOTHING, NULL, 75, "before it could save");
    judged("kill -9 $$", LAUNCH_SAID_BEGAN, NULL, -1, "what starts the ranks was killed by signal 9");
}

static void traces_are_read(void **state)
{
    static const char lines[] = "{\"step\":0,\"start\":{\"utc\":\"x\"}}\n{\"step\":1,\"epoch\":0}\n{\"step\":2,\"ep";
    static const char begun[] = "{\"step\":1,\"epoch\":0}\n{\"step\":1,\"start\":{\"utc\":\"y\"}}\n";
    static const char log_1[] = "t rank 0: start at step 0 of 9, 2 ranks\n", log_2[] = "t rank 0: failed: disk full\n";
    launch_mark       mark;
    bool              start;
    (void)state;
    assert_int_equal(shell("mkdir run"), 0);
    assert_int_equal(launch_trace_step("run", &start), -1);
    mark = launch_trace_mark("run");
    assert_int_equal(launch_trace_done("run", &mark), -1);
    assert_int_equal(launch_trace_said("run", &mark), LAUNCH_SAID_NOTHING);
    store("run/metrics.jsonl", lines, (int64_t)sizeof lines - 1);
    assert_int_equal(launch_trace_step("run", &start), 1); /* not the line that is being written */
    assert_false(start);
    assert_int_equal(launch_trace_done("run", &mark), 1);
    mark = launch_trace_mark("run");
    assert_int_equal(launch_trace_done("run", &mark), -1); /* the run's before it */
    store("run/new", begun, (int64_t)sizeof begun - 1);
    assert_int_equal(rename("run/new", "run/metrics.jsonl"), 0);
    assert_int_equal(launch_trace_step("run", &start), 1);
    assert_true(start);
    assert_int_equal(launch_trace_done("run", &mark), -1); /* begun, no step yet */
    store("run/log.txt", log_1, (int64_t)sizeof log_1 - 1);
    assert_int_equal(launch_trace_said("run", &mark), LAUNCH_SAID_BEGAN);
    mark = launch_trace_mark("run");
    assert_int_equal(launch_trace_said("run", &mark), LAUNCH_SAID_NOTHING);
    assert_int_equal(shell("printf '%%s' '%s' >>run/log.txt", log_2), 0);
    assert_int_equal(launch_trace_said("run", &mark), LAUNCH_SAID_WHY);
    /* more lines than are read: it began, however long ago */
    assert_int_equal(shell("seq -f 't rank 0: line %%.0f' 9000 >>run/log.txt"), 0);
    assert_int_equal(launch_trace_said("run", &mark), LAUNCH_SAID_BEGAN);
    /* at its end: what fails behind it would fail again */
    assert_int_equal(shell("echo 't rank 0: end at step 9, checkpoint of step 9' >>run/log.txt"), 0);
    assert_int_equal(launch_trace_said("run", &mark), LAUNCH_SAID_WHY);
}

/* one hoop launch a run; what the one before knew last */
static void journals_are_read(void **state)
{
    launch_journal j, other;
    (void)state;
    assert_int_equal(shell("mkdir run-2"), 0);
    assert_int_equal(launch_journal_open("run-2", &err, &j), HOOP_OK);
    assert_int_equal(j.generation, 0);
    assert_true(j.started_s < 0);
    memset(&err, 0, sizeof err);
    assert_int_equal(launch_journal_open("run-2", &err, &other), HOOP_EBUSY);
    assert_true(launch_journal_add(&j, "start", json_pack("{s:s, s:i}", "command", "hoop \"generation\":9", "generation", 3)));
    launch_journal_close(&j);
    assert_int_equal(launch_journal_open("run-2", &err, &j), HOOP_OK);
    assert_int_equal(j.generation, 3);
    assert_true(j.started_s >= 0 && j.started_s < 60);
    assert_true(launch_journal_add(&j, "running", NULL));
    launch_journal_close(&j);
    assert_int_equal(launch_journal_open("run-2", &err, &j), HOOP_OK);
    assert_int_equal(j.generation, 3);
    assert_true(j.started_s < 0); /* it has the lock, or is gone */
    launch_journal_close(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_read),  cmocka_unit_test(this_host_is_known),      cmocka_unit_test(hosts_are_asked),
        cmocka_unit_test(lines_say_all),   cmocka_unit_test(starters_are_told_apart), cmocka_unit_test(ends_are_judged),
        cmocka_unit_test(traces_are_read), cmocka_unit_test(journals_are_read),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}

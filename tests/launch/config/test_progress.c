/* What progress prints, by a clock of the test's own, to a file and to a pseudo-terminal. */
#include "support.h"

#include <fcntl.h>
#include <math.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "output/outlet.h"
#include "observe/pace.h"
#include "output/progress.h"
#include "output/sums.h"
#include "output/terminal.h"

static double test_clock(void *now)
{
    return *(double *)now;
}

static char *contents(FILE *file)
{
    static char text[1 << 16];
    rewind(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    text[n]  = '\0';
    return text;
}

static hoop__progress_state at(int64_t step)
{
    return (hoop__progress_state){.step          = step,
                                  .steps         = 1000,
                                  .epoch         = 1 + step / 100,
                                  .epochs        = 10,
                                  .loss          = 0.1234,
                                  .metrics       = "acc 97.21%",
                                  .samples_per_s = 12345,
                                  .steps_per_s   = 8,
                                  .stall         = 0.012,
                                  .communication = 0.12};
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *s = strstr(text, what); s != NULL; s = strstr(s + 1, what)) n++;
    return n;
}

static void plain_lines_are_rare(void **state)
{
    (void)state;
    FILE           *file = tmpfile();
    double          now  = 100;
    hoop__progress *p    = NULL;
    assert_non_null(file);
    assert_ok(hoop__progress_create(&(hoop__progress_opts){.out = file, .clock = test_clock, .clock_context = &now}, &err, &p));
    for (int64_t step = 1; step <= 250; step++) {
        now += 0.125;
        hoop__progress_state s = at(step);
        hoop__progress_update(p, &s);
        if (step == 150) hoop__progress_keep(p, &s);
    }
    hoop__progress_note(p, "saved %s", "x");
    hoop__progress_destroy(&p);
    assert_null(p);
    const char *text = contents(file);
    /* at 10 s, at 18.75 s (kept), 10 s later */
    assert_string_equal(text,
                        "step 80/1000  epoch 1/10  loss 0.1234  acc 97.21%  12.3k samples/s  stall 1%  comm 12%  eta 1:55\n"
                        "step 150/1000  epoch 2/10  loss 0.1234  acc 97.21%  12.3k samples/s  stall 1%  comm 12%  eta 1:46\n"
                        "step 230/1000  epoch 3/10  loss 0.1234  acc 97.21%  12.3k samples/s  stall 1%  comm 12%  eta 1:36\n"
                        "saved x\n");
    (void)fclose(file);
}

static void what_is_not_known_is_not_shown(void **state)
{
    (void)state;
    FILE                *file = tmpfile();
    double               now  = 0;
    hoop__progress      *p    = NULL;
    hoop__progress_state s    = {.step          = 90,
                                 .steps         = 100,
                                 .loss          = 12345.678,
                                 .samples_per_s = NAN,
                                 .steps_per_s   = NAN,
                                 .stall         = NAN,
                                 .communication = NAN};
    assert_non_null(file);
    assert_ok(hoop__progress_create(&(hoop__progress_opts){.out = file, .clock = test_clock, .clock_context = &now}, &err, &p));
    hoop__progress_keep(p, &s);
    s.steps_per_s = 1e-3;
    hoop__progress_keep(p, &s);
    s.steps_per_s = 1e-4;
    s.loss        = NAN;
    hoop__progress_keep(p, &s);
    s.step = 100;
    s.loss = 1e-9;
    hoop__progress_keep(p, &s);
    hoop__progress_destroy(&p);
    assert_string_equal(contents(file), "step 90/100  loss 1.235e+04\n"
                                        "step 90/100  loss 1.235e+04  eta 2:46:40\n"
                                        "step 90/100  eta 1d 03h\n"
                                        "step 100/100  loss 1.000e-09\n");
    (void)fclose(file);
    hoop__progress_update(NULL, &s);
    hoop__progress_keep(NULL, &s);
    hoop__progress_note(NULL, "x");
    hoop__progress_destroy(NULL);
}

static void the_bar_fits_the_window(void **state)
{
    (void)state;
    for (int columns = 1; columns < 200; columns += columns < 120 ? 1 : 40) {
        FILE           *file = tmpfile();
        double          now  = 0;
        hoop__progress *p    = NULL;
        assert_non_null(file);
        assert_ok(hoop__progress_create(
            &(hoop__progress_opts){
                .out = file, .mode = HOOP__PROGRESS_BAR, .columns = columns, .clock = test_clock, .clock_context = &now},
            &err, &p));
        for (int64_t step = 1; step <= 100; step++) {
            now += 0.01;
            hoop__progress_state s = at(step);
            hoop__progress_update(p, &s);
        }
        hoop__progress_destroy(&p);
        char *text = contents(file);
        int   n    = count(text, "\r\033[K");
        assert_in_range(n, 9, 11); /* ten a second at most, and the clearing at the end */
        assert_null(strchr(text, '\n'));
        for (char *line = strtok(text, "\r"); line != NULL; line = strtok(NULL, "\r")) {
            size_t length = strlen(line) - 3;
            if (columns > 4 && length >= (size_t)columns) fail_msg("%zu columns of %d: %s", length, columns, line);
            if (columns == 199 && length > 0) {
                assert_non_null(strstr(line, "epoch "));
                assert_non_null(strstr(line, "  [==") == NULL ? strstr(line, "  [=") == NULL ? strstr(line, "  [>") : line
                                                              : line);
                assert_non_null(strstr(line, "stall 1%  comm 12%  eta "));
            }
        }
        (void)fclose(file);
    }
}

/* ---- sums in words ---- */

static void sums_of_several_targets_have_names(void **state)
{
    const hoop_metric      *accuracy = hoop_metric_find("accuracy");
    const hoop_metric_value right    = {.metric = accuracy, .name = "accuracy", .value = 0.9721},
                            nothing  = {.metric = accuracy, .name = "accuracy", .value = NAN};
    hoop_target_sums  target[20]     = {{.name = "kind", .loss = 3, .weight = 2, .metric = &right, .nmetrics = 1},
                                        {.name = "p", .loss = 0.246, .weight = 20, .metric = &nothing, .nmetrics = 1},
                                        {.name = "own"}};
    hoop_metrics_sums s              = {.loss = 1, .weight = 4, .target = target, .ntargets = 1};
    char              text[HOOP__SUMS_TEXT];
    (void)state;
    assert_string_equal(hoop__sums_text(&s, true, text), "acc 97.21%");
    assert_string_equal(hoop__sums_text(&s, false, text), "accuracy 97.21%");
    assert_true(hoop__sums_loss(&s) == 0.25);
    s.ntargets = 3;
    assert_string_equal(hoop__sums_text(&s, true, text), "kind 1.5 acc 97.21%  p 0.0123");
    s.target   = &target[1]; /* metrics that there is nothing of */
    s.ntargets = 1;
    assert_string_equal(hoop__sums_text(&s, true, text), "");
    for (int i = 0; i < 20; i++)
        target[i] = (hoop_target_sums){.name = "a long name of a target that says much", .loss = 1, .weight = 8};
    s = (hoop_metrics_sums){.target = target, .ntargets = 20};
    assert_int_equal(count(hoop__sums_text(&s, true, text), "a long name of a target that says much 0.125"), 3);
    assert_true(isnan(hoop__sums_loss(&s)));
}

/* A pseudo-terminal `columns` wide, in which `body` runs as a child; what it printed. */
static char *in_terminal(unsigned short columns, void (*body)(void))
{
    static char    text[1 << 16];
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    int            master, status = 0;
    size_t         n   = 0;
    pid_t          pid = forkpty(&master, NULL, NULL, &size);
    assert_true(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    for (ssize_t got = 1; got > 0 && n<sizeof text - 1; n += got> 0 ? (size_t)got : 0)
        got = read(master, text + n, sizeof text - 1 - n);
    text[n] = '\0';
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    (void)close(master);
    return text;
}

static void show(void)
{
    double          now = 0;
    hoop__progress *p   = NULL;
    if (hoop__progress_create(&(hoop__progress_opts){.out = stdout, .clock = test_clock, .clock_context = &now}, NULL, &p) !=
        HOOP_OK)
        _exit(1);
    for (int64_t step = 1; step <= 500; step++) {
        now += 0.125;
        hoop__progress_state s = at(step);
        hoop__progress_update(p, &s);
        if (step == 100) hoop__progress_note(p, "a note");
    }
    hoop__progress_destroy(&p);
}

static void a_terminal_has_a_bar(void **state)
{
    (void)state;
    (void)setenv("TERM", "xterm", 1);
    (void)unsetenv("NO_COLOR");
    const char *text = in_terminal(100, show);
    assert_true(count(text, "\r\033[K") > 400);
    assert_non_null(strstr(text, "[\033[32m="));
    assert_non_null(strstr(text, "\033[Ka note\r\n")); /* the bar is wiped first */
    (void)setenv("NO_COLOR", "1", 1);
    text = in_terminal(100, show);
    assert_true(count(text, "\r\033[K") > 400);
    assert_null(strstr(text, "\033[32m"));
    (void)setenv("TERM", "dumb", 1);
    text = in_terminal(100, show);
    assert_null(strstr(text, "\033"));
    assert_int_equal(count(text, "\r\n"), 7);
    (void)setenv("TERM", "xterm", 1);
    (void)unsetenv("NO_COLOR");
    /* As under Open MPI's mpirun whose output is a file: a pseudo-terminal without a width, a process above without one. */
    int   saved = dup(STDOUT_FILENO), out;
    FILE *file  = tmpfile();
    assert_true(saved >= 0 && file != NULL);
    (void)fflush(stdout);
    out  = dup2(fileno(file), STDOUT_FILENO);
    text = in_terminal(0, show);
    assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
    assert_true(out == STDOUT_FILENO);
    (void)close(saved);
    (void)fclose(file);
    assert_null(strstr(text, "\033"));
    assert_int_equal(count(text, "\r\n"), 7);
}

/* ... and mpirun in a terminal: one pseudo-terminal inside another. */
static void inner(void)
{
    int  columns = 0;
    bool found   = hoop__terminal_find(STDOUT_FILENO, &columns);
    (void)printf("%d %d\n", found, columns);
    (void)fflush(stdout);
}

static void outer(void)
{
    const char *text = in_terminal(0, inner);
    (void)fputs(text, stdout);
    (void)fflush(stdout);
}

static void the_window_of_mpirun_counts(void **state)
{
    (void)state;
    (void)setenv("TERM", "xterm", 1);
    assert_string_equal(in_terminal(77, inner), "1 77\r\n");
    assert_non_null(strstr(in_terminal(91, outer), "1 91\r"));
    int fd[2], columns;
    assert_int_equal(pipe(fd), 0);
    assert_false(hoop__terminal_find(fd[1], &columns));
    assert_false(hoop__terminal_find(-1, &columns));
    (void)close(fd[0]);
    (void)close(fd[1]);
}

/* ---- samples a second ---- */

static hoop__pace_mark mark(double now, int64_t samples, double stall, double communication)
{
    return (hoop__pace_mark){.now_s = now, .samples = samples, .stall_s = stall, .communication_s = communication};
}

/* Bursts: 99 steps of a tenth of a millisecond, and one that waits 0.9901 s for data. A mean of rates would say a million. */
static void the_pace_is_by_the_wall_clock(void **state)
{
    hoop__pace       p;
    hoop__pace_rates r;
    hoop__pace_mark  m = mark(50, 7, 3, 4);
    (void)state;
    hoop__pace_begin(&p, &m);
    assert_true(isnan(hoop__pace_of(&p).samples_per_s));
    for (int i = 0; i < 10000; i++) {
        m.now_s += i % 100 == 99 ? 0.9901 : 0.0001;
        m.stall_s += i % 100 == 99 ? 0.99 : 0;
        m.samples += 128;
        m.steps++;
        hoop__pace_move(&p, &m);
    }
    r = hoop__pace_of(&p);
    assert_true(r.samples_per_s > 0.95 * 12800 && r.samples_per_s < 1.15 * 12800);
    assert_true(r.steps_per_s == r.samples_per_s / 128);
    assert_true(r.stall > 0.95 && r.stall <= 1 && r.communication == 0);
    for (int i = 0; i < 2200; i++) { /* what was before is out of the window after twenty seconds */
        m.now_s += 0.01;
        m.communication_s += 0.005;
        m.samples += 2;
        hoop__pace_move(&p, &m);
    }
    r = hoop__pace_of(&p);
    assert_true(fabs(r.samples_per_s - 200) < 1e-6 && fabs(r.communication - 0.5) < 1e-6 && r.stall == 0);
    for (int i = 0; i < 3; i++) { /* steps of a minute are seen one by one */
        m.now_s += 60;
        m.steps++;
        m.samples += 600;
        hoop__pace_move(&p, &m);
        r = hoop__pace_of(&p);
        assert_true(i == 0 || (fabs(r.samples_per_s - 10) < 1e-6 && fabs(60 * r.steps_per_s - 1) < 1e-6));
    }
    m = mark(0, 0, 0, 0); /* the first seconds */
    hoop__pace_begin(&p, &m);
    m = mark(2, 30, 5, -1);
    hoop__pace_move(&p, &m);
    r = hoop__pace_of(&p);
    assert_true(r.samples_per_s == 15 && r.stall == 1 && r.communication == 0);
}

/* ---- an outlet, and who does not read it ---- */

/* What can be read from fd now. */
static char *readable(int fd)
{
    static char text[1 << 18];
    size_t      n = 0;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    for (ssize_t got; n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
    text[n] = '\0';
    return text;
}

static void an_outlet_writes_in_order(void **state)
{
    hoop__outlet *o = NULL;
    int           fd[2];
    char          want[8192] = "", line[32];
    (void)state;
    assert_int_equal(pipe(fd), 0);
    assert_ok(hoop__outlet_open(fd[1], &err, &o));
    for (int i = 0; i < 500; i++) {
        (void)snprintf(line, sizeof line, "line %d\n", i);
        (void)strcat(want, line);
        hoop__outlet_show(o, "bar", 3); /* what a line follows at once may go unseen */
        hoop__outlet_keep(o, line, strlen(line));
    }
    hoop__outlet_show(o, "bar", 3);
    hoop__outlet_close(&o, 5);
    assert_null(o);
    char *text = readable(fd[0]), *end = text + strlen(text) - 3;
    assert_string_equal(end, "bar");
    *end = '\0';
    for (char *bar; (bar = strstr(text, "bar")) != NULL;) memmove(bar, bar + 3, strlen(bar + 3) + 1);
    assert_string_equal(text, want);
    assert_ok(hoop__outlet_print(fd[1], "all at once\n", 5, &err));
    assert_string_equal(readable(fd[0]), "all at once\n");
    (void)close(fd[0]);
    (void)close(fd[1]);
}

/* Nothing waits for a full pipe, nor the end of all for longer than it was told; what was lost is counted where it is missing. */
static void a_full_outlet_holds_up_nobody(void **state)
{
    static char   filling[1 << 16];
    hoop__outlet *o = NULL;
    int           fd[2], told = 0, lost = 0, here;
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], filling, sizeof filling), sizeof filling);
    assert_ok(hoop__outlet_open(fd[1], &err, &o));
    for (int i = 0; i < 20000; i++) hoop__outlet_keep(o, "a line of thirty-two characters\n", 32);
    while (read(fd[0], filling, sizeof filling) < 1) {
    }
    for (int i = 0; i < 100 && told == 0; i++) {
        (void)usleep(20000);
        hoop__outlet_keep(o, "after\n", 6);
        for (char *line = strtok(readable(fd[0]), "\n"); line != NULL; line = strtok(NULL, "\n")) {
            if (sscanf(line, "(%d lines were lost here", &here) != 1) continue;
            lost += here;
            told++;
        }
    }
    assert_in_range(told, 1, 2); /* twice where its thread began late */
    assert_in_range(lost, 20000 - 2 * (1 << 16) / 32, 20000);
    (void)readable(fd[0]);
    assert_int_equal(write(fd[1], filling, 30000), 30000);
    for (int i = 0; i < 20000; i++) hoop__outlet_keep(o, "a line of thirty-two characters\n", 32);
    hoop__outlet_close(&o, 0.2); /* a test's deadline would be missed */
    assert_null(o);
    assert_ok(hoop__outlet_print(fd[1], "never read\n", 0.2, &err));
    (void)close(fd[0]);
    assert_ok(hoop__outlet_print(fd[1], "nobody reads\n", 5, &err));
    assert_ok(hoop__outlet_open(fd[1], &err, &o)); /* nobody can read it */
    for (int i = 0; i < 1000; i++) hoop__outlet_keep(o, "a line of thirty-two characters\n", 32);
    hoop__outlet_close(&o, 60);
    hoop__outlet_close(&o, 60);
    (void)close(fd[1]);
    assert_int_equal(hoop__outlet_print(fd[1], "closed\n", 5, NULL), HOOP_EIO);
}

static void lines_of_epochs_come_now_and_then(void **state)
{
    FILE           *file = tmpfile();
    double          now  = 5;
    hoop__progress *p    = NULL;
    int             due = 0, worth = 0;
    (void)state;
    assert_non_null(file);
    assert_ok(hoop__progress_create(&(hoop__progress_opts){.out = file, .clock = test_clock, .clock_context = &now}, &err, &p));
    assert_true(hoop__progress_due(p, false)); /* the first */
    for (int i = 0; i < 30000; i++) {
        now += 0.001;
        due += hoop__progress_due(p, false);
    }
    assert_in_range(due, 2, 3);
    for (int i = 0; i < 30000; i++) {
        now += 0.001;
        worth += hoop__progress_due(p, true);
    }
    assert_in_range(worth, 9, 10);
    assert_false(hoop__progress_due(NULL, true));
    hoop__progress_destroy(&p);
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines_are_rare),          cmocka_unit_test(what_is_not_known_is_not_shown),
        cmocka_unit_test(the_bar_fits_the_window),       cmocka_unit_test(sums_of_several_targets_have_names),
        cmocka_unit_test(a_terminal_has_a_bar),          cmocka_unit_test(the_window_of_mpirun_counts),
        cmocka_unit_test(the_pace_is_by_the_wall_clock), cmocka_unit_test(an_outlet_writes_in_order),
        cmocka_unit_test(a_full_outlet_holds_up_nobody), cmocka_unit_test(lines_of_epochs_come_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

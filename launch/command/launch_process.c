#include "command/launch_process.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EARLIER = 256 };
static sigset_t heard, before;
static pid_t    earlier[EARLIER]; /* children that were there before any job, such as a shell's that became this process */
static int      nearlier;

int launch_wait(double seconds)
{
    struct timespec time;
    int             got;
    if (seconds < 0) seconds = 0;
    time.tv_sec  = (time_t)seconds;
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    got          = sigtimedwait(&heard, NULL, &time);
    return got < 0 ? 0 : got;
}

/* in the child: never returns */
static void become(char *const *argv, int out)
{
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing >= 0) (void)dup2(nothing, STDIN_FILENO);
    if (out >= 0) {
        (void)dup2(out, STDOUT_FILENO);
        if (nothing >= 0) (void)dup2(nothing, STDERR_FILENO);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)execvp(argv[0], argv);
    _exit(127);
}

hoop_status launch_start(char *const *argv, int last, hoop_error *err, pid_t *out)
{
    const pid_t self = getpid(), child = fork();
    if (child < 0) return hoop_fail(err, HOOP_EIO, "%s: cannot be started: %s", argv[0], strerror(errno));
    if (child == 0) {
        (void)setpgid(0, 0);
        (void)prctl(PR_SET_PDEATHSIG, (long)last, 0L, 0L, 0L);
        if (getppid() != self) _exit(127); /* it died meanwhile, and no signal will come */
        become(argv, -1);
    }
    *out = child;
    return HOOP_OK;
}

/* The process above one, from /proc/PID/stat: "PID (any name) STATE PARENT ..."; 0: it is gone. */
static pid_t parent_of(const char *pid)
{
    char   path[64], text[512];
    char  *name_end;
    int    parent = 0;
    size_t n;
    FILE  *file;
    (void)snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    file = fopen(path, "re");
    if (file == NULL) return 0;
    n       = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    (void)fclose(file);
    name_end = strrchr(text, ')');
    return name_end != NULL && sscanf(name_end, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* The next child of this process; 0: there are no more. */
static pid_t next_child(DIR *proc)
{
    const struct dirent *e;
    while (proc != NULL && (e = readdir(proc)) != NULL)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && parent_of(e->d_name) == getpid())
            return (pid_t)strtol(e->d_name, NULL, 10);
    return 0;
}

static pid_t *is_earlier(pid_t pid)
{
    for (int i = 0; i < nearlier; i++)
        if (earlier[i] == pid) return &earlier[i];
    return NULL;
}

static void note_earlier(void)
{
    DIR  *proc = opendir("/proc");
    pid_t pid;
    while (nearlier < EARLIER && (pid = next_child(proc)) > 0) earlier[nearlier++] = pid;
    if (proc != NULL) (void)closedir(proc);
}

hoop_status launch_listen(hoop_error *err)
{
    static const int each[] = {SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    struct sigaction hangup;
    note_earlier();
    (void)sigemptyset(&heard);
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) (void)sigaddset(&heard, each[i]);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) (void)sigaddset(&heard, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &heard, &before) != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) != 0)
        return hoop_fail(err, HOOP_EIO, "this system lets no process look after others: %s", strerror(errno));
    return HOOP_OK;
}

/* waitpid(-1, ...); the number of one that has ended may come again. */
static pid_t reap(int *status, int flags)
{
    const pid_t pid  = waitpid(-1, status, flags);
    pid_t      *gone = pid > 0 ? is_earlier(pid) : NULL;
    if (gone != NULL) *gone = -1;
    return pid;
}

bool launch_ended(pid_t job, int *how)
{
    bool  ended = false;
    int   status;
    pid_t pid;
    while ((pid = reap(&status, WNOHANG)) > 0) {
        if (pid != job) continue;
        ended = true;
        *how  = status;
    }
    return ended;
}

/* Kill each child of this process; theirs become ours when they are gone. */
static int kill_children(void)
{
    DIR  *proc = opendir("/proc");
    pid_t pid;
    int   n = 0;
    while ((pid = next_child(proc)) > 0) {
        if (is_earlier(pid) != NULL) continue;
        (void)kill(pid, SIGKILL);
        n++;
    }
    if (proc != NULL) (void)closedir(proc);
    return n;
}

int launch_end_all(void)
{
    for (int n = 0, more;; n += more) {
        while (reap(NULL, WNOHANG) > 0) continue;
        more = kill_children();
        if (more == 0) return n;
        (void)reap(NULL, 0); /* one at least goes; SIGKILL cannot be held off */
    }
}

/* ---- programs that answer ---- */

typedef struct answer {
    pid_t  pid;
    int    fd;
    char  *text;
    size_t size;
} answer;

static void begin(answer *a, char *const *argv)
{
    int ends[2];
    a->fd = -1;
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    a->pid = fork();
    if (a->pid == 0) become(argv, ends[1]);
    (void)close(ends[1]);
    a->fd = ends[0];
}

/* false: there is no more */
static bool take(answer *a)
{
    char    part[512], *grown;
    ssize_t n = read(a->fd, part, sizeof part);
    if (n < 0 && errno == EINTR) return true;
    if (n <= 0) return false;
    grown = realloc(a->text, a->size + (size_t)n + 1);
    if (grown == NULL) return false;
    memcpy(grown + a->size, part, (size_t)n);
    a->text          = grown;
    a->size          = a->size + (size_t)n;
    a->text[a->size] = '\0';
    return true;
}

static void listen_to(answer *a, int n, struct pollfd *from, double end_s)
{
    int open = n;
    while (open > 0 && hoop__now_s() < end_s) {
        for (int i = 0; i < n; i++) from[i] = (struct pollfd){.fd = a[i].fd, .events = POLLIN};
        if (poll(from, (nfds_t)n, (int)((end_s - hoop__now_s()) * 1e3) + 1) < 0 && errno != EINTR) return;
        open = 0;
        for (int i = 0; i < n; i++) {
            if (a[i].fd >= 0 && (from[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !take(&a[i])) {
                (void)close(a[i].fd);
                a[i].fd = -1;
            }
            open += a[i].fd >= 0;
        }
    }
}

/* How it ended: by itself, within the time there is, or killed. */
static int end_of(const answer *a, double end_s)
{
    int  how  = -1;
    bool gone = false;
    while (a->fd < 0 && !gone && hoop__now_s() < end_s) {
        gone = waitpid(a->pid, &how, WNOHANG) != 0;
        if (!gone) (void)nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    if (gone) return how;
    (void)kill(a->pid, SIGKILL); /* it said no more, but did not end */
    (void)waitpid(a->pid, &how, 0);
    return how;
}

hoop_status launch_ask(char *const *const *argv, int n, double patience_s, hoop_error *err, char **out)
{
    answer        *a    = calloc((size_t)n + 1, sizeof *a);
    struct pollfd *from = calloc((size_t)n + 1, sizeof *from);
    const double   end  = hoop__now_s() + patience_s;
    hoop_status    st   = HOOP_OK;
    if (a == NULL || from == NULL) st = hoop_fail(err, HOOP_ENOMEM, "no memory to ask %d programs", n);
    for (int i = 0; i < n && st == HOOP_OK; i++) begin(&a[i], argv[i]);
    if (st == HOOP_OK) listen_to(a, n, from, end);
    for (int i = 0; i < n; i++) {
        const int how = st == HOOP_OK && a[i].pid > 0 ? end_of(&a[i], end) : -1;
        out[i]        = NULL;
        if (st != HOOP_OK) continue;
        if (a[i].fd >= 0) (void)close(a[i].fd);
        if (a[i].pid > 0 && WIFEXITED(how) && WEXITSTATUS(how) == 0) out[i] = a[i].text;
        if (out[i] == NULL) free(a[i].text);
    }
    free(from);
    free(a);
    return st;
}

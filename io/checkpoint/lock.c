/*
 * One run a directory: a lock on RUN/lock that the kernel drops with the process. The file stays after a run (an
 * import removes its own); what counts is the lock. Where
 * the file system has no locks (Lustre without -o flock, NFS without its lock daemon) the text of the file is all there is: a
 * run on this host that lives is seen, one on another host is not, and the holder is told so.
 *
 * The text also counts generations: each holder writes the number after that of the one before it. A fence puts another file in
 * this one's place, in one rename: whoever held the old one still has its lock, but of a file without a name, and the run is
 * anybody's. A holder asks whether the text is still its own before it changes what all see.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "hoop/checkpoint.h"

enum { LOCK_TEXT = 384 };

struct hoop_run_lock {
    int     fd;
    int64_t generation;
    char    path[HOOP_PATH_MAX], text[LOCK_TEXT]; /* the file's name, and what the holder wrote there */
    char    note[HOOP_ERROR_TEXT];
};

static int64_t generation_of(const char *text)
{
    const char *at = strstr(text, "generation ");
    long long   n;
    return at != NULL && sscanf(at, "generation %lld", &n) == 1 && n > 0 ? (int64_t)n : 0;
}

static void read_text(int fd, char text[LOCK_TEXT])
{
    ssize_t n           = pread(fd, text, LOCK_TEXT - 1, 0);
    text[n > 0 ? n : 0] = '\0';
}

static hoop_status write_text(int fd, const char *path, const char *text, hoop_error *err)
{
    const ssize_t length = (ssize_t)strlen(text);
    if (pwrite(fd, text, (size_t)length, 0) == length && ftruncate(fd, length) == 0) return HOOP_OK; /* never empty in between */
    return hoop_fail(err, HOOP_EIO, "%s: cannot be written: %s", path, strerror(errno));
}

/* Does the text name a process of this host, other than this one, that is there? */
static bool lives_here(const char *text, const char *host)
{
    char name[256];
    long pid;
    return sscanf(text, "host %255[^,], pid %ld", name, &pid) == 2 && strcmp(name, host) == 0 && pid > 0 &&
           pid != (long)getpid() && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static bool is_file(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Opened, and locked unless *e says why not. */
static hoop_status open_locked(const char *path, hoop_error *err, int *fd, int *e)
{
    *fd = -1;
    do { /* whoever held it may have removed the file since it was opened: then another one is the lock */
        if (*fd >= 0) (void)close(*fd);
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (*fd < 0) return hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
        do {
            *e = flock(*fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
        } while (*e == EINTR);
    } while (*e == 0 && !is_file(*fd, path));
    return HOOP_OK;
}

hoop_status hoop_run_lock_check(const hoop_run_lock *lock, hoop_error *err)
{
    char      text[LOCK_TEXT];
    const int fd = open(lock->path, O_RDONLY | O_CLOEXEC); /* anew: so that NFS asks its server */
    if (fd < 0 && errno == ENOENT) return HOOP_OK;         /* removed by hand: nobody has come after */
    if (fd < 0) return hoop_fail(err, HOOP_EIO, "%s: %s", lock->path, strerror(errno));
    read_text(fd, text);
    (void)close(fd);
    if (strcmp(text, lock->text) == 0) return HOOP_OK;
    return hoop_fail(err, HOOP_EBUSY, "%s: taken over (%s); this run, generation %lld, writes here no more", lock->path, text,
                     (long long)lock->generation);
}

static hoop_status hold(hoop_run_lock *lock, const char *run_dir, int e, hoop_error *err)
{
    char        host[256] = "?", text[LOCK_TEXT];
    hoop_status st;
    (void)gethostname(host, sizeof host - 1);
    read_text(lock->fd, text);
    if (e == EWOULDBLOCK || (e != 0 && lives_here(text, host)))
        return hoop_fail(err, HOOP_EBUSY, "%s: another run is writing here (%s); wait for it, or choose another directory",
                         run_dir, text[0] != '\0' ? text : "it does not say which");
    if (e != 0 && e != ENOSYS && e != EOPNOTSUPP && e != ENOLCK)
        return hoop_fail(err, HOOP_EIO, "%s: cannot be locked: %s", lock->path, strerror(e));
    if (e != 0)
        (void)snprintf(lock->note, sizeof lock->note,
                       "%s: cannot be locked here (%s): see that no run on another host writes into this directory", lock->path,
                       strerror(e));
    lock->generation = generation_of(text) + 1;
    (void)snprintf(lock->text, sizeof lock->text, "host %s, pid %ld, generation %lld", host, (long)getpid(),
                   (long long)lock->generation);
    st = write_text(lock->fd, lock->path, lock->text, err);
    /* it may have been fenced off before it wrote, and must not sweep what another writes now */
    return st == HOOP_OK ? hoop_run_lock_check(lock, err) : st;
}

hoop_status hoop_run_make(const char *run_dir, hoop_error *err)
{
    return hoop__dir_make(run_dir, err);
}

hoop_status hoop_run_lock_take(const char *run_dir, hoop_error *err, hoop_run_lock **out)
{
    hoop_run_lock *lock = calloc(1, sizeof *lock);
    hoop_status    st;
    int            e;
    *out = NULL;
    if (lock == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", run_dir);
    lock->fd = -1;
    HOOP_TRY(st, done, hoop__dir_make(run_dir, err));
    HOOP_TRY(st, done, hoop__path_join(run_dir, "lock", err, lock->path, sizeof lock->path));
    HOOP_TRY(st, done, open_locked(lock->path, err, &lock->fd, &e));
    st = hold(lock, run_dir, e, err);
done:
    if (st == HOOP_OK) {
        *out = lock;
        return HOOP_OK;
    }
    if (lock->fd >= 0) (void)close(lock->fd);
    free(lock);
    return st;
}

const char *hoop_run_lock_note(const hoop_run_lock *lock)
{
    return lock->note;
}

int64_t hoop_run_lock_generation(const hoop_run_lock *lock)
{
    return lock->generation;
}

hoop_status hoop_run_lock_look(const char *run_dir, hoop_error *err, hoop_run_holder *out)
{
    char        path[HOOP_PATH_MAX], host[256] = "?";
    hoop_status st = hoop__path_join(run_dir, "lock", err, path, sizeof path);
    int         fd;
    memset(out, 0, sizeof *out);
    if (st != HOOP_OK) return st;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? HOOP_OK : hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
    (void)gethostname(host, sizeof host - 1);
    read_text(fd, out->text);
    out->generation = generation_of(out->text);
    if (flock(fd, LOCK_SH | LOCK_NB) != 0) out->held = errno == EWOULDBLOCK || lives_here(out->text, host);
    (void)close(fd);
    return HOOP_OK;
}

hoop_status hoop_run_fence(const char *run_dir, hoop_error *err, int64_t *generation)
{
    char            path[HOOP_PATH_MAX], temporary[HOOP_PATH_MAX + 64], text[LOCK_TEXT], host[256] = "?";
    hoop_run_holder before;
    hoop_status     st;
    HOOP_TRY(st, done, hoop__dir_make(run_dir, err));
    HOOP_TRY(st, done, hoop__path_join(run_dir, "lock", err, path, sizeof path));
    HOOP_TRY(st, done, hoop_run_lock_look(run_dir, err, &before));
    (void)gethostname(host, sizeof host - 1);
    *generation = before.generation + 1;
    (void)snprintf(text, sizeof text, "generation %lld, for whoever comes next, says pid %ld on host %s", (long long)*generation,
                   (long)getpid(), host);
    (void)snprintf(temporary, sizeof temporary, "%s.tmp-%ld", path, (long)getpid());
    st = hoop__file_replace(temporary, text, (int64_t)strlen(text), err);
    if (st == HOOP_OK) st = hoop__file_name(temporary, path, true, err);
    if (st == HOOP_OK) st = hoop__file_sync(run_dir, err);
done:
    return st;
}

void hoop_run_lock_release(hoop_run_lock **lock)
{
    char text[64];
    if (lock == NULL || *lock == NULL) return;
    (void)snprintf(text, sizeof text, "generation %lld", (long long)(*lock)->generation);
    (void)write_text((*lock)->fd, (*lock)->path, text, NULL);
    (void)close((*lock)->fd);
    free(*lock);
    *lock = NULL;
}

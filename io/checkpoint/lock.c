/*
 * One run a directory: a lock on RUN/lock that the kernel drops with the process. The file stays after a run (an
 * import removes its own); what counts is the lock. Where
 * the file system has no locks (Lustre without -o flock, NFS without its lock daemon) the text of the file is all there is: a
 * run on this host that lives is seen, one on another host is not, and the holder is told so.
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

struct hoop_run_lock {
    int  fd;
    char note[HOOP_ERROR_TEXT];
};

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

static hoop_status hold(hoop_run_lock *lock, const char *run_dir, const char *path, int e, hoop_error *err)
{
    char    host[256] = "?", text[384];
    ssize_t n;
    int     length;
    (void)gethostname(host, sizeof host - 1);
    n                   = pread(lock->fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    if (e == EWOULDBLOCK || (e != 0 && lives_here(text, host)))
        return hoop_fail(err, HOOP_EBUSY, "%s: another run is writing here (%s); wait for it, or choose another directory",
                         run_dir, n > 0 ? text : "it does not say which");
    if (e != 0 && e != ENOSYS && e != EOPNOTSUPP && e != ENOLCK)
        return hoop_fail(err, HOOP_EIO, "%s: cannot be locked: %s", path, strerror(e));
    if (e != 0)
        (void)snprintf(lock->note, sizeof lock->note,
                       "%s: cannot be locked here (%s): see that no run on another host writes into this directory", path,
                       strerror(e));
    length = snprintf(text, sizeof text, "host %s, pid %ld", host, (long)getpid());
    if (ftruncate(lock->fd, 0) != 0 || pwrite(lock->fd, text, (size_t)length, 0) != length)
        return hoop_fail(err, HOOP_EIO, "%s: cannot be written: %s", path, strerror(errno));
    return HOOP_OK;
}

hoop_status hoop_run_lock_take(const char *run_dir, hoop_error *err, hoop_run_lock **out)
{
    char           path[HOOP_PATH_MAX];
    hoop_run_lock *lock = calloc(1, sizeof *lock);
    hoop_status    st;
    int            e;
    *out = NULL;
    if (lock == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", run_dir);
    lock->fd = -1;
    HOOP_TRY(st, done, hoop__dir_make(run_dir, err));
    HOOP_TRY(st, done, hoop__path_join(run_dir, "lock", err, path, sizeof path));
    HOOP_TRY(st, done, open_locked(path, err, &lock->fd, &e));
    st = hold(lock, run_dir, path, e, err);
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

void hoop_run_lock_release(hoop_run_lock **lock)
{
    if (lock == NULL || *lock == NULL) return;
    (void)ftruncate((*lock)->fd, 0);
    (void)close((*lock)->fd);
    free(*lock);
    *lock = NULL;
}

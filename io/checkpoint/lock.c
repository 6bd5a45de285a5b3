/* One run a directory: a lock on RUN/lock that the kernel drops with the process. The file stays; what counts is the lock. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "hoop/checkpoint.h"

struct hoop_run_lock {
    int fd;
};

static bool is_file(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

hoop_status hoop_run_lock_take(const char *run_dir, hoop_error *err, hoop_run_lock **out)
{
    char           path[HOOP_PATH_MAX], host[256] = "?", text[384];
    hoop_run_lock *lock = NULL;
    ssize_t        n;
    int            fd = -1, rc;
    hoop_status    st;
    *out = NULL;
    HOOP_TRY(st, done, hoop__dir_make(run_dir, err));
    HOOP_TRY(st, done, hoop__path_join(run_dir, "lock", err, path, sizeof path));
    do { /* whoever held it may have removed the file since it was opened: then another one is the lock */
        if (fd >= 0) (void)close(fd);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) {
            st = hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
            goto done;
        }
        do {
            rc = flock(fd, LOCK_EX | LOCK_NB);
        } while (rc != 0 && errno == EINTR);
    } while (rc == 0 && !is_file(fd, path));
    if (rc != 0 && errno == EWOULDBLOCK) {
        n                   = pread(fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        st = hoop_fail(err, HOOP_EBUSY, "%s: another run is writing here (%s); wait for it, or choose another directory", run_dir,
                       n > 0 ? text : "it does not say which");
        goto done;
    }
    if (rc != 0) {
        st = hoop_fail(err, HOOP_EIO, "%s: cannot be locked: %s", path, strerror(errno));
        goto done;
    }
    (void)gethostname(host, sizeof host - 1);
    rc = snprintf(text, sizeof text, "host %s, pid %ld", host, (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)rc, 0) != rc) {
        st = hoop_fail(err, HOOP_EIO, "%s: cannot be written: %s", path, strerror(errno));
        goto done;
    }
    lock = malloc(sizeof *lock);
    if (lock == NULL) {
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
        goto done;
    }
    lock->fd = fd;
    fd       = -1;
    *out     = lock;
done:
    if (fd >= 0) (void)close(fd);
    return st;
}

void hoop_run_lock_release(hoop_run_lock **lock)
{
    if (lock == NULL || *lock == NULL) return;
    (void)ftruncate((*lock)->fd, 0);
    (void)close((*lock)->fd);
    free(*lock);
    *lock = NULL;
}

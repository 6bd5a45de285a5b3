#include "output/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static hoop_status io_fail(hoop_error *err, const char *path, const char *what)
{
    return hoop_fail(err, HOOP_EIO, "%s: can't %s: %s", path, what, strerror(errno));
}

static hoop_status write_all(int fd, const char *path, const void *data, size_t size, hoop_error *err)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) return io_fail(err, path, "write");
        at += n;
        size -= (size_t)n;
    }
    return HOOP_OK;
}

void hoop__appender_begin(hoop__appender *a, int fd, char *path)
{
    struct stat now;
    *a = (hoop__appender){.fd = fd, .path = path, .size = -1};
    if (fstat(fd, &now) == 0 && S_ISREG(now.st_mode)) a->size = (int64_t)now.st_size;
}

hoop_status hoop__appender_flush(hoop__appender *a, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    if (a->text.failed)
        st = hoop_fail(err, HOOP_ENOMEM, "%s: out of memory", a->path);
    else if (a->text.size > 0)
        st = write_all(a->fd, a->path, a->text.data, a->text.size, err);
    if (st == HOOP_OK && a->size >= 0) a->size += (int64_t)a->text.size;
    if (st != HOOP_OK && a->size >= 0 && ftruncate(a->fd, a->size) != 0) a->size = -1; /* the first error is the one */
    a->text.failed = false;
    a->text.size   = 0;
    return st;
}

hoop_status hoop__appender_end(hoop__appender *a, bool sync, hoop_error *err)
{
    hoop_status st = hoop__appender_flush(a, err);
    if (sync && fsync(a->fd) != 0 && st == HOOP_OK) st = io_fail(err, a->path, "sync");
    if (close(a->fd) != 0 && st == HOOP_OK) st = io_fail(err, a->path, "close");
    hoop__text_clear(&a->text);
    free(a->path);
    *a = (hoop__appender){.fd = -1, .size = -1};
    return st;
}

static hoop_status sync_parent(const char *path, hoop_error *err)
{
    const char *slash = strrchr(path, '/');
    char       *parent;
    int         fd;
    hoop_status st = HOOP_OK;
    parent         = slash == NULL ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
    if (parent == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: out of memory", path);
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) st = io_fail(err, parent, "sync the directory");
    if (fd >= 0) (void)close(fd);
    free(parent);
    return st;
}

hoop_status hoop__replace_file(const char *path, const void *data, size_t size, hoop_error *err)
{
    char       *temporary = NULL;
    int         fd        = -1;
    hoop_status st;
    if (asprintf(&temporary, "%s.tmp", path) < 0) return hoop_fail(err, HOOP_ENOMEM, "%s: out of memory", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        st = io_fail(err, temporary, "create");
        free(temporary);
        return st;
    }
    st = write_all(fd, temporary, data, size, err);
    if (st == HOOP_OK && fsync(fd) != 0) st = io_fail(err, temporary, "sync");
    if (close(fd) != 0 && st == HOOP_OK) st = io_fail(err, temporary, "close");
    if (st == HOOP_OK && rename(temporary, path) != 0) st = io_fail(err, temporary, "rename");
    if (st != HOOP_OK) (void)unlink(temporary);
    free(temporary);
    return st == HOOP_OK ? sync_parent(path, err) : st;
}

#include "base/files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#define XXH_INLINE_ALL /* one library fewer to load */
#include <xxhash.h>

static hoop_status fail_errno(hoop_error *err, const char *path, const char *what)
{
    const int e = errno;
    return hoop_fail(err, HOOP_EIO, "%s: %s: %s", path, what, strerror(e));
}

/* Is there room for so many bytes, where the file system cannot reserve them? Quotas it does not tell. */
static bool has_room(int fd, int64_t bytes)
{
    struct statvfs s;
    return fstatvfs(fd, &s) != 0 || (double)s.f_bavail * (double)s.f_frsize >= (double)bytes;
}

hoop_status hoop__file_reserve(const char *path, int64_t bytes, bool dry, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    const int   fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    int         e  = 0;
    if (fd < 0) return fail_errno(err, path, "cannot be created");
    /* Not posix_fallocate: where the file system cannot reserve, that writes into every block. */
    while (bytes > 0 && fallocate(fd, 0, 0, (off_t)bytes) != 0 && (e = errno) == EINTR) e = 0;
    if (dry && (e == EOPNOTSUPP || e == ENOSYS) && !has_room(fd, bytes)) e = ENOSPC;
    if (e == ENOSPC || e == EDQUOT || e == EFBIG)
        st = hoop_fail(err, HOOP_EIO, "%s: no room for %.1f MB: %s", path, (double)bytes / 1e6, strerror(e));
    /* Other errors: it cannot be reserved here; writing tells later. */
    if (dry && ftruncate(fd, 0) != 0 && st == HOOP_OK) st = fail_errno(err, path, "cannot be truncated");
    if (close(fd) != 0 && st == HOOP_OK) st = fail_errno(err, path, "cannot be closed");
    return st;
}

int64_t hoop__file_size(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? (int64_t)s.st_size : -1;
}

hoop_status hoop__file_write_at(int fd, const void *data, int64_t n, int64_t offset, const char *path, hoop_error *err)
{
    const char *p = data;
    while (n > 0) {
        const ssize_t k = pwrite(fd, p, (size_t)(n < 1 << 30 ? n : 1 << 30), (off_t)offset);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return fail_errno(err, path, "cannot be written");
        p += k;
        offset += k;
        n -= k;
    }
    return HOOP_OK;
}

hoop_status hoop__file_read_at(int fd, void *data, int64_t n, int64_t offset, const char *path, hoop_error *err)
{
    char *p = data;
    while (n > 0) {
        const ssize_t k = pread(fd, p, (size_t)(n < 1 << 30 ? n : 1 << 30), (off_t)offset);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return fail_errno(err, path, "cannot be read");
        if (k == 0)
            return hoop_fail(err, HOOP_EFORMAT, "%s: ends at byte %lld, %lld more are wanted", path, (long long)offset,
                             (long long)n);
        p += k;
        offset += k;
        n -= k;
    }
    return HOOP_OK;
}

hoop_status hoop__file_sync(const char *path, hoop_error *err)
{
    const int   fd = open(path, O_RDONLY | O_CLOEXEC);
    hoop_status st = HOOP_OK;
    if (fd < 0) return fail_errno(err, path, "cannot be opened");
    if (fsync(fd) != 0 && errno != EINVAL)
        st = fail_errno(err, path, "cannot be synced"); /* EINVAL: directories of some file systems */
    (void)close(fd);
    return st;
}

/* In one move where the file system can, else as a second name. */
static bool take_free_name(const char *tmp, const char *path)
{
    if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE) == 0) return true;
    if (errno != EINVAL && errno != ENOSYS) return false;
    if (link(tmp, path) == 0) return unlink(tmp) == 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return false;
    if (access(path, F_OK) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(tmp, path) == 0;
}

hoop_status hoop__file_name(const char *tmp, const char *path, bool replace, hoop_error *err)
{
    if (replace ? rename(tmp, path) == 0 : take_free_name(tmp, path)) return HOOP_OK;
    if (!replace && errno == EEXIST) return hoop_fail(err, HOOP_EIO, "%s: is there already: it was made meanwhile", path);
    return hoop_fail(err, HOOP_EIO, "%s: cannot be renamed to %s: %s", tmp, path, strerror(errno));
}

hoop_status hoop__file_replace(const char *path, const void *data, int64_t n, hoop_error *err)
{
    char        temp[HOOP_PATH_MAX], dir[HOOP_PATH_MAX];
    hoop_status st;
    int         fd;
    if (snprintf(temp, sizeof temp, "%s.tmp-%ld", path, (long)getpid()) >= (int)sizeof temp)
        return hoop_fail(err, HOOP_EARG, "%s: the path is too long", path);
    fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return fail_errno(err, temp, "cannot be created");
    st = hoop__file_write_at(fd, data, n, 0, temp, err);
    if (st == HOOP_OK && fsync(fd) != 0) st = fail_errno(err, temp, "cannot be synced");
    if (close(fd) != 0 && st == HOOP_OK) st = fail_errno(err, temp, "cannot be closed");
    if (st == HOOP_OK) st = hoop__file_name(temp, path, true, err);
    if (st != HOOP_OK) {
        (void)unlink(temp);
        return st;
    }
    hoop__path_dir(path, dir, sizeof dir);
    return hoop__file_sync(dir, err);
}

hoop_status hoop__file_load(const char *path, int64_t max, hoop_error *err, char **out, int64_t *n)
{
    const int   fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat s;
    hoop_status st = HOOP_OK;
    *out           = NULL;
    if (fd < 0) return fail_errno(err, path, "cannot be opened");
    if (fstat(fd, &s) != 0)
        st = fail_errno(err, path, "cannot be read");
    else if (!S_ISREG(s.st_mode))
        st = hoop_fail(err, HOOP_EIO, "%s: not a regular file", path);
    else if (s.st_size > max)
        st =
            hoop_fail(err, HOOP_EFORMAT, "%s: %lld bytes, at most %lld are expected", path, (long long)s.st_size, (long long)max);
    else if ((*out = malloc((size_t)s.st_size + 1)) == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld bytes", path, (long long)s.st_size);
    if (st == HOOP_OK) {
        st                = hoop__file_read_at(fd, *out, (int64_t)s.st_size, 0, path, err);
        (*out)[s.st_size] = '\0';
        *n                = (int64_t)s.st_size;
    }
    if (st != HOOP_OK) {
        free(*out);
        *out = NULL;
    }
    (void)close(fd);
    return st;
}

hoop_status hoop__dir_make(const char *path, hoop_error *err)
{
    char        part[HOOP_PATH_MAX];
    struct stat s;
    size_t      n = strlen(path);
    hoop_status st;
    int         made, why;
    if (n == 0 || n >= sizeof part) return hoop_fail(err, HOOP_EARG, "'%.64s': empty or too long a path", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        made    = mkdir(part, 0777);
        why     = errno;
        if (made == 0) { /* its name must be on disk before anything in it can be relied on */
            char parent[HOOP_PATH_MAX];
            hoop__path_dir(part, parent, sizeof parent);
            if ((st = hoop__file_sync(parent, err)) != HOOP_OK) return st;
        } else if (stat(part, &s) != 0) { /* or a link to nothing: EEXIST, without being there */
            return hoop_fail(err, HOOP_EIO, "%s: cannot be created: %s", part,
                             why == EEXIST ? "it is a link to what is not there" : strerror(why));
        }
    }
    if (stat(path, &s) != 0) return fail_errno(err, path, "cannot be created");
    if (!S_ISDIR(s.st_mode)) return hoop_fail(err, HOOP_EIO, "%s: is a file, a directory is wanted", path);
    return HOOP_OK;
}

void hoop__path_dir(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        (void)snprintf(out, size, ".");
    else
        (void)snprintf(out, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

hoop_status hoop__path_join(const char *dir, const char *name, hoop_error *err, char *out, size_t size)
{
    const int n = snprintf(out, size, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= size) return hoop_fail(err, HOOP_EARG, "%.256s/%.64s: the path is too long", dir, name);
    return HOOP_OK;
}

/* Five digits or more, as a number. */
static const char *digits(const char *s, int64_t *value)
{
    const char *start = s;
    for (*value = 0; isdigit((unsigned char)*s); s++) {
        if (s - start > 8) return NULL;
        *value = *value * 10 + (*s - '0');
    }
    return s - start < 5 ? NULL : s;
}

bool hoop__shard_name_parse(const char *name, const char *prefix, int64_t *index, int64_t *count)
{
    const size_t n = strlen(prefix);
    const char  *s;
    if (strncmp(name, prefix, n) != 0 || name[n] != '-') return false;
    s = digits(name + n + 1, index);
    if (s == NULL || strncmp(s, "-of-", 4) != 0) return false;
    s = digits(s + 4, count);
    return s != NULL && (strcmp(s, ".h5") == 0 || strcmp(s, ".hdf5") == 0) && *count > 0;
}

/* ---- checksums ---- */

static void digest_text(XXH128_hash_t h, char out[HOOP_SUM_TEXT])
{
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, h);
    for (int i = 0; i < 16; i++) (void)snprintf(out + (size_t)(2 * i), 3, "%02x", c.digest[i]);
}

void hoop__sum_text(const void *data, int64_t n, char out[HOOP_SUM_TEXT])
{
    digest_text(XXH3_128bits(data, (size_t)n), out);
}

int64_t hoop__sum_64(const void *data, int64_t n)
{
    return (int64_t)XXH3_64bits(data, (size_t)n);
}

hoop_sum *hoop__sum_create(void)
{
    XXH3_state_t *s = XXH3_createState();
    if (s != NULL) (void)XXH3_128bits_reset(s);
    return (hoop_sum *)s;
}

void hoop__sum_reset(hoop_sum *s)
{
    (void)XXH3_128bits_reset((XXH3_state_t *)s);
}

void hoop__sum_add(hoop_sum *s, const void *data, int64_t n)
{
    if (n > 0) (void)XXH3_128bits_update((XXH3_state_t *)s, data, (size_t)n);
}

void hoop__sum_end(const hoop_sum *s, char out[HOOP_SUM_TEXT])
{
    digest_text(XXH3_128bits_digest((const XXH3_state_t *)s), out);
}

void hoop__sum_destroy(hoop_sum **s)
{
    if (*s != NULL) (void)XXH3_freeState((XXH3_state_t *)*s);
    *s = NULL;
}

hoop_status hoop__sum_file(const char *path, hoop_error *err, char out[HOOP_SUM_TEXT], int64_t *bytes)
{
    enum { STEP = 1 << 20 };
    const int   fd   = open(path, O_RDONLY | O_CLOEXEC);
    hoop_sum   *sum  = hoop__sum_create();
    char       *part = malloc(STEP);
    hoop_status st   = HOOP_OK;
    int64_t     n    = 0;
    if (fd < 0)
        st = fail_errno(err, path, "cannot be opened");
    else if (sum == NULL || part == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a checksum", path);
    while (st == HOOP_OK) {
        const ssize_t k = read(fd, part, STEP);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) st = fail_errno(err, path, "cannot be read");
        if (k <= 0) break;
        hoop__sum_add(sum, part, (int64_t)k);
        n += k;
    }
    if (st == HOOP_OK) {
        hoop__sum_end(sum, out);
        if (bytes != NULL) *bytes = n;
    }
    hoop__sum_destroy(&sum);
    free(part);
    if (fd >= 0) (void)close(fd);
    return st;
}

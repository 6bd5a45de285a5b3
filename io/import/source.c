/* Three stages, each with its buffer: bytes as they come (and are kept, if need be), unpacked, in UTF-8. */
#include "import/source.h"

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/files.h"

enum { BLOCK = 1 << 18 };

struct hoop_source {
    const char      *path;
    hoop_source_opts opts;
    int              fd, spool;    /* spool: -1 where there is none */
    bool             pipe, replay; /* replay: read from the spool */
    int64_t          spooled;
    char            *raw;
    size_t           raw_at, raw_n;
    bool             raw_end;
    bool             gz, looked;
    int64_t          members; /* gzip members that have ended */
    bool             padded;  /* by zeros after them, as of blocks of a tape: nothing else may follow */
    z_stream         z;
    char            *plain;
    iconv_t          iconv;
    char            *text;
    char             tail[16]; /* of a character whose other bytes are still to come */
    size_t           ntail;
    bool             bad;  /* what comes next is no text */
    const char      *rest; /* of hoop__source_read */
    size_t           nrest;
};

/* ---- where what comes from a pipe is kept ---- */

static int spool_in(const char *dir)
{
    char      path[HOOP_PATH_MAX];
    const int n = snprintf(path, sizeof path, "%s/.hoop-spool-XXXXXX", dir);
    int       fd;
    if (n < 0 || n >= (int)sizeof path) return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) (void)unlink(path);
    return fd;
}

/* $TMPDIR; else the folder that is written to, or the nearest above it that is there. */
static hoop_status spool_open(const char *spool_dir, const char *path, hoop_error *err, int *fd)
{
    const char *tmp = getenv("TMPDIR");
    char        dir[HOOP_PATH_MAX], up[HOOP_PATH_MAX];
    if (tmp != NULL && tmp[0] != '\0') {
        *fd = spool_in(tmp);
        if (*fd < 0)
            return hoop_fail(err, HOOP_EIO, "%s: has to be kept while it is read, and $TMPDIR (%s) takes no file: %s", path, tmp,
                             strerror(errno));
        return HOOP_OK;
    }
    (void)snprintf(dir, sizeof dir, "%s", spool_dir != NULL && spool_dir[0] != '\0' ? spool_dir : ".");
    for (;;) {
        *fd = spool_in(dir);
        if (*fd >= 0) return HOOP_OK;
        hoop__path_dir(dir, up, sizeof up);
        if (strcmp(up, dir) == 0) break;
        (void)snprintf(dir, sizeof dir, "%s", up);
    }
    return hoop_fail(err, HOOP_EIO, "%s: has to be kept while it is read, and no folder takes a file (%s); set TMPDIR", path,
                     strerror(errno));
}

static hoop_status spool_write(int fd, const char *data, size_t n, int64_t at, const char *path, hoop_error *err)
{
    const hoop_status st = hoop__file_write_at(fd, data, (int64_t)n, at, "its temporary file ($TMPDIR)", err);
    return st == HOOP_OK ? st : hoop_fail_within(err, "%s", path);
}

/* ---- first stage: bytes as they come ---- */

/* As many as there is room for, however few of them a pipe gives at a time: what a file begins with is in the first block. */
static hoop_status raw_fill(hoop_source *s, hoop_error *err)
{
    size_t have = 0;
    while (have < BLOCK) {
        const ssize_t n = s->replay ? pread(s->spool, s->raw + have, BLOCK - have, s->spooled + (int64_t)have)
                                    : read(s->fd, s->raw + have, BLOCK - have);
        if (s->opts.stop != NULL && *s->opts.stop != 0)
            return hoop_fail(err, HOOP_EINTERRUPTED, "%s: interrupted; nothing was written", s->path);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return hoop_fail(err, HOOP_EIO, "%s: cannot be read: %s", s->path, strerror(errno));
        if (n == 0) break;
        have += (size_t)n;
    }
    s->raw_at  = 0;
    s->raw_n   = have;
    s->raw_end = have == 0;
    if (!s->replay && s->spool >= 0 && have > 0) {
        const hoop_status st = spool_write(s->spool, s->raw, have, s->spooled, s->path, err);
        if (st != HOOP_OK) return st;
    }
    s->spooled += (int64_t)have;
    return HOOP_OK;
}

/* ---- second stage: unpacked ---- */

/* A gzip file begins 1f 8b. */
static hoop_status look(hoop_source *s, hoop_error *err)
{
    hoop_status st = raw_fill(s, err);
    s->looked      = true;
    s->members     = 0;
    s->padded      = false;
    if (st != HOOP_OK || s->raw_n == 0) return st;
    s->gz = s->raw_n >= 2 && s->raw[0] == 0x1f && (unsigned char)s->raw[1] == 0x8b;
    if (!s->gz || st != HOOP_OK) return st;
    if (s->plain == NULL && (s->plain = malloc(BLOCK)) == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", s->path);
    (void)inflateEnd(&s->z);
    memset(&s->z, 0, sizeof s->z);
    return inflateInit2(&s->z, 15 + 16) == Z_OK ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory", s->path);
}

/* What zlib said of bytes it cannot use, or that have no end (cut). Those behind a whole member are not its own. */
static hoop_status bad_gzip(const hoop_source *s, bool cut, const char *what, hoop_error *err)
{
    if (s->members > 0 && s->z.total_out == 0 && (!cut || s->z.total_in < 2))
        return hoop_fail(err, HOOP_EFORMAT, "%s: other bytes follow the end of its gzip data", s->path);
    return hoop_fail(err, HOOP_EFORMAT, "%s: %s", s->path, what);
}

/* A block of unpacked bytes; none at the end. Members may follow one another. */
static hoop_status unpack(hoop_source *s, hoop_error *err)
{
    char        what[128];
    hoop_status st;
    s->z.next_out  = (unsigned char *)s->plain;
    s->z.avail_out = BLOCK;
    while (s->z.avail_out == BLOCK) {
        int rc;
        if (s->raw_at == s->raw_n && !s->raw_end && (st = raw_fill(s, err)) != HOOP_OK) return st;
        if (s->raw_end)
            return s->members > 0 && s->z.total_in == 0 ? HOOP_OK : bad_gzip(s, true, "truncated: its gzip data has no end", err);
        if (s->members > 0 && s->z.total_in == 0) { /* between members */
            for (; s->raw_at < s->raw_n && s->raw[s->raw_at] == '\0'; s->raw_at++) s->padded = true;
            if (s->raw_at == s->raw_n) continue;
            if (s->padded) return bad_gzip(s, false, "", err);
        }
        s->z.next_in  = (unsigned char *)s->raw + s->raw_at;
        s->z.avail_in = (unsigned)(s->raw_n - s->raw_at);
        rc            = inflate(&s->z, Z_NO_FLUSH);
        s->raw_at     = s->raw_n - s->z.avail_in;
        if (rc == Z_STREAM_END) {
            const unsigned left = s->z.avail_out;
            (void)inflateReset(&s->z);
            s->z.avail_out = left;
            s->members++;
        } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
            (void)snprintf(what, sizeof what, "corrupt gzip data: %s", s->z.msg != NULL ? s->z.msg : "no dictionary");
            return bad_gzip(s, false, what, err);
        }
    }
    return HOOP_OK;
}

static hoop_status unpacked(hoop_source *s, hoop_error *err, const char **bytes, size_t *n)
{
    hoop_status st = HOOP_OK;
    if (!s->looked && (st = look(s, err)) != HOOP_OK) return st;
    if (s->gz) {
        st     = unpack(s, err);
        *bytes = s->plain;
        *n     = BLOCK - s->z.avail_out;
        return st;
    }
    if (s->raw_at == s->raw_n && !s->raw_end) st = raw_fill(s, err);
    *bytes    = s->raw + s->raw_at;
    *n        = s->raw_n - s->raw_at;
    s->raw_at = s->raw_n;
    return st;
}

/* ---- third stage: UTF-8 ---- */

enum { TEXT_ROOM = 4 * (BLOCK + 16) }; /* a byte of a code page may take three, and a mark */

static hoop_status bad_text(const hoop_source *s, const char *what, hoop_error *err)
{
    char line[32] = "";
    if (s->opts.line != NULL) (void)snprintf(line, sizeof line, "line %lld: ", (long long)*s->opts.line);
    return hoop_fail(err, HOOP_EFORMAT, "%s: %s%s in --encoding %s; is it another?", s->path, line, what, s->opts.encoding);
}

/* Bytes of a character cut in two wait in `tail`. What comes before a fault is given first. */
static size_t convert(hoop_source *s, const char *bytes, size_t n)
{
    char  *out = s->text, *in = s->tail;
    size_t room = TEXT_ROOM;
    while (s->ntail > 0 && n > 0 && !s->bad) { /* byte by byte until the character is whole */
        size_t left, rc;
        s->tail[s->ntail++] = *bytes++;
        n--;
        left = s->ntail;
        in   = s->tail;
        rc   = iconv(s->iconv, &in, &left, &out, &room);
        memmove(s->tail, in, left);
        s->ntail = left;
        s->bad   = rc == (size_t)-1 && (errno != EINVAL || left == sizeof s->tail);
    }
    in = (char *)bytes; /* iconv's prototype; it does not write there */
    if (n > 0 && !s->bad && iconv(s->iconv, &in, &n, &out, &room) == (size_t)-1) {
        s->bad = errno != EINVAL || n >= sizeof s->tail;
        if (!s->bad) memcpy(s->tail, in, n);
        s->ntail = s->bad ? 0 : n;
    }
    return TEXT_ROOM - room;
}

hoop_status hoop__source_next(hoop_source *s, hoop_error *err, const char **bytes, size_t *n)
{
    hoop_status st;
    size_t      made = 0;
    if (s->opts.encoding == NULL) return unpacked(s, err, bytes, n);
    *bytes = s->text;
    *n     = 0;
    while (made == 0) {
        const char *in;
        size_t      left;
        if (s->bad) return bad_text(s, "bytes that are no character", err);
        if ((st = unpacked(s, err, &in, &left)) != HOOP_OK) return st;
        if (left == 0 && s->ntail > 0) return bad_text(s, "it ends within a character", err);
        if (left == 0) { /* cp1255 and others keep a letter back for the mark that may follow */
            char  *out  = s->text;
            size_t room = TEXT_ROOM;
            (void)iconv(s->iconv, NULL, NULL, &out, &room);
            *n = TEXT_ROOM - room;
            return HOOP_OK;
        }
        made = convert(s, in, left);
    }
    *n = made;
    return HOOP_OK;
}

hoop_status hoop__source_read(hoop_source *s, void *out, int64_t n, int64_t *got, hoop_error *err)
{
    *got = 0;
    while (*got < n) {
        const int64_t left = n - *got;
        hoop_status   st;
        size_t        take;
        if (s->nrest == 0) {
            if ((st = hoop__source_next(s, err, &s->rest, &s->nrest)) != HOOP_OK) return st;
            if (s->nrest == 0) return HOOP_OK;
        }
        take = (int64_t)s->nrest < left ? s->nrest : (size_t)left;
        memcpy((char *)out + *got, s->rest, take);
        s->rest += take;
        s->nrest -= take;
        *got += (int64_t)take;
    }
    return HOOP_OK;
}

/* ---- open, again, close ---- */

static hoop_status encoding_open(hoop_source *s, hoop_error *err)
{
    const char *name = s->opts.encoding;
    if (name == NULL) return HOOP_OK;
    if (name[0] != '\0' && strchr(name, '/') == NULL) s->iconv = iconv_open("UTF-8", name);
    if (s->iconv == (iconv_t)-1)
        return hoop_fail(err, HOOP_EARG, "--encoding %.64s: is not known; latin1, cp1252 and UTF-16 are, and what iconv -l lists",
                         name);
    s->text = malloc(TEXT_ROOM);
    return s->text != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory", s->path);
}

hoop_status hoop__source_open(const char *path, const hoop_source_opts *opts, hoop_error *err, hoop_source **out)
{
    hoop_source *s = calloc(1, sizeof *s);
    struct stat  about;
    hoop_status  st = HOOP_OK;
    *out            = NULL;
    if (s == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    s->path  = path;
    s->opts  = *opts;
    s->spool = -1;
    s->iconv = (iconv_t)-1;
    s->fd    = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 && strcmp(path, "-") == 0) s->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    s->raw = malloc(BLOCK);
    if (s->fd < 0)
        st = hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
    else if (s->raw == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    else if (fstat(s->fd, &about) != 0 || S_ISDIR(about.st_mode))
        st = hoop_fail(err, HOOP_EIO, "%s: is a directory; a file is wanted", path);
    else
        s->pipe = !S_ISREG(about.st_mode) || (strcmp(path, "-") == 0 && lseek(s->fd, 0, SEEK_CUR) != 0);
    if (st == HOOP_OK) st = encoding_open(s, err);
    if (st == HOOP_OK && s->pipe && opts->twice) st = spool_open(opts->spool_dir, path, err, &s->spool);
    if (st == HOOP_OK)
        *out = s;
    else
        hoop__source_close(&s);
    return st;
}

hoop_status hoop__source_rewind(hoop_source *s, hoop_error *err)
{
    if (s->spool < 0 && lseek(s->fd, 0, SEEK_SET) != 0)
        return hoop_fail(err, HOOP_EIO, "%s: cannot be read from its beginning: %s", s->path, strerror(errno));
    s->replay  = s->spool >= 0;
    s->spooled = 0;
    s->raw_at = s->raw_n = s->nrest = s->ntail = 0;
    s->raw_end = s->looked = s->gz = s->bad = false;
    if (s->iconv != (iconv_t)-1) (void)iconv(s->iconv, NULL, NULL, NULL, NULL);
    return HOOP_OK;
}

void hoop__source_about(const hoop_source *s, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s%s", s->gz ? "gzip" : "", s->gz && s->pipe ? ", " : "", s->pipe ? "from a pipe" : "");
}

void hoop__source_close(hoop_source **ps)
{
    hoop_source *s = *ps;
    if (s == NULL) return;
    (void)inflateEnd(&s->z);
    if (s->iconv != (iconv_t)-1) (void)iconv_close(s->iconv);
    if (s->fd >= 0) (void)close(s->fd);
    if (s->spool >= 0) (void)close(s->spool);
    free(s->raw);
    free(s->plain);
    free(s->text);
    free(s);
    *ps = NULL;
}

hoop_status hoop__source_file(const char *path, const char *spool_dir, hoop_error *err, int *fd, int64_t *bytes)
{
    hoop_source *s    = NULL;
    const char  *data = NULL;
    size_t       n    = 0;
    struct stat  about;
    hoop_status  st;
    *fd    = -1;
    *bytes = 0;
    HOOP_TRY(st, done, hoop__source_open(path, &(hoop_source_opts){0}, err, &s));
    HOOP_TRY(st, done, hoop__source_next(s, err, &data, &n));
    if (!s->pipe && !s->gz) {
        *bytes = fstat(s->fd, &about) == 0 ? (int64_t)about.st_size : 0;
        *fd    = s->fd;
        s->fd  = -1;
        goto done;
    }
    HOOP_TRY(st, done, spool_open(spool_dir, path, err, fd));
    while (n > 0) {
        HOOP_TRY(st, done, spool_write(*fd, data, n, *bytes, path, err));
        *bytes += (int64_t)n;
        HOOP_TRY(st, done, hoop__source_next(s, err, &data, &n));
    }
done:
    if (st != HOOP_OK && *fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
    hoop__source_close(&s);
    return st;
}

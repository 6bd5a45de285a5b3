/**
 * io/import/source.h - the bytes of a file to import: plain, gzip (found by its first bytes, whatever the name), or from a pipe.
 *
 * What is to be read twice and cannot be (a pipe) is kept, as it came, in a temporary file without a name; a regular file never
 * is.
 */
#ifndef HOOP_IO_SOURCE_H
#define HOOP_IO_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hoop/status.h"

typedef struct hoop_source hoop_source;

typedef struct hoop_source_opts {
    const char    *encoding;  /* a name iconv knows: what is read is UTF-8; NULL: the bytes as they are */
    const char    *spool_dir; /* where a temporary file may go if $TMPDIR does not say; made later perhaps: its parent will do */
    bool           twice;     /* hoop__source_rewind will be called */
    const int64_t *line;      /* where the reader is, for errors of the encoding; may be NULL */
    const volatile int *stop; /* HOOP_EINTERRUPTED once it is not 0; may be NULL */
} hoop_source_opts;

/** path "-", where there is no such file: standard input. */
hoop_status hoop__source_open(const char *path, const hoop_source_opts *opts, hoop_error *err, hoop_source **out);
/** The next bytes, *n of them, good until the next call; *n is 0 at the end. An error comes after all bytes before it. */
hoop_status hoop__source_next(hoop_source *s, hoop_error *err, const char **bytes, size_t *n);
/** n bytes to out; *got is less only at the end. Not to be mixed with hoop__source_next. */
hoop_status hoop__source_read(hoop_source *s, void *out, int64_t n, int64_t *got, hoop_error *err);
hoop_status hoop__source_rewind(hoop_source *s, hoop_error *err);
/** "gzip", "gzip, read from a pipe" ... into out; empty for a plain file. */
void hoop__source_about(const hoop_source *s, char *out, size_t size);
void hoop__source_close(hoop_source **s);

/** All bytes, unpacked, as one regular file to map: the file itself where it is plain, else a temporary one. close(*fd). */
hoop_status hoop__source_file(const char *path, const char *spool_dir, hoop_error *err, int *fd, int64_t *bytes);

#endif

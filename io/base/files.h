/**
 * io/base/files.h - files and directories: reserve, write, sync, rename, checksum.
 */
#ifndef HOOP_IO_FILES_H
#define HOOP_IO_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#include "hoop/status.h"

enum { HOOP_PATH_MAX = 4096, HOOP_SUM_TEXT = 33 };

/** Reserve `bytes` of disk for a file (created if need be), where the file system can. dry: give them back, leaving an empty
 * file; where it cannot, see whether that much is free. HOOP_EIO says how much is missing. */
hoop_status hoop__file_reserve(const char *path, int64_t bytes, bool dry, hoop_error *err);
/** Bytes of a file; -1 if there is none. */
int64_t hoop__file_size(const char *path);
/** All n bytes at an offset, or an error. */
hoop_status hoop__file_write_at(int fd, const void *data, int64_t n, int64_t offset, const char *path, hoop_error *err);
hoop_status hoop__file_read_at(int fd, void *data, int64_t n, int64_t offset, const char *path, hoop_error *err);
/** fsync a file or directory by name. */
hoop_status hoop__file_sync(const char *path, hoop_error *err);
/** Give a finished file, or folder, its name; replace: even if a file has it. The folder it is in is not synced. */
hoop_status hoop__file_name(const char *tmp, const char *path, bool replace, hoop_error *err);
/** Write a whole small file, synced, under a temporary name, and rename it to path. */
hoop_status hoop__file_replace(const char *path, const void *data, int64_t n, hoop_error *err);
/** Read a whole file of at most max bytes, NUL-terminated: free(*out). */
hoop_status hoop__file_load(const char *path, int64_t max, hoop_error *err, char **out, int64_t *n);
/** mkdir -p, each new name synced. */
hoop_status hoop__dir_make(const char *path, hoop_error *err);
/** Directory part of a path ("." if none) into out. */
void hoop__path_dir(const char *path, char *out, size_t size);
/** "dir/name" into out, checked for length. */
hoop_status hoop__path_join(const char *dir, const char *name, hoop_error *err, char *out, size_t size);
/** Is this name "PREFIX-00003-of-00016.h5"? */
bool hoop__shard_name_parse(const char *name, const char *prefix, int64_t *index, int64_t *count);

/** XXH3-128 of bytes (and of a file from offset 0 to its end) as 32 hex digits, canonical (big endian). */
void        hoop__sum_text(const void *data, int64_t n, char out[HOOP_SUM_TEXT]);
hoop_status hoop__sum_file(const char *path, hoop_error *err, char out[HOOP_SUM_TEXT], int64_t *bytes);
/** XXH3-64 of bytes. */
int64_t hoop__sum_64(const void *data, int64_t n);
/** XXH3-128 in steps. */
typedef struct hoop_sum hoop_sum;
hoop_sum               *hoop__sum_create(void); /* NULL: no memory */
void                    hoop__sum_reset(hoop_sum *s);
void                    hoop__sum_add(hoop_sum *s, const void *data, int64_t n);
void                    hoop__sum_end(const hoop_sum *s, char out[HOOP_SUM_TEXT]);
void                    hoop__sum_destroy(hoop_sum **s);

#endif

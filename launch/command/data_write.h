/** command/data_write.h - what the subcommands of hoop data that write a set share: options, and the writing itself. */
#ifndef HOOP_COMMAND_DATA_WRITE_H
#define HOOP_COMMAND_DATA_WRITE_H

#include "command/command.h"
#include "hoop/import.h"

enum {
    KEY_FORCE = 256,
    KEY_SAMPLES,
    KEY_INPUT,
    KEY_FIELD,
    KEY_TARGET,
    KEY_NO_TARGET,
    KEY_COLUMNS,
    KEY_DROP,
    KEY_KEEP_INDEX,
    KEY_HEADER,
    KEY_NO_HEADER,
    KEY_CLASSES,
    KEY_REAL,
    KEY_ONE_HOT,
    KEY_NO_ONE_HOT,
    KEY_MISSING,
    KEY_DTYPE,
    KEY_LIKE,
    KEY_UNKNOWN,
    KEY_SEPARATOR,
    KEY_COMMENT,
    KEY_ENCODING,
    KEY_TOKENS,
    KEY_VOCABULARY,
    KEY_SIZE,
    KEY_FIT,
    KEY_GREY,
    KEY_SKIP_BROKEN,
    FILES_MAX = 2
};

/* `shards` is how many files there are if nobody says: "4" */
#define WRITE_OPTIONS_OF(shards)                                                                                                 \
    {"out", 'o', "DIR", 0, "folder to write DIR/train-00000-of-0000" shards ".h5 and on into (made if need be)", 0},             \
        {"split", KEY_SPLIT, "FRACTION", 0, "put this part of the rows into DIR/validation-... (default 0: none)", 0},           \
        {"shards", KEY_SHARDS, "N", 0, "files of each part (default " shards ")", 0},                                            \
        {"force", KEY_FORCE, NULL, 0, "replace a set that is there", 0},
#define WRITE_OPTIONS WRITE_OPTIONS_OF("4")
enum { KEY_SPLIT = 300, KEY_SHARDS, KEY_SEED };

typedef struct write_args {
    hoop_import_opts  opts;
    hoop_csv_opts     csv;
    hoop_text_opts    text;
    hoop_images_opts  images;
    int64_t           samples;
    const char       *file[FILES_MAX];
    int               nfiles, wanted_min, wanted_max;
    const char       *wanted;                     /* for the error: "IMAGES LABELS" */
    hoop_import_field field[HOOP_DATASET_FIELDS]; /* those of --input and --target */
    int               nfields;
} write_args;

/** argp's parser for all of them; its input is a write_args. */
error_t data_parse_write(int key, char *arg, struct argp_state *state);
/** A whole number of at least min, or a mistake of usage. */
int64_t data_parse_int(struct argp_state *state, const char *name, const char *text, int64_t min);
/** Parse, write with progress, tell of it; the exit code. Ctrl-C leaves nothing. */
typedef hoop_status data_write_fn(const write_args *a, hoop_error *err, hoop_import_result *result);
int data_write_set(const struct argp *argp, int argc, char **argv, write_args *a, const char *label, data_write_fn *run);

#endif

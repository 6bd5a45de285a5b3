/* hoop data synth|import-idx|import-csv|import-npy|info|verify: the table of its subcommands, and those that write. */
#include "command/data.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/print.h"
#include "hoop/import.h"
#include "hoop/option.h"

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
    FILES_MAX = 2
};

/* ---- options that all of them have ---- */

#define WRITE_OPTIONS                                                                                                            \
    {"out", 'o', "DIR", 0, "folder to write DIR/train-00000-of-00004.h5 and on into (made if need be)", 0},                      \
        {"split", KEY_SPLIT, "FRACTION", 0, "put this part of the rows into DIR/validation-... (default 0: none)", 0},           \
        {"shards", KEY_SHARDS, "N", 0, "files of each part (default 4)", 0},                                                     \
        {"force", KEY_FORCE, NULL, 0, "replace a set that is there", 0},
enum { KEY_SPLIT = 300, KEY_SHARDS, KEY_SEED };

typedef struct write_args {
    hoop_import_opts  opts;
    hoop_csv_opts     csv;
    int64_t           samples;
    const char       *file[FILES_MAX];
    int               nfiles, wanted_min, wanted_max;
    const char       *wanted;                     /* for the error: "IMAGES LABELS" */
    hoop_import_field field[HOOP_DATASET_FIELDS]; /* those of --input and --target */
    int               nfields;
} write_args;

static int64_t parse_int(struct argp_state *state, const char *name, const char *text, int64_t min)
{
    char     *end;
    long long v;
    errno = 0;
    v     = strtoll(text, &end, 10);
    if (end == text || *end != '\0') argp_error(state, "--%s %s: a whole number is wanted", name, text);
    if (errno == ERANGE || v < min) argp_error(state, "--%s %s: at least %" PRId64 " and below 2^63 is wanted", name, text, min);
    return (int64_t)v;
}

static double parse_split(struct argp_state *state, const char *text)
{
    char  *end;
    double v = strtod(text, &end);
    if (end == text || *end != '\0' || !(v >= 0) || v >= 1)
        argp_error(state, "--split %s: a fraction from 0 to below 1 is wanted, such as 0.15", text);
    return v;
}

static char parse_separator(struct argp_state *state, const char *text)
{
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0) return '\t';
    if (strcmp(text, "blank") == 0) return ' ';
    if (strlen(text) != 1 || strchr("\"\r\n", text[0]) != NULL || (unsigned char)text[0] >= 0x80)
        argp_error(state, "--separator %s: one character is wanted, such as ';', or tab, or blank", text);
    return text[0];
}

static int parse_comment(struct argp_state *state, const char *text)
{
    if (strcmp(text, "none") == 0) return -1;
    if (strlen(text) != 1 || strchr("\"\r\n", text[0]) != NULL || (unsigned char)text[0] >= 0x80)
        argp_error(state, "--comment %s: one character is wanted, such as '#', or none", text);
    return text[0];
}

/* The number of the word that was given. */
static int parse_word(struct argp_state *state, const char *name, const char *text, const char *const *words)
{
    char list[64] = "";
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) return i;
        (void)snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i > 0 ? ", " : "", words[i]);
    }
    argp_error(state, "--%s %s: one of %s is wanted", name, text, list);
    return 0;
}

/* "classes", "real" or "scale=0.5" of a field; false: it is none. */
static bool set_field(hoop_import_field *f, const char *text)
{
    char      *end;
    const bool target = f->role == HOOP_TARGET;
    if (target && strcmp(text, "classes") == 0) {
        f->targets = HOOP_CSV_CLASS;
    } else if (target && strcmp(text, "real") == 0) {
        f->targets = HOOP_CSV_REAL;
    } else {
        if (strncmp(text, "scale=", 6) != 0) return false;
        f->scale = strtod(text + 6, &end);
        return end != text + 6 && *end == '\0' && isfinite(f->scale) && f->scale != 0;
    }
    return true;
}

/* NAME=FILE,SETTING,... of --input or --target. */
static void add_field(struct argp_state *state, write_args *a, char *arg, hoop_field_role role)
{
    const char        *option = role == HOOP_INPUT ? "input" : "target";
    char              *path   = strchr(arg, '='), *setting;
    hoop_import_field *f      = &a->field[a->nfields];
    if (a->nfields == HOOP_DATASET_FIELDS) argp_error(state, "more than %d fields", HOOP_DATASET_FIELDS);
    if (path == NULL || path == arg || path[1] == '\0' || path[1] == ',')
        argp_error(state, "--%s: '%s'; NAME=FILE is wanted", option, arg);
    *path++ = '\0';
    *f      = (hoop_import_field){.name = arg, .path = strsep(&path, ","), .role = role};
    while ((setting = strsep(&path, ",")) != NULL)
        if (!set_field(f, setting))
            argp_error(state, "--%s %s: '%s'; %s is possible", option, f->name, setting,
                       role == HOOP_INPUT ? "scale=NUMBER" : "classes, real or scale=NUMBER");
    a->nfields++;
}

/* What concerns tables. */
static error_t parse_table(int key, char *arg, struct argp_state *state, write_args *a)
{
    static const char *const missing[] = {"refuse", "drop", "mean", NULL}, *const dtype[] = {"f32", "f64", NULL},
                             *const unknown[] = {"refuse", "zero", NULL};
    switch (key) {
    case KEY_TARGET:
        a->csv.target = arg;
        return 0;
    case KEY_NO_TARGET:
        a->csv.no_target = true;
        return 0;
    case KEY_COLUMNS:
        a->csv.columns = arg;
        return 0;
    case KEY_DROP:
        a->csv.drop = arg;
        return 0;
    case KEY_KEEP_INDEX:
        a->csv.keep_index = true;
        return 0;
    case KEY_HEADER:
        a->csv.header = HOOP_CSV_HEADER;
        return 0;
    case KEY_NO_HEADER:
        a->csv.header = HOOP_CSV_NO_HEADER;
        return 0;
    case KEY_CLASSES:
        a->csv.targets = HOOP_CSV_CLASS;
        return 0;
    case KEY_REAL:
        a->csv.targets = HOOP_CSV_REAL;
        return 0;
    case KEY_ONE_HOT:
        a->csv.one_hot = arg;
        return 0;
    case KEY_NO_ONE_HOT:
        a->csv.no_one_hot = true;
        return 0;
    case KEY_MISSING:
        a->csv.missing = (hoop_missing)(HOOP_MISSING_REFUSE + parse_word(state, "missing", arg, missing));
        return 0;
    case KEY_DTYPE:
        a->csv.dtype = (hoop_import_dtype)(HOOP_IMPORT_F32 + parse_word(state, "dtype", arg, dtype));
        return 0;
    case KEY_LIKE:
        a->csv.like = arg;
        return 0;
    case KEY_UNKNOWN:
        a->csv.unknown_zero = parse_word(state, "unknown", arg, unknown) == 1;
        return 0;
    case KEY_SEPARATOR:
        a->csv.separator = parse_separator(state, arg);
        return 0;
    case KEY_COMMENT:
        a->csv.comment = parse_comment(state, arg);
        return 0;
    case KEY_ENCODING:
        a->csv.encoding = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_write(int key, char *arg, struct argp_state *state)
{
    write_args *a = state->input;
    switch (key) {
    case 'o':
        if (arg[0] == '\0') argp_error(state, "--out is empty; a folder is wanted");
        a->opts.dir = arg;
        return 0;
    case KEY_SPLIT:
        a->opts.split = parse_split(state, arg);
        return 0;
    case KEY_SHARDS:
        a->opts.shards = parse_int(state, "shards", arg, 1);
        return 0;
    case KEY_SEED:
        a->opts.seed = (uint64_t)parse_int(state, "seed", arg, 0);
        return 0;
    case KEY_FORCE:
        a->opts.force = true;
        return 0;
    case KEY_SAMPLES:
        a->samples = parse_int(state, "samples", arg, 1);
        return 0;
    case KEY_INPUT:
    case KEY_FIELD:
        add_field(state, a, arg, key == KEY_INPUT ? HOOP_INPUT : HOOP_TARGET);
        return 0;
    case ARGP_KEY_ARG:
        if (a->nfiles == a->wanted_max) argp_error(state, "%s is wanted; '%s' is too many", a->wanted, arg);
        a->file[a->nfiles++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (a->nfields > 0 && a->nfiles > 0)
            argp_error(state, "'%s' is the short form of one input and one target: --input and --target alone", a->file[0]);
        if (a->nfields == 0 && a->nfiles < a->wanted_min) argp_error(state, "%s is wanted", a->wanted);
        if (a->opts.dir == NULL) argp_error(state, "where to? --out DIR");
        return 0;
    default:
        return parse_table(key, arg, state, a);
    }
}

/* ---- what was written ---- */

static hoop_status print_part(const char *dir, const char *part, hoop_error *err)
{
    hoop_dataset            *ds = NULL;
    const hoop_dataset_info *info;
    hoop_dataset_opts        opts   = {.use_y = HOOP_Y_OPTIONAL};
    hoop_field_opts         *fields = NULL;
    char                     spec[4096], size[PRINT_CELL], shape[PRINT_SHAPE];
    hoop_status              st;
    if (snprintf(spec, sizeof spec, "%s/%s", dir, part) >= (int)sizeof spec)
        return hoop_fail(err, HOOP_EARG, "%.64s...: the path is too long", dir);
    st          = hoop_dataset_fields(spec, err, &fields, &opts.nfields);
    opts.fields = fields;
    if (st == HOOP_OK) st = hoop_dataset_open(spec, &opts, err, &ds);
    free(fields);
    if (st != HOOP_OK) return st;
    info = hoop_dataset_about(ds);
    print_bytes(info->bytes, size);
    (void)printf("%s: %" PRId64 " rows", spec, info->length);
    for (int k = 0; k < info->nfields; k++) {
        const hoop_dataset_field *f = &info->field[k];
        if (!f->present) continue;
        print_shape(f->ndim, f->shape, shape);
        (void)printf(", %s %s %s", f->name, hoop_dtype_name(f->dtype), shape);
        if (f->classes > 0) (void)printf(", %" PRId64 " classes", f->classes);
    }
    (void)printf(", %d file%s, %s\n", info->shards, info->shards == 1 ? "" : "s", size);
    hoop_dataset_close(&ds);
    return HOOP_OK;
}

typedef hoop_status write_fn(const write_args *a, hoop_error *err, hoop_import_result *result);

static int write_set(const struct argp *argp, int argc, char **argv, write_args *a, const char *label, write_fn *run)
{
    hoop_error         err    = {.status = HOOP_OK};
    hoop_import_result result = {0};
    meter              m;
    hoop_status        st;
    command_parse(argp, argc, argv, a);
    meter_begin(&m, label);
    a->opts.ctx      = &m;
    a->opts.progress = meter_update;
    st               = run(a, &err, &result);
    meter_end(&m);
    for (int i = 0; st == HOOP_OK && i < result.nlines; i++)
        (void)printf("  %-*s %s\n", HOOP_IMPORT_ABOUT, result.line[i].about, result.line[i].text);
    if (st == HOOP_OK) st = print_part(a->opts.dir, "train", &err);
    if (st == HOOP_OK && result.validation_rows > 0) st = print_part(a->opts.dir, "validation", &err);
    return print_done(st == HOOP_OK ? HOOP_EXIT_OK : command_report(&err));
}

/* ---- synth ---- */

static hoop_status run_synth(const write_args *a, hoop_error *err, hoop_import_result *result)
{
    return hoop_synth(a->file[0], a->samples, &a->opts, err, result);
}

static int data_synth(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"samples", KEY_SAMPLES, "N", 0, "rows in all (default 10000)", 0},
        WRITE_OPTIONS{"seed", KEY_SEED, "N", 0, "of the samples and the split (default 1)", 0},
        {0},
    };
    const struct argp argp = {options,
                              parse_write,
                              "digits|spirals",
                              "Write a synthetic dataset: digits (28 x 28 digit-like images, 10 classes) or spirals (2 columns, "
                              "2 classes). Equal seeds give equal bytes."
                              "\vExamples:\n"
                              "  hoop data synth digits --samples 12000 --split 0.15 --out digits\n"
                              "  hoop data synth spirals --samples 2000 --seed 7 --shards 1 --out spirals",
                              NULL,
                              NULL,
                              NULL};
    write_args        a    = {
                  .opts = {.seed = 1}, .samples = 10000, .wanted_min = 1, .wanted_max = 1, .wanted = "one kind, digits or spirals,"};
    return write_set(&argp, argc, argv, &a, "drawing", run_synth);
}

/* ---- import-idx, import-npy ---- */

static hoop_status run_idx(const write_args *a, hoop_error *err, hoop_import_result *result)
{
    return hoop_import_idx(a->file[0], a->file[1], &a->opts, err, result);
}

static int data_import_idx(int argc, char **argv)
{
    static const struct argp_option options[] = {WRITE_OPTIONS{"seed", KEY_SEED, "N", 0, "of the split (default 1)", 0}, {0}};
    const struct argp               argp      = {
                           options,
                           parse_write,
                           "IMAGES LABELS",
                           "Import images and labels in MNIST's format (IDX), plain or gzip."
                                              "\vExample:\n"
                                              "  hoop data import-idx t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz --split 0.15 --out mnist",
                           NULL,
                           NULL,
                           NULL};
    write_args a = {.opts = {.seed = 1}, .wanted_min = 2, .wanted_max = 2, .wanted = "IMAGES LABELS, two IDX files,"};
    return write_set(&argp, argc, argv, &a, "importing", run_idx);
}

static hoop_status run_npy(const write_args *a, hoop_error *err, hoop_import_result *result)
{
    hoop_import_field field[HOOP_DATASET_FIELDS];
    if (a->nfields == 0)
        return hoop_import_npy(a->file[0], a->file[1], &(hoop_npy_opts){.targets = a->csv.targets}, &a->opts, err, result);
    memcpy(field, a->field, sizeof field);
    for (int k = 0; k < a->nfields; k++)
        if (field[k].targets == HOOP_CSV_TARGETS_AUTO) field[k].targets = a->csv.targets;
    return hoop_import_npy_fields(field, a->nfields, &a->opts, err, result);
}

static int data_import_npy(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"input", KEY_INPUT, "NAME=FILE[,scale=V]", 0,
         "one of several inputs, in place of X: dataset /NAME; values are multiplied by V as they are read", 0},
        {"target", KEY_FIELD, "NAME=FILE[,SETTING]", 0,
         "one of several targets, in place of Y; classes or real says what this one is, scale=V as for inputs", 0},
        {"classes", KEY_CLASSES, NULL, 0, "targets are classes (default: found out)", 0},
        {"real", KEY_REAL, NULL, 0, "targets are numbers", 0},
        WRITE_OPTIONS{"seed", KEY_SEED, "N", 0, "of the split (default 1)", 0},
        {0},
    };
    const struct argp argp = {options,
                              parse_write,
                              "X.npy [Y.npy]\n--input NAME=FILE... [--target NAME=FILE...]",
                              "Import NumPy arrays, plain or gzip: X of shape (N, ...), Y of shape (N) or (N, ...). Integers Y "
                              "of shape (N) become classes "
                              "where few are different, or where they are 0 to C-1. Several inputs and targets have names."
                              "\vExamples:\n"
                              "  hoop data import-npy x.npy y.npy --split 0.1 --out simulations\n"
                              "  hoop data import-npy --input u=u.npy --input v=v.npy --target p=p.npy -o sims\n"
                              "  hoop data import-npy x.npy --out unlabelled        only for hoop predict",
                              NULL,
                              NULL,
                              NULL};
    write_args a = {.opts = {.seed = 1}, .wanted_min = 1, .wanted_max = 2, .wanted = "X.npy [Y.npy], one or two NumPy files,"};
    return write_set(&argp, argc, argv, &a, "importing", run_npy);
}

/* ---- import-csv ---- */

static hoop_status run_csv(const write_args *a, hoop_error *err, hoop_import_result *result)
{
    return hoop_import_csv(a->file[0], &a->csv, &a->opts, err, result);
}

static int data_import_csv(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"target", KEY_TARGET, "A,B", 0, "columns of y, by name, or number from 0 (negative: from the end); default: the last",
         0},
        {"no-target", KEY_NO_TARGET, NULL, 0, "there is none: write x only", 0},
        {"columns", KEY_COLUMNS, "A,B", 0, "columns of x, in this order (default: all but the target)", 0},
        {"drop", KEY_DROP, "A,B", 0, "columns to leave out", 0},
        {"keep-index", KEY_KEEP_INDEX, NULL, 0, "keep a first column without a name that counts the rows (default: left out)", 0},
        {"header", KEY_HEADER, NULL, 0, "the first line names the columns (default: found out)", 0},
        {"no-header", KEY_NO_HEADER, NULL, 0, "the first line is data", 0},
        {"classes", KEY_CLASSES, NULL, 0, "the target is a class, words or whole numbers (default: found out)", 0},
        {"real", KEY_REAL, NULL, 0, "targets are real numbers", 0},
        {"one-hot", KEY_ONE_HOT, "A,B", 0,
         "columns whose values become a column of 0 and 1 each, named A=VALUE (default: columns of at most 32 words)", 0},
        {"no-one-hot", KEY_NO_ONE_HOT, NULL, 0, "words among numbers are errors", 0},
        {"missing", KEY_MISSING, "refuse|drop|mean", 0,
         "rows with missing values: an error (default), left out, or the column's mean", 0},
        {"dtype", KEY_DTYPE, "f32|f64", 0, "of x and of real targets (default: f32 unless that loses what varies)", 0},
        {"like", KEY_LIKE, "SET", 0, "the same columns, words, classes, dtypes and means as an imported set has", 0},
        {"unknown", KEY_UNKNOWN, "refuse|zero", 0, "a word that SET has not: an error (default), or none of its words", 0},
        {"separator", KEY_SEPARATOR, "C", 0, "between fields, such as ';', tab, or blank: any run of blanks (default: comma)", 0},
        {"comment", KEY_COMMENT, "C", 0, "lines that begin with it are left out (default '#'), or none", 0},
        {"encoding", KEY_ENCODING, "NAME", 0, "of the text, such as latin1, cp1252, UTF-16 (default: UTF-8)", 0},
        WRITE_OPTIONS{"seed", KEY_SEED, "N", 0, "of the split (default 1)", 0},
        {0},
    };
    const struct argp argp = {
        options,
        parse_write,
        "FILE.csv",
        "Import a table, plain or gzip, from a file or a pipe (-: standard input). What was found out of it is printed, with the "
        "option that decides otherwise."
        "\vExamples:\n"
        "  hoop data import-csv iris.csv --target species --split 0.2 --out iris\n"
        "  hoop data import-csv runs.csv --target lift,drag --real --separator ';' --out wing\n"
        "  hoop data import-csv train.csv.gz --target Survived --drop PassengerId,Name,Ticket,Cabin --missing mean "
        "--split 0.2 --out titanic\n"
        "  hoop data import-csv test.csv --like titanic/train --no-target --out titanic-test",
        NULL,
        NULL,
        NULL};
    write_args a = {.opts = {.seed = 1}, .wanted_min = 1, .wanted_max = 1, .wanted = "one FILE.csv"};
    return write_set(&argp, argc, argv, &a, "importing", run_csv);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    command_fn *run;
    const char *help;
} commands[] = {
    {"synth", data_synth, "write a synthetic set: digits, spirals"},
    {"import-idx", data_import_idx, "import images and labels in MNIST's format"},
    {"import-csv", data_import_csv, "import a table"},
    {"import-npy", data_import_npy, "import NumPy arrays"},
    {"info", data_info, "what is in a dataset"},
    {"verify", data_verify, "read a dataset: checksums, labels, NaN"},
};
enum { COMMANDS = (int)(sizeof commands / sizeof commands[0]) };

static void usage(FILE *out)
{
    (void)fputs("usage  hoop data COMMAND ...\n\n", out);
    for (int i = 0; i < COMMANDS; i++) (void)fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
    (void)fputs("\nexamples\n"
                "  hoop data synth digits --samples 12000 --split 0.15 --out digits\n"
                "  hoop data import-csv iris.csv --target species --split 0.2 --out iris\n"
                "  hoop data info digits/train\n\n"
                "Any HDF5 file with datasets /x and /y (or data.x and data.y of the config) of equal length is a dataset too.\n"
                "hoop data COMMAND --help tells more of each.\n",
                out);
}

int command_data(int argc, char **argv)
{
    const char *names[COMMANDS], *near;
    char        shown[32];
    if (argc < 2) {
        usage(stderr);
        return HOOP_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return print_done(HOOP_EXIT_OK);
    }
    for (int i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(argv[1], commands[i].name) != 0) continue;
        (void)snprintf(shown, sizeof shown, "data %s", commands[i].name);
        argv[1] = shown;
        return commands[i].run(argc - 1, argv + 1);
    }
    near = hoop_nearest(argv[1], names, COMMANDS);
    if (near != NULL)
        (void)fprintf(stderr, "hoop data: there is no command '%s'; did you mean '%s'?\n", argv[1], near);
    else
        (void)fprintf(stderr, "hoop data: there is no command '%s'; hoop data --help lists them\n", argv[1]);
    return HOOP_EXIT_USAGE;
}

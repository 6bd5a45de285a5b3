/* hoop data synth|import-...|info|verify: the table of its subcommands, and those that write tables and arrays. */
#include "command/data.h"

#include <stdio.h>
#include <string.h>

#include "command/data_write.h"
#include "command/print.h"
#include "hoop/option.h"

/* ---- synth ---- */

static hoop_status run_synth(const write_args *a, hoop_error *err, hoop_import_result *result)
{
    return hoop_synth(a->file[0], a->samples, &a->opts, err, result);
}

static char *list_kinds(int key, const char *text, void *input)
{
    char  *out;
    size_t size;
    FILE  *f;
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC) return (char *)(uintptr_t)text;
    f = open_memstream(&out, &size);
    if (f == NULL) return (char *)(uintptr_t)text;
    (void)fputs("Kinds:\n", f);
    for (int i = 0; hoop_synth_kind(i) != NULL; i++) (void)fprintf(f, "  %-8s %s\n", hoop_synth_kind(i), hoop_synth_help(i));
    (void)fputs(text, f);
    return fclose(f) == 0 ? out : (char *)(uintptr_t)text;
}

static int data_synth(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"samples", KEY_SAMPLES, "N", 0, "rows in all (default 10000)", 0},
        WRITE_OPTIONS{"seed", KEY_SEED, "N", 0, "of the samples and the split (default 1)", 0},
        {0},
    };
    const struct argp argp = {options,
                              data_parse_write,
                              "KIND",
                              "Write a synthetic dataset. Equal seeds give equal bytes."
                              "\vExamples:\n"
                              "  hoop data synth digits --samples 12000 --split 0.15 --out digits\n"
                              "  hoop data synth scenes --samples 4000 --split 0.1 --out scenes\n"
                              "and in the config, of scenes: data: {train: scenes/train, inputs: {x: /x},\n"
                              "  targets: {boxes: {path: /boxes, offsets: /boxes_offsets}}}",
                              NULL,
                              list_kinds,
                              NULL};
    write_args        a    = {
                  .opts = {.seed = 1}, .samples = 10000, .wanted_min = 1, .wanted_max = 1, .wanted = "one kind, such as digits,"};
    return data_write_set(&argp, argc, argv, &a, "drawing", run_synth);
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
                           data_parse_write,
                           "IMAGES LABELS",
                           "Import images and labels in MNIST's format (IDX), plain or gzip."
                                              "\vExample:\n"
                                              "  hoop data import-idx t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz --split 0.15 --out mnist",
                           NULL,
                           NULL,
                           NULL};
    write_args a = {.opts = {.seed = 1}, .wanted_min = 2, .wanted_max = 2, .wanted = "IMAGES LABELS, two IDX files,"};
    return data_write_set(&argp, argc, argv, &a, "importing", run_idx);
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
                              data_parse_write,
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
    return data_write_set(&argp, argc, argv, &a, "importing", run_npy);
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
        data_parse_write,
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
    return data_write_set(&argp, argc, argv, &a, "importing", run_csv);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    command_fn *run;
    const char *help;
} commands[] = {
    {"synth", data_synth, "write a synthetic set: digits, shapes, scenes ..."},
    {"import-idx", data_import_idx, "import images and labels in MNIST's format"},
    {"import-csv", data_import_csv, "import a table"},
    {"import-npy", data_import_npy, "import NumPy arrays"},
    {"import-text", data_import_text, "import a text as a stream of ids"},
    {"import-images", data_import_images, "import PNG and JPEG files of class folders"},
    {"info", data_info, "what is in a dataset"},
    {"verify", data_verify, "read a dataset: checksums, labels, NaN"},
};
enum { COMMANDS = (int)(sizeof commands / sizeof commands[0]) };

static void usage(FILE *out)
{
    (void)fputs("usage  hoop data COMMAND ...\n\n", out);
    for (int i = 0; i < COMMANDS; i++) (void)fprintf(out, "  %-13s %s\n", commands[i].name, commands[i].help);
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

/* hoop predict RUN --data F --out F.csv --pictures DIR */
#include "command/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/print.h"
#include "hoop/trained.h"
#include "pictures/pictures.h"

enum { KEY_FORCE = 256, KEY_UNKNOWN, KEY_PICTURES, KEY_COUNT, KEY_WORST };

typedef struct predict_args {
    const char  *path, *data, *out, *pictures;
    command_sets set;
    int64_t      count; /* 0: as it is without the option */
    bool         worst, force;
} predict_args;

static const char doc[] =
    "Write the outputs of a trained model for data (which need have no targets), a row for each row of the data. To FILE.csv: a "
    "table with a header, for a classifier the class and the probability of each, else the targets in the data's units; of "
    "several "
    "targets with their names before, p.y0. To any other name an HDF5 file: dataset /y, or one for each target under its name; "
    "for "
    "a classifier these are logits, whose largest is the class. Ranks under mpirun share the work; the file is the same.\n\n"
    "With --pictures pages of PNG, DIR/page-001.png and on: images with what they are taken for, masks and boxes over images, "
    "reconstructions and fields beside what they should be, curves of a forecast; with the truth where the data have it."
    "\vExamples:\n"
    "  hoop predict runs/iris --data new/flowers --out flowers.csv\n"
    "  hoop predict runs/digits --data digits/validation --out predictions.h5\n"
    "  mpirun -n 4 hoop predict runs/surrogate --data 'sims/new-*.h5' --set data.x=/state --out y.h5\n"
    "  hoop predict runs/digits --data digits/validation --pictures wrong --worst\n"
    "  h5dump -H predictions.h5";
static const struct argp_option options[] = {
    {"data", 'd', "SHARDS", 0, "shard prefix, file or glob", 0},
    {"out", 'o', "FILE", 0, "the file to write: FILE.csv a table of text, else HDF5", 0},
    {"pictures", KEY_PICTURES, "DIR", 0, "the folder for pages of pictures; --out may be left out then", 0},
    {"pictures-count", KEY_COUNT, "N", 0, "how many samples, evenly spaced (default 24)", 0},
    {"worst", KEY_WORST, NULL, 0, "those that the first target is furthest off at, which looks at all rows: the worst first", 0},
    {"force", KEY_FORCE, NULL, 0, "replace them if they are there", 0},
    {"unknown", KEY_UNKNOWN, "refuse|zero", 0,
     "words not seen in training, in columns that are words (one-hot): an error, or taken as none of the words", 0},
    {"set", 's', "KEY=VALUE", 0, "set a key of the checkpoint's config, such as threads=2 (repeatable)", 0},
    {0},
};

static int64_t parse_count(const char *arg, const struct argp_state *state)
{
    char           *end;
    const long long n = strtoll(arg, &end, 10);
    if (end == arg || *end != '\0' || n < 1 || n > PICTURES_MOST)
        argp_error(state, "--pictures-count is '%s'; 1 to %d samples are wanted", arg, PICTURES_MOST);
    return n;
}

static void check(const predict_args *a, const struct argp_state *state)
{
    if (a->path == NULL) argp_error(state, "which run or checkpoint? hoop predict RUN --data SHARDS --out FILE.csv");
    if (a->data == NULL) argp_error(state, "which data? --data SHARDS");
    if (a->out == NULL && a->pictures == NULL) argp_error(state, "where to? --out FILE.csv, or FILE.h5; or --pictures DIR");
    if (a->pictures == NULL && (a->worst || a->count > 0))
        argp_error(state, "%s is of pictures; give their folder: --pictures DIR", a->worst ? "--worst" : "--pictures-count");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    predict_args *a = state->input;
    switch (key) {
    case 'd':
        if (arg[0] == '\0') argp_error(state, "--data is empty; a shard prefix, file or glob is wanted");
        a->data = arg;
        return 0;
    case 'o':
        if (arg[0] == '\0') argp_error(state, "--out is empty; the file to write is wanted");
        a->out = arg;
        return 0;
    case KEY_PICTURES:
        if (arg[0] == '\0') argp_error(state, "--pictures is empty; the folder to write is wanted");
        a->pictures = arg;
        return 0;
    case KEY_COUNT:
        a->count = parse_count(arg, state);
        return 0;
    case KEY_WORST:
        a->worst = true;
        return 0;
    case KEY_UNKNOWN:
        command_set_unknown(&a->set, arg, state);
        return 0;
    case KEY_FORCE:
        a->force = true;
        return 0;
    case 's':
        command_set(&a->set, arg, state);
        return 0;
    case ARGP_KEY_ARG:
        command_only(&a->path, arg, "RUN", state);
        return 0;
    case ARGP_KEY_END:
        check(a, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_result(const predict_args *a, const hoop_trained *t)
{
    int64_t             rows = hoop_dataset_about(hoop_trained_data(t))->length;
    hoop_trained_output out;
    if (hoop_trained_is_text(a->out)) {
        (void)printf("%s: %lld rows, from %s\n", a->out, (long long)rows, hoop_trained_checkpoint(t));
        return;
    }
    for (int i = 0; hoop_trained_output_at(t, i, &out); i++) {
        char    shape[PRINT_SHAPE];
        int64_t full[HOOP_MAX_DIMS + 1] = {rows};
        if (out.boxes) {
            (void)printf("%s: boxes, scores and labels of %lld rows, from %s\n", a->out, (long long)rows,
                         hoop_trained_checkpoint(t));
            continue;
        }
        for (int d = 0; d < out.ndim; d++) full[d + 1] = out.shape[d];
        print_shape(out.ndim + 1, full, shape);
        (void)printf("%s: %s %s %s, from %s\n", a->out, out.name, shape, hoop_dtype_name(out.dtype), hoop_trained_checkpoint(t));
    }
}

/* What is asked for, of a model that is open. */
static hoop_status predict(const predict_args *a, hoop_trained *t, meter *m, bool first, hoop_error *err)
{
    const pictures_opts pictures = {.dir      = a->pictures,
                                    .data     = a->data,
                                    .count    = a->count > 0 ? a->count : PICTURES_COUNT,
                                    .worst    = a->worst,
                                    .force    = a->force,
                                    .ctx      = m,
                                    .progress = first ? meter_update : NULL};
    int64_t             pages    = 0;
    hoop_status         st       = HOOP_OK;
    if (a->out != NULL) st = hoop_trained_predict(t, a->out, a->force, first ? meter_update : NULL, m, err);
    if (st == HOOP_OK && a->pictures != NULL) st = pictures_write(t, &pictures, err, &pages);
    meter_end(m);
    if (st != HOOP_OK || !first) return st;
    if (a->out != NULL) print_result(a, t);
    if (a->pictures != NULL)
        (void)printf("%s: %lld page%s of pictures, from %s\n", a->pictures, (long long)pages, pages == 1 ? "" : "s",
                     hoop_trained_checkpoint(t));
    return st;
}

int command_predict(int argc, char **argv)
{
    const struct argp argp  = {options, parse_option, "RUN", doc, NULL, NULL, NULL};
    predict_args      a     = {0};
    hoop_error        early = {.status = HOOP_OK}, err = {.status = HOOP_OK};
    hoop_trained     *t    = NULL;
    hoop_comm_opts    comm = {0};
    session           s;
    meter             m = {0};
    hoop_status       st;
    int               code = HOOP_EXIT_OK;
    command_parse(&argp, argc, argv, &a);
    if (hoop_trained_read(a.path, a.set.text, a.set.n, &early, &t) == HOOP_OK) comm = *hoop_trained_comm_opts(t);
    HOOP_TRY(st, done, session_begin(&comm, &early, &err, &s));
    meter_begin(&m, "predicting");
    HOOP_TRY(st, done,
             hoop_trained_open(t, s.comm,
                               &(hoop_trained_opts){.data = a.data, .beside = a.pictures != NULL, .ctx = &m, .note = meter_note},
                               &err));
    HOOP_TRY(st, done, predict(&a, t, &m, s.rank == 0, &err));
    if (s.rank == 0) code = print_done(code);
done:
    meter_end(&m);
    hoop_trained_close(&t);
    return session_end(&s, &err, code);
}

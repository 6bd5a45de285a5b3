/* hoop predict RUN --data F --out F.csv */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

#include "command/print.h"
#include "hoop/trained.h"

enum { KEY_FORCE = 256, KEY_UNKNOWN };

typedef struct predict_args {
    const char  *path, *data, *out;
    command_sets set;
    bool         force;
} predict_args;

static const char doc[] =
    "Write the outputs of a trained model for data (which need have no targets), a row for each row of the data. To FILE.csv: a "
    "table with a header, for a classifier the class and the probability of each, else the targets in the data's units; of "
    "several "
    "targets with their names before, p.y0. To any other name an HDF5 file: dataset /y, or one for each target under its name; "
    "for "
    "a classifier these are logits, whose largest is the class. Ranks under mpirun share the work; the file is the same."
    "\vExamples:\n"
    "  hoop predict runs/iris --data new/flowers --out flowers.csv\n"
    "  hoop predict runs/digits --data digits/validation --out predictions.h5\n"
    "  mpirun -n 4 hoop predict runs/surrogate --data 'sims/new-*.h5' --set data.x=/state --out y.h5\n"
    "  h5dump -H predictions.h5";
static const struct argp_option options[] = {
    {"data", 'd', "SHARDS", 0, "shard prefix, file or glob", 0},
    {"out", 'o', "FILE", 0, "the file to write: FILE.csv a table of text, else HDF5", 0},
    {"force", KEY_FORCE, NULL, 0, "replace it if it is there", 0},
    {"unknown", KEY_UNKNOWN, "refuse|zero", 0,
     "words not seen in training, in columns that are words (one-hot): an error, or taken as none of the words", 0},
    {"set", 's', "KEY=VALUE", 0, "set a key of the checkpoint's config, such as threads=2 (repeatable)", 0},
    {0},
};

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
        if (a->path == NULL) argp_error(state, "which run or checkpoint? hoop predict RUN --data SHARDS --out FILE.csv");
        if (a->data == NULL) argp_error(state, "which data? --data SHARDS");
        if (a->out == NULL) argp_error(state, "where to? --out FILE.csv, or FILE.h5");
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
        for (int d = 0; d < out.ndim; d++) full[d + 1] = out.shape[d];
        print_shape(out.ndim + 1, full, shape);
        (void)printf("%s: %s %s %s, from %s\n", a->out, out.name, shape, hoop_dtype_name(out.dtype), hoop_trained_checkpoint(t));
    }
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
    HOOP_TRY(st, done, hoop_trained_open(t, s.comm, &(hoop_trained_opts){.data = a.data, .ctx = &m, .note = meter_note}, &err));
    st = hoop_trained_predict(t, a.out, a.force, s.rank == 0 ? meter_update : NULL, &m, &err);
    meter_end(&m);
    if (st != HOOP_OK) goto done;
    if (s.rank == 0) print_result(&a, t);
    if (s.rank == 0) code = print_done(code);
done:
    meter_end(&m);
    hoop_trained_close(&t);
    return session_end(&s, &err, code);
}

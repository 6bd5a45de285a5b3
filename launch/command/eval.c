/* hoop eval RUN */
#include "command/command.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command/print.h"
#include "train/trained.h"

enum { KEY_JSON = 256, KEY_UNKNOWN, MOST_SETS = 256 };

typedef struct eval_args {
    const char *path, *data;
    const char *set[MOST_SETS];
    int         nset;
    bool        json;
} eval_args;

static const char doc[] =
    "Loss and accuracy of a trained model on data: the validation data of its config, or others. Works alone or under mpirun; "
    "the numbers are "
    "the same for any number of ranks."
    "\vExamples:\n"
    "  hoop eval runs/digits\n"
    "  hoop eval runs/digits/checkpoints/step-00000400 --data digits/train\n"
    "  mpirun -n 4 hoop eval runs/digits --data 'more/part-*.h5' --set data.x=/images --set data.y=/labels --json";
static const struct argp_option options[] = {
    {"data", 'd', "SHARDS", 0, "shard prefix, file or glob (default: data.validation of the config)", 0},
    {"unknown", KEY_UNKNOWN, "refuse|zero", 0,
     "words not seen in training, in columns that are words (one-hot): an error, or taken as none of the words", 0},
    {"set", 's', "KEY=VALUE", 0, "set a key of the checkpoint's config, such as threads=2 (repeatable)", 0},
    {"json", KEY_JSON, NULL, 0, "print JSON", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    eval_args *a = state->input;
    switch (key) {
    case 'd':
        if (arg[0] == '\0') argp_error(state, "--data is empty; a shard prefix, file or glob is wanted");
        a->data = arg;
        return 0;
    case 's':
        if (a->nset == MOST_SETS) argp_error(state, "more than %d --set", MOST_SETS);
        a->set[a->nset++] = arg;
        return 0;
    case KEY_UNKNOWN:
        if (strcmp(arg, "refuse") != 0 && strcmp(arg, "zero") != 0)
            argp_error(state, "--unknown is refuse or zero, not '%s'", arg);
        if (a->nset == MOST_SETS) argp_error(state, "more than %d --set", MOST_SETS);
        a->set[a->nset++] = strcmp(arg, "zero") == 0 ? "data.unknown=zero" : "data.unknown=refuse";
        return 0;
    case KEY_JSON:
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->path != NULL) argp_error(state, "one RUN is wanted; '%s' is a second", arg);
        a->path = arg;
        return 0;
    case ARGP_KEY_END:
        if (a->path == NULL) argp_error(state, "which run or checkpoint? hoop eval RUN");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool print_result(const eval_args *a, const hoop__trained *t, const hoop_metrics_sums *m)
{
    int64_t step = hoop_trainer_about(t->trainer)->step;
    json_t *o;
    if (!a->json) {
        (void)printf("checkpoint %s, step %lld\n", t->checkpoint, (long long)step);
        (void)printf("loss       %.6g\n", m->loss / m->weight);
        if (m->counted > 0)
            (void)printf("accuracy   %.2f%%  (%.0f of %.0f)\n", 100 * m->correct / m->counted, m->correct, m->counted);
        (void)printf("samples    %lld\n", (long long)m->samples);
        return true;
    }
    o = json_object();
    (void)json_object_set_new(o, "checkpoint", json_string(t->checkpoint));
    (void)json_object_set_new(o, "step", json_integer(step));
    (void)json_object_set_new(o, "loss", json_number(m->loss / m->weight));
    if (m->counted > 0) (void)json_object_set_new(o, "accuracy", json_number(m->correct / m->counted));
    (void)json_object_set_new(o, "samples", json_integer(m->samples));
    return print_json(&o);
}

int command_eval(int argc, char **argv)
{
    const struct argp  argp  = {options, parse_option, "RUN", doc, NULL, NULL, NULL};
    eval_args          a     = {0};
    hoop_error         early = {.status = HOOP_OK}, err = {.status = HOOP_OK};
    hoop__trained      t = {0};
    hoop__trained_opts opts;
    hoop_metrics_sums  sums;
    session            s;
    meter              m;
    hoop_status        st;
    int                code = HOOP_EXIT_OK;
    command_parse(&argp, argc, argv, &a);
    (void)hoop__trained_read(a.path, a.set, a.nset, &early, &t);
    HOOP_TRY(st, done, session_begin(&t.comm, &early, &err, &s));
    meter_begin(&m, "evaluating");
    opts = (hoop__trained_opts){
        .data = a.data, .targets = true, .ctx = &m, .note = command_note, .progress = s.rank == 0 ? meter_update : NULL};
    HOOP_TRY(st, done, hoop__trained_open(&t, s.comm, &opts, &err));
    st = hoop_trainer_evaluate(t.trainer, t.data, &err, &sums);
    meter_end(&m);
    if (st != HOOP_OK) goto done;
    if (s.rank == 0 && !print_result(&a, &t, &sums)) code = HOOP_EXIT_FAILURE;
    if (s.rank == 0) code = print_done(code);
done:
    hoop__trained_close(&t);
    return session_end(&s, &err, code);
}

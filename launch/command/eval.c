/* hoop eval RUN */
#include "command/command.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command/print.h"
#include "hoop/trained.h"
#include "output/sums.h"

enum { KEY_JSON = 256, KEY_UNKNOWN };

typedef struct eval_args {
    const char  *path, *data;
    command_sets set;
    bool         json;
} eval_args;

static const char doc[] =
    "Loss and accuracy of a trained model on data: the validation data of its config, or others. Of classes also precision and "
    "recall of each (from 20 classes on, of the worst) and the confusion matrix, rows true, columns predicted; of real targets "
    "the "
    "error of each, in the data's units; of boxes mean average precision; of several targets under the name of each. Works alone "
    "or under mpirun; the numbers are "
    "the "
    "same for any number of ranks."
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
        command_set(&a->set, arg, state);
        return 0;
    case KEY_UNKNOWN:
        command_set_unknown(&a->set, arg, state);
        return 0;
    case KEY_JSON:
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        command_only(&a->path, arg, "RUN", state);
        return 0;
    case ARGP_KEY_END:
        if (a->path == NULL) argp_error(state, "which run or checkpoint? hoop eval RUN");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- what is printed ---- */

enum { METRICS = 8, MANY_CLASSES = 20, WORST = 10, SHOWN_TARGETS = 20, SHOWN_NAME = 24 };

/* A target, and what was counted of it. */
typedef struct counted {
    const hoop_trained *trained;
    int                 target;
    const hoop_tally   *tally;
} counted;

/* The name of class or value i, or its number; cut to what a table has room for. */
static const char *name_of(const counted *x, int64_t i, char out[PRINT_CELL])
{
    const char *name = hoop_trained_name(x->trained, x->target, i);
    size_t      n    = SHOWN_NAME;
    if (name == NULL) {
        (void)snprintf(out, PRINT_CELL, "%lld", (long long)i);
        return out;
    }
    if (strlen(name) > n) /* whole characters of UTF-8 */
        while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80) n--;
    (void)snprintf(out, PRINT_CELL, "%.*s", (int)n, name);
    return out;
}

static json_t *json_name(const counted *x, int64_t i)
{
    char        number[PRINT_CELL];
    const char *name = hoop_trained_name(x->trained, x->target, i);
    return json_text(name != NULL ? name : name_of(x, i, number));
}

static void percent_cell(table *t, int64_t part, int64_t of)
{
    if (of > 0)
        table_cell(t, "%.2f%%", 100.0 * (double)part / (double)of);
    else
        table_cell(t, "-");
}

/* What a class was taken for most often, but for itself; -1: nothing. */
static int64_t mistaken_for(const hoop_tally *c, int64_t i)
{
    int64_t best = -1;
    for (int64_t j = 0; c->matrix != NULL && j < c->classes; j++)
        if (j != i && c->matrix[i * c->classes + j] > (best < 0 ? 0 : c->matrix[i * c->classes + best])) best = j;
    return best;
}

/* The worst of the classes that there are: of the lowest recall, then the most mistakes. Returns how many. */
static int worst(const hoop_tally *c, int64_t out[WORST])
{
    int n = 0;
    for (int64_t i = 0; i < c->classes; i++) {
        int at = n;
        if (c->count[i] == 0) continue;
        while (at > 0) {
            const int64_t o    = out[at - 1];
            const double  mine = (double)c->right[i] / (double)c->count[i], its = (double)c->right[o] / (double)c->count[o];
            if (mine > its || (mine >= its && c->count[i] - c->right[i] <= c->count[o] - c->right[o])) break;
            if (at < WORST) out[at] = o;
            at--;
        }
        if (at < WORST) out[at] = i;
        if (n < WORST) n++;
    }
    return n;
}

static bool print_classes(const counted *x)
{
    const hoop_tally        *c      = x->tally;
    static const char *const head[] = {"class", "-count", "-predicted", "-precision", "-recall", "most taken for"};
    const bool               many   = c->classes >= MANY_CLASSES;
    char                     name[PRINT_CELL];
    int64_t                  which[WORST];
    int64_t                  n = many ? worst(c, which) : c->classes;
    table                    t;
    if (many) (void)printf("\nthe worst of %lld classes (--json has all)\n", (long long)c->classes);
    if (!many) (void)printf("\n");
    table_begin(&t, head, 6);
    for (int64_t k = 0; k < n; k++) {
        const int64_t i = many ? which[k] : k, other = mistaken_for(c, i);
        table_cell(&t, "%s", name_of(x, i, name));
        table_cell(&t, "%lld", (long long)c->count[i]);
        table_cell(&t, "%lld", (long long)c->predicted[i]);
        percent_cell(&t, c->right[i], c->predicted[i]);
        percent_cell(&t, c->right[i], c->count[i]);
        if (other >= 0)
            table_cell(&t, "%s (%lld)", name_of(x, other, name), (long long)c->matrix[i * c->classes + other]);
        else
            table_cell(&t, "%s", "");
    }
    return table_end(&t, "");
}

/* Rows are what is true, columns what is predicted. */
static bool print_matrix(const counted *x)
{
    const hoop_tally *c = x->tally;
    char              heads[MANY_CLASSES][PRINT_CELL + 1], name[PRINT_CELL];
    const char       *head[MANY_CLASSES] = {"true \\ predicted"};
    table             t;
    if (c->matrix == NULL || c->classes >= MANY_CLASSES) return true;
    for (int64_t i = 0; i < c->classes; i++) {
        (void)snprintf(heads[i], sizeof heads[i], "-%s", name_of(x, i, name));
        head[i + 1] = heads[i];
    }
    (void)printf("\n");
    table_begin(&t, head, (int)c->classes + 1);
    for (int64_t i = 0; i < c->classes; i++) {
        table_cell(&t, "%s", name_of(x, i, name));
        for (int64_t j = 0; j < c->classes; j++) table_cell(&t, "%lld", (long long)c->matrix[i * c->classes + j]);
    }
    return table_end(&t, "");
}

static bool print_values(const counted *x)
{
    const hoop_tally *c = x->tally;
    const int64_t     n = c->values < SHOWN_TARGETS ? c->values : SHOWN_TARGETS;
    char              heads[METRICS][PRINT_CELL + 1], name[PRINT_CELL];
    const char       *head[METRICS + 1] = {"target"};
    const int         metrics           = c->nmetrics < METRICS ? c->nmetrics : METRICS;
    table             t;
    for (int m = 0; m < metrics; m++) {
        (void)snprintf(heads[m], sizeof heads[m], "-%s", c->metric[m]->brief);
        head[m + 1] = heads[m];
    }
    (void)printf("\n");
    table_begin(&t, head, metrics + 1);
    for (int64_t j = 0; j < n; j++) {
        table_cell(&t, "%s", name_of(x, j, name));
        for (int m = 0; m < metrics; m++) {
            const double v = c->value[j * c->nmetrics + m];
            if (isnan(v))
                table_cell(&t, "-");
            else
                table_cell(&t, "%.6g", v);
        }
    }
    if (!table_end(&t, "")) return false;
    if (n < c->values) (void)printf("and %lld more targets (--json has all)\n", (long long)(c->values - n));
    return true;
}

/* Metrics that are several numbers, one a class or value, side by side. */
static bool print_lists(const counted *x, const hoop_target_sums *own)
{
    const hoop_metric_value *list[METRICS];
    const bool               boxes             = hoop_trainer_target(hoop_trained_trainer(x->trained), x->target).loss->boxes;
    const char              *head[METRICS + 1] = {x->tally->classes > 0 || boxes ? "class" : "value"};
    char                     heads[METRICS][PRINT_CELL + 1], name[PRINT_CELL];
    int64_t                  n     = 0, shown;
    int                      lists = 0;
    table                    t;
    for (int i = 0; i < own->nmetrics && lists < METRICS; i++) {
        if (own->metric[i].list == NULL || own->metric[i].columns > 0) continue;
        (void)snprintf(heads[lists], sizeof heads[lists], "-%.*s", PRINT_CELL - 2, own->metric[i].name);
        list[lists]     = &own->metric[i];
        head[lists + 1] = heads[lists];
        n               = own->metric[i].numbers;
        lists++;
    }
    if (lists == 0) return true;
    shown = n < SHOWN_TARGETS ? n : SHOWN_TARGETS;
    (void)printf("\n");
    table_begin(&t, head, lists + 1);
    for (int64_t i = 0; i < shown; i++) {
        table_cell(&t, "%s", name_of(x, i, name));
        for (int m = 0; m < lists; m++) {
            if (isnan(list[m]->list[i]))
                table_cell(&t, "-");
            else
                table_cell(&t, "%.6g", list[m]->list[i]);
        }
    }
    if (!table_end(&t, "")) return false;
    if (shown < n) (void)printf("and %lld more (--json has all)\n", (long long)(n - shown));
    return true;
}

/* Those that are a table, as it is. The counts of what was taken for what stand there already. */
static bool print_tables(const counted *x, const hoop_target_sums *own)
{
    char        heads[MANY_CLASSES][PRINT_CELL + 1], name[PRINT_CELL];
    const char *head[MANY_CLASSES];
    bool        good = true;
    for (int i = 0; i < own->nmetrics && good; i++) {
        const hoop_metric_value *v = &own->metric[i];
        table                    t;
        if (v->list == NULL || v->columns < 1 || v->columns >= MANY_CLASSES || strcmp(v->name, "confusion") == 0) continue;
        head[0] = v->name;
        for (int64_t j = 0; j < v->columns; j++) {
            (void)snprintf(heads[j], sizeof heads[j], "-%s", name_of(x, j, name));
            head[j + 1] = heads[j];
        }
        (void)printf("\n");
        table_begin(&t, head, (int)v->columns + 1);
        for (int64_t j = 0; j < v->numbers; j++) {
            if (j % v->columns == 0) table_cell(&t, "%s", name_of(x, j / v->columns, name));
            table_cell(&t, "%.4g", v->list[j]);
        }
        good = table_end(&t, "");
    }
    return good;
}

/* "[0.5, null]", of a table its rows */
static json_t *json_list(const hoop_metric_value *v)
{
    json_t *all = json_array(), *row = all;
    for (int64_t i = 0; i < v->numbers; i++) {
        if (v->columns > 0 && i % v->columns == 0) {
            row = json_array();
            (void)json_array_append_new(all, row);
        }
        (void)json_array_append_new(row, isnan(v->list[i]) ? json_null() : json_number(v->list[i]));
    }
    return all;
}

static json_t *ratio(int64_t part, int64_t of)
{
    return of > 0 ? json_number((double)part / (double)of) : json_null();
}

static void json_counts(json_t *o, const counted *x)
{
    const hoop_tally *c       = x->tally;
    json_t           *classes = json_array(), *matrix = json_array();
    for (int64_t i = 0; i < c->classes; i++) {
        json_t *one = json_object(), *row = json_array();
        (void)json_object_set_new(one, "name", json_name(x, i));
        (void)json_object_set_new(one, "count", json_integer(c->count[i]));
        (void)json_object_set_new(one, "predicted", json_integer(c->predicted[i]));
        (void)json_object_set_new(one, "right", json_integer(c->right[i]));
        (void)json_object_set_new(one, "precision", ratio(c->right[i], c->predicted[i]));
        (void)json_object_set_new(one, "recall", ratio(c->right[i], c->count[i]));
        (void)json_array_append_new(classes, one);
        for (int64_t j = 0; c->matrix != NULL && j < c->classes; j++)
            (void)json_array_append_new(row, json_integer(c->matrix[i * c->classes + j]));
        (void)json_array_append_new(matrix, row);
    }
    (void)json_object_set_new(o, "classes", classes);
    if (c->matrix != NULL)
        (void)json_object_set_new(o, "confusion", matrix);
    else
        json_decref(matrix);
}

static void json_errors(json_t *o, const counted *x)
{
    const hoop_tally *c       = x->tally;
    json_t           *targets = json_array();
    for (int64_t j = 0; j < c->values; j++) {
        json_t *one = json_object();
        (void)json_object_set_new(one, "name", json_name(x, j));
        for (int m = 0; m < c->nmetrics; m++) {
            const double v = c->value[j * c->nmetrics + m];
            (void)json_object_set_new(one, c->metric[m]->name, isnan(v) ? json_null() : json_number(v));
        }
        (void)json_array_append_new(targets, one);
    }
    (void)json_object_set_new(o, "targets", targets);
}

/* "accuracy   98.41%", and of classes how many were right: "right      9841 of 10000" */
static void print_metrics(const hoop_target_sums *target, const hoop_tally *c)
{
    int64_t right = 0, count = 0;
    int     width = 10;
    for (int i = 0; i < target->nmetrics; i++)
        if (!isnan(target->metric[i].value) && (int)strlen(target->metric[i].name) > width)
            width = (int)strlen(target->metric[i].name);
    for (int i = 0; i < target->nmetrics; i++) {
        const hoop_metric_value *v = &target->metric[i];
        char                     text[PRINT_CELL];
        if (!isnan(v->value)) (void)printf("%-*s %s\n", width, v->name, hoop__metric_text(v, text, sizeof text));
    }
    for (int64_t i = 0; i < c->classes; i++) {
        right += c->right[i];
        count += c->count[i];
    }
    if (c->classes > 0) (void)printf("right      %lld of %lld\n", (long long)right, (long long)count);
}

/* Of several targets, what each lost under its name. */
static bool print_text(const hoop_trained *t, const hoop_metrics_sums *m)
{
    hoop_trainer *tr   = hoop_trained_trainer(t);
    bool          good = true;
    (void)printf("checkpoint %s, step %lld\n", hoop_trained_checkpoint(t), (long long)hoop_trainer_about(tr)->step);
    (void)printf("loss       %.6g\n", hoop__sums_loss(m));
    if (m->ntargets == 1) print_metrics(&m->target[0], hoop_trained_tally(t, 0));
    (void)printf("samples    %lld\n", (long long)m->samples);
    for (counted x = {.trained = t}; (x.tally = hoop_trained_tally(t, x.target)) != NULL; x.target++) {
        const hoop_target_sums *own = &m->target[x.target];
        if (m->ntargets > 1) {
            (void)printf("\n%s\nloss       %.6g\n", own->name, own->loss / own->weight);
            print_metrics(own, x.tally);
        }
        if (x.tally->classes > 0) good = good && print_classes(&x) && print_matrix(&x);
        if (x.tally->values > 0) good = good && print_values(&x);
        good = good && print_lists(&x, own) && print_tables(&x, own);
    }
    return good;
}

static void json_target(json_t *o, const hoop_target_sums *own, const counted *x)
{
    for (int i = 0; i < own->nmetrics; i++) {
        const hoop_metric_value *v = &own->metric[i];
        if (!isnan(v->value)) (void)json_object_set_new(o, v->name, json_number(v->value));
        if (v->list != NULL) (void)json_object_set_new(o, v->name, json_list(v));
    }
    if (x->tally->classes > 0) json_counts(o, x);
    if (x->tally->values > 0) json_errors(o, x);
}

static bool print_as_json(const hoop_trained *t, const hoop_metrics_sums *m)
{
    hoop_trainer *tr = hoop_trained_trainer(t);
    json_t       *o = json_object(), *all = m->ntargets > 1 ? json_object() : NULL;
    (void)json_object_set_new(o, "checkpoint", json_string(hoop_trained_checkpoint(t)));
    (void)json_object_set_new(o, "step", json_integer(hoop_trainer_about(tr)->step));
    (void)json_object_set_new(o, "loss", json_number(hoop__sums_loss(m)));
    (void)json_object_set_new(o, "samples", json_integer(m->samples));
    for (counted x = {.trained = t}; (x.tally = hoop_trained_tally(t, x.target)) != NULL; x.target++) {
        const hoop_target_sums *own = &m->target[x.target];
        json_t                 *one = all == NULL ? o : json_object();
        if (all != NULL) (void)json_object_set_new(one, "loss", json_number(own->loss / own->weight));
        json_target(one, own, &x);
        if (all != NULL) (void)json_object_set_new(all, own->name, one);
    }
    if (all != NULL) (void)json_object_set_new(o, "by_target", all);
    return print_json(&o);
}

int command_eval(int argc, char **argv)
{
    const struct argp argp  = {options, parse_option, "RUN", doc, NULL, NULL, NULL};
    eval_args         a     = {0};
    hoop_error        early = {.status = HOOP_OK}, err = {.status = HOOP_OK};
    hoop_trained     *t    = NULL;
    hoop_comm_opts    comm = {0};
    hoop_trained_opts opts;
    hoop_metrics_sums sums;
    session           s;
    meter             m = {0};
    hoop_status       st;
    int               code = HOOP_EXIT_OK;
    command_parse(&argp, argc, argv, &a);
    if (hoop_trained_read(a.path, a.set.text, a.set.n, &early, &t) == HOOP_OK) comm = *hoop_trained_comm_opts(t);
    HOOP_TRY(st, done, session_begin(&comm, &early, &err, &s));
    meter_begin(&m, "evaluating");
    opts = (hoop_trained_opts){
        .data = a.data, .targets = true, .ctx = &m, .note = meter_note, .progress = s.rank == 0 ? meter_update : NULL};
    HOOP_TRY(st, done, hoop_trained_open(t, s.comm, &opts, &err));
    st = hoop_trained_evaluate(t, &err, &sums);
    meter_end(&m);
    if (st != HOOP_OK) goto done;
    if (s.rank == 0 && !(a.json ? print_as_json : print_text)(t, &sums)) code = HOOP_EXIT_FAILURE;
    if (s.rank == 0) code = print_done(code);
done:
    meter_end(&m);
    hoop_trained_close(&t);
    return session_end(&s, &err, code);
}

/* hoop inspect PATH */
#include "command/command.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/layer_tree.h"
#include "command/open.h"
#include "command/print.h"
#include "hoop/inspect.h"

enum { NO_HASH, HASH_WEIGHTS, HASH_STATE };
enum { KEY_HASH = 256, KEY_JSON, KEY_TREE };

typedef struct inspect_args {
    const char *path;
    int         hash;
    bool        json, tree;
} inspect_args;

static const char doc[] =
    "Show what is in a run (its newest checkpoint), a checkpoint, or one of a checkpoint's files: where training stands, and of "
    "each "
    "tensor the shape, dtype, smallest, mean and largest value, Euclidean norm, and how many elements are not finite."
    "\vExamples:\n"
    "  hoop inspect runs/digits\n"
    "  hoop inspect runs/digits/checkpoints/step-00000800 --json | jq .step\n"
    "  hoop inspect --tree runs/digits            its layers, with shapes and numbers of parameters\n"
    "  hoop inspect --hash runs/digits            the SHA-256 of all parameters, and nothing else\n"
    "  hoop inspect --hash=state runs/digits      buffers and optimizer state too\n\n"
    "Everything shown was read and its checksum found right. Equal hashes mean equal bits, whatever the number of\n"
    "ranks or files.";
static const struct argp_option options[] = {
    {"hash", KEY_HASH, "weights|state", OPTION_ARG_OPTIONAL,
     "print only the SHA-256 of all parameters (weights, the default), or of buffers and optimizer state as well (state)", 0},
    {"tree", KEY_TREE, NULL, 0, "print only the layers, one below the other, with shapes and numbers of parameters", 0},
    {"json", KEY_JSON, NULL, 0, "print JSON", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    inspect_args *a = state->input;
    switch (key) {
    case KEY_HASH:
        if (arg == NULL || strcmp(arg, "weights") == 0)
            a->hash = HASH_WEIGHTS;
        else if (strcmp(arg, "state") == 0)
            a->hash = HASH_STATE;
        else
            argp_error(state, "--hash=%s: weights or state is wanted", arg);
        return 0;
    case KEY_TREE:
        a->tree = true;
        return 0;
    case KEY_JSON:
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        command_only(&a->path, arg, "PATH", state);
        return 0;
    case ARGP_KEY_END:
        if (a->path == NULL) argp_error(state, "which run, checkpoint or file? hoop inspect PATH");
        if (a->tree && (a->json || a->hash != NO_HASH))
            argp_error(state, "--tree is a table of its own; take --hash and --json away");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- looking ---- */

typedef struct row {
    const hoop_checkpoint_tensor *t;
    hoop_checkpoint_stats         stats;
} row;

typedef struct totals {
    int64_t n, parts;                     /* tensors; only in part here */
    int64_t parameters, nonfinite, bytes; /* elements of parameters, elements, bytes of all */
} totals;

static hoop_status look(hoop_checkpoint *c, hoop_error *err, row **out, totals *sum)
{
    row        *rows;
    meter       m;
    hoop_status st = HOOP_OK;
    *sum           = (totals){0};
    while (hoop_checkpoint_tensor_at(c, sum->n) != NULL) sum->n++;
    rows = calloc((size_t)sum->n + 1, sizeof *rows);
    if (rows == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", hoop_checkpoint_path(c));
    meter_begin(&m, "reading");
    for (int64_t i = 0; i < sum->n && st == HOOP_OK; i++) {
        const hoop_checkpoint_tensor *t = rows[i].t = hoop_checkpoint_tensor_at(c, i);
        if (t->kind == HOOP_CKPT_PARAMETER) sum->parameters += t->numel;
        sum->parts += !t->whole;
        sum->bytes += t->numel * (int64_t)hoop_dtype_size(t->dtype);
        if (t->whole) st = hoop_checkpoint_look(c, t, err, &rows[i].stats);
        sum->nonfinite += rows[i].stats.nonfinite;
        meter_update(&m, (double)(i + 1) / (double)sum->n);
    }
    meter_end(&m);
    if (st == HOOP_OK)
        *out = rows;
    else
        free(rows);
    return st;
}

/* RUN/config.yaml of RUN/checkpoints/step-N, if it is there */
static bool config_path(const hoop_checkpoint *c, char *out, size_t size)
{
    const char *path = hoop_checkpoint_path(c), *at = strstr(path, "/checkpoints/step-"), *next;
    if (at == NULL) return false;
    while ((next = strstr(at + 1, "/checkpoints/step-")) != NULL) at = next;
    return snprintf(out, size, "%.*s/config.yaml", (int)(at - path), path) < (int)size && access(out, R_OK) == 0;
}

/* "layers.0.weight", "exp_avg/layers.0.weight" */
static const char *full_name(const hoop_checkpoint_tensor *t, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s%s", t->group, t->group[0] != '\0' ? "/" : "", t->name);
    return out;
}

/* ---- text ---- */

static void print_line(const char *name, const char *value)
{
    if (value[0] != '\0') (void)printf("%-12s %s\n", name, value);
}

static void print_checkpoints(const char *path)
{
    int64_t   *steps = NULL, n = 0;
    hoop_error ignored = {.status = HOOP_OK};
    if (hoop_checkpoint_list(path, &ignored, &steps, &n) == HOOP_OK && n > 0) {
        (void)printf("%-12s", "checkpoints");
        if (n > 8) (void)printf(" %" PRId64 " ...", steps[0]);
        for (int64_t i = n > 8 ? n - 7 : 0; i < n; i++) (void)printf(" %" PRId64, steps[i]);
        (void)printf("\n");
    }
    free(steps);
}

static void print_head(const inspect_args *a, const hoop_checkpoint *c)
{
    const hoop_checkpoint_meta *m     = hoop_checkpoint_about(c);
    const char                 *total = hoop_checkpoint_note(c, "total_steps");
    char                        path[HOOP_CHECKPOINT_PATH];
    print_line("checkpoint", hoop_checkpoint_path(c));
    print_checkpoints(a->path);
    if (m->config[0] == '\0') {
        print_line("manifest", "none beside this file: step, optimizer and config are not known");
        return;
    }
    (void)printf("%-12s %" PRId64 "%s%s\n", "step", m->step, total == NULL ? "" : " of ", total == NULL ? "" : total);
    (void)printf("%-12s epoch %" PRId64 ", step %" PRId64 " of it is next (batch %" PRId64 ", seed %" PRIu64 ")\n", "data",
                 m->epoch, m->index, m->batch, m->seed);
    print_line("optimizer", m->optimizer);
    (void)printf("%-12s %" PRId64 "\n%-12s %" PRId64 "\n", "ranks", m->ranks, "leaves", m->leaves);
    print_line("numerics", m->numerics);
    print_line("hoop", m->version);
    print_line("run id", m->run_id);
    print_line("time", m->time);
    print_line("host", m->host);
    print_line("command", m->command);
    if (config_path(c, path, sizeof path))
        print_line("config", path);
    else
        print_line("config", "in manifest.json");
}

static bool print_tensors(const row *rows, const totals *sum)
{
    static const char *const head[]    = {"name", "shape", "dtype", "-min", "-mean", "-max", "-norm", ""};
    static const char *const heading[] = {"parameters", "buffers", "optimizer state"};
    table                    t         = {0};
    bool                     good      = true;
    for (int64_t i = 0; i < sum->n; i++) {
        const hoop_checkpoint_tensor *x     = rows[i].t;
        const hoop_checkpoint_stats  *s     = &rows[i].stats;
        const double                  v[]   = {s->min, s->mean, s->max, s->norm};
        bool                          first = i == 0 || rows[i - 1].t->kind != x->kind;
        char                          shape[PRINT_SHAPE], name[2 * HOOP_CHECKPOINT_NAME];
        if (first && i > 0) good = table_end(&t, "  ") && good;
        if (first) {
            (void)printf("\n%s\n", heading[x->kind]);
            table_begin(&t, head, 8);
        }
        print_shape(x->ndim, x->shape, shape);
        table_cell(&t, "%s", full_name(x, name, sizeof name));
        table_cell(&t, "%s", shape);
        table_cell(&t, "%s", hoop_dtype_name(x->dtype));
        for (int k = 0; k < 4; k++) {
            if (!x->whole || isnan(v[k]))
                table_cell(&t, "-");
            else
                table_cell(&t, "%.5g", v[k]);
        }
        if (!x->whole)
            table_cell(&t, "only a part is in this file");
        else if (s->nonfinite > 0)
            table_cell(&t, "%" PRId64 " NOT FINITE", s->nonfinite);
        else
            table_cell(&t, "%s", "");
    }
    if (sum->n > 0) good = table_end(&t, "  ") && good;
    return good;
}

static hoop_status inspect_text(const inspect_args *a, hoop_checkpoint *c, hoop_error *err)
{
    row        *rows;
    totals      sum;
    char        size[PRINT_CELL];
    bool        good;
    hoop_status st = look(c, err, &rows, &sum);
    if (st != HOOP_OK) return st;
    print_head(a, c);
    good = print_tensors(rows, &sum);
    print_bytes(sum.bytes, size);
    (void)printf("\n%" PRId64 " tensors, %" PRId64 " parameters, %s", sum.n, sum.parameters, size);
    if (sum.parts > 0) (void)printf("; %" PRId64 " only in part here, name the checkpoint's folder to see all", sum.parts);
    if (sum.nonfinite > 0)
        (void)printf("; %" PRId64 " elements are NOT FINITE\n", sum.nonfinite);
    else
        (void)printf("%s\n", sum.parts > 0 ? "" : "; all finite, checksums right");
    free(rows);
    return good ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory for the table", a->path);
}

/* ---- JSON ---- */

static json_t *json_tensor(const row *r)
{
    const hoop_checkpoint_tensor *t = r->t;
    json_t                       *o = json_object();
    (void)json_object_set_new(o, "name", json_string(t->name));
    (void)json_object_set_new(o, "kind", json_string(hoop_checkpoint_kind_name(t->kind)));
    if (t->group[0] != '\0') (void)json_object_set_new(o, "group", json_string(t->group));
    (void)json_object_set_new(o, "dtype", json_string(hoop_dtype_name(t->dtype)));
    (void)json_object_set_new(o, "shape", json_shape(t->ndim, t->shape));
    (void)json_object_set_new(o, "whole", json_boolean(t->whole));
    if (!t->whole) return o;
    (void)json_object_set_new(o, "nonfinite", json_integer(r->stats.nonfinite));
    if (t->numel == r->stats.nonfinite) return o; /* of nothing there is no mean */
    (void)json_object_set_new(o, "min", json_number(r->stats.min));
    (void)json_object_set_new(o, "mean", json_number(r->stats.mean));
    (void)json_object_set_new(o, "max", json_number(r->stats.max));
    (void)json_object_set_new(o, "norm", json_number(r->stats.norm));
    return o;
}

static void json_meta(const hoop_checkpoint *c, json_t *o)
{
    const hoop_checkpoint_meta *m = hoop_checkpoint_about(c);
    const char *const text[]      = {"optimizer", m->optimizer, "run_id",      m->run_id,      "numerics",         m->numerics,
                                     "time",      m->time,      "host",        m->host,        "command",          m->command,
                                     "version",   m->version,   "fingerprint", m->fingerprint, "data_fingerprint", m->data_fingerprint,
                                     "config",    m->config};
    json_t           *notes       = json_object();
    (void)json_object_set_new(o, "checkpoint", json_string(hoop_checkpoint_path(c)));
    if (m->config[0] != '\0') {
        (void)json_object_set_new(o, "step", json_integer(m->step));
        (void)json_object_set_new(o, "epoch", json_integer(m->epoch));
        (void)json_object_set_new(o, "index", json_integer(m->index));
        (void)json_object_set_new(o, "seed", json_integer((json_int_t)m->seed)); /* a config's seed is below 2^63 */
        (void)json_object_set_new(o, "ranks", json_integer(m->ranks));
        (void)json_object_set_new(o, "leaves", json_integer(m->leaves));
        (void)json_object_set_new(o, "batch", json_integer(m->batch));
        for (size_t i = 0; i + 1 < sizeof text / sizeof *text; i += 2)
            (void)json_object_set_new(o, text[i], json_string(text[i + 1]));
    }
    for (int64_t i = 0; i < m->nnotes; i++) (void)json_object_set_new(notes, m->notes[2 * i], json_string(m->notes[2 * i + 1]));
    (void)json_object_set_new(o, "notes", notes);
}

static hoop_status inspect_json(hoop_checkpoint *c, hoop_error *err)
{
    row        *rows;
    totals      sum;
    json_t     *o, *list;
    hoop_status st = look(c, err, &rows, &sum);
    if (st != HOOP_OK) return st;
    o    = json_object();
    list = json_array();
    json_meta(c, o);
    (void)json_object_set_new(o, "parameters", json_integer(sum.parameters));
    (void)json_object_set_new(o, "nonfinite", json_integer(sum.nonfinite));
    for (int64_t i = 0; i < sum.n; i++) (void)json_array_append_new(list, json_tensor(&rows[i]));
    (void)json_object_set_new(o, "tensors", list);
    free(rows);
    return print_json(&o) ? HOOP_OK : hoop_fail(err, HOOP_EIO, "the JSON could not be written");
}

int command_inspect(int argc, char **argv)
{
    const struct argp argp = {options, parse_option, "PATH", doc, NULL, NULL, NULL};
    inspect_args      a    = {0};
    hoop_error        err  = {.status = HOOP_OK};
    hoop_checkpoint  *c    = NULL;
    char              hex[HOOP_CHECKPOINT_HASH_SIZE];
    hoop_status       st;
    command_parse(&argp, argc, argv, &a);
    st = open_checkpoint(a.path, &err, &c);
    if (st == HOOP_OK && a.hash != NO_HASH) {
        st = hoop_checkpoint_hash(c, a.hash == HASH_STATE, &err, hex);
        if (st == HOOP_OK && !a.json) (void)puts(hex);
        if (st == HOOP_OK && a.json) (void)printf("{\"%s\": \"%s\"}\n", a.hash == HASH_STATE ? "state" : "weights", hex);
    } else if (st == HOOP_OK && a.tree) {
        if (!layer_tree_print(c)) st = hoop_fail(&err, HOOP_ENOMEM, "%s: no memory for the table", a.path);
    } else if (st == HOOP_OK) {
        st = a.json ? inspect_json(c, &err) : inspect_text(&a, c, &err);
    }
    hoop_checkpoint_close(&c);
    return print_done(st == HOOP_OK ? HOOP_EXIT_OK : command_report(&err));
}

/* hoop data info and hoop data verify: what is in datasets, and whether it is sound. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "command/command.h"
#include "command/data.h"
#include "command/print.h"
#include "hoop/import.h"
#include "hoop/tokenizer.h"

enum { KEY_JSON = 256, KEY_X, KEY_Y, KEY_INPUT, KEY_TARGET, KEY_ATTRIBUTES, KEY_LABELS, KEY_CLASSES, SPECS_MAX = 64 };

typedef struct look_args {
    const char       *spec[SPECS_MAX];
    int               nspecs;
    hoop_dataset_opts opts;
    hoop_field_opts   field[HOOP_DATASET_FIELDS]; /* those of --input and --target */
    bool              json;
} look_args;

static const struct argp_option options[] = {
    {"x", KEY_X, "NAME", 0, "HDF5 dataset of inputs (default /x)", 0},
    {"y", KEY_Y, "NAME", 0, "HDF5 dataset of targets (default /y; none at all is fine)", 0},
    {"input", KEY_INPUT, "NAME=PATH[,KEY=...]", 0,
     "one of several inputs, in place of --x: an HDF5 dataset or a piece of one ('/u[:, 0:3]'), with sample_axis, window, "
     "stride, "
     "offsets or length",
     0},
    {"target", KEY_TARGET, "NAME=PATH[,KEY=...]", 0, "one of several targets, the same with horizon and classes", 0},
    {"attributes", KEY_ATTRIBUTES, "WHOSE", 0,
     "auto: netCDF's (scale_factor, _FillValue, ...), and those of hoop in files it wrote; all: these of any file; none: values "
     "as they are stored",
     0},
    {"labels", KEY_LABELS, "HOW", 0, "y holds classes as whole numbers of any type (whole), or as one 1 among zeros (one_hot)",
     0},
    {"classes", KEY_CLASSES, "N", 0, "y has classes 0 to N-1", 0},
    {"json", KEY_JSON, NULL, 0, "print JSON", 0},
    {0},
};

/* The place of a word among those that are possible. */
static int choose(struct argp_state *state, const char *option, const char *arg, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], arg) == 0) return i;
    argp_error(state, "--%s: '%s'; %s, %s%s%s are possible", option, arg, words[0], words[1], words[2] == NULL ? "" : ", ",
               words[2] == NULL ? "" : words[2]);
    return 0;
}

/* The end of a path, behind which settings stand: the first comma that is not within a piece. */
static char *path_end(char *path)
{
    bool inside = false;
    for (; *path != '\0' && (inside || *path != ','); path++) inside = *path == '[' || (inside && *path != ']');
    return path;
}

/* "window=6" of a field; false: it is none. */
static bool set_field(hoop_field_opts *f, char *text)
{
    const struct {
        const char *key;
        int64_t    *number;
    } keys[]        = {{"window", &f->window}, {"stride", &f->stride},   {"horizon", &f->horizon},
                       {"length", &f->length}, {"classes", &f->classes}, {"sample_axis", NULL}};
    char     *value = strchr(text, '='), *end;
    long long number;
    if (value == NULL) return false;
    *value++ = '\0';
    if (strcmp(text, "offsets") == 0) {
        f->offsets = value;
        return *value != '\0';
    }
    number = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || number < 0 || number > INT32_MAX) return false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(text, keys[i].key) != 0) continue;
        if (keys[i].number != NULL)
            *keys[i].number = number;
        else
            f->sample_axis = (int)number;
        return true;
    }
    return false;
}

/* NAME=PATH,KEY=VALUE,... of --input or --target. */
static void add_field(look_args *a, char *arg, hoop_field_role role, struct argp_state *state)
{
    const char      *option = role == HOOP_INPUT ? "input" : "target";
    char            *path   = strchr(arg, '='), *at, *next, after;
    hoop_field_opts *f      = &a->field[a->opts.nfields];
    if (a->opts.nfields == HOOP_DATASET_FIELDS) argp_error(state, "more than %d fields", HOOP_DATASET_FIELDS);
    if (path == NULL || path == arg || path[1] == '\0') argp_error(state, "--%s: '%s'; NAME=PATH is wanted", option, arg);
    *path++ = '\0';
    *f      = (hoop_field_opts){.name = arg, .path = path, .role = role};
    for (at = path_end(path); *at != '\0'; at = next) {
        *at++ = '\0';
        next  = at + strcspn(at, ",");
        after = *next;
        *next = '\0';
        if (!set_field(f, at))
            argp_error(
                state,
                "--%s %s: '%s'; sample_axis, window, stride, horizon, offsets, length or classes, each =VALUE, are possible",
                option, f->name, at);
        *next = after;
    }
    a->opts.nfields++;
    a->opts.fields = a->field;
}

static error_t parse_look(int key, char *arg, struct argp_state *state)
{
    static const char *const whose[] = {"auto", "all", "none", NULL}, *const how[] = {"auto", "whole", "one_hot", NULL};
    look_args *a = state->input;
    char      *end;
    switch (key) {
    case KEY_ATTRIBUTES:
        a->opts.attributes = (hoop_dataset_attributes)choose(state, "attributes", arg, whose);
        return 0;
    case KEY_LABELS:
        a->opts.labels = (hoop_dataset_labels)choose(state, "labels", arg, how);
        return 0;
    case KEY_CLASSES:
        a->opts.classes = strtoll(arg, &end, 10);
        if (end == arg || *end != '\0' || a->opts.classes < 1)
            argp_error(state, "--classes: '%s'; a number from 1 is wanted", arg);
        return 0;
    case KEY_X:
        a->opts.x = arg;
        return 0;
    case KEY_Y:
        a->opts.y     = arg;
        a->opts.use_y = HOOP_Y_REQUIRED; /* it was asked for */
        return 0;
    case KEY_INPUT:
    case KEY_TARGET:
        add_field(a, arg, key == KEY_INPUT ? HOOP_INPUT : HOOP_TARGET, state);
        return 0;
    case KEY_JSON:
        a->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->nspecs == SPECS_MAX) argp_error(state, "more than %d datasets", SPECS_MAX);
        a->spec[a->nspecs++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (a->nspecs == 0) argp_error(state, "which dataset? a folder, shard prefix, file or glob is wanted");
        if (a->opts.nfields > 0 && (a->opts.x != NULL || a->opts.y != NULL || a->opts.classes > 0))
            argp_error(state,
                       "--x, --y and --classes are the short form of one input and one target: --input and --target alone");
        for (int k = 0; k < a->opts.nfields; k++)
            if (a->field[k].role == HOOP_TARGET) a->field[k].labels = a->opts.labels;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- a folder stands for the sets in it ---- */

typedef hoop_status look_fn(const look_args *a, const char *spec, json_t *list, hoop_error *err);

/* One set, by the fields that it says it has where none are said; a fault in it is told, and those after it are looked at, too.
 */
static int look_at_set(const look_args *a, const char *spec, json_t *list, look_fn *f)
{
    look_args        mine   = *a;
    hoop_error       err    = {.status = HOOP_OK};
    hoop_field_opts *fields = NULL;
    hoop_status      st     = HOOP_OK;
    if (a->opts.nfields == 0 && a->opts.x == NULL && a->opts.y == NULL && a->opts.classes == 0)
        st = hoop_dataset_fields(spec, &err, &fields, &mine.opts.nfields);
    if (fields != NULL) mine.opts.fields = fields;
    for (int k = 0; fields != NULL && k < mine.opts.nfields; k++)
        if (fields[k].role == HOOP_TARGET) fields[k].labels = a->opts.labels;
    if (st == HOOP_OK) st = f(&mine, spec, list, &err);
    free(fields);
    return st == HOOP_OK ? HOOP_EXIT_OK : command_report(&err);
}

static int look_at(const look_args *a, const char *spec, json_t *list, look_fn *f)
{
    struct stat about;
    hoop_error  err  = {.status = HOOP_OK};
    char      **sets = NULL;
    int64_t     n    = 0;
    int         code = HOOP_EXIT_OK;
    if (stat(spec, &about) != 0 || !S_ISDIR(about.st_mode)) return look_at_set(a, spec, list, f);
    if (hoop_dataset_sets(spec, &err, &sets, &n) == HOOP_OK && n == 0)
        (void)hoop_fail(&err, HOOP_EIO, "%s: holds no .h5 files", spec);
    if (err.status != HOOP_OK) code = command_report(&err);
    for (int64_t i = 0; i < n; i++) {
        if (look_at_set(a, sets[i], list, f) != HOOP_EXIT_OK) code = HOOP_EXIT_FAILURE;
        free(sets[i]);
    }
    free(sets);
    return code;
}

static int look_all(const struct argp *argp, int argc, char **argv, look_fn *f)
{
    look_args  a    = {.opts = {.use_y = HOOP_Y_OPTIONAL}};
    hoop_error err  = {.status = HOOP_OK};
    json_t    *list = NULL;
    int        code = HOOP_EXIT_OK;
    command_parse(argp, argc, argv, &a);
    if (a.json) list = json_array();
    for (int i = 0; i < a.nspecs; i++) {
        if (look_at(&a, a.spec[i], list, f) != HOOP_EXIT_OK) code = HOOP_EXIT_FAILURE;
    }
    if (list != NULL && !print_json(&list)) {
        (void)hoop_fail(&err, HOOP_EIO, "the JSON could not be written");
        code = command_report(&err);
    }
    return print_done(code);
}

/* ---- info ---- */

static json_t *json_field(const hoop_dataset_field *f)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "name", json_text(f->path));
    (void)json_object_set_new(o, "dtype", json_string(hoop_dtype_name(f->dtype)));
    (void)json_object_set_new(o, "shape", json_shape(f->ndim, f->shape));
    if (f->scale != 1) (void)json_object_set_new(o, "scale", json_number(f->scale));
    if (f->factor != 1) (void)json_object_set_new(o, "scale_factor", json_number(f->factor));
    if (f->offset != 0) (void)json_object_set_new(o, "add_offset", json_number(f->offset));
    if (f->checked) (void)json_object_set_new(o, "checked", json_true());
    if (f->varies) (void)json_object_set_new(o, "varies", json_true());
    if (f->longest > 0) (void)json_object_set_new(o, "longest", json_integer(f->longest));
    if (f->window > 0) (void)json_object_set_new(o, "window", json_integer(f->window));
    if (f->stride > 0) (void)json_object_set_new(o, "stride", json_integer(f->stride));
    if (f->horizon > 0) (void)json_object_set_new(o, "horizon", json_integer(f->horizon));
    return o;
}

/* One of the names of a field; NULL after the last. */
typedef const char *name_fn(const hoop_dataset *ds, int field, int64_t i);

static const char *one_hot(const hoop_dataset *ds, int field, int64_t i)
{
    return field == 0 ? hoop_dataset_one_hot(ds, i) : NULL;
}

/* Nothing where there are none. */
static void json_names(json_t *o, const char *key, const hoop_dataset *ds, int field, name_fn *name_of)
{
    json_t     *list = name_of(ds, field, 0) != NULL ? json_array() : NULL;
    const char *name;
    for (int64_t i = 0; list != NULL && (name = name_of(ds, field, i)) != NULL; i++)
        (void)json_array_append_new(list, json_text(name));
    if (list != NULL) (void)json_object_set_new(o, key, list);
}

static void json_classes(json_t *o, const hoop_dataset *ds, int field)
{
    const int64_t classes = hoop_dataset_about(ds)->field[field].classes;
    if (classes > 0) (void)json_object_set_new(o, "classes", json_integer(classes));
    json_names(o, "class_names", ds, field, hoop_dataset_class_name);
}

/* Of text: what kind of tokens its ids are, and how many there are; NULL: it is none. */
static json_t *json_tokenizer(const hoop_dataset *ds)
{
    const char     *line = hoop_dataset_tokenizer(ds);
    json_t         *all = line != NULL ? json_loads(line, 0, NULL) : NULL, *o = NULL;
    hoop_tokenizer *t;
    if (all != NULL && hoop_tokenizer_of_dataset(ds, NULL, &t) == HOOP_OK) {
        o = json_pack("{s:O, s:I}", "kind", json_object_get(all, "kind"), "tokens", (json_int_t)hoop_tokenizer_size(t));
        hoop_tokenizer_destroy(&t);
    }
    json_decref(all);
    return o;
}

static json_t *json_info(const look_args *a, const char *spec, const hoop_dataset *ds)
{
    const hoop_dataset_info *info = hoop_dataset_about(ds);
    json_t                  *o = json_object(), *files = json_array(), *field[2] = {json_object(), json_object()};
    (void)json_object_set_new(o, "dataset", json_text(spec));
    (void)json_object_set_new(o, "rows", json_integer(info->length));
    for (int k = 0; k < info->nfields; k++) {
        const hoop_dataset_field *f = &info->field[k];
        json_t                   *own;
        if (!f->present) continue;
        own = json_field(f);
        json_names(own, "columns", ds, k, hoop_dataset_column);
        json_names(own, "one_hot", ds, k, one_hot);
        if (a->opts.nfields == 0) { /* x and y */
            (void)json_object_set_new(o, f->name, own);
            json_classes(o, ds, k);
            continue;
        }
        json_classes(own, ds, k);
        (void)json_object_set_new(field[f->role == HOOP_TARGET], f->name, own);
    }
    if (a->opts.nfields > 0) {
        (void)json_object_set(o, "inputs", field[0]);
        (void)json_object_set(o, "targets", field[1]);
    }
    json_decref(field[0]);
    json_decref(field[1]);
    if (hoop_dataset_tokenizer(ds) != NULL) (void)json_object_set_new(o, "tokenizer", json_tokenizer(ds));
    (void)json_object_set_new(o, "bytes", json_integer(info->bytes));
    (void)json_object_set_new(o, "mapped", json_boolean(info->mapped));
    (void)json_object_set_new(o, "fingerprint", json_string(info->fingerprint));
    for (int i = 0; i < info->shards; i++) {
        int64_t     rows;
        const char *path = hoop_dataset_path(ds, i, &rows);
        (void)json_array_append_new(files, json_pack("{s:o, s:I}", "path", json_text(path), "rows", (json_int_t)rows));
    }
    (void)json_object_set_new(o, "files", files);
    return o;
}

static void print_field(const hoop_dataset_field *f)
{
    char shape[PRINT_SHAPE];
    print_shape(f->ndim, f->shape, shape);
    (void)printf("  %-12s %s  %s %s a row", f->name, f->path, hoop_dtype_name(f->dtype), f->ndim == 0 ? "1 value" : shape);
    if (f->window > 0) (void)printf(", a window of %" PRId64, f->window);
    if (f->horizon > 0) (void)printf(", %" PRId64 " ahead", f->horizon);
    if (f->stride > 1) (void)printf(", every %" PRId64, f->stride);
    if (f->varies && f->shape[0] < 0) (void)printf(", -1 for its own length");
    if (f->varies && f->shape[0] > 0) (void)printf(", padded to %" PRId64, f->shape[0]);
    if (f->longest > 0) (void)printf(" (the longest %" PRId64 ")", f->longest);
    if (f->scale != 1) (void)printf(", scale %.6g", f->scale);
    if (f->factor != 1) (void)printf(", scale_factor %.6g", f->factor);
    if (f->offset != 0) (void)printf(", add_offset %.6g", f->offset);
    if (f->checked) (void)printf(", checked as it is read");
    (void)printf("\n");
}

/* "a, b, c ... (20)", nothing where there are none. */
static void print_names(const char *about, const hoop_dataset *ds, int field, name_fn *name_of)
{
    enum { SHOWN = 10 };
    char    shown[256];
    int64_t n = 0;
    for (const char *name; (name = name_of(ds, field, n)) != NULL; n++) {
        if (n == 0) (void)printf("  %-12s ", about);
        if (n < SHOWN)
            (void)printf("%s%s", n == 0 ? "" : ", ",
                         *name == '\0' ? "(no name)" : hoop__text_printable(name, shown, sizeof shown));
    }
    if (n > SHOWN) (void)printf(", ... (%" PRId64 " in all)", n);
    if (n > 0) (void)printf("\n");
}

static void print_classes(const hoop_dataset *ds, int field)
{
    const int64_t classes = hoop_dataset_about(ds)->field[field].classes;
    char          shown[256];
    if (classes == 0) return;
    (void)printf("  %-12s %" PRId64, "classes", classes);
    for (int64_t i = 0; i < classes && i < 20; i++) {
        const char *name = hoop_dataset_class_name(ds, field, i);
        if (name != NULL) (void)printf("%s%s", i == 0 ? ": " : ", ", hoop__text_printable(name, shown, sizeof shown));
    }
    (void)printf("%s\n", classes > 20 && hoop_dataset_class_name(ds, field, 0) != NULL ? ", ..." : "");
}

static void print_fields(const hoop_dataset *ds)
{
    const hoop_dataset_info *info = hoop_dataset_about(ds);
    for (int k = 0; k < info->nfields; k++) {
        if (!info->field[k].present) continue;
        print_field(&info->field[k]);
        print_names("columns", ds, k, hoop_dataset_column);
        print_names("one-hot", ds, k, one_hot);
        print_classes(ds, k);
    }
}

static void print_tokenizer(const hoop_dataset *ds)
{
    json_t *t = json_tokenizer(ds);
    if (t != NULL)
        (void)printf("  %-12s %s, %" JSON_INTEGER_FORMAT " tokens\n", "tokenizer", json_string_value(json_object_get(t, "kind")),
                     json_integer_value(json_object_get(t, "tokens")));
    json_decref(t);
}

/* What was decided when it was opened, on stderr. */
static void print_notes(const hoop_dataset *ds)
{
    const char *note;
    for (int i = 0; (note = hoop_dataset_note(ds, i)) != NULL; i++) command_note(NULL, note);
}

static hoop_status info_one(const look_args *a, const char *spec, json_t *list, hoop_error *err)
{
    hoop_dataset            *ds = NULL;
    const hoop_dataset_info *info;
    char                     size[PRINT_CELL];
    hoop_status              st = hoop_dataset_open(spec, &a->opts, err, &ds);
    if (st != HOOP_OK) return st;
    info = hoop_dataset_about(ds);
    print_notes(ds);
    if (list != NULL) {
        (void)json_array_append_new(list, json_info(a, spec, ds));
    } else {
        print_bytes(info->bytes, size);
        (void)printf("%s\n  %-12s %" PRId64 "\n", spec, "rows", info->length);
        print_fields(ds);
        print_tokenizer(ds);
        (void)printf("  %-12s %d, %s, %s\n", "files", info->shards, size, info->mapped ? "mapped into memory" : "read by chunks");
        (void)printf("  %-12s %s\n", "fingerprint", info->fingerprint);
    }
    hoop_dataset_close(&ds);
    return HOOP_OK;
}

int data_info(int argc, char **argv)
{
    const struct argp argp = {
        options,
        parse_look,
        "DATASET...",
        "Show what is in datasets: a folder (every set in it), a shard prefix (digits/train), a file or a glob."
        "\vExamples:\n"
        "  hoop data info digits\n"
        "  hoop data info digits/train --json\n"
        "  hoop data info 'sims/run-*.h5' --x /state --y /lift\n"
        "  hoop data info 'sims/run-*.h5' --input 'u=/fields/u[:, 0:3],window=6' --target p=/fields/p,window=6,horizon=6\n"
        "  hoop data info era5.nc --x /t2m --attributes none",
        NULL,
        NULL,
        NULL};
    return look_all(&argp, argc, argv, info_one);
}

/* ---- verify ---- */

static bool labels(const hoop_dataset_field *f)
{
    return f->classes > 0 && !hoop_dtype_is_float(f->dtype);
}

static json_t *json_report(const look_args *a, const char *spec, const hoop_dataset_info *info, const hoop_verify_report *r)
{
    json_t *o = json_object();
    char    key[80];
    (void)json_object_set_new(o, "dataset", json_text(spec));
    (void)json_object_set_new(o, "rows", json_integer(r->rows));
    (void)json_object_set_new(o, "checksums", json_integer(r->checksums));
    for (int k = 0; k < info->nfields; k++) {
        const char *name  = info->field[k].name;
        const bool  plain = a->opts.nfields == 0 && k == HOOP_FIELD_Y; /* of y labels alone are told */
        if (!info->field[k].present || (plain && !labels(&info->field[k]))) continue;
        (void)snprintf(key, sizeof key, "%.64s_min", plain ? "label" : name);
        (void)json_object_set_new(
            o, key, labels(&info->field[k]) ? json_integer((json_int_t)r->field[k].least) : json_number(r->field[k].least));
        (void)snprintf(key, sizeof key, "%.64s_max", plain ? "label" : name);
        (void)json_object_set_new(
            o, key, labels(&info->field[k]) ? json_integer((json_int_t)r->field[k].greatest) : json_number(r->field[k].greatest));
    }
    return o;
}

static void print_ranges(const look_args *a, const hoop_dataset_info *info, const hoop_verify_report *r)
{
    for (int k = 0; k < info->nfields; k++) {
        const hoop_dataset_field *f     = &info->field[k];
        const bool                plain = a->opts.nfields == 0 && k == HOOP_FIELD_Y;
        if (!f->present || (plain && !labels(f))) continue;
        if (labels(f))
            (void)printf(", %s%slabels %.0f to %.0f", plain ? "" : f->name, plain ? "" : " ", r->field[k].least,
                         r->field[k].greatest);
        else
            (void)printf(", %s from %.6g to %.6g", f->name, r->field[k].least, r->field[k].greatest);
    }
}

static hoop_status verify_one(const look_args *a, const char *spec, json_t *list, hoop_error *err)
{
    hoop_dataset      *ds = NULL;
    hoop_verify_report r  = {0};
    meter              m;
    hoop_status        st = hoop_dataset_open(spec, &a->opts, err, &ds);
    if (st != HOOP_OK) return st;
    print_notes(ds);
    meter_begin(&m, "verifying");
    st = hoop_dataset_verify(ds, meter_update, &m, err, &r);
    meter_end(&m);
    if (st == HOOP_OK && list != NULL) {
        (void)json_array_append_new(list, json_report(a, spec, hoop_dataset_about(ds), &r));
    } else if (st == HOOP_OK) {
        (void)printf("ok  %s: %" PRId64 " rows", spec, r.rows);
        if (r.checksums > 0)
            (void)printf(", %" PRId64 " checksums right", r.checksums);
        else
            (void)printf(", no checksums in the files");
        print_ranges(a, hoop_dataset_about(ds), &r);
        (void)printf("\n");
    }
    hoop_dataset_close(&ds);
    return st;
}

int data_verify(int argc, char **argv)
{
    const struct argp argp = {options,
                              parse_look,
                              "DATASET...",
                              "Read all of datasets: checksums where the files have them, labels within their classes, nothing "
                              "NaN or infinite. The first fault of each is "
                              "named with file and row."
                              "\vExamples:\n"
                              "  hoop data verify digits\n"
                              "  hoop data verify 'sims/run-*.h5' --x /state --y /lift\n"
                              "  hoop data verify images.h5 --labels one_hot\n\n"
                              "Exit codes: 0 all is well, 1 a fault was found, 2 usage. Checkpoints: hoop verify.",
                              NULL,
                              NULL,
                              NULL};
    return look_all(&argp, argc, argv, verify_one);
}

/* What the subcommands of hoop data that write a set share. */
#include "command/data_write.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/print.h"

int64_t data_parse_int(struct argp_state *state, const char *name, const char *text, int64_t min)
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
        a->csv.like = a->text.like = arg;
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

/* "64", or "48x64": height and width. */
static void parse_size(struct argp_state *state, const char *text, hoop_images_opts *o)
{
    char *end;
    errno     = 0;
    o->height = o->width = strtoll(text, &end, 10);
    if (end != text && *end == 'x') {
        const char *second = end + 1;
        o->width           = strtoll(second, &end, 10);
        if (end == second) end = (char *)(uintptr_t)text;
    }
    if (end == text || *end != '\0' || errno != 0 || o->height < 1 || o->width < 1)
        argp_error(state, "--size %s: pixels are wanted, such as 64, or 48x64 (height x width)", text);
}

/* What concerns texts and pictures. */
static error_t parse_media(int key, char *arg, struct argp_state *state, write_args *a)
{
    static const char *const tokens[] = {"characters", "bytes", "pairs", NULL}, *const fit[] = {"crop", "stretch", NULL};
    switch (key) {
    case KEY_TOKENS:
        a->text.tokens = (hoop_text_tokens)parse_word(state, "tokens", arg, tokens);
        return 0;
    case KEY_VOCABULARY:
        a->text.vocabulary = data_parse_int(state, "vocabulary", arg, 1);
        return 0;
    case KEY_SIZE:
        parse_size(state, arg, &a->images);
        return 0;
    case KEY_FIT:
        a->images.fit = (hoop_images_fit)parse_word(state, "fit", arg, fit);
        return 0;
    case KEY_GREY:
        a->images.grey = true;
        return 0;
    case KEY_SKIP_BROKEN:
        a->images.skip_broken = true;
        return 0;
    default:
        return parse_table(key, arg, state, a);
    }
}

error_t data_parse_write(int key, char *arg, struct argp_state *state)
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
        a->opts.shards = data_parse_int(state, "shards", arg, 1);
        return 0;
    case KEY_SEED:
        a->opts.seed = (uint64_t)data_parse_int(state, "seed", arg, 0);
        return 0;
    case KEY_FORCE:
        a->opts.force = true;
        return 0;
    case KEY_SAMPLES:
        a->samples = data_parse_int(state, "samples", arg, 1);
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
        return parse_media(key, arg, state, a);
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

static volatile int          stop;
static volatile sig_atomic_t stop_signal;

static void on_signal(int signal_number)
{
    stop_signal = signal_number;
    stop        = 1;
}

/* Once: who asks again is not kept waiting. */
static void listen_to_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, hangup;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) (void)sigaction(SIGHUP, &action, NULL);
}

static int failed(const hoop_error *err)
{
    const int code = command_report(err);
    return err->status == HOOP_EINTERRUPTED && stop_signal == SIGINT ? HOOP_EXIT_INTERRUPTED : code;
}

int data_write_set(const struct argp *argp, int argc, char **argv, write_args *a, const char *label, data_write_fn *run)
{
    hoop_error         err    = {.status = HOOP_OK};
    hoop_import_result result = {0};
    meter              m;
    hoop_status        st;
    command_parse(argp, argc, argv, a);
    meter_begin(&m, label);
    a->opts.ctx      = &m;
    a->opts.progress = meter_update;
    a->opts.stop     = &stop;
    listen_to_signals();
    st = run(a, &err, &result);
    meter_end(&m);
    for (int i = 0; st == HOOP_OK && i < result.nlines; i++)
        (void)printf("  %-*s %s\n", HOOP_IMPORT_ABOUT, result.line[i].about, result.line[i].text);
    if (st == HOOP_OK) st = print_part(a->opts.dir, "train", &err);
    if (st == HOOP_OK && result.validation_rows > 0) st = print_part(a->opts.dir, "validation", &err);
    return print_done(st == HOOP_OK ? HOOP_EXIT_OK : failed(&err));
}

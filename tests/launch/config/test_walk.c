/* Every key that a training config may have, found by walking the tables: a bad value is an error that names file, line and key,
 * and says what would be right; so is a key that is nearly there. */
#include "support.h"

#include <math.h>

#include "hoop/augment.h"
#include "hoop/comm.h"
#include "hoop/import.h"
#include "hoop/train.h"

enum { TEXT = 2048, WORD = 160 };

static hoop_comm *comm;
static int        tried;

/* what is to be said of one config */
static void refuses(const char *text, int line, const char *key, const char *words)
{
    hoop_error    err    = {.status = HOOP_OK};
    hoop_config  *config = NULL;
    hoop_trainer *tr     = NULL;
    char          place[32];
    hoop_status   st = hoop_config_parse(text, "walk.yaml", &err, &config);
    (void)snprintf(place, sizeof place, "walk.yaml:%d: ", line);
    if (st == HOOP_OK) st = hoop_trainer_create(comm, config, NULL, &err, &tr);
    if (st == HOOP_OK) fail_msg("taken:\n%s", text);
    if (st != HOOP_ECONFIG || strncmp(err.text, place, strlen(place)) != 0 || strstr(err.text, key) == NULL ||
        strstr(err.text, words) == NULL)
        fail_msg("%s: '%s' has not '%s', '%s' and '%s', of\n%s", hoop_status_name(st), err.text, place, key, words, text);
    hoop_trainer_destroy(&tr);
    hoop_config_destroy(&config);
    tried++;
}

/* Where a row's key stands: `%s` in the text takes "KEY: VALUE". */
typedef struct spot {
    const char *before, *after;
} spot;

static void try_value(const spot *at, const hoop_option *row, const char *value, const char *words)
{
    char text[TEXT];
    int  line = 1;
    for (const char *c = at->before; *c != '\0'; c++) line += *c == '\n';
    (void)snprintf(text, sizeof text, "%s%s: %s\n%s", at->before, row->key, value, at->after);
    refuses(text, line, row->key, words);
}

static void try_number(const spot *at, const hoop_option *row, double value)
{
    const bool list = row->type == HOOP_OPT_INTS || row->type == HOOP_OPT_FLOATS;
    char       text[WORD];
    (void)snprintf(text, sizeof text, list ? "[%.17g]" : "%.17g", value);
    try_value(at, row, text, "out of range, must be ");
}

static void try_row(const spot *at, const hoop_option *row)
{
    const bool whole = row->type == HOOP_OPT_INT || row->type == HOOP_OPT_INTS;
    char       text[TEXT];
    int        line = 1;
    switch (row->type) {
    case HOOP_OPT_BOOL:
        try_value(at, row, "maybe", "must be true or false");
        break;
    case HOOP_OPT_ENUM:
        try_value(at, row, "nothing-of-these", "must be one of ");
        break;
    case HOOP_OPT_STRING:
        try_value(at, row, "{a: 1}", "should be a single value");
        break;
    case HOOP_OPT_INTS:
    case HOOP_OPT_FLOATS:
        try_value(at, row, "[x]", whole ? "not a whole number" : "not a number");
        break;
    default:
        try_value(at, row, "x", whole ? "not a whole number" : "not a number");
        break;
    }
    if (row->type != HOOP_OPT_BOOL && row->type != HOOP_OPT_ENUM && row->type != HOOP_OPT_STRING && row->min < row->max) {
        if (row->min > -1e15) try_number(at, row, row->min - 1);
        if (row->max < 1e15) try_number(at, row, whole ? row->max + 1 : 2 * row->max + 1);
    }
    for (const char *c = at->before; *c != '\0'; c++) line += *c == '\n';
    (void)snprintf(text, sizeof text, "%s%sx: 1\n%s", at->before, row->key, at->after);
    refuses(text, line, row->key, "did you mean ");
}

/* all rows; `after` has what must be given, too, but for the row itself */
static void try_table(const char *before, const char *after, const hoop_option_table *table)
{
    for (int i = 0; i < table->count; i++) try_row(&(spot){before, after}, &table->rows[i]);
}

/* "a.b" as lines that a key of it stands behind: "a:\n  b:\n    " */
static void open_section(const char *section, char out[TEXT])
{
    int depth = 0;
    out[0]    = '\0';
    for (const char *s = section; *s != '\0'; depth++) {
        const size_t n = strcspn(s, ".");
        (void)snprintf(out + strlen(out), TEXT - strlen(out), "%*s%.*s:\n", 2 * depth, "", (int)n, s);
        s += n + (s[n] == '.');
    }
    (void)snprintf(out + strlen(out), TEXT - strlen(out), "%*s", 2 * depth, "");
}

static void sections(void **state)
{
    const hoop_config_schema *schema = hoop_train_schema();
    char                      before[TEXT];
    (void)state;
    for (int i = 0; i < schema->nparts; i++) {
        if (schema->parts[i].table == NULL) continue;
        open_section(schema->parts[i].table->section, before);
        try_table(before, "", schema->parts[i].table);
    }
}

/* kinds of models, losses, optimisers, schedules */
static void choices(void **state)
{
    const hoop_config_schema *schema = hoop_train_schema();
    hoop_config_kind          kind;
    char                      before[TEXT], text[TEXT];
    (void)state;
    for (int i = 0; i < schema->nparts; i++) {
        const hoop_config_choice *c = schema->parts[i].choice;
        for (int k = 0; c != NULL && c->kind(k, &kind); k++) {
            open_section(c->section, before);
            (void)snprintf(text, sizeof text, "%s%s: %s\n  ", before, c->key, kind.name);
            try_table(text, "", &kind.options);
            (void)snprintf(text, sizeof text, "%s%s: %sz\n", before, c->key, kind.name);
            refuses(text, 2, c->key, "did you mean ");
        }
    }
}

static void augmentations(void **state)
{
    const hoop_augment_kind *k;
    char                     before[TEXT];
    (void)state;
    for (int i = 0; (k = hoop_augment_get(i)) != NULL; i++) {
        (void)snprintf(before, sizeof before, "data:\n  train: digits/train\n  augment:\n    - %s:\n        ", k->name);
        try_table(before, "", &k->options);
    }
}

static void metrics(void **state)
{
    const hoop_metric *m;
    char               before[TEXT];
    (void)state;
    for (int i = 0; (m = hoop_metric_get(i)) != NULL; i++) {
        (void)snprintf(before, sizeof before, "data:\n  train: digits/train\n%smetrics:\n  - %s:\n      ",
                       m->boxes    ? "loss: detection\n"
                       : m->labels ? ""
                                   : "loss: mse\n",
                       m->name);
        try_table(before, "", &m->options);
    }
}

static void groups_of_parameters(void **state)
{
    const hoop_optim_kind *k;
    char                   before[TEXT];
    (void)state;
    for (int i = 0; (k = hoop_optim_kind_get(i)) != NULL; i++) {
        if (k->search != NULL) continue; /* takes no groups */
        (void)snprintf(before, sizeof before, "steps: 1\noptimizer:\n  name: %s\n  groups:\n    - match: '*'\n      ", k->name);
        try_table(before, "", &k->options);
    }
}

/* What must be given beside row `but`, a line each. */
static void give(const hoop_option_table *table, int but, int indent, char out[TEXT])
{
    out[0] = '\0';
    for (int i = 0; i < table->count; i++) {
        const hoop_option *row   = &table->rows[i];
        const bool         whole = row->type == HOOP_OPT_INT || row->type == HOOP_OPT_INTS;
        double             value = whole ? 1 : 0.5;
        if (i == but || row->fallback != NULL) continue;
        if (row->min < row->max && (value < row->min || value > row->max)) value = row->min;
        (void)snprintf(out + strlen(out), TEXT - strlen(out), "%*s%s: %g\n", indent, "", row->key, value);
    }
}

#define TRAIN "data: {train: digits/train}\nbatch: 4\nsteps: 1\n"

static void beginnings(void **state)
{
    const hoop_init_kind *k;
    char                  before[TEXT], given[TEXT];
    (void)state;
    for (int i = 0; (k = hoop_init_kind_get(i)) != NULL; i++) {
        (void)snprintf(before, sizeof before, TRAIN "model:\n  kind: mlp\n  init:\n    - match: '*'\n      name: %s\n      ",
                       k->name);
        for (int r = 0; r < k->options.count; r++) {
            give(&k->options, r, 6, given);
            try_row(&(spot){before, given}, &k->options.rows[r]);
        }
    }
}

static void layers(void **state)
{
    const hoop_module_kind *k;
    char                    before[TEXT], given[TEXT];
    (void)state;
    for (int i = 0; (k = hoop_module_kind_get(i)) != NULL; i++)
        for (int r = 0; r < k->options.count; r++) {
            const hoop_option *row = &k->options.rows[r];
            give(&k->options, r, 8, given);
            (void)snprintf(before, sizeof before, TRAIN "model:\n  layers:\n    - %s:\n        ", k->name);
            try_row(&(spot){before, given}, row);
        }
}

/* keys of inputs and targets */
static void fields(void **state)
{
    static const struct {
        const char *section, *key, *value, *words;
    } cases[] = {
        {"inputs", "path", "{a: 1}", "should be a single value"},  {"inputs", "sample_axis", "-1", "out of range, must be 0 to"},
        {"inputs", "window", "x", "not a whole number"},           {"inputs", "stride", "-2", "out of range, must be 0 to"},
        {"inputs", "offsets", "[1]", "should be a single value"},  {"inputs", "length", "-1", "out of range, must be 0 to"},
        {"inputs", "normalize", "yes", "must be one of"},          {"inputs", "weight", "1", "is a key of targets"},
        {"inputs", "windw", "1", "did you mean window?"},          {"targets", "horizon", "-1", "out of range, must be 0 to"},
        {"targets", "weight", "-1", "out of range, must be 0 to"}, {"targets", "labels", "some", "must be one of"},
        {"targets", "classes", "x", "not a whole number"},         {"targets", "loss", "crossentropy", "did you mean"},
        {"targets", "horizn", "1", "did you mean horizon?"},
    };
    char text[TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bool path = strcmp(cases[i].key, "path") == 0;
        (void)snprintf(text, sizeof text, "data:\n  train: digits/train\n  %s:\n    u:\n%s      %s: %s\n  %s: {v: /y}\n",
                       cases[i].section, path ? "" : "      path: /x\n", cases[i].key, cases[i].value,
                       cases[i].section[0] == 'i' ? "targets" : "inputs");
        refuses(text, path ? 5 : 6, cases[i].key, cases[i].words);
    }
}

static int enter(void **state)
{
    static char path[256];
    hoop_error  err = {.status = HOOP_OK};
    enter_folder(path);
    *state = path;
    if (chdir(path) != 0) return -1;
    if (hoop_synth("digits", 12, &(hoop_import_opts){.dir = "digits"}, &err, NULL) != HOOP_OK) return -1;
    return hoop_comm_create_self(NULL, &err, &comm) == HOOP_OK ? 0 : -1;
}

static int leave(void **state)
{
    hoop_comm_destroy(&comm);
    (void)printf("%d bad configs\n", tried);
    if (chdir("/") != 0) return -1;
    leave_folder(*state);
    return tried > 1000 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections),
        cmocka_unit_test(choices),
        cmocka_unit_test(augmentations),
        cmocka_unit_test(metrics),
        cmocka_unit_test(groups_of_parameters),
        cmocka_unit_test(beginnings),
        cmocka_unit_test(layers),
        cmocka_unit_test(fields),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}

/* A config against option tables: fill, unknown keys, the resolved text, the fingerprint, help. */
#include "support.h"

#include <math.h>

#include "config/tree.h"
#include "hoop/config.h"

typedef struct top {
    int64_t seed, batch, leaves, steps, epochs;
    double  clip_norm;
    int     precision;
} top;

typedef struct model {
    int       kind;
    hoop_ints hidden;
    bool      bias;
} model;

typedef struct data {
    char train[HOOP_OPT_STRING_MAX], note[HOOP_OPT_STRING_MAX];
} data;

typedef struct optimizer {
    int    name;
    double lr, weight_decay;
} optimizer;

typedef struct sgd {
    double momentum;
} sgd;

static const char *const precisions[] = {"f32", "f64", NULL};
static const char *const kinds[]      = {"mlp", "layers", NULL};
static const char *const names[]      = {"sgd", "adam", "adamw", NULL};

static const hoop_option top_rows[] = {
    {"seed", HOOP_OPT_INT, offsetof(top, seed), "0", 0, 0, NULL, true, "seed of all randomness"},
    {"batch", HOOP_OPT_INT, offsetof(top, batch), "128", 1, 1e18, NULL, true, "samples a step over all ranks"},
    {"leaves", HOOP_OPT_INT, offsetof(top, leaves), "auto", 1, 65536, NULL, true, "fixed units the batch is cut into"},
    {"steps", HOOP_OPT_INT, offsetof(top, steps), "100", 0, 0, NULL, false, "steps to train", "epochs"},
    {"epochs", HOOP_OPT_INT, offsetof(top, epochs), "0", 0, 0, NULL, false, "passes to train", "steps"},
    {"clip_norm", HOOP_OPT_FLOAT, offsetof(top, clip_norm), "0", 0, 1e30, NULL, true, "largest gradient norm, 0: no limit"},
    {"precision", HOOP_OPT_ENUM, offsetof(top, precision), "f32", 0, 0, precisions, true, "dtype of parameters"},
};
static const hoop_option model_rows[] = {
    {"kind", HOOP_OPT_ENUM, offsetof(model, kind), "mlp", 0, 0, kinds, true, "which model"},
    {"hidden", HOOP_OPT_INTS, offsetof(model, hidden), "[512, 256]", 1, 1e6, NULL, true, "widths of the hidden layers"},
    {"bias", HOOP_OPT_BOOL, offsetof(model, bias), "true", 0, 0, NULL, true, "layers have a bias"},
};
static const hoop_option data_rows[] = {
    {"train", HOOP_OPT_STRING, offsetof(data, train), NULL, 0, 0, NULL, false, "prefix, file or glob of the training shards"},
    {"note", HOOP_OPT_STRING, offsetof(data, note), "", 0, 0, NULL, false, "any text"},
};
static const hoop_option optimizer_rows[] = {
    {"name", HOOP_OPT_ENUM, offsetof(optimizer, name), "adamw", 0, 0, names, true, "update rule"},
    {"lr", HOOP_OPT_FLOAT, offsetof(optimizer, lr), "1e-3", 0, 1e3, NULL, true, "learning rate"},
    {"weight_decay", HOOP_OPT_FLOAT, offsetof(optimizer, weight_decay), "0.01", 0, 1, NULL, true, "weight decay a step"},
};
static const hoop_option sgd_rows[] = {
    {"momentum", HOOP_OPT_FLOAT, offsetof(sgd, momentum), "0", 0, 1, NULL, true, "of sgd"},
};
static const hoop_option dist_rows[] = {
    {"timeout_s", HOOP_OPT_FLOAT, 0, "300", 0, 1e9, NULL, false, "deadline of a wait"},
};
#define TABLE(section, rows)                                                                                                     \
    {                                                                                                                            \
        section, rows, (int)(sizeof rows / sizeof *rows)                                                                         \
    }
static const hoop_option_table tables[] = {TABLE("", top_rows),          TABLE("model", model_rows),
                                           TABLE("data", data_rows),     TABLE("optimizer", optimizer_rows),
                                           TABLE("optimizer", sgd_rows), TABLE("dist.ring", dist_rows)};
enum { NTABLES = sizeof tables / sizeof *tables };
static bool is_idle(const char *map, const char *key)
{
    return strcmp(map, "repeat") == 0 && strcmp(key, "checkpoint") == 0;
}
static const hoop_config_free frees[] = {{"model.layers", true, "list of layers", .idle = is_idle},
                                         {"notes", false, "free text of yours"}};

typedef struct all {
    top              t;
    model            m;
    data             d;
    optimizer        o;
    sgd              s;
    double           timeout_s;
    hoop_config_part parts[NTABLES + 2];
} all;

static hoop_config_schema schema_of(all *a)
{
    void *values[NTABLES] = {&a->t, &a->m, &a->d, &a->o, &a->s, &a->timeout_s};
    for (int i = 0; i < NTABLES; i++) a->parts[i] = (hoop_config_part){.table = &tables[i], .values = values[i]};
    for (int f = 0; f < 2; f++) a->parts[NTABLES + f] = (hoop_config_part){.free_key = &frees[f]};
    return (hoop_config_schema){a->parts, NTABLES + 2};
}

static hoop_config *parsed(const char *text)
{
    hoop_config *cfg = NULL;
    assert_ok(hoop_config_parse(text, "model.yaml", &err, &cfg));
    return cfg;
}

static hoop_status read_into(const char *text, const char *set, all *a, hoop_error *err)
{
    hoop_config       *cfg    = NULL;
    hoop_config_schema schema = schema_of(a);
    hoop_status        st     = hoop_config_parse(text, "model.yaml", err, &cfg);
    if (st == HOOP_OK && set != NULL) st = hoop_config_set(cfg, set, err);
    if (st == HOOP_OK) st = hoop_config_read(cfg, &schema, err);
    hoop_config_destroy(&cfg);
    return st;
}

static void values_reach_the_structs(void **state)
{
    (void)state;
    all a = {0};
    assert_ok(
        read_into("seed: 7\nleaves: auto\nclip_norm: 1\nprecision: f64\n"
                  "model: {kind: layers, hidden: [64, 32, 16], bias: false, layers: [relu]}\n"
                  "data: {train: \"d/train\", note: 12}\noptimizer: {lr: 3e-4, momentum: 0.9}\ndist:\n  ring: {timeout_s: 5}\n"
                  "steps: null\nnotes: {who: me}\n",
                  "batch=256", &a, &err));
    assert_int_equal(a.t.seed, 7);
    assert_int_equal(a.t.batch, 256);
    assert_true(a.t.leaves == HOOP_OPT_AUTO);
    assert_int_equal(a.t.steps, 100);
    assert_true(a.t.clip_norm == 1.0);
    assert_int_equal(a.t.precision, 1);
    assert_int_equal(a.m.kind, 1);
    assert_int_equal(a.m.hidden.n, 3);
    assert_int_equal(a.m.hidden.v[2], 16);
    assert_false(a.m.bias);
    assert_string_equal(a.d.train, "d/train");
    assert_string_equal(a.d.note, "12");
    assert_int_equal(a.o.name, 2);
    assert_true(a.o.lr == 3e-4);
    assert_true(a.o.weight_decay == 0.01);
    assert_true(a.s.momentum == 0.9);
    assert_true(a.timeout_s == 5.0);
    assert_ok(read_into("data: {train: x}\nmodel:\n", NULL, &a, &err));
    assert_int_equal(a.m.hidden.n, 2);
}

static const struct {
    const char *text, *set, *words;
} wrong[] = {
    {"a: 1\n", "data.train=x",
     "model.yaml:1: a: unknown key; the keys here are seed, batch, leaves, steps, epochs, clip_norm, precision, model, data"},
    {"seed: 1\noptimizer:\n  lrr: 1\n", NULL, "model.yaml:3: optimizer.lrr: unknown key; did you mean optimizer.lr?"},
    {"optimizer: {\n  weightdecay: 1}\n", NULL,
     "model.yaml:2: optimizer.weightdecay: unknown key; did you mean optimizer.weight_decay?"},
    {"lr: 1\n", NULL, "model.yaml:1: lr: unknown key; did you mean optimizer.lr?"},
    {"optimiser: {lr: 1}\n", NULL, "model.yaml:1: optimiser: unknown key; did you mean optimizer?"},
    {"dist: {rings: {}}\n", NULL, "model.yaml:1: dist.rings: unknown key; did you mean dist.ring?"},
    {"model: {layer: [relu]}\n", NULL, "model.yaml:1: model.layer: unknown key; did you mean model.layers?"},
    {"seed: 1\n", "optimizer.lrr=1", "--set optimizer.lrr=1: optimizer.lrr: unknown key; did you mean optimizer.lr?"},
    {"seed: 1\n", "sed=1", "--set sed=1: sed: unknown key; did you mean seed?"},
    {"optimizer: sgd\n", NULL, "model.yaml:1: optimizer: is a section; give its keys, as in {name: ...}"},
    {"data: {train: x}\nmodel: [mlp]\n", NULL, "model.yaml:2: model: is a section; give its keys, as in {kind: ...}"},
    {"data: {train: x}\nbatch: {a: 1}\n", NULL, "model.yaml:2: batch: is a section, it should be a single value"},
    {"data: {train: x}\nbatch: [1]\n", NULL, "model.yaml:2: batch: is a list, it should be a single value"},
    {"data: {train: x}\n\nbatch: -4\n", NULL, "model.yaml:3: batch: -4"},
    {"data: {train: x}\nbatch: 1.5\n", NULL, "model.yaml:2: batch: '1.5' is not a whole number"},
    {"data: {train: x}\nbatch: 99999999999999999999\n", NULL,
     "model.yaml:2: batch: 99999999999999999999 is out of range, must be 1 to 1000000000000000000"},
    {"data: {train: x}\nseed: 9223372036854775808\n", NULL,
     "model.yaml:2: seed: 9223372036854775808 is out of range, must be "
     "-9223372036854775807 to 9223372036854775807"},
    {"data: {train: x}\nbatch: '12'\n", NULL, "model.yaml:2: batch: \"12\" is text; write it without quotes"},
    {"data: {train: x}\n", "batch=x", "--set batch=x: batch: 'x' is not a whole number"},
    {"data: {train: x}\nmodel: {bias: yes}\n", NULL, "model.yaml:2: model.bias: 'yes' must be true or false"},
    {"data: {train: x}\nmodel: {hidden: wide}\n", NULL,
     "model.yaml:2: model.hidden: 'wide' is neither a whole number nor a list"},
    {"data: {train: x}\nmodel: {hidden: [1,\n  x]}\n", NULL, "model.yaml:2: model.hidden: 'x"},
    {"data: {train: x}\nmodel: {hidden: [1, [2]]}\n", NULL, "model.yaml:2: model.hidden[1]: is not a whole number"},
    {"data: {train: x}\nmodel: {hidden: [1, '2']}\n", NULL, "model.yaml:2: model.hidden[1]: is not a whole number"},
    {"data: {train: x}\nmodel: {hidden: [1, 0]}\n", NULL, "model.yaml:2: model.hidden: "},
    {"data: {train: x}\noptimizer: {name: adm}\n", NULL, "model.yaml:2: optimizer.name: unknown 'adm', did you mean 'adam'?"},
    {"data: {train: x}\noptimizer: {lr: nan}\n", NULL, "model.yaml:2: optimizer.lr: 'nan' is not a number"},
    {"data: {train: x}\noptimizer: {lr: 25x}\n", NULL, "model.yaml:2: optimizer.lr: '25x' is not a number"},
    {"seed: 1\n", NULL, "model.yaml: data.train must be given: prefix, file or glob"},
    {"seed: 1\ndata: {note: x}\n", NULL, "model.yaml:2: data.train must be given: prefix, file or glob"},
};

static void errors_name_place_key_and_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        all a = {0};
        assert_fails(HOOP_ECONFIG, wrong[i].words, read_into(wrong[i].text, wrong[i].set, &a, &err));
    }
}

/* A key set on top takes the place of what the file says in another way; in one place both stand, for their reader to refuse. */
static void one_key_instead_of_another(void **state)
{
    static const struct {
        const char *text, *set;
        int64_t     steps, epochs;
    } cases[] = {
        {"epochs: 3\n", NULL, 100, 3},
        {"epochs: 3\n", "steps=60", 60, 0},
        {"steps: 60\n", "epochs=3", 100, 3},
        {"steps: 60\nepochs: 4\n", "epochs=3", 100, 3},
        {"steps: 60\nepochs: 4\n", "batch=3", 60, 4},
        {"epochs: 3\n", "steps=100", 100, 3}, /* the default says nothing */
        {"epochs: 3\n", "steps=null", 100, 3},
        {"epochs: 0\n", "steps=60", 60, 0},
    };
    all          a;
    hoop_config *cfg;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "data: {train: x}\n%s", cases[i].text);
        assert_ok(read_into(text, cases[i].set, &a, &err));
        assert_int_equal(a.t.steps, cases[i].steps);
        assert_int_equal(a.t.epochs, cases[i].epochs);
    }
    cfg = parsed("data: {train: x}\n");
    assert_ok(hoop_config_set(cfg, "steps=7", &err));
    assert_ok(hoop_config_set(cfg, "epochs=8", &err));
    hoop_config_schema schema = schema_of(&a);
    assert_ok(hoop_config_read(cfg, &schema, &err));
    assert_true(a.t.steps == 7 && a.t.epochs == 8);
    hoop_config_destroy(&cfg);
    /* what is set aside is checked all the same */
    assert_fails(HOOP_ECONFIG, "model.yaml:2: epochs: 'x' is not a whole number",
                 read_into("data: {train: x}\nepochs: x\n", "steps=60", &a, &err));
    assert_fails(HOOP_ECONFIG, "--set steps=y: steps: 'y'", read_into("data: {train: x}\nepochs: 3\n", "steps=y", &a, &err));
}

static void a_failed_fill_changes_nothing(void **state)
{
    (void)state;
    hoop_config *cfg = parsed("seed: 9\nbatch: 8\nprecision: f16\n");
    top          t, before;
    memset(&t, 0x5a, sizeof t);
    before = t;
    assert_fails(HOOP_ECONFIG, "model.yaml:3: precision", hoop_config_fill(cfg, &tables[0], &err, &t));
    assert_memory_equal(&t, &before, sizeof t);
    hoop_config_destroy(&cfg);
}

/* ---- The resolved text, the fingerprint, the comparison ---------------------------------------------------------------- */

static const char nasty[] =
    "a: \"b\"\\ # 'c'\t\n\xc3\xa9\xe2\x80\xa8\xef\xbb\xbf\xf0\x9f\x90\x8d {x} [y] *z &w \x01\x7f\xc2\x85\xc2\x81 ";

static void resolved_reads_back(void **state)
{
    (void)state;
    static const char *const notes[] = {nasty, "",    "null", "~",    "true", "1e3", "12", "-",  "---",
                                        "...", "- a", "a: b", "a #b", "yes",  " x ", "-1", "+.5"};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        all                a = {0}, b = {0};
        hoop_config_schema schema = schema_of(&a), again = schema_of(&b);
        char              *text = NULL, *twice = NULL, print[2][HOOP_FINGERPRINT_SIZE];
        hoop_config       *cfg = parsed(
                              "seed: 7\nmodel:\n  hidden: []\n  layers:\n    - {linear: {out: 5, bias: false}}\n    - relu\n    - "
                                    "'relu'\n    - '5'\n"
                                    "data: {train: x/y-*.h5}\nnotes: {a: [1, 'two', ~], b: {c: {}}, d: \"e\\tf\"}\noptimizer: {lr: 0.1}\n"),
                    *back = NULL;
        assert_ok(hoop_config_read(cfg, &schema, &err));
        (void)snprintf(a.d.note, sizeof a.d.note, "%s", notes[i]);
        a.t.leaves = 12; /* worked out */
        assert_ok(hoop_config_resolve(cfg, &schema, &err, &text));
        assert_ok(hoop_config_parse(text, "config.yaml", &err, &back));
        assert_ok(hoop_config_read(back, &again, &err));
        assert_string_equal(b.d.note, notes[i]);
        assert_int_equal(b.t.leaves, 12);
        assert_int_equal(b.m.hidden.n, 0);
        assert_memory_equal(&a.t, &b.t, sizeof a.t);
        assert_ok(hoop_config_resolve(back, &again, &err, &twice));
        assert_string_equal(text, twice);
        assert_ok(hoop_config_fingerprint(cfg, &schema, &err, print[0]));
        assert_ok(hoop_config_fingerprint(back, &again, &err, print[1]));
        assert_string_equal(print[0], print[1]);
        assert_ok(hoop_config_diff_bits(back, cfg, &schema, &err));
        free(text);
        free(twice);
        hoop_config_destroy(&cfg);
        hoop_config_destroy(&back);
    }
}

static void resolved_text_is_pleasant(void **state)
{
    (void)state;
    all                a      = {0};
    hoop_config_schema schema = schema_of(&a);
    hoop_config       *cfg    = parsed("data: {train: d/train}\nmodel: {layers: [{linear: 5}, relu]}\n");
    char              *text   = NULL;
    assert_ok(hoop_config_read(cfg, &schema, &err));
    assert_ok(hoop_config_resolve(cfg, &schema, &err, &text));
    *strstr(text, "dist:") = '\0';
    assert_string_equal(text,
                        "# Every key with the value in force, as hoop wrote it at the start of the run.\n"
                        "seed: 0\nbatch: 128\nleaves: auto\nsteps: 100\nepochs: 0\nclip_norm: 0\nprecision: f32\n"
                        "model:\n  kind: mlp\n  hidden: [512, 256]\n  bias: true\n  layers:\n    - {linear: 5}\n    - relu\n"
                        "data:\n  train: d/train\n  note: \"\"\n"
                        "optimizer:\n  name: adamw\n  lr: 0.001\n  weight_decay: 0.01\n  momentum: 0\n");
    free(text);
    text = NULL;
    strcpy(a.d.note, "caf\xe9");
    assert_fails(HOOP_ECONFIG, "data.note: data.note: is not UTF-8", hoop_config_resolve(cfg, &schema, &err, &text));
    a.d.note[0] = '\0';
    a.t.batch   = 0;
    assert_fails(HOOP_ECONFIG, "batch: 0", hoop_config_resolve(cfg, &schema, &err, &text));
    a.parts[1].values = NULL;
    assert_fails(HOOP_EARG, "section 'model'", hoop_config_resolve(cfg, &schema, &err, &text));
    assert_null(text);
    hoop_config_destroy(&cfg);
}

static void fingerprint(const char *text, const char *set, char out[HOOP_FINGERPRINT_SIZE])
{
    all                a      = {0};
    hoop_config_schema schema = schema_of(&a);
    hoop_config       *cfg    = parsed(text);
    if (set != NULL) assert_ok(hoop_config_set(cfg, set, &err));
    assert_ok(hoop_config_read(cfg, &schema, &err));
    assert_ok(hoop_config_fingerprint(cfg, &schema, &err, out));
    hoop_config_destroy(&cfg);
}

static void fingerprint_sees_bits_only(void **state)
{
    (void)state;
    static const char base[] =
        "data: {train: x}\noptimizer: {lr: 1e-3}\nmodel: {layers: [{linear: 5, bias: true}, {dropout: 0.1}]}\n";
    static const char *const same[]  = {"steps=7",
                                        "data.train=y",
                                        "optimizer.lr=0.001",
                                        "optimizer.lr=1.0e-03",
                                        "batch=128",
                                        "notes=[1]",
                                        "model.layers=[{bias: true, linear: 5}, {dropout: 1e-1}]",
                                        "model.layers=[{bias: True, linear: 5.0}, {\"dropout\": .1}]",
                                        "seed=null"};
    static const char *const other[] = {"batch=129",
                                        "seed=1",
                                        "optimizer.lr=0.0011",
                                        "optimizer.momentum=0.5",
                                        "model.hidden=512",
                                        "precision=f64",
                                        "leaves=12",
                                        "model.layers=[{linear: 5, bias: true}, {dropout: 0.2}]",
                                        "model.layers=[{linear: '5', bias: true}, {dropout: 0.1}]",
                                        "model.layers=null",
                                        "model.layers=[{dropout: 0.1}, {linear: 5, bias: true}]"};
    char                     first[HOOP_FINGERPRINT_SIZE], second[HOOP_FINGERPRINT_SIZE];
    fingerprint(base, NULL, first);
    assert_int_equal(strspn(first, "0123456789abcdef"), 64);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        fingerprint(base, same[i], second);
        if (strcmp(first, second) != 0) fail_msg("%s changes the fingerprint", same[i]);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        fingerprint(base, other[i], second);
        if (strcmp(first, second) == 0) fail_msg("%s does not change the fingerprint", other[i]);
    }
}

static void diff_names_the_key_and_both_values(void **state)
{
    (void)state;
    static const struct {
        const char *set, *words;
    } changes[] = {
        {"steps=1", NULL},
        {"data.train=z", NULL},
        {"optimizer.lr=1.0e-3", NULL},
        {"batch=64", "--set batch=64: batch is 64, but the run was started with 128 (run/config.yaml:1)"},
        {"optimizer.lr=0.1", "--set optimizer.lr=0.1: optimizer.lr is 0.1, but the run was started with 0.001 (run/config.yaml)"},
        {"model.hidden=[3]", "model.hidden is [3], but the run was started with [512, 256]"},
        {"optimizer.name=sgd", "optimizer.name is sgd, but the run was started with adamw"},
        {"model.layers=[relu]", "model.layers is [\"relu\"], but the run was started with null"},
    };
    hoop_config *old = NULL;
    assert_ok(hoop_config_parse("batch: 128\ndata: {train: x}\n", "run/config.yaml", &err, &old));
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        all                a      = {0};
        hoop_config_schema schema = schema_of(&a);
        hoop_config       *cfg    = parsed("data: {train: x}\n");
        assert_ok(hoop_config_set(cfg, changes[i].set, &err));
        assert_ok(hoop_config_read(cfg, &schema, &err));
        if (changes[i].words == NULL) {
            assert_ok(hoop_config_diff_bits(old, cfg, &schema, &err));
        } else {
            assert_fails(HOOP_ECONFIG, changes[i].words, hoop_config_diff_bits(old, cfg, &schema, &err));
        }
        hoop_config_destroy(&cfg);
    }
    hoop_config_destroy(&old);
}

/* in free keys, too: an item that decides no bits may be another, or not there */
static void idle_items_may_change(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } changes[] = {
        {"[{repeat: {times: 2, body: [{repeat: {checkpoint: false, times: 1}}]}}]", NULL},
        {"[{repeat: {checkpoint: false, times: 2, body: [{repeat: {times: 1, checkpoint: true}}]}}]", NULL},
        {"[{repeat: {times: 3, body: [{repeat: {times: 1}}]}}]", "model.layers"},
        {"[{repeat: {times: 2, body: [{other: {times: 1, checkpoint: true}}]}}]", "model.layers"},
    };
    hoop_config *old = NULL;
    char         line[200], one[HOOP_FINGERPRINT_SIZE], print[HOOP_FINGERPRINT_SIZE];
    assert_ok(hoop_config_parse("model: {layers: [{repeat: {times: 2, checkpoint: true, body: [{repeat: {times: 1}}]}}]}\n"
                                "data: {train: x}\n",
                                "old.yaml", &err, &old));
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        all                a      = {0};
        hoop_config_schema schema = schema_of(&a);
        hoop_config       *cfg;
        (void)snprintf(line, sizeof line, "model: {layers: %s}\ndata: {train: x}\n", changes[i].text);
        cfg = parsed(line);
        assert_ok(hoop_config_read(cfg, &schema, &err));
        assert_ok(hoop_config_fingerprint(old, &schema, &err, one));
        assert_ok(hoop_config_fingerprint(cfg, &schema, &err, print));
        if (changes[i].words == NULL) {
            assert_ok(hoop_config_diff_bits(old, cfg, &schema, &err));
            assert_string_equal(print, one);
        } else {
            assert_fails(HOOP_ECONFIG, changes[i].words, hoop_config_diff_bits(old, cfg, &schema, &err));
            assert_string_not_equal(print, one);
        }
        hoop_config_destroy(&cfg);
    }
    hoop_config_destroy(&old);
}

/* ---- Values of free keys, help ------------------------------------------------------------------------------------------ */

typedef struct linear {
    int64_t out;
    bool    bias;
} linear;

static const hoop_option linear_rows[] = {
    {"out", HOOP_OPT_INT, offsetof(linear, out), NULL, 1, 1e9, NULL, true, "features out"},
    {"bias", HOOP_OPT_BOOL, offsetof(linear, bias), "true", 0, 0, NULL, true, "with a bias"},
};

static void layers_are_filled_one_by_one(void **state)
{
    (void)state;
    const hoop_option_table table = TABLE("", linear_rows);
    hoop_config *cfg = parsed("layers:\n  - linear: {out: 5, bias: false}\n  - linear: 7\n  - linear: {out: 5,\n      bais: 1}\n "
                              " - linear: {}\n  - linear: x\n");
    const hoop_value *layers = hoop_config_get(cfg, "layers"), *item[5];
    linear            l      = {0};
    for (int i = 0; i < 5; i++) item[i] = hoop_value_find(hoop_value_at(layers, i), "linear");
    assert_ok(hoop_value_fill(item[0], &table, &err, &l));
    assert_int_equal(l.out, 5);
    assert_false(l.bias);
    assert_ok(hoop_value_parse(item[1], &linear_rows[0], &err, &l));
    assert_int_equal(l.out, 7);
    assert_fails(HOOP_ECONFIG, "model.yaml:5: layers[2].linear.bais: unknown key; did you mean bias?",
                 hoop_value_fill(item[2], &table, &err, &l));
    assert_fails(HOOP_ECONFIG, "model.yaml:6: layers[3].linear.out must be given: features out",
                 hoop_value_fill(item[3], &table, &err, &l));
    assert_fails(HOOP_ECONFIG, "model.yaml:7: layers[4].linear: 'x' is not a whole number",
                 hoop_value_parse(item[4], &linear_rows[0], &err, &l));
    assert_fails(HOOP_ECONFIG, "model.yaml:7: layers[4].linear: give its keys, as in {out: ...}",
                 hoop_value_fill(item[4], &table, &err, &l));
    assert_fails(HOOP_ECONFIG, "has no value", hoop_value_parse(NULL, &linear_rows[0], &err, &l));
    assert_int_equal(l.out, 7);
    hoop_config_destroy(&cfg);
}

static void help_is_a_config(void **state)
{
    (void)state;
    all                a      = {0};
    hoop_config_schema schema = schema_of(&a);
    char              *text   = NULL;
    hoop_config       *cfg    = NULL;
    assert_ok(hoop_config_help(&schema, &err, &text));
    assert_non_null(
        strstr(text, "\nbatch: 128                         # samples a step over all ranks; whole number from 1 *\n"));
    assert_non_null(strstr(text, "\n  name: adamw                      # update rule; sgd | adam | adamw *\n"));
    assert_non_null(strstr(text, "\n  train:                           # must be given: prefix"));
    assert_non_null(strstr(text, "\ndist:\n  ring:\n    timeout_s: 300"));
    assert_ok(hoop_config_parse(text, "help", &err, &cfg));
    assert_ok(hoop_config_set(cfg, "data.train=x", &err));
    assert_ok(hoop_config_read(cfg, &schema, &err));
    assert_int_equal(a.t.batch, 128);
    hoop_config_destroy(&cfg);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_items_may_change),
        cmocka_unit_test(values_reach_the_structs),
        cmocka_unit_test(errors_name_place_key_and_remedy),
        cmocka_unit_test(one_key_instead_of_another),
        cmocka_unit_test(a_failed_fill_changes_nothing),
        cmocka_unit_test(resolved_reads_back),
        cmocka_unit_test(resolved_text_is_pleasant),
        cmocka_unit_test(fingerprint_sees_bits_only),
        cmocka_unit_test(diff_names_the_key_and_both_values),
        cmocka_unit_test(layers_are_filled_one_by_one),
        cmocka_unit_test(help_is_a_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

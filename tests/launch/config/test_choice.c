/* Sections whose keys depend on their kind: what is read, whose a wrong key is, what a run stores, and what older ones did. */
#include "support.h"

#include "hoop/config.h"

typedef struct sgd {
    double lr, momentum;
} sgd;
typedef struct adam {
    double lr, beta;
} adam;
typedef struct shared {
    int64_t warmup;
} shared;

static const hoop_option sgd_rows[] = {
    {"lr", HOOP_OPT_FLOAT, offsetof(sgd, lr), "0.01", 0, 1e3, NULL, true, "learning rate"},
    {"momentum", HOOP_OPT_FLOAT, offsetof(sgd, momentum), "0.0", 0, 1, NULL, true, "of the gradient"},
};
static const hoop_option adam_rows[] = {
    {"lr", HOOP_OPT_FLOAT, offsetof(adam, lr), "0.001", 0, 1e3, NULL, true, "learning rate"},
    {"beta", HOOP_OPT_FLOAT, offsetof(adam, beta), "0.9", 0, 1, NULL, true, "decay"},
};
static const hoop_option delta_rows[] = {
    {"delta", HOOP_OPT_FLOAT, 0, "1.0", 0, 1e3, NULL, true, "where it bends"},
};
static const hoop_option width_rows[] = {
    {"width", HOOP_OPT_INT, 0, "8", 1, 1e3, NULL, true, "of a layer"},
};
static const hoop_option shared_rows[] = {
    {"warmup", HOOP_OPT_INT, offsetof(shared, warmup), "3", 0, 1e3, NULL, true, "steps"},
};
#define TABLE(section, rows)                                                                                                     \
    {                                                                                                                            \
        section, rows, (int)(sizeof rows / sizeof *rows)                                                                         \
    }
static const hoop_option_table shared_table = TABLE("optimizer", shared_rows);
static const hoop_config_free  layers       = {"model.layers", true, "a list"};

static bool optimizers(int i, hoop_config_kind *out)
{
    static const hoop_config_kind kinds[] = {{"adam", "adaptive", TABLE("", adam_rows), sizeof(adam), NULL},
                                             {"adamw", "adaptive too", TABLE("", adam_rows), sizeof(adam), NULL},
                                             {"sgd", "plain", TABLE("", sgd_rows), sizeof(sgd), NULL}};
    if (i >= 3) return false;
    *out = kinds[i];
    return true;
}
static bool losses(int i, hoop_config_kind *out)
{
    static const hoop_config_kind kinds[] = {{"mse", "squares", {0}, 0, NULL},
                                             {"huber", "squares, then lines", TABLE("", delta_rows), sizeof(double), NULL}};
    if (i >= 2) return false;
    *out = kinds[i];
    return true;
}
static bool models(int i, hoop_config_kind *out)
{
    static const hoop_config_kind kinds[] = {{"mlp", "of one width", TABLE("", width_rows), sizeof(int64_t), NULL},
                                             {"layers", "one by one", {0}, 0, &layers}};
    if (i >= 2) return false;
    *out = kinds[i];
    return true;
}
static const hoop_config_choice optimizer = {"optimizer", "name", "which optimiser", optimizers},
                                loss      = {"loss", "name", "what is minimised", losses},
                                model     = {"model", "kind", "which model", models};

typedef struct all {
    hoop_config_chosen optimizer, loss, model;
    shared             s;
    hoop_config_part   parts[4];
} all;

static hoop_config_schema schema_of(all *a)
{
    a->parts[0] = (hoop_config_part){.values = &a->optimizer, .choice = &optimizer};
    a->parts[1] = (hoop_config_part){.table = &shared_table, .values = &a->s};
    a->parts[2] = (hoop_config_part){.values = &a->loss, .choice = &loss};
    a->parts[3] = (hoop_config_part){.values = &a->model, .choice = &model};
    return (hoop_config_schema){a->parts, 4};
}

static void clear(all *a)
{
    hoop_config_chosen_clear(&a->optimizer);
    hoop_config_chosen_clear(&a->loss);
    hoop_config_chosen_clear(&a->model);
}

static hoop_config *parsed(const char *text)
{
    hoop_config *cfg = NULL;
    assert_ok(hoop_config_parse(text, "model.yaml", &err, &cfg));
    return cfg;
}

static hoop_status read_into(const char *text, const char *set, all *a, hoop_error *err)
{
    hoop_config       *cfg    = parsed(text);
    hoop_config_schema schema = schema_of(a);
    hoop_status        st     = set == NULL ? HOOP_OK : hoop_config_set(cfg, set, err);
    if (st == HOOP_OK) st = hoop_config_read(cfg, &schema, err);
    hoop_config_destroy(&cfg);
    return st;
}

static void a_kind_has_its_own_keys(void **state)
{
    all a = {0};
    (void)state;
    assert_ok(read_into("", NULL, &a, &err));
    assert_true(a.optimizer.kind == 0 && ((adam *)a.optimizer.opts)->lr == 0.001 && a.s.warmup == 3);
    assert_true(a.loss.kind == 0 && a.loss.opts != NULL && a.model.kind == 0 && *(int64_t *)a.model.opts == 8);
    assert_ok(read_into("optimizer: {name: sgd, momentum: 0.9, warmup: 5}\nloss: {name: huber, delta: 0.5}\nmodel: {width: 4}\n",
                        NULL, &a, &err)); /* over what was read before */
    assert_true(a.optimizer.kind == 2 && ((sgd *)a.optimizer.opts)->momentum == 0.9 && ((sgd *)a.optimizer.opts)->lr == 0.01);
    assert_true(a.s.warmup == 5 && a.loss.kind == 1 && *(double *)a.loss.opts == 0.5 && *(int64_t *)a.model.opts == 4);
    assert_ok(read_into("optimizer: sgd\nloss: \"huber\"\nmodel: layers\n", NULL, &a, &err)); /* its name alone */
    assert_true(a.optimizer.kind == 2 && a.s.warmup == 3 && *(double *)a.loss.opts == 1.0 && a.model.kind == 1);
    assert_ok(read_into("model: {layers: [relu]}\noptimizer: {name: null}\nloss: ~\n", NULL, &a, &err));
    assert_true(a.model.kind == 1 && a.optimizer.kind == 0 && a.loss.kind == 0);
    assert_ok(read_into("optimizer: {name: sgd}\n", "optimizer.momentum=0.1", &a, &err));
    assert_true(((sgd *)a.optimizer.opts)->momentum == 0.1);
    assert_ok(read_into("loss: {name: huber, delta: 3}\n", "loss=mse", &a, &err));
    assert_int_equal(a.loss.kind, 0);
    clear(&a);
}

static void errors_say_whose_a_key_is(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"optimizer: {momentum: 0.9}",
         "model.yaml:1: optimizer.momentum: is a key of sgd, and the name is adam; leave it out, or "
         "choose name: sgd"},
        {"optimizer: {name: sgd, beta: 0.5}", "optimizer.beta: is a key of adam and adamw, and the name is sgd"},
        {"loss: {delta: 2}", "loss.delta: is a key of huber, and the name is mse"},
        {"model: {kind: mlp, layers: []}", "model.layers: is a key of layers, and the kind is mlp"},
        {"model: {layers: [], width: 3}",
         "model.width: is a key of mlp, and the kind is layers; leave it out, or choose kind: mlp"},
        {"optimizer: {name: sgdd}", "optimizer.name: unknown 'sgdd', did you mean 'sgd'? (one of adam, adamw, sgd)"},
        {"loss: hubert", "model.yaml:1: loss: unknown 'hubert', did you mean 'huber'?"},
        {"loss: {name: {a: 1}}", "loss.name: is a section, it should be a single value"},
        {"loss: [mse]", "loss: is a list, it should be one of its kinds, as in {name: mse}"},
        {"optimizer: {betta: 0.5}", "optimizer.betta: unknown key; did you mean optimizer.beta?"},
        {"optimizer: {momentun: 0.5}", "optimizer.momentun: unknown key; did you mean optimizer.momentum?"},
        {"optimizer: {name: sgd, momentum: 2}", "optimizer.momentum: 2 is out of range"},
        {"momentum: 0.5", "momentum: unknown key; did you mean optimizer.momentum?"},
    };
    all a = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(HOOP_ECONFIG, cases[i].words, read_into(cases[i].text, NULL, &a, &err));
    assert_null(a.optimizer.opts); /* nothing was read */
    clear(&a);
}

/* Older versions stored the keys of all kinds: at their defaults they say nothing in any config, and in a stored one never. */
static void stored_configs_may_list_all_keys(void **state)
{
    static const char text[] =
        "optimizer: {name: sgd, lr: 0.1, momentum: 0.5, beta: 0.90, warmup: 3}\nloss: {name: mse, delta: 1}\n";
    static const char  deep[] = "optimizer: {name: sgd, lr: 0.1, momentum: 0.5, beta: 0.7}\nloss: mse\n";
    all                a      = {0};
    hoop_config_schema schema = schema_of(&a);
    hoop_config       *old = NULL, *cfg = parsed("optimizer: {name: sgd, lr: 0.1, momentum: 0.5}\n");
    (void)state;
    assert_ok(read_into(text, NULL, &a, &err));
    assert_fails(HOOP_ECONFIG, "optimizer.beta", read_into(deep, NULL, &a, &err));
    assert_ok(hoop_config_read(cfg, &schema, &err));
    for (int i = 0; i < 2; i++) {
        assert_ok(hoop_config_parse_stored(i == 0 ? text : deep, "old", &err, &old));
        assert_ok(hoop_config_check_known(old, &schema, &err));
        assert_ok(hoop_config_diff_bits(old, cfg, &schema, &err));
        hoop_config_destroy(&old);
    }
    assert_ok(hoop_config_parse_stored("optimizer: {name: adam, lr: 0.1}\nloss: mse\n", "old", &err, &old));
    assert_fails(HOOP_ECONFIG, "optimizer.name is sgd, but the run was started with adam (old:1)",
                 hoop_config_diff_bits(old, cfg, &schema, &err));
    hoop_config_destroy(&old);
    assert_ok(hoop_config_parse_stored("optimizer: {name: sgd, lr: 0.1, momentum: 0.5}\nloss: huber\n", "old", &err, &old));
    assert_fails(HOOP_ECONFIG, "loss.name is mse, but the run was started with huber (old:2)",
                 hoop_config_diff_bits(old, cfg, &schema, &err));
    hoop_config_destroy(&old);
    assert_ok(hoop_config_parse_stored("optimizer: {name: sgd, lr: 0.1, momentum: 0.25}\n", "old", &err, &old));
    assert_fails(HOOP_ECONFIG, "optimizer.momentum is 0.5, but the run was started with 0.25",
                 hoop_config_diff_bits(old, cfg, &schema, &err));
    hoop_config_destroy(&old);
    hoop_config_destroy(&cfg);
    clear(&a);
}

static void resolved_and_fingerprint(void **state)
{
    static const char *const texts[] = {
        "optimizer: {momentum: 0.5, name: sgd}\nmodel: {layers: [relu]}\n",
        ("optimizer: {name: sgd, momentum: 5e-1, beta: 0.9, warmup: 3}\nloss: {name: mse}\n"
         "model: {kind: layers, layers: [relu]}\n"),
        "optimizer: {name: sgd, momentum: 0.5}\nloss: {name: huber, delta: 2}\nmodel: {layers: [relu]}\n"};
    static const char *const wanted[] = {"loss: mse\n", "loss: mse\n", "loss:\n  name: huber\n  delta: 2\n"};
    char                     print[3][HOOP_FINGERPRINT_SIZE];
    (void)state;
    for (int i = 0; i < 3; i++) {
        all                a = {0}, b = {0};
        hoop_config_schema schema = schema_of(&a), again = schema_of(&b);
        hoop_config       *cfg  = parsed(texts[i]), *back;
        char              *text = NULL, *twice = NULL, want[256];
        assert_ok(hoop_config_read(cfg, &schema, &err));
        assert_ok(hoop_config_resolve(cfg, &schema, &err, &text));
        (void)snprintf(
            want, sizeof want,
            "optimizer:\n  name: sgd\n  lr: 0.01\n  momentum: 0.5\n  warmup: 3\n%smodel:\n  kind: layers\n  layers: [relu]\n",
            wanted[i]);
        assert_string_equal(strchr(text, '\n') + 1, want);
        back = parsed(text);
        assert_ok(hoop_config_read(back, &again, &err));
        assert_ok(hoop_config_resolve(back, &again, &err, &twice));
        assert_string_equal(text, twice);
        assert_ok(hoop_config_diff_bits(back, cfg, &schema, &err));
        assert_ok(hoop_config_fingerprint(cfg, &schema, &err, print[i]));
        free(text);
        free(twice);
        hoop_config_destroy(&cfg);
        hoop_config_destroy(&back);
        clear(&a);
        clear(&b);
    }
    assert_string_equal(print[0], print[1]);
    assert_string_not_equal(print[0], print[2]);
}

static void help_lists_all_kinds(void **state)
{
    static const char *const lines[] = {
        "\n  name: adam                       # which optimiser; adam | adamw | sgd *\n",
        ("\n  # sgd: plain\n  #   lr: 0.01                     # learning rate; number from 0 to 1000 *\n"
         "  #   momentum: 0.0                # of the gradient; number from 0 to 1 *\n"),
        "\nloss: mse                          # what is minimised; mse | huber *\n  # mse: squares\n", "\n  #   delta: 1.0  ",
        "\n  #   layers:                      # a list *\n"};
    all                a      = {0};
    hoop_config_schema schema = schema_of(&a);
    hoop_config       *cfg;
    char              *text = NULL;
    (void)state;
    assert_ok(hoop_config_help(&schema, &err, &text));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strstr(text, lines[i]) == NULL) fail_msg("'%s' is not in\n%s", lines[i], text);
    cfg = parsed(text); /* a config of defaults */
    assert_ok(hoop_config_read(cfg, &schema, &err));
    assert_true(a.optimizer.kind == 0 && a.loss.kind == 0 && a.model.kind == 0);
    hoop_config_destroy(&cfg);
    free(text);
    clear(&a);
}

static void values_choose_too(void **state)
{
    hoop_config *cfg =
        parsed("t:\n  a: {loss: huber}\n  b: {loss: {name: huber, delta: 4}}\n  c: {loss: {delta: 4}}\n  d: {loss: "
               "{name: huber, gamma: 4}}\n  e: {loss: {name: sgd}}\n");
    hoop_config_chosen c = {0};
    (void)state;
    assert_ok(hoop_value_choose(hoop_config_get(cfg, "t.a.loss"), &loss, &err, &c));
    assert_true(c.kind == 1 && *(double *)c.opts == 1.0);
    assert_ok(hoop_value_choose(hoop_config_get(cfg, "t.b.loss"), &loss, &err, &c));
    assert_true(c.kind == 1 && *(double *)c.opts == 4.0);
    assert_fails(HOOP_ECONFIG, "model.yaml:4: t.c.loss.delta: is a key of huber, and the name is mse",
                 hoop_value_choose(hoop_config_get(cfg, "t.c.loss"), &loss, &err, &c));
    assert_fails(HOOP_ECONFIG, "model.yaml:5: t.d.loss.gamma: unknown key; it takes delta",
                 hoop_value_choose(hoop_config_get(cfg, "t.d.loss"), &loss, &err, &c));
    assert_fails(HOOP_ECONFIG, "model.yaml:6: t.e.loss.name: unknown 'sgd'",
                 hoop_value_choose(hoop_config_get(cfg, "t.e.loss"), &loss, &err, &c));
    assert_true(c.kind == 1 && *(double *)c.opts == 4.0); /* a failure changes nothing */
    assert_ok(hoop_value_choose(NULL, &loss, &err, &c));
    assert_int_equal(c.kind, 0);
    hoop_config_chosen_clear(&c);
    assert_null(c.opts);
    hoop_config_destroy(&cfg);
}

static void updates_keep_what_is_not_given(void **state)
{
    const hoop_option_table table = TABLE("", sgd_rows);
    hoop_config            *cfg   = parsed("a: {momentum: 0.5}\nb: {momentum: 0.25, lr: x}\n");
    sgd                     s     = {.lr = 7, .momentum = 0.1};
    (void)state;
    assert_ok(hoop_value_update(hoop_config_get(cfg, "a"), &table, &err, &s));
    assert_true(s.lr == 7 && s.momentum == 0.5);
    assert_fails(HOOP_ECONFIG, "b.lr: 'x'", hoop_value_update(hoop_config_get(cfg, "b"), &table, &err, &s));
    assert_true(s.momentum == 0.5);
    hoop_config_destroy(&cfg);
}

/* The fingerprint of a config after one assignment. */
static void fingerprint_of(const char *text, const char *set, char out[HOOP_FINGERPRINT_SIZE])
{
    static const hoop_config_free inputs = {"inputs", true, "by name", "path"};
    all                           a      = {0};
    hoop_config_part              parts[5];
    hoop_config_schema            schema = schema_of(&a);
    hoop_config                  *cfg    = parsed(text);
    memcpy(parts, a.parts, sizeof a.parts);
    parts[4] = (hoop_config_part){.free_key = &inputs};
    schema   = (hoop_config_schema){parts, 5};
    assert_ok(set == NULL ? HOOP_OK : hoop_config_set_in(cfg, &schema, set, &err));
    assert_ok(hoop_config_read(cfg, &schema, &err));
    assert_ok(hoop_config_fingerprint(cfg, &schema, &err, out));
    hoop_config_destroy(&cfg);
    clear(&a);
}

/* What stands for a section, by a name or in a free key, is one when a key of it is set. */
static void single_values_are_spelt_out(void **state)
{
    static const struct {
        const char *text, *set, *same;
    } cases[] = {
        {"loss: huber", "loss.delta=0.5", "loss: {name: huber, delta: 0.5}"},
        {"optimizer: sgd", "optimizer.name=adam", "optimizer: adam"},
        {"model: mlp", "model.width=9", "model: {kind: mlp, width: 9}"},
        {"inputs: {u: /u, v: \"[1]\"}", "inputs.v.length=3", "inputs: {u: /u, v: {path: \"[1]\", length: 3}}"},
        {"inputs: {u: /u, v: /v}", NULL, "inputs: {v: {path: /v}, u: /u}"},
        {"inputs: {u: {loss: huber}}", "inputs.u.loss.delta=2", "inputs: {u: {loss: {name: huber, delta: 2}}}"},
        {"inputs: {u: /u}", "inputs.u.loss.delta=2", "inputs: {u: {path: /u, loss: {delta: 2}}}"},
    };
    static const char *const wrong[] = {"inputs.u.n.a=1", "loss.name.a=1", "optimizer.warmup.a=1"};
    all                      a       = {0};
    hoop_config_schema       schema  = schema_of(&a);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char got[HOOP_FINGERPRINT_SIZE], want[HOOP_FINGERPRINT_SIZE];
        fingerprint_of(cases[i].text, cases[i].set, got);
        fingerprint_of(cases[i].same, NULL, want);
        assert_string_equal(got, want);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hoop_config *cfg = parsed("inputs: {u: {n: 1}}\nloss: mse\noptimizer: {warmup: 2}\n");
        assert_fails(HOOP_ECONFIG, "is a single value, not a section", hoop_config_set_in(cfg, &schema, wrong[i], &err));
        hoop_config_destroy(&cfg);
    }
}

static void schemas_without_values(void **state)
{
    all                a      = {0};
    hoop_config_schema schema = schema_of(&a);
    hoop_config       *cfg    = parsed("");
    char              *text   = NULL;
    (void)state;
    assert_fails(HOOP_EARG, "section 'optimizer' of the schema has no values", hoop_config_resolve(cfg, &schema, &err, &text));
    a.parts[0].values = NULL;
    assert_ok(hoop_config_read(cfg, &schema, &err));
    assert_fails(HOOP_EARG, "section 'optimizer' of the schema has no values", hoop_config_resolve(cfg, &schema, &err, &text));
    hoop_config_destroy(&cfg);
    clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kind_has_its_own_keys),
        cmocka_unit_test(errors_say_whose_a_key_is),
        cmocka_unit_test(stored_configs_may_list_all_keys),
        cmocka_unit_test(resolved_and_fingerprint),
        cmocka_unit_test(help_lists_all_kinds),
        cmocka_unit_test(values_choose_too),
        cmocka_unit_test(updates_keep_what_is_not_given),
        cmocka_unit_test(single_values_are_spelt_out),
        cmocka_unit_test(schemas_without_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

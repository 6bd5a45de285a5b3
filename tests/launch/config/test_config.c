/* YAML into a tree with places, --set, and what is refused. */
#include "support.h"

#include "hoop/config.h"

static hoop_config *parsed(const char *text)
{
    hoop_config *cfg = NULL;
    assert_ok(hoop_config_parse(text, "model.yaml", &err, &cfg));
    return cfg;
}

static const char *text_at(const hoop_config *cfg, const char *path)
{
    const char *text = hoop_value_text(hoop_config_get(cfg, path));
    return text == NULL ? "(none)" : text;
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    hoop_config *cfg = parsed("\xef\xbb\xbf"
                              "seed: 7\nbatch: 4\n");
    assert_string_equal(text_at(cfg, "seed"), "7");
    assert_fails(HOOP_ECONFIG, "model.yaml:2: batch: odd", hoop_config_fail(cfg, "batch", &err, "odd"));
    hoop_config_destroy(&cfg);
    cfg = parsed("\xef\xbb\xbf");
    hoop_config_destroy(&cfg);
    assert_fails(HOOP_ECONFIG, "model.yaml:1: tab", hoop_config_parse("\xef\xbb\xbf\ta: 1", "model.yaml", &err, &cfg));
}

static void values_stand_where_they_are(void **state)
{
    (void)state;
    hoop_config *cfg = parsed("seed: 1\n"
                              "model:   # a comment\n"
                              "  kind: mlp\n"
                              "  layers: [{linear: 512}, relu, {dropout: 0.1}]\n"
                              "data: {train: 'a b', validation: \"c\\td\"}\n"
                              "empty:\nnothing: null\ntilde: ~\nword: 'null'\n"
                              "folded: >-\n  one\n  two\n");
    assert_string_equal(text_at(cfg, "seed"), "1");
    assert_string_equal(text_at(cfg, "model.kind"), "mlp");
    assert_string_equal(text_at(cfg, "data.train"), "a b");
    assert_string_equal(text_at(cfg, "data.validation"), "c\td");
    assert_string_equal(text_at(cfg, "word"), "null");
    assert_string_equal(text_at(cfg, "folded"), "one two");
    assert_false(hoop_config_has(cfg, "empty"));
    assert_false(hoop_config_has(cfg, "nothing"));
    assert_false(hoop_config_has(cfg, "tilde"));
    assert_false(hoop_config_has(cfg, "model.kind.more"));
    assert_true(hoop_config_has(cfg, "model"));
    assert_null(hoop_config_get(cfg, "model.kin"));
    assert_null(hoop_config_get(cfg, "missing"));
    assert_string_equal(hoop_config_name(cfg), "model.yaml");

    const hoop_value *layers = hoop_config_get(cfg, "model.layers");
    assert_int_equal(hoop_value_get_kind(layers), HOOP_VALUE_LIST);
    assert_int_equal(hoop_value_count(layers), 3);
    assert_string_equal(hoop_value_key(hoop_value_at(layers, 0), 0), "linear");
    assert_string_equal(hoop_value_text(hoop_value_at(layers, 1)), "relu");
    assert_string_equal(hoop_value_text(hoop_value_find(hoop_value_at(layers, 2), "dropout")), "0.1");
    assert_null(hoop_value_at(layers, 3));
    assert_null(hoop_value_at(layers, -1));
    assert_null(hoop_value_key(layers, 0));
    assert_fails(HOOP_ECONFIG, "model.yaml:4: model.layers[2].dropout: is wet",
                 hoop_value_fail(hoop_value_find(hoop_value_at(layers, 2), "dropout"), &err, "is %s", "wet"));
    assert_fails(HOOP_ECONFIG, "model.yaml:2: model: odd", hoop_config_fail(cfg, "model", &err, "odd"));
    assert_fails(HOOP_ECONFIG, "model.yaml: steps: missing", hoop_config_fail(cfg, "steps", &err, "missing"));
    hoop_config_destroy(&cfg);
    assert_null(cfg);
    hoop_config_destroy(&cfg);
    hoop_config_destroy(NULL);
}

static void an_empty_text_is_a_config(void **state)
{
    (void)state;
    const char *texts[] = {"",     "\n\n",         "# only a comment\n",    "---\n",
                           "{}\n", "\xef\xbb\xbf", "\xef\xbb\xbfseed: 1\n", "---\nseed: 1\n...\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hoop_config *cfg = parsed(texts[i]);
        assert_int_equal(hoop_value_get_kind(hoop_config_get(cfg, "")), HOOP_VALUE_MAP);
        assert_int_equal(hoop_config_has(cfg, "seed"), i >= 6);
        hoop_config_destroy(&cfg);
    }
}

static const struct {
    const char *text, *words;
} refused[] = {
    {"a: 1\na: 2\n", "model.yaml:2: a: key given twice, first in line 1"},
    {"m:\n  a: 1\n  b: 2\n  a: 3\n", "model.yaml:4: a: key given twice, first in line 2"},
    {"a: &x 1\nb: *x\n", "model.yaml:1: anchors (&x)"},
    {"b:\n  - *x\n", "model.yaml:2: aliases (*x)"},
    {"a: !!int 3\n", "model.yaml:1: tags (tag:yaml.org,2002:int)"},
    {"a: 1\nb: {<<: 3}\n", "model.yaml:2: merge keys (<<)"},
    {"a: 1\n---\nb: 2\n", "model.yaml:2: a second YAML document"},
    {"a: 1\n---\n", "model.yaml:2: a second YAML document"},
    {"m:\n\ta: 1\n", "model.yaml:2: tab in the indentation"},
    {"a: 1\n  \tb: 2\n", "model.yaml:2: tab in the indentation"},
    {"a: [1, 2\nb: 3\n", "model.yaml:2: did not find expected ',' or ']'"},
    {"a: 1\nb: \"open\n", "model.yaml:3: found unexpected end of stream"},
    {"a: 1\n b: 2\n", "model.yaml:2: mapping values are not allowed"},
    {"a: @x\n", "model.yaml:1: a value can't start with '@'; put it in quotes"},
    {"a: x\nb: %y\n", "model.yaml:2: a value can't start with '%'"},
    {"optimizer.lr: 1\n",
     "model.yaml:1: optimizer.lr: dots are for --set; here write the key inside its section: optimizer: {...}"},
    {"[a, b]: 1\n", "model.yaml:1: a key must be a word"},
    {"a b: 1\n", "model.yaml:1: a key has spaces"},
    {"'': 1\n", "model.yaml:1: a key is empty"},
    {"a: \"x\\0y\"\n", "model.yaml:1: a NUL character"},
    {"- a\n- b\n", "model.yaml:1: a config is lines of `key: value`, this is a list"},
    {"hello\n", "model.yaml:1: a config is lines of `key: value`, this is a single value"},
    {"a: 1\nb: \xff\n", "model.yaml:2: not UTF-8 text"},
    {"a: 1\nb: \x01\n", "model.yaml:2: not UTF-8 text (control characters are not allowed"},
    {"a: 1\n\nb: \xc3(\n", "model.yaml:3: not UTF-8 text"},
    {"a0123456789012345678901234567890123456789012345678901234567890123456789: 1\n", "model.yaml:1: a key of 71 bytes"},
    {"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n", "model.yaml:1: nested deeper than"},
    {"a: {b: {c: {d: {a: {b: {c: {d: {a: {b: {c: {d: {a: {b: {c: {d: {a: {b: {c: {d: {a: {b: {c: {d: {e: 1\n",
     "nested deeper than"},
};

static void what_could_surprise_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        hoop_config *cfg = NULL;
        assert_fails(HOOP_ECONFIG, refused[i].words, hoop_config_parse(refused[i].text, "model.yaml", &err, &cfg));
        assert_null(cfg);
    }
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    hoop_config *cfg  = NULL;
    size_t       size = (1 << 20) + 10;
    char        *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, '#', size);
    text[size] = '\0';
    assert_fails(HOOP_ECONFIG, "big.yaml: more than 1048576 bytes", hoop_config_parse(text, "big.yaml", &err, &cfg));
    strcpy(text, "a: [");
    for (size_t i = 0; i < 20000; i++) memcpy(text + 4 + 2 * i, "1,", 2);
    strcpy(text + 40004, "]\n");
    assert_fails(HOOP_ECONFIG, "more than 16384 values", hoop_config_parse(text, "big.yaml", &err, &cfg));
    size = 0;
    for (int i = 0; i < 2000; i++) size += (size_t)sprintf(text + size, "k%d: 1\n", i);
    assert_fails(HOOP_ECONFIG, "big.yaml:1025: more than 1024 keys", hoop_config_parse(text, "big.yaml", &err, &cfg));
    free(text);
}

static void set_overrides_and_creates(void **state)
{
    (void)state;
    hoop_config *cfg = parsed("batch: 10\noptimizer: {name: sgd, lr: 0.1}\nempty:\nlist: [1, 2]\n");
    assert_ok(hoop_config_set(cfg, "batch=20", &err));
    assert_ok(hoop_config_set(cfg, "batch=30", &err));
    assert_ok(hoop_config_set(cfg, "optimizer.lr=1e-3", &err));
    assert_ok(hoop_config_set(cfg, "optimizer.momentum= 0.9 # comment", &err));
    assert_ok(hoop_config_set(cfg, "empty.key=x", &err));
    assert_ok(hoop_config_set(cfg, "a.b.c='x = y'", &err));
    assert_ok(hoop_config_set(cfg, "model.layers=[{linear: 5}, relu]", &err));
    assert_ok(hoop_config_set(cfg, "data.train=a/b-*.h5", &err));
    assert_ok(hoop_config_set(cfg, "data.validation=", &err));
    assert_string_equal(text_at(cfg, "batch"), "30");
    assert_string_equal(text_at(cfg, "optimizer.name"), "sgd");
    assert_string_equal(text_at(cfg, "optimizer.lr"), "1e-3");
    assert_string_equal(text_at(cfg, "optimizer.momentum"), "0.9");
    assert_string_equal(text_at(cfg, "empty.key"), "x");
    assert_string_equal(text_at(cfg, "a.b.c"), "x = y");
    assert_string_equal(text_at(cfg, "data.train"), "a/b-*.h5");
    assert_false(hoop_config_has(cfg, "data.validation"));
    const hoop_value *layers = hoop_config_get(cfg, "model.layers");
    assert_int_equal(hoop_value_count(layers), 2);
    assert_fails(HOOP_ECONFIG, "--set model.layers=[{linear: 5}, relu]: model.layers[0].linear: bad",
                 hoop_value_fail(hoop_value_find(hoop_value_at(layers, 0), "linear"), &err, "bad"));
    assert_ok(hoop_config_set(cfg, "optimizer={name: adam}", &err));
    assert_false(hoop_config_has(cfg, "optimizer.lr"));
    assert_string_equal(text_at(cfg, "optimizer.name"), "adam");
    assert_ok(hoop_config_set(cfg, "batch=null", &err));
    assert_false(hoop_config_has(cfg, "batch"));
    hoop_config_destroy(&cfg);
}

static void set_says_what_is_wrong(void **state)
{
    (void)state;
    hoop_config *cfg = parsed("batch: 10\nlist: [1, 2]\n");
    assert_fails(HOOP_ECONFIG, "--set batch: write key=value", hoop_config_set(cfg, "batch", &err));
    assert_fails(HOOP_ECONFIG, "'' is not a dotted key", hoop_config_set(cfg, "=3", &err));
    assert_fails(HOOP_ECONFIG, "'a..b' is not a dotted key", hoop_config_set(cfg, "a..b=3", &err));
    assert_fails(HOOP_ECONFIG, "'a.' is not a dotted key", hoop_config_set(cfg, "a.=3", &err));
    assert_fails(HOOP_ECONFIG, "'list[0]' is not a dotted key", hoop_config_set(cfg, "list[0]=3", &err));
    assert_fails(HOOP_ECONFIG, "--set batch.x=1: batch (at model.yaml:1) is a single value, not a section",
                 hoop_config_set(cfg, "batch.x=1", &err));
    assert_fails(HOOP_ECONFIG, "--set list.x=1: list (at model.yaml:2) is a list", hoop_config_set(cfg, "list.x=1", &err));
    assert_fails(HOOP_ECONFIG, "--set x=*.h5: a value can't start with '*'; put it in quotes",
                 hoop_config_set(cfg, "x=*.h5", &err));
    assert_fails(HOOP_ECONFIG, "--set x=[1: ", hoop_config_set(cfg, "x=[1", &err));
    assert_fails(HOOP_ECONFIG, "--set x={a: 1, a: 2}: a: key given twice", hoop_config_set(cfg, "x={a: 1, a: 2}", &err));
    assert_fails(HOOP_ECONFIG, "nested deeper",
                 hoop_config_set(cfg, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w=[[[1]]]", &err));
    assert_fails(HOOP_ECONFIG, "is not a dotted key",
                 hoop_config_set(cfg, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z=1", &err));
    assert_string_equal(text_at(cfg, "batch"), "10");
    assert_false(hoop_config_has(cfg, "x"));
    assert_false(hoop_config_has(cfg, "a"));
    hoop_config_destroy(&cfg);
}

static void files_are_read(void **state)
{
    (void)state;
    char         folder[256], path[300], words[400];
    hoop_config *cfg = NULL;
    enter_folder(folder);
    (void)snprintf(path, sizeof path, "%s/missing.yaml", folder);
    (void)snprintf(words, sizeof words, "%s: can't open the config: No such file", path);
    assert_fails(HOOP_EIO, words, hoop_config_load(path, &err, &cfg));
    assert_fails(HOOP_EIO, "can't read the config: Is a directory", hoop_config_load(folder, &err, &cfg));
    (void)snprintf(path, sizeof path, "%s/nul.yaml", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite("a: 1\n\0b: 2\n", 1, 11, file), 11);
    assert_int_equal(fclose(file), 0);
    assert_fails(HOOP_ECONFIG, "nul.yaml:2: not UTF-8 text", hoop_config_load(path, &err, &cfg));
    (void)snprintf(path, sizeof path, "%s/good.yaml", folder);
    write_all(path, "seed: 7\r\nmodel:\r\n  kind: mlp\r\n");
    assert_ok(hoop_config_load(path, &err, &cfg));
    assert_string_equal(text_at(cfg, "seed"), "7");
    assert_string_equal(text_at(cfg, "model.kind"), "mlp");
    hoop_config_destroy(&cfg);
    leave_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(values_stand_where_they_are),
        cmocka_unit_test(an_empty_text_is_a_config),
        cmocka_unit_test(what_could_surprise_is_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(set_overrides_and_creates),
        cmocka_unit_test(set_says_what_is_wrong),
        cmocka_unit_test(files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

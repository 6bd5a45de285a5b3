/* Option tables: what parses, what is refused and with which words, defaults, printing, the nearest word. */
#include "kernels_test.h"

#include "hoop/nn.h"
#include "hoop/optim.h"
#include "hoop/option.h"

#include <locale.h>

typedef struct settings {
    int64_t   leaves, steps;
    double    lr;
    bool      nesterov;
    int       name;
    char      path[HOOP_OPT_STRING_MAX];
    hoop_ints hidden;
    double    must, limit;
    hoop_ints padding;
} settings;

static const char *const optimizers[] = {"sgd", "adam", "adamw", NULL};
static const char *const paddings[]   = {"same", "valid", NULL};
static const hoop_option rows[]       = {
          {"leaves", HOOP_OPT_INT, offsetof(settings, leaves), "auto", 1, 1 << 20, NULL, true, "fixed units of a batch"},
          {"steps", HOOP_OPT_INT, offsetof(settings, steps), "0", 0, 0, NULL, true, "steps"},
          {"lr", HOOP_OPT_FLOAT, offsetof(settings, lr), "1e-3", 0, 10, NULL, true, "learning rate"},
          {"nesterov", HOOP_OPT_BOOL, offsetof(settings, nesterov), "true", 0, 0, NULL, true, "look ahead"},
          {"name", HOOP_OPT_ENUM, offsetof(settings, name), "adamw", 0, 0, optimizers, true, "which"},
          {"path", HOOP_OPT_STRING, offsetof(settings, path), "runs/a b", 0, 0, NULL, false, "where"},
          {"hidden", HOOP_OPT_INTS, offsetof(settings, hidden), "[512, 256]", 1, 100000, NULL, true, "widths"},
          {"must", HOOP_OPT_FLOAT, offsetof(settings, must), NULL, 0, 0, NULL, true, "no default"},
          {"limit", HOOP_OPT_FLOAT, offsetof(settings, limit), "auto", 0, 100, NULL, true, "MiB"},
          {"padding", HOOP_OPT_INTS, offsetof(settings, padding), "same", 0, 9, paddings, true, "words for a list"},
};
static const hoop_option_table table = {"test", rows, (int)(sizeof rows / sizeof rows[0])};

static hoop_status parse(settings *s, const char *key, const char *text, hoop_error *err)
{
    const hoop_option *row = hoop_option_find(&table, key);
    assert_non_null(row);
    memset(err, 0, sizeof *err);
    return hoop_option_parse(row, text, s, err);
}

static void test_defaults(void **state)
{
    settings s;
    (void)state;
    memset(&s, 0x77, sizeof s);
    hoop_option_defaults(&table, &s);
    assert_true(s.leaves == HOOP_OPT_AUTO && s.steps == 0 && s.lr == 1e-3 && s.nesterov && s.name == 2 && s.must == 0);
    assert_string_equal(s.path, "runs/a b");
    assert_true(s.hidden.n == 2 && s.hidden.v[0] == 512 && s.hidden.v[1] == 256);
}

/* a comma for a point, as in half of the world: no number is read or printed otherwise */
static void test_locale(void **state)
{
    static const char *const names[]  = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE"};
    char                     folder[] = "hoop-locale-XXXXXX", command[200], out[64];
    bool                     made     = false;
    settings                 s        = {0};
    hoop_error               e;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !made; i++) made = setlocale(LC_ALL, names[i]) != NULL;
    if (!made && mkdtemp(folder) != NULL) {
        (void)snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>/dev/null", folder);
        if (system(command) == 0 && setenv("LOCPATH", folder, 1) == 0) made = setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
        (void)snprintf(command, sizeof command, "rm -rf %s", folder);
        (void)system(command);
    }
    if (!made || strtod("1.5", NULL) == 1.5) skip(); /* no such locale here, and none can be made */
    assert_int_equal(hoop_option_defaults(&table, &s), HOOP_OK);
    assert_true(s.lr == 1e-3);
    assert_int_equal(parse(&s, "lr", "2.5", &e), HOOP_OK);
    assert_true(s.lr == 2.5);
    assert_int_equal(parse(&s, "lr", "2,5", &e), HOOP_ECONFIG);
    assert_int_equal(parse(&s, "lr", "12.5", &e), HOOP_ECONFIG);
    hoop_option_format(&rows[2], &s, out, sizeof out);
    assert_string_equal(out, "2.5");
    (void)hoop_fail(memset(&e, 0, sizeof e), HOOP_EARG, "%g", 0.5);
    assert_string_equal(e.text, "0.5");
    assert_int_equal(hoop_option_defaults(&hoop_optim_kind_get(0)->options, &(hoop_adam_opts){0}), HOOP_OK);
    assert_true(strtod("1,5", NULL) == 1.5); /* the host's is as it was */
    (void)setlocale(LC_ALL, "C");
}

static hoop_tensor *same_forward(const hoop_module *m, hoop_tape *t, hoop_tensor *x)
{
    (void)m, (void)t;
    return x;
}

/* every default of every table of core parses; one that does not is told */
static void test_tables(void **state)
{
    static const hoop_option       wrong[] = {{"x", HOOP_OPT_FLOAT, 0, "0,9", 0, 1, NULL, true, "a comma"},
                                              {"y", HOOP_OPT_FLOAT, 8, "0.5", 0, 1, NULL, true, "good"}};
    static const hoop_option_table broken  = {"broken", wrong, 2};
    static const hoop_module_kind  kind = {.name = "broken", .options = {"", wrong, 2}, .opts_size = 16, .forward = same_forward};
    double                         out[2];
    hoop_model                    *model;
    hoop_error                     e = {0};
    (void)state;
    for (int i = 0; hoop_optim_kind_get(i) != NULL; i++) {
        const hoop_optim_kind *k    = hoop_optim_kind_get(i);
        char                  *opts = calloc(1, k->opts_size + 1);
        if (hoop_option_defaults(&k->options, opts) != HOOP_OK) fail_msg("a default of %s does not parse", k->name);
        free(opts);
    }
    for (int i = 0; hoop_schedule_kind_get(i) != NULL; i++) {
        const hoop_schedule_kind *k    = hoop_schedule_kind_get(i);
        char                     *opts = calloc(1, k->opts_size + 1);
        if (hoop_option_defaults(&k->options, opts) != HOOP_OK) fail_msg("a default of %s does not parse", k->name);
        free(opts);
    }
    assert_int_equal(hoop_option_defaults(&hoop_schedule_options, &(hoop_schedule_opts){0}), HOOP_OK);
    for (int i = 0; hoop_module_kind_get(i) != NULL; i++) {
        const hoop_module_kind *k    = hoop_module_kind_get(i);
        char                   *opts = calloc(1, k->opts_size + 1);
        if (hoop_option_defaults(&k->options, opts) != HOOP_OK) fail_msg("a default of %s does not parse", k->name);
        free(opts);
    }
    assert_int_equal(hoop_option_defaults(&broken, out), HOOP_ECONFIG);
    assert_true(out[0] == 0.0 && out[1] == 0.5);
    assert_int_equal(hoop_model_create(HOOP_F32, NULL, &model), HOOP_OK);
    assert_int_equal(hoop_module_add(hoop_model_root(model), &kind, "0", NULL, &e, NULL), HOOP_EARG);
    assert_non_null(strstr(e.text, "broken"));
    hoop_model_destroy(&model);
}

static void test_good(void **state)
{
    settings   s = {0};
    hoop_error e;
    (void)state;
    assert_int_equal(parse(&s, "leaves", "12", &e), HOOP_OK);
    assert_true(s.leaves == 12);
    assert_int_equal(parse(&s, "leaves", "auto", &e), HOOP_OK);
    assert_true(s.leaves == HOOP_OPT_AUTO);
    assert_int_equal(parse(&s, "limit", "auto", &e), HOOP_OK);
    assert_true(s.limit != s.limit);
    assert_int_equal(parse(&s, "limit", "0", &e), HOOP_OK);
    assert_true(s.limit == 0.0);
    assert_int_equal(parse(&s, "steps", " -9223372036854775807 ", &e), HOOP_OK);
    assert_true(s.steps == -INT64_MAX);
    assert_int_equal(parse(&s, "lr", "3E-4", &e), HOOP_OK);
    assert_true(s.lr == 3e-4);
    assert_int_equal(parse(&s, "lr", ".5", &e), HOOP_OK);
    assert_int_equal(parse(&s, "nesterov", "false", &e), HOOP_OK);
    assert_false(s.nesterov);
    assert_int_equal(parse(&s, "name", "sgd", &e), HOOP_OK);
    assert_int_equal(s.name, 0);
    assert_int_equal(parse(&s, "hidden", "[]", &e), HOOP_OK);
    assert_int_equal(s.hidden.n, 0);
    assert_int_equal(parse(&s, "hidden", " [ 1,2 , 3 ] ", &e), HOOP_OK);
    assert_true(s.hidden.n == 3 && s.hidden.v[2] == 3);
}

static void test_bad(void **state)
{
    static const struct {
        const char *key, *text, *says;
    } bad[] = {
        {"leaves", "", "whole number or 'auto'"},
        {"leaves", "1.5", "'1.5' is not a whole number"},
        {"leaves", "12x", "'12x'"},
        {"leaves", "Auto", "or 'auto'"},
        {"leaves", "0", "must be 1 to"},
        {"leaves", "-4", "must be 1 to"},
        {"leaves", "1048577", "out of range"},
        {"steps", "auto", "not a whole number"},
        {"lr", "auto", "'auto' is not a number"},
        {"limit", "much", "'much' is not a number or 'auto'"},
        {"steps", "9223372036854775808", "out of range, must be -9223372036854775807 to 9223372036854775807"},
        {"steps", "-9223372036854775808", "must be -9223372036854775807 to 9223372036854775807"}, /* taken by auto */
        {"lr", "fast", "'fast' is not a number"},
        {"lr", "", "not a number"},
        {"lr", "1e-3e", "not a number"},
        {"lr", "nan", "not a number"},
        {"lr", "inf", "not a number"},
        {"lr", "0x10", "not a number"},
        {"lr", "1e999", "too large"},
        {"lr", "-1", "must be 0 to 10"},
        {"nesterov", "yes", "true or false"},
        {"nesterov", "True", "true or false"},
        {"name", "adamW", "did you mean 'adamw'"},
        {"name", "lion", "one of sgd, adam, adamw"},
        {"hidden", "512x", "list such as"},
        {"hidden", "512 256", "list such as"},
        {"hidden", "wide", "neither a whole number nor a list"},
        {"hidden", "", "whole number"},
        {"hidden", "0", "must be 1 to 100000"},
        {"hidden", "99999999999999999999", "must be 1 to 100000"},
        {"padding", "some", "neither a whole number nor a list such as [64, 32], nor 'same', nor 'valid'"},
        {"hidden", "[512", "list such as"},
        {"hidden", "[512,]", "list such as"},
        {"hidden", "[512 256]", "list such as"},
        {"hidden", "[512, x]", "whole number"},
        {"hidden", "[512] 3", "list such as"},
        {"hidden", "[512, 0]", "must be 1 to 100000"},
        {"hidden",
         "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,"
         "43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65]",
         "more than 64"},
    };
    settings s;
    (void)state;
    hoop_option_defaults(&table, &s);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        settings   before = s;
        hoop_error err;
        if (parse(&s, bad[i].key, bad[i].text, &err) != HOOP_ECONFIG) fail_msg("%s: '%s' was taken", bad[i].key, bad[i].text);
        if (strstr(err.text, bad[i].says) == NULL || strstr(err.text, bad[i].key) == NULL)
            fail_msg("'%s' lacks '%s'", err.text, bad[i].says);
        assert_memory_equal(&s, &before, sizeof s); /* nothing half-written */
    }
    {
        char       text[HOOP_OPT_STRING_MAX + 1];
        hoop_error err;
        memset(text, 'a', sizeof text);
        text[HOOP_OPT_STRING_MAX] = '\0';
        assert_int_equal(parse(&s, "path", text, &err), HOOP_ECONFIG);
        text[HOOP_OPT_STRING_MAX - 1] = '\0';
        assert_int_equal(parse(&s, "path", text, &err), HOOP_OK);
        assert_string_equal(s.path, text);
    }
}

/* what is printed parses back to the same value */
static void test_format(void **state)
{
    static const struct {
        const char *key, *text, *printed;
    } good[] = {
        {"leaves", "auto", "auto"},
        {"limit", "auto", "auto"},
        {"limit", "1.5", "1.5"},
        {"leaves", " 12", "12"},
        {"steps", "-5", "-5"},
        {"lr", "1e-3", "0.001"},
        {"lr", "0.1", "0.1"},
        {"lr", "0", "0"},
        {"lr", "-0.0", "0"},
        {"must", "0", "0"},
        {"lr", "3e-4", "0.0003"},
        {"lr", "0.123456789012345678", "0.12345678901234568"},
        {"nesterov", "false", "false"},
        {"name", "adam", "adam"},
        {"path", "x y", "x y"},
        {"hidden", "[1,2,3]", "[1, 2, 3]"},
        {"hidden", "[]", "[]"},
        {"hidden", "[ 7 ]", "[7]"},
        {"hidden", " 7 ", "[7]"},
        {"padding", "valid", "valid"},
        {"padding", "3", "[3]"},
        {"must", "1e30", "1e+30"},
    };
    settings s, again;
    char     out[HOOP_OPT_STRING_MAX];
    (void)state;
    memset(&s, 0, sizeof s); /* padding too: they are compared as bytes */
    memset(&again, 0, sizeof again);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const hoop_option *row = hoop_option_find(&table, good[i].key);
        hoop_error         err;
        hoop_option_defaults(&table, &s);
        hoop_option_defaults(&table, &again);
        assert_int_equal(parse(&s, good[i].key, good[i].text, &err), HOOP_OK);
        hoop_option_format(row, &s, out, sizeof out);
        assert_string_equal(out, good[i].printed);
        assert_int_equal(parse(&again, good[i].key, out, &err), HOOP_OK);
        assert_memory_equal(&s, &again, sizeof s);
        for (size_t size = 0; size < 6; size++) { /* short buffers are filled, not passed */
            memset(out, '#', sizeof out);
            hoop_option_format(row, &s, out, size);
            assert_int_equal(out[size], '#');
            if (size > 0) assert_non_null(memchr(out, '\0', size));
        }
    }
}

static void test_find(void **state)
{
    static const char *const words[] = {"seed",   "model", "data", "batch",     "leaves",
                                        "epochs", "steps", "loss", "optimizer", "weight_decay"};
    (void)state;
    assert_ptr_equal(hoop_option_find(&table, "lr"), &rows[2]);
    assert_null(hoop_option_find(&table, "LR"));
    assert_string_equal(hoop_nearest("optimiser", words, 10), "optimizer");
    assert_string_equal(hoop_nearest("bacth", words, 10), "batch");
    assert_string_equal(hoop_nearest("Leaves", words, 10), "leaves");
    assert_string_equal(hoop_nearest("epoch", words, 10), "epochs");
    assert_string_equal(hoop_nearest("weightdecay", words, 10), "weight_decay");
    assert_null(hoop_nearest("momentum", words, 10));
    assert_null(hoop_nearest("", words, 10));
    assert_null(hoop_nearest("x", words, 10));
    assert_null(hoop_nearest("seed", words, 0));
    assert_null(
        hoop_nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", words, 10));
}

/* lists of numbers: read, printed so that they read back, refused */
static void test_floats(void **state)
{
    static const hoop_option row     = {"weight", HOOP_OPT_FLOATS, 0, "[]", 0, 10, NULL, true, "of classes"};
    static const char *const wrong[] = {"[1, x]", "[1, 11]", "[1,, 2]", "[1, 2", "[1, 2,]", "[1, 2] 3", "x", "[1 2]"};
    static hoop_floats       f, again;
    static char              text[HOOP_OPT_FLOATS_MAX * 26 + 40];
    hoop_error               e = {0};
    (void)state;
    assert_int_equal(hoop_option_parse(&row, " [ 1, 2.5e-1,0.1 ] ", &f, &e), HOOP_OK);
    assert_true(f.n == 3 && f.v[0] == 1 && f.v[1] == 0.25 && f.v[2] == 0.1);
    hoop_option_format(&row, &f, text, sizeof text);
    assert_string_equal(text, "[1, 0.25, 0.1]");
    assert_int_equal(hoop_option_parse(&row, "3", &f, &e), HOOP_OK); /* a lone number */
    assert_true(f.n == 1 && f.v[0] == 3);
    assert_int_equal(hoop_option_parse(&row, "[]", &f, &e), HOOP_OK);
    hoop_option_format(&row, &f, text, sizeof text);
    assert_true(f.n == 0 && strcmp(text, "[]") == 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (hoop_option_parse(&row, wrong[i], &f, &e) != HOOP_ECONFIG) fail_msg("%s is taken", wrong[i]);
    }
    f.n = HOOP_OPT_FLOATS_MAX; /* the longest */
    for (int i = 0; i < f.n; i++) f.v[i] = (double)(i + 1) / 1027.0;
    hoop_option_format(&row, &f, text, sizeof text);
    assert_int_equal(hoop_option_parse(&row, text, &again, &e), HOOP_OK);
    assert_memory_equal(&again, &f, sizeof f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_locale),   cmocka_unit_test(test_tables),
                                       cmocka_unit_test(test_defaults), cmocka_unit_test(test_good),
                                       cmocka_unit_test(test_bad),      cmocka_unit_test(test_format),
                                       cmocka_unit_test(test_find),     cmocka_unit_test(test_floats)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

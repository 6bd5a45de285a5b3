/* Command lines: help, mistakes, exit codes. */
#include "support.h"

static const char *const commands[] = {
    "inspect",         "verify",          "diff",      "eval",       "predict", "data synth", "data import-idx",
    "data import-csv", "data import-npy", "data info", "data verify"};
enum { COMMANDS = (int)(sizeof commands / sizeof commands[0]) };

static void help_has_usage_and_examples(void **state)
{
    (void)state;
    for (int i = 0; i < COMMANDS; i++) {
        char usage[64];
        (void)hoop("%s --help", commands[i]);
        succeeded();
        (void)snprintf(usage, sizeof usage, "Usage: hoop %s", commands[i]);
        said(usage);
        said("Example");
        said("  hoop ");
    }
    (void)hoop("data --help");
    succeeded();
    said("import-csv");
}

static void unknown_options_name_the_nearest(void **state)
{
    (void)state;
    for (int i = 0; i < COMMANDS; i++) {
        (void)hoop("%s --nonsense-option x", commands[i]);
        failed(2, commands[i], "--nonsense-option");
    }
    (void)hoop("inspect --jsn x");
    failed(2, "--jsn", "did you mean --json");
    (void)hoop("data synth digits --sampels 3 --out d");
    failed(2, "--sampels", "did you mean --samples");
    (void)hoop("data sinth digits");
    failed(2, "'sinth'", "did you mean 'synth'");
    (void)hoop("data quux");
    failed(2, "'quux'", "--help");
    assert_int_equal(hoop("data"), 2);
}

static void missing_and_surplus_arguments(void **state)
{
    static const struct {
        const char *line, *word;
    } wrong[] = {
        {"inspect", "which run"},
        {"inspect a b", "'b' is a second"},
        {"inspect --hash=weight a", "weights or state"},
        {"verify", "which run"},
        {"verify a b", "'b' is a second"},
        {"diff", "which two"},
        {"diff a", "which two"},
        {"diff a b c", "'c' is a third"},
        {"eval", "which run"},
        {"eval a b", "'b' is a second"},
        {"predict", "which run"},
        {"predict a", "--data"},
        {"predict a --data d", "--out"},
        {"data synth --out d", "one kind"},
        {"data synth digits", "--out DIR"},
        {"data synth digits spirals --out d", "'spirals' is too many"},
        {"data import-idx a --out d", "IMAGES LABELS"},
        {"data import-csv --out d", "FILE.csv"},
        {"data import-npy a b c --out d", "'c' is too many"},
        {"data info", "which dataset"},
        {"data verify", "which dataset"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)hoop("%s", wrong[i].line);
        failed(2, wrong[i].word);
    }
}

static void numbers_are_checked(void **state)
{
    static const char *const wrong[] = {
        "--samples 0", "--samples -5", "--samples 12x", "--samples 99999999999999999999", "--samples ''", "--shards 0",
        "--shards -1", "--shards 1.5", "--seed -1",     "--seed 9223372036854775808",     "--split 1",    "--split -0.1",
        "--split nan", "--split 0.5x"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)hoop("data synth digits --out d %s", wrong[i]);
        failed(2, "wanted");
        assert_false(exists("d"));
    }
    (void)hoop("data import-csv f --out d --separator ab");
    failed(2, "--separator");
}

static void a_full_standard_output_is_an_error(void **state)
{
    (void)state;
    if (!exists("/dev/full")) skip();
    (void)hoop("data synth spirals --samples 20 --out d");
    succeeded();
    (void)hoop("data info d >/dev/full");
    failed(1, "standard output");
    (void)hoop("data info d --json >/dev/full");
    assert_int_equal(last.code, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_has_usage_and_examples),        cmocka_unit_test(unknown_options_name_the_nearest),
        cmocka_unit_test(missing_and_surplus_arguments),      cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(a_full_standard_output_is_an_error),
    };
    return cmocka_run_group_tests_name("command_line", tests, test_enter, test_leave);
}

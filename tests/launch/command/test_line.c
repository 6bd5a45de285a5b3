/* Command lines: help, mistakes, exit codes. */
#include "support.h"

static const char *const commands[] = {
    "train",   "launch",     "bench",           "inspect",         "verify",          "diff",      "eval",
    "predict", "data synth", "data import-idx", "data import-csv", "data import-npy", "data info", "data verify"};
enum { COMMANDS = (int)(sizeof commands / sizeof commands[0]) };

/* Each table's kinds, with their options. */
static void help_lists_what_there_is(void **state)
{
    static const char *const words[][3] = {{"layers", "linear", "out: (must be given)"},    {"losses", "cross_entropy", "mse"},
                                           {"metrics", "accuracy", "beside cross_entropy"}, {"optimizers", "adamw", "momentum"},
                                           {"schedules", "cosine", "warmup_steps"},         {"models", "mlp", "hidden: "}};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        (void)hoop("train --help %s", words[i][0]);
        assert_int_equal(last.code, 0);
        said(words[i][1]);
        said(words[i][2]);
    }
    (void)hoop("train --help layers >/dev/full");
    assert_int_equal(last.code, 1);
}

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
        {"predict a --data '' --out f", "--data is empty"},
        {"predict a --data d --out ''", "--out is empty"},
        {"eval a --data ''", "--data is empty"},
        {"train a.yaml --out ''", "--out is empty"},
        {"train a.yaml --resume ''", "auto"},
        {"train", "which config"},
        {"train a.yaml b.yaml", "'b.yaml' is a second"},
        {"bench", "which workload"},
        {"bench train", "which workload"},
        {"bench infer", "'infer'"},
        {"bench train huge", "'huge'"},
        {"bench train tiny mlp", "'mlp' is a second"},
        {"bench train tiny --threads 0", "--threads"},
        {"bench train tiny --steps 1x", "--steps"},
        {"data synth --out d", "one kind"},
        {"data synth digits --out ''", "--out is empty"},
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

/* Every key of a config, as YAML that is a config. */
static void train_lists_the_keys_of_a_config(void **state)
{
    static const char *const keys[] = {
        "seed: ", "batch: ", "leaves: auto", "hidden: ", "layers", "train: ", "algorithm: ", "every_steps: "};
    (void)state;
    (void)hoop("train --help config");
    succeeded();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) said(keys[i]);
    store("help.yaml", last.out, (int64_t)strlen(last.out));
    (void)hoop("train help.yaml --set steps=1 --out never");
    failed(1, "data.train");
    if (!exists("/dev/full")) skip();
    (void)hoop("train --help config >/dev/full");
    failed(1, "standard output");
}

static void bench_takes_settings(void **state)
{
    json_t *o;
    (void)state;
    (void)hoop("bench train tiny --steps 3 --json --set threads=2 --set leaves=4");
    assert_int_equal(last.code, 0);
    o = as_json();
    assert_int_equal(json_integer_value(json_object_get(o, "threads")), 2);
    assert_int_equal(json_integer_value(json_object_get(o, "leaves")), 4);
    json_decref(o);
    (void)hoop("bench train tiny --steps 3 --set dist.algorithm=rings");
    failed(1, "dist.algorithm", "ring");
    (void)hoop("bench train tiny --steps 3 --set dist.algoritm=ring");
    failed(1, "dist.algoritm", "did you mean dist.algorithm");
    if (hoop_ranks(2, "bench train tiny --steps 3 --json --set 'dist={algorithm: mpi, timeout_s: 120}'") != 0)
        fail_msg("%s", last.err);
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

static void what_is_not_shared_is_done_once(void **state)
{
    (void)state;
    (void)hoop_ranks(3, "data synth spirals --samples 20 --out shared");
    succeeded();
    (void)hoop_ranks(2, "data info shared --json");
    succeeded();
    json_decref(as_json());
    (void)hoop_ranks(2, "verify nowhere 2>told");
    assert_int_equal(last.code, 1);
    (void)shell("grep -c '^hoop: nowhere' told");
    said("1");
}

static void a_message_is_one_line_of_text(void **state)
{
    static const char odd[] = "loss: \"m\\e[31m\\r\\nse\\x9b caf\\xe9\"\nsteps: 3\n";
    (void)state;
    store("odd.yaml", odd, sizeof odd - 1);
    (void)hoop("train odd.yaml --out never");
    failed(1, "odd.yaml:1: loss", "m\\x1b[31m\\r\\nse\\xc2\\x9b caf\xc3\xa9'");
    (void)hoop("train odd.yaml --set loss=mse --set \"batch=$(printf 'a\\033b')\" --out never");
    failed(1, "batch=a\\x1bb");
}

static void a_full_standard_output_is_an_error(void **state)
{
    static const char full[] = "model: {hidden: [2]}\ndata: {train: d/train}\nbatch: 4\nsteps: 2\n";
    (void)state;
    if (!exists("/dev/full")) skip();
    (void)hoop("data synth spirals --samples 20 --out d");
    succeeded();
    (void)hoop("data info d >/dev/full");
    failed(1, "standard output");
    (void)hoop("data info d --json >/dev/full");
    assert_int_equal(last.code, 1);
    (void)hoop("bench train tiny --steps 2 >/dev/full");
    failed(1, "standard output");
    (void)hoop("bench train tiny --steps 2 --json >/dev/full");
    failed(1, "standard output");
    (void)hoop("bench train tiny --steps 2 >&-");
    failed(1, "standard output");
    store("full.yaml", full, sizeof full - 1);
    (void)hoop("train full.yaml --out full >/dev/full");
    assert_int_equal(last.code, 1);
    expect_in(__FILE__, __LINE__, last.err,
              "hoop: standard output: No space left on device; the run is saved: hoop inspect --hash full\n");
    (void)hoop("inspect --hash full");
    succeeded();
    (void)shell("{ '%s' train full.yaml --out gone 2>gone.txt; echo $? >code; } | true; cat code gone.txt",
                getenv("HOOP_COMMAND"));
    assert_int_equal(last.out[0], '0'); /* a reader that goes away is no failure */
    assert_null(strstr(last.out, "standard output"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_has_usage_and_examples),
        cmocka_unit_test(help_lists_what_there_is),
        cmocka_unit_test(unknown_options_name_the_nearest),
        cmocka_unit_test(missing_and_surplus_arguments),
        cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(train_lists_the_keys_of_a_config),
        cmocka_unit_test(bench_takes_settings),
        cmocka_unit_test(a_full_standard_output_is_an_error),
        cmocka_unit_test(what_is_not_shared_is_done_once),
        cmocka_unit_test(a_message_is_one_line_of_text),
    };
    return cmocka_run_group_tests_name("command_line", tests, test_enter, test_leave);
}

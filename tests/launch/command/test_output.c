/* What eval and predict say of a trained model: what was taken for what, errors in units, tables of text; on any number of ranks.
 */
#include "support.h"

#include <math.h>

static const char
    classes[] = "seed: 2\nmodel: {hidden: [8]}\ndata: {train: words/train, validation: words/train}\nbatch: 12\nleaves: 4\n"
                "steps: 200\noptimizer: {name: adam, lr: 0.03}\n",
    targets[] = "seed: 2\nmodel: {hidden: [16]}\ndata: {train: large/train, normalize: standard}\nbatch: 30\nleaves: 6\n"
                "steps: 1500\nloss: mse\noptimizer: {name: adam, lr: 0.01}\n",
    tokens[]  = "model: {layers: [{embedding: {rows: 1000, width: 10}}]}\ndata: {train: tokens/train, validation: tokens/train}\n"
                "batch: 10\nsteps: 60\noptimizer: {name: adam, lr: 0.1}\n",
    script[]  = "model: {hidden: [2]}\ndata: {train: script/train}\nbatch: 30\nsteps: 1\n",
    many[] =
        "seed: 2\nmodel: {hidden: [16]}\ndata: {train: many/train}\nbatch: 24\nsteps: 300\noptimizer: {name: adam, lr: 0.03}\n";

static int train_models(void **state)
{
    if (test_enter(state) != 0) return 1;
    store("classes.yaml", classes, sizeof classes - 1);
    store("targets.yaml", targets, sizeof targets - 1);
    store("tokens.yaml", tokens, sizeof tokens - 1);
    store("many.yaml", many, sizeof many - 1);
    if (shell("awk 'BEGIN { print \"a,b,kind\"; for (i = 0; i < 90; i++) { a = i * 7 %% 30; "
              "print a \",\" i %% 4 \",\" (a < 10 ? \"plain\" : a < 20 ? \"\\\"with, comma\\\"\" : \"\\\"and "
              "\\\"\\\"quotes\\\"\\\"\\\"\") } }' >words.csv") != 0 ||
        shell("awk 'BEGIN { print \"a,v,w\"; for (i = 0; i < 300; i++) printf \"%%.6f,%%.1f,7\\n\", i / 300, 123456789 + i / 2 "
              "}' >large.csv") != 0 ||
        shell("awk 'BEGIN { for (i = 0; i < 240; i++) print (i %% 24) / 4 \",\" i %% 24 }' >many.csv") != 0)
        return 1;
    if (hoop("data import-csv words.csv --out words --shards 2") != 0 ||
        hoop("data import-csv large.csv --target v,w --dtype f64 --out large") != 0 ||
        hoop("data import-csv many.csv --no-header --classes --out many") != 0)
        return print_error("%s", last.err), 1;
    if (hoop("train classes.yaml --out runs/words") != 0 || hoop("train targets.yaml --out runs/large") != 0 ||
        hoop("train many.yaml --out runs/many") != 0)
        return print_error("%s", last.err), 1;
    return 0;
}

/* rows true, columns predicted, and they add up */
static void what_was_taken_for_what(void **state)
{
    char   *one   = NULL;
    int64_t total = 0, right = 0, n;
    json_t *o, *matrix, *of;
    (void)state;
    for (int p = 1; p <= 3; p++) {
        (void)hoop_ranks(p, "eval runs/words --json --set threads=1");
        succeeded();
        if (p == 1) one = strdup(last.out);
        assert_string_equal(last.out, one);
    }
    o      = json_loads(one, 0, NULL);
    matrix = json_object_get(o, "confusion");
    of     = json_object_get(o, "classes");
    assert_int_equal(json_array_size(matrix), 3);
    for (size_t i = 0; i < 3; i++) {
        json_t *row = json_array_get(matrix, i), *about = json_array_get(of, i);
        int64_t sum = 0, column = 0;
        for (size_t j = 0; j < 3; j++) {
            sum += json_integer_value(json_array_get(row, j));
            column += json_integer_value(json_array_get(json_array_get(matrix, j), i));
        }
        n = json_integer_value(json_array_get(row, i));
        assert_int_equal(sum, 30);
        assert_int_equal(json_integer_value(json_object_get(about, "count")), 30);
        assert_int_equal(json_integer_value(json_object_get(about, "predicted")), column);
        assert_true(json_number_value(json_object_get(about, "recall")) == (double)n / 30);
        assert_true(column == 0 || json_number_value(json_object_get(about, "precision")) == (double)n / (double)column);
        total += sum;
        right += n;
    }
    assert_int_equal(total, 90);
    assert_true(json_number_value(json_object_get(o, "accuracy")) == (double)right / 90);
    json_decref(o);
    free(one);
    (void)hoop("eval runs/words");
    succeeded();
    said("true \\ predicted");
    said("precision");
    said("with, comma");
}

/* from 20 classes on: the worst ones */
static void of_many_classes_the_worst(void **state)
{
    json_t *o;
    int     lines = 0;
    (void)state;
    (void)hoop("eval runs/many --data many/train");
    succeeded();
    said("the worst of 24 classes");
    assert_null(strstr(last.out, "true \\ predicted"));
    for (const char *at = strstr(last.out, "class  "); at != NULL && *at != '\0'; at++) lines += *at == '\n';
    assert_int_equal(lines, 11);
    (void)hoop("eval runs/many --data many/train --json");
    o = as_json();
    assert_int_equal(json_array_size(json_object_get(o, "classes")), 24);
    assert_int_equal(json_array_size(json_object_get(o, "confusion")), 24);
    json_decref(o);
}

static void errors_are_in_units(void **state)
{
    char   *one = NULL;
    json_t *o, *v, *w;
    double  rmse;
    (void)state;
    for (int p = 1; p <= 3; p++) {
        (void)hoop_ranks(p, "eval runs/large --data large/train --json --set threads=1");
        succeeded();
        if (p == 1) one = strdup(last.out);
        assert_string_equal(last.out, one);
    }
    o    = json_loads(one, 0, NULL);
    v    = json_array_get(json_object_get(o, "targets"), 0);
    w    = json_array_get(json_object_get(o, "targets"), 1);
    rmse = json_number_value(json_object_get(v, "rmse"));
    assert_string_equal(json_string_value(json_object_get(v, "name")), "v");
    assert_true(rmse > 0 && rmse < 3 && json_number_value(json_object_get(v, "mae")) <= rmse);
    assert_true(json_number_value(json_object_get(v, "r2")) > 0.99 && json_number_value(json_object_get(v, "r2")) < 1);
    assert_true(json_is_null(json_object_get(w, "r2"))); /* it is constant */
    assert_true(fabs(json_number_value(json_object_get(o, "loss")) * 2 - rmse * rmse -
                     pow(json_number_value(json_object_get(w, "rmse")), 2)) < 1e-9);
    json_decref(o);
    free(one);
    (void)hoop("eval runs/large --data large/train");
    said("R^2");
}

/* a width is counted in characters, and a long name is cut between two */
static void names_of_any_script_stand_in_columns(void **state)
{
    (void)state;
    store("script.yaml", script, sizeof script - 1);
    assert_int_equal(
        shell("awk 'BEGIN { print \"a,kind\"; for (i = 0; i < 30; i++) { k = \"\"; for (j = 0; j < 15; j++) k = k "
              "\"\303\251\"; print i \",\" (i %% 3 == 0 ? \"ab\" : i %% 3 == 1 ? \"\303\251\" : \"a\" k) } }' >script.csv"),
        0);
    (void)hoop("data import-csv script.csv --out script");
    succeeded();
    (void)hoop("train script.yaml --out runs/script");
    assert_int_equal(last.code, 0);
    (void)hoop("eval runs/script --data script/train");
    succeeded();
    said("\nab               10 ");
    said("\n\303\251                10 ");
    said("\na\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251     10 ");
}

/* what was trained is not left out */
static void settings_that_make_another_model(void **state)
{
    (void)state;
    (void)hoop("eval runs/large --data large/train --set data.normalize_targets=none");
    failed(1, "--set data.normalize_targets: none would make another model of what was trained with standard");
    (void)hoop("predict runs/large --data large/train --set data.normalize=none --out never.csv");
    failed(1, "--set data.normalize: none");
    assert_false(exists("never.csv"));
}

/* the n-th line of a file, without its end */
static const char *line(const char *path, int n)
{
    static char out[1024];
    FILE       *f = fopen(path, "r");
    assert_non_null(f);
    for (int i = 0; i <= n; i++) assert_non_null(fgets(out, sizeof out, f));
    out[strcspn(out, "\n")] = '\0';
    (void)fclose(f);
    return out;
}

static void a_table_of_classes(void **state)
{
    int rows = 0, right = 0;
    (void)state;
    for (int p = 1; p <= 3; p++) {
        (void)hoop_ranks(p, "predict runs/words --data words/train --out words-%d.csv --set threads=1 --force", p);
        succeeded();
        said("90 rows");
        assert_int_equal(shell("cmp words-1.csv words-%d.csv", p), 0);
    }
    assert_string_equal(line("words-1.csv", 0), "class,\"p(and \"\"quotes\"\")\",p(plain),\"p(with, comma)\"");
    for (int i = 0; i < 90; i++) { /* it is the most probable, and they add up to 1 */
        const char *at = line("words-1.csv", i + 1), *kind = at[0] == 'p' ? "plain" : at[1] == 'w' ? "comma" : "quotes";
        double      p[3];
        const char *numbers = at;
        if (*numbers == '"') numbers = strstr(numbers + 1, "\",");
        assert_int_equal(sscanf(strchr(numbers, ',') + 1, "%lf,%lf,%lf", &p[0], &p[1], &p[2]), 3);
        assert_true(fabs(p[0] + p[1] + p[2] - 1) < 1e-5);
        assert_true(p[kind[0] == 'q' ? 0 : kind[0] == 'p' ? 1 : 2] >= 1.0 / 3);
        right += (i * 7 % 30 < 10) == (kind[0] == 'p') && (i * 7 % 30 >= 20) == (kind[0] == 'q');
        rows++;
    }
    (void)hoop("eval runs/words --json");
    {
        json_t *o = as_json();
        assert_true(json_number_value(json_object_get(o, "accuracy")) == (double)right / rows);
        json_decref(o);
    }
    (void)hoop("predict runs/words --data words/train --out words-1.csv");
    failed(1, "words-1.csv", "--force");
    (void)hoop("predict runs/words --data words/train --out words.csv.gz");
    failed(1, "--out words.csv,", "gzip");
    (void)hoop("predict runs/words --data words/train --out LOUD.CSV");
    succeeded();
    assert_int_equal(shell("cmp words-1.csv LOUD.CSV"), 0);
    (void)hoop("predict runs/words --data words/train --out LOUD.CSV.GZ");
    failed(1, "--out LOUD.CSV,", "gzip");
    (void)hoop("predict runs/words --data words/train --out no/such/folder.csv");
    failed(1, "no/such");
    (void)hoop("predict runs/words --data words/train --out /dev/null --force");
    failed(1, "/dev/null");
    (void)shell("ls -A | grep -c tmp-");
    said("0");
}

/* each rank writes its rows where those of the ranks before it end, turn after turn */
static void a_table_of_several_turns(void **state)
{
    (void)state;
    assert_int_equal(
        shell("awk 'BEGIN { print \"a,b\"; for (i = 0; i < 120000; i++) print i * 7 %% 30000 / 1000 \",\" i %% 4 }' >turns.csv"),
        0);
    (void)hoop("data import-csv turns.csv --no-target --dtype f32 --out turns");
    succeeded();
    for (int p = 1; p <= 3; p++) {
        (void)hoop_ranks(p, "predict runs/words --data turns/train --out turns-%d.csv --set threads=1", p);
        succeeded();
        assert_int_equal(shell("cmp turns-1.csv turns-%d.csv", p), 0);
    }
    (void)shell("wc -l <turns-1.csv");
    said("120001");
}

/* 123456789 + i/2 comes back, each apart from the next but for the model's own error */
static void a_table_of_targets_in_units(void **state)
{
    (void)state;
    for (int p = 1; p <= 3; p++) {
        (void)hoop_ranks(p, "predict runs/large --data large/train --out large-%d.csv --set threads=1", p);
        succeeded();
        assert_int_equal(shell("cmp large-1.csv large-%d.csv", p), 0);
    }
    assert_string_equal(line("large-1.csv", 0), "v,w");
    for (int i = 0; i < 300; i++) {
        double v, w;
        assert_int_equal(sscanf(line("large-1.csv", i + 1), "%lf,%lf", &v, &w), 2);
        assert_true(fabs(v - (123456789 + 0.5 * i)) < 8 && fabs(w - 7) < 1);
    }
    (void)shell("sort -u large-1.csv | wc -l");
    said("301");
}

/* outputs of a model that ends in an embedding are its width, not its rows */
static void models_that_end_in_an_embedding(void **state)
{
    (void)state;
    assert_int_equal(
        shell("awk 'BEGIN { for (i = 0; i < 100; i++) printf \"%%c\", 65 + i %% 10 }' >letters && "
              "{ printf '\\223NUMPY\\001\\000\\166\\000%%-117s\\n' \"{'descr': '|u1', 'fortran_order': False, 'shape': (100,), "
              "}\"; "
              "cat letters; } >x.npy && tr ABCDEFGHIJ '\\000\\001\\002\\003\\004\\005\\006\\007\\010\\011' <letters >labels && "
              "{ head -c 128 x.npy; cat labels; } >y.npy"),
        0);
    (void)hoop("data import-npy x.npy y.npy --out tokens");
    succeeded();
    (void)hoop("train tokens.yaml --out runs/tokens");
    assert_int_equal(last.code, 0);
    (void)hoop("eval runs/tokens");
    succeeded();
    said("accuracy   100.00%");
    (void)hoop("predict runs/tokens --data tokens/train --out tokens.csv");
    succeeded();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_taken_for_what),
        cmocka_unit_test(of_many_classes_the_worst),
        cmocka_unit_test(errors_are_in_units),
        cmocka_unit_test(a_table_of_classes),
        cmocka_unit_test(a_table_of_several_turns),
        cmocka_unit_test(a_table_of_targets_in_units),
        cmocka_unit_test(models_that_end_in_an_embedding),
        cmocka_unit_test(names_of_any_script_stand_in_columns),
        cmocka_unit_test(settings_that_make_another_model),
    };
    return cmocka_run_group_tests_name("command_output", tests, train_models, test_leave);
}

/* hoop train --dry-run: what it says of memory is what the process takes, and what a run of the same config takes. */
#include "support.h"

#include <math.h>
#include <sys/resource.h>

static const char config[] = "model: {hidden: [1024, 2048, 1024]}\nthreads: 1\ndata: {train: d/train}\nbatch: 64\nsteps: 3\n"
                             "checkpoint: {keep: 1}\n";

enum { PARAMETERS = 784 * 1024 + 1024 + 1024 * 2048 + 2048 + 2048 * 1024 + 1024 + 1024 * 10 + 10 };

static double bytes_of(const json_t *o, const char *rank, const char *what)
{
    const json_t *v = json_object_get(json_object_get(o, rank), what);
    if (!json_is_integer(v)) fail_msg("no %s of %s", what, rank);
    return json_number_value(v);
}

static void near(const char *what, double got, double want, double part)
{
    if (!(fabs(got / want - 1.0) <= part)) fail_msg("%s: %.0f bytes are told, and it is %.0f", what, got, want);
}

/* pages of sanitizers count as the program's */
static bool counted(void)
{
    return getenv("HOOP_SANITIZE") == NULL;
}

static void make_data(void)
{
    (void)hoop("data synth digits --samples 240 --out d --force");
    succeeded();
    store("p.yaml", config, sizeof config - 1);
}

static void what_it_takes(void **state)
{
    static const char *const parts[] = {"parameters",  "gradients", "exchange", "optimizer",
                                        "activations", "reserve",   "data",     "program"};
    double                   sum     = 0.0, total, checkpoint, files;
    struct rusage            usage;
    json_t                  *o;
    (void)state;
    make_data();
    (void)hoop("train p.yaml --dry-run --json");
    assert_int_equal(last.code, 0);
    assert_false(exists("runs"));
    o = as_json();
    near("parameters", bytes_of(o, "bytes", "parameters"), 4.0 * PARAMETERS, 1e-3);
    near("gradients", bytes_of(o, "bytes", "gradients"), 4.0 * PARAMETERS, 1e-3);
    near("optimizer", bytes_of(o, "bytes", "optimizer"), 8.0 * PARAMETERS, 1e-3);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) sum += bytes_of(o, "bytes", parts[i]);
    total      = bytes_of(o, "bytes", "total");
    checkpoint = bytes_of(o, "bytes", "checkpoint");
    assert_true(sum == total && total == bytes_of(o, "all_ranks", "total"));
    assert_true(bytes_of(o, "bytes", "activations") > 64 * 4.0 * (1024 + 2048 + 1024));
    if (counted()) near("total", total, bytes_of(o, "bytes", "resident"), 0.1);
    assert_int_equal(getrusage(RUSAGE_CHILDREN, &usage),
                     0); /* the most of any of them: libraries and data that are mapped, too */
    files = 1024.0 * (double)usage.ru_maxrss - bytes_of(o, "bytes", "resident");
    json_decref(o);
    (void)hoop("train p.yaml --out r"); /* its last step is saved */
    assert_int_equal(last.code, 0);
    assert_int_equal(getrusage(RUSAGE_CHILDREN, &usage), 0);
    if (counted()) near("total and checkpoint", total + checkpoint + files, 1024.0 * (double)usage.ru_maxrss, 0.1);
}

static void frozen_segments_and_ranks(void **state)
{
    double  plain;
    json_t *o;
    (void)state;
    make_data();
    (void)hoop("train p.yaml --dry-run --json --set 'model.frozen=[layers.2.*]'");
    assert_int_equal(last.code, 0);
    o = as_json();
    near("gradients", bytes_of(o, "bytes", "gradients"), 4.0 * (PARAMETERS - 1024 * 2048 - 2048), 1e-3);
    near("optimizer", bytes_of(o, "bytes", "optimizer"), 8.0 * (PARAMETERS - 1024 * 2048 - 2048), 1e-3);
    json_decref(o);
    if (hoop_ranks(2, "train p.yaml --dry-run --json") != 0) fail_msg("%s", last.err);
    o = as_json();
    near("optimizer", bytes_of(o, "bytes", "optimizer"), 4.0 * PARAMETERS, 0.1); /* half of it each */
    near("optimizer", bytes_of(o, "all_ranks", "optimizer"), 8.0 * PARAMETERS, 1e-3);
    near("parameters", bytes_of(o, "all_ranks", "parameters"), 8.0 * PARAMETERS, 1e-3);
    if (counted()) near("total", bytes_of(o, "all_ranks", "total"), bytes_of(o, "all_ranks", "resident"), 0.1);
    json_decref(o);
#define DEEP                                                                                                                     \
    "--set 'model={layers: [flatten, {linear: 64}, {repeat: {times: 8, checkpoint: %s, body: [{linear: 512}, relu, {linear: "    \
    "64}]}}, {linear: 10}]}'"
    (void)hoop("train p.yaml --dry-run --json " DEEP, "false");
    assert_int_equal(last.code, 0);
    o     = as_json();
    plain = bytes_of(o, "bytes", "activations");
    json_decref(o);
    (void)hoop("train p.yaml --dry-run --json " DEEP, "true");
    assert_int_equal(last.code, 0);
    o = as_json();
    assert_true(1.5 * bytes_of(o, "bytes", "activations") < plain);
    json_decref(o);
}

/* what muon computes in is told, and ranks have it that own a matrix: two of four here, and what products want beside it */
static void scratch_of_updates(void **state)
{
    const double states = 4.0 * (784 * 512 + 512 * 512 + 512 * 10) + 8.0 * (512 + 512 + 10);
    const double larger = 8.0 * (784 * 512 + 512 * 512), smaller = 8.0 * (512 * 512 + 512 * 512);
    (void)state;
    make_data();
    for (int ranks = 1; ranks <= 4; ranks += 3) {
        double  most = ranks == 1 ? larger : larger + smaller, scratch;
        json_t *o;
        if (hoop_ranks(ranks, "train p.yaml --dry-run --json --set 'model.hidden=[512, 512]' --set optimizer=muon") != 0)
            fail_msg("%s", last.err);
        o       = as_json();
        scratch = bytes_of(o, "all_ranks", "optimizer") - states;
        if (!(scratch >= most && scratch < 1.25 * most)) fail_msg("%d ranks: %.0f bytes, want %.0f", ranks, scratch, most);
        if (counted() && ranks == 1) near("total", bytes_of(o, "bytes", "total"), bytes_of(o, "bytes", "resident"), 0.1);
        json_decref(o);
    }
}

static void weights_of_samples(void **state)
{
    double  data[2];
    json_t *o;
    (void)state;
    make_data();
    for (int i = 0; i < 2; i++) {
        (void)hoop("train p.yaml --dry-run --json --set data.sampling=%s", i == 0 ? "once" : "balanced");
        assert_int_equal(last.code, 0);
        o       = as_json();
        data[i] = bytes_of(o, "bytes", "data");
        json_decref(o);
    }
    assert_true(data[1] == data[0] + 240 * sizeof(double));
}

static void what_it_says(void **state)
{
    (void)state;
    make_data();
    (void)hoop("train p.yaml --dry-run --out r2");
    assert_int_equal(last.code, 0);
    said("bytes of");
    said("\nactivations ");
    said("\ncheckpoint ");
    expect_in(__FILE__, __LINE__, last.err, "dry run    two steps in memory; nothing is written");
    assert_false(exists("r2"));
    (void)hoop("train p.yaml --dry-run --profile 3");
    failed(2, "--dry-run and --profile");
    (void)hoop("train p.yaml --dry-run --set memory.limit=0.5");
    assert_int_equal(last.code, 1);
    expect_in(__FILE__, __LINE__, last.err, "memory.limit of 0.5 MiB, which one leaf of at most 16 rows does not keep: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_it_takes), cmocka_unit_test(frozen_segments_and_ranks),
                                       cmocka_unit_test(scratch_of_updates), cmocka_unit_test(weights_of_samples),
                                       cmocka_unit_test(what_it_says)};
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}

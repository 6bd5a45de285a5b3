/* Other people's tools read our files: h5dump and h5py (HOOP_PEER_PYTHON, or python3), each skipped where it is missing. */
#include "io_test.h"

#include <unistd.h>

#include "hoop/checkpoint.h"
#include "hoop/import.h"
#include "hoop/output.h"

/* Run a shell command; its output (cut to size) in out. */
static int run(const char *command, char *out, size_t size)
{
    FILE  *f = popen(command, "r");
    size_t n;
    assert_non_null(f);
    n      = fread(out, 1, size - 1, f);
    out[n] = '\0';
    while (fgetc(f) != EOF) {
    }
    return pclose(f);
}

static int make_files(void **state)
{
    static const float    w[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    const int64_t         steps = 40;
    hoop_checkpoint_entry e[]   = {
          {.name = "layers.0.weight", .kind = HOOP_CKPT_PARAMETER, .ndim = 2, .shape = {4, 3}, .count = 12, .data = w},
          {.name  = "layers.0.weight",
           .group = "exp_avg",
           .kind  = HOOP_CKPT_STATE,
           .ndim  = 2,
           .shape = {4, 3},
           .first = 5,
           .count = 7,
           .data  = w + 5},
          {.name  = "layers.0.weight",
           .group = "exp_avg",
           .kind  = HOOP_CKPT_STATE,
           .ndim  = 2,
           .shape = {4, 3},
           .first = 0,
           .count = 5,
           .data  = w},
          {.name = "step", .kind = HOOP_CKPT_STATE, .dtype = HOOP_I64, .count = 1, .data = &steps},
          {.name = "running_mean", .kind = HOOP_CKPT_BUFFER, .ndim = 1, .shape = {12}, .count = 12, .data = w},
    };
    const hoop_checkpoint_meta m   = {.step = 40, .seed = 7, .config = "seed: 7\n", .optimizer = "adamw"};
    hoop_error                 err = {0};
    hoop_output                o;
    hoop_checkpoint_receipt    receipt;
    char                       tmp[HOOP_CHECKPOINT_PATH];
    static const char *const   attrs[] = {"model", "mlp"};
    static const int64_t       count[] = {7, 8};
    const hoop_output_set      sets[]  = {
              {.name = "/y", .dtype = HOOP_F32, .ndim = 2, .shape = {4, 3}, .attrs = attrs, .nattrs = 1},
              {.name = "/part/count", .dtype = HOOP_I64, .ndim = 1, .shape = {3}},
    };
    if (test_enter(state) != 0) return 1;
    test_ok(hoop_synth("digits", 50, &(hoop_import_opts){.dir = "set", .shards = 2, .split = 0.2}, &err, NULL));
    test_ok(hoop_checkpoint_tmp("run", 40, "id", &err, tmp));
    test_ok(hoop_checkpoint_begin(tmp, &err));
    test_ok(hoop_checkpoint_write_shard(tmp, 0, 1, e, 5, &err, &receipt));
    test_ok(hoop_checkpoint_publish("run", NULL, tmp, &m, &receipt, 1, 0, false, &err, NULL));
    test_ok(hoop_output_create(&(hoop_output_opts){.path = "out.h5", .sets = sets, .nsets = 2}, &err, &o));
    test_ok(hoop_output_write(&o, 0, 2, 2, w + 6, &err));
    test_ok(hoop_output_write(&o, 1, 1, 2, count, &err));
    test_ok(hoop_output_write(&o, 0, 0, 2, w, &err));
    test_failed(hoop_output_write(&o, 1, 2, 2, count, &err), &err, HOOP_ERANGE, "rows 2 to 4 of 3", NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_output_write(&o, 2, 0, 1, count, &err), &err, HOOP_ERANGE, "dataset 2 of 2", NULL);
    memset(&err, 0, sizeof err);
    test_ok(hoop_output_sync(&o, &err));
    test_ok(hoop_output_publish(&o, &err));
    return 0;
}

static void h5dump_shows_them(void **state)
{
    static const char *const want[] = {"DATASET \"layers.0.weight\"",
                                       "DATASPACE  SIMPLE { ( 4, 3 ) / ( 4, 3 ) }",
                                       "GROUP \"exp_avg\"",
                                       "DATASET \"layers.0.weight@5\"",
                                       "ATTRIBUTE \"shape\"",
                                       "GROUP \"buffers\"",
                                       "DATASET \"step\"",
                                       "checkpoint shard 1"};
    char                     out[65536];
    (void)state;
    if (run("command -v h5dump", out, sizeof out) != 0) {
        print_message("[  SKIP    ] no h5dump\n");
        skip();
    }
    assert_int_equal(run("h5dump -A run/latest/shard-00000-of-00001.h5 2>&1", out, sizeof out), 0);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        if (strstr(out, want[i]) == NULL) fail_msg("h5dump does not show %s in: %s", want[i], out);
    assert_int_equal(run("h5dump -H set/validation-00001-of-00002.h5 2>&1", out, sizeof out), 0);
    assert_non_null(strstr(out, "( 5, 28, 28 )"));
}

static void h5py_reads_them(void **state)
{
    static const char script[] =
        "import h5py, json, numpy as np\n"
        "f = h5py.File('run/latest/shard-00000-of-00001.h5')\n"
        "w = f['parameters/layers.0.weight']\n"
        "assert w.shape == (4, 3) and w.dtype == np.float32 and (w[:] == np.arange(12).reshape(4, 3)).all()\n"
        "a = f['optimizer/exp_avg/layers.0.weight@5']\n"
        "assert a.shape == (7,) and list(a.attrs['shape']) == [4, 3] and a.attrs['first'] == 5 and a.attrs['tensor'] == "
        "b'layers.0.weight'\n"
        "assert f['optimizer/step'][()] == 40 and f['buffers/running_mean'].shape == (12,)\n"
        "m = json.load(open('run/latest/manifest.json'))\n"
        "assert m['format'] == 'hoop checkpoint' and m['version'] == 1 and m['step'] == 40 and m['config'] == 'seed: 7\\n'\n"
        "t = [t for t in m['tensors'] if t['group'] == 'exp_avg'][0]\n"
        "raw = open('run/latest/' + m['shards'][0]['file'], 'rb').read()\n"
        "assert len(raw) == m['shards'][0]['bytes']\n"
        "flat = np.concatenate([np.frombuffer(raw, '<f4', p['count'], p['offset']) for p in t['pieces']])\n"
        "assert (flat.reshape(t['shape']) == w[:]).all()\n"
        "d = h5py.File('set/train-00000-of-00002.h5')\n"
        "assert d['x'].shape == (20, 28, 28) and d['x'].dtype == np.uint8 and d['y'].dtype == np.int64\n"
        "assert d['x'].attrs['scale'] == 1 / 255 and d['y'].attrs['classes'] == 10 and d.attrs['hoop_format'] == b'dataset shard "
        "1'\n"
        "o = h5py.File('out.h5')['y']\n"
        "assert list(h5py.File('out.h5')['part/count'][1:]) == [7, 8]\n"
        "assert o.shape == (4, 3) and (o[:] == np.arange(12).reshape(4, 3)).all() and o.attrs['model'] == b'mlp'\n"
        /* and a file as people write them, back again */
        "with h5py.File('own.h5', 'w') as g:\n"
        "    g.create_dataset('sim/field', data=np.arange(60, dtype='>f4').reshape(10, 6), chunks=(3, 6), compression='gzip', "
        "shuffle=True, fletcher32=True)\n"
        "    g.create_dataset('sim/label', data=np.arange(10, dtype=np.int16) % 3)\n"
        "print('good')\n";
    const char   *python = getenv("HOOP_PEER_PYTHON");
    char          command[4096], out[4096];
    hoop_error    err = {0};
    hoop_dataset *ds;
    float         x[60];
    int64_t       index[10], y[10];
    (void)state;
    if (python == NULL) python = "python3";
    (void)snprintf(command, sizeof command, "%s -c 'import h5py, numpy' 2>&1", python);
    if (run(command, out, sizeof out) != 0) {
        print_message("[  SKIP    ] %s has no h5py (HOOP_PEER_PYTHON names one that has)\n", python);
        skip();
    }
    test_store("script.py", script, (int64_t)strlen(script));
    (void)snprintf(command, sizeof command, "%s script.py 2>&1", python);
    if (run(command, out, sizeof out) != 0 || strstr(out, "good") == NULL) fail_msg("%s", out);
    test_ok(hoop_dataset_open("own.h5", &(hoop_dataset_opts){.x = "/sim/field", .y = "sim/label"}, &err, &ds));
    for (int i = 0; i < 10; i++) index[i] = i;
    test_ok(hoop_dataset_read(ds, index, 10, HOOP_FIELD_X, HOOP_F32, x, &err));
    test_ok(hoop_dataset_read(ds, index, 10, HOOP_FIELD_Y, HOOP_I64, y, &err));
    for (int i = 0; i < 60; i++) assert_true(x[i] == (float)i);
    for (int i = 0; i < 10; i++) assert_int_equal(y[i], i % 3);
    hoop_dataset_close(&ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(h5dump_shows_them), cmocka_unit_test(h5py_reads_them)};
    return cmocka_run_group_tests(tests, make_files, test_leave);
}

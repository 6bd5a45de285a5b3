/* The bits of today are those of the day when these hashes were written down: parameters, buffers and optimizer state (as hoop
 * inspect --hash=state) of small trainings of many kinds, on 1 rank with the machine's best kernels, on 3 with AVX2's and on 2
 * with the baseline's. A row that differs says that results have changed for everybody. If that is meant, HOOP_RECORD=1 prints
 * the rows anew. */
#include "plan.h"

#include "hoop/checkpoint.h"
#include "hoop/comm.h"
#include "hoop/import.h"
#include "hoop/ops.h"
#include "hoop/runtime.h"
#include "hoop/inspect.h"

#define ADAMW "optimizer: {name: adamw, lr: 2e-3, weight_decay: 0.01}\n"
#define MLP "model: {kind: mlp, hidden: [20, 12], activation: relu, dropout: 0.25}\n"
#define COSINE "schedule: {name: cosine, warmup_steps: 8}\n"
/* 240 rows: five steps of 42 and one of 30 */
#define DIGITS "batch: 42\nsteps: 26\ndata: {train: digits/train}\n"
#define TABLE(more) "batch: 42\nsteps: 26\nloss: mse\ndata: {train: table/train" more "}\n"
#define TANH "model: {kind: mlp, hidden: [16, 16], activation: tanh}\n"

/* what the caller's own model of a row is */
typedef struct tied {
    hoop_params *params;
    hoop_tensor *w, *bias;
} tied;
static tied own[MOST_RANKS];

static hoop_status finish(hoop_trainer *tr, hoop_error *err)
{
    hoop_status st;
    HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    st = hoop_trainer_finish(tr, err);
done:
    return st;
}

static hoop_status run_all(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    hoop_status st = hoop_trainer_run(tr, NULL, 0, err);
    (void)p;
    (void)rank;
    return st == HOOP_OK ? finish(tr, err) : st;
}

/* steps on arrays, a third of whose labels do not count; all of some leaves */
static hoop_status on_arrays(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    enum { WIDTH = 6, MOST = 64 };
    float       x[MOST][WIDTH];
    int64_t     label[MOST], first;
    hoop_status st = HOOP_OK;
    (void)p;
    (void)rank;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        const int64_t  step = hoop_trainer_about(tr)->step, n = hoop_trainer_share(tr, &first);
        const hoop_key key = hoop_key_make(3, HOOP_FOR_SYNTH, (uint64_t)step, 0, 0);
        for (int64_t i = 0; i < n; i++) {
            const int64_t at = first + i;
            for (int64_t j = 0; j < WIDTH; j++) x[i][j] = hoop_random_f32(key, (uint64_t)(WIDTH * at + j)) - 0.5F;
            label[i] = at < 5 || (at + step) % 3 == 0 ? -100 : x[i][0] > x[i][1] ? 2 : x[i][2] > 0 ? 1 : 0;
        }
        st = hoop_trainer_step(tr, x, label, err);
    }
    return st == HOOP_OK ? finish(tr, err) : st;
}

static hoop_status tie(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts, hoop_error *err)
{
    tied       *m = &own[rank];
    hoop_status st;
    (void)p;
    (void)comm;
    HOOP_TRY(st, done, hoop_params_create(HOOP_F32, err, &m->params));
    HOOP_TRY(st, done, hoop_params_add(m->params, "encoder.weight", 2, (int64_t[]){3, 5}, err, &m->w));
    HOOP_TRY(st, done, hoop_params_add(m->params, "decoder.bias", 1, (int64_t[]){5}, err, &m->bias));
    HOOP_TRY(st, done, hoop_params_alias(m->params, "decoder.weight", m->w, err));
    opts->params = m->params;
done:
    return st;
}

static void untie(plan *p, int rank)
{
    (void)p;
    hoop_params_destroy(&own[rank].params);
}

/* an autoencoder whose two halves share their weight: x (B, 5) -> tanh(x W') (B, 3) -> h W + b (B, 5) */
static hoop_status run_tied(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    const tied *m  = &own[rank];
    hoop_status st = HOOP_OK;
    hoop_leaf  *leaf;
    (void)p;
    while (st == HOOP_OK && hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_tape   *t   = hoop_leaf_tape(leaf);
            hoop_tensor *x   = hoop_leaf_input(leaf, 0);
            hoop_tensor *h   = hoop_linear(t, x, m->w, NULL);
            hoop_tensor *out = hoop_matmul(t, hoop_tanh(t, h), m->w);
            out              = hoop_add(t, out, m->bias);
            hoop_trainer_backward(tr, hoop_mse(t, out, x));
        }
        st = hoop_trainer_update(tr, err);
    }
    return st == HOOP_OK ? finish(tr, err) : st;
}

static const struct recorded {
    const char *name, *config, *hash;
    int         ranks;                                                          /* 0: 3 */
    bool        blas;                                                           /* products by OpenBLAS: see products_known */
    hoop_status (*drive)(plan *p, hoop_trainer *tr, int rank, hoop_error *err); /* NULL: run_all */
    bool arrays, own;                                                           /* on_arrays; the model of tie */
} rows[] = {
    {.name   = "v1",
     .config = MLP DIGITS ADAMW COSINE "leaves: 1\nclip_norm: 0.5\n",
     .hash   = "7b89981b2f4b7579b24f41725263c478d0ad16333c27a8011a0b8afc2601d16c",
     .ranks  = 1},
    {.name   = "v3",
     .config = MLP DIGITS ADAMW COSINE "leaves: 3\nclip_norm: 0.5\n",
     .hash   = "fc7f2a2bb6e589eee2257942b20bfedbd1c0ff2667ae0e63451d2a0b1d38c77b"},
    {.name   = "v12",
     .config = MLP DIGITS ADAMW COSINE "leaves: 12\nclip_norm: 0.5\n",
     .hash   = "09685f2ffcb88324ac861e7de60d90cf1e9a39406834100ade53ad473f9c1786"},
    {.name   = "v24_leaves_of_one_and_two",
     .config = MLP DIGITS ADAMW "leaves: 24\n",
     .hash   = "3a762c16c379e3161859bfdddf1cfeea7f29d4c4e32df63470be9db585532a40"},
    {.name   = "v42_leaves_of_one_and_none",
     .config = MLP DIGITS ADAMW "leaves: 42\n",
     .hash   = "89998a85afaa0a33678d5cb47c8afd9d5225e854f15fa1d84c083bb07699b563"},
    {.name   = "auto",
     .config = MLP DIGITS ADAMW "leaves: auto\n",
     .hash   = "53edf3bf0786042e5189164f503f7eb1dd2df64febc1115c38e7e283e65c57e5"},
    {.name = "adam_by_steps",
     .config =
         MLP DIGITS "leaves: 6\noptimizer: {name: adam, lr: 1e-3, weight_decay: 0.01}\nschedule: {name: step, every_steps: 10}\n",
     .hash = "73d98c37ae71ad40f98f1775df41caad614a87588bce2ff72ec6b51b97e889f6"},
    {.name   = "sgd",
     .config = MLP DIGITS "leaves: 6\noptimizer: {name: sgd, lr: 0.05, weight_decay: 1e-3}\n",
     .hash   = "a47b1cbbd6a4c98b0df4688599b2853922dba6b0762c772ab396acfde38d812e"},
    {.name   = "nesterov",
     .config = MLP DIGITS "leaves: 6\noptimizer: {name: sgd, lr: 0.05, momentum: 0.9, nesterov: true}\n",
     .hash   = "ef416a66ead9e2d74be4bf98de96367a37b570b17045554ec51530a79e9f06ae"},
    {.name   = "layers",
     .config = "model: {init: glorot, layers: [flatten, {linear: 24}, gelu, {dropout: 0.2}, {linear: 16}, sigmoid, {linear: "
               "10}]}\n" DIGITS ADAMW "leaves: 6\n",
     .hash   = "19203063b57b6d3235b4c728b4cbffc542a30eab4a355b6148bd7a1d4bb33e19"},
    {.name   = "recurrent",
     .config = "model: {layers: [{lstm: {hidden: 6, layers: 2, bidirectional: true, dropout: 0.2}}, {gru: 5}, {rnn: 4}, flatten, "
               "{linear: 10}]}\n" DIGITS ADAMW "leaves: 6\n",
     .hash   = "0cd4b0d15e6dc12c246fb383c1e5e7f1edc6ec8e3bfa462d79d5dc60822a3e25"},
    {.name   = "convolution",
     .config = "model: {layers: [{unflatten: {dim: 1, sizes: [1, 28]}}, {conv: {out: 16, kernel: 3, stride: 3, no_bias: true}}, "
               "batch_norm, relu, {residual: [{conv: {out: 16, kernel: 3, padding: 1}}, batch_norm]}, relu, {max_pool: 2}, "
               "{conv: {out: 8, kernel: 2, groups: 4}}, {group_norm: 2}, {adaptive_avg_pool: 2}, flatten, {dropout: 0.2}, "
               "{linear: 10}]}\n" DIGITS ADAMW "leaves: 3\n",
     .hash   = "eb7fa8f80effdf04eeb04a3e9540b961a664ec646b63b18525c72dd9c96d4aef"},
    {.name   = "attention",
     .config = "model: {layers: [{position: {length: 28}}, {repeat: {times: 2, checkpoint: true, body: [{residual: [layer_norm, "
               "{attention: {heads: 4, causal: true}}]}, {residual: [layer_norm, {linear: 40}, gelu, {linear: 28}, {dropout: "
               "0.1}]}]}}, {reduce: 1}, {linear: 10}]}\n" DIGITS ADAMW "leaves: 6\n",
     .hash   = "adbb2b057edd29182f75e3e276253e9ad94b63d64b94d90becdbf3a1d7836fdb"},
    {.name   = "embedding",
     .config = "model: {layers: [{embedding: {rows: 20, width: 8}}, flatten, {linear: 16}, relu, {linear: 5}]}\nbatch: "
               "42\nsteps: 26\ndata: {train: tokens/train}\n" ADAMW "leaves: 6\n",
     .hash   = "67ffc1a9e676f6d10fd559b50888964159aacb5320450438a1b79e3da3908c06"},
    {.name   = "spirals_he",
     .config = "model: {kind: mlp, hidden: [16, 16], activation: tanh, init: he}\nbatch: 33\nsteps: 26\ndata: {train: "
               "spirals/train}\n" ADAMW "leaves: 5\n",
     .hash   = "3961e05e2dedcb6225f1637313838f34306d175175b508880000c9e45737b2af"},
    {.name   = "real_targets",
     .config = TANH TABLE("") ADAMW "leaves: 6\n",
     .hash   = "62ca93bb3c6ccb38546d47f8775ad729f8569a0c3a959236b9485e8bba4043df"},
    {.name   = "normalised",
     .config = TANH TABLE(", normalize: standard") ADAMW "leaves: 6\n",
     .hash   = "312bba7255b5b2be3e0ae6d836a1568b4faa89eddd07dae466e9de1c7d5894c6"},
    {.name   = "f64",
     .config = MLP DIGITS ADAMW "precision: f64\nleaves: 6\nclip_norm: 0.5\n",
     .hash   = "f2d569f9247e52d426e1164dc2a0e07100d2206509b6c7fe7fd189376c39e6d0"},
    {.name   = "f64_normalised",
     .config = TANH TABLE(", normalize: standard") ADAMW "precision: f64\nleaves: 6\n",
     .hash   = "7e025f9d68ceea695bcc7a65d690c67d406d1e402a3dda09b1b6ecd8f0aab089"},
    {.name   = "gemm_blas",
     .config = MLP DIGITS ADAMW "gemm: blas\nleaves: 6\n",
     .hash   = "2164a767ff3844831f4950b02bcdd6895f10802525cf388a7b5691a7e7ff5144",
     .blas   = true},
    {.name   = "labels_that_do_not_count",
     .config = "model: {hidden: [8]}\nbatch: 21\nsteps: 26\n" ADAMW "leaves: 6\n",
     .hash   = "1227cd1c7402dbdaa245b36dacd6c8c978e3c2753e3210b5f8fbdfeb166304d4",
     .drive  = on_arrays,
     .arrays = true},
    {.name   = "tied",
     .config = TABLE("") ADAMW "leaves: 6\n",
     .hash   = "b542f4b9e01edf43bf8fd70cc362fdd130c1f33fec7909b2aa9b933aa721e3f9",
     .drive  = run_tied,
     .own    = true},
};

/* The bits of OpenBLAS are those of one version of it and one of its kernels, which the test's environment asks for. */
static bool products_known(void)
{
    hoop_runtime *rt  = NULL;
    hoop_error    err = {0};
    bool          known;
    if (hoop_runtime_create(NULL, &err, &rt) != HOOP_OK) fail_msg("%s", err.text);
    known = strstr(hoop_runtime_build(rt), "openblas-Haswell-0.3.21") != NULL;
    hoop_runtime_destroy(&rt);
    return known;
}

static void hash_of(const char *run, char hex[HOOP_CHECKPOINT_HASH_SIZE])
{
    hoop_checkpoint *c = NULL;
    assert_ok(hoop_checkpoint_open(run, &err, &c));
    assert_ok(hoop_checkpoint_hash(c, true, &err, hex));
    hoop_checkpoint_close(&c);
}

/* None of these may show; on as many ranks as there are leaves where these are fewer. */
static const struct way {
    const char *isa;
    int         ranks, threads;
    const char *more;
} ways[] = {
    {"auto", 1, 1, ""},
    {"avx2", 3, 1, ""},
    {"baseline", 2, 1, ""},
    {"auto", 1, 2, "capture: off\n"}, /* a sanitizer, which slows tenfold, sees the first and this */
    {"auto", 1, 1, "memory: {limit: 0}\n"},
    {"auto", 2, 3, "memory: {limit: 2}\n"},
    {"auto", 4, 1, ""},
    {"auto", 7, 1, "memory: {limit: 0}\ncapture: off\n"},
};
/* Another compiler's bits are those of its kernels, which the first three have: one way of each set. */
#ifdef __clang__
enum { NWAYS = 3 };
#else
enum { NWAYS = sizeof ways / sizeof *ways };
#endif

static void train(const struct recorded *r, int size, const struct way *w, char hex[HOOP_CHECKPOINT_HASH_SIZE])
{
    char config[1024], run[64];
    plan p = {.drive = r->drive == NULL ? run_all : r->drive};
    (void)snprintf(config, sizeof config, "seed: 7\nthreads: %d\ndist: {bucket_mb: 0.01}\n%sisa: %s\n%s", w->threads, r->config,
                   w->isa, w->more);
    (void)snprintf(run, sizeof run, "%s-%d", r->name, (int)(w - ways));
    p.config[0]    = config;
    p.opts.run_dir = run;
    if (r->arrays)
        p.opts = (hoop_trainer_opts){.run_dir = run, .arrays = true, .input_ndim = 1, .input_shape = {6}, .classes = 3};
    if (r->own) p.before = tie, p.after = untie;
    plan_run(&p, size);
    plan_good(&p);
    plan_clear(&p);
    hash_of(run, hex);
}

static bool works(const char *isa)
{
    hoop_runtime *rt = NULL;
    bool          ok = hoop_runtime_create(&(hoop_runtime_opts){.isa = isa}, NULL, &rt) == HOOP_OK;
    hoop_runtime_destroy(&rt);
    return ok;
}

/* auto: of 42 samples */
static int leaves_of(const struct recorded *r)
{
    const char *leaves = strstr(r->config, "leaves: ");
    return r->ranks > 0 ? r->ranks : leaves == NULL || strncmp(leaves, "leaves: auto", 12) == 0 ? 4 : atoi(leaves + 8);
}

static void bits_are_those_recorded(void **state)
{
    const bool record = getenv("HOOP_RECORD") != NULL, products = products_known();
    const bool slow  = getenv("HOOP_SANITIZE") != NULL;
    int        wrong = 0, left = 0;
    char       one[HOOP_CHECKPOINT_HASH_SIZE], hex[HOOP_CHECKPOINT_HASH_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct recorded *r = &rows[i];
        if (r->blas && !products) {
            left++;
            continue;
        }
        for (const struct way *w = ways; w < ways + NWAYS; w += slow && w == ways ? 3 : slow ? NWAYS : 1) {
            const int ranks = w->ranks < leaves_of(r) ? w->ranks : leaves_of(r);
            if (!works(w->isa)) continue;
            train(r, ranks, w, hex);
            if (w == ways) memcpy(one, hex, sizeof one);
            if (w == ways && record) print_message("%s %s\n", r->name, one);
            if (strcmp(hex, record ? one : r->hash) == 0) continue;
            print_error("%s: %d ranks of %d threads, %s, %s: %s, %s is %s\n", r->name, ranks, w->threads, w->isa, w->more, hex,
                        record ? "one's" : "recorded", record ? one : r->hash);
            wrong++;
        }
    }
    if (left > 0) print_message("%d rows left out: recorded with OpenBLAS 0.3.21's Haswell kernels\n", left);
    assert_int_equal(wrong, 0);
}

/* ---- data ---- */

static int write_table(void)
{
    FILE    *f = fopen("table.csv", "we");
    uint32_t r = 1;
    if (f == NULL) return -1;
    (void)fputs("a,b,c,d,e,u,v\n", f);
    for (int i = 0; i < 240; i++) {
        int x[5];
        for (int j = 0; j < 5; j++) {
            r    = r * 1664525u + 1013904223u;
            x[j] = (int)(r >> 8 & 4095) - 2048;
            (void)fprintf(f, "%d.%d,", x[j] / 64 + 3 * j, (x[j] & 63) * 15 % 10);
        }
        (void)fprintf(f, "%.4f,%.4f\n", x[0] * x[1] / 4194304.0 - x[2] / 2048.0, x[3] * x[3] / 4194304.0 - x[4] / 4096.0);
    }
    return fclose(f);
}

/* six tokens of twenty a row, and which of five groups of tokens the first belongs to */
static int write_tokens(void)
{
    static const char head[2][128] = {"{'descr': '<i8', 'fortran_order': False, 'shape': (240, 6), }",
                                      "{'descr': '<i8', 'fortran_order': False, 'shape': (240,), }"};
    uint32_t          r            = 2;
    FILE             *f[2]         = {fopen("x.npy", "we"), fopen("y.npy", "we")};
    for (int k = 0; k < 2; k++) {
        char header[118];
        if (f[k] == NULL) return -1;
        memset(header, ' ', sizeof header);
        memcpy(header, head[k], strlen(head[k]));
        header[117] = '\n';
        (void)fwrite("\x93NUMPY\1\0\x76\0", 1, 10, f[k]);
        (void)fwrite(header, 1, sizeof header, f[k]);
    }
    for (int i = 0; i < 240; i++) {
        int64_t token[6], group;
        for (int j = 0; j < 6; j++) {
            r        = r * 1664525u + 1013904223u;
            token[j] = r >> 8 & 15;
        }
        group = token[0] / 4;
        (void)fwrite(token, 8, 6, f[0]);
        (void)fwrite(&group, 8, 1, f[1]);
    }
    return fclose(f[0]) | fclose(f[1]);
}

static int enter(void **state)
{
    hoop_error          err   = {0};
    const hoop_csv_opts table = {.target = "u,v"};
    const hoop_npy_opts npy   = {.targets = HOOP_CSV_CLASS};
    hoop_import_opts    o     = {.dir = "spirals", .shards = 2, .seed = 3};
    if (enter_folder(state) != 0 || write_table() != 0 || write_tokens() != 0) return -1;
    if (hoop_synth("spirals", 200, &o, &err, NULL) != HOOP_OK) goto failed;
    o.dir = "table";
    if (hoop_import_csv("table.csv", &table, &o, &err, NULL) != HOOP_OK) goto failed;
    o.dir = "tokens";
    if (hoop_import_npy("x.npy", "y.npy", &npy, &o, &err, NULL) != HOOP_OK) goto failed;
    return 0;
failed:
    (void)fprintf(stderr, "%s\n", err.text);
    return -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bits_are_those_recorded)};
    return cmocka_run_group_tests(tests, enter, leave_folder);
}

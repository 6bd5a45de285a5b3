/*
 * A simulation that trains a surrogate of itself while it runs: of MPI_COMM_WORLD, the ranks with an odd number train through
 * hoop/train.h on a communicator of their own, the others relax a temperature on theirs. Both meet at the end.
 *
 *     half arrays RUN   its own arrays, the config's model; saves to RUN, predicts
 *     half own RUN      its own model on the samples of shards, the loop of hoop/train.h; saves to RUN
 *
 * The bits of RUN follow from this file alone, whatever the number of ranks.
 */
#include <hoop/comm_mpi.h>
#include <hoop/import.h>
#include <hoop/ops.h>
#include <hoop/random.h>
#include <hoop/train.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 60, TESTS = 25 };

/* ---- what the other half does ---- */

/* Jacobi's method on a bar with ends at 0 and 1, 8 cells a rank: the sum of all cells tends to their number / 2. */
static int simulate(MPI_Comm comm)
{
    double cell[10] = {0}, next[10], sum = 0, total = 0;
    int    rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    for (int step = 0; step < 20000; step++) {
        MPI_Sendrecv(&cell[8], 1, MPI_DOUBLE, rank + 1 < size ? rank + 1 : MPI_PROC_NULL, 0, &cell[0], 1, MPI_DOUBLE,
                     rank > 0 ? rank - 1 : MPI_PROC_NULL, 0, comm, MPI_STATUS_IGNORE);
        MPI_Sendrecv(&cell[1], 1, MPI_DOUBLE, rank > 0 ? rank - 1 : MPI_PROC_NULL, 0, &cell[9], 1, MPI_DOUBLE,
                     rank + 1 < size ? rank + 1 : MPI_PROC_NULL, 0, comm, MPI_STATUS_IGNORE);
        if (rank == 0) cell[0] = 0;
        if (rank == size - 1) cell[9] = 1;
        for (int i = 1; i < 9; i++) next[i] = 0.5 * (cell[i - 1] + cell[i + 1]);
        memcpy(cell + 1, next + 1, 8 * sizeof *cell);
    }
    for (int i = 1; i < 9; i++) sum += cell[i];
    MPI_Allreduce(&sum, &total, 1, MPI_DOUBLE, MPI_SUM, comm);
    return fabs(total - 4.0 * size) < 1e-6;
}

/* ---- the surrogate of f(a, b) = (sin 2a + b, a b) on its own arrays ---- */

static void sample(uint64_t step, int64_t first, int64_t n, float (*x)[2], float (*y)[2])
{
    hoop_key key = hoop_key_make(11, HOOP_FOR_SYNTH, step, 0, 0);
    for (int64_t i = 0; i < n; i++) {
        for (int j = 0; j < 2; j++) x[i][j] = 2.0F * hoop_random_f32(key, (uint64_t)(2 * (first + i) + j)) - 1.0F;
        y[i][0] = sinf(2 * x[i][0]) + x[i][1];
        y[i][1] = x[i][0] * x[i][1];
    }
}

static const char arrays_config[] = "seed: 5\n"
                                    "model: {kind: mlp, hidden: [32, 32], activation: tanh}\n"
                                    "batch: 60\n"
                                    "leaves: 12\n"
                                    "steps: 400\n"
                                    "loss: mse\n"
                                    "optimizer: {name: adamw, lr: 1e-2}\n"
                                    "schedule: {name: cosine, warmup_steps: 10}\n"
                                    "clip_norm: 1.0\n"
                                    "threads: 1\n";

static hoop_status train_arrays(hoop_comm *comm, const char *run, hoop_error *err)
{
    hoop_trainer_opts opts = {
        .run_dir = run, .arrays = true, .input_ndim = 1, .input_shape = {2}, .target_ndim = 1, .target_shape = {2}};
    hoop_config  *config = NULL;
    hoop_trainer *tr     = NULL;
    float         x[BATCH][2], y[BATCH][2], out[TESTS][2];
    double        worst = 0;
    hoop_status   st;
    HOOP_TRY(st, done, hoop_config_parse(arrays_config, "half", err, &config));
    HOOP_TRY(st, done, hoop_trainer_create(comm, config, &opts, err, &tr));
    while (hoop_trainer_next_step(tr)) {
        int64_t first, n = hoop_trainer_share(tr, &first);
        sample((uint64_t)hoop_trainer_about(tr)->step, first, n, x, y);
        HOOP_TRY(st, done, hoop_trainer_step(tr, x, y, err));
        if (hoop_trainer_about(tr)->step == 200)
            HOOP_TRY(st, done, hoop_trainer_save(tr, err)); /* written behind the next steps */
    }
    HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    HOOP_TRY(st, done, hoop_trainer_finish(tr, err));
    sample(1000000, 0, TESTS, x, y);
    HOOP_TRY(st, done, hoop_trainer_predict(tr, x, TESTS, out, err));
    for (int i = 0; i < TESTS; i++) {
        for (int j = 0; j < 2; j++) worst = fmax(worst, fabs((double)(out[i][j] - y[i][j])));
    }
    if (worst > 0.15) st = hoop_fail(err, HOOP_ESTATE, "the surrogate is %g off", worst);
done:
    hoop_trainer_destroy(&tr);
    hoop_config_destroy(&config);
    return st;
}

/* ---- its own model ---- */

typedef struct model {
    hoop_tensor *w1, *b1, *w2, *b2;
} model;

static hoop_status make_model(hoop_params *p, model *m, hoop_error *err)
{
    hoop_status st;
    HOOP_TRY(st, done, hoop_params_add(p, "hidden.weight", 2, (int64_t[]){24, 2}, err, &m->w1));
    HOOP_TRY(st, done, hoop_params_add(p, "hidden.bias", 1, (int64_t[]){24}, err, &m->b1));
    HOOP_TRY(st, done, hoop_params_add(p, "out.weight", 2, (int64_t[]){2, 24}, err, &m->w2));
    HOOP_TRY(st, done, hoop_params_add(p, "out.bias", 1, (int64_t[]){2}, err, &m->b2));
done:
    return st;
}

static hoop_tensor *my_loss(hoop_tape *t, const model *m, hoop_tensor *x, hoop_tensor *label)
{
    hoop_tensor *h = hoop_tanh(t, hoop_linear(t, x, m->w1, m->b1));       /* (B, 24) */
    return hoop_cross_entropy(t, hoop_linear(t, h, m->w2, m->b2), label); /* ()      */
}

static hoop_status train_own(hoop_comm *comm, const char *run, hoop_error *err)
{
    hoop_import_opts  shards = {.dir = "spirals", .shards = 2, .seed = 1};
    hoop_error        mine   = {0};
    hoop_params      *params = NULL;
    hoop_config      *config = NULL;
    hoop_trainer     *tr     = NULL;
    hoop_trainer_opts opts   = {.run_dir = run};
    hoop_leaf        *leaf;
    model             m;
    double            begin = 0, end = 0;
    hoop_status       st;
    if (hoop_comm_rank(comm) == 0) (void)hoop_synth("spirals", 600, &shards, &mine, NULL);
    st = hoop_comm_agree_status(comm, &mine);
    if (st != HOOP_OK) return hoop_fail(err, st, "%s", mine.text);
    HOOP_TRY(st, done, hoop_params_create(HOOP_F32, err, &params));
    HOOP_TRY(st, done, make_model(params, &m, err));
    opts.params = params;
    HOOP_TRY(
        st, done,
        hoop_config_parse("data: {train: spirals/train}\nbatch: 50\nleaves: 12\nepochs: 10\nthreads: 1\noptimizer: {lr: 0.01}\n",
                          "half", err, &config));
    HOOP_TRY(st, done, hoop_trainer_create(comm, config, &opts, err, &tr));
    while (hoop_trainer_next_step(tr)) {
        while ((leaf = hoop_trainer_next_leaf(tr)) != NULL) {
            hoop_tensor *loss = my_loss(hoop_leaf_tape(leaf), &m, hoop_leaf_input(leaf, 0), hoop_leaf_target(leaf, 0));
            hoop_trainer_backward(tr, loss);
        }
        HOOP_TRY(st, done, hoop_trainer_update(tr, err));
        end = hoop_trainer_about(tr)->last.loss / hoop_trainer_about(tr)->last.weight;
        if (hoop_trainer_about(tr)->step == 1) begin = end;
    }
    HOOP_TRY(st, done, hoop_trainer_save(tr, err));
    HOOP_TRY(st, done, hoop_trainer_finish(tr, err));
    if (!(end < begin)) st = hoop_fail(err, HOOP_ESTATE, "the loss went from %g to %g", begin, end);
done:
    hoop_trainer_destroy(&tr);
    hoop_config_destroy(&config);
    hoop_params_destroy(&params);
    return st;
}

int main(int argc, char **argv)
{
    hoop_error  err  = {0};
    hoop_comm  *comm = NULL;
    hoop_status st   = HOOP_OK;
    MPI_Comm    half;
    int         rank, size, good = 1, all = 0, odd;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    odd = rank % 2;
    MPI_Comm_split(MPI_COMM_WORLD, odd, -rank, &half); /* in another order than the world's */
    if (argc != 3 || size < 2) {
        if (rank == 0) fprintf(stderr, "mpirun -n 2 half arrays|own RUN\n");
        MPI_Finalize();
        return EXIT_FAILURE;
    }
    if (odd) {
        st = hoop_comm_create_mpi(half, NULL, &err, &comm);
        if (st == HOOP_OK) st = strcmp(argv[1], "own") == 0 ? train_own(comm, argv[2], &err) : train_arrays(comm, argv[2], &err);
        hoop_comm_destroy(&comm);
        good = st == HOOP_OK;
        if (!good && st != HOOP_EPEER) fprintf(stderr, "half: rank %d of the world: %s\n", rank, err.text);
    } else {
        good = simulate(half);
        if (!good) fprintf(stderr, "half: the simulation came out wrong\n");
    }
    MPI_Comm_free(&half);
    MPI_Allreduce(&good, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    MPI_Finalize();
    return all ? EXIT_SUCCESS : EXIT_FAILURE;
}

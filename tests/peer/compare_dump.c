/*
 * compare_dump mlp|tiny FILE.h5 - hoop's numbers beside PyTorch's.
 *
 * FILE.h5 is what peer_train.py --dump writes: /init/NAME, /x, /y, /grad/NAME (first step), /loss (each step), /final/NAME of
 * AdamW (lr 1e-3, weight decay 0.01) on one batch. The same model is trained here by the trainer, as one leaf and as four,
 * exact and fast. Held to: a tensor's first gradient 1e-5 and its final weights 1e-4 (of the norm of the difference in that
 * of PyTorch's), each loss 1e-4 (of PyTorch's).
 *
 * Training is not continuous in rounding: a ReLU whose input is 1e-7 is on or off by the order of a sum, and its whole gradient
 * comes or goes. (mlp has such inputs: PyTorch with initial weights moved by half an ulp ends 1.1e-4 from itself in 1 of
 * 24 runs.) So where losses or final weights are too far, weights within an ulp of the dump's are tried as well, as many as
 * NEIGHBOURS: PyTorch's run must be what hoop makes of one of them. The gradient, being of one step, has no such way out.
 */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hoop/train.h"

enum { NAME = 128, MOST_TENSORS = 64, NEIGHBOURS = 12 };
static const double most_grad = 1e-5, most_loss = 1e-4, most_final = 1e-4;

typedef struct workload {
    const char *name, *config;
    bool        labels;
} workload;

static const workload workloads[] = {
    {"mlp", "model: {kind: mlp, hidden: [512, 256], activation: relu}\nloss: cross_entropy\n", true},
    {"tiny", "model: {kind: mlp, hidden: [64, 64, 64], activation: tanh}\nloss: mse\n", false},
};

static const struct variant {
    int         leaves;
    const char *reduce;
} variants[] = {{1, "exact"}, {4, "exact"}, {1, "fast"}, {4, "fast"}};
enum { VARIANTS = (int)(sizeof variants / sizeof variants[0]) };

/* relative differences of one variant's run */
typedef struct result {
    double grad[MOST_TENSORS], final[MOST_TENSORS], final_abs[MOST_TENSORS], loss;
    double neighbour;             /* which one of them comes close, 0: the dump's own weights, -1: none */
    double near_final, near_loss; /* its largest differences */
} result;

typedef struct dump {
    hid_t   file;
    hsize_t x_dims[2], y_dims[2];
    float  *x;
    void   *y;
    double *loss;
    hsize_t steps;
} dump;

/* A whole dataset, as memory type `type`; the caller frees it. NULL if it is missing or has not ndim dims. */
static void *read_all(hid_t file, const char *name, hid_t type, int ndim, hsize_t *dims)
{
    hid_t    set = H5Dopen2(file, name, H5P_DEFAULT), space = set < 0 ? -1 : H5Dget_space(set);
    void    *data = NULL;
    hssize_t n;
    if (space >= 0 && H5Sget_simple_extent_ndims(space) == ndim && H5Sget_simple_extent_dims(space, dims, NULL) == ndim) {
        n    = H5Sget_simple_extent_npoints(space);
        data = n > 0 ? malloc((size_t)n * H5Tget_size(type)) : NULL;
        if (data != NULL && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
            free(data);
            data = NULL;
        }
    }
    if (data == NULL) (void)fprintf(stderr, "compare_dump: no dataset %s with %d dims\n", name, ndim);
    if (space >= 0) (void)H5Sclose(space);
    if (set >= 0) (void)H5Dclose(set);
    return data;
}

static bool dump_open(const char *path, const workload *w, dump *d)
{
    d->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (d->file < 0) {
        (void)fprintf(stderr, "compare_dump: %s cannot be read as HDF5\n", path);
        return false;
    }
    d->x    = read_all(d->file, "/x", H5T_NATIVE_FLOAT, 2, d->x_dims);
    d->y    = read_all(d->file, "/y", w->labels ? H5T_NATIVE_INT64 : H5T_NATIVE_FLOAT, w->labels ? 1 : 2, d->y_dims);
    d->loss = read_all(d->file, "/loss", H5T_NATIVE_DOUBLE, 1, &d->steps);
    if (d->x == NULL || d->y == NULL || d->loss == NULL) return false;
    if (d->x_dims[0] == d->y_dims[0]) return true;
    (void)fprintf(stderr, "compare_dump: %s: /x has %llu rows, /y %llu\n", path, (unsigned long long)d->x_dims[0],
                  (unsigned long long)d->y_dims[0]);
    return false;
}

static void dump_close(dump *d)
{
    free(d->x);
    free(d->y);
    free(d->loss);
    if (d->file > 0) (void)H5Fclose(d->file);
}

/* PyTorch's tensor for parameter i of the model: "layers.0.weight" is /GROUP/0.weight. NULL if it is missing or of another size.
 */
static float *peer_tensor(const dump *d, const hoop_params *p, int i, const char *group)
{
    const hoop_tensor *t    = hoop_params_tensor(p, i);
    const char        *name = hoop_params_name(p, i);
    char               path[NAME];
    hsize_t            dims[2] = {0, 0};
    float             *data;
    (void)snprintf(path, sizeof path, "/%s/%s", group, strncmp(name, "layers.", 7) == 0 ? name + 7 : name);
    data = read_all(d->file, path, H5T_NATIVE_FLOAT, hoop_tensor_ndim(t), dims);
    for (int k = 0; data != NULL && k < hoop_tensor_ndim(t); k++) {
        if ((int64_t)dims[k] == hoop_tensor_size(t, k)) continue;
        (void)fprintf(stderr, "compare_dump: %s: dim %d is %llu, hoop's %lld\n", path, k, (unsigned long long)dims[k],
                      (long long)hoop_tensor_size(t, k));
        free(data);
        return NULL;
    }
    return data;
}

/* |factor * ours - theirs| / |theirs| in the Euclidean norm, and the largest difference of an element */
static double difference(const float *ours, double factor, const float *theirs, int64_t n, double *largest)
{
    double d2 = 0, t2 = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = factor * (double)ours[i] - (double)theirs[i];
        d2 += d * d;
        t2 += (double)theirs[i] * (double)theirs[i];
        most = fabs(d) > most || isnan(d) ? fabs(d) : most;
    }
    if (largest != NULL) *largest = most;
    return sqrt(d2) / sqrt(t2);
}

/* The dump's initial weights, or those of neighbour n > 0: each kept, or moved to the next float above or below. */
static bool load_weights(const dump *d, hoop_params *p, int n)
{
    for (int i = 0; i < hoop_params_count(p); i++) {
        hoop_tensor *t    = hoop_params_tensor(p, i);
        float       *data = peer_tensor(d, p, i, "init");
        hoop_key     key  = hoop_key_make((uint64_t)n, HOOP_FOR_TEST, (uint64_t)i, 0, 0);
        if (data == NULL) return false;
        for (int64_t k = 0; n > 0 && k < hoop_tensor_numel(t); k++) {
            double u = hoop_random_f64(key, (uint64_t)k);
            if (u < 0.5) data[k] = nextafterf(data[k], u < 0.25 ? -1e30f : 1e30f);
        }
        memcpy(hoop_tensor_data(t), data, (size_t)hoop_tensor_numel(t) * sizeof *data);
        free(data);
    }
    hoop_params_touch(p);
    return true;
}

/* Sums become means by the step's weight: gradients in the store are sums. */
static bool compare_tensors(const dump *d, const hoop_params *p, const char *group, double factor, double *relative,
                            double *largest)
{
    for (int i = 0; i < hoop_params_count(p); i++) {
        const float *ours   = strcmp(group, "grad") == 0 ? hoop_params_grad_of(p, i) : hoop_tensor_data(hoop_params_tensor(p, i));
        float       *theirs = peer_tensor(d, p, i, group);
        if (theirs == NULL) return false;
        relative[i] =
            difference(ours, factor, theirs, hoop_tensor_numel(hoop_params_tensor(p, i)), largest == NULL ? NULL : &largest[i]);
        free(theirs);
    }
    return true;
}

static hoop_status create(const workload *w, const dump *d, const struct variant *v, hoop_comm *comm, hoop_error *err,
                          hoop_config **config, hoop_trainer **tr)
{
    char              text[512];
    hoop_trainer_opts opts = {.arrays = true, .input_ndim = 1, .target_ndim = w->labels ? 0 : 1};
    hoop_status       st;
    opts.input_shape[0]  = (int64_t)d->x_dims[1];
    opts.target_shape[0] = w->labels ? 0 : (int64_t)d->y_dims[1];
    opts.classes         = w->labels ? 10 : 0;
    (void)snprintf(text, sizeof text,
                   "%sbatch: %lld\nleaves: %d\nsteps: %lld\nthreads: 1\noptimizer: {name: adamw, lr: 1e-3, weight_decay: "
                   "0.01}\ndist: {reduce: %s}\n",
                   w->config, (long long)d->x_dims[0], v->leaves, (long long)d->steps, v->reduce);
    HOOP_TRY(st, done, hoop_config_parse(text, w->name, err, config));
    HOOP_TRY(st, done, hoop_trainer_create(comm, *config, &opts, err, tr));
done:
    return st;
}

/* Train one variant through all steps of the dump, from a neighbour of its weights. */
static bool run_once(const workload *w, const dump *d, const struct variant *v, int neighbour, hoop_comm *comm, result *out,
                     char names[][NAME], int *count)
{
    hoop_error    err    = {.status = HOOP_OK};
    hoop_config  *config = NULL;
    hoop_trainer *tr     = NULL;
    hoop_params  *p;
    bool          good = false;
    if (create(w, d, v, comm, &err, &config, &tr) != HOOP_OK) goto done;
    p      = hoop_trainer_params(tr);
    *count = hoop_params_count(p);
    if (*count > MOST_TENSORS || !load_weights(d, p, neighbour)) goto done;
    for (int i = 0; i < *count; i++) (void)snprintf(names[i], NAME, "%s", hoop_params_name(p, i));
    for (hsize_t k = 0; k < d->steps; k++) {
        const hoop_metrics_sums *last = &hoop_trainer_about(tr)->last;
        double                   relative;
        if (hoop_trainer_step(tr, d->x, d->y, &err) != HOOP_OK) goto done;
        relative  = fabs(last->loss / last->weight - d->loss[k]) / fabs(d->loss[k]);
        out->loss = relative > out->loss || isnan(relative) ? relative : out->loss;
        if (k == 0 && !compare_tensors(d, p, "grad", 1.0 / last->weight, out->grad, NULL)) goto done;
    }
    good = compare_tensors(d, p, "final", 1.0, out->final, out->final_abs);
done:
    if (err.status != HOOP_OK) (void)fprintf(stderr, "compare_dump: %s\n", err.text);
    hoop_trainer_destroy(&tr);
    hoop_config_destroy(&config);
    return good;
}

static double largest(const double *x, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++) most = x[i] <= most ? most : x[i]; /* NaN is kept */
    return most;
}

static bool run_variant(const workload *w, const dump *d, const struct variant *v, hoop_comm *comm, result *out,
                        char names[][NAME], int *count)
{
    if (!run_once(w, d, v, 0, comm, out, names, count)) return false;
    out->near_final = largest(out->final, *count);
    out->near_loss  = out->loss;
    for (int n = 1; n <= NEIGHBOURS && !(out->near_final <= most_final && out->near_loss <= most_loss); n++) {
        result r = {.loss = 0};
        if (!run_once(w, d, v, n, comm, &r, names, count)) return false;
        out->near_final = largest(r.final, *count);
        out->near_loss  = r.loss;
        out->neighbour  = n;
    }
    if (!(out->near_final <= most_final && out->near_loss <= most_loss)) out->neighbour = -1;
    return true;
}

static bool print_row(const char *what, const char *name, const double *values, int stride, double most)
{
    bool good = true;
    (void)printf("%-9s %-18s", what, name);
    for (int v = 0; v < VARIANTS; v++) {
        double x = values[v * stride];
        good     = good && x <= most; /* NaN fails */
        (void)printf("  %9.2e%c", x, x <= most ? ' ' : '!');
    }
    (void)printf("  %7.0e\n", most);
    return good;
}

static void print_plain_row(const char *what, const char *format, const double *values, int stride, const char *remark)
{
    (void)printf("%-28s", what);
    for (int v = 0; v < VARIANTS; v++) (void)printf(format, values[v * stride]);
    (void)printf("  %s\n", remark);
}

static bool print_results(const workload *w, const dump *d, const result *r, char names[][NAME], int count)
{
    const int stride = (int)(sizeof *r / sizeof(double));
    bool      good = true, moved = false;
    double    most[VARIANTS];
    (void)printf("%s, %llu samples, %llu AdamW steps: hoop's difference from PyTorch's, relative in norm\n%-28s", w->name,
                 (unsigned long long)d->x_dims[0], (unsigned long long)d->steps, "leaves, reduce");
    for (int v = 0; v < VARIANTS; v++) {
        (void)printf("  %d %-8s", variants[v].leaves, variants[v].reduce);
        most[v] = largest(r[v].final_abs, count);
        moved   = moved || r[v].neighbour != 0;
    }
    (void)printf("  at most\n");
    for (int i = 0; i < count; i++) good = print_row("gradient", names[i], &r->grad[i], stride, most_grad) && good;
    for (int i = 0; i < count; i++) (void)print_row("final", names[i], &r->final[i], stride, most_final);
    (void)print_row("losses", "largest", &r->loss, stride, most_loss);
    print_plain_row("final, of an element", "  %9.2e ", most, 1, "(absolute)");
    if (moved) {
        print_plain_row("neighbour that agrees", "  %9.0f ", &r->neighbour, stride,
                        "(initial weights moved by up to an ulp; 0: not moved)");
        good = print_row("its", "final, largest", &r->near_final, stride, most_final) && good;
        good = print_row("its", "losses, largest", &r->near_loss, stride, most_loss) && good;
    }
    (void)printf("%s: %s\n\n", w->name,
                 !good   ? "NUMBERS DIFFER (!)"
                 : moved ? "the numbers agree, but for a ReLU that rounding turns"
                         : "the numbers agree");
    return good;
}

int main(int argc, char **argv)
{
    static result   results[VARIANTS];
    static char     names[MOST_TENSORS][NAME];
    const workload *w     = NULL;
    hoop_error      err   = {.status = HOOP_OK};
    hoop_comm      *comm  = NULL;
    dump            d     = {0};
    int             count = 0;
    bool            good;
    for (size_t i = 0; argc == 3 && i < sizeof workloads / sizeof workloads[0]; i++) {
        if (strcmp(argv[1], workloads[i].name) == 0) w = &workloads[i];
    }
    if (w == NULL) {
        (void)fprintf(stderr, "usage: compare_dump mlp|tiny FILE.h5 (written by peer_train.py mlp|tiny --dump FILE.h5)\n");
        return 2;
    }
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    good = dump_open(argv[2], w, &d) && hoop_comm_create_self(NULL, &err, &comm) == HOOP_OK;
    for (int v = 0; v < VARIANTS && good; v++) good = run_variant(w, &d, &variants[v], comm, &results[v], names, &count);
    if (good) good = print_results(w, &d, results, names, count);
    hoop_comm_destroy(&comm);
    dump_close(&d);
    return good ? 0 : 1;
}

/*
 * compare_dump WORKLOAD FILE.h5 [F64.h5] - hoop's numbers beside PyTorch's.
 *
 * FILE.h5 is what peer_train.py --dump writes: /init/NAME, /x, /y, /grad/NAME (first step), /loss (each step), /final/NAME of
 * AdamW (lr 1e-3, weight decay 0.01) on one batch. The same model is trained here by the trainer, as one leaf and as four,
 * exact and fast (a net with batch norm as one, since its statistics are a leaf's). Held to: a tensor's first gradient and its
 * final weights (the norm of the difference in that of PyTorch's), and each loss (of PyTorch's); the table of workloads says how
 * much.
 *
 * Training is not continuous in rounding: a ReLU whose input is 1e-7 is on or off by the order of a sum, and its whole gradient
 * comes or goes. (mlp has such inputs: PyTorch with initial weights moved by half an ulp ends 1.1e-4 from itself in 1 of
 * 24 runs.) So where losses or final weights are too far, weights within an ulp of the dump's are tried as well, as many as
 * NEIGHBOURS: PyTorch's run must be what hoop makes of one of them. The gradient, being of one step, has no such way out.
 *
 * F64.h5 is the same step in f64 (precision.py). Where it is given, all that is said is how far the first gradient is from it,
 * all parameters together: hoop's in f32, and PyTorch's in f32. One ReLU that rounding turns decides that of one batch;
 * numbers-test compares the medians of several.
 */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/workloads.h"
#include "hoop/train.h"

enum { NAME = 160, MOST_TENSORS = 128, NEIGHBOURS = 12, DIMS = 4 };

/* "layers.0.weight" of hoop's net is "0.weight" of PyTorch's Sequential, */
static void name_in_list(const char *name, char *out)
{
    (void)snprintf(out, NAME, "%s", strncmp(name, "layers.", 7) == 0 ? name + 7 : name);
}

/* the rest of a name behind its first number */
static const char *behind(const char *name, int *number)
{
    char *end;
    *number = (int)strtol(name, &end, 10);
    return *end == '.' ? end + 1 : end;
}

/* what stands in a block, by the path there: {"body.0.", "c1."} */
typedef struct part {
    const char *ours, *theirs;
} part;
static void name_in_block(const char *prefix, int block, const char *rest, const part *parts, char *out)
{
    for (; parts->ours != NULL; parts++) {
        const size_t n = strlen(parts->ours);
        if (strncmp(rest, parts->ours, n) != 0) continue;
        (void)snprintf(out, NAME, "%s.%d.%s%s", prefix, block, parts->theirs, rest + n);
        return;
    }
    (void)snprintf(out, NAME, "(%s)", rest);
}

static void name_in_resnet20(const char *name, char *out)
{
    static const part parts[] = {{"body.0.", "c1."},       {"body.1.", "b1."},       {"body.3.", "c2."}, {"body.4.", "b2."},
                                 {"shortcut.0.", "sc.0."}, {"shortcut.1.", "sc.1."}, {NULL, NULL}};
    enum { FIRST = 3, BLOCKS = 9 }; /* each with a relu behind it */
    int         i;
    const char *rest = behind(name + strlen("layers."), &i);
    if (i < FIRST)
        (void)snprintf(out, NAME, "body.%d.%s", i, rest);
    else if (i < FIRST + 2 * BLOCKS)
        name_in_block("body", FIRST + (i - FIRST) / 2, rest, parts, out);
    else
        (void)snprintf(out, NAME, "fc.%s", rest);
}

static void name_in_gpt(const char *name, char *out)
{
    static const part        parts[] = {{"0.body.0.", "l1."}, {"0.body.1.in_proj_", "qkv."}, {"0.body.1.out_proj.", "pr."},
                                        {"1.body.0.", "l2."}, {"1.body.1.", "f1."},          {"1.body.3.", "f2."},
                                        {NULL, NULL}};
    static const char *const whole[] = {"te", "pe", NULL, "ln", "head"};
    int                      i, block;
    const char              *rest = behind(name + strlen("layers."), &i);
    if (i == 2) {
        rest = behind(rest, &block);
        name_in_block("h", block, rest, parts, out);
    } else {
        (void)snprintf(out, NAME, "%s.%s", whole[i], rest);
    }
}

static void name_in_lstm(const char *name, char *out)
{
    static const char *const whole[] = {"e", "r", "o"};
    int                      i;
    const char              *rest = behind(name + strlen("layers."), &i);
    (void)snprintf(out, NAME, "%s.%s", whole[i], rest);
}

/* what is held to, relative; variants: how many of those below make sense */
typedef struct net {
    const char *name;
    void (*peer_name)(const char *name, char *out);
    double most_grad, most_loss, most_final;
    int    variants;
} net;
static const net nets[] = {{"mlp", name_in_list, 1e-5, 1e-4, 1e-4, 4},
                           {"tiny", name_in_list, 1e-5, 1e-4, 1e-4, 4},
                           {"resnet20", name_in_resnet20, 1e-2, 1e-2, 3e-1, 1},
                           {"gpt", name_in_gpt, 1e-5, 1e-5, 1e-3, 2},
                           {"lstm", name_in_lstm, 1e-5, 1e-5, 1e-4, 2}};

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
    const net *net;
    hid_t      file, f64; /* f64: 0 where there is none */
    int        x_ndim, y_ndim;
    hsize_t    x_dims[DIMS], y_dims[DIMS];
    void      *x, *y;
    double    *loss;
    hsize_t    steps;
} dump;

/* A whole dataset, as memory type `type`; the caller frees it. NULL if it is missing or has not 0 < *ndim <= DIMS dims; *ndim 0:
 * any. */
static void *read_all(hid_t file, const char *name, hid_t type, int *ndim, hsize_t *dims)
{
    hid_t    set = H5Dopen2(file, name, H5P_DEFAULT), space = set < 0 ? -1 : H5Dget_space(set);
    void    *data = NULL;
    int      has  = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    hssize_t n;
    if (has > 0 && has <= DIMS && (*ndim == 0 || *ndim == has) && H5Sget_simple_extent_dims(space, dims, NULL) == has) {
        n     = H5Sget_simple_extent_npoints(space);
        data  = n > 0 ? malloc((size_t)n * H5Tget_size(type)) : NULL;
        *ndim = has;
        if (data != NULL && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
            free(data);
            data = NULL;
        }
    }
    if (data == NULL) (void)fprintf(stderr, "compare_dump: no dataset %s with %d dims\n", name, *ndim);
    if (space >= 0) (void)H5Sclose(space);
    if (set >= 0) (void)H5Dclose(set);
    return data;
}

static bool dump_open(const char *path, const char *f64, const workload *w, dump *d)
{
    int one = 1;
    d->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    d->f64  = f64 == NULL ? 0 : H5Fopen(f64, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (d->file < 0 || d->f64 < 0) {
        (void)fprintf(stderr, "compare_dump: %s cannot be read as HDF5\n", d->file < 0 ? path : f64);
        return false;
    }
    d->x    = read_all(d->file, "/x", w->vocabulary > 0 ? H5T_NATIVE_INT64 : H5T_NATIVE_FLOAT, &d->x_ndim, d->x_dims);
    d->y    = read_all(d->file, "/y", w->classes > 0 ? H5T_NATIVE_INT64 : H5T_NATIVE_FLOAT, &d->y_ndim, d->y_dims);
    d->loss = read_all(d->file, "/loss", H5T_NATIVE_DOUBLE, &one, &d->steps);
    if (d->x == NULL || d->y == NULL || d->loss == NULL) return false;
    if (d->x_dims[0] == d->y_dims[0] && d->x_ndim == w->ndim + 1 && d->y_ndim == w->target_ndim + 1) return true;
    (void)fprintf(stderr, "compare_dump: %s: /x has %llu rows of %d dims, /y %llu of %d\n", path,
                  (unsigned long long)d->x_dims[0], d->x_ndim - 1, (unsigned long long)d->y_dims[0], d->y_ndim - 1);
    return false;
}

static void dump_close(dump *d)
{
    free(d->x);
    free(d->y);
    free(d->loss);
    if (d->file > 0) (void)H5Fclose(d->file);
    if (d->f64 > 0) (void)H5Fclose(d->f64);
}

/* PyTorch's tensor for parameter (or buffer) x of that name, of a file's group, as memory type. NULL if it is missing or of
 * another size. */
static void *peer_tensor(const dump *d, hid_t file, const hoop_tensor *x, const char *name, const char *group, hid_t type)
{
    char    path[2 * NAME], theirs[NAME];
    hsize_t dims[DIMS] = {0};
    int     ndim       = hoop_tensor_ndim(x);
    void   *data;
    d->net->peer_name(name, theirs);
    (void)snprintf(path, sizeof path, "/%s/%s", group, theirs);
    data = read_all(file, path, type, &ndim, dims);
    for (int k = 0; data != NULL && k < ndim; k++) {
        if ((int64_t)dims[k] == hoop_tensor_size(x, k)) continue;
        (void)fprintf(stderr, "compare_dump: %s: dim %d is %llu, hoop's %lld\n", path, k, (unsigned long long)dims[k],
                      (long long)hoop_tensor_size(x, k));
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
        float       *data = peer_tensor(d, d->file, t, hoop_params_name(p, i), "init", H5T_NATIVE_FLOAT);
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

static const float *ours_of(const hoop_params *p, int i, const char *group)
{
    return strcmp(group, "grad") == 0 ? hoop_params_grad_of(p, i) : hoop_tensor_data(hoop_params_tensor(p, i));
}

/* How far the gradients are from those in f64, of hoop and of PyTorch in f32: all parameters together, in the Euclidean norm. */
static bool compare_f64(const dump *d, const hoop_params *p, double factor)
{
    double ours2 = 0, theirs2 = 0, all2 = 0;
    for (int i = 0; i < hoop_params_count(p); i++) {
        const hoop_tensor *x      = hoop_params_tensor(p, i);
        const char        *name   = hoop_params_name(p, i);
        const float       *ours   = hoop_params_grad_of(p, i);
        double            *want   = peer_tensor(d, d->f64, x, name, "grad", H5T_NATIVE_DOUBLE);
        float             *theirs = peer_tensor(d, d->file, x, name, "grad", H5T_NATIVE_FLOAT);
        for (int64_t k = 0; want != NULL && theirs != NULL && k < hoop_tensor_numel(x); k++) {
            ours2 += pow(factor * (double)ours[k] - want[k], 2);
            theirs2 += pow((double)theirs[k] - want[k], 2);
            all2 += want[k] * want[k];
        }
        if (want == NULL || theirs == NULL) return false;
        free(want);
        free(theirs);
    }
    (void)printf("from f64: hoop %.3e PyTorch %.3e\n", sqrt(ours2 / all2), sqrt(theirs2 / all2));
    return true;
}

/* Sums become means by the step's weight: gradients in the store are sums. */
static bool compare_tensors(const dump *d, const hoop_params *p, const char *group, double factor, double *relative,
                            double *largest)
{
    for (int i = 0; i < hoop_params_count(p); i++) {
        const float *ours   = ours_of(p, i, group);
        float       *theirs = peer_tensor(d, d->file, hoop_params_tensor(p, i), hoop_params_name(p, i), group, H5T_NATIVE_FLOAT);
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
    char              text[4096];
    hoop_trainer_opts opts = {.arrays = true, .input_ndim = w->ndim, .target_ndim = w->target_ndim, .classes = w->classes};
    hoop_status       st;
    memcpy(opts.input_shape, w->shape, sizeof w->shape);
    memcpy(opts.target_shape, w->target_shape, sizeof w->target_shape);
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
        if (k > 0) continue;
        if (!compare_tensors(d, p, "grad", 1.0 / last->weight, out->grad, NULL)) goto done;
        if (d->f64 > 0 && !compare_f64(d, p, 1.0 / last->weight)) goto done;
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

static bool near_enough(const net *n, const result *r)
{
    return r->near_final <= n->most_final && r->near_loss <= n->most_loss;
}

static bool run_variant(const workload *w, const dump *d, const struct variant *v, hoop_comm *comm, result *out,
                        char names[][NAME], int *count)
{
    if (!run_once(w, d, v, 0, comm, out, names, count)) return false;
    out->near_final = largest(out->final, *count);
    out->near_loss  = out->loss;
    for (int n = 1; n <= NEIGHBOURS && d->f64 == 0 && !near_enough(d->net, out); n++) {
        result r = {.loss = 0};
        if (!run_once(w, d, v, n, comm, &r, names, count)) return false;
        out->near_final = largest(r.final, *count);
        out->near_loss  = r.loss;
        out->neighbour  = n;
    }
    if (d->f64 == 0 && !near_enough(d->net, out)) out->neighbour = -1;
    return true;
}

static bool print_row(const net *n, const char *what, const char *name, const double *values, int stride, double most)
{
    bool good = true;
    (void)printf("%-9s %-32s", what, name);
    for (int v = 0; v < n->variants; v++) {
        double x = values[v * stride];
        good     = good && x <= most; /* NaN fails */
        (void)printf("  %9.2e%c", x, x <= most ? ' ' : '!');
    }
    (void)printf("  %7.0e\n", most);
    return good;
}

static void print_plain_row(const net *n, const char *what, const char *format, const double *values, int stride,
                            const char *remark)
{
    (void)printf("%-42s", what);
    for (int v = 0; v < n->variants; v++) (void)printf(format, values[v * stride]);
    (void)printf("  %s\n", remark);
}

static bool print_results(const workload *w, const dump *d, const result *r, char names[][NAME], int count)
{
    const net *n      = d->net;
    const int  stride = (int)(sizeof *r / sizeof(double));
    bool       good = true, moved = false;
    double     most[VARIANTS];
    (void)printf("%s, %llu samples, %llu AdamW steps: hoop's difference from PyTorch's, relative in norm\n%-42s", w->name,
                 (unsigned long long)d->x_dims[0], (unsigned long long)d->steps, "leaves, reduce");
    for (int v = 0; v < n->variants; v++) {
        (void)printf("  %d %-8s", variants[v].leaves, variants[v].reduce);
        most[v] = largest(r[v].final_abs, count);
        moved   = moved || r[v].neighbour != 0;
    }
    (void)printf("  at most\n");
    for (int i = 0; i < count; i++) good = print_row(n, "gradient", names[i], &r->grad[i], stride, n->most_grad) && good;
    for (int i = 0; i < count; i++) (void)print_row(n, "final", names[i], &r->final[i], stride, n->most_final);
    (void)print_row(n, "losses", "largest", &r->loss, stride, n->most_loss);
    print_plain_row(n, "final, of an element", "  %9.2e ", most, 1, "(absolute)");
    if (moved) {
        print_plain_row(n, "neighbour that agrees", "  %9.0f ", &r->neighbour, stride,
                        "(initial weights moved by up to an ulp; 0: not moved)");
        good = print_row(n, "its", "final, largest", &r->near_final, stride, n->most_final) && good;
        good = print_row(n, "its", "losses, largest", &r->near_loss, stride, n->most_loss) && good;
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
    for (int i = 0; (argc == 3 || argc == 4) && workload_get(i) != NULL; i++) {
        if (strcmp(argv[1], workload_get(i)->name) == 0) w = workload_get(i);
    }
    for (size_t i = 0; w != NULL && i < sizeof nets / sizeof nets[0]; i++) {
        if (strcmp(argv[1], nets[i].name) == 0) d.net = &nets[i];
    }
    if (d.net == NULL) {
        (void)fprintf(stderr,
                      "usage: compare_dump WORKLOAD FILE.h5 [F64.h5] (peer_train.py WORKLOAD --dump FILE.h5, train_f64.py)\n");
        return 2;
    }
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    good = dump_open(argv[2], argc == 4 ? argv[3] : NULL, w, &d) && hoop_comm_create_self(NULL, &err, &comm) == HOOP_OK;
    for (int v = 0; v < d.net->variants && good; v++) good = run_variant(w, &d, &variants[v], comm, &results[v], names, &count);
    if (good && d.f64 == 0) good = print_results(w, &d, results, names, count);
    hoop_comm_destroy(&comm);
    dump_close(&d);
    return good ? 0 : 1;
}

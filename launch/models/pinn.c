/* pinn: a network of coordinates that a differential equation holds for (Raissi, Perdikaris and Karniadakis, Journal of
 * Computational Physics 378, 2019). A row of the input is a point's coordinates and what it is there for: 0, the solution's value
 * (borders, initial values, measurements); 1, the equation. The output is what the target says of that point: u, or the
 * equation's left side.
 *
 * Derivatives with respect to coordinates go forward with the values, layer by layer, by the chain rule (Taylor mode, Griewank
 * and Walther, 'Evaluating Derivatives', 2008, chapter 13): u, du/dx_j for each coordinate, and the sum of the second ones that
 * the equation has. They are ops on rows like any others, whose gradients are first derivatives. */
#include "models/parts.h"

#include "hoop/ops.h"

#include <stdio.h>

typedef struct pinn_opts {
    int       equation, activation;
    hoop_ints hidden;
    double    viscosity;
} pinn_opts;

enum { POISSON, BURGERS };
static const char *const equations[] = {"poisson", "burgers", NULL};
enum { TANH, SIN, SIGMOID, SILU };
static const char *const activations[] = {"tanh", "sin", "sigmoid", "silu", NULL};

#define AT(field) offsetof(pinn_opts, field)
static const hoop_option rows[] = {
    {"equation", HOOP_OPT_ENUM, AT(equation), "poisson", 0, 0, equations, true,
     "poisson: -(u_xx + u_yy + ...) = the target, of any number of coordinates; burgers: u_t + u u_x - viscosity u_xx = the "
     "target, of x and t"},
    {"hidden", HOOP_OPT_INTS, AT(hidden), "[20, 20, 20, 20]", 1, 1e6, NULL, true, "outputs of each hidden layer"},
    {"activation", HOOP_OPT_ENUM, AT(activation), "tanh", 0, 0, activations, true, "after each hidden layer; smooth ones"},
    {"viscosity", HOOP_OPT_FLOAT, AT(viscosity), "0.003183098861837907", 0, 1e9, NULL, true,
     "of burgers; 0.01 / pi unless given"},
};
#undef AT

/* ---- values and derivatives, layer by layer ---- */

enum { MOST_COORDINATES = 8 };

/* (N, width): values, their derivatives by each coordinate, and the sum of the second ones that count; NULL: it is 0 */
typedef struct jet {
    hoop_tensor *value, *first[MOST_COORDINATES], *second;
} jet;

/* how many coordinates, from the first on, count in the sum of second derivatives */
static int second_ones(const pinn_opts *o, int coordinates)
{
    return o->equation == BURGERS ? 1 : coordinates;
}

/* 1 in column j, as rows of x: what leaves make of it is summed as theirs */
static hoop_tensor *direction(hoop_tape *t, hoop_tensor *x, int j)
{
    const int    n = (int)hoop_tensor_size(x, 1);
    hoop_tensor *column[MOST_COORDINATES];
    for (int c = 0; c < n; c++) {
        hoop_tensor *one = hoop_slice(t, x, 1, c, 1);
        one              = hoop_scale(t, one, 0.0);
        column[c]        = hoop_shift(t, one, c == j ? 1.0 : 0.0);
    }
    return hoop_concat(t, column, n, 1);
}

static jet coordinates(hoop_tape *t, hoop_tensor *x)
{
    jet y = {.value = x};
    for (int j = 0; j < (int)hoop_tensor_size(x, 1); j++) y.first[j] = direction(t, x, j);
    return y;
}

static jet through_linear(const hoop_module *linear, hoop_tape *t, jet x, int n)
{
    hoop_tensor *w = hoop_module_tensor(linear, 0);
    jet          y = {.value = hoop_linear(t, x.value, w, hoop_module_tensor(linear, 1))};
    for (int j = 0; j < n; j++) y.first[j] = hoop_linear(t, x.first[j], w, NULL);
    if (x.second != NULL) y.second = hoop_linear(t, x.second, w, NULL);
    return y;
}

/* f(z), f'(z), f''(z) */
static void differentiate(hoop_tape *t, int activation, hoop_tensor *z, hoop_tensor *f[3])
{
    hoop_tensor *s, *p;
    switch (activation) {
    case TANH: /* 1 - f^2; -2 f f' */
        f[0] = hoop_tanh(t, z);
        p    = hoop_square(t, f[0]);
        f[1] = hoop_shift(t, hoop_neg(t, p), 1.0);
        p    = hoop_mul(t, f[0], f[1]);
        f[2] = hoop_scale(t, p, -2.0);
        break;
    case SIN:
        f[0] = hoop_sin(t, z);
        f[1] = hoop_cos(t, z);
        f[2] = hoop_neg(t, f[0]);
        break;
    case SIGMOID: /* f (1 - f); f' (1 - 2 f) */
        f[0] = hoop_sigmoid(t, z);
        p    = hoop_shift(t, hoop_neg(t, f[0]), 1.0);
        f[1] = hoop_mul(t, f[0], p);
        p    = hoop_shift(t, hoop_scale(t, f[0], -2.0), 1.0);
        f[2] = hoop_mul(t, f[1], p);
        break;
    default: /* z s; s + z s'; 2 s' + z s'' */
        s    = hoop_sigmoid(t, z);
        p    = hoop_shift(t, hoop_neg(t, s), 1.0);
        p    = hoop_mul(t, s, p);
        f[0] = hoop_mul(t, z, s);
        f[1] = hoop_mul(t, z, p);
        f[1] = hoop_add(t, s, f[1]);
        s    = hoop_shift(t, hoop_scale(t, s, -2.0), 1.0);
        s    = hoop_mul(t, z, s);
        s    = hoop_shift(t, s, 2.0);
        f[2] = hoop_mul(t, p, s);
    }
}

/* first: f' z_j; second: f' z_second + f'' (z_0^2 + z_1^2 + ...) */
static jet through_activation(hoop_tape *t, const pinn_opts *o, jet z, int n)
{
    jet          y = {0};
    hoop_tensor *f[3], *squares = NULL;
    differentiate(t, o->activation, z.value, f);
    y.value = f[0];
    for (int j = 0; j < n; j++) y.first[j] = hoop_mul(t, f[1], z.first[j]);
    for (int j = 0; j < second_ones(o, n); j++) {
        hoop_tensor *square = hoop_square(t, z.first[j]);
        squares             = squares == NULL ? square : hoop_add(t, squares, square);
    }
    y.second = hoop_mul(t, f[2], squares);
    if (z.second != NULL) {
        hoop_tensor *straight = hoop_mul(t, f[1], z.second);
        y.second              = hoop_add(t, straight, y.second);
    }
    return y;
}

/* ---- the equations ---- */

static hoop_tensor *left_side(hoop_tape *t, const pinn_opts *o, const jet *u)
{
    hoop_tensor *side, *carried;
    if (o->equation == POISSON) return hoop_neg(t, u->second);
    carried = hoop_mul(t, u->value, u->first[0]);
    side    = hoop_add(t, u->first[1], carried);
    return hoop_sub(t, side, hoop_scale(t, u->second, o->viscosity));
}

/* ---- the module: linears by their numbers in a Sequential ---- */

static hoop_status build_many(hoop_module *m, int nin, const hoop_shape *in, int *nout, hoop_shape *out, hoop_error *err)
{
    const pinn_opts *o = hoop_module_opts(m);
    hoop_shape       x = in[0];
    hoop_status      st;
    char             name[24];
    *nout = 1;
    HOOP_TRY(st, done, hoop__part_takes(m, nin, in, 2, err));
    x.size[1]--;
    for (int i = 0; i <= o->hidden.n; i++) {
        const hoop_linear_opts linear = {.out = i < o->hidden.n ? o->hidden.v[i] : 1};
        (void)snprintf(name, sizeof name, "%d", 2 * i);
        HOOP_TRY(st, done, hoop__part_add(m, "linear", name, &linear, err, NULL));
        HOOP_TRY(st, done, hoop__part_build(m, name, &x, err));
    }
    out[0] = x;
done:
    return st;
}

static void forward_many(const hoop_module *m, hoop_tape *t, int nin, hoop_tensor *const *in, hoop_tensor **out)
{
    const pinn_opts   *o = hoop_module_opts(m);
    const int          n = (int)hoop_tensor_size(in[0], 1) - 1;
    const hoop_module *linear;
    hoop_tensor       *x = hoop_slice(t, in[0], 1, 0, n), *what = hoop_slice(t, in[0], 1, n, 1), *side;
    jet                u;
    (void)nin;
    x = hoop_contiguous(t, x);
    u = coordinates(t, x);
    for (linear = hoop_module_first(m); linear != NULL; linear = hoop_module_next(linear)) {
        u = through_linear(linear, t, u, n);
        if (hoop_module_next(linear) != NULL) u = through_activation(t, o, u, n);
    }
    side   = left_side(t, o, &u);
    what   = hoop_greater(t, what, hoop_fill(t, hoop_tensor_dtype(what), 0, NULL, 0.5));
    out[0] = hoop_where(t, what, side, u.value);
}

static const hoop_module_kind pinn = {
    .name         = "pinn",
    .help         = "(N, coordinates and what a point is for) -> (N, 1): the solution there, or the equation's left side",
    .opts_size    = sizeof(pinn_opts),
    .build_many   = build_many,
    .forward_many = forward_many,
    .children     = hoop__parts,
    .nchildren    = 1,
    .feeds        = hoop__parts_feed,
};

static hoop_status build(const hoop__model_call *c, hoop_error *err)
{
    const pinn_opts *o       = c->opts;
    const int64_t    columns = c->inputs[0].shape.size[1];
    int64_t          outputs;
    hoop_status      st;
    HOOP_TRY(st, done,
             hoop__model_one(c, 1, 1, "points: (N, coordinates and a last column, 0: the value, 1: the equation)", err));
    HOOP_TRY(st, done, hoop__model_outputs(c, &outputs, err));
    if (o->hidden.n == 0)
        return hoop_config_fail(c->config, "model.hidden", err,
                                "at least one layer is wanted: without, the second derivatives of the equation are 0");
    if (outputs != 1 || c->targets[0].classes)
        return hoop_config_fail(c->config, "model", err,
                                "target '%s' is to be one number of each point, the value of u or of the equation's right side",
                                c->targets[0].name);
    if (o->equation == BURGERS ? columns != 3 : columns < 2 || columns > MOST_COORDINATES + 1)
        return hoop_config_fail(c->config, "model.equation", err,
                                "rows of '%s' have %lld columns; %s, and a last one, 0: the value, 1: the equation, are wanted",
                                c->inputs[0].name, (long long)columns, o->equation == BURGERS ? "x, t" : "1 to 8 coordinates");
    st = hoop_module_add(c->parent, &pinn, "layers", o, err, NULL);
done:
    return st;
}

const hoop__model_kind hoop__model_pinn = {
    .name      = "pinn",
    .help      = "a solution of a differential equation: rows (coordinates, 0 or 1) -> u there, or the equation's left side",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(pinn_opts),
    .as_is     = true,
    .build     = build,
};

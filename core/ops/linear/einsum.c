/*
 * einsum - contractions as the field writes them: "bij,bjk->bik". Two operands at a time, from the left: dims of both that nobody
 * else needs are summed over by a matrix product, those that somebody needs are its batch; a dim of one that nobody needs is
 * summed away first. So no contraction is a loop of its own, and gemm: blas reaches all.
 */
#include "hoop/ops.h"
#include "ops/shape.h"
#include "tape/tape.h"

#include <string.h>

enum { MOST_OPERANDS = 16, LETTERS = 52, LABELS = LETTERS + HOOP_MAX_DIMS /* of dims that "..." stands for, from the end */ };

/* a tensor and what its dims are called */
typedef struct operand {
    hoop_tensor *x;
    int          ndim, label[HOOP_MAX_DIMS];
} operand;

typedef struct equation {
    hoop_tape  *t;
    const char *text;
    int         nin, nout, dots; /* dots: dims that "..." stands for, the most of any operand */
    int         out[HOOP_MAX_DIMS];
    operand     in[MOST_OPERANDS];
    int64_t     size[LABELS]; /* -1: not there */
} equation;

static bool fail(const equation *e, hoop_status st, const char *why, int where)
{
    hoop_tape_fail(e->t, st, "einsum: '%s': %s (%d)", e->text, why, where);
    return false;
}

static int label_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return 26 + c - 'a';
    return -1;
}

/* A term of letters and at most one "...", of which `dots` dims are meant; *s is at its end then. Spaces are not looked at. */
static bool read_term(const equation *e, const char **s, int dots, int *label, int *n)
{
    bool seen = false;
    *n        = 0;
    for (; **s != '\0' && **s != ',' && **s != '-'; ++*s) {
        int l = label_of(**s), count = 1;
        if (**s == ' ') continue;
        if (l < 0) {
            if (strncmp(*s, "...", 3) != 0)
                return fail(e, HOOP_EARG, "letters, '...', ',' and '->' are wanted; place", (int)(*s - e->text));
            if (seen) return fail(e, HOOP_EARG, "a second '...' in a term; place", (int)(*s - e->text));
            seen = true;
            *s += 2;
            count = dots;
        }
        if (*n + count > HOOP_MAX_DIMS) return fail(e, HOOP_ESHAPE, "a term has too many dims; most", HOOP_MAX_DIMS);
        for (int k = 0; k < count; k++) label[(*n)++] = l >= 0 ? l : LETTERS + count - 1 - k;
    }
    return true;
}

/* letters of a term, without "..." */
static int letters_in(const char *s)
{
    int n = 0;
    for (; *s != '\0' && *s != ',' && *s != '-'; s++) n += label_of(*s) >= 0;
    return n;
}

static bool has_dots(const char *s)
{
    for (; *s != '\0' && *s != ',' && *s != '-'; s++) {
        if (*s == '.') return true;
    }
    return false;
}

static bool read_inputs(equation *e, hoop_tensor *const *xs, const char **s)
{
    for (int i = 0; i < e->nin; i++) {
        operand *o    = &e->in[i];
        int      ndim = hoop_tensor_ndim(xs[i]), n, dots = ndim - letters_in(*s);
        if (i > 0) {
            if (**s != ',') return fail(e, HOOP_EARG, "fewer terms than operands, of which there are", e->nin);
            dots = ndim - letters_in(++*s);
        }
        if (has_dots(*s) ? dots < 0 : dots != 0) return fail(e, HOOP_ESHAPE, "the letters are not the dims of operand", i);
        if (!read_term(e, s, dots, o->label, &n)) return false;
        if (dots > e->dots) e->dots = dots;
        o->x    = xs[i];
        o->ndim = n;
    }
    if (**s == ',') return fail(e, HOOP_EARG, "more terms than operands, of which there are", e->nin);
    return true;
}

/* without "->": what is there once, in the order of the alphabet, behind what "..." stands for */
static void implicit_output(equation *e)
{
    for (int k = 0; k < e->dots; k++) e->out[e->nout++] = LETTERS + e->dots - 1 - k;
    for (int l = 0; l < LETTERS; l++) {
        int count = 0;
        for (int i = 0; i < e->nin; i++) {
            for (int d = 0; d < e->in[i].ndim; d++) count += e->in[i].label[d] == l;
        }
        if (count == 1 && e->nout < HOOP_MAX_DIMS) e->out[e->nout++] = l;
    }
}

static bool read_equation(equation *e, hoop_tensor *const *xs)
{
    const char *s = e->text;
    for (int l = 0; l < LABELS; l++) e->size[l] = -1;
    if (!read_inputs(e, xs, &s)) return false;
    if (*s == '\0') {
        implicit_output(e);
        return true;
    }
    if (s[1] != '>') return fail(e, HOOP_EARG, "'->' is wanted; place", (int)(s - e->text));
    s += 2;
    if (!read_term(e, &s, e->dots, e->out, &e->nout)) return false;
    if (*s != '\0') return fail(e, HOOP_EARG, "nothing is wanted behind the result; place", (int)(s - e->text));
    return true;
}

static int find(const operand *o, int label)
{
    for (int d = 0; d < o->ndim; d++) {
        if (o->label[d] == label) return d;
    }
    return -1;
}

static void drop(operand *o, int d)
{
    o->ndim--;
    for (; d < o->ndim; d++) o->label[d] = o->label[d + 1];
}

/* a letter twice in a term: the diagonal of these dims, which goes to the end */
static bool take_diagonals(equation *e)
{
    for (int i = 0; i < e->nin; i++) {
        operand *o = &e->in[i];
        for (int d = 0; d < o->ndim; d++) {
            int label = o->label[d], first = find(o, label);
            if (first == d) continue;
            if (hoop_tensor_size(o->x, first) != hoop_tensor_size(o->x, d))
                return fail(e, HOOP_ESHAPE, "a letter that is there twice has two sizes in operand", i);
            o->x = hoop_diagonal(e->t, o->x, 0, first, d);
            drop(o, d);
            drop(o, first);
            o->label[o->ndim++] = label;
            d                   = -1; /* from the beginning */
        }
    }
    return true;
}

/* sizes of letters; dims of size 1 are broadcast: as if they were not there */
static bool find_sizes(equation *e)
{
    for (int i = 0; i < e->nin; i++) {
        for (int d = 0; d < e->in[i].ndim; d++) {
            int64_t *size = &e->size[e->in[i].label[d]], n = hoop_tensor_size(e->in[i].x, d);
            if (*size > 1 && n != 1 && n != *size)
                return fail(e, HOOP_ESHAPE, "a letter has several sizes, the last in operand", i);
            if (*size < 0 || *size == 1) *size = n;
        }
    }
    for (int i = 0; i < e->nin; i++) {
        operand *o = &e->in[i];
        for (int d = o->ndim - 1; d >= 0; d--) {
            if (hoop_tensor_size(o->x, d) != 1 || e->size[o->label[d]] == 1) continue;
            o->x = hoop_squeeze(e->t, o->x, d);
            drop(o, d);
        }
    }
    for (int k = 0; k < e->nout; k++) {
        if (e->size[e->out[k]] < 0) return fail(e, HOOP_EARG, "the result has a letter that no operand has; place", k);
        for (int m = 0; m < k; m++) {
            if (e->out[m] == e->out[k]) return fail(e, HOOP_EARG, "the result has a letter twice; place", k);
        }
    }
    return true;
}

/* is a letter wanted by the result, or an operand from number i on? */
static bool wanted(const equation *e, int label, int i)
{
    for (int k = 0; k < e->nout; k++) {
        if (e->out[k] == label) return true;
    }
    for (; i < e->nin; i++) {
        if (find(&e->in[i], label) >= 0) return true;
    }
    return false;
}

/* sum over dims that nobody wants: not the result, nor operands from number i on, nor `beside` */
static void sum_away(equation *e, operand *o, int i, const operand *beside)
{
    unsigned dims = 0;
    for (int d = 0; d < o->ndim; d++) {
        if (!wanted(e, o->label[d], i) && (beside == NULL || find(beside, o->label[d]) < 0)) dims |= 1u << d;
    }
    if (dims == 0) return;
    o->x = hoop_sum(e->t, o->x, dims, false);
    for (int d = o->ndim - 1; d >= 0; d--) {
        if ((dims >> d & 1) != 0) drop(o, d);
    }
}

/* the letters of both in groups */
typedef struct groups {
    int n[4], label[4][HOOP_MAX_DIMS]; /* BATCH, LEFT, SUMMED, RIGHT */
} groups;
enum { BATCH, LEFT, SUMMED, RIGHT };

static void put(groups *g, int group, int label)
{
    g->label[group][g->n[group]++] = label;
}

static groups groups_of(const equation *e, const operand *a, const operand *b, int next)
{
    groups g = {{0}, {{0}}};
    for (int d = 0; d < a->ndim; d++)
        put(&g, find(b, a->label[d]) < 0 ? LEFT : wanted(e, a->label[d], next) ? BATCH : SUMMED, a->label[d]);
    for (int d = 0; d < b->ndim; d++) {
        if (find(a, b->label[d]) < 0) put(&g, RIGHT, b->label[d]);
    }
    return g;
}

/* x with its dims in the order batch, p, q: (batch.., P, Q), with groups of several dims made one, and empty ones of size 1 */
static hoop_tensor *as_matrices(equation *e, const operand *o, const groups *g, int p, int q)
{
    int64_t      dims[HOOP_MAX_DIMS], shape[HOOP_MAX_DIMS];
    int          n        = 0;
    const int    order[3] = {BATCH, p, q};
    hoop_tensor *x;
    for (int k = 0; k < 3; k++) {
        for (int m = 0; m < g->n[order[k]]; m++) dims[n++] = find(o, g->label[order[k]][m]);
    }
    x = hoop_permute(e->t, o->x, n, dims);
    if (g->n[p] <= 1 && g->n[q] <= 1) { /* as it lies */
        if (g->n[p] == 0) x = hoop_unsqueeze(e->t, x, g->n[BATCH]);
        return g->n[q] == 0 ? hoop_unsqueeze(e->t, x, -1) : x;
    }
    for (int m = 0; m < g->n[BATCH]; m++) shape[m] = e->size[g->label[BATCH][m]];
    shape[g->n[BATCH]] = shape[g->n[BATCH] + 1] = 1;
    for (int m = 0; m < g->n[p]; m++) shape[g->n[BATCH]] *= e->size[g->label[p][m]];
    for (int m = 0; m < g->n[q]; m++) shape[g->n[BATCH] + 1] *= e->size[g->label[q][m]];
    return hoop_reshape(e->t, x, g->n[BATCH] + 2, shape);
}

/* no sum: a and b side by side in dims of their own, then multiplied */
static hoop_tensor *side_by_side(equation *e, const operand *o, const groups *g, int own)
{
    int64_t      dims[HOOP_MAX_DIMS];
    int          n = 0;
    hoop_tensor *x;
    for (int m = 0; m < g->n[BATCH]; m++) dims[n++] = find(o, g->label[BATCH][m]);
    for (int m = 0; m < g->n[own]; m++) dims[n++] = find(o, g->label[own][m]);
    x = hoop_permute(e->t, o->x, n, dims);
    for (int m = 0; own == LEFT && m < g->n[RIGHT]; m++) x = hoop_unsqueeze(e->t, x, -1);
    for (int m = 0; own == RIGHT && m < g->n[LEFT]; m++) x = hoop_unsqueeze(e->t, x, g->n[BATCH]);
    return x;
}

static bool contract(equation *e, operand *a, operand *b, int next)
{
    groups       g;
    hoop_tensor *x, *y;
    int64_t      shape[HOOP_MAX_DIMS];
    sum_away(e, a, next, b);
    sum_away(e, b, next, a);
    g = groups_of(e, a, b, next);
    if (g.n[BATCH] + g.n[LEFT] + g.n[RIGHT] + (g.n[SUMMED] > 0 ? (g.n[LEFT] == 0) + (g.n[RIGHT] == 0) : 0) > HOOP_MAX_DIMS)
        return fail(e, HOOP_ESHAPE, "on the way there are more dims than a tensor has; most", HOOP_MAX_DIMS);
    if (g.n[SUMMED] == 0) {
        x = side_by_side(e, a, &g, LEFT);
        y = side_by_side(e, b, &g, RIGHT);
        x = hoop_mul(e->t, x, y);
    } else {
        x = as_matrices(e, a, &g, LEFT, SUMMED);
        y = as_matrices(e, b, &g, SUMMED, RIGHT);
        x = hoop_matmul(e->t, x, y);
    }
    a->ndim = 0;
    for (int k = 0; k < 3; k++) {
        int group = k == 0 ? BATCH : k == 1 ? LEFT : RIGHT;
        for (int m = 0; m < g.n[group]; m++) {
            shape[a->ndim]      = e->size[g.label[group][m]];
            a->label[a->ndim++] = g.label[group][m];
        }
    }
    a->x = g.n[SUMMED] == 0 || (g.n[LEFT] == 1 && g.n[RIGHT] == 1) ? x : hoop_reshape(e->t, x, a->ndim, shape);
    return true;
}

/**
 * hoop_einsum - the sum of products that an equation names: a term of letters an operand, "...", and the result's behind "->".
 * Shape   n tensors, whose dims are called by the letters of their terms -> the letters of the result
 * Value   as torch.einsum: without "->" the letters that are there once, in the order of the alphabet; a letter twice in a term
 * is a diagonal; sizes of 1 are broadcast. Operands are multiplied from the left to the right Grad    of the ops it is made of:
 * matmul, mul, sum, permute Dtype   f32, f64                   Errors HOOP_EARG (equation, n), HOOP_ESHAPE, HOOP_EDTYPE
 */
hoop_tensor *hoop_einsum(hoop_tape *t, const char *text, hoop_tensor *const *xs, int n)
{
    equation e = {.t = t, .text = text, .nin = n};
    operand *a = &e.in[0];
    int64_t  dims[HOOP_MAX_DIMS];
    if (n < 1 || n > MOST_OPERANDS) {
        (void)fail(&e, HOOP_EARG, "1 to 16 operands are possible, not", n);
        return &t->poison;
    }
    for (int i = 0; i < n; i++) {
        if (xs[i] == NULL) (void)fail(&e, HOOP_EARG, "NULL is operand", i);
        if (xs[i] == NULL || hoop_tensor_is_poison(xs[i])) return &t->poison;
    }
    if (!read_equation(&e, xs) || !take_diagonals(&e) || !find_sizes(&e)) return &t->poison;
    for (int i = 1; i < n; i++) {
        if (!contract(&e, a, &e.in[i], i + 1)) return &t->poison;
    }
    sum_away(&e, a, n, NULL);
    for (int k = 0; k < e.nout; k++) dims[k] = find(a, e.out[k]);
    return hoop_permute(t, a->x, e.nout, dims);
}

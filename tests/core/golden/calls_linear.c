/* Functions of the cases of linear. */
#include "golden.h"

static hoop_tensor *mlp(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_tensor *h = hoop_linear(t, x[0], x[1], x[2]), *g = hoop_gelu(t, h, HOOP_GELU_ERF),
                *logits = hoop_linear(t, g, x[3], NULL);
    (void)c;
    (void)out;
    return hoop_cross_entropy(t, logits, x[4]);
}

static hoop_tensor *attention(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_tensor *kt = hoop_transpose(t, x[1], 1, 2), *score = hoop_matmul(t, x[0], kt), *scaled = hoop_scale(t, score, 0.5);
    hoop_tensor *p = hoop_softmax(t, scaled);
    (void)c;
    (void)out;
    return hoop_matmul(t, p, x[2]);
}

static hoop_tensor *product(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)c, (void)out;
    return hoop_matmul(t, x[0], x[1]);
}

static hoop_tensor *outer(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)c, (void)out;
    return hoop_outer(t, x[0], x[1]);
}

static hoop_tensor *dot(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)c, (void)out;
    return hoop_dot(t, x[0], x[1]);
}

static hoop_tensor *bilinear(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)c, (void)out;
    return hoop_bilinear(t, x[0], x[1], x[2], x[3]);
}

static hoop_tensor *einsum(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_einsum(t, golden_word(c, "equation", ""), x, golden_count(c, "input"));
}

extern const golden_call golden_calls_linear[];
const golden_call        golden_calls_linear[] = {{"mlp", mlp}, {"attention", attention}, {"product", product}, {"outer", outer},
                                                  {"dot", dot}, {"bilinear", bilinear},   {"einsum", einsum},   {NULL, NULL}};

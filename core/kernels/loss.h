/** core/kernels/loss.h - inner loops of losses: of an output with its target, of classes by row, of CTC by sample. */
#ifndef HOOP_KERNELS_LOSS_H
#define HOOP_KERNELS_LOSS_H

#include "kernels/kernels.h"

/* f(x, t), x an output and t its target; a and b: options, as core/ops/loss says them */
#define HOOP_PAIR_LIST(X)                                                                                                        \
    X(l1)                                                                                                                        \
    X(smooth_l1) X(huber) X(bce) X(bce_with_logits) X(kl_div) X(kl_div_log) X(poisson_nll) X(poisson_nll_log) X(sigmoid_focal)
enum hoop_pair_kernel {
#define HOOP_PAIR_ENUM(name) HOOP_PAIR_##name,
    HOOP_PAIR_LIST(HOOP_PAIR_ENUM) HOOP_PAIR_COUNT
#undef HOOP_PAIR_ENUM
};
/* y = f; dx (+)= scale df/dx. All contiguous. */
typedef void hoop_pair_fn(int64_t n, const void *x, const void *t, double a, double b, void *y);
typedef void hoop_pair_grad_fn(int64_t n, const void *x, const void *t, double a, double b, double scale, void *dx, bool add);

/* cross entropy with options: of a row with label y, weights w, n = -log p_y:
 * (1 - smoothing) w_y (1 - p_y)^gamma n + smoothing / cols sum_c w_c (-log p_c) */
typedef struct hoop_class_opts {
    int64_t     cols;
    double      smoothing, gamma;
    double      total;  /* of the weights */
    const void *weight; /* [cols]; NULL: all are 1 */
} hoop_class_opts;
/* lse[r], loss[r]; 0 where label[r] is HOOP_IGNORE_LABEL_VALUE */
typedef void hoop_class_loss_fn(int64_t rows, const hoop_class_opts *o, const void *x, const int64_t *label, void *lse,
                                void *loss);
/* dx (+)= scale times its gradient, 0 for ignored rows */
typedef void hoop_class_loss_grad_fn(int64_t rows, const hoop_class_opts *o, const void *x, const int64_t *label, const void *lse,
                                     double scale, void *dx, bool add);

/* one sample of CTC: logits x (frames, cols), `labels` of label, none of them blank */
typedef struct hoop_ctc_sample {
    int64_t        frames, cols, labels, blank;
    const void    *x;
    const int64_t *label;
    double        *work; /* hoop_ctc_work doubles */
} hoop_ctc_sample;
/* states: a blank before, between and behind the labels */
static inline int64_t hoop_ctc_work(int64_t frames, int64_t labels)
{
    return frames + (frames + 3) * (2 * labels + 1 + 2);
}
/* minus the log of the probability of the labels: infinite where there are too few frames */
typedef double hoop_ctc_fn(const hoop_ctc_sample *c);
/* dx (frames, cols) (+)= scale times its gradient by the logits */
typedef void hoop_ctc_grad_fn(const hoop_ctc_sample *c, double scale, void *dx, bool add);

typedef struct hoop_loss_kernels {
    hoop_pair_fn            *pair[HOOP_PAIR_COUNT][HOOP_NFLOAT];
    hoop_pair_grad_fn       *pair_grad[HOOP_PAIR_COUNT][HOOP_NFLOAT];
    hoop_class_loss_fn      *class_loss[HOOP_NFLOAT];
    hoop_class_loss_grad_fn *class_loss_grad[HOOP_NFLOAT];
    hoop_ctc_fn             *ctc[HOOP_NFLOAT];
    hoop_ctc_grad_fn        *ctc_grad[HOOP_NFLOAT];
} hoop_loss_kernels;

#endif

/* ctc: sequences of labels whose alignment to frames is not known; weight: samples. Graves et al., ICML 2006. */
#include "hoop/loss.h"
#include "hoop/ops.h"

extern const hoop_loss_kind hoop__loss_ctc;

typedef struct ctc_opts {
    int64_t blank;
    bool    zero_infinity;
    int     reduction;
} ctc_opts;
enum { MEAN, SUM };
static const char *const reductions[] = {"mean", "sum", NULL};
#define AT(field) offsetof(ctc_opts, field)
static const hoop_option rows[] = {
    {"blank", HOOP_OPT_INT, AT(blank), "0", 0, 1e9, NULL, true, "the class that is no label"},
    {"zero_infinity", HOOP_OPT_BOOL, AT(zero_infinity), "false", 0, 0, NULL, true,
     "samples with too few frames for their labels lose nothing; false: infinity"},
    {"reduction", HOOP_OPT_ENUM, AT(reduction), "mean", 0, 0, reductions, true,
     "mean: what a sample loses is divided by the number of its labels; sum: it is not"},
};
#undef AT

/* out: logits (n, T, C), target: labels (n, S), rows ended by HOOP_IGNORE_LABEL; lengths: frames of each sample */
static hoop_tensor *weighted(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, hoop_tensor *w,
                             const void *opts)
{
    const ctc_opts *o = opts;
    return hoop_loss_sum(t, hoop_ctc(t, out, target, lengths, o->blank, o->zero_infinity, o->reduction == MEAN), NULL, w);
}

static hoop_tensor *forward_lengths(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, hoop_tensor *lengths, const void *opts)
{
    return weighted(t, out, target, lengths, NULL, opts);
}

static hoop_tensor *forward(hoop_tape *t, hoop_tensor *out, hoop_tensor *target, const void *opts)
{
    return weighted(t, out, target, NULL, NULL, opts);
}

static const char *fits(int ndim, const int64_t *out, int target_ndim, const int64_t *target)
{
    (void)out, (void)target;
    return ndim == 2 && target_ndim == 1 ? NULL
                                         : "outputs (N, frames, classes) beside labels (N, most), each row padded with -100";
}

static const char *const metrics[] = {NULL};

const hoop_loss_kind hoop__loss_ctc = {
    .name            = "ctc",
    .help            = "for sequences of labels: minus the log-probability of all their alignments to frames of logits",
    .classes         = true,
    .options         = HOOP_OPTIONS(rows),
    .opts_size       = sizeof(ctc_opts),
    .forward         = forward,
    .weighted        = weighted,
    .forward_lengths = forward_lengths,
    .fits            = fits,
    .metrics         = metrics,
};

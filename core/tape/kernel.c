/* Kernels are run here, for ops, for sinks and in replay: what they are given, workspace, profile, errors. */
#include "base/threads.h"
#include "runtime/profile.h"
#include "tape/tape.h"

hoop_tape_key hoop__leaf_key(const hoop_tape *t, int leaf)
{
    hoop_tape_key key = t->key;
    if (leaf >= 0 && leaf < t->leaves.n) key.leaf = t->leaves.number.v[leaf];
    return key;
}

/* what a kernel is given; key: where its call's key is to stand */
static hoop_call call_of(const hoop_tape *t, const hoop_launch *l, hoop_threads *threads, hoop_tape_key *key, hoop_error *why)
{
    if ((l->op->flags & HOOP_OP_RANDOM) != 0) *key = hoop__leaf_key(t, l->leaf);
    return (hoop_call){.op      = l->op,
                       .in      = l->in,
                       .nin     = l->nin,
                       .out     = l->out,
                       .nout    = l->nout,
                       .attrs   = l->attrs,
                       .add     = l->add,
                       .blas    = t->rt->blas,
                       .kernels = t->rt->kernels,
                       .threads = threads,
                       .key     = key,
                       .err     = why};
}

static hoop_status forward(const hoop_call *c)
{
    const hoop_status st = c->op->forward(c);
    if (st != HOOP_OK && c->err->status == HOOP_OK) (void)hoop_fail(c->err, st, "%s", hoop_status_text(st));
    return st;
}

static void profile(const hoop_tape *t, const hoop_call *c)
{
    hoop__profile_begin(t->rt->profile, c->op, t->backward ? HOOP_PHASE_BACKWARD : HOOP_PHASE_FORWARD, c);
}

int64_t hoop__workspace(const hoop_tape *t, const hoop_launch *l, hoop_threads *threads)
{
    hoop_tape_key   key;
    const hoop_call c = call_of(t, l, threads, &key, NULL);
    return l->op->workspace == NULL ? 0 : l->op->workspace(&c);
}

hoop_status hoop__run_kernel(const hoop_tape *t, const hoop_launch *l, hoop_threads *threads, void *work, hoop_error *why)
{
    hoop_tape_key key;
    hoop_call     c = call_of(t, l, threads, &key, why);
    c.work          = work;
    return forward(&c);
}

void hoop__profile_launch(const hoop_tape *t, const hoop_launch *l)
{
    hoop_tape_key   key;
    const hoop_call c = call_of(t, l, NULL, &key, NULL);
    profile(t, &c);
}

/* with workspace of the tape's and all threads */
bool hoop__run(hoop_tape *t, const hoop_launch *l)
{
    hoop_error    why;
    hoop_tape_key key;
    hoop_call     c = call_of(t, l, t->rt->threads, &key, &why);
    int64_t       bytes;
    hoop_status   st;
    why.status  = HOOP_OK; /* not an initialiser: that would clear the text, a kilobyte, at every call */
    why.text[0] = '\0';
    bytes       = l->op->workspace == NULL ? 0 : l->op->workspace(&c);
    if (bytes > 0) c.work = hoop__scratch(t, &t->scratch, bytes);
    if (bytes > 0 && c.work == NULL) {
        char memory[HOOP__MEMORY_TEXT];
        st = hoop_fail(&why, HOOP_ENOMEM, "no memory for %lld bytes of workspace%s", (long long)bytes,
                       hoop__memory_text(t, memory));
    } else {
        if (t->rt->profile != NULL) profile(t, &c);
        st = forward(&c);
        if (t->rt->profile != NULL) hoop__profile_end(t->rt->profile);
    }
    if (st == HOOP_OK) return true;
    hoop__op_failed(t, l->op, NULL, l->in, l->nin, &why);
    return false;
}

void hoop_call_share(const hoop_call *c, int64_t n, int64_t weight, void (*f)(const void *ctx, int64_t first, int64_t n),
                     const void *ctx)
{
    hoop_threads_share(c->threads, n, weight, HOOP_ALIGN, f, ctx);
}

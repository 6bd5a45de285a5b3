/*
 * A ring of prefetch + 1 slots, a step in each: one is the consumer's, the others are read ahead by the thread. `taken` is
 * the next step the consumer will get, `filled` the next the thread will read; step s lives in slot s % slots. A seek raises
 * `generation`, so that a slot being filled meanwhile is dropped; it and the end set `abandon`, so that this does not last.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/dataset.h"
#include "hoop/loader.h"
#include "hoop/random.h"

enum { ALIGN = 64 };

/* A step's rows of one field: of fixed size, or, where they vary, as the samples have it. */
typedef struct rows {
    char    *data;
    int64_t  room;
    int64_t *lengths;   /* of samples; NULL: they do not vary */
    int64_t *leaf, *at; /* what a leaf's are padded to, and where it begins; NULL: by row_bytes */
} rows;

typedef struct slot {
    int64_t      step; /* -1: nothing */
    bool         ready;
    hoop_status  status;
    hoop_error   error;
    int64_t     *sample;
    char        *extra; /* of each sample; NULL: none */
    struct rows *field;
} slot;

struct hoop_loader {
    hoop_dataset     *ds;
    hoop_loader_opts  opts;
    int64_t           length, steps_per_epoch, first_leaf, leaves, most; /* most: samples of this rank in a full step */
    int               nfields;
    int64_t           row_bytes[HOOP_DATASET_FIELDS]; /* of rows that are padded by leaves: of one of their own rows */
    int64_t           pad_to[HOOP_DATASET_FIELDS];    /* what rows that vary are padded to; 0: leaf by leaf */
    bool              present[HOOP_DATASET_FIELDS], varies[HOOP_DATASET_FIELDS];
    hoop_loader_field leaf[HOOP_DATASET_FIELDS]; /* of the leaf given last */
    int               nslots;
    slot             *slot;
    pthread_t         thread;
    bool              threaded, stop;
    atomic_bool       abandon; /* what the thread is filling is not wanted any more */
    char            **to;      /* places of a step's rows, for whoever fills, */
    int64_t          *padded;  /* and what they are padded to */
    pthread_mutex_t   lock;
    pthread_cond_t    work, done;
    int64_t           taken, filled, held; /* held: the consumer's step, -1: none */
    uint64_t          generation;
    int64_t           next_leaf;
    double            stall_s;
};

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int64_t step_samples(const hoop_loader *l, int64_t step)
{
    const int64_t left = l->length - step % l->steps_per_epoch * l->opts.batch;
    return left < l->opts.batch ? left : l->opts.batch;
}

/* Where leaf i's rows begin in a slot's buffer, in bytes: right after those before it. */
static int64_t leaf_offset(const hoop_loader *l, int64_t n, int64_t leaf, int field)
{
    int64_t begin, first;
    (void)hoop_leaf_samples(n, l->opts.leaves, l->first_leaf, &begin);
    (void)hoop_leaf_samples(n, l->opts.leaves, leaf, &first);
    return (first - begin) * l->row_bytes[field];
}

/* What each leaf is padded to, the longest of its samples, and where it begins in a buffer that is large enough. */
static hoop_status lay_leaves(const hoop_loader *l, rows *r, int64_t n, int field, hoop_error *err)
{
    int64_t at   = 0, bytes;
    bool    fits = true;
    for (int64_t i = 0, next = 0; i < l->leaves; i++) {
        int64_t       first;
        const int64_t count = hoop_leaf_samples(n, l->opts.leaves, l->first_leaf + i, &first);
        r->leaf[i]          = 1; /* of none at all, too: a tensor has no dim of 0 */
        for (int64_t k = 0; k < count; k++, next++)
            if (r->lengths[next] > r->leaf[i]) r->leaf[i] = r->lengths[next];
        r->at[i] = at;
        fits     = fits && !__builtin_mul_overflow(r->leaf[i], l->row_bytes[field], &bytes) &&
               !__builtin_mul_overflow(bytes, count, &bytes) && !__builtin_add_overflow(at, bytes, &at);
    }
    if (!fits || at > INT64_MAX / 2) return hoop_fail(err, HOOP_ESIZE, "loader: the size of a batch overflows");
    if (at < r->room) return HOOP_OK;
    free(r->data);
    r->room = (at + at / 4 + ALIGN) / ALIGN * ALIGN;
    r->data = aligned_alloc(ALIGN, (size_t)r->room);
    if (r->data != NULL) return HOOP_OK;
    r->room = 0;
    return hoop_fail(err, HOOP_ENOMEM, "loader: no memory for %lld bytes of samples", (long long)at);
}

/* All rows of a step's field in one gathering: a chunk is then read once a step. */
static hoop_status fill_field(hoop_loader *l, slot *s, int64_t n, int64_t count, int field, const atomic_bool *stop)
{
    rows       *r = &s->field[field];
    hoop_gather g = {.index = s->sample, .n = count, .field = field, .as = l->opts.as[field], .stop = stop};
    hoop_status st;
    if (l->varies[field]) {
        g.lengths = r->lengths;
        st        = hoop__dataset_gather(l->ds, &g, &s->error);
        if (st != HOOP_OK) return st;
        g.lengths = NULL;
        g.padded  = l->padded;
        if (r->leaf != NULL && (st = lay_leaves(l, r, n, field, &s->error)) != HOOP_OK) return st;
    }
    for (int64_t leaf = l->first_leaf, at = 0; leaf < l->first_leaf + l->leaves; leaf++) {
        int64_t       first;
        const int64_t samples = hoop_leaf_samples(n, l->opts.leaves, leaf, &first), i = leaf - l->first_leaf;
        const int64_t step  = r->leaf != NULL ? r->leaf[i] * l->row_bytes[field] : l->row_bytes[field];
        char         *place = r->data + (r->leaf != NULL ? r->at[i] : leaf_offset(l, n, leaf, field));
        for (int64_t k = 0; k < samples; k++, at++) {
            l->to[at] = place + k * step;
            if (g.padded != NULL) l->padded[at] = r->leaf != NULL ? r->leaf[i] : l->pad_to[field];
        }
    }
    g.to = l->to;
    return hoop__dataset_gather(l->ds, &g, &s->error);
}

/* The first sample whose sum of weights is above a place between 0 and all of them. */
static int64_t draw(const hoop_loader *l, hoop_key key, int64_t position)
{
    const double *sum = l->opts.drawn, all = sum[l->length - 1];
    double        at  = hoop_random_f64(key, (uint64_t)position) * all;
    int64_t       low = 0, high = l->length - 1;
    if (!(at < all)) at = all * (1 - 0x1p-52); /* rounded up */
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (sum[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Each leaf that has samples goes through opts.change. */
static void change_leaves(hoop_loader *l, slot *s, int64_t n, int64_t epoch, int64_t base, int64_t begin)
{
    void   *data[HOOP_DATASET_FIELDS];
    int64_t length[HOOP_DATASET_FIELDS];
    for (int64_t leaf = l->first_leaf; leaf < l->first_leaf + l->leaves && s->status == HOOP_OK; leaf++) {
        int64_t            first;
        const int64_t      i = leaf - l->first_leaf;
        hoop_loader_change c = {.epoch = epoch, .data = data, .length = length};
        c.n                  = hoop_leaf_samples(n, l->opts.leaves, leaf, &first);
        c.sample             = s->sample + (first - begin);
        c.extra              = s->extra == NULL ? NULL : s->extra + (first - begin) * l->opts.extra;
        if (l->opts.drawn != NULL) { /* the same sample may be there twice */
            for (int64_t j = 0; j < c.n; j++) l->padded[j] = l->length + base + first + j;
            c.sample = l->padded;
        }
        for (int k = 0; k < l->nfields; k++) {
            const rows *r = &s->field[k];
            length[k]     = !l->varies[k] ? 0 : r->leaf != NULL ? r->leaf[i] : l->pad_to[k];
            data[k]       = !l->present[k] ? NULL : r->data + (r->leaf != NULL ? r->at[i] : leaf_offset(l, n, leaf, k));
        }
        if (c.n > 0) s->status = l->opts.change(l->opts.change_ctx, &c, &s->error);
    }
}

/* Which samples the step has, and their rows. */
static void fill(hoop_loader *l, slot *s, int64_t step, const atomic_bool *stop)
{
    const int64_t  n = step_samples(l, step), epoch = step / l->steps_per_epoch, base = step % l->steps_per_epoch * l->opts.batch;
    const hoop_key key   = hoop_key_make(l->opts.seed, HOOP_FOR_SHUFFLE, (uint64_t)epoch, 0, 0),
                   drawn = hoop_key_make(l->opts.seed, HOOP_FOR_SAMPLING, (uint64_t)epoch, 0, 0);
    int64_t begin, first, last, count;
    s->status       = HOOP_OK;
    s->error.status = HOOP_OK;
    (void)hoop_leaf_samples(n, l->opts.leaves, l->first_leaf, &begin);
    last  = hoop_leaf_samples(n, l->opts.leaves, l->first_leaf + l->leaves - 1, &first) + first;
    count = last - begin;
    for (int64_t i = 0; i < count; i++) {
        const int64_t position = base + begin + i;
        s->sample[i]           = l->opts.drawn != NULL ? draw(l, drawn, position)
                                 : l->opts.shuffle ? (int64_t)hoop_random_permute(key, (uint64_t)l->length, (uint64_t)position)
                                                   : position;
    }
    for (int k = 0; k < l->nfields && s->status == HOOP_OK; k++)
        if (l->present[k]) s->status = fill_field(l, s, n, count, k, stop);
    if (s->status == HOOP_OK && l->opts.change != NULL) change_leaves(l, s, n, epoch, base, begin);
}

static bool may_fill(const hoop_loader *l)
{
    const int64_t oldest = l->held >= 0 ? l->held : l->taken;
    if (l->opts.end_step > 0 && l->filled >= l->opts.end_step) return false;
    if (l->filled > l->taken && l->slot[(l->filled - 1) % l->nslots].status != HOOP_OK)
        return false; /* an error waits to be fetched */
    return l->filled - l->taken < l->opts.prefetch && l->filled - oldest < l->nslots;
}

static void *prefetch(void *ctx)
{
    hoop_loader *l = ctx;
    (void)pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        uint64_t generation;
        int64_t  step;
        slot    *s;
        if (!may_fill(l)) {
            (void)pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        generation = l->generation;
        step       = l->filled;
        s          = &l->slot[step % l->nslots];
        s->ready   = false;
        atomic_store(&l->abandon, false);
        (void)pthread_mutex_unlock(&l->lock);
        fill(l, s, step, &l->abandon);
        (void)pthread_mutex_lock(&l->lock);
        if (generation == l->generation) {
            s->step  = step;
            s->ready = true;
            l->filled++;
            (void)pthread_cond_signal(&l->done);
        }
    }
    (void)pthread_mutex_unlock(&l->lock);
    return NULL;
}

static hoop_status check(const hoop_dataset_info *info, const hoop_loader_opts *o, hoop_error *err)
{
    if (o->batch < 1) return hoop_fail(err, HOOP_ECONFIG, "batch is %lld; at least 1 is wanted", (long long)o->batch);
    if (o->leaves < 1 || o->leaves > 1 << 20)
        return hoop_fail(err, HOOP_ECONFIG, "leaves is %lld; 1 to 1048576 are possible", (long long)o->leaves);
    if (o->batch > INT64_MAX / (o->leaves + 1))
        return hoop_fail(err, HOOP_ESIZE, "batch %lld times leaves %lld overflows", (long long)o->batch, (long long)o->leaves);
    if (o->size < 1 || o->rank < 0 || o->rank >= o->size)
        return hoop_fail(err, HOOP_EARG, "loader: rank %d of %d", o->rank, o->size);
    if (o->size > o->leaves)
        return hoop_fail(err, HOOP_ECONFIG, "%d ranks, but the batch is cut into %lld leaves only; leaves: %d or more is wanted",
                         o->size, (long long)o->leaves, o->size);
    if (o->prefetch < 0 || o->prefetch > 1024)
        return hoop_fail(err, HOOP_ECONFIG, "prefetch is %d; 0 to 1024 steps are possible", o->prefetch);
    if (o->end_step < 0) return hoop_fail(err, HOOP_EARG, "loader: end_step is negative");
    if (o->first_step < 0) return hoop_fail(err, HOOP_EARG, "loader: first_step is negative");
    if (info->length < 1) return hoop_fail(err, HOOP_EFORMAT, "loader: the dataset has no rows");
    return HOOP_OK;
}

/* Buffers for the largest step there is: bytes of each field, and of what its rows' lengths take. */
static hoop_status slot_create(const hoop_loader *l, slot *s, const int64_t *bytes)
{
    const size_t most = (size_t)l->most, leaves = (size_t)l->leaves;
    bool         got;
    s->step   = -1;
    s->sample = calloc(most, sizeof *s->sample);
    s->field  = calloc((size_t)l->nfields, sizeof *s->field);
    got       = s->sample != NULL && s->field != NULL;
    if (l->opts.extra > 0) got = got && (s->extra = calloc(most, (size_t)l->opts.extra)) != NULL;
    for (int k = 0; got && k < l->nfields; k++) {
        rows *r = &s->field[k];
        if (!l->present[k]) continue;
        if (bytes[k] > 0) got = (r->data = aligned_alloc(ALIGN, (size_t)bytes[k])) != NULL;
        r->room = bytes[k];
        if (!l->varies[k]) continue;
        got = got && (r->lengths = calloc(most, sizeof *r->lengths)) != NULL;
        if (l->pad_to[k] > 0) continue;
        got = got && (r->leaf = calloc(leaves, sizeof *r->leaf)) != NULL;
        got = got && (r->at = calloc(leaves, sizeof *r->at)) != NULL;
    }
    return got ? HOOP_OK : HOOP_ENOMEM;
}

static hoop_status slots_create(hoop_loader *l, hoop_error *err)
{
    const int64_t n = l->opts.batch < l->length ? l->opts.batch : l->length;
    int64_t       first, last, bytes[HOOP_DATASET_FIELDS] = {0}, total = 0;
    (void)hoop_leaf_samples(n, l->opts.leaves, l->first_leaf, &first);
    last    = hoop_leaf_samples(n, l->opts.leaves, l->first_leaf + l->leaves - 1, &l->most);
    l->most = l->most + last - first;
    /* A short step's leaves need not nest in a full step's: one sample more is the most they can differ by. */
    l->most++;
    for (int k = 0; k < l->nfields; k++) {
        if (!l->present[k] || (l->varies[k] && l->pad_to[k] == 0)) continue; /* as large as it turns out to be */
        if (__builtin_mul_overflow(l->most, l->row_bytes[k], &bytes[k]) || __builtin_add_overflow(bytes[k], ALIGN, &bytes[k]) ||
            __builtin_add_overflow(total, bytes[k], &total))
            return hoop_fail(err, HOOP_ESIZE, "loader: the size of a batch overflows");
        bytes[k] = (bytes[k] + ALIGN - 1) / ALIGN * ALIGN;
    }
    l->to     = malloc((size_t)l->most * sizeof *l->to);
    l->padded = malloc((size_t)l->most * sizeof *l->padded);
    l->slot   = calloc((size_t)l->nslots, sizeof *l->slot);
    if (l->slot == NULL || l->to == NULL || l->padded == NULL) return hoop_fail(err, HOOP_ENOMEM, "loader: no memory");
    for (int i = 0; i < l->nslots; i++)
        if (slot_create(l, &l->slot[i], bytes) != HOOP_OK)
            return hoop_fail(err, HOOP_ENOMEM, "loader: no memory for %d batches of %lld bytes", l->nslots, (long long)total);
    return HOOP_OK;
}

static hoop_status thread_start(hoop_loader *l, hoop_error *err)
{
    sigset_t all, before;
    int      rc;
    /* Signals are for the threads of the program, not this one. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&l->thread, NULL, prefetch, l);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) return hoop_fail(err, HOOP_ENOMEM, "loader: cannot start a thread: %s", strerror(rc));
    l->threaded = true;
    return HOOP_OK;
}

static hoop_status field_create(hoop_loader *l, int field, hoop_error *err)
{
    const hoop_dataset_field *f = &hoop_dataset_about(l->ds)->field[field];
    l->present[field]           = f->present;
    l->varies[field]            = f->present && f->varies;
    if (!f->present) return HOOP_OK;
    if (f->varies && f->shape[0] > 0) l->pad_to[field] = f->shape[0];
    l->row_bytes[field] =
        (f->varies && f->shape[0] < 0 ? hoop_dataset_inner(f) : f->numel) * (int64_t)hoop_dtype_size(l->opts.as[field]);
    /* Of no rows: is there such a cast? */
    return hoop_dataset_read(l->ds, NULL, 0, field, l->opts.as[field], NULL, err);
}

hoop_status hoop_loader_create(hoop_dataset *ds, const hoop_loader_opts *opts, hoop_error *err, hoop_loader **out)
{
    const hoop_dataset_info *info = hoop_dataset_about(ds);
    hoop_loader             *l;
    hoop_status              st = check(info, opts, err);
    *out                        = NULL;
    if (st != HOOP_OK) return st;
    l = calloc(1, sizeof *l);
    if (l == NULL) return hoop_fail(err, HOOP_ENOMEM, "loader: no memory");
    l->ds              = ds;
    l->opts            = *opts;
    l->length          = info->length;
    l->steps_per_epoch = (info->length - 1) / opts->batch + 1;
    l->leaves          = hoop_leaf_range(opts->leaves, opts->rank, opts->size, &l->first_leaf);
    l->nslots          = opts->prefetch + 1;
    l->nfields         = info->nfields;
    l->held            = -1;
    l->taken = l->filled = opts->first_step;
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->work, NULL);
    (void)pthread_cond_init(&l->done, NULL);
    for (int k = 0; k < info->nfields; k++) HOOP_TRY(st, done, field_create(l, k, err));
    HOOP_TRY(st, done, slots_create(l, err));
    if (opts->prefetch > 0) HOOP_TRY(st, done, thread_start(l, err));
    *out = l;
    l    = NULL;
done:
    hoop_loader_destroy(&l);
    return st;
}

void hoop_loader_destroy(hoop_loader **pl)
{
    hoop_loader *l = pl == NULL ? NULL : *pl;
    if (l == NULL) return;
    if (l->threaded) {
        (void)pthread_mutex_lock(&l->lock);
        l->stop = true;
        atomic_store(&l->abandon, true);
        (void)pthread_cond_signal(&l->work);
        (void)pthread_mutex_unlock(&l->lock);
        (void)pthread_join(l->thread, NULL);
    }
    for (int i = 0; l->slot != NULL && i < l->nslots; i++) {
        free(l->slot[i].sample);
        free(l->slot[i].extra);
        for (int k = 0; k < l->nfields && l->slot[i].field != NULL; k++) {
            rows *r = &l->slot[i].field[k];
            free(r->data);
            free(r->lengths);
            free(r->leaf);
            free(r->at);
        }
        free(l->slot[i].field);
    }
    free(l->slot);
    free(l->to);
    free(l->padded);
    (void)pthread_cond_destroy(&l->done);
    (void)pthread_cond_destroy(&l->work);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
    *pl = NULL;
}

int64_t hoop_loader_steps_per_epoch(const hoop_loader *l)
{
    return l->steps_per_epoch;
}

/* The slot given last is not written to by the thread: where rows vary, the others are taken to be like it. */
int64_t hoop_loader_bytes(const hoop_loader *l)
{
    const int at    = l->held >= 0 ? (int)(l->held % l->nslots) : 0;
    int64_t   bytes = 0;
    for (int k = 0; k < l->nfields; k++) bytes += l->slot[at].field[k].room;
    return l->nslots * (bytes + l->most * ((int64_t)sizeof(int64_t) + l->opts.extra));
}

double hoop_loader_stall_s(const hoop_loader *l)
{
    return l->stall_s;
}

hoop_status hoop_loader_seek(hoop_loader *l, int64_t step, hoop_error *err)
{
    if (step < 0) return hoop_fail(err, HOOP_ERANGE, "loader: step %lld", (long long)step);
    (void)pthread_mutex_lock(&l->lock);
    l->generation++;
    atomic_store(&l->abandon, true);
    l->held  = -1;
    l->taken = l->filled = step;
    for (int i = 0; i < l->nslots; i++) {
        l->slot[i].step  = -1;
        l->slot[i].ready = false;
    }
    l->next_leaf = l->leaves;
    (void)pthread_cond_signal(&l->work);
    (void)pthread_mutex_unlock(&l->lock);
    return HOOP_OK;
}

/* Wait for the step in its slot; the slot before it goes back to the thread. */
static slot *take(hoop_loader *l)
{
    slot *s = &l->slot[l->taken % l->nslots];
    if (!l->threaded) {
        fill(l, s, l->taken, NULL);
        s->step = l->taken;
    } else {
        (void)pthread_mutex_lock(&l->lock);
        l->held = -1;
        (void)pthread_cond_signal(&l->work);
        while (!(s->ready && s->step == l->taken)) (void)pthread_cond_wait(&l->done, &l->lock);
    }
    if (s->status == HOOP_OK) l->held = l->taken++;
    if (l->threaded) {
        (void)pthread_cond_signal(&l->work);
        (void)pthread_mutex_unlock(&l->lock);
    }
    return s;
}

hoop_status hoop_loader_next_step(hoop_loader *l, hoop_error *err, hoop_loader_step *out)
{
    const double start = now_s();
    slot        *s;
    l->next_leaf = l->leaves;
    if (l->opts.end_step > 0 && l->taken >= l->opts.end_step)
        return hoop_fail(err, HOOP_ESTATE, "loader: step %lld is the end", (long long)l->opts.end_step);
    s = take(l);
    l->stall_s += now_s() - start;
    if (s->status != HOOP_OK) return hoop_fail(err, s->status, "%s", s->error.text);
    l->next_leaf = 0;
    if (out != NULL)
        *out = (hoop_loader_step){
            l->held,  l->held / l->steps_per_epoch, l->held % l->steps_per_epoch, step_samples(l, l->held), l->first_leaf,
            l->leaves};
    return HOOP_OK;
}

bool hoop_loader_next_leaf(hoop_loader *l, hoop_loader_leaf *out)
{
    const slot *s;
    int64_t     n, begin;
    if (l->held < 0 || l->next_leaf >= l->leaves) return false;
    s         = &l->slot[l->held % l->nslots];
    n         = step_samples(l, l->held);
    out->leaf = l->first_leaf + l->next_leaf++;
    (void)hoop_leaf_samples(n, l->opts.leaves, l->first_leaf, &begin);
    out->n = hoop_leaf_samples(n, l->opts.leaves, out->leaf, &out->first);
    for (int k = 0; k < l->nfields; k++) {
        const rows   *r = &s->field[k];
        const int64_t i = out->leaf - l->first_leaf;
        l->leaf[k]      = (hoop_loader_field){.data = NULL};
        if (!l->present[k]) continue;
        l->leaf[k].data = r->data + (r->leaf != NULL ? r->at[i] : leaf_offset(l, n, out->leaf, k));
        if (!l->varies[k]) continue;
        l->leaf[k].length  = r->leaf != NULL ? r->leaf[i] : l->pad_to[k];
        l->leaf[k].lengths = r->lengths + (out->first - begin);
    }
    out->field  = l->leaf;
    out->sample = s->sample + (out->first - begin);
    out->extra  = s->extra == NULL ? NULL : s->extra + (out->first - begin) * l->opts.extra;
    return true;
}

/* collective.c - the public collectives: nonblocking ones as works, blocking ones on top of them. */
#include "comm_internal.h"

#include <stdlib.h>
#include <string.h>

static hoop_status check_reducer(const hoop_reducer *reducer, bool scatter, const char *what, hoop_error *err)
{
    if (reducer == NULL || reducer->unit_bytes < 1 || (reducer->combine == NULL && reducer->combine_all == NULL))
        return hoop_fail(err, HOOP_EARG, "%s: there is no reducer for this dtype", what);
    if (reducer->combine == NULL && !scatter)
        return hoop_fail(err, HOOP_EARG, "%s: a reducer without `combine` is for reduce-scatter only", what);
    return HOOP_OK;
}

hoop_status hoop__reduce_scatter_cut(hoop_comm *c, void *buf, int64_t nunits, const hoop_reducer *reducer, const int64_t *cuts,
                                     const char *what, hoop_error *err, hoop_work **out)
{
    hoop_status st = check_reducer(reducer, true, what, err);
    *out           = NULL;
    if (st != HOOP_OK) return st;
    return hoop__work_post(
        c, &(hoop__posting){HOOP__REDUCE_SCATTER, buf, nunits, reducer->unit_bytes, .reducer = reducer, .cuts = cuts}, what, err,
        out);
}

hoop_status hoop_comm_reduce_scatter(hoop_comm *c, void *buf, int64_t nunits, const hoop_reducer *reducer, const char *what,
                                     hoop_error *err, hoop_work **out)
{
    return hoop__reduce_scatter_cut(c, buf, nunits, reducer, NULL, what, err, out);
}

hoop_status hoop_comm_all_reduce(hoop_comm *c, void *buf, int64_t nunits, const hoop_reducer *reducer, const char *what,
                                 hoop_error *err, hoop_work **out)
{
    hoop_status st = check_reducer(reducer, false, what, err);
    *out           = NULL;
    if (st != HOOP_OK) return st;
    return hoop__work_post(c, &(hoop__posting){HOOP__ALL_REDUCE, buf, nunits, reducer->unit_bytes, .reducer = reducer}, what, err,
                           out);
}

hoop_status hoop__all_gather_cut(hoop_comm *c, void *buf, int64_t nunits, int64_t unit_bytes, const int64_t *cuts,
                                 const char *what, hoop_error *err, hoop_work **out)
{
    return hoop__work_post(c, &(hoop__posting){HOOP__ALL_GATHER, buf, nunits, unit_bytes, .cuts = cuts}, what, err, out);
}

hoop_status hoop_comm_all_gather(hoop_comm *c, void *buf, int64_t nunits, int64_t unit_bytes, const char *what, hoop_error *err,
                                 hoop_work **out)
{
    return hoop__all_gather_cut(c, buf, nunits, unit_bytes, NULL, what, err, out);
}

hoop_status hoop_comm_all_reduce_wait(hoop_comm *c, void *buf, int64_t nunits, const hoop_reducer *reducer, const char *what,
                                      hoop_error *err)
{
    hoop_work  *w;
    hoop_status st = hoop_comm_all_reduce(c, buf, nunits, reducer, what, err, &w);
    return st != HOOP_OK ? st : hoop_work_wait(&w, err);
}

hoop_status hoop_comm_barrier(hoop_comm *c, const char *what, hoop_error *err)
{
    int64_t nothing = 0;
    return hoop_comm_all_reduce_wait(c, &nothing, 1, hoop_reducer_of(HOOP_I64, HOOP_SUM), what, err);
}

hoop_status hoop_comm_broadcast(hoop_comm *c, int root, void *buf, int64_t bytes, const char *what, hoop_error *err)
{
    hoop_work  *w;
    hoop_status st;
    if (root < 0 || root >= c->size) return hoop_fail(err, HOOP_EARG, "%s: there is no rank %d to broadcast from", what, root);
    st = hoop__work_post(c, &(hoop__posting){HOOP__BROADCAST, buf, bytes, 1, .root = root}, what, err, &w);
    return st != HOOP_OK ? st : hoop_work_wait(&w, err);
}

hoop_status hoop_comm_all_gather_bytes(hoop_comm *c, const void *mine, int64_t bytes, const char *what, hoop_error *err,
                                       void *out)
{
    hoop_work  *w;
    hoop_status st;
    int64_t     total;
    if (bytes < 0 || __builtin_mul_overflow(bytes, (int64_t)c->size, &total))
        return hoop_fail(err, HOOP_ESIZE, "%s: %lld bytes from each of %d ranks are too many", what, (long long)bytes, c->size);
    if (bytes == 0) return hoop_comm_check(c, err);
    memcpy((char *)out + c->rank * bytes, mine, (size_t)bytes);
    /* the chunks of size*bytes units are `bytes` long, exactly */
    st = hoop_comm_all_gather(c, out, total, 1, what, err, &w);
    return st != HOOP_OK ? st : hoop_work_wait(&w, err);
}

/* FNV-1a, to tell texts apart that people wrote */
static uint64_t hash_text(const char *text, uint64_t seed)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++) h = (h ^ *p) * UINT64_C(0x100000001b3);
    return h;
}

enum { EXCERPT = 160 };

typedef struct digest {
    uint64_t hash[2];
    int64_t  length;
} digest;

/* Both ranks' values from the first place at which they differ (or a bit before). No memory is asked for: a rank that found none
 * would leave the others in the middle. */
static hoop_status name_both(hoop_comm *c, const char *what, const char *value, int other, hoop_error *err)
{
    char        both[2][EXCERPT], piece[1024];
    int64_t     length = (int64_t)strlen(value), longest = length, from = 0;
    const int   rank[2] = {0, other};
    bool        equal   = true;
    hoop_status st;
    HOOP_TRY(st, done, hoop_comm_broadcast(c, 0, &longest, sizeof longest, what, err));
    for (int64_t at = 0; at <= longest; at += (int64_t)sizeof piece) { /* rank 0's, with its NUL, past everyone */
        int64_t n = longest + 1 - at < (int64_t)sizeof piece ? longest + 1 - at : (int64_t)sizeof piece;
        if (c->rank == 0) memcpy(piece, value + at, (size_t)n);
        HOOP_TRY(st, done, hoop_comm_broadcast(c, 0, piece, n, what, err));
        for (int64_t i = 0; i < n && equal; i++) {
            equal = at + i <= length && piece[i] == value[at + i];
            from += equal;
        }
    }
    HOOP_TRY(st, done, hoop_comm_broadcast(c, other, &from, sizeof from, what, err));
    from = from < 40 ? 0 : from - 40;
    for (int i = 0; i < 2; i++) {
        memset(both[i], 0, sizeof both[i]);
        if (c->rank == rank[i]) hoop__copy_text(both[i], value + from, EXCERPT);
        HOOP_TRY(st, done, hoop_comm_broadcast(c, rank[i], both[i], sizeof both[i], what, err));
    }
    st = hoop_fail(err, HOOP_EDESYNC, "ranks disagree: rank 0 on %s has %s %s\"%s\"; rank %d on %s has %s\"%s\"",
                   hoop_comm_host(c, 0), what, from > 0 ? ".." : "", both[0], other, hoop_comm_host(c, other),
                   from > 0 ? ".." : "", both[1]);
done:
    return st;
}

hoop_status hoop_comm_agree(hoop_comm *c, const char *what, const char *value, hoop_error *err)
{
    const digest mine    = {{hash_text(value, 0), hash_text(value, UINT64_C(0x9e3779b97f4a7c15))}, (int64_t)strlen(value)};
    digest       first   = mine;
    int64_t      nearest = 0; /* the maximum of size - rank is that of the lowest rank that has another value than rank 0 */
    hoop_status  st;
    HOOP_TRY(st, done, hoop_comm_broadcast(c, 0, &first, sizeof first, what, err));
    if (memcmp(&mine, &first, sizeof first) != 0) nearest = c->size - c->rank;
    HOOP_TRY(st, done, hoop_comm_all_reduce_wait(c, &nearest, 1, hoop_reducer_of(HOOP_I64, HOOP_MAX), what, err));
    if (nearest > 0) st = name_both(c, what, value, (int)(c->size - nearest), err);
done:
    return st;
}

hoop_status hoop_comm_agree_status(hoop_comm *c, hoop_error *err)
{
    hoop_error  none = {0}, first = {0};
    const bool  failed = err != NULL && err->status != HOOP_OK;
    int64_t     lowest = failed ? c->size - c->rank : 0; /* the maximum of size - rank is that of the lowest rank that failed */
    hoop_status st;
    st = hoop_comm_all_reduce_wait(c, &lowest, 1, hoop_reducer_of(HOOP_I64, HOOP_MAX), "agreement on errors",
                                   failed ? &none : err);
    if (failed && st != HOOP_OK) return err->status;
    if (st != HOOP_OK || lowest == 0) return st;
    if (c->rank == c->size - lowest) first = *err;
    st = hoop_comm_broadcast(c, (int)(c->size - lowest), &first, sizeof first, "agreement on errors", failed ? &none : err);
    if (failed) return err->status;
    if (st != HOOP_OK) return st;
    return hoop_fail(err, HOOP_EPEER, "rank %d on %s: %.900s", (int)(c->size - lowest),
                     hoop_comm_host(c, (int)(c->size - lowest)), first.text);
}

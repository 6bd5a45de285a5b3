/*
 * Byte pairs learnt from words and how often each is there (Sennrich, Haddow and Birch, "Neural machine translation of rare words
 * with subword units", ACL 2016; on bytes). Each pair knows how often it is there and in which words; a heap has the most
 * frequent on top, with entries that are out of date and looked at again when they come up.
 */
#include "tokens/tokens.h"

#include <stdlib.h>
#include <string.h>

typedef struct pair {
    int32_t  a, b;
    int64_t  count;
    int32_t *word; /* that have it, or had it */
    int32_t  n, room;
} pair;

typedef struct entry {
    int64_t count;
    int32_t pair;
} entry;

typedef struct learner {
    const hoop_pieces *words;
    int32_t           *symbol; /* of word k: length[k] from place[k] on */
    int64_t           *place;
    int               *length;
    pair              *pair;
    int32_t            npairs, room;
    int32_t           *slot;
    int64_t            nslots;
    entry             *heap;
    int64_t            nheap, heap_room;
} learner;

static uint64_t mix(int32_t a, int32_t b)
{
    return ((uint64_t)(uint32_t)a << 32 | (uint32_t)b) * 0x9e3779b97f4a7c15u >> 17;
}

static bool grow(learner *l)
{
    const int32_t room   = l->room == 0 ? 1 << 12 : 2 * l->room;
    const int64_t nslots = 4 * (int64_t)room;
    pair         *grown  = realloc(l->pair, (size_t)room * sizeof *grown);
    int32_t      *slot   = malloc((size_t)nslots * sizeof *slot);
    if (grown != NULL) l->pair = grown;
    if (grown == NULL || slot == NULL) {
        free(slot);
        return false;
    }
    for (int64_t i = 0; i < nslots; i++) slot[i] = -1;
    for (int32_t k = 0; k < l->npairs; k++) {
        uint64_t at = mix(grown[k].a, grown[k].b) & (uint64_t)(nslots - 1);
        while (slot[at] >= 0) at = (at + 1) & (uint64_t)(nslots - 1);
        slot[at] = k;
    }
    free(l->slot);
    l->slot   = slot;
    l->nslots = nslots;
    l->room   = room;
    return true;
}

static pair *find(learner *l, int32_t a, int32_t b)
{
    uint64_t at;
    if (l->npairs == l->room && !grow(l)) return NULL;
    at = mix(a, b) & (uint64_t)(l->nslots - 1);
    for (; l->slot[at] >= 0; at = (at + 1) & (uint64_t)(l->nslots - 1))
        if (l->pair[l->slot[at]].a == a && l->pair[l->slot[at]].b == b) return &l->pair[l->slot[at]];
    l->slot[at]        = l->npairs;
    l->pair[l->npairs] = (pair){.a = a, .b = b};
    return &l->pair[l->npairs++];
}

/* Pairs of word k are there so many times more, or less. */
static bool count_word(learner *l, int32_t k, int64_t times)
{
    const int32_t *s = l->symbol + l->place[k];
    for (int i = 0; i + 1 < l->length[k]; i++) {
        pair *p = find(l, s[i], s[i + 1]);
        if (p == NULL) return false;
        p->count += times;
        if (times < 0 || (p->n > 0 && p->word[p->n - 1] == k)) continue;
        if (p->n == p->room) {
            const int32_t room  = p->room == 0 ? 4 : 2 * p->room;
            int32_t      *grown = realloc(p->word, (size_t)room * sizeof *grown);
            if (grown == NULL) return false;
            p->word = grown;
            p->room = room;
        }
        p->word[p->n++] = k;
    }
    return true;
}

/* ---- the heap: most frequent first, then lowest ids ---- */

static bool before(const learner *l, entry x, entry y)
{
    const pair *p = &l->pair[x.pair], *q = &l->pair[y.pair];
    if (x.count != y.count) return x.count > y.count;
    return p->a != q->a ? p->a < q->a : p->b < q->b;
}

static bool push(learner *l, int32_t p)
{
    int64_t at = l->nheap;
    if (l->pair[p].count < 2) return true; /* never a token */
    if (l->nheap == l->heap_room) {
        const int64_t room  = l->heap_room == 0 ? 1 << 12 : 2 * l->heap_room;
        entry        *grown = realloc(l->heap, (size_t)room * sizeof *grown);
        if (grown == NULL) return false;
        l->heap      = grown;
        l->heap_room = room;
    }
    l->heap[l->nheap++] = (entry){l->pair[p].count, p};
    while (at > 0 && before(l, l->heap[at], l->heap[(at - 1) / 2])) {
        const entry up        = l->heap[(at - 1) / 2];
        l->heap[(at - 1) / 2] = l->heap[at];
        l->heap[at]           = up;
        at                    = (at - 1) / 2;
    }
    return true;
}

static entry pop(learner *l)
{
    const entry top = l->heap[0];
    int64_t     at  = 0;
    l->heap[0]      = l->heap[--l->nheap];
    for (;;) {
        int64_t best = at;
        for (int64_t c = 2 * at + 1; c <= 2 * at + 2 && c < l->nheap; c++)
            if (before(l, l->heap[c], l->heap[best])) best = c;
        if (best == at) return top;
        const entry down = l->heap[at];
        l->heap[at]      = l->heap[best];
        l->heap[best]    = down;
        at               = best;
    }
}

/* The most frequent pair; -1: none is there twice. -2: no memory */
static int32_t most_frequent(learner *l)
{
    while (l->nheap > 0) {
        const entry top = pop(l);
        if (top.count == l->pair[top.pair].count) return top.pair;
        if (!push(l, top.pair)) return -2;
    }
    return -1;
}

/* ---- merging ---- */

static bool merge_word(learner *l, int32_t k, int32_t a, int32_t b, int32_t id)
{
    int32_t *s     = l->symbol + l->place[k];
    bool     there = false;
    int      n     = 0;
    for (int i = 0; i + 1 < l->length[k]; i++) there = there || (s[i] == a && s[i + 1] == b);
    if (!there) return true;
    if (!count_word(l, k, -l->words->word[k].count)) return false;
    for (int i = 0; i < l->length[k]; n++) {
        const bool both = i + 1 < l->length[k] && s[i] == a && s[i + 1] == b;
        s[n]            = both ? id : s[i];
        i += both ? 2 : 1;
    }
    l->length[k] = n;
    return count_word(l, k, l->words->word[k].count);
}

static bool merge(learner *l, int32_t which, int32_t id)
{
    const int32_t a = l->pair[which].a, b = l->pair[which].b, before_it = l->npairs, n = l->pair[which].n;
    int32_t      *list  = l->pair[which].word;
    bool          good  = true;
    l->pair[which].word = NULL; /* words may be counted again, into a list of its own */
    l->pair[which].n = l->pair[which].room = 0;
    for (int32_t i = 0; i < n && good; i++) good = merge_word(l, list[i], a, b, id);
    free(list);
    for (int32_t p = before_it; p < l->npairs && good; p++) good = push(l, p);
    return good;
}

static bool begin(learner *l)
{
    const int64_t n     = l->words->n;
    int64_t       total = 0;
    bool          good;
    for (int64_t k = 0; k < n; k++) total += l->words->word[k].bytes;
    l->symbol = malloc((size_t)(total + 1) * sizeof *l->symbol);
    l->place  = malloc((size_t)(n + 1) * sizeof *l->place);
    l->length = malloc((size_t)(n + 1) * sizeof *l->length);
    good      = l->symbol != NULL && l->place != NULL && l->length != NULL;
    total     = 0;
    for (int64_t k = 0; k < n && good; k++) {
        l->place[k]  = total;
        l->length[k] = l->words->word[k].bytes;
        for (int i = 0; i < l->length[k]; i++) l->symbol[total++] = l->words->word[k].text[i];
        good = count_word(l, (int32_t)k, l->words->word[k].count);
    }
    for (int32_t p = 0; p < l->npairs && good; p++) good = push(l, p);
    return good;
}

hoop_status hoop__learn_pairs(const hoop_pieces *words, int64_t wanted, const hoop_watch *watch, hoop_error *err,
                              int32_t (**out)[2], int64_t *n)
{
    learner l         = {.words = words};
    int32_t(*list)[2] = malloc((size_t)(wanted + 1) * sizeof *list);
    bool        good  = list != NULL && words->n < INT32_MAX && begin(&l);
    hoop_status st    = HOOP_OK;
    *n                = 0;
    while (good && *n < wanted && st == HOOP_OK) {
        const int32_t best = most_frequent(&l);
        if (best == -1) break;
        good = best >= 0;
        if (!good) break;
        list[*n][0] = l.pair[best].a;
        list[*n][1] = l.pair[best].b;
        good        = merge(&l, best, (int32_t)(HOOP_TOKENS_BYTES + *n));
        ++*n;
        if (*n % 64 == 0) st = hoop__watch(watch, (double)*n / (double)wanted, err);
    }
    if (!good) st = hoop_fail(err, HOOP_ENOMEM, "no memory to learn byte pairs of %lld different pieces", (long long)words->n);
    for (int32_t p = 0; p < l.npairs; p++) free(l.pair[p].word);
    free(l.pair);
    free(l.slot);
    free(l.heap);
    free(l.symbol);
    free(l.place);
    free(l.length);
    if (st != HOOP_OK) {
        free(list);
        list = NULL;
    }
    *out = list;
    return st;
}

#include "check_collectives.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                                                         \
    do {                                                                                                                         \
        if (!(condition)) {                                                                                                      \
            fprintf(stderr, "%s:%d: rank %d of %d: %s is false: %s\n", __FILE__, __LINE__, hoop_comm_rank(c), hoop_comm_size(c), \
                    #condition, err.text);                                                                                       \
            return false;                                                                                                        \
        }                                                                                                                        \
    } while (0)

enum { CANARY = 0x5a, ROOM = 64 };

/* Buffers with canaries on both sides. */
static void *buffer(int64_t bytes)
{
    char *p = malloc((size_t)bytes + 2 * ROOM);
    if (p == NULL) abort();
    memset(p, CANARY, (size_t)bytes + 2 * ROOM);
    return p + ROOM;
}

static bool intact(void *buf, int64_t bytes)
{
    const char *p  = (const char *)buf - ROOM;
    bool        ok = true;
    for (int i = 0; i < ROOM; i++) ok = ok && p[i] == CANARY && p[ROOM + bytes + i] == CANARY;
    free((char *)buf - ROOM);
    return ok;
}

static int64_t term(int64_t i, int rank)
{
    return (i * 2654435761 + rank * 40503 + 17) % 1000003;
}

static int64_t total(int64_t i, int size)
{
    int64_t s = 0;
    for (int r = 0; r < size; r++) s += term(i, r);
    return s;
}

static int64_t *terms(hoop_comm *c, int64_t n)
{
    int64_t *x = buffer(n * 8);
    for (int64_t i = 0; i < n; i++) x[i] = term(i, hoop_comm_rank(c));
    return x;
}

bool check_reduce_scatter(hoop_comm *c, int64_t n)
{
    hoop_error err = {0};
    hoop_work *w;
    int64_t   *x = terms(c, n), first, count;
    CHECK(hoop_comm_reduce_scatter(c, x, n, hoop_reducer_of(HOOP_I64, HOOP_SUM), "scatter", &err, &w) == HOOP_OK);
    CHECK(hoop_work_wait(&w, &err) == HOOP_OK && w == NULL);
    hoop_comm_chunk(n, hoop_comm_size(c), hoop_comm_rank(c), &first, &count);
    for (int64_t i = first; i < first + count; i++) CHECK(x[i] == total(i, hoop_comm_size(c)));
    CHECK(intact(x, n * 8));
    return true;
}

bool check_all_gather(hoop_comm *c, int64_t n)
{
    enum { UNIT = 5 };
    hoop_error err = {0};
    hoop_work *w;
    char      *x = buffer(n * UNIT);
    int64_t    first, count;
    hoop_comm_chunk(n, hoop_comm_size(c), hoop_comm_rank(c), &first, &count);
    for (int64_t i = 0; i < n * UNIT; i++) x[i] = (char)(i >= first * UNIT && i < (first + count) * UNIT ? term(i, 0) : -1);
    CHECK(hoop_comm_all_gather(c, x, n, UNIT, "gather", &err, &w) == HOOP_OK);
    while (!hoop_work_test(w)) continue;
    CHECK(hoop_work_wait(&w, &err) == HOOP_OK);
    for (int64_t i = 0; i < n * UNIT; i++) CHECK(hoop_comm_size(c) > 0 && x[i] == (char)term(i, 0));
    CHECK(intact(x, n * UNIT));
    return true;
}

bool check_all_reduce(hoop_comm *c, int64_t n)
{
    hoop_error err = {0};
    int64_t   *x   = terms(c, n);
    CHECK(hoop_comm_all_reduce_wait(c, x, n, hoop_reducer_of(HOOP_I64, HOOP_SUM), "reduce", &err) == HOOP_OK);
    for (int64_t i = 0; i < n; i++) CHECK(x[i] == total(i, hoop_comm_size(c)));
    CHECK(intact(x, n * 8));
    return true;
}

bool check_max(hoop_comm *c, int64_t n)
{
    hoop_error err = {0};
    double    *x   = buffer(n * 8);
    for (int64_t i = 0; i < n; i++)
        x[i] = i % 7 == 3 && hoop_comm_rank(c) == (int)(i % hoop_comm_size(c)) ? NAN : (double)term(i, hoop_comm_rank(c));
    CHECK(hoop_comm_all_reduce_wait(c, x, n, hoop_reducer_of(HOOP_F64, HOOP_MAX), "max", &err) == HOOP_OK);
    for (int64_t i = 0; i < n; i++) {
        double most = -1;
        for (int r = 0; r < hoop_comm_size(c); r++) most = fmax(most, (double)term(i, r));
        CHECK(i % 7 == 3 ? isnan(x[i]) : x[i] == most);
    }
    CHECK(intact(x, n * 8));
    return true;
}

static void pause_us(unsigned most, unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    if (most > 0) usleep((*state >> 8) % most);
}

bool check_in_flight(hoop_comm *c, int64_t n, unsigned skew_us)
{
    enum { N = 9 }; /* more than may be active */
    hoop_error err = {0};
    hoop_work *w[N];
    int64_t   *x[N];
    unsigned   state = (unsigned)hoop_comm_rank(c) * 77u + (unsigned)n;
    for (int k = 0; k < N; k++) {
        const int64_t count = n + k * 3;
        char          what[32];
        x[k] = terms(c, count);
        (void)snprintf(what, sizeof what, "bucket %d", k);
        pause_us(skew_us, &state);
        if (k % 3 == 1)
            CHECK(hoop_comm_all_reduce(c, x[k], count, hoop_reducer_of(HOOP_I64, HOOP_SUM), what, &err, &w[k]) == HOOP_OK);
        else
            CHECK(hoop_comm_reduce_scatter(c, x[k], count, hoop_reducer_of(HOOP_I64, HOOP_SUM), what, &err, &w[k]) == HOOP_OK);
        if (k % 2 == 0) hoop_comm_progress(c);
    }
    for (int j = 0; j < N; j++) { /* ranks wait in different orders */
        const int     k     = (j * 4 + hoop_comm_rank(c)) % N;
        const int64_t count = n + k * 3;
        int64_t       first = 0, mine = count;
        pause_us(skew_us, &state);
        CHECK(hoop_work_wait(&w[k], &err) == HOOP_OK);
        if (k % 3 != 1) hoop_comm_chunk(count, hoop_comm_size(c), hoop_comm_rank(c), &first, &mine);
        for (int64_t i = first; i < first + mine; i++) CHECK(x[k][i] == total(i, hoop_comm_size(c)));
        CHECK(intact(x[k], count * 8));
    }
    return true;
}

bool check_repeatable(hoop_comm *c, int64_t n, unsigned skew_us)
{
    hoop_error err   = {0};
    float     *first = buffer(n * 4), *x = buffer(n * 4), *all;
    unsigned   state = (unsigned)hoop_comm_rank(c) + 5u;
    const int  size  = hoop_comm_size(c);
    int64_t    begin, count;
    hoop_work *w;
    hoop_comm_chunk(n, size, hoop_comm_rank(c), &begin, &count);
    for (int round = 0; round < 6; round++) {
        for (int64_t i = 0; i < n; i++) x[i] = (float)term(i, hoop_comm_rank(c)) * 1e-3f;
        pause_us(skew_us, &state);
        CHECK(hoop_comm_reduce_scatter(c, x, n, hoop_reducer_of(HOOP_F32, HOOP_SUM), "floats", &err, &w) == HOOP_OK);
        CHECK(hoop_work_wait(&w, &err) == HOOP_OK);
        if (round == 0 && count > 0) memcpy(first + begin, x + begin, (size_t)count * 4);
        CHECK(count == 0 || memcmp(first + begin, x + begin, (size_t)count * 4) == 0);
    }
    for (int64_t i = 0; i < n; i++) x[i] = (float)term(i, hoop_comm_rank(c)) * 1e-3f;
    CHECK(hoop_comm_all_reduce_wait(c, x, n, hoop_reducer_of(HOOP_F32, HOOP_SUM), "floats", &err) == HOOP_OK);
    all = buffer(n * 4 * size);
    CHECK(hoop_comm_all_gather_bytes(c, x, n * 4, "sums", &err, all) == HOOP_OK);
    for (int r = 0; r < size; r++) CHECK(n == 0 || memcmp(all + r * n, x, (size_t)n * 4) == 0);
    CHECK(intact(x, n * 4) && intact(first, n * 4) && intact(all, n * 4 * size));
    return true;
}

bool check_broadcast(hoop_comm *c, int64_t bytes)
{
    hoop_error err = {0};
    for (int root = 0; root < hoop_comm_size(c); root++) {
        char *x = buffer(bytes);
        for (int64_t i = 0; i < bytes; i++) x[i] = (char)(hoop_comm_rank(c) == root ? term(i, root) : 0);
        CHECK(hoop_comm_broadcast(c, root, x, bytes, "broadcast", &err) == HOOP_OK);
        for (int64_t i = 0; i < bytes; i++) CHECK(x[i] == (char)term(i, root));
        CHECK(intact(x, bytes));
    }
    CHECK(hoop_comm_broadcast(c, hoop_comm_size(c), &err, 1, "broadcast", NULL) == HOOP_EARG);
    return true;
}

bool check_gather_bytes(hoop_comm *c, int64_t bytes)
{
    hoop_error err  = {0};
    char      *mine = buffer(bytes), *all = buffer(bytes * hoop_comm_size(c));
    for (int64_t i = 0; i < bytes; i++) mine[i] = (char)term(i, hoop_comm_rank(c));
    CHECK(hoop_comm_all_gather_bytes(c, mine, bytes, "bytes", &err, all) == HOOP_OK);
    for (int r = 0; r < hoop_comm_size(c); r++)
        for (int64_t i = 0; i < bytes; i++) CHECK(all[r * bytes + i] == (char)term(i, r));
    CHECK(intact(mine, bytes) && intact(all, bytes * hoop_comm_size(c)));
    return true;
}

bool check_barrier(hoop_comm *c)
{
    hoop_error err = {0};
    for (int i = 0; i < 3; i++) CHECK(hoop_comm_barrier(c, "barrier", &err) == HOOP_OK);
    return true;
}

static bool check_desync(hoop_comm *c)
{
    const int  rank = hoop_comm_rank(c), last = hoop_comm_size(c) - 1;
    hoop_error err = {0};
    char       value[300], both[128];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    CHECK(hoop_comm_agree(c, "model", value, &err) == HOOP_OK);
    memcpy(value + 250, rank == last ? "wide" : "deep", 4);
    if (last == 0) return hoop_comm_agree(c, "model", value, &err) == HOOP_OK;
    CHECK(hoop_comm_agree(c, "model", value, &err) == HOOP_EDESYNC);
    CHECK(strstr(err.text, "rank 0 on ") != NULL && strstr(err.text, "deep") != NULL && strstr(err.text, "wide") != NULL);
    (void)snprintf(both, sizeof both, "rank %d on ", last);
    CHECK(strstr(err.text, both) != NULL && strstr(err.text, "has model") != NULL);
    err = (hoop_error){0};
    CHECK(hoop_comm_agree(c, "steps", rank == 0 ? "" : "12", &err) == HOOP_EDESYNC && strstr(err.text, "\"12\"") != NULL);
    return true;
}

bool check_agreement(hoop_comm *c)
{
    const int  rank = hoop_comm_rank(c), size = hoop_comm_size(c);
    hoop_error err = {0};
    char       who[64];
    CHECK(hoop_comm_agree_status(c, &err) == HOOP_OK);
    CHECK(hoop_comm_agree_status(c, NULL) == HOOP_OK);
    for (int bad = 0; bad < size; bad++) {
        err = (hoop_error){0};
        if (rank >= bad) (void)hoop_fail(&err, HOOP_EFORMAT, "file %d is broken", rank);
        (void)snprintf(who, sizeof who, "rank %d on %s: file %d is broken", bad, hoop_comm_host(c, bad), bad);
        CHECK(hoop_comm_agree_status(c, &err) == (rank >= bad ? HOOP_EFORMAT : HOOP_EPEER));
        CHECK(rank >= bad || strcmp(err.text, who) == 0);
    }
    err = (hoop_error){0};
    CHECK(hoop_comm_agree_status(c, &err) == HOOP_OK);
    return check_desync(c);
}

bool check_everything(hoop_comm *c, int64_t most, unsigned skew_us)
{
    const int64_t p = hoop_comm_size(c), counts[] = {0, 1, p - 1, p, p + 1, 2 * p + 1, 13, 127, 1009, 20011};
    bool          ok = check_barrier(c);
    for (size_t k = 0; k < sizeof counts / sizeof counts[0] && ok; k++) {
        const int64_t n = counts[k];
        if (n > most) break;
        ok = check_reduce_scatter(c, n) && check_all_gather(c, n) && check_all_reduce(c, n) && check_max(c, n) &&
             check_broadcast(c, n) && check_gather_bytes(c, n) && check_repeatable(c, n < 2000 ? n : 2000, skew_us) &&
             check_in_flight(c, n < 2000 ? n : 2000, skew_us);
    }
    return ok && check_agreement(c);
}

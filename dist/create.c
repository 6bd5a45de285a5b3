/* create.c - a communicator begins and ends; at its beginning ranks tell each other host, cores and options. */
#include "comm_internal.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What ranks tell each other at creation. */
typedef struct hoop__greeting {
    char      host[HOOP__HOST];
    cpu_set_t cores;
    int64_t   algorithm, segment_bytes;
    double    timeout_s;
} greeting;

static hoop_status resolve_opts(const hoop_comm_opts *given, hoop_error *err, hoop_comm_opts *out)
{
    *out = given != NULL ? *given : (hoop_comm_opts){0};
    if ((int)out->algorithm < 0 || out->algorithm >= HOOP_ALGORITHM_COUNT)
        return hoop_fail(err, HOOP_EARG, "communicator: there is no algorithm %d", (int)out->algorithm);
    if (out->timeout_s == 0) out->timeout_s = 300;
    if (!(out->timeout_s > 0) || out->timeout_s > 1e8)
        return hoop_fail(err, HOOP_EARG, "communicator: timeout_s is %g, it must lie between 0 and 1e8", out->timeout_s);
    if (out->segment_bytes == 0) out->segment_bytes = INT64_C(512) << 10;
    if (out->segment_bytes < 1 || out->segment_bytes > HOOP__SEGMENT_BYTES_MAX)
        return hoop_fail(err, HOOP_EARG, "communicator: segment_bytes is %lld, it must lie between 1 and 2^30",
                         (long long)out->segment_bytes);
    return HOOP_OK;
}

static void own_greeting(const hoop_comm *c, greeting *g)
{
    memset(g, 0, sizeof *g);
    if (gethostname(g->host, sizeof g->host - 1) != 0) hoop__copy_text(g->host, "?", sizeof g->host);
    if (sched_getaffinity(0, sizeof g->cores, &g->cores) != 0) CPU_SET(0, &g->cores);
    g->algorithm     = (int64_t)c->opts.algorithm;
    g->segment_bytes = c->opts.segment_bytes;
    g->timeout_s     = c->opts.timeout_s;
}

hoop_status hoop__comm_new(int rank, int size, const hoop_comm_opts *opts, hoop_error *err, hoop_comm **out)
{
    hoop_comm *c;
    greeting   g;
    *out = NULL;
    c    = calloc(1, sizeof *c);
    if (c == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a communicator");
    c->rank          = rank;
    c->size          = size;
    c->pending_end   = &c->pending;
    c->position_ns   = hoop__clock_ns();
    c->tick_ns       = c->position_ns;
    c->mpi_max_units = INT64_C(1) << 30;
    c->peers         = calloc((size_t)size, sizeof *c->peers);
    c->greetings     = calloc((size_t)size, sizeof *c->greetings); /* here: ranks agree on what failed before they greet */
    if (c->peers == NULL || c->greetings == NULL) {
        hoop_comm_destroy(&c);
        return hoop_fail(err, HOOP_ENOMEM, "no memory for a communicator of %d ranks", size);
    }
    if (resolve_opts(opts, err, &c->opts) != HOOP_OK) {
        hoop_comm_destroy(&c);
        return err != NULL ? err->status : HOOP_EARG;
    }
    own_greeting(c, &g);
    for (int r = 0; r < size; r++) hoop__copy_text(c->peers[r].host, g.host, HOOP__HOST);
    c->host_ranks = size;
    c->host_cores = CPU_COUNT(&g.cores);
    *out          = c;
    return HOOP_OK;
}

hoop_status hoop__comm_greet(hoop_comm *c, hoop_error *err)
{
    greeting    mine, *all = c->greetings;
    hoop_status st;
    cpu_set_t   cores;
    own_greeting(c, &mine);
    c->opts.algorithm = HOOP_ALGORITHM_BRUCK; /* what ranks may disagree about must not matter yet */
    st                = hoop_comm_all_gather_bytes(c, &mine, sizeof mine, "greeting", err, all);
    c->opts.algorithm = (hoop_algorithm)mine.algorithm;
    if (st != HOOP_OK) goto done;
    CPU_ZERO(&cores);
    c->host_ranks = 0;
    for (int r = 0; r < c->size; r++) {
        hoop__copy_text(c->peers[r].host, all[r].host, HOOP__HOST);
        if (strcmp(all[r].host, mine.host) != 0) continue;
        c->host_ranks++;
        CPU_OR(&cores, &cores, &all[r].cores);
    }
    c->host_cores = CPU_COUNT(&cores);
    for (int r = 1; r < c->size; r++) {
        const greeting *a = &all[0], *b = &all[r];
        if (a->algorithm == b->algorithm && a->segment_bytes == b->segment_bytes && a->timeout_s == b->timeout_s) continue;
        st = hoop_fail(err, HOOP_EDESYNC,
                       "ranks disagree about communication: rank 0 on %s has algorithm %d, segment_bytes %lld, timeout_s %g; "
                       "rank %d on %s has %d, %lld, %g",
                       a->host, (int)a->algorithm, (long long)a->segment_bytes, a->timeout_s, r, b->host, (int)b->algorithm,
                       (long long)b->segment_bytes, b->timeout_s);
        break;
    }
done:
    free(all);
    c->greetings = NULL;
    return st;
}

hoop_status hoop_comm_create_self(const hoop_comm_opts *opts, hoop_error *err, hoop_comm **out)
{
    return hoop__comm_new(0, 1, opts, err, out);
}

void hoop_comm_destroy(hoop_comm **c)
{
    if (c == NULL || *c == NULL) return;
    hoop__comm_free_works(*c);
    if ((*c)->transport != NULL) (*c)->transport->destroy(*c);
    for (int i = 0; i < HOOP__ACTIVE; i++) {
        hoop__slot *slot = &(*c)->slots[i];
        if (!(*c)->leak) free(slot->scratch); /* else the wire may still write there: memory is the lesser loss */
        free(slot->req);
    }
    free((*c)->peers);
    free((*c)->greetings);
    free(*c);
    *c = NULL;
}

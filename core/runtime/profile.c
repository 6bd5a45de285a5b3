/*
 * Where the time goes. There is a stack of what is under way, and the moment up to which time was given to rows: whatever begins
 * or ends, the time since then goes to what was innermost, so that none is lost or counted twice.
 */
#include "runtime/profile.h"

#include "runtime/runtime.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 256, SLOTS = 1024 /* a power of two */, DEPTH = 32 };

typedef struct slot {
    const char *name; /* by its address */
    hoop_phase  phase;
    int         row;
} slot;

struct hoop_profile {
    hoop_runtime    *rt;
    pthread_t        thread; /* that started it */
    int64_t          mark_ns;
    int              depth, nrows; /* depth: also of what finds no place in the stack */
    int              stack[DEPTH];
    int64_t          ns[ROWS];
    hoop_profile_row row[ROWS];
    slot             slot[SLOTS];
};

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

hoop_status hoop_profile_create(hoop_runtime *rt, hoop_error *err, hoop_profile **out)
{
    hoop_profile *p = calloc(1, sizeof *p);
    *out            = p;
    if (p == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a profile");
    p->rt     = rt;
    p->nrows  = 1;
    p->row[0] = (hoop_profile_row){.name = "other", .phase = HOOP_PHASE_OTHER};
    return HOOP_OK;
}

void hoop_profile_destroy(hoop_profile **p)
{
    if (p == NULL || *p == NULL) return;
    hoop_profile_stop(*p);
    free(*p);
    *p = NULL;
}

void hoop_profile_start(hoop_profile *p)
{
    p->thread      = pthread_self();
    p->depth       = 0;
    p->rt->profile = p;
    p->mark_ns     = now_ns();
}

/* the time up to here is that of what is innermost */
static void give(hoop_profile *p)
{
    const int     innermost = p->depth > DEPTH ? DEPTH : p->depth;
    const int64_t now       = now_ns();
    p->ns[innermost > 0 ? p->stack[innermost - 1] : 0] += now - p->mark_ns;
    p->mark_ns = now;
}

void hoop_profile_stop(hoop_profile *p)
{
    if (p->rt->profile != p) return;
    give(p);
    p->rt->profile = NULL;
}

int hoop_profile_rows(hoop_profile *p, const hoop_profile_row **rows)
{
    for (int i = 0; i < p->nrows; i++) p->row[i].seconds = (double)p->ns[i] * 1e-9;
    *rows = p->row;
    return p->nrows;
}

/* the row of this name, made if need be; 0, "other": there is no room */
static int row_named(hoop_profile *p, const char *name, hoop_phase phase, bool op)
{
    int i = 0;
    while (i < p->nrows && (strcmp(p->row[i].name, name) != 0 || p->row[i].phase != phase || p->row[i].op != op)) i++;
    if (i == ROWS) return 0;
    if (i == p->nrows) p->row[p->nrows++] = (hoop_profile_row){.name = name, .phase = phase, .op = op};
    return i;
}

/* Names are found by their address; the same name may stand at several. */
static int find_row(hoop_profile *p, const char *name, hoop_phase phase, bool op)
{
    unsigned i = (unsigned)((uintptr_t)name >> 3) * 2654435761U + (unsigned)phase;
    for (int tries = 0; tries < 16; tries++, i++) {
        slot *s = &p->slot[i % SLOTS];
        if (s->name == name && s->phase == phase) return s->row;
        if (s->name == NULL) {
            *s = (slot){name, phase, row_named(p, name, phase, op)};
            return s->row;
        }
    }
    return row_named(p, name, phase, op);
}

static void begin(hoop_profile *p, int row, double flops, double bytes)
{
    p->row[row].calls++;
    p->row[row].flops += flops;
    p->row[row].bytes += bytes;
    give(p);
    if (p->depth < DEPTH) p->stack[p->depth] = row;
    p->depth++;
}

static void end(hoop_profile *p)
{
    give(p);
    if (p->depth > 0) p->depth--;
}

/* of the elements it has in memory: what is broadcast is read once */
static double view_bytes(const hoop_view *v)
{
    double n = (double)hoop_dtype_size((hoop_dtype)v->dtype);
    for (int d = 0; d < v->ndim; d++)
        if (v->shape[d] == 0 || v->stride[d] != 0) n *= (double)v->shape[d];
    return n;
}

static double call_bytes(const hoop_call *call)
{
    double bytes = call->add ? view_bytes(&call->out[0]) : 0.0; /* read as well */
    for (int i = 0; i < call->nin; i++) bytes += view_bytes(call->in[i]);
    for (int j = 0; j < call->nout; j++) bytes += view_bytes(&call->out[j]);
    return bytes;
}

void hoop__profile_begin(hoop_profile *p, const hoop_op *op, hoop_phase phase, const hoop_call *call)
{
    if (pthread_equal(p->thread, pthread_self()) == 0) return;
    begin(p, find_row(p, op->name, phase, true), op->flops == NULL ? 0.0 : op->flops(call),
          op->bytes == NULL ? call_bytes(call) : op->bytes(call));
}

void hoop__profile_end(hoop_profile *p)
{
    if (pthread_equal(p->thread, pthread_self()) != 0) end(p);
}

void hoop_profile_begin(const hoop_runtime *rt, const char *what, hoop_phase phase, double bytes)
{
    hoop_profile *p = rt == NULL ? NULL : rt->profile;
    if (p != NULL && pthread_equal(p->thread, pthread_self()) != 0) begin(p, find_row(p, what, phase, false), 0.0, bytes);
}

void hoop_profile_end(const hoop_runtime *rt)
{
    hoop_profile *p = rt == NULL ? NULL : rt->profile;
    if (p != NULL && pthread_equal(p->thread, pthread_self()) != 0) end(p);
}

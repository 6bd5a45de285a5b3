/* comm.c - what a communicator says of itself. */
#include "comm_internal.h"

#include <string.h>

void hoop__copy_text(char *dst, const char *src, int64_t size)
{
    size_t n = src == NULL ? 0 : strlen(src);
    if (n > (size_t)size - 1) n = (size_t)size - 1;
    if (n > 0) memcpy(dst, src, n);
    dst[n] = '\0';
}

int hoop_comm_rank(const hoop_comm *c)
{
    return c->rank;
}

int hoop_comm_size(const hoop_comm *c)
{
    return c->size;
}

const char *hoop_comm_host(const hoop_comm *c, int r)
{
    return r >= 0 && r < c->size ? c->peers[r].host : "?";
}

int hoop_comm_host_ranks(const hoop_comm *c)
{
    return c->host_ranks;
}

int hoop_comm_host_cores(const hoop_comm *c)
{
    return c->host_cores;
}

bool hoop_comm_unsettled(const hoop_comm *c)
{
    return c != NULL && c->leak;
}

double hoop_comm_wait_s(const hoop_comm *c)
{
    return c->wait_s;
}

void hoop_comm_chunk(int64_t nunits, int size, int r, int64_t *first, int64_t *count)
{
    /* nunits * r / size without overflow */
    const int64_t whole = nunits / size, rest = nunits % size;
    const int64_t begin = whole * r + rest * r / size, end = whole * (r + 1) + rest * (r + 1) / size;
    *first = begin;
    *count = end - begin;
}

void hoop_comm_set_position(hoop_comm *c, int64_t step, const char *what)
{
    c->position.step = step;
    hoop__copy_text(c->position.what, what, HOOP__WHAT);
    c->position_ns = hoop__clock_ns();
}

hoop_status hoop_comm_check(const hoop_comm *c, hoop_error *err)
{
    return c->poison.status == HOOP_OK ? HOOP_OK : hoop_fail(err, c->poison.status, "%s", c->poison.text);
}

bool hoop_comm_was_told(const hoop_comm *c)
{
    return c->told;
}

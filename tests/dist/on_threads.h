/** on_threads.h - run a function as each of `size` ranks, a thread each. */
#ifndef ON_THREADS_H
#define ON_THREADS_H

#include "hoop/comm.h"

typedef bool rank_fn(hoop_comm *c, void *ctx);

/* True if fn returned true on all ranks. The communicators are made from opts and destroyed again. */
bool on_threads(int size, const hoop_comm_opts *opts, rank_fn *fn, void *ctx);

#endif

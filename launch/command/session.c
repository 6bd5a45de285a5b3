#include "command/command.h"

#include "base/host.h"
#include "hoop/comm_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

hoop_status session_begin(const hoop_comm_opts *opts, hoop_error *early, hoop_error *err, session *s)
{
    hoop__launcher launcher = hoop__launcher_find();
    hoop_status    st;
    int            size = 1, provided;
    memset(s, 0, sizeof *s);
    s->size = 1;
    if (hoop__launcher_needs_mpi(&launcher)) {
        if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS)
            return hoop_fail(err, HOOP_ECOMM, "MPI_Init failed");
        s->mpi = true;
        (void)MPI_Comm_size(MPI_COMM_WORLD, &size);
        (void)MPI_Comm_rank(MPI_COMM_WORLD, &s->rank);
        s->size = size;
        HOOP_TRY(st, done, hoop__launcher_check(&launcher, size, err));
        HOOP_TRY(st, done, hoop_comm_create_mpi(MPI_COMM_WORLD, opts, err, &s->comm));
    } else {
        hoop_comm_opts alone = *opts;
        if (alone.algorithm == HOOP_ALGORITHM_MPI) alone.algorithm = HOOP_ALGORITHM_AUTO; /* one rank reduces nothing */
        HOOP_TRY(st, done, hoop_comm_create_self(&alone, err, &s->comm));
    }
    if (early != NULL) {
        st = hoop_comm_agree_status(s->comm, early);
        if (st != HOOP_OK) st = hoop_fail(err, st, "%s", early->text);
    }
done:
    return st;
}

/* of ranks with the same text, the lowest prints */
static bool prints(session *s, const hoop_error *err)
{
    char      *all;
    bool       first   = true;
    hoop_error ignored = {.status = HOOP_OK};
    char       mine[160];
    if (err->status == HOOP_EPEER) return false;
    if (s->comm == NULL || s->size == 1) return true;
    if (hoop_comm_check(s->comm, NULL) != HOOP_OK) return true;
    all = calloc((size_t)s->size, sizeof mine);
    if (all == NULL) return true;
    memset(mine, 0, sizeof mine);
    (void)snprintf(mine, sizeof mine, "%d %s", (int)err->status, err->text);
    if (hoop_comm_all_gather_bytes(s->comm, mine, (int64_t)sizeof mine, "errors", &ignored, all) == HOOP_OK) {
        for (int r = 0; r < s->rank; r++) first &= memcmp(all + (size_t)r * sizeof mine, mine, sizeof mine) != 0;
    }
    free(all);
    return first;
}

/* every rank comes here with an error or none does: the library agrees on failures */
int session_end(session *s, const hoop_error *err, int code)
{
    bool failed = err->status != HOOP_OK, poisoned = s->comm != NULL && hoop_comm_check(s->comm, NULL) != HOOP_OK;
    bool peer = failed && err->status == HOOP_EPEER;
    if (failed) {
        code = HOOP_EXIT_FAILURE;
        if (peer && s->comm != NULL && !poisoned && s->size > 1) { /* joins the gather of those who print */
            hoop_error none = *err;
            none.status     = HOOP_ESTATE;
            (void)snprintf(none.text, sizeof none.text, "peer %d", s->rank);
            (void)prints(s, &none);
        } else if (prints(s, err)) {
            if (s->size > 1)
                (void)fprintf(stderr, "hoop: rank %d: %s\n", s->rank, err->text);
            else
                (void)fprintf(stderr, "hoop: %s\n", err->text);
            (void)fflush(stderr);
        }
    }
    (void)fflush(stdout);
    if (s->mpi && poisoned) _exit(code == 0 ? HOOP_EXIT_FAILURE : code); /* ranks that do not answer are mpirun's to end */
    hoop_comm_destroy(&s->comm);
    if (s->mpi) (void)MPI_Finalize();
    return code;
}

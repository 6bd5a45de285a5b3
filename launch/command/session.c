#include "command/command.h"

#include "command/launcher.h"
#include "output/outlet.h"
#include "command/segments.h"
#include "base/text.h"
#include "hoop/comm_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The first rank of each host clears away what jobs that were killed left; a minute keeps it off jobs that are just starting. */
static void sweep(const session *s)
{
    for (int r = 0; r < s->rank; r++) {
        if (strcmp(hoop_comm_host(s->comm, r), hoop_comm_host(s->comm, s->rank)) == 0) return;
    }
    (void)hoop__segments_sweep(hoop__segments_folder(), 60.0);
}

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
        sweep(s);
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

/* What a rank failed of, and how it says so: digits do not count, so that each rank's own file name or row is the same failure.
 */
typedef struct failure {
    int64_t  status;
    uint64_t text; /* FNV-1a */
} failure;

static failure failure_of(const hoop_error *err)
{
    failure f = {err->status, UINT64_C(0xcbf29ce484222325)};
    for (const char *c = err->text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9') f.text = (f.text ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    }
    return f;
}

/* Of the ranks that failed in one way the lowest prints: a full disk is told once. *more: the others. Without memory of its own:
 * that is what a rank may have failed for. */
static bool prints(session *s, const hoop_error *err, int *more)
{
    const failure mine    = failure_of(err);
    hoop_error    ignored = {.status = HOOP_OK};
    bool          first   = err->status != HOOP_EPEER;
    *more                 = 0;
    if (s->comm == NULL) return err->status != HOOP_EDESYNC || s->rank == 0; /* known to all while it was made */
    if (hoop_comm_check(s->comm, NULL) != HOOP_OK) return first && !hoop_comm_was_told(s->comm);
    for (int r = 0; r < s->size; r++) {
        failure its = mine;
        if (hoop_comm_broadcast(s->comm, r, &its, (int64_t)sizeof its, "errors", &ignored) != HOOP_OK) break;
        if (its.status != mine.status || its.text != mine.text || r == s->rank) continue;
        first = first && r > s->rank;
        (*more)++;
    }
    return first;
}

/* What fails in the same way whenever it is started again is 1: a config, data, a full disk, a loss that is not finite. */
static int code_of(const session *s, hoop_status status)
{
    return status == HOOP_ETIMEOUT || (status == HOOP_ECOMM && s->comm != NULL) ? HOOP_EXIT_LOST : HOOP_EXIT_FAILURE;
}

/* every rank comes here with an error or none does: the library agrees on failures */
int session_end(session *s, const hoop_error *err, int code)
{
    if (err->status != HOOP_OK) {
        char        line[COMMAND_LINE], all[COMMAND_LINE + 64];
        const char *text = hoop__text_printable(err->text, line, sizeof line);
        int         more;
        code = code_of(s, err->status);
        if (prints(s, err, &more)) {
            if (more > 0)
                (void)snprintf(all, sizeof all, "hoop: rank %d and %d more: %s\n", s->rank, more, text);
            else if (s->size > 1)
                (void)snprintf(all, sizeof all, "hoop: rank %d: %s\n", s->rank, text);
            else
                (void)snprintf(all, sizeof all, "hoop: %s\n", text);
            (void)fflush(stderr);
            (void)hoop__outlet_print(STDERR_FILENO, all, COMMAND_PATIENCE_S, NULL); /* the other ranks wait for this one */
        }
    }
    (void)fflush(stdout);
    if (s->mpi && s->comm != NULL && hoop_comm_check(s->comm, NULL) != HOOP_OK) {
        /* mpirun ends the job at the first failure it sees, and drops what others print after it: who found out goes first */
        if (hoop_comm_was_told(s->comm)) (void)nanosleep(&(struct timespec){1, 0}, NULL);
        _exit(code == 0 ? HOOP_EXIT_FAILURE : code); /* ranks that do not answer are mpirun's to end */
    }
    hoop_comm_destroy(&s->comm);
    if (s->mpi) (void)MPI_Finalize();
    return code;
}

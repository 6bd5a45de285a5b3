/** hoop/comm_mpi.h - a hoop_comm over any MPI communicator. Apart from comm.h, so that only who has MPI includes mpi.h. */
#ifndef HOOP_COMM_MPI_H
#define HOOP_COMM_MPI_H

#define OMPI_SKIP_MPICXX 1 /* the C interface, in C++ too */
#include <mpi.h>

#include "hoop/comm.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Duplicate `comm` (an intracommunicator, which stays the caller's and is not used again) and work on the duplicate. MPI is
 *  initialised by the caller; below MPI_THREAD_SERIALIZED all calls come from MPI's main thread. Ranks agree on `opts`
 *  (may be NULL). Errors: HOOP_ESTATE (MPI is not initialised or finalised), HOOP_EARG, HOOP_ETIMEOUT, HOOP_EDESYNC,
 *  HOOP_ECOMM. Destroy it before MPI_Finalize. Calls: Collective. */
HOOP_API hoop_status hoop_comm_create_mpi(MPI_Comm comm, const hoop_comm_opts *opts, hoop_error *err, hoop_comm **out);

#ifdef __cplusplus
}
#endif
#endif

/** command/launcher.h - who started this process, as one of how many. */
#ifndef HOOP_COMMAND_LAUNCHER_H
#define HOOP_COMMAND_LAUNCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/status.h"

/** Who started this process as one of several, read off the environment. */
typedef struct hoop__launcher {
    const char *name;     /* "Open MPI's mpirun"; NULL: none */
    const char *variable; /* the one that told, such as PMI_SIZE */
    int64_t     size;     /* ranks it started; -1: it doesn't say */
    int64_t     rank;     /* of this process; -1: it doesn't say */
} hoop__launcher;

hoop__launcher hoop__launcher_find(void);
/** How many ranks the scheduler's job has room for, by what it says in the environment; *variable names it. 0: none says. */
int64_t hoop__launcher_given(const char **variable);
/** True if MPI_Init should be called: a launcher started more than one rank, or doesn't say how many. (A lone process spends
 *  0.4 s in Open MPI's MPI_Init.) */
bool hoop__launcher_needs_mpi(const hoop__launcher *launcher);
/** True in the process that is to tell what all of a launcher's find wrong alike, such as a mistake in their command line, and
 *  to do what is done once: the first; each, where Open MPI's mpirun started several command lines. */
bool hoop__launcher_speaks(const hoop__launcher *launcher);
/** HOOP_ECOMM when the launcher started several ranks and MPI sees one: each would train alone and write the same files. */
hoop_status hoop__launcher_check(const hoop__launcher *launcher, int64_t world_size, hoop_error *err);

#endif

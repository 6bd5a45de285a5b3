/** command/segments.h - shared memory that MPI leaves behind when a whole job is killed. */
#ifndef HOOP_COMMAND_SEGMENTS_H
#define HOOP_COMMAND_SEGMENTS_H

/** Where Open MPI puts them: its parameter btl_vader_backing_directory in the environment, or /dev/shm. */
const char *hoop__segments_folder(void);
/**
 * Remove the segments that Open MPI (4.x, btl vader) left in `folder`: 4 MiB a rank, after SIGKILL of mpirun. Only those of this
 * host and user, untouched for age_s seconds, that no process has open or mapped. Returns how many were removed.
 */
int hoop__segments_sweep(const char *folder, double age_s);

#endif

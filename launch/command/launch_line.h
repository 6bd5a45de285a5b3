/** command/launch_line.h - the command line that starts a job: the flags of each kind of program that starts ranks. */
#ifndef HOOP_COMMAND_LAUNCH_LINE_H
#define HOOP_COMMAND_LAUNCH_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "command/launch_hosts.h"

/** What starts ranks. */
typedef enum launch_kind { LAUNCH_NOTHING /* one rank: hoop itself */, LAUNCH_OPEN_MPI, LAUNCH_HYDRA, LAUNCH_SRUN } launch_kind;

/** By the text of `PROGRAM --version`. *major: the first number of the version. False: it is none of these. */
bool launch_kind_of(const char *version, launch_kind *out, int *major);

typedef struct launch_plan {
    launch_kind         kind;
    int                 major;
    const char         *program; /* "mpirun" */
    const launch_hosts *hosts;   /* those that are silent are left out */
    int64_t             ranks;
    int64_t             cores;    /* of this host */
    int64_t             per_task; /* cores that a Slurm job has for each task, which srun asks for anew; 0: it does not say */
    bool                root;
    bool                bound;   /* the environment says how ranks are bound, or mapped: nothing here does */
    const char         *network; /* "": not said */
} launch_plan;

/** Words of a command line, ended by NULL. */
typedef struct launch_words {
    char **word;
    int    n;
    bool   failed; /* no memory: it is not to be used */
} launch_words;

void launch_words_add(launch_words *w, const char *format, ...) HOOP_PRINTF(2, 3);
void launch_words_free(launch_words *w);
/** PROGRAM with its flags; what is to be run follows. */
void launch_line(const launch_plan *p, launch_words *out);
/** As a shell reads it; free it. NULL: no memory. */
char *launch_words_text(const launch_words *w);

#endif

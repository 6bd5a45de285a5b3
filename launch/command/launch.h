/** command/launch.h - hoop launch: what it was asked for (launch.c), and looking after the run (launch_look.c). */
#ifndef HOOP_COMMAND_LAUNCH_H
#define HOOP_COMMAND_LAUNCH_H

#include "command/launch_hosts.h"
#include "command/launch_line.h"
#include "command/launch_trace.h"
#include "command/train.h"

typedef struct launch {
    /* as the command line says */
    int64_t      ranks; /* 0: as many as there is room for */
    int64_t      min, restarts;
    double       patience_s;
    const char  *mpirun; /* NULL: srun in a Slurm job, else mpirun */
    char       **argv;   /* train ... */
    int          argc;
    train_args   train;
    hoop_config *config;
    launch_hosts hosts;
    /* found out */
    char           run[HOOP_CHECKPOINT_PATH], self[HOOP_CHECKPOINT_PATH];
    launch_kind    kind;
    int            major;
    int64_t        cores, leaves; /* of this host; of the run, as far as is known */
    int64_t        given;         /* ranks that a scheduler has given, or those cores */
    int            warning; /* the signal that has ranks save and end, which mpirun and srun pass on to all: SIGUSR1 or SIGUSR2 */
    launch_journal journal;
    /* as it goes */
    int     stop;     /* the signal that asks for an end; 0: none */
    bool    growing;  /* the job was asked to end because hosts came back */
    bool    mute;     /* the journal cannot be written, which was told */
    int64_t said;     /* ranks of the last start, told */
    int64_t furthest; /* step that any start has come to */
    int64_t in_vain;  /* starts since one came further */
    int64_t idle;     /* starts since one did a step at all */
    double  lost_s;   /* when the last job was seen to have ended */
    int     starts;
} launch;

/** Start, look after it, start again, until there is nothing to start again for. The exit code. */
int launch_look_after(launch *l);
/** A step of it: from how a job ended to whether it is to be started again. */
typedef struct launch_verdict {
    bool again;
    int  code;     /* where not */
    char why[256]; /* "a rank was killed by signal 9 (Killed)" */
} launch_verdict;
/** `how` as waitpid tells it; silent: a host that does not answer, or NULL. */
void launch_judge(int how, launch_said said, const char *silent, launch_verdict *out);

#endif

/**
 * command/launch_process.h - the processes that hoop launch starts: a job, and programs whose answer is read. Whatever a job
 * leaves when it ends becomes a child of this process (a subreaper), and so is known, and ended by its number.
 */
#ifndef HOOP_COMMAND_LAUNCH_PROCESS_H
#define HOOP_COMMAND_LAUNCH_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "hoop/status.h"

/** From now on SIGCHLD, SIGTERM, SIGINT, SIGHUP (but under nohup), SIGUSR1 and SIGUSR2 come by launch_wait alone. Errors:
 * HOOP_EIO. */
hoop_status launch_listen(hoop_error *err);
/** The next signal, SIGCHLD included; 0: none came in that time. */
int launch_wait(double seconds);

/** Start a job (argv ends with NULL): in a process group of its own, so that Ctrl-C does not reach it but through us, with
 * nothing to read, and with the signal `last` if this process dies. Errors: HOOP_EIO. */
hoop_status launch_start(char *const *argv, int last, hoop_error *err, pid_t *out);
/** Has it ended, and how (as waitpid tells)? Others' ends are taken note of, and forgotten. */
bool launch_ended(pid_t job, int *how);
/** End whatever descends from this process, the job or what is left of it, but for children that it had at launch_listen; returns
 * when all is gone. How many there were. */
int launch_end_all(void);

/** What programs said on standard output, each of whose argv[i] ends with NULL, all at once, in at most `patience_s`: out[i] is a
 *  string that is to be freed; NULL: it failed, or said nothing in time. */
hoop_status launch_ask(char *const *const *argv, int n, double patience_s, hoop_error *err, char **out);

#endif

/**
 * command/command.h - what the subcommands of hoop share. A subcommand parses, calls the library, and prints.
 *
 * Each is a row in main.c's table: a name, a line of help, a function. Errors come back as hoop_error and are printed once,
 * by main or session, as "hoop: text".
 */
#ifndef HOOP_COMMAND_H
#define HOOP_COMMAND_H

#include <argp.h>
#include <stdbool.h>

#include "hoop/comm.h"
#include "hoop/status.h"

/** Exit codes; README lists them. */
enum {
    HOOP_EXIT_OK          = 0,
    HOOP_EXIT_FAILURE     = 1,
    HOOP_EXIT_USAGE       = 2,
    HOOP_EXIT_LOST        = 69 /* a rank is gone or silent: start me again */,
    HOOP_EXIT_REQUEUE     = 75 /* preempted, saved: start me again */,
    HOOP_EXIT_INTERRUPTED = 130
};

typedef int command_fn(int argc, char **argv);

int command_train(int argc, char **argv);
int command_eval(int argc, char **argv);
int command_predict(int argc, char **argv);
int command_generate(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_diff(int argc, char **argv);
int command_data(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_launch(int argc, char **argv);

/** argp_parse for "hoop NAME": options in full only (no --se for --set), in any order, exit HOOP_EXIT_USAGE on a mistake with
 *  the nearest option named. argv[0] is shown as "hoop NAME". */
void command_parse(const struct argp *argp, int argc, char **argv, void *input);

/** *at = word, the one argument that a command takes; a second is a mistake of usage. name: RUN, PATH, ... */
void command_only(const char **at, const char *word, const char *name, const struct argp_state *state);

/** Keys of a config that the command line sets: each --set KEY=VALUE, and options that stand for one. */
enum { COMMAND_SETS = 256 };
typedef struct command_sets {
    const char *text[COMMAND_SETS];
    int         n;
} command_sets;
/** Add one; too many, or another word than refuse and zero for --unknown, is a mistake of usage. */
void command_set(command_sets *sets, const char *text, const struct argp_state *state);
void command_set_unknown(command_sets *sets, const char *word, const struct argp_state *state);

/** Print the kinds of models, layers, losses, metrics, optimizers or schedules. False: the word is none of these. */
bool command_help_kinds(const char *word);

/** On all ranks of a launcher but the one that speaks: close standard output and error (a mistake in the command line they share,
 *  or its help, is told once), until command_speak. */
typedef struct command_hushed {
    int fd[2]; /* what they were; -1: not hushed */
} command_hushed;
command_hushed command_hush(void);
void           command_speak(command_hushed *h);

enum { COMMAND_LINE = 4 * HOOP_ERROR_TEXT }; /* the longest line of an error, its control characters written out */

enum { COMMAND_PATIENCE_S = 5 }; /* how long the end of a run waits for whoever does not read what it says */

/** Print "hoop: text" to stderr, in one line (base/text.h, printable), and return the exit code for an error: HOOP_EXIT_FAILURE.
 */
int command_report(const hoop_error *err);
/** Print "hoop: text" to stderr: a trainer's note. */
void command_note(void *ctx, const char *text);

/* ---- commands that may run under a launcher ---- */

typedef struct session {
    hoop_comm *comm;
    bool       mpi;
    int        rank, size;
} session;

/** Start MPI if a launcher started us, and make a communicator of all its ranks. `early` (may hold an error of parsing) is
 *  agreed upon: if any rank has one, all return it. Collective. */
hoop_status session_begin(const hoop_comm_opts *opts, hoop_error *early, hoop_error *err, session *s);
/** Print *err where it is (each text once), end MPI, return the exit code: `code`, or if *err holds an error HOOP_EXIT_FAILURE,
 *  HOOP_EXIT_LOST where another rank gave no answer or the wire to it broke: what may go well the next time.
 *  A poisoned communicator ends the whole job at once. */
int session_end(session *s, const hoop_error *err, int code);

#endif

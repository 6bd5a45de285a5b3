/* What the end of a job means. */
#include "command/command.h"
#include "command/launch.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static void again(launch_verdict *v, const char *who, int signal_number)
{
    v->again = true;
    (void)snprintf(v->why, sizeof v->why, "%s was killed by signal %d (%s)", who, signal_number, strsignal(signal_number));
}

static void final(launch_verdict *v, int code, const char *why)
{
    v->code = code;
    (void)snprintf(v->why, sizeof v->why, "%s", why);
}

/* The signal that ended a rank: mpirun, srun and shells tell 128 + its number, MPICH's hydra the number, of which 1 and 2 are
 * codes of hoop's own. 0: none. */
static int signal_of(int code)
{
    return code > 128 && code <= 128 + SIGRTMAX ? code - 128 : code > HOOP_EXIT_USAGE && code < 32 ? code : 0;
}

static void judge_signal(launch_verdict *v, const char *who, int signal_number)
{
    if (signal_number == SIGINT)
        final(v, HOOP_EXIT_INTERRUPTED, "interrupted before it could save");
    else if (signal_number == SIGTERM || signal_number == SIGHUP || signal_number == SIGUSR1 || signal_number == SIGUSR2)
        final(v, HOOP_EXIT_REQUEUE, "stopped before it could save");
    else
        again(v, who, signal_number);
}

void launch_judge(int how, launch_said said, const char *silent, launch_verdict *out)
{
    const int code = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    *out           = (launch_verdict){.code = HOOP_EXIT_FAILURE};
    if (WIFSIGNALED(how) && silent == NULL) {
        again(out, "what starts the ranks", WTERMSIG(how));
        return;
    }
    switch (code) {
    case HOOP_EXIT_OK:
        final(out, code, "done");
        return;
    case HOOP_EXIT_USAGE:
        final(out, code, "wrong usage");
        return;
    case HOOP_EXIT_REQUEUE:
        final(out, code, "stopped, with a checkpoint");
        return;
    case HOOP_EXIT_INTERRUPTED:
        final(out, code, "interrupted, with a checkpoint");
        return;
    case HOOP_EXIT_LOST:
        out->again = true;
        (void)snprintf(out->why, sizeof out->why, "a rank gave no answer in time, or the wire to it broke");
        return;
    default:
        break;
    }
    if (signal_of(code) != 0 && silent == NULL) {
        judge_signal(out, "a rank", signal_of(code));
    } else if (silent != NULL) {
        out->again = true;
        (void)snprintf(out->why, sizeof out->why, "host %.200s does not answer", silent);
    } else if (said == LAUNCH_SAID_BEGAN) { /* whatever fails of itself says why */
        out->again = true;
        (void)snprintf(out->why, sizeof out->why, "the ranks were ended (exit code %d)", code);
    } else {
        final(out, HOOP_EXIT_FAILURE, "failed");
    }
}

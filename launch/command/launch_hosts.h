/** command/launch_hosts.h - hosts of a job: how --hosts names them, which of them answer, and over which network they are
 * reached. */
#ifndef HOOP_COMMAND_LAUNCH_HOSTS_H
#define HOOP_COMMAND_LAUNCH_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/status.h"

enum { LAUNCH_HOSTS = 4096, LAUNCH_NETWORK = 64 };

typedef struct launch_host {
    char name[256];
    int  slots;  /* ranks it takes; 0: as many as it has cores */
    int  cores;  /* as it said; 0: it was not asked */
    bool here;   /* this one */
    bool silent; /* it did not answer when it was asked last */
    bool used;   /* it has a part in what runs */
} launch_host;

/** None: this host alone. */
typedef struct launch_hosts {
    launch_host *list;
    int          n;
} launch_hosts;

/** "a,b:4", or a file with a host a line: "a", "a slots=4" (as Open MPI's), "a:4" (as MPICH's), # begins a comment. Errors:
 * HOOP_EARG naming the word (and line), HOOP_ENOMEM. */
hoop_status launch_hosts_parse(const char *text, hoop_error *err, launch_hosts *out);
void        launch_hosts_free(launch_hosts *h);
/** Ask all others at once, by `agent` (a command line, such as "ssh -o BatchMode=yes"), how many cores they have; `silent` says
 * who did not answer in `patience_s`. */
hoop_status launch_hosts_ask(launch_hosts *h, const char *agent, double patience_s, hoop_error *err);
/** Ranks that those which answer take. */
int64_t launch_hosts_room(const launch_hosts *h);
/** The network that all others which answer are in, as this host reaches them: "10.0.0.0/24"; "": there is no such one, or no
 * others. */
void launch_hosts_network(const launch_hosts *h, char out[LAUNCH_NETWORK]);

#endif

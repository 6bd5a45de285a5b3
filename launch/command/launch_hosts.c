#include "command/launch_hosts.h"

#include "command/launch_process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* one of this host's addresses */
static bool is_own_address(struct in_addr address)
{
    struct ifaddrs *all  = NULL;
    bool            mine = false;
    if (getifaddrs(&all) != 0) return false;
    for (const struct ifaddrs *i = all; i != NULL && !mine; i = i->ifa_next)
        mine = i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET &&
               ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr == address.s_addr;
    freeifaddrs(all);
    return mine;
}

/* As mpirun has it: by an address, or by what stands before the domain. */
static bool is_here(const char *name)
{
    char           own[256] = "";
    const size_t   size     = strcspn(name, ".");
    struct in_addr address;
    if (inet_pton(AF_INET, name, &address) == 1) return is_own_address(address);
    (void)gethostname(own, sizeof own - 1);
    return strcmp(name, "localhost") == 0 || (size > 0 && strcspn(own, ".") == size && strncmp(name, own, size) == 0);
}

/* One host of one word, "a" or "a:4"; slots = -1: those are in the word, if anywhere. */
static hoop_status add(launch_hosts *h, const char *word, long slots, hoop_error *err)
{
    const char  *colon = strrchr(word, ':');
    size_t       size  = colon == NULL ? strlen(word) : (size_t)(colon - word);
    char        *end   = NULL;
    launch_host *host;
    if (colon != NULL && slots < 0) slots = strtol(colon + 1, &end, 10);
    if (size == 0 || size >= sizeof host->name || word[0] == '-' || (end != NULL && (end == colon + 1 || *end != '\0')) ||
        (slots >= 0 && (slots < 1 || slots > 100000)))
        return hoop_fail(err, HOOP_EARG, "'%.80s' is no host; NAME or NAME:RANKS is wanted", word);
    if (h->n == LAUNCH_HOSTS) return hoop_fail(err, HOOP_EARG, "more than %d hosts", LAUNCH_HOSTS);
    for (int i = 0; i < h->n; i++)
        if (strlen(h->list[i].name) == size && strncmp(h->list[i].name, word, size) == 0)
            return hoop_fail(err, HOOP_EARG, "the host %s is named twice; %s:%d takes two ranks", h->list[i].name,
                             h->list[i].name, 2);
    host  = &h->list[h->n++];
    *host = (launch_host){.slots = slots < 0 ? 0 : (int)slots};
    memcpy(host->name, word, size);
    host->here = is_here(host->name);
    return HOOP_OK;
}

static hoop_status add_line(launch_hosts *h, char *line, hoop_error *err)
{
    char *save                 = NULL, *name, *word;
    long  slots                = -1;
    line[strcspn(line, "#\n")] = '\0';
    name                       = strtok_r(line, " \t\r", &save);
    while (name != NULL && (word = strtok_r(NULL, " \t\r", &save)) != NULL) {
        char *end;
        if (strncmp(word, "max_slots=", 10) == 0 || strncmp(word, "max-slots=", 10) == 0) continue;
        if (strncmp(word, "slots=", 6) != 0) return hoop_fail(err, HOOP_EARG, "'%.80s' is not slots=N", word);
        slots = strtol(word + 6, &end, 10);
        if (end == word + 6 || *end != '\0' || slots < 1) return hoop_fail(err, HOOP_EARG, "'%.80s' is not slots=N", word);
    }
    return name == NULL ? HOOP_OK : add(h, name, slots, err);
}

static hoop_status parse_file(const char *path, hoop_error *err, launch_hosts *out)
{
    FILE       *file = fopen(path, "re");
    char       *line = NULL;
    size_t      room = 0;
    int         at   = 0;
    hoop_status st   = file == NULL ? hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno)) : HOOP_OK;
    while (st == HOOP_OK && getline(&line, &room, file) > 0) {
        at++;
        st = add_line(out, line, err);
        if (st != HOOP_OK) (void)hoop_fail_within(err, "%s:%d", path, at);
    }
    free(line);
    if (file != NULL) (void)fclose(file);
    if (st == HOOP_OK && out->n == 0) st = hoop_fail(err, HOOP_EARG, "%s: names no host", path);
    return st;
}

static hoop_status parse_list(const char *text, hoop_error *err, launch_hosts *out)
{
    char       *copy = strdup(text), *save = NULL;
    hoop_status st = copy == NULL ? hoop_fail(err, HOOP_ENOMEM, "no memory for hosts") : HOOP_OK;
    for (char *word = copy == NULL ? NULL : strtok_r(copy, ",", &save); word != NULL && st == HOOP_OK;
         word       = strtok_r(NULL, ",", &save))
        st = add(out, word, -1, err);
    free(copy);
    if (st == HOOP_OK && out->n == 0) st = hoop_fail(err, HOOP_EARG, "names no host; a,b:4 or a file is wanted");
    return st;
}

hoop_status launch_hosts_parse(const char *text, hoop_error *err, launch_hosts *out)
{
    struct stat info;
    out->list = calloc(LAUNCH_HOSTS, sizeof *out->list);
    out->n    = 0;
    if (out->list == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for hosts");
    if (strchr(text, '/') != NULL || (stat(text, &info) == 0 && S_ISREG(info.st_mode))) return parse_file(text, err, out);
    return parse_list(text, err, out);
}

void launch_hosts_free(launch_hosts *h)
{
    free(h->list);
    *h = (launch_hosts){NULL, 0};
}

/* ---- who answers ---- */

enum { AGENT_WORDS = 32 };

/* agent HOST COMMAND, as words of `copy`. The host says how many processors it lets us have, and how many cores it has: two or
 * more processors (hyper-threads) are one core, and mpirun binds to cores. */
static void asking(char *copy, launch_host *host, char **argv)
{
    static char program[] = "nproc; cat /sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list | sort -u | wc -l";
    char       *save      = NULL;
    int         n         = 0;
    for (char *word = strtok_r(copy, " ", &save); word != NULL && n < AGENT_WORDS; word = strtok_r(NULL, " ", &save))
        argv[n++] = word;
    argv[n++] = host->name;
    argv[n++] = program;
    argv[n]   = NULL;
}

/* What a host said: 0 if it is no number. */
static int cores_said(const char *said)
{
    char *end;
    long  processors, cores;
    if (said == NULL) return 0;
    processors = strtol(said, &end, 10);
    cores      = strtol(end, NULL, 10);
    return (int)(cores > 0 && cores < processors ? cores : processors);
}

hoop_status launch_hosts_ask(launch_hosts *h, const char *agent, double patience_s, hoop_error *err)
{
    typedef char *words[AGENT_WORDS + 3];
    words        *argv = calloc((size_t)h->n + 1, sizeof *argv);
    char *const **each = calloc((size_t)h->n + 1, sizeof *each);
    char        **copy = calloc((size_t)h->n + 1, sizeof *copy), **said = calloc((size_t)h->n + 1, sizeof *said);
    int           n  = 0;
    hoop_status   st = HOOP_OK;
    if (argv == NULL || each == NULL || copy == NULL || said == NULL) st = hoop_fail(err, HOOP_ENOMEM, "no memory to ask hosts");
    for (int i = 0; i < h->n && st == HOOP_OK; i++) {
        if (h->list[i].here) continue;
        copy[n] = strdup(agent);
        if (copy[n] == NULL) st = hoop_fail(err, HOOP_ENOMEM, "no memory to ask hosts");
        if (st == HOOP_OK) asking(copy[n], &h->list[i], argv[n]);
        each[n] = argv[n];
        n += st == HOOP_OK;
    }
    if (st == HOOP_OK && n > 0) st = launch_ask(each, n, patience_s, err, said);
    n = 0;
    for (int i = 0; i < h->n && st == HOOP_OK; i++) {
        if (h->list[i].here) continue;
        h->list[i].cores  = cores_said(said[n]);
        h->list[i].silent = h->list[i].cores < 1;
        n++;
    }
    for (int i = 0; i < h->n && copy != NULL && said != NULL; i++) {
        free(copy[i]);
        free(said[i]);
    }
    free(said);
    free(copy);
    free((void *)each);
    free(argv);
    return st;
}

int64_t launch_hosts_room(const launch_hosts *h)
{
    int64_t room = 0;
    for (int i = 0; i < h->n; i++)
        if (!h->list[i].silent) room += h->list[i].slots > 0 ? h->list[i].slots : h->list[i].cores > 0 ? h->list[i].cores : 1;
    return room;
}

/* ---- how they are reached ---- */

static bool address_of(const char *name, struct in_addr *out)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo      *found = NULL;
    if (getaddrinfo(name, NULL, &hints, &found) != 0 || found == NULL) return false;
    *out = ((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr;
    freeaddrinfo(found);
    return true;
}

/* Is this host in that network? */
static bool reaches(const struct ifaddrs *i, struct in_addr host)
{
    uint32_t own, mask;
    if (i->ifa_addr == NULL || i->ifa_netmask == NULL || i->ifa_addr->sa_family != AF_INET) return false;
    own  = ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr;
    mask = ((const struct sockaddr_in *)(const void *)i->ifa_netmask)->sin_addr.s_addr;
    return mask != 0 && (own & mask) == (host.s_addr & mask);
}

void launch_hosts_network(const launch_hosts *h, char out[LAUNCH_NETWORK])
{
    struct ifaddrs *all = NULL;
    out[0]              = '\0';
    if (getifaddrs(&all) != 0) return;
    for (const struct ifaddrs *i = all; i != NULL && out[0] == '\0'; i = i->ifa_next) {
        char           text[INET_ADDRSTRLEN];
        struct in_addr net, host = {0};
        bool           good = false;
        for (int k = 0; k < h->n; k++) {
            if (h->list[k].here || h->list[k].silent) continue;
            good = address_of(h->list[k].name, &host) && reaches(i, host);
            if (!good) break;
        }
        if (!good) continue;
        net.s_addr = host.s_addr & ((const struct sockaddr_in *)(const void *)i->ifa_netmask)->sin_addr.s_addr;
        if (inet_ntop(AF_INET, &net, text, sizeof text) != NULL)
            (void)snprintf(out, LAUNCH_NETWORK, "%s/%d", text,
                           __builtin_popcount(((const struct sockaddr_in *)(const void *)i->ifa_netmask)->sin_addr.s_addr));
    }
    freeifaddrs(all);
}

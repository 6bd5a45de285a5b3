#include "command/command.h"

#include "command/launcher.h"
#include "base/text.h"
#include "hoop/option.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_OPTIONS = 64 };

/* getopt takes "--se" for "--set": a typo would do something. Only whole names pass. */
static void check_whole_names(const struct argp *argp, int argc, char **argv, const char *command)
{
    const char *names[MOST_OPTIONS];
    int         n = 0;
    names[n++]    = "help";
    names[n++]    = "usage";
    for (const struct argp_option *o = argp->options;
         o != NULL && (o->name != NULL || o->key != 0 || o->doc != NULL) && n < MOST_OPTIONS; o++) {
        if (o->name != NULL) names[n++] = o->name;
    }
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        char        word[64];
        size_t      length = strcspn(argv[i] + (strncmp(argv[i], "--", 2) == 0 ? 2 : 0), "=");
        const char *near;
        bool        known = false;
        if (strncmp(argv[i], "--", 2) != 0) continue;
        (void)snprintf(word, sizeof word, "%.*s", (int)length, argv[i] + 2);
        for (int k = 0; k < n; k++) known |= strcmp(word, names[k]) == 0;
        if (known) continue;
        near = hoop_nearest(word, names, n);
        (void)fprintf(stderr, "hoop %s: there is no option --%s", command, word);
        (void)fprintf(stderr, near != NULL ? "; did you mean --%s?\n" : "; hoop %s --help lists them\n",
                      near != NULL ? near : command);
        exit(HOOP_EXIT_USAGE);
    }
}

static bool is_hushed;

/* mpirun ends the job at the first failure it sees: who says why goes first */
static void follow_speaker(int status, void *arg)
{
    (void)arg;
    if (is_hushed && status != 0) (void)nanosleep(&(struct timespec){1, 0}, NULL);
}

command_hushed command_hush(void)
{
    hoop__launcher launcher = hoop__launcher_find();
    command_hushed h        = {{-1, -1}};
    int            nowhere;
    if (hoop__launcher_speaks(&launcher)) return h;
    is_hushed = on_exit(follow_speaker, NULL) == 0;
    nowhere   = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (int i = 0; i < 2 && nowhere >= 0; i++) {
        h.fd[i] = fcntl(i + 1, F_DUPFD_CLOEXEC, 3);
        if (h.fd[i] >= 0) (void)dup2(nowhere, i + 1);
    }
    if (nowhere >= 0) (void)close(nowhere);
    return h;
}

void command_speak(command_hushed *h)
{
    is_hushed = false;
    for (int i = 0; i < 2; i++) {
        if (h->fd[i] < 0) continue;
        (void)fflush(i == 0 ? stdout : stderr);
        (void)dup2(h->fd[i], i + 1);
        (void)close(h->fd[i]);
        h->fd[i] = -1;
    }
}

/* What argp and getopt say of a mistake goes into memory while they run: they take two lines where one will do. */
static struct aside {
    FILE  *own, *memory; /* standard error as it is, and in the meantime */
    char  *text;
    size_t size;
    char   command[64];
} aside;

static void end_aside(void)
{
    if (aside.memory == NULL) return;
    stderr = aside.own;
    (void)fclose(aside.memory);
    aside.memory = NULL;
    if (aside.text != NULL && aside.size > 0) {
        aside.text[strcspn(aside.text, "\n")] = '\0';
        (void)fprintf(stderr, "%s; %s --help tells more\n", aside.text, aside.command);
    }
    free(aside.text);
    aside.text = NULL;
}

static void begin_aside(void)
{
    static bool registered;
    registered   = registered || atexit(end_aside) == 0; /* where argp ends the process */
    aside.own    = stderr;
    aside.memory = registered ? open_memstream(&aside.text, &aside.size) : NULL;
    if (aside.memory != NULL) stderr = aside.memory;
}

void command_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    const char    *command = argv[0];
    command_hushed hushed  = command_hush();
    check_whole_names(argp, argc, argv, command);
    (void)snprintf(aside.command, sizeof aside.command, "hoop %s", command);
    argp_err_exit_status = HOOP_EXIT_USAGE;
    argv[0]              = aside.command;
    begin_aside();
    if (argp_parse(argp, argc, argv, 0, NULL, input) != 0) exit(HOOP_EXIT_USAGE);
    end_aside();
    argv[0] = "hoop";
    command_speak(&hushed);
}

int command_report(const hoop_error *err)
{
    command_note(NULL, err->text);
    return HOOP_EXIT_FAILURE;
}

void command_note(void *ctx, const char *text)
{
    char line[COMMAND_LINE];
    (void)ctx;
    (void)fprintf(stderr, "hoop: %s\n", hoop__text_printable(text, line, sizeof line));
}

void command_only(const char **at, const char *word, const char *name, const struct argp_state *state)
{
    if (*at != NULL) argp_error(state, "one %s is wanted; '%s' is a second", name, word);
    *at = word;
}

void command_set(command_sets *sets, const char *text, const struct argp_state *state)
{
    if (sets->n == COMMAND_SETS) argp_error(state, "more than %d --set", COMMAND_SETS);
    sets->text[sets->n++] = text;
}

void command_set_unknown(command_sets *sets, const char *word, const struct argp_state *state)
{
    const bool zero = strcmp(word, "zero") == 0;
    if (!zero && strcmp(word, "refuse") != 0) argp_error(state, "--unknown is refuse or zero, not '%s'", word);
    command_set(sets, zero ? "data.unknown=zero" : "data.unknown=refuse", state);
}

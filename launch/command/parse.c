#include "command/command.h"

#include "hoop/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void command_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    char        shown[64];
    const char *command = argv[0];
    check_whole_names(argp, argc, argv, command);
    (void)snprintf(shown, sizeof shown, "hoop %s", command);
    argp_err_exit_status = HOOP_EXIT_USAGE;
    argv[0]              = shown;
    if (argp_parse(argp, argc, argv, 0, NULL, input) != 0) exit(HOOP_EXIT_USAGE);
    argv[0] = "hoop";
}

int command_report(const hoop_error *err)
{
    (void)fprintf(stderr, "hoop: %s\n", err->text);
    return HOOP_EXIT_FAILURE;
}

/* hoop NAME ...: the table of subcommands. */
#include "command/command.h"

#include "command/launcher.h"
#include "output/terminal.h"
#include "hoop/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    command_fn *run;
    const char *help;
    bool        ranks; /* those of a launcher share the work; else the first does it, and the others are done at once */
} commands[] = {
    {"train", command_train, "train a model from a YAML config", true},
    {"launch", command_launch, "train on all ranks, and go on by itself when one is lost", false},
    {"eval", command_eval, "loss and metrics of a checkpoint on data", true},
    {"predict", command_predict, "a checkpoint's outputs for data, into an HDF5 file", true},
    {"generate", command_generate, "text that a trained model writes", false},
    {"inspect", command_inspect, "what is in a run, a checkpoint or a shard; its hash", false},
    {"verify", command_verify, "check all checksums of a run, a checkpoint or a shard", false},
    {"diff", command_diff, "where two checkpoints differ", false},
    {"data", command_data, "make, import, describe and verify datasets", false},
    {"bench", command_bench, "time built-in workloads, with the limits of the machine", true},
};
enum { COMMANDS = (int)(sizeof commands / sizeof commands[0]) };

static void usage(FILE *out)
{
    bool        bold = out == stdout && hoop__terminal_colours() && hoop__terminal_find(1, &(int){0});
    const char *on = bold ? "\033[1m" : "", *off = bold ? "\033[0m" : "";
    (void)fprintf(out,
                  "hoop " HOOP_VERSION ": data-parallel training over MPI, with the same bits on any number of ranks\n\n"
                  "%susage%s  hoop COMMAND ...\n        mpirun -n 4 hoop train CONFIG.yaml\n\n%scommands%s\n",
                  on, off, on, off);
    for (int i = 0; i < COMMANDS; i++) (void)fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
    (void)fprintf(out,
                  "\n%sexamples%s\n"
                  "  hoop data synth digits --samples 12000 --split 0.15 --out digits\n"
                  "  mpirun -n 2 hoop train launch/recipes/digits-mlp.yaml --out runs/digits\n"
                  "  hoop inspect runs/digits\n\n"
                  "hoop COMMAND --help tells more of each; hoop train --help config lists every key of a config, hoop train "
                  "--help layers\nwhat a model is made of; so also models, inits, losses, metrics, transform, augment, "
                  "optimizers, schedules.\n",
                  on, off);
}

static int unknown(const char *name)
{
    const char *names[COMMANDS], *near;
    for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    near = hoop_nearest(name, names, COMMANDS);
    if (near != NULL)
        (void)fprintf(stderr, "hoop: there is no command '%s'; did you mean '%s'?\n", name, near);
    else
        (void)fprintf(stderr, "hoop: there is no command '%s'; hoop --help lists them\n", name);
    return HOOP_EXIT_USAGE;
}

/* Help, version, and mistakes before a subcommand is known. */
static int without_command(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return HOOP_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return fflush(stdout) == 0 ? HOOP_EXIT_OK : HOOP_EXIT_FAILURE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)puts("hoop " HOOP_VERSION);
        return HOOP_EXIT_OK;
    }
    return unknown(argv[1]);
}

int main(int argc, char **argv)
{
    hoop__launcher launcher = hoop__launcher_find();
    for (int i = 0; i < COMMANDS; i++) {
        if (argc < 2 || strcmp(argv[1], commands[i].name) != 0) continue;
        return commands[i].ranks || hoop__launcher_speaks(&launcher) ? commands[i].run(argc - 1, argv + 1) : HOOP_EXIT_OK;
    }
    (void)command_hush();
    return without_command(argc, argv);
}

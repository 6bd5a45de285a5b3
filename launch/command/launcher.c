#include "command/launcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int64_t number_of(const char *name)
{
    const char *text = name == NULL ? NULL : getenv(name);
    char       *end;
    if (text == NULL || *text == '\0') return -1;
    errno       = 0;
    long long n = strtoll(text, &end, 10);
    return errno != 0 || *end != '\0' || n < 0 ? -1 : (int64_t)n;
}

hoop__launcher hoop__launcher_find(void)
{
    /* The one nearest to the process first: mpirun inside a Slurm step sets its own beside Slurm's. A batch script alone has
     * SLURM_NTASKS but no SLURM_STEP_NUM_TASKS, and is one process. Sizes last: PMIx itself doesn't tell one. */
    static const struct {
        const char *name, *size, *rank;
    } known[] = {
        {"Open MPI's mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
        {"MVAPICH's mpirun", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"},
        {"an MPICH-like mpiexec (PMI)", "PMI_SIZE", "PMI_RANK"},
        {"jsrun", "JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"},
        {"Flux", "FLUX_JOB_SIZE", "FLUX_TASK_RANK"},
        {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        int64_t size = number_of(known[i].size);
        if (size > 0) return (hoop__launcher){known[i].name, known[i].size, size, number_of(known[i].rank)};
    }
    if (number_of("PMIX_RANK") >= 0 && getenv("PMIX_NAMESPACE") != NULL) {
        return (hoop__launcher){"a PMIx launcher", "PMIX_RANK", -1, number_of("PMIX_RANK")};
    }
    if (number_of("PMI_RANK") >= 0) return (hoop__launcher){"a PMI launcher", "PMI_RANK", -1, number_of("PMI_RANK")};
    if (number_of("PALS_RANKID") >= 0) return (hoop__launcher){"PALS", "PALS_RANKID", -1, number_of("PALS_RANKID")};
    return (hoop__launcher){NULL, NULL, 1, 0};
}

/* lines of a file; 0 if it cannot be read */
static int64_t lines_of(const char *path)
{
    FILE   *f = path == NULL ? NULL : fopen(path, "re");
    int64_t n = 0;
    for (int c = f == NULL ? EOF : fgetc(f); c != EOF; c = fgetc(f)) n += c == '\n';
    if (f != NULL) (void)fclose(f);
    return n;
}

int64_t hoop__launcher_given(const char **variable)
{
    /* of Slurm, Torque, LSF, and operators of Kubernetes */
    static const char *const known[] = {"SLURM_NTASKS", "PBS_NP", "LSB_DJOB_NUMPROC", "WORLD_SIZE"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *variable = known[i];
        if (number_of(known[i]) > 0) return number_of(known[i]);
    }
    *variable = "PBS_NODEFILE"; /* PBS Professional: a line a rank */
    return lines_of(getenv("PBS_NODEFILE"));
}

bool hoop__launcher_needs_mpi(const hoop__launcher *launcher)
{
    return launcher->name != NULL && launcher->size != 1;
}

bool hoop__launcher_speaks(const hoop__launcher *launcher)
{
    return launcher->rank <= 0 || number_of("OMPI_NUM_APP_CTX") > 1;
}

hoop_status hoop__launcher_check(const hoop__launcher *launcher, int64_t world_size, hoop_error *err)
{
    if (launcher->name == NULL || world_size > 1) return HOOP_OK;
    if (launcher->size > 1) {
        return hoop_fail(
            err, HOOP_ECOMM,
            "%s started %lld ranks (%s), but MPI sees only this one: the launcher isn't of the MPI hoop was built with; "
            "start it with that MPI's mpirun",
            launcher->name, (long long)launcher->size, launcher->variable);
    }
    if (launcher->size < 0 && launcher->rank > 0) {
        return hoop_fail(
            err, HOOP_ECOMM,
            "%s started this process as rank %lld (%s), but MPI sees only one rank: the launcher isn't of the MPI hoop was "
            "built with; start it with that MPI's mpirun",
            launcher->name, (long long)launcher->rank, launcher->variable);
    }
    return HOOP_OK;
}

#!/bin/bash
# Not tried on a PBS: Debian has none. Written to the manual of PBS Professional (OpenPBS).
# pbs.sh: a training that leaves before its time is up, and comes back by itself.
#
#   qsub -l select=4:ncpus=32:mpiprocs=32 -l walltime=04:00:00 -v CONFIG=model.yaml,RUN=runs/model cluster/pbs.sh
#
# Needs: hoop and Open MPI in PATH on all nodes, ssh between them, RUN and the data in a directory that all of them see.
# Leaves: the run's directory, and what was printed in PBS's files. The job ends with the run's own code.
#
# PBS gives a job's processes some seconds between SIGTERM and SIGKILL (kill_delay), too few for a large checkpoint. So the run is
# stopped MARGIN seconds (120) before the walltime, and the job is put back into the queue.
#PBS -N hoop
#PBS -j oe
#PBS -r y
set -u
cd "$PBS_O_WORKDIR" || exit 1
margin=${MARGIN:-120}
IFS=: read -r h m s < <(qstat -f "$PBS_JOBID" | sed -n 's/.*Resource_List.walltime = //p')
walltime=$((10#${h:-0} * 3600 + 10#${m:-0} * 60 + 10#${s:-0}))
limit=()
[ "$walltime" -le "$margin" ] || limit=(timeout --preserve-status --foreground --signal=TERM $((walltime - margin)))

# A line of the node file is a rank's place.
hosts=$(sort "$PBS_NODEFILE" | uniq -c | awk '{ printf "%s%s:%d", sep, $2, $1; sep = "," }')
"${limit[@]}" hoop launch --hosts "$hosts" -- train "${CONFIG:?qsub -v CONFIG=model.yaml,RUN=runs/model}" --out "${RUN:?}"
code=$?
[ "$code" -ne 75 ] || qrerun "$PBS_JOBID"
exit "$code"

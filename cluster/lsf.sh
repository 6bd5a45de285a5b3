#!/bin/bash
# Not tried on an LSF. Written to the manual of IBM Spectrum LSF 10.1.
# lsf.sh CONFIG.yaml RUN [option of hoop train]...: a training that leaves before its time is up, and comes back by itself.
#
#   bsub -n 128 -W 4:00 cluster/lsf.sh model.yaml runs/model
#
# Needs: hoop and Open MPI in PATH on all hosts, ssh between them, RUN and the data in a directory that all of them see.
# Leaves: the run's directory, and what was printed in hoop-JOB.out. The job ends with the run's own code.
#
# Two minutes before the time limit LSF sends SIGUSR2 to this script; the run saves, ends with 75, and LSF queues the job again.
#BSUB -J hoop
#BSUB -o hoop-%J.out
#BSUB -r
#BSUB -wa USR2
#BSUB -wt 2
#BSUB -Q 75
set -u
# HOST1 32 HOST2 32 ... : hosts, and how many slots the job has on each
hosts=$(set -- ${LSB_MCPU_HOSTS:?this is a job of LSF: bsub cluster/lsf.sh CONFIG.yaml RUN}; sep=; while [ $# -gt 1 ]; do
    printf '%s%s:%s' "$sep" "$1" "$2"
    sep=,
    shift 2
done)
trap '' USR2 # LSF may send it to all processes of the job: it is this script's to answer
hoop launch --hosts "$hosts" -- train "${1:?CONFIG.yaml}" --out "${2:?RUN}" "${@:3}" &
run=$!
trap 'kill -TERM "$run"' USR2 TERM
wait "$run"
code=$?
while kill -0 "$run" 2>/dev/null; do # a trap ended the wait, not the run
    wait "$run"
    code=$?
done
exit "$code"

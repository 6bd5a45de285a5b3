# Sourced by the scripts of this folder: a folder of their own, ranks, and comparisons. POSIX sh.
# A failed check is printed and counted; `finish` ends the script with 1 if there was one.
set -u
hoop=${HOOP_COMMAND:?is set by ctest; a build of hoop}
mpiexec=${HOOP_MPIEXEC:-mpirun}
failed=0
tmp=$(mktemp -d "${TMPDIR:-/tmp}/hoop-train.XXXXXX") || exit 1
leave()
{
    [ ! -f "$tmp/started" ] || while read -r pid; do kill -9 "$pid" 2>/dev/null; done <"$tmp/started"
    [ ! -d "$tmp/small" ] || umount "$tmp/small" 2>/dev/null
    rm -rf "$tmp"
}
trap leave EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
# Open MPI's files go where they can be counted, and go away with us.
mkdir shm session || exit 1
export OMPI_MCA_btl_vader_backing_directory="$tmp/shm" OMPI_MCA_orte_tmpdir_base="$tmp/session"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none

fail()
{
    echo "FAILED: $*" >&2
    failed=$((failed + 1))
}

finish()
{
    [ "$failed" -eq 0 ] || { echo "$failed checks failed" >&2; exit 1; }
    echo "$1"
    exit 0
}

# seconds DEADLINE, then a command: as that command, 124 when it takes longer (then it is killed with all it started)
within()
{
    timeout -k 5 "$@"
}

# ranks P arguments...: hoop on P ranks; 1 is without mpirun
ranks()
{
    n=$1
    shift
    if [ "$n" -eq 1 ]; then within 60 "$hoop" "$@"
    else within 60 "$mpiexec" -n "$n" "$hoop" "$@"
    fi
}

# train NAME P arguments...: a run in runs/NAME, which must succeed; what it said is in NAME.log
train()
{
    name=$1 p=$2
    shift 2
    ranks "$p" train "$@" --out "runs/$name" >"$name.log" 2>&1 && return 0
    fail "$name: exit code $?"
    grep -v '^epoch' "$name.log" | head -n 12 | cut -c 1-200 | sed 's/^/    /' >&2
    return 1
}

# bits RUN: the hash of its weights and that of its state, on one line
bits()
{
    echo "$("$hoop" inspect --hash "$1") $("$hoop" inspect --hash=state "$1")"
}

# metrics RUN: its metrics without what every run has of its own: how long it took, and where it began
metrics()
{
    sed -e '/,"start":/d' -e 's/,"time":.*/}/' "$1/metrics.jsonl"
}

# same NAME REFERENCE: runs/NAME ended in the bits of runs/REFERENCE, and reported the same numbers on the way
same()
{
    want=$(bits "runs/$2") got=$(bits "runs/$1")
    [ ${#want} -eq 129 ] || { fail "$2: no hash but '$want'"; return 1; }
    [ "$got" = "$want" ] || { fail "$1 differs from $2: $got, not $want"; return 1; }
    metrics "runs/$1" >metrics.got
    metrics "runs/$2" >metrics.want
    cmp -s metrics.got metrics.want && return 0
    fail "$1: other metrics than $2:"
    diff metrics.want metrics.got | head -n 6 | sed 's/^/    /' >&2
    return 1
}

# different A B: the weights of two runs differ (a check that a setting is not ignored)
different()
{
    [ "$("$hoop" inspect --hash "runs/$1")" != "$("$hoop" inspect --hash "runs/$2")" ] || fail "$1 and $2 have the same weights"
}

# random SEED N MOST: N numbers from 0 to MOST with three decimals, the same for the same seed
random()
{
    awk -v seed="$1" -v n="$2" -v most="$3" 'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.3f ", rand() * most }'
}

# a regression of 5 inputs and 2 targets: NAME.csv of N rows
table()
{
    awk -v n="$2" 'BEGIN {
        srand(11)
        print "a,b,c,d,e,u,v"
        for (i = 0; i < n; i++) {
            for (j = 0; j < 5; j++) { x[j] = 4 * rand() - 2; printf "%.6f,", 10 * x[j] + j }
            printf "%.6f,%.6f\n", x[0] * x[1] - x[2] + 0.1 * rand(), x[3] * x[3] - 0.5 * x[4] + 0.1 * rand()
        }
    }' >"$1.csv"
}

# ---- runs that are disturbed ----

# start NAME P arguments...: a run in the background; $job is mpirun (or hoop itself), pids/0 .. pids/P-1 are its ranks
start()
{
    name=$1 p=$2
    shift 2
    rm -rf pids
    mkdir pids
    if [ "$p" -eq 1 ]; then set -- sh -c 'echo $$ >pids/0; exec "$@"' sh "$hoop" train "$@" --out "runs/$name"
    else set -- "$mpiexec" -n "$p" sh -c 'echo $$ >"pids/$OMPI_COMM_WORLD_RANK"; exec "$@"' sh "$hoop" train "$@" --out "runs/$name"
    fi
    "$@" >"$name.log" 2>&1 &
    job=$!
    echo "$job" >>started
}

# alive PID: it runs (a zombie does not)
alive()
{
    state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c 1)
    [ -n "$state" ] && [ "$state" != Z ] && [ "$state" != X ]
}

# until_gone SECONDS: all processes of the run are, and $code is its exit code; else they are killed and it is a failure
until_gone()
{
    end=$(($(date +%s) + $1))
    for pid in "$job" $(cat pids/* 2>/dev/null); do
        while alive "$pid"; do
            if [ "$(date +%s)" -ge "$end" ]; then
                fail "$name: process $pid still runs after $1 s"
                kill -9 "$job" $(cat pids/* 2>/dev/null) 2>/dev/null
                break
            fi
            sleep 0.05
        done
    done
    wait "$job"
    code=$?
}

# last_step RUN: the last one in its metrics; newest RUN: the step of its newest checkpoint; 0 if there is none
last_step()
{
    sed -n 's/^{"step":\([0-9]*\),.*}$/\1/p' "$1/metrics.jsonl" 2>/dev/null | tail -n 1 | grep . || echo 0
}

newest()
{
    ls "$1/checkpoints" 2>/dev/null | sed -n 's/^step-0*\([1-9][0-9]*\)$/\1/p' | tail -n 1 | grep . || echo 0
}

# ---- answers to mistakes ----

# refused WORDS... -- command...: within 30 s it ends with exit code 1 or 2, and says each of WORDS in one line, once
refused()
{
    : >words
    while [ "$1" != -- ]; do
        printf '%s\n' "$1" >>words
        shift
    done
    shift
    within 30 "$@" >out 2>err </dev/null
    code=$?
    grep '^hoop[: ]' err | grep -v -e '^hoop: warning: ' -e '^hoop: resuming ' -e '^hoop: removed ' >said
    case $code in
        1 | 2) ;;
        124 | 137) fail "no answer in 30 s to: $*" ;;
        *) fail "exit code $code of: $*" ;;
    esac
    [ "$(wc -l <said)" -eq 1 ] || fail "$(wc -l <said) answers to: $*"
    while read -r word; do
        grep -qF -e "$word" said || fail "no '$word' in the answer to: $*"
    done <words
    [ "$failed" -eq "${failed_before:-0}" ] || sed 's/^/    /' err | cut -c 1-300 >&2
    failed_before=$failed
    answers=$((${answers:-0} + 1))
}

# accepted WORDS... -- command...: it ends with exit code 0 within 60 s, and says each of WORDS
accepted()
{
    : >words
    while [ "$1" != -- ]; do
        printf '%s\n' "$1" >>words
        shift
    done
    shift
    within 60 "$@" >out 2>err </dev/null || fail "exit code $? of: $*"
    while read -r word; do
        cat out err | grep -qF -e "$word" || fail "no '$word' in what this says: $*"
    done <words
    [ "$failed" -eq "${failed_before:-0}" ] || cat out err | sed 's/^/    /' | cut -c 1-300 >&2
    failed_before=$failed
}

# npy DTYPE SHAPE: the header of a NumPy file (format 1.0, 128 bytes); its data come on standard input
npy()
{
    printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '$1', 'fortran_order': False, 'shape': ($2), }"
    cat
}

# flip FILE OFFSET: invert a byte
flip()
{
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "\\$(printf %o $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# size FILE, in bytes
size()
{
    wc -c <"$1" | tr -d ' '
}

# until_step RUN N: its metrics have come to step N (within 30 s)
until_step()
{
    waited=0
    while [ "$(last_step "$1")" -lt "$2" ]; do
        waited=$((waited + 1))
        if [ $waited -gt 300 ] || ! alive "$job"; then
            fail "$1 did not come to step $2"
            return 1
        fi
        sleep 0.1
    done
}

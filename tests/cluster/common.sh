# Sourced by the scripts of this folder, as is a bare Debian 12 that a script makes, enters and removes. bash.
set -u
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

skip() { echo "$name: skipped: $*"; exit 77; }
fail() { echo "$name: $*" >&2; [ ! -s "${log-}" ] || tail -n 40 "$log" >&2; exit 1; }

# A bare Debian in $root, with what apt needs; all that is mounted is gone with this process, however it ends.
make_root()
{
    [ "$(id -u)" -eq 0 ] || skip "a Debian root is made and entered by root alone"
    if [ "${HOOP_CLUSTER_INSIDE-}" != $$ ]; then
        unshare --mount true 2>/dev/null || skip "this kernel or container permits no mounts"
        export HOOP_CLUSTER_INSIDE=$$
        exec unshare --mount --propagation private "$0" "$@"
    fi
    "$source/launch/install-packages" long >/dev/null || skip "packages are missing"
    tmp=$(mktemp -d "${TMPDIR:-/tmp}/hoop-root.XXXXXX") && root=$tmp/root log=$tmp/log || exit 1
    trap 'umount -Rl "$root/proc" "$root/dev" 2>/dev/null; rm -rf --one-file-system "$tmp"' EXIT
    trap 'exit 1' HUP INT TERM
    local mirror
    mirror=$(sed -n 's/^deb .*\(https\{0,1\}:[^ ]*debian\/\{0,1\}\) .*/\1/p; s/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
    debootstrap --variant=minbase bookworm "$root" ${mirror:+"$mirror"} >"$log" 2>&1 || skip "no Debian to be had: $(tail -n 1 "$log")"
    # as this machine reaches Debian
    rm -f "$root/etc/apt/sources.list"
    cp -r /etc/apt/sources.list* /etc/apt/apt.conf.d /etc/apt/trusted.gpg.d "$root/etc/apt/" 2>/dev/null
    cp /etc/resolv.conf "$root/etc/" 2>/dev/null
    cp -r /usr/local/share/ca-certificates /usr/share/ca-certificates "$root/usr/share/" 2>/dev/null
    [ ! -d /etc/ssl/certs ] || { mkdir -p "$root/etc/ssl" && cp -rL /etc/ssl/certs "$root/etc/ssl/"; }
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" || skip "this kernel or container permits no mounts"
}

# inside COMMAND...: in the root, with nothing of the environment here but how the network is reached
inside()
{
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/opt DEBIAN_FRONTEND=noninteractive \
        OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ${http_proxy:+http_proxy="$http_proxy"} \
        ${https_proxy:+https_proxy="$https_proxy"} chroot "$root" "$@" >>"$log" 2>&1
}

# what is trained in the root, by what was installed there
train_inside()
{
    inside sh -ec 'mkdir -p /opt/work && cd /opt/work && hoop data synth digits --samples 3000 --split 0.1 --out digits
        mpirun -n 2 --oversubscribe --mca mpi_yield_when_idle 1 hoop train "$1"/digits-mlp.yaml --set epochs=2 --out run
        hoop inspect run && h5ls -r run/latest/*.h5 >/dev/null 2>&1 || hoop verify run' sh "$1" || fail "no training in the root"
}

# Stands before each part of the recording; all run inside the booted machine, as root.

out=/run/zfs-record
mkdir -p "$out"
by_id=/dev/disk/by-id/virtio-SV-DISK
zfs_module=/sys/module/zfs/parameters

# disk N: the link to a disk.
disk() { printf '%s-%02d' "$by_id" "$1"; }

# disks N...: the links to several.
disks() { printf "$by_id-%02d\n" "$@"; }

# part N: the link to the partition that a pool has made on a disk; parts N...: the links to several.
part() { printf '%s-%02d-part1' "$by_id" "$1"; }
parts() { printf "$by_id-%02d-part1\n" "$@"; }

# record NAME COMMAND...: runs a command and keeps its output, as NAME.json or NAME.txt, what it complained of, as
# NAME.stderr, and a line about it. Its input is that of this function. A command that hangs is killed after a minute.
record() {
    local name=$1 started ended status kind=txt
    shift
    started=${EPOCHREALTIME//[.,]/}
    LC_ALL=C.UTF-8 timeout --kill-after=5 60 "$@" >"$out/output" 2>"$out/$name.stderr"
    status=$?
    ended=${EPOCHREALTIME//[.,]/}
    [[ $(head -c 1 "$out/output") == '{' ]] && kind=json
    mv "$out/output" "$out/$name.$kind"
    [[ -s $out/$name.$kind ]] || rm "$out/$name.$kind"
    [[ -s $out/$name.stderr ]] || rm "$out/$name.stderr"
    printf '%s\t%d\t%d\t%s\n' "$name" "$status" "$(((ended - started) / 1000))" "${*@Q}" >>"$out/index.tsv"
}

# status NAME [POOL]: the vdev tree of a pool by both commands that print one.
status() {
    record "$1-status" zpool status -j --json-int -p -P -t -i "${2-tank}" </dev/null
    record "$1-list" zpool list -j --json-int -p -v -P "${2-tank}" </dev/null
}

# tunable NAME VALUE: sets a parameter of the kernel's module.
tunable() { echo "$2" >"$zfs_module/$1"; }

# wipe: no pool is left, and no label on any partition.
wipe() {
    local pool number
    for pool in $(zpool list -H -o name); do zpool destroy -f "$pool"; done
    for number in 1 2 3 4 5 6 7 8 9 10; do zpool labelclear -f "$(part $number)"; done &>/dev/null
}

# settle POOL: nothing scans, expands or is removed any more.
settle() { zpool wait -t scrub,resilver,remove,raidz_expand "${1-tank}"; }

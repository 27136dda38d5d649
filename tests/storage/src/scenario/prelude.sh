# Stands before each scenario; all run inside the booted machine, as root. A scenario passes when its script ends with 0.

set -Eeuo pipefail
trap 'echo "line $LINENO: \`$BASH_COMMAND\` ended with $?"' ERR
# What runs beside a scenario ends with it.
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
export LC_ALL=C.UTF-8

# disk N: the link to a disk.
disk() { printf '/dev/disk/by-id/virtio-SV-DISK-%02d' "$1"; }

# same WHAT FOUND EXPECTED
same() {
    [[ $2 == "$3" ]] || {
        printf '%s is %q, expected %q\n' "$1" "$2" "$3"
        exit 1
    }
}

# holds WHAT FOUND EXPECTED: EXPECTED is part of it.
holds() {
    [[ $2 == *"$3"* ]] || {
        printf '%s is %q, which does not hold %q\n' "$1" "$2" "$3"
        exit 1
    }
}

# refused TEXT COMMAND...: it fails, and says TEXT.
refused() {
    local wanted=$1 said status=0
    shift
    said=$("$@" 2>&1 </dev/null) || status=$?
    if ((status == 0)); then
        printf '%s was not refused: %s\n' "${*@Q}" "$said"
        exit 1
    fi
    holds "the refusal of ${*@Q}" "$said" "$wanted"
}

# until SECONDS COMMAND...: waits until it succeeds.
until_true() {
    local limit=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS > limit)); then
            printf '%s did not succeed in time\n' "${*@Q}"
            exit 1
        fi
        sleep 0.2
    done
}

# change COMMAND...: a change by the administrator's command, which asks nothing.
change() { sigmavault "$@" --yes </dev/null; }

# destroy POOL: by a plan, with its name typed.
destroy() { sigmavault pool destroy "$1" --confirm "$1" </dev/null; }

health() { zpool list -H -o health "$1"; }
is_online() { [[ $(health "$1") == ONLINE ]]; }
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# pull N: takes a disk out of the machine; push: puts all back.
pull() {
    local device
    device=$(basename "$(readlink -f "$(disk "$1")")")
    echo 1 >"$(readlink -f "/sys/block/$device/device/..")/remove"
}
push() {
    echo 1 >/sys/bus/pci/rescan
    udevadm settle
}

# What an earlier scenario has left is not this one's.
push
for pool in $(zpool list -H -o name); do zpool destroy -f "$pool"; done
for number in 1 2 3 4 5 6; do
    for part in "$(disk "$number")"-part*; do
        if [[ -e $part ]]; then zpool labelclear -f "$part" &>/dev/null || true; fi
    done
    wipefs --all --force --quiet "$(disk "$number")"
    until_true 30 blockdev --rereadpt "$(disk "$number")"
done
rm -f /etc/sigmavault/keys/*
udevadm settle
busctl --quiet call org.sigmavault.Storage1 /org/sigmavault/Storage1 org.sigmavault.Storage1 Refresh
all_free() { (($(sigmavault pool disks | grep -c 'SV-DISK-0[1-6].*free$') == 6)); }
until_true 60 all_free

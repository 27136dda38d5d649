# A disk is pulled out: it is told within a second, and another one takes its place.
change pool create tank "$(disk 1)" "$(disk 2)" --layout mirror
head -c 32M /dev/urandom >/srv/sigmavault/tank/random
sum=$(sha256sum </srv/sigmavault/tank/random)
zpool sync tank
told=/run/changes
busctl monitor --json=short --match "type='signal',interface='org.sigmavault.Storage1',member='Changed'" 2>/dev/null </dev/null |
    while IFS= read -r line; do printf '%s %s\n' "$(now_ms)" "$line"; done >$told 2>/dev/null &
sleep 1
began=$(now_ms)
pull 2
until_true 30 grep -qE 'disk-disappeared|pool-state' $told
first=$(grep -m 1 -E 'disk-disappeared|pool-state' $told | cut -d' ' -f1)
echo "measured: failure to signal $((first - began)) ms"
# ZFS itself sees it when it writes.
echo more >/srv/sigmavault/tank/more
zpool sync tank
until_true 60 grep -q pool-state $told
pkill busctl || true
holds "the pool" "$(sigmavault pool show tank)" egraded
change pool replace tank "$(zpool status -P tank | grep -oE '/dev/disk/by-id/virtio-SV-DISK-02[^ ]*' | head -n 1)" "$(disk 3)"
zpool wait -t resilver tank
until_true 20 is_online tank
same "what was written" "$(sha256sum </srv/sigmavault/tank/random)" "$sum"
destroy tank
push

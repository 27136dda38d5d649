# Disks that are gone, and pools that wait for them.
wipe
zpool create -f -o ashift=12 -O mountpoint=none tank mirror "$(part 1)" "$(disk 11)"
zfs create tank/a
gone=$(basename "$(readlink -f "$(disk 11)")")
slot=$(readlink -f "/sys/block/$gone/device/..")
echo 1 >"$slot/remove"
sleep 2
zfs create tank/b
zpool sync tank
sleep 5
status removed
record removed-events bash -c 'zpool events -v -H tank | tail -n 300'
echo 1 >/sys/bus/pci/rescan
udevadm settle
zpool online tank "$(disk 11)-part1"
settle
zpool export tank
zpool labelclear -f "$(disk 11)-part1"
record import-one-missing zpool import -d /dev/disk/by-id </dev/null
zpool import -d /dev/disk/by-id tank
status missing
zpool destroy tank

# A pool that waits until its only disk is back. What would write to it then hangs where no signal reaches it.

# patiently NAME COMMAND...: records a command that may hang, with status 137 when it does.
patiently() {
    local name=$1 process status=137 tries
    shift
    LC_ALL=C.UTF-8 "$@" >"$out/$name.txt" 2>"$out/$name.stderr" </dev/null &
    process=$!
    for ((tries = 0; tries < 150; tries++)); do
        if ! kill -0 $process 2>/dev/null; then
            wait $process
            status=$?
            break
        fi
        sleep 0.1
    done
    [[ $(head -c 1 "$out/$name.txt") == '{' ]] && mv "$out/$name.txt" "$out/$name.json"
    find "$out" -name "$name.*" -empty -delete
    printf '%s\t%d\t%d\t%s\n' "$name" "$status" "$((tries * 100))" "${*@Q}" >>"$out/index.tsv"
}

zpool create -f -o ashift=12 -O mountpoint=none tank "$(disk 11)"
zpool create -f -o ashift=12 -O mountpoint=none other "$(part 1)"
gone=$(basename "$(readlink -f "$(disk 11)")")
slot=$(readlink -f "/sys/block/$gone/device/..")
echo 1 >"$slot/remove"
patiently suspended-create zfs create tank/a
patiently suspended-status zpool status -j --json-int -p -P -t -i tank
patiently suspended-list zpool list -j -p
patiently suspended-get-all zpool get -j -p all tank
patiently suspended-datasets zfs list -j -p -r tank
patiently suspended-set zpool set comment=a tank
patiently suspended-snapshot zfs snapshot tank@a
patiently suspended-create-again zfs create tank/b
patiently suspended-events bash -c 'zpool events -v -H tank | tail -n 300'
patiently suspended-scrub zpool scrub tank
patiently suspended-export zpool export tank
patiently suspended-export-force zpool export -f tank
echo 1 >/sys/bus/pci/rescan
sleep 5
patiently suspended-clear zpool clear tank
patiently unsuspended-status zpool status -j --json-int -p -P -t -i tank

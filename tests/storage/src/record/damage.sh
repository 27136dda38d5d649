# What happens to the disks of a pool: taken offline, replaced, damaged, resilvered.
wipe
zpool create -f -o ashift=12 -O mountpoint=none -O compression=off tank mirror $(parts 1 2) mirror $(parts 3 4) spare "$(part 5)"
zfs create -o mountpoint=/run/tank/photos tank/photos
dd if=/dev/urandom of='/run/tank/photos/a b.raw' bs=1M count=48 status=none
dd if=/dev/urandom of=/run/tank/photos/ä.raw bs=1M count=4 status=none
zpool offline -t tank "$(part 2)"
status offline
dd if=/dev/urandom of=/run/tank/photos/more.raw bs=1M count=16 status=none
zpool sync tank

# A resilver that does not get ahead, and one that is done.
tunable zfs_scan_suspend_progress 1
zpool online tank "$(part 2)"
sleep 2
status resilvering
tunable zfs_scan_suspend_progress 0
settle
status resilvered

# A disk that is replaced by another, and by the hot spare.
tunable zfs_scan_suspend_progress 1
zpool replace -f tank "$(part 2)" "$(part 6)"
sleep 2
status replacing
tunable zfs_scan_suspend_progress 0
settle
tunable zfs_scan_suspend_progress 1
zpool replace tank "$(part 3)" "$(part 5)"
sleep 2
status spare-resilvering
tunable zfs_scan_suspend_progress 0
settle
status spare-in-use
zpool detach tank "$(part 5)"

# Scrubs: running, paused, stopped, done.
tunable zfs_scan_suspend_progress 1
zpool scrub tank
sleep 2
status scrubbing
record scrub-twice zpool scrub tank </dev/null
zpool scrub -p tank
sleep 1
status scrub-paused
zpool scrub -s tank
sleep 1
status scrub-stopped
tunable zfs_scan_suspend_progress 0
zpool scrub tank
settle
status scrubbed

# A disk without redundancy whose bytes are damaged.
wipe
zpool create -f -o ashift=12 -O mountpoint=none -O compression=off -O redundant_metadata=none tank "$(part 1)"
zfs create -o mountpoint=/run/tank/photos tank/photos
zfs create -s -V 64M tank/volume
dd if=/dev/urandom of='/run/tank/photos/a b.raw' bs=1M count=16 status=none
dd if=/dev/urandom of=/run/tank/photos/日本.raw bs=1M count=16 status=none
udevadm settle
dd if=/dev/urandom of=/dev/zvol/tank/volume bs=1M count=16 oflag=direct status=none
zpool sync tank
zfs snapshot tank/photos@before
rm '/run/tank/photos/a b.raw'
dd if=/dev/urandom of=$'/run/tank/photos/latin \xe4.raw' bs=1M count=4 status=none
zpool sync tank
zpool export tank
for ((at = 8; at < 200; at += 1)); do
    printf 'damage' | dd of="$(part 1)" bs=1 seek=$((at * 512 * 1024 + 4096)) conv=notrunc status=none
done
zpool import -d /dev/disk/by-id tank
zpool scrub tank
settle
status damaged
record damaged-status-names zpool status -j --json-int -p -P -v tank </dev/null
record damaged-status-names-in-c env LC_ALL=C zpool status -j --json-int -p -P -v tank </dev/null
record damaged-status-names-in-utf-8 zpool status -j --json-int -p -P -v tank </dev/null
record damaged-status-text zpool status -v -P tank </dev/null
zpool scrub -e tank
sleep 5
status error-scrubbed
record damaged-events bash -c 'zpool events -v -H tank | tail -n 400'
(sleep 1; zpool scrub tank) &
record followed-events bash -c 'timeout 8 zpool events -f -v -H | cat'
wait
settle
zpool clear tank
status cleared

# Pools that grow, shrink and are upgraded.
wipe
zpool create -f -o ashift=12 -O mountpoint=none -O compression=off tank raidz1 $(parts 1 2 3)
zfs create -o mountpoint=/run/tank/photos tank/photos
dd if=/dev/urandom of=/run/tank/photos/a.raw bs=1M count=32 status=none
tunable raidz_expand_max_reflow_bytes 1048576
zpool attach -f tank raidz1-0 "$(part 4)"
sleep 4
status expanding
tunable raidz_expand_max_reflow_bytes 0
settle
status expanded
record expanded-history zpool history -il tank </dev/null
zpool scrub -s tank 2>/dev/null

wipe
zpool create -f -o ashift=12 -O mountpoint=none -O compression=off tank "$(part 1)" "$(part 2)" log "$(part 3)"
zfs create -o mountpoint=/run/tank/photos tank/photos
dd if=/dev/urandom of=/run/tank/photos/a.raw bs=1M count=32 status=none
zpool sync tank
zpool remove tank "$(part 3)"
status log-removed
tunable zfs_removal_suspend_progress 1
zpool remove tank "$(part 2)"
sleep 2
status removing
record removing-list-names zpool list -j --json-int -p -o name,size,free,checkpoint </dev/null
tunable zfs_removal_suspend_progress 0
settle
status removed-vdev
zpool checkpoint tank
status checkpoint
record checkpoint-get zpool get -j --json-int -p checkpoint,expandsize tank </dev/null
zpool checkpoint -d -w tank
status checkpoint-discarded
zpool trim -r 1M tank
sleep 1
status trimming
record trim-twice zpool trim tank </dev/null
zpool trim -s tank
status trim-suspended
zpool trim -c tank
zpool initialize tank
sleep 1
status initializing
zpool initialize -c tank

wipe
zpool create -f -d -o ashift=12 -O mountpoint=none tank "$(part 1)"
status old
record upgradable zpool upgrade </dev/null
record upgrade zpool upgrade tank </dev/null
zpool create -f -o compatibility=openzfs-2.1-linux -o ashift=12 -O mountpoint=none compatible "$(part 2)"
status compatible compatible
record upgradable-compatible zpool upgrade </dev/null
record reguid zpool reguid tank </dev/null
